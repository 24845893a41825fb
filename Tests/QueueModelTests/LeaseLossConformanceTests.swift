import QueueModel
import System
import TestSupport
import Testing

/// The rules every `JobQueue` keeps, about workers that are lost and jobs that lose them.
@Suite struct LeaseLossConformanceTests {
    @Test(
        "a job that kills its workers fails after so many lost leases and holds up no other",
        arguments: QueueBackend.allCases)
    func poison(backend: QueueBackend) async throws {
        try await backend.withQueue(rules: QueueRules(lostLeases: 2)) { queue, clock in
            _ = try await queue.enqueue(.sample(1, maxAttempts: 100))
            _ = try await queue.enqueue(.sample(2))
            for worker in ["worker-a", "worker-b"] {
                #expect(try await queue.mustClaim(by: worker).job == .sample(1))
                clock.advance(by: .seconds(61))
            }
            #expect(try await queue.claimNext(by: "worker-c") == .sample(2))
            let job = try await queue.job(1)
            #expect(job.state.name == .failed)
            #expect(job.life.lostLeases == 2)
            #expect(job.life.lastFailure?.code == "lease-expired")
        }
    }

    @Test("attempts that failed are not lost leases", arguments: QueueBackend.allCases)
    func failuresAreNotLosses(backend: QueueBackend) async throws {
        let rules = QueueRules(backoff: .none, lostLeases: 2)
        try await backend.withQueue(rules: rules) { queue, clock in
            _ = try await queue.enqueue(.sample(1, maxAttempts: 100))
            for _ in 0..<5 { try await queue.fail(try await queue.mustClaim(), .passing) }
            _ = try await queue.mustClaim()
            clock.advance(by: .seconds(60))
            #expect(try await queue.claimNext() == .sample(1))
            #expect(try await queue.job(1).life.lostLeases == 1)
        }
    }

    @Test("a job is pardoned while most of the fleet is losing leases", arguments: QueueBackend.allCases)
    func pardoned(backend: QueueBackend) async throws {
        try await backend.withQueue(rules: QueueRules(lostLeases: 1)) { queue, clock in
            try await queue.enqueueSamples(1...4)
            for number in 1...4 {
                try await queue.beat(.sample("worker-\(number)"))
                _ = try await queue.mustClaim(by: "worker-\(number)")
            }
            clock.advance(by: .seconds(60))
            try await queue.tidy()
            for number in UInt64(1)...4 {
                let job = try await queue.job(number)
                #expect(job.state == .queued, "job \(number)")
                #expect(job.attempt == 1)
                #expect(job.life.pardons == 1)
                #expect(job.life.lostLeases == 0)
            }
        }
    }

    @Test("a job is not pardoned while most of the fleet is well", arguments: QueueBackend.allCases)
    func notPardoned(backend: QueueBackend) async throws {
        try await backend.withQueue(rules: QueueRules(lostLeases: 1)) { queue, clock in
            try await queue.enqueueSamples(1...3)
            for number in 1...3 { _ = try await queue.mustClaim(by: "worker-\(number)") }
            clock.advance(by: .seconds(60))
            for number in 4...7 { try await queue.beat(.sample("worker-\(number)")) }
            try await queue.tidy()
            for number in UInt64(1)...3 { #expect(try await queue.state(of: .sample(number)) == .failed) }
        }
    }

    @Test("what a job loses itself does not pardon it", arguments: QueueBackend.allCases)
    func ownLosses(backend: QueueBackend) async throws {
        let rules = QueueRules(lostLeases: 4, fleetWindow: .seconds(3600))
        try await backend.withQueue(rules: rules) { queue, clock in
            _ = try await queue.enqueue(.sample(1, maxAttempts: 100))
            for number in 1...4 {
                _ = try await queue.mustClaim(by: "worker-\(number)")
                clock.advance(by: .seconds(60))
            }
            try await queue.tidy()
            #expect(try await queue.job(1).life.pardons == 0)
            #expect(try await queue.state(of: .sample(1)) == .failed)
        }
    }

    @Test("attempts that took too long do not speak against the fleet", arguments: QueueBackend.allCases)
    func timeLimitsAreNotLosses(backend: QueueBackend) async throws {
        try await backend.withQueue(rules: QueueRules(lostLeases: 1)) { queue, clock in
            for number in UInt64(1)...3 {
                _ = try await queue.enqueue(.sample(number).with { $0.limits.total = .seconds(60) })
                _ = try await queue.mustClaim(by: "worker-\(number)")
            }
            _ = try await queue.enqueue(.sample(4))
            _ = try await queue.mustClaim(by: "worker-4")
            clock.advance(by: .seconds(60))
            try await queue.tidy()
            #expect(try await queue.state(of: .sample(1)) == .scheduled)
            #expect(try await queue.state(of: .sample(4)) == .failed)
        }
    }

    @Test("pardons come to an end, even in a fleet that never gets well", arguments: QueueBackend.allCases)
    func pardonsEnd(backend: QueueBackend) async throws {
        try await backend.withQueue(rules: QueueRules(lostLeases: 2, pardons: 3)) { queue, clock in
            try await queue.enqueueSamples(1...4)
            for round in 1...5 {
                for number in 1...4 { _ = try await queue.mustClaim(by: "worker-\(round)-\(number)") }
                clock.advance(by: .seconds(60))
                try await queue.tidy()
            }
            for number in UInt64(1)...4 {
                let job = try await queue.job(number)
                #expect(job.state.name == .failed, "job \(number)")
                #expect(job.life.pardons == 3)
                #expect(job.life.lostLeases == 2)
            }
        }
    }

    @Test("losses speak against the fleet for a while only", arguments: QueueBackend.allCases)
    func window(backend: QueueBackend) async throws {
        try await backend.withQueue(rules: QueueRules(lostLeases: 1, fleetWindow: .seconds(30))) { queue, clock in
            try await queue.enqueueSamples(1...4)
            for number in 1...3 { _ = try await queue.mustClaim(by: "worker-\(number)") }
            _ = try await queue.mustClaim(by: "worker-4", for: .seconds(90))
            clock.advance(by: .seconds(60))
            try await queue.tidy()
            #expect(try await queue.job(1).life.pardons == 1)
            clock.advance(by: .seconds(30))
            try await queue.tidy()
            #expect(try await queue.state(of: .sample(4)) == .failed)
        }
    }

    @Test("a forsaken worker's leases end at once, and no other's", arguments: QueueBackend.allCases)
    func forsake(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await queue.enqueueSamples(1...3)
            try await queue.beat(.sample("worker-a"))
            try await queue.beat(.sample("worker-b"))
            let lost = [try await queue.mustClaim(by: "worker-a"), try await queue.mustClaim(by: "worker-a")]
            let kept = try await queue.mustClaim(by: "worker-b")
            #expect(try await queue.forsake("worker-a") == [.sample(1), .sample(2)])
            #expect(try await queue.workers().map(\.record.name) == ["worker-b"])
            for claim in lost { try await expectRefused(queue, claim) }
            try await queue.renew(kept, for: .seconds(60))
            let job = try await queue.job(1)
            #expect(job.state == .queued)
            #expect(job.attempt == 2)
            #expect(job.life.lostLeases == 1)
            #expect(try await queue.claimNext(by: "worker-b") == .sample(1))
            #expect(try await queue.forsake("worker-a") == [])
            #expect(try await queue.forsake("nobody") == [])
        }
    }

    @Test("a worker's name counts byte by byte", arguments: QueueBackend.allCases)
    func names(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await queue.enqueueSamples(1...2)
            let twins = ["caf\u{E9}", "cafe\u{301}"]
            for name in twins {
                try await queue.beat(.sample(name))
                _ = try await queue.mustClaim(by: name)
            }
            // In the order of their bytes: 0x65 comes before 0xC3.
            let workers = try await queue.workers()
            #expect(workers.map { Array($0.record.name.utf8).count } == [6, 5])
            #expect(workers.map(\.jobs) == [[.sample(2)], [.sample(1)]])
            #expect(try await queue.forsake(twins[0]) == [.sample(1)])
            #expect(try await queue.workers().count == 1)
            #expect(try await queue.state(of: .sample(2)) == .running)
        }
    }

    @Test("leases of a worker that left are its own until they run out", arguments: QueueBackend.allCases)
    func leave(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1))
            try await queue.beat(.sample())
            let claim = try await queue.mustClaim()
            try await queue.leave("worker-a")
            #expect(try await queue.workers() == [])
            #expect(try await queue.claimNext(by: "worker-b") == nil)
            try await queue.renew(claim, for: .seconds(60))
            clock.advance(by: .seconds(60))
            #expect(try await queue.claimNext(by: "worker-b") == .sample(1))
        }
    }

    @Test("a job that is given back keeps its place and its attempts", arguments: QueueBackend.allCases)
    func release(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await queue.enqueueSamples(1...2)
            let claim = try await queue.mustClaim()
            try await queue.release(claim)
            let job = try await queue.job(1)
            #expect(job.state == .queued)
            #expect(job.attempt == 1)
            #expect(job.life.lostLeases == 0)
            #expect(job.life.lastFailure == nil)
            try await expectRefused(queue, claim)
            let again = try await queue.mustClaim(by: "worker-b")
            #expect(again.job == .sample(1))
            #expect(again.epoch == 2)
        }
    }

    @Test("whatever ended a lease, its holder is refused in every way", arguments: QueueBackend.allCases)
    func late(backend: QueueBackend) async throws {
        try await backend.withQueue(rules: QueueRules(backoff: .none)) { queue, clock in
            let ends: [(Job.Claim) async throws -> Void] = [
                { try await queue.complete($0, result: .sample()) },
                { try await queue.fail($0, .lasting) },
                { try await queue.fail($0, .passing) },
                { try await queue.release($0) },
                { try await queue.cancel($0.job) },
                { _ in try await queue.forsake("worker-a") },
                { _ in
                    clock.advance(by: .seconds(60))
                    try await queue.tidy()
                },
            ]
            for (number, end) in ends.enumerated() {
                _ = try await queue.enqueue(.sample(UInt64(number), lane: .batch))
                let claim = try #require(
                    try await queue.claim(by: "worker-a", lanes: [.batch], for: .seconds(60))?.claim)
                try await end(claim)
                try await expectRefused(queue, claim)
                _ = try await queue.claimNext(by: "worker-b", lanes: [.batch])
                try await expectRefused(queue, claim)
                _ = try? await queue.cancel(claim.job)  // a final one is refused, which is as good
            }
        }
    }

    @Test("every claim takes back a few lost leases, and in the end all of them", arguments: QueueBackend.allCases)
    func bounded(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            try await queue.enqueueSamples(1...35)
            #expect(try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(60), limit: 35).count == 35)
            clock.advance(by: .seconds(60))
            var running: [Int] = []
            for _ in 0..<4 {
                try await queue.tidy()
                running.append(try await queue.counts(dueWithin: .zero).running)
            }
            #expect(running == [25, 15, 5, 0])
        }
    }

    @Test("the lease that ran out first is taken back first", arguments: QueueBackend.allCases)
    func oldestFirst(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            try await queue.enqueueSamples(1...12)
            for number in 1...12 { _ = try await queue.mustClaim(for: .seconds(100 - Int64(number))) }
            clock.advance(by: .seconds(100))
            try await queue.tidy()
            for number in UInt64(1)...12 {
                #expect(try await queue.state(of: .sample(number)) == (number <= 2 ? .running : .queued))
            }
        }
    }
}
