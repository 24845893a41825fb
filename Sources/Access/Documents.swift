import JSON
import Records
import System

/// One kind of small document in a store: read, and changed by compare-and-set.
struct Documents: Sendable {
    let collection: String
    let records: any RecordStore

    private static var mostTries: Int { 50 }

    func read(_ name: String) async throws(AccessError) -> (value: JSONValue, revision: Int64, expires: Timestamp?)? {
        let record: Record?
        do { record = try await records.read(name, in: collection) } catch { throw .records(error) }
        guard let record else { return nil }
        guard let value = try? JSONValue(parsing: record.body) else { throw unreadable(name) }
        return (value, record.revision, record.expires)
    }

    /// Writes what `change` makes of what is there; nil from it leaves that as it is. What is there at the end is returned.
    @discardableResult
    func change(
        _ name: String, expires: Timestamp? = nil, _ change: (JSONValue?) throws(AccessError) -> JSONValue?
    ) async throws(AccessError) -> JSONValue? {
        try await write(name, expires: { _ in expires }, change)
    }

    /// Changes what is there, which keeps its expiry; nothing where there is none.
    func update(_ name: String, _ change: (JSONValue) throws(AccessError) -> JSONValue?) async throws(AccessError) {
        _ = try await write(name, expires: { $0 }) { value throws(AccessError) in
            guard let value else { return nil }
            return try change(value)
        }
    }

    private func write(
        _ name: String, expires: (Timestamp?) -> Timestamp?, _ change: (JSONValue?) throws(AccessError) -> JSONValue?
    ) async throws(AccessError) -> JSONValue? {
        for _ in 0..<Self.mostTries {
            let found = try await read(name)
            guard let next = try change(found?.value) else { return found?.value }
            do {
                try await records.write(
                    name, in: collection, body: next.bytes(), expires: expires(found?.expires),
                    expecting: found?.revision)
                return next
            } catch {
                if !error.isConflict { throw .records(error) }
            }
        }
        throw .contended(what: "\(collection) \(name)")
    }

    /// Removes it; false where there is none.
    func remove(_ name: String) async throws(AccessError) -> Bool {
        for _ in 0..<Self.mostTries {
            guard let found = try await read(name) else { return false }
            do {
                try await records.delete(name, in: collection, expecting: found.revision)
                return true
            } catch {
                if !error.isConflict { throw .records(error) }
            }
        }
        throw .contended(what: "\(collection) \(name)")
    }

    func list(after: String? = nil, limit: Int = 1000) async throws(AccessError) -> [(name: String, value: JSONValue)] {
        let found: [Record]
        do { found = try await records.list(collection, after: after, limit: limit) } catch { throw .records(error) }
        var documents: [(name: String, value: JSONValue)] = []
        for record in found {
            guard let value = try? JSONValue(parsing: record.body) else { throw unreadable(record.name) }
            documents.append((record.name, value))
        }
        return documents
    }

    func unreadable(_ name: String) -> AccessError { .unreadable(what: "the record \(collection)/\(name)") }
}

extension JSONValue {
    /// The object with a member set; nil for what is none.
    func setting(_ name: String, _ value: JSONValue) -> JSONValue? {
        members.map { members in
            .object(members.filter { !$0.name.utf8.elementsEqual(name.utf8) } + [.init(name, value)])
        }
    }
}
