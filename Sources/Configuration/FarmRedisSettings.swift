/// The section `farm.redis`: the Redis in which the farm keeps its jobs and records, for the queue `redis`.
public struct FarmRedisSettings: Sendable, Equatable {
    /// Where a server is.
    public enum Address: Sendable, Equatable {
        /// A host name or an IP address, and a port.
        case tcp(host: String, port: Int)
        /// The absolute path of a socket.
        case unix(path: String)

        /// As it is written.
        var written: String {
            switch self {
            case .tcp(let host, let port): host.utf8.contains(0x3A) ? "[\(host)]:\(port)" : "\(host):\(port)"
            case .unix(let path): path
            }
        }
    }

    /// The server; nil where sentinels know it, or where jobs are not in Redis.
    public let address: Address?
    /// The name of the farm, under which all its keys are.
    public let name: String
    /// The user of its access lists; nil for the default one.
    public let user: String?
    /// Whether the connection is encrypted.
    public let isEncrypted: Bool
    /// The file with the authorities that the server's certificate is checked against; nil for the system's.
    public let authorities: String?
    /// The file with the certificate that the farm shows; nil for none.
    public let certificate: String?
    /// The file with its key.
    public let key: String?
    /// The sentinels that know the server.
    public let sentinels: [Address]
    /// The name under which they know it.
    public let primary: String
    /// Replicas that must have a write before it is answered.
    public let replicas: Int

    init(_ reader: inout SettingsReader) {
        address = reader.value(of: Settings.FarmRedis.address)
        name = reader.value(of: Settings.FarmRedis.name)
        user = reader.value(of: Settings.FarmRedis.user)
        isEncrypted = reader.value(of: Settings.FarmRedis.tls)
        authorities = reader.path(of: Settings.FarmRedis.authorities)
        certificate = reader.path(of: Settings.FarmRedis.certificate)
        key = reader.path(of: Settings.FarmRedis.key)
        sentinels = reader.value(of: Settings.FarmRedis.sentinels) ?? []
        primary = reader.value(of: Settings.FarmRedis.primary)
        replicas = reader.value(of: Settings.FarmRedis.replicas)
    }
}
