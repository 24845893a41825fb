import QueueModel
import Records
import System
import TestSupport
import Testing

/// Fills a farm with one of everything, and many jobs.
struct RichFarm {
    let queue: any JobQueue
    let records: any RecordStore
    let clock: ManualClock
    static let dropped = Lane("dropped") ?? .campaign

    static func id(_ number: UInt64) -> Job.ID {
        Job.ID(at: Timestamp(seconds: 1_800_000_000), random: SeededRandom(seed: number).source)
    }

    static func submission(_ number: UInt64, lane: Lane = .interactive) -> Submission {
        // Some requests are too long to lie beside the rest.
        let request = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: number % 3 == 0 ? 3000 : 20)
        return Submission(
            id: id(number), lane: lane, request: request, inputDigest: [UInt8](repeating: 7, count: 32),
            requestedBy: "caf\u{E9} \(number)")
    }

    func fill(jobCount: UInt64) async throws {
        try await queue.configure(LanePolicy.standard + [LanePolicy(lane: Self.dropped)])
        let batch = Batch.ID(at: clock.now, random: SeededRandom(seed: 77).source)
        _ = try await queue.open(batch, total: 4, requestedBy: "batcher")
        try await queue.reject(
            Batch.Place(batch: batch, row: 2), Job.Failure(code: "bad-row", message: "no name", isRetryable: false))
        for row in [1, 3] {
            var submission = Self.submission(900_000 + UInt64(row), lane: .batch)
            submission.batch = Batch.Place(batch: batch, row: row)
            _ = try await queue.enqueue(submission)
        }
        _ = try await queue.enqueue(Self.submission(900_010, lane: Self.dropped))
        try await queue.configure(LanePolicy.standard)
        // One of each state that can be moved, with a history where it has one.
        for number in UInt64(900_020)...900_024 { _ = try await queue.enqueue(Self.submission(number)) }
        let done = try #require(try await queue.claim(by: "w", lanes: [.interactive], for: .seconds(60))?.claim)
        let result = try Job.Result(sha256: String(repeating: "ab", count: 32), byteCount: 9, fileName: "a.pkg")
        try await queue.report(Job.Progress(stage: "assemble", done: 1, total: 2), done)
        try await queue.complete(done, result: result)
        let failed = try #require(try await queue.claim(by: "w", lanes: [.interactive], for: .seconds(60))?.claim)
        try await queue.fail(failed, Job.Failure(code: "bad", message: "payload is gone", isRetryable: false))
        _ = try await queue.retry(failed.job, as: Self.id(900_030))
        let again = try #require(try await queue.claim(by: "w", lanes: [.interactive], for: .seconds(60))?.claim)
        try await queue.fail(again, Job.Failure(code: "disk", message: "full", isRetryable: true))
        let given = try #require(try await queue.claim(by: "w", lanes: [.interactive], for: .seconds(60))?.claim)
        try await queue.release(given)
        try await queue.cancel(Self.id(900_024))
        var later = Self.submission(900_040)
        later.scheduledFor = clock.now + .seconds(86_400)
        later.idempotencyKey = "later"
        later.isUnique = true
        _ = try await queue.enqueue(later)
        for answer in try await queue.enqueue((0..<jobCount).map { Self.submission($0) }) { _ = try answer.get() }
        try await queue.hold(.paused, .batch, by: "olga", reason: "waits for the licence")
        for number in 0..<30 {
            try await records.write(
                "r\(number)", in: number % 2 == 0 ? "even" : "odd", body: [UInt8](repeating: 1, count: number * 100),
                expires: number % 5 == 0 ? clock.now + .seconds(3600) : nil, expecting: nil)
        }
    }

    /// All that a move must bring along.
    struct Content: Equatable {
        var jobs: [Job] = []
        var batches: [Batch] = []
        var refusals: [String] = []
        var records: [String] = []
        var laneHolds: [String] = []
    }

    func content() async throws -> Content {
        var content = Content()
        var cursor: JobCursor?
        repeat {
            let page = try await queue.arrivals(after: cursor, limit: 1000)
            content.jobs += page.jobs
            cursor = page.next
        } while cursor != nil
        content.batches = try await queue.batches(after: nil, limit: 1000)
        for batch in content.batches {
            for item in try await queue.items(of: batch.id, after: 0, limit: 1000) {
                if case .rejected(let failure) = item.outcome { content.refusals.append("\(item.row) \(failure)") }
            }
        }
        for collection in try await records.collections() where collection != "relocation" {
            for record in try await records.list(collection, after: nil, limit: 1000) {
                content.records.append(
                    "\(collection)/\(record.name) \(record.body.count) \(String(describing: record.expires))")
            }
        }
        for status in try await queue.lanes() {
            for hold in status.holds where hold.lane != nil {
                content.laneHolds.append("\(hold.kind) \(hold.lane?.name ?? "") \(hold.by) \(hold.reason)")
            }
        }
        return content
    }

    /// Whether nobody may add or start anything.
    func isHeld() async throws -> Bool {
        try await queue.lanes().allSatisfy { status in
            Set(status.holds.filter { $0.lane == nil }.map(\.kind)) == Set(LaneHold.Kind.allCases)
        }
    }
}
