import Synchronization

/// "Please stop", said once by a signal or a test and heard by every loop of a worker.
public final class StopRequest: Sendable {
    private struct State {
        var isRequested = false
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    /// Not yet asked for.
    public init() {}

    /// Whether it was asked for.
    public var isRequested: Bool { state.withLock { $0.isRequested } }

    /// Asks; every waiter wakes.
    public func request() {
        let waiters = state.withLock { state in
            state.isRequested = true
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Returns when it is asked for, when `limit` has passed, or when the task is cancelled.
    public func wait(atMost limit: Duration?) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.requested() }
            if let limit { group.addTask { try? await Task.sleep(for: limit) } }  // cancelled means: woken early
            await group.next()
            group.cancelAll()
        }
    }

    private func requested() async {
        let number = state.withLock { state in
            state.next += 1
            return state.next
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.isRequested || Task.isCancelled { return true }
                    state.waiters[number] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
        }
    }
}
