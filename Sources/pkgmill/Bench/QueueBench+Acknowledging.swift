import QueueModel
import System

extension QueueBench {
    /// Submits `count` jobs one after another and tells each one's id as soon as it may be told: for those who want to
    /// see, from outside the process, that a submission is on the disk by then.
    static func acknowledge(_ count: Int, in queue: any JobQueue, tell: (Job.ID) -> Void) async throws {
        for _ in 0..<count { tell(try await queue.enqueue(submission(.system)).id) }
    }
}
