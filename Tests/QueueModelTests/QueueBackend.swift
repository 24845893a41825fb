import QueueModel
import QueueTestSupport
import RedisLink
import System
import TestSupport

/// Every kind of queue there is. A new one adds a case here and no test.
enum QueueBackend: CaseIterable {
    case memory
    case sqlite
    case redis
    /// The oldest Redis that a farm can be in, and the newest of its successors.
    case oldestRedis, newestRedis

    /// Without Redis only where that is asked for by name.
    static let allCases: [QueueBackend] =
        [.memory, .sqlite] + (isRedisLeftOut ? [] : [.redis])
        + (areRedisVersionsLeftOut ? [] : [.oldestRedis, .newestRedis])

    /// How many random histories are tried: other versions of one program get a fifth.
    func rounds(reduced: Int, full: Int) -> Int {
        let all = TestSupport.rounds(reduced: reduced, full: full)
        return [.oldestRedis, .newestRedis].contains(self) ? all / 5 : all
    }

    /// Which version of Redis it is in; nil for none.
    var redisVersion: RedisServer.Version? {
        switch self {
        case .memory, .sqlite: nil
        case .redis: .installed
        case .oldestRedis: .oldest
        case .newestRedis: .newest
        }
    }

    /// The latest time that the store can tell from others.
    var lastTime: Timestamp { Timestamp(milliseconds: redisVersion != nil ? 1 << 52 : .max) }

    /// Runs `body` with a fresh queue and the clock that it goes by.
    func withQueue(
        rules: QueueRules = QueueRules(), seed: UInt64 = 1,
        _ body: (_ queue: any JobQueue, _ clock: ManualClock) async throws -> Void
    ) async throws {
        try await withQueues(count: 1, rules: rules, seed: seed) { queues, clock in try await body(queues[0], clock) }
    }

    /// Runs `body` with `count` handles on one fresh store, as so many processes have them.
    func withQueues(
        count: Int, rules: QueueRules = QueueRules(), seed: UInt64 = 1,
        _ body: (_ queues: [any JobQueue], _ clock: ManualClock) async throws -> Void
    ) async throws {
        let clock = ManualClock()
        let random = SeededRandom.sourceByLength(seed: seed)
        switch self {
        case .memory:
            let queue = InMemoryJobQueue(rules: rules, random: random, now: { clock.now })
            try await body(Array(repeating: queue, count: count), clock)
        case .sqlite:
            try await withTemporaryDirectory { folder in
                var queues: [any JobQueue] = []
                for _ in 0..<count {
                    queues.append(
                        try await SQLiteJobQueue.open(
                            folder + "/farm.sqlite", rules: rules, random: random, now: { clock.now }))
                }
                try await body(queues, clock)
            }
        case .redis, .oldestRedis, .newestRedis:
            let farm = SharedRedis.newFarm()
            var queues: [any JobQueue] = []
            for number in 0..<count {
                queues.append(
                    try await RedisJobQueue.open(
                        SharedRedis.link(number, of: redisVersion ?? .installed), farm: farm, rules: rules,
                        random: random, clock: { clock.now }))
            }
            try await body(queues, clock)
        }
    }
}
