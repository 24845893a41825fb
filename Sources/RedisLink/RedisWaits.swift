import Synchronization
import System

/// Commands that wait at the server, each on a connection and a thread of its own; connections are used again.
final class RedisWaits: Sendable {
    private typealias Answer = Result<[RedisReply], RedisError>

    /// A connection that nobody waits on.
    private struct Rest: Sendable {
        let wire: RedisWire
        let thread: BlockingExecutor
        /// What the server calls it; nil where it does not tell.
        let identifier: Int64?
        /// The link's shared connection when it was opened: after that one is gone, another server may be the right one.
        let companion: RedisConnection
    }

    private let route: RedisRoute
    private let resting = Mutex<[Rest]>([])
    private let clock = BlockingExecutor("redis-wait-clock")

    init(_ route: RedisRoute) { self.route = route }

    private static var mostResting: Int { 8 }

    /// Sends `command` and waits for its reply, for `limit` at most, or until the task is cancelled: all replies, refusals
    /// among them.
    ///
    /// A server ends waits that take too long ten times a second only, so that the command is to name a longer time, and
    /// the wait is ended from here.
    ///
    /// - Parameters:
    ///   - follower: sent right behind the command, so that the server does it as soon as the wait is over. Its reply counts:
    ///     when the task is cancelled, the server is told to end the wait, and both replies are waited for, a second at most.
    ///   - companion: the link's shared connection.
    ///   - opening: until when the connection must be open.
    ///   - deadline: until when the reply must be there.
    func wait(
        _ command: RedisCommand, followedBy follower: RedisCommand? = nil, atMost limit: Duration,
        besides companion: RedisConnection, opening: RedisDeadline, until deadline: RedisDeadline
    ) async throws(RedisError) -> [RedisReply] {
        let rest = take(companion)
        let thread = rest?.thread ?? BlockingExecutor("redis-wait")
        let wait = Wait()
        let answer: Answer = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard wait.begin(continuation) else { return }
                if limit < .seconds(60) {
                    // Weakly: a link that is let go must not stay open for it.
                    clock.run(after: limit) { [weak companion] in
                        if let companion { Self.unblock(wait, by: companion, until: deadline) }
                    }
                }
                thread.run {
                    wait.end(
                        Answer { () throws(RedisError) in
                            let (wire, identifier): (RedisWire, Int64?)
                            if let rest {
                                (wire, identifier) = (rest.wire, rest.identifier)
                            } else {
                                (wire, identifier) = try self.open(until: opening)
                            }
                            try wait.use(wire, identifier)
                            let commands = follower.map { [command, $0] } ?? [command]
                            let replies = try wire.exchange(commands, until: deadline)
                            // Before the answer: the caller's next wait is to find it.
                            if wait.release() {
                                self.keep(
                                    Rest(wire: wire, thread: thread, identifier: identifier, companion: companion))
                            }
                            return replies
                        })
                }
            }
        } onCancel: {
            if follower != nil, wait.identifier != nil {
                Self.unblock(wait, by: companion, until: .after(.seconds(1)))
                clock.run(after: .seconds(1)) { wait.cancel() }
            } else {
                wait.cancel()
            }
        }
        return try answer.get()
    }

    private func open(until deadline: RedisDeadline) throws(RedisError) -> (RedisWire, Int64?) {
        let wire = try route.open(until: deadline)
        return (wire, try wire.exchange([RedisCommand("CLIENT", "ID")], until: deadline).first?.integer)
    }

    /// Has the server end a wait whose time is up. Where that is not allowed, the wait ends by the time that its command
    /// names.
    private static func unblock(_ wait: Wait, by companion: RedisConnection, until deadline: RedisDeadline) {
        guard let identifier = wait.identifier else { return }
        Task {
            let command = RedisCommand("CLIENT", "UNBLOCK", String(identifier))
            _ = try? await companion.send(command, until: deadline)
        }
    }

    /// A connection that is still good; those that are not are closed.
    private func take(_ companion: RedisConnection) -> Rest? {
        while let rest = resting.withLock({ $0.popLast() }) {
            if rest.companion === companion, rest.wire.isQuiet { return rest }
        }
        return nil
    }

    private func keep(_ rest: Rest) {
        resting.withLock { resting in if resting.count < Self.mostResting { resting.append(rest) } }
    }

    /// One caller's wait, which ends by a reply or by cancellation, whichever is first.
    private final class Wait: Sendable {
        private let state = Mutex(State())

        private struct State {
            var continuation: CheckedContinuation<Answer, Never>?
            var wire: RedisWire?
            var identifier: Int64?
            var isCancelled = false
        }

        private static var cancelled: Answer { .failure(.unanswered(detail: "the wait was cancelled")) }

        /// False when it was cancelled before.
        func begin(_ continuation: CheckedContinuation<Answer, Never>) -> Bool {
            let isCancelled = state.withLock { state in
                if !state.isCancelled { state.continuation = continuation }
                return state.isCancelled
            }
            if isCancelled { continuation.resume(returning: Self.cancelled) }
            return !isCancelled
        }

        /// The connection to be ended by cancellation.
        func use(_ wire: RedisWire, _ identifier: Int64?) throws(RedisError) {
            let isCancelled = state.withLock { state in
                state.wire = wire
                state.identifier = identifier
                return state.isCancelled
            }
            if isCancelled { throw .unreachable(detail: "the wait was cancelled") }
        }

        /// What the server calls the connection on which it waits; nil once it has ended.
        var identifier: Int64? { state.withLock { $0.wire == nil ? nil : $0.identifier } }

        /// From now on the connection is not ended; false when it was.
        func release() -> Bool {
            state.withLock { state in
                state.wire = nil
                return !state.isCancelled
            }
        }

        func end(_ answer: Answer) { take { _ in }?.resume(returning: answer) }

        func cancel() {
            take { state in
                state.isCancelled = true
                state.wire?.shutDown()
            }?.resume(returning: Self.cancelled)
        }

        private func take(_ change: (inout State) -> Void) -> CheckedContinuation<Answer, Never>? {
            state.withLock { state in
                change(&state)
                defer { state.continuation = nil }
                return state.continuation
            }
        }
    }
}
