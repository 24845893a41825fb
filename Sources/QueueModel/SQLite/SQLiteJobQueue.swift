import SQLiteStore
public import System

/// The queue in a SQLite file that several processes share: the farm's embedded default.
///
/// Everything that must not be forgotten (a submission, an end, a cancellation) goes through a connection that syncs
/// before it answers. A claim and a renewal need not: losing one in a power cut means that the job is handed out
/// again.
public actor SQLiteJobQueue: JobQueue {
    /// The thread on which the two writing connections live; it may wait for other processes.
    private let executor: BlockingExecutor
    /// See `BlockingExecutor`.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let synced: SQLiteConnection
    private let unsynced: SQLiteConnection
    private let reader: SQLiteJobReader
    private let now: @Sendable () -> Timestamp
    private let random: RandomSource
    private let backoff: Backoff

    /// Opens the queue in the file at `path`, making what is missing.
    ///
    /// - Throws: `.corrupt` for a file that is damaged or another program's, which is left as it is; `.backend` for
    ///   one that a later version has changed.
    public static func open(
        _ path: String, backoff: Backoff = .standard, random: RandomSource = .system,
        now: @escaping @Sendable () -> Timestamp
    ) async throws(QueueError) -> SQLiteJobQueue {
        do throws(SQLiteError) {
            let executor = BlockingExecutor("queue")
            let queue = SQLiteJobQueue(
                executor: executor,
                synced: try await SQLiteConnection.open(path, synchronous: .full, on: executor),
                unsynced: try await SQLiteConnection.open(path, synchronous: .normal, on: executor),
                reader: try await SQLiteJobReader.open(path, now: now),
                backoff: backoff, random: random, now: now)
            try await queue.migrate()
            return queue
        } catch {
            throw QueueError(error)
        }
    }

    private init(
        executor: BlockingExecutor, synced: sending SQLiteConnection, unsynced: sending SQLiteConnection,
        reader: SQLiteJobReader, backoff: Backoff, random: RandomSource, now: @escaping @Sendable () -> Timestamp
    ) {
        self.executor = executor
        self.synced = synced
        self.unsynced = unsynced
        self.reader = reader
        self.backoff = backoff
        self.random = random
        self.now = now
    }

    private func migrate() throws(SQLiteError) {
        try synced.migrate(JobTables.component, steps: JobTables.migrations)
    }

    /// Makes the next writes find a full disk; for tests.
    func limitPages(to count: Int) throws(SQLiteError) {
        for connection in [synced, unsynced] { try connection.limitPages(to: count) }
    }

    /// See `JobQueue`.
    public func enqueue(_ submission: Submission) throws(QueueError) -> Job {
        try submission.validate()
        return try synced.writeTransaction { transaction throws(QueueError) in
            try transaction.add(submission, at: now())
        }
    }

    /// See `JobQueue`.
    public func claim(by worker: String, lanes: [Lane]?, for duration: Duration) throws(QueueError) -> Job? {
        try validateLease(worker: worker, duration)
        // A look first: an idle worker takes no lock and writes nothing.
        let outlook = try unsynced.readTransaction { transaction throws(QueueError) in
            try transaction.outlook(for: lanes, at: now())
        }
        if outlook == .nothing { return nil }
        if outlook == .expiredLeases {
            // Synced, because a job may end here, and an end that people have seen must not be taken back.
            try synced.writeTransaction { transaction throws(QueueError) in
                try transaction.reclaimExpired(at: now())
            }
        }
        return try unsynced.writeTransaction { transaction throws(QueueError) in
            let now = now()
            try transaction.promoteDue(at: now)
            return try transaction.claimOldest(of: lanes, at: now) { epoch in
                Job.Lease(
                    worker: worker, epoch: epoch, claimID: Job.ClaimID(random: random), until: now + duration)
            }
        }
    }

    /// See `JobQueue`.
    public func renew(_ claim: Job.Claim, for duration: Duration) throws(QueueError) {
        try validateLease(duration)
        try unsynced.writeTransaction { transaction throws(QueueError) in
            let (row, life) = try transaction.held(by: claim)
            let now = now()
            try transaction.apply(.renewed(until: now + duration), to: life, row, at: now)
        }
    }

    /// See `JobQueue`.
    public func report(_ progress: Job.Progress, _ claim: Job.Claim) throws(QueueError) {
        try unsynced.writeTransaction { transaction throws(QueueError) in
            var (row, life) = try transaction.held(by: claim)
            life.progress = progress
            try transaction.save(life, row)
        }
    }

    /// See `JobQueue`.
    public func complete(_ claim: Job.Claim, result: Job.Result) throws(QueueError) {
        try synced.writeTransaction { transaction throws(QueueError) in
            let (row, life) = try transaction.held(by: claim)
            try transaction.apply(.completed(result), to: life, row, at: now())
        }
    }

    /// See `JobQueue`.
    @discardableResult
    public func fail(_ claim: Job.Claim, _ failure: Job.Failure) throws(QueueError) -> Job.State {
        try synced.writeTransaction { transaction throws(QueueError) in
            let (row, life) = try transaction.held(by: claim)
            let now = now()
            let event = life.failedAttempt(failure, at: now, backoff: backoff, random: random)
            return try transaction.apply(event, to: life, row, at: now).state
        }
    }

    /// See `JobQueue`.
    @discardableResult
    public func cancel(_ id: Job.ID) throws(QueueError) -> Job {
        try synced.writeTransaction { transaction throws(QueueError) in
            guard let row = try transaction.row(of: id) else { throw .notFound(id) }
            var job = try transaction.readableJob(row, id)
            let now = now()
            guard job.life.next(on: .cancelled, at: now) != nil else {
                throw .wrongState(id, state: job.state.name, verb: "cancel")
            }
            job.life = try transaction.apply(.cancelled, to: job.life, row, at: now)
            return job
        }
    }

    /// See `JobQueue`.
    public func retry(_ id: Job.ID, as newID: Job.ID) throws(QueueError) -> Job {
        try synced.writeTransaction { transaction throws(QueueError) in
            guard let row = try transaction.row(of: id) else { throw .notFound(id) }
            let old = try transaction.readableJob(row, id)
            guard old.state.name == .failed || old.state.name == .cancelled else {
                throw .wrongState(id, state: old.state.name, verb: "retry")
            }
            return try transaction.add(Submission(retrying: old, as: newID), at: now())
        }
    }

    /// See `JobQueue`. Waits for no writer.
    public nonisolated func status(of id: Job.ID) async throws(QueueError) -> Job? { try await reader.status(of: id) }

    /// See `JobQueue`. Waits for no writer.
    public nonisolated func list(
        _ filter: JobFilter, after cursor: JobCursor?, limit: Int
    ) async throws(QueueError) -> JobPage {
        try await reader.list(filter, after: cursor, limit: limit)
    }

    /// See `JobQueue`. Waits for no writer.
    public nonisolated func counts(dueWithin duration: Duration) async throws(QueueError) -> QueueCounts {
        try await reader.counts(dueWithin: duration)
    }
}
