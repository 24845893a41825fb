/// The section `sessions`: where logins are kept and how long.
public struct SessionsSettings: Sendable, Equatable {
    /// Where they are kept.
    public let backend: Backend
    /// Seconds that a login lasts without being used.
    public let ttl: Int
    /// Name or address of the Redis server; there when `backend` is `.redis`.
    public let redisHost: String?
    /// Its port.
    public let redisPort: Int

    init(_ reader: inout SettingsReader) {
        backend = reader.value(of: Settings.Sessions.backend)
        ttl = reader.value(of: Settings.Sessions.ttl)
        redisHost = reader.value(of: Settings.Sessions.redisHost)
        redisPort = reader.value(of: Settings.Sessions.redisPort)
    }
}
