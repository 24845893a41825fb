import QueueModel
import System
import TestSupport

/// Runs one history on a queue and on the in-memory one, and says where they part.
struct Comparison {
    let backend: QueueBackend
    let seed: UInt64
    /// Stands between the queue and the history; for the proof that a difference is found.
    var spoil: @Sendable (any JobQueue) -> any JobQueue = { $0 }

    var rules: QueueRules {
        QueueRules(
            backoff: Backoff(base: .seconds(4), cap: .seconds(30)), lostLeases: 2, fleetWindow: .seconds(20),
            pardons: 2,
            workerTimeout: .seconds(10))
    }

    /// Where the two parted.
    struct Difference: Sendable {
        /// The number of the operation after which they differed, from 0.
        let step: Int
        let expected: String
        let found: String
    }

    /// The first difference; nil when there is none.
    func difference(in operations: [Operation]) async throws -> Difference? {
        var difference: Difference?
        try await backend.withQueue(rules: rules, seed: seed) { queue, clock in
            let random = SeededRandom.sourceByLength(seed: seed)
            let oracle = InMemoryJobQueue(rules: rules, random: random, now: { clock.now })
            difference = try await Self.run(operations, spoil(queue), oracle, clock)
        }
        return difference
    }

    /// Runs `operations` on both, and says where they part.
    static func run(
        _ operations: [Operation], _ queue: any JobQueue, _ oracle: InMemoryJobQueue, _ clock: ManualClock
    ) async throws -> Difference? {
        var known = Known()
        var sequence: Int64 = 0
        for (step, operation) in operations.enumerated() {
            if case .moveClock(let milliseconds) = operation { clock.advance(by: .milliseconds(milliseconds)) }
            let expected = await operation.answer(of: oracle, known, at: clock.now)
            let found = await operation.answer(of: queue, known, at: clock.now)
            guard expected == found else {
                return Difference(step: step, expected: "\(expected)", found: "\(found)")
            }
            if case .claim = operation, case .jobs(let jobs) = expected { known.claims += jobs.compactMap(\.claim) }
            let isThorough = step % 8 == 7 || step == operations.count - 1
            let shown = try await View(of: oracle, after: sequence, isThorough: isThorough)
            let seen = try await View(of: queue, after: sequence, isThorough: isThorough)
            if let (expected, found) = shown.difference(from: seen) {
                return Difference(step: step, expected: expected, found: found)
            }
            known.jobs = shown.jobs.jobs.map(\.id)
            sequence = shown.events.next
        }
        return nil
    }

    /// The shortest history found that still makes a difference, with parts of `operations` left out: ever smaller
    /// pieces, in the end single operations and single submissions of them, until none can be spared.
    func shortened(_ operations: [Operation]) async throws -> [Operation] {
        var kept = operations
        var size = max(kept.count / 2, 1)
        while true {
            let before = kept
            var start = 0
            while start < kept.count {
                let shorter = Array(kept[..<start] + kept.dropFirst(start + size))
                if try await difference(in: shorter) != nil { kept = shorter } else { start += size }
            }
            if size > 1 {
                size /= 2
            } else {
                kept = try await withFewerDrafts(kept)
                if kept == before { return kept }
            }
        }
    }

    private func withFewerDrafts(_ operations: [Operation]) async throws -> [Operation] {
        var kept = operations
        for (index, operation) in operations.enumerated() {
            guard case .enqueue(var drafts) = operation else { continue }
            for draft in drafts where drafts.count > 1 {
                let fewer = drafts.filter { $0 != draft }
                var shorter = kept
                shorter[index] = .enqueue(fewer)
                if try await difference(in: shorter) != nil { (kept, drafts) = (shorter, fewer) }
            }
        }
        return kept
    }
}

/// What a queue shows of itself at one moment.
private struct View {
    let jobs: JobPage
    let lanes: [LaneStatus]
    let events: EventPage
    let counts: QueueCounts
    let workers: [WorkerStatus]
    let batches: [Batch?]
    let items: [[Batch.Item]]
    let standings: [Standing?]

    init(of queue: any JobQueue, after sequence: Int64, isThorough: Bool) async throws {
        jobs = try await queue.list(.all, after: nil, limit: 1000)
        lanes = try await queue.lanes()
        events = try await queue.events(after: sequence, limit: 10_000)
        counts = try await queue.counts(dueWithin: .seconds(5))
        workers = try await queue.workers()
        var (batches, items, standings): ([Batch?], [[Batch.Item]], [Standing?]) = ([], [], [])
        for number in UInt64(1)...3 {
            let batch = try await queue.batch(.sample(number))
            batches.append(batch)
            if isThorough, batch != nil {
                items.append(try await queue.items(of: .sample(number), after: 0, limit: 1000))
            }
        }
        if isThorough {
            for job in jobs.jobs.prefix(20) { standings.append(try await queue.standing(of: job.id)) }
        }
        (self.batches, self.items, self.standings) = (batches, items, standings)
    }

    /// What this and `other` show where they first differ.
    func difference(from other: View) -> (String, String)? {
        if jobs != other.jobs {
            let pairs = zip(jobs.jobs, other.jobs.jobs).first { $0 != $1 }
            return pairs.map { ("\($0)", "\($1)") } ?? ("\(jobs)", "\(other.jobs)")
        }
        if lanes != other.lanes { return ("\(lanes)", "\(other.lanes)") }
        if events != other.events { return ("\(events)", "\(other.events)") }
        if counts != other.counts { return ("\(counts)", "\(other.counts)") }
        if workers != other.workers { return ("\(workers)", "\(other.workers)") }
        if batches != other.batches { return ("\(batches)", "\(other.batches)") }
        if items != other.items { return ("\(items)", "\(other.items)") }
        if standings != other.standings { return ("\(standings)", "\(other.standings)") }
        return nil
    }
}
