import SQLiteStore
import System

extension SQLiteJobQueue {
    /// See `JobQueue`.
    public func claim(
        by worker: String, lanes: [Lane]?, for duration: Duration, limit: Int
    ) async throws(QueueError) -> [Job] {
        try validateLease(worker: worker, duration)
        try require(limit, in: QueueLimits.claim, "limit")
        // A look first: an idle worker takes no lock and writes nothing. One that was just woken has work most likely.
        let reason = memory.reasonToClaim(at: now())
        let outlook =
            reason == .woken
            ? .jobs : try await askBriefly { reader throws(QueueError) in try reader.outlook(for: lanes) }
        if outlook == .nothing, reason == nil { return [] }
        // Where leases are over a job may end, which must be synced; better to know beforehand than to run it twice.
        return try await writer.write(outlook == .expiredLeases ? .full : .normal) {
            [rules, random] (transaction, context) throws(QueueError) in
            try transaction.tidy(rules, random, &context)
            var claimed: [StoredJob] = []
            while claimed.count < limit,
                let job = try transaction.claimNext(by: worker, lanes: lanes, for: duration, random, &context)
            { claimed.append(job) }
            if !claimed.isEmpty { try transaction.passOn(to: lanes, &context) }
            return claimed.map(\.job)
        }
    }

    /// See `JobQueue`.
    public func waitForJobs(in lanes: [Lane]?, atMost limit: Duration) async throws(QueueError) {
        let (codes, next) = try await askBriefly { reader throws(QueueError) in try reader.nextChange(for: lanes) }
        // A job that could not be started when it came due must not make its workers spin.
        let untilNext = next.map { max(.milliseconds(10), $0 - now()) } ?? limit
        do throws(SystemError) {
            if try await bells.wait(in: codes, atMost: min(limit, untilNext)) { memory.wasWoken() }
        } catch {
            throw .backend(detail: error.description)
        }
    }

    /// See `JobQueue`.
    public func renew(_ claim: Job.Claim, for duration: Duration) async throws(QueueError) {
        try validateLease(duration)
        try await writer.write(.normal) { (transaction, context) throws(QueueError) in
            let held = try transaction.held(by: claim)
            try transaction.apply(
                held.life.renewal(of: claim, for: duration, held.limits, context.now), to: held, &context)
        }
    }

    /// See `JobQueue`.
    public func report(_ progress: Job.Progress, _ claim: Job.Claim) async throws(QueueError) {
        try await writer.write(.normal) { (transaction, context) throws(QueueError) in
            var held = try transaction.held(by: claim)
            guard let lease = held.life.lease else { throw .leaseLost(claim.job) }
            if let (time, limit) = held.life.deadline(held.limits, at: context.now), time <= context.now {
                throw .outOfTime(claim.job, .timeLimit(limit, attempt: held.life.attempt))
            }
            if held.life.note(progress, at: context.now) { context.note(.progress(claim.job, progress)) }
            let renewal = try held.life.renewal(of: claim, for: lease.duration, held.limits, context.now)
            try transaction.apply(renewal, to: held, &context)
        }
    }

    /// See `JobQueue`.
    public func complete(_ claim: Job.Claim, result: Job.Result) async throws(QueueError) {
        try await writer.write(.full) { (transaction, context) throws(QueueError) in
            try transaction.apply(.completed(result), to: transaction.held(by: claim), &context)
            return ()
        }
    }

    /// See `JobQueue`.
    @discardableResult
    public func fail(_ claim: Job.Claim, _ failure: Job.Failure) async throws(QueueError) -> Job.State {
        try await writer.write(.full) { [rules, random] (transaction, context) throws(QueueError) in
            let held = try transaction.held(by: claim)
            let event = held.life.failedAttempt(failure, at: context.now, backoff: rules.backoff, random: random)
            return try transaction.apply(event, to: held, &context).life.state
        }
    }

    /// See `JobQueue`.
    public func release(_ claim: Job.Claim) async throws(QueueError) {
        try await writer.write(.normal) { (transaction, context) throws(QueueError) in
            try transaction.apply(.released, to: transaction.held(by: claim), &context)
            return ()
        }
    }

    /// See `JobQueue`.
    public func beat(_ worker: WorkerRecord) async throws(QueueError) {
        try worker.validate()
        let lanes = worker.lanes.map { $0.map(\.name).joined(separator: ",") }
        try await writer.write(.normal) { (transaction, context) throws(QueueError) in
            let memory = Window(QueueLimits.workerMemory, around: context.now)
            try transaction.run(.dropOldWorkers, memory.start, memory.end)
            try transaction.run(
                .beat, .text(worker.name), .text(worker.host), .integer(Int64(worker.processID)),
                .text(worker.version), .optional(lanes), .integer(worker.isDraining ? 1 : 0),
                .integer(context.now.milliseconds))
            return ()
        }
    }

    /// See `JobQueue`.
    public func leave(_ worker: String) async throws(QueueError) {
        try validateName("worker", worker)
        try await writer.write(.normal) { (transaction, context) throws(QueueError) in
            try transaction.run(.dropWorker, .text(worker))
            // It may have taken a ring for which it claims nothing any more.
            try transaction.passOn(to: nil, &context)
        }
    }

    /// See `JobQueue`.
    @discardableResult
    public func forsake(_ worker: String) async throws(QueueError) -> [Job.ID] {
        try validateName("worker", worker)
        return try await writer.write(.full) { [rules, random] (transaction, context) throws(QueueError) in
            try transaction.run(.dropWorker, .text(worker))
            return try transaction.endLeases(
                in: transaction.integers(.heldBy, .text(worker)), rules, random, &context)
        }
    }
}

extension Job.Life {
    /// The renewal of the lease that `claim` names.
    ///
    /// - Throws: `.outOfTime` when the job's time is up.
    fileprivate func renewal(
        of claim: Job.Claim, for duration: Duration, _ limits: Job.TimeLimits, _ now: Timestamp
    ) throws(QueueError) -> Job.Event {
        if let renewal = renewal(for: duration, limits: limits, now: now) { return renewal }
        guard let (_, limit) = deadline(limits, at: now) else { throw .leaseLost(claim.job) }
        throw .outOfTime(claim.job, .timeLimit(limit, attempt: attempt))
    }
}
