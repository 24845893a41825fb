import Foundation
import Synchronization
import System
import TestSupport
import Testing

@testable import QueueModel
@testable import SQLiteStore

/// What one writer does with many callers. Each request that changes anything leaves an event, and each transaction that
/// has any writes one row of them: so their rows tell the transactions.
@Suite struct JobWriterTests {
    @Test("callers who come while a transaction runs share the next one, and each gets its own answer")
    func groups() async throws {
        try await withWriter { writer in
            let gate = Gate()
            let numbers = try await withThrowingTaskGroup(of: Int64.self) { group in
                group.addTask {
                    try await writer.write(.normal) { (_, _) throws(QueueError) in
                        gate.wait()
                        return 0
                    }
                }
                await waitUntil { gate.isReached }
                for number in Int64(1)...20 {
                    group.addTask {
                        try await writer.write(.full) { (transaction, context) throws(QueueError) in
                            try Request.insert(number).run(transaction, &context)
                        }
                    }
                }
                await waitUntil { writer.waitingCount == 20 }
                gate.open()
                return try await group.reduce(into: Set<Int64>()) { $0.insert($1) }
            }
            #expect(numbers == Set(0...20))
            #expect(Set(try await rows(writer)) == Set(1...20))
            #expect(try await transactions(writer) == [20])
        }
    }

    @Test("one that refuses before it has changed anything keeps no other back")
    func refusal() async throws {
        try await withWriter { writer in
            let answers = try await together(writer, [.insert(1), .refuse, .insert(3)])
            #expect(answers == [nil, refused, nil])
            #expect(try await rows(writer) == [1, 3])
            #expect(try await transactions(writer) == [2])
        }
    }

    @Test("one that fails after it has changed something is taken back alone")
    func lateFailure() async throws {
        try await withWriter { writer in
            let answers = try await together(writer, [.insert(1), .insertAndFail(2), .insert(3)])
            #expect(answers == [nil, refused, nil])
            #expect(try await rows(writer) == [1, 3])
            #expect(try await transactions(writer) == [1, 2], "each by itself")
        }
    }

    @Test("one for whom the disk has no room fails alone")
    func fullDisk() async throws {
        try await withWriter { writer in
            let pageCount = try await writer.write(.normal) { (transaction, _) throws(QueueError) in
                try transaction.row("PRAGMA page_count") { row throws(QueueError) in try row.integer(0) }
            }
            try await writer.withConnection { [most = Int(pageCount ?? 0) + 10] (connection) throws(SQLiteError) in
                try connection.limitPages(to: most)
            }
            let answers = try await together(writer, [.insert(1), .insertMuch])
            #expect(answers.first == .some(nil))
            guard case .full? = answers.last ?? nil else {
                Issue.record("\(answers)")
                return
            }
            #expect(try await rows(writer) == [1])
        }
    }

    @Test("a group waits for the disk when one of its callers does, and when a job has ended")
    func synchronous() async throws {
        try await withWriter { writer in
            for (level, ends, expected) in [
                (SQLiteConnection.Synchronous.full, false, Int64(2)), (.normal, false, 1), (.normal, true, 2),
                (.full, false, 2),
            ] {
                let found = try await writer.write(level) { (transaction, context) throws(QueueError) in
                    if ends {
                        context.note(
                            .state(Job.ID(at: Timestamp(milliseconds: 1), random: .system), .cancelled, attempt: 1))
                    }
                    return try transaction.row("PRAGMA synchronous") { row throws(QueueError) in try row.integer(0) }
                }
                #expect(found == expected)
            }
        }
    }

    @Test("what is written right before the commit stands or falls with it")
    func finishing() async throws {
        try await withWriter { writer in
            #expect(await failure(of: .insert(1), writer) == nil)
            _ = try await writer.withConnection { (connection) throws(SQLiteError) in
                try connection.writeTransaction { transaction throws(SQLiteError) in
                    try transaction.run(
                        "CREATE TRIGGER no BEFORE INSERT ON event WHEN new.last = 2 BEGIN SELECT RAISE(ABORT, 'no'); END"
                    )
                }
            }
            #expect(await failure(of: .insert(2), writer) != nil)
            #expect(try await rows(writer) == [1])
            #expect(try await transactions(writer) == [1])
        }
    }

    @Test("a lone caller's transaction runs on the caller's thread, as soon as the disk is known to be quick")
    func alone() async throws {
        try await withWriter { writer in
            #expect(await isOnWritersThread(writer, .full))
            await waitUntil { writer.isAtRest }
            // The pool may hand this task to another of its threads at any time, but none of them is the writer's.
            #expect(await !isOnWritersThread(writer, .full))
            #expect(await !isOnWritersThread(writer, .normal))
        }
    }

    @Test("while another process writes, a lone caller waits on the writer's thread")
    func besidesAnother() async throws {
        try await withTemporaryDirectory { folder in
            let writer = try await open(folder)
            _ = await isOnWritersThread(writer, .full)
            let other = try await open(folder)
            let gate = Gate()
            async let held: Void = other.write(.normal) { (_, _) throws(QueueError) in gate.wait() }
            await waitUntil { gate.isReached }
            async let answer = isOnWritersThread(writer, .full)
            // Long enough for it to have found the lock taken; opened too early, it would be on this thread and fail.
            try await Task.sleep(for: .milliseconds(100))
            gate.open()
            #expect(await answer)
            try await held
        }
    }

    @Test("a slow disk is waited for on the writer's thread alone")
    func slowDisk() async throws {
        try await withWriter(quickSync: 0) { writer in
            for _ in 0..<3 { #expect(await isOnWritersThread(writer, .full)) }
        }
    }
}

/// Whether a request runs on the writer's own thread.
private func isOnWritersThread(_ writer: JobWriter, _ level: SQLiteConnection.Synchronous) async -> Bool {
    do throws(QueueError) {
        return try await writer.write(level) { (_, _) throws(QueueError) in writer.isOnItsThread }
    } catch {
        Issue.record(error)
        return false
    }
}

private let refused = QueueError.invalid(field: "a", value: "1", expected: "another")

private func withWriter(quickSync: UInt64 = .max, _ body: (JobWriter) async throws -> Void) async throws {
    try await withTemporaryDirectory { folder in
        let writer = try await open(folder, quickSync: quickSync)
        try await writer.withConnection { (connection) throws(SQLiteError) in
            try connection.migrate("t", steps: ["CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b BLOB) STRICT"])
        }
        try await body(writer)
    }
}

private func open(_ folder: String, quickSync: UInt64 = .max) async throws -> JobWriter {
    let path = folder + "/farm.db"
    return try await JobWriter.open(
        path, QueueBells(besides: path, random: .system), QueueMemory(), eventLimit: 1000, quickSync: quickSync,
        now: { Timestamp(milliseconds: 1) })
}

private func rows(_ writer: JobWriter) async throws -> [Int64] {
    try await writer.write(.normal) { (transaction, _) throws(QueueError) in
        try transaction.rows("SELECT a FROM t ORDER BY id") { row throws(QueueError) in try row.integer(0) }
    }
}

/// The number of the last event of each transaction.
private func transactions(_ writer: JobWriter) async throws -> [Int64] {
    try await writer.write(.normal) { (transaction, _) throws(QueueError) in
        try transaction.rows("SELECT last FROM event ORDER BY last") { row throws(QueueError) in try row.integer(0) }
    }
}

/// What one caller asks for.
private enum Request: Sendable {
    case insert(Int64)
    case refuse
    case insertAndFail(Int64)
    case insertMuch

    func run(_ transaction: borrowing JobTransaction, _ context: inout JobContext) throws(QueueError) -> Int64 {
        switch self {
        case .insert(let number):
            context.note(.resumed(nil, by: "test"))
            return try transaction.insertIfNew("INSERT INTO t (a) VALUES (?1)", [.integer(number)]) ?? -1
        case .refuse: throw refused
        case .insertAndFail(let number):
            try transaction.run("INSERT INTO t (a) VALUES (?1)", [.integer(number)])
            throw refused
        case .insertMuch:
            let much = SQLiteValue.blob([UInt8](repeating: 1, count: 1 << 20))
            return try transaction.insertIfNew("INSERT INTO t (b) VALUES (?1)", [much]) ?? -1
        }
    }
}

/// Runs the requests in one transaction, in their order; for each, how it failed, or nil.
private func together(_ writer: JobWriter, _ requests: [Request]) async throws -> [QueueError?] {
    let gate = Gate()
    var answers = [QueueError?](repeating: nil, count: requests.count)
    try await withThrowingTaskGroup(of: (index: Int, error: QueueError?).self) { group in
        group.addTask {
            try await writer.write(.normal) { (_, _) throws(QueueError) in gate.wait() }
            return (-1, nil)
        }
        await waitUntil { gate.isReached }
        for (index, request) in requests.enumerated() {
            group.addTask { (index, await failure(of: request, writer)) }
            await waitUntil { writer.waitingCount == index + 1 }
        }
        gate.open()
        for try await answer in group where answer.index >= 0 { answers[answer.index] = answer.error }
    }
    return answers
}

private func failure(of request: Request, _ writer: JobWriter) async -> QueueError? {
    do throws(QueueError) {
        _ = try await writer.write(.full) { (transaction, context) throws(QueueError) in
            try request.run(transaction, &context)
        }
        return nil
    } catch {
        return error
    }
}

/// Holds a thread until it is opened.
private final class Gate: Sendable {
    private let state = Mutex((isReached: false, isOpen: false))

    /// Somebody waits, or has waited.
    var isReached: Bool { state.withLock { $0.isReached } }

    func wait() {
        state.withLock { $0.isReached = true }
        while !state.withLock({ $0.isOpen }) { usleep(1000) }
    }

    func open() { state.withLock { $0.isOpen = true } }
}

private func waitUntil(_ condition: () -> Bool) async {
    while !condition() { await Task.yield() }
}
