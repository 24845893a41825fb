import System

extension InMemoryJobQueue {
    /// See `JobQueue`.
    public func claim(
        by worker: String, lanes: [Lane]?, for duration: Duration, limit: Int
    ) throws(QueueError) -> [Job] {
        try validateLease(worker: worker, duration)
        try require(limit, in: QueueLimits.claim, "limit")
        let now = now()
        correctLeases(at: now)
        reclaimExpired(at: now)
        promoteDue(at: now)
        var claimed: [Job] = []
        while claimed.count < limit, let next = nextJob(in: lanes, at: now) {
            let job = jobs[next].job
            let lease = job.life.newLease(
                worker: worker, claimID: Job.ClaimID(random: random), duration: duration, limits: job.limits, now: now)
            apply(.claimed(lease), to: next, at: now)
            claimed.append(jobs[next].job)
        }
        return claimed
    }

    /// See `JobQueue`. Looks again after a moment: nothing rings here.
    public nonisolated func waitForJobs(in lanes: [Lane]?, atMost limit: Duration) async throws(QueueError) {
        try? await Task.sleep(for: min(limit, .milliseconds(10)))  // cancelled: the caller sees it
    }

    /// See `JobQueue`.
    public func renew(_ claim: Job.Claim, for duration: Duration) throws(QueueError) {
        try validateLease(duration)
        let index = try index(of: claim)
        try renew(index, for: duration, at: now())
    }

    /// See `JobQueue`.
    public func report(_ progress: Job.Progress, _ claim: Job.Claim) throws(QueueError) {
        let index = try index(of: claim)
        let now = now()
        var life = jobs[index].job.life
        guard let lease = life.lease else { throw .leaseLost(claim.job) }
        if let (time, limit) = life.deadline(jobs[index].job.limits, at: now), time <= now {
            throw .outOfTime(claim.job, .timeLimit(limit, attempt: life.attempt))
        }
        let isNews = life.note(progress, at: now)
        jobs[index].job.life = life
        try renew(index, for: lease.duration, at: now)
        if isNews { note(.progress(claim.job, progress), at: now) }
    }

    /// See `JobQueue`.
    public func complete(_ claim: Job.Claim, result: Job.Result) throws(QueueError) {
        apply(.completed(result), to: try index(of: claim), at: now())
    }

    /// See `JobQueue`.
    @discardableResult
    public func fail(_ claim: Job.Claim, _ failure: Job.Failure) throws(QueueError) -> Job.State {
        let held = try index(of: claim)
        let now = now()
        let life = jobs[held].job.life
        apply(life.failedAttempt(failure, at: now, backoff: rules.backoff, random: random), to: held, at: now)
        return jobs[held].job.state
    }

    /// See `JobQueue`.
    public func release(_ claim: Job.Claim) throws(QueueError) {
        apply(.released, to: try index(of: claim), at: now())
    }

    /// See `JobQueue`.
    public func beat(_ worker: WorkerRecord) throws(QueueError) {
        try worker.validate()
        let now = now()
        workerEntries = workerEntries.filter { $0.value.lastBeat.isWithin(QueueLimits.workerMemory, of: now) }
        let name = Array(worker.name.utf8)
        let started = workerEntries[name]?.started ?? now
        workerEntries[name] = WorkerEntry(record: worker, started: started, lastBeat: now)
    }

    /// See `JobQueue`.
    public func leave(_ worker: String) throws(QueueError) {
        try validateName("worker", worker)
        workerEntries[Array(worker.utf8)] = nil
    }

    /// See `JobQueue`.
    @discardableResult
    public func forsake(_ worker: String) throws(QueueError) -> [Job.ID] {
        try validateName("worker", worker)
        workerEntries[Array(worker.utf8)] = nil
        let now = now()
        let held = jobs.indices.filter { jobs[$0].job.life.lease?.isHeld(by: worker) == true }
        endLeases(of: held, at: now)
        return held.map { jobs[$0].job.id }
    }

    // MARK: What the verbs are made of

    private func renew(_ index: Int, for duration: Duration, at now: Timestamp) throws(QueueError) {
        let job = jobs[index].job
        guard let renewal = job.life.renewal(for: duration, limits: job.limits, now: now) else {
            guard let (_, limit) = job.life.deadline(job.limits, at: now) else { throw .leaseLost(job.id) }
            throw .outOfTime(job.id, .timeLimit(limit, attempt: job.attempt))
        }
        apply(renewal, to: index, at: now)
    }

    /// The queued job that is next; the lane that it comes from is charged for it.
    private func nextJob(in wanted: [Lane]?, at now: Timestamp) -> Int? {
        let order = rotation.order(laneEntries.map(\.policy).filter { wanted?.contains($0.lane) != false })
        for (taken, policy) in order.enumerated() where mayStart(policy, at: now) {
            let next = jobs.firstIndex { $0.job.state == .queued && $0.job.lane == policy.lane }
            guard let next else { continue }
            rotation.took(taken, of: order)
            if let rate = policy.rate, let lane = laneEntries.firstIndex(where: { $0.policy.lane == policy.lane }) {
                laneEntries[lane].meter.start(rate, now: now)
            }
            return next
        }
        return nil
    }

    private func mayStart(_ policy: LanePolicy, at now: Timestamp) -> Bool {
        if hold(.paused, policy.lane) != nil { return false }
        if let limit = policy.concurrency, runningCount(in: policy.lane) >= limit { return false }
        guard let rate = policy.rate else { return true }
        return laneEntries.first { $0.policy.lane == policy.lane }?.meter.mayStart(rate, now: now) ?? true
    }

    func runningCount(in lane: Lane) -> Int {
        jobs.count { $0.job.state.name == .running && $0.job.lane == lane }
    }

    private func correctLeases(at now: Timestamp) {
        for index in jobs.indices {
            if let correction = jobs[index].job.life.correction(limits: jobs[index].job.limits, now: now) {
                apply(correction, to: index, at: now)
            }
        }
    }

    private func reclaimExpired(at now: Timestamp) {
        let expired = jobs.indices.compactMap { index -> (until: Timestamp, index: Int)? in
            guard let lease = jobs[index].job.life.lease, lease.until <= now else { return nil }
            return (lease.until, index)
        }
        endLeases(of: expired.sorted(by: <).prefix(QueueLimits.reclaimsPerClaim).map(\.index), at: now)
    }

    /// Ends those leases together: each loss is noted before the first is judged, so that none is held against a job
    /// only because it was looked at before the others.
    private func endLeases(of indices: [Int], at now: Timestamp) {
        for job in indices.map({ jobs[$0].job }) where job.life.passedLimit(job.limits, at: now) == nil {
            guard let lease = job.life.lease else { continue }
            losses.removeAll { !$0.time.isWithin(rules.fleetWindow, of: now) }
            losses.append(Loss(worker: lease.worker, job: job.id, time: now))
        }
        for index in indices {
            let job = jobs[index].job
            let fleet = fleetHealth(besides: job.id, at: now)
            let expiry = job.life.leaseExpiry(limits: job.limits, at: now, rules: rules, fleet: fleet, random: random)
            if let expiry { apply(expiry, to: index, at: now) }
        }
    }

    private func fleetHealth(besides job: Job.ID, at now: Timestamp) -> FleetHealth {
        let recent = losses.filter { $0.time.isWithin(rules.fleetWindow, of: now) }
        let beating = workerEntries.filter { $0.value.lastBeat.isWithin(rules.fleetWindow, of: now) }.keys
        return FleetHealth(
            seen: Set(beating).union(recent.map { Array($0.worker.utf8) }).count,
            losing: Set(recent.filter { $0.job != job }.map { Array($0.worker.utf8) }).count)
    }

    private func promoteDue(at now: Timestamp) {
        let due = jobs.indices.compactMap { index -> (time: Timestamp, index: Int)? in
            guard case .scheduled(let time) = jobs[index].job.state, time <= now else { return nil }
            return (time, index)
        }
        for (_, index) in due.sorted(by: <).prefix(QueueLimits.promotionsPerClaim) { apply(.due, to: index, at: now) }
    }

    private func index(of claim: Job.Claim) throws(QueueError) -> Int {
        guard let found = index(of: claim.job), jobs[found].job.life.isHeld(by: claim) else {
            throw .leaseLost(claim.job)
        }
        return found
    }
}
