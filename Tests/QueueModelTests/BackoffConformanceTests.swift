import QueueModel
import System
import TestSupport
import Testing

/// The rules every `JobQueue` keeps, about waiting for a time.
@Suite struct BackoffConformanceTests {
    @Test(
        "waits are anything up to the limit of their attempt, never more than the cap", arguments: QueueBackend.allCases
    )
    func jitter(backend: QueueBackend) async throws {
        let backoff = Backoff(base: .seconds(2), cap: .seconds(7))
        var shares: [Double] = []
        for seed in 0..<UInt64(rounds(reduced: 20, full: 200)) {
            try await backend.withQueue(rules: QueueRules(backoff: backoff), seed: seed) { queue, clock in
                _ = try await queue.enqueue(.sample(1, maxAttempts: 6))
                for attempt in 1...5 {
                    let state = try await queue.fail(try await queue.mustClaim(), .passing)
                    guard case .scheduled(let time) = state else { return #expect(Bool(false), "\(state)") }
                    let limit = [2, 4, 7, 7, 7][attempt - 1] * 1000
                    let wait = (time - clock.now) / .milliseconds(1)
                    #expect(wait >= 0 && wait < Double(limit), "seed \(seed), attempt \(attempt)")
                    shares.append(wait / Double(limit))
                    clock.advance(by: time - clock.now)
                }
            }
        }
        #expect(shares.contains { $0 < 0.2 } && shares.contains { $0 > 0.8 })
        #expect((0.35...0.65).contains(shares.reduce(0, +) / Double(shares.count)))
    }

    @Test("jobs that come due together are handed out in their order of arrival", arguments: QueueBackend.allCases)
    func together(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            // The later a job arrived, the sooner its time comes.
            for number in UInt64(1)...5 {
                _ = try await queue.enqueue(.sample(number).scheduled(for: clock.now + .seconds(60 - Int64(number))))
            }
            clock.advance(by: .seconds(60))
            for number in UInt64(1)...5 { #expect(try await queue.claimNext() == .sample(number)) }
        }
    }

    @Test("each job is handed out as soon as its time has come", arguments: QueueBackend.allCases)
    func inTurn(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            for number in UInt64(1)...3 {
                _ = try await queue.enqueue(
                    .sample(number).scheduled(for: clock.now + .seconds(40 - 10 * Int64(number))))
            }
            for number in [UInt64(3), 2, 1] {
                #expect(try await queue.claimNext() == nil)
                clock.advance(by: .seconds(10))
                #expect(try await queue.claimNext() == .sample(number))
            }
        }
    }

    @Test(
        "many jobs that are due are queued some at a claim, those whose time came first before the others",
        arguments: QueueBackend.allCases)
    func bounded(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            let submissions = (UInt64(1)...250).map { number in
                Submission.sample(number).scheduled(for: clock.now + .milliseconds(1000 - Int64(number)))
            }
            for answer in try await queue.enqueue(submissions) { _ = try answer.get() }
            clock.advance(by: .seconds(1))
            var queued: [Int] = []
            for _ in 0..<3 {
                try await queue.tidy()
                if queued.isEmpty {
                    // The later one arrived, the sooner its time came.
                    #expect(try await queue.state(of: .sample(151)) == .queued)
                    #expect(try await queue.state(of: .sample(150)) == .scheduled)
                }
                queued.append(try await queue.counts(dueWithin: .zero).queued)
            }
            #expect(queued == [100, 200, 250])
            #expect(try await queue.claimNext() == .sample(1))
        }
    }

    @Test(
        "a failed attempt goes before jobs that arrived after it once its wait is over",
        arguments: QueueBackend.allCases)
    func placeAfterWait(backend: QueueBackend) async throws {
        let backoff = Backoff(base: .seconds(1), cap: .seconds(1))
        try await backend.withQueue(rules: QueueRules(backoff: backoff)) { queue, clock in
            try await queue.enqueueSamples(1...3)
            try await queue.fail(try await queue.mustClaim(), .passing)
            clock.advance(by: .seconds(1))
            for number in UInt64(1)...3 { #expect(try await queue.claimNext() == .sample(number)) }
        }
    }

    @Test("whoever waits for jobs does not wait past the limit", arguments: QueueBackend.allCases)
    func waiting(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            for limit in [Duration.zero, .seconds(-1), .milliseconds(1)] {
                try await queue.waitForJobs(in: nil, atMost: limit)
                try await queue.waitForJobs(in: [.nobodys], atMost: limit)
                try await queue.waitForEvents(after: 0, atMost: limit)
            }
            _ = try await queue.enqueue(.sample(1))
            // A bell that rang before counts: both return at once, or this test stands still.
            try await queue.waitForJobs(in: [.interactive], atMost: .seconds(3600))
            try await queue.waitForEvents(after: 0, atMost: .seconds(3600))
        }
    }
    @Test(
        "a claim that waits has what is there, what comes meanwhile, or nothing in time",
        arguments: QueueBackend.allCases)
    func claimingAfterWait(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            @Sendable func claim(_ lanes: [Lane]? = nil, waitingFor wait: Duration) async throws -> [Job.ID] {
                try await queue.claim(
                    by: "worker-a", lanes: lanes, for: .seconds(60), limit: 10, waitingFor: wait
                ).map(\.id)
            }
            for wait in [Duration.zero, .seconds(-1), .milliseconds(1)] {
                #expect(try await claim(waitingFor: wait).isEmpty)
                #expect(try await claim([.nobodys], waitingFor: wait).isEmpty)
            }
            _ = try await queue.enqueue(.sample(1))
            #expect(try await claim(waitingFor: .seconds(3600)) == [.sample(1)])
            // A wait may end early, by a bell that rang before.
            @Sendable func claimAtLast() async throws -> [Job.ID] {
                while true {
                    let found = try await claim(waitingFor: .seconds(3600))
                    if !found.isEmpty { return found }
                }
            }
            for number in UInt64(2)...20 {
                async let found = claimAtLast()
                // Sometimes before the wait has begun, sometimes after.
                if number.isMultiple(of: 2) { try await Task.sleep(for: .milliseconds(20)) }
                _ = try await queue.enqueue(.sample(number))
                #expect(try await found == [.sample(number)])
            }
        }
    }

    @Test(
        "to cancel a claim that waits ends it, and no job is left with a claim that nobody has",
        arguments: QueueBackend.allCases)
    func cancelledClaim(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            for number in UInt64(1)...UInt64(rounds(reduced: 40, full: 100)) {
                let waiting = Task {
                    try await queue.claim(
                        by: "worker-a", lanes: nil, for: .seconds(60), limit: 1, waitingFor: .seconds(3600))
                }
                if number.isMultiple(of: 3) { try await Task.sleep(for: .milliseconds(5)) }
                async let submitted = queue.enqueue(.sample(number))
                if number.isMultiple(of: 2) { _ = try await submitted }
                waiting.cancel()
                // One that was cancelled before it began may say so.
                var jobs = (try? await waiting.value) ?? []
                _ = try await submitted
                if jobs.isEmpty {
                    jobs = try await queue.claim(by: "worker-b", lanes: nil, for: .seconds(60), limit: 1)
                }
                #expect(jobs.map(\.id) == [.sample(number)])
                for claim in jobs.compactMap(\.claim) { try await queue.complete(claim, result: try .sample()) }
            }
        }
    }
}
