extension RedisLink {
    /// Asks the server what it says of itself.
    public func inspect() async throws(RedisError) -> RedisServerReport {
        // One that is loading its data says of itself what is not so yet; it answers this when it is done.
        _ = try await send(RedisCommand("PING"), .repeatable)
        let information = try await send(RedisCommand("INFO"), .repeatable)
        var appendSync: String?
        do throws(RedisError) {
            appendSync = try await send(RedisCommand("CONFIG", "GET", "appendfsync"), .repeatable).array?.last?.text
        } catch {
            // The user may not know, or a provider has renamed the command.
            guard error.code == "NOPERM" || error.code == "ERR" else { throw error }
        }
        guard let text = information.text,
            let report = RedisServerReport(RedisInformation(text), appendSync: appendSync)
        else { throw .unexpected(detail: "INFO says less than a Redis does") }
        return report
    }
}

/// What of its memory a server uses.
public struct RedisMemory: Sendable, Equatable {
    /// Bytes that it may use for data; 0 for no limit.
    public let limit: Int64
    /// Bytes that it uses.
    public let used: Int64
}

extension RedisLink {
    /// What of its memory the server uses.
    public func memory() async throws(RedisError) -> RedisMemory {
        let text = try await send(RedisCommand("INFO", "memory"), .repeatable).text ?? ""
        let information = RedisInformation(text)
        guard let limit = information.number("maxmemory"), let used = information.number("used_memory")
        else { throw .unexpected(detail: "INFO memory does not tell the memory") }
        return RedisMemory(limit: limit, used: used)
    }
}
