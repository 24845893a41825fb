import QueueModel
import System
import TestSupport
import Testing

/// The rules every `JobQueue` keeps, about batches: nothing is lost of them, nothing counted twice.
@Suite struct BatchConformanceTests {
    private let refusal = Job.Failure(code: "bad-row", message: "no name", isRetryable: false)

    @Test("each end is counted as what it is, and the last one ends the batch", arguments: QueueBackend.allCases)
    func counts(backend: QueueBackend) async throws {
        try await backend.withQueue(rules: QueueRules(backoff: .none, lostLeases: 1)) { queue, clock in
            _ = try await queue.open(.sample(1), total: 6, requestedBy: "test")
            for row in 1...5 { _ = try await queue.enqueue(.sample(UInt64(row)).row(row)) }
            #expect(try await queue.batch(.sample(1))?.counts == Batch.Counts(accepted: 5))
            try await queue.reject(place(6), refusal)
            #expect(try await queue.batch(.sample(1))?.counts == Batch.Counts(accepted: 5, rejected: 1))
            try await queue.complete(try await queue.mustClaim(), result: .sample())
            try await queue.fail(try await queue.mustClaim(), .lasting)
            try await queue.cancel(.sample(3))
            let lost = try await queue.mustClaim()
            clock.advance(by: .seconds(60))
            try await queue.tidy()
            #expect(try await queue.state(of: lost.job) == .failed)
            let last = try await queue.mustClaim()
            try await queue.fail(last, .passing)
            try await queue.release(try await queue.mustClaim())
            #expect(try await queue.batch(.sample(1))?.finished == nil)
            #expect(try await queue.batch(.sample(1))?.counts.pending == 1)
            clock.advance(by: .seconds(5))
            try await queue.complete(try await queue.mustClaim(), result: .sample())
            let batch = try #require(try await queue.batch(.sample(1)))
            #expect(batch.counts == Batch.Counts(accepted: 5, rejected: 1, succeeded: 2, failed: 2, cancelled: 1))
            #expect(batch.finished == clock.now)
            #expect(try await ends(queue) == 1)
        }
    }

    @Test("a batch is opened once, and again with the same words only", arguments: QueueBackend.allCases)
    func open(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            let batch = try await queue.open(.sample(1), total: 2, requestedBy: "caf\u{E9}")
            #expect(batch.created == clock.now)
            _ = try await queue.enqueue(.sample(1).row(1))
            clock.advance(by: .seconds(1))
            let again = try await queue.open(.sample(1), total: 2, requestedBy: "caf\u{E9}")
            #expect(again.created == batch.created)
            #expect(again.counts.accepted == 1)
            for (total, name) in [(3, "caf\u{E9}"), (2, "somebody else"), (2, "cafe\u{301}")] {
                await #expect(throws: QueueError.batchDiffers(.sample(1))) {
                    try await queue.open(.sample(1), total: total, requestedBy: name)
                }
            }
            for total in [0, -1, .min, Batch.maximumTotal + 1, .max] {
                await expectInvalid("total") { () async throws(QueueError) in
                    _ = try await queue.open(.sample(2), total: total, requestedBy: "test")
                }
            }
            await expectInvalid("requestedBy") { () async throws(QueueError) in
                _ = try await queue.open(.sample(2), total: 1, requestedBy: "")
            }
            #expect(try await queue.batch(.sample(2)) == nil)
        }
    }

    @Test("a row that comes twice is one job, whatever its id", arguments: QueueBackend.allCases)
    func twice(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            _ = try await queue.open(.sample(1), total: 2, requestedBy: "test")
            let row = Submission.sample(1).row(1)
            _ = try await queue.enqueue(row)
            #expect(try await queue.enqueue(row.with { $0.id = .sample(9) }).id == .sample(1))
            #expect(try await queue.enqueue([row, row]).map { try $0.get().id } == [.sample(1), .sample(1)])
            await #expect(throws: QueueError.rowTaken(place(1), by: .sample(1))) {
                try await queue.enqueue(.sample(2).row(1))
            }
            #expect(try await queue.batch(.sample(1))?.counts == Batch.Counts(accepted: 1))
        }
    }

    @Test("a row is a job or a refusal, whichever came first", arguments: QueueBackend.allCases)
    func jobOrRefusal(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            _ = try await queue.open(.sample(1), total: 3, requestedBy: "test")
            _ = try await queue.enqueue(.sample(1).row(1))
            await #expect(throws: QueueError.rowTaken(place(1), by: .sample(1))) {
                try await queue.reject(place(1), refusal)
            }
            try await queue.reject(place(2), refusal)
            try await queue.reject(place(2), .passing)
            await #expect(throws: QueueError.rowTaken(place(2), by: nil)) { try await queue.enqueue(.sample(2).row(2)) }
            #expect(try await queue.batch(.sample(1))?.counts == Batch.Counts(accepted: 1, rejected: 1))
            let items = try await queue.items(of: .sample(1), after: 0, limit: 10)
            #expect(items.last?.outcome == .rejected(refusal))
        }
    }

    @Test("rows beyond the total and batches that nobody opened are refused", arguments: QueueBackend.allCases)
    func outside(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            _ = try await queue.open(.sample(1), total: 2, requestedBy: "test")
            for row in [3, 0, -1, .max, .min] {
                await expectInvalid("batch row") { () async throws(QueueError) in
                    _ = try await queue.enqueue(.sample(1).row(row))
                }
                await expectInvalid("batch row") { () async throws(QueueError) in
                    try await queue.reject(place(row), refusal)
                }
            }
            let unknown = QueueError.noSuchBatch(.sample(2))
            await #expect(throws: unknown) { try await queue.enqueue(.sample(1).row(1, of: 2)) }
            await #expect(throws: unknown) {
                try await queue.reject(Batch.Place(batch: .sample(2), row: 1), refusal)
            }
            await #expect(throws: unknown) { try await queue.items(of: .sample(2), after: 0, limit: 1) }
            #expect(try await queue.batch(.sample(2)) == nil)
            #expect(try await queue.batch(.sample(1))?.counts == Batch.Counts())
        }
    }

    @Test("a submitter that stopped half-way and begins again gives each row once", arguments: QueueBackend.allCases)
    func halfWay(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            for (round, stop) in [7, 4, 10].enumerated() {
                _ = try await queue.open(.sample(1), total: 10, requestedBy: "test")
                for row in 1...stop {
                    if row % 5 == 0 {
                        try await queue.reject(place(row), refusal)
                    } else {
                        // New ids each time: the place alone tells that the row came before.
                        let submission = Submission.sample(UInt64(row)).row(row)
                        _ = try await queue.enqueue(submission.with { $0.id = .sample(UInt64(100 * round + row)) })
                    }
                }
                if let claim = try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(60))?.claim {
                    try await queue.complete(claim, result: .sample())
                }
                clock.advance(by: .seconds(1))
            }
            #expect(
                try await queue.batch(.sample(1))?.counts == Batch.Counts(accepted: 8, rejected: 2, succeeded: 3))
            let items = try await queue.items(of: .sample(1), after: 0, limit: 100)
            #expect(items.map(\.row) == Array(1...10))
        }
    }

    @Test("a batch of refusals alone ends with the last of them", arguments: QueueBackend.allCases)
    func refusalsAlone(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.open(.sample(1), total: 2, requestedBy: "test")
            try await queue.reject(place(2), refusal)
            #expect(try await queue.batch(.sample(1))?.finished == nil)
            try await queue.reject(place(1), refusal)
            #expect(try await queue.batch(.sample(1))?.finished == clock.now)
            try await queue.reject(place(1), refusal)
            #expect(try await ends(queue) == 1)
        }
    }

    @Test("a batch does not end before all its rows have come", arguments: QueueBackend.allCases)
    func rowsMissing(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            _ = try await queue.open(.sample(1), total: 2, requestedBy: "test")
            _ = try await queue.enqueue(.sample(1).row(2))
            try await queue.cancel(.sample(1))
            #expect(try await queue.batch(.sample(1))?.finished == nil)
            _ = try await queue.enqueue(.sample(2).row(1))
            try await queue.cancel(.sample(2))
            #expect(try await queue.batch(.sample(1))?.finished != nil)
            #expect(try await ends(queue) == 1)
        }
    }

    @Test("items come in the order of their rows, page after page", arguments: QueueBackend.allCases)
    func items(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            _ = try await queue.open(.sample(1), total: 9, requestedBy: "test")
            _ = try await queue.open(.sample(2), total: 9, requestedBy: "test")
            _ = try await queue.enqueue(.sample(99).row(1, of: 2))
            for row in [7, 2, 9, 4, 1] { _ = try await queue.enqueue(.sample(UInt64(row)).row(row)) }
            for row in [8, 3] { try await queue.reject(place(row), refusal) }
            var pages: [[Int]] = []
            var last = 0
            repeat {
                let items = try await queue.items(of: .sample(1), after: last, limit: 3)
                pages.append(items.map(\.row))
                for case .job(let job) in items.map(\.outcome) {
                    #expect(try await queue.status(of: job.id) == job)
                }
                last = items.last?.row ?? .max
            } while last != .max
            #expect(pages == [[1, 2, 3], [4, 7, 8], [9], []])
            #expect(try await queue.items(of: .sample(1), after: .min, limit: 1).map(\.row) == [1])
            #expect(try await queue.items(of: .sample(1), after: .max, limit: 1) == [])
            await expectInvalid("limit") { () async throws(QueueError) in
                _ = try await queue.items(of: .sample(1), after: 0, limit: 0)
            }
        }
    }

    @Test("a page of items with large requests ends early", arguments: QueueBackend.allCases)
    func largeItems(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            _ = try await queue.open(.sample(1), total: 6, requestedBy: "test")
            for row in 1...6 {
                let large = Submission.sample(UInt64(row)).row(row)
                _ = try await queue.enqueue(large.with { $0.request = [UInt8](repeating: 7, count: 1 << 20) })
            }
            #expect(try await queue.items(of: .sample(1), after: 0, limit: 100).map(\.row) == [1, 2, 3, 4])
            #expect(try await queue.items(of: .sample(1), after: 4, limit: 100).map(\.row) == [5, 6])
        }
    }

    @Test("a row that comes again after its job was removed is not a second job", arguments: QueueBackend.allCases)
    func removedRow(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            _ = try await queue.open(.sample(1), total: 1, requestedBy: "test")
            _ = try await queue.enqueue(.sample(1).row(1))
            try await queue.cancel(.sample(1))
            _ = try await queue.enqueue(.sample(2))
            let batch = try await queue.batch(.sample(1))
            #expect(try await queue.prune(Retention(count: 0)) == 1)
            let taken = QueueError.rowTaken(place(1), by: nil)
            await #expect(throws: taken) { try await queue.enqueue(.sample(1).row(1)) }
            await #expect(throws: taken) { try await queue.reject(place(1), refusal) }
            #expect(try await queue.batch(.sample(1)) == batch)
        }
    }

    private func place(_ row: Int) -> Batch.Place { Batch.Place(batch: .sample(1), row: row) }

    /// How often the end of batch 1 was said.
    private func ends(_ queue: any JobQueue) async throws -> Int {
        try await queue.changes().count { $0 == .batchFinished(.sample(1)) }
    }
}
