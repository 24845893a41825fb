import Foundation
import SQLiteStore
import System
import TestSupport
import Testing

@Suite struct SQLiteConnectionTests {
    @Test("values come back as they went in, the empty ones too")
    func values() throws {
        try withDatabase { connection in
            try connection.change("CREATE TABLE t (a INTEGER, b TEXT, c BLOB) STRICT")
            let insert: SQLText = "INSERT INTO t VALUES (?1, ?2, ?3)"
            try connection.change(insert, [.integer(.min), "a\0b\u{1F511}", .blob([0, 255])])
            try connection.change(insert, [0, "", .blob([])])
            try connection.change(insert, [.null, .null, .null])
            let found = try connection.readTransaction { transaction throws(SQLiteError) in
                try transaction.rows("SELECT a, b, c FROM t ORDER BY rowid") { row throws(SQLiteError) in
                    Found(a: try row.optionalInteger(0), b: try row.optionalText(1), c: try row.optionalBlob(2))
                }
            }
            #expect(
                found == [
                    Found(a: .min, b: "a\0b\u{1F511}", c: [0, 255]), Found(a: 0, b: "", c: []),
                    Found(a: nil, b: nil, c: nil),
                ])
        }
    }

    @Test("a value of another type is an error that names the column")
    func wrongType() throws {
        try withDatabase { connection in
            #expect(throws: SQLiteError.unexpectedValue(column: "n", expected: "an integer", found: "text")) {
                try connection.first("SELECT 'x' AS n") { row throws(SQLiteError) in try row.integer(0) }
            }
            #expect(throws: SQLiteError.unexpectedValue(column: "n", expected: "text", found: "null")) {
                try connection.first("SELECT NULL AS n") { row throws(SQLiteError) in try row.text(0) }
            }
            #expect(throws: SQLiteError.unexpectedValue(column: "n", expected: "a blob", found: "an integer")) {
                try connection.first("SELECT 1 AS n") { row throws(SQLiteError) in try row.blob(0) }
            }
            #expect(
                throws: SQLiteError.unexpectedValue(column: "n", expected: "text", found: "text that is not UTF-8")
            ) {
                try connection.first("SELECT CAST(x'c328' AS TEXT) AS n") { row throws(SQLiteError) in
                    try row.text(0)
                }
            }
            #expect(
                throws: SQLiteError.unexpectedValue(
                    column: "n", expected: "an integer", found: "a floating-point number")
            ) {
                try connection.first("SELECT 1.5 AS n") { row throws(SQLiteError) in try row.integer(0) }
            }
            #expect(throws: SQLiteError.unexpectedValue(column: "7", expected: "an integer", found: "null")) {
                try connection.first("SELECT 1 AS n") { row throws(SQLiteError) in try row.integer(7) }
            }
        }
    }

    @Test("a transaction whose body throws has changed nothing")
    func rollback() throws {
        try withDatabase { connection in
            try connection.change("CREATE TABLE t (a INTEGER PRIMARY KEY) STRICT")
            #expect(throws: SQLiteError.constraint(detail: "UNIQUE constraint failed: t.a")) {
                try connection.writeTransaction { transaction throws(SQLiteError) in
                    try transaction.run("INSERT INTO t VALUES (1)")
                    try transaction.run("INSERT INTO t VALUES (1)")
                }
            }
            #expect(try connection.count("SELECT count(*) FROM t") == 0)
            try connection.change("INSERT INTO t VALUES (1)")
            #expect(try connection.count("SELECT count(*) FROM t") == 1)
        }
    }

    @Test("run tells the number of changed rows, and a statement that returns rows runs to its end")
    func changedRows() throws {
        try withDatabase { connection in
            try connection.change("CREATE TABLE t (a INTEGER) STRICT")
            try connection.change("INSERT INTO t VALUES (1), (2), (3)")
            let changed = try connection.writeTransaction { transaction throws(SQLiteError) in
                try transaction.run("UPDATE t SET a = a + 10 WHERE a > 1")
            }
            #expect(changed == 2)
            let first = try connection.writeTransaction { transaction throws(SQLiteError) in
                try transaction.row("DELETE FROM t RETURNING a") { row throws(SQLiteError) in try row.integer(0) }
            }
            #expect(first == 1)
            #expect(try connection.count("SELECT count(*) FROM t") == 0)
        }
    }

    @Test("a reader keeps its view while others write")
    func isolation() throws {
        try withTemporaryDatabasePath { path in
            let reader = try SQLiteConnection(path, synchronous: .full)
            let writer = try SQLiteConnection(path, synchronous: .normal)
            try writer.change("CREATE TABLE t (a INTEGER) STRICT")
            let seen = try reader.readTransaction { transaction throws(SQLiteError) in
                let before = try transaction.count("SELECT count(*) FROM t")
                try writer.change("INSERT INTO t VALUES (1)")
                return [before, try transaction.count("SELECT count(*) FROM t")]
            }
            #expect(seen == [0, 0])
            #expect(try reader.count("SELECT count(*) FROM t") == 1)
        }
    }

    @Test("connections of one process that write at once lose no update and never see a locked database")
    func contention() async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/farm.sqlite"
            try SQLiteConnection(path, synchronous: .normal).change("CREATE TABLE t (a INTEGER) STRICT")
            try SQLiteConnection(path, synchronous: .normal).change("INSERT INTO t VALUES (0)")
            let counters = (0..<8).map { Counter(path: path, label: "counter-\($0)") }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for counter in counters { group.addTask { try await counter.add(100) } }
                try await group.waitForAll()
            }
            let total = try SQLiteConnection(path, synchronous: .normal).first("SELECT a FROM t") {
                row throws(SQLiteError) in try row.integer(0)
            }
            #expect(total == 800)
        }
    }

    @Test("the log does not grow for ever")
    func checkpoints() throws {
        try withTemporaryDatabasePath { path in
            let connection = try SQLiteConnection(path, synchronous: .normal)
            try connection.change("CREATE TABLE t (a BLOB) STRICT")
            for _ in 0..<300 {
                try connection.change("INSERT INTO t VALUES (?1)", [.blob([UInt8](repeating: 7, count: 65_536))])
            }
            #expect(connection.checkpointFailure == nil)
            // 300 rows are about 10,000 pages of 2 KiB; the log was begun anew at each two thousand.
            #expect(try byteCount(path + "-wal") < 2200 * 2072)
            #expect(try byteCount(path) > 7500 * 2048)
        }
    }

    @Test("whoever may not wait for another process writes as long as none does, and leaves checkpoints for later")
    func unlessOthersWrite() throws {
        try withTemporaryDatabasePath { path in
            let connection = try SQLiteConnection(path, synchronous: .normal)
            let other = try SQLiteConnection(path, synchronous: .normal)
            try connection.change("CREATE TABLE t (a BLOB) STRICT")
            func insert() throws -> Bool {
                let row = SQLiteValue.blob([UInt8](repeating: 7, count: 65_536))
                let result = try connection.unlessOthersWrite {
                    Result { try connection.change("INSERT INTO t VALUES (?1)", [row]) }
                }
                try result?.get()
                return result != nil
            }
            for _ in 0..<80 { #expect(try insert()) }
            #expect(connection.owesCheckpoint)
            #expect(try byteCount(path) < 100 * 2048, "nothing was copied from the log yet")
            try connection.checkpointIfOwed()
            #expect(!connection.owesCheckpoint)
            #expect(try byteCount(path) > 2400 * 2048)

            var meanwhile: Bool?
            try other.writeTransaction { (_) throws(SQLiteError) in meanwhile = try? insert() }
            #expect(meanwhile == false)
            #expect(try insert())
            #expect(try connection.count("SELECT count(*) FROM t") == 81)
        }
    }

    @Test("a full disk is told as such, and nothing of the transaction is kept")
    func full() throws {
        try withTemporaryDatabasePath { path in
            let connection = try SQLiteConnection(path, synchronous: .full)
            try connection.change("CREATE TABLE t (a BLOB) STRICT")
            try connection.limitPages(to: 8)
            #expect(throws: SQLiteError.full(file: path, detail: "database or disk is full")) {
                try connection.change("INSERT INTO t VALUES (?1)", [.blob([UInt8](repeating: 7, count: 65_536))])
            }
            #expect(try connection.count("SELECT count(*) FROM t") == 0)
            try connection.change("INSERT INTO t VALUES (x'01')")
        }
    }

    @Test("a file that may not be written is told as such")
    func readOnly() throws {
        try withTemporaryDatabasePath { path in
            let connection = try SQLiteConnection(path, synchronous: .full)
            _ = try connection.readTransaction { transaction throws(SQLiteError) in
                try transaction.run("PRAGMA query_only = 1")
            }
            #expect(throws: SQLiteError.readOnly(file: path, detail: "attempt to write a readonly database")) {
                try connection.change("CREATE TABLE t (a)")
            }
        }
    }

    @Test("the integrity of a sound file is confirmed")
    func integrity() throws {
        try withDatabase { connection in
            let findings = try connection.integrityCheck()
            #expect(findings == [])
        }
    }

    private struct Found: Equatable {
        let a: Int64?
        let b: String?
        let c: [UInt8]?
    }
}

private actor Counter {
    private let path: String
    private let executor: BlockingExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(path: String, label: String) {
        self.path = path
        executor = BlockingExecutor(label)
    }

    func add(_ times: Int) async throws {
        let connection = try await SQLiteConnection.open(path, synchronous: .normal, on: executor)
        for _ in 0..<times { try connection.change("UPDATE t SET a = a + 1") }
    }
}
