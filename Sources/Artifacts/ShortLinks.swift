import Crypto
import JSON
public import Records
public import System

/// Links to artifacts that are short enough to be read out, for people: a page from which the download begins.
///
/// A link holds 80 random bits, and the store knows their SHA-256 only, half of which is the link's id: whoever has a copy of
/// the store has no link that leads anywhere.
public struct ShortLinks: Sendable {
    /// A link that leads somewhere.
    public struct Link: Sendable, Equatable {
        /// What may be logged, and by which it is revoked.
        public let id: String
        /// The job whose artifact it leads to.
        public let job: String
        /// Until when.
        public let expires: Timestamp
    }

    private static let collection = "short-link"
    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)
    private static let longestLifetime = Duration.seconds(366 * 86_400)

    private let artifacts: ArtifactIndex
    private let records: any RecordStore
    private let now: @Sendable () -> Timestamp
    private let random: RandomSource

    /// The links in `records`.
    public init(
        artifacts: ArtifactIndex, records: any RecordStore, now: @escaping @Sendable () -> Timestamp,
        random: RandomSource
    ) {
        self.artifacts = artifacts
        self.records = records
        self.now = now
        self.random = random
    }

    /// A link to the artifact of `job` for `lifetime`, 1 second to 366 days.
    ///
    /// - Throws: `.notPublished`; `.badTokenRequest`.
    public func make(job: String, lifetime: Duration) async throws(ArtifactError) -> (text: String, link: Link) {
        guard lifetime >= .seconds(1), lifetime <= Self.longestLifetime else {
            throw .badTokenRequest("a link is good for 1 second to 366 days, not for \(lifetime)")
        }
        _ = try await artifacts.artifact(of: job)
        // One letter of 32 for five bits: a byte's upper three are left out.
        let text = String(decoding: random.bytes(16).map { Self.alphabet[Int($0 & 31)] }, as: UTF8.self)
        let link = Link(id: Self.id(of: text), job: job, expires: now() + lifetime)
        let document: JSONValue = ["job": .string(job), "expires": .integer(link.expires.milliseconds)]
        do {
            try await records.write(
                link.id, in: Self.collection, body: document.bytes(), expires: link.expires, expecting: nil)
        } catch { throw .records(error) }
        return (text, link)
    }

    /// The link of that text; nil for one that is over, revoked, or never was.
    public func link(_ text: String) async throws(ArtifactError) -> Link? {
        guard text.utf8.count == 16, text.utf8.allSatisfy(Self.alphabet.contains) else { return nil }
        let id = Self.id(of: text)
        let record: Record?
        do { record = try await records.read(id, in: Self.collection) } catch { throw .records(error) }
        guard let record else { return nil }
        guard let document = try? JSONValue(parsing: record.body), let job = document["job"]?.string,
            let expires = document["expires"]?.integer
        else { throw .unreadable(record: "\(Self.collection)/\(id)", detail: "a member is missing or malformed") }
        let link = Link(id: id, job: job, expires: Timestamp(milliseconds: expires))
        return now() < link.expires ? link : nil
    }

    /// Makes a link good for nothing; false where there is none of that id.
    public func revoke(_ id: String) async throws(ArtifactError) -> Bool {
        guard DownloadToken.isID(id) else { throw .badTokenID }
        do {
            guard let record = try await records.read(id, in: Self.collection) else { return false }
            try await records.delete(id, in: Self.collection, expecting: record.revision)
            return true
        } catch {
            // Nothing ever changes a link: somebody else has revoked it.
            if error.isConflict { return false }
            throw .records(error)
        }
    }

    private static func id(of text: String) -> String {
        Hex.encode(Array(SHA256Digest(of: Array("short-link \(text)".utf8)).bytes.prefix(16)))
    }
}
