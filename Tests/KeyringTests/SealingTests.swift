import Crypto
import Keyring
import Records
import System
import TestSupport
import Testing

/// What the store sees, and what whoever can write to it can do.
@Suite struct SealingTests {
    @Test("two bodies in each other's place do not open")
    func refusesSwapped() async throws {
        let fixture = try await KeyringFixture()
        try await fixture.keyring.add(secrets(["a": "1"]))
        try await fixture.keyring.add(secrets(["a": "2"]))
        let records = try await fixture.bodies()
        let (first, second) = (try #require(records.first), try #require(records.last))
        _ = try await fixture.replace(first, with: second.body)
        _ = try await fixture.replace(second, with: first.body)
        for number in 1...2 {
            await #expect(throws: KeyringError.doesNotOpen(what: "key generation \(number)")) {
                try await fixture.keyring.generation(number)
            }
        }
    }

    @Test("a body with any byte changed, or of another length, does not open")
    func refusesTampered() async throws {
        let fixture = try await KeyringFixture()
        try await fixture.keyring.add(secrets(["a": "1"]))
        var record = try #require(try await fixture.bodies().first)
        let body = record.body
        let changed = body.indices.map { index in
            Array(body[..<index]) + [body[index] ^ 0x10] + Array(body[(index + 1)...])
        }
        for tampered in changed + body.indices.map({ Array(body[..<$0]) }) + [body + [0]] {
            record = try await fixture.replace(record, with: tampered)
            await #expect(throws: KeyringError.doesNotOpen(what: "key generation 1")) {
                try await fixture.keyring.current()
            }
        }
    }

    @Test("a tampered list of generations does not open")
    func refusesTamperedIndex() async throws {
        let fixture = try await KeyringFixture()
        try await fixture.keyring.add(secrets(["a": "1"]))
        let index = try #require(try await fixture.store.list("keyring", after: nil, limit: 1).first)
        _ = try await fixture.replace(index, with: index.body.map { $0 ^ 1 })
        await #expect(throws: KeyringError.doesNotOpen(what: "the list of key generations")) {
            try await fixture.keyring.list()
        }
    }

    @Test("another master key opens nothing")
    func refusesOtherKey() async throws {
        let fixture = try await KeyringFixture()
        try await fixture.keyring.add(secrets(["a": "1"]))
        let other = try fixture.another(master: try await KeyringFixture.newMasterKey())
        await #expect(throws: KeyringError.doesNotOpen(what: "the list of key generations")) {
            try await other.current()
        }
    }

    @Test("another farm with the same master key opens nothing")
    func refusesOtherFarm() async throws {
        let fixture = try await KeyringFixture()
        try await fixture.keyring.add(secrets(["a": "1"]))
        let other = try fixture.another(farm: "farm-b")
        await #expect(throws: KeyringError.doesNotOpen(what: "the list of key generations")) {
            try await other.current()
        }
    }

    @Test("derived bytes are the same each time and others for each farm")
    func derives() async throws {
        let fixture = try await KeyringFixture()
        let bytes = fixture.keyring.derive(purpose: "job 1")
        #expect(try fixture.another().derive(purpose: "job 1") == bytes)
        #expect(try fixture.another(farm: "farm-b").derive(purpose: "job 1") != bytes)
        #expect(fixture.keyring.derive(purpose: "job 2") != bytes)
    }

    @Test("no secret is in the database's files, in a description or in a dump")
    func hidesSecrets() async throws {
        let master = try await KeyringFixture.newMasterKey()
        let clock = ManualClock()
        try await withTemporaryDirectory { folder in
            let canary = "canary-5f1d0c77e2b94a"
            let store = try await SQLiteRecordStore.open(folder + "/farm.sqlite", now: { clock.now })
            let keyring = try Keyring(store: store, master: master, farm: "farm-a", now: { clock.now })
            let generation = try await keyring.add(secrets(["server.api_key": canary]))
            var shown = "\(generation) \(keyring) \(master)"
            dump(generation, to: &shown)
            dump(keyring, to: &shown)
            #expect(!shown.contains(canary))
            let files = filesBelow(folder).filter { !$0.hasSuffix("/") }
            #expect(files.contains("farm.sqlite"))
            for file in files {
                let bytes = String(decoding: try contentOfFile(folder + "/" + file), as: UTF8.self)
                #expect(!bytes.contains(canary), "\(file) holds the secret")
            }
        }
    }
}
