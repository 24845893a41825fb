import SQLiteStore
public import System

/// Records in a table of the farm's SQLite file. What a write acknowledges is synced.
public final class SQLiteRecordStore: RecordStore {
    private let table: Exclusive<RecordTable>

    /// Opens the store in the database at `path`, making file and tables when they are not there; the folder must be.
    public static func open(
        _ path: String, now: @escaping @Sendable () -> Timestamp
    ) async throws(RecordError) -> SQLiteRecordStore {
        let thread = BlockingExecutor("records")
        do {
            let connection = try await SQLiteConnection.open(path, synchronous: .full, on: thread)
            let table = Exclusive(RecordTable(connection: connection, now: now), on: thread)
            try await table.use { (table) throws(SQLiteError) in try table.migrate() }
            return SQLiteRecordStore(table)
        } catch { throw .backend(operation: "open its database", detail: error.description) }
    }

    private init(_ table: Exclusive<RecordTable>) { self.table = table }

    /// See `RecordStore`.
    public func read(_ name: String, in collection: String) async throws(RecordError) -> Record? {
        try await table.useBriefly { (table) throws(RecordError) in try table.read(name, in: collection) }
    }

    /// See `RecordStore`.
    @discardableResult
    public func write(
        _ name: String, in collection: String, body: [UInt8], expires: Timestamp?, expecting: Int64?
    ) async throws(RecordError) -> Record {
        try await table.use { (table) throws(RecordError) in
            try table.write(name, in: collection, body: body, expires: expires, expecting: expecting)
        }
    }

    /// See `RecordStore`.
    public func delete(_ name: String, in collection: String, expecting: Int64) async throws(RecordError) {
        try await table.use { (table) throws(RecordError) in
            try table.delete(name, in: collection, expecting: expecting)
        }
    }

    /// See `RecordStore`.
    public func list(_ collection: String, after: String?, limit: Int) async throws(RecordError) -> [Record] {
        try await table.use { (table) throws(RecordError) in try table.list(collection, after: after, limit: limit) }
    }

    /// See `RecordStore`.
    public func collections() async throws(RecordError) -> [String] {
        try await table.use { (table) throws(RecordError) in try table.collections() }
    }
}

/// The table, on a connection of its own.
private final class RecordTable {
    private let connection: SQLiteConnection
    private let now: @Sendable () -> Timestamp

    init(connection: sending SQLiteConnection, now: @escaping @Sendable () -> Timestamp) {
        self.connection = connection
        self.now = now
    }

    func migrate() throws(SQLiteError) { try connection.migrate("records", steps: RecordSchema.steps) }

    func read(_ name: String, in collection: String) throws(RecordError) -> Record? {
        try RecordRules.check(collection: collection, name: name)
        return try attempt("read a record") { () throws(RecordFailure) in
            try connection.readTransaction { transaction throws(RecordFailure) in
                try transaction.row(
                    RecordSchema.read, [.text(collection), .text(name), .integer(now().milliseconds)]
                ) { row throws(RecordFailure) in try record(row, in: collection) }
            }
        }
    }

    func write(
        _ name: String, in collection: String, body: [UInt8], expires: Timestamp?, expecting: Int64?
    ) throws(RecordError) -> Record {
        try RecordRules.check(collection: collection, name: name)
        try RecordRules.check(body: body, collection: collection, name: name)
        let revision = try attempt("write a record") { () throws(RecordFailure) in
            try connection.writeTransaction { transaction throws(RecordFailure) in
                let time = SQLiteValue.integer(now().milliseconds)
                try compare(name, in: collection, with: expecting, at: time, transaction)
                let next = try transaction.row(RecordSchema.nextRevision) { row throws(RecordFailure) in
                    try row.integer(0)
                }
                guard let next, next > 0 else {
                    throw .record(
                        .unreadable(collection: collection, name: name, detail: "the store has lost its revision"))
                }
                try transaction.run(RecordSchema.dropExpired, [time])
                try transaction.run(
                    RecordSchema.write,
                    [
                        .text(collection), .text(name), .integer(next), .blob(body),
                        .optional(expires?.milliseconds),
                    ])
                return next
            }
        }
        return Record(collection: collection, name: name, revision: revision, body: body, expires: expires)
    }

    func delete(_ name: String, in collection: String, expecting: Int64) throws(RecordError) {
        try RecordRules.check(collection: collection, name: name)
        try attempt("delete a record") { () throws(RecordFailure) in
            try connection.writeTransaction { transaction throws(RecordFailure) in
                let time = SQLiteValue.integer(now().milliseconds)
                try compare(name, in: collection, with: expecting, at: time, transaction)
                try transaction.run(RecordSchema.delete, [.text(collection), .text(name)])
            }
        }
    }

    func list(_ collection: String, after: String?, limit: Int) throws(RecordError) -> [Record] {
        try RecordRules.check(collection: collection, name: after)
        try RecordRules.check(limit: limit)
        return try attempt("list records") { () throws(RecordFailure) in
            try connection.readTransaction { transaction throws(RecordFailure) in
                try transaction.rows(
                    RecordSchema.list,
                    // The empty text comes before every name.
                    [
                        .text(collection), .text(after ?? ""), .integer(now().milliseconds),
                        .integer(Int64(limit)),
                    ]
                ) { row throws(RecordFailure) in try record(row, in: collection) }
            }
        }
    }

    func collections() throws(RecordError) -> [String] {
        try attempt("list collections") { () throws(RecordFailure) in
            try connection.readTransaction { transaction throws(RecordFailure) in
                try transaction.rows(RecordSchema.collections) { row throws(RecordFailure) in try row.text(0) }
            }
        }
    }

    private func compare(
        _ name: String, in collection: String, with expected: Int64?, at time: SQLiteValue,
        _ transaction: borrowing SQLiteTransaction<RecordFailure>
    ) throws(RecordFailure) {
        let found = try transaction.row(RecordSchema.revision, [.text(collection), .text(name), time]) {
            row throws(RecordFailure) in try row.integer(0)
        }
        guard found == expected else {
            throw .record(.conflict(collection: collection, name: name, expected: expected, found: found))
        }
    }

    /// A row of name, revision, body and expires. Another program may have written it, so nothing in it is trusted.
    private func record(
        _ row: borrowing SQLiteRow<RecordFailure>, in collection: String
    ) throws(RecordFailure) -> Record {
        var name = "?"
        do throws(RecordFailure) {
            name = try row.text(0)
            let record = Record(
                collection: collection, name: name, revision: try row.integer(1), body: try row.blob(2),
                expires: try row.optionalInteger(3).map { Timestamp(milliseconds: $0) })
            if let fault = fault(of: record) {
                throw .record(.unreadable(collection: collection, name: name, detail: fault))
            }
            return record
        } catch .database(let error) {
            throw .record(.unreadable(collection: collection, name: name, detail: error.description))
        }
    }

    private func fault(of record: Record) -> String? {
        if !RecordRules.isName(record.name) { return "no such name is ever written" }
        if record.revision < 1 { return "its revision is \(record.revision)" }
        if record.body.count > Record.maximumBodyByteCount { return "its body has \(record.body.count) bytes" }
        return nil
    }

    private func attempt<Value>(
        _ operation: String, _ body: () throws(RecordFailure) -> Value
    ) throws(RecordError) -> Value {
        do {
            return try body()
        } catch {
            switch error {
            case .record(let error): throw error
            case .database(let error): throw .backend(operation: operation, detail: error.description)
            }
        }
    }
}

/// What can end a transaction: the database, or a rule of `RecordStore`.
private enum RecordFailure: SQLiteFailure {
    case database(SQLiteError)
    case record(RecordError)

    init(_ error: SQLiteError) { self = .database(error) }
}
