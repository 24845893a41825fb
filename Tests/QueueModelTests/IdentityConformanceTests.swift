import QueueModel
import System
import TestSupport
import Testing

/// The rules every `JobQueue` keeps, about submissions that stand for one another.
@Suite struct IdentityConformanceTests {
    @Test("the same key and request are the same job, whatever the id", arguments: QueueBackend.allCases)
    func key(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            let submission = Submission.sample(1).with { $0.idempotencyKey = "key" }
            _ = try await queue.enqueue(submission)
            try await queue.complete(try await queue.mustClaim(), result: .sample())
            let job = try await queue.job(1)
            #expect(try await queue.enqueue(submission.with { $0.id = .sample(2) }) == job)
            #expect(try await queue.status(of: .sample(2)) == nil)
            #expect(try await queue.list(.all, after: nil, limit: 10).jobs.count == 1)
        }
    }

    @Test("the same key with another request is refused", arguments: QueueBackend.allCases)
    func keyTaken(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            let submission = Submission.sample(1).with { $0.idempotencyKey = "key" }
            _ = try await queue.enqueue(submission)
            let other = submission.with { $0.id = .sample(2) }
            let others = [
                other.with { $0.request += [0] }, other.with { $0.inputDigest[0] ^= 1 },
                other.with { $0.lane = .batch },
            ]
            for other in others {
                await #expect(throws: QueueError.keyTaken(key: "key", by: .sample(1))) {
                    try await queue.enqueue(other)
                }
            }
            #expect(try await queue.status(of: .sample(2)) == nil)
        }
    }

    @Test("keys are compared byte by byte", arguments: QueueBackend.allCases)
    func keyBytes(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            let keys = ["caf\u{E9}", "cafe\u{301}", "Caf\u{E9}", "caf\u{E9}\u{0}", "caf\u{E9} "]
            for (number, key) in keys.enumerated() {
                let job = try await queue.enqueue(.sample(UInt64(number)).with { $0.idempotencyKey = key })
                #expect(job.id == .sample(UInt64(number)))
                #expect(job.idempotencyKey.map { Array($0.utf8) } == Array(key.utf8))
            }
            let again = try await queue.enqueue(
                .sample(1).with { submission in
                    submission.id = .sample(9)
                    submission.idempotencyKey = keys[1]
                })
            #expect(again.id == .sample(1))
        }
    }

    @Test("a key stands for its first submission for as long as that is kept", arguments: QueueBackend.allCases)
    func keyForgotten(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            let submission = Submission.sample(1).with { $0.idempotencyKey = "key" }
            _ = try await queue.enqueue(submission)
            try await queue.cancel(.sample(1))
            _ = try await queue.enqueue(.sample(2))
            #expect(try await queue.prune(Retention(count: 0)) == 1)
            let other = submission.with {
                $0.id = .sample(3)
                $0.request += [0]
            }
            #expect(try await queue.enqueue(other).id == .sample(3))
        }
    }

    @Test("a unique submission is the one that waits or runs", arguments: QueueBackend.allCases)
    func unique(backend: QueueBackend) async throws {
        try await backend.withQueue(rules: QueueRules(backoff: .none)) { queue, clock in
            let first = unique(1).scheduled(for: clock.now + .seconds(10))
            _ = try await queue.enqueue(first)
            #expect(try await queue.enqueue(unique(2)).id == .sample(1))
            clock.advance(by: .seconds(10))
            try await queue.tidy()
            #expect(try await queue.enqueue(unique(2)).state == .queued)
            let claim = try await queue.mustClaim()
            #expect(try await queue.enqueue(unique(2)).claim == claim)
            try await queue.fail(claim, .passing)
            #expect(try await queue.enqueue(unique(2, lane: .batch)).id == .sample(1))
            #expect(try await queue.status(of: .sample(2)) == nil)
            #expect(try await queue.list(.all, after: nil, limit: 10).jobs.count == 1)
        }
    }

    @Test("once it has ended the same may be asked for again", arguments: QueueBackend.allCases)
    func uniqueAgain(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            let ends: [(Job.Claim) async throws -> Void] = [
                { try await queue.complete($0, result: .sample()) }, { try await queue.fail($0, .lasting) },
                { try await queue.cancel($0.job) },
            ]
            for (number, end) in ends.enumerated() {
                #expect(try await queue.enqueue(unique(UInt64(number))).id == .sample(UInt64(number)))
                try await end(try await queue.mustClaim())
            }
            #expect(try await queue.enqueue(unique(9)).id == .sample(9))
        }
    }

    @Test("only those that are unique themselves stand for one another", arguments: QueueBackend.allCases)
    func notUnique(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            let plain = unique(1).with { $0.isUnique = false }
            _ = try await queue.enqueue(plain)
            #expect(try await queue.enqueue(unique(2)).id == .sample(2))
            #expect(try await queue.enqueue(plain.with { $0.id = .sample(3) }).id == .sample(3))
            let otherDigest = unique(4).with { $0.inputDigest[31] ^= 1 }
            #expect(try await queue.enqueue(otherDigest).id == .sample(4))
        }
    }

    @Test("a unique submission that came before is answered as what it became", arguments: QueueBackend.allCases)
    func uniqueRepeated(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            let first = unique(1).with { $0.idempotencyKey = "key" }
            _ = try await queue.enqueue(first)
            try await queue.complete(try await queue.mustClaim(), result: .sample())
            _ = try await queue.enqueue(unique(2))
            #expect(try await queue.enqueue(first).id == .sample(1))
            #expect(try await queue.enqueue(first.with { $0.id = .sample(3) }).id == .sample(1))
            #expect(try await queue.enqueue(unique(3)).id == .sample(2))
        }
    }

    @Test("the id is asked before the key, and the key before the place", arguments: QueueBackend.allCases)
    func precedence(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            _ = try await queue.open(.sample(1), total: 9, requestedBy: "test")
            _ = try await queue.enqueue(.sample(1))
            _ = try await queue.enqueue(.sample(2).with { $0.idempotencyKey = "key" })
            _ = try await queue.enqueue(.sample(3).row(3))
            await #expect(throws: QueueError.alreadyExists(.sample(1))) {
                try await queue.enqueue(
                    .sample(2).row(3).with {
                        $0.id = .sample(1)
                        $0.idempotencyKey = "key"
                    })
            }
            await #expect(throws: QueueError.keyTaken(key: "key", by: .sample(2))) {
                try await queue.enqueue(
                    .sample(3).row(3).with {
                        $0.id = .sample(4)
                        $0.idempotencyKey = "key"
                    })
            }
        }
    }

    @Test("a submission with another place in a batch is another submission", arguments: QueueBackend.allCases)
    func otherPlace(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            _ = try await queue.open(.sample(1), total: 2, requestedBy: "test")
            let keyed = Submission.sample(1).with { $0.idempotencyKey = "key" }
            _ = try await queue.enqueue(keyed)
            await #expect(throws: QueueError.alreadyExists(.sample(1))) { try await queue.enqueue(keyed.row(1)) }
            await #expect(throws: QueueError.keyTaken(key: "key", by: .sample(1))) {
                try await queue.enqueue(keyed.row(1).with { $0.id = .sample(2) })
            }
            // Nothing was counted that is not a row.
            #expect(try await queue.batch(.sample(1))?.counts == Batch.Counts())
        }
    }

    @Test("a row of a batch cannot be unique: it must be a job of its own", arguments: QueueBackend.allCases)
    func uniqueRow(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            _ = try await queue.open(.sample(1), total: 2, requestedBy: "test")
            await expectInvalid("isUnique") { () async throws(QueueError) in
                _ = try await queue.enqueue(unique(1).row(1))
            }
        }
    }

    @Test("a refusal among many keeps no other out, nor their order", arguments: QueueBackend.allCases)
    func bulk(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            let submissions: [Submission] = [
                .sample(1), .sample(2, lane: .nobodys), .sample(3), .sample(4).with { $0.requestedBy = "" },
                .sample(1), .sample(1).with { $0.request += [0] }, .sample(5).row(1),
                .sample(6).with { $0.request = [UInt8](repeating: 0, count: 1 << 20 + 1) }, .sample(7),
            ]
            let answers = try await queue.enqueue(submissions)
            let standard: [Lane] = [.interactive, .batch, .campaign]
            let expected: [Result<Job.ID, QueueError>] = [
                .success(.sample(1)), .failure(.noSuchLane(.nobodys, known: standard)), .success(.sample(3)),
                .failure(.invalid(field: "requestedBy", value: "", expected: "1 to 256 bytes")), .success(.sample(1)),
                .failure(.alreadyExists(.sample(1))), .failure(.noSuchBatch(.sample(1))),
                .failure(.requestTooLarge(byteCount: 1 << 20 + 1, limit: 1 << 20)), .success(.sample(7)),
            ]
            #expect(answers.map { $0.map(\.id) } == expected)
            for number in [UInt64(1), 3, 7] { #expect(try await queue.claimNext() == .sample(number)) }
            #expect(try await queue.claimNext() == nil)
        }
    }

    @Test("no submissions are answered with nothing, and too many with a refusal", arguments: QueueBackend.allCases)
    func bulkBounds(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            let answers = try await queue.enqueue([])
            #expect(answers.isEmpty)
            let many = [Submission](repeating: .sample(1), count: QueueLimits.submissions + 1)
            await expectInvalid("submissions") { () async throws(QueueError) in _ = try await queue.enqueue(many) }
            let job = try await queue.status(of: .sample(1))
            #expect(job == nil)
        }
    }

    /// A unique submission; all of them ask for the same.
    private func unique(_ number: UInt64, lane: Lane = .interactive) -> Submission {
        .sample(number, lane: lane).with {
            $0.isUnique = true
            $0.inputDigest = [UInt8](repeating: 7, count: 32)
        }
    }
}
