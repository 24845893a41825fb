public import System

/// Why a job that is not running waits, and how long that may take.
public struct Standing: Sendable, Equatable {
    /// The one thing that stands most in its way.
    public let reason: WaitingReason
    /// Its place among the queued jobs of its lane, from 1; nil for one that is not queued. At most
    /// `QueueLimits.countedPlaces`: further back nobody counts.
    public let place: Int?
    /// About how long until it starts, from how long jobs of the lane have taken lately; nil without history, while
    /// something holds it, and for one that is not queued.
    public let estimate: Duration?
}

/// What a waiting job waits for.
public enum WaitingReason: Sendable, Equatable {
    /// Somebody has paused its lane, or all.
    case paused(LaneHold)
    /// As many jobs of its lane run as may.
    case laneLimit(running: Int, limit: Int)
    /// As many jobs of its lane were started lately as may.
    case startRate(until: Timestamp)
    /// Its time has not come; after a failed attempt, the attempt that comes next.
    case scheduled(until: Timestamp, retryOfAttempt: Int?)
    /// No worker that serves its lane is alive.
    case noWorker
    /// Other jobs come first, or a worker is about to take it.
    case turn
}

/// How long the jobs of a lane have taken lately.
struct LaneHistory: Sendable, Equatable {
    /// Mean time from claim to end.
    let mean: Duration
    /// Jobs that this is taken from.
    let count: Int

    /// Jobs that are looked at, the latest ones.
    static let sampleCount = 20
    /// Fewer say nothing.
    static let minimumCount = 3
    /// One job counts with 34 years at the most.
    static let maximumMilliseconds: Int64 = 1 << 40
}

extension LaneHistory {
    /// The history of jobs that took so long; nil without any.
    init?(durations: [Duration]) {
        guard !durations.isEmpty else { return nil }
        let total = durations.reduce(0) { $0 + max(0, min($1.wholeMilliseconds, Self.maximumMilliseconds)) }
        self.init(mean: .milliseconds(total / Int64(durations.count)), count: durations.count)
    }
}

extension Standing {
    fileprivate init(scheduled job: Job, until time: Timestamp) {
        let retried = job.attempt > 1 ? job.attempt - 1 : nil
        self.init(reason: .scheduled(until: time, retryOfAttempt: retried), place: nil, estimate: nil)
    }

    /// The standing of a job that waits for its time, which is the same whatever its lane is like; nil for any other.
    public init?(ofScheduled job: Job, now: Timestamp) {
        guard case .scheduled(let time) = job.state, time > now else { return nil }
        self.init(scheduled: job, until: time)
    }
}

/// What is known of a lane when the standing of one of its jobs is asked for.
struct LaneOutlook: Sendable {
    let policy: LanePolicy
    let meter: StartMeter
    let pause: LaneHold?
    let running: Int
    let workerCount: Int
    let history: LaneHistory?

    /// The standing of a job; nil when it waits for nothing.
    func standing(of job: Job, place: @autoclosure () throws(QueueError) -> Int, now: Timestamp) throws(QueueError)
        -> Standing?
    {
        switch job.state {
        case .running, .succeeded, .failed, .cancelled: return nil
        case .scheduled(let time) where time > now: return Standing(scheduled: job, until: time)
        case .scheduled:
            // Its time has come, and whoever claims next queues it: what it waits for is what holds that up.
            return Standing(reason: reason(now: now), place: nil, estimate: nil)
        case .queued:
            let place = try place()
            let reason = reason(now: now)
            let isMoving = reason == .turn || isLimit(reason)
            return Standing(reason: reason, place: place, estimate: isMoving ? estimate(place: place, now: now) : nil)
        }
    }

    private func reason(now: Timestamp) -> WaitingReason {
        if let pause { return .paused(pause) }
        if workerCount == 0 { return .noWorker }
        if let limit = policy.concurrency, running >= limit { return .laneLimit(running: running, limit: limit) }
        if let rate = policy.rate, !meter.mayStart(rate, now: now) {
            return .startRate(until: meter.nextStart(rate, now: now))
        }
        return .turn
    }

    private func isLimit(_ reason: WaitingReason) -> Bool {
        switch reason {
        case .laneLimit, .startRate: true
        case .paused, .scheduled, .noWorker, .turn: false
        }
    }

    /// Those before it, at the pace of the lane's latest jobs, shared by the workers that serve it; none for whom a
    /// worker is free. Other lanes may take a part of these, so this is a lower bound; it is said as "about".
    private func estimate(place: Int, now: Timestamp) -> Duration? {
        guard let history, history.count >= LaneHistory.minimumCount else { return nil }
        let hands = max(1, min(workerCount, policy.concurrency ?? workerCount))
        let free = max(0, hands - max(0, running))
        let place = min(max(place, 1), QueueLimits.countedPlaces)
        let mean = min(max(history.mean.wholeMilliseconds, 0), LaneHistory.maximumMilliseconds)
        let estimate = Duration.milliseconds(mean * Int64(max(0, place - free)) / Int64(hands))
        guard let rate = policy.rate else { return estimate }
        return max(estimate, meter.start(place, rate, now: now) - now)
    }
}
