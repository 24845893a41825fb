public import System

/// How a lane is served. The same for every process: it is kept in the store.
public struct LanePolicy: Sendable, Equatable {
    /// The lane.
    public let lane: Lane
    /// Its share of the claims while other lanes have work too; 1 to 1000.
    public let weight: Int
    /// The most jobs of it that run at once; nil for any number.
    public let concurrency: Int?
    /// How often jobs of it are started; nil for any number.
    public let rate: StartRate?

    /// A policy.
    public init(lane: Lane, weight: Int = 1, concurrency: Int? = nil, rate: StartRate? = nil) {
        self.lane = lane
        self.weight = weight
        self.concurrency = concurrency
        self.rate = rate
    }

    /// The farm's lanes unless the operator names others.
    public static let standard = [
        LanePolicy(lane: .interactive, weight: 8), LanePolicy(lane: .batch, weight: 3),
        LanePolicy(lane: .campaign, weight: 1),
    ]

    func validate() throws(QueueError) {
        try require(weight, in: 1...1000, "weight of lane \(lane)")
        if let concurrency { try require(concurrency, in: 1...100_000, "concurrency of lane \(lane)") }
        if let rate { try rate.validate(lane) }
    }
}

/// A bucket of `count` starts that fills up again evenly in `period`: after a rest `count` at once, and from then on
/// `count` in each `period`, evenly spread. So there are fewer than twice `count` in any one stretch of `period`, and
/// never more than `count` in each in the long run.
public struct StartRate: Sendable, Equatable {
    /// Starts.
    public let count: Int
    /// The stretch, in whole milliseconds.
    public let period: Duration

    /// A rate; parts of a millisecond are left out.
    public init(count: Int, period: Duration) {
        self.count = count
        self.period = period.inWholeMilliseconds
    }

    func validate(_ lane: Lane) throws(QueueError) {
        try require(count, in: Self.counts, "rate of lane \(lane)")
        try require(
            Int(clamping: period.wholeMilliseconds), in: Self.periods, "rate period of lane \(lane), in milliseconds")
    }

    fileprivate static let counts = 1...1_000_000
    fileprivate static let periods = 1...86_400_000
}

/// The state of a `StartRate` between two starts: one number, the moment at which the bucket would be full again, in
/// microseconds since 1970 (the "theoretical arrival time" of the generic cell rate algorithm, ITU-T I.371). Defined for
/// every rate and every clock.
struct StartMeter: Sendable, Equatable {
    var fullAt: Int64

    /// When the next job may start, at the earliest now.
    func nextStart(_ rate: StartRate, now: Timestamp) -> Timestamp { start(1, rate, now: now) }

    /// When the job after `number` - 1 others may start, at the earliest now.
    func start(_ number: Int, _ rate: StartRate, now: Timestamp) -> Timestamp {
        let wait = wait(for: number, rate, now: now)
        return wait <= 0 ? now : now + .milliseconds((wait + 999) / 1000)
    }

    func mayStart(_ rate: StartRate, now: Timestamp) -> Bool { wait(for: 1, rate, now: now) <= 0 }

    /// One job has started.
    mutating func start(_ rate: StartRate, now: Timestamp) {
        fullAt = level(Bucket(rate), now: microseconds(now)) + Bucket(rate).interval
    }

    /// Microseconds until start `number`; none or fewer when it may be now.
    private func wait(for number: Int, _ rate: StartRate, now: Timestamp) -> Int64 {
        let (now, bucket) = (microseconds(now), Bucket(rate))
        let number = Int64(min(max(number, 1), 1_000_000))
        return level(bucket, now: now) - now + number * bucket.interval - bucket.depth
    }

    /// When the bucket is full again, at the earliest now.
    ///
    /// Further ahead than an empty bucket takes to fill it lies only where the clock was set back. That must not close
    /// the lane for as long as it was set back: one start is left then, and the bucket fills from there.
    private func level(_ bucket: Bucket, now: Int64) -> Int64 {
        fullAt > now + bucket.depth ? now + bucket.depth - bucket.interval : max(fullAt, now)
    }

    /// A rate in microseconds.
    private struct Bucket {
        /// From one start to the next, rounded up: never more often than the rate says.
        let interval: Int64
        /// What an empty bucket takes to fill: `count` intervals, so that `count` may start at once and no more.
        let depth: Int64

        init(_ rate: StartRate) {
            let count = Int64(min(max(rate.count, StartRate.counts.lowerBound), StartRate.counts.upperBound))
            let periods = StartRate.periods
            let period = Int64(
                min(max(Int(clamping: rate.period.wholeMilliseconds), periods.lowerBound), periods.upperBound))
            interval = (period * 1000 + count - 1) / count
            depth = interval * count
        }
    }

    private func microseconds(_ time: Timestamp) -> Int64 { min(max(time.milliseconds, -1 << 50), 1 << 50) * 1000 }
}

/// Somebody's order that holds a lane, or all of them.
public struct LaneHold: Sendable, Equatable {
    /// What is held back.
    public enum Kind: String, Sendable, CaseIterable {
        /// No job is started; those that run go on.
        case paused
        /// No job is taken in; those that wait are worked off.
        case closed
    }

    /// What is held back.
    public let kind: Kind
    /// The lane; nil for all.
    public let lane: Lane?
    /// Who ordered it.
    public let by: String
    /// Why, in their words.
    public let reason: String
    /// Since when.
    public let since: Timestamp

    /// A hold.
    public init(kind: Kind, lane: Lane?, by: String, reason: String, since: Timestamp) {
        self.kind = kind
        self.lane = lane
        self.by = by
        self.reason = reason
        self.since = since
    }

    /// Whether it holds `lane`.
    func concerns(_ lane: Lane) -> Bool { self.lane == nil || self.lane == lane }
}

/// A lane as it stands.
public struct LaneStatus: Sendable, Equatable {
    /// How it is served.
    public let policy: LanePolicy
    /// Whether the configuration still names it; one that it does not is worked off and takes nothing in.
    public let isConfigured: Bool
    /// What holds it, orders for all lanes among them.
    public let holds: [LaneHold]
    /// Waiting for a worker.
    public let queued: Int
    /// Waiting for their time.
    public let scheduled: Int
    /// At a worker.
    public let running: Int
    /// Failed and not retried; at most `QueueLimits.countedPlaces` are counted.
    public let failed: Int
    /// The one that is next, with the time at which it arrived.
    public let oldest: Oldest?

    /// The job at the head of a lane.
    public struct Oldest: Sendable, Equatable {
        /// The job.
        public let id: Job.ID
        /// When it arrived.
        public let created: Timestamp
    }

    /// The hold of this kind, if any.
    public func hold(_ kind: LaneHold.Kind) -> LaneHold? { holds.first { $0.kind == kind } }
}

/// In which order a claimer looks into lanes: smooth weighted round robin. A lane's credit grows by its weight with each
/// claim that it has work for and does not get, and falls by all weights together when it gets one; so a lane with work
/// comes first after a bounded number of claims, however small its weight, and the claims spread evenly.
struct LaneRotation: Sendable, Equatable {
    private var credits: [Lane: Int] = [:]

    /// The lanes in the order to look into.
    func order(_ lanes: [LanePolicy]) -> [LanePolicy] {
        lanes.enumerated().sorted { left, right in
            let (first, second) = (credit(left.element), credit(right.element))
            return first == second ? left.offset < right.offset : first > second
        }.map(\.element)
    }

    /// The `taken`-th lane of `order` had a job; those before it had none and lose what they saved up, so that a lane
    /// that was idle does not overrun the others afterwards.
    mutating func took(_ taken: Int, of order: [LanePolicy]) {
        let waiting = order[taken...]
        let total = waiting.reduce(0) { $0 + $1.weight }
        for idle in order[..<taken] { credits[idle.lane] = 0 }
        for policy in waiting {
            let credit = (credits[policy.lane] ?? 0) + policy.weight
            // A lane behind the one that was taken may be empty without our knowing: its credit is bounded.
            credits[policy.lane] = min(max(credit - (policy.lane == order[taken].lane ? total : 0), -bound), bound)
        }
    }

    private let bound = 100_000

    private func credit(_ policy: LanePolicy) -> Int { (credits[policy.lane] ?? 0) + policy.weight }
}
