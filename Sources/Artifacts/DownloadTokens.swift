import Crypto
import JSON
public import Records
public import System

/// Issues, checks and revokes download tokens.
public struct DownloadTokens: Sendable {
    /// What a good token allows, at the moment in which it was checked.
    public struct Grant: Sendable, Equatable {
        /// The job whose artifact it is.
        public let job: String
        /// The only content that may be handed out for it.
        public let content: ArtifactContent
        /// The name under which it is handed out.
        public let fileName: String
        /// The token's id: the one part of it that may be logged.
        public let tokenID: String
        let maxUses: Int64?
        let expires: Timestamp
    }

    private static let collection = "token"
    private static let maximumTries = 100
    private static let longestLifetime = Duration.seconds(366 * 86_400)

    private let keys: DownloadTokenKeys
    private let artifacts: ArtifactIndex
    private let records: any RecordStore
    private let farm: String
    private let now: @Sendable () -> Timestamp
    private let random: RandomSource

    /// Tokens of the farm named `farm`.
    public init(
        keys: DownloadTokenKeys, artifacts: ArtifactIndex, records: any RecordStore, farm: String,
        now: @escaping @Sendable () -> Timestamp, random: RandomSource
    ) {
        self.keys = keys
        self.artifacts = artifacts
        self.records = records
        self.farm = farm
        self.now = now
        self.random = random
    }

    /// A token for the artifact of `job`, good for `lifetime` (1 s to 366 days) and `maxUses` finished downloads
    /// (nil: any number).
    public func issue(job: String, lifetime: Duration, maxUses: Int?) async throws(ArtifactError) -> String {
        guard lifetime >= .seconds(1), lifetime <= Self.longestLifetime else {
            throw .badTokenRequest("a download token is good for 1 second to 366 days, not for \(lifetime)")
        }
        guard maxUses.map({ (1...1_000_000).contains($0) }) ?? true else {
            throw .badTokenRequest("a download token is good for 1 to 1000000 uses, not for \(maxUses ?? 0)")
        }
        let artifact = try await artifacts.artifact(of: job)
        let key = try await keys.active()
        let time = now()
        let claims = DownloadToken.Claims(
            issuer: farm, job: job, digest: artifact.content.digest, revision: artifact.revision,
            id: Hex.encode(random.bytes(16)), issued: time.seconds, notBefore: time.seconds,
            expires: (time + lifetime).seconds, maxUses: maxUses.map(Int64.init))
        do { return try DownloadToken.sign(claims, by: key.privateKey, named: key.id) } catch { throw .crypto(error) }
    }

    /// What `token` allows now.
    ///
    /// - Throws: `.refused` with the reason, which holds no part of the token.
    public func check(_ token: String) async throws(ArtifactError) -> Grant {
        let known = try await keys.all()
        let claims: DownloadToken.Claims
        do {
            claims = try DownloadToken.verify(token, issuer: farm) { id in
                known.first { $0.id.utf8.elementsEqual(id.utf8) }?.privateKey.publicKey
            }
        } catch { throw .refused(error) }
        try checkTimes(of: claims)
        let artifact: PublishedArtifact
        do { artifact = try await artifacts.artifact(of: claims.job) } catch .notPublished {
            throw .refused(.otherArtifact)
        }
        guard artifact.content.digest == claims.digest else { throw .refused(.otherArtifact) }
        guard artifact.revision == claims.revision else { throw .refused(.revoked) }
        let usage = try await usage(of: claims.id).usage
        if usage.isRevoked { throw .refused(.revoked) }
        if let maxUses = claims.maxUses, usage.count >= maxUses { throw .refused(.usedUp) }
        return Grant(
            job: claims.job, content: artifact.content, fileName: artifact.fileName, tokenID: claims.id,
            maxUses: claims.maxUses, expires: Timestamp(seconds: claims.expires))
    }

    /// Counts a transfer in which all bytes arrived.
    ///
    /// - Throws: `.refused(.usedUp)` when others have used the token up since it was checked.
    public func recordCompletedUse(_ grant: Grant) async throws(ArtifactError) {
        try await change(grant.tokenID, until: grant.expires) { usage throws(ArtifactError) in
            if let maxUses = grant.maxUses, usage.count >= maxUses { throw .refused(.usedUp) }
            return Usage(count: usage.count + 1, isRevoked: usage.isRevoked)
        }
    }

    /// Makes one token good for nothing; what is known of it is its id.
    public func revoke(tokenID: String) async throws(ArtifactError) {
        guard DownloadToken.isID(tokenID) else { throw .badTokenID }
        try await change(tokenID, until: now() + Self.longestLifetime) { usage in
            Usage(count: usage.count, isRevoked: true)
        }
    }

    private func checkTimes(of claims: DownloadToken.Claims) throws(ArtifactError) {
        let expires = Timestamp(seconds: claims.expires)
        let notBefore = Timestamp(seconds: claims.notBefore)
        let time = now()
        guard time < expires + DownloadToken.leeway else { throw .refused(.expired(at: expires)) }
        guard time + DownloadToken.leeway >= notBefore else { throw .refused(.notYetValid(until: notBefore)) }
    }

    // MARK: Uses and revocations, a record a token

    private struct Usage: Equatable {
        var count: Int64 = 0
        var isRevoked = false
    }

    private func change(
        _ id: String, until expires: Timestamp, _ next: (Usage) throws(ArtifactError) -> Usage
    ) async throws(ArtifactError) {
        for _ in 0..<Self.maximumTries {
            let (usage, revision) = try await usage(of: id)
            let changed = try next(usage)
            let document: JSONValue = ["uses": .integer(changed.count), "revoked": .bool(changed.isRevoked)]
            do {
                // A day longer than the token, so that no record is gone while its token could still be taken.
                try await records.write(
                    id, in: Self.collection, body: document.bytes(), expires: expires + .seconds(86_400),
                    expecting: revision)
                return
            } catch {
                if !error.isConflict { throw .records(error) }
            }
        }
        throw .contended(what: "the uses of token \(id)", tries: Self.maximumTries)
    }

    private func usage(of id: String) async throws(ArtifactError) -> (usage: Usage, revision: Int64?) {
        let record: Record?
        do { record = try await records.read(id, in: Self.collection) } catch { throw .records(error) }
        guard let record else { return (Usage(), nil) }
        guard let document = try? JSONValue(parsing: record.body), let count = document["uses"]?.integer,
            (0...1_000_000_000).contains(count), let isRevoked = document["revoked"]?.bool
        else { throw .unreadable(record: "\(Self.collection)/\(id)", detail: "a member is missing or malformed") }
        return (Usage(count: count, isRevoked: isRevoked), record.revision)
    }
}
