import QueueTestSupport
import Records
import System
import TestSupport
import Testing

/// The stores that keep the promises of `RecordStore`.
enum RecordBackend: CaseIterable, Sendable {
    case inMemory, sqlite, directory, redis

    /// Without Redis only where that is asked for by name.
    static let allCases: [RecordBackend] =
        [.inMemory, .sqlite, .directory] + (isRedisLeftOut ? [] : [.redis])

    /// Runs `body` with an empty store and the clock that it goes by.
    func withStore(_ body: (any RecordStore, ManualClock) async throws -> Void) async throws {
        let clock = ManualClock()
        switch self {
        case .inMemory:
            try await body(InMemoryRecordStore(now: { clock.now }), clock)
        case .sqlite:
            try await withTemporaryDirectory { folder in
                try await body(try await SQLiteRecordStore.open(folder + "/farm.sqlite", now: { clock.now }), clock)
            }
        case .directory:
            try await withTemporaryDirectory { folder in
                try await body(try await DirectoryRecordStore.open(folder + "/records", now: { clock.now }), clock)
            }
        case .redis:
            let link = try await SharedRedis.link()
            try await body(RedisRecordStore(link, farm: SharedRedis.newFarm(), clock: { clock.now }), clock)
        }
    }
}

extension RecordStore {
    /// Writes to the collection `things`.
    @discardableResult
    func put(
        _ name: String, _ body: String = "", expecting: Int64? = nil, expires: Timestamp? = nil
    ) async throws(RecordError) -> Record {
        try await write(name, in: "things", body: Array(body.utf8), expires: expires, expecting: expecting)
    }

    /// The names on a page of the collection `things`.
    func names(after: String? = nil, limit: Int = 100) async throws(RecordError) -> [String] {
        try await list("things", after: after, limit: limit).map(\.name)
    }
}

/// Expects that of several stores on the same records exactly one makes each new one.
func expectOneWinner(of stores: [any RecordStore]) async throws {
    for round in 0..<rounds(reduced: 10, full: 200) {
        let wins = await withTaskGroup(of: Bool.self) { group in
            for store in stores {
                // A conflict is the outcome that is counted.
                group.addTask { (try? await store.put("r\(round)")) != nil }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(wins == 1)
    }
}
