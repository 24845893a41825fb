import SQLiteStore
import System

extension SQLiteJobQueue {
    /// See `JobQueue`.
    public func arrivals(after cursor: JobCursor?, limit: Int) async throws(QueueError) -> JobPage {
        try await ask { reader throws(QueueError) in try reader.arrivals(after: cursor, limit: limit) }
    }

    /// See `JobQueue`.
    public func batches(after last: Batch?, limit: Int) async throws(QueueError) -> [Batch] {
        try await ask { reader throws(QueueError) in try reader.batches(after: last, limit: limit) }
    }

    /// See `JobQueue`.
    @discardableResult
    public func restore(_ batch: Batch) async throws(QueueError) -> Bool {
        try await writer.write(.full) { (transaction, _) throws(QueueError) in try transaction.restore(batch) }
    }

    /// See `JobQueue`.
    public func restore(_ refusals: [Batch.Refusal]) async throws(QueueError) {
        if refusals.isEmpty { return }
        try await writer.write(.full) { (transaction, _) throws(QueueError) in
            for refusal in refusals { try transaction.restore(refusal) }
        }
    }

    /// See `JobQueue`.
    @discardableResult
    public func restore(_ jobs: [Job]) async throws(QueueError) -> Int {
        if jobs.isEmpty { return 0 }
        return try await writer.write(.full) { (transaction, context) throws(QueueError) in
            var count = 0
            for job in jobs where try transaction.restore(job, &context) { count += 1 }
            return count
        }
    }
}

extension SQLiteTransaction<QueueError> {
    fileprivate borrowing func restore(_ batch: Batch) throws(QueueError) -> Bool {
        guard try self.batch(batch.id) == nil else { return false }
        try addBatch(batch)
        guard var stored = try self.batch(batch.id) else { throw .corrupt(detail: "a batch is gone at once") }
        stored.batch = batch
        try save(stored)
        return true
    }

    fileprivate borrowing func restore(_ refusal: Batch.Refusal) throws(QueueError) {
        let place = refusal.place
        let batch = try self.batch(of: place)
        if let row = try row(of: place, in: batch) { throw .rowTaken(place, by: try publicID(row)) }
        guard try integer(.rejection, .integer(batch.row), .integer(Int64(place.row))) == nil else { return }
        try addRejection(of: place.row, refusal.failure, in: batch)
    }

    /// Adds a job as it was in another store; false where it is there already.
    fileprivate borrowing func restore(_ job: Job, _ context: inout JobContext) throws(QueueError) -> Bool {
        guard try row(of: job.id) == nil else { return false }
        try job.validateRestoring()
        if let key = job.idempotencyKey, let row = try integer(.rowOfKey, .text(key)) {
            throw .keyTaken(key: key, by: try publicID(row) ?? job.id)
        }
        var batch: StoredBatch?
        if let place = job.batch {
            let found = try self.batch(of: place)
            let other = try row(of: place, in: found)
            let isRefused = try integer(.rejection, .integer(found.row), .integer(Int64(place.row))) != nil
            guard other == nil, !isRefused else {
                throw .rowTaken(place, by: try other.flatMap { row throws(QueueError) in try publicID(row) })
            }
            batch = found
        }
        let isAlive = !job.state.name.isFinal
        if isAlive, let alive = try rowAlive(like: Submission(of: job)) {
            throw .alreadyExists(try publicID(alive) ?? job.id)
        }
        guard let lane = try context.lane(job.lane, self) else {
            throw .noSuchLane(job.lane, known: try context.lanes(self).filter(\.isConfigured).map(\.policy.lane))
        }
        guard let row = try addRows(job, lane, batch, isUniqueNow: job.isUnique && isAlive) else { return false }
        try save(job.life, row)
        if let failure = job.life.lastFailure { try save(failure, of: row) }
        if case .succeeded(let result) = job.state { try save(result, of: row) }
        if let retry = job.life.retriedAs { try run(.saveRetry, .integer(row), .blob(retry.bytes)) }
        context.note(.state(job.id, job.state.name, attempt: job.attempt))
        if isAlive { context.ring(lane.code) }
        return true
    }
}
