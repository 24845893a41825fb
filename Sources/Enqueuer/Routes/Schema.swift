import HTTP
import JSON
import System

/// What a JSON body may hold: checked before a route sees it, and published as it is checked.
struct BodySchema: Sendable {
    /// What a member may be.
    enum Kind: Sendable {
        case text(most: Int)
        case integer(ClosedRange<Int64>)
        case flag
        /// Names and texts.
        case texts(most: Int)
        /// Texts one after another.
        case list(most: Int)
        /// Objects one after another, one at least.
        case rows(BodySchema, most: Int)
    }

    /// One member.
    struct Field: Sendable {
        let name: String
        let kind: Kind
        let isRequired: Bool
        let help: String

        init(_ name: String, _ kind: Kind, isRequired: Bool = false, _ help: String) {
            self.name = name
            self.kind = kind
            self.isRequired = isRequired
            self.help = help
        }
    }

    let fields: [Field]
    /// The most bytes that the body may have.
    let byteLimit: Int

    init(byteLimit: Int = 64 * 1024, _ fields: Field...) {
        self.byteLimit = byteLimit
        self.fields = fields
    }

    /// The most mistakes of a body that are told at once.
    static let mostParts = 100

    /// Throws where a body has such mistakes.
    static func refuse(_ parts: [Problem.Part]) throws(Problem) {
        guard parts.isEmpty else {
            throw Problem(
                .unprocessableContent, "invalid-request", "the body is not what is taken here",
                parts: Array(parts.prefix(mostParts)))
        }
    }

    /// What is wrong with `value`; nothing where it may be taken. No value is repeated: it may be a secret.
    ///
    /// - Parameter place: the pointer to `value` in the body.
    func parts(wrongIn value: JSONValue, at place: String = "") -> [Problem.Part] {
        guard let members = value.members else { return [.init(place, "expected an object")] }
        var parts: [Problem.Part] = []
        for member in members {
            guard let field = fields.first(where: { $0.name.utf8.elementsEqual(member.name.utf8) }) else {
                let names = fields.map(\.name)
                let hint =
                    NearestName.of(member.name, among: names).map { "did you mean '\($0)'?" }
                    ?? "known are \(names.joined(separator: ", "))"
                parts.append(.init(place + pointer(member.name), "there is no such member; \(hint)"))
                continue
            }
            if member.value == .null, !field.isRequired { continue }
            if !field.kind.takes(member.value) {
                parts.append(.init(place + pointer(member.name), "expected \(field.kind.words)"))
            } else if case .rows(let schema, _) = field.kind {
                for (index, row) in (member.value.array ?? []).enumerated() where parts.count < Self.mostParts {
                    parts += schema.parts(wrongIn: row, at: "\(place)\(pointer(member.name))/\(index)")
                }
            }
        }
        for field in fields where field.isRequired && value[field.name] == nil {
            parts.append(.init(place + pointer(field.name), "is missing: \(field.help)"))
        }
        return Array(parts.prefix(Self.mostParts))
    }

    /// As JSON Schema (2020-12).
    var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("type", "object"), .init("additionalProperties", false),
            .init(
                "properties",
                .object(fields.map { .init($0.name, $0.kind.schema(help: $0.help, isOptional: !$0.isRequired)) })),
        ]
        let required = fields.filter(\.isRequired).map { JSONValue.string($0.name) }
        if !required.isEmpty { members.append(.init("required", .array(required))) }
        return .object(members)
    }

    /// A JSON Pointer to a member (RFC 6901). Control characters and such are shown, not sent.
    private func pointer(_ name: String) -> String {
        var text = "/"
        for scalar in Printable.text(name, limit: 100).unicodeScalars {
            switch scalar {
            case "~": text += "~0"
            case "/": text += "~1"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}

extension BodySchema.Kind {
    func takes(_ value: JSONValue) -> Bool {
        switch self {
        case .text(let most): value.string.map { $0.utf8.count <= most } ?? false
        case .integer(let range): value.integer.map { range.contains($0) } ?? false
        case .flag: value.bool != nil
        case .texts(let most):
            value.members.map { $0.count <= most && $0.allSatisfy { $0.value.string != nil } } ?? false
        case .list(let most): value.array.map { $0.count <= most && $0.allSatisfy { $0.string != nil } } ?? false
        case .rows(_, let most): value.array.map { (1...most).contains($0.count) } ?? false
        }
    }

    var words: String {
        switch self {
        case .text(let most): "a text of at most \(most) bytes"
        case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .flag: "true or false"
        case .texts(let most): "an object of at most \(most) texts"
        case .list(let most): "a list of at most \(most) texts"
        case .rows(_, let most): "a list of 1 to \(most) objects"
        }
    }

    func schema(help: String, isOptional: Bool) -> JSONValue {
        func type(_ name: String) -> JSONValue { isOptional ? [.string(name), "null"] : .string(name) }
        var members: [JSONValue.Member]
        switch self {
        case .text(let most): members = [.init("type", type("string")), .init("maxLength", .integer(Int64(most)))]
        case .integer(let range):
            members = [
                .init("type", type("integer")), .init("minimum", .integer(range.lowerBound)),
                .init("maximum", .integer(range.upperBound)),
            ]
        case .flag: members = [.init("type", type("boolean"))]
        case .texts(let most):
            members = [
                .init("type", type("object")), .init("maxProperties", .integer(Int64(most))),
                .init("additionalProperties", ["type": "string"]),
            ]
        case .list(let most):
            members = [
                .init("type", type("array")), .init("maxItems", .integer(Int64(most))),
                .init("items", ["type": "string"]),
            ]
        case .rows(let schema, let most):
            members = [
                .init("type", type("array")), .init("minItems", 1), .init("maxItems", .integer(Int64(most))),
                .init("items", schema.json),
            ]
        }
        return .object(members + [.init("description", .string(help))])
    }
}
