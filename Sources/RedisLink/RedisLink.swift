import Synchronization
public import System

/// The way to one Redis: connects when it is first used, and again when a connection is lost.
public final class RedisLink: Sendable {
    /// Whether a command may be sent again when its answer was lost.
    public enum Effect: Sendable {
        /// Doing it twice is doing it once.
        case repeatable
        /// Doing it twice is something else: an answer that was lost is an error.
        case once
    }

    let settings: RedisSettings
    private let backoff: RedisBackoff
    private let route: RedisRoute
    private let connector: RedisConnector
    private let waits: RedisWaits
    let digests = Mutex<[String: (text: String, digest: [UInt8])]>([:])

    /// A link that connects when it is first used.
    public init(_ settings: RedisSettings, random: RandomSource = .system) {
        let route = RedisRoute(settings)
        self.settings = settings
        self.route = route
        backoff = RedisBackoff(first: .milliseconds(5), longest: .milliseconds(250), random: random)
        connector = RedisConnector(settings, random) { deadline throws(RedisError) in
            try RedisConnection(route.open(until: deadline))
        }
        waits = RedisWaits(route)
    }

    /// Sends a command and returns its answer.
    ///
    /// What the server cannot have done is tried again until the settings' time has passed; what it may have done only
    /// where the effect allows it.
    ///
    /// - Parameter isWrite: the settings' number of replicas must have it as well: otherwise `.notReplicated`.
    public func send(
        _ command: RedisCommand, _ effect: Effect, isWrite: Bool = false
    ) async throws(RedisError) -> RedisReply {
        guard isWrite, settings.replicas > 0 else {
            let deadline = RedisDeadline.after(settings.timeout)
            return try await trying(effect, until: deadline) { connection throws(RedisError) in
                try await connection.send(command, until: deadline)
            }
        }
        let deadline = RedisDeadline.after(settings.timeout + settings.replicaTimeout)
        return try await trying(effect, until: deadline) { connection throws(RedisError) in
            try await sendReplicated(command, on: connection, until: deadline)
        }
    }

    /// Sends a command, and right behind it the wish to wait until replicas have what was done before.
    private func sendReplicated(
        _ command: RedisCommand, on connection: RedisConnection, until deadline: RedisDeadline
    ) async throws(RedisError) -> RedisReply {
        let (seconds, attoseconds) = settings.replicaTimeout.components
        // 0 would be without end.
        let milliseconds = max(1, seconds * 1000 + attoseconds / 1_000_000_000_000_000)
        var wait = RedisCommand("WAIT")
        wait.append(settings.replicas)
        wait.append(milliseconds)
        let reply = try await connection.send(command, followedBy: wait, until: deadline)
        guard let replies = reply.array, replies.count == 2 else {
            throw .unexpected(detail: "other than two replies to two commands")
        }
        if case .refusal(let words) = replies[0] { throw .refusal(words) }
        let done = Int(clamping: replies[1].integer ?? 0)
        guard done >= settings.replicas else { throw .notReplicated(done: done, wanted: settings.replicas) }
        return replies[0]
    }

    /// Sends a command that waits at the server, at most `limit`, on a connection of its own. To cancel the task ends the
    /// wait. The command itself should name a time a second longer: servers keep theirs to a tenth of a second only.
    ///
    /// It is not sent again when its answer was lost.
    public func wait(_ command: RedisCommand, atMost limit: Duration) async throws(RedisError) -> RedisReply {
        try await wait(command, followedBy: nil, atMost: limit)
    }

    /// As `wait`; answers with the reply to the follower, where there is one, whatever the wait has brought.
    func wait(
        _ command: RedisCommand, followedBy follower: RedisCommand?, atMost limit: Duration
    ) async throws(RedisError) -> RedisReply {
        // Those who wait have the shared connection opened first, so that all of them together make one attempt.
        let opening = RedisDeadline.after(settings.timeout)
        return try await trying(.once, until: opening, endsWithTask: true) { connection throws(RedisError) in
            let replies = try await waits.wait(
                command, followedBy: follower, atMost: limit, besides: connection, opening: opening,
                until: .after(limit + settings.timeout))
            guard let reply = replies.last else { throw .unexpected(detail: "no reply") }
            if case .refusal(let words) = reply { throw .refusal(words) }
            return reply
        }
    }

    /// Which run of the server the shared connection leads to: random, and another one after each start of it. nil where
    /// the user may not know.
    public func runID() async throws(RedisError) -> String? {
        try await connector.connection(until: .after(settings.timeout)).wire.runID
    }

    // MARK: Trying again

    /// Does `work` on the shared connection, and again, on another one where that may help, as long as it may.
    private func trying(
        _ effect: Effect, until deadline: RedisDeadline, endsWithTask: Bool = false,
        _ work: (RedisConnection) async throws(RedisError) -> RedisReply
    ) async throws(RedisError) -> RedisReply {
        var failures = 0
        var refusal: RedisError?
        while true {
            do throws(RedisError) {
                let connection = try await connector.connection(until: deadline, endsWithTask: endsWithTask)
                do throws(RedisError) { return try await work(connection) } catch {
                    if error.isElsewhere { route.follow(error, on: connection.wire) }
                    if error.isElsewhere || connection.isDead { connector.leave(connection) }
                    guard mayTryAgain(after: error, effect), !deadline.hasPassed else { throw error }
                    // The first loss of a connection is most often that of one which had grown old.
                    if failures > 0 || !connection.isDead { try await pause(failures, until: deadline, error) }
                    failures += 1
                    if error.code != nil { refusal = error }
                }
            } catch {
                // What the server has said tells more than that there was no time left.
                guard case .unreachable = error, let refusal else { throw error }
                throw refusal
            }
        }
    }

    /// Commands under way and those that wait for room; for tests.
    package var load: (calls: Int, waiting: Int) { connector.load }

    private func mayTryAgain(after error: RedisError, _ effect: Effect) -> Bool {
        if case .unanswered = error { return effect == .repeatable }
        return error.isPassing
    }

    /// Waits before the next try; throws `error` where there is no time for one.
    func pause(_ failures: Int, until deadline: RedisDeadline, _ error: RedisError) async throws(RedisError) {
        let delay = backoff.delay(after: failures)
        // It must leave time for the try itself.
        guard delay * 2 < deadline.left else { throw error }
        do { try await Task.sleep(for: delay) } catch {}
        // Where all threads are busy it may have slept for too long.
        if Task.isCancelled || deadline.hasPassed { throw error }
    }
}
