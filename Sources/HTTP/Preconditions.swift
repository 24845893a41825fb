/// What a request says of the copy that its client has, and of the part that it wants.
extension HTTPRequest {
    /// Whether `If-None-Match` names `tag`, or anything: then the client has it already.
    public func hasAlready(_ tag: EntityTag) -> Bool {
        // What most clients send: the tag that they were given.
        if let value = fields.only("if-none-match"), value.elementsEqual(tag.text.utf8) { return true }
        return fields.list("if-none-match").contains { value in
            if ASCII.equal(value, "*") { return true }
            let strong = ASCII.equal(value.prefix(2), "W/") ? value.dropFirst(2) : value[...]
            return strong.elementsEqual(tag.text.utf8)
        }
    }

    /// Whether `If-Match` allows a change of what has `tag` now; nil where there is none.
    public func mayChange(_ tag: EntityTag) -> Bool? {
        let values = fields.list("if-match")
        if values.isEmpty { return nil }
        return values.contains { ASCII.equal($0, "*") || $0.elementsEqual(tag.text.utf8) }
    }

    /// The part of `byteCount` bytes that is wanted.
    ///
    /// All of it, where no Range is given, where `If-Range` names another content, and where the Range is of another unit, of
    /// several parts, or no Range at all: RFC 9110 leaves these to the server.
    public func range(of byteCount: Int64, tag: EntityTag) -> ByteRange {
        guard method == .get || method == .head, let value = fields.only("range") else { return .all }
        let conditions = fields.values("if-range")
        // A date could be another content's of the same second: only a tag counts.
        let isOfThis = conditions.count == 1 && conditions[0].elementsEqual(tag.text.utf8)
        guard conditions.isEmpty || isOfThis else { return .all }
        return ByteRange(value, of: byteCount)
    }

    /// The seconds of `Prefer: wait=N`; nil where there is none.
    public var preferredWait: Duration? {
        preference("wait").flatMap { ASCII.number($0) }.map { .seconds(min($0, 3600)) }
    }

    /// Whether `Prefer: respond-async` is said.
    public var prefersAsync: Bool { preference("respond-async") != nil }

    /// Whether a browser asks before anybody has asked it to.
    public var isPrefetch: Bool {
        let words = fields.values("sec-purpose") + fields.values("purpose") + fields.values("x-moz")
        return words.contains { ASCII.equalIgnoringCase($0.prefix(8), "prefetch") }
    }

    /// The value of a preference (RFC 7240), empty where it has none; the first one counts.
    private func preference(_ name: StaticString) -> ArraySlice<UInt8>? {
        for item in fields.list("prefer") {
            let end = item.firstIndex(of: UInt8(ascii: ";")) ?? item.endIndex
            let word = ASCII.trimmed(item[..<end])
            let mark = word.firstIndex(of: UInt8(ascii: "=")) ?? word.endIndex
            guard ASCII.equalIgnoringCase(ASCII.trimmed(word[..<mark]), name) else { continue }
            let value = ASCII.trimmed(word[mark...].dropFirst())
            let isQuoted = value.count >= 2 && value.first == 0x22 && value.last == 0x22
            return isQuoted ? value[1..<(value.count - 1)] : value[...]
        }
        return nil
    }
}

/// The name of a content: strong, so that equal tags mean equal bytes.
public struct EntityTag: Sendable, Equatable {
    /// In quotes.
    public let text: String

    /// A tag of letters, digits and `-_.`, which are left as they are; other bytes are left out.
    public init(_ name: String) {
        let bytes = name.utf8.filter { ASCII.isAlphanumeric($0) || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E }
        text = "\"" + String(decoding: bytes, as: UTF8.self) + "\""
    }
}

/// Which bytes of a content are wanted.
public enum ByteRange: Sendable, Equatable {
    case all
    /// So many from there on; at least one, and within the content.
    case part(offset: Int64, byteCount: Int64)
    /// None that there are.
    case unsatisfiable

    /// Reads the value of `Range` for a content of `byteCount` bytes.
    init(_ value: [UInt8], of byteCount: Int64) {
        self = Self.parse(value, byteCount) ?? .all
    }

    private static func parse(_ value: [UInt8], _ total: Int64) -> ByteRange? {
        guard ASCII.equalIgnoringCase(value.prefix(6), "bytes="), total >= 0 else { return nil }
        let parts = value.dropFirst(6).split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let (first, last) = (ASCII.trimmed(parts[0]), ASCII.trimmed(parts[1]))
        if first.isEmpty {
            guard let count = bound(last) else { return nil }
            guard count > 0, total > 0 else { return .unsatisfiable }
            return .part(offset: max(0, total - count), byteCount: min(count, total))
        }
        guard let start = bound(first) else { return nil }
        var end = total - 1
        if !last.isEmpty {
            guard let given = bound(last) else { return nil }
            guard given >= start else { return nil }
            end = min(end, given)
        }
        guard start < total else { return .unsatisfiable }
        return .part(offset: start, byteCount: end - start + 1)
    }

    /// A position; one beyond all that there can be counts as the last.
    private static func bound(_ text: [UInt8]) -> Int64? {
        guard !text.isEmpty, text.allSatisfy(ASCII.isDigit) else { return nil }
        return ASCII.number(text) ?? .max
    }
}

/// How a browser or a program saves a content (RFC 6266).
public enum ContentDisposition {
    /// `attachment` with `name` twice: as ASCII for old readers, with what they could misread replaced, and as it is. A part
    /// before the last `/` or `\` is left out in both.
    public static func attachment(_ name: String) -> String {
        let bytes = Array(name.utf8)
        let start = bytes.lastIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }.map { $0 + 1 } ?? 0
        // Control characters, and those that turn text around or break lines, have no place in a file's name.
        let scalars = String(decoding: bytes[start...], as: UTF8.self).unicodeScalars.filter { !isHarmful($0) }
        var plain = ""
        var escaped = ""
        for scalar in scalars {
            let isSafe =
                scalar.isASCII
                && (ASCII.isAlphanumeric(UInt8(scalar.value)) || "-._ ".unicodeScalars.contains(scalar))
            plain.unicodeScalars.append(isSafe ? scalar : "_")
            for byte in String(scalar).utf8 {
                if ASCII.isAlphanumeric(byte) || byte == 0x2D || byte == 0x2E || byte == 0x5F {
                    escaped.unicodeScalars.append(Unicode.Scalar(byte))
                } else {
                    escaped += "%" + hexadecimal(byte)
                }
            }
        }
        // A name of dots alone is a folder's.
        if !plain.utf8.contains(where: { $0 != UInt8(ascii: ".") && $0 != 0x20 }) {
            (plain, escaped) = ("download", "download")
        }
        return "attachment; filename=\"\(plain)\"; filename*=UTF-8''\(escaped)"
    }

    private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF: true
        default: false
        }
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return byte < 16 ? "0" + digits : digits
    }
}
