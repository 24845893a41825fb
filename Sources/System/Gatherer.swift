import Synchronization

/// Brings calls together that come while an earlier one is under way: they go into the next one, together. A caller who is
/// alone waits for nobody.
public final class Gatherer<Request: Sendable, Answer: Sendable, Failure: Error>: Sendable {
    /// What one call does for many; an answer for each.
    public typealias Work = @Sendable ([Request]) async -> [Result<Answer, Failure>]

    private struct State {
        var isBusy = false
        var waiting: [(request: Request, continuation: CheckedContinuation<Result<Answer, Failure>, Never>)] = []
    }

    private let state = Mutex(State())
    private let limit: Int
    private let unanswered: Failure

    /// At most `limit` requests in one call; those that it has no answer for get `unanswered`.
    public init(limit: Int, unanswered: Failure) {
        self.limit = limit
        self.unanswered = unanswered
    }

    /// Does `work` for `request`, and for those that have come meanwhile.
    public func call(_ request: Request, _ work: @escaping Work) async throws(Failure) -> Answer {
        let isFirst = state.withLock { state in
            defer { state.isBusy = true }
            return !state.isBusy
        }
        if isFirst {
            let answers = await work([request])
            passOn(work)
            guard let answer = answers.first else { throw unanswered }
            return try answer.get()
        }
        return try await withCheckedContinuation { continuation in
            let mustStart = state.withLock { state in
                state.waiting.append((request, continuation))
                // The one before may have ended since.
                defer { state.isBusy = true }
                return !state.isBusy
            }
            if mustStart { passOn(work) }
        }.get()
    }

    /// Does what waits, somewhere else; or nothing waits, and the next caller goes first.
    private func passOn(_ work: @escaping Work) {
        let hasMore = state.withLock { state in
            if state.waiting.isEmpty { state.isBusy = false }
            return !state.waiting.isEmpty
        }
        guard hasMore else { return }
        Task {
            while true {
                let some = state.withLock { state in
                    let some = Array(state.waiting.prefix(limit))
                    state.waiting.removeFirst(some.count)
                    if some.isEmpty { state.isBusy = false }
                    return some
                }
                if some.isEmpty { return }
                let answers = await work(some.map(\.request))
                for (index, waiter) in some.enumerated() {
                    waiter.continuation.resume(
                        returning: index < answers.count ? answers[index] : .failure(unanswered))
                }
            }
        }
    }
}
