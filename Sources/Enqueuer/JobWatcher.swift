public import QueueModel

/// Follows one job to its end.
public struct JobWatcher: Sendable {
    private let queue: any JobQueue
    private let pollInterval: Duration

    /// A watcher that looks every `pollInterval`.
    public init(queue: any JobQueue, pollInterval: Duration) {
        self.queue = queue
        self.pollInterval = pollInterval
    }

    /// Calls `seen` with the job as it is now and at each change, until it is in a terminal state; returns that.
    public func watch(_ id: Job.ID, seen: (Job) -> Void) async throws -> Job {
        var last: Job?
        while true {
            guard let job = try await queue.status(of: id) else { throw QueueError.notFound(id) }
            if job != last { seen(job) }
            if job.state.name.isFinal { return job }
            last = job
            try await Task.sleep(for: pollInterval)
        }
    }
}

extension Job {
    /// What a job that succeeded has led to.
    public var result: Job.Result? { if case .succeeded(let result) = state { result } else { nil } }

    /// The lease of a running job.
    public var lease: Job.Lease? { if case .running(let lease) = state { lease } else { nil } }
}
