public import QueueModel

/// Follows one job to its end.
public struct JobWatcher: Sendable {
    private let queue: any JobQueue
    private let lookInterval: Duration

    /// A watcher that is woken by the queue's events and looks by itself every `lookInterval`.
    public init(queue: any JobQueue, lookInterval: Duration = .seconds(1)) {
        self.queue = queue
        self.lookInterval = lookInterval
    }

    /// Calls `seen` with the job as it is now and at each change, until it is in a terminal state; returns that.
    public func watch(_ id: Job.ID, seen: (Job) -> Void) async throws -> Job {
        var last: Job?
        while true {
            // The place in the stream first: what happens after it wakes, even between the look and the wait.
            let place = try await queue.events(after: nil, limit: 1).next
            guard let job = try await queue.status(of: id) else { throw QueueError.notFound(id) }
            if job != last { seen(job) }
            if job.state.name.isFinal { return job }
            last = job
            try await queue.waitForEvents(after: place, atMost: lookInterval)
            try Task.checkCancellation()
        }
    }
}

extension Job {
    /// What a job that succeeded has led to.
    public var result: Job.Result? { if case .succeeded(let result) = state { result } else { nil } }

    /// The lease of a running job.
    public var lease: Job.Lease? { if case .running(let lease) = state { lease } else { nil } }
}
