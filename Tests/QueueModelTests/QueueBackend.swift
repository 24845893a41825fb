import QueueModel
import System
import TestSupport

/// Every kind of queue there is. A new one adds a case here and no test.
enum QueueBackend: CaseIterable {
    case memory
    case sqlite

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
        let random = SeededRandom(seed: seed).source
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
        }
    }
}
