import QueueModel
import System
import TestSupport
import Testing

/// The rules every `JobQueue` keeps, about how many jobs of a lane run and how often they start.
@Suite struct LaneLimitConformanceTests {
    @Test("no more jobs of a lane run than its limit, and others go on", arguments: QueueBackend.allCases)
    func concurrency(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await queue.configure([
                LanePolicy(lane: .interactive, weight: 8, concurrency: 2), LanePolicy(lane: .batch, weight: 1),
            ])
            try await queue.enqueueSamples(1...4)
            try await queue.enqueueSamples(5...6, lane: .batch)
            let claimed = try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(60), limit: 10)
            #expect(claimed.count { $0.lane == .interactive } == 2)
            #expect(claimed.count { $0.lane == .batch } == 2)
            #expect(try await queue.claimNext() == nil)
            let first = try #require(claimed.first { $0.lane == .interactive }?.claim)
            try await queue.complete(first, result: .sample())
            #expect(try await queue.claimNext() == .sample(3))
            #expect(try await queue.claimNext() == nil)
        }
    }

    @Test("every end of a lease makes room under the limit", arguments: QueueBackend.allCases)
    func roomAgain(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            try await queue.configure([LanePolicy(lane: .interactive, concurrency: 1)])
            try await queue.enqueueSamples(1...6)
            let ends: [(Job.Claim) async throws -> Void] = [
                { try await queue.complete($0, result: .sample()) },
                { try await queue.fail($0, .lasting) },
                { try await queue.cancel($0.job) },
                { try await queue.release($0) },
                { _ in clock.advance(by: .seconds(60)) },
                { _ in try await queue.forsake("worker-a") },
            ]
            for (number, end) in ends.enumerated() {
                let claim = try await queue.mustClaim()
                #expect(try await queue.claimNext() == nil)
                try await end(claim)
                if number < 4 { try await queue.tidy() }
            }
            #expect(try await queue.claimNext() != nil)
        }
    }

    @Test("a limit that is lowered stops no job that runs", arguments: QueueBackend.allCases)
    func lowered(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await queue.enqueueSamples(1...4)
            let claims = [try await queue.mustClaim(), try await queue.mustClaim()]
            try await queue.configure([LanePolicy(lane: .interactive, concurrency: 1)])
            #expect(try await queue.claimNext() == nil)
            try await queue.complete(claims[0], result: .sample())
            #expect(try await queue.claimNext() == nil)
            try await queue.complete(claims[1], result: .sample())
            #expect(try await queue.claimNext() == .sample(3))
        }
    }

    @Test("a rate lets its count start at once, and then one after the other", arguments: QueueBackend.allCases)
    func rate(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            try await limit(queue, StartRate(count: 3, period: .seconds(60)))
            try await queue.enqueueSamples(1...20)
            #expect(try await startable(queue) == 3)
            clock.advance(by: .milliseconds(19_999))
            #expect(try await startable(queue) == 0)
            clock.advance(by: .milliseconds(1))
            #expect(try await startable(queue) == 1)
            clock.advance(by: .seconds(40))
            #expect(try await startable(queue) == 2)
            clock.advance(by: .seconds(3600))
            #expect(try await startable(queue) == 3)
        }
    }

    @Test("a lane that is over its rate leaves its turns to the others", arguments: QueueBackend.allCases)
    func rateOfOne(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await queue.configure([
                LanePolicy(lane: .interactive, weight: 8, rate: StartRate(count: 1, period: .seconds(60))),
                LanePolicy(lane: .batch, weight: 1),
            ])
            try await queue.enqueueSamples(1...3)
            try await queue.enqueueSamples(4...6, lane: .batch)
            let claimed = try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(60), limit: 10)
            #expect(claimed.map(\.id) == [1, 4, 5, 6].map { .sample($0) })
        }
    }

    @Test("configuring the lanes again does not fill a rate's bucket", arguments: QueueBackend.allCases)
    func configuredAgain(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            let rate = StartRate(count: 3, period: .seconds(60))
            try await limit(queue, rate)
            try await queue.enqueueSamples(1...20)
            #expect(try await startable(queue) == 3)
            try await limit(queue, rate)
            try await queue.configure([LanePolicy(lane: .batch)])
            try await limit(queue, rate)
            #expect(try await startable(queue) == 0)
        }
    }

    @Test("jobs that come back count against the rate when they start again", arguments: QueueBackend.allCases)
    func rateOfReturned(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await limit(queue, StartRate(count: 2, period: .seconds(60)))
            try await queue.enqueueSamples(1...1)
            for _ in 0..<2 { try await queue.release(try await queue.mustClaim()) }
            #expect(try await queue.claimNext() == nil)
        }
    }

    @Test("a clock that is set back does not close a lane with a rate", arguments: QueueBackend.allCases)
    func clockSetBack(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            try await limit(queue, StartRate(count: 3, period: .seconds(60)))
            try await queue.enqueueSamples(1...20)
            #expect(try await startable(queue) == 3)
            clock.advance(by: .seconds(-3600))
            var started = try await startable(queue)
            for _ in 0..<3 {
                clock.advance(by: .seconds(20))
                started += try await startable(queue)
            }
            #expect((3...4).contains(started))
        }
    }

    @Test("a clock that jumps forward lets no more than the burst start", arguments: QueueBackend.allCases)
    func clockSetForward(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            try await limit(queue, StartRate(count: 3, period: .seconds(60)))
            try await queue.enqueueSamples(1...20)
            clock.advance(by: .seconds(3600))
            #expect(try await startable(queue) == 3)
        }
    }

    private func limit(_ queue: any JobQueue, _ rate: StartRate) async throws {
        try await queue.configure([LanePolicy(lane: .interactive, rate: rate)])
    }

    /// How many jobs can be claimed at this moment; they run on.
    private func startable(_ queue: any JobQueue) async throws -> Int {
        try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(86_400), limit: 100).count
    }
}
