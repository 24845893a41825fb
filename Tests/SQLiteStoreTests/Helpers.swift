import Foundation
import SQLiteStore
import System
import TestSupport

/// The path of a database that is not there yet, in a folder of its own.
func withTemporaryDatabasePath<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = NSTemporaryDirectory() + "pkgmill-test-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }  // tidiness only
    return try body(folder + "/farm.sqlite")
}

/// A connection to a fresh database.
func withDatabase(_ body: (SQLiteConnection) throws -> Void) throws {
    try withTemporaryDatabasePath { path in try body(SQLiteConnection(path, synchronous: .full)) }
}

func byteCount(_ path: String) throws -> Int64 { try File.open(path).status().byteCount }

extension SQLiteConnection {
    /// One statement in a write transaction of its own.
    func change(_ sql: SQLText, _ values: [SQLiteValue] = []) throws(SQLiteError) {
        try writeTransaction { transaction throws(SQLiteError) in try transaction.run(sql, values) }
    }

    /// The first row of one statement in a read transaction of its own.
    func first<Value>(
        _ sql: SQLText, _ read: (borrowing SQLiteRow<SQLiteError>) throws(SQLiteError) -> Value
    ) throws(SQLiteError) -> Value? {
        try readTransaction { transaction throws(SQLiteError) in try transaction.row(sql, [], read) }
    }

    /// What a statement counts.
    func count(_ sql: SQLText) throws(SQLiteError) -> Int64 {
        try readTransaction { transaction throws(SQLiteError) in try transaction.count(sql) }
    }
}

extension SQLiteTransaction<SQLiteError> {
    /// What a statement counts.
    borrowing func count(_ sql: SQLText) throws(SQLiteError) -> Int64 {
        try row(sql) { row throws(SQLiteError) in try row.integer(0) } ?? 0
    }
}
