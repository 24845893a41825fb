public import System

/// One connection to a database of the farm, a SQLite file in write-ahead-log mode that several processes share.
///
/// Used by one thread at a time and therefore not `Sendable`: it belongs to an actor whose executor is a
/// `BlockingExecutor`, since a write waits for its turn. Statements run only inside `readTransaction` and
/// `writeTransaction`.
public final class SQLiteConnection {
    /// What a commit waits for.
    public enum Synchronous: String, Sendable {
        /// The disk: what was committed survives a power cut, and so does everything committed before it by any
        /// connection.
        case full = "FULL"
        /// Nothing: a power cut may take the latest commits, never the file's integrity or the order of commits.
        case normal = "NORMAL"
    }

    /// The path of the file, for messages.
    public var file: String { handle.file }
    /// Why the last checkpoint did not run; nil when it did. The log grows meanwhile and nothing is lost.
    public private(set) var checkpointFailure: SQLiteError?

    private let handle: DatabaseHandle
    private let lock: WriterLock
    private var statements: [SQLText: SQLiteStatement] = [:]
    private var checkpoints = CheckpointSchedule()
    /// One that was due is not made yet.
    package private(set) var owesCheckpoint = false
    private var leavesCheckpoints = false
    private var failedSync: SQLiteError?
    private var synchronous: Synchronous?

    /// Opens the database at `path`, making the file (mode 0600) when it is not there; its folder must be.
    ///
    /// Blocks while another process makes the same file; call it on a thread that may (`open(_:synchronous:on:)`).
    /// Anything that is not a database of the farm is refused and left untouched.
    public init(_ path: String, synchronous: Synchronous) throws(SQLiteError) {
        let file = try DatabaseFile(path)
        let hasContent = try file.hasContent()
        lock = try file.lock()
        if !hasContent {
            try locked(lock) { () throws(SQLiteError) in try file.createIfMissing() }
        }
        handle = try DatabaseHandle(file.path, .readWrite)
        try handle.configure(busyMilliseconds: 5000)
        try establish()
        // A damaged page is found when it is read, not when it has done harm.
        try handle.execute("PRAGMA cell_size_check=ON; PRAGMA cache_size=-32768; PRAGMA journal_size_limit=67108864")
        try wait(for: synchronous)
    }

    /// Says what commits wait for from now on; not inside a transaction. A change costs some microseconds, no change
    /// nothing.
    public func wait(for synchronous: Synchronous) throws(SQLiteError) {
        guard synchronous != self.synchronous else { return }
        precondition(handle.isInAutocommit, "the level cannot change inside a transaction")
        try handle.execute("PRAGMA synchronous=\(synchronous.rawValue)")
        self.synchronous = synchronous
    }

    /// The number of the row that was inserted last.
    var lastInsertedRow: Int64 { handle.lastInsertedRow }
    /// Rows changed since the connection was opened; for telling whether something has changed meanwhile.
    package var changeCount: Int { handle.changeCount }
    /// Whether a transaction is open: some errors end it by themselves.
    package var isInTransaction: Bool { !handle.isInAutocommit }

    /// Opens the database on the thread of `executor`, which may block.
    public static func open(
        _ path: String, synchronous: Synchronous, on executor: BlockingExecutor
    ) async throws(SQLiteError) -> sending SQLiteConnection {
        try await Opener(executor: executor).open(path, synchronous: synchronous)
    }

    /// Runs `body` on one unchanging view of the database. It waits for nobody, and nobody waits for it.
    ///
    /// Keep it short: as long as it lasts, the log cannot be used again from its start.
    public func readTransaction<Value, Failure: SQLiteFailure>(
        _ body: (borrowing SQLiteTransaction<Failure>) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        try transaction("BEGIN", mayWrite: false, body)
    }

    /// Runs `body` while no other process writes, and commits; when it throws, nothing has happened.
    ///
    /// On a `.full` connection the changes are on the disk when this returns.
    @discardableResult
    public func writeTransaction<Value, Failure: SQLiteFailure>(
        _ body: (borrowing SQLiteTransaction<Failure>) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        if let failedSync { throw Failure(failedSync) }
        do throws(SystemError) { try lock.acquire() } catch { throw Failure(.system(error)) }
        defer { lock.release() }
        let value = try transaction("BEGIN IMMEDIATE", mayWrite: true, body)
        if checkpoints.isDue(logPageCount: handle.logPageCount) {
            owesCheckpoint = true
            if !leavesCheckpoints { catchUp() }
        }
        return value
    }

    /// Runs `body`, whose write transactions wait for no other process and make no checkpoint; nil, and nothing has happened,
    /// where another process writes or waits to.
    package func unlessOthersWrite<Value>(_ body: () -> Value) throws(SQLiteError) -> Value? {
        do throws(SystemError) { guard try lock.acquireIfFree() else { return nil } } catch { throw .system(error) }
        leavesCheckpoints = true
        defer {
            leavesCheckpoints = false
            lock.release()
        }
        return body()
    }

    /// Makes the checkpoint that is owed.
    package func checkpointIfOwed() throws(SQLiteError) {
        guard owesCheckpoint else { return }
        try locked(lock) { () throws(SQLiteError) in catchUp() }
    }

    /// Copies the log into the file, as far as readers allow, under the lock; writes do so by themselves now and then.
    package func checkpoint() throws(SQLiteError) {
        try locked(lock) { () throws(SQLiteError) in try handle.checkpointPassively() }
    }

    /// What is wrong with the file, in SQLite's words; empty when nothing is. Reads all of it.
    public func integrityCheck() throws(SQLiteError) -> [String] {
        let findings = try readTransaction { transaction throws(SQLiteError) in
            try transaction.rows("PRAGMA integrity_check") { row throws(SQLiteError) in try row.text(0) }
        }
        return findings == ["ok"] ? [] : findings
    }

    /// Copies the database into an empty file.
    func vacuum(into path: String) throws(SQLiteError) {
        let statement = try SQLiteStatement("VACUUM INTO ?1", in: handle)
        try statement.bind([.text(path)])
        while try statement.step() {}
    }

    /// Lets the file grow to `count` pages and no further, as a full disk would; for tests.
    package func limitPages(to count: Int) throws(SQLiteError) {
        _ = try integer("PRAGMA max_page_count = \(count)")
    }

    /// The steps that SQLite would take for a statement, one a line; for tests that look for whole-table scans.
    package func plan(of sql: SQLText) throws(SQLiteError) -> [String] {
        let statement = try SQLiteStatement("EXPLAIN QUERY PLAN \(sql)", in: handle)
        var steps: [String] = []
        while try statement.step() { steps.append(String(decoding: statement.textBytes(3), as: UTF8.self)) }
        return steps
    }

    /// The compiled statement for `sql`.
    func statement(_ sql: SQLText) throws(SQLiteError) -> SQLiteStatement {
        if let known = statements[sql] { return known }
        let new = try SQLiteStatement(sql, in: handle)
        statements[sql] = new
        return new
    }

    /// Runs SQL of several statements inside a write transaction; for migrations and tests.
    package func execute(_ script: String) throws(SQLiteError) { try handle.execute(script) }

    // Swift 6.3.1 crashes where its optimiser inlines this into a caller with another error type.
    @inline(never)
    private func transaction<Value, Failure: SQLiteFailure>(
        _ begin: SQLText, mayWrite: Bool, _ body: (borrowing SQLiteTransaction<Failure>) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        precondition(handle.isInAutocommit, "a transaction inside a transaction")
        do throws(SQLiteError) { try step(begin) } catch { throw Failure(error) }
        do throws(Failure) {
            let value = try body(SQLiteTransaction(connection: self, mayWrite: mayWrite))
            do throws(SQLiteError) { try step("COMMIT") } catch {
                if error.isFailedSync { failedSync = error }
                throw Failure(error)
            }
            return value
        } catch {
            // Some errors have already rolled back. If this one fails too, the next BEGIN says so.
            if !handle.isInAutocommit { try? step("ROLLBACK") }
            throw error
        }
    }

    private func step(_ sql: SQLText) throws(SQLiteError) {
        let statement = try statement(sql)
        defer { statement.reset() }
        _ = try statement.step()
    }

    /// Checkpoints, under the lock. The transaction before this is committed, so a failure here must not look like its own.
    private func catchUp() {
        owesCheckpoint = false
        do throws(SQLiteError) {
            try handle.checkpointPassively()
            checkpointFailure = nil
        } catch {
            checkpointFailure = error
            if error.isFailedSync { failedSync = error }
        }
    }

    /// Makes an empty file a database of the farm. Killed at any point, the next connection goes on from there.
    ///
    /// The application id is written with a rollback journal, before the file has a write-ahead log: so it stands in
    /// the file itself from the first page on, where `DatabaseFile` finds it without touching anything.
    private func establish() throws(SQLiteError) {
        if try text("PRAGMA journal_mode") != "wal" {
            try locked(lock) { () throws(SQLiteError) in
                if try integer("PRAGMA application_id") == 0, try integer("SELECT count(*) FROM sqlite_schema") == 0 {
                    try handle.execute(
                        """
                        -- Of most transactions a commit writes a few pages whole, and half as large ones sync quicker.
                        PRAGMA page_size=2048;
                        BEGIN IMMEDIATE;
                        PRAGMA application_id=\(DatabaseFile.applicationID);
                        CREATE TABLE schema_version (
                            component TEXT NOT NULL PRIMARY KEY,
                            version INTEGER NOT NULL
                        ) STRICT, WITHOUT ROWID;
                        COMMIT
                        """)
                }
                _ = try text("PRAGMA journal_mode=WAL")
            }
        }
        let applicationID = try integer("PRAGMA application_id")
        guard applicationID == DatabaseFile.applicationID else {
            throw .foreign(file: file, applicationID: applicationID)
        }
    }

    private func text(_ sql: SQLText) throws(SQLiteError) -> String {
        let statement = try SQLiteStatement(sql, in: handle)
        return try statement.step() ? String(decoding: statement.textBytes(0), as: UTF8.self) : ""
    }

    private func integer(_ sql: String) throws(SQLiteError) -> Int64 {
        let statement = try SQLiteStatement(sql, in: handle)
        return try statement.step() ? statement.integer(0) : 0
    }
}

/// When to checkpoint: each time the log has grown by two thousand pages (4 MB).
///
/// A checkpoint that copied all makes the next writer begin the log anew. One that a reader held up is tried again
/// only after as many pages again, or each commit would try in vain.
struct CheckpointSchedule {
    static let interval = 2000
    private var lastLogPageCount = 0
    private var next = Self.interval

    mutating func isDue(logPageCount: Int) -> Bool {
        if logPageCount < lastLogPageCount { next = Self.interval }
        lastLogPageCount = logPageCount
        guard logPageCount >= next else { return false }
        next = logPageCount + Self.interval
        return true
    }
}

/// Opens connections on a thread that may block.
private actor Opener {
    private let executor: BlockingExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(executor: BlockingExecutor) { self.executor = executor }

    func open(
        _ path: String, synchronous: SQLiteConnection.Synchronous
    ) throws(SQLiteError) -> sending SQLiteConnection {
        try SQLiteConnection(path, synchronous: synchronous)
    }
}

private func locked(_ lock: WriterLock, _ body: () throws(SQLiteError) -> Void) throws(SQLiteError) {
    do throws(SystemError) { try lock.acquire() } catch { throw .system(error) }
    defer { lock.release() }
    try body()
}
