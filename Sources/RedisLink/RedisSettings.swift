public import System

/// Where a Redis is and how to get in.
public struct RedisSettings: Sendable, Equatable {
    /// The server.
    public var address: StreamSocket.Address
    /// How long a command may take, with all that is tried for it.
    public var timeout = Duration.seconds(5)
    /// Who signs in; nil for the server's default user.
    public var user: String?
    /// The user's password; nil for a server that asks for none.
    public var password: RedisSecret?
    /// The number of the database. A cluster has 0 only.
    public var database = 0
    /// What the server calls this client in its list of clients: no blanks.
    public var clientName: String?

    /// How connections over TCP are kept secret; nil for not at all.
    public var tls: RedisTLS?

    /// Settings for a server that asks for nothing.
    public init(address: StreamSocket.Address) { self.address = address }
}
