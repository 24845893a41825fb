import QueueModel
import System
import TestSupport
import Testing

/// The rules every `JobQueue` keeps, about orders that hold lanes.
@Suite struct HoldConformanceTests {
    @Test("no job of a paused lane is started, and those that run go on", arguments: QueueBackend.allCases)
    func paused(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await queue.enqueueSamples(1...2)
            _ = try await queue.enqueue(.sample(3, lane: .batch))
            let running = try await queue.mustClaim()
            try await queue.hold(.paused, .interactive, by: "ada", reason: "disk")
            #expect(try await queue.claimNext() == .sample(3))
            #expect(try await queue.claimNext() == nil)
            try await queue.renew(running, for: .seconds(60))
            try await queue.report(Job.Progress(stage: "render", done: 1, total: 2), running)
            try await queue.complete(running, result: .sample())
            _ = try await queue.enqueue(.sample(4))
            try await queue.resume(.interactive, by: "ada")
            #expect(try await queue.claimNext() == .sample(2))
        }
    }

    @Test("a pause of all holds every lane, also one that comes later", arguments: QueueBackend.allCases)
    func pausedAll(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await queue.hold(.paused, nil, by: "ada", reason: "")
            try await queue.configure(LanePolicy.standard + [LanePolicy(lane: .extra)])
            for (number, lane) in [Lane.interactive, .batch, .campaign, .extra].enumerated() {
                _ = try await queue.enqueue(.sample(UInt64(number), lane: lane))
            }
            #expect(try await queue.claimNext() == nil)
            #expect(try await queue.lanes().allSatisfy { $0.hold(.paused)?.lane == nil && $0.holds.count == 1 })
            try await queue.resume(nil, by: "ada")
            #expect(try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(60), limit: 9).count == 4)
        }
    }

    @Test("a paused lane still takes lost leases back and queues what is due", arguments: QueueBackend.allCases)
    func pausedGoesOn(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1))
            _ = try await queue.enqueue(.sample(2).scheduled(for: clock.now + .seconds(5)))
            _ = try await queue.mustClaim()
            try await queue.hold(.paused, .interactive, by: "ada", reason: "")
            clock.advance(by: .seconds(60))
            #expect(try await queue.claimNext() == nil)
            #expect(try await queue.counts(dueWithin: .zero) == QueueCounts(queued: 2))
        }
    }

    @Test("a closed lane takes nothing in and works off what it has", arguments: QueueBackend.allCases)
    func closed(backend: QueueBackend) async throws {
        try await backend.withQueue(rules: QueueRules(backoff: .none)) { queue, clock in
            _ = try await queue.enqueue(.sample(1))
            try await queue.hold(.closed, .interactive, by: "ada", reason: "moving")
            let hold = LaneHold(kind: .closed, lane: .interactive, by: "ada", reason: "moving", since: clock.now)
            clock.advance(by: .seconds(1))
            await #expect(throws: QueueError.closed(hold)) { try await queue.enqueue(.sample(2)) }
            _ = try await queue.enqueue(.sample(3, lane: .batch))
            // What comes back was taken in before.
            try await queue.fail(try await queue.mustClaim(), .passing)
            #expect(try await queue.claimNext(lanes: [.interactive]) == .sample(1))
            try await queue.cancel(.sample(1))
            await #expect(throws: QueueError.closed(hold)) { try await queue.retry(.sample(1), as: .sample(4)) }
            try await queue.resume(.interactive, by: "ada")
            _ = try await queue.enqueue(.sample(2))
        }
    }

    @Test("a farm that is closed takes nothing in anywhere", arguments: QueueBackend.allCases)
    func closedAll(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            try await queue.hold(.closed, nil, by: "ada", reason: "")
            let hold = LaneHold(kind: .closed, lane: nil, by: "ada", reason: "", since: clock.now)
            for lane in [Lane.interactive, .batch, .campaign] {
                await #expect(throws: QueueError.closed(hold)) { try await queue.enqueue(.sample(1, lane: lane)) }
            }
        }
    }

    @Test("a closed lane answers what was submitted before", arguments: QueueBackend.allCases)
    func closedAnswers(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            _ = try await queue.open(.sample(1), total: 3, requestedBy: "test")
            let byID = Submission.sample(1)
            let byKey = Submission.sample(2).with { $0.idempotencyKey = "key" }
            let byPlace = Submission.sample(3).row(1)
            let unique = Submission.sample(4).with { $0.isUnique = true }
            for submission in [byID, byKey, byPlace, unique] { _ = try await queue.enqueue(submission) }
            try await queue.hold(.closed, nil, by: "ada", reason: "")
            #expect(try await queue.enqueue(byID).id == .sample(1))
            #expect(try await queue.enqueue(byKey.with { $0.id = .sample(12) }).id == .sample(2))
            #expect(try await queue.enqueue(byPlace.with { $0.id = .sample(13) }).id == .sample(3))
            #expect(try await queue.enqueue(unique.with { $0.id = .sample(14) }).id == .sample(4))
        }
    }

    @Test("orders for all and for one lane are apart", arguments: QueueBackend.allCases)
    func apart(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1))
            try await queue.hold(.paused, .interactive, by: "ada", reason: "one")
            try await queue.hold(.closed, .interactive, by: "ada", reason: "two")
            try await queue.hold(.paused, nil, by: "bob", reason: "three")
            let one = LaneHold(kind: .paused, lane: .interactive, by: "ada", reason: "one", since: clock.now)
            let two = LaneHold(kind: .closed, lane: .interactive, by: "ada", reason: "two", since: clock.now)
            let three = LaneHold(kind: .paused, lane: nil, by: "bob", reason: "three", since: clock.now)
            #expect(try await queue.lanes().map(\.holds) == [[three, one, two], [three], [three]])
            #expect(try await queue.resume(nil, by: "bob") == [three])
            #expect(try await queue.claimNext() == nil)
            #expect(try await queue.resume(nil, by: "bob") == [])
            #expect(try await queue.resume(.batch, by: "bob") == [])
            #expect(try await queue.resume(.interactive, by: "bob") == [one, two])
            #expect(try await queue.lanes().allSatisfy(\.holds.isEmpty))
            #expect(try await queue.claimNext() == .sample(1))
        }
    }

    @Test("the same order again changes its words and not since when it holds", arguments: QueueBackend.allCases)
    func again(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            let since = clock.now
            try await queue.hold(.paused, .batch, by: "ada", reason: "one")
            clock.advance(by: .seconds(60))
            try await queue.hold(.paused, .batch, by: "bob", reason: "two")
            let hold = LaneHold(kind: .paused, lane: .batch, by: "bob", reason: "two", since: since)
            #expect(try await queue.resume(.batch, by: "ada") == [hold])
        }
    }

    @Test("a hold outlives the lane's absence from the configuration", arguments: QueueBackend.allCases)
    func droppedLane(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            _ = try await queue.enqueue(.sample(1, lane: .batch))
            try await queue.hold(.paused, .batch, by: "ada", reason: "")
            try await queue.configure([LanePolicy(lane: .interactive)])
            #expect(try await queue.claimNext() == nil)
            try await queue.configure(LanePolicy.standard)
            #expect(try await queue.claimNext() == nil)
            try await queue.resume(.batch, by: "ada")
            #expect(try await queue.claimNext() == .sample(1))
        }
    }

    @Test("who holds and lifts is an event", arguments: QueueBackend.allCases)
    func events(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await queue.hold(.paused, .batch, by: "ada", reason: "disk")
            try await queue.hold(.closed, nil, by: "bob", reason: "")
            try await queue.resume(.batch, by: "eve")
            try await queue.resume(.batch, by: "eve")
            try await queue.resume(nil, by: "eve")
            #expect(
                try await queue.changes() == [
                    .held(.paused, .batch, by: "ada", reason: "disk"), .held(.closed, nil, by: "bob", reason: ""),
                    .resumed(.batch, by: "eve"), .resumed(nil, by: "eve"),
                ])
        }
    }

    @Test("words that are too long are refused", arguments: QueueBackend.allCases)
    func bounds(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            let long = String(repeating: "x", count: 1001)
            await expectInvalid("by") { () async throws(QueueError) in
                try await queue.hold(.paused, nil, by: "", reason: "")
            }
            await expectInvalid("reason") { () async throws(QueueError) in
                try await queue.hold(.paused, nil, by: "ada", reason: long)
            }
            await expectInvalid("by") { () async throws(QueueError) in _ = try await queue.resume(nil, by: long) }
            let changes = try await queue.changes()
            #expect(changes == [])
        }
    }
}
