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
    /// For how long after its first byte a transfer may be resumed, though the token has expired meanwhile.
    private static let resumeWindow = Duration.seconds(600)

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
    /// (nil: any number), and its id, by which it may be named and revoked.
    public func issue(
        job: String, lifetime: Duration, maxUses: Int?
    ) async throws(ArtifactError) -> (token: String, id: String) {
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
        do {
            return (try DownloadToken.sign(claims, by: key.privateKey, named: key.id), claims.id)
        } catch { throw .crypto(error) }
    }

    /// Makes sure that there is a key to sign with.
    public func prepare() async throws(ArtifactError) { try await keys.prepare() }

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
        let usage = try await usage(of: claims.id).usage
        try checkTimes(of: claims, begun: usage.begun)
        let artifact: PublishedArtifact
        do { artifact = try await artifacts.artifact(of: claims.job) } catch .notPublished {
            throw .refused(.otherArtifact)
        }
        guard artifact.content.digest == claims.digest else { throw .refused(.otherArtifact) }
        guard artifact.revision == claims.revision else { throw .refused(.revoked) }
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
            try usage.checkLeft(grant)
            return usage.with(count: usage.count + 1, transfer: TransferParts())
        }
    }

    /// A transfer begins: for a while it may be resumed, even where the token expires meanwhile.
    public func recordBeginning(_ grant: Grant) async throws(ArtifactError) {
        let time = now()
        guard grant.expires < time + Self.resumeWindow, time < grant.expires + DownloadToken.leeway else { return }
        try await change(grant.tokenID, until: time + Self.resumeWindow) { usage in
            usage.begun == nil ? usage.with(begun: time) : nil
        }
    }

    /// Counts a part of the content that was sent, wholly or cut off; true when all of it has been sent now, in one transfer or
    /// in several, which is one use.
    ///
    /// - Throws: `.refused(.usedUp)` when others have used the token up since it was checked.
    public func recordPart(
        _ grant: Grant, offset: Int64, byteCount: Int64, isWhole: Bool
    ) async throws(ArtifactError) -> Bool {
        let total = grant.content.byteCount
        // Where uses are not counted, nothing needs to be kept: whoever has the end has all that they wanted.
        if grant.maxUses == nil {
            guard isWhole, offset + byteCount == total else { return false }
            try await recordCompletedUse(grant)
            return true
        }
        var isComplete = false
        try await change(grant.tokenID, until: grant.expires) { usage throws(ArtifactError) in
            try usage.checkLeft(grant)
            var transfer = usage.transfer
            isComplete = transfer.add(offset, offset + byteCount, isWhole: isWhole, of: total)
            return isComplete
                ? usage.with(count: usage.count + 1, transfer: TransferParts()) : usage.with(transfer: transfer)
        }
        return isComplete
    }

    /// Makes one token good for nothing; what is known of it is its id.
    public func revoke(tokenID: String) async throws(ArtifactError) {
        guard DownloadToken.isID(tokenID) else { throw .badTokenID }
        try await change(tokenID, until: now() + Self.longestLifetime) { usage in
            usage.with(isRevoked: true)
        }
    }

    private func checkTimes(of claims: DownloadToken.Claims, begun: Timestamp?) throws(ArtifactError) {
        let expires = Timestamp(seconds: claims.expires)
        let notBefore = Timestamp(seconds: claims.notBefore)
        let time = now()
        let isResumed = begun.map { $0 <= time && time < $0 + Self.resumeWindow } ?? false
        guard time < expires + DownloadToken.leeway || isResumed else { throw .refused(.expired(at: expires)) }
        guard time + DownloadToken.leeway >= notBefore else { throw .refused(.notYetValid(until: notBefore)) }
    }

    // MARK: Uses and revocations, a record a token

    private struct Usage: Equatable {
        var count: Int64 = 0
        var isRevoked = false
        /// When the transfer began that may still be resumed after the token has expired.
        var begun: Timestamp?
        /// What was sent for the use that is not complete yet.
        var transfer = TransferParts()

        func with(
            count: Int64? = nil, isRevoked: Bool? = nil, begun: Timestamp? = nil, transfer: TransferParts? = nil
        ) -> Usage {
            Usage(
                count: count ?? self.count, isRevoked: isRevoked ?? self.isRevoked, begun: begun ?? self.begun,
                transfer: transfer ?? self.transfer)
        }

        func checkLeft(_ grant: Grant) throws(ArtifactError) {
            if let maxUses = grant.maxUses, count >= maxUses { throw .refused(.usedUp) }
        }
    }

    private func change(
        _ id: String, until expires: Timestamp, _ next: (Usage) throws(ArtifactError) -> Usage?
    ) async throws(ArtifactError) {
        for _ in 0..<Self.maximumTries {
            let (usage, revision) = try await usage(of: id)
            guard let changed = try next(usage) else { return }
            let document: JSONValue = [
                "uses": .integer(changed.count), "revoked": .bool(changed.isRevoked),
                "begun": JSONValue(changed.begun?.milliseconds), "transfer": changed.transfer.json,
            ]
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
        // The last two came later: a record of an earlier version has neither.
        let begun = document["begun"]?.integer.map { Timestamp(milliseconds: $0) }
        return (
            Usage(
                count: count, isRevoked: isRevoked, begun: begun,
                transfer: document["transfer"].flatMap { TransferParts($0) } ?? TransferParts()), record.revision
        )
    }
}
