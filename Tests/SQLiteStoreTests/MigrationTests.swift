import Foundation
import SQLiteStore
import System
import TestSupport
import Testing

@Suite struct MigrationTests {
    private let first = "CREATE TABLE a (n INTEGER) STRICT; INSERT INTO a VALUES (1)"
    private let second = "ALTER TABLE a ADD COLUMN m INTEGER; UPDATE a SET m = n + 1"

    @Test("each step runs once, the missing ones later")
    func steps() throws {
        try withTemporaryDatabasePath { path in
            for steps in [[first], [first], [first, second], [first, second]] {
                try SQLiteConnection(path, synchronous: .full).migrate("queue", steps: steps)
            }
            let connection = try SQLiteConnection(path, synchronous: .full)
            #expect(try connection.count("SELECT count(*) FROM a") == 1)
            #expect(try connection.first("SELECT m FROM a") { row throws(SQLiteError) in try row.integer(0) } == 2)
        }
    }

    @Test("components have their own versions")
    func components() throws {
        try withDatabase { connection in
            try connection.migrate("queue", steps: [first, second])
            try connection.migrate("records", steps: ["CREATE TABLE b (n INTEGER) STRICT"])
            #expect(try connection.count("SELECT count(*) FROM b") == 0)
        }
    }

    @Test("a migration that fails leaves the old version")
    func failing() throws {
        try withDatabase { connection in
            try connection.migrate("queue", steps: [first])
            #expect(throws: SQLiteError.self) {
                try connection.migrate("queue", steps: [first, second, "CREATE TABLE a (again)"])
            }
            #expect(throws: SQLiteError.self) { try connection.first("SELECT m FROM a") { _ in 0 } }
            try connection.migrate("queue", steps: [first, second])
        }
    }

    @Test("tables of a later program are refused and left alone")
    func tooNew() throws {
        try withDatabase { connection in
            try connection.migrate("queue", steps: [first, second])
            #expect(throws: SQLiteError.schemaTooNew(component: "queue", found: 2, known: 1)) {
                try connection.migrate("queue", steps: [first])
            }
            try connection.migrate("queue", steps: [first, second])
        }
    }

    @Test("a version that makes no sense is damage")
    func negative() throws {
        try withDatabase { connection in
            try connection.change("INSERT INTO schema_version VALUES ('queue', -1)")
            #expect(throws: SQLiteError.corrupt(file: connection.file, detail: "queue has version -1")) {
                try connection.migrate("queue", steps: [first])
            }
        }
    }

    @Test("connections that open at once migrate once")
    func atOnce() async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/farm.sqlite"
            let steps = [first, second]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        let executor = BlockingExecutor("opener-\(number)")
                        let connection = try await SQLiteConnection.open(path, synchronous: .full, on: executor)
                        try connection.migrate("queue", steps: steps)
                    }
                }
                try await group.waitForAll()
            }
            #expect(try SQLiteConnection(path, synchronous: .full).count("SELECT count(*) FROM a") == 1)
        }
    }

    @Test("a process killed inside a transaction leaves what was before it, and no lock")
    func killed() async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/farm.sqlite"
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
                let connection = try SQLiteConnection(path, synchronous: .full)
                try connection.migrate("queue", steps: ["CREATE TABLE a (n INTEGER) STRICT"])
                try connection.writeTransaction { transaction throws(SQLiteError) in
                    try transaction.run("INSERT INTO a VALUES (1)")
                    kill(getpid(), SIGKILL)
                }
            }
            let connection = try SQLiteConnection(path, synchronous: .full)
            #expect(try connection.count("SELECT count(*) FROM a") == 0)
            #expect(try connection.integrityCheck() == [])
            try connection.change("INSERT INTO a VALUES (2)")
        }
    }
}
