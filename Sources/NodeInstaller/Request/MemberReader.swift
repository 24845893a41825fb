import JSON

/// Takes the members of one JSON object one by one, each as what it must be; what nobody took is refused at the end.
struct MemberReader {
    /// The object's own place in the request, with dots; empty for the request itself.
    let name: String
    private var members: [JSONValue.Member]

    init(_ value: JSONValue, name: String) throws(InstallerError) {
        guard let members = value.members else {
            throw Self.mismatch(name.utf8.isEmpty ? "the request" : name, value, expected: "an object")
        }
        self.name = name
        self.members = members
    }

    mutating func take(_ member: String) throws(InstallerError) -> JSONValue {
        guard let index = members.firstIndex(where: { $0.name.utf8.elementsEqual(member.utf8) }) else {
            throw .missingField(name: path(member))
        }
        return members.remove(at: index).value
    }

    mutating func text(_ member: String) throws(InstallerError) -> String {
        let value = try take(member)
        guard let text = value.string else { throw Self.mismatch(path(member), value, expected: "a text") }
        return text
    }

    /// nil for null; the member itself must be there.
    mutating func optionalText(_ member: String) throws(InstallerError) -> String? {
        let value = try take(member)
        if case .null = value { return nil }
        guard let text = value.string else { throw Self.mismatch(path(member), value, expected: "a text or null") }
        return text
    }

    /// One of `words`, as it stands there.
    mutating func word(_ member: String, of words: [String]) throws(InstallerError) -> String {
        let text = try text(member)
        guard let word = words.first(where: { $0.utf8.elementsEqual(text.utf8) }) else {
            throw .badText(path(member), text, expected: words.joined(separator: " or "))
        }
        return word
    }

    mutating func integer(_ member: String, in range: ClosedRange<Int>) throws(InstallerError) -> Int {
        let value = try take(member)
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard let integer = value.integer else { throw Self.mismatch(path(member), value, expected: expected) }
        guard let number = Int(exactly: integer), range.contains(number) else {
            throw .badField(name: path(member), value: "\(integer)", expected: expected)
        }
        return number
    }

    mutating func bool(_ member: String) throws(InstallerError) -> Bool {
        let value = try take(member)
        guard let bool = value.bool else { throw Self.mismatch(path(member), value, expected: "true or false") }
        return bool
    }

    mutating func texts(_ member: String) throws(InstallerError) -> [String] {
        let value = try take(member)
        guard let elements = value.array else { throw Self.mismatch(path(member), value, expected: "a list of texts") }
        var texts: [String] = []
        for element in elements {
            guard let text = element.string else {
                throw Self.mismatch(path(member), element, expected: "a list of texts")
            }
            texts.append(text)
        }
        return texts
    }

    /// All members of an object whose values are texts, by name.
    mutating func dictionary(_ member: String) throws(InstallerError) -> [String: String] {
        var reader = try object(member)
        var texts: [String: String] = [:]
        for name in reader.members.map(\.name) { texts[name] = try reader.text(name) }
        return texts
    }

    mutating func object(_ member: String) throws(InstallerError) -> MemberReader {
        try MemberReader(take(member), name: path(member))
    }

    /// Refuses what was not taken.
    func finish() throws(InstallerError) {
        if let left = members.first { throw .unknownField(name: InstallerError.quoted(path(left.name))) }
    }

    func path(_ member: String) -> String { name.utf8.isEmpty ? member : name + "." + member }

    /// What stands there is named by its kind only: it is of no use to the reader, and could be anything.
    private static func mismatch(_ name: String, _ value: JSONValue, expected: String) -> InstallerError {
        let kind =
            switch value {
            case .null: "null"
            case .bool: "a bool"
            case .integer, .number: "a number"
            case .string: "a text"
            case .array: "a list"
            case .object: "an object"
            }
        return .badField(name: name, value: kind, expected: expected)
    }
}
