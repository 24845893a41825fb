import Crypto
import Keyring
import Records
import System
import TestSupport

/// A keyring on an empty store in memory, with all that it goes by.
struct KeyringFixture {
    let clock: ManualClock
    let store: InMemoryRecordStore
    let master: MasterKey
    let keyring: Keyring

    init() async throws {
        let clock = ManualClock()
        let store = InMemoryRecordStore(now: { clock.now })
        let master = try await Self.newMasterKey()
        self.clock = clock
        self.store = store
        self.master = master
        keyring = try Keyring(store: store, master: master, farm: "farm-a", now: { clock.now })
    }

    /// A keyring on the same store.
    func another(farm: String = "farm-a", master: MasterKey? = nil) throws -> Keyring {
        try Keyring(store: store, master: master ?? self.master, farm: farm, now: { [clock] in clock.now })
    }

    static func newMasterKey() async throws -> MasterKey {
        try await withTemporaryDirectory { folder in try MasterKey.create(at: folder + "/master.key") }
    }

    /// The sealed secrets as the store has them.
    func bodies() async throws -> [Record] { try await store.list("key-generation", after: nil, limit: 100) }

    /// Writes over a record as whoever reached the store could.
    func replace(_ record: Record, with body: [UInt8]) async throws -> Record {
        try await store.write(
            record.name, in: record.collection, body: body, expires: nil, expecting: record.revision)
    }
}

func secrets(_ values: [String: String]) -> [String: SecretBytes] { values.mapValues { SecretBytes($0) } }
