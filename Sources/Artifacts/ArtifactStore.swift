public import Crypto
public import System

/// What an artifact is: its bytes, by digest and length. Equal contents are one content.
public struct ArtifactContent: Hashable, Sendable {
    /// SHA-256 of all the bytes.
    public let digest: SHA256Digest
    /// Number of bytes.
    public let byteCount: Int64

    /// Content with this digest and length.
    public init(digest: SHA256Digest, byteCount: Int64) {
        self.digest = digest
        self.byteCount = byteCount
    }
}

/// Finished files by the digest of their content, kept until they are removed.
///
/// Nothing is ever under its digest that is not complete and right, whatever fails and whenever a process dies; what
/// breaks later is found by `verify` and healed by publishing the same content again.
public protocol ArtifactStore: Sendable {
    /// Begins a new artifact, whose bytes are written to its file.
    func receive() async throws(ArtifactError) -> any IncomingArtifact

    /// Opens stored content for reading, its length checked and its bytes not: those are checked by who delivers them,
    /// against the digest.
    ///
    /// - Throws: `.notFound`; `.damaged` when the length is another; `.unexpectedKind` when a link or anything else but a
    ///   plain file stands there.
    func open(_ content: ArtifactContent) async throws(ArtifactError) -> File

    /// Reads all of the stored content and compares it with its digest.
    ///
    /// - Throws: as `open`, and `.damaged` when any bit differs.
    @discardableResult
    func verify(_ digest: SHA256Digest) async throws(ArtifactError) -> ArtifactContent

    /// Removes stored content; false when it was not there. That nobody needs it is the caller's to know.
    @discardableResult
    func remove(_ digest: SHA256Digest) async throws(ArtifactError) -> Bool

    /// Removes what writers that died have left unfinished, and nothing of those that live.
    ///
    /// - Returns: how many files were removed.
    @discardableResult
    func sweepIncoming() async throws(ArtifactError) -> Int
}

/// An artifact that is being written, seen by nobody before `finish` succeeds. Dropped unfinished, it is discarded.
public protocol IncomingArtifact: Sendable {
    /// Where its bytes go: a new, empty file, open for reading and writing. Not to be written to after `finish`.
    var file: File { get }

    /// Puts what was written on the disk and reads it, so that `finish` has less left to do. Whoever has something else to do with
    /// the bytes does it at the same time. Nothing is to be written to `file` after this has begun.
    ///
    /// - Throws: as `finish`, with the same end.
    func settle() async throws(ArtifactError)

    /// Publishes what was written and returns what it is, when it is on the disk and has been read again from its final
    /// place. Content that is there already is checked and kept; damaged content is set aside and replaced.
    ///
    /// Whatever this throws, the incoming file is gone: after a failed sync nothing in it can be trusted, so it is
    /// written anew or not at all.
    func finish() async throws(ArtifactError) -> ArtifactContent

    /// Drops what was written.
    func discard()
}
