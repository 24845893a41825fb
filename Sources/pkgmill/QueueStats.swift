import Enqueuer
import JSON
import QueueModel
import System
import Terminal

/// The queue at one moment, as somebody wants to see it who asks at night what is wrong.
struct QueueStats {
    private let now: Timestamp
    private let counts: QueueCounts
    private let lanes: [LaneStatus]
    private let workers: [WorkerStatus]
    private let running: [Job]
    private let parked: [ParkedJob]
    private let logByteCount: Int64?
    private let degradations: [String]

    /// Looks at the queue, whose write-ahead log has `logByteCount` bytes; nil for one without.
    /// `degradations`: why it may lose something that was acknowledged.
    init(_ queue: any JobQueue, logByteCount: Int64?, degradations: [String], now: Timestamp) async throws {
        self.now = now
        self.degradations = degradations
        self.logByteCount = logByteCount
        counts = try await queue.counts(dueWithin: .zero)
        lanes = try await queue.lanes()
        workers = try await queue.workers()
        running = try await Self.running(queue)
        parked = try await queue.parked(limit: 100)
    }

    /// All that run, the one that has shown nothing for longest first.
    private static func running(_ queue: any JobQueue) async throws -> [Job] {
        var found: [Job] = []
        var cursor: JobCursor?
        repeat {
            let page = try await queue.list(JobFilter(state: .running), after: cursor, limit: 1000)
            found += page.jobs
            cursor = page.next
        } while cursor != nil
        return found.sorted { progressed($0) < progressed($1) }
    }

    private static func progressed(_ job: Job) -> Timestamp {
        job.life.progressed ?? job.life.claimed ?? job.created
    }

    /// A job that runs although it should not: its lease is over, or it has shown nothing for long.
    private func stuckReason(_ job: Job) -> String? {
        guard let lease = job.lease else { return nil }
        if lease.until <= now {
            return "its lease ran out \(age(lease.until)) ago; whoever claims next takes it back"
        }
        let progressed = Self.progressed(job)
        return now - progressed > .seconds(60) ? "no progress for \(age(progressed))" : nil
    }

    /// A log of this size is not what checkpoints leave.
    private static let longLog: Int64 = 128 << 20

    func text(_ palette: Palette) -> String {
        var text =
            "\(counts.queued) queued, \(counts.scheduled) scheduled (\(counts.dueSoon) due), \(counts.running) running"
        let failed = lanes.reduce(0) { $0 + $1.failed }
        if failed > 0 { text += ", " + palette.bad("\(failed) failed and not retried") }
        if counts.parked > 0 { text += ", " + palette.bad("\(counts.parked) parked") }
        text += "\n"
        for reason in degradations { text += "\n" + palette.strong("durability: degraded") + "; \(reason)" }
        if let logByteCount, logByteCount > Self.longLog {
            let size = Printable.byteCount(logByteCount)
            text += palette.warning(
                "the database's log has grown to \(size): somebody reads for long, or the disk is slow")
            text += "\n"
        }
        for hold in lanes.first?.holds ?? [] where hold.lane == nil { text += palette.warning(hold.text) + "\n" }
        text += "\n" + palette.strong("lanes") + "\n" + table(lanes.flatMap(rows))
        text += "\n" + palette.strong("workers") + "\n"
        text += workers.isEmpty ? "none; start one with 'pkgmill work'\n" : table(workers.map(row))
        if !running.isEmpty { text += "\n" + palette.strong("running") + "\n" + table(running.map(row)) }
        let stuck = running.compactMap { job in stuckReason(job).map { (job.id.description, $0) } }
        if !stuck.isEmpty { text += "\n" + palette.bad("stuck") + "\n" + table(stuck) }
        if !parked.isEmpty {
            text += "\n" + palette.bad("parked") + "\n"
            text += table(parked.map { ($0.id?.description ?? $0.place, Printable.text($0.reason)) })
        }
        return text
    }

    private func rows(_ lane: LaneStatus) -> [(String, String)] {
        var parts = ["weight \(lane.policy.weight)"]
        if let limit = lane.policy.concurrency { parts.append("at most \(limit) at once") }
        if let rate = lane.policy.rate {
            parts.append("at most \(rate.count) started in \(rate.period.components.seconds) s")
        }
        if !lane.isConfigured { parts.append("no longer configured") }
        parts.append(
            "\(lane.queued) queued, \(lane.scheduled) scheduled, \(lane.running) running, \(lane.failed) failed")
        if let oldest = lane.oldest { parts.append("oldest \(oldest.id), waiting for \(age(oldest.created))") }
        return [(lane.policy.lane.name, parts.joined(separator: "; "))]
            + lane.holds.filter { $0.lane != nil }.map { ("", $0.text) }
    }

    private func row(_ worker: WorkerStatus) -> (String, String) {
        let record = worker.record
        var parts = [worker.isAlive ? (record.isDraining ? "draining" : "alive") : "silent for \(age(worker.lastBeat))"]
        parts.append(
            "host \(Printable.text(record.host)), process \(record.processID), version \(Printable.text(record.version))"
        )
        parts.append("serves \(record.lanes.map { $0.map(\.name).joined(separator: ", ") } ?? "all lanes")")
        parts.append(
            worker.jobs.isEmpty ? "idle" : "has \(worker.jobs.map(\.description).joined(separator: ", "))")
        return (Printable.text(record.name), parts.joined(separator: "; "))
    }

    private func row(_ job: Job) -> (String, String) {
        let since = job.life.claimed.map { "for \(age($0))" } ?? ""
        return (
            job.id.description,
            "\(JobText.running(JobDocument.json(job)) ?? "") \(since), attempt \(job.attempt) of \(job.maxAttempts)"
        )
    }

    private func age(_ time: Timestamp) -> String {
        let seconds = max(0, (now - time).components.seconds)
        return switch seconds {
        case ..<120: "\(seconds) s"
        case ..<7200: "\(seconds / 60) min"
        case ..<172_800: "\(seconds / 3600) h"
        default: "\(seconds / 86_400) days"
        }
    }

    // MARK: For programs

    var json: JSONValue {
        [
            "time": .string(now.description),
            "counts": [
                "queued": .integer(Int64(counts.queued)), "scheduled": .integer(Int64(counts.scheduled)),
                "due": .integer(Int64(counts.dueSoon)), "running": .integer(Int64(counts.running)),
                "parked": .integer(Int64(counts.parked)),
                "failedNotRetried": .integer(Int64(lanes.reduce(0) { $0 + $1.failed })),
            ],
            "durability": degradations.isEmpty ? "full" : "degraded",
            "degradations": .array(degradations.map { .string($0) }),
            "logBytes": logByteCount.map { .integer($0) } ?? .null,
            "lanes": .array(lanes.map { FarmDocument.json($0) }),
            "workers": .array(workers.map { FarmDocument.json($0) }),
            "running": .array(running.map { JobDocument.json($0) }),
            "stuck": .array(
                running.compactMap { job in
                    stuckReason(job).map { ["id": .string(job.id.description), "reason": .string($0)] }
                }),
            "parked": .array(parked.map { JobDocument.json($0) }),
        ]
    }

    static func text(_ event: QueueEvent) -> String {
        let what =
            switch event.change {
            case .state(let id, let state, let attempt): "job \(id) \(state.rawValue), attempt \(attempt)"
            case .progress(let id, let progress):
                "job \(id) \(Printable.text(progress.stage)) \(progress.done) of \(progress.total)"
            case .batchFinished(let id): "batch \(id) has ended"
            case .held(let kind, let lane, let by, let reason):
                "\(lane.map { "lane \($0)" } ?? "all lanes") \(kind.rawValue) by \(Printable.text(by)): \(Printable.text(reason))"
            case .resumed(let lane, let by):
                "\(lane.map { "lane \($0)" } ?? "all lanes") resumed by \(Printable.text(by))"
            }
        return "\(event.sequence)  \(event.time)  \(what)"
    }
}
