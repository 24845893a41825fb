/// The name under which a node appears in its cluster: a host name.
///
/// 1 to 63 bytes: letters, digits, hyphens and dots; each part between dots begins and ends with a letter or digit.
/// Nothing else ever becomes a name, so that no shell, XML or YAML could take it for something else. Names that a
/// reader of YAML takes for a bool or a number (`yes`, `0123`) are host names; they are always written in quotes.
public struct NodeName: Hashable, Sendable, CustomStringConvertible {
    /// The name, as it was given: upper and lower case are kept.
    public let text: String

    /// Takes a host name.
    public init(_ text: String) throws(InstallerError) {
        let bytes = Array(text.utf8)
        guard (1...63).contains(bytes.count), TextChecks.areLabels(bytes) else {
            throw .badText("nodeName", text, expected: Self.expected)
        }
        self.text = text
    }

    /// The name.
    public var description: String { text }

    private static let expected =
        "a host name of 1 to 63 letters, digits, hyphens and dots; each part begins and ends with a letter or digit"
}
