import Records
import System
import TestSupport
import Testing

@testable import Artifacts

/// What counts as a use of a token, and how long a transfer may be resumed.
@Suite struct TransferTests {
    struct Case: Sendable, CustomTestStringConvertible {
        /// From, to, and whether all of it was sent: of 100 bytes.
        let parts: [(Int64, Int64, Bool)]
        let isComplete: Bool
        let testDescription: String

        init(_ description: String, _ parts: [(Int64, Int64, Bool)], _ isComplete: Bool) {
            self.parts = parts
            self.isComplete = isComplete
            testDescription = description
        }
    }

    static let cases = [
        Case("all at once", [(0, 100, true)], true), Case("cut off", [(0, 100, false)], false),
        Case("cut off and resumed", [(0, 100, false), (37, 100, true)], true),
        Case("cut off twice", [(0, 100, false), (37, 100, false), (80, 100, true)], true),
        Case("resumed and cut off again", [(0, 100, false), (37, 100, false)], false),
        Case("the first byte", [(0, 1, true)], false), Case("the last byte", [(99, 100, true)], false),
        Case("the last byte, looked at before", [(99, 100, true), (0, 100, false)], true),
        Case("four parts in any order", [(75, 100, true), (25, 50, true), (0, 25, true), (50, 75, true)], true),
        Case("four parts with a gap", [(75, 100, true), (25, 50, true), (0, 25, true), (51, 75, true)], false),
        Case("parts that overlap", [(0, 60, true), (40, 100, true)], true),
        Case("a part again and again", [(0, 50, true), (0, 50, true), (0, 50, true)], false),
        Case("beyond what was cut off", [(0, 50, false), (60, 100, true)], false),
        Case("an end without a beginning", [(50, 100, true)], false),
    ]

    @Test("a use is all bytes, in one transfer or in several", arguments: cases)
    func uses(_ example: Case) async throws {
        let farm = try await TokenFixture(byteCount: 100)
        let token = try await farm.issue(maxUses: 1)
        let grant = try await farm.tokens.check(token)
        var isComplete = false
        for part in example.parts {
            #expect(!isComplete)
            isComplete = try await farm.tokens.recordPart(
                grant, offset: part.0, byteCount: part.1 - part.0, isWhole: part.2)
        }
        #expect(isComplete == example.isComplete)
        #expect(try await farm.refusal(of: token) == (isComplete ? .usedUp : nil))
    }

    @Test("whoever asks for a part without end has had a use at last")
    func manyParts() async throws {
        let farm = try await TokenFixture(byteCount: 100)
        let token = try await farm.issue(maxUses: 1)
        let grant = try await farm.tokens.check(token)
        var count = 0
        while try await !farm.tokens.recordPart(grant, offset: 0, byteCount: 99, isWhole: true) { count += 1 }
        #expect(count == 63)
        #expect(try await farm.refusal(of: token) == .usedUp)
    }

    @Test("each use is counted for itself, and one that is not complete is not")
    func severalUses() async throws {
        let farm = try await TokenFixture(byteCount: 100)
        let token = try await farm.issue(maxUses: 2)
        let grant = try await farm.tokens.check(token)
        for use in 1...2 {
            #expect(try await !farm.tokens.recordPart(grant, offset: 0, byteCount: 40, isWhole: true))
            #expect(try await farm.refusal(of: token) == nil, "use \(use)")
            #expect(try await farm.tokens.recordPart(grant, offset: 40, byteCount: 60, isWhole: true))
        }
        #expect(try await farm.refusal(of: token) == .usedUp)
        await #expect(throws: ArtifactError.refused(.usedUp)) {
            try await farm.tokens.recordPart(grant, offset: 0, byteCount: 100, isWhole: true)
        }
    }

    @Test("a transfer that was begun in time may be resumed for ten minutes, whatever the token's expiry")
    func resuming() async throws {
        let farm = try await TokenFixture(byteCount: 100)
        let token = try await farm.issue(lifetime: .seconds(60))
        let expiry = farm.clock.now + .seconds(60)
        farm.clock.advance(by: .seconds(50))
        try await farm.tokens.recordBeginning(try await farm.tokens.check(token))
        farm.clock.advance(by: .seconds(300))
        // To resume makes the window no longer.
        try await farm.tokens.recordBeginning(try await farm.tokens.check(token))
        farm.clock.advance(by: .seconds(300) - .milliseconds(1))
        #expect(try await farm.refusal(of: token) == nil)
        farm.clock.advance(by: .milliseconds(1))
        #expect(try await farm.refusal(of: token) == .expired(at: expiry))
    }

    @Test("a token that was revoked or used up is not resumed either, and one that lasts is not written about")
    func notResumed() async throws {
        let farm = try await TokenFixture(byteCount: 100)
        let token = try await farm.issue(lifetime: .seconds(60))
        let grant = try await farm.tokens.check(token)
        try await farm.tokens.recordBeginning(grant)
        farm.clock.advance(by: .seconds(200))
        try await farm.tokens.revoke(tokenID: grant.tokenID)
        #expect(try await farm.refusal(of: token) == .revoked)
        let long = try await farm.tokens.check(try await farm.issue(lifetime: .seconds(86_400)))
        try await farm.tokens.recordBeginning(long)
        #expect(try await farm.records.read(long.tokenID, in: "token") == nil)
    }
}

/// Links for people.
@Suite struct ShortLinksTests {
    private func links(_ farm: TokenFixture, seed: UInt64 = 5) -> ShortLinks {
        ShortLinks(
            artifacts: farm.index, records: farm.records, now: { farm.clock.now },
            random: SeededRandom(seed: seed).source)
    }

    @Test("a link leads to its artifact until it is over or revoked, and the store does not know it")
    func lifetime() async throws {
        let farm = try await TokenFixture()
        let links = links(farm)
        let (text, link) = try await links.make(job: TokenFixture.job, lifetime: .seconds(60))
        #expect(text.utf8.count == 16 && link.job == TokenFixture.job)
        #expect(try await links.link(text) == link)
        for record in try await farm.records.list("short-link", after: nil, limit: 10) {
            #expect(!record.name.contains(text) && !String(decoding: record.body, as: UTF8.self).contains(text))
        }
        farm.clock.advance(by: .seconds(60))
        #expect(try await links.link(text) == nil)
        let (other, second) = try await links.make(job: TokenFixture.job, lifetime: .seconds(60))
        #expect(other != text)
        #expect(try await links.revoke(second.id))
        #expect(try await links.link(other) == nil)
        #expect(try await !links.revoke(second.id))
    }

    @Test(
        "what is no link leads nowhere",
        arguments: [
            "", "0", "0000000000000000", "000000000000000O", "00000000000000000", "é234567890123456",
            "../../../../etc/p",
        ])
    func noLinks(_ text: String) async throws {
        let farm = try await TokenFixture()
        #expect(try await links(farm).link(text) == nil)
    }

    @Test("a lifetime out of range and a job without an artifact are refused")
    func refusals() async throws {
        let farm = try await TokenFixture()
        for seconds in [0, -1, 366 * 86_400 + 1] {
            await #expect(throws: ArtifactError.self) {
                try await links(farm).make(job: TokenFixture.job, lifetime: .seconds(seconds))
            }
        }
        await #expect(throws: ArtifactError.notPublished(job: "job-2")) {
            try await links(farm).make(job: "job-2", lifetime: .seconds(1))
        }
        await #expect(throws: ArtifactError.badTokenID) { try await links(farm).revoke("nonsense") }
    }
}
