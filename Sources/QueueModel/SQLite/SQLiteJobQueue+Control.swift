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
        let mayBeTooMany = try await reader.endedCount() > retention.count
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
        let newest = try integer(.newest)
        let shortest = min(retention.ended, retention.failed)
        var next = place
        var removed = 0
        // Those that were stepped over before are the oldest of all, and count among those that are too many.
        let found = try ended(after: place)
        for job in found {
            let isTooMany = next.passed + removed < tooMany
            // Ages and numbers only fall from here.
            if !isTooMany, job.finished + shortest > context.now {
                try pruneBatches(retention, context)
                return (removed, PrunePlace())
            }
            let isOld = job.finished + (job.hasFailed ? retention.failed : retention.ended) <= context.now
            let isNeeded = job.isRetryOfPresent || job.openSince.map { $0 + retention.abandoned > context.now } == true
            next.finished = job.finished
            next.row = job.row
            guard isTooMany || isOld, !isNeeded, job.row != newest else {
                next.passed += 1
                continue
            }
            for sql in [JobSQL.dropJob, .dropBody, .dropOutcome] { try run(sql, .integer(job.row)) }
            removed += 1
            if removed == Retention.perCall { return (removed, next) }
        }
        try pruneBatches(retention, context)
        return (removed, found.count < PrunePlace.lookLimit ? PrunePlace() : next)
    }

    private borrowing func ended(after place: PrunePlace) throws(QueueError) -> [EndedJob] {
        let values: [SQLiteValue] = [
            .integer(place.finished.milliseconds), .integer(place.row), .integer(Int64(PrunePlace.lookLimit)),
        ]
        return try rows(JobSQL.endedAfter.rawValue, values) { row throws(QueueError) in
            let (opened, ended) = (try row.optionalTime(3), try row.optionalTime(4))
            return EndedJob(
                row: try row.integer(0), finished: Timestamp(milliseconds: try row.integer(1)),
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

/// Where the next call goes on with ended jobs.
struct PrunePlace: Sendable, Equatable {
    /// The latest that was looked at, in order of (finished, row).
    var finished = Timestamp(milliseconds: .min)
    var row: Int64 = 0
    /// Jobs up to there that were kept.
    var passed = 0

    /// Jobs that one call looks at: many may have to stay, and the lock is held meanwhile.
    static let lookLimit = 2000
}

/// An ended job as retention looks at it.
private struct EndedJob {
    let row: Int64
    let finished: Timestamp
    let hasFailed: Bool
    /// When its batch was opened, if that has not ended.
    let openSince: Timestamp?
    let isRetryOfPresent: Bool
}
