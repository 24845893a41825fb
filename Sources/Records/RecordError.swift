import System

/// Why a store refused, or could not keep, a record.
public enum RecordError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A collection or record name that is not 1 to 128 bytes of `[A-Za-z0-9._:-]`; `what` says which of the two.
    case badName(what: String, found: String)
    /// A body above `Record.maximumBodyByteCount`.
    case tooLarge(collection: String, name: String, byteCount: Int)
    /// A page size outside 1...10,000.
    case badLimit(Int)
    /// Somebody else was first: the record is at revision `found` (nil: not there), not at `expected` (nil: not there).
    case conflict(collection: String, name: String, expected: Int64?, found: Int64?)
    /// The store holds something under this name that no version of this program wrote.
    case unreadable(collection: String, name: String, detail: String)
    /// The store itself failed; `detail` is its own text.
    case backend(operation: String, detail: String)

    /// Whether another writer was first: read again and decide again.
    public var isConflict: Bool { if case .conflict = self { true } else { false } }

    /// One sentence, with what to do where that can be said.
    public var description: String {
        switch self {
        case .badName(let what, let found):
            "the \(what) \"\(Printable.text(found))\" is not 1 to 128 letters, digits or . _ : -"
        case .tooLarge(let collection, let name, let byteCount):
            "record \(collection)/\(name) would have \(byteCount) bytes, at most "
                + "\(Record.maximumBodyByteCount) are kept"
        case .badLimit(let limit): "\(limit) records at once were asked for, expected 1 to 10000"
        case .conflict(let collection, let name, let expected, let found):
            "record \(collection)/\(name) is \(Self.words(found)), expected \(Self.words(expected)): "
                + "another writer was first, read it again"
        case .unreadable(let collection, let name, let detail):
            "record \(collection)/\(Printable.text(name)) is damaged (\(detail)); restore the store from a backup"
        case .backend(let operation, let detail): "the record store could not \(operation): \(detail)"
        }
    }

    private static func words(_ revision: Int64?) -> String { revision.map { "at revision \($0)" } ?? "not there" }
}
