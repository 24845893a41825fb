public import System

/// Servers that watch over a primary and its replicas, and know which of them is the primary now.
public struct RedisSentinels: Sendable, Equatable {
    /// Where they are. They are asked in this order, beginning with the last that knew.
    public var addresses: [StreamSocket.Address]
    /// The name by which they know the primary.
    public var primaryName: String
    /// Who signs in with them; nil for their default user.
    public var user: String?
    /// The user's password with them; nil where they ask for none.
    public var password: RedisSecret?
    /// Whether the settings' TLS is spoken with them as well.
    public var speakTLS = false

    /// Sentinels that ask for nothing.
    public init(_ addresses: [StreamSocket.Address], primaryName: String) {
        self.addresses = addresses
        self.primaryName = primaryName
    }
}
