import Enqueuer
import JSON
import QueueModel
import System
import TestSupport
import Testing

@Suite struct JobDocumentTests {
    @Test("a job that waits says why")
    func waiting() async throws {
        let clock = ManualClock(Timestamp(seconds: 1_800_000_000))
        let queue = InMemoryJobQueue(now: { clock.now })
        let id = Job.ID(at: clock.now, random: SeededRandom(seed: 1).source)
        var submission = Submission(
            id: id, lane: .batch, request: [], inputDigest: [UInt8](repeating: 0, count: 32), requestedBy: "test")
        submission.scheduledFor = clock.now + .seconds(60)
        let job = try await queue.enqueue(submission)

        let document = JobDocument.json(job, try await queue.standing(of: id))
        #expect(document["state"]?.string == "scheduled")
        #expect(document["lane"]?.string == "batch")
        #expect(document["waitingReason"]?.string == "scheduled until 2027-01-15T08:01:00.000Z")
        #expect(document["artifact"] == .null)
        #expect(document["packageName"] == .null, "a request of another program is shown without its names")
    }

    @Test("a watcher sees each change and returns the end")
    func watching() async throws {
        let clock = ManualClock()
        let queue = InMemoryJobQueue(now: { clock.now })
        let id = Job.ID(at: clock.now, random: SeededRandom(seed: 2).source)
        _ = try await queue.enqueue(
            Submission(
                id: id, lane: .interactive, request: [], inputDigest: [UInt8](repeating: 0, count: 32),
                requestedBy: "test"))
        try await queue.cancel(id)
        var seen: [Job.State.Name] = []
        let last = try await JobWatcher(queue: queue, lookInterval: .milliseconds(1)).watch(id) {
            seen.append($0.state.name)
        }
        #expect(seen == [.cancelled])
        #expect(last.state == .cancelled)
    }

    @Test("a job that nobody has is not waited for")
    func unknown() async throws {
        let clock = ManualClock()
        let queue = InMemoryJobQueue(now: { clock.now })
        let id = Job.ID(at: clock.now, random: SeededRandom(seed: 3).source)
        await #expect(throws: QueueError.notFound(id)) {
            _ = try await JobWatcher(queue: queue, lookInterval: .milliseconds(1)).watch(id) { _ in }
        }
    }
}
