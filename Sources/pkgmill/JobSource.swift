import Artifacts
import Crypto
import Enqueuer
import JSON
import QueueModel
import System
import Terminal

/// Where jobs are: on this machine's farm, or behind a server.
protocol JobSource: Sendable {
    /// Asks for an installer: the job's document, and what the person should know.
    func submit(_ order: InstallerOrder) async throws -> (job: JSONValue, notes: [String])

    /// Asks for many at once.
    func submit(_ batch: BatchFile) async throws -> BatchOutcome

    /// Calls `seen` with the job's document as it is now and at each change, to its end; returns that.
    func watch(_ id: Job.ID, seen: (JSONValue) -> Void) async throws -> JSONValue

    /// Writes a job's artifact to `path`, where it appears when its checksum is right.
    func fetch(_ id: Job.ID, to path: String, replacing: Bool) async throws -> ArtifactContent
}

/// The server that `invocation` names, else this machine's farm.
func jobSource(_ invocation: Invocation) async throws -> any JobSource {
    if let remote = try Remote(invocation) { return remote }
    return try await Farm.open(invocation)
}

/// What has become of a batch.
struct BatchOutcome {
    /// How far it is.
    let batch: JSONValue
    /// For each row its number, and an id or an error.
    let rows: [JSONValue]
    /// What the person should know.
    let notes: [String]
}

extension Farm: JobSource {
    func submit(_ order: InstallerOrder) async throws -> (job: JSONValue, notes: [String]) {
        let receipt = try await submitter.submit(order)
        var members = JobDocument.json(receipt.job).members ?? []
        if !degradations.isEmpty { members.append(.init("durability", "degraded")) }
        return (.object(members), receipt.notes + degradations.map { "durability: degraded; \($0)" })
    }

    func submit(_ batch: BatchFile) async throws -> BatchOutcome {
        let requester = "cli:\(CurrentProcess.userName)"
        var orders = batch.orders(requestedBy: requester).makeIterator()
        let receipt = try await submitter.submit(
            batch.rows.count, as: Batch.ID(at: Timestamp.systemClock(), random: .system), requestedBy: requester
        ) { orders.next() }
        return BatchOutcome(
            batch: BatchDocument.json(receipt.batch),
            rows: receipt.outcomes.enumerated().map { BatchDocument.json($0.element, row: $0.offset + 1) },
            notes: receipt.notes + degradations.map { "durability: degraded; \($0)" })
    }

    func watch(_ id: Job.ID, seen: (JSONValue) -> Void) async throws -> JSONValue {
        JobDocument.json(try await watcher.watch(id) { seen(JobDocument.json($0)) })
    }

    func fetch(_ id: Job.ID, to path: String, replacing: Bool) async throws -> ArtifactContent {
        let result = try await delivery.result(of: id)
        guard let digest = SHA256Digest(hex: result.sha256) else {
            throw DeliveryError.damaged(expected: result.sha256, found: "no digest")
        }
        return try await deliver(
            ArtifactContent(digest: digest, byteCount: result.byteCount), use: nil, to: path, replacing: replacing)
    }

    /// Copies an artifact to `path`, drawing its progress where a person looks.
    func deliver(
        _ content: ArtifactContent, use grant: DownloadTokens.Grant?, to path: String, replacing: Bool
    ) async throws -> ArtifactContent {
        var line = ProgressLine()
        try await delivery.copy(content, to: path, replacing: replacing, use: grant) {
            line.show("fetch", done: $0, total: $1)
        }
        line.clear()
        return content
    }
}
