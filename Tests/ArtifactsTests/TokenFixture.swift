import Crypto
import JSON
import Records
import System
import TestSupport

@testable import Artifacts

/// A farm with one published artifact, whose tokens a test makes, breaks and forges.
struct TokenFixture {
    static let job = "job-1"
    let clock = ManualClock()
    let records: InMemoryRecordStore
    let keys: DownloadTokenKeys
    let index: ArtifactIndex
    let tokens: DownloadTokens
    let content: ArtifactContent

    init(farm: String = "farm-a", keySeed: UInt64 = 1, byteCount: Int64 = 1) async throws {
        content = ArtifactContent(digest: SHA256Digest(of: [1]), byteCount: byteCount)
        let clock = clock
        records = InMemoryRecordStore(now: { clock.now })
        keys = DownloadTokenKeys(
            records: records, sealingKey: SecretBytes([UInt8](repeating: 9, count: 32)),
            random: SeededRandom(seed: keySeed).source)
        index = ArtifactIndex(records: records, now: { clock.now })
        tokens = DownloadTokens(
            keys: keys, artifacts: index, records: records, farm: farm, now: { clock.now },
            random: SeededRandom(seed: keySeed + 1000).source)
        try await index.publish(content, fileName: "a.pkg", for: Self.job)
    }

    func issue(lifetime: Duration = .seconds(100), maxUses: Int? = nil) async throws(ArtifactError) -> String {
        try await tokens.issue(job: Self.job, lifetime: lifetime, maxUses: maxUses).token
    }

    /// The claims of a good token as JSON texts, to be changed one at a time.
    var claims: [(name: String, value: String)] {
        let now = clock.now.seconds
        return [
            ("iss", #""farm-a""#), ("aud", #""download""#), ("sub", #""job-1""#),
            ("dig", #""sha-256:\#(content.digest.hex)""#), ("rev", "1"),
            ("jti", #""\#(String(repeating: "0f", count: 16))""#),
            ("iat", "\(now)"), ("nbf", "\(now)"), ("exp", "\(now + 100)"),
        ]
    }

    /// The claims with `name` set to a JSON text, or left out when that is nil.
    func claims(_ name: String, _ value: String?) -> String {
        var members = claims.filter { $0.name != name }
        if let value { members.append((name, value)) }
        return object(members)
    }

    func object(_ members: [(name: String, value: String)]) -> String {
        "{" + members.map { #""\#($0.name)":\#($0.value)"# }.joined(separator: ",") + "}"
    }

    /// The header of a good token.
    func header() async throws -> String {
        #"{"alg":"Ed25519","kid":"\#(try await keys.active().id)","typ":"farm-dl+jwt"}"#
    }

    /// A token of any header and claims, signed with the farm's real key.
    func forge(header: String? = nil, claims: String? = nil) async throws -> String {
        var head = header
        if head == nil { head = try await self.header() }
        let message =
            Base64URL.encode(Array((head ?? "").utf8)) + "."
            + Base64URL.encode(Array((claims ?? object(self.claims)).utf8))
        let signature = try await keys.active().privateKey.signature(of: Array(message.utf8))
        return message + "." + Base64URL.encode(signature)
    }

    /// Why a token is refused; nil when it is good.
    func refusal(of token: String) async throws -> TokenRefusal? {
        do {
            _ = try await tokens.check(token)
            return nil
        } catch ArtifactError.refused(let refusal) { return refusal }
    }
}
