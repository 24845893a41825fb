import QueueModel
import System
import TestSupport
import Testing

/// The whole table of states and events, as it is drawn, as the function has it, and as each queue keeps it.
@Suite struct StateTableTests {
    @Test("every state and event, as drawn")
    func table() throws {
        let names = Event.allCases.map(\.rawValue)
        #expect(
            names == [
                "due", "claimed", "renewed", "completed", "failedForNow", "failedForGood",
                "leaseLost", "leasePardoned", "lastLeaseLost", "released", "cancelled",
            ])
        let nothing = [Job.State.Name?](repeating: nil, count: 11)
        let drawn: [(Job.State.Name, [Job.State.Name?])] = [
            (.scheduled, [.queued, nil, nil, nil, nil, nil, nil, nil, nil, nil, .cancelled]),
            (.queued, [nil, .running, nil, nil, nil, nil, nil, nil, nil, nil, .cancelled]),
            (
                .running,
                [
                    nil, nil, .running, .succeeded, .scheduled, .failed, .queued, .queued, .failed, .queued,
                    .cancelled,
                ]
            ),
            (.succeeded, nothing), (.failed, nothing), (.cancelled, nothing),
        ]
        for (state, expected) in drawn {
            let found = try Event.allCases.map { try sample(state).next(on: $0.sample())?.name }
            #expect(found == expected, "\(state)")
        }
    }

    @Test(
        "each queue goes where the function says, and nowhere else",
        arguments: QueueBackend.allCases, Job.State.Name.allCases)
    func walk(backend: QueueBackend, state: Job.State.Name) async throws {
        for event in Event.allCases {
            try await backend.withQueue { queue, clock in
                let claim = try await reach(state, queue, clock, maxAttempts: event == .lastLeaseLost ? 1 : 3)
                let before = try #require(try await queue.status(of: .sample(1)))
                #expect(before.state.name == state)
                let expected = try before.state.next(on: event.sample())?.name ?? state
                try await bring(event, to: before, claim: claim, queue, clock)
                let after = try #require(try await queue.status(of: .sample(1)))
                #expect(after.state.name == expected, "\(state) on \(event)")
                if state == .running { check(event, before.life, after.life) }
                if before.state.name.isFinal { #expect(after == before, "\(state) on \(event)") }
            }
        }
    }

    /// The events with a sample of each, and the two outcomes of those that have two.
    enum Event: String, CaseIterable {
        case due, claimed, renewed, completed, failedForNow, failedForGood, leaseLost, leasePardoned, lastLeaseLost
        case released, cancelled

        func sample() throws -> Job.Event {
            let time = Timestamp(seconds: 1_800_000_000)
            return switch self {
            case .due: .due
            case .claimed: .claimed(.sample)
            case .renewed: .renewed(.sample)
            case .completed: .completed(try .sample())
            case .failedForNow: .attemptFailed(.passing, retryAt: time)
            case .failedForGood: .attemptFailed(.lasting, retryAt: nil)
            case .leaseLost: .leaseExpired(.passing, .again)
            case .leasePardoned: .leaseExpired(.passing, .pardoned)
            case .lastLeaseLost: .leaseExpired(.passing, .final)
            case .released: .released
            case .cancelled: .cancelled
            }
        }
    }

    private func sample(_ state: Job.State.Name) throws -> Job.State {
        switch state {
        case .scheduled: .scheduled(at: Timestamp(seconds: 1_800_000_000))
        case .queued: .queued
        case .running: .running(.sample)
        case .succeeded: .succeeded(try .sample())
        case .failed: .failed(.lasting)
        case .cancelled: .cancelled
        }
    }

    /// What the ends of a lease cost.
    private func check(_ event: Event, _ before: Job.Life, _ after: Job.Life) {
        let cost = [
            after.attempt - before.attempt, after.lostLeases - before.lostLeases, after.pardons - before.pardons,
        ]
        let expected =
            switch event {
            case .leaseLost: [1, 1, 0]
            case .leasePardoned: [0, 0, 1]
            case .lastLeaseLost: [0, 1, 0]
            case .failedForNow: [1, 0, 0]
            case .due, .claimed, .renewed, .completed, .failedForGood, .released, .cancelled: [0, 0, 0]
            }
        #expect(cost == expected, "\(event)")
    }

    /// Brings job 1 into `state`; the latest claim on it, or one that never was.
    private func reach(
        _ state: Job.State.Name, _ queue: any JobQueue, _ clock: ManualClock, maxAttempts: Int
    ) async throws -> Job.Claim {
        let plain = Submission.sample(1, maxAttempts: maxAttempts)
        let later = plain.scheduled(for: clock.now + .seconds(1000))
        _ = try await queue.enqueue(state == .scheduled ? later : plain)
        let none = Job.Claim(job: .sample(1), epoch: 1, claimID: Job.Lease.sample.claimID)
        switch state {
        case .scheduled, .queued: return none
        case .running: return try await queue.mustClaim()
        case .succeeded:
            let claim = try await queue.mustClaim()
            try await queue.complete(claim, result: .sample())
            return claim
        case .failed:
            let claim = try await queue.mustClaim()
            try await queue.fail(claim, .lasting)
            return claim
        case .cancelled:
            let claim = try await queue.mustClaim()
            try await queue.cancel(.sample(1))
            return claim
        }
    }

    /// Makes `event` happen, or tries to: what a state refuses must be refused in the queue's words.
    private func bring(
        _ event: Event, to job: Job, claim: Job.Claim, _ queue: any JobQueue, _ clock: ManualClock
    ) async throws {
        let refusal = try job.state.next(on: event.sample()) == nil
        do throws(QueueError) {
            switch event {
            case .due:
                if case .scheduled(let time) = job.state { clock.advance(by: time - clock.now) }
                try await tidy(queue)
                return
            case .claimed:
                let claimed = try await queue.claim(by: "worker-b", lanes: nil, for: .seconds(60))
                #expect((claimed == nil) == refusal)
                return
            case .leaseLost, .lastLeaseLost:
                clock.advance(by: .seconds(61))
                try await tidy(queue)
                return
            case .leasePardoned:
                try await losePardoned(queue, clock)
                return
            case .released: try await queue.release(claim)
            case .renewed: try await queue.renew(claim, for: .seconds(60))
            case .completed:
                try await queue.complete(
                    claim,
                    result: Job.Result(sha256: String(repeating: "a", count: 64), byteCount: 1, fileName: "late"))
            case .failedForNow: try await queue.fail(claim, .passing)
            case .failedForGood: try await queue.fail(claim, .lasting)
            case .cancelled: try await queue.cancel(job.id)
            }
            #expect(!refusal, "\(event) was taken")
        } catch {
            #expect(refusal)
            let expected: QueueError =
                event == .cancelled
                ? .wrongState(job.id, state: job.state.name, verb: "cancel") : .leaseLost(job.id)
            #expect(error == expected)
        }
    }

    /// Lets the lease of job 1 run out while three other workers lose theirs.
    private func losePardoned(_ queue: any JobQueue, _ clock: ManualClock) async throws(QueueError) {
        for number in UInt64(2)...4 {
            _ = try await queue.enqueue(.sample(number, lane: .batch))
            _ = try await queue.claim(by: "worker-\(number)", lanes: [.batch], for: .seconds(60))
        }
        clock.advance(by: .seconds(61))
        try await tidy(queue)
    }

    private func tidy(_ queue: any JobQueue) async throws(QueueError) {
        _ = try await queue.claim(by: "tidy", lanes: [.nobodys], for: .seconds(1))
    }
}

extension Job.Lease {
    static let sample = Job.Lease(
        worker: "worker-a", epoch: 1, claimID: Job.ClaimID(random: SeededRandom(seed: 5).source),
        duration: .seconds(60), from: Timestamp(seconds: 1_799_999_940), until: Timestamp(seconds: 1_800_000_000))
}
