import Foundation
import Synchronization
import System
import TestSupport
import Testing

@testable import SQLiteStore

/// What one writer does with many callers.
@Suite struct SQLiteWriterTests {
    @Test("callers who come while a transaction runs share the next one, and each gets its own answer")
    func groups() async throws {
        try await withWriter { writer, log in
            let gate = Gate()
            let numbers = try await withThrowingTaskGroup(of: Int64.self) { group in
                group.addTask {
                    try await writer.write(.normal) { (_, _) throws(SQLiteError) in
                        gate.wait()
                        return 0
                    }
                }
                await gate.isReached()
                for number in Int64(1)...20 {
                    group.addTask {
                        try await writer.write(.full) { (transaction, context) throws(SQLiteError) in
                            context.append(number)
                            return try transaction.insert("INSERT INTO t (a) VALUES (?1)", [.integer(number)])
                        }
                    }
                }
                await waitUntil { writer.waitingCount == 20 }
                gate.open()
                return try await group.reduce(into: Set<Int64>()) { $0.insert($1) }
            }
            #expect(numbers == Set(0...20))
            #expect(try await rows(writer) == Array(1...20).map(Int64.init))
            #expect(log.committed.prefix(2).map(\.count) == [0, 20], "two transactions")
        }
    }

    @Test("one that refuses before it has changed anything keeps no other back")
    func refusal() async throws {
        try await withWriter { writer, log in
            let answers = try await together(writer, [.insert(1), .refuse, .insert(3)])
            #expect(answers == [nil, .interrupted, nil])
            #expect(try await rows(writer) == [1, 3])
            #expect((2...3).contains(log.committed.count), "the gate, the group, and perhaps the look already")
        }
    }

    @Test("one that fails after it has changed something is taken back alone")
    func lateFailure() async throws {
        try await withWriter { writer, _ in
            let answers = try await together(writer, [.insert(1), .insertAndFail(2), .insert(3)])
            #expect(answers == [nil, .interrupted, nil])
            #expect(try await rows(writer) == [1, 3])
        }
    }

    @Test("one for whom the disk has no room fails alone")
    func fullDisk() async throws {
        try await withWriter { writer, _ in
            try await writer.withConnection { (connection) throws(SQLiteError) in try connection.limitPages(to: 20) }
            let answers = try await together(writer, [.insert(1), .insertMuch])
            #expect(answers.first == .some(nil))
            guard case .full? = answers.last ?? nil else {
                Issue.record("\(answers)")
                return
            }
            #expect(try await rows(writer) == [1])
        }
    }

    @Test("a group waits for the disk when one of its callers does")
    func synchronous() async throws {
        try await withWriter { writer, _ in
            for (level, expected) in [(SQLiteConnection.Synchronous.full, Int64(2)), (.normal, 1), (.full, 2)] {
                let found = try await writer.write(level) { (transaction, _) throws(SQLiteError) in
                    try transaction.row("PRAGMA synchronous") { row throws(SQLiteError) in try row.integer(0) }
                }
                #expect(found == expected)
            }
        }
    }

    @Test("what is written right before the commit stands or falls with it")
    func finishing() async throws {
        try await withWriter(finish: { (transaction, context) throws(SQLiteError) in
            let found = try transaction.row("SELECT a FROM t WHERE a = 13") { row throws(SQLiteError) in
                try row.integer(0)
            }
            if found != nil { throw .interrupted }
            context.append(Int64(try transaction.run("UPDATE t SET a = a + 100 WHERE a < 100")))
        }) { (writer, log) async throws in
            #expect(await failure(of: .insert(1), writer) == nil)
            #expect(await failure(of: .insert(13), writer) == .interrupted)
            #expect(await failure(of: .insert(2), writer) == nil)
            #expect(try await rows(writer) == [101, 102])
            #expect(log.committed.prefix(2) == [[1], [1]])
        }
    }
}

private typealias Writer = SQLiteWriter<SQLiteError, [Int64]>

/// What was committed, in the order of the commits.
private final class Log: Sendable {
    private let contexts = Mutex<[[Int64]]>([])
    var committed: [[Int64]] { contexts.withLock { $0 } }
    func add(_ context: [Int64]) { contexts.withLock { $0.append(context) } }
}

private func withWriter(
    finish: @escaping @Sendable (borrowing SQLiteTransaction<SQLiteError>, inout [Int64]) throws(SQLiteError) -> Void =
        { (_, _) throws(SQLiteError) in },
    _ body: (Writer, Log) async throws -> Void
) async throws {
    try await withTemporaryDirectory { folder in
        let log = Log()
        let writer = try await Writer.open(
            folder + "/farm.db", label: "test", begin: { [] }, finish: finish, committed: { log.add($0) })
        try await writer.withConnection { (connection) throws(SQLiteError) in
            try connection.migrate("t", steps: ["CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b BLOB) STRICT"])
        }
        try await body(writer, log)
    }
}

private func rows(_ writer: Writer) async throws -> [Int64] {
    try await writer.write(.normal) { (transaction, _) throws(SQLiteError) in
        try transaction.rows("SELECT a FROM t ORDER BY id") { row throws(SQLiteError) in try row.integer(0) }
    }
}

/// What one caller asks for.
private enum Request: Sendable {
    case insert(Int64)
    case refuse
    case insertAndFail(Int64)
    case insertMuch

    func run(_ transaction: borrowing SQLiteTransaction<SQLiteError>) throws(SQLiteError) -> Int64 {
        switch self {
        case .insert(let number): return try transaction.insert("INSERT INTO t (a) VALUES (?1)", [.integer(number)])
        case .refuse: throw .interrupted
        case .insertAndFail(let number):
            try transaction.run("INSERT INTO t (a) VALUES (?1)", [.integer(number)])
            throw .interrupted
        case .insertMuch:
            let much = SQLiteValue.blob([UInt8](repeating: 1, count: 1 << 20))
            return try transaction.insert("INSERT INTO t (b) VALUES (?1)", [much])
        }
    }
}

/// Runs the requests in one transaction, in their order; for each, how it failed, or nil.
private func together(_ writer: Writer, _ requests: [Request]) async throws -> [SQLiteError?] {
    let gate = Gate()
    var answers = [SQLiteError?](repeating: nil, count: requests.count)
    try await withThrowingTaskGroup(of: (index: Int, error: SQLiteError?).self) { group in
        group.addTask {
            try await writer.write(.normal) { (_, _) throws(SQLiteError) in gate.wait() }
            return (-1, nil)
        }
        await gate.isReached()
        for (index, request) in requests.enumerated() {
            group.addTask { (index, await failure(of: request, writer)) }
            await waitUntil { writer.waitingCount == index + 1 }
        }
        gate.open()
        for try await answer in group where answer.index >= 0 { answers[answer.index] = answer.error }
    }
    return answers
}

private func failure(of request: Request, _ writer: Writer) async -> SQLiteError? {
    do throws(SQLiteError) {
        _ = try await writer.write(.full) { (transaction, _) throws(SQLiteError) in try request.run(transaction) }
        return nil
    } catch {
        return error
    }
}

/// Holds the writer's thread until it is opened.
private final class Gate: Sendable {
    private let state = Mutex((isReached: false, isOpen: false))

    func wait() {
        state.withLock { $0.isReached = true }
        while !state.withLock({ $0.isOpen }) { usleep(1000) }
    }

    func isReached() async { await waitUntil { self.state.withLock { $0.isReached } } }

    func open() { state.withLock { $0.isOpen = true } }
}

private func waitUntil(_ condition: () -> Bool) async {
    while !condition() { await Task.yield() }
}
