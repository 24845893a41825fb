import Synchronization
import System

/// The writes of one process to one database: what callers ask for while a transaction runs goes into the next one
/// together, so that one sync pays for many of them; what they ask for before its commit still joins it. There is no
/// timer; a single caller waits for nobody.
///
/// Each request is answered for itself, after the commit. A request may refuse (throw) as long as it has changed
/// nothing; the others go on. When one fails later than that, or the commit does, everything of the transaction is taken
/// back and each request is run again on its own, so that nobody suffers for a neighbour.
///
/// `Context` is made anew for each transaction: what requests leave there is written by `finish` right before the
/// commit, and handed to `committed` when all are answered. Where `mustBeFull` finds there that more has happened than anybody
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

    /// The next group; nil when there is none, and then the next request wakes the thread again.
    private func take() -> [Request]? {
        // A caller that was just answered often asks again at once; going to sleep and being woken would cost it more
        // than this.
        let end = MonotonicClock.nanoseconds() + Self.patienceNanoseconds
        while mailbox.withLock({ $0.requests.isEmpty }), MonotonicClock.nanoseconds() < end {
            BlockingExecutor.letOthersRun()
        }
        return mailbox.withLock { mailbox in
            guard !mailbox.requests.isEmpty else {
                mailbox.isAwake = false
                return nil
            }
            // Bounded, or another process would wait for the lock while thousands are served here.
            let some = Array(mailbox.requests.prefix(Self.mostRequests))
            mailbox.requests.removeFirst(some.count)
            return some
        }
    }

    private static var patienceNanoseconds: UInt64 { 50_000 }

    private func commit(_ requests: [Request], mayGrow: Bool = true) {
        var group = requests
        do throws(GroupFailure) {
            let isFull = group.contains { $0.synchronous == .full }
            let (refusals, context) = try runTogether(&group, isFull ? .full : .normal, mayGrow: mayGrow)
            for (request, refusal) in zip(group, refusals) { request.answer(refusal) }
            committed(context)
        } catch {
            guard group.count > 1, !error.isBeforeAnybody else {
                for request in group { request.answer(error.failure) }
                return
            }
            for request in group { commit([request], mayGrow: false) }
        }
    }

    private struct GroupFailure: Error {
        let failure: Failure
        /// The transaction did not even begin, so running each alone would fail alike.
        let isBeforeAnybody: Bool
    }

    /// Runs the group in one transaction; for each request, how it refused, or nil, and what they left behind.
    private func runTogether(
        _ group: inout [Request], _ level: SQLiteConnection.Synchronous, mayGrow: Bool
    ) throws(GroupFailure) -> (refusals: [Failure?], context: Context) {
        var context = begin()
        var refusals: [Failure?] = []
        var mustWait = false
        do throws(Failure) {
            do throws(SQLiteError) { try connection.wait(for: level) } catch { throw Failure(error) }
            try connection.writeTransaction { transaction throws(Failure) in
                while refusals.count < group.count {
                    let before = connection.changeCount
                    let refusal = group[refusals.count].run(transaction, &context)
                    refusals.append(refusal)
                    if let refusal, connection.changeCount != before || !connection.isInTransaction { throw refusal }
                    // Callers that the last group answered are back one by one meanwhile: without those that come now,
                    // every other group would be almost empty.
                    if refusals.count == group.count, mayGrow { group += takeMore(level, besides: group.count) }
                }
                try finish(transaction, &context)
                mustWait = level == .normal && mustBeFull(context)
                if mustWait { throw Failure(.interrupted) }
            }
        } catch {
            if mustWait { return try runTogether(&group, .full, mayGrow: mayGrow) }
            throw GroupFailure(failure: error, isBeforeAnybody: refusals.isEmpty)
        }
        return (refusals, context)
    }

    /// Requests that may join a transaction of `count` before its commit, which waits for the disk or does not.
    private func takeMore(_ level: SQLiteConnection.Synchronous, besides count: Int) -> [Request] {
        // Bounded, or nobody would be answered while others keep coming.
        guard count < Self.mostRequests else { return [] }
        return mailbox.withLock { mailbox in
            let more = mailbox.requests.prefix { level == .full || $0.synchronous == .normal }
            mailbox.requests.removeFirst(more.count)
            return Array(more)
        }
    }

    private static var mostRequests: Int { 256 }
}

/// What a request's body returned, until the commit. Written and read on the writer's thread alone.
///
/// `@unchecked`: made by a caller, then touched only by `run` and `answer`, which the writer calls one after the other
/// on its thread; the mailbox's lock orders the making before both.
private final class Kept<Value>: @unchecked Sendable {
    var value: Value?
}
