import QueueModel
import QueueTestSupport
import RedisLink
import Synchronization
import System
import TestSupport
import Testing

/// A network that parts: nothing arrives, nobody is told, and later what was sent arrives after all, or is cut off.
@Suite(.enabled(if: !isRedisLeftOut)) struct RedisPartitionTests {
    @Test("a worker that cannot reach Redis loses its lease to another one, and nothing of what it says later counts")
    func lostLease() async throws {
        try await withParted { queue, direct, proxy in
            _ = try await direct.enqueue(.sample(1))
            let parted = try await queue.mustClaim(by: "parted", for: .milliseconds(300))
            proxy.fault = .hold
            let late = Task { try await queue.complete(parted, result: .sample()) }
            let other = try await claimed(direct, by: "other")
            #expect(other.job == parted.job)
            #expect(other.epoch == parted.epoch + 1)
            proxy.fault = .none
            // It arrives now, and is too late.
            await #expect(throws: QueueError.leaseLost(.sample(1))) { try await late.value }
            await #expect(throws: QueueError.leaseLost(.sample(1))) { try await queue.renew(parted, for: .seconds(60)) }
            try await direct.complete(other, result: .sample())
            #expect(try await direct.job(1).life.lostLeases == 1)
        }
    }

    @Test("a short partition costs nothing: the lease is renewed when it is over")
    func short() async throws {
        try await withParted { queue, direct, proxy in
            _ = try await direct.enqueue(.sample(1))
            let claim = try await queue.mustClaim()
            proxy.fault = .hold
            let renewal = Task { try await queue.renew(claim, for: .seconds(60)) }
            try await Task.sleep(for: .milliseconds(150))  // as long as the network is parted
            proxy.fault = .none
            try await renewal.value
            try await queue.complete(claim, result: .sample())
            #expect(try await direct.job(1).attempt == 1)
        }
    }

    @Test("a submission into a partition fails clearly in its time, and sent again it is one job")
    func submission() async throws {
        try await withParted(timeout: .milliseconds(400)) { queue, direct, proxy in
            proxy.fault = .hold
            do throws(QueueError) {
                _ = try await queue.enqueue(.sample(1))
                Issue.record("it was answered")
            } catch {
                guard case .backend(let detail) = error else { Issue.record("\(error)"); return }
                #expect(detail.contains("may have") || detail.contains("cannot be reached"), "\(detail)")
            }
            proxy.fault = .none
            let isBack = try await eventually { (try? await queue.enqueue(.sample(1))) != nil }
            #expect(isBack)
            #expect(try await direct.list(.all, after: nil, limit: 10).jobs.map(\.id) == [.sample(1)])
        }
    }

    @Test("partitions at random moments, healed or cut: every job ends once, and no acknowledged one is lost")
    func random() async throws {
        for seed in 0..<UInt64(rounds(reduced: 3, full: 40)) {
            try await withParted(timeout: .seconds(1)) { queue, direct, proxy in
                try await Self.run(seed, queue, direct, proxy)
            }
        }
    }

    private static let jobsOfEach: UInt64 = 40

    private static func run(
        _ seed: UInt64, _ queue: RedisJobQueue, _ direct: RedisJobQueue, _ proxy: RedisProxy
    ) async throws {
        let random = SeededRandom(seed: seed)
        let tally = Tally()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, side) in [queue, direct].enumerated() {
                group.addTask { [tally] in
                    await work(as: "worker-\(number)", side, tally)
                }
                group.addTask {
                    for job in 1...jobsOfEach {
                        // On a busy machine a lease of 300 ms may run out several times without any partition.
                        let submission = Submission.sample(UInt64(number) * 1000 + job, maxAttempts: 50)
                        // Again until it is answered, as whoever submits does.
                        while true {
                            if (try? await side.enqueue(submission)) != nil { break }
                        }
                        tally.acknowledged.withLock { _ = $0.insert(submission.id) }
                    }
                }
            }
            for _ in 0..<4 {
                try await Task.sleep(for: .milliseconds(10 + random.below(150)))  // the moment that is tried
                proxy.fault = .hold
                try await Task.sleep(for: .milliseconds(50 + random.below(900)))
                if random.below(2) == 0 { proxy.cutAll() }
                proxy.fault = .none
            }
            let areDone = try await eventually(within: .seconds(300)) {
                guard tally.acknowledged.withLock({ $0.count == Int(2 * jobsOfEach) }) else { return false }
                // On a machine that is busy with other tests even the way without a proxy may take too long for once.
                return (try? await direct.counts(dueWithin: .seconds(3600)).isDrained) == true
            }
            #expect(areDone, "seed \(seed)")
            tally.isOver.store(true, ordering: .relaxed)
            try await group.waitForAll()
        }
        let jobs = try await direct.list(.all, after: nil, limit: 1000).jobs
        #expect(Set(jobs.map(\.id)) == tally.acknowledged.withLock { $0 }, "seed \(seed)")
        #expect(jobs.count == Int(2 * jobsOfEach), "seed \(seed)")
        let notDone = jobs.filter { $0.state.name != .succeeded }
        #expect(notDone.isEmpty, "seed \(seed)")
        // Told so at most once; an answer may have been lost, and that of another attempt not taken.
        #expect(tally.completed.withLock { $0.values.allSatisfy { $0 == 1 } }, "seed \(seed)")
        var ends: [Job.ID: Int] = [:]
        for event in try await direct.events(after: 0, limit: 10_000).events {
            if case .state(let id, .succeeded, _) = event.change { ends[id, default: 0] += 1 }
        }
        #expect(ends.count == jobs.count && ends.values.allSatisfy { $0 == 1 }, "seed \(seed)")
    }

    /// What has come of it so far.
    private final class Tally: Sendable {
        let completed = Mutex<[Job.ID: Int]>([:])
        let acknowledged = Mutex<Set<Job.ID>>([])
        let isOver = Atomic(false)
    }

    private static func work(as worker: String, _ queue: RedisJobQueue, _ tally: Tally) async {
        while !tally.isOver.load(ordering: .relaxed) {
            do {
                for claim in try await queue.claim(by: worker, lanes: nil, for: .milliseconds(300), limit: 2)
                    .compactMap(\.claim)
                {
                    try await Task.sleep(for: .milliseconds(3))  // the work
                    try await queue.renew(claim, for: .milliseconds(300))
                    try await queue.complete(claim, result: .sample())
                    tally.completed.withLock { $0[claim.job, default: 0] += 1 }
                }
                try await Task.sleep(for: .milliseconds(2))
            } catch {}  // the network, or a lease that is another's by now
        }
    }

    @Test("an answer that is cut off in its middle is an error or the right answer, and the next call works")
    func cutAnswers() async throws {
        for count in stride(from: 1, to: 400, by: rounds(reduced: 89, full: 7)) {
            try await withParted { queue, direct, proxy in
                _ = try await direct.open(.sample(1), total: 2, requestedBy: "test")
                _ = try await direct.enqueue(.sample(2).row(1))
                func trying<Answer>(_ body: () async throws -> Answer) async -> Answer? {
                    proxy.fault = .cutOnce(afterBytes: count)
                    defer { proxy.fault = .none }
                    do { return try await body() } catch {
                        #expect(error is QueueError)
                        return nil
                    }
                }
                if let job = await trying({ try await queue.enqueue(.sample(1)) }) { #expect(job.id == .sample(1)) }
                if let page = await trying({ try await queue.list(.all, after: nil, limit: 10) }) {
                    #expect(page.jobs.contains { $0.id == .sample(2) })
                }
                _ = await trying { try await queue.items(of: .sample(1), after: 0, limit: 10) }
                _ = await trying { try await queue.events(after: 0, limit: 10) }
                _ = await trying { try await queue.lanes() }
                _ = await trying { try await queue.arrivals(after: nil, limit: 10) }
                let jobs = await trying { try await queue.claim(by: "w", lanes: nil, for: .seconds(60), limit: 1) }
                if let claim = jobs?.first?.claim {
                    _ = await trying { try await queue.report(Job.Progress(stage: "x", done: 1, total: 2), claim) }
                    _ = await trying { try await queue.complete(claim, result: .sample()) }
                }
                _ = await trying { try await queue.reject(Batch.Place(batch: .sample(1), row: 2), .lasting) }
                _ = await trying { try await queue.hold(.paused, .batch, by: "test", reason: "") }
                // Whatever was answered: what is there is sound, and all goes on.
                let goesOn = try await eventually { (try? await queue.enqueue(.sample(1))) != nil }
                #expect(goesOn)
                let listed = try await direct.list(.all, after: nil, limit: 10)
                #expect(Set(listed.jobs.map(\.id)) == [.sample(1), .sample(2)])
                #expect(listed.parked.isEmpty)
                for job in listed.jobs {
                    #expect(job.life.epoch <= 1 && job.attempt == 1, "\(job)")
                }
                try await direct.resume(.batch, by: "test")
                #expect(try await queue.enqueue(.sample(3)).state == .queued)
            }
        }
    }

    /// A claim of the other worker, as soon as there is one.
    private func claimed(_ queue: RedisJobQueue, by worker: String) async throws -> Job.Claim {
        let found = Mutex<Job.Claim?>(nil)
        let isThere = try await eventually {
            let claim = try await queue.claim(by: worker, lanes: nil, for: .seconds(60))?.claim
            found.withLock { $0 = claim }
            return claim != nil
        }
        #expect(isThere)
        return try #require(found.withLock { $0 })
    }

    /// A queue by a network that can be parted, and the same one by another.
    private func withParted(
        timeout: Duration = .seconds(10),
        _ body: (_ queue: RedisJobQueue, _ direct: RedisJobQueue, _ proxy: RedisProxy) async throws -> Void
    ) async throws {
        try await SharedRedis.withProxy(
            timeout: timeout, rules: QueueRules(backoff: .none, lostLeases: 50), body)
    }
}
