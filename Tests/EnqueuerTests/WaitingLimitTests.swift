import QueueModel
import Synchronization
import System
import TestSupport
import Testing

@testable import Enqueuer

/// How many jobs may wait.
@Suite struct WaitingLimitTests {
    private func submission(scheduledFor time: Timestamp? = nil) -> Submission {
        var submission = Submission(
            id: Job.ID(at: Timestamp(milliseconds: 0), random: .system), lane: .interactive, request: [1],
            inputDigest: [UInt8](repeating: 0, count: 32), requestedBy: "ada")
        submission.scheduledFor = time
        return submission
    }

    private func isAdmitted(_ count: Int, _ limit: WaitingLimit, _ queue: any JobQueue) async throws -> Bool {
        do throws(QueueError) {
            try await limit.admit(count, to: queue)
            return true
        } catch {
            guard case .full(let detail) = error else { throw error }
            #expect(detail.contains("farm.most_waiting"))
            return false
        }
    }

    @Test("what would be too many is refused, as a whole, and is taken again when others are gone")
    func refuses() async throws {
        let time = Mutex<UInt64>(5_000_000_000)
        let clock = ManualClock()
        let queue = InMemoryJobQueue(now: { clock.now })
        let limit = WaitingLimit(10, nanoseconds: { time.withLock { $0 } })
        for _ in 0..<4 { _ = try await queue.enqueue(submission()) }
        _ = try await queue.enqueue(submission(scheduledFor: clock.now + .seconds(60)))
        #expect(try await !isAdmitted(6, limit, queue))
        #expect(try await isAdmitted(5, limit, queue))
        #expect(try await !isAdmitted(1, limit, queue))
        // They were let through and have not come: counted again after a second, and not before.
        time.withLock { $0 += 999_999_999 }
        #expect(try await !isAdmitted(1, limit, queue))
        time.withLock { $0 += 1 }
        #expect(try await isAdmitted(1, limit, queue))
        // One that runs does not wait.
        _ = try await queue.claim(by: "w", lanes: nil, for: .seconds(60), limit: 4)
        time.withLock { $0 += 1_000_000_000 }
        #expect(try await isAdmitted(9, limit, queue))
        #expect(try await !isAdmitted(1, limit, queue))
    }

    @Test("many who come at once are not more than may wait")
    func together() async throws {
        let queue = InMemoryJobQueue(now: { Timestamp(milliseconds: 0) })
        let limit = WaitingLimit(100, nanoseconds: { 1 })
        let admitted = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<1000 { group.addTask { try await isAdmitted(1, limit, queue) } }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(admitted == 100)
    }
}
