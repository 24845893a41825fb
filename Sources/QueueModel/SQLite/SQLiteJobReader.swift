import SQLiteStore
import System

/// The queue's questions, on a thread and a connection of their own, so that none waits for a writer.
actor SQLiteJobReader {
    private let executor: BlockingExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private let connection: SQLiteConnection
    private let rules: QueueRules
    private let now: @Sendable () -> Timestamp

    static func open(
        _ path: String, rules: QueueRules, now: @escaping @Sendable () -> Timestamp
    ) async throws(SQLiteError) -> SQLiteJobReader {
        let executor = BlockingExecutor("queue-reader")
        let connection = try await SQLiteConnection.open(path, synchronous: .normal, on: executor)
        return SQLiteJobReader(executor, connection, rules, now)
    }

    private init(
        _ executor: BlockingExecutor, _ connection: sending SQLiteConnection, _ rules: QueueRules,
        _ now: @escaping @Sendable () -> Timestamp
    ) {
        self.executor = executor
        self.connection = connection
        self.rules = rules
        self.now = now
    }

    func status(of id: Job.ID) throws(QueueError) -> Job? {
        try connection.readTransaction { transaction throws(QueueError) in
            guard let row = try transaction.row(of: id) else { return nil }
            return try transaction.readableJob(row, id).job
        }
    }

    func standing(of id: Job.ID) throws(QueueError) -> Standing? {
        try connection.readTransaction { transaction throws(QueueError) in
            guard let row = try transaction.row(of: id) else { return nil }
            let found = try transaction.readableJob(row, id)
            let now = now()
            let outlook = try transaction.outlook(of: found.stored.lane, rules, now)
            let limit = SQLiteValue.integer(Int64(QueueLimits.countedPlaces))
            return try outlook?.standing(
                of: found.job,
                place: transaction.count(.place, .integer(found.stored.lane), .integer(row), limit), now: now)
        }
    }

    func list(_ filter: JobFilter, after cursor: JobCursor?, limit: Int) throws(QueueError) -> JobPage {
        try validatePage(limit: limit)
        return try connection.readTransaction { transaction throws(QueueError) in
            var page = JobPage(jobs: [], next: nil)
            var byteCount = 0
            var last = cursor?.position ?? .max
            // One row more than the page holds tells whether another page follows.
            for (index, row) in try transaction.rows(filter, before: last, limit: limit + 1).enumerated() {
                if index == limit || byteCount >= QueueLimits.pageByteCount {
                    page.next = JobCursor(position: last)
                    break
                }
                switch try transaction.whole(row) {
                case .readable(let found):
                    page.jobs.append(found.job)
                    byteCount += found.body.request.count
                case .unreadable(let reason):
                    page.parked.append(try transaction.parked(row, reason))
                }
                last = row
            }
            return page
        }
    }

    func counts(dueWithin duration: Duration) throws(QueueError) -> QueueCounts {
        try connection.readTransaction { transaction throws(QueueError) in
            let soon = now() + duration
            // Lane by lane, as claims look: a row whose lane is none would otherwise count for ever.
            var queued = 0
            for lane in try transaction.lanes() { queued += try transaction.count(.countQueued, .integer(lane.code)) }
            return QueueCounts(
                scheduled: try transaction.count(.countScheduled),
                dueSoon: try transaction.count(.countDue, .integer(soon.milliseconds)),
                queued: queued,
                running: try transaction.count(.countRunning),
                parked: try transaction.count(.countParked))
        }
    }

    func lanes() throws(QueueError) -> [LaneStatus] {
        try connection.readTransaction { transaction throws(QueueError) in
            let lanes = try transaction.lanes()
            let holds = try transaction.holds(among: lanes)
            var found: [LaneStatus] = []
            for lane in lanes {
                let status = try transaction.status(of: lane, holds)
                let isEmpty = status.queued == 0 && status.scheduled == 0 && status.running == 0
                if lane.isConfigured || !isEmpty { found.append(status) }
            }
            return found
        }
    }

    func workers() throws(QueueError) -> [WorkerStatus] {
        try connection.readTransaction { transaction throws(QueueError) in
            let now = now()
            var found: [WorkerStatus] = []
            for worker in try transaction.workers(within: QueueLimits.workerMemory, of: now) {
                var jobs: [Job.ID] = []
                for row in try transaction.integers(.heldBy, .text(worker.record.name)) {
                    if let id = try transaction.publicID(row) { jobs.append(id) }
                }
                found.append(
                    WorkerStatus(
                        record: worker.record, started: worker.started, lastBeat: worker.lastBeat,
                        isAlive: worker.lastBeat.isWithin(rules.workerTimeout, of: now), jobs: jobs))
            }
            return found
        }
    }

    func batch(_ id: Batch.ID) throws(QueueError) -> Batch? {
        try connection.readTransaction { transaction throws(QueueError) in try transaction.batch(id)?.batch }
    }

    func items(of id: Batch.ID, after row: Int, limit: Int) throws(QueueError) -> [Batch.Item] {
        try validatePage(limit: limit)
        return try connection.readTransaction { transaction throws(QueueError) in
            guard let batch = try transaction.batch(id) else { throw .noSuchBatch(id) }
            return try transaction.items(of: batch.row, after: row, limit: limit)
        }
    }

    func events(after sequence: Int64?, limit: Int) throws(QueueError) -> EventPage {
        try require(limit, in: 1...10_000, "limit")
        return try connection.readTransaction { transaction throws(QueueError) in
            let last = try transaction.integer(.lastEvent) ?? 0
            guard let sequence else { return EventPage(events: [], next: last, needsResync: false) }
            guard sequence <= last else { return EventPage(events: [], next: last, needsResync: true) }
            return try transaction.events(after: max(sequence, 0), limit: limit)
        }
    }

    func hasEvents(after sequence: Int64) throws(QueueError) -> Bool {
        try connection.readTransaction { transaction throws(QueueError) in
            (try transaction.integer(.lastEvent) ?? 0) > sequence
        }
    }

    func outlook(for lanes: [Lane]?) throws(QueueError) -> ClaimOutlook {
        try connection.readTransaction { transaction throws(QueueError) in
            try transaction.outlook(for: lanes, at: now())
        }
    }

    /// The numbers of those lanes (nil: of all), and when something will change by itself.
    func nextChange(for wanted: [Lane]?) throws(QueueError) -> (lanes: [Int64], time: Timestamp?) {
        try connection.readTransaction { transaction throws(QueueError) in
            let lanes = try transaction.lanes().filter { wanted?.contains($0.policy.lane) != false }
            return (lanes.map(\.code), try transaction.nextChange(for: wanted, at: now()))
        }
    }

    /// What is wrong with the file, in SQLite's words; empty when nothing is. Reads all of it.
    func integrityCheck() throws(SQLiteError) -> [String] { try connection.integrityCheck() }

    /// Copies the whole database to a new file.
    func backUp(to path: String) throws(SQLiteError) { try connection.backUp(to: path) }
}

extension SQLiteJobQueue {
    /// What is wrong with the file, in SQLite's words; empty when nothing is. Reads all of it.
    public func integrityCheck() async throws(QueueError) -> [String] {
        do { return try await reader.integrityCheck() } catch { throw QueueError(error) }
    }

    /// Writes a copy of the whole database, as it is at this moment, to a new file. Everybody works on meanwhile.
    public func backUp(to path: String) async throws(QueueError) {
        do { try await reader.backUp(to: path) } catch { throw QueueError(error) }
    }

    /// See `JobQueue`.
    public func status(of id: Job.ID) async throws(QueueError) -> Job? { try await reader.status(of: id) }

    /// See `JobQueue`.
    public func standing(of id: Job.ID) async throws(QueueError) -> Standing? { try await reader.standing(of: id) }

    /// See `JobQueue`.
    public func list(
        _ filter: JobFilter, after cursor: JobCursor?, limit: Int
    ) async throws(QueueError) -> JobPage { try await reader.list(filter, after: cursor, limit: limit) }

    /// See `JobQueue`.
    public func counts(dueWithin duration: Duration) async throws(QueueError) -> QueueCounts {
        try await reader.counts(dueWithin: duration)
    }

    /// See `JobQueue`.
    public func lanes() async throws(QueueError) -> [LaneStatus] { try await reader.lanes() }

    /// See `JobQueue`.
    public func workers() async throws(QueueError) -> [WorkerStatus] { try await reader.workers() }

    /// See `JobQueue`.
    public func batch(_ id: Batch.ID) async throws(QueueError) -> Batch? { try await reader.batch(id) }

    /// See `JobQueue`.
    public func items(of batch: Batch.ID, after row: Int, limit: Int) async throws(QueueError) -> [Batch.Item] {
        try await reader.items(of: batch, after: row, limit: limit)
    }

    /// See `JobQueue`.
    public func events(after sequence: Int64?, limit: Int) async throws(QueueError) -> EventPage {
        try await reader.events(after: sequence, limit: limit)
    }

    /// See `JobQueue`.
    public func waitForEvents(after sequence: Int64, atMost limit: Duration) async throws(QueueError) {
        do {
            let bell = try bells.join()
            // Looked at once the bell hangs: what comes later rings it.
            if try await reader.hasEvents(after: sequence) { return }
            _ = try await Doorbell.wait(for: [bell], atMost: limit)
        } catch let error as QueueError {
            throw error
        } catch {
            throw .backend(detail: "\(error)")
        }
    }
}
