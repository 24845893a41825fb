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
        /// The number of leases so far, which is the epoch of the latest.
        public var epoch: Int64 = 0
        /// How far the latest attempt has come.
        public var progress: Progress?
        /// Why the latest attempt failed; nil once a later one succeeded.
        public var lastFailure: Failure?
        /// The start that was asked for, or the time of the latest retry.
        public var scheduledFor: Timestamp?
        /// When the latest lease began.
        public var claimed: Timestamp?
        /// When it came to its final state.
        public var finished: Timestamp?

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
        case .due, .renewed, .cancelled: break
        case .claimed(let lease):
            life.epoch = lease.epoch
            life.claimed = now
            life.progress = nil
        case .completed: life.lastFailure = nil
        case .attemptFailed(let failure, let retryAt):
            life.lastFailure = failure
            if let retryAt {
                life.attempt += 1
                life.scheduledFor = retryAt
            }
        case .leaseExpired(let failure, let mayRetry):
            life.lastFailure = failure
            if mayRetry { life.attempt += 1 }
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

    /// The event of a lease that ran out; nil unless there is one.
    var leaseExpiry: Job.Event? {
        guard case .running(let lease) = state else { return nil }
        let failure = Job.Failure.leaseExpired(worker: lease.worker, attempt: attempt)
        return .leaseExpired(failure, mayRetry: attempt < maxAttempts)
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
}
