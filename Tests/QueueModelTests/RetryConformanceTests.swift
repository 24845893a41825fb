import QueueModel
import System
import TestSupport
import Testing

/// The rules every `JobQueue` keeps, about jobs that are done again.
@Suite struct RetryConformanceTests {
    @Test("retrying makes a new job linked to the old one, which stays as it was", arguments: QueueBackend.allCases)
    func retry(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.open(.sample(1), total: 2, requestedBy: "test")
            var submission = Submission.sample(1, lane: .batch, maxAttempts: 2).row(1)
            submission.campaign = "rotation"
            submission.idempotencyKey = "key"
            _ = try await queue.enqueue(submission)
            try await queue.fail(try await queue.mustClaim(), .lasting)
            let old = try await queue.status(of: .sample(1))
            clock.advance(by: .seconds(9))

            let new = try await queue.retry(.sample(1), as: .sample(2))
            #expect(new.id == .sample(2))
            #expect(new.retryOf == .sample(1))
            #expect(new.state == .queued)
            #expect(new.attempt == 1)
            #expect(new.maxAttempts == 2)
            #expect(new.lane == .batch)
            #expect(new.request == submission.request)
            #expect(new.inputDigest == submission.inputDigest)
            #expect(new.created == clock.now)
            #expect(new.campaign == "rotation")
            #expect(new.batch == nil)
            #expect(new.idempotencyKey == nil)
            var linked = try #require(old)
            linked.life.retriedAs = .sample(2)
            #expect(try await queue.status(of: .sample(1)) == linked)
            #expect(try await queue.retry(.sample(1), as: .sample(2)) == new)
            #expect(try await queue.claimNext() == .sample(2))
        }
    }

    @Test("only a failed or cancelled job can be retried, under an id of its own", arguments: QueueBackend.allCases)
    func retryRefused(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1))
            await expectNoRetry(queue, .queued)
            let claim = try await queue.mustClaim()
            await expectNoRetry(queue, .running)
            try await queue.complete(claim, result: .sample())
            await expectNoRetry(queue, .succeeded)
            _ = try await queue.enqueue(.sample(2))
            try await queue.cancel(.sample(2))
            await #expect(throws: QueueError.alreadyExists(.sample(1))) {
                try await queue.retry(.sample(2), as: .sample(1))
            }
            await #expect(throws: QueueError.alreadyExists(.sample(2))) {
                try await queue.retry(.sample(2), as: .sample(2))
            }
        }
    }

    private func expectNoRetry(_ queue: any JobQueue, _ state: Job.State.Name) async {
        await #expect(throws: QueueError.wrongState(.sample(1), state: state, verb: "retry")) {
            try await queue.retry(.sample(1), as: .sample(9))
        }
    }

    @Test("one job may be retried several times, under new ids", arguments: QueueBackend.allCases)
    func severalTimes(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await fail(queue, 1...1)
            for number in UInt64(2)...3 {
                #expect(try await queue.retry(.sample(1), as: .sample(number)).retryOf == .sample(1))
            }
            #expect(try await queue.counts(dueWithin: .zero).queued == 2)
        }
    }

    @Test(
        "retrying all failed jobs retries each once, the oldest first, until none is left",
        arguments: QueueBackend.allCases)
    func retryFailed(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await fail(queue, 1...5)
            _ = try await queue.enqueue(.sample(6))
            try await queue.cancel(.sample(6))
            _ = try await queue.retry(.sample(2), as: .sample(12))
            var retried: [Job.ID?] = []
            for _ in 0..<3 {
                let new = try await queue.retryFailed(of: nil, limit: 2)
                #expect(new.allSatisfy { $0.state == .queued && $0.attempt == 1 })
                retried += new.map(\.retryOf)
            }
            #expect(retried == [1, 3, 4, 5].map { .sample($0) })
            #expect(try await queue.retryFailed(of: nil, limit: 1000) == [])
        }
    }

    @Test("a retry that failed is retried in its turn, and its origin is not", arguments: QueueBackend.allCases)
    func chain(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await fail(queue, 1...1)
            var last = Job.ID.sample(1)
            for _ in 0..<3 {
                let new = try await queue.retryFailed(of: nil, limit: 10)
                #expect(new.map(\.retryOf) == [last])
                last = try #require(new.first).id
                try await queue.fail(try await queue.mustClaim(), .lasting)
            }
        }
    }

    @Test("retrying a lane's failed jobs leaves the others", arguments: QueueBackend.allCases)
    func retryLane(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await fail(queue, 1...2)
            try await fail(queue, 3...4, lane: .batch)
            #expect(try await queue.retryFailed(of: .batch, limit: 10).map(\.retryOf) == [.sample(3), .sample(4)])
            #expect(try await queue.retryFailed(of: .campaign, limit: 10) == [])
            await #expect(throws: QueueError.noSuchLane(.extra, known: [.interactive, .batch, .campaign])) {
                try await queue.retryFailed(of: .extra, limit: 10)
            }
            for limit in [0, -1, 1001, .max] {
                await expectInvalid("limit") { () async throws(QueueError) in
                    _ = try await queue.retryFailed(of: nil, limit: limit)
                }
            }
        }
    }

    @Test(
        "a lane that takes nothing in keeps no other lane's jobs from being retried", arguments: QueueBackend.allCases)
    func retryBesidesClosed(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            try await fail(queue, 1...1, lane: .campaign)
            try await fail(queue, 2...2, lane: .batch)
            try await fail(queue, 3...3)
            try await queue.hold(.closed, .batch, by: "ada", reason: "")
            let hold = LaneHold(kind: .closed, lane: .batch, by: "ada", reason: "", since: clock.now)
            try await queue.configure([LanePolicy(lane: .interactive), LanePolicy(lane: .batch)])
            #expect(try await queue.retryFailed(of: nil, limit: 1).map(\.retryOf) == [.sample(3)])
            #expect(try await queue.retryFailed(of: nil, limit: 10) == [])
            await #expect(throws: QueueError.closed(hold)) { try await queue.retryFailed(of: .batch, limit: 10) }
            try await queue.resume(.batch, by: "ada")
            #expect(try await queue.retryFailed(of: nil, limit: 10).map(\.retryOf) == [.sample(2)])
        }
    }

    @Test("failed jobs that are unique and alike are retried by one at a time", arguments: QueueBackend.allCases)
    func retryUnique(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            for number in UInt64(1)...2 {
                _ = try await queue.enqueue(
                    .sample(number).with {
                        $0.isUnique = true
                        $0.inputDigest = [UInt8](repeating: 7, count: 32)
                    })
                try await queue.fail(try await queue.mustClaim(), .lasting)
            }
            let first = try await queue.retryFailed(of: nil, limit: 10)
            #expect(first.map(\.retryOf) == [.sample(1)])
            #expect(try await queue.retryFailed(of: nil, limit: 10) == [])
            #expect(try await queue.retry(.sample(2), as: .sample(12)) == first.first)
            #expect(try await queue.status(of: .sample(12)) == nil)
            try await queue.complete(try await queue.mustClaim(), result: .sample())
            #expect(try await queue.retryFailed(of: nil, limit: 10).map(\.retryOf) == [.sample(2)])
        }
    }

    @Test("retrying a row of a batch leaves the batch as it was", arguments: QueueBackend.allCases)
    func retryRow(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            _ = try await queue.open(.sample(1), total: 1, requestedBy: "test")
            _ = try await queue.enqueue(.sample(1).row(1))
            try await queue.fail(try await queue.mustClaim(), .lasting)
            let batch = try await queue.batch(.sample(1))
            let items = try await queue.items(of: .sample(1), after: 0, limit: 10)
            let before = try await queue.changes().count
            #expect(try await queue.retryFailed(of: nil, limit: 10).map(\.batch) == [nil])
            try await queue.complete(try await queue.mustClaim(), result: .sample())
            #expect(try await queue.batch(.sample(1)) == batch)
            let after = try await queue.items(of: .sample(1), after: 0, limit: 10)
            #expect(after.map(\.row) == items.map(\.row))
            #expect(try await queue.state(of: .sample(1)) == .failed)
            #expect(try await queue.changes()[before...].contains(.batchFinished(.sample(1))) == false)
        }
    }

    /// Enqueues jobs that fail for good.
    private func fail(
        _ queue: any JobQueue, _ numbers: ClosedRange<UInt64>, lane: Lane = .interactive
    ) async throws {
        try await queue.enqueueSamples(numbers, lane: lane)
        for _ in numbers { try await queue.fail(try await queue.mustClaim(), .lasting) }
    }
}
