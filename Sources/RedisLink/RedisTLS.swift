/// How a connection over TCP is kept secret and the server known: TLS 1.2 or later, and a certificate that is checked. A
/// socket file needs none of it.
public struct RedisTLS: Sendable, Equatable {
    /// A PEM file of those who may sign the server's certificate; nil for whom the system trusts.
    public var authorityFile: String?
    /// A PEM file of our own certificate and those between it and its authority; nil where the server asks for none.
    public var certificateFile: String?
    /// The PEM file of that certificate's key, without a passphrase.
    public var keyFile: String?
    /// The name in the server's certificate; nil for the host that the connection is made to.
    public var serverName: String?

    /// TLS with the system's authorities and no certificate of our own.
    public init() {}
}
