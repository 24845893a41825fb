import QueueModel
import System
import TestSupport
import Testing

/// The rules every `JobQueue` keeps, about submissions and their order. A new backend adds one case to `QueueBackend`
/// and no test.
@Suite struct QueueConformanceTests {
    @Test("a job comes back as it was asked for", arguments: QueueBackend.allCases)
    func facts(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            var submission = Submission.sample(1, lane: .batch, maxAttempts: 7)
            submission.request = [0, 255, 10]
            submission.idempotencyKey = "key \u{1F511}"
            submission.batch = Batch.Place(batch: .sample(1), row: 2)
            submission.limits = Job.TimeLimits(total: .seconds(600), idle: .seconds(60))
            submission.campaign = "rotation"
            submission.trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            _ = try await queue.open(.sample(1), total: 2, requestedBy: "test")
            let job = try await queue.enqueue(submission)
            #expect(job.id == submission.id)
            #expect(job.lane == .batch)
            #expect(job.request == [0, 255, 10])
            #expect(job.inputDigest == submission.inputDigest)
            #expect(job.requestedBy == "test")
            #expect(job.created == clock.now)
            #expect(job.idempotencyKey == "key \u{1F511}")
            #expect(job.batch == Batch.Place(batch: .sample(1), row: 2))
            #expect(job.limits == submission.limits)
            #expect(!job.isUnique)
            #expect(job.campaign == "rotation")
            #expect(job.trace == submission.trace)
            #expect(job.retryOf == nil)
            #expect(job.state == .queued)
            #expect(job.attempt == 1)
            #expect(job.maxAttempts == 7)
            #expect(try await queue.status(of: submission.id) == job)
        }
    }

    @Test("an unknown id has no status", arguments: QueueBackend.allCases)
    func unknown(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            let id = Job.ID.sample(1)
            let status = try await queue.status(of: id)
            #expect(status == nil)
            await #expect(throws: QueueError.notFound(id)) { try await queue.cancel(id) }
            await #expect(throws: QueueError.notFound(id)) { try await queue.retry(id, as: .sample(2)) }
        }
    }

    @Test("the same submission again changes nothing, whatever has happened since", arguments: QueueBackend.allCases)
    func again(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1))
            let claimed = try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(60))
            clock.advance(by: .seconds(5))
            #expect(try await queue.enqueue(.sample(1)) == claimed)
            #expect(try await queue.list(.all, after: nil, limit: 10).jobs.count == 1)
        }
    }

    @Test("another submission with an id that is taken is refused", arguments: QueueBackend.allCases)
    func taken(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            let job = try await queue.enqueue(.sample(1))
            var otherRequest = Submission.sample(1)
            otherRequest.request += [0]
            var otherDigest = Submission.sample(1)
            otherDigest.inputDigest[0] ^= 1
            for other in [otherRequest, otherDigest, .sample(1, lane: .batch)] {
                await #expect(throws: QueueError.alreadyExists(job.id)) { try await queue.enqueue(other) }
            }
            #expect(try await queue.status(of: job.id) == job)
        }
    }

    @Test("a request of a mebibyte is taken, one byte more is refused", arguments: QueueBackend.allCases)
    func largeRequest(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            var submission = Submission.sample(1)
            submission.request = [UInt8](repeating: 7, count: 1 << 20)
            let job = try await queue.enqueue(submission)
            #expect(job.request.count == 1 << 20)
            submission.id = .sample(2)
            submission.request.append(7)
            await #expect(throws: QueueError.requestTooLarge(byteCount: 1 << 20 + 1, limit: 1 << 20)) {
                try await queue.enqueue(submission)
            }
            #expect(try await queue.status(of: .sample(2)) == nil)
        }
    }

    @Test("fields outside their bounds are refused by name", arguments: QueueBackend.allCases)
    func bounds(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            let long = String(repeating: "x", count: 257)
            let changes: [(String, (inout Submission) -> Void)] = [
                ("inputDigest", { $0.inputDigest.removeLast() }),
                ("maxAttempts", { $0.maxAttempts = 0 }),
                ("maxAttempts", { $0.maxAttempts = 101 }),
                ("requestedBy", { $0.requestedBy = "" }),
                ("requestedBy", { $0.requestedBy = long }),
                ("idempotencyKey", { $0.idempotencyKey = long }),
                ("batch row", { $0.batch = Batch.Place(batch: .sample(1), row: 0) }),
                ("batch row", { $0.batch = Batch.Place(batch: .sample(1), row: .max) }),
                ("limits.total", { $0.limits.total = .zero }),
                ("limits.total", { $0.limits.total = .seconds(Int64.max) }),
                ("limits.idle", { $0.limits.idle = .seconds(-1) }),
                ("campaign", { $0.campaign = long }),
                ("trace", { $0.trace = long }),
            ]
            for (field, change) in changes {
                var submission = Submission.sample(1)
                change(&submission)
                await expectInvalid(field) { () async throws(QueueError) in _ = try await queue.enqueue(submission) }
            }
            for worker in ["", long] {
                await expectInvalid("worker") { () async throws(QueueError) in
                    _ = try await queue.claim(by: worker, lanes: nil, for: .seconds(1))
                }
            }
            for lease in [Duration.zero, .seconds(-1), .microseconds(999), .seconds(86_401), .seconds(Int64.max)] {
                await expectInvalid("lease") { () async throws(QueueError) in
                    _ = try await queue.claim(by: "worker-a", lanes: nil, for: lease)
                }
            }
            for limit in [0, -1, 1001, .max] {
                await expectInvalid("limit") { () async throws(QueueError) in
                    _ = try await queue.list(.all, after: nil, limit: limit)
                }
            }
            let page = try await queue.list(.all, after: nil, limit: 10)
            #expect(page == JobPage(jobs: [], next: nil))
        }
    }

    @Test("first in is first out", arguments: QueueBackend.allCases)
    func order(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            for number in 1...5 {
                _ = try await queue.enqueue(.sample(UInt64(number)))
                // Arrival decides, not the clock.
                clock.advance(by: .seconds(-10))
            }
            for number in 1...5 { #expect(try await queue.claimNext() == .sample(UInt64(number))) }
            #expect(try await queue.claimNext() == nil)
        }
    }

    @Test("a scheduled job is handed out at its time and not before", arguments: QueueBackend.allCases)
    func scheduled(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            let time = clock.now + .seconds(30)
            let job = try await queue.enqueue(.sample(1).scheduled(for: time))
            #expect(job.state == .scheduled(at: time))
            #expect(try await queue.claimNext() == nil)
            clock.advance(by: .milliseconds(29_999))
            #expect(try await queue.claimNext() == nil)
            clock.advance(by: .milliseconds(1))
            #expect(try await queue.claimNext() == job.id)
            #expect(try await queue.status(of: job.id)?.life.scheduledFor == time)
        }
    }

    @Test("a job scheduled for the past is queued at once", arguments: QueueBackend.allCases)
    func scheduledForThePast(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            let job = try await queue.enqueue(.sample(1).scheduled(for: clock.now))
            #expect(job.state == .queued)
        }
    }

    @Test("a job that comes due goes before those that arrived after it", arguments: QueueBackend.allCases)
    func dueOrder(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1).scheduled(for: clock.now + .seconds(30)))
            _ = try await queue.enqueue(.sample(2))
            clock.advance(by: .seconds(30))
            #expect(try await queue.claimNext() == .sample(1))
            #expect(try await queue.claimNext() == .sample(2))
        }
    }

    @Test("times at the ends of the range are taken and harm nothing", arguments: QueueBackend.allCases)
    func extremeTimes(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            let end = backend.lastTime
            _ = try await queue.enqueue(.sample(1).scheduled(for: end))
            _ = try await queue.enqueue(.sample(2).scheduled(for: Timestamp(milliseconds: .min)))
            #expect(try await queue.claimNext() == .sample(2))
            clock.advance(by: end - clock.now)
            #expect(clock.now == end)
            #expect(try await queue.claimNext() == .sample(1))
            guard case .running(let lease)? = try await queue.status(of: .sample(1))?.state else {
                return #expect(Bool(false), "not running")
            }
            #expect(lease.until >= end)
            #expect(try await queue.counts(dueWithin: .seconds(Int64.max)).running == 1)
        }
    }

    @Test("cancelling ends a job in every state that is not final", arguments: QueueBackend.allCases)
    func cancel(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            _ = try await queue.enqueue(.sample(1))
            _ = try await queue.enqueue(.sample(2))
            _ = try await queue.enqueue(.sample(3).scheduled(for: clock.now + .seconds(60)))
            let claim = try await queue.mustClaim()
            clock.advance(by: .seconds(1))
            for number in UInt64(1)...3 {
                let job = try await queue.cancel(.sample(number))
                #expect(job.state == .cancelled)
                #expect(job.life.finished == clock.now)
                #expect(try await queue.status(of: .sample(number)) == job)
                await #expect(throws: QueueError.wrongState(.sample(number), state: .cancelled, verb: "cancel")) {
                    try await queue.cancel(.sample(number))
                }
            }
            clock.advance(by: .seconds(3600))
            #expect(try await queue.claimNext() == nil)
            await #expect(throws: QueueError.leaseLost(.sample(1))) {
                try await queue.complete(claim, result: .sample())
            }
        }
    }
}
