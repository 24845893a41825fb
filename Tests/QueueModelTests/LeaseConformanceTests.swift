import QueueModel
import System
import TestSupport
import Testing

/// The rules every `JobQueue` keeps, about workers, their leases and their ends.
@Suite struct LeaseConformanceTests {
    @Test("a claim is a lease that nobody else gets", arguments: QueueBackend.allCases)
    func lease(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1))
            let job = try #require(try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(60)))
            guard case .running(let lease) = job.state else { return #expect(Bool(false), "not running") }
            #expect(lease.worker == "worker-a")
            #expect(lease.epoch == 1)
            #expect(lease.until == clock.now + .seconds(60))
            #expect(job.life.claimed == clock.now)
            #expect(try await queue.status(of: job.id) == job)
            #expect(try await queue.claimNext(by: "worker-b") == nil)
        }
    }

    @Test("a completed job has its result for ever", arguments: QueueBackend.allCases)
    func complete(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1))
            let claim = try await queue.mustClaim()
            try await queue.report(Job.Progress(stage: "render", done: 1, total: 4), claim)
            clock.advance(by: .seconds(2))
            try await queue.complete(claim, result: .sample())
            let job = try await queue.status(of: .sample(1))
            #expect(job?.state == .succeeded(try .sample()))
            #expect(job?.life.finished == clock.now)
            #expect(job?.claim == nil)
            clock.advance(by: .seconds(3600))
            #expect(try await queue.claimNext() == nil)
            await #expect(throws: QueueError.leaseLost(.sample(1))) {
                try await queue.complete(claim, result: .sample())
            }
            #expect(try await queue.status(of: .sample(1)) == job)
        }
    }

    @Test("progress is shown, and begins anew with each attempt", arguments: QueueBackend.allCases)
    func progress(backend: QueueBackend) async throws {
        try await backend.withQueue(rules: QueueRules(backoff: .none)) { queue, _ in
            _ = try await queue.enqueue(.sample(1))
            let claim = try await queue.mustClaim()
            let progress = Job.Progress(stage: "assemble", done: 3, total: 10)
            try await queue.report(progress, claim)
            #expect(try await queue.status(of: .sample(1))?.life.progress == progress)
            try await queue.fail(claim, .passing)
            #expect(try await queue.status(of: .sample(1))?.life.progress == progress)
            _ = try await queue.mustClaim()
            #expect(try await queue.status(of: .sample(1))?.life.progress == nil)
        }
    }

    @Test("a renewed lease runs from the renewal", arguments: QueueBackend.allCases)
    func renew(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1))
            let claim = try await queue.mustClaim()
            for _ in 0..<10 {
                clock.advance(by: .seconds(59))
                try await queue.renew(claim, for: .seconds(60))
                #expect(try await queue.claimNext(by: "worker-b") == nil)
            }
            #expect(try await queue.status(of: .sample(1))?.claim == claim)
            #expect(try await queue.status(of: .sample(1))?.attempt == 1)
        }
    }

    @Test("a lease that ran out goes to whoever claims next, as another attempt", arguments: QueueBackend.allCases)
    func expiry(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1))
            _ = try await queue.enqueue(.sample(2))
            _ = try await queue.mustClaim(by: "worker-a")
            clock.advance(by: .milliseconds(59_999))
            #expect(try await queue.claimNext(by: "worker-b") == .sample(2))
            #expect(try await queue.claimNext(by: "worker-b") == nil)
            clock.advance(by: .milliseconds(1))
            let job = try #require(try await queue.claim(by: "worker-b", lanes: nil, for: .seconds(60)))
            #expect(job.id == .sample(1))
            #expect(job.attempt == 2)
            #expect(job.claim?.epoch == 2)
            #expect(job.life.lastFailure?.code == "lease-expired")
        }
    }

    @Test("a job that comes back goes before those that arrived after it", arguments: QueueBackend.allCases)
    func expiredOrder(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            for number in UInt64(1)...3 { _ = try await queue.enqueue(.sample(number)) }
            _ = try await queue.mustClaim()
            clock.advance(by: .seconds(60))
            for number in UInt64(1)...3 { #expect(try await queue.claimNext() == .sample(number)) }
        }
    }

    @Test("a worker whose job was given to another is refused, whatever it tries", arguments: QueueBackend.allCases)
    func lateComplete(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1))
            let late = try await queue.mustClaim(by: "worker-a")
            clock.advance(by: .seconds(61))
            let current = try await queue.mustClaim(by: "worker-b")
            let before = try await queue.status(of: .sample(1))
            try await expectRefused(queue, late)
            #expect(try await queue.status(of: .sample(1)) == before)
            try await queue.complete(current, result: .sample())
        }
    }

    @Test("a claim counts only with its job, its epoch and its random part", arguments: QueueBackend.allCases)
    func wrongClaim(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            _ = try await queue.enqueue(.sample(1))
            _ = try await queue.enqueue(.sample(2))
            let claim = try await queue.mustClaim()
            let other = try await queue.mustClaim()
            let forged = Job.ClaimID(random: SeededRandom(seed: 99).source)
            try await expectRefused(queue, Job.Claim(job: claim.job, epoch: claim.epoch + 1, claimID: claim.claimID))
            try await expectRefused(queue, Job.Claim(job: claim.job, epoch: claim.epoch, claimID: forged))
            try await expectRefused(queue, Job.Claim(job: other.job, epoch: claim.epoch, claimID: claim.claimID))
            try await expectRefused(queue, Job.Claim(job: .sample(3), epoch: claim.epoch, claimID: claim.claimID))
            try await queue.complete(claim, result: .sample())
        }
    }

    @Test("a lease that ran out still counts while nobody took the job", arguments: QueueBackend.allCases)
    func lateButCurrent(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1))
            _ = try await queue.enqueue(.sample(2))
            let first = try await queue.mustClaim()
            let second = try await queue.mustClaim()
            clock.advance(by: .seconds(3600))
            try await queue.renew(first, for: .seconds(60))
            try await queue.complete(second, result: .sample())
            #expect(try await queue.claimNext(by: "worker-b") == nil)
            try await queue.complete(first, result: .sample())
        }
    }

    @Test(
        "a job that kills its workers fails after its last attempt and holds up no other",
        arguments: QueueBackend.allCases)
    func poison(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1, maxAttempts: 3))
            for attempt in 1...3 {
                let job = try #require(try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(60)))
                #expect(job.id == .sample(1))
                #expect(job.attempt == attempt)
                clock.advance(by: .seconds(60))
            }
            _ = try await queue.enqueue(.sample(2))
            #expect(try await queue.claimNext() == .sample(2))
            let job = try await queue.status(of: .sample(1))
            let failure = Job.Failure(
                code: "lease-expired",
                message: "worker worker-a stopped renewing its lease during attempt 3; it may have crashed",
                isRetryable: true)
            #expect(job?.state == .failed(failure))
            #expect(job?.attempt == 3)
            #expect(job?.life.finished == clock.now)
        }
    }

    @Test("many leases that ran out at once are taken back a few at each claim", arguments: QueueBackend.allCases)
    func manyExpired(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            for number in UInt64(0)..<25 { _ = try await queue.enqueue(.sample(number)) }
            for _ in 0..<25 { _ = try await queue.mustClaim() }
            clock.advance(by: .seconds(60))
            var running: [Int] = []
            for _ in 0..<3 {
                try await queue.tidy()
                running.append(try await queue.counts(dueWithin: .zero).running)
            }
            #expect(running == [15, 5, 0])
        }
    }

    @Test(
        "a failure that may pass is tried again after a while, until the attempts are used up",
        arguments: QueueBackend.allCases)
    func retryable(backend: QueueBackend) async throws {
        let backoff = Backoff(base: .seconds(2), cap: .seconds(3))
        try await backend.withQueue(rules: QueueRules(backoff: backoff)) { queue, clock in
            _ = try await queue.enqueue(.sample(1, maxAttempts: 3))
            for attempt in 1...2 {
                let state = try await queue.fail(try await queue.mustClaim(), .passing)
                guard case .scheduled(let time) = state else { return #expect(Bool(false), "\(state)") }
                #expect(time >= clock.now)
                #expect(time < clock.now + backoff.limit(afterAttempt: attempt))
                let job = try await queue.status(of: .sample(1))
                #expect(job?.attempt == attempt + 1)
                #expect(job?.life.lastFailure == .passing)
                #expect(job?.life.scheduledFor == time)
                clock.advance(by: time - clock.now)
            }
            #expect(try await queue.fail(try await queue.mustClaim(), .passing) == .failed(.passing))
            #expect(try await queue.status(of: .sample(1))?.attempt == 3)
            clock.advance(by: .seconds(3600))
            #expect(try await queue.claimNext() == nil)
        }
    }

    @Test("a failure that lasts ends the job at once", arguments: QueueBackend.allCases)
    func lasting(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1, maxAttempts: 3))
            #expect(try await queue.fail(try await queue.mustClaim(), .lasting) == .failed(.lasting))
            let job = try await queue.status(of: .sample(1))
            #expect(job?.state == .failed(.lasting))
            #expect(job?.attempt == 1)
            #expect(job?.life.finished == clock.now)
        }
    }

    @Test("a job that succeeds after a failed attempt shows no failure", arguments: QueueBackend.allCases)
    func successAfterFailure(backend: QueueBackend) async throws {
        try await backend.withQueue(rules: QueueRules(backoff: .none)) { queue, _ in
            _ = try await queue.enqueue(.sample(1))
            try await queue.fail(try await queue.mustClaim(), .passing)
            try await queue.complete(try await queue.mustClaim(), result: .sample())
            let job = try await queue.status(of: .sample(1))
            #expect(job?.life.lastFailure == nil)
            #expect(job?.attempt == 2)
        }
    }

    @Test("a clock that steps back takes no lease away and stops nothing", arguments: QueueBackend.allCases)
    func clockStepsBack(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1))
            _ = try await queue.enqueue(.sample(2))
            let claim = try await queue.mustClaim()
            clock.advance(by: .seconds(-3600))
            #expect(try await queue.claimNext(by: "worker-b") == .sample(2))
            try await queue.renew(claim, for: .seconds(60))
            _ = try await queue.enqueue(.sample(3))
            #expect(try await queue.claimNext(by: "worker-b") == .sample(3))
            // The renewal goes by the new time, so a worker lost after the step is noticed as soon as ever.
            clock.advance(by: .seconds(60))
            #expect(try await queue.claimNext(by: "worker-b") == .sample(1))
        }
    }

    @Test("workers that claim at once get a job each, and each job goes to one", arguments: QueueBackend.allCases)
    func atOnce(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            for number in UInt64(0)..<60 { _ = try await queue.enqueue(.sample(number)) }
            let claimed = try await withThrowingTaskGroup(of: [Job.ID].self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        var mine: [Job.ID] = []
                        while let job = try await queue.claimNext(by: "worker-\(worker)") { mine.append(job) }
                        return mine
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(claimed.count == 60)
            #expect(Set(claimed).count == 60)
        }
    }
}
