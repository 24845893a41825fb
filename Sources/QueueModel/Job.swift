public import System

/// One piece of work and all that is known of it.
///
/// What it asks for never changes; what happens to it is its `life`. No secret is ever in a job: its request names
/// them.
public struct Job: Sendable, Equatable, Identifiable {
    /// Its name for ever.
    public let id: ID
    /// The line it waits in.
    public let lane: Lane
    /// What is asked for, in the words of whoever does it; opaque here, at most 1 MiB.
    public let request: [UInt8]
    /// 32 bytes: equal digests mean equal results.
    public let inputDigest: [UInt8]
    /// Who asked.
    public let requestedBy: String
    /// When it arrived, by the store's clock.
    public let created: Timestamp
    /// The submitter's own name for the submission.
    public let idempotencyKey: String?
    /// Its place in the batch that it came with.
    public let batch: Batch.Place?
    /// The campaign that it belongs to.
    public let campaign: String?
    /// The failed or cancelled job that it repeats.
    public let retryOf: ID?
    /// W3C `traceparent` of the request that made it.
    public let trace: String?
    /// How long an attempt may take.
    public let limits: TimeLimits
    /// Whether no other job with the same `inputDigest` may wait or run beside it.
    public let isUnique: Bool
    /// What has happened to it so far.
    public var life: Life

    /// Where it stands.
    public var state: State { life.state }
    /// The try that runs, waits or was the last, from 1.
    public var attempt: Int { life.attempt }
    /// Tries in all.
    public var maxAttempts: Int { life.maxAttempts }

    /// What its worker names in all it writes; nil unless it is running.
    public var claim: Claim? {
        guard case .running(let lease) = life.state else { return nil }
        return Claim(job: id, epoch: lease.epoch, claimID: lease.claimID)
    }

    /// The job after `event` at `now`; nil when it cannot happen in its state.
    func next(on event: Event, at now: Timestamp) -> Job? {
        guard let life = life.next(on: event, at: now) else { return nil }
        var job = self
        job.life = life
        return job
    }
}
