import SQLiteStore
import System

/// What a row has turned out to be.
enum Stored<Value> {
    case readable(Value)
    /// Another version wrote it, or something has damaged it.
    case unreadable(reason: String)
}

extension Stored: Sendable where Value: Sendable {}

/// The changing part of a job as its row has it.
struct StoredLife: Sendable {
    let id: Job.ID
    let life: Job.Life
}

/// The lasting part of a job as its rows have it.
struct StoredBody: Sendable {
    let lane: Lane
    let created: Timestamp
    let request: [UInt8]
    let inputDigest: [UInt8]
    let requestedBy: String
    let idempotencyKey: String?
    let batch: String?
    let campaign: String?
    let retryOf: Job.ID?
    let trace: String?
}

extension Job {
    init(_ stored: StoredLife, _ body: StoredBody) {
        self.init(
            id: stored.id, lane: body.lane, request: body.request, inputDigest: body.inputDigest,
            requestedBy: body.requestedBy, created: body.created, idempotencyKey: body.idempotencyKey,
            batch: body.batch, campaign: body.campaign, retryOf: body.retryOf, trace: body.trace, life: stored.life)
    }
}

extension StoredLife {
    /// Reads a row of `JobSQL.life`; throws `.corrupt` or `.invalid` for one that no version of ours writes.
    init(_ row: borrowing JobRow) throws(QueueError) {
        guard let id = Job.ID(bytes: try row.blob(0)) else { throw .corrupt(detail: "public_id is no job id") }
        let maxAttempts = try row.integer(3, in: 1...Int64(QueueLimits.attempts.upperBound), "max_attempts")
        let attempt = try row.integer(2, in: 1...maxAttempts, "attempt")
        // The bound leaves room to count on: an epoch that a damaged file has set to the last number would trap.
        let epoch = try row.integer(4, in: 0...(1 << 52), "epoch")
        let failure = try row.failure()
        var life = Job.Life(state: try row.state(epoch: epoch, failure: failure), maxAttempts: Int(maxAttempts))
        life.attempt = Int(attempt)
        life.epoch = epoch
        life.progress = try row.progress()
        life.lastFailure = failure
        life.scheduledFor = try row.optionalTime(5)
        life.claimed = try row.optionalTime(6)
        life.finished = try row.optionalTime(7)
        guard life.state.name.isFinal == (life.finished != nil) else {
            throw .corrupt(detail: "finished does not fit the state")
        }
        // Looked at last: the reason why it was parked says more than that it was.
        guard try row.integer(1) > 0 else { throw .corrupt(detail: "it was parked") }
        self.id = id
        self.life = life
    }
}

extension StoredBody {
    /// Reads a row of `JobSQL.body`; throws `.corrupt` for one that no version of ours writes.
    init(_ row: borrowing JobRow) throws(QueueError) {
        guard let lane = Lane(try row.text(0)) else { throw .corrupt(detail: "the lane's name is none") }
        let format = try row.integer(1)
        guard format == JobTables.bodyFormat else { throw .corrupt(detail: "its format is \(format)") }
        let retryOf = try row.optionalBlob(9)
        let original = retryOf.flatMap { Job.ID(bytes: $0) }
        guard (retryOf == nil) == (original == nil) else { throw .corrupt(detail: "retry_of is no job id") }
        self.lane = lane
        created = Timestamp(milliseconds: try row.integer(2))
        request = try row.blob(3)
        inputDigest = try row.blob(4)
        requestedBy = try row.text(5)
        idempotencyKey = try row.optionalText(6)
        batch = try row.optionalText(7)
        campaign = try row.optionalText(8)
        self.retryOf = original
        trace = try row.optionalText(10)
        guard inputDigest.count == 32 else { throw .corrupt(detail: "input_digest has \(inputDigest.count) bytes") }
        guard request.count <= QueueLimits.requestByteCount else {
            throw .corrupt(detail: "request has \(request.count) bytes")
        }
    }
}

// The parts of a row of `JobSQL.life`.
extension SQLiteRow<QueueError> {
    fileprivate borrowing func integer(
        _ column: Int, in range: ClosedRange<Int64>, _ name: String
    ) throws(QueueError) -> Int64 {
        let value = try integer(column)
        guard range.contains(value) else { throw .corrupt(detail: "\(name) is \(value)") }
        return value
    }

    fileprivate borrowing func optionalTime(_ column: Int) throws(QueueError) -> Timestamp? {
        try optionalInteger(column).map { Timestamp(milliseconds: $0) }
    }

    fileprivate borrowing func state(epoch: Int64, failure: Job.Failure?) throws(QueueError) -> Job.State {
        let code = try integer(1)
        guard let name = Job.State.Name.allCases.first(where: { $0.code == code || -$0.code == code }) else {
            throw .corrupt(detail: "state is \(code)")
        }
        switch name {
        case .scheduled: return .scheduled(at: Timestamp(milliseconds: try integer(5)))
        case .queued: return .queued
        case .running: return .running(try lease(epoch: epoch))
        case .succeeded:
            return .succeeded(try Job.Result(sha256: text(17), byteCount: integer(18), fileName: text(19)))
        case .failed:
            guard let failure else { throw .corrupt(detail: "it failed for no reason") }
            return .failed(failure)
        case .cancelled: return .cancelled
        }
    }

    private borrowing func lease(epoch: Int64) throws(QueueError) -> Job.Lease {
        guard let claimID = Job.ClaimID(bytes: try blob(9)) else { throw .corrupt(detail: "claim_id is none") }
        return Job.Lease(
            worker: try text(8), epoch: epoch, claimID: claimID, until: Timestamp(milliseconds: try integer(10)))
    }

    fileprivate borrowing func progress() throws(QueueError) -> Job.Progress? {
        guard let stage = try optionalText(11) else { return nil }
        return Job.Progress(stage: stage, done: try integer(12), total: try integer(13))
    }

    fileprivate borrowing func failure() throws(QueueError) -> Job.Failure? {
        guard let code = try optionalText(14) else { return nil }
        return Job.Failure(
            code: code, message: try text(15), isRetryable: try integer(16, in: 0...1, "failure_retryable") == 1)
    }
}
