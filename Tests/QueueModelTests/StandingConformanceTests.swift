import System
import TestSupport
import Testing

@testable import QueueModel

/// The rules every `JobQueue` keeps, about why a job waits.
@Suite struct StandingConformanceTests {
    @Test("only a job that waits has a standing", arguments: QueueBackend.allCases)
    func waiting(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            #expect(try await queue.standing(of: .sample(1)) == nil)
            _ = try await queue.enqueue(.sample(1))
            #expect(try await queue.standing(of: .sample(1)) != nil)
            let claim = try await queue.mustClaim()
            #expect(try await queue.standing(of: .sample(1)) == nil)
            try await queue.complete(claim, result: .sample())
            #expect(try await queue.standing(of: .sample(1)) == nil)
        }
    }

    @Test("a job whose turn comes says its place", arguments: QueueBackend.allCases)
    func turn(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            try await queue.beat(.sample())
            _ = try await queue.enqueue(.sample(9).scheduled(for: clock.now + .seconds(60)))
            try await queue.enqueueSamples(1...3)
            _ = try await queue.enqueue(.sample(4, lane: .batch))
            for (number, place) in [(UInt64(1), 1), (2, 2), (3, 3), (4, 1)] {
                #expect(
                    try await queue.standing(of: .sample(number))
                        == Standing(reason: .turn, place: place, estimate: nil))
            }
            _ = try await queue.mustClaim()
            #expect(try await queue.standing(of: .sample(3))?.place == 2)
            // The one that arrived first comes due, and is before all others.
            clock.advance(by: .seconds(59))
            try await queue.beat(.sample())
            clock.advance(by: .seconds(1))
            try await queue.cancel(.sample(1))
            try await queue.tidy()
            #expect(try await queue.standing(of: .sample(3))?.place == 3)
        }
    }

    @Test("a paused job says who paused it and why", arguments: QueueBackend.allCases)
    func paused(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1))
            try await queue.hold(.paused, .interactive, by: "ada", reason: "disk")
            let one = LaneHold(kind: .paused, lane: .interactive, by: "ada", reason: "disk", since: clock.now)
            #expect(
                try await queue.standing(of: .sample(1)) == Standing(reason: .paused(one), place: 1, estimate: nil))
            try await queue.hold(.paused, nil, by: "bob", reason: "all")
            let all = LaneHold(kind: .paused, lane: nil, by: "bob", reason: "all", since: clock.now)
            #expect(try await queue.standing(of: .sample(1))?.reason == .paused(all))
            try await queue.resume(nil, by: "bob")
            #expect(try await queue.standing(of: .sample(1))?.reason == .paused(one))
            try await queue.resume(.interactive, by: "bob")
            try await queue.hold(.closed, .interactive, by: "ada", reason: "")
            #expect(try await queue.standing(of: .sample(1))?.reason == .noWorker)
        }
    }

    @Test("a job that nobody serves says so", arguments: QueueBackend.allCases)
    func noWorker(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1))
            let lonely = Standing(reason: .noWorker, place: 1, estimate: nil)
            #expect(try await queue.standing(of: .sample(1)) == lonely)
            try await queue.beat(.sample("worker-a", lanes: [.batch]))
            try await queue.beat(.sample("worker-b", isDraining: true))
            #expect(try await queue.standing(of: .sample(1)) == lonely)
            try await queue.beat(.sample("worker-c", lanes: [.batch, .interactive]))
            #expect(try await queue.standing(of: .sample(1))?.reason == .turn)
            clock.advance(by: .seconds(13))
            #expect(try await queue.standing(of: .sample(1)) == lonely)
            try await queue.beat(.sample("worker-c"))
            try await queue.leave("worker-c")
            #expect(try await queue.standing(of: .sample(1)) == lonely)
        }
    }

    @Test("a job of a lane at its limit says how many run", arguments: QueueBackend.allCases)
    func laneLimit(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await queue.beat(.sample())
            try await queue.configure([LanePolicy(lane: .interactive, concurrency: 2)])
            try await queue.enqueueSamples(1...3)
            _ = try await queue.mustClaim()
            #expect(try await queue.standing(of: .sample(3))?.reason == .turn)
            _ = try await queue.mustClaim()
            #expect(
                try await queue.standing(of: .sample(3))
                    == Standing(reason: .laneLimit(running: 2, limit: 2), place: 1, estimate: nil))
        }
    }

    @Test("a job of a lane over its rate says until when", arguments: QueueBackend.allCases)
    func startRate(backend: QueueBackend) async throws {
        try await backend.withQueue(rules: QueueRules(workerTimeout: .seconds(3600))) { queue, clock in
            try await queue.beat(.sample())
            try await queue.configure([
                LanePolicy(lane: .interactive, rate: StartRate(count: 2, period: .seconds(60)))
            ])
            try await queue.enqueueSamples(1...3)
            for _ in 0..<2 { _ = try await queue.mustClaim(for: .seconds(3600)) }
            let until = clock.now + .seconds(30)
            clock.advance(by: .seconds(10))
            #expect(try await queue.standing(of: .sample(3))?.reason == .startRate(until: until))
            clock.advance(by: .seconds(20))
            #expect(try await queue.standing(of: .sample(3))?.reason == .turn)
            #expect(try await queue.claimNext() == .sample(3))
        }
    }

    @Test("a scheduled job says until when, and after which attempt", arguments: QueueBackend.allCases)
    func scheduled(backend: QueueBackend) async throws {
        let backoff = Backoff(base: .seconds(100), cap: .seconds(100))
        try await backend.withQueue(rules: QueueRules(backoff: backoff)) { queue, clock in
            let time = clock.now + .seconds(60)
            _ = try await queue.enqueue(.sample(1).scheduled(for: time))
            #expect(
                try await queue.standing(of: .sample(1))
                    == Standing(reason: .scheduled(until: time, retryOfAttempt: nil), place: nil, estimate: nil))
            // Whoever has the job knows it without asking, as long as its time has not come.
            let job = try #require(try await queue.status(of: .sample(1)))
            #expect(try await Standing(ofScheduled: job, now: clock.now) == queue.standing(of: .sample(1)))
            #expect(Standing(ofScheduled: job, now: time) == nil)
            _ = try await queue.enqueue(.sample(2))
            let queued = try #require(try await queue.status(of: .sample(2)))
            #expect(Standing(ofScheduled: queued, now: clock.now) == nil)
            guard case .scheduled(let again) = try await queue.fail(try await queue.mustClaim(), .passing) else {
                return #expect(Bool(false), "not scheduled")
            }
            #expect(
                try await queue.standing(of: .sample(2))?.reason == .scheduled(until: again, retryOfAttempt: 1))
            let retried = try #require(try await queue.status(of: .sample(2)))
            #expect(try await Standing(ofScheduled: retried, now: clock.now) == queue.standing(of: .sample(2)))
        }
    }

    @Test("a job whose time has come says what keeps it from being queued", arguments: QueueBackend.allCases)
    func due(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1).scheduled(for: clock.now + .seconds(60)))
            clock.advance(by: .seconds(60))
            #expect(
                try await queue.standing(of: .sample(1)) == Standing(reason: .noWorker, place: nil, estimate: nil))
            try await queue.beat(.sample())
            #expect(try await queue.standing(of: .sample(1))?.reason == .turn)
            try await queue.hold(.paused, nil, by: "ada", reason: "")
            let hold = LaneHold(kind: .paused, lane: nil, by: "ada", reason: "", since: clock.now)
            #expect(try await queue.standing(of: .sample(1))?.reason == .paused(hold))
        }
    }

    @Test("a pause says more than a missing worker, and that more than a limit", arguments: QueueBackend.allCases)
    func precedence(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            let rate = StartRate(count: 1, period: .seconds(60))
            try await queue.configure([LanePolicy(lane: .interactive, concurrency: 1, rate: rate)])
            try await queue.enqueueSamples(1...2)
            let claim = try await queue.mustClaim()
            try await queue.hold(.paused, .interactive, by: "ada", reason: "")
            let hold = LaneHold(kind: .paused, lane: .interactive, by: "ada", reason: "", since: clock.now)
            #expect(try await queue.standing(of: .sample(2))?.reason == .paused(hold))
            try await queue.resume(.interactive, by: "ada")
            #expect(try await queue.standing(of: .sample(2))?.reason == .noWorker)
            try await queue.beat(.sample())
            #expect(try await queue.standing(of: .sample(2))?.reason == .laneLimit(running: 1, limit: 1))
            try await queue.complete(claim, result: .sample())
            #expect(try await queue.standing(of: .sample(2))?.reason == .startRate(until: clock.now + .seconds(60)))
        }
    }

    @Test("there is an estimate where there is history, and nowhere else", arguments: QueueBackend.allCases)
    func estimate(backend: QueueBackend) async throws {
        try await backend.withQueue(rules: QueueRules(workerTimeout: .seconds(3600))) { queue, clock in
            try await queue.beat(.sample())
            for number in UInt64(1)...3 {
                _ = try await queue.enqueue(.sample(100))
                _ = try await queue.enqueue(.sample(100 + number, lane: .batch))
                #expect(try await queue.standing(of: .sample(100))?.estimate == nil)
                try await queue.cancel(.sample(100 + number))
                _ = try await queue.enqueue(.sample(number))
                let claim = try #require(
                    try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(60), limit: 2).last?.claim)
                clock.advance(by: .seconds(10))
                try await queue.complete(claim, result: .sample())
                try await queue.forsakeAll()
            }
            try await queue.cancel(.sample(100))
            try await queue.enqueueSamples(11...15)
            #expect(try await queue.standing(of: .sample(11))?.estimate == .zero)
            #expect(try await queue.standing(of: .sample(12))?.estimate == .seconds(10))
            #expect(try await queue.standing(of: .sample(15))?.estimate == .seconds(40))
            try await queue.beat(.sample("worker-b"))
            #expect(try await queue.standing(of: .sample(15))?.estimate == .seconds(15))
            try await queue.hold(.paused, nil, by: "ada", reason: "")
            #expect(try await queue.standing(of: .sample(15))?.estimate == nil)
        }
    }

    @Test("an estimate goes by the lane's own jobs that succeeded, the latest twenty", arguments: QueueBackend.allCases)
    func history(backend: QueueBackend) async throws {
        try await backend.withQueue(rules: QueueRules(workerTimeout: .seconds(1_000_000))) { queue, clock in
            try await queue.beat(.sample())
            func run(_ number: UInt64, lane: Lane, seconds: Int, fails: Bool = false) async throws {
                _ = try await queue.enqueue(.sample(number, lane: lane))
                let claim = try await queue.mustClaim(for: .seconds(10_000))
                clock.advance(by: .seconds(seconds))
                if fails {
                    try await queue.fail(claim, .lasting)
                } else {
                    try await queue.complete(claim, result: .sample())
                }
            }
            for number in UInt64(1)...5 {
                try await run(number, lane: .batch, seconds: 1000)
                try await run(10 + number, lane: .interactive, seconds: 1000, fails: true)
            }
            for number in UInt64(21)...22 { try await run(number, lane: .interactive, seconds: 10) }
            try await queue.enqueueSamples(101...102)
            #expect(try await queue.standing(of: .sample(102))?.estimate == nil)
            for number in UInt64(101)...102 { try await queue.cancel(.sample(number)) }
            for number in UInt64(31)...50 { try await run(number, lane: .interactive, seconds: 4) }
            try await queue.enqueueSamples(103...104)
            #expect(try await queue.standing(of: .sample(104))?.estimate == .seconds(4))
        }
    }
}

extension JobQueue {
    /// Gives back whatever worker-a still has, and keeps the worker.
    fileprivate func forsakeAll() async throws {
        for job in try await list(JobFilter(state: .running), after: nil, limit: 100).jobs {
            if let claim = job.claim { try await release(claim) }
        }
    }
}
