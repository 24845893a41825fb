import System

/// A key from a file as it may be shown.
enum KeyName {
    /// The keys that lead to a value, outermost first, joined by dots. What stands below a setting is left out: it is
    /// part of the setting's value.
    static func shown(_ keys: [[UInt8]]) -> String {
        var words: [String] = []
        var name: [UInt8] = []
        for key in keys {
            words.append(shown(key))
            name += (name.isEmpty ? [] : [0x2E]) + key
            if SettingNames.settings.contains(name) { break }
        }
        return words.joined(separator: ".")
    }

    /// `key` when it could be a setting's name, mistyped or not; otherwise words in its place. A secret that slipped
    /// into the place of a key must not come out in a message, and a key that hides its characters would mislead.
    private static func shown(_ key: [UInt8]) -> String {
        isSpelledAsName(key) || isNearName(key)
            ? String(decoding: key, as: UTF8.self) : "(a key that is no setting's name)"
    }

    /// No name has a capital or a digit, and hardly a secret is without.
    private static func isSpelledAsName(_ key: [UInt8]) -> Bool {
        looksLikeName(key) && key.allSatisfy { (0x61...0x7A).contains($0) || $0 == 0x5F || $0 == 0x2E }
    }

    private static func isNearName(_ key: [UInt8]) -> Bool {
        looksLikeName(key)
            && NearestName.of(String(decoding: key, as: UTF8.self), among: SettingNames.words) != nil
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
