/// Why a text is no JSON that the farm takes, and where.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What is wrong, in a few words.
    public let reason: String
    /// Offset in bytes from the start.
    public let offset: Int

    /// What is wrong at that place; for whoever reads a document in pieces.
    public init(reason: String, offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    /// One sentence.
    public var description: String { "not valid JSON: \(reason) at byte \(offset)" }
}

extension JSONValue {
    /// Reads one document and nothing after it but white space.
    ///
    /// Stricter than most readers, since two of them must never see different things in the same bytes: no byte-order
    /// mark, no duplicate names, no trailing comma, no comment, no lone surrogate, no NUL, only valid UTF-8, numbers
    /// within `Int64` or finite, at most `depth` levels of nesting.
    public init(parsing bytes: [UInt8], depth: Int = 32) throws(JSONError) {
        var parser = JSONParser(bytes: bytes, maximumDepth: depth)
        self = try parser.document()
    }
}

private struct JSONParser {
    let bytes: [UInt8]
    let maximumDepth: Int
    var position = 0

    init(bytes: [UInt8], maximumDepth: Int) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
    }

    mutating func document() throws(JSONError) -> JSONValue {
        let value = try value(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw error("something follows the document") }
        return value
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        guard depth < maximumDepth else { throw error("more than \(maximumDepth) levels of nesting") }
        skipSpace()
        switch peek {
        case 0x7B: return try object(depth: depth)
        case 0x5B: return try array(depth: depth)
        case 0x22: return .string(try string())
        case 0x74: return try word("true", .bool(true))
        case 0x66: return try word("false", .bool(false))
        case 0x6E: return try word("null", .null)
        case nil: throw error("the text ends where a value was expected")
        case let byte? where byte == 0x2D || (0x30...0x39).contains(byte): return try number()
        default: throw error("a value was expected")
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        position += 1
        var members: [JSONValue.Member] = []
        var names: Set<[UInt8]> = []
        skipSpace()
        if take(0x7D) { return .object([]) }
        repeat {
            skipSpace()
            guard peek == 0x22 else { throw error("a name in quotes was expected") }
            let start = position
            let name = try string()
            guard names.insert(Array(name.utf8)).inserted else {
                throw JSONError(reason: "a name occurs twice", offset: start)
            }
            skipSpace()
            guard take(0x3A) else { throw error("a colon was expected") }
            members.append(.init(name, try value(depth: depth + 1)))
            skipSpace()
        } while take(0x2C)
        guard take(0x7D) else { throw error("a comma or } was expected") }
        return .object(members)
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        position += 1
        var elements: [JSONValue] = []
        skipSpace()
        if take(0x5D) { return .array([]) }
        repeat {
            elements.append(try value(depth: depth + 1))
            skipSpace()
        } while take(0x2C)
        guard take(0x5D) else { throw error("a comma or ] was expected") }
        return .array(elements)
    }

    private mutating func string() throws(JSONError) -> String {
        let start = position
        position += 1
        var content: [UInt8] = []
        while let byte = peek {
            position += 1
            switch byte {
            case 0x22:
                guard let text = String(validating: content, as: UTF8.self) else {
                    throw JSONError(reason: "a string that is not UTF-8", offset: start)
                }
                return text
            case 0x5C: content += try escape()
            case 0..<0x20: throw JSONError(reason: "a control character in a string", offset: position - 1)
            default: content.append(byte)
            }
        }
        throw JSONError(reason: "a string without an end", offset: start)
    }

    private mutating func escape() throws(JSONError) -> [UInt8] {
        guard let byte = peek else { throw error("an escape without an end") }
        position += 1
        switch byte {
        case 0x22, 0x5C, 0x2F: return [byte]
        case 0x62: return [0x08]
        case 0x66: return [0x0C]
        case 0x6E: return [0x0A]
        case 0x72: return [0x0D]
        case 0x74: return [0x09]
        case 0x75: return try unicodeEscape()
        default: throw JSONError(reason: "an unknown escape", offset: position - 1)
        }
    }

    private mutating func unicodeEscape() throws(JSONError) -> [UInt8] {
        let start = position
        let first = try fourDigits()
        var code = first
        if (0xD800...0xDBFF).contains(first) {
            guard take(0x5C), take(0x75) else { throw JSONError(reason: "a lone surrogate", offset: start) }
            let second = try fourDigits()
            guard (0xDC00...0xDFFF).contains(second) else { throw JSONError(reason: "a lone surrogate", offset: start) }
            code = 0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)
        }
        guard code != 0 else { throw JSONError(reason: "a NUL character", offset: start) }
        guard let scalar = Unicode.Scalar(code), let encoded = UTF8.encode(scalar) else {
            throw JSONError(reason: "a lone surrogate", offset: start)
        }
        return Array(encoded)
    }

    private mutating func fourDigits() throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            let digit: UInt8
            switch peek {
            case let byte? where (0x30...0x39).contains(byte): digit = byte - 0x30
            case let byte? where (0x41...0x46).contains(byte): digit = byte - 0x41 + 10
            case let byte? where (0x61...0x66).contains(byte): digit = byte - 0x61 + 10
            default: throw error("four hexadecimal digits were expected")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = position
        _ = take(0x2D)
        if !take(0x30) { try digits() }
        var isInteger = true
        if take(0x2E) {
            isInteger = false
            try digits()
        }
        if take(0x65) || take(0x45) {
            isInteger = false
            if !take(0x2B) { _ = take(0x2D) }
            try digits()
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger {
            guard let value = Int64(text) else { throw JSONError(reason: "an integer beyond 64 bits", offset: start) }
            return .integer(value)
        }
        guard let value = Double(text), value.isFinite else {
            throw JSONError(reason: "a number out of range", offset: start)
        }
        return .number(value)
    }

    private mutating func digits() throws(JSONError) {
        guard let first = peek, (0x30...0x39).contains(first) else { throw error("a digit was expected") }
        while let byte = peek, (0x30...0x39).contains(byte) { position += 1 }
    }

    private mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let length = text.utf8CodeUnitCount
        let end = position + length
        guard end <= bytes.count,
            bytes[position..<end].elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: length))
        else { throw error("a value was expected") }
        position = end
        return value
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private func error(_ reason: String) -> JSONError { JSONError(reason: reason, offset: position) }
}
