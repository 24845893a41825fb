import System

/// An ended job as retention looks at it.
struct EndedJob<Key> {
    /// What its store finds it by.
    let key: Key
    /// Its number in order of arrival.
    let row: Int64
    let finished: Timestamp
    let hasFailed: Bool
    /// When its batch was opened, if that has not ended.
    let openSince: Timestamp?
    let isRetryOfPresent: Bool
}

/// Where the next call goes on with ended jobs.
struct PrunePlace: Sendable, Equatable {
    /// The latest that was looked at, in order of (finished, row).
    var finished = Timestamp(milliseconds: .min)
    var row: Int64 = 0
    /// Jobs up to there that were kept.
    var passed = 0

    /// Jobs that one call looks at: many may have to stay, and others wait meanwhile.
    static let lookLimit = 2000

    /// Those of `found` that need not be kept, the oldest first; the place moves to where the next call goes on.
    ///
    /// - Parameters:
    ///   - found: at most `lookLimit` jobs from here on, in order of (finished, row).
    ///   - tooMany: jobs that there are beyond what retention keeps.
    ///   - newest: the row of the newest of all, which stays.
    mutating func choose<Key>(
        among found: [EndedJob<Key>], _ retention: Retention, tooMany: Int, newest: Int64?, at now: Timestamp
    ) -> [Key] {
        let shortest = min(retention.ended, retention.failed)
        var chosen: [Key] = []
        // Those that were stepped over before are the oldest of all, and count among those that are too many.
        for job in found {
            let isTooMany = passed + chosen.count < tooMany
            // Ages and numbers only fall from here.
            if !isTooMany, job.finished + shortest > now {
                self = PrunePlace()
                return chosen
            }
            let isOld = job.finished + (job.hasFailed ? retention.failed : retention.ended) <= now
            let isNeeded = job.isRetryOfPresent || job.openSince.map { $0 + retention.abandoned > now } == true
            finished = job.finished
            row = job.row
            guard isTooMany || isOld, !isNeeded, job.row != newest else {
                passed += 1
                continue
            }
            chosen.append(job.key)
            if chosen.count == Retention.perCall { return chosen }
        }
        if found.count < Self.lookLimit { self = PrunePlace() }
        return chosen
    }
}
