import QueueModel
import System

/// A queue that gets one thing wrong: a job that is given back has lost an attempt. For the proof that the comparison
/// would notice.
struct WrongQueue: JobQueue {
    let queue: any JobQueue

    func release(_ claim: Job.Claim) async throws(QueueError) { try await queue.fail(claim, .passing) }

    func enqueue(_ submissions: [Submission]) async throws(QueueError) -> [Result<Job, QueueError>] {
        try await queue.enqueue(submissions)
    }
    func open(_ batch: Batch.ID, total: Int, requestedBy: String) async throws(QueueError) -> Batch {
        try await queue.open(batch, total: total, requestedBy: requestedBy)
    }
    func reject(_ place: Batch.Place, _ failure: Job.Failure) async throws(QueueError) {
        try await queue.reject(place, failure)
    }
    func cancel(_ id: Job.ID) async throws(QueueError) -> Job { try await queue.cancel(id) }
    func retry(_ id: Job.ID, as newID: Job.ID) async throws(QueueError) -> Job { try await queue.retry(id, as: newID) }
    func retryFailed(of lane: Lane?, failedBy time: Timestamp, limit: Int) async throws(QueueError) -> [Job] {
        try await queue.retryFailed(of: lane, failedBy: time, limit: limit)
    }
    func claim(
        by worker: String, lanes: [Lane]?, for duration: Duration, limit: Int
    ) async throws(QueueError) -> [Job] {
        try await queue.claim(by: worker, lanes: lanes, for: duration, limit: limit)
    }
    func waitForJobs(in lanes: [Lane]?, atMost limit: Duration) async throws(QueueError) {
        try await queue.waitForJobs(in: lanes, atMost: limit)
    }
    func renew(_ claim: Job.Claim, for duration: Duration) async throws(QueueError) {
        try await queue.renew(claim, for: duration)
    }
    func report(_ progress: Job.Progress, _ claim: Job.Claim) async throws(QueueError) {
        try await queue.report(progress, claim)
    }
    func complete(_ claim: Job.Claim, result: Job.Result) async throws(QueueError) {
        try await queue.complete(claim, result: result)
    }
    func fail(_ claim: Job.Claim, _ failure: Job.Failure) async throws(QueueError) -> Job.State {
        try await queue.fail(claim, failure)
    }
    func beat(_ worker: WorkerRecord) async throws(QueueError) { try await queue.beat(worker) }
    func leave(_ worker: String) async throws(QueueError) { try await queue.leave(worker) }
    func forsake(_ worker: String) async throws(QueueError) -> [Job.ID] { try await queue.forsake(worker) }
    func configure(_ lanes: [LanePolicy]) async throws(QueueError) { try await queue.configure(lanes) }
    func hold(_ kind: LaneHold.Kind, _ lane: Lane?, by: String, reason: String) async throws(QueueError) {
        try await queue.hold(kind, lane, by: by, reason: reason)
    }
    func resume(_ lane: Lane?, by: String) async throws(QueueError) -> [LaneHold] {
        try await queue.resume(lane, by: by)
    }
    func prune(_ retention: Retention) async throws(QueueError) -> Int { try await queue.prune(retention) }
    func status(of id: Job.ID) async throws(QueueError) -> Job? { try await queue.status(of: id) }
    func standing(of id: Job.ID) async throws(QueueError) -> Standing? { try await queue.standing(of: id) }
    func list(_ filter: JobFilter, after cursor: JobCursor?, limit: Int) async throws(QueueError) -> JobPage {
        try await queue.list(filter, after: cursor, limit: limit)
    }
    func counts(of lanes: [Lane]?, dueWithin duration: Duration) async throws(QueueError) -> QueueCounts {
        try await queue.counts(of: lanes, dueWithin: duration)
    }
    func lanes() async throws(QueueError) -> [LaneStatus] { try await queue.lanes() }
    func policies() async throws(QueueError) -> [LanePolicy] { try await queue.policies() }
    func parked(limit: Int) async throws(QueueError) -> [ParkedJob] { try await queue.parked(limit: limit) }
    func workers() async throws(QueueError) -> [WorkerStatus] { try await queue.workers() }
    func batch(_ id: Batch.ID) async throws(QueueError) -> Batch? { try await queue.batch(id) }
    func items(of batch: Batch.ID, after row: Int, limit: Int) async throws(QueueError) -> [Batch.Item] {
        try await queue.items(of: batch, after: row, limit: limit)
    }
    func events(after sequence: Int64?, limit: Int) async throws(QueueError) -> EventPage {
        try await queue.events(after: sequence, limit: limit)
    }
    func waitForEvents(after sequence: Int64, atMost limit: Duration) async throws(QueueError) {
        try await queue.waitForEvents(after: sequence, atMost: limit)
    }
}
