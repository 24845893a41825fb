import QueueModel
import System
import TestSupport
import Testing

/// The rules every `JobQueue` keeps, about the list of workers.
@Suite struct WorkerConformanceTests {
    @Test("a worker is shown as it presents itself, in order of names", arguments: QueueBackend.allCases)
    func shown(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            let start = clock.now
            let records = [
                WorkerRecord.sample("worker-b", lanes: [.batch, .extra]), .sample("worker-a"),
                .sample("Worker-c", lanes: []),
            ]
            for record in records { try await queue.beat(record) }
            clock.advance(by: .seconds(5))
            try await queue.beat(records[1])
            let workers = try await queue.workers()
            #expect(workers.map(\.record) == [records[2], records[1], records[0]])
            #expect(workers.allSatisfy { $0.started == start && $0.isAlive && $0.jobs.isEmpty })
            #expect(workers.map(\.lastBeat) == [start, clock.now, start])
        }
    }

    @Test("a worker is alive until its time after its last beat is over", arguments: QueueBackend.allCases)
    func alive(backend: QueueBackend) async throws {
        try await backend.withQueue(rules: QueueRules(workerTimeout: .seconds(5))) { queue, clock in
            try await queue.beat(.sample())
            clock.advance(by: .milliseconds(4999))
            #expect(try await queue.workers().map(\.isAlive) == [true])
            clock.advance(by: .milliseconds(1))
            #expect(try await queue.workers().map(\.isAlive) == [false])
            try await queue.beat(.sample())
            #expect(try await queue.workers().map(\.isAlive) == [true])
        }
    }

    @Test(
        "a worker that was not heard of for a day is shown no more, and begins anew", arguments: QueueBackend.allCases)
    func forgotten(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            try await queue.beat(.sample())
            clock.advance(by: .milliseconds(86_399_999))
            #expect(try await queue.workers().count == 1)
            clock.advance(by: .milliseconds(1))
            #expect(try await queue.workers() == [])
            try await queue.beat(.sample())
            #expect(try await queue.workers().map(\.started) == [clock.now])
        }
    }

    @Test("a worker is shown with the jobs that it has", arguments: QueueBackend.allCases)
    func jobs(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await queue.enqueueSamples(1...4)
            try await queue.beat(.sample("worker-a"))
            try await queue.beat(.sample("worker-b"))
            let claims = try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(60), limit: 2).compactMap(
                \.claim)
            _ = try await queue.mustClaim(by: "worker-b")
            _ = try await queue.mustClaim(by: "nobody that beat")
            #expect(try await queue.workers().map(\.jobs) == [[.sample(1), .sample(2)], [.sample(3)]])
            try await queue.complete(claims[0], result: .sample())
            try await queue.release(claims[1])
            #expect(try await queue.workers().map(\.jobs) == [[], [.sample(3)]])
        }
    }

    @Test("a worker's last beat is what counts: lanes, draining and process", arguments: QueueBackend.allCases)
    func changes(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await queue.beat(.sample(lanes: [.batch]))
            let other = WorkerRecord(
                name: "worker-a", host: "host-2", processID: .max, version: "2", lanes: nil, isDraining: true)
            try await queue.beat(other)
            #expect(try await queue.workers().map(\.record) == [other])
        }
    }

    @Test("a worker that left and beats again is a new one", arguments: QueueBackend.allCases)
    func again(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            try await queue.beat(.sample())
            clock.advance(by: .seconds(1))
            try await queue.leave("worker-a")
            try await queue.leave("worker-a")
            #expect(try await queue.workers() == [])
            try await queue.beat(.sample())
            #expect(try await queue.workers().map(\.started) == [clock.now])
        }
    }

    @Test("a worker that presents itself badly is refused", arguments: QueueBackend.allCases)
    func bounds(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            let long = String(repeating: "x", count: 257)
            let lanes = [Lane](repeating: .batch, count: 1001)
            let bad: [(String, WorkerRecord)] = [
                ("worker", .sample("")), ("worker", .sample(long)), ("lanes", .sample(lanes: lanes)),
                ("host", WorkerRecord(name: "a", host: "", processID: 1, version: "1", lanes: nil)),
                ("version", WorkerRecord(name: "a", host: "h", processID: 1, version: long, lanes: nil)),
            ]
            for (field, record) in bad {
                await expectInvalid(field) { () async throws(QueueError) in try await queue.beat(record) }
            }
            for name in ["", long] {
                await expectInvalid("worker") { () async throws(QueueError) in try await queue.leave(name) }
                await expectInvalid("worker") { () async throws(QueueError) in _ = try await queue.forsake(name) }
            }
            let workers = try await queue.workers()
            #expect(workers == [])
        }
    }
}
