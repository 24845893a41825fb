import QueueModel
import System
import TestSupport
import Testing

extension Job.ID {
    /// The id that tests call by a number.
    static func sample(_ number: UInt64) -> Job.ID {
        Job.ID(at: Timestamp(milliseconds: 1_800_000_000_000), random: SeededRandom(seed: number).source)
    }
}

extension Batch.ID {
    /// The batch that tests call by a number.
    static func sample(_ number: UInt64) -> Batch.ID {
        Batch.ID(at: Timestamp(milliseconds: 1_800_000_000_000), random: SeededRandom(seed: ~number).source)
    }
}

extension Submission {
    /// A small job; the number makes its id, its request and its digest.
    static func sample(_ number: UInt64 = 1, lane: Lane = .interactive, maxAttempts: Int = 3) -> Submission {
        var submission = Submission(
            id: .sample(number), lane: lane, request: Array("request \(number)".utf8),
            inputDigest: [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 32), requestedBy: "test")
        submission.maxAttempts = maxAttempts
        return submission
    }

    /// The same, with `change` done to it.
    func with(_ change: (inout Submission) -> Void) -> Submission {
        var submission = self
        change(&submission)
        return submission
    }

    /// The same, to be started later.
    func scheduled(for time: Timestamp) -> Submission { with { $0.scheduledFor = time } }

    /// The same, as a row of batch 1 or another.
    func row(_ row: Int, of batch: UInt64 = 1) -> Submission {
        with { $0.batch = Batch.Place(batch: .sample(batch), row: row) }
    }
}

extension Job.Result {
    /// A result that could be one.
    static func sample() throws -> Job.Result {
        try Job.Result(sha256: String(repeating: "0f", count: 32), byteCount: 42, fileName: "node.pkg")
    }
}

extension Job.Failure {
    /// Worth another attempt.
    static let passing = Job.Failure(code: "disk-full", message: "no space", isRetryable: true)
    /// Worth none.
    static let lasting = Job.Failure(code: "bad-request", message: "no such payload", isRetryable: false)
}

extension Backoff {
    /// A failed job comes back at once.
    static let none = Backoff(base: .zero, cap: .zero)
}

extension WorkerRecord {
    /// A worker of that name that serves those lanes.
    static func sample(_ name: String = "worker-a", lanes: [Lane]? = nil, isDraining: Bool = false) -> WorkerRecord {
        WorkerRecord(
            name: name, host: "host-1", processID: 42, version: "1.0", lanes: lanes, isDraining: isDraining)
    }
}

extension Lane {
    /// A lane that no farm of a test has.
    static let nobodys: Lane = Lane("nobodys") ?? .campaign
    /// A lane that is not standard.
    static let extra: Lane = Lane("extra") ?? .campaign
}

extension JobQueue {
    /// The id of the job that is claimed for a minute; nil when there is none.
    func claimNext(by worker: String = "worker-a", lanes: [Lane]? = nil) async throws(QueueError) -> Job.ID? {
        try await claim(by: worker, lanes: lanes, for: .seconds(60))?.id
    }

    /// Claims for a minute, what must be there.
    func mustClaim(by worker: String = "worker-a", for duration: Duration = .seconds(60)) async throws -> Job.Claim {
        try #require(try await claim(by: worker, lanes: nil, for: duration)?.claim, "there is nothing to claim")
    }

    /// Lets leases run out and scheduled jobs come due, as any worker's claim does, without taking a job.
    func tidy() async throws(QueueError) { _ = try await claim(by: "tidy", lanes: [.nobodys], for: .seconds(1)) }

    /// The job, which must be there.
    func job(_ number: UInt64) async throws -> Job { try #require(try await status(of: .sample(number))) }

    /// The name of a job's state.
    func state(of id: Job.ID) async throws(QueueError) -> Job.State.Name? { try await status(of: id)?.state.name }

    /// What has happened since event `sequence`.
    func changes(after sequence: Int64 = 0) async throws(QueueError) -> [QueueEvent.Change] {
        try await events(after: sequence, limit: 10_000).events.map(\.change)
    }

    /// Enqueues so many samples, numbered from `first`.
    func enqueueSamples(_ numbers: ClosedRange<UInt64>, lane: Lane = .interactive) async throws {
        let answers = try await enqueue(numbers.map { .sample($0, lane: lane) })
        for answer in answers { _ = try answer.get() }
    }
}
