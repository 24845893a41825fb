import SQLiteStore
import System

/// The queue's questions, on a connection of their own, so that none waits for a writer.
final class SQLiteJobReader {
    private let connection: SQLiteConnection
    private let rules: QueueRules
    private let now: @Sendable () -> Timestamp

    static func open(
        _ path: String, rules: QueueRules, now: @escaping @Sendable () -> Timestamp
    ) async throws(SQLiteError) -> Exclusive<SQLiteJobReader> {
        let thread = BlockingExecutor("queue-reader")
        let connection = try await SQLiteConnection.open(path, synchronous: .normal, on: thread)
        return Exclusive(SQLiteJobReader(connection, rules, now), on: thread)
    }

    private init(
        _ connection: sending SQLiteConnection, _ rules: QueueRules, _ now: @escaping @Sendable () -> Timestamp
    ) {
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

    /// Where jobs stand, seen at one moment; or why one of them cannot be read.
    func standings(of ids: [Job.ID]) throws(QueueError) -> [Result<Standing?, QueueError>] {
        try connection.readTransaction { transaction throws(QueueError) in
            let now = now()
            var outlooks: [Int64: LaneOutlook?] = [:]
            let limit = SQLiteValue.integer(Int64(QueueLimits.countedPlaces))
            var standings: [Result<Standing?, QueueError>] = []
            for id in ids {
                do throws(QueueError) {
                    guard let row = try transaction.row(of: id) else {
                        standings.append(.success(nil))
                        continue
                    }
                    let found = try transaction.readableJob(row, id)
                    let lane = found.stored.lane
                    let known = outlooks[lane]
                    let outlook = if let known { known } else { try transaction.outlook(of: lane, rules, now) }
                    outlooks.updateValue(outlook, forKey: lane)
                    let standing = try outlook?.standing(
                        of: found.job, place: transaction.count(.place, .integer(lane), .integer(row), limit), now: now)
                    standings.append(.success(standing))
                } catch {
                    // A row that cannot be read is nobody else's trouble.
                    guard error.isRefusal else { throw error }
                    standings.append(.failure(error))
                }
            }
            return standings
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
                byteCount += try transaction.add(row, to: &page)
                last = row
            }
            return page
        }
    }

    func arrivals(after cursor: JobCursor?, limit: Int) throws(QueueError) -> JobPage {
        try validatePage(limit: limit)
        return try connection.readTransaction { transaction throws(QueueError) in
            var page = JobPage(jobs: [], next: nil)
            var byteCount = 0
            var last = cursor?.position ?? 0
            let rows = try transaction.integers(.arrivals, .integer(last), .integer(Int64(limit + 1)))
            for (index, row) in rows.enumerated() {
                if index == limit || byteCount >= QueueLimits.pageByteCount {
                    page.next = JobCursor(position: last)
                    break
                }
                byteCount += try transaction.add(row, to: &page)
                last = row
            }
            return page
        }
    }

    func batches(after last: Batch?, limit: Int) throws(QueueError) -> [Batch] {
        try validatePage(limit: limit)
        return try connection.readTransaction { transaction throws(QueueError) in
            let values: [SQLiteValue] = [
                .integer(last?.created.milliseconds ?? .min), .blob(last?.id.bytes ?? []), .integer(Int64(limit)),
            ]
            return try transaction.rows(JobSQL.batchesAfter.rawValue, values) { row throws(QueueError) in
                try StoredBatch(row).batch
            }
        }
    }

    func counts(of wanted: [Lane]?, dueWithin duration: Duration) throws(QueueError) -> QueueCounts {
        try connection.readTransaction { transaction throws(QueueError) in
            let soon = SQLiteValue.integer((now() + duration).milliseconds)
            var counts = QueueCounts(parked: try transaction.count(.countParked))
            // Lane by lane, as claims look: a row whose lane is none would otherwise count for ever.
            for lane in try transaction.lanes() where wanted?.contains(lane.policy.lane) != false {
                let code = SQLiteValue.integer(lane.code)
                counts.queued += try transaction.count(.countQueued, code)
                guard wanted != nil else { continue }
                counts.scheduled += try transaction.count(.countScheduledIn, code)
                counts.dueSoon += try transaction.count(.countDueIn, code, soon)
                counts.running += try transaction.count(.countRunningIn, code)
            }
            if wanted == nil {
                counts.scheduled = try transaction.count(.countScheduled)
                counts.dueSoon = try transaction.count(.countDue, soon)
                counts.running = try transaction.count(.countRunning)
            }
            return counts
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

    func policies() throws(QueueError) -> [LanePolicy] {
        try connection.readTransaction { transaction throws(QueueError) in
            try transaction.lanes().filter(\.isConfigured).map(\.policy)
        }
    }

    func parked(limit: Int) throws(QueueError) -> [ParkedJob] {
        try validatePage(limit: limit)
        return try connection.readTransaction { transaction throws(QueueError) in
            var parked: [ParkedJob] = []
            for row in try transaction.integers(.listParked, .integer(Int64(limit))) {
                guard case .unreadable(let reason) = try transaction.whole(row) else { continue }
                parked.append(try transaction.parked(row, reason))
            }
            return parked
        }
    }

    func endedCount() throws(QueueError) -> Int {
        try connection.readTransaction { transaction throws(QueueError) in try transaction.count(.countEnded) }
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
}

extension SQLiteJobQueue {
    /// What is wrong with the file, in SQLite's words; empty when nothing is. Reads all of it.
    public func integrityCheck() async throws(QueueError) -> [String] {
        try await LongReader.open(path).integrityCheck()
    }

    /// Writes a copy of the whole database, as it is at this moment, to a new file. Everybody works on meanwhile.
    public func backUp(to path: String) async throws(QueueError) {
        try await LongReader.open(self.path).backUp(to: path)
    }

    /// What reads all of the file, on a connection of its own: nobody waits for it.
    private actor LongReader {
        private let executor: BlockingExecutor
        nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
        private let connection: SQLiteConnection

        static func open(_ path: String) async throws(QueueError) -> LongReader {
            let executor = BlockingExecutor("queue-long-reader")
            do throws(SQLiteError) {
                return LongReader(
                    executor, try await SQLiteConnection.open(path, synchronous: .normal, on: executor))
            } catch {
                throw QueueError(error)
            }
        }

        private init(_ executor: BlockingExecutor, _ connection: sending SQLiteConnection) {
            self.executor = executor
            self.connection = connection
        }

        func integrityCheck() throws(QueueError) -> [String] {
            do { return try connection.integrityCheck() } catch { throw QueueError(error) }
        }

        func backUp(to path: String) throws(QueueError) {
            do { try connection.backUp(to: path) } catch { throw QueueError(error) }
        }
    }

    /// What the reader answers, on its thread.
    func ask<Answer: Sendable>(
        _ question: @escaping @Sendable (SQLiteJobReader) throws(QueueError) -> Answer
    ) async throws(QueueError) -> Answer { try await reader.use(question) }

    /// What the reader answers after a look at a few rows.
    func askBriefly<Answer: Sendable>(
        _ question: @escaping @Sendable (SQLiteJobReader) throws(QueueError) -> Answer
    ) async throws(QueueError) -> Answer { try await reader.useBriefly(question) }

    /// See `JobQueue`.
    public func status(of id: Job.ID) async throws(QueueError) -> Job? {
        try await askBriefly { reader throws(QueueError) in try reader.status(of: id) }
    }

    /// See `JobQueue`. Of many who ask at once, most are answered in one look.
    public func standing(of id: Job.ID) async throws(QueueError) -> Standing? {
        try await standings.call(id) { [reader] ids in
            do throws(QueueError) {
                return try await reader.useBriefly { reader throws(QueueError) in try reader.standings(of: ids) }
            } catch {
                return ids.map { _ in .failure(error) }
            }
        }
    }

    /// See `JobQueue`.
    public func list(
        _ filter: JobFilter, after cursor: JobCursor?, limit: Int
    ) async throws(QueueError) -> JobPage {
        try await ask { reader throws(QueueError) in try reader.list(filter, after: cursor, limit: limit) }
    }

    /// See `JobQueue`.
    public func counts(of lanes: [Lane]?, dueWithin duration: Duration) async throws(QueueError) -> QueueCounts {
        try await ask { reader throws(QueueError) in try reader.counts(of: lanes, dueWithin: duration) }
    }

    /// See `JobQueue`.
    public func lanes() async throws(QueueError) -> [LaneStatus] {
        try await ask { reader throws(QueueError) in try reader.lanes() }
    }

    /// See `JobQueue`.
    public func policies() async throws(QueueError) -> [LanePolicy] {
        try await ask { reader throws(QueueError) in try reader.policies() }
    }

    /// See `JobQueue`.
    public func parked(limit: Int) async throws(QueueError) -> [ParkedJob] {
        try await ask { reader throws(QueueError) in try reader.parked(limit: limit) }
    }

    /// See `JobQueue`.
    public func workers() async throws(QueueError) -> [WorkerStatus] {
        try await ask { reader throws(QueueError) in try reader.workers() }
    }

    /// See `JobQueue`.
    public func batch(_ id: Batch.ID) async throws(QueueError) -> Batch? {
        try await askBriefly { reader throws(QueueError) in try reader.batch(id) }
    }

    /// See `JobQueue`.
    public func items(of batch: Batch.ID, after row: Int, limit: Int) async throws(QueueError) -> [Batch.Item] {
        try await ask { reader throws(QueueError) in try reader.items(of: batch, after: row, limit: limit) }
    }

    /// See `JobQueue`.
    public func events(after sequence: Int64?, limit: Int) async throws(QueueError) -> EventPage {
        try await ask { reader throws(QueueError) in try reader.events(after: sequence, limit: limit) }
    }

    /// See `JobQueue`.
    public func waitForEvents(after sequence: Int64, atMost limit: Duration) async throws(QueueError) {
        do {
            let bell = try bells.join()
            // Looked at once the bell hangs: what comes later rings it.
            if try await askBriefly({ reader throws(QueueError) in try reader.hasEvents(after: sequence) }) { return }
            _ = try await Doorbell.wait(for: [bell], atMost: limit)
        } catch let error as QueueError {
            throw error
        } catch {
            throw .backend(detail: "\(error)")
        }
    }
}
