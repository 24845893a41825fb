import QueueModel
import SQLiteStore
import System
import TestSupport
import Testing

/// Rows that no version of ours wrote, or a later one: kept, shown, claimed by nobody, and no harm to their neighbours.
@Suite struct ParkedRowTests {
    /// What a damaged or foreign row can hold, column by column; the table itself refuses values of another type.
    static let garbage: [String] = [
        "UPDATE job SET public_id = x'00' WHERE id = 1",
        "UPDATE job SET public_id = x'' WHERE id = 1",
        "UPDATE job SET public_id = zeroblob(16) WHERE id = 1",
        "UPDATE job SET public_id = zeroblob(100000) WHERE id = 1",
        "UPDATE job SET state = 0 WHERE id = 1",
        "UPDATE job SET state = 7 WHERE id = 1",
        "UPDATE job SET state = -2 WHERE id = 1",
        "UPDATE job SET state = 9223372036854775807 WHERE id = 1",
        "UPDATE job SET state = -9223372036854775808 WHERE id = 1",
        "UPDATE job SET state = 1 WHERE id = 1",
        "UPDATE job SET state = 3 WHERE id = 1",
        "UPDATE job SET state = 3, worker = 'w', claim_id = x'0102' WHERE id = 1",
        "UPDATE job SET state = 3, claim_id = zeroblob(16) WHERE id = 1",
        "UPDATE job SET state = 3, worker = CAST(x'ff' AS TEXT), claim_id = zeroblob(16) WHERE id = 1",
        "UPDATE job SET state = 4 WHERE id = 1",
        "UPDATE job SET state = 5 WHERE id = 1",
        "UPDATE job SET finished = 1 WHERE id = 1",
        "UPDATE job SET lane = 77 WHERE id = 1",
        "UPDATE job SET lane = -9223372036854775808 WHERE id = 1",
        "INSERT INTO lane (code, name, weight, configured, place) VALUES (77, 'No Lane', 1, 1, 9); UPDATE job SET lane = 77 WHERE id = 1",
        "UPDATE job SET attempt = 0 WHERE id = 1",
        "UPDATE job SET attempt = 4 WHERE id = 1",
        "UPDATE job SET attempt = 9223372036854775807 WHERE id = 1",
        "UPDATE job SET max_attempts = 0 WHERE id = 1",
        "UPDATE job SET max_attempts = 9223372036854775807 WHERE id = 1",
        "UPDATE job SET epoch = -1 WHERE id = 1",
        "UPDATE job SET epoch = 9223372036854775807 WHERE id = 1",
        "UPDATE job SET stage = CAST(x'c328' AS TEXT), done = 1, total = 1 WHERE id = 1",
        "UPDATE job SET stage = 'render' WHERE id = 1",
        "DELETE FROM job_body WHERE id = 1",
        "UPDATE job_body SET format = 2 WHERE id = 1",
        "UPDATE job_body SET request = zeroblob(1048577) WHERE id = 1",
        "UPDATE job_body SET input_digest = x'01' WHERE id = 1",
        "UPDATE job_body SET requested_by = CAST(x'80' AS TEXT) WHERE id = 1",
        "UPDATE job SET batch = 99, batch_row = 1 WHERE id = 1",
        "UPDATE job_body SET retry_of = x'0102' WHERE id = 1",
        "INSERT INTO job_outcome (id, failure_code) VALUES (1, 'bad')",
        "INSERT INTO job_outcome (id, failure_code, failure_message, failure_retryable) VALUES (1, 'a', 'b', 2)",
    ]

    @Test("a row of garbage is parked and its neighbours go on", arguments: garbage)
    func parked(sql: String) async throws {
        try await withFile { path, clock in
            let queue = try await open(path, clock)
            for number in UInt64(1)...3 { _ = try await queue.enqueue(.sample(number)) }
            try change(path, sql)

            // Twice, for the second time it is known to be parked.
            for _ in 0..<2 {
                let page = try await queue.list(.all, after: nil, limit: 10)
                #expect(page.jobs.map(\.id) == [.sample(3), .sample(2)])
                #expect(page.parked.map(\.place) == ["row 1"])
                #expect(page.parked.first?.reason.isEmpty == false)
                #expect(page.parked.first?.id == (sql.contains("public_id") ? nil : .sample(1)))
                if sql.contains("public_id") {
                    #expect(try await queue.status(of: .sample(1)) == nil)
                } else {
                    await expectParked { () async throws(QueueError) in _ = try await queue.status(of: .sample(1)) }
                    await expectParked { () async throws(QueueError) in _ = try await queue.cancel(.sample(1)) }
                    await expectParked { () async throws(QueueError) in
                        _ = try await queue.retry(.sample(1), as: .sample(9))
                    }
                    await expectParked { () async throws(QueueError) in _ = try await queue.enqueue(.sample(1)) }
                }
                try await queue.tidy()
            }

            clock.advance(by: .seconds(3600))
            for number in UInt64(2)...3 {
                let job = try #require(try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(60)))
                #expect(job.id == .sample(number))
                try await queue.complete(try #require(job.claim), result: .sample())
            }
            #expect(try await queue.claimNext() == nil)
            #expect(try await queue.counts(dueWithin: .seconds(10)).isDrained)
            #expect(try await queue.list(.all, after: nil, limit: 10).parked.count == 1)
        }
    }

    @Test("parked rows are counted")
    func counted() async throws {
        try await withFile { path, clock in
            let queue = try await open(path, clock)
            for number in UInt64(1)...3 { _ = try await queue.enqueue(.sample(number)) }
            try change(path, "UPDATE job_body SET format = 2 WHERE id = 1")
            try change(path, "UPDATE job SET state = 99 WHERE id = 2")
            #expect(try await queue.claimNext() == .sample(3))
            #expect(try await queue.counts(dueWithin: .zero).parked == 2)
        }
    }

    @Test("thousands of parked rows at the head of a lane cost its claims nothing")
    func many() async throws {
        try await withFile { path, clock in
            let queue = try await open(path, clock)
            for number in UInt64(1)...40 { _ = try await queue.enqueue(.sample(number)) }
            try change(path, "UPDATE job_body SET format = 2 WHERE id <= 39")
            #expect(try await queue.claimNext() == .sample(40))
            #expect(try await queue.counts(dueWithin: .zero) == QueueCounts(running: 1, parked: 39))
        }
    }

    @Test("the table refuses values of another type")
    func types() async throws {
        try await withFile { path, clock in
            _ = try await open(path, clock).enqueue(.sample(1))
            for assignment in ["state = 'queued'", "attempt = 1.5", "public_id = 'x'", "lane = x'01'"] {
                #expect(throws: SQLiteError.self) { try change(path, "UPDATE job SET \(assignment)") }
            }
            #expect(try await open(path, clock).state(of: .sample(1)) == .queued)
        }
    }
}
