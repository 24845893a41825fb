import System

extension InMemoryJobQueue {
    /// See `JobQueue`.
    public func arrivals(after cursor: JobCursor?, limit: Int) throws(QueueError) -> JobPage {
        let after = cursor?.position ?? 0
        return try page(of: jobs.filter { $0.position > after }, limit: limit)
    }

    /// See `JobQueue`.
    public func batches(after last: Batch?, limit: Int) throws(QueueError) -> [Batch] {
        try validatePage(limit: limit)
        let sorted = batches.map(\.batch).sorted { $1.wasOpened(after: $0) }
        return Array(sorted.filter { batch in last.map { batch.wasOpened(after: $0) } ?? true }.prefix(limit))
    }

    /// See `JobQueue`.
    @discardableResult
    public func restore(_ batch: Batch) throws(QueueError) -> Bool {
        guard !batches.contains(where: { $0.batch.id == batch.id }) else { return false }
        batches.append(BatchEntry(batch: batch))
        return true
    }

    /// See `JobQueue`.
    public func restore(_ refusals: [Batch.Refusal]) throws(QueueError) {
        for refusal in refusals {
            let (place, index) = (refusal.place, try indexOfBatch(refusal.place))
            if let job = jobs.first(where: { $0.job.batch == place })?.job { throw .rowTaken(place, by: job.id) }
            if batches[index].rejections[place.row] == nil { batches[index].rejections[place.row] = refusal.failure }
        }
    }

    /// See `JobQueue`.
    @discardableResult
    public func restore(_ jobs: [Job]) throws(QueueError) -> Int {
        let now = now()
        var count = 0
        for job in jobs where index(of: job.id) == nil {
            try job.validateRestoring()
            try requireFree(job)
            append(job)
            note(.state(job.id, job.state.name, attempt: job.attempt), at: now)
            count += 1
        }
        return count
    }

    /// Throws unless nothing is in the way of a job that comes from another store.
    private func requireFree(_ job: Job) throws(QueueError) {
        if let key = job.idempotencyKey, let other = self.job(of: key) { throw .keyTaken(key: key, by: other.id) }
        if let place = job.batch {
            let batch = batches[try indexOfBatch(place)]
            let other = jobs.first { $0.job.batch == place }
            guard other == nil, batch.rejections[place.row] == nil else { throw .rowTaken(place, by: other?.job.id) }
        }
        if !job.state.name.isFinal, let alive = alive(like: Submission(of: job)) { throw .alreadyExists(alive.id) }
        guard laneEntries.contains(where: { $0.policy.lane == job.lane }) else {
            throw .noSuchLane(job.lane, known: laneEntries.filter(\.isConfigured).map(\.policy.lane))
        }
    }
}

extension Batch {
    /// Whether it was opened after `other`; of those of one moment, the greater id comes later.
    fileprivate func wasOpened(after other: Batch) -> Bool {
        if created != other.created { return created > other.created }
        return other.id.bytes.lexicographicallyPrecedes(id.bytes)
    }
}
