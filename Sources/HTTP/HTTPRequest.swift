public import System

/// What may be asked for. Other methods are answered with 501 or 405 before anybody looks at them.
public enum HTTPMethod: String, Sendable, CaseIterable {
    case get = "GET"
    case head = "HEAD"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"
    /// Known, so that it can be said that they are allowed nowhere.
    case options = "OPTIONS"
    case trace = "TRACE"
    case query = "QUERY"

    /// The method of that name, in its one spelling.
    init?(_ bytes: [UInt8]) {
        guard let found = Self.allCases.first(where: { $0.rawValue.utf8.elementsEqual(bytes) }) else { return nil }
        self = found
    }

    /// Whether it may bring a body.
    var hasBody: Bool { self != .get && self != .head && self != .delete }
}

/// A request that has passed the gate.
public struct HTTPRequest: Sendable {
    /// What is to be done.
    public let method: HTTPMethod
    /// To what.
    public let target: RequestTarget
    /// The fields of the head.
    public let fields: HTTPFields
    /// The body; empty while only the head is there, and where it is in a file.
    public package(set) var body: [UInt8] = []
    /// The body that was to be put in a file, which has no name and is gone with this; nil where there is none.
    public package(set) var bodyFile: File?
    /// The client's address in text; nil for a unix socket.
    public let peer: String?
    /// Where it belongs, by W3C Trace Context; a new trace where the client has sent none that is well-formed.
    public let trace: TraceContext

    /// A request.
    public init(
        _ method: HTTPMethod, _ target: RequestTarget, fields: HTTPFields = HTTPFields(), body: [UInt8] = [],
        bodyFile: File? = nil, peer: String? = nil, trace: TraceContext
    ) {
        self.method = method
        self.target = target
        self.fields = fields
        self.body = body
        self.peer = peer
        self.bodyFile = bodyFile
        self.trace = trace
    }

    /// The media type of the body, lower case, without parameters; nil where there is none.
    public var mediaType: String? {
        fields.only("content-type").map { value in
            let end = value.firstIndex(of: UInt8(ascii: ";")) ?? value.endIndex
            return String(decoding: ASCII.trimmed(value[..<end]).map(ASCII.lowercased), as: UTF8.self)
        }
    }
}
