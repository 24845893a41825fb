import SQLiteStore
import System

// What the queue does inside one transaction.
extension SQLiteTransaction<QueueError> {
    /// Adds the job of `submission`, or answers with the one that has its id already.
    borrowing func add(_ submission: Submission, at now: Timestamp) throws(QueueError) -> Job {
        if let present = try row(of: submission.id) {
            let job = try readableJob(present, submission.id)
            guard submission.asksForTheSame(as: job) else { throw .alreadyExists(submission.id) }
            return job
        }
        let job = submission.job(at: now)
        let id = job.id.bytes
        let added = try integers(
            .addJob, .blob(id), .integer(job.state.name.code), .integer(try code(of: job.lane)),
            .integer(Int64(job.attempt)), .integer(Int64(job.maxAttempts)),
            .optional(job.life.scheduledFor?.milliseconds))
        guard let row = added.first else { throw .corrupt(detail: "a new job got no number") }
        try run(
            .addBody, .integer(row), .integer(JobTables.bodyFormat), .integer(job.created.milliseconds),
            .blob(job.request), .blob(job.inputDigest), .text(job.requestedBy), .optional(job.idempotencyKey),
            .optional(job.batch), .optional(job.campaign), .optional(job.retryOf?.bytes), .optional(job.trace))
        return job
    }

    /// Takes back jobs whose lease has run out.
    borrowing func reclaimExpired(at now: Timestamp) throws(QueueError) {
        let limit = SQLiteValue.integer(Int64(QueueLimits.reclaimsPerClaim))
        for row in try integers(.expired, .integer(now.milliseconds), limit) {
            guard let stored = try lifeOrPark(row), let expiry = stored.life.leaseExpiry else { continue }
            try apply(expiry, to: stored.life, row, at: now)
        }
    }

    /// Queues scheduled jobs whose time has come.
    borrowing func promoteDue(at now: Timestamp) throws(QueueError) {
        let limit = SQLiteValue.integer(Int64(QueueLimits.promotionsPerClaim))
        for row in try integers(.due, .integer(now.milliseconds), limit) {
            guard let stored = try lifeOrPark(row) else { continue }
            try apply(.due, to: stored.life, row, at: now)
        }
    }

    /// Gives the oldest queued job that can be read a lease, which `makeLease` makes for its epoch.
    borrowing func claimOldest(
        of lanes: [Lane]?, at now: Timestamp, makeLease: (_ epoch: Int64) -> Job.Lease
    ) throws(QueueError) -> Job? {
        let codes = try codes(of: lanes)
        while let row = try oldestQueued(in: codes) {
            guard let stored = try lifeOrPark(row), let body = try bodyOrPark(row) else { continue }
            let lease = makeLease(stored.life.epoch + 1)
            let life = try apply(.claimed(lease), to: stored.life, row, at: now)
            return Job(StoredLife(id: stored.id, life: life), body)
        }
        return nil
    }

    /// Whether a claim would find anything to do.
    borrowing func outlook(for lanes: [Lane]?, at now: Timestamp) throws(QueueError) -> ClaimOutlook {
        if try !integers(.expired, .integer(now.milliseconds), 1).isEmpty { return .expiredLeases }
        if try !integers(.due, .integer(now.milliseconds), 1).isEmpty { return .jobs }
        return try oldestQueued(in: codes(of: lanes)) == nil ? .nothing : .jobs
    }

    /// The life of the job that `claim` still holds.
    borrowing func held(by claim: Job.Claim) throws(QueueError) -> (row: Int64, life: Job.Life) {
        guard let row = try row(of: claim.job), case .readable(let stored) = try life(row),
            stored.life.isHeld(by: claim)
        else { throw .leaseLost(claim.job) }
        return (row, stored.life)
    }

    /// Changes the row as `event` demands.
    @discardableResult
    borrowing func apply(
        _ event: Job.Event, to life: Job.Life, _ row: Int64, at now: Timestamp
    ) throws(QueueError) -> Job.Life {
        guard let after = life.next(on: event, at: now) else {
            preconditionFailure("\(event) cannot happen to a job that is \(life.state.name)")
        }
        try save(after, row)
        if let failure = after.lastFailure, failure != life.lastFailure {
            try run(
                .saveFailure, .integer(row), .text(failure.code), .text(failure.message),
                .integer(failure.isRetryable ? 1 : 0))
        }
        if case .succeeded(let result) = after.state {
            try run(
                .saveResult, .integer(row), .text(result.sha256), .integer(result.byteCount), .text(result.fileName))
        }
        return after
    }

    /// Writes the hot row.
    borrowing func save(_ life: Job.Life, _ row: Int64) throws(QueueError) {
        var lease: Job.Lease?
        if case .running(let current) = life.state { lease = current }
        try run(
            .saveLife, .integer(row), .integer(life.state.name.code), .integer(Int64(life.attempt)),
            .integer(life.epoch), .optional(life.scheduledFor?.milliseconds), .optional(life.claimed?.milliseconds),
            .optional(life.finished?.milliseconds), .optional(lease?.worker), .optional(lease?.claimID.bytes),
            .integer(lease?.until.milliseconds ?? 0), .optional(life.progress?.stage), .optional(life.progress?.done),
            .optional(life.progress?.total))
    }

    /// The number of a job's row.
    borrowing func row(of id: Job.ID) throws(QueueError) -> Int64? { try integers(.rowOfJob, .blob(id.bytes)).first }

    /// The whole job in `row`.
    borrowing func job(_ row: Int64) throws(QueueError) -> Stored<Job> {
        switch (try life(row), try body(row)) {
        case (.readable(let life), .readable(let body)): .readable(Job(life, body))
        case (_, .unreadable(let reason)), (.unreadable(let reason), _): .unreadable(reason: reason)
        }
    }

    /// The whole job in `row`; throws `.parked` where it cannot be read.
    borrowing func readableJob(_ row: Int64, _ id: Job.ID) throws(QueueError) -> Job {
        switch try job(row) {
        case .readable(let job): return job
        case .unreadable(let reason): throw .parked(id, detail: reason)
        }
    }

    /// The numbers of those of `lanes` that have one; of all when nil.
    borrowing func codes(of lanes: [Lane]?) throws(QueueError) -> [Int64] {
        guard let lanes else { return try integers(.lanes) }
        var codes: [Int64] = []
        for lane in lanes { codes += try integers(.lane, .text(lane.name)) }
        return codes
    }

    private borrowing func code(of lane: Lane) throws(QueueError) -> Int64 {
        if let known = try integers(.lane, .text(lane.name)).first { return known }
        guard let added = try integers(.addLane, .text(lane.name)).first else {
            throw .corrupt(detail: "a new lane got no number")
        }
        return added
    }

    /// Lane by lane, since a join over lanes collapses when queues are long. Weights will enter here.
    private borrowing func oldestQueued(in lanes: [Int64]) throws(QueueError) -> Int64? {
        var oldest: Int64?
        for lane in lanes {
            guard let row = try integers(.oldestQueued, .integer(lane)).first else { continue }
            oldest = min(row, oldest ?? row)
        }
        return oldest
    }

    private borrowing func life(_ row: Int64) throws(QueueError) -> Stored<StoredLife> {
        try stored(.life, row) { row throws(QueueError) in try StoredLife(row) }
    }

    private borrowing func body(_ row: Int64) throws(QueueError) -> Stored<StoredBody> {
        try stored(.body, row) { row throws(QueueError) in try StoredBody(row) }
    }

    private borrowing func lifeOrPark(_ row: Int64) throws(QueueError) -> StoredLife? { try readable(life(row), row) }

    private borrowing func bodyOrPark(_ row: Int64) throws(QueueError) -> StoredBody? { try readable(body(row), row) }

    /// The value; where it cannot be read, the row is parked, so that nobody stumbles over it again.
    private borrowing func readable<Value>(_ stored: Stored<Value>, _ row: Int64) throws(QueueError) -> Value? {
        switch stored {
        case .readable(let value): return value
        case .unreadable:
            try run(.park, .integer(row))
            return nil
        }
    }

    private borrowing func stored<Value>(
        _ sql: JobSQL, _ row: Int64, _ read: (borrowing JobRow) throws(QueueError) -> Value
    ) throws(QueueError) -> Stored<Value> {
        let found = try self.row(sql.rawValue, [.integer(row)]) { row throws(QueueError) -> Stored<Value> in
            // What fails here is about the content of the row; a failing disk shows in the step before.
            do throws(QueueError) { return .readable(try read(row)) } catch {
                return .unreadable(reason: unreadableReason(error))
            }
        }
        return found ?? .unreadable(reason: "it has no row")
    }
}

/// What a claim would find.
enum ClaimOutlook {
    case nothing
    case jobs
    case expiredLeases
}

private func unreadableReason(_ error: QueueError) -> String {
    if case .corrupt(let detail) = error { detail } else { error.description }
}
