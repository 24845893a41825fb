/// A durable queue of jobs shared by many submitters and workers.
///
/// Delivery is at least once: a job whose lease ends is handed out again, so doing it twice must be harmless. What a
/// worker writes is taken at most once: it names its `Claim`, and only the current one counts. The store's clock
/// decides every time, never a caller's. Every backend passes `QueueConformanceTests`.
public protocol JobQueue: Sendable {
    /// Adds a job. When this returns, it is on the disk.
    ///
    /// The same id again changes nothing and answers with the job as it is now.
    /// - Throws: `.alreadyExists` when that job asks for something else; `.invalid`, `.requestTooLarge`.
    func enqueue(_ submission: Submission) async throws(QueueError) -> Job

    /// Leases the oldest queued job of those lanes (nil: of all) to `worker`; nil when there is none.
    ///
    /// On the way it takes back jobs whose lease ran out (queued again, or failed when no attempt is left) and queues
    /// scheduled ones that are due, so that this happens as long as anybody works. A job that comes back keeps its
    /// place before all that arrived after it. Jobs that cannot be read are passed over.
    func claim(by worker: String, lanes: [Lane]?, for duration: Duration) async throws(QueueError) -> Job?

    /// Makes the lease run out `duration` from now.
    ///
    /// - Throws: `.leaseLost` unless the claim is the current one. So do all verbs that take a claim. A lease that has
    ///   run out is still the current one until the job is claimed by another worker, has failed, or was cancelled.
    func renew(_ claim: Job.Claim, for duration: Duration) async throws(QueueError)

    /// Records how far the job has come.
    func report(_ progress: Job.Progress, _ claim: Job.Claim) async throws(QueueError)

    /// Ends the job as succeeded. When this returns, that is on the disk.
    func complete(_ claim: Job.Claim, result: Job.Result) async throws(QueueError)

    /// Ends the attempt: scheduled again after a while when the failure is retryable and attempts are left, else
    /// failed. When this returns, that is on the disk.
    ///
    /// - Returns: the state that this has led to.
    @discardableResult
    func fail(_ claim: Job.Claim, _ failure: Job.Failure) async throws(QueueError) -> Job.State

    /// Ends a job that is not final as cancelled. A worker that has it finds its lease lost.
    ///
    /// - Throws: `.notFound`; `.wrongState` when it is final; `.parked`.
    @discardableResult
    func cancel(_ id: Job.ID) async throws(QueueError) -> Job

    /// Adds a new job with the request of a failed or cancelled one, linked to it by `retryOf`. The same pair of ids
    /// again changes nothing.
    ///
    /// - Throws: `.notFound`; `.wrongState` in every other state; `.alreadyExists` for the new id; `.parked`.
    func retry(_ id: Job.ID, as newID: Job.ID) async throws(QueueError) -> Job

    /// The job as it is now; nil when there is none.
    ///
    /// - Throws: `.parked` when it cannot be read.
    func status(of id: Job.ID) async throws(QueueError) -> Job?

    /// A page of jobs, newest first: at most `limit`, fewer where their requests are large.
    ///
    /// Jobs that arrive while somebody goes from page to page shift nothing: each older one is seen exactly once.
    func list(_ filter: JobFilter, after cursor: JobCursor?, limit: Int) async throws(QueueError) -> JobPage

    /// How many jobs wait or run.
    func counts(dueWithin duration: Duration) async throws(QueueError) -> QueueCounts
}
