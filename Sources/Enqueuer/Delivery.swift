public import Artifacts
import Crypto
public import QueueModel
import System

/// Why a finished file was not handed over.
public enum DeliveryError: Error, Equatable, Sendable, CustomStringConvertible {
    case notFinished(Job.ID, state: String)
    case alreadyThere(path: String)
    case damaged(expected: String, found: String)
    case disk(detail: String)

    /// One sentence, and what to do.
    public var description: String {
        switch self {
        case .notFinished(let id, let state): "job \(id) is \(state); only a job that succeeded has an artifact"
        case .alreadyThere(let path):
            "\(Printable.text(path)) is there already; remove it, name another file, or say --force"
        case .damaged(let expected, let found):
            "the stored artifact is damaged: its SHA-256 is \(found), expected \(expected); nothing was written. "
                + "Submit the job again to build it anew"
        case .disk(let detail): detail
        }
    }
}

/// Hands finished artifacts over: by token, to a file that appears only when its checksum is right.
public struct Delivery: Sendable {
    private let queue: any JobQueue
    private let store: FileArtifactStore
    private let tokens: DownloadTokens

    /// Deliveries from one farm.
    public init(queue: any JobQueue, store: FileArtifactStore, tokens: DownloadTokens) {
        self.queue = queue
        self.store = store
        self.tokens = tokens
    }

    /// A token for the artifact of a job that succeeded.
    public func token(for id: Job.ID, lifetime: Duration, maxUses: Int?) async throws -> String {
        _ = try await result(of: id)
        return try await tokens.issue(job: id.description, lifetime: lifetime, maxUses: maxUses).token
    }

    /// The artifact of a job, for its operator, who needs no token on the farm's own machine.
    public func result(of id: Job.ID) async throws -> Job.Result {
        guard let job = try await queue.status(of: id) else { throw QueueError.notFound(id) }
        guard let result = job.result else { throw DeliveryError.notFinished(id, state: job.state.name.rawValue) }
        return result
    }

    /// What a token grants, if it is good.
    public func grant(for token: String) async throws -> DownloadTokens.Grant { try await tokens.check(token) }

    /// Copies an artifact to `path`: the bytes are hashed as they pass, and the file gets its name when the hash is the
    /// expected one. Otherwise nothing stays. `grant` is the token's, when one was used.
    public func copy(
        _ content: ArtifactContent, to path: String, replacing: Bool, use grant: DownloadTokens.Grant? = nil,
        progress: (Int64, Int64) -> Void
    ) async throws {
        let source = try await store.open(content)
        let target: PendingFile
        do { target = try PendingFile(path: path, replacing: replacing) } catch {
            throw error.isAlreadyThere ? DeliveryError.alreadyThere(path: path) : .disk(detail: error.description)
        }
        do {
            let found = try Self.copy(source, byteCount: content.byteCount, to: target.file, progress: progress)
            guard found == content.digest else {
                throw DeliveryError.damaged(expected: content.digest.hex, found: found.hex)
            }
            // The use is counted before the file has its name: a token for one use never makes two files.
            if let grant { try await tokens.recordCompletedUse(grant) }
            try target.commit()
        } catch {
            target.discard()
            throw error
        }
    }

    /// Copies everything and returns the SHA-256 of what was written.
    private static func copy(
        _ source: File, byteCount: Int64, to target: File, progress: (Int64, Int64) -> Void
    ) throws(SystemError) -> SHA256Digest {
        let hash = Hash(.sha256)
        var offset: Int64 = 0
        while true {
            let chunk = try source.read(1 << 20, at: offset)
            if chunk.isEmpty { return SHA256Digest(finishing: hash) }
            hash.update(chunk)
            try target.write(chunk)
            offset += Int64(chunk.count)
            progress(offset, byteCount)
        }
    }
}
