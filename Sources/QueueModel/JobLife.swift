public import System

extension Job {
    /// Everything about a job that changes.
    public struct Life: Sendable, Equatable {
        /// Where it stands.
        public var state: State
        /// The try that runs, waits or was the last, from 1: a count for people. The epoch is what fences.
        public var attempt = 1
        /// Tries in all, failed ones and those whose worker was lost alike.
        public let maxAttempts: Int
        /// Leases that were lost and count against it.
        public var lostLeases = 0
        /// Lost leases that do not, because the whole fleet was losing them.
        public var pardons = 0
        /// The number of leases so far, which is the epoch of the latest.
        public var epoch: Int64 = 0
        /// How far the latest attempt has come.
        public var progress: Progress?
        /// When the latest attempt last showed progress: its claim, or the last new report.
        public var progressed: Timestamp?
        /// Why the latest attempt failed; nil once a later one succeeded.
        public var lastFailure: Failure?
        /// The start that was asked for, or the time of the latest retry.
        public var scheduledFor: Timestamp?
        /// When the latest lease began.
        public var claimed: Timestamp?
        /// When it came to its final state.
        public var finished: Timestamp?
        /// The latest job that repeats it.
        public var retriedAs: ID?

        /// A job that has just arrived, to be started at `start` where that lies ahead, at once where it is nil.
        init(maxAttempts: Int, start: Timestamp?, now: Timestamp) {
            self.maxAttempts = maxAttempts
            scheduledFor = start
            if let start, start > now { state = .scheduled(at: start) } else { state = .queued }
        }

        init(state: State, maxAttempts: Int) {
            self.state = state
            self.maxAttempts = maxAttempts
        }
    }
}

extension Job.Life {
    /// The job after `event` at `now`; nil when it cannot happen in its state. Every store changes jobs by this alone.
    public func next(on event: Job.Event, at now: Timestamp) -> Job.Life? {
        guard let state = state.next(on: event) else { return nil }
        var life = self
        life.state = state
        if state.name.isFinal { life.finished = now }
        switch event {
        case .due, .released, .cancelled: break
        case .renewed:
            // What lies ahead was noted before the clock was set back.
            life.claimed = claimed.map { min($0, now) }
            life.progressed = progressed.map { min($0, now) }
        case .claimed(let lease):
            life.epoch = lease.epoch
            life.claimed = now
            life.progress = nil
            life.progressed = now
        case .completed: life.lastFailure = nil
        case .attemptFailed(let failure, let retryAt):
            life.lastFailure = failure
            if let retryAt {
                life.attempt = oneMore(attempt)
                life.scheduledFor = retryAt
            }
        case .leaseExpired(let failure, let verdict):
            life.lastFailure = failure
            switch verdict {
            case .again:
                life.attempt = oneMore(attempt)
                life.lostLeases = oneMore(lostLeases)
            case .pardoned: life.pardons = oneMore(pardons)
            case .final: life.lostLeases = oneMore(lostLeases)
            }
        }
        return life
    }

    /// Whether `claim` names the lease that this job has now.
    ///
    /// A lease that has run out counts until somebody else reclaims the job: refusing its holder then would throw
    /// finished work away and protect nothing.
    public func isHeld(by claim: Job.Claim) -> Bool {
        guard case .running(let lease) = state else { return false }
        return lease.epoch == claim.epoch && lease.claimID == claim.claimID
    }

    /// The lease of a running job.
    var lease: Job.Lease? { if case .running(let lease) = state { lease } else { nil } }

    /// The first lease of a claim at `now`.
    func newLease(
        worker: String, claimID: Job.ClaimID, duration: Duration, limits: Job.TimeLimits, now: Timestamp
    ) -> Job.Lease {
        let end = limits.deadline(claimed: now, progressed: now)?.time
        let duration = duration.inWholeMilliseconds
        return Job.Lease(
            worker: worker, epoch: oneMore(epoch), claimID: claimID, duration: duration, from: now,
            until: min(now + duration, end ?? now + duration))
    }

    /// The event by which the present lease holds `duration` from now; nil when the job's time is up.
    func renewal(for duration: Duration, limits: Job.TimeLimits, now: Timestamp) -> Job.Event? {
        guard let lease else { return nil }
        let end = deadline(limits, at: now)?.time
        if let end, end <= now { return nil }
        let duration = duration.inWholeMilliseconds
        return .renewed(
            Job.Lease(
                worker: lease.worker, epoch: lease.epoch, claimID: lease.claimID, duration: duration, from: now,
                until: min(now + duration, end ?? now + duration)))
    }

    /// The event by which a lease that seems to begin in the future begins now: the clock was set back, and the lease
    /// would otherwise hold for as long as it was set back.
    func correction(limits: Job.TimeLimits, now: Timestamp) -> Job.Event? {
        guard let lease, lease.from > now else { return nil }
        return renewal(for: lease.duration, limits: limits, now: now)
    }

    /// When the present attempt's time is up, and by which limit. A beginning that lies ahead was noted before the clock
    /// was set back: it counts as now, so that no attempt has longer than its limit from here.
    func deadline(_ limits: Job.TimeLimits, at now: Timestamp) -> (time: Timestamp, limit: Job.TimeLimits.Kind)? {
        guard let claimed else { return nil }
        return limits.deadline(claimed: min(claimed, now), progressed: min(progressed ?? claimed, now))
    }

    /// The time limit by which the attempt is over at `now`; nil when it is not, and when the worker was lost before: its
    /// lease ran out while there was time.
    func passedLimit(_ limits: Job.TimeLimits, at now: Timestamp) -> Job.TimeLimits.Kind? {
        guard let lease, let (time, limit) = deadline(limits, at: now), time <= now else { return nil }
        return lease.until < time ? nil : limit
    }

    /// The event of a lease that has run out at `now`; nil unless there is one.
    func leaseExpiry(
        limits: Job.TimeLimits, at now: Timestamp, rules: QueueRules, fleet: FleetHealth, random: RandomSource
    ) -> Job.Event? {
        guard let lease else { return nil }
        if let limit = passedLimit(limits, at: now) {
            return failedAttempt(.timeLimit(limit, attempt: attempt), at: now, backoff: rules.backoff, random: random)
        }
        let failure = Job.Failure.leaseExpired(worker: lease.worker, attempt: attempt)
        if fleet.isFailing, pardons < rules.pardons { return .leaseExpired(failure, .pardoned) }
        let isLast = lostLeases >= rules.lostLeases - 1 || attempt >= maxAttempts
        return .leaseExpired(failure, isLast ? .final : .again)
    }

    /// The event of an attempt that failed at `now`: another attempt after `backoff` where it makes sense and attempts
    /// are left.
    func failedAttempt(
        _ failure: Job.Failure, at now: Timestamp, backoff: Backoff, random: RandomSource
    ) -> Job.Event {
        guard failure.isRetryable, attempt < maxAttempts else { return .attemptFailed(failure, retryAt: nil) }
        let chance = random.bytes(8).reduce(0) { $0 << 8 | UInt64($1) }
        return .attemptFailed(failure, retryAt: now + backoff.delay(afterAttempt: attempt, chance: chance))
    }

    /// Notes how far the job has come. True when that is news.
    mutating func note(_ progress: Job.Progress, at now: Timestamp) -> Bool {
        guard progress != self.progress else { return false }
        self.progress = progress
        progressed = now
        return true
    }
}

extension Job.TimeLimits {
    /// The earlier of the two ends; nil without limits.
    func deadline(claimed: Timestamp, progressed: Timestamp) -> (time: Timestamp, limit: Kind)? {
        let ends = [
            total.map { (time: claimed + $0, limit: Kind.total($0)) },
            idle.map { (time: progressed + $0, limit: Kind.idle($0)) },
        ].compactMap { $0 }
        return ends.min { $0.time < $1.time }
    }
}

/// The next number; the same where there is none. A store's damaged row must not stop a process, and the random part of
/// a claim tells leases apart even then.
private func oneMore<Count: FixedWidthInteger>(_ count: Count) -> Count { count == .max ? count : count + 1 }
