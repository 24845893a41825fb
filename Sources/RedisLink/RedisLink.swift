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

    private let settings: RedisSettings
    private let backoff: RedisBackoff
    private let connector: RedisConnector
    private let digests = Mutex<[String: (text: String, digest: [UInt8])]>([:])

    /// A link that connects when it is first used.
    public init(_ settings: RedisSettings, random: RandomSource = .system) {
        self.settings = settings
        backoff = RedisBackoff(first: .milliseconds(5), longest: .milliseconds(250), random: random)
        connector = RedisConnector(settings, random) { deadline throws(RedisError) in
            try RedisConnection(RedisWire(to: settings.address, until: deadline))
        }
    }

    /// Sends a command and returns its answer.
    ///
    /// What the server cannot have done is tried again until the settings' time has passed; what it may have done only
    /// where the effect allows it.
    public func send(_ command: RedisCommand, _ effect: Effect) async throws(RedisError) -> RedisReply {
        let deadline = RedisDeadline.after(settings.timeout)
        var failures = 0
        while true {
            let connection = try await connector.connection(until: deadline)
            do throws(RedisError) { return try await connection.send(command, until: deadline) } catch {
                if error.code == nil { connector.leave(connection) }
                guard mayTryAgain(after: error, effect), !deadline.hasPassed else { throw error }
                // The first loss of a connection is most often that of one which had grown old.
                if failures > 0 || error.code != nil { try await pause(failures, until: deadline, error) }
                failures += 1
            }
        }
    }

    /// Commands under way and those that wait for room; for tests.
    package var load: (calls: Int, waiting: Int) { connector.load }

    private func mayTryAgain(after error: RedisError, _ effect: Effect) -> Bool {
        switch error {
        case .unreachable: true
        case .unanswered: effect == .repeatable
        case .refused: error.isPassing
        case .unexpected: false
        }
    }

    /// Waits before the next try; throws `error` where there is no time for one.
    private func pause(_ failures: Int, until deadline: RedisDeadline, _ error: RedisError) async throws(RedisError) {
        let delay = backoff.delay(after: failures)
        guard delay < deadline.left else { throw error }
        do { try await Task.sleep(for: delay) } catch {}
        if Task.isCancelled { throw error }
    }

    /// Runs a script and returns its answer.
    public func run(
        _ script: RedisScript, keys: [String], _ arguments: RedisCommand, _ effect: Effect
    ) async throws(RedisError) -> RedisReply {
        for _ in 0..<2 {
            var command = RedisCommand("EVALSHA")
            command.append(try await digest(of: script))
            command.append(keys.count)
            for key in keys { command.append(key) }
            command.append(contentsOf: arguments)
            do throws(RedisError) { return try await send(command, effect) } catch {
                // The server has forgotten it, and so has run nothing.
                guard error.code == "NOSCRIPT" else { throw error }
                digests.withLock { $0[script.name] = nil }
            }
        }
        throw .unexpected(detail: "script \(script.name) is not kept")
    }

    /// The name by which the server calls a script; it is loaded where it was not yet.
    private func digest(of script: RedisScript) async throws(RedisError) -> [UInt8] {
        let known = digests.withLock { $0[script.name] }
        if let known, known.text == script.text { return known.digest }
        let reply = try await send(RedisCommand("SCRIPT", "LOAD", script.text), .repeatable)
        guard let digest = reply.bytes else { throw .unexpected(detail: "SCRIPT LOAD gave no digest") }
        digests.withLock { $0[script.name] = (script.text, digest) }
        return digest
    }

    /// Sends a command that waits at the server, at most `limit`, on a connection of its own.
    public func wait(_ command: RedisCommand, atMost limit: Duration) async throws(RedisError) -> RedisReply {
        let executor = BlockingExecutor("redis-wait")
        let settings = settings
        let result: Result<RedisReply, RedisError> = await withCheckedContinuation { continuation in
            executor.run {
                continuation.resume(
                    returning: Result { () throws(RedisError) in
                        let wire = try RedisWire(to: settings.address, until: .after(settings.timeout))
                        let replies = try wire.exchange([command], until: .after(limit + settings.timeout))
                        if case .refusal(let words) = replies[0] { throw .refusal(words) }
                        return replies[0]
                    })
            }
        }
        return try result.get()
    }
}
