import QueueModel
import System
import TestSupport
import Testing

/// The rules every `JobQueue` keeps, about the stream of what happens.
@Suite struct EventConformanceTests {
    @Test("each change of a job is an event, in order", arguments: QueueBackend.allCases)
    func life(backend: QueueBackend) async throws {
        try await backend.withQueue(rules: QueueRules(backoff: .none)) { queue, clock in
            _ = try await queue.enqueue(.sample(1, maxAttempts: 4).scheduled(for: clock.now + .seconds(5)))
            clock.advance(by: .seconds(5))
            let progress = Job.Progress(stage: "render", done: 1, total: 2)
            let first = try await queue.mustClaim()
            try await queue.report(progress, first)
            try await queue.fail(first, .passing)
            try await queue.release(try await queue.mustClaim())
            _ = try await queue.mustClaim()
            clock.advance(by: .seconds(60))
            try await queue.complete(try await queue.mustClaim(), result: .sample())
            let id = Job.ID.sample(1)
            #expect(
                try await queue.changes() == [
                    .state(id, .scheduled, attempt: 1), .state(id, .queued, attempt: 1),
                    .state(id, .running, attempt: 1), .progress(id, progress),
                    .state(id, .scheduled, attempt: 2), .state(id, .queued, attempt: 2),
                    .state(id, .running, attempt: 2), .state(id, .queued, attempt: 2),
                    .state(id, .running, attempt: 2), .state(id, .queued, attempt: 3),
                    .state(id, .running, attempt: 3), .state(id, .succeeded, attempt: 3),
                ])
        }
    }

    @Test("ends of every kind, retries and batches are events", arguments: QueueBackend.allCases)
    func ends(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            _ = try await queue.open(.sample(1), total: 1, requestedBy: "test")
            _ = try await queue.enqueue(.sample(1).row(1))
            try await queue.fail(try await queue.mustClaim(), .lasting)
            _ = try await queue.retry(.sample(1), as: .sample(2))
            try await queue.cancel(.sample(2))
            #expect(
                try await queue.changes() == [
                    .state(.sample(1), .queued, attempt: 1), .state(.sample(1), .running, attempt: 1),
                    .state(.sample(1), .failed, attempt: 1), .batchFinished(.sample(1)),
                    .state(.sample(2), .queued, attempt: 1), .state(.sample(2), .cancelled, attempt: 1),
                ])
        }
    }

    @Test("what changes nothing is no event", arguments: QueueBackend.allCases)
    func nothing(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            let submission = Submission.sample(1).with { $0.idempotencyKey = "key" }
            _ = try await queue.enqueue(submission)
            let claim = try await queue.mustClaim()
            let progress = Job.Progress(stage: "render", done: 1, total: 2)
            try await queue.report(progress, claim)
            let before = try await queue.changes()
            _ = try await queue.enqueue([submission, submission.with { $0.id = .sample(2) }])
            _ = try await queue.enqueue([.sample(3, lane: .nobodys)])
            try await queue.report(progress, claim)
            try await queue.renew(claim, for: .seconds(60))
            try await queue.beat(.sample())
            try await queue.configure(LanePolicy.standard)
            _ = try await queue.claimNext()
            _ = try? await queue.retry(.sample(1), as: .sample(3))  // refused: it runs
            #expect(try await queue.changes() == before)
        }
    }

    @Test("numbers go up by one, from 1, with the store's time", arguments: QueueBackend.allCases)
    func numbers(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            var times: [Timestamp] = []
            for number in UInt64(1)...5 {
                // Also where the clock is set back.
                clock.advance(by: .seconds(number == 3 ? -60 : 1))
                times.append(clock.now)
                _ = try await queue.enqueue(.sample(number))
            }
            let page = try await queue.events(after: 0, limit: 100)
            #expect(page.events.map(\.sequence) == Array(1...5))
            #expect(page.events.map(\.time) == times)
            #expect(page.next == 5)
            #expect(!page.needsResync)
        }
    }

    @Test("read again from any point, in any pieces, the stream is the same", arguments: QueueBackend.allCases)
    func replay(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            var live: [QueueEvent] = []
            var last: Int64 = 0
            for number in UInt64(1)...6 {
                _ = try await queue.enqueue(.sample(number))
                if number % 2 == 0 { try await queue.complete(try await queue.mustClaim(), result: .sample()) }
                let page = try await queue.events(after: last, limit: 100)
                live += page.events
                last = page.next
            }
            #expect(live.count == 12)
            for start in 0...live.count {
                for limit in [1, 5, 10_000] {
                    var seen: [QueueEvent] = []
                    var next = Int64(start)
                    repeat {
                        let page = try await queue.events(after: next, limit: limit)
                        #expect(!page.needsResync && page.events.count <= limit)
                        seen += page.events
                        if page.events.isEmpty { #expect(page.next == next) }
                        guard page.next > next else { break }
                        next = page.next
                    } while true
                    #expect(seen == Array(live[start...]), "after \(start), \(limit) at a time")
                }
            }
        }
    }

    @Test("without a number the stream says where it is", arguments: QueueBackend.allCases)
    func position(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            #expect(try await queue.events(after: nil, limit: 1) == EventPage(events: [], next: 0, needsResync: false))
            try await queue.enqueueSamples(1...3)
            #expect(try await queue.events(after: nil, limit: 1) == EventPage(events: [], next: 3, needsResync: false))
            #expect(try await queue.events(after: 3, limit: 1) == EventPage(events: [], next: 3, needsResync: false))
        }
    }

    @Test("whoever asks for events that are no longer kept is told to look again", arguments: QueueBackend.allCases)
    func trimmed(backend: QueueBackend) async throws {
        try await backend.withQueue(rules: QueueRules(eventLimit: 10)) { queue, _ in
            // A queue keeps its limit at the least, so it takes many events until all must have trimmed some.
            try await queue.enqueueSamples(1...3000)
            let page = try await queue.events(after: 0, limit: 10_000)
            #expect(page.needsResync)
            #expect(page.events.count >= 10)
            #expect(page.next == 3000)
            let first = try #require(page.events.first).sequence
            #expect(page.events.map(\.sequence) == Array(first...3000))
            #expect(try await queue.events(after: first - 1, limit: 1).needsResync == false)
            #expect(try await queue.events(after: first - 2, limit: 1).needsResync)
            #expect(try await queue.events(after: 3000, limit: 1).needsResync == false)
            #expect(try await queue.events(after: .min, limit: 1).needsResync)
        }
    }

    @Test("whoever has seen what has not happened is told to look again", arguments: QueueBackend.allCases)
    func future(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            _ = try await queue.enqueue(.sample(1))
            for sequence in [Int64(2), 1000, .max] {
                #expect(
                    try await queue.events(after: sequence, limit: 1)
                        == EventPage(events: [], next: 1, needsResync: true))
            }
            #expect(try await queue.events(after: -5, limit: 10).events.count == 1)
            #expect(try await queue.events(after: -5, limit: 10).needsResync == false)
        }
    }

    @Test("a page has a size", arguments: QueueBackend.allCases)
    func bounds(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            for limit in [0, -1, 10_001, .max, .min] {
                for sequence in [nil, Int64(0), .max] {
                    await expectInvalid("limit") { () async throws(QueueError) in
                        _ = try await queue.events(after: sequence, limit: limit)
                    }
                }
            }
        }
    }
}
