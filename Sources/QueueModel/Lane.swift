/// A named line of waiting jobs: first in, first out within it.
///
/// 1 to 32 bytes: a lower-case letter, then lower-case letters, digits and hyphens.
public struct Lane: Hashable, Sendable, CustomStringConvertible {
    /// The name as it was written.
    public let name: String

    /// Somebody waits for the result.
    public static let interactive = Lane(unchecked: "interactive")
    /// Many jobs of one submission.
    public static let batch = Lane(unchecked: "batch")
    /// Rebuilds that the farm starts by itself.
    public static let campaign = Lane(unchecked: "campaign")

    /// The lane of that name; nil where it is no lane's name.
    public init?(_ name: String) {
        let bytes = Array(name.utf8)
        guard (1...32).contains(bytes.count), let first = bytes.first, isLetter(first),
            bytes.allSatisfy({ isLetter($0) || (0x30...0x39).contains($0) || $0 == 0x2D })
        else { return nil }
        self.name = name
    }

    private init(unchecked name: String) { self.name = name }

    /// The name.
    public var description: String { name }
}

private func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
