import System

/// Looks at the characters of a text before libyaml does, so that its messages name what an editor can find.
///
/// Refused are, beyond what YAML itself refuses, the characters that libyaml takes for the end of a line and other
/// readers do not (U+0085, U+2028, U+2029, a carriage return alone): a comment could end where nobody sees it.
enum YAMLSourceCheck {
    /// The first thing in `bytes` that is no text of a configuration; nil when all is well.
    static func firstMistake(in bytes: [UInt8]) -> YAMLMistake? {
        guard bytes.count <= YAML.Limit.textByteCount else {
            return whole(
                "the file has \(bytes.count) bytes", "keep it within \(YAML.Limit.textByteCount) bytes (1 MiB)")
        }
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            return whole("the file is UTF-16", "save it as UTF-8")
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            return YAMLMistake(
                mark: YAMLMark(line: 1, column: 1), keys: [], problem: "the file begins with a byte-order mark",
                instead: "save it as UTF-8 without one")
        }
        return firstBadCharacter(in: bytes)
    }

    private static func firstBadCharacter(in bytes: [UInt8]) -> YAMLMistake? {
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        var mark = YAMLMark(line: 1, column: 1)
        var afterCarriageReturn = false
        while true {
            let scalar: Unicode.Scalar
            switch decoder.decode(&iterator) {
            case .scalarValue(let next): scalar = next
            case .error:
                return YAMLMistake(
                    mark: mark, keys: [], problem: "bytes that are not UTF-8", instead: "save the file as UTF-8")
            case .emptyInput: return afterCarriageReturn ? loneCarriageReturn(mark) : nil
            }
            if afterCarriageReturn, scalar != "\n" { return loneCarriageReturn(mark) }
            afterCarriageReturn = scalar == "\r"
            if !afterCarriageReturn, !isText(scalar) { return badCharacter(scalar, mark) }
            mark =
                scalar == "\n"
                ? YAMLMark(line: mark.line + 1, column: 1) : YAMLMark(line: mark.line, column: mark.column + 1)
        }
    }

    private static func isText(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A, 0x20...0x7E, 0xA0...0x2027, 0x202A...0xFEFE, 0xFF00...0xFFFD, 0x10000...0x10FFFF: true
        default: false
        }
    }

    private static func badCharacter(_ scalar: Unicode.Scalar, _ mark: YAMLMark) -> YAMLMistake {
        let code = String(scalar.value, radix: 16, uppercase: true)
        let name = "U+" + String(repeating: "0", count: max(0, 4 - code.utf8.count)) + code
        return YAMLMistake(
            mark: mark, keys: [], problem: "the character \(name), which does not show in an editor",
            instead: "remove it, or put the value in double quotes and write \(YAML.escape(scalar))")
    }

    private static func loneCarriageReturn(_ mark: YAMLMark) -> YAMLMistake {
        YAMLMistake(
            mark: mark, keys: [], problem: "a carriage return that ends no line",
            instead: "save the file with Unix line ends")
    }

    private static func whole(_ problem: String, _ instead: String) -> YAMLMistake {
        YAMLMistake(mark: nil, keys: [], problem: problem, instead: instead)
    }
}
