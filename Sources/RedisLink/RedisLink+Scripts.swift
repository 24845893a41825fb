import Synchronization

extension RedisLink {
    /// Runs a script and returns its answer.
    ///
    /// It is called by its digest, which the server has given; one that has forgotten it is given it again.
    ///
    /// - Parameter isWrite: as for `send`.
    public func run(
        _ script: RedisScript, keys: [String], _ arguments: RedisCommand, _ effect: Effect,
        isWrite: Bool = false
    ) async throws(RedisError) -> RedisReply {
        let deadline = RedisDeadline.after(settings.timeout)
        var failures = 0
        while true {
            let command = try await call(script, keys, arguments)
            do throws(RedisError) { return try await send(command, effect, isWrite: isWrite) } catch {
                // The server has forgotten it, and so has run nothing.
                guard error.code == "NOSCRIPT" else { throw error }
                digests.withLock { $0[script.name] = nil }
                if failures > 0 { try await pause(failures, until: deadline, error) }
                failures += 1
            }
        }
    }

    /// As `wait`, and runs a script as soon as the wait is over, before anybody else can be told of its end; returns the
    /// script's answer, or nil where it was not run, since the server had forgotten it.
    ///
    /// To cancel the task ends the wait, not the script: its answer comes all the same.
    public func wait(
        _ command: RedisCommand, atMost limit: Duration, thenRun script: RedisScript, keys: [String],
        _ arguments: RedisCommand
    ) async throws(RedisError) -> RedisReply? {
        let follower = try await call(script, keys, arguments)
        do throws(RedisError) { return try await wait(command, followedBy: follower, atMost: limit) } catch {
            guard error.code == "NOSCRIPT" else { throw error }
            digests.withLock { $0[script.name] = nil }
            return nil
        }
    }

    private func call(
        _ script: RedisScript, _ keys: [String], _ arguments: RedisCommand
    ) async throws(RedisError) -> RedisCommand {
        var command = RedisCommand("EVALSHA")
        command.append(try await digest(of: script))
        command.append(keys.count)
        for key in keys { command.append(key) }
        command.append(contentsOf: arguments)
        return command
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
}
