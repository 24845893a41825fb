import System

/// How long a failed job waits for its next attempt: up to `base`, then twice, four times … as long, never more than
/// `cap`, and anything between nothing and that by chance ("full jitter"), so that jobs that failed together do not
/// come back together.
public struct Backoff: Sendable, Equatable {
    /// The longest wait after the first attempt.
    public let base: Duration
    /// The longest wait at all.
    public let cap: Duration

    /// 2 seconds, doubling up to 5 minutes.
    public static let standard = Backoff(base: .seconds(2), cap: .seconds(300))

    /// A backoff between those bounds; a negative one counts as none, one beyond all time as the longest.
    public init(base: Duration, cap: Duration) {
        self.base = min(max(base, .zero), .milliseconds(Int64.max))
        self.cap = min(max(cap, .zero), .milliseconds(Int64.max))
    }

    /// The longest wait after `attempt`, which counts from 1.
    public func limit(afterAttempt attempt: Int) -> Duration {
        var limit = min(base, cap)
        // 63 doublings bring any wait of a millisecond or more beyond every cap.
        for _ in 0..<min(max(attempt, 1) - 1, 63) where limit < cap { limit = min(limit + limit, cap) }
        return limit
    }

    /// The wait after `attempt`: the fraction `chance` / 2^64 of the limit, in whole milliseconds.
    public func delay(afterAttempt attempt: Int, chance: UInt64) -> Duration {
        let limit = UInt64(clamping: limit(afterAttempt: attempt).wholeMilliseconds)
        return .milliseconds(Int64(clamping: limit.multipliedFullWidth(by: chance).high))
    }
}
