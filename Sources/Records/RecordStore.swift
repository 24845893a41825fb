public import System

/// Small named documents with compare-and-set, for everything the farm keeps that is neither a job nor a file.
///
/// What a call acknowledges is on the disk (a store in memory aside), and every later call of any process sees it.
/// Every backend passes `RecordConformanceTests`.
public protocol RecordStore: Sendable {
    /// The record, nil when it was never written, was deleted, or has expired.
    func read(_ name: String, in collection: String) async throws(RecordError) -> Record?

    /// Writes the record if it is as the caller last saw it, and returns it as it is now.
    ///
    /// - Parameter expecting: the revision that it must have; nil: it must not be there. An expired one is not there.
    /// - Parameter expires: from when on it is not there; nil: never. Each write sets it anew.
    /// - Throws: `.conflict` when it is otherwise. Of several writers with one expectation exactly one succeeds.
    @discardableResult
    func write(
        _ name: String, in collection: String, body: [UInt8], expires: Timestamp?, expecting: Int64?
    ) async throws(RecordError) -> Record

    /// Deletes the record if it is at the revision `expecting`.
    ///
    /// - Throws: `.conflict` when it is at another, or not there.
    func delete(_ name: String, in collection: String, expecting: Int64) async throws(RecordError)

    /// The first `limit` (1 to 10,000) records of a collection in byte order of their names, from the one after `after`
    /// on, which need not exist. Expired ones are left out and do not count.
    func list(_ collection: String, after: String?, limit: Int) async throws(RecordError) -> [Record]

    /// The collections that have records, in byte order; one that no longer has any may be among them.
    func collections() async throws(RecordError) -> [String]
}

/// The rules for what comes in, the same for every backend.
enum RecordRules {
    static func check(collection: String, name: String? = nil) throws(RecordError) {
        guard isName(collection) else { throw .badName(what: "collection", found: collection) }
        if let name, !isName(name) { throw .badName(what: "record name", found: name) }
    }

    static func check(body: [UInt8], collection: String, name: String) throws(RecordError) {
        guard body.count <= Record.maximumBodyByteCount else {
            throw .tooLarge(collection: collection, name: name, byteCount: body.count)
        }
    }

    static func check(limit: Int) throws(RecordError) {
        guard (1...10_000).contains(limit) else { throw .badLimit(limit) }
    }

    /// Names are plain ASCII, so that they mean the same in SQL, in Redis, in a file system and in a log.
    static func isName(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x3A, 0x5F: true
                default: false
                }
            }
    }
}
