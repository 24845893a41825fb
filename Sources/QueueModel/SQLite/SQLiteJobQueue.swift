import SQLiteStore
public import System

/// The queue in a SQLite file that several processes share: the farm's embedded default.
///
/// Everything that must not be forgotten (a submission, an end, a cancellation, an order) is synced before it is
/// answered. A claim, a renewal and a beat need not be: losing one in a power cut means that the job is handed out again.
/// What several callers of one process ask for at the same time goes into one transaction (`JobWriter`); questions are
/// answered on a connection of their own and wait for no writer.
public final class SQLiteJobQueue: JobQueue {
    let path: String
    let writer: JobWriter
    let reader: Exclusive<SQLiteJobReader>
    let standings = Gatherer<Job.ID, Standing?, QueueError>(limit: 256, unanswered: .backend(detail: "too few answers"))
    let bells: QueueBells
    let memory: QueueMemory
    let rules: QueueRules
    let random: RandomSource
    let now: @Sendable () -> Timestamp

    /// Opens the queue in the file at `path`, making what is missing; a new one has the standard lanes.
    ///
    /// - Throws: `.corrupt` for a file that is damaged or another program's, which is left as it is; `.backend` for
    ///   one that a later version has changed.
    public static func open(
        _ path: String, rules: QueueRules = QueueRules(), random: RandomSource = .system,
        now: @escaping @Sendable () -> Timestamp
    ) async throws(QueueError) -> SQLiteJobQueue {
        do throws(SQLiteError) {
            let memory = QueueMemory()
            let bells: QueueBells
            do throws(SystemError) { bells = try QueueBells(besides: path, random: random) } catch {
                throw .system(error)
            }
            let writer = try await JobWriter.open(path, bells, memory, eventLimit: rules.eventLimit, now: now)
            let reader = try await SQLiteJobReader.open(path, rules: rules, now: now)
            let queue = SQLiteJobQueue(path, writer, reader, bells, memory, rules, random, now)
            do throws(QueueError) {
                if try await queue.policies().isEmpty { try await queue.configure(LanePolicy.standard, ifNone: true) }
            } catch {
                throw .other(code: 0, operation: "prepare the queue in", file: path, detail: error.description)
            }
            return queue
        } catch {
            throw QueueError(error)
        }
    }

    private init(
        _ path: String, _ writer: JobWriter, _ reader: Exclusive<SQLiteJobReader>, _ bells: QueueBells,
        _ memory: QueueMemory,
        _ rules: QueueRules, _ random: RandomSource, _ now: @escaping @Sendable () -> Timestamp
    ) {
        self.path = path
        self.writer = writer
        self.reader = reader
        self.bells = bells
        self.memory = memory
        self.rules = rules
        self.random = random
        self.now = now
    }

    /// Makes the next writes find a full disk; for tests.
    func limitPages(to count: Int) async throws(SQLiteError) {
        try await writer.withConnection { (connection) throws(SQLiteError) in try connection.limitPages(to: count) }
    }

    /// The queue's statements by name, for a program that measures them without the queue around them.
    package static var statements: [(name: String, sql: String)] {
        JobSQL.allCases.map { ("\($0)", $0.rawValue.description) }
    }

    // MARK: Intake

    /// See `JobQueue`.
    public func enqueue(_ submissions: [Submission]) async throws(QueueError) -> [Result<Job, QueueError>] {
        try Submission.validate(submissions)
        if submissions.isEmpty { return [] }
        return try await writer.write(.full) { (transaction, context) throws(QueueError) in
            var answers: [Result<Job, QueueError>] = []
            answers.reserveCapacity(submissions.count)
            for submission in submissions {
                do throws(QueueError) { answers.append(.success(try transaction.add(submission, &context).job)) } catch
                {
                    // A refusal is this submission's alone; a store that fails takes the whole call back.
                    guard error.isRefusal else { throw error }
                    answers.append(.failure(error))
                }
            }
            return answers
        }
    }

    /// See `JobQueue`.
    public func open(_ id: Batch.ID, total: Int, requestedBy: String) async throws(QueueError) -> Batch {
        try require(total, in: 1...Batch.maximumTotal, "total")
        try validateName("requestedBy", requestedBy)
        return try await writer.write(.full) { (transaction, context) throws(QueueError) in
            try transaction.open(id, total: total, requestedBy: requestedBy, context)
        }
    }

    /// See `JobQueue`.
    public func reject(_ place: Batch.Place, _ failure: Job.Failure) async throws(QueueError) {
        try await writer.write(.full) { (transaction, context) throws(QueueError) in
            try transaction.reject(place, failure, &context)
        }
    }

    /// See `JobQueue`.
    @discardableResult
    public func cancel(_ id: Job.ID) async throws(QueueError) -> Job {
        try await writer.write(.full) { (transaction, context) throws(QueueError) in
            guard let row = try transaction.row(of: id) else { throw .notFound(id) }
            var found = try transaction.readableJob(row, id)
            let state = found.stored.life.state.name
            guard !state.isFinal else { throw .wrongState(id, state: state, verb: "cancel") }
            found.stored = try transaction.apply(.cancelled, to: found.stored, &context)
            return found.job
        }
    }

    /// See `JobQueue`.
    public func retry(_ id: Job.ID, as newID: Job.ID) async throws(QueueError) -> Job {
        try await writer.write(.full) { (transaction, context) throws(QueueError) in
            guard let row = try transaction.row(of: id) else { throw .notFound(id) }
            let old = try transaction.readableJob(row, id)
            let state = old.stored.life.state.name
            guard state == .failed || state == .cancelled else { throw .wrongState(id, state: state, verb: "retry") }
            return try transaction.addRetry(of: old, as: newID, &context).job
        }
    }

    /// See `JobQueue`.
    public func retryFailed(
        of lane: Lane?, failedBy time: Timestamp, limit: Int
    ) async throws(QueueError) -> [Job] {
        try validatePage(limit: limit)
        return try await writer.write(.full) { [random] (transaction, context) throws(QueueError) in
            try transaction.retryFailed(of: lane, failedBy: time, limit: limit, random, &context)
        }
    }
}

extension QueueError {
    /// Whether it is about what was asked for; otherwise the store has failed.
    var isRefusal: Bool {
        switch self {
        case .full, .backend, .corrupt, .unusable: false
        case .notFound, .leaseLost, .outOfTime, .wrongState, .alreadyExists, .keyTaken, .rowTaken, .noSuchBatch,
            .batchDiffers, .noSuchLane, .closed, .invalid, .requestTooLarge, .parked:
            true
        }
    }
}
