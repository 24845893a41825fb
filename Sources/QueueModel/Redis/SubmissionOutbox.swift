import JSON
import SQLiteStore
public import System

/// What a farm on a Redis has answered lately and that server may still forget, in a file beside whoever submits.
///
/// A server that syncs once a second loses, in a power cut, what came last. An entry stays until the run of the server that
/// took it is seen alive long enough afterwards, with nothing left to sync; when another run has begun before that, it is
/// sent again (`RedisJobQueue.settleOutbox`). What is here was answered, so that it is synced before it is. Several
/// processes may share the file.
public actor SubmissionOutbox {
    /// The thread on which this actor may block.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let executor: BlockingExecutor
    private let connection: SQLiteConnection
    private let now: @Sendable () -> Timestamp

    /// Something that was answered.
    enum Entry: Sendable, Equatable {
        case batch(Batch)
        case job(Job)
        case refusal(Batch.Refusal)
    }

    /// Opens the outbox in the file at `path`, making what is missing; the folder must be there.
    public static func open(
        _ path: String, now: @escaping @Sendable () -> Timestamp
    ) async throws(QueueError) -> SubmissionOutbox {
        let executor = BlockingExecutor("outbox")
        do throws(SQLiteError) {
            let connection = try await SQLiteConnection.open(path, synchronous: .full, on: executor)
            let outbox = SubmissionOutbox(connection: connection, executor: executor, now: now)
            try await outbox.migrate()
            return outbox
        } catch {
            throw QueueError(error)
        }
    }

    private init(
        connection: sending SQLiteConnection, executor: BlockingExecutor, now: @escaping @Sendable () -> Timestamp
    ) {
        self.connection = connection
        self.executor = executor
        self.now = now
    }

    private func migrate() throws(SQLiteError) { try connection.migrate("outbox", steps: [OutboxSQL.version1]) }

    /// Keeps entries that `run` of the server has taken. When this returns, they are on the disk.
    func keep(_ entries: [(entry: Entry, run: String)]) throws(QueueError) {
        let time = now().milliseconds
        try connection.writeTransaction { transaction throws(QueueError) in
            for (entry, run) in entries {
                try transaction.run(
                    OutboxSQL.keep,
                    [
                        .blob(entry.name), .integer(entry.kind), .text(run), .integer(time),
                        .blob(entry.document.bytes()),
                    ])
            }
        }
    }

    /// Where an entry stands in the order in which entries are to be sent again.
    struct Place: Sendable {
        var kind: Int64 = 0
        var number: Int64 = 0
    }

    /// Entries that another run than `run` has taken, in the order in which they are to be sent again: at most `limit` after
    /// `place`.
    func taken(
        byOthersThan run: String, after place: Place, limit: Int
    ) throws(QueueError) -> [(place: Place, entry: Entry)] {
        try connection.readTransaction { transaction throws(QueueError) in
            let values: [SQLiteValue] = [
                .text(run), .integer(place.kind), .integer(place.number), .integer(Int64(limit)),
            ]
            return try transaction.rows(OutboxSQL.taken, values) { row throws(QueueError) in
                let place = Place(kind: try row.integer(0), number: try row.integer(1))
                return (place, try Entry(kind: place.kind, try row.blob(2)))
            }
        }
    }

    /// Forgets an entry, which no longer need be sent.
    func forget(_ entry: Entry) throws(QueueError) {
        try connection.writeTransaction { transaction throws(QueueError) in
            try transaction.run(OutboxSQL.forget, [.blob(entry.name)])
        }
    }

    /// Forgets what `run` took at least `age` ago.
    func forget(takenBy run: String, since age: Duration) throws(QueueError) {
        let time = (now() + (.zero - age)).milliseconds
        // A look first, since a farm at rest has nothing here.
        let hasSome = try connection.readTransaction { transaction throws(QueueError) in
            try transaction.row(OutboxSQL.hasOld, [.text(run), .integer(time)]) { row throws(QueueError) in
                try row.integer(0)
            }
        }
        guard hasSome != nil else { return }
        try connection.writeTransaction { transaction throws(QueueError) in
            try transaction.run(OutboxSQL.forgetOld, [.text(run), .integer(time)])
        }
    }

    /// Makes the next entries find a full disk; for tests.
    func limitPages(to count: Int) throws(SQLiteError) { try connection.limitPages(to: count) }

    /// How many entries there are.
    var count: Int {
        get throws(QueueError) {
            try connection.readTransaction { transaction throws(QueueError) in
                let count = try transaction.row(OutboxSQL.count) { row throws(QueueError) in try row.integer(0) }
                return Int(clamping: count ?? 0)
            }
        }
    }
}

/// The statements of the outbox.
private enum OutboxSQL {
    /// `name` tells entries apart, `kind` orders them: batches before what belongs to them. `run` is the server's, `at`
    /// milliseconds since 1970, `body` as `JobCoding` has it.
    static let version1 = """
        CREATE TABLE entry (
            number INTEGER PRIMARY KEY,
            name BLOB NOT NULL UNIQUE,
            kind INTEGER NOT NULL,
            run TEXT NOT NULL,
            at INTEGER NOT NULL,
            body BLOB NOT NULL
        ) STRICT;
        CREATE INDEX entry_run ON entry (run, at)
        """

    static let keep: SQLText = """
        INSERT INTO entry (name, kind, run, at, body) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (name) DO UPDATE SET run = excluded.run, at = excluded.at, body = excluded.body
        """
    static let taken: SQLText = """
        SELECT kind, number, body FROM entry WHERE run <> ?1 AND (kind, number) > (?2, ?3) ORDER BY kind, number LIMIT ?4
        """
    static let forget: SQLText = "DELETE FROM entry WHERE name = ?1"
    static let hasOld: SQLText = "SELECT 1 FROM entry WHERE run = ?1 AND at <= ?2 LIMIT 1"
    static let forgetOld: SQLText = "DELETE FROM entry WHERE run = ?1 AND at <= ?2"
    static let count: SQLText = "SELECT count(*) FROM entry"
}

extension SubmissionOutbox.Entry {
    fileprivate var kind: Int64 {
        switch self {
        case .batch: 1
        case .job: 2
        case .refusal: 3
        }
    }

    fileprivate var name: [UInt8] {
        switch self {
        case .batch(let batch): [1] + batch.id.bytes
        case .job(let job): [2] + job.id.bytes
        case .refusal(let refusal): [3] + refusal.place.batch.bytes + Array(String(refusal.place.row).utf8)
        }
    }

    fileprivate var document: JSONValue {
        switch self {
        case .batch(let batch): JobCoding.encode(batch)
        case .job(let job): JobCoding.encode(job)
        case .refusal(let refusal): JobCoding.encode(refusal)
        }
    }

    fileprivate init(kind: Int64, _ body: [UInt8]) throws(QueueError) {
        let document: JSONValue
        do throws(JSONError) { document = try JSONValue(parsing: body) } catch {
            throw .corrupt(detail: "the outbox has an entry that is \(error)")
        }
        switch kind {
        case 1: self = .batch(try JobCoding.decodeBatch(document))
        case 2: self = .job(try JobCoding.decodeJob(document))
        case 3: self = .refusal(try JobCoding.decodeRefusal(document))
        default: throw .corrupt(detail: "the outbox has an entry of kind \(kind)")
        }
    }
}
