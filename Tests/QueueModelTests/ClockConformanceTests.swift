import QueueModel
import System
import TestSupport
import Testing

/// The rules every `JobQueue` keeps when its clock is set.
@Suite struct ClockConformanceTests {
    @Test("a clock that is set back an hour keeps no lost lease alive for it", arguments: QueueBackend.allCases)
    func backLease(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1))
            _ = try await queue.mustClaim()
            clock.advance(by: .seconds(-3600))
            try await queue.tidy()
            clock.advance(by: .milliseconds(59_999))
            #expect(try await queue.claimNext(by: "worker-b") == nil)
            clock.advance(by: .milliseconds(1))
            #expect(try await queue.claimNext(by: "worker-b") == .sample(1))
        }
    }

    @Test(
        "a lease that was renewed meanwhile is corrected when the clock comes back to where it was",
        arguments: QueueBackend.allCases)
    func backToTheMillisecond(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1))
            let claim = try await queue.mustClaim()
            clock.advance(by: .seconds(3600))
            try await queue.renew(claim, for: .seconds(60))
            clock.advance(by: .seconds(-3600))
            try await queue.tidy()
            clock.advance(by: .seconds(60))
            #expect(try await queue.claimNext(by: "worker-b") == .sample(1))
        }
    }

    @Test("a lease that was corrected is the same lease", arguments: QueueBackend.allCases)
    func backClaim(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1))
            let claim = try await queue.mustClaim()
            clock.advance(by: .seconds(-3600))
            let events = try await queue.changes().count
            try await queue.tidy()
            #expect(try await queue.changes().count == events)
            #expect(try await queue.job(1).claim == claim)
            try await queue.complete(claim, result: .sample())
        }
    }

    @Test("a clock that is set back an hour adds nothing to a time limit", arguments: QueueBackend.allCases)
    func backLimit(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1, maxAttempts: 1).with { $0.limits.total = .seconds(100) })
            _ = try await queue.enqueue(.sample(2, maxAttempts: 1).with { $0.limits.idle = .seconds(100) })
            let claims = [try await queue.mustClaim(), try await queue.mustClaim()]
            clock.advance(by: .seconds(-3600))
            try await queue.tidy()
            for _ in 0..<2 {
                clock.advance(by: .seconds(49))
                for claim in claims { try await queue.renew(claim, for: .seconds(86_400)) }
            }
            clock.advance(by: .seconds(2))
            try await queue.tidy()
            #expect(try await queue.job(1).life.lastFailure?.code == "time-limit")
            #expect(try await queue.job(2).life.lastFailure?.code == "idle-limit")
        }
    }

    @Test("a renewal after the clock was set back keeps the limit without any claim", arguments: QueueBackend.allCases)
    func backRenewal(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1).with { $0.limits.total = .seconds(100) })
            let claim = try await queue.mustClaim()
            clock.advance(by: .seconds(-3600))
            try await queue.renew(claim, for: .seconds(60))
            clock.advance(by: .seconds(100))
            await #expect(throws: QueueError.outOfTime(.sample(1), .timeLimit(.total(.seconds(100)), attempt: 1))) {
                try await queue.renew(claim, for: .seconds(60))
            }
        }
    }

    @Test("a clock that jumps an hour ahead costs running jobs one lease at the most", arguments: QueueBackend.allCases)
    func ahead(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            try await queue.enqueueSamples(1...3)
            for number in 1...3 {
                try await queue.beat(.sample("worker-\(number)"))
                _ = try await queue.mustClaim(by: "worker-\(number)")
            }
            clock.advance(by: .seconds(3600))
            var again: [Job] = []
            while let job = try await queue.claim(by: "worker-4", lanes: nil, for: .seconds(60)) { again.append(job) }
            #expect(again.map(\.id) == [1, 2, 3].map { .sample($0) })
            // Most of the fleet lost a lease at that moment: no attempt is used up.
            #expect(again.map(\.attempt) == [1, 1, 1])
        }
    }

    @Test(
        "a worker that claims nothing more is not alive for ever after the clock was set back",
        arguments: QueueBackend.allCases)
    func backBeat(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            try await queue.beat(.sample("worker-a"))
            clock.advance(by: .seconds(-3600))
            try await queue.beat(.sample("worker-b"))
            #expect(try await queue.workers().map(\.isAlive) == [false, true])
            try await queue.beat(.sample("worker-a"))
            #expect(try await queue.workers().map(\.isAlive) == [true, true])
        }
    }

    @Test("losses before the clock was set back do not speak against the fleet", arguments: QueueBackend.allCases)
    func backLosses(backend: QueueBackend) async throws {
        try await backend.withQueue(rules: QueueRules(lostLeases: 2)) { queue, clock in
            try await queue.enqueueSamples(1...4)
            for number in 1...3 { _ = try await queue.mustClaim(by: "worker-\(number)") }
            clock.advance(by: .seconds(60))
            try await queue.tidy()
            clock.advance(by: .seconds(-3600))
            _ = try await queue.claim(by: "worker-4", lanes: nil, for: .seconds(60), limit: 4)
            _ = try await queue.forsake("worker-4")
            #expect(try await queue.job(4).life.pardons == 0)
        }
    }

    @Test("times at the ends of the range are taken and harm nothing", arguments: QueueBackend.allCases)
    func extremes(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            let end = backend.lastTime
            try await queue.configure([
                LanePolicy(lane: .interactive, rate: StartRate(count: 1_000_000, period: .seconds(1)))
            ])
            let limits = Job.TimeLimits(total: .seconds(30 * 86_400), idle: .milliseconds(1))
            _ = try await queue.enqueue(.sample(1).scheduled(for: end))
            _ = try await queue.enqueue(
                .sample(2).scheduled(for: Timestamp(milliseconds: .min)).with { $0.limits = limits })
            #expect(try await queue.claimNext() == .sample(2))
            for step in [Duration.milliseconds(Int64.max), .milliseconds(Int64.min), .milliseconds(Int64.min)] {
                clock.advance(by: step)
                try await queue.beat(.sample())
                if let claim = try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(86_400))?.claim {
                    try await queue.report(Job.Progress(stage: "x", done: 1, total: 2), claim)
                    try await queue.renew(claim, for: .seconds(86_400))
                }
                for number in UInt64(1)...2 { _ = try await queue.standing(of: .sample(number)) }
                _ = try await queue.workers()
                _ = try await queue.counts(dueWithin: .seconds(Int64.max))
                _ = try await queue.counts(dueWithin: .seconds(Int64.min))
                _ = try await queue.prune(
                    Retention(ended: .seconds(Int64.min), failed: .seconds(Int64.max), count: .min))
                _ = try await queue.forsake("worker-a")
            }
            #expect(clock.now == Timestamp(milliseconds: .min))
        }
    }
}
