import Crypto
import Records
import System
import TestSupport
import Testing

@testable import Artifacts

/// Good tokens, and how they end.
@Suite struct DownloadTokensTests {
    @Test("a token opens the artifact of its job")
    func opens() async throws {
        let farm = try await TokenFixture()
        let grant = try await farm.tokens.check(try await farm.issue())
        #expect(grant.job == TokenFixture.job)
        #expect(grant.content == farm.content)
        #expect(grant.fileName == "a.pkg")
        #expect(DownloadToken.isID(grant.tokenID))
    }

    @Test("a token of a job without an artifact is not made")
    func refusesUnpublished() async throws {
        let farm = try await TokenFixture()
        await #expect(throws: ArtifactError.notPublished(job: "job-2")) {
            try await farm.tokens.issue(job: "job-2", lifetime: .seconds(1), maxUses: nil)
        }
    }

    @Test(
        "a lifetime or a number of uses out of range is refused",
        arguments: [(0, nil), (-1, nil), (366 * 86_400 + 1, nil), (1, 0), (1, -1), (1, 1_000_001)] as [(Int, Int?)])
    func refusesRequests(_ seconds: Int, _ maxUses: Int?) async throws {
        let farm = try await TokenFixture()
        let error = await #expect(throws: ArtifactError.self) {
            try await farm.issue(lifetime: .seconds(seconds), maxUses: maxUses)
        }
        guard case .badTokenRequest = error else {
            Issue.record("found \(String(describing: error))")
            return
        }
    }

    @Test("a token is good until 60 seconds after its expiry")
    func expires() async throws {
        let farm = try await TokenFixture()
        let token = try await farm.issue(lifetime: .seconds(100))
        let expiry = farm.clock.now + .seconds(100)
        farm.clock.advance(by: .seconds(160) - .milliseconds(1))
        #expect(try await farm.refusal(of: token) == nil)
        farm.clock.advance(by: .milliseconds(1))
        #expect(try await farm.refusal(of: token) == .expired(at: expiry))
    }

    @Test("a token is good from 60 seconds before its beginning on")
    func begins() async throws {
        let farm = try await TokenFixture()
        let token = try await farm.issue()
        let start = farm.clock.now
        farm.clock.advance(by: .seconds(-60))
        #expect(try await farm.refusal(of: token) == nil)
        farm.clock.advance(by: .milliseconds(-1))
        #expect(try await farm.refusal(of: token) == .notYetValid(until: start))
    }

    @Test("a token revoked by its id opens nothing, and others still do")
    func revokesOne() async throws {
        let farm = try await TokenFixture()
        let token = try await farm.issue()
        let other = try await farm.issue()
        try await farm.tokens.revoke(tokenID: try await farm.tokens.check(token).tokenID)
        #expect(try await farm.refusal(of: token) == .revoked)
        #expect(try await farm.refusal(of: other) == nil)
    }

    @Test("what is no token id cannot be revoked", arguments: ["", "a", String(repeating: "A", count: 32), "../x"])
    func refusesID(_ id: String) async throws {
        let farm = try await TokenFixture()
        await #expect(throws: ArtifactError.badTokenID) { try await farm.tokens.revoke(tokenID: id) }
    }

    @Test("revoking an artifact's tokens ends all so far, and a new one is good")
    func revokesAll() async throws {
        let farm = try await TokenFixture()
        let token = try await farm.issue()
        try await farm.index.revokeTokens(of: TokenFixture.job)
        #expect(try await farm.refusal(of: token) == .revoked)
        #expect(try await farm.refusal(of: try await farm.issue()) == nil)
    }

    @Test("a former key's tokens are good until it is retired")
    func retiresKey() async throws {
        let farm = try await TokenFixture()
        let token = try await farm.issue()
        let former = try await farm.keys.active().id
        let current = try await farm.keys.rotate()
        #expect(former != current)
        #expect(try await farm.refusal(of: token) == nil)
        try await farm.keys.retire(former)
        #expect(try await farm.refusal(of: token) == .foreignKey)
        #expect(try await farm.refusal(of: try await farm.issue()) == nil)
    }

    @Test("the active key cannot be retired")
    func keepsActiveKey() async throws {
        let farm = try await TokenFixture()
        let id = try await farm.keys.active().id
        await #expect(
            throws: ArtifactError.badTokenKey(id: id, reason: "is the active one; make another one active first")
        ) { try await farm.keys.retire(id) }
    }

    @Test("processes that make the first key at once have one key")
    func makesOneKey() async throws {
        let farm = try await TokenFixture()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { try await farm.keys.prepare() } }
            try await group.waitForAll()
        }
        #expect(try await farm.keys.all().count == 1)
    }

    @Test("a key does not open with another sealing key")
    func refusesSealingKey() async throws {
        let farm = try await TokenFixture()
        let id = try await farm.keys.active().id
        let other = DownloadTokenKeys(
            records: farm.records, sealingKey: SecretBytes([UInt8](repeating: 8, count: 32)), random: .system)
        await #expect(throws: ArtifactError.tokenKeyDoesNotOpen(id: id)) { try await other.prepare() }
    }

    @Test("a token is used up after as many downloads as it allows")
    func usesUp() async throws {
        let farm = try await TokenFixture()
        let token = try await farm.issue(maxUses: 2)
        let grant = try await farm.tokens.check(token)
        try await farm.tokens.recordCompletedUse(grant)
        #expect(try await farm.refusal(of: token) == nil)
        try await farm.tokens.recordCompletedUse(grant)
        #expect(try await farm.refusal(of: token) == .usedUp)
        await #expect(throws: ArtifactError.refused(.usedUp)) { try await farm.tokens.recordCompletedUse(grant) }
    }

    @Test("of downloads that end at once no more count than are allowed")
    func usesUpConcurrently() async throws {
        let farm = try await TokenFixture()
        let grant = try await farm.tokens.check(try await farm.issue(maxUses: 3))
        let counted = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                // That the others are refused is what is counted.
                group.addTask { (try? await farm.tokens.recordCompletedUse(grant)) != nil }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(counted == 3)
    }

    @Test("another farm's token opens nothing here")
    func refusesForeign() async throws {
        let farm = try await TokenFixture()
        let foreign = try await TokenFixture(farm: "farm-b", keySeed: 2)
        _ = try await farm.issue()
        #expect(try await farm.refusal(of: try await foreign.issue()) == .foreignKey)
    }

    @Test("another farm's token opens nothing, even when both have the same key")
    func refusesOtherFarm() async throws {
        let farm = try await TokenFixture()
        let foreign = try await TokenFixture(farm: "farm-b")
        #expect(try await farm.keys.active().id == foreign.keys.active().id)
        #expect(try await farm.refusal(of: try await foreign.issue()) == .otherPurpose)
    }
}
