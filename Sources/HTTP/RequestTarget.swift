/// What a request asks for: a path and a query, both read from the bytes of the request line.
///
/// A path is made of `/` and segments of letters, digits and `-._~@`, nothing else: no segment is empty, `.` or `..`, and
/// nothing is escaped, so that no two spellings lead to one place. A query may be escaped; each name occurs once.
public struct RequestTarget: Sendable, Equatable {
    /// The segments of the path; none for `/`.
    public let path: [String]
    /// Names and values of the query, unescaped, in their order.
    public let query: [(name: String, value: String)]

    /// The most bytes that a target may have.
    static var longest: Int { 8192 }

    /// Reads the target of a request line; nil for one that this server does not take.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count <= Self.longest, bytes.first == UInt8(ascii: "/") else { return nil }
        let mark = bytes.firstIndex(of: UInt8(ascii: "?")) ?? bytes.endIndex
        guard let path = Self.segments(bytes[1..<mark]) else { return nil }
        self.path = path
        guard mark < bytes.endIndex else {
            query = []
            return
        }
        guard let query = Self.pairs(bytes[(mark + 1)...]) else { return nil }
        self.query = query
    }

    /// The value of `name` in the query.
    public subscript(name: StaticString) -> String? { query.first { ASCII.equal($0.name.utf8, name) }?.value }

    /// The path as it was asked for.
    public var pathText: String { "/" + path.joined(separator: "/") }

    private static func segments(_ bytes: ArraySlice<UInt8>) -> [String]? {
        if bytes.isEmpty { return [] }
        var segments: [String] = []
        var rest = bytes
        while true {
            let end = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
            let part = rest[rest.startIndex..<end]
            guard !part.isEmpty, part.count <= 1024, part.allSatisfy({ isPlain($0) || $0 == 0x40 }),
                !ASCII.equal(part, "."), !ASCII.equal(part, ".."), segments.count < 16
            else { return nil }
            segments.append(String(decoding: part, as: UTF8.self))
            if end == rest.endIndex { return segments }
            rest = rest[(end + 1)...]
        }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        ASCII.isAlphanumeric(byte) || byte == 0x2D || byte == 0x2E || byte == 0x5F || byte == 0x7E
    }

    private static func pairs(_ bytes: ArraySlice<UInt8>) -> [(name: String, value: String)]? {
        var pairs: [(name: String, value: String)] = []
        var names: Set<[UInt8]> = []
        for part in bytes.split(separator: UInt8(ascii: "&")) {
            let mark = part.firstIndex(of: UInt8(ascii: "=")) ?? part.endIndex
            guard let name = unescaped(part[..<mark]), !name.isEmpty,
                let value = unescaped(part[mark...].dropFirst()), names.insert(Array(name.utf8)).inserted
            else { return nil }
            pairs.append((name, value))
        }
        return pairs.count <= 100 ? pairs : nil
    }

    /// As forms escape: `%XX`, and a plus for a space. nil where that is not so, not UTF-8, or a control character.
    private static func unescaped(_ bytes: ArraySlice<UInt8>) -> String? {
        var output: [UInt8] = []
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            index += 1
            switch byte {
            case UInt8(ascii: "%"):
                guard index + 1 < bytes.endIndex, let high = ASCII.hexadecimal(bytes[index]),
                    let low = ASCII.hexadecimal(bytes[index + 1])
                else { return nil }
                output.append(high << 4 | low)
                index += 2
            case UInt8(ascii: "+"): output.append(0x20)
            case _ where isPlain(byte) || isOtherwiseAllowed(byte): output.append(byte)
            default: return nil
            }
        }
        guard output.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
        return String(validating: output, as: UTF8.self)
    }

    /// What a query may have unescaped beside letters and digits (RFC 3986).
    private static func isOtherwiseAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x21, 0x24, 0x27...0x2A, 0x2C, 0x2F, 0x3A, 0x3B, 0x3D, 0x3F, 0x40: true
        default: false
        }
    }

    /// Byte by byte.
    public static func == (left: RequestTarget, right: RequestTarget) -> Bool {
        left.path.elementsEqual(right.path) { $0.utf8.elementsEqual($1.utf8) }
            && left.query.elementsEqual(right.query) {
                $0.name.utf8.elementsEqual($1.name.utf8) && $0.value.utf8.elementsEqual($1.value.utf8)
            }
    }
}
