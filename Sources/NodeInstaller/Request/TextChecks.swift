/// Checks of text from outside, on bytes and Unicode scalars: a Swift `Character` hides a slash under an accent.
enum TextChecks {
    static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    /// Parts between dots, each 1 to 63 letters, digits and hyphens (and `extra`) with no hyphen at an end.
    static func areLabels(_ bytes: [UInt8], extra: [UInt8] = []) -> Bool {
        bytes.split(separator: 0x2E, omittingEmptySubsequences: false).allSatisfy { label in
            (1...63).contains(label.count) && label.first != 0x2D && label.last != 0x2D
                && label.allSatisfy { isLetterOrDigit($0) || $0 == 0x2D || extra.contains($0) }
        }
    }

    /// Up to `count` numbers of up to nine digits with dots between them.
    static func isDottedNumber(_ text: String, count: Int) -> Bool {
        let parts = text.utf8.split(separator: 0x2E, omittingEmptySubsequences: false)
        return (1...count).contains(parts.count)
            && parts.allSatisfy { (1...9).contains($0.count) && $0.allSatisfy(isDigit) }
    }

    /// Whether `text` has no control character, no line separator and nothing that XML cannot carry.
    static func isOneLine(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { scalar in
            switch scalar.value {
            case 0..<0x20, 0x7F...0x9F, 0x2028, 0x2029, 0xFFFE, 0xFFFF: false
            default: true
            }
        }
    }

    /// Whether nothing in `text` is a control, a format mark such as a change of direction, a line separator, or
    /// unassigned: what a person sees is what is there.
    static func isPrintable(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
            default: true
            }
        }
    }

    /// 1 to 128 bytes of printable ASCII with which a comment of XML does not end.
    static func canStandInComment(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return (1...128).contains(bytes.count) && bytes.allSatisfy { (0x20...0x7E).contains($0) } && bytes.last != 0x2D
            && !zip(bytes, bytes.dropFirst()).contains { $0 == 0x2D && $1 == 0x2D }
    }

    /// An absolute path of at most 1,024 bytes on one line.
    static func isAbsolutePath(_ text: String) -> Bool {
        text.utf8.first == 0x2F && text.utf8.count <= 1024 && isOneLine(text)
    }
}
