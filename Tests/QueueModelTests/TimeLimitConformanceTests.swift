import QueueModel
import System
import TestSupport
import Testing

/// The rules every `JobQueue` keeps, about how long an attempt may take.
@Suite struct TimeLimitConformanceTests {
    private let total = Job.TimeLimits(total: .seconds(100))
    private let idle = Job.TimeLimits(idle: .seconds(30))

    @Test("no lease outlasts the job's time", arguments: QueueBackend.allCases)
    func lease(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1).with { $0.limits = total })
            let claim = try await queue.mustClaim(for: .seconds(3600))
            #expect(try await leaseEnd(queue) == clock.now + .seconds(100))
            clock.advance(by: .seconds(70))
            try await queue.renew(claim, for: .seconds(60))
            #expect(try await leaseEnd(queue) == clock.now + .seconds(30))
        }
    }

    @Test("a worker whose job has no time left is told so, and may still finish", arguments: QueueBackend.allCases)
    func told(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1).with { $0.limits = total })
            let claim = try await queue.mustClaim()
            clock.advance(by: .seconds(100))
            let failure = Job.Failure(
                code: "time-limit", message: "attempt 1 took longer than 100 s", isRetryable: true)
            await #expect(throws: QueueError.outOfTime(.sample(1), failure)) {
                try await queue.renew(claim, for: .seconds(60))
            }
            await #expect(throws: QueueError.outOfTime(.sample(1), failure)) {
                try await queue.report(Job.Progress(stage: "late", done: 1, total: 2), claim)
            }
            #expect(try await queue.job(1).life.progress == nil)
            try await queue.complete(claim, result: .sample())
            #expect(try await queue.state(of: .sample(1)) == .succeeded)
        }
    }

    @Test("progress that is new makes the idle time begin again", arguments: QueueBackend.allCases)
    func idleBegins(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1).with { $0.limits = idle })
            let claim = try await queue.mustClaim()
            for step in Int64(1)...5 {
                clock.advance(by: .seconds(29))
                try await queue.report(Job.Progress(stage: "render", done: step, total: 9), claim)
            }
            #expect(try await queue.job(1).life.progressed == clock.now)
        }
    }

    @Test("progress that is not new leaves the idle time as it is", arguments: QueueBackend.allCases)
    func idleGoesOn(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1).with { $0.limits = idle })
            let claim = try await queue.mustClaim()
            let progress = Job.Progress(stage: "render", done: 1, total: 9)
            try await queue.report(progress, claim)
            for _ in 0..<2 {
                clock.advance(by: .seconds(14))
                try await queue.report(progress, claim)
                try await queue.renew(claim, for: .seconds(60))
            }
            clock.advance(by: .seconds(2))
            let failure = Job.Failure(
                code: "idle-limit", message: "attempt 1 showed no progress for 30 s", isRetryable: true)
            await #expect(throws: QueueError.outOfTime(.sample(1), failure)) {
                try await queue.report(progress, claim)
            }
            await #expect(throws: QueueError.outOfTime(.sample(1), failure)) {
                try await queue.report(Job.Progress(stage: "late", done: 2, total: 9), claim)
            }
        }
    }

    @Test(
        "an attempt that took too long is tried again after a while, then failed",
        arguments: QueueBackend.allCases, [false, true])
    func reclaimed(backend: QueueBackend, isIdle: Bool) async throws {
        let backoff = Backoff(base: .seconds(10), cap: .seconds(10))
        try await backend.withQueue(rules: QueueRules(backoff: backoff, lostLeases: 1)) { queue, clock in
            _ = try await queue.enqueue(.sample(1, maxAttempts: 2).with { $0.limits = isIdle ? idle : total })
            let code = isIdle ? "idle-limit" : "time-limit"
            try await outlast(queue, clock)
            try await queue.tidy()
            var job = try await queue.job(1)
            guard case .scheduled(let time) = job.state else { return #expect(Bool(false), "\(job.state)") }
            #expect(time >= clock.now && time < clock.now + .seconds(10))
            #expect(job.attempt == 2)
            #expect(job.life.lostLeases == 0)
            #expect(job.life.lastFailure?.code == code)
            clock.advance(by: .seconds(10))
            try await outlast(queue, clock)
            try await queue.tidy()
            job = try await queue.job(1)
            #expect(job.state.name == .failed)
            #expect(job.life.lastFailure?.code == code)
            #expect(job.attempt == 2)
        }
    }

    @Test("the limit that comes first is the one that counts", arguments: QueueBackend.allCases)
    func both(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            let limits = Job.TimeLimits(total: .seconds(50), idle: .seconds(30))
            _ = try await queue.enqueue(.sample(1).with { $0.limits = limits })
            let claim = try await queue.mustClaim()
            clock.advance(by: .seconds(29))
            try await queue.report(Job.Progress(stage: "render", done: 1, total: 2), claim)
            #expect(try await leaseEnd(queue) == clock.now + .seconds(21))
            clock.advance(by: .seconds(21))
            try await queue.tidy()
            #expect(try await queue.job(1).life.lastFailure?.code == "time-limit")
        }
    }

    @Test("each attempt has all its time", arguments: QueueBackend.allCases)
    func attempts(backend: QueueBackend) async throws {
        try await backend.withQueue(rules: QueueRules(backoff: .none)) { queue, clock in
            _ = try await queue.enqueue(.sample(1).with { $0.limits = total })
            let first = try await queue.mustClaim()
            clock.advance(by: .seconds(90))
            try await queue.fail(first, .passing)
            let second = try await queue.mustClaim()
            clock.advance(by: .seconds(90))
            try await queue.renew(second, for: .seconds(60))
            #expect(try await leaseEnd(queue) == clock.now + .seconds(10))
        }
    }

    @Test(
        "a worker that was lost before the limit counts as lost, however late that is noticed",
        arguments: QueueBackend.allCases)
    func lostBefore(backend: QueueBackend) async throws {
        try await backend.withQueue(rules: QueueRules(lostLeases: 1)) { queue, clock in
            _ = try await queue.enqueue(.sample(1).with { $0.limits = total })
            _ = try await queue.mustClaim(for: .seconds(10))
            clock.advance(by: .seconds(3600))
            try await queue.tidy()
            let job = try await queue.job(1)
            #expect(job.state.name == .failed)
            #expect(job.life.lastFailure?.code == "lease-expired")
        }
    }

    @Test(
        "a job that was killed for its time and whose worker is forsaken took too long",
        arguments: QueueBackend.allCases)
    func forsaken(backend: QueueBackend) async throws {
        try await backend.withQueue(rules: QueueRules(lostLeases: 1)) { queue, clock in
            _ = try await queue.enqueue(.sample(1).with { $0.limits = total })
            try await outlast(queue, clock)
            try await queue.forsake("worker-a")
            let job = try await queue.job(1)
            #expect(job.state.name == .scheduled)
            #expect(job.life.lastFailure?.code == "time-limit")
        }
    }

    @Test("parts of a millisecond are left out", arguments: QueueBackend.allCases)
    func parts(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            let limits = Job.TimeLimits(total: .microseconds(90_000_999), idle: .microseconds(50_000_001))
            let job = try await queue.enqueue(.sample(1).with { $0.limits = limits })
            #expect(job.limits == Job.TimeLimits(total: .seconds(90), idle: .seconds(50)))
            let claimed = try await queue.claim(by: "worker-a", lanes: nil, for: .microseconds(20_000_700))
            guard case .running(let lease)? = claimed?.state else { return #expect(Bool(false), "not running") }
            #expect(lease.duration == .seconds(20))
            #expect(lease.until == clock.now + .seconds(20))
        }
    }

    /// Claims job 1 and keeps it until its time is up.
    private func outlast(_ queue: any JobQueue, _ clock: ManualClock) async throws {
        let claim = try await queue.mustClaim(for: .seconds(20))
        for _ in 0..<10 {
            clock.advance(by: .seconds(10))
            guard (try? await queue.renew(claim, for: .seconds(20))) != nil else { return }  // out of time, as wanted
        }
    }

    private func leaseEnd(_ queue: any JobQueue) async throws -> Timestamp? {
        guard case .running(let lease) = try await queue.job(1).state else { return nil }
        return lease.until
    }
}
