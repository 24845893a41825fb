/// YAML in, as far as a configuration needs it, and YAML scalars out.
public enum YAML {
    /// The bounds of a text that is read.
    package enum Limit {
        /// Bytes of a whole text.
        package static let textByteCount = 1 << 20
        /// Bytes of one scalar.
        package static let scalarByteCount = 64 << 10
        /// Mappings and sequences inside one another.
        package static let depth = 16
        /// Keys and values.
        package static let nodeCount = 10_000
    }

    /// Reads one document of block and flow mappings, sequences and scalars.
    ///
    /// Everything by which two readers could see different things in the same bytes is refused: anchors and aliases,
    /// merge keys, tags and directives, equal keys, keys that are no scalars, a second document, characters that look
    /// like the end of a line to some and not to others. So is what is beyond `Limit`.
    package static func parse(_ bytes: [UInt8]) -> YAMLDocument {
        if let mistake = YAMLSourceCheck.firstMistake(in: bytes) { return YAMLDocument(root: nil, mistakes: [mistake]) }
        var builder = YAMLTreeBuilder(bytes)
        return builder.document()
    }
}
