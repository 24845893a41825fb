public import System

/// Where a Redis is and how to get in.
public struct RedisSettings: Sendable, Equatable {
    /// The server.
    public var address: StreamSocket.Address
    /// How long a command may take, with all that is tried for it.
    public var timeout = Duration.seconds(5)

    /// Settings for a server that asks for nothing.
    public init(address: StreamSocket.Address) { self.address = address }
}
