/// The numbers that a queue goes by; the same in every process of a farm.
public struct QueueRules: Sendable, Equatable {
    /// How long a failed job waits.
    public let backoff: Backoff
    /// Leases that a job may lose before it has failed: a job that kills its workers must not kill them all.
    public let lostLeases: Int
    /// How long a lost lease speaks against the whole fleet, and how long a worker counts to it after its last beat.
    public let fleetWindow: Duration
    /// Lost leases that are not held against a job while most of the fleet is losing leases.
    public let pardons: Int
    /// How long a worker counts as alive after its last beat.
    public let workerTimeout: Duration
    /// Events that are kept, at the least.
    public let eventLimit: Int

    /// The standard rules, unless given.
    public init(
        backoff: Backoff = .standard, lostLeases: Int = 3, fleetWindow: Duration = .seconds(60), pardons: Int = 10,
        workerTimeout: Duration = .seconds(13), eventLimit: Int = 10_000
    ) {
        self.backoff = backoff
        self.lostLeases = min(max(lostLeases, 1), 100)
        self.fleetWindow = fleetWindow
        self.pardons = min(max(pardons, 0), 1000)
        self.workerTimeout = workerTimeout
        self.eventLimit = min(max(eventLimit, 1), 10_000_000)
    }
}

/// What is known of the fleet when a lease is lost.
struct FleetHealth: Sendable, Equatable {
    /// Workers that were heard of, or lost a lease, within the window.
    let seen: Int
    /// Those among them that lost the lease of another job than the one in question.
    let losing: Int

    /// Most of the fleet is in trouble: the machine, the disk or the network then, and not this job. One worker is no
    /// fleet, so two at least.
    var isFailing: Bool { losing >= 2 && losing > seen / 2 }
}

/// How long jobs are kept once they have ended.
public struct Retention: Sendable, Equatable {
    /// How long one that succeeded or was cancelled is kept.
    public let ended: Duration
    /// How long one that failed is kept.
    public let failed: Duration
    /// Ended jobs that are kept at the most.
    public let count: Int

    /// 30 days, 90 days, 100,000 jobs, unless given.
    public init(ended: Duration = .seconds(30 * 86_400), failed: Duration = .seconds(90 * 86_400), count: Int = 100_000)
    {
        self.ended = ended
        self.failed = failed
        self.count = max(count, 0)
    }

    /// How long a batch that was never completed keeps its jobs: until the longest of the ages, and 30 days at least.
    var abandoned: Duration { max(ended, failed, .seconds(30 * 86_400)) }

    /// The jobs that one call removes at the most, so that nobody waits for it.
    static let perCall = 200
}

func require(_ value: Int, in range: ClosedRange<Int>, _ field: String) throws(QueueError) {
    guard range.contains(value) else {
        throw .invalid(
            field: field, value: "\(value)", expected: "a number from \(range.lowerBound) to \(range.upperBound)")
    }
}
