public import System

/// A job as somebody asks for it.
public struct Submission: Sendable, Equatable {
    /// Made by the submitter; the same id again is the same submission.
    public var id: Job.ID
    /// The line to wait in.
    public var lane: Lane
    /// What is asked for; at most `QueueLimits.requestByteCount` bytes.
    public var request: [UInt8]
    /// 32 bytes: equal digests mean equal results.
    public var inputDigest: [UInt8]
    /// Who asks.
    public var requestedBy: String
    /// Tries in all, 1 to 100.
    public var maxAttempts = 3
    /// Not to be started before; nil for at once.
    public var scheduledFor: Timestamp?
    /// The submitter's own name for this submission.
    public var idempotencyKey: String?
    /// The submission of many that this belongs to.
    public var batch: String?
    /// The campaign that this belongs to.
    public var campaign: String?
    /// W3C `traceparent`.
    public var trace: String?
    /// Only a queue links a job to the one it repeats.
    var retryOf: Job.ID?

    /// A submission with the usual three attempts, to be started at once; the rest is set on the value.
    public init(id: Job.ID, lane: Lane, request: [UInt8], inputDigest: [UInt8], requestedBy: String) {
        self.id = id
        self.lane = lane
        self.request = request
        self.inputDigest = inputDigest
        self.requestedBy = requestedBy
    }
}

/// The bounds that every queue keeps.
public enum QueueLimits {
    /// Bytes of a request: 1 MiB.
    public static let requestByteCount = 1 << 20
    /// Tries of a job.
    public static let attempts = 1...100
    /// Bytes of a name: of a worker, a requester, a batch, a key.
    public static let nameByteCount = 256
    /// The longest lease.
    public static let lease = Duration.seconds(86_400)
    /// Jobs on a page.
    public static let page = 1...1000
    /// Bytes of requests after which a page ends early.
    static let pageByteCount = 4 << 20
    /// Leases that one claim takes back from lost workers, and scheduled jobs that it finds due, before it looks for a
    /// job of its own: bounded, so that no claim waits for thousands.
    static let reclaimsPerClaim = 10
    static let promotionsPerClaim = 100
}

extension Submission {
    /// Throws `.invalid` or `.requestTooLarge` unless every field is within its bounds.
    func validate() throws(QueueError) {
        guard request.count <= QueueLimits.requestByteCount else {
            throw .requestTooLarge(byteCount: request.count, limit: QueueLimits.requestByteCount)
        }
        guard inputDigest.count == 32 else {
            throw .invalid(field: "inputDigest", value: "\(inputDigest.count) bytes", expected: "32 bytes")
        }
        guard QueueLimits.attempts.contains(maxAttempts) else {
            throw .invalid(field: "maxAttempts", value: "\(maxAttempts)", expected: "a number from 1 to 100")
        }
        try validateName("requestedBy", requestedBy)
        for (field, value) in [
            ("idempotencyKey", idempotencyKey), ("batch", batch), ("campaign", campaign), ("trace", trace),
        ] {
            if let value { try validateName(field, value) }
        }
    }

    /// The new job, arrived at `now`.
    func job(at now: Timestamp) -> Job {
        Job(
            id: id, lane: lane, request: request, inputDigest: inputDigest, requestedBy: requestedBy, created: now,
            idempotencyKey: idempotencyKey, batch: batch, campaign: campaign, retryOf: retryOf, trace: trace,
            life: Job.Life(maxAttempts: maxAttempts, start: scheduledFor, now: now))
    }

    /// Whether `job`, which has this id already, asks for the same.
    func asksForTheSame(as job: Job) -> Bool {
        job.lane == lane && job.request == request && job.inputDigest == inputDigest && job.retryOf == retryOf
    }

    /// The same work again, linked to `job`. It belongs to no batch, whose items are counted, and has no key, which
    /// stands for the first submission.
    init(retrying job: Job, as id: Job.ID) {
        self.init(
            id: id, lane: job.lane, request: job.request, inputDigest: job.inputDigest, requestedBy: job.requestedBy)
        maxAttempts = job.maxAttempts
        campaign = job.campaign
        retryOf = job.id
    }
}

/// Throws unless `worker` can be a worker's name and `duration` the length of a lease.
func validateLease(worker: String, _ duration: Duration) throws(QueueError) {
    try validateName("worker", worker)
    try validateLease(duration)
}

/// Throws unless `duration` can be the length of a lease.
func validateLease(_ duration: Duration) throws(QueueError) {
    guard duration > .zero, duration <= QueueLimits.lease else {
        throw .invalid(field: "lease", value: "\(duration)", expected: "more than nothing and at most a day")
    }
}

/// Throws unless a page can have `limit` jobs.
func validatePage(limit: Int) throws(QueueError) {
    guard QueueLimits.page.contains(limit) else {
        throw .invalid(field: "limit", value: "\(limit)", expected: "a number from 1 to 1000")
    }
}

private func validateName(_ field: String, _ value: String) throws(QueueError) {
    guard (1...QueueLimits.nameByteCount).contains(value.utf8.count) else {
        throw .invalid(field: field, value: value, expected: "1 to \(QueueLimits.nameByteCount) bytes")
    }
}
