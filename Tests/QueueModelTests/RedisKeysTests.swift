import QueueModel
import QueueTestSupport
import RedisLink
import System
import TestSupport
import Testing

/// What may lie under the keys of a farm that no version of ours put there: kept, shown, claimed by nobody, and no harm to
/// its neighbours.
@Suite(.enabled(if: !isRedisLeftOut)) struct RedisKeysTests {
    /// What somebody may do to the key of a job, as words of a command; `KEY` is the key.
    static let garbage: [[String]] = [
        ["HSET", "KEY", "v", "2"], ["HSET", "KEY", "v", ""], ["HSET", "KEY", "r", "x"], ["HSET", "KEY", "r", "0"],
        ["HSET", "KEY", "r", "9223372036854775807"], ["HDEL", "KEY", "r"], ["HSET", "KEY", "l", "No Lane"],
        ["HDEL", "KEY", "l"], ["HSET", "KEY", "t", "soon"], ["HDEL", "KEY", "t"],
        ["HDEL", "KEY", "q"], ["HSET", "KEY", "d", "short"], ["HDEL", "KEY", "d"], ["HSET", "KEY", "y", "\u{FF}"],
        ["HDEL", "KEY", "y"], ["HSET", "KEY", "x", "0"], ["HSET", "KEY", "x", "101"], ["HSET", "KEY", "a", "0"],
        ["HSET", "KEY", "a", "4"], ["HSET", "KEY", "a", "9223372036854775807"], ["HSET", "KEY", "a", "-1"],
        ["HSET", "KEY", "e", "-1"], ["HSET", "KEY", "e", "9223372036854775807"], ["HSET", "KEY", "e", "1e9"],
        ["HSET", "KEY", "s", "7"], ["HSET", "KEY", "s", "x"], ["HSET", "KEY", "s", "1"], ["HSET", "KEY", "f", "1"],
        ["HSET", "KEY", "tl", "0"], ["HSET", "KEY", "tl", "x"], ["HSET", "KEY", "il", "-5"],
        ["HSET", "KEY", "ps", "render"], ["HSET", "KEY", "b", "none"], ["HSET", "KEY", "n", "1"],
        ["HSET", "KEY", "ro", "none"], ["HSET", "KEY", "ra", "none"], ["HSET", "KEY", "fc", "bad"],
        ["HSET", "KEY", "ll", "x"], ["HSET", "KEY", "c", "x"], ["SET", "KEY", "a string"], ["LPUSH", "OTHER", "KEY"],
    ]

    @Test("a job that was cancelled in its list and removed comes again under its id, in its new place")
    func comesAgain() async throws {
        try await withFarm { queue, _, clock in
            for number in UInt64(1)...3 { _ = try await queue.enqueue(.sample(number)) }
            try await queue.cancel(.sample(1))
            clock.advance(by: .seconds(10))
            #expect(try await queue.prune(Retention(ended: .zero, failed: .zero, count: 0)) == 1)
            // In another lane first, so that only the old entry is left in this one.
            _ = try await queue.enqueue(.sample(1, lane: .batch))
            #expect(try await queue.lanes().map(\.queued) == [2, 1, 0])
            #expect(try await queue.check() == [])
            #expect(try await queue.claimNext(lanes: [.interactive]) == .sample(2))
            #expect(try await queue.claimNext(lanes: [.interactive]) == .sample(3))
            #expect(try await queue.claimNext(lanes: [.interactive]) == nil)
            #expect(try await queue.claimNext(lanes: [.batch]) == .sample(1))
            #expect(try await queue.check() == [])
        }
    }

    @Test("two farms in one server know nothing of each other's jobs, claims and batches")
    func otherFarm() async throws {
        try await withFarm { queue, farm, _ in
            let other = try await RedisJobQueue.open(farm.link, farm: farm.name + "-2")
            _ = try await queue.open(.sample(1), total: 2, requestedBy: "test")
            _ = try await queue.enqueue(.sample(1).with { $0.idempotencyKey = "key" })
            let claim = try await queue.mustClaim()
            #expect(try await other.status(of: .sample(1)) == nil)
            try await expectRefused(other, claim)
            await #expect(throws: QueueError.notFound(.sample(1))) { try await other.cancel(.sample(1)) }
            await #expect(throws: QueueError.notFound(.sample(1))) { try await other.retry(.sample(1), as: .sample(2)) }
            await #expect(throws: QueueError.noSuchBatch(.sample(1))) { try await other.enqueue(.sample(3).row(1)) }
            // The same id and key are free there.
            _ = try await other.enqueue(.sample(1).with { $0.idempotencyKey = "key" })
            #expect(try await other.claimNext() == .sample(1))
            #expect(try await other.check() == [])
            try await queue.complete(claim, result: .sample())
        }
    }

    @Test("a job of garbage is parked and its neighbours go on", arguments: garbage)
    func parked(words: [String]) async throws {
        try await withFarm { queue, farm, clock in
            for number in UInt64(1)...3 { _ = try await queue.enqueue(.sample(number)) }
            try await farm.change(.sample(1), words)

            // Twice, for the second time it may be known to be parked.
            for _ in 0..<2 {
                let page = try await queue.list(.all, after: nil, limit: 10)
                #expect(page.jobs.map(\.id) == [.sample(3), .sample(2)])
                #expect(page.parked.map(\.id) == [.sample(1)])
                #expect(page.parked.first?.reason.isEmpty == false)
                await expectParked { () async throws(QueueError) in _ = try await queue.status(of: .sample(1)) }
                await expectParked { () async throws(QueueError) in _ = try await queue.cancel(.sample(1)) }
                await expectParked { () async throws(QueueError) in
                    _ = try await queue.retry(.sample(1), as: .sample(9))
                }
                await expectParked { () async throws(QueueError) in _ = try await queue.enqueue(.sample(1)) }
                for number in UInt64(2)...3 where try await queue.state(of: .sample(number)) == .queued {
                    let claim = try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(60))
                    #expect(claim?.id != .sample(1))
                    if let claim = claim?.claim { try await queue.release(claim) }
                }
            }
            clock.advance(by: .seconds(3600))
            for number in UInt64(2)...3 {
                let job = try #require(try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(60)))
                #expect(job.id == .sample(number))
                try await queue.complete(try #require(job.claim), result: .sample())
            }
            #expect(try await queue.claimNext() == nil)
            #expect(try await queue.counts(dueWithin: .seconds(10)) == QueueCounts(parked: 1))
            #expect(try await queue.parked(limit: 10).map(\.id) == [.sample(1)])
        }
    }

    @Test("a running job of garbage is parked when its lease is over", arguments: garbage)
    func parkedRunning(words: [String]) async throws {
        try await withFarm { queue, farm, clock in
            for number in UInt64(1)...2 { _ = try await queue.enqueue(.sample(number)) }
            let claim = try await queue.mustClaim()
            #expect(claim.job == .sample(1))
            try await farm.change(.sample(1), words)
            for step in 0..<3 {
                clock.advance(by: .seconds(3600))
                let next = try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(60))
                #expect(next?.id == .sample(2), "step \(step)")
                if let claim = next?.claim { try await queue.release(claim) }
            }
            _ = try await queue.workers()
            _ = try await queue.lanes()
            _ = try await queue.prune(Retention(ended: .zero, failed: .zero, count: 0))
            await #expect(throws: QueueError.self) { try await queue.complete(claim, result: .sample()) }
            #expect(try await queue.counts(dueWithin: .seconds(10)) == QueueCounts(queued: 1, parked: 1))
        }
    }

    @Test(
        "a foreign value under a key of the queue is an error or harmless, never a trap",
        arguments: [
            "waiting:interactive", "returned:interactive", "stale:interactive", "scheduled:interactive",
            "leases:interactive", "failed:interactive", "recent:interactive", "bell:interactive", "ended", "parked",
            "unique", "keys", "lanes", "meters", "credits", "holds", "batches", "workers", "losses", "row", "sequence",
            "events", "rows:0",
        ])
    func foreign(key: String) async throws {
        for words in [["SET", "KEY", "foreign"], ["RPUSH", "KEY", "foreign"], ["ZADD", "KEY", "1", "foreign"]] {
            try await withFarm { queue, farm, clock in
                for number in UInt64(1)...3 { _ = try await queue.enqueue(.sample(number)) }
                _ = try await queue.enqueue(.sample(4, lane: .batch))
                try await farm.run(["DEL", farm.key(key)])
                try await farm.run(words.map { $0 == "KEY" ? farm.key(key) : $0 })
                // Whatever comes of it, nothing traps, and no claim is given twice.
                var claimed: [Job.ID] = []
                for _ in 0..<3 {
                    await attempt { _ = try await queue.enqueue(.sample(5).with { $0.isUnique = true }) }
                    await attempt { _ = try await queue.enqueue(.sample(6).scheduled(for: clock.now + .seconds(1))) }
                    await attempt {
                        let jobs = try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(600), limit: 2)
                        claimed += jobs.map(\.id)
                        for claim in jobs.compactMap(\.claim) { try await queue.complete(claim, result: .sample()) }
                    }
                    clock.advance(by: .seconds(2))
                    await attempt { _ = try await queue.list(.all, after: nil, limit: 10) }
                    await attempt { _ = try await queue.lanes() }
                    await attempt { _ = try await queue.events(after: 0, limit: 100) }
                    await attempt { _ = try await queue.standing(of: .sample(3)) }
                    await attempt { try await queue.beat(.sample("worker-a")) }
                    await attempt { _ = try await queue.workers() }
                    await attempt { _ = try await queue.prune(Retention(ended: .zero, failed: .zero, count: 0)) }
                    await attempt { try await queue.hold(.paused, .campaign, by: "ada", reason: "") }
                }
                let first = claimed.filter { (UInt64(1)...4).map { Job.ID.sample($0) }.contains($0) }
                #expect(Set(first).count == first.count)
                if key.hasSuffix(":interactive") {
                    #expect(claimed.contains(.sample(4)) || key.hasPrefix("leases") || key.hasPrefix("scheduled"))
                }
            }
        }
    }

    @Test("a stream of events that was cut or removed is told as a gap, and goes on")
    func cutStream() async throws {
        try await withFarm { queue, farm, _ in
            for number in UInt64(1)...3 { _ = try await queue.enqueue(.sample(number)) }
            try await farm.run(["XTRIM", farm.key("events"), "MAXLEN", "1"])
            #expect(try await queue.events(after: 1, limit: 10).needsResync)
            #expect(try await queue.events(after: 2, limit: 10).needsResync == false)
            try await farm.run(["DEL", farm.key("events"), farm.key("sequence")])
            #expect(try await queue.events(after: 3, limit: 10).needsResync)
            _ = try await queue.enqueue(.sample(4))
            let page = try await queue.events(after: 0, limit: 10)
            #expect(page.events.last?.change == .state(.sample(4), .queued, attempt: 1))
        }
    }

    @Test("scripts that the server has forgotten are sent again")
    func flushedScripts() async throws {
        try await withRedis { server in
            let queue = try await RedisJobQueue.open(
                RedisLink(RedisSettings(address: server.socket)), farm: "farm")
            for number in UInt64(1)...3 {
                _ = try await queue.enqueue(.sample(number))
                try server.command("SCRIPT", "FLUSH")
                let claim = try await queue.mustClaim()
                try server.command("SCRIPT", "FLUSH")
                try await queue.complete(claim, result: .sample())
            }
            #expect(try await queue.list(JobFilter(state: .succeeded), after: nil, limit: 10).jobs.count == 3)
        }
    }

    @Test("farms on one server know nothing of one another")
    func otherFarms() async throws {
        try await withFarm { queue, _, _ in
            try await withFarm { other, _, _ in
                _ = try await queue.enqueue(.sample(1))
                let claim = try await queue.mustClaim()
                #expect(try await other.status(of: .sample(1)) == nil)
                #expect(try await other.claimNext() == nil)
                await #expect(throws: QueueError.leaseLost(.sample(1))) {
                    try await other.complete(claim, result: .sample())
                }
                #expect(try await other.events(after: 0, limit: 10).events.isEmpty)
            }
        }
    }

    @Test("a queue that a later version has changed is left alone")
    func laterFormat() async throws {
        let farm = SharedRedis.newFarm()
        let link = try await SharedRedis.link()
        _ = try await link.send(RedisCommand("SET", "{\(farm)}:format", "2"), .repeatable)
        await #expect(throws: QueueError.self) { _ = try await RedisJobQueue.open(link, farm: farm) }
    }

    @Test("a full server takes nothing in and is worked off")
    func full() async throws {
        try await withRedis { server in
            let link = RedisLink(RedisSettings(address: server.socket))
            let queue = try await RedisJobQueue.open(link, farm: "farm")
            let batch = try await queue.open(.sample(1), total: 10, requestedBy: "test")
            _ = try await queue.enqueue([
                .sample(1), .sample(2), .sample(3), .sample(4).scheduled(for: Timestamp.systemClock() + .seconds(60)),
                .sample(5).row(1),
            ])
            try server.command("CONFIG", "SET", "maxmemory", "1000000")
            do throws(QueueError) {
                _ = try await queue.enqueue(.sample(6))
                Issue.record("a full server took a job in")
            } catch {
                guard case .full = error else { throw error }
            }
            #expect(try await queue.status(of: .sample(6)) == nil)

            try await queue.beat(.sample("worker-a"))
            let jobs = try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(60), limit: 10)
            #expect(jobs.count == 4)
            for (number, claim) in jobs.compactMap(\.claim).enumerated() {
                try await queue.report(Job.Progress(stage: "x", done: 1, total: 2), claim)
                try await queue.renew(claim, for: .seconds(60))
                switch number {
                case 0: try await queue.complete(claim, result: .sample())
                case 1: _ = try await queue.fail(claim, .passing)
                case 2: try await queue.release(claim)
                default: _ = try await queue.fail(claim, .lasting)
                }
            }
            _ = try await queue.cancel(.sample(4))
            try await queue.hold(.paused, nil, by: "ada", reason: "full")
            try await queue.resume(nil, by: "ada")
            try await queue.reject(Batch.Place(batch: batch.id, row: 2), .lasting)
            #expect(try await queue.prune(Retention(ended: .zero, failed: .zero, count: 0)) > 0)
            _ = try await queue.forsake("worker-a")

            try server.command("CONFIG", "SET", "maxmemory", "0")
            _ = try await queue.enqueue(.sample(6))
        }
    }

    @Test("submissions stop before the server is full")
    func nearlyFull() async throws {
        try await withRedis { server in
            let link = RedisLink(RedisSettings(address: server.socket))
            let first = try await RedisJobQueue.open(link, farm: "farm")
            _ = try await first.enqueue(.sample(1))
            try server.command("CONFIG", "SET", "maxmemory", "\(try await link.memory().used * 100 / 95)")
            let queue = try await RedisJobQueue.open(link, farm: "farm")
            for _ in 0..<2 {
                do throws(QueueError) {
                    _ = try await queue.enqueue(.sample(2))
                    Issue.record("it was taken in")
                } catch {
                    guard case .full(let detail) = error, detail.contains("90 %") else { throw error }
                }
            }
            #expect(try await queue.claimNext() == .sample(1))
            try server.command("CONFIG", "SET", "maxmemory", "0")
            _ = try await queue.enqueue(.sample(2))
        }
    }

    // MARK: Support

    /// A farm in the shared server, and a way to what it lies under.
    struct Farm {
        let name: String
        let link: RedisLink

        func key(_ name: String) -> String { "{\(self.name)}:\(name)" }

        func run(_ words: [String]) async throws {
            var command = RedisCommand()
            for word in words { command.append(word) }
            _ = try await link.send(command, .repeatable)
        }

        /// Does `words` to the key of a job. `OTHER KEY` stands for a list in its place.
        func change(_ id: Job.ID, _ words: [String]) async throws {
            let bytes = id.description.filter { $0 != "-" }
            var raw: [UInt8] = Array(key("job:").utf8)
            var digits = Array(bytes)
            while digits.count >= 2 {
                raw.append(UInt8(String(digits[0..<2]), radix: 16) ?? 0)
                digits.removeFirst(2)
            }
            let isOther = words.contains("OTHER")
            if isOther || words.first == "SET" {
                var command = RedisCommand("DEL")
                command.append(raw)
                _ = try await link.send(command, .repeatable)
            }
            var command = RedisCommand()
            for word in words {
                switch word {
                case "KEY" where !isOther, "OTHER": command.append(raw)
                // A byte that is no UTF-8.
                case "\u{FF}": command.append([0xFF])
                default: command.append(word)
                }
            }
            _ = try await link.send(command, .repeatable)
        }
    }

    private func withFarm(
        _ body: (_ queue: RedisJobQueue, _ farm: Farm, _ clock: ManualClock) async throws -> Void
    ) async throws {
        let clock = ManualClock()
        let farm = Farm(name: SharedRedis.newFarm(), link: try await SharedRedis.link())
        let queue = try await RedisJobQueue.open(farm.link, farm: farm.name, clock: { clock.now })
        try await body(queue, farm, clock)
    }

    private func attempt(_ body: () async throws -> Void) async {
        do { try await body() } catch { #expect(error is QueueError) }
    }
}
