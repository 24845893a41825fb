import QueueModel
import QueueTestSupport
import RedisLink
import System
import TestSupport
import Testing

/// Answers that are lost once the server has done what it was asked: whoever asked is told the truth all the same, and
/// nothing is done twice.
@Suite(.enabled(if: !isRedisLeftOut)) struct RedisAnswerTests {
    /// How many answers arrive before one is lost: a verb may need several, and a new connection has some of its own.
    private static let places = 0..<4

    @Test("a submission whose answer is lost is one job", arguments: places)
    func enqueue(place: Int) async throws {
        try await withProxy { queue, direct, proxy in
            proxy.fault = .loseOne(after: place)
            let job = try await queue.enqueue(.sample(1))
            #expect(job.state == .queued)
            #expect(try await direct.list(.all, after: nil, limit: 10).jobs.map(\.id) == [.sample(1)])
            #expect(try await direct.counts(dueWithin: .zero).queued == 1)
            #expect(try await direct.events(after: 0, limit: 10).events.count == 1)
        }
    }

    @Test("jobs whose claim was not heard of are the claimer's all the same", arguments: places)
    func claim(place: Int) async throws {
        try await withProxy { queue, direct, proxy in
            for number in UInt64(1)...3 { _ = try await direct.enqueue(.sample(number)) }
            proxy.fault = .loseOne(after: place)
            let jobs = try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(60), limit: 2)
            #expect(jobs.map(\.id) == [.sample(1), .sample(2)])
            #expect(jobs.allSatisfy { $0.life.epoch == 1 })
            for claim in jobs.compactMap(\.claim) { try await queue.complete(claim, result: .sample()) }
            #expect(try await direct.counts(dueWithin: .zero) == QueueCounts(queued: 1))
        }
    }

    @Test("a completion whose answer is lost is done, and once", arguments: places)
    func complete(place: Int) async throws {
        try await withProxy { queue, direct, proxy in
            _ = try await direct.enqueue(.sample(1))
            let claim = try await queue.mustClaim()
            proxy.fault = .loseOne(after: place)
            try await queue.complete(claim, result: .sample())
            #expect(try await direct.job(1).state == .succeeded(.sample()))
            let events = try await direct.events(after: 0, limit: 10).events
            #expect(events.map(\.change).last == .state(.sample(1), .succeeded, attempt: 1))
            #expect(events.count == 3)
            // The next time, with an answer, it is not.
            proxy.fault = .none
            await #expect(throws: QueueError.leaseLost(.sample(1))) {
                try await queue.complete(claim, result: .sample())
            }
        }
    }

    @Test("a failure whose answer is lost counts once", arguments: places)
    func fail(place: Int) async throws {
        try await withProxy { queue, direct, proxy in
            _ = try await direct.enqueue(.sample(1))
            let claim = try await queue.mustClaim()
            proxy.fault = .loseOne(after: place)
            let state = try await queue.fail(claim, .passing)
            let job = try await direct.job(1)
            #expect(job.state == state)
            #expect(job.attempt == 2)
            #expect(job.life.lastFailure == .passing)
        }
    }

    @Test("a job is given back, renewed, reported on and cancelled whatever is lost", arguments: places)
    func others(place: Int) async throws {
        try await withProxy { queue, direct, proxy in
            for number in UInt64(1)...2 { _ = try await direct.enqueue(.sample(number)) }
            let claim = try await queue.mustClaim()
            proxy.fault = .loseOne(after: place)
            try await queue.renew(claim, for: .seconds(60))
            proxy.fault = .loseOne(after: place)
            try await queue.report(Job.Progress(stage: "x", done: 1, total: 2), claim)
            proxy.fault = .loseOne(after: place)
            try await queue.release(claim)
            #expect(try await direct.job(1).state == .queued)
            proxy.fault = .loseOne(after: place)
            #expect(try await queue.cancel(.sample(2)).state == .cancelled)
            proxy.fault = .none
            await #expect(throws: QueueError.self) { try await queue.cancel(.sample(2)) }
            #expect(
                try await direct.events(after: 0, limit: 100).events.filter { $0.change.job == .sample(2) }.count == 2)
        }
    }

    @Test("a server that answers garbage, or too late, is an error and no trap")
    func garbage() async throws {
        try await withProxy(timeout: .milliseconds(200)) { queue, direct, proxy in
            for text in ["!\r\n", ":1\r\n", "*1\r\n:1\r\n", "$3\r\nabc\r\n", "*2\r\n$1\r\n7\r\n*-1\r\n", "-OOM no\r\n"]
            {
                proxy.fault = .replace(Array(text.utf8))
                await attempt { _ = try await queue.enqueue(.sample(1)) }
                await attempt { _ = try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(60)) }
                await attempt { _ = try await queue.list(.all, after: nil, limit: 10) }
                await attempt { _ = try await queue.lanes() }
                await attempt { _ = try await queue.workers() }
                await attempt { _ = try await queue.events(after: 0, limit: 10) }
                await attempt { _ = try await queue.standing(of: .sample(1)) }
                await attempt { _ = try await queue.prune(Retention()) }
                await attempt { _ = try await queue.cancel(.sample(2)) }
                await attempt { try await queue.waitForJobs(in: nil, atMost: .milliseconds(10)) }
                proxy.cutAll()
            }
            proxy.fault = .none
            // After so many failures the link waits a while before it tries again.
            let isBack = try await eventually { (try? await queue.enqueue(.sample(3))) != nil }
            #expect(isBack)
            #expect(try await direct.job(3).state == .queued)
        }
    }

    /// A queue through a proxy, and the same one without.
    private func withProxy(
        timeout: Duration = .seconds(5),
        _ body: (_ queue: RedisJobQueue, _ direct: RedisJobQueue, _ proxy: RedisProxy) async throws -> Void
    ) async throws {
        try await SharedRedis.withProxy(timeout: timeout, body)
    }

    private func attempt(_ body: () async throws -> Void) async {
        do { try await body() } catch { #expect(error is QueueError) }
    }
}
