import QueueModel
import System
import TestSupport
import Testing

/// Random histories: the SQLite queue shows after each step what the in-memory one shows.
@Suite struct OracleTests {
    @Test("whatever is done in whatever order, both queues answer and look the same")
    func histories() async throws {
        for seed in 0..<UInt64(rounds(reduced: 100, full: 2000)) {
            try await compare(seed: seed, steps: 60)
        }
    }

    private func compare(seed: UInt64, steps: Int) async throws {
        try await withTemporaryDirectory { folder in
            let clock = ManualClock()
            let backoff = Backoff(base: .seconds(4), cap: .seconds(30))
            let oracle = InMemoryJobQueue(
                backoff: backoff, random: SeededRandom(seed: seed).source, now: { clock.now })
            let queue = try await SQLiteJobQueue.open(
                folder + "/farm.sqlite", backoff: backoff, random: SeededRandom(seed: seed).source,
                now: { clock.now })
            var history = History(random: SeededRandom(seed: ~seed))
            for step in 0..<steps {
                let operation = history.nextOperation(at: clock.now)
                if case .moveClock(let duration) = operation { clock.advance(by: duration) }
                let expected = await operation.answer(of: oracle)
                let found = await operation.answer(of: queue)
                try #require(found == expected, "seed \(seed), step \(step): \(operation)")
                if case .job(let job?) = expected, let claim = job.claim { history.claims.append(claim) }
                let seen = try await queue.list(.all, after: nil, limit: 1000)
                try #require(
                    try await oracle.list(.all, after: nil, limit: 1000) == seen,
                    "seed \(seed), step \(step), after \(operation)")
            }
        }
    }
}

/// One call, or a move of the clock.
private enum Operation: Sendable {
    case enqueue(Submission)
    case claim(worker: String, lanes: [Lane]?, Duration)
    case renew(Job.Claim, Duration)
    case report(Job.Progress, Job.Claim)
    case complete(Job.Claim)
    case fail(Job.Claim, Job.Failure)
    case cancel(Job.ID)
    case retry(Job.ID, as: Job.ID)
    case list(JobFilter, after: JobCursor?, limit: Int)
    case counts(Duration)
    case moveClock(Duration)

    func answer(of queue: any JobQueue) async -> Answer {
        do throws(QueueError) {
            switch self {
            case .enqueue(let submission): return .job(try await queue.enqueue(submission))
            case .claim(let worker, let lanes, let duration):
                return .job(try await queue.claim(by: worker, lanes: lanes, for: duration))
            case .renew(let claim, let duration): try await queue.renew(claim, for: duration)
            case .report(let progress, let claim): try await queue.report(progress, claim)
            case .complete(let claim):
                try await queue.complete(
                    claim,
                    result: Job.Result(
                        sha256: String(repeating: "ab", count: 32), byteCount: claim.epoch, fileName: "node.pkg"))
            case .fail(let claim, let failure): return .state(try await queue.fail(claim, failure))
            case .cancel(let id): return .job(try await queue.cancel(id))
            case .retry(let id, let newID): return .job(try await queue.retry(id, as: newID))
            case .list(let filter, let cursor, let limit):
                return .page(try await queue.list(filter, after: cursor, limit: limit))
            case .counts(let duration): return .counts(try await queue.counts(dueWithin: duration))
            case .moveClock: break
            }
            return .nothing
        } catch {
            return .refused(error)
        }
    }
}

private enum Answer: Equatable {
    case nothing
    case job(Job?)
    case state(Job.State)
    case page(JobPage)
    case counts(QueueCounts)
    case refused(QueueError)
}

/// Draws operations that are mostly sensible: ids and claims that exist, some of them stale.
private struct History {
    let random: SeededRandom
    var claims: [Job.Claim] = []
    private var submissions: [Submission] = []
    private var ids: [Job.ID] = []

    init(random: SeededRandom) { self.random = random }

    mutating func nextOperation(at now: Timestamp) -> Operation {
        switch random.below(20) {
        case 0..<5: return .enqueue(submission(at: now))
        case 5..<9:
            return .claim(
                worker: "worker-\(random.below(3))", lanes: pick([nil, nil, [lane()], [lane(), lane()]]),
                .seconds(1 + random.below(10)))
        case 9: return claim().map { .renew($0, .seconds(1 + random.below(10))) } ?? nothing
        case 10:
            let progress = Job.Progress(stage: "stage-\(random.below(3))", done: Int64(random.below(5)), total: 4)
            return claim().map { .report(progress, $0) } ?? nothing
        case 11, 12: return claim().map { .complete($0) } ?? nothing
        case 13, 14: return claim().map { .fail($0, pick([.passing, .passing, .lasting])) } ?? nothing
        case 15: return ids.isEmpty ? nothing : .cancel(pick(ids))
        case 16:
            guard !ids.isEmpty else { return nothing }
            let old = pick(ids)
            return .retry(old, as: random.below(4) == 0 ? pick(ids) : newID())
        case 17:
            let filter = JobFilter(
                state: pick([nil] + Job.State.Name.allCases.map(Optional.some)),
                lane: random.below(2) == 0 ? nil : lane())
            // Positions count arrivals from 1 in hexadecimal.
            let cursor = random.below(2) == 0 ? nil : try? JobCursor("a\(1 + random.below(9))")
            return .list(filter, after: cursor, limit: 1 + random.below(5))
        case 18: return .counts(.seconds(random.below(20)))
        default: return .moveClock(.seconds(random.below(36) - 5))
        }
    }

    private var nothing: Operation { .moveClock(.zero) }

    private mutating func submission(at now: Timestamp) -> Submission {
        if !submissions.isEmpty, random.below(8) == 0 {
            var again = pick(submissions)
            if random.below(2) == 0 { again.request += [0] }
            return again
        }
        var new = Submission(
            id: newID(), lane: lane(), request: (0..<random.below(9)).map { UInt8($0) },
            inputDigest: [UInt8](repeating: 1, count: 32), requestedBy: "test")
        new.maxAttempts = 1 + random.below(3)
        if random.below(3) == 0 { new.scheduledFor = now + .seconds(random.below(30) - 5) }
        submissions.append(new)
        return new
    }

    private mutating func newID() -> Job.ID {
        let id = Job.ID(at: Timestamp(seconds: 1_800_000_000), random: random.source)
        ids.append(id)
        return id
    }

    private func lane() -> Lane { pick([.interactive, .batch, .campaign]) }

    private func claim() -> Job.Claim? { claims.isEmpty ? nil : pick(Array(claims.suffix(6))) }

    private func pick<Value>(_ values: [Value]) -> Value { values[random.below(values.count)] }
}
