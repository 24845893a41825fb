import QueueModel
import RedisLink
import Synchronization
import System
import TestSupport
import Testing

/// A primary that is killed again and again while jobs are submitted, and sentinels that name another one each time.
///
/// Redis tells its replicas of a write after it has answered; what they had not yet is lost. With `replicas` as many as may
/// become the primary, an answer waits for them.
@Suite(.enabled(if: !isRedisLeftOut)) struct RedisFailoverTests {
    @Test("with an answer that waits for the replica, no failover loses an acknowledged job")
    func waitingForReplicas() async throws {
        let outcome = try await run(rounds(reduced: 3, full: 50), replicas: 1)
        #expect(outcome.lost == 0)
        #expect(outcome.acknowledged > 0)
    }

    @Test("without, what is lost is counted, and what is left is sound")
    func notWaiting() async throws {
        let outcome = try await run(rounds(reduced: 1, full: 10), replicas: 0)
        print("failovers without waiting: \(outcome.lost) of \(outcome.acknowledged) acknowledged jobs were lost")
        #expect(outcome.acknowledged > 0)
    }

    @Test("without, and with an outbox beside the submitter, what was lost is there again")
    func outbox() async throws {
        try await withTemporaryDirectory { folder in
            let outbox = try await SubmissionOutbox.open(folder + "/outbox.db", now: Timestamp.systemClock)
            let outcome = try await run(rounds(reduced: 1, full: 10), replicas: 0, outbox)
            #expect(outcome.lost == 0)
            #expect(outcome.acknowledged > 0)
            print("failovers with an outbox: \(outcome.sentAgain) of \(outcome.acknowledged) jobs were sent again")
        }
    }

    @Test("what was sent again is waited for, too, though it is there already")
    func sentAgain() async throws {
        let quick = ["repl-diskless-sync yes", "repl-diskless-sync-delay 0", "repl-ping-replica-period 1"]
        try await withRedis(hasPort: true, configuration: quick) { primary in
            let following = quick + ["replicaof 127.0.0.1 \(primary.port ?? 0)"]
            try await withRedis(hasPort: true, configuration: following) { replica in
                let isReady = try await eventually {
                    try primary.command("INFO", "replication").contains("state=online")
                }
                #expect(isReady)
                var settings = RedisSettings(address: primary.address)
                let plain = try await RedisJobQueue.open(RedisLink(settings), farm: "farm")
                settings.replicas = 1
                settings.replicaTimeout = .seconds(2)
                let queue = try await RedisJobQueue.open(RedisLink(settings), farm: "farm")
                replica.pause(true)
                _ = try await plain.enqueue(.sample(1))
                await #expect(throws: QueueError.self) { try await queue.enqueue(.sample(1)) }
                replica.pause(false)
                let isTaken = try await eventually { (try? await queue.enqueue(.sample(1))) != nil }
                #expect(isTaken)
                #expect(try replica.command("GET", "{farm}:row") == "1")
            }
        }
    }

    private struct Outcome {
        let acknowledged: Int
        let lost: Int
        let sentAgain: Int
    }

    private func run(_ rounds: Int, replicas: Int, _ outbox: SubmissionOutbox? = nil) async throws -> Outcome {
        let quick = ["repl-diskless-sync yes", "repl-diskless-sync-delay 0", "repl-ping-replica-period 1"]
        return try await withRedis(hasPort: true, configuration: quick) { first in
            let following = quick + ["replicaof 127.0.0.1 \(first.port ?? 0)"]
            return try await withRedis(hasPort: true, configuration: following) { second in
                let watching = [
                    "sentinel monitor farm 127.0.0.1 \(first.port ?? 0) 1",
                    "sentinel down-after-milliseconds farm 300", "sentinel failover-timeout farm 2000",
                ]
                return try await withRedis(.sentinel, configuration: watching) { sentinel in
                    _ = try await ready((first, second), sentinel)
                    var settings = RedisSettings(address: sentinel.address)
                    settings.sentinels = RedisSentinels([sentinel.address], primaryName: "farm")
                    settings.replicas = replicas
                    settings.timeout = .seconds(60)
                    settings.replicaTimeout = .seconds(2)
                    return try await run(rounds, settings, outbox, (first, second), sentinel)
                }
            }
        }
    }

    private func run(
        _ rounds: Int, _ settings: RedisSettings, _ outbox: SubmissionOutbox?, _ servers: (RedisServer, RedisServer),
        _ sentinel: RedisServer
    ) async throws -> Outcome {
        let queue = try await RedisJobQueue.open(RedisLink(settings), farm: "farm", outbox: outbox)
        var sentAgain = 0
        let hasLanes = try await eventually { (try? servers.1.command("EXISTS", "{farm}:lanes")) == "1" }
        #expect(hasLanes)
        var number: UInt64 = 0
        var acknowledged: Set<Job.ID> = []
        var (primary, replica) = servers
        for _ in 0..<rounds {
            let (start, killed) = (number, primary)
            async let killing: Void = {
                let random = SeededRandom(seed: start)
                try await Task.sleep(for: .milliseconds(20 + random.below(80)))  // the moment that is tried
                killed.kill()
            }()
            // Until the other one has taken over and answers.
            var acknowledgedBy: RedisServer?
            for _ in 0..<10_000 where acknowledgedBy !== replica {
                number += 1
                let submission = Submission.sample(number)
                do throws(QueueError) {
                    _ = try await queue.enqueue(submission)
                    acknowledged.insert(submission.id)
                    if number > start + 50, isPrimary(replica) { acknowledgedBy = replica }
                } catch {
                    // Too few replicas, or nobody knows: nothing was promised.
                    guard case .backend = error else { throw error }
                    if isPrimary(replica) { break }
                }
            }
            try await killing
            let hasTakenOver = try await eventually { isPrimary(replica) }
            #expect(hasTakenOver)
            try await primary.start()
            (primary, replica) = try await ready((replica, primary), sentinel)
            let report = try await queue.settleOutbox()
            #expect(report.refused == [])
            sentAgain += report.sentAgain
        }
        return try await check(queue, acknowledged, sentAgain: sentAgain)
    }

    /// Counts what is lost, and works off what is left.
    private func check(
        _ queue: RedisJobQueue, _ acknowledged: Set<Job.ID>, sentAgain: Int
    ) async throws -> Outcome {
        var present: Set<Job.ID> = []
        var cursor: JobCursor?
        repeat {
            let page = try await queue.list(.all, after: cursor, limit: 1000)
            #expect(page.parked.isEmpty)
            present.formUnion(page.jobs.map(\.id))
            cursor = page.next
        } while cursor != nil
        var done = 0
        while true {
            let jobs = try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(60), limit: 100)
            if jobs.isEmpty { break }
            for claim in jobs.compactMap(\.claim) {
                try await queue.complete(claim, result: .sample())
                done += 1
            }
        }
        #expect(done == present.count)
        return Outcome(
            acknowledged: acknowledged.count, lost: acknowledged.subtracting(present).count, sentAgain: sentAgain)
    }

    private func isPrimary(_ server: RedisServer) -> Bool {
        (try? server.command("ROLE"))?.hasPrefix("master") == true
    }

    /// Waits until one of the two follows the other and the sentinel knows both. Which one that is may have changed once more:
    /// a sentinel that was kept waiting takes the wrong one for dead.
    private func ready(
        _ servers: (RedisServer, RedisServer), _ sentinel: RedisServer
    ) async throws -> (primary: RedisServer, replica: RedisServer) {
        let isFirst = Mutex(true)
        let isReady = try await eventually(within: .seconds(60)) {
            let now = isPrimary(servers.0)
            isFirst.withLock { $0 = now }
            let (primary, replica) = now ? servers : (servers.1, servers.0)
            // The sentinel cuts all clients of a server off whose role it changes, us too: then it is not ready yet.
            return (try? areReady(primary, replica, sentinel)) == true
        }
        #expect(isReady)
        return isFirst.withLock { $0 } ? servers : (servers.1, servers.0)
    }

    private func areReady(_ primary: RedisServer, _ replica: RedisServer, _ sentinel: RedisServer) throws -> Bool {
        guard isPrimary(primary), try replica.command("INFO", "replication").contains("master_link_status:up"),
            try primary.command("INFO", "replication").contains("state=online"),
            try sentinel.command("SENTINEL", "CKQUORUM", "farm").hasPrefix("OK")
        else { return false }
        let known = try sentinel.command("SENTINEL", "REPLICAS", "farm")
        return known.contains("\(replica.port ?? 0)") && !known.contains("s_down") && !known.contains("disconnected")
    }
}
