import QueueModel
import System
import TestSupport

/// Submitters, workers and an operator at once on one store, while the clock moves; then whatever is left is worked
/// off, and the log of what was answered is compared with what the store shows.
struct Race {
    let seed: UInt64
    let log = RaceLog()

    /// 2 to 8.
    var workerCount: Int { 2 + Int(seed % 7) }
    /// Handles that it takes: one for each worker, two for the submitters, one for the operator.
    var handleCount: Int { workerCount + 3 }

    static let rules = QueueRules(
        backoff: Backoff(base: .seconds(1), cap: .seconds(8)), lostLeases: 3, fleetWindow: .seconds(20),
        workerTimeout: .seconds(10))
    static let total = 12
    static let batches: ClosedRange<UInt64> = 1...2

    /// Runs it to its end.
    func run(_ queues: [any JobQueue], _ clock: ManualClock) async throws {
        for number in Self.batches {
            _ = try await queues[0].open(.sample(number), total: Self.total, requestedBy: "test")
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<workerCount {
                let worker = RacingWorker(
                    name: "worker-\(number)", queue: queues[number], clock: clock,
                    random: SeededRandom(seed: seed &* 1000 &+ UInt64(number)), log: log)
                group.addTask { try await worker.run() }
            }
            for number in UInt64(0)..<2 {
                let queue = queues[workerCount + Int(number)]
                group.addTask { try await submit(to: queue, number) }
            }
            group.addTask { try await operate(queues[workerCount + 2]) }
            try await group.waitForAll()
        }
        try await workOff(queues[0], clock)
    }

    /// Jobs of its own, and the same rows of the batches as the other submitter.
    private func submit(to queue: any JobQueue, _ submitter: UInt64) async throws {
        let random = SeededRandom(seed: seed &* 77 &+ submitter)
        var next = 1000 * (submitter + 1)
        for row in 1...Self.total {
            var submissions: [Submission] = []
            for _ in 0..<1 + random.below(3) {
                next += 1
                let lane: Lane = [.interactive, .batch, .campaign][random.below(3)]
                submissions.append(.sample(next, lane: lane, maxAttempts: 1 + random.below(4)))
            }
            for batch in Self.batches {
                if random.below(4) == 0 {
                    let place = Batch.Place(batch: .sample(batch), row: row)
                    try await tolerating { () throws(QueueError) in try await queue.reject(place, .lasting) }
                } else {
                    let same = Submission.sample(batch * 100 + UInt64(row)).row(row, of: batch)
                    next += 1
                    submissions.append(same.with { $0.id = .sample(next) })
                }
            }
            await log.attempted(submissions.map(\.id))
            for answer in try await queue.enqueue(submissions) {
                if case .success(let job) = answer { await log.acknowledged(job.id) }
            }
        }
    }

    private func operate(_ queue: any JobQueue) async throws {
        let random = SeededRandom(seed: seed &* 55)
        for _ in 0..<20 {
            switch random.below(5) {
            case 0: try await queue.hold(.paused, .batch, by: "ada", reason: "race")
            case 1: await log.attempted(try await queue.retryFailed(of: nil, limit: 2).map(\.id))
            case 2: _ = try await queue.forsake("worker-\(random.below(workerCount))")
            default:
                let jobs = try await queue.list(.all, after: nil, limit: 20).jobs
                guard !jobs.isEmpty else { continue }
                let id = jobs[random.below(jobs.count)].id
                try await tolerating { () throws(QueueError) in try await queue.cancel(id) }
            }
            try await queue.resume(.batch, by: "ada")
        }
    }

    /// One worker alone completes all that is left.
    private func workOff(_ queue: any JobQueue, _ clock: ManualClock) async throws {
        for _ in 0..<1000 {
            let counts = try await queue.counts(dueWithin: .zero)
            if counts.isDrained, counts.scheduled == 0 { return }
            clock.advance(by: .seconds(10))
            for job in try await queue.claim(by: "last", lanes: nil, for: .seconds(60), limit: 100) {
                guard let claim = job.claim else { continue }
                await log.leased(claim)
                try await queue.complete(claim, result: .sample())
                await log.completed(claim)
            }
        }
        throw NeverDrained()
    }

    struct NeverDrained: Error {}
}

/// Does `body`, and passes over the refusals that a race makes.
private func tolerating(_ body: () async throws(QueueError) -> Void) async throws(QueueError) {
    do throws(QueueError) {
        try await body()
    } catch {
        switch error {
        case .leaseLost, .outOfTime, .wrongState, .rowTaken: break
        case .notFound, .alreadyExists, .keyTaken, .noSuchBatch, .batchDiffers, .noSuchLane, .closed, .invalid,
            .requestTooLarge, .parked, .corrupt, .full, .backend, .unusable:
            throw error
        }
    }
}

/// A worker that does everything that workers do, and sometimes nothing more.
struct RacingWorker {
    let name: String
    let queue: any JobQueue
    let clock: ManualClock
    let random: SeededRandom
    let log: RaceLog

    func run() async throws {
        for _ in 0..<25 {
            clock.advance(by: .milliseconds(random.below(900)))
            try await queue.beat(.sample(name))
            for job in try await queue.claim(by: name, lanes: nil, for: .seconds(5), limit: 1 + random.below(3)) {
                guard let claim = job.claim else { continue }
                await log.leased(claim)
                try await tolerating { () throws(QueueError) in try await end(claim) }
            }
        }
    }

    private func end(_ claim: Job.Claim) async throws(QueueError) {
        switch random.below(10) {
        case 0: break  // it died
        case 1: try await queue.release(claim)
        case 2: try await queue.fail(claim, .passing)
        case 3: try await queue.fail(claim, .lasting)
        case 4, 5:
            try await queue.renew(claim, for: .seconds(5))
            try await queue.report(Job.Progress(stage: "race", done: Int64(random.below(9)), total: 9), claim)
            clock.advance(by: .milliseconds(random.below(3000)))
            try await complete(claim)
        default: try await complete(claim)
        }
    }

    private func complete(_ claim: Job.Claim) async throws(QueueError) {
        let result = try Job.Result(sha256: String(repeating: "0f", count: 32), byteCount: 42, fileName: "node.pkg")
        try await queue.complete(claim, result: result)
        await log.completed(claim)
    }
}

/// What the racers were answered.
actor RaceLog {
    private(set) var attempted: Set<Job.ID> = []
    private(set) var acknowledged: Set<Job.ID> = []
    private(set) var leases: [Job.Claim] = []
    private(set) var completed: [Job.ID: Int] = [:]

    func attempted(_ ids: [Job.ID]) { attempted.formUnion(ids) }
    func acknowledged(_ id: Job.ID) { acknowledged.insert(id) }
    func leased(_ claim: Job.Claim) { leases.append(claim) }
    func completed(_ claim: Job.Claim) { completed[claim.job, default: 0] += 1 }
}
