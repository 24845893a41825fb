import Records
import SQLiteStore
import System
import TestSupport
import Testing

/// What is the SQLite store's alone: its file, and other programs that write to it.
@Suite struct SQLiteRecordStoreTests {
    private let clock = ManualClock()

    private func open(_ folder: String) async throws(RecordError) -> SQLiteRecordStore {
        try await SQLiteRecordStore.open(folder + "/farm.sqlite", now: { [clock] in clock.now })
    }

    /// Runs one statement on the store's file, as another program could.
    private func change(_ folder: String, _ sql: SQLText, _ values: [SQLiteValue] = []) throws(SQLiteError) {
        let connection = try SQLiteConnection(folder + "/farm.sqlite", synchronous: .full)
        try connection.writeTransaction { transaction throws(SQLiteError) in _ = try transaction.run(sql, values) }
    }

    @Test("records and revisions are kept when the file is opened again")
    func reopens() async throws {
        try await withTemporaryDirectory { folder in
            let kept = try await open(folder).put("a", "kept")
            let store = try await open(folder)
            #expect(try await store.read("a", in: "things") == kept)
            #expect(try await store.put("b").revision > kept.revision)
        }
    }

    @Test("of two stores on one file exactly one wins each write")
    func twoStores() async throws {
        try await withTemporaryDirectory { folder in
            let stores = [try await open(folder), try await open(folder)]
            try await expectOneWinner(of: stores)
        }
    }

    @Test("a missing folder is a failure of the store")
    func missingFolder() async throws {
        try await withTemporaryDirectory { folder in
            let error = await #expect(throws: RecordError.self) { try await open(folder + "/none") }
            guard case .backend("open its database", _) = error else {
                Issue.record("found \(String(describing: error))")
                return
            }
        }
    }

    @Test("an expired row is dropped by a later write")
    func dropsExpired() async throws {
        try await withTemporaryDirectory { folder in
            let store = try await open(folder)
            try await store.put("a", expires: clock.now + .seconds(1))
            clock.advance(by: .seconds(1))
            try await store.put("b")
            let connection = try SQLiteConnection(folder + "/farm.sqlite", synchronous: .full)
            let rows = try connection.readTransaction { transaction throws(SQLiteError) in
                try transaction.row("SELECT count(*) FROM record") { row throws(SQLiteError) in try row.integer(0) }
            }
            #expect(rows == 1)
        }
    }

    /// What another program may put into a row, and what is said of it.
    static let garbage: [(SQLText, String)] = [
        ("UPDATE record SET revision = 0", "its revision is 0"),
        ("UPDATE record SET revision = -9223372036854775808", "its revision is -9223372036854775808"),
        ("UPDATE record SET body = zeroblob(1048577)", "its body has 1048577 bytes"),
    ]

    @Test("a garbage row is unreadable and is not handed out", arguments: garbage)
    func refusesGarbage(_ damage: SQLText, _ detail: String) async throws {
        try await withTemporaryDirectory { folder in
            let store = try await open(folder)
            try await store.put("a")
            try change(folder, damage)
            let expected = RecordError.unreadable(collection: "things", name: "a", detail: detail)
            await #expect(throws: expected) { try await store.read("a", in: "things") }
            await #expect(throws: expected) { try await store.names() }
        }
    }

    @Test("a row of a name that is never written is unreadable", arguments: ["a b", "\u{1B}[31m", "a\n", "ä"])
    func refusesGarbageName(_ name: String) async throws {
        try await withTemporaryDirectory { folder in
            let store = try await open(folder)
            try await store.put("a")
            try change(folder, "UPDATE record SET name = ?1", [.text(name)])
            await #expect(
                throws: RecordError.unreadable(
                    collection: "things", name: name, detail: "no such name is ever written")
            ) { try await store.names() }
        }
    }

    @Test("a name that is no UTF-8 is unreadable")
    func refusesBrokenText() async throws {
        try await withTemporaryDirectory { folder in
            let store = try await open(folder)
            try await store.put("a")
            try change(folder, "UPDATE record SET name = CAST(x'61FF' AS TEXT)")
            let error = await #expect(throws: RecordError.self) { try await store.names() }
            guard case .unreadable("things", _, _) = error else {
                Issue.record("found \(String(describing: error))")
                return
            }
        }
    }

    @Test("a store that lost its revision counter writes nothing")
    func refusesLostRevision() async throws {
        try await withTemporaryDirectory { folder in
            let store = try await open(folder)
            try change(folder, "DELETE FROM record_revision")
            await #expect(
                throws: RecordError.unreadable(
                    collection: "things", name: "a", detail: "the store has lost its revision")
            ) { try await store.put("a") }
            #expect(try await store.read("a", in: "things") == nil)
        }
    }
}
