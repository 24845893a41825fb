import SQLiteStore
import System

// Taking jobs in, alone and in batches.
extension SQLiteTransaction<QueueError> {
    /// Adds the job of `submission`, or answers with the one that it stands for.
    ///
    /// Nothing is changed when this throws anything but a failure of the store.
    borrowing func add(_ submission: Submission, _ context: inout JobContext) throws(QueueError) -> StoredJob {
        try submission.validate()
        // Most are new, and only their id could tell otherwise: inserting them finds that out.
        let isKnownByID = submission.idempotencyKey == nil && submission.batch == nil && !submission.isUnique
        if isKnownByID, let lane = try laneIfOpen(submission.lane, &context),
            let new = try insert(submission, lane, &context)
        {
            return new
        }
        if let present = try alreadyThere(submission) { return present }
        if let alive = try rowAlive(like: submission) {
            return try readableJob(alive, publicID(alive) ?? submission.id)
        }
        guard let new = try insert(submission, openLane(submission.lane, &context), &context) else {
            throw .alreadyExists(submission.id)
        }
        return new
    }

    /// The lane, which takes jobs in.
    borrowing func openLane(_ lane: Lane, _ context: inout JobContext) throws(QueueError) -> StoredLane {
        if let open = try laneIfOpen(lane, &context) { return open }
        if let closed = try context.hold(.closed, lane, self), try context.lane(lane, self)?.isConfigured == true {
            throw .closed(closed)
        }
        throw .noSuchLane(lane, known: try context.lanes(self).filter(\.isConfigured).map(\.policy.lane))
    }

    /// The lane; nil where it takes no jobs in, for whatever reason.
    private borrowing func laneIfOpen(_ lane: Lane, _ context: inout JobContext) throws(QueueError) -> StoredLane? {
        guard let found = try context.lane(lane, self), found.isConfigured,
            try context.hold(.closed, lane, self) == nil
        else { return nil }
        return found
    }

    /// The row of the job that waits or runs in place of a unique submission.
    borrowing func rowAlive(like submission: Submission) throws(QueueError) -> Int64? {
        submission.isUnique ? try integer(.rowOfUnique, .blob(submission.inputDigest)) : nil
    }

    /// Adds jobs that repeat failed ones of `lane` (nil: of all that take jobs in), at most `limit`.
    borrowing func retryFailed(
        of lane: Lane?, failedBy time: Timestamp, limit: Int, _ random: RandomSource, _ context: inout JobContext
    ) throws(QueueError) -> [Job] {
        var candidates: [(row: Int64, lane: Int64)] = []
        if let lane {
            candidates = try failed(in: openLane(lane, &context).code, after: 0, time, limit)
        } else {
            for known in try context.lanes(self) where known.isConfigured {
                guard try context.hold(.closed, known.policy.lane, self) == nil else { continue }
                candidates += try failed(in: known.code, after: 0, time, limit)
            }
        }
        var new: [Job] = []
        var seen: Set<Int64> = []
        while new.count < limit, let next = candidates.min(by: { $0.row < $1.row }) {
            candidates.removeAll { $0.row == next.row }
            // A lane whose first candidates are used up may have more.
            if seen.insert(next.row).inserted, !candidates.contains(where: { $0.lane == next.lane }) {
                candidates += try failed(in: next.lane, after: next.row, time, limit)
            }
            guard case .readable(let old) = try whole(next.row) else { continue }
            let id = Job.ID(at: context.now, random: random)
            let retry = Submission(retrying: old.job, as: id)
            // What nobody could submit comes from a damaged row, and must keep no other from being retried.
            guard retry.isValid, try rowAlive(like: retry) == nil else { continue }
            new.append(try addRetry(of: old, as: id, &context).job)
        }
        return new
    }

    private borrowing func failed(
        in lane: Int64, after row: Int64, _ time: Timestamp, _ limit: Int
    ) throws(QueueError) -> [(row: Int64, lane: Int64)] {
        let rows = try integers(
            .failedUnretried, .integer(lane), .integer(row), .integer(Int64(limit)), .integer(time.milliseconds))
        return rows.map { ($0, lane) }
    }

    /// Adds a job that repeats `old`, and notes there that it does.
    borrowing func addRetry(
        of old: StoredJob, as id: Job.ID, _ context: inout JobContext
    ) throws(QueueError) -> StoredJob {
        let new = try add(Submission(retrying: old.job, as: id), &context)
        // The like of a unique job, which is answered in its place, may be another one's retry.
        if new.body.retryOf == old.stored.id {
            try run(.saveRetry, .integer(old.stored.row), .blob(new.stored.id.bytes))
        }
        return new
    }

    /// The id in `row`; nil where that cannot be read.
    borrowing func publicID(_ row: Int64) throws(QueueError) -> Job.ID? {
        try self.row(JobSQL.publicID.rawValue, [.integer(row)]) { row throws(QueueError) in
            Job.ID(bytes: try row.blob(0))
        } ?? nil
    }

    /// Adds the job; nil, and nothing has happened, where its id is there already.
    private borrowing func insert(
        _ submission: Submission, _ lane: StoredLane, _ context: inout JobContext
    ) throws(QueueError) -> StoredJob? {
        var batch: StoredBatch?
        if let place = submission.batch { batch = try self.batch(of: place) }
        let job = submission.job(at: context.now)
        guard let row = try addRows(job, lane, batch, isUniqueNow: job.isUnique) else { return nil }
        if var batch {
            batch.batch.counts.accepted += 1
            try save(batch)
        }
        context.note(.state(job.id, job.state.name, attempt: job.attempt))
        context.ring(lane.code)
        return StoredJob(
            stored: StoredLife(
                row: row, id: job.id, lane: lane.code, limits: job.limits, batch: batch?.row,
                batchRow: job.batch?.row, life: job.life),
            body: StoredBody(
                lane: job.lane, created: job.created, request: job.request, inputDigest: job.inputDigest,
                requestedBy: job.requestedBy, isUnique: job.isUnique, idempotencyKey: job.idempotencyKey,
                campaign: job.campaign, retryOf: job.retryOf, trace: job.trace, batch: job.batch?.batch))
    }

    /// Writes the rows of a job that has just arrived; the number of its row, nil, and nothing has happened, where its id
    /// is there already.
    ///
    /// - Parameter isUniqueNow: no other unique job of the same digest may be there from now on.
    borrowing func addRows(
        _ job: Job, _ lane: StoredLane, _ batch: StoredBatch?, isUniqueNow: Bool
    ) throws(QueueError) -> Int64? {
        let inserted = try insertIfNew(
            JobSQL.addJob.rawValue,
            [
                .blob(job.id.bytes), .integer(job.state.name.code), .integer(lane.code),
                .integer(Int64(job.attempt)), .integer(Int64(job.maxAttempts)),
                .optional(job.life.scheduledFor?.milliseconds), .optional(job.limits.total?.wholeMilliseconds),
                .optional(job.limits.idle?.wholeMilliseconds), isUniqueNow ? .blob(job.inputDigest) : .null,
                .optional(batch?.row), .optional(job.batch.map { Int64($0.row) }),
            ])
        guard let row = inserted else { return nil }
        try run(
            .addBody, .integer(row), .integer(JobTables.bodyFormat), .integer(job.created.milliseconds),
            .blob(job.request), .blob(job.inputDigest), .text(job.requestedBy), .integer(job.isUnique ? 1 : 0),
            .optional(job.idempotencyKey), .optional(job.campaign), .optional(job.retryOf?.bytes),
            .optional(job.trace))
        return row
    }

    /// The job that this submission stands for, when it came before.
    private borrowing func alreadyThere(_ submission: Submission) throws(QueueError) -> StoredJob? {
        if let row = try row(of: submission.id) {
            let found = try readableJob(row, submission.id)
            guard submission.asksForTheSame(as: found.job) else { throw .alreadyExists(submission.id) }
            return found
        }
        if let key = submission.idempotencyKey, let row = try integer(.rowOfKey, .text(key)) {
            let found = try readableJob(row, publicID(row) ?? submission.id)
            guard submission.asksForTheSame(as: found.job) else { throw .keyTaken(key: key, by: found.stored.id) }
            return found
        }
        guard let place = submission.batch else { return nil }
        let batch = try batch(of: place)
        if try integer(.rejection, .integer(batch.row), .integer(Int64(place.row))) != nil {
            throw .rowTaken(place, by: nil)
        }
        guard let row = try row(of: place, in: batch) else {
            // A batch that has ended knows all its rows: this one was a job that is no longer kept.
            guard batch.batch.finished == nil else { throw .rowTaken(place, by: nil) }
            return nil
        }
        let found = try readableJob(row, publicID(row) ?? submission.id)
        guard submission.asksForTheSame(as: found.job) else { throw .rowTaken(place, by: found.stored.id) }
        return found
    }

    // MARK: Batches

    /// Announces a batch, or answers with the one that was.
    borrowing func open(
        _ id: Batch.ID, total: Int, requestedBy: String, _ context: JobContext
    ) throws(QueueError) -> Batch {
        if let found = try batch(id)?.batch {
            guard found.total == total, found.requestedBy.utf8.elementsEqual(requestedBy.utf8) else {
                throw .batchDiffers(id)
            }
            return found
        }
        let batch = Batch(id: id, total: total, requestedBy: requestedBy, created: context.now)
        try addBatch(batch)
        return batch
    }

    /// Counts a row as refused, once.
    borrowing func reject(
        _ place: Batch.Place, _ failure: Job.Failure, _ context: inout JobContext
    ) throws(QueueError) {
        var batch = try batch(of: place)
        if let row = try row(of: place, in: batch) { throw .rowTaken(place, by: try publicID(row)) }
        let number = SQLiteValue.integer(Int64(place.row))
        guard try integer(.rejection, .integer(batch.row), number) == nil else { return }
        guard batch.batch.finished == nil else { throw .rowTaken(place, by: nil) }
        try addRejection(of: place.row, failure, in: batch)
        batch.batch.counts.rejected += 1
        try finishIfDone(&batch, &context)
        try save(batch)
    }

    /// Writes the row of a batch without its counts.
    borrowing func addBatch(_ batch: Batch) throws(QueueError) {
        try run(
            .addBatch, .blob(batch.id.bytes), .integer(Int64(batch.total)), .text(batch.requestedBy),
            .integer(batch.created.milliseconds))
    }

    /// Writes down why a row of a batch was refused.
    borrowing func addRejection(
        of row: Int, _ failure: Job.Failure, in batch: StoredBatch
    ) throws(QueueError) {
        try run(
            .addRejection, .integer(batch.row), .integer(Int64(row)), .text(failure.code), .text(failure.message),
            .integer(failure.isRetryable ? 1 : 0))
    }

    /// The batch; nil when there is none.
    borrowing func batch(_ id: Batch.ID) throws(QueueError) -> StoredBatch? {
        try row(JobSQL.batch.rawValue, [.blob(id.bytes)]) { row throws(QueueError) in try StoredBatch(row) }
    }

    /// One job of the batch in `row` has ended.
    borrowing func countEnd(
        _ state: Job.State.Name, in row: Int64, _ context: inout JobContext
    ) throws(QueueError) {
        // A batch that cannot be read is not counted any more; its jobs end all the same.
        let found = try self.row(JobSQL.batchInRow.rawValue, [.integer(row)]) { row throws(QueueError) in
            ifReadable { () throws(QueueError) in try StoredBatch(row) }
        }
        guard var batch = found ?? nil else { return }
        batch.batch.counts.count(state)
        try finishIfDone(&batch, &context)
        try save(batch)
    }

    borrowing func batch(of place: Batch.Place) throws(QueueError) -> StoredBatch {
        guard let found = try batch(place.batch) else { throw .noSuchBatch(place.batch) }
        try require(place.row, in: 1...found.batch.total, "batch row")
        return found
    }

    borrowing func row(of place: Batch.Place, in batch: StoredBatch) throws(QueueError) -> Int64? {
        try integer(.rowOfPlace, .integer(batch.row), .integer(Int64(place.row)))
    }

    private borrowing func finishIfDone(_ batch: inout StoredBatch, _ context: inout JobContext) throws(QueueError) {
        if batch.batch.finishIfDone(at: context.now) { context.note(.batchFinished(batch.batch.id)) }
    }

    borrowing func save(_ batch: StoredBatch) throws(QueueError) {
        let counts = batch.batch.counts
        try run(
            .saveBatch, .integer(batch.row), .optional(batch.batch.finished?.milliseconds),
            .integer(Int64(counts.accepted)), .integer(Int64(counts.rejected)), .integer(Int64(counts.succeeded)),
            .integer(Int64(counts.failed)), .integer(Int64(counts.cancelled)))
    }
}
