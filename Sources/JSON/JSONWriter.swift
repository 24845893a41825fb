extension JSONValue {
    /// The value on one line, without white space, members in their order. Non-ASCII text is written as it is.
    public func text() -> String { String(decoding: bytes(), as: UTF8.self) }

    /// As `text`, as UTF-8.
    public func bytes() -> [UInt8] {
        var output: [UInt8] = []
        write(to: &output)
        return output
    }

    /// The members of an object without its braces, nothing of any other value: for objects that are put together of parts.
    public func memberBytes() -> [UInt8] {
        guard case .object = self else { return [] }
        return Array(bytes().dropFirst().dropLast())
    }

    private func write(to output: inout [UInt8]) {
        switch self {
        case .null: output += "null".utf8
        case .bool(let value): output += (value ? "true" : "false").utf8
        case .integer(let value): output += String(value).utf8
        case .number(let value): output += (value.isFinite ? "\(value)" : "null").utf8
        case .string(let text): Self.write(text, to: &output)
        case .array(let elements): Self.write(elements, between: "[]", to: &output) { $0.write(to: &$1) }
        case .object(let members):
            Self.write(members, between: "{}", to: &output) { member, output in
                Self.write(member.name, to: &output)
                output.append(0x3A)
                member.value.write(to: &output)
            }
        }
    }

    private static func write<Element>(
        _ elements: [Element], between brackets: StaticString, to output: inout [UInt8],
        each: (Element, inout [UInt8]) -> Void
    ) {
        output.append(brackets.utf8Start[0])
        for (index, element) in elements.enumerated() {
            if index > 0 { output.append(0x2C) }
            each(element, &output)
        }
        output.append(brackets.utf8Start[1])
    }

    private static func write(_ text: String, to output: inout [UInt8]) {
        output.append(0x22)
        var text = text
        // Most texts hold nothing that is written in another way than it stands.
        let isPlain = text.withUTF8 { bytes in
            guard bytes.allSatisfy({ (0x20...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C }) else { return false }
            output.append(contentsOf: bytes)
            return true
        }
        if !isPlain { writeEscaped(text, to: &output) }
        output.append(0x22)
    }

    private static func writeEscaped(_ text: String, to output: inout [UInt8]) {
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22: output += #"\""#.utf8
            case 0x5C: output += #"\\"#.utf8
            case 0x0A: output += #"\n"#.utf8
            case 0x0D: output += #"\r"#.utf8
            case 0x09: output += #"\t"#.utf8
            // Control characters by the standard; the two separators and DEL so that a line of a log stays one line.
            case 0..<0x20, 0x7F...0x9F, 0x2028, 0x2029:
                let digits = String(scalar.value, radix: 16)
                output += #"\u"#.utf8
                output += String(repeating: "0", count: 4 - digits.utf8.count).utf8
                output += digits.utf8
            default: output += String(scalar).utf8
            }
        }
    }
}
