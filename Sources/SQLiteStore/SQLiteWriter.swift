import Synchronization
import System

/// The writes of one process to one database: what callers ask for while a transaction runs goes into the next one
/// together, so that one sync pays for many of them. There is no timer; a single caller waits for nobody.
///
/// Each request is answered for itself, after the commit. A request may refuse (throw) as long as it has changed
/// nothing; the others go on. When one fails later than that, or the commit does, everything of the transaction is taken
/// back and each request is run again on its own, so that nobody suffers for a neighbour.
///
/// `Context` is made anew for each transaction: what requests leave there is written by `finish` right before the
/// commit, and handed to `committed` right after it. Where `mustBeFull` finds there that more has happened than anybody
/// expected, the transaction is taken back and run again as one that waits for the disk.
public actor SQLiteWriter<Failure: SQLiteFailure, Context: Sendable> {
    /// What one request does inside the transaction.
    public typealias Body<Value> =
        @Sendable (
            borrowing SQLiteTransaction<Failure>, inout Context
        ) throws(Failure) -> Value

    /// The thread that writes; it may wait for other processes.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let executor: BlockingExecutor
    private let connection: SQLiteConnection
    private let begin: @Sendable () -> Context
    private let finish: @Sendable (borrowing SQLiteTransaction<Failure>, inout Context) throws(Failure) -> Void
    private let mustBeFull: @Sendable (Context) -> Bool
    private let committed: @Sendable (Context) -> Void
    private let mailbox = Mutex(Mailbox())

    private struct Mailbox {
        var requests: [Request] = []
        /// Somebody is taking requests out, or about to.
        var isAwake = false
    }

    private struct Request: Sendable {
        let synchronous: SQLiteConnection.Synchronous
        /// Runs the body and keeps what came of it; returns whether the body refused.
        let run: @Sendable (borrowing SQLiteTransaction<Failure>, inout Context) -> Failure?
        /// Answers with what was kept, or with this failure.
        let answer: @Sendable (Failure?) -> Void
    }

    /// A writer on the database at `path`, opened on a thread of its own that carries `label`.
    public static func open(
        _ path: String, label: String, begin: @escaping @Sendable () -> Context,
        finish: @escaping @Sendable (borrowing SQLiteTransaction<Failure>, inout Context) throws(Failure) -> Void,
        mustBeFull: @escaping @Sendable (Context) -> Bool = { _ in false },
        committed: @escaping @Sendable (Context) -> Void
    ) async throws(SQLiteError) -> SQLiteWriter {
        let executor = BlockingExecutor(label)
        let connection = try await SQLiteConnection.open(path, synchronous: .full, on: executor)
        return SQLiteWriter(executor, connection, begin, finish, mustBeFull, committed)
    }

    private init(
        _ executor: BlockingExecutor, _ connection: sending SQLiteConnection,
        _ begin: @escaping @Sendable () -> Context,
        _ finish: @escaping @Sendable (borrowing SQLiteTransaction<Failure>, inout Context) throws(Failure) -> Void,
        _ mustBeFull: @escaping @Sendable (Context) -> Bool, _ committed: @escaping @Sendable (Context) -> Void
    ) {
        self.executor = executor
        self.connection = connection
        self.begin = begin
        self.finish = finish
        self.mustBeFull = mustBeFull
        self.committed = committed
    }

    /// The connection itself, for what is no transaction of this kind: migrations, checks, backups.
    public func withConnection<Value: Sendable, Thrown: Error>(
        _ body: @Sendable (SQLiteConnection) throws(Thrown) -> Value
    ) throws(Thrown) -> Value { try body(connection) }

    /// Runs `body` in a transaction with others and returns what it returned, after the commit.
    ///
    /// - Parameter synchronous: what the caller's commit waits for. One `.full` request makes the whole group wait.
    public nonisolated func write<Value: Sendable>(
        _ synchronous: SQLiteConnection.Synchronous, _ body: @escaping Body<Value>
    ) async throws(Failure) -> Value {
        let result: Result<Value, Failure> = await withCheckedContinuation { continuation in
            let kept = Kept<Value>()
            post(
                Request(
                    synchronous: synchronous,
                    run: { transaction, context in
                        do throws(Failure) {
                            kept.value = try body(transaction, &context)
                            return nil
                        } catch {
                            return error
                        }
                    },
                    answer: { failure in
                        if let failure { return continuation.resume(returning: .failure(failure)) }
                        guard let value = kept.value else { preconditionFailure("an answer without a value") }
                        continuation.resume(returning: .success(value))
                    }))
        }
        return try result.get()
    }

    /// Requests that wait for the next transaction; for tests.
    nonisolated var waitingCount: Int { mailbox.withLock { $0.requests.count } }

    private nonisolated func post(_ request: Request) {
        let mustWake = mailbox.withLock { mailbox in
            mailbox.requests.append(request)
            defer { mailbox.isAwake = true }
            return !mailbox.isAwake
        }
        if mustWake { executor.run { self.assumeIsolated { $0.work() } } }
    }

    private func work() {
        while let group = take() { commit(group) }
    }

    private func take() -> [Request]? {
        mailbox.withLock { mailbox in
            guard !mailbox.requests.isEmpty else {
                mailbox.isAwake = false
                return nil
            }
            defer { mailbox.requests = [] }
            return mailbox.requests
        }
    }

    private func commit(_ group: [Request]) {
        let isFull = group.contains { $0.synchronous == .full }
        do throws(GroupFailure) {
            for (request, refusal) in zip(group, try runTogether(group, isFull ? .full : .normal)) {
                request.answer(refusal)
            }
        } catch {
            guard group.count > 1, !error.isBeforeAnybody else {
                for request in group { request.answer(error.failure) }
                return
            }
            for request in group { commit([request]) }
        }
    }

    private struct GroupFailure: Error {
        let failure: Failure
        /// The transaction did not even begin, so running each alone would fail alike.
        let isBeforeAnybody: Bool
    }

    /// Runs the group in one transaction; for each request, how it refused, or nil.
    private func runTogether(
        _ group: [Request], _ level: SQLiteConnection.Synchronous
    ) throws(GroupFailure) -> [Failure?] {
        var context = begin()
        var refusals: [Failure?] = []
        var mustWait = false
        do throws(Failure) {
            do throws(SQLiteError) { try connection.wait(for: level) } catch { throw Failure(error) }
            try connection.writeTransaction { transaction throws(Failure) in
                for request in group {
                    let before = connection.changeCount
                    let refusal = request.run(transaction, &context)
                    refusals.append(refusal)
                    if let refusal, connection.changeCount != before || !connection.isInTransaction { throw refusal }
                }
                try finish(transaction, &context)
                mustWait = level == .normal && mustBeFull(context)
                if mustWait { throw Failure(.interrupted) }
            }
        } catch {
            if mustWait { return try runTogether(group, .full) }
            throw GroupFailure(failure: error, isBeforeAnybody: refusals.isEmpty)
        }
        committed(context)
        return refusals
    }
}

/// What a request's body returned, until the commit. Written and read on the writer's thread alone.
///
/// `@unchecked`: made by a caller, then touched only by `run` and `answer`, which the writer calls one after the other
/// on its thread; the mailbox's lock orders the making before both.
private final class Kept<Value>: @unchecked Sendable {
    var value: Value?
}
