package import QueueModel
package import System

/// A queue that passes every call on to another one; what it implements by itself is what it alters.
package protocol ForwardingQueue: JobQueue {
    /// The queue that does the work.
    var queue: any JobQueue { get }
}

extension ForwardingQueue {
    package func enqueue(_ submissions: [Submission]) async throws(QueueError) -> [Result<Job, QueueError>] {
        try await queue.enqueue(submissions)
    }
    package func open(_ batch: Batch.ID, total: Int, requestedBy: String) async throws(QueueError) -> Batch {
        try await queue.open(batch, total: total, requestedBy: requestedBy)
    }
    package func reject(_ place: Batch.Place, _ failure: Job.Failure) async throws(QueueError) {
        try await queue.reject(place, failure)
    }
    package func cancel(_ id: Job.ID) async throws(QueueError) -> Job { try await queue.cancel(id) }
    package func retry(_ id: Job.ID, as newID: Job.ID) async throws(QueueError) -> Job {
        try await queue.retry(id, as: newID)
    }
    package func retryFailed(of lane: Lane?, failedBy time: Timestamp, limit: Int) async throws(QueueError) -> [Job] {
        try await queue.retryFailed(of: lane, failedBy: time, limit: limit)
    }
    package func claim(
        by worker: String, lanes: [Lane]?, for duration: Duration, limit: Int
    ) async throws(QueueError) -> [Job] {
        try await queue.claim(by: worker, lanes: lanes, for: duration, limit: limit)
    }
    package func waitForJobs(in lanes: [Lane]?, atMost limit: Duration) async throws(QueueError) {
        try await queue.waitForJobs(in: lanes, atMost: limit)
    }
    package func renew(_ claim: Job.Claim, for duration: Duration) async throws(QueueError) {
        try await queue.renew(claim, for: duration)
    }
    package func report(_ progress: Job.Progress, _ claim: Job.Claim) async throws(QueueError) {
        try await queue.report(progress, claim)
    }
    package func complete(_ claim: Job.Claim, result: Job.Result) async throws(QueueError) {
        try await queue.complete(claim, result: result)
    }
    package func fail(_ claim: Job.Claim, _ failure: Job.Failure) async throws(QueueError) -> Job.State {
        try await queue.fail(claim, failure)
    }
    package func release(_ claim: Job.Claim) async throws(QueueError) { try await queue.release(claim) }
    package func beat(_ worker: WorkerRecord) async throws(QueueError) { try await queue.beat(worker) }
    package func leave(_ worker: String) async throws(QueueError) { try await queue.leave(worker) }
    package func forsake(_ worker: String) async throws(QueueError) -> [Job.ID] { try await queue.forsake(worker) }
    package func configure(_ lanes: [LanePolicy]) async throws(QueueError) { try await queue.configure(lanes) }
    package func hold(_ kind: LaneHold.Kind, _ lane: Lane?, by: String, reason: String) async throws(QueueError) {
        try await queue.hold(kind, lane, by: by, reason: reason)
    }
    package func resume(_ lane: Lane?, by: String) async throws(QueueError) -> [LaneHold] {
        try await queue.resume(lane, by: by)
    }
    package func prune(_ retention: Retention) async throws(QueueError) -> Int { try await queue.prune(retention) }
    package func status(of id: Job.ID) async throws(QueueError) -> Job? { try await queue.status(of: id) }
    package func standing(of id: Job.ID) async throws(QueueError) -> Standing? { try await queue.standing(of: id) }
    package func list(_ filter: JobFilter, after cursor: JobCursor?, limit: Int) async throws(QueueError) -> JobPage {
        try await queue.list(filter, after: cursor, limit: limit)
    }
    package func counts(of lanes: [Lane]?, dueWithin duration: Duration) async throws(QueueError) -> QueueCounts {
        try await queue.counts(of: lanes, dueWithin: duration)
    }
    package func lanes() async throws(QueueError) -> [LaneStatus] { try await queue.lanes() }
    package func policies() async throws(QueueError) -> [LanePolicy] { try await queue.policies() }
    package func parked(limit: Int) async throws(QueueError) -> [ParkedJob] { try await queue.parked(limit: limit) }
    package func workers() async throws(QueueError) -> [WorkerStatus] { try await queue.workers() }
    package func batch(_ id: Batch.ID) async throws(QueueError) -> Batch? { try await queue.batch(id) }
    package func items(of batch: Batch.ID, after row: Int, limit: Int) async throws(QueueError) -> [Batch.Item] {
        try await queue.items(of: batch, after: row, limit: limit)
    }
    package func events(after sequence: Int64?, limit: Int) async throws(QueueError) -> EventPage {
        try await queue.events(after: sequence, limit: limit)
    }
    package func waitForEvents(after sequence: Int64, atMost limit: Duration) async throws(QueueError) {
        try await queue.waitForEvents(after: sequence, atMost: limit)
    }
    package func arrivals(after cursor: JobCursor?, limit: Int) async throws(QueueError) -> JobPage {
        try await queue.arrivals(after: cursor, limit: limit)
    }
    package func batches(after last: Batch?, limit: Int) async throws(QueueError) -> [Batch] {
        try await queue.batches(after: last, limit: limit)
    }
    package func restore(_ batch: Batch) async throws(QueueError) -> Bool { try await queue.restore(batch) }
    package func restore(_ refusals: [Batch.Refusal]) async throws(QueueError) { try await queue.restore(refusals) }
    package func restore(_ jobs: [Job]) async throws(QueueError) -> Int { try await queue.restore(jobs) }
}
