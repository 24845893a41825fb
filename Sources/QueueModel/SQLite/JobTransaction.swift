import SQLiteStore
import System

// Reading and changing jobs inside one transaction.
extension SQLiteTransaction<QueueError> {
    /// The number of a job's row.
    borrowing func row(of id: Job.ID) throws(QueueError) -> Int64? { try integer(.rowOfJob, .blob(id.bytes)) }

    /// The whole job in `row`.
    borrowing func whole(_ row: Int64) throws(QueueError) -> Stored<StoredJob> {
        let found = try self.row(JobSQL.wholeJob.rawValue, [.integer(row)]) { row throws(QueueError) in
            readable { () throws(QueueError) in try StoredJob(row) }
        }
        return found ?? .unreadable(reason: "it has no row")
    }

    /// The whole job in `row`; throws `.parked` where it cannot be read.
    borrowing func readableJob(_ row: Int64, _ id: Job.ID) throws(QueueError) -> StoredJob {
        switch try whole(row) {
        case .readable(let job): return job
        case .unreadable(let reason): throw .parked(id, detail: reason)
        }
    }

    /// The job in `row`; nil where it cannot be read, and then the row is parked, so that nobody stumbles over it again.
    borrowing func jobOrPark(_ row: Int64) throws(QueueError) -> StoredJob? {
        switch try whole(row) {
        case .readable(let job): return job
        case .unreadable:
            try run(.park, .integer(row))
            return nil
        }
    }

    /// The life of the job that `claim` still holds.
    borrowing func held(by claim: Job.Claim) throws(QueueError) -> StoredLife {
        let found = try self.row(JobSQL.lifeOfJob.rawValue, [.blob(claim.job.bytes)]) { row throws(QueueError) in
            readable { () throws(QueueError) in try StoredLife(row) }
        }
        guard case .readable(let stored)? = found, stored.life.isHeld(by: claim) else { throw .leaseLost(claim.job) }
        return stored
    }

    /// Changes the row as `event` demands, and all that goes by the job's state: events, its batch, who is woken.
    @discardableResult
    borrowing func apply(
        _ event: Job.Event, to stored: StoredLife, _ context: inout JobContext
    ) throws(QueueError) -> StoredLife {
        let before = stored.life
        guard let life = before.next(on: event, at: context.now) else {
            // Only where a row says something else than the index that led to it.
            throw .corrupt(
                detail: "job \(stored.id) is \(before.state.name.rawValue) and was looked for as something else")
        }
        try save(life, stored.row)
        if let failure = life.lastFailure, failure != before.lastFailure {
            try save(failure, of: stored.row)
        }
        if case .succeeded(let result) = life.state { try save(result, of: stored.row) }
        var after = stored
        after.life = life
        try follow(after, from: before, &context)
        return after
    }

    /// What a change of state brings with it.
    private borrowing func follow(
        _ stored: StoredLife, from before: Job.Life, _ context: inout JobContext
    ) throws(QueueError) {
        let (old, new) = (before.state.name, stored.life.state.name)
        guard old != new else { return }
        context.note(.state(stored.id, new, attempt: stored.life.attempt))
        if new == .queued || new == .scheduled { context.ring(stored.lane) }
        if old == .running, try context.lane(stored.lane, self)?.policy.concurrency != nil {
            // Room for one more in a lane that may have been at its limit.
            context.ring(stored.lane)
        }
        guard new.isFinal else { return }
        try run(.freeUnique, .integer(stored.row))
        if let batch = stored.batch { try countEnd(new, in: batch, &context) }
    }

    /// Writes the hot row.
    borrowing func save(_ life: Job.Life, _ row: Int64) throws(QueueError) {
        let lease = life.lease
        try run(
            .saveLife, .integer(row), .integer(life.state.name.code), .integer(Int64(life.attempt)),
            .integer(Int64(life.lostLeases)), .integer(Int64(life.pardons)), .integer(life.epoch),
            .optional(life.scheduledFor?.milliseconds), .optional(life.claimed?.milliseconds),
            .optional(life.progressed?.milliseconds), .optional(life.finished?.milliseconds),
            .optional(lease?.worker), .optional(lease?.claimID.bytes),
            .integer(lease?.duration.wholeMilliseconds ?? 0), .integer(lease?.from.milliseconds ?? 0),
            .integer(lease?.until.milliseconds ?? 0), .optional(life.progress?.stage), .optional(life.progress?.done),
            .optional(life.progress?.total))
    }

    /// Writes down why the latest attempt failed.
    borrowing func save(_ failure: Job.Failure, of row: Int64) throws(QueueError) {
        try run(
            .saveFailure, .integer(row), .text(failure.code), .text(failure.message),
            .integer(failure.isRetryable ? 1 : 0))
    }

    /// Writes down what the job has led to.
    borrowing func save(_ result: Job.Result, of row: Int64) throws(QueueError) {
        try run(.saveResult, .integer(row), .text(result.sha256), .integer(result.byteCount), .text(result.fileName))
    }

    /// What `read` makes of a row. What fails here is about the content of the row; a failing disk shows in the step
    /// before.
    borrowing func readable<Value>(_ read: () throws(QueueError) -> Value) -> Stored<Value> {
        do throws(QueueError) { return .readable(try read()) } catch {
            if case .corrupt(let detail) = error { return .unreadable(reason: detail) }
            return .unreadable(reason: error.description)
        }
    }
}
