import SQLiteStore
import System

// Handing jobs out and taking them back.
extension SQLiteTransaction<QueueError> {
    /// Takes back lost leases and queues what is due; once in a transaction.
    borrowing func tidy(_ rules: QueueRules, _ random: RandomSource, _ context: inout JobContext) throws(QueueError) {
        guard !context.isTidied else { return }
        context.isTidied = true
        let now = SQLiteValue.integer(context.now.milliseconds)
        for row in context.mustCorrect ? try integers(.early, now) : [] {
            guard let found = try jobOrPark(row)?.stored,
                let correction = found.life.correction(limits: found.limits, now: context.now)
            else { continue }
            try apply(correction, to: found, &context)
        }
        try endLeases(
            in: integers(.expired, now, .integer(Int64(QueueLimits.reclaimsPerClaim))), rules, random, &context)
        for row in try integers(.due, now, .integer(Int64(QueueLimits.promotionsPerClaim))) {
            guard let found = try jobOrPark(row)?.stored, found.life.state.name == .scheduled else { continue }
            try apply(.due, to: found, &context)
        }
    }

    /// Ends the leases of those rows together: each loss is noted before the first is judged, so that none is held
    /// against a job only because it was looked at before the others.
    ///
    /// - Returns: the jobs that had them.
    @discardableResult
    borrowing func endLeases(
        in rows: [Int64], _ rules: QueueRules, _ random: RandomSource, _ context: inout JobContext
    ) throws(QueueError) -> [Job.ID] {
        if rows.isEmpty { return [] }
        let window = Window(rules.fleetWindow, around: context.now)
        var lost: [StoredLife] = []
        for row in rows {
            guard let found = try jobOrPark(row)?.stored, let lease = found.life.lease else { continue }
            lost.append(found)
            guard found.life.passedLimit(found.limits, at: context.now) == nil else { continue }
            try run(.dropOldLosses, window.start, window.end)
            try run(.addLoss, .integer(context.now.milliseconds), .text(lease.worker), .integer(row))
        }
        for found in lost {
            let fleet = FleetHealth(
                seen: try count(.fleet, window.start, window.end),
                losing: try count(.losers, window.start, window.end, .integer(found.row)))
            let expiry = found.life.leaseExpiry(
                limits: found.limits, at: context.now, rules: rules, fleet: fleet, random: random)
            if let expiry { try apply(expiry, to: found, &context) }
        }
        return lost.map(\.id)
    }

    /// Gives the job that is next a lease; nil when there is none.
    borrowing func claimNext(
        by worker: String, lanes wanted: [Lane]?, for duration: Duration, _ random: RandomSource,
        _ context: inout JobContext
    ) throws(QueueError) -> StoredJob? {
        let lanes = try context.lanes(self).filter { wanted?.contains($0.policy.lane) != false }
        let order = context.rotation.order(lanes.map(\.policy))
        for (taken, policy) in order.enumerated() {
            guard let lane = lanes.first(where: { $0.policy.lane == policy.lane }),
                try mayStart(lane, &context)
            else { continue }
            var last: Int64 = 0
            while let row = try integer(.oldestQueued, .integer(lane.code), .integer(last)) {
                last = row
                guard var job = try jobOrPark(row), job.stored.life.state == .queued else { continue }
                context.rotation.took(taken, of: order)
                if let rate = policy.rate { try context.meter(lane, rate, self) }
                let lease = job.stored.life.newLease(
                    worker: worker, claimID: Job.ClaimID(random: random), duration: duration,
                    limits: job.stored.limits, now: context.now)
                job.stored = try apply(.claimed(lease), to: job.stored, &context)
                return job
            }
        }
        return nil
    }

    private borrowing func mayStart(_ lane: StoredLane, _ context: inout JobContext) throws(QueueError) -> Bool {
        if try context.hold(.paused, lane.policy.lane, self) != nil { return false }
        if let limit = lane.policy.concurrency, try count(.countRunningIn, .integer(lane.code)) >= limit {
            return false
        }
        guard let rate = lane.policy.rate else { return true }
        return lane.meter.mayStart(rate, now: context.now)
    }

    /// Whether a claim would find anything to do.
    borrowing func outlook(for wanted: [Lane]?, at now: Timestamp) throws(QueueError) -> ClaimOutlook {
        let time = SQLiteValue.integer(now.milliseconds)
        if try !integers(.expired, time, 1).isEmpty { return .expiredLeases }
        if try !integers(.due, time, 1).isEmpty { return .jobs }
        for lane in try lanes() where wanted?.contains(lane.policy.lane) != false {
            if try hasQueued(lane.code) { return .jobs }
        }
        return .nothing
    }

    /// Rings for whoever waits in those lanes (nil: in all): one that wakes takes every ring, and is busy from now on. What
    /// is queued there is for others, and what comes due soon, which it alone had been told of.
    borrowing func passOn(to wanted: [Lane]?, _ context: inout JobContext) throws(QueueError) {
        let due = try integer(.firstDue)
        let isSoon = due.map { $0 <= (context.now + .seconds(60)).milliseconds } ?? false
        for lane in try context.lanes(self) where wanted?.contains(lane.policy.lane) != false {
            if isSoon { context.ring(lane.code) } else if try hasQueued(lane.code) { context.ring(lane.code) }
        }
    }

    /// Whether queued jobs are left in the lane of that code.
    borrowing func hasQueued(_ lane: Int64) throws(QueueError) -> Bool {
        try integer(.oldestQueued, .integer(lane), 0) != nil
    }

    /// When something will change by itself: a job comes due, a lease runs out, a lane may start another job.
    borrowing func nextChange(for wanted: [Lane]?, at now: Timestamp) throws(QueueError) -> Timestamp? {
        var times = [try integer(.firstDue), try integer(.firstExpiry)].compactMap { $0 }
            .map { Timestamp(milliseconds: $0) }
        for lane in try lanes() where wanted?.contains(lane.policy.lane) != false {
            guard let rate = lane.policy.rate, try hasQueued(lane.code) else { continue }
            let next = lane.meter.nextStart(rate, now: now)
            if next > now { times.append(next) }
        }
        return times.min()
    }
}

/// Times less than a duration away from a moment, on either side, as `Timestamp.isWithin` has it.
struct Window {
    /// After this.
    let start: SQLiteValue
    /// Before this.
    let end: SQLiteValue

    init(_ duration: Duration, around now: Timestamp) {
        start = .integer((now + (.zero - duration)).milliseconds)
        end = .integer((now + duration).milliseconds)
    }
}

/// What a claim would find.
enum ClaimOutlook {
    case nothing
    case jobs
    case expiredLeases
}
