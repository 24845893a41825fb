package import Records
package import System

/// A store that passes every call on to another one; what it implements by itself is what it alters.
package protocol ForwardingRecordStore: RecordStore {
    /// The store that does the work.
    var records: any RecordStore { get }
}

extension ForwardingRecordStore {
    package func read(_ name: String, in collection: String) async throws(RecordError) -> Record? {
        try await records.read(name, in: collection)
    }
    package func write(
        _ name: String, in collection: String, body: [UInt8], expires: Timestamp?, expecting: Int64?
    ) async throws(RecordError) -> Record {
        try await records.write(name, in: collection, body: body, expires: expires, expecting: expecting)
    }
    package func delete(_ name: String, in collection: String, expecting: Int64) async throws(RecordError) {
        try await records.delete(name, in: collection, expecting: expecting)
    }
    package func list(_ collection: String, after: String?, limit: Int) async throws(RecordError) -> [Record] {
        try await records.list(collection, after: after, limit: limit)
    }
    package func collections() async throws(RecordError) -> [String] { try await records.collections() }
}
