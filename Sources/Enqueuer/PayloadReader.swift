import NodeInstaller
import System

/// Reads payloads on a thread of its own.
actor PayloadReader {
    private let executor = BlockingExecutor("payload-reader")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private let digests: FileDigests

    init(now: @escaping @Sendable () -> Timestamp) { digests = FileDigests(now: now) }

    /// The payload as it is now.
    func read(_ path: String, mustNotContain paths: [String]) throws -> Payload {
        try PayloadDirectory.scan(path: path, mustNotContain: paths, digests: digests)
    }
}
