import HTTP
import QueueModel
import Synchronization
import System

/// Answers about jobs from a moment ago, for thousands of clients that ask again and again.
///
/// One is given for a second at most, and never after this server has learnt that its job has changed: from the queue's events,
/// which tell of changes by others, or from a request that it has answered itself. Where events are not heard, none is kept.
final class JobAnswers: Sendable {
    /// What a client gets who has nothing yet, and one who has this already.
    struct Answer: Sendable {
        let tag: EntityTag
        let whole: HTTPResponse
        let notModified: HTTPResponse
    }

    /// How much was known to have changed before a look at the store.
    struct Mark: Sendable { fileprivate let count: UInt64 }

    private struct State {
        var isHeard = false
        /// Changes that were heard of.
        var count: UInt64 = 0
        /// The last change of each job; of those that are not here it was not after `floor`.
        var changes: [String: UInt64] = [:]
        var floor: UInt64 = 0
        var answers: [String: (answer: Answer, until: UInt64)] = [:]
    }

    private let state = Mutex(State())
    private let nanoseconds: @Sendable () -> UInt64

    private static let longest: UInt64 = 1_000_000_000
    private static let mostJobs = 20_000

    /// None; `nanoseconds` tells the time since whenever.
    init(nanoseconds: @escaping @Sendable () -> UInt64 = MonotonicClock.nanoseconds) { self.nanoseconds = nanoseconds }

    /// The answer about the job of that id; nil where the store must be asked.
    func recall(_ id: String) -> Answer? {
        let time = nanoseconds()
        return state.withLock { state in
            guard let found = state.answers[id], time < found.until else { return nil }
            return found.answer
        }
    }

    /// To be taken before the store is asked.
    func mark() -> Mark { state.withLock { Mark(count: $0.count) } }

    /// Keeps what the store has said since `mark`; not where the job has changed after it.
    func keep(_ answer: Answer, about id: String, since mark: Mark) {
        let until = nanoseconds() + Self.longest
        state.withLock { state in
            guard state.isHeard, max(state.changes[id] ?? 0, state.floor) <= mark.count else { return }
            if state.answers.count >= Self.mostJobs { state.answers = [:] }
            state.answers[id] = (answer, until)
        }
    }

    /// The job has changed.
    func drop(_ id: String) {
        state.withLock { state in
            state.count += 1
            if state.changes.count >= Self.mostJobs {
                state.changes = [:]
                state.floor = state.count
            }
            state.changes[id] = state.count
            state.answers[id] = nil
        }
    }

    /// Whatever was kept may be wrong; `isHeard` says whether changes are heard of from now on.
    func dropAll(isHeard: Bool) {
        state.withLock { state in
            state.isHeard = isHeard
            state.count += 1
            state.changes = [:]
            state.floor = state.count
            state.answers = [:]
        }
    }
}
