import Foundation
import QueueModel
import System
import TestSupport

/// Every kind of queue there is. A new one adds a case here and no test.
enum QueueBackend: CaseIterable {
    case memory
    case sqlite

    /// Runs `body` with a fresh queue and the clock that it goes by.
    func withQueue(
        backoff: Backoff = .standard, seed: UInt64 = 1,
        _ body: (_ queue: any JobQueue, _ clock: ManualClock) async throws -> Void
    ) async throws {
        let clock = ManualClock()
        let random = SeededRandom(seed: seed).source
        switch self {
        case .memory:
            try await body(InMemoryJobQueue(backoff: backoff, random: random, now: { clock.now }), clock)
        case .sqlite:
            try await withTemporaryDirectory { folder in
                let queue = try await SQLiteJobQueue.open(
                    folder + "/farm.sqlite", backoff: backoff, random: random, now: { clock.now })
                try await body(queue, clock)
            }
        }
    }
}

extension Job.ID {
    /// The id that tests call by a number.
    static func sample(_ number: UInt64) -> Job.ID {
        Job.ID(at: Timestamp(milliseconds: 1_800_000_000_000), random: SeededRandom(seed: number).source)
    }
}

extension Submission {
    /// A small job; the number makes its id and its request.
    static func sample(_ number: UInt64 = 1, lane: Lane = .interactive, maxAttempts: Int = 3) -> Submission {
        var submission = Submission(
            id: .sample(number), lane: lane, request: Array("request \(number)".utf8),
            inputDigest: [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 32), requestedBy: "test")
        submission.maxAttempts = maxAttempts
        return submission
    }

    /// The same, to be started later.
    func scheduled(for time: Timestamp) -> Submission {
        var submission = self
        submission.scheduledFor = time
        return submission
    }
}

extension Job.Result {
    static func sample() throws -> Job.Result {
        try Job.Result(sha256: String(repeating: "0f", count: 32), byteCount: 42, fileName: "node.pkg")
    }
}

extension Job.Failure {
    static let passing = Job.Failure(code: "disk-full", message: "no space", isRetryable: true)
    static let lasting = Job.Failure(code: "bad-request", message: "no such payload", isRetryable: false)
}

extension JobQueue {
    /// The id of the job that is claimed for a minute; nil when there is none.
    func claimNext(by worker: String = "worker-a", lanes: [Lane]? = nil) async throws -> Job.ID? {
        try await claim(by: worker, lanes: lanes, for: .seconds(60))?.id
    }

    /// Claims for a minute, what must be there.
    func mustClaim(by worker: String = "worker-a") async throws -> Job.Claim {
        guard let claim = try await claim(by: worker, lanes: nil, for: .seconds(60))?.claim else {
            throw NothingToClaim()
        }
        return claim
    }

    /// Lets leases run out and scheduled jobs come due, as any worker's claim does, without taking a job.
    func tidy() async throws { _ = try await claim(by: "tidy", lanes: [.nobodys], for: .seconds(1)) }

    /// The name of a job's state.
    func state(of id: Job.ID) async throws -> Job.State.Name? { try await status(of: id)?.state.name }
}

struct NothingToClaim: Error {}

extension Lane {
    /// A lane that no test enqueues to.
    static let nobodys: Lane = Lane("nobodys") ?? .campaign
}
