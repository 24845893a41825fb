import QueueModel
import System
import TestSupport
import Testing

/// The rules every `JobQueue` keeps, about how long ended jobs are kept.
@Suite struct RetentionConformanceTests {
    private let hour = Retention(ended: .seconds(3600), failed: .seconds(7200), count: 1000)

    @Test("an ended job is kept for its time, a failed one for its own", arguments: QueueBackend.allCases)
    func age(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            try await end(queue, 1...3)
            _ = try await queue.enqueue(.sample(9))
            clock.advance(by: .milliseconds(3_599_999))
            #expect(try await queue.prune(hour) == 0)
            clock.advance(by: .milliseconds(1))
            #expect(try await queue.prune(hour) == 2)
            #expect(try await numbers(queue) == [9, 2])
            clock.advance(by: .seconds(3600))
            #expect(try await queue.prune(hour) == 1)
            #expect(try await numbers(queue) == [9])
            #expect(try await queue.prune(hour) == 0)
        }
    }

    @Test("jobs that have not ended are kept, however old", arguments: QueueBackend.allCases)
    func unfinished(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            try await queue.enqueueSamples(1...2)
            _ = try await queue.enqueue(.sample(3).scheduled(for: clock.now + .seconds(1_000_000)))
            _ = try await queue.mustClaim()
            _ = try await queue.enqueue(.sample(4))
            clock.advance(by: .seconds(100_000))
            #expect(try await queue.prune(Retention(ended: .zero, failed: .zero, count: 0)) == 0)
            #expect(try await numbers(queue) == [4, 3, 2, 1])
        }
    }

    @Test("beyond their number the ones that ended first go first", arguments: QueueBackend.allCases)
    func count(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            try await queue.enqueueSamples(1...6)
            for number in [UInt64(3), 1, 5, 2] {
                clock.advance(by: .seconds(1))
                try await queue.cancel(.sample(number))
            }
            #expect(try await queue.prune(Retention(count: 4)) == 0)
            #expect(try await queue.prune(Retention(count: 2)) == 2)
            #expect(try await numbers(queue) == [6, 5, 4, 2])
            #expect(try await queue.prune(Retention(count: .min)) == 2)
            #expect(try await numbers(queue) == [6, 4])
        }
    }

    @Test("one call removes a few, the next the next", arguments: QueueBackend.allCases)
    func bounded(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            for answer in try await queue.enqueue((UInt64(1)...451).map { .sample($0) }) { _ = try answer.get() }
            for number in UInt64(1)...450 { try await queue.cancel(.sample(number)) }
            clock.advance(by: .seconds(3600))
            var removed: [Int] = []
            for _ in 0..<4 { removed.append(try await queue.prune(hour)) }
            #expect(removed == [200, 200, 50, 0])
            #expect(try await queue.list(.all, after: nil, limit: 10).jobs.map(\.id) == [.sample(451)])
        }
    }

    @Test("the newest job stays, so that no place in the list is given twice", arguments: QueueBackend.allCases)
    func newest(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            try await end(queue, 1...3)
            let cursor = try await queue.list(.all, after: nil, limit: 1).next
            clock.advance(by: .seconds(10_000))
            #expect(try await queue.prune(hour) == 2)
            #expect(try await numbers(queue) == [3])
            _ = try await queue.enqueue(.sample(4))
            #expect(try await queue.list(.all, after: cursor, limit: 10).jobs == [])
            #expect(try await queue.prune(hour) == 1)
        }
    }

    @Test("a batch that has not ended keeps its jobs", arguments: QueueBackend.allCases)
    func openBatch(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.open(.sample(1), total: 2, requestedBy: "test")
            _ = try await queue.enqueue(.sample(1).row(1))
            try await queue.cancel(.sample(1))
            try await queue.enqueueSamples(8...9)
            clock.advance(by: .seconds(10_000))
            #expect(try await queue.prune(hour) == 0)
            _ = try await queue.enqueue(.sample(2).row(2))
            try await queue.cancel(.sample(2))
            _ = try await queue.enqueue(.sample(10))
            #expect(try await queue.prune(hour) == 1)
            #expect(try await queue.items(of: .sample(1), after: 0, limit: 10).map(\.row) == [2])
            #expect(try await queue.batch(.sample(1))?.counts == Batch.Counts(accepted: 2, cancelled: 2))
        }
    }

    @Test("a batch is kept as long as any job is, then until its time is over", arguments: QueueBackend.allCases)
    func batches(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            for number in UInt64(1)...2 { _ = try await queue.open(.sample(number), total: 1, requestedBy: "test") }
            _ = try await queue.enqueue(.sample(1).row(1))
            try await queue.cancel(.sample(1))
            try await queue.reject(Batch.Place(batch: .sample(2), row: 1), .lasting)
            _ = try await queue.enqueue(.sample(9))
            #expect(try await queue.prune(Retention(ended: .seconds(3600), failed: .seconds(7200), count: 0)) == 1)
            clock.advance(by: .milliseconds(7_199_999))
            _ = try await queue.prune(hour)
            #expect(try await queue.batch(.sample(1))?.counts.cancelled == 1)
            #expect(try await queue.batch(.sample(2))?.counts.rejected == 1)
            clock.advance(by: .milliseconds(1))
            _ = try await queue.prune(hour)
            for number in UInt64(1)...2 { #expect(try await queue.batch(.sample(number)) == nil) }
        }
    }

    @Test(
        "a batch that ended before it was opened, by the clock, is as old as its opening",
        arguments: QueueBackend.allCases)
    func batchBeforeItsTime(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.open(.sample(1), total: 1, requestedBy: "test")
            clock.advance(by: .seconds(-1800))
            try await queue.reject(Batch.Place(batch: .sample(1), row: 1), .lasting)
            #expect(try await queue.batch(.sample(1))?.finished != nil)
            clock.advance(by: .seconds(7200))
            _ = try await queue.prune(hour)
            #expect(try await queue.batch(.sample(1)) != nil)
            clock.advance(by: .seconds(1800))
            _ = try await queue.prune(hour)
            #expect(try await queue.batch(.sample(1)) == nil)
        }
    }

    @Test("a batch of which a job is left is kept, however old", arguments: QueueBackend.allCases)
    func batchWithJob(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.open(.sample(1), total: 1, requestedBy: "test")
            _ = try await queue.enqueue(.sample(1).row(1))
            try await queue.cancel(.sample(1))
            clock.advance(by: .seconds(100_000))
            // It is the newest job, so it stays.
            #expect(try await queue.prune(hour) == 0)
            #expect(try await queue.batch(.sample(1))?.counts.cancelled == 1)
            #expect(try await queue.items(of: .sample(1), after: 0, limit: 10).count == 1)
        }
    }

    @Test("a job whose origin was removed stays as it was", arguments: QueueBackend.allCases)
    func linked(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await end(queue, 1...1)
            try await queue.fail(try await queue.enqueueAndClaim(2), .lasting)
            let retry = try await queue.retry(.sample(2), as: .sample(3))
            #expect(try await queue.prune(Retention(count: 0)) == 2)
            #expect(try await queue.status(of: .sample(2)) == nil)
            #expect(try await queue.job(3) == retry)
            await #expect(throws: QueueError.notFound(.sample(2))) {
                try await queue.retry(.sample(2), as: .sample(4))
            }
        }
    }

    @Test(
        "a retry is kept while the job that it repeats is, so that this is not retried again",
        arguments: QueueBackend.allCases)
    func retried(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            try await queue.fail(try await queue.enqueueAndClaim(1), .lasting)
            _ = try await queue.retry(.sample(1), as: .sample(2))
            try await queue.complete(try await queue.mustClaim(), result: .sample())
            _ = try await queue.enqueue(.sample(3))
            clock.advance(by: .seconds(3600))
            #expect(try await queue.prune(hour) == 0)
            #expect(try await queue.retryFailed(of: nil, limit: 10) == [])
            clock.advance(by: .seconds(3600))
            var removed: [Int] = []
            for _ in 0..<3 { removed.append(try await queue.prune(hour)) }
            #expect(removed == [1, 1, 0])
        }
    }

    /// Enqueues jobs and ends them: every third succeeded, failed, cancelled, from the first on.
    private func end(_ queue: any JobQueue, _ numbers: ClosedRange<UInt64>) async throws {
        for number in numbers {
            let claim = try await queue.enqueueAndClaim(number)
            switch number % 3 {
            case 1: try await queue.complete(claim, result: .sample())
            case 2: try await queue.fail(claim, .lasting)
            default: try await queue.cancel(claim.job)
            }
        }
    }

    /// The jobs that are there, newest first, by their numbers.
    private func numbers(_ queue: any JobQueue) async throws -> [UInt64] {
        let jobs = try await queue.list(.all, after: nil, limit: 1000).jobs
        return jobs.map { job in (UInt64(0)...500).first { .sample($0) == job.id } ?? .max }
    }
}

extension JobQueue {
    /// Enqueues a sample and claims it, which must be next.
    fileprivate func enqueueAndClaim(_ number: UInt64) async throws -> Job.Claim {
        _ = try await enqueue(.sample(number))
        let claim = try await mustClaim()
        try #require(claim.job == .sample(number))
        return claim
    }
}
