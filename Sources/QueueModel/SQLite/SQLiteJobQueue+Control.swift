import SQLiteStore
import System

extension SQLiteJobQueue {
    /// See `JobQueue`.
    public func configure(_ policies: [LanePolicy]) async throws(QueueError) {
        try await configure(policies, ifNone: false)
    }

    /// The same; with `ifNone` only where no lanes are configured by then.
    func configure(_ policies: [LanePolicy], ifNone: Bool) async throws(QueueError) {
        try LanePolicy.validate(policies)
        try await writer.write(.full) { (transaction, context) throws(QueueError) in
            let known = try context.lanes(transaction)
            let configured = known.filter(\.isConfigured).map(\.policy)
            guard policies != configured, configured.isEmpty || !ifNone else { return }
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

    /// See `JobQueue`. A call looks at a bounded number of jobs; the next one goes on where it ended.
    public func prune(_ retention: Retention) async throws(QueueError) -> Int {
        // Counted without the lock; again under it only where there seem to be too many.
        let mayBeTooMany = try await ask { reader throws(QueueError) in try reader.endedCount() } > retention.count
        let place = memory.prunePlace
        let (removed, next) = try await writer.write(.normal) { (transaction, context) throws(QueueError) in
            let ended = mayBeTooMany ? try transaction.count(.countEnded) : 0
            return try transaction.prune(
                retention, tooMany: max(0, ended - retention.count), from: place, context)
        }
        memory.prunePlace = next
        return removed
    }
}

extension SQLiteTransaction<QueueError> {
    /// The number of a lane that the farm has or had; 0 for all lanes.
    fileprivate borrowing func code(of lane: Lane?, _ context: inout JobContext) throws(QueueError) -> Int64 {
        guard let lane else { return 0 }
        if let found = try context.lane(lane, self) { return found.code }
        throw .noSuchLane(lane, known: try context.lanes(self).filter(\.isConfigured).map(\.policy.lane))
    }

    /// Removes what need not be kept from `place` on, the oldest first.
    ///
    /// - Returns: how many, and where to go on.
    fileprivate borrowing func prune(
        _ retention: Retention, tooMany: Int, from place: PrunePlace, _ context: JobContext
    ) throws(QueueError) -> (removed: Int, next: PrunePlace) {
        var next = place
        let rows = next.choose(
            among: try ended(after: place), retention, tooMany: tooMany, newest: try integer(.newest), at: context.now)
        for row in rows { for sql in [JobSQL.dropJob, .dropBody, .dropOutcome] { try run(sql, .integer(row)) } }
        if rows.count < Retention.perCall { try pruneBatches(retention, context) }
        return (rows.count, next)
    }

    private borrowing func ended(after place: PrunePlace) throws(QueueError) -> [EndedJob<Int64>] {
        let values: [SQLiteValue] = [
            .integer(place.finished.milliseconds), .integer(place.row), .integer(Int64(PrunePlace.lookLimit)),
        ]
        return try rows(JobSQL.endedAfter.rawValue, values) { row throws(QueueError) in
            let (number, opened, ended) = (try row.integer(0), try row.optionalTime(3), try row.optionalTime(4))
            return EndedJob(
                key: number, row: number, finished: Timestamp(milliseconds: try row.integer(1)),
                hasFailed: try row.integer(2) == Job.State.Name.failed.code, openSince: ended == nil ? opened : nil,
                isRetryOfPresent: try row.optionalInteger(5) != nil)
        }
    }

    /// Removes batches of whose jobs none is left, when they ended long ago or were never completed.
    private borrowing func pruneBatches(_ retention: Retention, _ context: JobContext) throws(QueueError) {
        func before(_ age: Duration) -> SQLiteValue { .integer((context.now + (.zero - age)).milliseconds) }
        let rows = try integers(
            .oldBatches, before(max(retention.ended, retention.failed)), .integer(Int64(Retention.perCall)),
            before(retention.abandoned))
        for row in rows {
            try run(.dropRejections, .integer(row))
            try run(.dropBatch, .integer(row))
        }
    }
}
