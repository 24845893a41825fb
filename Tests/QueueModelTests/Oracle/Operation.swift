import QueueModel
import System
import TestSupport

/// One call of a history, or a move of the clock.
///
/// A value that may be done again, with others before it left out: jobs and leases are named by counting back from the
/// latest, so that each means something in any history.
enum Operation: Sendable, Equatable {
    case enqueue([Draft])
    case open(batch: UInt64, total: Int)
    case reject(batch: UInt64, row: Int)
    case cancel(job: Int)
    case retry(job: Int, as: UInt64)
    case retryFailed(Lane?, limit: Int)
    case claim(worker: Int, lanes: [Lane]?, seconds: Int, limit: Int)
    case renew(lease: Int, seconds: Int)
    case report(lease: Int, stage: Int)
    case complete(lease: Int)
    case fail(lease: Int, isRetryable: Bool)
    case release(lease: Int)
    case beat(worker: Int, lanes: [Lane]?, isDraining: Bool)
    case leave(worker: Int)
    case forsake(worker: Int)
    case configure(Setting)
    case hold(LaneHold.Kind, Lane?, reason: Int)
    case resume(Lane?)
    case prune(ended: Int, failed: Int, count: Int)
    case list(JobFilter, after: Int?, limit: Int)
    case events(after: Int64?, limit: Int)
    case items(batch: UInt64, after: Int, limit: Int)
    case standing(job: Int)
    case moveClock(milliseconds: Int)
}

/// A submission in short.
struct Draft: Sendable, Equatable {
    var number: UInt64
    var lane = Lane.interactive
    var maxAttempts = 3
    var startsIn: Int?
    var total: Int?
    var idle: Int?
    var uniqueDigest: UInt8?
    var key: Int?
    var batch: UInt64?
    var row = 1
    /// Asks for something else than another draft of this number.
    var isChanged = false

    /// The submission, where seconds count from `now`.
    func submission(at now: Timestamp) -> Submission {
        var submission = Submission.sample(number, lane: lane, maxAttempts: maxAttempts)
        if isChanged { submission.request += [0] }
        submission.scheduledFor = startsIn.map { now + .seconds($0) }
        submission.limits = Job.TimeLimits(total: total.map { .seconds($0) }, idle: idle.map { .seconds($0) })
        if let uniqueDigest {
            submission.isUnique = true
            submission.inputDigest = [UInt8](repeating: uniqueDigest, count: 32)
        }
        submission.idempotencyKey = key.map { "key-\($0)" }
        submission.batch = batch.map { Batch.Place(batch: .sample($0), row: row) }
        return submission
    }
}

/// A configuration of lanes.
enum Setting: Sendable, CaseIterable {
    case standard, limited, fewer, other, none

    /// Its lanes; those of `none` are refused.
    var policies: [LanePolicy] {
        switch self {
        case .standard: LanePolicy.standard
        case .limited:
            [
                LanePolicy(lane: .batch, weight: 2, rate: StartRate(count: 2, period: .seconds(10))),
                LanePolicy(lane: .interactive, concurrency: 2), LanePolicy(lane: .campaign, weight: 5),
            ]
        case .fewer: [LanePolicy(lane: .interactive)]
        case .other: [LanePolicy(lane: .extra, weight: 3, concurrency: 1), LanePolicy(lane: .batch)]
        case .none: []
        }
    }
}

/// What a queue answers.
enum Answer: Equatable {
    case nothing
    case results([Result<Job, QueueError>])
    case jobs([Job])
    case ids([Job.ID])
    case batch(Batch)
    case state(Job.State)
    case holds([LaneHold])
    case count(Int)
    case page(JobPage)
    case events(EventPage)
    case items([Batch.Item])
    case standing(Standing?)
    case refused(QueueError)
}

/// What the operations of a history may name: jobs, the newest first, and leases, the latest last.
struct Known: Sendable {
    var jobs: [Job.ID] = []
    var claims: [Job.Claim] = []

    /// The job that came `back` before the newest, around; one that nobody submitted where there is none.
    func job(_ back: Int) -> Job.ID { jobs.isEmpty ? .sample(999_999) : jobs[back % jobs.count] }

    /// The lease that was given `back` before the latest, around; one that nobody gave where there is none.
    func claim(_ back: Int) -> Job.Claim {
        guard !claims.isEmpty else {
            let claimID = Job.ClaimID(random: SeededRandom(seed: 7).source)
            return Job.Claim(job: .sample(999_999), epoch: 1, claimID: claimID)
        }
        return claims[claims.count - 1 - back % claims.count]
    }
}
