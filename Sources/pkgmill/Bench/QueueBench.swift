import QueueModel
import System

/// How fast a queue is, as a client sees it: what one caller, many callers and workers get done in a second, and how soon
/// a job starts in another process. Leases, fencing and events are on; jobs carry 64 bytes and do nothing.
struct QueueBench: Sendable {
    /// Opens one more handle on the queue that is measured.
    let open: @Sendable () async throws -> any JobQueue
    let random: RandomSource = .system

    /// Submissions by `callers` at once, each waiting for its answer before the next.
    func enqueue(_ count: Int, callers: Int, as measure: BenchFigure.Measure) async throws -> BenchFigure {
        let queue = try await open()
        let each = max(1, count / callers)
        let seconds = try await timed {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<callers {
                    group.addTask { for _ in 0..<each { _ = try await queue.enqueue(Self.submission(random)) } }
                }
                try await group.waitForAll()
            }
        }
        return BenchFigure(measure, Double(each * callers) / seconds, count: each * callers)
    }

    /// Submissions in calls of a thousand.
    func bulk(_ count: Int) async throws -> BenchFigure {
        let queue = try await open()
        let each = min(count, 1000)
        let calls = count / each
        let seconds = try await timed {
            for _ in 0..<calls { _ = try await queue.enqueue((0..<each).map { _ in Self.submission(random) }) }
        }
        return BenchFigure(.bulk, Double(calls * each) / seconds, count: calls * each)
    }

    /// Claims and completions of one worker process until nothing is queued.
    func drain(
        _ count: Int, loops: Int = 4, claimLimit: Int = 32, as measure: BenchFigure.Measure
    ) async throws -> BenchFigure {
        let queue = try await open()
        try await fill(queue, count)
        let seconds = try await timed {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<loops {
                    group.addTask { try await Self.work(queue, "bench-\(number)", claimLimit) }
                }
                try await group.waitForAll()
            }
        }
        return BenchFigure(measure, Double(count) / seconds, count: count)
    }

    private static func work(_ queue: any JobQueue, _ name: String, _ limit: Int) async throws {
        while true {
            let jobs = try await queue.claim(by: name, lanes: nil, for: .seconds(60), limit: limit)
            if jobs.isEmpty { return }
            let result = try nothing()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for claim in jobs.compactMap(\.claim) {
                    group.addTask { try await queue.complete(claim, result: result) }
                }
                try await group.waitForAll()
            }
        }
    }

    /// From the call of `enqueue` to the claim in another, idle process, which `listen` starts.
    func latency(_ count: Int, listen: (_ count: Int) throws -> LatencyListener) async throws -> [BenchFigure] {
        let queue = try await open()
        // The first few find a process that still starts, and do not count.
        let unmeasured = 5
        let listener = try listen(count + unmeasured)
        for _ in 0..<count + unmeasured {
            // Irregular pauses, in which every process goes to sleep.
            try await Task.sleep(for: .milliseconds(100 + Int(random.bytes(1).first ?? 0) * 200 / 255))
            let text = Array(String(MonotonicClock.nanoseconds()).utf8)
            _ = try await queue.enqueue(Self.submission(random, request: text))
        }
        return Self.figures(Array(try listener.finish().dropFirst(unmeasured)), .latencyMedian, .latencyTail)
    }

    /// From the time for which a job was scheduled to its claim in another, idle process.
    func delayed(_ count: Int, listen: (_ count: Int) throws -> LatencyListener) async throws -> [BenchFigure] {
        let queue = try await open()
        let listener = try listen(count)
        // The listener is up by then, and the jobs come one by one over some ten seconds.
        let first = Timestamp.systemClock() + .seconds(2)
        for number in 0..<count {
            var submission = Self.submission(random)
            submission.scheduledFor = first + .milliseconds(number * 50 + Int(random.bytes(1).first ?? 0) % 50)
            _ = try await queue.enqueue(submission)
        }
        return Self.figures(try listener.finish(), .latenessMedian, .latenessTail)
    }

    private static func figures(
        _ samples: [Double], _ median: BenchFigure.Measure, _ tail: BenchFigure.Measure
    ) -> [BenchFigure] {
        let samples = samples.sorted()
        func percentile(_ percent: Int) -> Double {
            samples.isEmpty ? .nan : samples[max(1, (samples.count * percent + 99) / 100) - 1]
        }
        return [
            BenchFigure(median, percentile(50), count: samples.count),
            BenchFigure(tail, percentile(99), count: samples.count),
        ]
    }

    /// The other process of `latency` and `delayed`: claims jobs, and tells for each how long ago it was submitted, or for
    /// how long it could have started, in milliseconds.
    /// Ends after `count` of them, or when none has come for half a minute.
    static func listen(_ queue: any JobQueue, count: Int, tell: (Double) -> Void) async throws {
        let result = try nothing()
        var left = count
        var latest = MonotonicClock.nanoseconds()
        while left > 0, MonotonicClock.nanoseconds() - latest < 30_000_000_000 {
            let jobs = try await queue.claim(
                by: "listener", lanes: nil, for: .seconds(60), limit: 1, waitingFor: .seconds(1))
            guard let job = jobs.first, let claim = job.claim else { continue }
            latest = MonotonicClock.nanoseconds()
            if let time = job.life.scheduledFor {
                tell(Double((Timestamp.systemClock() - time).wholeMilliseconds))
                left -= 1
            } else if let sent = UInt64(String(decoding: job.request, as: UTF8.self)), sent <= latest {
                tell(Double(latest - sent) / 1e6)
                left -= 1
            }
            try await queue.complete(claim, result: result)
        }
    }

    /// Single claims with 1000 jobs queued here and with `many` in `other`, in turns. What was claimed is given back
    /// between the turns, so that both queues keep their length and none has many jobs running.
    func claims(_ many: Int, besides other: QueueBench) async throws -> [BenchFigure] {
        let turns = 10
        let perTurn = 200
        let (few, long) = (try await open(), try await other.open())
        try await fill(few, 1000)
        try await fill(long, many)
        var (secondsAmongFew, secondsAmongMany) = (0.0, 0.0)
        for turn in 0...turns {
            let first = try await claimAndRelease(perTurn, few)
            let second = try await claimAndRelease(perTurn, long)
            // The first turn only warms the caches.
            guard turn > 0 else { continue }
            secondsAmongFew += first
            secondsAmongMany += second
        }
        let count = turns * perTurn
        return [
            BenchFigure(.claimAmongFew, Double(count) / secondsAmongFew, count: count),
            BenchFigure(.claimAmongMany, Double(count) / secondsAmongMany, count: count),
            BenchFigure(.claimRatio, secondsAmongFew / secondsAmongMany, count: count),
        ]
    }

    /// The seconds that the claims took.
    private func claimAndRelease(_ count: Int, _ queue: any JobQueue) async throws -> Double {
        var claims: [Job.Claim] = []
        let seconds = try await timed {
            for _ in 0..<count {
                let job = try await queue.claim(by: "bench", lanes: nil, for: .seconds(600))
                if let claim = job?.claim { claims.append(claim) }
            }
        }
        for claim in claims { try await queue.release(claim) }
        return seconds
    }

    private func fill(_ queue: any JobQueue, _ count: Int) async throws {
        var left = count
        while left > 0 {
            let some = min(left, 10_000)
            _ = try await queue.enqueue((0..<some).map { _ in Self.submission(random) })
            left -= some
        }
    }

    private func timed(_ body: () async throws -> Void) async rethrows -> Double {
        let start = MonotonicClock.nanoseconds()
        try await body()
        return Double(MonotonicClock.nanoseconds() - start) / 1e9
    }

    static func submission(
        _ random: RandomSource, request: [UInt8] = [UInt8](repeating: 0x78, count: 64)
    ) -> Submission {
        Submission(
            id: Job.ID(at: Timestamp.systemClock(), random: random), lane: .interactive, request: request,
            inputDigest: [UInt8](repeating: 7, count: 32), requestedBy: "bench")
    }

    private static func nothing() throws -> Job.Result {
        try Job.Result(sha256: String(repeating: "0", count: 64), byteCount: 0, fileName: "none")
    }
}

/// The other process of a latency measurement.
struct LatencyListener {
    /// Waits for the process and returns what it told: milliseconds, one for each job.
    let finish: () throws -> [Double]
}
