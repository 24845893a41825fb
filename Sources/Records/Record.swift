public import System

/// A small named document in a store: what `RecordStore` keeps.
public struct Record: Sendable, Equatable {
    /// The most bytes that a body may have: 1 MiB.
    public static let maximumBodyByteCount = 1 << 20

    /// What it belongs to, such as `artifact`; 1 to 128 bytes of `[A-Za-z0-9._:-]`.
    public let collection: String
    /// Its name, unique in its collection; 1 to 128 bytes of `[A-Za-z0-9._:-]`.
    public let name: String
    /// From 1. Grows with each write of this name, also past a deletion or an expiry: a number once seen never comes
    /// back, so whoever holds an old one loses.
    public let revision: Int64
    /// What it says; the store does not look inside.
    public let body: [UInt8]
    /// From this moment on it is not there; nil: it stays.
    public let expires: Timestamp?

    /// A record as a store has it.
    public init(collection: String, name: String, revision: Int64, body: [UInt8], expires: Timestamp?) {
        self.collection = collection
        self.name = name
        self.revision = revision
        self.body = body
        self.expires = expires
    }

    /// Whether it is still there at `now`.
    func isAlive(at now: Timestamp) -> Bool { expires.map { now < $0 } ?? true }
}
