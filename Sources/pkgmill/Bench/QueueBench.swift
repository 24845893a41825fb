import QueueModel
import Synchronization
import System

/// How fast a queue is, as a client sees it: what one caller, many callers and workers get done in a second, and how soon
/// a job starts in another process. Leases, fencing and events are on; jobs carry 64 bytes and do nothing.
struct QueueBench: Sendable {
    /// One measurement.
    struct Figure: Sendable {
        let name: String
        let value: Double
        let unit: String
        /// Operations or samples behind it.
        let count: Int
    }

    /// Opens one more handle on the queue that is measured.
    let open: @Sendable () async throws -> any JobQueue
    let random: RandomSource = .system

    static func submission(_ random: RandomSource, request: [UInt8] = [UInt8](repeating: 0x78, count: 64)) -> Submission
    {
        Submission(
            id: Job.ID(at: Timestamp.systemClock(), random: random), lane: .interactive, request: request,
            inputDigest: [UInt8](repeating: 7, count: 32), requestedBy: "bench")
    }

    /// Submissions by `callers` at once, each waiting for its answer before the next.
    func enqueue(_ count: Int, callers: Int) async throws -> Figure {
        let queue = try await open()
        let each = count / callers
        let seconds = try await timed {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<callers {
                    group.addTask { for _ in 0..<each { _ = try await queue.enqueue(Self.submission(random)) } }
                }
                try await group.waitForAll()
            }
        }
        return Figure(
            name: "enqueue, \(callers) caller\(callers == 1 ? "" : "s")", value: Double(each * callers) / seconds,
            unit: "/s", count: each * callers)
    }

    /// Submissions in calls of a thousand.
    func bulk(_ count: Int) async throws -> Figure {
        let queue = try await open()
        let calls = max(1, count / 1000)
        let seconds = try await timed {
            for _ in 0..<calls { _ = try await queue.enqueue((0..<1000).map { _ in Self.submission(random) }) }
        }
        return Figure(name: "bulk enqueue", value: Double(calls * 1000) / seconds, unit: "/s", count: calls * 1000)
    }

    /// Claims and completions of one worker process until nothing is queued.
    func drain(_ count: Int, loops: Int = 4, claimLimit: Int = 32) async throws -> Figure {
        let queue = try await open()
        try await fill(queue, count)
        let result = try Job.Result(sha256: String(repeating: "0", count: 64), byteCount: 0, fileName: "none")
        let seconds = try await timed {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<loops {
                    group.addTask { try await Self.work(queue, "bench-\(number)", claimLimit, result) }
                }
                try await group.waitForAll()
            }
        }
        return Figure(name: "drain, one worker process", value: Double(count) / seconds, unit: "/s", count: count)
    }

    private static func work(
        _ queue: any JobQueue, _ name: String, _ limit: Int, _ result: Job.Result
    ) async throws {
        while true {
            let jobs = try await queue.claim(by: name, lanes: nil, for: .seconds(60), limit: limit)
            if jobs.isEmpty { return }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for claim in jobs.compactMap(\.claim) {
                    group.addTask { try await queue.complete(claim, result: result) }
                }
                try await group.waitForAll()
            }
        }
    }

    /// Single claims while `waiting` jobs are queued, which are put there first.
    func claims(waiting: Int, count: Int) async throws -> Figure {
        let queue = try await open()
        try await fill(queue, waiting)
        let seconds = try await timed {
            for _ in 0..<count { _ = try await queue.claim(by: "bench", lanes: nil, for: .seconds(600)) }
        }
        return Figure(
            name: "claim with \(waiting) queued", value: Double(count) / seconds, unit: "/s", count: count)
    }

    /// From the call of `enqueue` to the claim in another, idle process, which `listen` starts and whose measurements it
    /// returns.
    func latency(_ count: Int, listen: () throws -> LatencyListener) async throws -> [Figure] {
        let queue = try await open()
        let listener = try listen()
        for _ in 0..<count {
            // Irregular pauses, in which every process goes to sleep.
            try await Task.sleep(for: .milliseconds(20 + Int(random.bytes(1).first ?? 0) % 40))
            let text = Array(String(MonotonicClock.nanoseconds()).utf8)
            _ = try await queue.enqueue(Self.submission(random, request: text))
        }
        let samples = try listener.finish(count).sorted()
        guard let last = samples.last else { return [] }
        func figure(_ part: Double) -> Figure {
            let index = min(samples.count - 1, Int(Double(samples.count) * part))
            return Figure(
                name: "enqueue to start in another process, p\(Int(part * 100))", value: samples[index], unit: "ms",
                count: samples.count)
        }
        return [
            figure(0.5), figure(0.99),
            Figure(name: "enqueue to start in another process, worst", value: last, unit: "ms", count: samples.count),
        ]
    }

    /// The other process of `latency`: claims jobs, and tells for each how long ago it was submitted, in milliseconds.
    static func listen(_ queue: any JobQueue, count: Int, tell: (Double) -> Void) async throws {
        let result = try Job.Result(sha256: String(repeating: "0", count: 64), byteCount: 0, fileName: "none")
        var left = count
        while left > 0 {
            guard let job = try await queue.claim(by: "listener", lanes: nil, for: .seconds(60)), let claim = job.claim
            else {
                try await queue.waitForJobs(in: nil, atMost: .seconds(1))
                continue
            }
            let now = MonotonicClock.nanoseconds()
            if let sent = UInt64(String(decoding: job.request, as: UTF8.self)), sent <= now {
                tell(Double(now - sent) / 1e6)
                left -= 1
            }
            try await queue.complete(claim, result: result)
        }
    }

    private func fill(_ queue: any JobQueue, _ count: Int) async throws {
        var left = count - (try await queue.counts(dueWithin: .zero).queued)
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
}

/// The other process of a latency measurement.
struct LatencyListener {
    /// Waits for the process and returns what it told: milliseconds, one for each job.
    let finish: (_ count: Int) throws -> [Double]
}
