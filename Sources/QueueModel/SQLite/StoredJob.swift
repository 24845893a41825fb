import SQLiteStore
import System

/// The changing part of a job as its row has it, with what its changes go by.
struct StoredLife: Sendable {
    let row: Int64
    let id: Job.ID
    let lane: Int64
    let limits: Job.TimeLimits
    let batch: Int64?
    let batchRow: Int?
    var life: Job.Life
}

/// The lasting part of a job as its rows have it.
struct StoredBody: Sendable {
    let lane: Lane
    let created: Timestamp
    let request: [UInt8]
    let inputDigest: [UInt8]
    let requestedBy: String
    let isUnique: Bool
    let idempotencyKey: String?
    let campaign: String?
    let retryOf: Job.ID?
    let trace: String?
    let batch: Batch.ID?
}

/// A whole job and the row that it lies in.
struct StoredJob: Sendable {
    var stored: StoredLife
    let body: StoredBody

    var job: Job {
        Job(
            id: stored.id, lane: body.lane, request: body.request, inputDigest: body.inputDigest,
            requestedBy: body.requestedBy, created: body.created, idempotencyKey: body.idempotencyKey,
            batch: place, campaign: body.campaign, retryOf: body.retryOf, trace: body.trace, limits: stored.limits,
            isUnique: body.isUnique, life: stored.life)
    }

    private var place: Batch.Place? {
        guard let batch = body.batch, let row = stored.batchRow else { return nil }
        return Batch.Place(batch: batch, row: row)
    }
}

extension StoredJob {
    /// Reads a row of `JobSQL.wholeJob`; throws `.corrupt` or `.invalid` for one that no version of ours writes.
    init(_ row: borrowing JobRow) throws(QueueError) {
        // The body first: what it is tells more than that the row was parked.
        body = try StoredBody(row, from: StoredLife.columnCount)
        stored = try StoredLife(row)
        guard (stored.batch == nil) == (body.batch == nil) else { throw .corrupt(detail: "its batch is not there") }
    }
}

extension StoredLife {
    /// Columns of `JobSQL.lifeOfJob`.
    static let columnCount = 32

    /// Reads a row of `JobSQL.lifeOfJob`; throws `.corrupt` or `.invalid` for one that no version of ours writes.
    init(_ row: borrowing JobRow) throws(QueueError) {
        guard let id = Job.ID(bytes: try row.blob(1)) else { throw .corrupt(detail: "public_id is no job id") }
        let maxAttempts = try row.integer(5, in: 1...Int64(QueueLimits.attempts.upperBound), "max_attempts")
        let attempt = try row.integer(4, in: 1...maxAttempts, "attempt")
        // The bound leaves room to count on: an epoch that a damaged file has set to the last number would trap.
        let epoch = try row.integer(8, in: 0...(1 << 52), "epoch")
        let failure = try row.failure()
        var life = Job.Life(state: try row.state(epoch: epoch, failure: failure), maxAttempts: Int(maxAttempts))
        life.attempt = Int(attempt)
        life.lostLeases = Int(try row.integer(6, in: 0...1_000_000, "lost_leases"))
        life.pardons = Int(try row.integer(7, in: 0...1_000_000, "pardons"))
        life.epoch = epoch
        life.progress = try row.progress()
        life.lastFailure = failure
        life.scheduledFor = try row.optionalTime(9)
        life.claimed = try row.optionalTime(10)
        life.progressed = try row.optionalTime(11)
        life.finished = try row.optionalTime(12)
        life.retriedAs = try row.optionalJobID(31, "retried_as")
        guard life.state.name.isFinal == (life.finished != nil) else {
            throw .corrupt(detail: "finished does not fit the state")
        }
        self.row = try row.integer(0)
        self.id = id
        lane = try row.integer(3)
        limits = Job.TimeLimits(total: try row.limit(18, "total_limit"), idle: try row.limit(19, "idle_limit"))
        batch = try row.optionalInteger(20)
        batchRow = try row.optionalInteger(21).map { Int(clamping: $0) }
        self.life = life
        // Looked at last: the reason why it was parked says more than that it was.
        guard try row.integer(2) > 0 else { throw .corrupt(detail: "it was parked") }
    }
}

extension StoredBody {
    /// Reads the columns of `JobSQL.wholeJob` from `first` on; throws `.corrupt` for a row that no version of ours
    /// writes.
    init(_ row: borrowing JobRow, from first: Int) throws(QueueError) {
        guard let lane = Lane(try row.text(first)) else { throw .corrupt(detail: "the lane's name is none") }
        let format = try row.integer(first + 1)
        guard format == JobTables.bodyFormat else { throw .corrupt(detail: "its format is \(format)") }
        self.lane = lane
        created = Timestamp(milliseconds: try row.integer(first + 2))
        request = try row.blob(first + 3)
        inputDigest = try row.blob(first + 4)
        requestedBy = try row.text(first + 5)
        isUnique = try row.integer(first + 6, in: 0...1, "is_unique") == 1
        idempotencyKey = try row.optionalText(first + 7)
        campaign = try row.optionalText(first + 8)
        retryOf = try row.optionalJobID(first + 9, "retry_of")
        trace = try row.optionalText(first + 10)
        let batch = try row.optionalBlob(first + 11)
        self.batch = batch.flatMap { Batch.ID(bytes: $0) }
        guard (batch == nil) == (self.batch == nil) else { throw .corrupt(detail: "its batch has no id") }
        guard inputDigest.count == 32 else { throw .corrupt(detail: "input_digest has \(inputDigest.count) bytes") }
        guard request.count <= QueueLimits.requestByteCount else {
            throw .corrupt(detail: "request has \(request.count) bytes")
        }
    }
}

/// A lane as its row has it.
struct StoredLane: Sendable {
    let code: Int64
    let policy: LanePolicy
    var meter: StartMeter
    let isConfigured: Bool

    /// Reads a row of `JobSQL.lanes`; throws `.corrupt` for one that no version of ours writes.
    init(_ row: borrowing JobRow) throws(QueueError) {
        let name = try row.text(1)
        guard let lane = Lane(name) else { throw .corrupt(detail: "a lane has the name \(name)") }
        code = try row.integer(0)
        let concurrency = try row.optionalInteger(3).map { Int(clamping: $0) }
        var rate: StartRate?
        if let count = try row.optionalInteger(4), let period = try row.optionalInteger(5) {
            rate = StartRate(count: Int(clamping: count), period: .milliseconds(period))
        }
        policy = LanePolicy(
            lane: lane, weight: Int(clamping: try row.integer(2)), concurrency: concurrency, rate: rate)
        do { try policy.validate() } catch { throw .corrupt(detail: "lane \(lane): \(error)") }
        meter = StartMeter(fullAt: min(max(try row.integer(6), -1 << 61), 1 << 61))
        isConfigured = try row.integer(7) != 0
    }
}

/// A batch as its row has it.
struct StoredBatch: Sendable {
    let row: Int64
    var batch: Batch

    /// Reads a row of `JobSQL.batch`; throws `.corrupt` for one that no version of ours writes.
    init(_ row: borrowing JobRow) throws(QueueError) {
        guard let id = Batch.ID(bytes: try row.blob(1)) else { throw .corrupt(detail: "a batch has no id") }
        let most = Int64(Batch.maximumTotal)
        self.row = try row.integer(0)
        batch = Batch(
            id: id, total: Int(try row.integer(2, in: 1...most, "batch total")), requestedBy: try row.text(3),
            created: Timestamp(milliseconds: try row.integer(4)))
        batch.finished = try row.optionalTime(5)
        batch.counts = Batch.Counts(
            accepted: Int(try row.integer(6, in: 0...most, "accepted")),
            rejected: Int(try row.integer(7, in: 0...most, "rejected")),
            succeeded: Int(try row.integer(8, in: 0...most, "succeeded")),
            failed: Int(try row.integer(9, in: 0...most, "failed")),
            cancelled: Int(try row.integer(10, in: 0...most, "cancelled")))
    }
}

/// A worker as its row has it.
struct StoredWorker: Sendable {
    let record: WorkerRecord
    let started: Timestamp
    let lastBeat: Timestamp

    /// Reads a row of `JobSQL.workers`; throws `.corrupt` for one that no version of ours writes.
    init(_ row: borrowing JobRow) throws(QueueError) {
        let names = try row.optionalText(4)
        var lanes: [Lane]?
        if let names {
            lanes = names.utf8.split(separator: 0x2C).compactMap { Lane(String(decoding: Array($0), as: UTF8.self)) }
        }
        record = WorkerRecord(
            name: try row.text(0), host: try row.text(1), processID: Int32(clamping: try row.integer(2)),
            version: try row.text(3), lanes: lanes, isDraining: try row.integer(5) != 0)
        started = Timestamp(milliseconds: try row.integer(6))
        lastBeat = Timestamp(milliseconds: try row.integer(7))
    }
}

// The parts of those rows.
extension SQLiteRow<QueueError> {
    borrowing func integer(_ column: Int, in range: ClosedRange<Int64>, _ name: String) throws(QueueError) -> Int64 {
        let value = try integer(column)
        guard range.contains(value) else { throw .corrupt(detail: "\(name) is \(value)") }
        return value
    }

    borrowing func optionalTime(_ column: Int) throws(QueueError) -> Timestamp? {
        try optionalInteger(column).map { Timestamp(milliseconds: $0) }
    }

    fileprivate borrowing func optionalJobID(_ column: Int, _ name: String) throws(QueueError) -> Job.ID? {
        guard let bytes = try optionalBlob(column) else { return nil }
        guard let id = Job.ID(bytes: bytes) else { throw .corrupt(detail: "\(name) is no job id") }
        return id
    }

    fileprivate borrowing func limit(_ column: Int, _ name: String) throws(QueueError) -> Duration? {
        guard let milliseconds = try optionalInteger(column) else { return nil }
        guard (1...QueueLimits.timeLimit.wholeMilliseconds).contains(milliseconds) else {
            throw .corrupt(detail: "\(name) is \(milliseconds)")
        }
        return .milliseconds(milliseconds)
    }

    fileprivate borrowing func state(epoch: Int64, failure: Job.Failure?) throws(QueueError) -> Job.State {
        let code = try integer(2)
        guard let name = Job.State.Name(code: code) ?? Job.State.Name(code: 0 &- code) else {
            throw .corrupt(detail: "state is \(code)")
        }
        switch name {
        case .scheduled: return .scheduled(at: Timestamp(milliseconds: try integer(9)))
        case .queued: return .queued
        case .running: return .running(try lease(epoch: epoch))
        case .succeeded:
            return .succeeded(try Job.Result(sha256: text(28), byteCount: integer(29), fileName: text(30)))
        case .failed:
            guard let failure else { throw .corrupt(detail: "it failed for no reason") }
            return .failed(failure)
        case .cancelled: return .cancelled
        }
    }

    private borrowing func lease(epoch: Int64) throws(QueueError) -> Job.Lease {
        guard let claimID = Job.ClaimID(bytes: try blob(14)) else { throw .corrupt(detail: "claim_id is none") }
        let length = try integer(15, in: 1...QueueLimits.lease.wholeMilliseconds, "lease_length")
        return Job.Lease(
            worker: try text(13), epoch: epoch, claimID: claimID, duration: .milliseconds(length),
            from: Timestamp(milliseconds: try integer(16)), until: Timestamp(milliseconds: try integer(17)))
    }

    fileprivate borrowing func progress() throws(QueueError) -> Job.Progress? {
        guard let stage = try optionalText(22) else { return nil }
        return Job.Progress(stage: stage, done: try integer(23), total: try integer(24))
    }

    fileprivate borrowing func failure() throws(QueueError) -> Job.Failure? {
        guard let code = try optionalText(25) else { return nil }
        return Job.Failure(
            code: code, message: try text(26), isRetryable: try integer(27, in: 0...1, "failure_retryable") == 1)
    }
}
