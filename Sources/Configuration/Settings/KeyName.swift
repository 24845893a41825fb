/// A key from a file as it may be shown.
enum KeyName {
    /// `key` when it could be a setting's name, mistyped or not; otherwise words in its place. A secret that slipped
    /// into the place of a key must not come out in a message, and a key that hides its characters would mislead.
    static func shown(_ key: [UInt8]) -> String {
        looksLikeName(key) ? String(decoding: key, as: UTF8.self) : "(a key that is no setting's name)"
    }

    /// Whether it is of the letters, digits and signs of which names are made, and not longer than the longest.
    static func looksLikeName(_ key: [UInt8]) -> Bool {
        (1...40).contains(key.count)
            && key.allSatisfy { isASCIILetter($0) || isASCIIDigit($0) || $0 == 0x5F || $0 == 0x2D || $0 == 0x2E }
    }
}

func isASCIILetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) }

func isASCIIDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

/// `a, b or c`.
func alternatives(_ words: [String]) -> String {
    guard words.count > 1, let last = words.last else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " or " + last
}
