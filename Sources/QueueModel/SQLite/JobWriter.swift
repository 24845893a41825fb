import SQLiteStore
import Synchronization
import System

/// The writes of one process to one database: what callers ask for while a transaction runs goes into the next one
/// together, so that one sync pays for many of them; what they ask for before its commit still joins it. There is no
/// timer; a single caller waits for nobody.
///
/// Groups are written on a thread of the writer's own. A caller who is alone writes on the thread that it is on, since
/// waking another one and being woken by it would cost it half as much as a quick disk does.
///
/// Each request is answered for itself, after the commit. A request may refuse (throw) as long as it has changed
/// nothing; the others go on. When one fails later than that, or the commit does, everything of the transaction is taken
/// back and each request is run again on its own, so that nobody suffers for a neighbour.
///
/// What requests leave in their transaction's `JobContext` is written as events right before the commit, and others are
/// woken by it. Where a job has come to its end in a transaction of requests that need not wait for the disk, that is taken
/// back and run again as one that waits.
final class JobWriter: Sendable {
    /// What one request does inside the transaction.
    typealias Body<Value> = @Sendable (borrowing JobTransaction, inout JobContext) throws(QueueError) -> Value

    /// The thread that writes for many; it may wait for other processes.
    private let thread: BlockingExecutor
    private let connection: Mutex<SQLiteConnection>
    private let bells: QueueBells
    private let memory: QueueMemory
    private let eventLimit: Int
    /// A sync that a thread of the pool may wait for, in nanoseconds.
    private let quickSync: UInt64
    private let now: @Sendable () -> Timestamp
    private let mailbox = Mutex(Mailbox())

    private struct Mailbox {
        var requests: [Request] = []
        /// Somebody is writing, or about to.
        var isAwake = false
        /// How long the last transaction took that waited for the disk, in nanoseconds; the first one is the thread's.
        var lastSync = UInt64.max
        /// The last transaction had one request.
        var wasAlone = false

        /// Whether a caller might write where it is.
        func mayBeAlone(_ quickSync: UInt64) -> Bool { wasAlone && lastSync < quickSync }
    }

    private struct Request: Sendable {
        let synchronous: SQLiteConnection.Synchronous
        /// Runs the body and keeps what came of it; returns whether the body refused.
        let run: @Sendable (borrowing JobTransaction, inout JobContext) -> QueueError?
        /// Answers with what was kept, or with this failure.
        let answer: @Sendable (QueueError?) -> Void
    }

    /// A writer on the queue in the file at `path`, which it makes or brings up to date.
    static func open(
        _ path: String, _ bells: QueueBells, _ memory: QueueMemory, eventLimit: Int,
        quickSync: UInt64 = 2_000_000, now: @escaping @Sendable () -> Timestamp
    ) async throws(SQLiteError) -> JobWriter {
        let thread = BlockingExecutor("queue")
        let connection = try await SQLiteConnection.open(path, synchronous: .full, on: thread)
        let writer = JobWriter(thread, connection, bells, memory, eventLimit, quickSync, now)
        try await writer.withConnection { (connection) throws(SQLiteError) in
            try connection.migrate(JobTables.component, steps: JobTables.migrations)
        }
        return writer
    }

    private init(
        _ thread: BlockingExecutor, _ connection: sending SQLiteConnection, _ bells: QueueBells, _ memory: QueueMemory,
        _ eventLimit: Int, _ quickSync: UInt64, _ now: @escaping @Sendable () -> Timestamp
    ) {
        self.thread = thread
        self.connection = Mutex(connection)
        self.bells = bells
        self.memory = memory
        self.eventLimit = eventLimit
        self.quickSync = quickSync
        self.now = now
    }

    /// The connection itself, on the writer's thread, for what is no transaction of this kind: migrations, checks, backups.
    func withConnection<Value: Sendable>(
        _ body: @escaping @Sendable (SQLiteConnection) throws(SQLiteError) -> Value
    ) async throws(SQLiteError) -> Value {
        let result: Result<Value, SQLiteError> = await withCheckedContinuation { continuation in
            thread.run {
                continuation.resume(
                    returning: self.connection.withLock { connection in
                        do throws(SQLiteError) { return .success(try body(connection)) } catch {
                            return .failure(error)
                        }
                    })
            }
        }
        return try result.get()
    }

    /// Runs `body` in a transaction, with others or alone, and returns what it returned, after the commit.
    ///
    /// - Parameter synchronous: what the caller's commit waits for. One `.full` request makes the whole group wait.
    func write<Value: Sendable>(
        _ synchronous: SQLiteConnection.Synchronous, _ body: @escaping Body<Value>
    ) async throws(QueueError) -> Value {
        if let result = writeHere(synchronous, body) { return try result.get() }
        let result: Result<Value, QueueError> = await withCheckedContinuation { continuation in
            post(request(synchronous, body) { continuation.resume(returning: $0) })
        }
        return try result.get()
    }

    /// Requests that wait for the next transaction; for tests.
    var waitingCount: Int { mailbox.withLock { $0.requests.count } }
    /// Nobody is writing or about to; for tests.
    var isAtRest: Bool { mailbox.withLock { !$0.isAwake } }
    /// Whether this code runs on the writer's own thread; for tests.
    var isOnItsThread: Bool { thread.isCurrent }

    private func request<Value: Sendable>(
        _ synchronous: SQLiteConnection.Synchronous, _ body: @escaping Body<Value>,
        _ answer: @escaping @Sendable (Result<Value, QueueError>) -> Void
    ) -> Request {
        let kept = Kept<Value>()
        return Request(
            synchronous: synchronous,
            run: { transaction, context in
                do throws(QueueError) {
                    kept.value = try body(transaction, &context)
                    return nil
                } catch {
                    return error
                }
            },
            answer: { failure in
                if let failure { return answer(.failure(failure)) }
                guard let value = kept.value else { preconditionFailure("an answer without a value") }
                answer(.success(value))
            })
    }

    // MARK: Alone

    /// Writes on this thread and returns what came of it; nil when somebody else has to.
    ///
    /// This is a thread of the pool which all tasks share, so neither a slow disk nor another process may hold it; and
    /// where there are many callers they had better come together.
    private func writeHere<Value: Sendable>(
        _ synchronous: SQLiteConnection.Synchronous, _ body: @escaping Body<Value>
    ) -> Result<Value, QueueError>? {
        let isMine = mailbox.withLock { mailbox in
            guard !mailbox.isAwake, mailbox.mayBeAlone(quickSync) else { return false }
            mailbox.isAwake = true
            return true
        }
        guard isMine else { return nil }
        let result = Kept<Result<Value, QueueError>>()
        // The connection is in use by somebody who does not write, or not free for other processes' sake.
        let owesCheckpoint = connection.withLockIfAvailable { connection in
            try? connection.unlessOthersWrite { commit([request(synchronous, body) { result.value = $0 }], connection) }
            return connection.owesCheckpoint
        }
        // A checkpoint, which takes longer, and whoever came meanwhile are left to the writer's thread.
        if owesCheckpoint == true { thread.run { self.connection.withLock { try? $0.checkpointIfOwed() } } }
        let isDone = mailbox.withLock { mailbox in
            if mailbox.requests.isEmpty { mailbox.isAwake = false }
            return mailbox.requests.isEmpty
        }
        if !isDone { wake() }
        return result.value
    }

    // MARK: Together

    private func post(_ request: Request) {
        let mustWake = mailbox.withLock { mailbox in
            mailbox.requests.append(request)
            defer { mailbox.isAwake = true }
            return !mailbox.isAwake
        }
        if mustWake { wake() }
    }

    private func wake() {
        thread.run {
            self.connection.withLock { connection in
                while let group = self.take() { self.commit(group, connection) }
            }
        }
    }

    /// The next group; nil when there is none, and then the next request wakes the thread again.
    private func take() -> [Request]? {
        // Callers that were just answered often ask again at once; going to sleep and being woken would cost them more
        // than this. One that is alone need not be waited for: it can write by itself.
        let patience = mailbox.withLock { $0.mayBeAlone(quickSync) } ? 0 : Self.patience
        let end = MonotonicClock.nanoseconds() + patience
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

    private static var patience: UInt64 { 50_000 }

    private func commit(_ requests: [Request], _ connection: SQLiteConnection, mayGrow: Bool = true) {
        var group = requests
        do throws(GroupFailure) {
            let isFull = group.contains { $0.synchronous == .full }
            let (refusals, context) = try runTogether(&group, isFull ? .full : .normal, connection, mayGrow: mayGrow)
            for (request, refusal) in zip(group, refusals) { request.answer(refusal) }
            memory.keep(context)
            bells.ringCircle(context)
        } catch {
            guard group.count > 1, !error.isBeforeAnybody else {
                for request in group { request.answer(error.failure) }
                return
            }
            for request in group { commit([request], connection, mayGrow: false) }
        }
    }

    private struct GroupFailure: Error {
        let failure: QueueError
        /// The transaction did not even begin, so running each alone would fail alike.
        let isBeforeAnybody: Bool
    }

    /// Runs the group in one transaction; for each request, how it refused, or nil, and what they left behind.
    private func runTogether(
        _ group: inout [Request], _ level: SQLiteConnection.Synchronous, _ connection: SQLiteConnection, mayGrow: Bool
    ) throws(GroupFailure) -> (refusals: [QueueError?], context: JobContext) {
        var context = memory.context(at: now())
        var refusals: [QueueError?] = []
        var mustWait = false
        do throws(QueueError) {
            do throws(SQLiteError) { try connection.wait(for: level) } catch { throw QueueError(error) }
            let start = MonotonicClock.nanoseconds()
            try connection.writeTransaction { transaction throws(QueueError) in
                while refusals.count < group.count {
                    let before = connection.changeCount
                    let refusal = group[refusals.count].run(transaction, &context)
                    refusals.append(refusal)
                    if let refusal, connection.changeCount != before || !connection.isInTransaction { throw refusal }
                    // Callers that the last group answered are back one by one meanwhile: without those that come now,
                    // every other group would be almost empty.
                    if refusals.count == group.count, mayGrow { group += takeMore(level, besides: group.count) }
                }
                try transaction.writeEvents(context, keeping: eventLimit)
                mustWait = level == .normal && context.hasEnded
                if mustWait { throw QueueError(.interrupted) }
                // Before the commit already: a worker wakes while the disk syncs, and waits for the lock.
                bells.ringLanes(context)
            }
            let duration = MonotonicClock.nanoseconds() - start
            mailbox.withLock { mailbox in
                mailbox.wasAlone = group.count == 1
                if level == .full { mailbox.lastSync = duration }
            }
        } catch {
            if mustWait { return try runTogether(&group, .full, connection, mayGrow: mayGrow) }
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

/// What a request's body returned, until the commit.
private final class Kept<Value: Sendable>: Sendable {
    private let content = Mutex<Value?>(nil)

    var value: Value? {
        get { content.withLock { $0 } }
        set { content.withLock { $0 = newValue } }
    }
}
