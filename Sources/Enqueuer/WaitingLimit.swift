import QueueModel
import Synchronization
import System

/// Refuses what would make more jobs wait than the farm is to let wait: whoever asks hears that at once, and not after days.
///
/// A soft limit. The queue is counted once a second, and less often where that takes long; in between, what was let through here
/// is added, and what others have submitted is not seen.
final class WaitingLimit: Sendable {
    private struct State {
        /// Jobs that waited when they were counted, and those that have come since.
        var waiting = 0
        /// Those among them that have come since they are being counted again.
        var meanwhile = 0
        /// Not to be counted again before, in nanoseconds.
        var nextLook: UInt64 = 0
    }

    private let most: Int
    private let state = Mutex(State())
    private let nanoseconds: @Sendable () -> UInt64

    private static let interval: UInt64 = 1_000_000_000
    /// Counting may take one part in so many of the time.
    private static let share: UInt64 = 50

    /// At most `most` jobs.
    init(_ most: Int, nanoseconds: @escaping @Sendable () -> UInt64 = MonotonicClock.nanoseconds) {
        self.most = most
        self.nanoseconds = nanoseconds
    }

    /// Lets `count` more wait.
    ///
    /// - Throws: `.full` where that would be too many.
    func admit(_ count: Int, to queue: any JobQueue) async throws(QueueError) {
        let start = nanoseconds()
        let mustLook = state.withLock { state in
            guard start >= state.nextLook else { return false }
            // Nobody else counts meanwhile.
            state.nextLook = start + Self.interval
            state.meanwhile = 0
            return true
        }
        if mustLook {
            let counts = try await queue.counts(of: nil, dueWithin: .zero)
            let end = nanoseconds()
            state.withLock { state in
                state.waiting = counts.queued + counts.scheduled + state.meanwhile
                state.nextLook = max(state.nextLook, end + (end - min(start, end)) * Self.share)
            }
        }
        let isAdmitted = state.withLock { state in
            guard count <= most - state.waiting else { return false }
            state.waiting += count
            state.meanwhile += count
            return true
        }
        guard isAdmitted else {
            throw .full(
                detail:
                    "\(most) jobs may wait (farm.most_waiting), and with \(count) more it would be too many; start more "
                    + "workers, or cancel what is not needed")
        }
    }
}
