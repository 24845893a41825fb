import Synchronization
import System

/// One connection, shared by all who have something to send. Commands go out in the order in which they come, without
/// waiting for one another's replies, and the server replies in the same order.
///
/// A caller who is alone reads its reply on the thread that it is on, since waking another one and being woken by it costs
/// as much as the server does. It waits for no longer than `patience`: a thread of the pool which all tasks share must
/// not be blocked. Then, or where there are several callers, the connection's own thread reads, answers, and sends what
/// has come meanwhile in one piece. Between them they take turns by `reader`.
///
/// After the first error it is dead: what is known of a caller's command then is whether all of it has been sent.
final class RedisConnection: Sendable {
    private typealias Answer = Result<RedisReply, RedisError>

    /// How much may be under way at once; more waits here.
    struct Bounds: Sendable {
        /// Commands without a reply.
        var commands = 1024
        /// Bytes that have not been sent. One command may be larger when there is no other.
        var unsentBytes = 1 << 20
    }

    let wire: RedisWire
    private let bounds: Bounds
    private let thread = BlockingExecutor("redis")
    private let waker: Waker
    private let state = Mutex(State())

    private struct State {
        var outbox = RedisOutbox()
        var calls = RedisQueue<Call>()
        /// Those for whom there is no room; never any while there are no `calls`.
        var waiting = RedisQueue<Waiting>()
        var reader = Reader.nobody
        /// The thread waits for the socket: what is to be sent now is sent by whoever brings it.
        var isAsleep = false
        /// The thread's turns since there was more than one call.
        var quietTurns = 0
        /// No call ends earlier.
        var nextDeadline = RedisDeadline.never
        /// What the lone caller got from somebody else's hands.
        var loneAnswer: Answer?
        var lastUse = RedisDeadline.now
        var isRetired = false
        var failure: RedisError?
    }

    private enum Reader { case nobody, loneCaller, thread }

    /// A command without a reply yet.
    private struct Call {
        /// nil for the lone caller.
        var continuation: CheckedContinuation<Answer, Never>?
        /// How many bytes have gone when all of it has gone.
        let end: Int
        let deadline: RedisDeadline
        /// Two commands in one; the first one's reply is `first`.
        let isPair: Bool
        var first: RedisReply?
    }

    private struct Waiting {
        let continuation: CheckedContinuation<Answer, Never>
        let command: RedisCommand
        let follower: RedisCommand?
        let deadline: RedisDeadline
    }

    /// Shares `wire`, which nobody else uses from now on.
    init(_ wire: RedisWire, bounds: Bounds = Bounds()) throws(RedisError) {
        self.wire = wire
        self.bounds = bounds
        do throws(SystemError) { waker = try Waker() } catch { throw .unreachable(detail: error.description) }
    }

    /// How long a caller may read on its own thread.
    private static var patience: Duration { .milliseconds(1) }
    /// After so many turns without company the thread leaves reading to the caller.
    private static var mostQuietTurns: Int { 16 }
    /// A server may have closed a connection that was not used for so long.
    private static var idleTime: Duration { .milliseconds(50) }

    /// Sends a command and returns its reply, which is no refusal.
    ///
    /// - Parameter follower: sent right behind it; the answer is the array of both replies then, refusals among them.
    /// - Throws: `.unreachable` when the server cannot have got it, `.unanswered` when it may have.
    func send(
        _ command: RedisCommand, followedBy follower: RedisCommand? = nil, until deadline: RedisDeadline
    ) async throws(RedisError) -> RedisReply {
        let answer: Answer
        switch sendAlone(command, follower, deadline) {
        case .answered(let alone): answer = alone
        case .patienceEnded:
            answer = await withCheckedContinuation { continuation in handOver(continuation) }
        case .notAlone:
            answer = await withCheckedContinuation { continuation in
                post(Waiting(continuation: continuation, command: command, follower: follower, deadline: deadline))
            }
        }
        let reply = try answer.get()
        if case .refusal(let words) = reply { throw .refusal(words) }
        return reply
    }

    /// Whether it can be used no longer.
    var isDead: Bool { state.withLock { $0.failure != nil || $0.isRetired } }

    /// Takes no more commands; it ends with the reply to the last of those that it has.
    func retire() {
        let isIdle = state.withLock { state in
            state.isRetired = true
            return state.calls.isEmpty
        }
        if isIdle { die(.unreachable(detail: "the connection was left")) }
    }

    /// Ends it now.
    func close() { die(.unreachable(detail: "the connection was closed")) }

    /// Commands under way and those that wait for room; for tests.
    var load: (calls: Int, waiting: Int) { state.withLock { ($0.calls.count, $0.waiting.count) } }

    // MARK: Alone

    private enum Alone {
        case answered(Answer)
        case patienceEnded
        case notAlone
    }

    private func sendAlone(
        _ command: RedisCommand, _ follower: RedisCommand?, _ deadline: RedisDeadline
    ) -> Alone {
        let now = RedisDeadline.now
        guard now < deadline else { return .answered(.failure(.unreachable(detail: RedisDeadline.passed))) }
        let turn = state.withLock { state -> (isMine: Bool, wasIdle: Bool) in
            guard state.reader == .nobody, state.calls.isEmpty, state.failure == nil, !state.isRetired else {
                return (false, false)
            }
            state.reader = .loneCaller
            state.loneAnswer = nil
            let wasIdle = state.lastUse + Self.idleTime < now
            state.lastUse = now
            if !wasIdle { add(command, follower, deadline, nil, &state) }
            return (true, wasIdle)
        }
        guard turn.isMine else { return .notAlone }
        if turn.wasIdle {
            // Before anything is sent, it is still known that the server has not got it.
            guard wire.isQuiet else {
                die(.unreachable(detail: "the server has closed the connection"))
                return .answered(.failure(.unreachable(detail: "the server has closed the connection")))
            }
            let failure = state.withLock { state in
                if state.failure == nil { add(command, follower, deadline, nil, &state) }
                return state.failure
            }
            if let failure { return .answered(.failure(.unreachable(detail: failure.detail))) }
        }
        flush()
        let patienceEnd = min(now + Self.patience, deadline)
        do throws(RedisError) {
            while true {
                guard try wire.wait(until: patienceEnd) else { return .patienceEnded }
                _ = try wire.receive()
                if let answer = try readAlone() { return .answered(answer) }
            }
        } catch {
            die(error)
            return .answered(state.withLock { $0.loneAnswer } ?? .failure(error))
        }
    }

    /// Answers whom it can; the lone caller's own answer once there is one, and then somebody else reads.
    private func readAlone() throws(RedisError) -> Answer? {
        while let reply = try wire.next() {
            try answer([reply])
            let (mine, mustWake) = state.withLock { state -> (Answer?, Bool) in
                guard let mine = state.loneAnswer else { return (nil, false) }
                state.loneAnswer = nil
                guard state.failure == nil else { return (mine, false) }
                // The others' replies, if any have come, are still with the wire: the thread begins by looking there.
                state.reader = state.calls.isEmpty ? .nobody : .thread
                state.quietTurns = 0
                return (mine, state.reader == .thread)
            }
            if mustWake { wake() }
            if let mine { return mine }
        }
        return nil
    }

    /// Leaves reading to the thread.
    private func handOver(_ continuation: CheckedContinuation<Answer, Never>) {
        let answer = state.withLock { state -> Answer? in
            if let answer = state.loneAnswer { return answer }
            state.calls.changeFirst(where: { $0.continuation == nil }) { $0.continuation = continuation }
            state.reader = .thread
            state.quietTurns = 0
            return nil
        }
        if let answer { continuation.resume(returning: answer) } else { wake() }
    }

    // MARK: Together

    private func post(_ new: Waiting) {
        enum Next { case refuse(RedisError), rest, send, wake }
        let next = state.withLock { state -> Next in
            if let failure = state.failure { return .refuse(.unreachable(detail: failure.detail)) }
            if state.isRetired { return .refuse(.unreachable(detail: "the connection was left")) }
            // A thread that sleeps for longer than this one may wait must learn of it.
            let isFirst = new.deadline < state.nextDeadline && state.isAsleep
            state.nextDeadline = min(state.nextDeadline, new.deadline)
            state.waiting.append(new)
            admit(&state)
            switch state.reader {
            case .nobody:
                state.reader = .thread
                state.quietTurns = 0
                return .wake
            case .loneCaller: return .send
            case .thread:
                if isFirst { waker.wake() }
                return state.isAsleep ? .send : .rest
            }
        }
        switch next {
        case .refuse(let error): new.continuation.resume(returning: .failure(error))
        case .rest: break
        case .send: flush()
        case .wake: wake()
        }
    }

    /// Moves those who wait to where there is room for them.
    private func admit(_ state: inout State) {
        while let next = state.waiting.first {
            let size = next.command.encodedCount + (next.follower?.encodedCount ?? 0)
            guard state.calls.count < bounds.commands,
                state.outbox.isEmpty || state.outbox.count + size <= bounds.unsentBytes
            else { return }
            _ = state.waiting.popFirst()
            add(next.command, next.follower, next.deadline, next.continuation, &state)
        }
    }

    private func add(
        _ command: RedisCommand, _ follower: RedisCommand?, _ deadline: RedisDeadline,
        _ continuation: CheckedContinuation<Answer, Never>?, _ state: inout State
    ) {
        state.outbox.add(command)
        if let follower { state.outbox.add(follower) }
        state.nextDeadline = min(state.nextDeadline, deadline)
        state.calls.append(
            Call(
                continuation: continuation, end: state.outbox.end, deadline: deadline, isPair: follower != nil))
        if state.calls.count > 1 { state.quietTurns = 0 }
    }

    /// Sends what goes without waiting, unless somebody else is about it, who then sends this as well.
    private func flush() {
        while var piece = state.withLock({ $0.outbox.take() }) {
            do throws(SystemError) {
                let count = try wire.send(piece.bytes, from: piece.start)
                piece.start += count
            } catch {
                state.withLock { $0.outbox.putBack(piece) }
                die(.unanswered(detail: error.description))
                return
            }
            let isStuck = state.withLock { state in
                state.outbox.putBack(piece)
                if !state.waiting.isEmpty { admit(&state) }
                if state.outbox.isStuck, state.isAsleep { waker.wake() }
                return state.outbox.isStuck
            }
            if isStuck { return }
        }
        flushSealed()
    }

    /// Sends what TLS has left over.
    private func flushSealed() {
        guard wire.hasUnsent else { return }
        do throws(SystemError) { _ = try wire.send([], from: 0) } catch {
            return die(.unanswered(detail: error.description))
        }
        if wire.hasUnsent, state.withLock({ $0.isAsleep }) { waker.wake() }
    }

    /// Answers the first of those who wait, a reply each.
    private func answer(_ replies: [RedisReply]) throws(RedisError) {
        let (answers, isUnasked) = state.withLock { state in
            var answers: [(CheckedContinuation<Answer, Never>, RedisReply)] = []
            answers.reserveCapacity(replies.count)
            for reply in replies {
                guard let call = state.calls.first else { return (answers, true) }
                if call.isPair, call.first == nil {
                    state.calls.changeFirst(where: { _ in true }) { $0.first = reply }
                    continue
                }
                _ = state.calls.popFirst()
                let whole = call.first.map { RedisReply.array([$0, reply]) } ?? reply
                if let continuation = call.continuation {
                    answers.append((continuation, whole))
                } else {
                    state.loneAnswer = .success(whole)
                }
            }
            if !state.waiting.isEmpty { admit(&state) }
            return (answers, false)
        }
        for (continuation, reply) in answers { continuation.resume(returning: .success(reply)) }
        if isUnasked { throw .unanswered(detail: "the server has replied to what nobody has asked") }
    }

    // MARK: The thread

    private func wake() { thread.run { self.serve() } }

    /// Reads and answers until there is nothing left to read, or a lone caller can do without.
    private func serve() {
        do throws(RedisError) {
            while true {
                try readReplies()
                flush()
                guard let sleep = try sleepOrStop() else { return }
                let isReady = try wire.wait(orForOutput: sleep.forOutput, orFor: waker, until: sleep.deadline)
                state.withLock { $0.isAsleep = false }
                if isReady { _ = try wire.receive() }
                // Also while replies keep coming: some may wait for room.
                if !isReady || sleep.deadline.hasPassed { try checkDeadlines() }
            }
        } catch {
            die(error)
        }
    }

    private func readReplies() throws(RedisError) {
        var replies: [RedisReply] = []
        while let reply = try wire.next() { replies.append(reply) }
        if !replies.isEmpty { try answer(replies) }
    }

    /// How long the thread may sleep; nil when it stops being the reader.
    private func sleepOrStop() throws(RedisError) -> (deadline: RedisDeadline, forOutput: Bool)? {
        let next = state.withLock { state -> Result<(RedisDeadline, Bool)?, RedisError> in
            if let failure = state.failure { return .failure(failure) }
            state.quietTurns += 1
            if state.calls.isEmpty {
                state.nextDeadline = .never
                state.lastUse = .now
                if state.isRetired { return .failure(.unreachable(detail: "the connection was left")) }
                if state.quietTurns >= Self.mostQuietTurns {
                    state.reader = .nobody
                    return .success(nil)
                }
            }
            // What was added since the last flush is sent by whoever has added it, seeing that the thread is asleep, or
            // at once by the thread.
            state.isAsleep = !state.outbox.isReady
            return .success((state.isAsleep ? state.nextDeadline : .now, state.outbox.isStuck || wire.hasUnsent))
        }
        guard let (deadline, forOutput) = try next.get() else { return nil }
        return (deadline, forOutput)
    }

    /// Ends the connection where a reply is overdue, and the wait of whoever has waited too long for room.
    private func checkDeadlines() throws(RedisError) {
        let now = RedisDeadline.now
        let (late, isDead) = state.withLock { state in
            guard state.nextDeadline <= now else { return ([Waiting](), false) }
            var next = RedisDeadline.never
            var isDead = false
            state.calls.forEach { call in
                isDead = isDead || call.deadline <= now
                next = min(next, call.deadline)
            }
            var late: [Waiting] = []
            for waiting in state.waiting.takeAll() {
                if waiting.deadline <= now {
                    late.append(waiting)
                } else {
                    state.waiting.append(waiting)
                    next = min(next, waiting.deadline)
                }
            }
            state.nextDeadline = next
            return (late, isDead)
        }
        for waiting in late {
            waiting.continuation.resume(
                returning: .failure(.unreachable(detail: "too many commands were before it for too long")))
        }
        if isDead { throw .unanswered(detail: RedisDeadline.passed) }
    }

    // MARK: The end

    /// Ends the connection. Only the first error counts.
    private func die(_ error: RedisError) {
        let answers = state.withLock { state -> [(CheckedContinuation<Answer, Never>, Answer)] in
            guard state.failure == nil else { return [] }
            state.failure = error
            var answers: [(CheckedContinuation<Answer, Never>, Answer)] = []
            for call in state.calls.takeAll() {
                let answer: Answer = .failure(
                    call.end <= state.outbox.mostSent ? error.asUnanswered : .unreachable(detail: error.detail))
                if let continuation = call.continuation {
                    answers.append((continuation, answer))
                } else {
                    state.loneAnswer = answer
                }
            }
            for waiting in state.waiting.takeAll() {
                answers.append((waiting.continuation, .failure(.unreachable(detail: error.detail))))
            }
            return answers
        }
        wire.shutDown()
        waker.wake()
        for (continuation, answer) in answers { continuation.resume(returning: answer) }
    }
}
