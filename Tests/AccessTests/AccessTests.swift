import Crypto
import Foundation
import JSON
import Records
import Synchronization
import System
import TestSupport
import Testing

@testable import Access

/// Users, keys and sessions of one farm, with a clock of the test's own and cheap hashes.
struct AccessFixture {
    let clock = ManualClock()
    let records: any RecordStore
    let users: Users
    let keys: APIKeys
    let sessions: Sessions
    let audit: AuditLog

    init(idleTime: Duration = .seconds(3600), records given: (any RecordStore)? = nil) {
        let clock = clock
        let now: @Sendable () -> Timestamp = { clock.now }
        records = given ?? InMemoryRecordStore(now: now)
        users = Users(records: records, now: now, random: .system, cost: Self.cost)
        keys = APIKeys(records: records, users: users, now: now, random: .system)
        sessions = Sessions(records: records, users: users, idleTime: idleTime, now: now, random: .system)
        audit = AuditLog(records: records, key: Self.key, now: now)
    }

    static let key = SecretBytes([UInt8](repeating: 7, count: 32))
    /// What no person's password may have.
    static var cost: PasswordHash.Cost { PasswordHash.Cost(checking: 4, 8, 1) ?? .standard }
    static let password = SecretBytes("correct horse battery")

    func add(_ name: String, _ role: Role = .submitter) async throws {
        try await users.add(name, role: role, password: Self.password)
    }
}

@Suite struct RoleTests {
    @Test("each role may do what the one before may, and more")
    func roles() {
        for (lower, higher) in zip(Role.allCases, Role.allCases.dropFirst()) {
            #expect(lower < higher && lower.permissions.isStrictSubset(of: higher.permissions))
        }
        #expect(Role.admin.permissions == Set(Permission.allCases))
        #expect(Role.viewer.permissions == [.readJobs, .readMetrics])
    }

    @Test("a key's scopes take away and never add")
    func scopes() {
        let submitter = Principal(
            name: "ci", role: .submitter, scopes: [.submitJobs, .manageUsers], proof: .key(id: "1"))
        #expect(submitter.permissions == [.submitJobs])
        #expect(submitter.label == "ci (key 1)")
    }

    @Test("what one has asked for is one's own, whichever key it was asked with, and nobody else's")
    func ownership() {
        let ci = Principal(name: "ci", role: .submitter, scopes: nil, proof: .key(id: "1"))
        let boss = Principal(name: "boss", role: .operator, scopes: nil, proof: .session(csrf: ""))
        let viewer = Principal(name: "ci", role: .viewer, scopes: nil, proof: .session(csrf: ""))
        for owner in ["ci", "ci (key 2)"] {
            #expect(ci.mayManage(jobOf: owner) && ci.mayFetch(artifactOf: owner))
            #expect(boss.mayManage(jobOf: owner) && boss.mayFetch(artifactOf: owner))
            #expect(!viewer.mayManage(jobOf: owner) && !viewer.mayFetch(artifactOf: owner))
        }
        for owner in ["ci2", "c", "", "CI", " ci", "boss (key ci)"] {
            #expect(!ci.mayManage(jobOf: owner) && !ci.mayFetch(artifactOf: owner))
        }
    }
}

@Suite struct UserTests {
    @Test("a user logs in with its password and no other")
    func passwords() async throws {
        let access = AccessFixture()
        #expect(try await access.users.areNone())
        try await access.add("ada", .admin)
        #expect(try await access.users.user("ada", password: AccessFixture.password)?.role == .admin)
        for wrong in ["", "correct horse batterY", "correct horse battery ", String(repeating: "x", count: 1 << 20)] {
            #expect(try await access.users.user("ada", password: SecretBytes(wrong)) == nil)
        }
        #expect(try await access.users.user("eve", password: AccessFixture.password) == nil)
        #expect(try await !access.users.areNone())
        await #expect(throws: AccessError.nameTaken("ada")) { try await access.add("ada") }
    }

    @Test("names and passwords have their bounds, and no password is in an error")
    func bounds() async throws {
        let access = AccessFixture()
        for name in [
            "", "Ada", "1a", "a b", "a\u{0}", "a/b", "../x", "ä", String(repeating: "a", count: 65), "a:b", "-a",
        ] {
            await #expect(throws: AccessError.badName(name)) { try await access.add(name) }
            #expect(try await access.users.user(name) == nil)
        }
        for password in ["short", String(repeating: "p", count: 1025)] {
            await #expect(throws: AccessError.badPassword(byteCount: password.utf8.count)) {
                try await access.users.add("bob", role: .viewer, password: SecretBytes(password))
            }
        }
        #expect(!AccessError.badPassword(byteCount: 5).description.contains("short"))
        try await access.add("a.b-c_d@example")
        #expect(try await access.users.list().map(\.name) == ["a.b-c_d@example"])
    }

    @Test("P29: one password in another Unicode form is another one, and hashes of one password differ")
    func bytes() async throws {
        let access = AccessFixture()
        try await access.users.add("ada", role: .viewer, password: SecretBytes("passw\u{F6}rd-longer"))
        #expect(try await access.users.user("ada", password: SecretBytes("passwo\u{308}rd-longer")) == nil)
        let first = try PasswordHash(
            AccessFixture.password, salt: RandomSource.system.bytes(16), cost: AccessFixture.cost)
        let second = try PasswordHash(
            AccessFixture.password, salt: RandomSource.system.bytes(16), cost: AccessFixture.cost)
        #expect(first != second && first.description != second.description)
        #expect(try PasswordHash(first.description)?.matches(AccessFixture.password) == true)
        for bad in ["", "scrypt$17$8$1$a$b", "bcrypt$1", first.description + "$", "scrypt$99$8$1$" + first.description]
        {
            #expect(PasswordHash(bad) == nil)
        }
    }

    @Test("M15: a password is hashed at the cost that people's passwords have")
    func standardCost() throws {
        // RFC 7914, section 12: N = 2^14 r = 8 p = 1 is the nearest of its examples; the cost of ours is higher.
        let hash = try PasswordHash(
            SecretBytes("pleaseletmein"), salt: Array("SodiumChloride\u{0}\u{0}".utf8), cost: .standard)
        #expect(hash.description.hasPrefix("scrypt$17$8$1$"))
        #expect(try hash.matches(SecretBytes("pleaseletmein")) && !hash.matches(SecretBytes("pleaseletmeim")))
    }

    @Test("one admin always stays")
    func lastAdmin() async throws {
        let access = AccessFixture()
        try await access.add("ada", .admin)
        try await access.add("bob", .operator)
        for change in [
            { try await access.users.remove("ada") }, { try await access.users.change("ada", role: .operator) },
            { try await access.users.change("ada", isDisabled: true) },
        ] as [() async throws -> Void] {
            await #expect(throws: AccessError.lastAdmin("ada")) { try await change() }
        }
        try await access.users.change("bob", role: .admin)
        try await access.users.remove("ada")
        await #expect(throws: AccessError.lastAdmin("bob")) { try await access.users.remove("bob") }
        await #expect(throws: AccessError.noSuchUser("ada")) { try await access.users.change("ada", role: .viewer) }
    }

    @Test("P33: of many hashes, two are made at once")
    func hashesAtOnce() async throws {
        let hashing = Hashing(atOnce: 2)
        let counts = Counts()
        let work: @Sendable () throws(CryptoError) -> Bool = {
            counts.begin()
            defer { counts.end() }
            let salt = [UInt8](repeating: 1, count: 16)
            return try PasswordHash(AccessFixture.password, salt: salt, cost: AccessFixture.cost)
                .matches(AccessFixture.password)
        }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<50 { group.addTask { try await hashing.run(work) } }
            for try await isRight in group { #expect(isRight) }
        }
        #expect(counts.most <= 2 && counts.all == 50)
    }
}

/// How many do something at the same time.
private final class Counts: Sendable {
    private let state = Mutex((now: 0, most: 0, all: 0))

    var most: Int { state.withLock { $0.most } }
    var all: Int { state.withLock { $0.all } }

    func begin() { state.withLock { ($0.now, $0.most, $0.all) = ($0.now + 1, max($0.most, $0.now + 1), $0.all + 1) } }

    func end() { state.withLock { $0.now -= 1 } }
}

@Suite struct APIKeyTests {
    @Test("a key is its owner's, as far as its scopes go, until it expires or is revoked")
    func life() async throws {
        let access = AccessFixture()
        try await access.add("ci")
        let (key, secret) = try await access.keys.issue(
            to: "ci", label: "build server", scopes: [.submitJobs], lifetime: .seconds(3600))
        let text = secret.copyBytes()
        #expect(access.keys.recall(text) == nil)
        let principal = try #require(try await access.keys.principal(text))
        #expect(principal.name == "ci" && principal.permissions == [.submitJobs])
        #expect(access.keys.recall(text) == principal)
        #expect(try await access.keys.list(of: "ci").first?.lastUsed == access.clock.now)
        access.clock.advance(by: .seconds(2))
        #expect(access.keys.recall(text) == nil)
        #expect(try await access.keys.principal(text) == principal)
        access.clock.advance(by: .seconds(3600))
        #expect(try await access.keys.principal(text) == nil)
        #expect(key.expires == key.created + .seconds(3600))

        let (other, second) = try await access.keys.issue(to: "ci", label: "x", scopes: nil, lifetime: nil)
        #expect(try await access.keys.principal(second.copyBytes())?.permissions == Role.submitter.permissions)
        await #expect(throws: AccessError.noSuchKey) { try await access.keys.revoke(other.id, of: "eve") }
        try await access.keys.revoke(other.id, of: "ci")
        #expect(access.keys.recall(second.copyBytes()) == nil)
        #expect(try await access.keys.principal(second.copyBytes()) == nil)
        await #expect(throws: AccessError.noSuchKey) { try await access.keys.revoke(other.id, of: nil) }
    }

    @Test("no other text is a key, and what is kept is none")
    func otherTexts() async throws {
        let access = AccessFixture()
        try await access.add("ci")
        let (_, secret) = try await access.keys.issue(to: "ci", label: "x", scopes: nil, lifetime: nil)
        let text = secret.copyBytes()
        #expect(text.starts(with: "pkmkey_".utf8) && text.count == 80)
        for index in text.indices {
            for bit in 0..<8 {
                var changed = text
                changed[index] ^= 1 << bit
                #expect(try await access.keys.principal(changed) == nil)
            }
            #expect(try await access.keys.principal(Array(text[..<index])) == nil)
        }
        #expect(try await access.keys.principal(text + [0x30]) == nil)
        #expect(try await access.keys.principal([UInt8](repeating: 0x61, count: 1 << 20)) == nil)
        for collection in try await access.records.collections() {
            for record in try await access.records.list(collection, after: nil, limit: 1000) {
                let kept = String(decoding: record.body, as: UTF8.self)
                #expect(!kept.contains(String(decoding: text[24..<72], as: UTF8.self)))
            }
        }
    }

    @Test("a key goes with its user")
    func withUser() async throws {
        let access = AccessFixture()
        try await access.add("ci")
        let (_, secret) = try await access.keys.issue(to: "ci", label: "x", scopes: nil, lifetime: nil)
        try await access.users.change("ci", isDisabled: true)
        #expect(try await access.keys.principal(secret.copyBytes()) == nil)
        try await access.users.change("ci", role: .viewer, isDisabled: false)
        #expect(try await access.keys.principal(secret.copyBytes())?.role == .viewer)
        try await access.add("ada", .admin)
        try await access.users.remove("ci")
        access.clock.advance(by: .seconds(2))
        #expect(try await access.keys.principal(secret.copyBytes()) == nil)
        await #expect(throws: AccessError.noSuchUser("ci")) {
            _ = try await access.keys.issue(to: "ci", label: "x", scopes: nil, lifetime: nil)
        }
        for label in ["", "a\nb", String(repeating: "a", count: 101)] {
            await #expect(throws: AccessError.self) {
                _ = try await access.keys.issue(to: "ada", label: label, scopes: nil, lifetime: nil)
            }
        }
    }
}

@Suite struct SessionTests {
    @Test("P32: a session has an id of its own for each login, and ends by time, logout, user and password")
    func life() async throws {
        let access = AccessFixture(idleTime: .seconds(3600))
        try await access.add("ada", .admin)
        func logIn() async throws -> [UInt8] {
            try await access.sessions.logIn("ada", password: AccessFixture.password, from: "10.0.0.1").cookie
                .copyBytes()
        }
        let first = try await logIn()
        let second = try await logIn()
        #expect(first != second && first.count == 43)
        let principal = try #require(try await access.sessions.principal(first))
        guard case .session(let csrf) = principal.proof else { throw AccessError.noSuchKey }
        #expect(principal.role == .admin && csrf.utf8.count == 32)
        #expect(access.sessions.recall(first) == principal)
        try await access.sessions.logOut(first)
        #expect(access.sessions.recall(first) == nil)
        #expect(try await access.sessions.principal(first) == nil)
        // Used now and then it lasts, but for twelve hours at the most.
        for _ in 0..<23 {
            access.clock.advance(by: .seconds(1800))
            #expect(try await access.sessions.principal(second) != nil)
        }
        access.clock.advance(by: .seconds(1800))
        #expect(try await access.sessions.principal(second) == nil)
        let idle = try await logIn()
        access.clock.advance(by: .seconds(3601))
        #expect(try await access.sessions.principal(idle) == nil)
        let old = try await logIn()
        try await access.users.change("ada", password: SecretBytes("another password"))
        #expect(try await access.sessions.principal(old) == nil)
        for bad in [
            "", "x", String(repeating: "A", count: 43), String(repeating: "=", count: 43),
            String(repeating: "A", count: 44),
        ] {
            #expect(try await access.sessions.principal(Array(bad.utf8)) == nil)
        }
    }

    @Test("P33: from the fifth failure on one waits, ever longer, by name and by address; success forgives the name")
    func failures() async throws {
        let access = AccessFixture()
        try await access.add("ada", .admin)
        let wrong = SecretBytes("wrong password")
        func fail(_ name: String, _ address: String) async -> AccessError? {
            do throws(AccessError) {
                _ = try await access.sessions.logIn(name, password: wrong, from: address)
                return nil
            } catch { return error }
        }
        for _ in 0..<5 { #expect(await fail("ada", "10.0.0.1") == .wrongPassword) }
        guard case .tooManyFailures(let first)? = await fail("ada", "10.0.0.2") else { throw AccessError.noSuchKey }
        #expect(first <= .seconds(1))
        // The right password does not help meanwhile, and nobody learns that it was right.
        await #expect(throws: AccessError.self) {
            _ = try await access.sessions.logIn("ada", password: AccessFixture.password, from: "10.0.0.2")
        }
        // One who does not exist looks the same.
        for _ in 0..<5 { #expect(await fail("eve", "10.0.1.1") == .wrongPassword) }
        guard case .tooManyFailures? = await fail("eve", "10.0.1.2") else { throw AccessError.noSuchKey }
        // So does an address with ever other names.
        guard case .tooManyFailures? = await fail("mallory", "10.0.0.1") else { throw AccessError.noSuchKey }
        var delays: [Duration] = []
        for _ in 0..<10 {
            access.clock.advance(by: .seconds(14 * 60))
            guard await fail("ada", "10.0.0.9") == .wrongPassword else { continue }
            if case .tooManyFailures(let delay)? = await fail("ada", "10.0.0.8") { delays.append(delay) }
        }
        #expect(delays == delays.sorted() && delays.count >= 9 && delays.allSatisfy { $0 <= .seconds(900) })
        access.clock.advance(by: .seconds(901))
        _ = try await access.sessions.logIn("ada", password: AccessFixture.password, from: "10.0.0.7")
        #expect(await fail("ada", "10.0.0.7") == .wrongPassword)
    }
}

@Suite struct AuditTests {
    private func lines(_ access: AccessFixture, _ count: Int) async throws {
        for number in 1...count {
            access.clock.advance(by: .seconds(1))
            let added = try await access.audit.add(
                "job.submit", by: "ada", subject: "job-\(number)\n2026 INFO forged", from: "10.0.0.1",
                details: ["n": .integer(Int64(number))])
            #expect(added == Int64(number))
        }
    }

    @Test("lines are read as they were written, in order")
    func reads() async throws {
        let access = AccessFixture()
        try await lines(access, 25)
        let all = try await access.audit.lines(after: 0, limit: 100)
        #expect(all.map(\.number) == Array(1...25))
        #expect(all[3].subject == "job-4\n2026 INFO forged" && all[3].details["n"]?.integer == 4)
        #expect(try await access.audit.lines(after: 20, limit: 3).map(\.number) == [21, 22, 23])
        let verified = try await access.audit.verify()
        #expect(verified.count == 25 && verified.damages.isEmpty)
    }

    @Test("P48: what was changed, removed, moved, added or cut off is found, and where")
    func damages() async throws {
        func spoiled(_ spoil: (any RecordStore) async throws -> Void) async throws -> [Int64] {
            let access = AccessFixture()
            try await lines(access, 20)
            try await spoil(access.records)
            return try await access.audit.verify().damages.map(\.number)
        }
        func name(_ number: Int) -> String {
            String(repeating: "0", count: 19 - String(number).utf8.count) + String(number)
        }
        func rewrite(_ records: any RecordStore, _ number: Int, _ change: (String) -> String) async throws {
            let found = try #require(try await records.read(name(number), in: "audit"))
            let text = change(String(decoding: found.body, as: UTF8.self))
            try await records.write(
                name(number), in: "audit", body: Array(text.utf8), expires: nil, expecting: found.revision)
        }
        func remove(_ records: any RecordStore, _ number: Int, from collection: String = "audit") async throws {
            let name = collection == "audit" ? name(number) : "last"
            let found = try #require(try await records.read(name, in: collection))
            try await records.delete(name, in: collection, expecting: found.revision)
        }
        #expect(try await spoiled { _ in } == [])
        #expect(
            try await spoiled { try await rewrite($0, 7) { $0.replacingOccurrences(of: "ada", with: "eve") } } == [7])
        #expect(try await spoiled { try await rewrite($0, 7) { _ in "garbage" } } == [7])
        #expect(try await spoiled { try await remove($0, 7) } == [7])
        #expect(try await spoiled { try await remove($0, 1) } == [1])
        #expect(try await spoiled { try await remove($0, 20) } == [20])
        #expect(try await spoiled { records in for number in 15...20 { try await remove(records, number) } } == [15])
        #expect(try await spoiled { records in for number in 1...20 { try await remove(records, number) } } == [1])
        #expect(try await spoiled { try await remove($0, 0, from: "audit-head") } == [20])
        // One line in another's place.
        #expect(
            try await spoiled { records in
                let other = try #require(try await records.read(name(3), in: "audit"))
                let found = try #require(try await records.read(name(9), in: "audit"))
                try await records.write(name(9), in: "audit", body: other.body, expires: nil, expecting: found.revision)
            } == [9, 10])
        // One that another key has sealed.
        #expect(
            try await spoiled { records in
                let forger = AuditLog(
                    records: records, key: SecretBytes([UInt8](repeating: 8, count: 32)),
                    now: { Timestamp(milliseconds: 0) })
                _ = try? await forger.add("forged", by: "ada")
                let last = try #require(try await records.read(name(20), in: "audit"))
                try await records.write(name(21), in: "audit", body: last.body, expires: nil, expecting: nil)
            } == [21])
    }

    @Test("lines that come at once are written at once, one chain as before, and a change in any of them is found")
    func together() async throws {
        try await withTemporaryDirectory { path in
            // On a disk, where a write takes its time.
            let records = try await SQLiteRecordStore.open(path + "/records.db", now: { Timestamp(milliseconds: 1) })
            try await together(AccessFixture(records: records))
        }
    }

    private func together(_ access: AccessFixture) async throws {
        let numbers = try await withThrowingTaskGroup(of: Int64.self) { group in
            for number in 0..<600 {
                group.addTask { try await access.audit.add("x", by: "ada", subject: "\(number)") }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(numbers.sorted() == Array(1...600))
        let records = try await access.records.list("audit", after: nil, limit: 1000)
        #expect(records.count < 300)
        let verified = try await access.audit.verify()
        #expect(verified.count == 600 && verified.damages.isEmpty)
        // Another process goes on where this one has ended.
        let other = AuditLog(records: access.records, key: AccessFixture.key, now: { Timestamp(milliseconds: 1) })
        #expect(try await other.add("y", by: nil) == 601)
        for (after, limit) in [(0, 1000), (0, 3), (5, 300), (255, 2), (256, 1), (300, 301), (599, 10), (601, 5)] {
            let found = try await other.lines(after: Int64(after), limit: limit).map(\.number)
            #expect(found == Array((after + 1)..<(min(601, after + limit) + 1)).map { Int64($0) }, "\(after) \(limit)")
        }
        let large = try #require(records.max { $0.body.count < $1.body.count })
        let text = String(decoding: large.body, as: UTF8.self)
        let mark = try #require(text.range(of: "\"ada\"", options: .backwards))
        try await access.records.write(
            large.name, in: "audit", body: Array(text.replacingCharacters(in: mark, with: "\"eve\"").utf8),
            expires: nil,
            expecting: large.revision)
        let damages = try await access.audit.verify().damages
        #expect(damages.count == 1 && damages[0].number > Int64(large.name) ?? 0)
    }

    @Test("what several callers add at once, many lines each, stands in their order, and each is told its numbers")
    func many() async throws {
        let access = AccessFixture()
        let numbers = try await withThrowingTaskGroup(of: [Int64].self) { group in
            for (caller, count) in [0, 1, 2, 255, 256, 257, 700].enumerated() {
                group.addTask {
                    let added = try await access.audit.add(
                        (0..<count).map { AuditLog.Entry("x", by: "w\(caller)", subject: "\($0)") })
                    #expect(added.count == count && added == added.sorted())
                    return added
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(numbers.sorted() == Array(1...1471))
        let verified = try await access.audit.verify()
        #expect(verified.count == 1471 && verified.damages.isEmpty)
        let lines = try await access.audit.lines(after: 0, limit: 2000)
        #expect(lines.filter { $0.actor == "w6" }.map(\.subject) == (0..<700).map { "\($0)" })
    }

    @Test("several writers leave one chain without a gap")
    func writers() async throws {
        let access = AccessFixture()
        let logs = (0..<4).map { _ in
            AuditLog(records: access.records, key: AccessFixture.key, now: { Timestamp(milliseconds: 1) })
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, log) in logs.enumerated() {
                group.addTask { for number in 0..<50 { try await log.add("x", by: "w\(index)", subject: "\(number)") } }
            }
            try await group.waitForAll()
        }
        let verified = try await access.audit.verify()
        #expect(verified.count == 200 && verified.damages.isEmpty)
        let lines = try await access.audit.lines(after: 0, limit: 1000)
        for index in 0..<4 {
            #expect(lines.filter { $0.actor == "w\(index)" }.map(\.subject) == (0..<50).map { "\($0)" })
        }
    }
}
