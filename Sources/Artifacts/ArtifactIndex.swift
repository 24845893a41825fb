import Crypto
import JSON
public import Records
public import System

/// A job's finished file: what it holds and under which name it is handed out.
public struct PublishedArtifact: Sendable, Equatable {
    /// The job's id.
    public let job: String
    /// Digest and length.
    public let content: ArtifactContent
    /// The name that the person asked for.
    public let fileName: String
    /// Counts revocations from 1: a download token is good for the revision that it was made for.
    public let revision: Int64
    /// When it was published.
    public let published: Timestamp
}

/// Which artifact each job has: one for ever, written by compare-and-set.
public struct ArtifactIndex: Sendable {
    private static let collection = "artifact"
    private static let maximumTries = 100
    private let records: any RecordStore
    private let now: @Sendable () -> Timestamp

    /// The index in `records`.
    public init(records: any RecordStore, now: @escaping @Sendable () -> Timestamp) {
        self.records = records
        self.now = now
    }

    /// The artifact of `job`.
    ///
    /// - Throws: `.notPublished` when it has none.
    public func artifact(of job: String) async throws(ArtifactError) -> PublishedArtifact {
        guard let found = try await read(job) else { throw .notPublished(job: job) }
        return found.artifact
    }

    /// Notes that `job` has produced `content`. The same content again changes nothing.
    ///
    /// - Throws: `.alreadyPublished` when the job has another artifact.
    @discardableResult
    public func publish(
        _ content: ArtifactContent, fileName: String, for job: String
    ) async throws(ArtifactError) -> PublishedArtifact {
        try Self.check(fileName: fileName)
        let new = PublishedArtifact(
            job: job, content: content, fileName: fileName, revision: 1, published: now())
        for _ in 0..<Self.maximumTries {
            if let found = try await read(job)?.artifact {
                guard found.content == content else {
                    throw .alreadyPublished(job: job, digest: found.content.digest, refused: content.digest)
                }
                return found
            }
            if try await write(new, expecting: nil) { return new }
        }
        throw .contended(what: "the artifact of job \(job)", tries: Self.maximumTries)
    }

    /// Makes every download token of `job` so far good for nothing.
    public func revokeTokens(of job: String) async throws(ArtifactError) {
        for _ in 0..<Self.maximumTries {
            guard let (found, recordRevision) = try await read(job) else { throw .notPublished(job: job) }
            let next = PublishedArtifact(
                job: job, content: found.content, fileName: found.fileName, revision: found.revision + 1,
                published: found.published)
            if try await write(next, expecting: recordRevision) { return }
        }
        throw .contended(what: "the artifact of job \(job)", tries: Self.maximumTries)
    }

    private func read(_ job: String) async throws(ArtifactError) -> (artifact: PublishedArtifact, revision: Int64)? {
        let record: Record?
        do { record = try await records.read(job, in: Self.collection) } catch { throw .records(error) }
        guard let record else { return nil }
        return (try Self.decode(record), record.revision)
    }

    private func write(_ artifact: PublishedArtifact, expecting: Int64?) async throws(ArtifactError) -> Bool {
        do {
            try await records.write(
                artifact.job, in: Self.collection, body: Self.encode(artifact), expires: nil, expecting: expecting)
            return true
        } catch {
            if error.isConflict { return false }
            throw .records(error)
        }
    }

    private static func encode(_ artifact: PublishedArtifact) -> [UInt8] {
        let document: JSONValue = [
            "version": 1, "sha256": .string(artifact.content.digest.hex), "size": .integer(artifact.content.byteCount),
            "fileName": .string(artifact.fileName), "revision": .integer(artifact.revision),
            "published": .integer(artifact.published.milliseconds),
        ]
        return document.bytes()
    }

    private static func decode(_ record: Record) throws(ArtifactError) -> PublishedArtifact {
        let name = "\(collection)/\(record.name)"
        let document: JSONValue
        do { document = try JSONValue(parsing: record.body) } catch {
            throw .unreadable(record: name, detail: error.description)
        }
        guard document["version"]?.integer == 1,
            let digest = document["sha256"]?.string.flatMap({ SHA256Digest(hex: $0) }),
            let byteCount = document["size"]?.integer, byteCount >= 0, let fileName = document["fileName"]?.string,
            let revision = document["revision"]?.integer, (1...1_000_000_000).contains(revision),
            let published = document["published"]?.integer
        else { throw .unreadable(record: name, detail: "a member is missing or malformed") }
        return PublishedArtifact(
            job: record.name, content: ArtifactContent(digest: digest, byteCount: byteCount), fileName: fileName,
            revision: revision, published: Timestamp(milliseconds: published))
    }

    private static func check(fileName: String) throws(ArtifactError) {
        guard (1...255).contains(fileName.utf8.count) else {
            throw .badFileName(fileName, reason: "has \(fileName.utf8.count) bytes, expected 1 to 255")
        }
        let forbidden = fileName.unicodeScalars.contains { scalar in
            scalar == "/" || scalar == "\\" || scalar == "\"" || scalar.properties.generalCategory == .control
        }
        guard !forbidden, fileName != ".", fileName != ".." else {
            throw .badFileName(fileName, reason: "holds a slash, a quote or a control character, or is a folder's name")
        }
    }
}
