public import System

/// Where a Redis is and how to get in.
public struct RedisSettings: Sendable, Equatable {
    /// The server. Where there are `sentinels`, they name it, and this is not used.
    public var address: StreamSocket.Address
    /// Who is asked where the server is; nil where it is always at `address`.
    public var sentinels: RedisSentinels?
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

    /// How many replicas must have a write before it counts; 0 for none.
    public var replicas = 0
    /// How long to wait for them.
    public var replicaTimeout = Duration.seconds(1)

    /// Settings for a server that asks for nothing.
    public init(address: StreamSocket.Address) { self.address = address }
}
