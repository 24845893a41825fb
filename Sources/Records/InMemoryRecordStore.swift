public import System

/// The rules of `RecordStore` at their plainest: for tests, and as the measure of the other backends.
public actor InMemoryRecordStore: RecordStore {
    private var records: [String: [String: Record]] = [:]
    private var lastRevision: Int64 = 0
    private let now: @Sendable () -> Timestamp

    /// An empty store that takes the time from `now`.
    public init(now: @escaping @Sendable () -> Timestamp) { self.now = now }

    /// See `RecordStore`.
    public func read(_ name: String, in collection: String) throws(RecordError) -> Record? {
        try RecordRules.check(collection: collection, name: name)
        return living(name, in: collection)
    }

    /// See `RecordStore`.
    @discardableResult
    public func write(
        _ name: String, in collection: String, body: [UInt8], expires: Timestamp?, expecting: Int64?
    ) throws(RecordError) -> Record {
        try RecordRules.check(collection: collection, name: name)
        try RecordRules.check(body: body, collection: collection, name: name)
        try compare(name, in: collection, with: expecting)
        // One counter for the whole store: a name that is deleted and made again does not begin at 1 again.
        lastRevision += 1
        let record = Record(
            collection: collection, name: name, revision: lastRevision, body: body, expires: expires)
        records[collection, default: [:]][name] = record
        return record
    }

    /// See `RecordStore`.
    public func delete(_ name: String, in collection: String, expecting: Int64) throws(RecordError) {
        try RecordRules.check(collection: collection, name: name)
        try compare(name, in: collection, with: expecting)
        records[collection]?[name] = nil
    }

    /// See `RecordStore`.
    public func list(_ collection: String, after: String?, limit: Int) throws(RecordError) -> [Record] {
        try RecordRules.check(collection: collection, name: after)
        try RecordRules.check(limit: limit)
        let time = now()
        let living = records[collection, default: [:]].values.filter { $0.isAlive(at: time) }
        let following = living.filter { record in after.map { Self.precedes($0, record.name) } ?? true }
        return Array(following.sorted { Self.precedes($0.name, $1.name) }.prefix(limit))
    }

    /// See `RecordStore`.
    public func collections() throws(RecordError) -> [String] { records.keys.sorted(by: Self.precedes) }

    private func living(_ name: String, in collection: String) -> Record? {
        guard let record = records[collection]?[name] else { return nil }
        guard record.isAlive(at: now()) else {
            records[collection]?[name] = nil
            return nil
        }
        return record
    }

    private func compare(_ name: String, in collection: String, with expected: Int64?) throws(RecordError) {
        let found = living(name, in: collection)?.revision
        guard found == expected else {
            throw .conflict(collection: collection, name: name, expected: expected, found: found)
        }
    }

    private static func precedes(_ left: String, _ right: String) -> Bool {
        left.utf8.lexicographicallyPrecedes(right.utf8)
    }
}
