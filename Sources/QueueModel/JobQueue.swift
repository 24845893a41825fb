public import System

/// A durable queue of jobs shared by many submitters and workers.
///
/// Delivery is at least once: a job whose lease ends is handed out again, so doing it twice must be harmless. What a
/// worker writes is taken at most once: it names its `Claim`, and only the current one counts. The store's clock
/// decides every time, never a caller's. Every backend passes the conformance suite of `QueueModelTests`.
public protocol JobQueue: JobIntake, JobLeasing, QueueControl, QueueInspection, QueueMoving {}

/// What submitters do.
public protocol JobIntake: Sendable {
    /// Adds jobs, in their order. When this returns, all that were taken are on the disk.
    ///
    /// Each is answered for itself: the job as it is now, or why it was refused; one refusal keeps no other out. A
    /// submission whose id, idempotency key or place in a batch is there already changes nothing and is answered with
    /// the job that has it; one that is unique, with the one that waits or runs (its own id and key are not kept then).
    /// So are those for a lane that is closed or no longer configured: only what is new is refused.
    /// - Throws: when the store could not do it; nothing was taken then, or it is not known.
    func enqueue(_ submissions: [Submission]) async throws(QueueError) -> [Result<Job, QueueError>]

    /// Announces a batch of `total` rows. The same words again change nothing and answer with the batch as it is.
    ///
    /// - Throws: `.batchDiffers`; `.invalid`.
    func open(_ batch: Batch.ID, total: Int, requestedBy: String) async throws(QueueError) -> Batch

    /// Counts a row of a batch as refused. The same row again changes nothing.
    ///
    /// - Throws: `.noSuchBatch`; `.rowTaken` when the row is a job, or was one that is no longer kept; `.invalid` for a row
    ///   beyond the batch's total.
    func reject(_ place: Batch.Place, _ failure: Job.Failure) async throws(QueueError)

    /// Ends a job that is not final as cancelled. A worker that has it finds its lease lost.
    ///
    /// - Throws: `.notFound`; `.wrongState` when it is final; `.parked`.
    @discardableResult
    func cancel(_ id: Job.ID) async throws(QueueError) -> Job

    /// Adds a new job with the request of a failed or cancelled one, linked to it by `retryOf`. The same pair of ids
    /// again changes nothing. For a unique job whose like waits or runs, the answer is that one.
    ///
    /// - Throws: `.notFound`; `.wrongState` in every other state; `.alreadyExists` for the new id; `.noSuchLane`;
    ///   `.closed`; `.parked`.
    func retry(_ id: Job.ID, as newID: Job.ID) async throws(QueueError) -> Job

    /// Adds a new job for each one of the lane (nil: of all that take jobs in) that had failed at `time` and has none yet,
    /// the oldest first, at most `limit`; not for a unique one whose like waits or runs, which is a retry already. Done
    /// again with the same time until nothing comes back, it retries each exactly once, and no retry that fails in turn.
    ///
    /// - Throws: `.noSuchLane` or `.closed` for the lane.
    func retryFailed(of lane: Lane?, failedBy time: Timestamp, limit: Int) async throws(QueueError) -> [Job]
}

/// What workers do.
public protocol JobLeasing: Sendable {
    /// Leases up to `limit` queued jobs of those lanes (nil: of all) to `worker`: of each lane the oldest first, lanes in
    /// turn by their weights, none that is held, at its limit or started too often lately.
    ///
    /// On the way it takes back jobs whose lease ran out (queued again, or failed when it has cost workers enough) and
    /// queues scheduled ones that are due, so that this happens as long as anybody works. A job that comes back keeps its
    /// place before all that arrived after it. Jobs that cannot be read are passed over.
    func claim(
        by worker: String, lanes: [Lane]?, for duration: Duration, limit: Int
    ) async throws(QueueError) -> [Job]

    /// Returns when a claim may find something: a job was queued, came due, or lost its lease; at the latest after
    /// `limit`. It may return early, so what counts is the claim that follows.
    func waitForJobs(in lanes: [Lane]?, atMost limit: Duration) async throws(QueueError)

    /// As `claim`; where there is no job, waits as `waitForJobs` does, `wait` at the most, and claims then. To cancel the
    /// task ends the wait; what was claimed by then is answered all the same.
    func claim(
        by worker: String, lanes: [Lane]?, for duration: Duration, limit: Int, waitingFor wait: Duration
    ) async throws(QueueError) -> [Job]

    /// Makes the lease run out `duration` from now, or when the job's time limit ends, if that is sooner.
    ///
    /// - Throws: `.leaseLost` unless the claim is the current one. So do all verbs that take a claim. A lease that has
    ///   run out is still the current one until the job is claimed by another worker, has failed, or was cancelled.
    ///   `.outOfTime` when a time limit has passed.
    func renew(_ claim: Job.Claim, for duration: Duration) async throws(QueueError)

    /// Records how far the job has come, and renews the lease as it was.
    ///
    /// - Throws: as `renew`.
    func report(_ progress: Job.Progress, _ claim: Job.Claim) async throws(QueueError)

    /// Ends the job as succeeded, also when its time is up and nobody has taken it back yet. When this returns, that is
    /// on the disk.
    func complete(_ claim: Job.Claim, result: Job.Result) async throws(QueueError)

    /// Ends the attempt: scheduled again after a while when the failure is retryable and attempts are left, else
    /// failed. When this returns, that is on the disk.
    ///
    /// - Returns: the state that this has led to.
    @discardableResult
    func fail(_ claim: Job.Claim, _ failure: Job.Failure) async throws(QueueError) -> Job.State

    /// Gives the job back to its lane, with its place and all its attempts.
    func release(_ claim: Job.Claim) async throws(QueueError)

    /// Says that the worker is alive. Those that nobody heard of for a day are forgotten on the way.
    func beat(_ worker: WorkerRecord) async throws(QueueError)

    /// Takes the worker off the list: it ended as it should. Leases that it has are left to run out.
    func leave(_ worker: String) async throws(QueueError)

    /// The worker's process is known to be dead: its leases end now, as lost, and it is off the list.
    ///
    /// - Returns: the jobs that it had.
    @discardableResult
    func forsake(_ worker: String) async throws(QueueError) -> [Job.ID]
}

/// What operators order.
public protocol QueueControl: Sendable {
    /// Makes these the farm's lanes. One that is no longer named takes nothing in and is worked off. The same lanes again
    /// change nothing; with other ones the turns begin anew.
    func configure(_ lanes: [LanePolicy]) async throws(QueueError)

    /// The farm's lanes as they were configured, in that order.
    func policies() async throws(QueueError) -> [LanePolicy]

    /// Holds a lane, or all: orders for all and for one are apart. The same order again changes its words, and not since
    /// when it holds.
    ///
    /// - Throws: `.noSuchLane`; `.invalid`.
    func hold(_ kind: LaneHold.Kind, _ lane: Lane?, by: String, reason: String) async throws(QueueError)

    /// Lifts whatever holds this lane, or (nil) what holds all.
    ///
    /// - Returns: what was lifted.
    @discardableResult
    func resume(_ lane: Lane?, by: String) async throws(QueueError) -> [LaneHold]

    /// Removes a few jobs that ended long ago, the oldest first; none that a batch which has not ended needs, no retry
    /// while the job that it repeats is there (which would seem never retried), and never the newest of all.
    ///
    /// - Returns: how many; fewer than could be wished when more are left.
    func prune(_ retention: Retention) async throws(QueueError) -> Int
}

/// What anybody may ask. Nothing here waits for a writer.
public protocol QueueInspection: Sendable {
    /// The job as it is now; nil when there is none.
    ///
    /// - Throws: `.parked` when it cannot be read.
    func status(of id: Job.ID) async throws(QueueError) -> Job?

    /// Why the job waits; nil when there is none, or it does not wait.
    func standing(of id: Job.ID) async throws(QueueError) -> Standing?

    /// A page of jobs, newest first: at most `limit`, fewer where their requests are large.
    ///
    /// Jobs that arrive while somebody goes from page to page shift nothing: each older one is seen exactly once.
    func list(_ filter: JobFilter, after cursor: JobCursor?, limit: Int) async throws(QueueError) -> JobPage

    /// How many jobs of those lanes (nil: of all) wait or run. Parked ones are counted whatever their lane.
    func counts(of lanes: [Lane]?, dueWithin duration: Duration) async throws(QueueError) -> QueueCounts

    /// The lanes as they stand, in the order of the configuration, then those that only have jobs left.
    func lanes() async throws(QueueError) -> [LaneStatus]

    /// Jobs that this version cannot read, the oldest first, at most `limit`.
    func parked(limit: Int) async throws(QueueError) -> [ParkedJob]

    /// The workers that beat within the last day and did not leave, in order of the bytes of their names.
    func workers() async throws(QueueError) -> [WorkerStatus]

    /// The batch; nil when there is none.
    func batch(_ id: Batch.ID) async throws(QueueError) -> Batch?

    /// Rows of a batch in their order, from the one after `row` on: at most `limit`, fewer where their requests are
    /// large, none when there are no more.
    ///
    /// - Throws: `.noSuchBatch`.
    func items(of batch: Batch.ID, after row: Int, limit: Int) async throws(QueueError) -> [Batch.Item]

    /// Events from the one after `sequence` on, at most `limit`; with nil, none yet, and where the next will be.
    func events(after sequence: Int64?, limit: Int) async throws(QueueError) -> EventPage

    /// Returns when there is an event after `sequence`; at the latest after `limit`. It may return early.
    func waitForEvents(after sequence: Int64, atMost limit: Duration) async throws(QueueError)
}

extension JobIntake {
    /// Adds one job. When this returns, it is on the disk.
    ///
    /// - Throws: what `enqueue` of many answers for it: `.alreadyExists`, `.keyTaken`, `.rowTaken`, `.noSuchBatch`,
    ///   `.noSuchLane`, `.closed`, `.invalid`, `.requestTooLarge`.
    public func enqueue(_ submission: Submission) async throws(QueueError) -> Job {
        guard let answer = try await enqueue([submission]).first else {
            throw .backend(detail: "the queue gave no answer")
        }
        return try answer.get()
    }
}

extension JobIntake {
    /// The same for all that have failed until now.
    public func retryFailed(of lane: Lane?, limit: Int) async throws(QueueError) -> [Job] {
        try await retryFailed(of: lane, failedBy: Timestamp(milliseconds: .max), limit: limit)
    }
}

extension QueueInspection {
    /// How many jobs of all lanes wait or run.
    public func counts(dueWithin duration: Duration) async throws(QueueError) -> QueueCounts {
        try await counts(of: nil, dueWithin: duration)
    }
}

extension JobLeasing {
    /// A claim, a wait and another claim, one after the other.
    public func claim(
        by worker: String, lanes: [Lane]?, for duration: Duration, limit: Int, waitingFor wait: Duration
    ) async throws(QueueError) -> [Job] {
        let jobs = try await claim(by: worker, lanes: lanes, for: duration, limit: limit)
        if !jobs.isEmpty { return jobs }
        try await waitForJobs(in: lanes, atMost: wait)
        return Task.isCancelled ? [] : try await claim(by: worker, lanes: lanes, for: duration, limit: limit)
    }

    /// Leases the job that is next; nil when there is none.
    public func claim(
        by worker: String, lanes: [Lane]?, for duration: Duration
    ) async throws(QueueError) -> Job? {
        try await claim(by: worker, lanes: lanes, for: duration, limit: 1).first
    }
}
