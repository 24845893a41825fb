import SQLiteStore
import System

/// The queue's questions, on a thread and a connection of their own, so that none waits for a writer.
actor SQLiteJobReader {
    private let executor: BlockingExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private let connection: SQLiteConnection
    private let now: @Sendable () -> Timestamp

    static func open(_ path: String, now: @escaping @Sendable () -> Timestamp) async throws(SQLiteError)
        -> SQLiteJobReader
    {
        let executor = BlockingExecutor("queue-reader")
        return SQLiteJobReader(
            executor: executor, connection: try await SQLiteConnection.open(path, synchronous: .normal, on: executor),
            now: now)
    }

    private init(
        executor: BlockingExecutor, connection: sending SQLiteConnection, now: @escaping @Sendable () -> Timestamp
    ) {
        self.executor = executor
        self.connection = connection
        self.now = now
    }

    func status(of id: Job.ID) throws(QueueError) -> Job? {
        try connection.readTransaction { transaction throws(QueueError) in
            guard let row = try transaction.row(of: id) else { return nil }
            return try transaction.readableJob(row, id)
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
                switch try transaction.job(row) {
                case .readable(let job):
                    page.jobs.append(job)
                    byteCount += job.request.count
                case .unreadable(let reason):
                    page.parked.append(
                        ParkedJob(id: try transaction.publicID(row), place: "row \(row)", reason: reason))
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
            for lane in try transaction.codes(of: nil) {
                queued += try transaction.count(.countQueued, .integer(lane))
            }
            return QueueCounts(
                scheduled: try transaction.count(.countScheduled),
                dueSoon: try transaction.count(.countDue, .integer(soon.milliseconds)),
                queued: queued,
                running: try transaction.count(.countRunning),
                parked: try transaction.count(.countParked))
        }
    }
}

extension SQLiteTransaction<QueueError> {
    /// The newest rows before `position` that fit `filter`, newest first.
    ///
    /// State by state and lane by lane, so that each statement reads one index backwards and stops.
    fileprivate borrowing func rows(
        _ filter: JobFilter, before position: Int64, limit: Int
    ) throws(QueueError) -> [Int64] {
        let before = SQLiteValue.integer(position)
        let count = SQLiteValue.integer(Int64(limit))
        if filter == .all { return try integers(.listAll, before, count) }
        var rows: [Int64] = []
        for lane in try codes(of: filter.lane.map { [$0] }) {
            for state in filter.state.map({ [$0] }) ?? Job.State.Name.allCases {
                let lane = SQLiteValue.integer(lane)
                switch state {
                case .scheduled: rows += try integers(.listScheduled, lane, before, count)
                case .queued: rows += try integers(.listQueued, lane, before, count)
                case .running: rows += try integers(.listRunning, lane, before, count)
                case .succeeded, .failed, .cancelled:
                    rows += try integers(.listEnded, lane, before, count, .integer(state.code))
                }
            }
        }
        return Array(rows.sorted(by: >).prefix(limit))
    }

    fileprivate borrowing func count(_ sql: JobSQL, _ values: SQLiteValue...) throws(QueueError) -> Int {
        Int(clamping: try rows(sql.rawValue, values) { row throws(QueueError) in try row.integer(0) }.first ?? 0)
    }

    /// The id in `row`, nil where that cannot be read either.
    fileprivate borrowing func publicID(_ row: Int64) throws(QueueError) -> Job.ID? {
        try self.row(JobSQL.publicID.rawValue, [.integer(row)]) { row throws(QueueError) in
            Job.ID(bytes: try row.blob(0))
        } ?? nil
    }
}
