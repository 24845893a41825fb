import Access
import HTTP
import JSON

/// What one row of the API's table says: who may, what comes in, and what is done.
struct APIRoute: Sendable {
    /// Who may use it. A row that does not say so is open to nobody: there is no default.
    enum Access: Sendable, Equatable {
        /// Everybody.
        case open
        /// Whoever has proven who they are.
        case anybodyKnown
        /// Whoever may do that.
        case permission(Permission)
        /// Whoever has a download token, which is in the path: that is told by its pattern only.
        case token
    }

    /// A parameter of the query.
    struct Parameter: Sendable {
        let name: String
        let help: String
        /// What its value may be, as JSON Schema.
        let schema: JSONValue

        init(_ name: String, _ schema: JSONValue = ["type": "string"], _ help: String) {
            self.name = name
            self.schema = schema
            self.help = help
        }

        /// A whole number.
        static func number(_ name: String, _ range: ClosedRange<Int>, _ help: String) -> Parameter {
            Parameter(
                name,
                [
                    "type": "integer", "minimum": .integer(Int64(range.lowerBound)),
                    "maximum": .integer(Int64(range.upperBound)),
                ], help)
        }
    }

    /// One line for people.
    let summary: String
    let access: Access
    /// What the query may hold; other names are refused.
    var query: [Parameter] = []
    /// The JSON that it takes; nil for none.
    var body: BodySchema?
    /// Whether the body is put in a file and read there by the row itself, a piece at a time.
    var isSpooled = false
    /// The status of success.
    var success: HTTPStatus = .ok
    /// What success is answered with.
    var contentType = "application/json"
    /// Whether it may be answered with 202 and a job as well.
    var mayBeAccepted = false
    /// Whether an answer may be a second old: it is about the job of the path, and the same for everybody who may have it.
    var isRecalled = false
    /// Does it.
    let handle: @Sendable (FarmAPI, Call) async throws -> HTTPResponse

    /// The most bytes of a body.
    var byteLimit: Int { body?.byteLimit ?? 0 }
}

/// A request for a row of the table, of somebody who may.
struct Call: Sendable {
    let request: HTTPRequest
    /// The values of the path's parameters.
    let parameters: [String: String]
    /// Who asks; nil where anybody may.
    let principal: Principal?
    /// The body; an empty object where there is none.
    let body: JSONValue

    /// The value of a parameter that the row's path has.
    func parameter(_ name: String) -> String { parameters[name] ?? "" }

    /// Who asks, where the row lets nobody else in.
    var caller: Principal {
        get throws {
            guard let principal else { throw Problem(.unauthorized, "unauthorized", FarmAPI.howToProve) }
            return principal
        }
    }
}
