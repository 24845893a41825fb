import Crypto
import Keyring
import Records
import System
import TestSupport
import Testing

/// The life of generations: added, adopted, promoted, retired.
@Suite struct KeyGenerationTests {
    @Test("a keyring without generations has no current one")
    func empty() async throws {
        let keyring = try await KeyringFixture().keyring
        #expect(try await keyring.list().isEmpty)
        await #expect(throws: KeyringError.noGeneration) { try await keyring.current() }
        await #expect(throws: KeyringError.versionGone(1)) { try await keyring.generation(1) }
    }

    @Test("a generation that was added is current and opens with its secrets")
    func adds() async throws {
        let fixture = try await KeyringFixture()
        let values = secrets(["cluster.redis_password": "p\0\u{FF}", "server.api_key": ""])
        let added = try await fixture.keyring.add(values)
        #expect(added.number == 1)
        #expect(added.state == .current)
        #expect(added.created == fixture.clock.now)
        #expect(added.secrets == values)
        #expect(try await fixture.keyring.current() == added)
        #expect(try await fixture.keyring.generation(1) == added)
    }

    @Test("a second generation makes the first previous, and both open")
    func addsSecond() async throws {
        let keyring = try await KeyringFixture().keyring
        try await keyring.add(secrets(["a": "1"]))
        try await keyring.add(secrets(["a": "2"]))
        #expect(try await keyring.current().number == 2)
        #expect(try await keyring.list().map(\.state) == [.previous, .current])
        #expect(try await keyring.generation(1).secrets == secrets(["a": "1"]))
    }

    @Test("a prepared generation is pending until it is promoted")
    func promotes() async throws {
        let keyring = try await KeyringFixture().keyring
        try await keyring.add(secrets(["a": "1"]))
        let prepared = try await keyring.prepare(secrets(["a": "2"]))
        #expect(prepared.state == .pending)
        #expect(try await keyring.current().number == 1)
        try await keyring.promote(prepared.number)
        #expect(try await keyring.current().secrets == secrets(["a": "2"]))
        #expect(try await keyring.list().map(\.state) == [.previous, .current])
    }

    @Test("only a pending generation can be promoted")
    func refusesPromoting() async throws {
        let keyring = try await KeyringFixture().keyring
        try await keyring.add(secrets(["a": "1"]))
        await #expect(throws: KeyringError.wrongState(number: 1, state: .current, operation: "promote")) {
            try await keyring.promote(1)
        }
        await #expect(throws: KeyringError.versionGone(7)) { try await keyring.promote(7) }
    }

    @Test("a retired generation is gone, and its secrets are deleted")
    func retires() async throws {
        let fixture = try await KeyringFixture()
        let keyring = fixture.keyring
        try await keyring.add(secrets(["a": "1"]))
        try await keyring.add(secrets(["a": "2"]))
        try await keyring.retire(1)
        await #expect(throws: KeyringError.versionGone(1)) { try await keyring.generation(1) }
        await #expect(throws: KeyringError.versionGone(1)) { try await keyring.retire(1) }
        await #expect(throws: KeyringError.versionGone(1)) { try await keyring.promote(1) }
        #expect(try await keyring.list().map(\.state) == [.retired, .current])
        #expect(try await fixture.bodies().map(\.name) == ["0000000002"])
    }

    @Test("the current generation cannot be retired")
    func refusesRetiringCurrent() async throws {
        let keyring = try await KeyringFixture().keyring
        try await keyring.add(secrets(["a": "1"]))
        await #expect(throws: KeyringError.wrongState(number: 1, state: .current, operation: "retire")) {
            try await keyring.retire(1)
        }
        #expect(try await keyring.current().number == 1)
    }

    @Test("a retired number is not given again")
    func numbersGrow() async throws {
        let keyring = try await KeyringFixture().keyring
        try await keyring.add(secrets(["a": "1"]))
        let prepared = try await keyring.prepare(secrets(["a": "2"]))
        try await keyring.retire(prepared.number)
        #expect(try await keyring.add(secrets(["a": "3"])).number == 3)
    }

    @Test(
        "a secret of a bad name is refused and leaves nothing",
        arguments: ["", "A", "a b", "ä", String(repeating: "a", count: 129)])
    func refusesNames(_ name: String) async throws {
        let fixture = try await KeyringFixture()
        await #expect(
            throws: KeyringError.badSecret(name: name, reason: "its name is not 1 to 128 of a-z 0-9 . _ -")
        ) { try await fixture.keyring.add(secrets([name: "x"])) }
        #expect(try await fixture.bodies().isEmpty)
    }

    @Test("a secret that is too long, and too many of them, are refused and leave nothing")
    func refusesSizes() async throws {
        let fixture = try await KeyringFixture()
        let long = SecretBytes([UInt8](repeating: 1, count: 8193))
        await #expect(
            throws: KeyringError.badSecret(name: "a", reason: "it has 8193 bytes, expected at most 8192")
        ) { try await fixture.keyring.add(["a": long]) }
        let many = Dictionary(uniqueKeysWithValues: (0..<65).map { ("s\($0)", SecretBytes("x")) })
        await #expect(throws: KeyringError.badSecret(name: "65 secrets", reason: "at most 64 are kept together")) {
            try await fixture.keyring.add(many)
        }
        #expect(try await fixture.bodies().isEmpty)
    }

    @Test("concurrent additions all get through, each with its own number")
    func addsConcurrently() async throws {
        let keyring = try await KeyringFixture().keyring
        let numbers = try await withThrowingTaskGroup(of: Int.self) { group in
            for task in 0..<6 {
                group.addTask { try await keyring.add(["a": SecretBytes("\(task)")]).number }
            }
            return try await group.reduce(into: Set<Int>()) { $0.insert($1) }
        }
        #expect(numbers.count == 6)
        #expect(Set(try await keyring.list().map(\.number)) == numbers)
        #expect(try await keyring.list().filter { $0.state == .current }.count == 1)
    }

    // MARK: Adopting

    @Test("adopting what is kept already makes no generation")
    func adoptsSame() async throws {
        let keyring = try await KeyringFixture().keyring
        try await keyring.add(secrets(["a": "1", "b": "2"]))
        #expect(try await keyring.adopt(ConfiguredSecrets(secrets(["a": "1"]))).isNew == false)
        #expect(try await keyring.adopt(ConfiguredSecrets([:])).isNew == false)
        #expect(try await keyring.list().count == 1)
    }

    @Test("adopting another value makes a generation with all of them merged")
    func adoptsDifferent() async throws {
        let keyring = try await KeyringFixture().keyring
        try await keyring.add(secrets(["a": "1", "b": "2"]))
        let adopted = try await keyring.adopt(ConfiguredSecrets(secrets(["b": "3", "c": "4"])))
        #expect(adopted.isNew && adopted.current.number == 2)
        #expect(try await keyring.current().secrets == secrets(["a": "1", "b": "3", "c": "4"]))
        #expect(try await keyring.list().map(\.state) == [.previous, .current])
    }

    @Test("what was adopted once is looked at anew when another generation has become the current one")
    func adoptsAgain() async throws {
        let keyring = try await KeyringFixture().keyring
        let configured = ConfiguredSecrets(secrets(["a": "1"]))
        #expect(try await keyring.adopt(configured).isNew)
        for _ in 0..<3 { #expect(try await keyring.adopt(configured).current.number == 1) }
        try await keyring.add(secrets(["a": "2"]))
        let (current, isNew) = try await keyring.adopt(configured)
        #expect(isNew && current.number == 3)
        #expect(try await keyring.current().secrets == secrets(["a": "1"]))
        // Current again, but by another history: its secrets are those that were seen.
        #expect(try await keyring.adopt(configured).isNew == false)
    }

    @Test("without secrets and without a generation there is nothing to adopt")
    func adoptsNothing() async throws {
        let keyring = try await KeyringFixture().keyring
        await #expect(throws: KeyringError.noGeneration) { try await keyring.adopt(ConfiguredSecrets([:])) }
    }

    @Test("of racing processes that adopt the same, one makes a generation")
    func adoptsOnce() async throws {
        for _ in 0..<rounds(reduced: 10, full: 200) {
            let fixture = try await KeyringFixture()
            let keyring = fixture.keyring
            let made = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<8 {
                    group.addTask { try await keyring.adopt(ConfiguredSecrets(["a": SecretBytes("1")])).isNew }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(made == 1)
            #expect(try await keyring.list().count == 1)
            #expect(try await fixture.bodies().count == 1)
        }
    }
}
