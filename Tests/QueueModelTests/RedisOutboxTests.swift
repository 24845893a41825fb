import Foundation
import QueueTestSupport
import RedisLink
import System
import TestSupport
import Testing

@testable import QueueModel

/// A Redis that syncs once a second, and a power cut that takes what it had not synced: its append-only files as they were a
/// moment before.
@Suite(.enabled(if: !isRedisLeftOut)) struct RedisOutboxTests {
    private static let everySecond = ["appendonly yes", "appendfsync everysec"]

    /// A queue with an outbox on a server whose power can be cut.
    private func withQueue(
        _ body: (_ queue: RedisJobQueue, _ outbox: SubmissionOutbox, _ clock: ManualClock, _ power: PowerCut)
            async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { folder in
            let server = try await RedisServer.start(in: folder, configuration: Self.everySecond)
            defer { server.kill() }
            let clock = ManualClock()
            let outbox = try await SubmissionOutbox.open(folder + "/outbox.db", now: { clock.now })
            var settings = RedisSettings(address: server.address)
            settings.timeout = .seconds(30)
            let queue = try await RedisJobQueue.open(RedisLink(settings), farm: "farm", outbox: outbox)
            try await body(queue, outbox, clock, PowerCut(server: server, folder: folder))
        }
    }

    @Test("what a power cut took is sent again: jobs, batches, refused rows, whatever the lane says meanwhile")
    func sentAgain() async throws {
        try await withQueue { queue, outbox, _, power in
            _ = try await queue.enqueue(.sample(1))
            try power.remember()
            _ = try await queue.open(.sample(1), total: 3, requestedBy: "test")
            _ = try await queue.enqueue(.sample(2).row(1))
            try await queue.reject(Batch.Place(batch: .sample(1), row: 2), .lasting)
            _ = try await queue.enqueue(.sample(3).with { $0.idempotencyKey = "key" })
            _ = try await queue.enqueue(.sample(4).with { $0.isUnique = true })
            let like = try await queue.enqueue(
                .sample(5).with { ($0.isUnique, $0.inputDigest) = (true, Submission.sample(4).inputDigest) })
            #expect(like.id == .sample(4))
            let later = Timestamp(milliseconds: 4_000_000_000_000)
            _ = try await queue.enqueue(.sample(6).scheduled(for: later))
            try await queue.cancel(.sample(1))
            _ = try await queue.retry(.sample(1), as: .sample(7))
            try await power.cut()

            #expect(try await queue.status(of: .sample(2)) == nil, "nothing was lost, so that nothing is tried here")
            #expect(try await queue.state(of: .sample(1)) == .queued, "a cancellation is not a submission")
            try await queue.hold(.closed, nil, by: "test", reason: "")
            let report = try await queue.settleOutbox()
            #expect(report.refused == [])
            #expect(report.sentAgain == 7)
            for number in UInt64(2)...4 { #expect(try await queue.state(of: .sample(number)) == .queued) }
            #expect(try await queue.status(of: .sample(6))?.state == .scheduled(at: later))
            #expect(try await queue.status(of: .sample(5)) == nil)
            #expect(try await queue.status(of: .sample(7))?.retryOf == .sample(1))
            #expect(try await queue.status(of: .sample(3))?.idempotencyKey == "key")
            let batch = try #require(try await queue.batch(.sample(1)))
            #expect(batch.counts == Batch.Counts(accepted: 1, rejected: 1))
            // Once is enough, and once more changes nothing.
            let before = try await queue.list(.all, after: nil, limit: 100)
            #expect(try await queue.settleOutbox().sentAgain == 0)
            #expect(try await queue.list(.all, after: nil, limit: 100) == before)
            #expect(try await outbox.count == report.pending)
        }
    }

    @Test("without an outbox, the same power cut takes them")
    func without() async throws {
        try await withTemporaryDirectory { folder in
            let server = try await RedisServer.start(in: folder, configuration: Self.everySecond)
            defer { server.kill() }
            let queue = try await RedisJobQueue.open(RedisLink(RedisSettings(address: server.address)), farm: "farm")
            let power = PowerCut(server: server, folder: folder)
            try power.remember()
            _ = try await queue.enqueue(.sample(1))
            try await power.cut()
            #expect(try await queue.settleOutbox() == OutboxReport())
            #expect(try await queue.status(of: .sample(1)) == nil)
        }
    }

    @Test("an entry stays until the same run of the server is seen alive five seconds later with nothing to sync")
    func settled() async throws {
        try await withQueue { queue, outbox, clock, power in
            _ = try await queue.enqueue(.sample(1))
            #expect(try await queue.settleOutbox().pending == 1)
            clock.advance(by: .seconds(4))
            #expect(try await queue.settleOutbox().pending == 1)
            clock.advance(by: .seconds(2))
            // It may be at a sync just now.
            let isSettled = try await eventually { try await queue.settleOutbox().pending == 0 }
            #expect(isSettled)
            _ = try await queue.enqueue(.sample(2))
            // Another run: however old, it may be lost.
            clock.advance(by: .seconds(3600))
            try power.remember()
            try await power.cut()
            #expect(try await queue.settleOutbox().sentAgain == 0)
            #expect(try await queue.settleOutbox().pending == 1)
            clock.advance(by: .seconds(6))
            let isSettledAgain = try await eventually { try await queue.settleOutbox().pending == 0 }
            #expect(isSettledAgain)
            #expect(try await outbox.count == 0)
            // A clock that was set back keeps entries, and forgets none.
            _ = try await queue.enqueue(.sample(3))
            clock.advance(by: .seconds(-3600))
            #expect(try await queue.settleOutbox().pending == 1)
        }
    }

    @Test("what came otherwise meanwhile is told and forgotten")
    func superseded() async throws {
        try await withQueue { queue, outbox, _, power in
            try power.remember()
            _ = try await queue.enqueue(.sample(1).with { $0.idempotencyKey = "key" })
            _ = try await queue.enqueue(.sample(2))
            try await power.cut()
            // Another machine has submitted it again.
            let other = try await RedisJobQueue.open(
                RedisLink(RedisSettings(address: power.server.address)), farm: "farm")
            _ = try await other.enqueue(.sample(9).with { $0.idempotencyKey = "key" })
            let report = try await queue.settleOutbox()
            #expect(report.refused == [.keyTaken(key: "key", by: .sample(9))])
            #expect(report.sentAgain == 1)
            #expect(try await outbox.count == 1)
        }
    }

    @Test("what cannot be sent yet, since the farm has lost its lanes as well, is kept until it can")
    func lanesLost() async throws {
        try await withQueue { queue, outbox, _, power in
            _ = try await queue.enqueue(.sample(1))
            try power.server.command("FLUSHALL")
            try power.remember()
            try await power.cut()
            #expect(try await queue.settleOutbox().refused == [.noSuchLane(.interactive, known: [])])
            #expect(try await outbox.count == 1)
            try await queue.configure(LanePolicy.standard)
            #expect(try await queue.settleOutbox().sentAgain == 1)
            #expect(try await queue.state(of: .sample(1)) == .queued)
        }
    }

    @Test("several handles share one outbox, and callers beside one another are all kept")
    func together() async throws {
        try await withQueue { queue, outbox, _, power in
            try power.remember()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in UInt64(1)...200 {
                    group.addTask { _ = try await queue.enqueue(.sample(number)) }
                }
                try await group.waitForAll()
            }
            #expect(try await outbox.count == 200)
            try await power.cut()
            async let first = queue.settleOutbox()
            async let second = queue.settleOutbox()
            _ = try await (first, second)
            #expect(try await queue.counts(dueWithin: .zero).queued == 200)
        }
    }

    @Test("a full disk for the outbox refuses the submission, which may be sent again; a damaged file is told")
    func trouble() async throws {
        try await withQueue { queue, outbox, _, _ in
            _ = try await queue.enqueue(.sample(1))
            try await outbox.limitPages(to: 1)
            let large = Submission.sample(2).with { $0.request = [UInt8](repeating: 7, count: 100_000) }
            do throws(QueueError) {
                _ = try await queue.enqueue(large)
                Issue.record("it was taken")
            } catch {
                guard case .full = error else { Issue.record("\(error)"); return }
            }
            try await outbox.limitPages(to: 100_000)
            _ = try await queue.enqueue(large)
            #expect(try await queue.counts(dueWithin: .zero).queued == 2)
            #expect(try await outbox.count == 2)
        }
        try await withTemporaryDirectory { folder in
            try writeFile(folder + "/outbox.db", Array("no database of ours at all".utf8))
            await #expect(throws: QueueError.self) {
                try await SubmissionOutbox.open(folder + "/outbox.db", now: { Timestamp(milliseconds: 0) })
            }
            await #expect(throws: QueueError.self) {
                try await SubmissionOutbox.open(folder + "/none/outbox.db", now: { Timestamp(milliseconds: 0) })
            }
        }
    }
}
