/// The text of a statement, written out in the program: what comes from outside goes in as a parameter, never as text.
///
/// Compared by where it lies in the program, which is quicker than by its characters: a connection looks its compiled
/// statement up by it each time. Written twice, it is compiled twice.
public struct SQLText: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    private let text: StaticString

    /// The text of a literal.
    public init(stringLiteral text: StaticString) {
        precondition(text.hasPointerRepresentation, "a statement of one character")
        self.text = text
    }

    /// The text itself.
    public var description: String { text.description }

    /// The text as C takes it; it ends with a zero byte.
    var pointer: UnsafePointer<CChar> { UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self) }

    /// Whether both lie in the same place.
    public static func == (left: SQLText, right: SQLText) -> Bool { left.text.utf8Start == right.text.utf8Start }

    /// See `==`.
    public func hash(into hasher: inout Hasher) { hasher.combine(text.utf8Start) }
}
