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
    /// How long an attempt may take.
    public var limits = Job.TimeLimits()
    /// While a job with the same `inputDigest` that is unique too waits or runs, this asks for that one. Not for rows of a
    /// batch: each of them is a job of its own, or the batch would never end.
    public var isUnique = false
    /// The submitter's own name for this submission: the same name again is the same submission, whatever its id.
    public var idempotencyKey: String?
    /// Its place in a batch that was opened before. The same place again is the same submission, whatever its id.
    public var batch: Batch.Place?
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
    /// Bytes of a name: of a worker, a requester, a key.
    public static let nameByteCount = 256
    /// Bytes of a reason.
    public static let reasonByteCount = 1000
    /// The longest lease.
    public static let lease = Duration.seconds(86_400)
    /// The longest time limit.
    public static let timeLimit = Duration.seconds(30 * 86_400)
    /// How long a worker is remembered after its last beat.
    static let workerMemory = Duration.seconds(86_400)
    /// Jobs on a page.
    public static let page = 1...1000
    /// Jobs of one claim.
    public static let claim = 1...1000
    /// Submissions of one call.
    public static let submissions = 100_000
    /// Bytes of the requests of one call: one transaction must not keep the others waiting for as long as a lease.
    public static let submissionsByteCount = 64 << 20
    /// Bytes of requests after which a page ends early.
    static let pageByteCount = 4 << 20
    /// Places in a lane that are counted for people.
    public static let countedPlaces = 10_000
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
        if let idempotencyKey { try validateName("idempotencyKey", idempotencyKey) }
        if let campaign { try validateName("campaign", campaign) }
        if let trace { try validateName("trace", trace) }
        if let total = limits.total { try validateLimit("limits.total", total) }
        if let idle = limits.idle { try validateLimit("limits.idle", idle) }
        guard let batch else { return }
        try require(batch.row, in: 1...Batch.maximumTotal, "batch row")
        guard !isUnique else {
            throw .invalid(
                field: "isUnique", value: "true", expected: "false for a row of a batch, which is a job of its own")
        }
    }

    /// Whether every field is within its bounds.
    var isValid: Bool {
        do throws(QueueError) {
            try validate()
            return true
        } catch {
            return false
        }
    }

    /// Throws unless so many submissions can be taken at once.
    static func validate(_ submissions: [Submission]) throws(QueueError) {
        try require(submissions.count, in: 0...QueueLimits.submissions, "submissions")
        let byteCount = submissions.reduce(0) { $0 + $1.request.count }
        guard byteCount <= QueueLimits.submissionsByteCount else {
            throw .requestTooLarge(byteCount: byteCount, limit: QueueLimits.submissionsByteCount)
        }
    }

    /// The new job, arrived at `now`.
    func job(at now: Timestamp) -> Job {
        Job(
            id: id, lane: lane, request: request, inputDigest: inputDigest, requestedBy: requestedBy, created: now,
            idempotencyKey: idempotencyKey, batch: batch, campaign: campaign, retryOf: retryOf, trace: trace,
            limits: limits.inWholeMilliseconds, isUnique: isUnique,
            life: Job.Life(maxAttempts: maxAttempts, start: scheduledFor, now: now))
    }

    /// Whether `job`, which has this id, key or place already, asks for the same.
    func asksForTheSame(as job: Job) -> Bool {
        job.lane == lane && job.request == request && job.inputDigest == inputDigest && job.retryOf == retryOf
            && job.batch == batch
    }

    /// What was asked for by `job`, itself and not again.
    init(of job: Job) {
        self.init(
            id: job.id, lane: job.lane, request: job.request, inputDigest: job.inputDigest, requestedBy: job.requestedBy
        )
        maxAttempts = job.maxAttempts
        scheduledFor = job.life.scheduledFor
        limits = job.limits
        isUnique = job.isUnique
        idempotencyKey = job.idempotencyKey
        batch = job.batch
        campaign = job.campaign
        trace = job.trace
        retryOf = job.retryOf
    }

    /// The same work again, linked to `job`. It belongs to no batch, whose items are counted, and has no key, which
    /// stands for the first submission.
    init(retrying job: Job, as id: Job.ID) {
        self.init(
            id: id, lane: job.lane, request: job.request, inputDigest: job.inputDigest, requestedBy: job.requestedBy)
        maxAttempts = job.maxAttempts
        limits = job.limits
        isUnique = job.isUnique
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
    guard duration >= .milliseconds(1), duration <= QueueLimits.lease else {
        throw .invalid(field: "lease", value: "\(duration)", expected: "a millisecond to a day")
    }
}

/// Throws unless a page can have `limit` jobs.
func validatePage(limit: Int) throws(QueueError) { try require(limit, in: QueueLimits.page, "limit") }

func validateName(_ field: String, _ value: String) throws(QueueError) {
    guard (1...QueueLimits.nameByteCount).contains(value.utf8.count) else {
        throw .invalid(field: field, value: value, expected: "1 to \(QueueLimits.nameByteCount) bytes")
    }
}

func validateReason(_ value: String) throws(QueueError) {
    guard value.utf8.count <= QueueLimits.reasonByteCount else {
        throw .invalid(field: "reason", value: value, expected: "at most \(QueueLimits.reasonByteCount) bytes")
    }
}

private func validateLimit(_ field: String, _ value: Duration) throws(QueueError) {
    guard value >= .milliseconds(1), value <= QueueLimits.timeLimit else {
        throw .invalid(field: field, value: "\(value)", expected: "a millisecond to 30 days")
    }
}
