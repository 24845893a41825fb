import JSON
import QueueModel
import System
import TestSupport
import Testing

/// The rules every `JobQueue` keeps, about moving into it and out of it.
@Suite struct MovingConformanceTests {
    private static let parts = 4

    @Test(
        "a queue that was moved holds what the old one held, and goes on like one that always had it",
        arguments: QueueBackend.allCases, 0..<Self.parts)
    func histories(backend: QueueBackend, part: Int) async throws {
        for seed in stride(from: UInt64(part), to: UInt64(backend.rounds(reduced: 80, full: 400)), by: Self.parts) {
            let comparison = Comparison(backend: backend, seed: seed)
            let history = History.drawn(seed: seed, count: 90)
            try await backend.withQueues(count: 1, rules: comparison.rules, seed: seed) { queues, clock in
                func memory() -> InMemoryJobQueue {
                    let random = SeededRandom.sourceByLength(seed: seed)
                    return InMemoryJobQueue(rules: comparison.rules, random: random, now: { clock.now })
                }
                let old = memory()
                #expect(try await Comparison.run(Array(history[..<50]), old, memory(), clock) == nil)
                for job in try await old.list(JobFilter(state: .running), after: nil, limit: 1000).jobs {
                    try await old.release(try #require(job.claim))
                }
                let copy = memory()
                try await move(from: old, to: queues[0])
                try await move(from: queues[0], to: copy)
                #expect(try await copy.list(.all, after: nil, limit: 1000) == old.list(.all, after: nil, limit: 1000))
                let again = try await queues[0].restore(old.arrivals(after: nil, limit: 1000).jobs)
                #expect(again == 0)
                let difference = try await Comparison.run(Array(history[50...]), queues[0], copy, clock)
                #expect(
                    difference == nil,
                    "seed \(seed), step \(difference?.step ?? 0): \(difference?.expected ?? "")\n\(difference?.found ?? "")"
                )
            }
        }
    }

    @Test(
        "jobs come in order of arrival, page by page, and batches in the order of their opening",
        arguments: QueueBackend.allCases)
    func pages(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            for number in UInt64(1)...5 { _ = try await queue.open(.sample(number), total: 1, requestedBy: "test") }
            clock.advance(by: .seconds(1))
            for number in UInt64(6)...8 { _ = try await queue.open(.sample(number), total: 1, requestedBy: "test") }
            try await queue.enqueueSamples(1...450)
            // A gap of several hundred arrivals, as retention leaves it.
            for number in UInt64(20)...430 { try await queue.cancel(.sample(number)) }
            clock.advance(by: .seconds(100))
            while try await queue.prune(Retention(ended: .seconds(1), failed: .seconds(1), count: 0)) > 0 {}
            var seen: [Job.ID] = []
            var cursor: JobCursor?
            repeat {
                let page = try await queue.arrivals(after: cursor, limit: 7)
                #expect(page.jobs.count <= 7)
                #expect(page.jobs.count == 7 || page.next == nil)
                seen += page.jobs.map(\.id)
                cursor = page.next
            } while cursor != nil
            #expect(seen == (Array(1...19) + Array(431...450)).map { Job.ID.sample($0) })
            var opened: [Batch] = []
            while true {
                let some = try await queue.batches(after: opened.last, limit: 3)
                if some.isEmpty { break }
                opened += some
            }
            #expect(Set(opened.prefix(5).map(\.id)) == Set((1...5).map { Batch.ID.sample($0) }))
            #expect(Set(opened.dropFirst(5).map(\.id)) == Set((6...8).map { Batch.ID.sample($0) }))
            for limit in [0, 1001] {
                await expectInvalid("limit") { () async throws(QueueError) in
                    _ = try await queue.arrivals(after: nil, limit: limit)
                }
                await expectInvalid("limit") { () async throws(QueueError) in
                    _ = try await queue.batches(after: nil, limit: limit)
                }
            }
        }
    }

    @Test(
        "what cannot be taken over is refused for its reason, and what is there stays as it is",
        arguments: QueueBackend.allCases)
    func refusals(backend: QueueBackend) async throws {
        let other = InMemoryJobQueue(now: { Timestamp(milliseconds: 1_800_000_000_000) })
        try await other.configure(LanePolicy.standard + [LanePolicy(lane: .extra)])
        _ = try await other.open(.sample(1), total: 3, requestedBy: "test")
        let keyed = try await other.enqueue(.sample(1).with { $0.idempotencyKey = "key" })
        let unique = try await other.enqueue(.sample(2).with { $0.isUnique = true })
        let row = try await other.enqueue(.sample(3).row(2))
        let foreign = try await other.enqueue(.sample(4, lane: .extra))
        _ = try await other.enqueue(.sample(5))
        var running: Job?
        while let job = try await other.claim(by: "w", lanes: nil, for: .seconds(60)) {
            if job.id == .sample(5) { running = job }
        }
        try await backend.withQueue { queue, _ in
            await #expect(throws: QueueError.noSuchBatch(.sample(1))) { try await queue.restore([row]) }
            await #expect(throws: QueueError.noSuchLane(.extra, known: LanePolicy.standard.map(\.lane))) {
                try await queue.restore([foreign])
            }
            await #expect(throws: QueueError.wrongState(.sample(5), state: .running, verb: "restore")) {
                try await queue.restore([try #require(running)])
            }
            _ = try await queue.enqueue(.sample(11).with { $0.idempotencyKey = "key" })
            await #expect(throws: QueueError.keyTaken(key: "key", by: .sample(11))) { try await queue.restore([keyed]) }
            _ = try await queue.enqueue(.sample(12).with { ($0.isUnique, $0.inputDigest) = (true, unique.inputDigest) })
            await #expect(throws: QueueError.alreadyExists(.sample(12))) { try await queue.restore([unique]) }
            _ = try await queue.open(.sample(1), total: 3, requestedBy: "test")
            _ = try await queue.enqueue(.sample(13).row(2))
            await #expect(throws: QueueError.rowTaken(Batch.Place(batch: .sample(1), row: 2), by: .sample(13))) {
                try await queue.restore([row])
            }
            func refused(_ row: Int, of batch: UInt64 = 1) -> Batch.Refusal {
                Batch.Refusal(place: Batch.Place(batch: .sample(batch), row: row), failure: .lasting)
            }
            await #expect(throws: QueueError.noSuchBatch(.sample(2))) { try await queue.restore([refused(1, of: 2)]) }
            await #expect(throws: QueueError.rowTaken(refused(2).place, by: .sample(13))) {
                try await queue.restore([refused(3), refused(2)])
            }
            await expectInvalid("batch row") { () async throws(QueueError) in try await queue.restore([refused(4)]) }
            try await queue.restore([refused(3)])
            await #expect(throws: QueueError.rowTaken(refused(3).place, by: nil)) {
                try await queue.restore([try #require(try await other.enqueue([.sample(6).row(3)]).first).get()])
            }
            // It is there: whatever the other one says of it changes nothing.
            _ = try await queue.enqueue(.sample(5))
            #expect(try await queue.restore([try #require(running)]) == 0)
            #expect(try await queue.state(of: .sample(5)) == .queued)
            #expect(try await queue.list(.all, after: nil, limit: 100).jobs.count == 4)
            #expect(try await queue.restore([]) == 0)
            let batch = try #require(try await queue.batch(.sample(1)))
            let elsewhere = try await InMemoryJobQueue(now: { batch.created }).open(
                .sample(1), total: 9, requestedBy: "x")
            #expect(try await queue.restore(elsewhere) == false)
            #expect(try await queue.batch(.sample(1)) == batch)
        }
    }

    @Test("a closed lane takes them, and they wait for a worker who is woken", arguments: QueueBackend.allCases)
    func closed(backend: QueueBackend) async throws {
        let other = InMemoryJobQueue(now: { Timestamp(milliseconds: 1_800_000_000_000) })
        for number in UInt64(1)...300 { _ = try await other.enqueue(.sample(number)) }
        try await backend.withQueue { queue, _ in
            try await queue.hold(.closed, nil, by: "test", reason: "")
            #expect(try await queue.restore(other.arrivals(after: nil, limit: 1000).jobs) == 300)
            for number in UInt64(1)...300 { #expect(try await queue.claimNext() == .sample(number)) }
        }
    }

    /// Moves all jobs and batches, by way of their documents.
    private func move(from old: any JobQueue, to new: any JobQueue) async throws {
        let policies = try await old.policies()
        let jobs = try await old.arrivals(after: nil, limit: 1000).jobs
        let lanes = Set(jobs.map(\.lane)).subtracting(policies.map(\.lane))
        try await new.configure(policies + lanes.sorted { $0.name < $1.name }.map { LanePolicy(lane: $0) })
        try await new.configure(policies)
        for batch in try await old.batches(after: nil, limit: 1000) {
            let found = try JobCoding.decodeBatch(JSONValue(parsing: JobCoding.encode(batch).bytes()))
            #expect(found == batch)
            #expect(try await new.restore(found))
            var refusals: [Batch.Refusal] = []
            for item in try await old.items(of: batch.id, after: 0, limit: 1000) {
                guard case .rejected(let failure) = item.outcome else { continue }
                let refusal = Batch.Refusal(place: Batch.Place(batch: batch.id, row: item.row), failure: failure)
                refusals.append(try JobCoding.decodeRefusal(JSONValue(parsing: JobCoding.encode(refusal).bytes())))
                #expect(refusals.last == refusal)
            }
            // Twice: it changes nothing.
            for _ in 0..<2 { try await new.restore(refusals) }
        }
        let documents = jobs.map { JobCoding.encode($0).bytes() }
        let decoded = try documents.map { try JobCoding.decodeJob(JSONValue(parsing: $0)) }
        #expect(decoded == jobs)
        #expect(try await new.restore(decoded) == jobs.count)
    }
}
