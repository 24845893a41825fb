extension YAML {
    /// `text` as a double-quoted scalar: one line of printable ASCII that means the same to every reader of YAML 1.1
    /// and 1.2, whatever the text looks like.
    ///
    /// JSON's spelling of characters beyond U+FFFF as two `\u` is no YAML; here they are `\U` and eight digits.
    public static func quoted(_ text: String) -> String { quoted(text.unicodeScalars) }

    /// `bytes` as a double-quoted scalar; nil when they are not UTF-8, since YAML can carry nothing else.
    public static func quoted(_ bytes: [UInt8]) -> String? {
        String(validating: bytes, as: UTF8.self).map { quoted($0.unicodeScalars) }
    }

    private static func quoted(_ scalars: String.UnicodeScalarView) -> String {
        var line = "\""
        for scalar in scalars {
            switch scalar {
            case "\"", "\\":
                line += "\\"
                line.unicodeScalars.append(scalar)
            case " "..."~": line.unicodeScalars.append(scalar)
            default: line += escape(scalar)
            }
        }
        return line + "\""
    }

    /// The escape for a scalar that is not written as itself.
    static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": "\\n"
        case "\t": "\\t"
        case "\r": "\\r"
        case "\0"..."\u{FF}": "\\x" + hexadecimal(scalar, digits: 2)
        case "\u{100}"..."\u{FFFF}": "\\u" + hexadecimal(scalar, digits: 4)
        default: "\\U" + hexadecimal(scalar, digits: 8)
        }
    }

    private static func hexadecimal(_ scalar: Unicode.Scalar, digits: Int) -> String {
        let text = String(scalar.value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}
