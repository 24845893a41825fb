import SQLiteStore
import System

extension SQLiteJobQueue {
    /// See `JobQueue`.
    public func configure(_ policies: [LanePolicy]) async throws(QueueError) {
        try LanePolicy.validate(policies)
        try await writer.write(.full) { (transaction, context) throws(QueueError) in
            let known = try context.lanes(transaction)
            for (place, policy) in policies.enumerated() {
                let values: [SQLiteValue] = [
                    .integer(Int64(policy.weight)), .optional(policy.concurrency.map { Int64($0) }),
                    .optional(policy.rate.map { Int64($0.count) }),
                    .optional(policy.rate.map { $0.period.wholeMilliseconds }), .integer(Int64(place)),
                ]
                if let lane = known.first(where: { $0.policy.lane == policy.lane }) {
                    try transaction.run(JobSQL.changeLane.rawValue, [.integer(lane.code)] + values)
                } else {
                    try transaction.run(JobSQL.addLane.rawValue, [.text(policy.lane.name)] + values)
                }
            }
            let dropped = known.filter { lane in !policies.contains { $0.lane == lane.policy.lane } }
            for (place, lane) in dropped.enumerated() {
                try transaction.run(.dropLane, .integer(lane.code), .integer(Int64(policies.count + place)))
            }
            context.forgetLanes()
            for lane in try context.lanes(transaction) { context.ring(lane.code) }
        }
    }

    /// See `JobQueue`.
    public func hold(_ kind: LaneHold.Kind, _ lane: Lane?, by: String, reason: String) async throws(QueueError) {
        try validateName("by", by)
        try validateReason(reason)
        try await writer.write(.full) { (transaction, context) throws(QueueError) in
            let code = try transaction.code(of: lane, &context)
            try transaction.run(
                .addHold, .integer(code), .integer(kind.code), .text(by), .text(reason),
                .integer(context.now.milliseconds))
            context.forgetLanes()
            context.note(.held(kind, lane, by: by, reason: reason))
        }
    }

    /// See `JobQueue`.
    @discardableResult
    public func resume(_ lane: Lane?, by: String) async throws(QueueError) -> [LaneHold] {
        try validateName("by", by)
        return try await writer.write(.full) { (transaction, context) throws(QueueError) in
            let code = try transaction.code(of: lane, &context)
            let lanes = try context.lanes(transaction)
            let lifted = try transaction.holds(among: lanes).filter { $0.lane == lane }
            guard !lifted.isEmpty else { return [] }
            try transaction.run(.dropHolds, .integer(code))
            context.forgetLanes()
            context.note(.resumed(lane, by: by))
            for lane in lanes { context.ring(lane.code) }
            return lifted
        }
    }

    /// See `JobQueue`.
    public func prune(_ retention: Retention) async throws(QueueError) -> Int {
        try await writer.write(.normal) { (transaction, context) throws(QueueError) in
            try transaction.prune(retention, context)
        }
    }
}

extension SQLiteTransaction<QueueError> {
    /// The number of a lane that the farm has or had; 0 for all lanes.
    fileprivate borrowing func code(of lane: Lane?, _ context: inout JobContext) throws(QueueError) -> Int64 {
        guard let lane else { return 0 }
        if let found = try context.lane(lane, self) { return found.code }
        throw .noSuchLane(lane, known: try context.lanes(self).filter(\.isConfigured).map(\.policy.lane))
    }

    fileprivate borrowing func prune(_ retention: Retention, _ context: JobContext) throws(QueueError) -> Int {
        let newest = try integer(.newest)
        let beyondCount = max(0, try count(.countEnded) - retention.count)
        var removed = 0
        var offset = 0
        // The oldest first; the first that need not go ends it, since ages and numbers only fall from there. Those that
        // must stay for another reason are stepped over.
        search: while removed < Retention.perCall {
            let found = try ended(from: offset - removed)
            if found.isEmpty { break }
            for job in found {
                let age = job.hasFailed ? retention.failed : retention.ended
                let isOld = job.finished + age <= context.now
                if offset >= beyondCount, job.finished + min(retention.failed, retention.ended) > context.now {
                    break search
                }
                offset += 1
                guard offset <= beyondCount || isOld, !job.isNeeded, job.row != newest else { continue }
                for sql in [JobSQL.dropJob, .dropBody, .dropOutcome] { try run(sql, .integer(job.row)) }
                removed += 1
                if removed == Retention.perCall { break search }
            }
        }
        try pruneBatches(retention, context)
        return removed
    }

    private borrowing func ended(from offset: Int) throws(QueueError) -> [EndedJob] {
        let values: [SQLiteValue] = [.integer(Int64(Retention.perCall)), .integer(Int64(offset))]
        return try rows(JobSQL.oldestEnded.rawValue, values) { row throws(QueueError) in
            let (batchEnd, batch) = (try row.optionalInteger(3), try row.optionalInteger(4))
            let isRetryOfPresent = try row.optionalInteger(5) != nil
            return EndedJob(
                row: try row.integer(0), finished: Timestamp(milliseconds: try row.integer(1)),
                hasFailed: try row.integer(2) == Job.State.Name.failed.code,
                isNeeded: batch != nil && batchEnd == nil || isRetryOfPresent)
        }
    }

    private borrowing func pruneBatches(_ retention: Retention, _ context: JobContext) throws(QueueError) {
        let age = max(retention.ended, retention.failed)
        let before = (context.now + (.zero - age)).milliseconds
        for row in try integers(.oldBatches, .integer(before), .integer(Int64(Retention.perCall))) {
            try run(.dropRejections, .integer(row))
            try run(.dropBatch, .integer(row))
        }
    }
}

/// An ended job as retention looks at it.
private struct EndedJob {
    let row: Int64
    let finished: Timestamp
    let hasFailed: Bool
    /// Its batch has not ended, or the job that it repeats is there.
    let isNeeded: Bool
}
