import Crypto
import System

/// The stored contents: `ab/abcdef…`, each a file named by its digest in a folder (a shard) named by its first two
/// digits, so that no folder grows too large.
///
/// Names are made from digests alone and looked up below an open folder, and no link is followed.
struct BlobFolder {
    let directory: Directory

    static func name(of digest: SHA256Digest) -> String { digest.hex }

    /// The folder in which `digest` lies; nil when it was never made.
    func shard(of digest: SHA256Digest) throws(ArtifactError) -> Directory? {
        let name = Self.shardName(of: digest)
        do {
            return try directory.directory(name)
        } catch  where error.isNotFound {
            return nil
        } catch {
            // The system says "not a directory" for a link, too; say which it is.
            if let found = try? directory.status(of: name), found.kind != .directory {
                throw .unexpectedKind(
                    path: directory.path + "/" + name, found: found.kind.rawValue, expected: "a folder")
            }
            throw .disk(error)
        }
    }

    /// The folder in which `digest` is to lie, and whether it was not there before.
    func makeShard(of digest: SHA256Digest) throws(ArtifactError) -> (shard: Directory, isNew: Bool) {
        if let shard = try shard(of: digest) { return (shard, false) }
        do {
            try directory.makeDirectory(Self.shardName(of: digest), mode: 0o700)
        } catch {
            guard error.isAlreadyThere else { throw .disk(error) }
        }
        guard let shard = try shard(of: digest) else { throw .notFound(digest) }
        return (shard, true)
    }

    /// Opens stored content; what is checked is the open file and not its name.
    func open(_ digest: SHA256Digest) throws(ArtifactError) -> (file: File, byteCount: Int64) {
        guard let shard = try shard(of: digest) else { throw .notFound(digest) }
        let file: File
        let status: FileStatus
        do {
            file = try shard.openFile(Self.name(of: digest))
            status = try file.status()
        } catch {
            if error.isNotFound { throw .notFound(digest) }
            if error.isLink { throw unexpected(FileStatus.Kind.symbolicLink.rawValue, error.path) }
            throw .disk(error)
        }
        guard status.kind == .regular else { throw unexpected(status.kind.rawValue, file.path) }
        // No name left: somebody removed it just now. A second name: somebody can change it behind our back.
        guard status.linkCount > 0 else { throw .notFound(digest) }
        guard status.linkCount == 1 else { throw unexpected("file with several names", file.path) }
        return (file, status.byteCount)
    }

    /// Reads stored content in one go and compares it with its digest.
    @discardableResult
    func verify(_ digest: SHA256Digest) throws(ArtifactError) -> ArtifactContent {
        let (file, _) = try open(digest)
        let found: ArtifactContent
        do { found = try ContentMeasure.measure(file) } catch { throw .damaged(digest, detail: error.description) }
        try Self.compare(found, with: digest)
        return found
    }

    static func compare(_ found: ArtifactContent, with digest: SHA256Digest) throws(ArtifactError) {
        guard found.digest == digest else {
            throw .damaged(digest, detail: "its \(found.byteCount) bytes have digest \(found.digest)")
        }
    }

    private static func shardName(of digest: SHA256Digest) -> String { Hex.encode(Array(digest.bytes.prefix(1))) }

    private func unexpected(_ found: String, _ path: String) -> ArtifactError {
        .unexpectedKind(path: path, found: found, expected: "a regular file with one name")
    }
}
