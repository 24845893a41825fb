import Foundation
import System
import TestSupport
import Testing

@testable import SQLiteStore

@Suite struct DatabaseFileTests {
    @Test("the database, its log and its locks are private")
    func modes() throws {
        try withTemporaryDatabasePath { path in
            let connection = try SQLiteConnection(path, synchronous: .full)
            try connection.change("CREATE TABLE t (a)")
            let folder = try Directory.open(splitPath(path).parent)
            for name in ["", "-wal", "-shm", "-waiting", "-writer"] {
                #expect(try folder.status(of: "farm.sqlite" + name)?.mode == 0o600, "farm.sqlite\(name)")
            }
        }
    }

    @Test("a missing folder is an error, and none is made")
    func missingFolder() throws {
        try withTemporaryDatabasePath { path in
            let below = path + "/none/farm.sqlite"
            let error = #expect(throws: SQLiteError.self) { _ = try SQLiteConnection(below, synchronous: .full) }
            guard case .system(let cause) = error else { return #expect(error == nil, "another error") }
            #expect(cause.isNotFound)
        }
    }

    @Test("names that mean something else to SQLite are names", arguments: [":memory:", "file:x?mode=memory", "%41 b"])
    func oddNames(name: String) throws {
        try withTemporaryDatabasePath { path in
            let odd = splitPath(path).parent + "/" + name
            try SQLiteConnection(odd, synchronous: .full).change("CREATE TABLE t (a)")
            #expect(try byteCount(odd) > 0)
            #expect(try SQLiteConnection(odd, synchronous: .full).count("SELECT count(*) FROM t") == 0)
        }
    }

    @Test("a link to a database is refused")
    func link() throws {
        try withTemporaryDatabasePath { path in
            _ = try SQLiteConnection(path, synchronous: .full)
            try FileManager.default.createSymbolicLink(atPath: path + "2", withDestinationPath: path)
            #expect(throws: SQLiteError.notAPlainFile(file: path + "2", found: "symbolic link")) {
                _ = try SQLiteConnection(path + "2", synchronous: .full)
            }
            try FileManager.default.linkItem(atPath: path, toPath: path + "3")
            #expect(throws: SQLiteError.notAPlainFile(file: path + "3", found: "file with several names")) {
                _ = try SQLiteConnection(path + "3", synchronous: .full)
            }
        }
    }

    @Test("a folder in the database's place is refused")
    func folder() throws {
        try withTemporaryDatabasePath { path in
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            #expect(throws: SQLiteError.notAPlainFile(file: path, found: "directory")) {
                _ = try SQLiteConnection(path, synchronous: .full)
            }
        }
    }

    @Test("a file that is no database is refused and left alone", arguments: [1, 16, 100, 4096, 100_000])
    func noDatabase(byteCount: Int) throws {
        try withTemporaryDatabasePath { path in
            let content = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            try writeFile(path, content)
            #expect(throws: SQLiteError.notADatabase(file: path)) {
                _ = try SQLiteConnection(path, synchronous: .full)
            }
            #expect(try contentOfFile(path) == content)
            #expect(filesBelow(splitPath(path).parent) == ["farm.sqlite"])
        }
    }

    @Test("another program's database is refused and left alone", arguments: ["DELETE", "WAL"])
    func foreign(journal: String) throws {
        try withTemporaryDatabasePath { path in
            try writeFile(path, [])
            let theirs = try DatabaseHandle(path, .readWrite)
            try theirs.execute("PRAGMA journal_mode=\(journal); PRAGMA application_id=77; CREATE TABLE theirs (a)")
            // As long as theirs is open its log stays, so that only what we do could change the file.
            try #require(try contentOfFile(path).count > 0)
            try theirs.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            let content = try contentOfFile(path)
            let files = filesBelow(splitPath(path).parent)
            #expect(throws: SQLiteError.foreign(file: path, applicationID: 77)) {
                _ = try SQLiteConnection(path, synchronous: .full)
            }
            #expect(try contentOfFile(path) == content)
            #expect(filesBelow(splitPath(path).parent) == files)
        }
    }

    @Test("a database that is cut short is refused, wherever it is cut", arguments: [1, 99, 100, 4095, 4096, 9000])
    func truncated(byteCount: Int) throws {
        try withTemporaryDatabasePath { path in
            try SQLiteConnection(path, synchronous: .full).fill(pages: 20)
            try FileManager.default.removeItem(atPath: path + "-wal")
            try FileManager.default.removeItem(atPath: path + "-shm")
            let content = Array(try contentOfFile(path).prefix(byteCount))
            try writeFile(path, content)
            let error = #expect(throws: SQLiteError.self) {
                let connection = try SQLiteConnection(path, synchronous: .full)
                _ = try connection.count("SELECT count(*) FROM t")
            }
            switch error {
            case .notADatabase(path), .corrupt(path, _): break
            default: Issue.record("another error: \(String(describing: error))")
            }
            #expect(try contentOfFile(path) == content)
        }
    }

    @Test("damage inside is an error of ours and never a trap")
    func damaged() throws {
        let random = SeededRandom(seed: 7)
        for round in 0..<rounds(reduced: 60, full: 2000) {
            try withTemporaryDatabasePath { path in
                try SQLiteConnection(path, synchronous: .full).fill(pages: 20)
                try FileManager.default.removeItem(atPath: path + "-wal")
                try FileManager.default.removeItem(atPath: path + "-shm")
                var content = try contentOfFile(path)
                for _ in 0..<64 { content[random.below(content.count)] = UInt8(random.below(256)) }
                try writeFile(path, content)
                do throws(SQLiteError) {
                    let connection = try SQLiteConnection(path, synchronous: .full)
                    _ = try connection.count("SELECT count(*) FROM t")
                    _ = try connection.integrityCheck()
                } catch {
                    #expect(!error.description.isEmpty, "round \(round)")
                }
            }
        }
    }

    @Test("a process killed while it made the file leaves one that the next can use")
    func cutShort() throws {
        try withTemporaryDatabasePath { path in
            try writeFile(path, [])
            try SQLiteConnection(path, synchronous: .full).change("CREATE TABLE t (a)")
        }
        try withTemporaryDatabasePath { path in
            try writeFile(path, [])
            try DatabaseHandle(path, .readWrite).execute(
                """
                PRAGMA application_id=\(DatabaseFile.applicationID);
                CREATE TABLE schema_version (component TEXT PRIMARY KEY, version INTEGER)
                """)
            let connection = try SQLiteConnection(path, synchronous: .full)
            try connection.migrate("queue", steps: ["CREATE TABLE t (a)"])
            // File format versions 2 and 2 in the header: the write-ahead log.
            #expect(try contentOfFile(path)[18...19] == [2, 2])
        }
    }

    @Test("a checkpoint that was cut short is no damage")
    func cutCheckpoint() throws {
        try withTemporaryDatabasePath { path in
            let connection = try SQLiteConnection(path, synchronous: .full)
            try connection.fill(pages: 20)
            let log = try contentOfFile(path + "-wal")
            let whole = try contentOfFile(path)
            // Copied so far: the first page, which already tells the final number of pages, and no other.
            let copy = splitPath(path).parent + "/copy.sqlite"
            try writeFile(copy, Array(whole.prefix(4096)))
            try writeFile(copy + "-wal", log)
            #expect(try SQLiteConnection(copy, synchronous: .full).count("SELECT count(*) FROM t") == 20)
        }
    }
}

extension SQLiteConnection {
    /// A table `t` of that many pages, copied from the log into the file.
    fileprivate func fill(pages: Int) throws {
        try change("CREATE TABLE t (a BLOB) STRICT")
        for _ in 0..<pages {
            try change("INSERT INTO t VALUES (?1)", [.blob([UInt8](repeating: 7, count: 4000))])
        }
        try checkpoint()
    }
}
