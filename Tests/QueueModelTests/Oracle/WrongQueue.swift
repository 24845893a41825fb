import QueueModel
import QueueTestSupport

/// A queue that gets one thing wrong: a job that is given back has lost an attempt. For the proof that the comparison
/// would notice.
struct WrongQueue: ForwardingQueue {
    let queue: any JobQueue

    func release(_ claim: Job.Claim) async throws(QueueError) { try await queue.fail(claim, .passing) }
}
