import Artifacts
import Crypto
import QueueModel
import QueueTestSupport
import Records
import Synchronization
import System

/// Stands between a worker and all that it writes to, and cuts it off at one call as a kill would: from then on nothing
/// that it does has an effect.
final class CutOff: Sendable {
    /// The calls by which a worker changes something, in the order of one job.
    enum Call: String, CaseIterable { case claim, receive, settle, renew, finish, index, complete }

    /// Where the cut comes: before the call has its effect, or after, when the answer is lost.
    struct Place: Sendable, Equatable, CustomStringConvertible {
        let call: Call
        let isAfter: Bool
        var description: String { (isAfter ? "after " : "before ") + call.rawValue }

        static let all = Call.allCases.flatMap { [Place(call: $0, isAfter: false), Place(call: $0, isAfter: true)] }
    }

    private let place: Place?
    private let isCut = Mutex(false)
    private let onCall: @Sendable (Call) async -> Void

    /// Cuts at `place`, nowhere when nil; `onCall` runs before each call.
    init(at place: Place?, onCall: @escaping @Sendable (Call) async -> Void = { _ in }) {
        self.place = place
        self.onCall = onCall
    }

    /// Whether the cut has come.
    var hasCome: Bool { isCut.withLock { $0 } }

    func pass<Value, Failure: Error>(
        _ call: Call, failure: Failure, _ body: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        await onCall(call)
        try cut(if: place == Place(call: call, isAfter: false), failure)
        let value = try await body()
        try cut(if: place == Place(call: call, isAfter: true), failure)
        return value
    }

    /// For calls that are no place of their own.
    func pass<Failure: Error>(failure: Failure) throws(Failure) { try cut(if: false, failure) }

    private func cut<Failure: Error>(if isHere: Bool, _ failure: Failure) throws(Failure) {
        let isDead = isCut.withLock { isCut in
            isCut = isCut || isHere
            return isCut
        }
        if isDead { throw failure }
    }
}

/// A queue behind a cut-off.
struct CutQueue: ForwardingQueue {
    let queue: any JobQueue
    let cutOff: CutOff
    private var dead: QueueError { .backend(detail: "cut off") }

    func claim(
        by worker: String, lanes: [Lane]?, for duration: Duration, limit: Int
    ) async throws(QueueError) -> [Job] {
        try await cutOff.pass(.claim, failure: dead) { () async throws(QueueError) in
            try await queue.claim(by: worker, lanes: lanes, for: duration, limit: limit)
        }
    }

    func waitForJobs(in lanes: [Lane]?, atMost limit: Duration) async throws(QueueError) {
        try cutOff.pass(failure: dead)
        try await queue.waitForJobs(in: lanes, atMost: limit)
    }

    func release(_ claim: Job.Claim) async throws(QueueError) {
        try cutOff.pass(failure: dead)
        try await queue.release(claim)
    }

    func beat(_ worker: WorkerRecord) async throws(QueueError) {
        try cutOff.pass(failure: dead)
        try await queue.beat(worker)
    }

    func leave(_ worker: String) async throws(QueueError) {
        try cutOff.pass(failure: dead)
        try await queue.leave(worker)
    }

    func renew(_ claim: Job.Claim, for duration: Duration) async throws(QueueError) {
        try await cutOff.pass(.renew, failure: dead) { () async throws(QueueError) in
            try await queue.renew(claim, for: duration)
        }
    }

    func report(_ progress: Job.Progress, _ claim: Job.Claim) async throws(QueueError) {
        try cutOff.pass(failure: dead)
        try await queue.report(progress, claim)
    }

    func complete(_ claim: Job.Claim, result: Job.Result) async throws(QueueError) {
        try await cutOff.pass(.complete, failure: dead) { () async throws(QueueError) in
            try await queue.complete(claim, result: result)
        }
    }

    func fail(_ claim: Job.Claim, _ failure: Job.Failure) async throws(QueueError) -> Job.State {
        try cutOff.pass(failure: dead)
        return try await queue.fail(claim, failure)
    }

    func counts(of lanes: [Lane]?, dueWithin duration: Duration) async throws(QueueError) -> QueueCounts {
        try cutOff.pass(failure: dead)
        return try await queue.counts(of: lanes, dueWithin: duration)
    }
}

/// A store behind a cut-off.
struct CutStore: ArtifactStore {
    let store: FileArtifactStore
    let cutOff: CutOff

    func receive() async throws(ArtifactError) -> any IncomingArtifact {
        try await cutOff.pass(.receive, failure: .cutOff) { () async throws(ArtifactError) in
            CutIncoming(incoming: try await store.receive(), cutOff: cutOff)
        }
    }

    func open(_ content: ArtifactContent) async throws(ArtifactError) -> File { try await store.open(content) }
    func verify(_ digest: SHA256Digest) async throws(ArtifactError) -> ArtifactContent {
        try await store.verify(digest)
    }
    func remove(_ digest: SHA256Digest) async throws(ArtifactError) -> Bool { try await store.remove(digest) }
    func sweepIncoming() async throws(ArtifactError) -> Int { try await store.sweepIncoming() }
}

private struct CutIncoming: IncomingArtifact {
    let incoming: any IncomingArtifact
    let cutOff: CutOff
    var file: File { incoming.file }

    func settle() async throws(ArtifactError) {
        try await cutOff.pass(.settle, failure: .cutOff) { () async throws(ArtifactError) in
            try await incoming.settle()
        }
    }

    func finish() async throws(ArtifactError) -> ArtifactContent {
        try await cutOff.pass(.finish, failure: .cutOff) { () async throws(ArtifactError) in
            try await incoming.finish()
        }
    }

    /// A process that was killed removes nothing.
    func discard() { if !cutOff.hasCome { incoming.discard() } }
}

/// Records behind a cut-off.
struct CutRecords: ForwardingRecordStore {
    let records: any RecordStore
    let cutOff: CutOff
    private var dead: RecordError { .backend(operation: "reach", detail: "cut off") }

    func read(_ name: String, in collection: String) async throws(RecordError) -> Record? {
        try cutOff.pass(failure: dead)
        return try await records.read(name, in: collection)
    }

    func write(
        _ name: String, in collection: String, body: [UInt8], expires: Timestamp?, expecting: Int64?
    ) async throws(RecordError) -> Record {
        try await cutOff.pass(.index, failure: dead) { () async throws(RecordError) in
            try await records.write(name, in: collection, body: body, expires: expires, expecting: expecting)
        }
    }
}

extension ArtifactError {
    fileprivate static var cutOff: ArtifactError { .records(.backend(operation: "reach", detail: "cut off")) }
}
