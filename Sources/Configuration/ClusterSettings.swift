/// Where nodes or logins meet.
public enum Backend: String, Sendable, CaseIterable {
    /// A Redis server.
    case redis
    /// A SQLite file on this machine.
    case sqlite
    /// A folder that every node reaches.
    case file
}

/// The section `cluster`: how a machine takes part in a cluster.
public struct ClusterSettings: Sendable, Equatable {
    /// Whether it does.
    public let isEnabled: Bool
    /// Where the nodes meet.
    public let backend: Backend
    /// The name under which the node appears; nil stands for the machine's own.
    public let hostname: String?
    /// The node's id; nil where none was given yet.
    public let nodeID: String?
    /// Seconds from one sign of life to the next.
    public let heartbeatInterval: Int
    /// Seconds of silence after which a node counts as gone; more than `heartbeatInterval`.
    public let nodeTimeout: Int
    /// Name or address of the Redis server; there when `backend` is `.redis` and the cluster enabled.
    public let redisHost: String?
    /// Its port.
    public let redisPort: Int
    /// Whether the connection to it is encrypted.
    public let redisTLS: Bool
    /// The shared folder, absolute; there when `backend` is `.file` and the cluster enabled.
    public let storagePath: String?

    init(_ reader: inout SettingsReader) {
        isEnabled = reader.value(of: Settings.Cluster.enabled)
        backend = reader.value(of: Settings.Cluster.backend)
        hostname = reader.value(of: Settings.Cluster.hostname, unless: Placeholder.hostName)
        nodeID = reader.value(of: Settings.Cluster.nodeID, unless: Placeholder.nodeID)
        heartbeatInterval = reader.value(of: Settings.Cluster.heartbeatInterval)
        nodeTimeout = reader.value(of: Settings.Cluster.nodeTimeout)
        redisHost = reader.value(of: Settings.Cluster.redisHost)
        redisPort = reader.value(of: Settings.Cluster.redisPort)
        redisTLS = reader.value(of: Settings.Cluster.redisTLS)
        storagePath = reader.path(of: Settings.Cluster.storagePath)
    }
}
