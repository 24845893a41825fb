import QueueModel
import QueueTestSupport
import Records
import RedisLink
import System
import TestSupport

/// A farm's queue and records in one kind of store.
enum FarmStore: CaseIterable {
    case memory, sqlite, redis

    /// Without Redis only where that is asked for by name.
    static let allCases: [FarmStore] = isRedisLeftOut ? [.memory, .sqlite] : [.memory, .sqlite, .redis]

    /// Runs `body` with an empty farm.
    func withFarm(
        at clock: ManualClock = ManualClock(), _ body: (any JobQueue, any RecordStore) async throws -> Void
    ) async throws {
        switch self {
        case .memory:
            try await body(InMemoryJobQueue(now: { clock.now }), InMemoryRecordStore(now: { clock.now }))
        case .sqlite:
            try await withTemporaryDirectory { folder in
                let path = folder + "/farm.sqlite"
                try await body(
                    SQLiteJobQueue.open(path, now: { clock.now }), SQLiteRecordStore.open(path, now: { clock.now }))
            }
        case .redis:
            let (link, farm) = (try await SharedRedis.link(), SharedRedis.newFarm())
            try await body(
                RedisJobQueue.open(link, farm: farm, clock: { clock.now }),
                RedisRecordStore(link, farm: farm, clock: { clock.now }))
        }
    }
}
