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
            try await waitForEvent(of: id, after: place)
        }
    }

    /// Returns when something has happened to the job, or after a while.
    private func waitForEvent(of id: Job.ID, after place: Int64) async throws {
        var place = place
        let end = ContinuousClock.now + lookInterval
        while ContinuousClock.now < end {
            try await queue.waitForEvents(after: place, atMost: end - ContinuousClock.now)
            try Task.checkCancellation()
            let page = try await queue.events(after: place, limit: 1000)
            if page.needsResync || page.events.contains(where: { $0.change.job == id }) { return }
            place = page.next
            // Other jobs' events come in dozens: not a look for each.
            if !page.events.isEmpty { try await Task.sleep(for: .milliseconds(50)) }
        }
    }
}

extension Job {
    /// What a job that succeeded has led to.
    public var result: Job.Result? { if case .succeeded(let result) = state { result } else { nil } }

    /// The lease of a running job.
    public var lease: Job.Lease? { if case .running(let lease) = state { lease } else { nil } }
}
