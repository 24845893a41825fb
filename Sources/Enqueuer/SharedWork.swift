import NodeInstaller
import System

/// Work whose result serves everybody who asked before it began.
///
/// Nobody gets what was found before they asked, and of a thousand who ask at once, most share one answer.
actor SharedWork<Product: Sendable> {
    private var waiting: [CheckedContinuation<Result<Product, any Error>, Never>] = []
    private var isWorking = false

    /// What `work` makes, begun after this call.
    func next(_ work: @escaping @Sendable () async throws -> Product) async throws -> Product {
        let result = await withCheckedContinuation { continuation in
            waiting.append(continuation)
            guard !isWorking else { return }
            isWorking = true
            Task { await go(work) }
        }
        return try result.get()
    }

    private func go(_ work: @Sendable () async throws -> Product) async {
        while !waiting.isEmpty {
            let served = waiting
            waiting = []
            let result: Result<Product, any Error>
            do { result = .success(try await work()) } catch { result = .failure(error) }
            for continuation in served { continuation.resume(returning: result) }
        }
        isWorking = false
    }
}

/// Reads payloads on a thread of its own.
actor PayloadScanner {
    private let executor = BlockingExecutor("payload-scanner")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private let digests: FileDigests

    init(now: @escaping @Sendable () -> Timestamp) { digests = FileDigests(now: now) }

    /// The payload as it is now.
    func scan(_ path: String, mustNotContain paths: [String]) throws -> Payload {
        try PayloadDirectory.scan(path: path, mustNotContain: paths, digests: digests)
    }
}
