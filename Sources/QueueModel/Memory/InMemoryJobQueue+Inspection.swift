import System

extension InMemoryJobQueue {
    /// See `JobQueue`.
    public func status(of id: Job.ID) -> Job? { index(of: id).map { jobs[$0].job } }

    /// See `JobQueue`.
    public func standing(of id: Job.ID) throws(QueueError) -> Standing? {
        guard let index = index(of: id) else { return nil }
        let job = jobs[index].job
        guard let lane = laneEntries.first(where: { $0.policy.lane == job.lane }) else { return nil }
        let now = now()
        let outlook = LaneOutlook(
            policy: lane.policy, meter: lane.meter, pause: hold(.paused, job.lane),
            running: runningCount(in: job.lane), workerCount: workerCount(for: job.lane, at: now),
            history: history(of: job.lane))
        let position = jobs[index].position
        let place = jobs.count { entry in
            entry.position <= position && entry.job.state == .queued && entry.job.lane == job.lane
        }
        return try outlook.standing(of: job, place: min(place, QueueLimits.countedPlaces), now: now)
    }

    /// See `JobQueue`.
    public func list(_ filter: JobFilter, after cursor: JobCursor?, limit: Int) throws(QueueError) -> JobPage {
        let before = cursor?.position ?? .max
        return try page(of: jobs.reversed().filter { $0.position < before && filter.takes($0.job) }, limit: limit)
    }

    /// The first of `entries`, as many as a page has.
    func page(of entries: [Entry], limit: Int) throws(QueueError) -> JobPage {
        try validatePage(limit: limit)
        var page = JobPage(jobs: [], next: nil)
        var byteCount = 0
        var last: Int64 = 0
        for entry in entries {
            if page.jobs.count == limit || byteCount >= QueueLimits.pageByteCount {
                page.next = JobCursor(position: last)
                break
            }
            page.jobs.append(entry.job)
            byteCount += entry.job.request.count
            last = entry.position
        }
        return page
    }

    /// See `JobQueue`.
    public func counts(of lanes: [Lane]?, dueWithin duration: Duration) -> QueueCounts {
        let soon = now() + duration
        var counts = QueueCounts()
        for entry in jobs where lanes?.contains(entry.job.lane) != false {
            switch entry.job.state {
            case .scheduled(let time):
                counts.scheduled += 1
                if time <= soon { counts.dueSoon += 1 }
            case .queued: counts.queued += 1
            case .running: counts.running += 1
            case .succeeded, .failed, .cancelled: break
            }
        }
        return counts
    }

    /// See `JobQueue`.
    public func lanes() -> [LaneStatus] {
        laneEntries.compactMap { entry in
            let mine = jobs.map(\.job).filter { $0.lane == entry.policy.lane && !$0.state.name.isFinal }
            guard entry.isConfigured || !mine.isEmpty else { return nil }
            let oldest = mine.first { $0.state == .queued }
            let failed = jobs.count {
                $0.job.lane == entry.policy.lane && $0.job.state.name == .failed && $0.job.life.retriedAs == nil
            }
            return LaneStatus(
                policy: entry.policy, isConfigured: entry.isConfigured,
                holds: holds.filter { $0.concerns(entry.policy.lane) },
                queued: mine.count { $0.state == .queued }, scheduled: mine.count { $0.state.name == .scheduled },
                running: mine.count { $0.state.name == .running }, failed: min(failed, QueueLimits.countedPlaces),
                oldest: oldest.map { LaneStatus.Oldest(id: $0.id, created: $0.created) })
        }
    }

    /// See `JobQueue`. A job in memory can always be read.
    public func parked(limit: Int) throws(QueueError) -> [ParkedJob] {
        try validatePage(limit: limit)
        return []
    }

    /// See `JobQueue`.
    public func workers() -> [WorkerStatus] {
        let now = now()
        return workerEntries.values.filter { $0.lastBeat.isWithin(QueueLimits.workerMemory, of: now) }.map { entry in
            WorkerStatus(
                record: entry.record, started: entry.started, lastBeat: entry.lastBeat,
                isAlive: isAlive(entry, at: now),
                jobs: jobs.map(\.job).filter { $0.life.lease?.isHeld(by: entry.record.name) == true }.map(\.id))
        }.sorted { $0.record.name.utf8.lexicographicallyPrecedes($1.record.name.utf8) }
    }

    /// See `JobQueue`.
    public func batch(_ id: Batch.ID) -> Batch? { batches.first { $0.batch.id == id }?.batch }

    /// See `JobQueue`.
    public func items(of batch: Batch.ID, after row: Int, limit: Int) throws(QueueError) -> [Batch.Item] {
        try validatePage(limit: limit)
        guard let entry = batches.first(where: { $0.batch.id == batch }) else { throw .noSuchBatch(batch) }
        let accepted = jobs.compactMap { entry -> Batch.Item? in
            guard let place = entry.job.batch, place.batch == batch else { return nil }
            return Batch.Item(row: place.row, outcome: .job(entry.job))
        }
        let rejected = entry.rejections.map { Batch.Item(row: $0.key, outcome: .rejected($0.value)) }
        var items: [Batch.Item] = []
        var byteCount = 0
        for item in (accepted + rejected).sorted(by: { $0.row < $1.row }) where item.row > row {
            if items.count == limit || byteCount >= QueueLimits.pageByteCount { break }
            items.append(item)
            if case .job(let job) = item.outcome { byteCount += job.request.count }
        }
        return items
    }

    /// See `JobQueue`.
    public func events(after sequence: Int64?, limit: Int) throws(QueueError) -> EventPage {
        try require(limit, in: 1...10_000, "limit")
        guard let sequence else { return EventPage(events: [], next: lastSequence, needsResync: false) }
        guard sequence <= lastSequence else { return EventPage(events: [], next: lastSequence, needsResync: true) }
        let found = Array(events.filter { $0.sequence > sequence }.prefix(limit))
        return EventPage(
            events: found, next: found.last?.sequence ?? sequence,
            needsResync: found.first.map { $0.sequence > max(sequence, 0) + 1 } ?? false)
    }

    /// See `JobQueue`. Looks again after a moment: nothing rings here.
    public nonisolated func waitForEvents(after sequence: Int64, atMost limit: Duration) async throws(QueueError) {
        try? await Task.sleep(for: min(limit, .milliseconds(10)))  // cancelled: the caller sees it
    }

    private func workerCount(for lane: Lane, at now: Timestamp) -> Int {
        workerEntries.values.count { isAlive($0, at: now) && $0.record.serves(lane) }
    }

    private func isAlive(_ entry: WorkerEntry, at now: Timestamp) -> Bool {
        entry.lastBeat.isWithin(rules.workerTimeout, of: now)
    }

    private func history(of lane: Lane) -> LaneHistory? {
        let times = jobs.reversed().lazy.map(\.job).filter { $0.lane == lane && $0.state.name == .succeeded }
            .prefix(LaneHistory.sampleCount).map { job in
                (job.life.finished ?? job.created) - (job.life.claimed ?? job.created)
            }
        return LaneHistory(durations: Array(times))
    }
}
