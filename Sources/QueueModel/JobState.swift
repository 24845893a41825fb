public import System

extension Job {
    /// Where a job stands. Each state holds exactly the facts that exist in it.
    public enum State: Sendable, Equatable {
        /// Waits for its time: a delayed start, or the next attempt after a failed one.
        case scheduled(at: Timestamp)
        /// Waits for a worker.
        case queued
        /// A worker has it.
        case running(Lease)
        /// Done.
        case succeeded(Result)
        /// Out of attempts, or not worth another.
        case failed(Failure)
        /// Somebody no longer wanted it.
        case cancelled
    }

    /// What can happen to a job.
    public enum Event: Sendable, Equatable {
        /// Its scheduled time has come.
        case due
        /// A worker took it.
        case claimed(Lease)
        /// Its worker is still at it, and has this lease now: the same one, longer.
        case renewed(Lease)
        /// Its worker finished it.
        case completed(Result)
        /// Its worker could not do it; another attempt comes at `retryAt`, or none.
        case attemptFailed(Failure, retryAt: Timestamp?)
        /// Its worker was not heard of in time.
        case leaseExpired(Failure, LossVerdict)
        /// Its worker gives it back, undone and none the worse for it.
        case released
        /// Somebody no longer wants it.
        case cancelled
    }

    /// What a lost lease means for the job.
    public enum LossVerdict: Sendable, Equatable {
        /// One more attempt.
        case again
        /// The same attempt again: the whole fleet is losing leases, so it is hardly this job's doing.
        case pardoned
        /// It has cost workers enough, or was the last attempt.
        case final
    }
}

extension Job.State {
    /// The states' names, the same words everywhere.
    public enum Name: String, Sendable, CaseIterable {
        case scheduled, queued, running, succeeded, failed, cancelled

        /// Nothing happens any more: a state that is final never changes.
        public var isFinal: Bool {
            switch self {
            case .scheduled, .queued, .running: false
            case .succeeded, .failed, .cancelled: true
            }
        }
    }

    /// The name alone.
    public var name: Name {
        switch self {
        case .scheduled: .scheduled
        case .queued: .queued
        case .running: .running
        case .succeeded: .succeeded
        case .failed: .failed
        case .cancelled: .cancelled
        }
    }

    /// Where `event` leads from here: all that a job can go through is in this table. nil where it leads nowhere.
    public func next(on event: Job.Event) -> Job.State? {
        switch (self, event) {
        case (.scheduled, .due): .queued
        case (.queued, .claimed(let lease)): .running(lease)
        case (.running, .renewed(let lease)): .running(lease)
        case (.running, .completed(let result)): .succeeded(result)
        case (.running, .attemptFailed(_, let retryAt?)): .scheduled(at: retryAt)
        case (.running, .attemptFailed(let failure, nil)): .failed(failure)
        case (.running, .leaseExpired(_, .again)), (.running, .leaseExpired(_, .pardoned)): .queued
        case (.running, .leaseExpired(let failure, .final)): .failed(failure)
        case (.running, .released): .queued
        case (.scheduled, .cancelled), (.queued, .cancelled), (.running, .cancelled): .cancelled
        case (.scheduled, _), (.queued, _), (.running, _), (.succeeded, _), (.failed, _), (.cancelled, _): nil
        }
    }
}
