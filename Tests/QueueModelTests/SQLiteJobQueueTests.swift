import Foundation
import System
import TestSupport
import Testing

@testable import QueueModel
@testable import SQLiteStore

/// What only a queue in a file can get wrong.
@Suite struct SQLiteJobQueueTests {
    @Test("no statement walks all jobs", arguments: JobSQL.allCases)
    func plans(sql: JobSQL) throws {
        let folder = NSTemporaryDirectory() + "pkgmill-test-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }  // tidiness only
        let connection = try SQLiteConnection(folder + "/farm.sqlite", synchronous: .normal)
        try connection.migrate(JobTables.component, steps: JobTables.migrations)
        for step in try connection.plan(of: sql.rawValue) {
            let isBounded =
                step.hasPrefix("SEARCH ") || step.hasPrefix("USE TEMP B-TREE FOR")
                // Two searches of one index.
                || step == "MULTI-INDEX OR" || step.hasPrefix("INDEX ")
                // Tables of a few rows: lanes, orders, workers of the last day.
                || ["SCAN lane", "SCAN hold", "SCAN worker"].contains(step)
                // The first row of a table read from its end.
                || ([.lastEvent, .newest].contains(sql) && step.hasPrefix("SCAN "))
                // What a subquery has found, which is bounded by its own steps.
                || ["CO-ROUTINE", "SCAN (", "COMPOUND QUERY", "LEFT-MOST", "UNION USING", "CORRELATED SCALAR"]
                    .contains(where: step.hasPrefix)
            #expect(isBounded, "\(sql): \(step)")
            // A search by nothing but the state is a walk over the whole partial index: only where that holds running
            // jobs, of which there are few, or is what was asked for.
            if step.hasSuffix(" (state=?)") {
                #expect(Self.mayWalkState.contains(sql), "\(sql): \(step)")
            }
        }
    }

    private static let mayWalkState: Set<JobSQL> = [
        .countScheduled, .countRunning, .countRunningIn, .listRunning, .early, .heldBy, .firstDue, .firstExpiry,
    ]

    @Test("claims walk the index of their lane, in order")
    func claimPlan() async throws {
        try await withFile { path, _ in
            _ = try await SQLiteJobQueue.open(path, now: { Timestamp(seconds: 0) })
            let connection = try SQLiteConnection(path, synchronous: .normal)
            #expect(
                try connection.plan(of: JobSQL.oldestQueued.rawValue)
                    == ["SEARCH job USING COVERING INDEX job_ready (state=? AND lane=? AND rowid>?)"])
            #expect(
                try connection.plan(of: JobSQL.expired.rawValue)
                    == ["SEARCH job USING COVERING INDEX job_leased (state=? AND lease_until<?)"])
            #expect(
                try connection.plan(of: JobSQL.due.rawValue)
                    == ["SEARCH job USING COVERING INDEX job_due (state=? AND scheduled_for<?)"])
        }
    }

    @Test("what one process enqueued another claims, and all is there after a restart")
    func restart() async throws {
        try await withFile { path, clock in
            let first = try await open(path, clock)
            _ = try await first.enqueue(.sample(1))
            let second = try await open(path, clock)
            let claim = try await second.mustClaim(by: "worker-b")
            await #expect(throws: QueueError.wrongState(.sample(1), state: .running, verb: "retry")) {
                try await first.retry(.sample(1), as: .sample(2))
            }
            try await open(path, clock).complete(claim, result: .sample())
            #expect(try await open(path, clock).status(of: .sample(1)) == first.status(of: .sample(1)))
        }
    }

    @Test("an order of another process, and lanes that it changes, count from the next call on")
    func ordersFromElsewhere() async throws {
        try await withFile { path, clock in
            let (here, elsewhere) = (try await open(path, clock), try await open(path, clock))
            for number in UInt64(1)...2 { _ = try await here.enqueue(.sample(number)) }
            try await elsewhere.hold(.paused, .interactive, by: "ann", reason: "a test")
            #expect(try await here.claimNext() == nil)
            try await elsewhere.resume(.interactive, by: "ann")
            #expect(try await here.claimNext() == .sample(1))
            try await elsewhere.hold(.closed, nil, by: "ann", reason: "a test")
            await #expect(throws: QueueError.self) { try await here.enqueue(.sample(3)) }
            try await elsewhere.resume(nil, by: "ann")
            _ = try await here.enqueue(.sample(3))

            try await elsewhere.configure([LanePolicy(lane: .interactive, weight: 1, concurrency: 1)])
            #expect(try await here.claimNext() == nil, "one is running")
            // Nobody of ours does it, and it counts all the same.
            try change(path, "UPDATE lane SET concurrency = NULL")
            #expect(try await here.claimNext() == .sample(2))
        }
    }

    @Test("eight processes' worth of connections claim each job exactly once")
    func race() async throws {
        let jobCount = rounds(reduced: 300, full: 5000)
        try await withFile { path, clock in
            let submitter = try await open(path, clock)
            for number in 0..<jobCount { _ = try await submitter.enqueue(.sample(UInt64(number))) }
            let done = try await withThrowingTaskGroup(of: [Job.ID].self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        let queue = try await open(path, clock, seed: UInt64(worker))
                        var mine: [Job.ID] = []
                        while let job = try await queue.claim(by: "worker-\(worker)", lanes: nil, for: .seconds(60)) {
                            let claim = try #require(job.claim)
                            try await queue.complete(claim, result: .sample())
                            mine.append(job.id)
                        }
                        return mine
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(done.count == jobCount)
            #expect(Set(done).count == jobCount)
            #expect(try await submitter.counts(dueWithin: .zero) == QueueCounts())
        }
    }

    @Test("questions are answered while another process writes")
    func readsDoNotWait() async throws {
        try await withFile { path, clock in
            let queue = try await open(path, clock)
            let job = try await queue.enqueue(.sample(1))
            let writer = Holder(path)
            try await writer.begin()
            // Were any of these behind the writer, the test would never end.
            #expect(try await queue.status(of: job.id) == job)
            #expect(try await queue.list(.all, after: nil, limit: 10).jobs == [job])
            #expect(try await queue.counts(dueWithin: .zero).queued == 1)
            await writer.end()
        }
    }

    @Test("a file that is no queue is refused in the queue's words, and left alone")
    func noQueue() async throws {
        try await withFile { path, clock in
            let content = [UInt8](repeating: 0x41, count: 8192)
            try writeFile(path, content)
            await #expect(throws: QueueError(SQLiteError.notADatabase(file: path))) { try await open(path, clock) }
            #expect(try contentOfFile(path) == content)
        }
        try await withFile { path, clock in
            try writeFile(path, [])
            try DatabaseHandle(path, .readWrite).execute("CREATE TABLE theirs (a)")
            let content = try contentOfFile(path)
            await #expect(throws: QueueError(SQLiteError.foreign(file: path, applicationID: 0))) {
                try await open(path, clock)
            }
            #expect(try contentOfFile(path) == content)
        }
    }

    @Test("a queue that is cut short is damage, told as such", arguments: [3000, 4096, 9000, 20_000])
    func truncated(byteCount: Int) async throws {
        try await withFile { path, clock in
            let queue = try await open(path, clock)
            for number in UInt64(0)..<50 { _ = try await queue.enqueue(.sample(number)) }
            let connection = try SQLiteConnection(path, synchronous: .full)
            try connection.checkpoint()
            let copy = splitPath(path).parent + "/copy.sqlite"
            try writeFile(copy, Array(try contentOfFile(path).prefix(byteCount)))
            do throws(QueueError) {
                let cut = try await open(copy, clock)
                _ = try await cut.list(.all, after: nil, limit: 100)
                Issue.record("a file of \(byteCount) bytes was taken")
            } catch {
                guard case .corrupt = error else {
                    Issue.record("\(error)")
                    return
                }
            }
        }
    }

    @Test("tables of a later version are refused and left alone")
    func laterVersion() async throws {
        try await withFile { path, clock in
            _ = try await open(path, clock).enqueue(.sample(1))
            try change(path, "UPDATE schema_version SET version = 9")
            let known = JobTables.migrations.count
            await #expect(
                throws: QueueError(SQLiteError.schemaTooNew(component: "queue", found: 9, known: known))
            ) { try await open(path, clock) }
            try change(path, "UPDATE schema_version SET version = \(known)")
            #expect(try await open(path, clock).state(of: .sample(1)) == .queued)
        }
    }

    @Test("a full disk is told as such, and nothing is half done")
    func fullDisk() async throws {
        try await withFile { path, clock in
            let queue = try await open(path, clock)
            _ = try await queue.enqueue(.sample(1))
            try await queue.limitPages(to: 40)
            var large = Submission.sample(2)
            large.request = [UInt8](repeating: 7, count: 1 << 20)
            let submission = large
            let error = await #expect(throws: QueueError.self) { try await queue.enqueue(submission) }
            guard case .full = error else { return #expect(error == nil, "another error") }
            #expect(try await queue.status(of: .sample(2)) == nil)
            #expect(try await queue.list(.all, after: nil, limit: 10).parked.isEmpty)
            try await queue.complete(try await queue.mustClaim(), result: .sample())
        }
    }

    @Test("a process killed at a random moment loses nothing that it had acknowledged")
    func killed() async throws {
        var acknowledgedCount = 0
        for round in 0..<rounds(reduced: 5, full: 50) {
            try await withFile { path, clock in
                await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, round = round as Int] in
                    let clock = ManualClock()
                    let queue = try await open(path, clock)
                    let log = open((path + ".acknowledged"), O_WRONLY | O_CREAT | O_APPEND, 0o600)
                    let delay = SeededRandom(seed: UInt64(round)).below(40_000)
                    DispatchQueue.global().asyncAfter(deadline: .now() + .microseconds(delay)) {
                        kill(getpid(), SIGKILL)
                    }
                    for number in UInt64(0)... {
                        _ = try await queue.enqueue(.sample(number))
                        let line = Array("\(Job.ID.sample(number)) queued\n".utf8)
                        write(log, line, line.count)
                        guard number.isMultiple(of: 3) else { continue }
                        let claim = try await queue.mustClaim()
                        try await queue.complete(claim, result: .sample())
                        let end = Array("\(claim.job) succeeded\n".utf8)
                        write(log, end, end.count)
                    }
                }
                let queue = try await open(path, clock)
                let acknowledged = (try? String(contentsOfFile: path + ".acknowledged", encoding: .utf8)) ?? ""
                for line in acknowledged.split(separator: "\n") {
                    acknowledgedCount += 1
                    let parts = line.split(separator: " ")
                    let id = try #require(Job.ID(String(parts[0])))
                    let state = try #require(try await queue.state(of: id), "round \(round): lost \(id)")
                    if parts[1] == "succeeded" { #expect(state == .succeeded, "round \(round)") }
                }
                #expect(try await queue.list(.all, after: nil, limit: 1000).parked.isEmpty, "round \(round)")
                let problems = try SQLiteConnection(path, synchronous: .full).integrityCheck()
                #expect(problems == [], "round \(round)")
                // The dead worker's lock is gone, and its job, if it had one, comes back.
                clock.advance(by: .seconds(3600))
                while let job = try await queue.claim(by: "worker-b", lanes: nil, for: .seconds(60)) {
                    try await queue.complete(try #require(job.claim), result: .sample())
                }
                #expect(try await queue.counts(dueWithin: .zero) == QueueCounts(), "round \(round)")
            }
        }
        #expect(acknowledgedCount > 0, "each was killed before it did anything")
    }
}

/// A path for a fresh queue, and a clock for it.
func withFile(_ body: (_ path: String, _ clock: ManualClock) async throws -> Void) async throws {
    try await withTemporaryDirectory { folder in try await body(folder + "/farm.sqlite", ManualClock()) }
}

/// The queue in the file, as another process would open it.
@discardableResult
func open(_ path: String, _ clock: ManualClock, seed: UInt64 = 1) async throws(QueueError) -> SQLiteJobQueue {
    try await SQLiteJobQueue.open(path, random: SeededRandom(seed: seed).source, now: { clock.now })
}

/// Changes the file behind the queue's back, by one statement or more.
func change(_ path: String, _ script: String) throws {
    let connection = try SQLiteConnection(path, synchronous: .full)
    try connection.writeTransaction { (_) throws(SQLiteError) in try connection.execute(script) }
}

/// The same by a statement with parameters.
func change(_ path: String, _ sql: SQLText, _ values: [SQLiteValue]) throws {
    let connection = try SQLiteConnection(path, synchronous: .full)
    try connection.writeTransaction { transaction throws(SQLiteError) in try transaction.run(sql, values) }
}

/// Another process in the middle of a write.
private actor Holder {
    private let executor = BlockingExecutor("holder")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private let path: String
    private var lock: WriterLock?
    private var handle: DatabaseHandle?

    init(_ path: String) { self.path = path }

    func begin() throws {
        let lock = try DatabaseFile(path).lock()
        try lock.acquire()
        let handle = try DatabaseHandle(path, .readWrite)
        try handle.execute("BEGIN IMMEDIATE; DELETE FROM job")
        self.lock = lock
        self.handle = handle
    }

    func end() {
        handle = nil
        lock = nil
    }
}
