import Foundation
import QueueModel
import QueueTestSupport
import RedisLink
import Synchronization
import System
import TestSupport
import Testing

/// `RedisJobQueue.check`: it is silent about whatever the queue does, and finds whatever somebody has spoiled.
@Suite(.enabled(if: !isRedisLeftOut)) struct RedisCheckTests {
    @Test("nothing is wrong after any history", arguments: 0..<4)
    func histories(part: Int) async throws {
        for seed in stride(from: UInt64(part), to: UInt64(rounds(reduced: 60, full: 200)), by: 4) {
            let rules = Comparison(backend: .redis, seed: seed).rules
            let clock = ManualClock()
            let random = SeededRandom.sourceByLength(seed: seed)
            let queue = try await RedisJobQueue.open(
                SharedRedis.link(part), farm: SharedRedis.newFarm(), rules: rules, random: random, clock: { clock.now })
            let oracle = InMemoryJobQueue(
                rules: rules, random: SeededRandom.sourceByLength(seed: seed), now: { clock.now })
            _ = try await Comparison.run(History.drawn(seed: seed, count: 90), queue, oracle, clock)
            let findings = try await queue.check()
            #expect(findings == [], "seed \(seed)")
        }
    }

    @Test("a farm at work gives no false alarm")
    func atWork() async throws {
        let farm = SharedRedis.newFarm()
        let queue = try await RedisJobQueue.open(
            SharedRedis.link(), farm: farm, rules: QueueRules(backoff: .none, lostLeases: 9))
        try await withThrowingTaskGroup(of: Void.self) { group in
            let flag = Flag()
            for worker in 0..<3 {
                group.addTask {
                    let random = SeededRandom(seed: UInt64(worker))
                    var number = UInt64(worker) * 1_000_000
                    while !flag.isOver {
                        // Fewer than are claimed: what waits must not grow with each look.
                        for _ in 0..<2 {
                            number += 1
                            _ = try await queue.enqueue(.sample(number).with { $0.isUnique = number % 3 == 0 })
                        }
                        let jobs = try await queue.claim(by: "w\(worker)", lanes: nil, for: .seconds(60), limit: 4)
                        for claim in jobs.compactMap(\.claim) {
                            // Another one may have cancelled it meanwhile.
                            switch random.below(4) {
                            case 0: try? await queue.release(claim)
                            case 1: _ = try? await queue.fail(claim, .passing)
                            case 2: _ = try? await queue.cancel(claim.job)
                            default: try? await queue.complete(claim, result: .sample())
                            }
                        }
                        if random.below(3) == 0 { _ = try? await queue.cancel(.sample(number)) }
                        _ = try await queue.prune(Retention(ended: .zero, failed: .zero, count: 20))
                    }
                }
            }
            for _ in 0..<rounds(reduced: 10, full: 100) { #expect(try await queue.check() == []) }
            flag.end()
            try await group.waitForAll()
        }
        #expect(try await queue.check() == [])
    }

    private final class Flag: Sendable {
        private let over = Atomic(false)
        var isOver: Bool { over.load(ordering: .relaxed) }
        func end() { over.store(true, ordering: .relaxed) }
    }

    /// What somebody does to a farm with seven jobs, and parts of what is found then. `ID` and a number stand for a job's bytes.
    static let faults: [(words: [String], found: [String])] = [
        (["LREM", "waiting:interactive", "0", "ID1"], ["would wait for ever"]),
        (["LPUSH", "waiting:interactive", "ID1"], ["waiting:interactive has an entry"]),
        (["RPUSH", "waiting:interactive", "nobody"], ["waiting:interactive has an entry"]),
        (["ZADD", "leases:interactive", "5", "ID5"], ["ended, and waits", "leases:interactive has an entry"]),
        (["ZADD", "scheduled:interactive", "5", "nobody"], ["scheduled:interactive has an entry"]),
        (["ZADD", "stale:interactive", "1", "ID1"], ["would wait for ever"]),
        (["DEL", "leases:interactive"], ["would wait for ever"]),
        (["DEL", "ended"], ["never be removed", "never be removed", "never be removed"]),
        (["ZADD", "ended", "5", "ID1"], ["among those that have", "ended has an entry"]),
        (["DEL", "failed:interactive"], ["'retry --failed' would not find it"]),
        (["ZADD", "failed:interactive", "5", "ID1"], ["failed:interactive has an entry"]),
        (["DEL", "unique"], ["its like could be submitted"]),
        (["HSET", "unique", "digest", "ID5"], ["unique has an entry"]),
        (["DEL", "keys"], ["idempotency key that leads elsewhere"]),
        (["HSET", "keys", "other", "nobody"], ["keys has an entry"]),
        (["DEL", "places:BATCH"], ["row of a batch that leads elsewhere"]),
        (["DEL", "request:ID3"], ["has no request"]),
        (["DEL", "job:ID1"], ["is not there", "waiting:interactive has an entry", "keys has an entry"]),
        (["SET", "job:ID1", "text"], ["of another kind", "waiting:interactive has an entry", "keys has an entry"]),
        (["HSET", "job:ID1", "r", "77"], ["does not say which row", "waiting:interactive has an entry"]),
        // Beyond the last row nobody looks.
        (["HSET", "rows:0", "50", "ID1"], []),
    ]

    @Test("each thing that is spoiled is found, and nothing besides", arguments: 0..<faults.count)
    func spoiled(number: Int) async throws {
        let (words, found) = Self.faults[number]
        let (farm, link) = (SharedRedis.newFarm(), try await SharedRedis.link())
        let queue = try await RedisJobQueue.open(link, farm: farm)
        // 1 to 3 wait, 4 runs, 5 has succeeded, 6 failed, 7 was cancelled where it waited.
        _ = try await queue.open(.sample(1), total: 3, requestedBy: "test")
        for job in UInt64(4)...6 { _ = try await queue.enqueue(.sample(job)) }
        let claims = try await queue.claim(by: "w", lanes: nil, for: .seconds(600), limit: 3).compactMap(\.claim)
        try await queue.complete(claims[1], result: .sample())
        try await queue.fail(claims[2], .lasting)
        _ = try await queue.enqueue(.sample(1).with { $0.idempotencyKey = "key" })
        _ = try await queue.enqueue(.sample(2).with { $0.isUnique = true })
        _ = try await queue.enqueue(
            .sample(3).row(2).with { $0.request = [UInt8](repeating: 1, count: 500) })
        _ = try await queue.enqueue(.sample(7))
        try await queue.cancel(.sample(7))
        #expect(try await queue.check() == [])

        var command = RedisCommand()
        for (index, word) in words.enumerated() {
            let isKey = index == 1
            var bytes: [UInt8] = isKey ? Array("{\(farm)}:".utf8) : []
            if let place = word.range(of: "ID"), let id = UInt64(word[place.upperBound...]) {
                bytes += Array(word[..<place.lowerBound].utf8) + Self.bytes(Job.ID.sample(id).description)
            } else if word.hasSuffix("BATCH") {
                bytes += Array(word.utf8.dropLast(5)) + Self.bytes(Batch.ID.sample(1).description)
            } else {
                bytes += Array(word.utf8)
            }
            command.append(bytes)
        }
        _ = try await link.send(command, .repeatable)
        let findings = try await queue.check()
        #expect(findings.count == found.count, "\(findings)")
        for part in found { #expect(findings.contains { $0.contains(part) }, "\(part): \(findings)") }
    }

    private static func bytes(_ id: String) -> [UInt8] {
        let digits = Array(id.filter { $0 != "-" })
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...$0 + 1]), radix: 16) ?? 0 }
    }
}
