import HTTP
import JSON
import QueueModel
import Synchronization
import System
import TestSupport
import Testing

@testable import Enqueuer

/// Answers that are given again, and when they are not.
@Suite struct JobAnswersTests {
    private func answer(_ tag: String) -> JobAnswers.Answer {
        JobAnswers.Answer(tag: EntityTag(tag), whole: HTTPResponse(.ok), notModified: HTTPResponse(.notModified))
    }

    private func heard() -> (JobAnswers, @Sendable (UInt64) -> Void) {
        let time = Shared(5)
        let answers = JobAnswers(nanoseconds: { time.value.withLock { $0 } })
        answers.dropAll(isHeard: true)
        return (answers, { step in time.value.withLock { $0 += step } })
    }

    private final class Shared: Sendable {
        let value: Mutex<UInt64>
        init(_ value: UInt64) { self.value = Mutex(value) }
    }

    @Test("an answer is given again for a second, about its own job")
    func lifetime() {
        let (answers, pass) = heard()
        answers.keep(answer("a"), about: "one", since: answers.mark())
        pass(999_999_999)
        #expect(answers.recall("one")?.tag == EntityTag("a") && answers.recall("two") == nil)
        pass(1)
        #expect(answers.recall("one") == nil)
    }

    @Test("an answer from before a change is not kept, and one that was is gone")
    func changes() {
        let (answers, _) = heard()
        let before = answers.mark()
        answers.keep(answer("a"), about: "one", since: before)
        answers.drop("one")
        #expect(answers.recall("one") == nil)
        answers.keep(answer("a"), about: "one", since: before)
        #expect(answers.recall("one") == nil)
        // Another job's change is no reason.
        answers.keep(answer("b"), about: "two", since: before)
        #expect(answers.recall("two") != nil)
        answers.keep(answer("c"), about: "one", since: answers.mark())
        #expect(answers.recall("one")?.tag == EntityTag("c"))
    }

    @Test("where changes are not heard, or were not for a while, nothing is kept of what was known before")
    func deafness() {
        let (answers, _) = heard()
        let before = answers.mark()
        answers.keep(answer("a"), about: "one", since: before)
        answers.dropAll(isHeard: false)
        #expect(answers.recall("one") == nil)
        answers.keep(answer("a"), about: "one", since: answers.mark())
        #expect(answers.recall("one") == nil)
        answers.dropAll(isHeard: true)
        answers.keep(answer("a"), about: "one", since: before)
        #expect(answers.recall("one") == nil)
        answers.keep(answer("a"), about: "one", since: answers.mark())
        #expect(answers.recall("one") != nil)
    }

    @Test("what is kept is bounded, and forgotten changes make no old answer good")
    func bounds() {
        let (answers, _) = heard()
        let before = answers.mark()
        answers.drop("one")
        for number in 0..<30_000 { answers.drop("job-\(number)") }
        answers.keep(answer("a"), about: "one", since: before)
        #expect(answers.recall("one") == nil)
        for number in 0..<30_000 { answers.keep(answer("a"), about: "job-\(number)", since: answers.mark()) }
        #expect((0..<30_000).filter { answers.recall("job-\($0)") != nil }.count <= 20_000)
        #expect(answers.recall("job-29999") != nil)
    }
}

/// One who reads events for many.
@Suite struct EventHubTests {
    private func submission(_ number: UInt64) -> Submission {
        Submission(
            id: Job.ID(at: Timestamp(seconds: 1_800_000_000), random: SeededRandom(seed: number).source),
            lane: .interactive, request: [], inputDigest: [UInt8](repeating: 0, count: 32), requestedBy: "test")
    }

    /// The numbers of the events in a stream, in their order.
    private func numbers(_ stream: ByteStream) -> [Int] {
        var bytes: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 1)
        defer { buffer.deallocate() }
        while case .bytes(let count) = stream.read(into: buffer, sleep: { {} }) { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            line.hasPrefix("id: ") ? Int(line.dropFirst(4)) : nil
        }
    }

    @Test("whoever follows, from whenever, has each event once and in its order, while they keep coming")
    func everyEvent() async throws {
        let clock = ManualClock()
        let queue = InMemoryJobQueue(now: { clock.now })
        for number in 1...50 { _ = try await queue.enqueue(submission(UInt64(number))) }
        let hub = EventHub(queue: queue, answers: JobAnswers())
        let running = Task { await hub.run() }
        defer { running.cancel() }
        let sender = Task {
            for number in 51...400 {
                _ = try await queue.enqueue(submission(UInt64(number)))
                if number % 7 == 0 { try await Task.sleep(for: .milliseconds(1)) }
            }
        }
        var followers: [(from: Int, ByteStream)] = []
        for index in 0..<40 {
            let stream = ByteStream()
            let from = index % 3 == 0 ? 0 : index
            followers.append((from, stream))
            Task { await hub.follow(stream, after: Int64(from)) }
            try await Task.sleep(for: .milliseconds(2))
        }
        try await sender.value
        let last = try await queue.events(after: nil, limit: 1).next
        #expect(last >= 400)
        for (from, stream) in followers {
            let found = Mutex<[Int]>([])
            let isWhole = try await eventually {
                found.withLock { $0 += numbers(stream) }
                return found.withLock { $0.last } == Int(last)
            }
            #expect(isWhole)
            #expect(found.withLock { $0 } == Array((from + 1)...Int(last)))
        }
    }

    @Test("when the hub ends, those who follow are told so, and a stream that nobody reads is let go")
    func ending() async throws {
        let clock = ManualClock()
        let queue = InMemoryJobQueue(now: { clock.now })
        let hub = EventHub(queue: queue, answers: JobAnswers())
        let running = Task { await hub.run() }
        let slow = ByteStream(bound: 200)
        let stream = ByteStream()
        for one in [slow, stream] { await hub.follow(one, after: 0) }
        for number in 1...5 { _ = try await queue.enqueue(submission(UInt64(number))) }
        let isLetGo = try await eventually { slow.isClosed }
        #expect(isLetGo)
        running.cancel()
        await running.value
        #expect(numbers(stream).count >= 1)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 1)
        defer { buffer.deallocate() }
        guard case .end = stream.read(into: buffer, sleep: { {} }) else {
            Issue.record("it has not ended")
            return
        }
    }
}
