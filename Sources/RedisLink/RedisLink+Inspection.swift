extension RedisLink {
    /// Asks the server what it says of itself.
    public func inspect() async throws(RedisError) -> RedisServerReport {
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
