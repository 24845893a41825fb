/// A password, which no description shows.
public struct RedisSecret: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    /// Itself: only for the moment in which it is sent.
    let bytes: [UInt8]

    /// A password of those bytes.
    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The UTF-8 of `text`.
    public init(_ text: String) { bytes = Array(text.utf8) }

    /// Never the bytes.
    public var description: String { "(secret)" }
    /// Never the bytes.
    public var customMirror: Mirror { Mirror(self, children: []) }

    /// Whether `text` has it anywhere. Every text has the empty one, which is no secret.
    func isPart(of text: String) -> Bool {
        let text = Array(text.utf8)
        guard !bytes.isEmpty, text.count >= bytes.count else { return false }
        return (0...(text.count - bytes.count)).contains { text[$0...].starts(with: bytes) }
    }
}
