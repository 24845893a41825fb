/// The file name of an installer.
///
/// 5 to 255 bytes of UTF-8 that end in `.pkg`. Before that: letters and digits of any script, space and `. _ - ( ) +`,
/// no dot, hyphen or space first. So there is no slash, backslash, quote, percent sign, control or invisible character
/// in it, and it means the same in a shell's double quotes, in a header and in a file system.
///
/// Each name has one spelling: combining marks, and the scalars that Unicode's normal form C never holds, are refused,
/// so two names that look the same to macOS are the same bytes. This leaves out scripts that are written with marks.
public struct PackageName: Hashable, Sendable, CustomStringConvertible {
    /// The name, as it was given.
    public let text: String

    /// The name that is used when nobody chooses one.
    public static let standard = PackageName(unchecked: "FleetServerClusterNode.pkg")

    /// Takes a file name.
    public init(_ text: String) throws(InstallerError) {
        let suffix = Array(".pkg".utf8)
        let byteCount = text.utf8.count
        guard byteCount <= 255 else {
            throw .badField(name: "packageName", value: "\(byteCount) bytes long", expected: "at most 255 bytes")
        }
        guard byteCount > suffix.count, text.utf8.suffix(suffix.count).elementsEqual(suffix),
            let first = text.unicodeScalars.first, first != ".", first != "-", first != " ",
            text.unicodeScalars.allSatisfy(Self.isAllowed)
        else { throw .badText("packageName", text, expected: Self.expected) }
        self.text = text
    }

    private init(unchecked text: String) { self.text = text }

    /// The name.
    public var description: String { text }

    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            return TextChecks.isLetterOrDigit(UInt8(truncatingIfNeeded: scalar.value))
                || " ._-()+".unicodeScalars.contains(scalar)
        }
        let properties = scalar.properties
        // Fillers of Hangul are letters that nobody sees; its single vowels and ends join their neighbours in form C.
        guard !properties.isFullCompositionExclusion, !properties.isDefaultIgnorableCodePoint,
            !(0x1100...0x11FF).contains(scalar.value)
        else { return false }
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber:
            return true
        default: return false
        }
    }

    private static let expected =
        "a file name that ends in .pkg, of letters, digits, spaces and . _ - ( ) +, beginning with a letter or digit"
}
