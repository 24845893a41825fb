import SQLiteStore
import System

// What the queue's questions are made of.
extension SQLiteTransaction<QueueError> {
    /// The newest rows before `position` that fit `filter`, newest first.
    ///
    /// State by state and lane by lane, so that each statement reads one index backwards and stops.
    borrowing func rows(_ filter: JobFilter, before position: Int64, limit: Int) throws(QueueError) -> [Int64] {
        let before = SQLiteValue.integer(position)
        let count = SQLiteValue.integer(Int64(limit))
        if filter == .all { return try integers(.listAll, before, count) }
        var rows: [Int64] = []
        for known in try lanes() where filter.lane == nil || known.policy.lane == filter.lane {
            for state in filter.state.map({ [$0] }) ?? Job.State.Name.allCases {
                let lane = SQLiteValue.integer(known.code)
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

    /// Adds the job in `row` to the page, parked if it cannot be read; the length of its request.
    borrowing func add(_ row: Int64, to page: inout JobPage) throws(QueueError) -> Int {
        switch try whole(row) {
        case .readable(let found):
            page.jobs.append(found.job)
            return found.body.request.count
        case .unreadable(let reason):
            page.parked.append(try parked(row, reason))
            return 0
        }
    }

    borrowing func parked(_ row: Int64, _ reason: String) throws(QueueError) -> ParkedJob {
        ParkedJob(id: try publicID(row), place: "row \(row)", reason: reason)
    }

    borrowing func status(of lane: StoredLane, _ holds: [LaneHold]) throws(QueueError) -> LaneStatus {
        let code = SQLiteValue.integer(lane.code)
        var oldest: LaneStatus.Oldest?
        if let row = try integer(.oldestQueued, code, 0), case .readable(let found) = try whole(row) {
            oldest = LaneStatus.Oldest(id: found.stored.id, created: found.body.created)
        }
        return LaneStatus(
            policy: lane.policy, isConfigured: lane.isConfigured,
            holds: holds.filter { $0.concerns(lane.policy.lane) }, queued: try count(.countQueued, code),
            scheduled: try count(.countScheduledIn, code), running: try count(.countRunningIn, code),
            failed: try count(.countFailedIn, code, .integer(Int64(QueueLimits.countedPlaces))), oldest: oldest)
    }

    borrowing func workers(within duration: Duration, of now: Timestamp) throws(QueueError) -> [StoredWorker] {
        let window = Window(duration, around: now)
        return try rows(JobSQL.workers.rawValue, [window.start, window.end]) { row throws(QueueError) in
            ifReadable { () throws(QueueError) in try StoredWorker(row) }
        }.compactMap { $0 }
    }

    /// What is known of a lane when the standing of one of its jobs is asked for; nil for a number that is no lane's.
    borrowing func outlook(
        of code: Int64, _ rules: QueueRules, _ now: Timestamp
    ) throws(QueueError) -> LaneOutlook? {
        let lanes = try lanes()
        guard let lane = lanes.first(where: { $0.code == code }) else { return nil }
        let name = lane.policy.lane
        let pause = try holds(among: lanes).first { $0.kind == .paused && $0.concerns(name) }
        let workers = try workers(within: rules.workerTimeout, of: now)
        let values: [SQLiteValue] = [.integer(code), .integer(Int64(LaneHistory.sampleCount))]
        let times = try rows(JobSQL.latestTimes.rawValue, values) { row throws(QueueError) in
            ifReadable { () throws(QueueError) in
                Timestamp(milliseconds: try row.integer(1)) - Timestamp(milliseconds: try row.integer(0))
            }
        }.compactMap { $0 }
        return LaneOutlook(
            policy: lane.policy, meter: lane.meter, pause: pause, running: try count(.countRunningIn, .integer(code)),
            workerCount: workers.count { $0.record.serves(name) }, history: LaneHistory(durations: times))
    }

    borrowing func items(of batch: Int64, after row: Int, limit: Int) throws(QueueError) -> [Batch.Item] {
        let values: [SQLiteValue] = [.integer(batch), .integer(Int64(row)), .integer(Int64(limit))]
        var items = try rows(JobSQL.rejections.rawValue, values) { row throws(QueueError) in
            Batch.Item(
                row: Int(clamping: try row.integer(0)),
                outcome: .rejected(
                    Job.Failure(code: try row.text(1), message: try row.text(2), isRetryable: try row.integer(3) == 1)))
        }
        let jobs = try rows(JobSQL.jobsOfBatch.rawValue, values) { row throws(QueueError) in
            (job: try row.integer(0), row: Int(clamping: try row.integer(1)))
        }
        var byteCount = 0
        for found in jobs {
            // Rows beyond this one come with the next page, and rejected ones beyond it with them.
            if byteCount >= QueueLimits.pageByteCount {
                items.removeAll { $0.row >= found.row }
                break
            }
            switch try whole(found.job) {
            case .readable(let stored):
                items.append(Batch.Item(row: found.row, outcome: .job(stored.job)))
                byteCount += stored.body.request.count
            case .unreadable(let reason):
                items.append(Batch.Item(row: found.row, outcome: .parked(try parked(found.job, reason))))
            }
        }
        return Array(items.sorted { $0.row < $1.row }.prefix(limit))
    }

    /// A page of events. A row that cannot be read is a gap, and a gap is told as one.
    borrowing func events(after sequence: Int64, limit: Int) throws(QueueError) -> EventPage {
        var page = EventPage(events: [], next: sequence, needsResync: false)
        while page.events.count < limit {
            let rows = try rows(JobSQL.eventsAfter.rawValue, [.integer(page.next)]) { row throws(QueueError) in
                (last: try row.integer(0), time: Timestamp(milliseconds: try row.integer(1)), body: try row.blob(2))
            }
            if rows.isEmpty { break }
            for row in rows { page.add(last: row.last, time: row.time, row.body, limit: limit) }
        }
        return page
    }
}
