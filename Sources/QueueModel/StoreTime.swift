import System

extension Duration {
    /// The same without parts of a millisecond, which no store keeps; saturating.
    var inWholeMilliseconds: Duration { .milliseconds(wholeMilliseconds) }
}

extension Job.TimeLimits {
    /// The same without parts of a millisecond.
    var inWholeMilliseconds: Job.TimeLimits {
        Job.TimeLimits(total: total?.inWholeMilliseconds, idle: idle?.inWholeMilliseconds)
    }
}

extension Timestamp {
    /// Less than `window` before `now`, or after it: what lies ahead was noted before the clock was set back, and must
    /// not count for as long as it was set back.
    func isWithin(_ window: Duration, of now: Timestamp) -> Bool { self + window > now && now + window > self }
}

extension Job.Lease {
    /// Whether it is this worker's: names are compared byte by byte, as every store does.
    func isHeld(by worker: String) -> Bool { self.worker.utf8.elementsEqual(worker.utf8) }
}
