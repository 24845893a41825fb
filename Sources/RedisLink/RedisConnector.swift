import Synchronization
import System

/// Keeps the connection that all callers of a link share, and opens another one when it is gone.
///
/// Of many callers one attempt is made, and after one that failed the next waits longer, up to a bound and by some chance,
/// so that neither the callers of one process nor many processes storm a server that comes back. Callers wait until
/// their own deadlines.
final class RedisConnector: Sendable {
    private typealias Answer = Result<RedisConnection, RedisError>

    private let settings: RedisSettings
    private let backoff: RedisBackoff
    private let open: @Sendable (RedisDeadline) throws(RedisError) -> RedisConnection
    /// Where attempts block.
    private let thread = BlockingExecutor("redis-connect")
    /// Where deadlines are kept meanwhile.
    private let clock = BlockingExecutor("redis-clock")
    private let state = Mutex(State())

    private struct State {
        var connection: RedisConnection?
        var opened = RedisDeadline.now
        var waiting: [Waiting] = []
        var isTrying = false
        var failures = 0
        var notBefore = RedisDeadline.now
        var lastFailure: RedisError?
    }

    private struct Waiting {
        let continuation: CheckedContinuation<Answer, Never>
        let deadline: RedisDeadline
        let ticket: Ticket
    }

    /// Tells one who waits from another.
    private final class Ticket: Sendable {}

    /// A connector that makes connections by `open`, which blocks until the given time at most.
    init(
        _ settings: RedisSettings, _ random: RandomSource,
        open: @escaping @Sendable (RedisDeadline) throws(RedisError) -> RedisConnection
    ) {
        self.settings = settings
        backoff = RedisBackoff(first: .milliseconds(20), longest: .seconds(2), random: random)
        self.open = open
    }

    deinit { state.withLock { $0.connection }?.close() }

    /// The connection, as soon as there is one.
    ///
    /// - Parameter endsWithTask: to cancel the task ends the wait for it.
    func connection(
        until deadline: RedisDeadline, endsWithTask: Bool = false
    ) async throws(RedisError) -> RedisConnection {
        if let connection = state.withLock({ $0.connection }) { return connection }
        let ticket = Ticket()
        let answer: Answer = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                join(Waiting(continuation: continuation, deadline: deadline, ticket: ticket))
                // It may have been cancelled before there was anything to end.
                if endsWithTask, Task.isCancelled { cancel(ticket) }
            }
        } onCancel: {
            if endsWithTask { cancel(ticket) }
        }
        return try answer.get()
    }

    private func cancel(_ ticket: Ticket) {
        let waiting = state.withLock { state in
            let index = state.waiting.firstIndex { $0.ticket === ticket }
            return index.map { state.waiting.remove(at: $0) }
        }
        waiting?.continuation.resume(returning: .failure(.unreachable(detail: "the wait was cancelled")))
    }

    /// Commands under way and those that wait for room; for tests.
    var load: (calls: Int, waiting: Int) { state.withLock { $0.connection }?.load ?? (0, 0) }

    /// Has another connection opened for whoever comes; those who use `connection` may end.
    func leave(_ connection: RedisConnection) {
        let isMine = state.withLock { state in
            guard state.connection === connection else { return false }
            state.connection = nil
            // One that does not last is as good as a failed attempt.
            if state.opened + .seconds(1) > .now {
                fail(&state)
            } else {
                state.failures = 0
                state.notBefore = .now
            }
            return true
        }
        if isMine { connection.retire() }
    }

    private func fail(_ state: inout State) {
        state.notBefore = .after(backoff.delay(after: state.failures))
        state.failures += 1
    }

    private func join(_ new: Waiting) {
        let (connection, delay) = state.withLock { state -> (RedisConnection?, Duration?) in
            if let connection = state.connection { return (connection, nil) }
            state.waiting.append(new)
            guard !state.isTrying else { return (nil, nil) }
            state.isTrying = true
            return (nil, state.notBefore.left)
        }
        if let connection { return new.continuation.resume(returning: .success(connection)) }
        if let delay { tryAgain(after: delay) }
        clock.run(after: new.deadline.left) { [weak self] in self?.expire() }
    }

    private func expire() {
        let now = RedisDeadline.now
        let (late, failure) = state.withLock { state in
            let late = state.waiting.filter { $0.deadline <= now }
            state.waiting.removeAll { $0.deadline <= now }
            return (late, state.lastFailure)
        }
        for waiting in late {
            waiting.continuation.resume(
                returning: .failure(failure ?? .unreachable(detail: RedisDeadline.passed)))
        }
    }

    private func tryAgain(after delay: Duration) { thread.run(after: delay) { self.attempt() } }

    private func attempt() {
        let lastDeadline = state.withLock { state in
            if state.waiting.isEmpty { state.isTrying = false }
            return state.waiting.map(\.deadline).max()
        }
        // Nobody waits any longer.
        guard let lastDeadline else { return }
        let answer: Answer
        do throws(RedisError) {
            // Half of the time, so that callers learn from the first attempt why there was no second one.
            answer = .success(try open(min(lastDeadline, .after(settings.timeout / 2))))
        } catch {
            // Nothing was asked for yet, so that nothing can have been done.
            answer = .failure(error.code == nil ? .unreachable(detail: error.detail) : error)
        }

        let (waiting, delay) = state.withLock { state -> ([Waiting], Duration?) in
            switch answer {
            case .success(let connection):
                state.connection = connection
                state.opened = .now
                state.lastFailure = nil
            case .failure(let error):
                fail(&state)
                state.lastFailure = error
                if error.isPassing { return ([], state.notBefore.left) }
            }
            state.isTrying = false
            defer { state.waiting = [] }
            return (state.waiting, nil)
        }
        for waiting in waiting { waiting.continuation.resume(returning: answer) }
        if let delay { tryAgain(after: delay) }
    }
}

/// How long to wait before the next try: twice as long each time, up to a bound, less up to half of it by chance.
struct RedisBackoff: Sendable {
    let first: Duration
    let longest: Duration
    let random: RandomSource

    /// The delay after so many failures and one more.
    func delay(after failures: Int) -> Duration {
        let whole = min(first * (1 << min(failures, 16)), longest)
        let bytes = random.bytes(2)
        let chance = bytes.reduce(0) { $0 << 8 | Int64($1) }
        return whole / 2 + whole / 2 * chance / 65_536
    }
}
