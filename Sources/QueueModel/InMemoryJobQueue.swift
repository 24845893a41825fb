public import System

/// The rules of a queue at their plainest, and nothing else: lost when the process ends, and slow when it is long.
///
/// For the tests of other rooms, and the oracle against which every durable queue is compared.
public actor InMemoryJobQueue: JobQueue {
    private let now: @Sendable () -> Timestamp
    private let random: RandomSource
    private let backoff: Backoff
    /// In order of arrival; a job's position never changes.
    private var jobs: [Job] = []

    /// An empty queue.
    public init(
        backoff: Backoff = .standard, random: RandomSource = .system, now: @escaping @Sendable () -> Timestamp
    ) {
        self.backoff = backoff
        self.random = random
        self.now = now
    }

    /// See `JobQueue`.
    public func enqueue(_ submission: Submission) throws(QueueError) -> Job {
        try submission.validate()
        if let present = position(of: submission.id) {
            guard submission.asksForTheSame(as: jobs[present]) else { throw .alreadyExists(submission.id) }
            return jobs[present]
        }
        let job = submission.job(at: now())
        jobs.append(job)
        return job
    }

    /// See `JobQueue`.
    public func claim(by worker: String, lanes: [Lane]?, for duration: Duration) throws(QueueError) -> Job? {
        try validateLease(worker: worker, duration)
        let now = now()
        reclaimExpired(at: now)
        promoteDue(at: now)
        let oldest = jobs.indices.first { jobs[$0].state == .queued && lanes?.contains(jobs[$0].lane) != false }
        guard let oldest else { return nil }
        let lease = Job.Lease(
            worker: worker, epoch: jobs[oldest].life.epoch + 1, claimID: Job.ClaimID(random: random),
            until: now + duration)
        apply(.claimed(lease), to: oldest, at: now)
        return jobs[oldest]
    }

    /// See `JobQueue`.
    public func renew(_ claim: Job.Claim, for duration: Duration) throws(QueueError) {
        try validateLease(duration)
        let now = now()
        apply(.renewed(until: now + duration), to: try position(of: claim), at: now)
    }

    /// See `JobQueue`.
    public func report(_ progress: Job.Progress, _ claim: Job.Claim) throws(QueueError) {
        jobs[try position(of: claim)].life.progress = progress
    }

    /// See `JobQueue`.
    public func complete(_ claim: Job.Claim, result: Job.Result) throws(QueueError) {
        apply(.completed(result), to: try position(of: claim), at: now())
    }

    /// See `JobQueue`.
    @discardableResult
    public func fail(_ claim: Job.Claim, _ failure: Job.Failure) throws(QueueError) -> Job.State {
        let held = try position(of: claim)
        let now = now()
        apply(jobs[held].life.failedAttempt(failure, at: now, backoff: backoff, random: random), to: held, at: now)
        return jobs[held].state
    }

    /// See `JobQueue`.
    @discardableResult
    public func cancel(_ id: Job.ID) throws(QueueError) -> Job {
        guard let found = position(of: id) else { throw .notFound(id) }
        guard let cancelled = jobs[found].next(on: .cancelled, at: now()) else {
            throw .wrongState(id, state: jobs[found].state.name, verb: "cancel")
        }
        jobs[found] = cancelled
        return cancelled
    }

    /// See `JobQueue`.
    public func retry(_ id: Job.ID, as newID: Job.ID) throws(QueueError) -> Job {
        guard let found = position(of: id) else { throw .notFound(id) }
        let old = jobs[found]
        guard old.state.name == .failed || old.state.name == .cancelled else {
            throw .wrongState(id, state: old.state.name, verb: "retry")
        }
        return try enqueue(Submission(retrying: old, as: newID))
    }

    /// See `JobQueue`.
    public func status(of id: Job.ID) -> Job? { position(of: id).map { jobs[$0] } }

    /// See `JobQueue`.
    public func list(_ filter: JobFilter, after cursor: JobCursor?, limit: Int) throws(QueueError) -> JobPage {
        try validatePage(limit: limit)
        var page = JobPage(jobs: [], next: nil)
        var byteCount = 0
        var last = cursor?.position ?? .max
        for (position, job) in zip(Int64(1)..., jobs).reversed() where position < last && filter.takes(job) {
            if page.jobs.count == limit || byteCount >= QueueLimits.pageByteCount {
                page.next = JobCursor(position: last)
                break
            }
            page.jobs.append(job)
            byteCount += job.request.count
            last = position
        }
        return page
    }

    /// See `JobQueue`.
    public func counts(dueWithin duration: Duration) -> QueueCounts {
        let soon = now() + duration
        var counts = QueueCounts()
        for job in jobs {
            switch job.state {
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

    private func reclaimExpired(at now: Timestamp) {
        let expired = jobs.indices.compactMap { position -> (until: Timestamp, position: Int)? in
            guard case .running(let lease) = jobs[position].state, lease.until <= now else { return nil }
            return (lease.until, position)
        }
        for (_, position) in expired.sorted(by: <).prefix(QueueLimits.reclaimsPerClaim) {
            if let expiry = jobs[position].life.leaseExpiry { apply(expiry, to: position, at: now) }
        }
    }

    private func promoteDue(at now: Timestamp) {
        let due = jobs.indices.compactMap { position -> (time: Timestamp, position: Int)? in
            guard case .scheduled(let time) = jobs[position].state, time <= now else { return nil }
            return (time, position)
        }
        for (_, position) in due.sorted(by: <).prefix(QueueLimits.promotionsPerClaim) {
            apply(.due, to: position, at: now)
        }
    }

    private func apply(_ event: Job.Event, to position: Int, at now: Timestamp) {
        guard let after = jobs[position].next(on: event, at: now) else {
            preconditionFailure("\(event) cannot happen to a job that is \(jobs[position].state.name)")
        }
        jobs[position] = after
    }

    private func position(of id: Job.ID) -> Int? { jobs.firstIndex { $0.id == id } }

    private func position(of claim: Job.Claim) throws(QueueError) -> Int {
        guard let found = position(of: claim.job), jobs[found].life.isHeld(by: claim) else {
            throw .leaseLost(claim.job)
        }
        return found
    }
}
