public import Configuration

extension NodeSettings {
    /// What the farm's configuration gives every node.
    ///
    /// - Throws: `notForOtherMacs` when another Mac could not join with it: no cluster, a backend that one machine has
    ///   to itself, an address that means another machine elsewhere, a folder that is not named from the root.
    public init(configuration: FarmConfiguration) throws(InstallerError) {
        let file = configuration.path
        let cluster = configuration.cluster
        guard cluster.isEnabled else {
            throw .notForOtherMacs(
                setting: "cluster.enabled", value: "false", file: file,
                remedy: "set cluster.enabled to true and cluster.backend to redis or file")
        }
        let sessions = try Self.sessionBackend(configuration.sessions, file: file)
        let backend = try Self.clusterBackend(cluster, file: file)
        try self.init(
            backend: backend, heartbeatInterval: cluster.heartbeatInterval, nodeTimeout: cluster.nodeTimeout,
            storagePath: backend == .file || sessions == .file
                ? try Self.sharedFolder(cluster.storagePath, file: file) : nil,
            port: configuration.server.port,
            databasePath: configuration.server.dbPath ?? InstallerLayout.databaseFile, sessions: sessions,
            sessionLifetime: configuration.sessions.ttl)
    }

    private static func clusterBackend(
        _ cluster: ClusterSettings, file: String
    ) throws(InstallerError) -> ClusterBackend {
        switch cluster.backend {
        case .redis:
            let host = try sharedHost(cluster.redisHost, setting: "cluster.redis_host", file: file)
            return .redis(
                try RedisAddress(host: host, port: cluster.redisPort, name: "cluster.redis"), usesTLS: cluster.redisTLS)
        case .file: return .file
        case .sqlite:
            throw .notForOtherMacs(
                setting: "cluster.backend", value: "sqlite", file: file,
                remedy: "set cluster.backend to redis and cluster.redis_host, or to file and cluster.storage_path")
        }
    }

    private static func sessionBackend(
        _ sessions: SessionsSettings, file: String
    ) throws(InstallerError) -> SessionBackend {
        switch sessions.backend {
        case .redis:
            let host = try sharedHost(sessions.redisHost, setting: "sessions.redis.host", file: file)
            return .redis(try RedisAddress(host: host, port: sessions.redisPort, name: "sessions.redis"))
        case .sqlite: return .sqlite
        case .file: return .file
        }
    }

    private static func sharedHost(_ host: String?, setting: String, file: String) throws(InstallerError) -> String {
        guard let host, !SharedHost.isLocal(host) else {
            throw .notForOtherMacs(
                setting: setting, value: host.map(InstallerError.quoted) ?? "not set", file: file,
                remedy: "set \(setting) to a name or address by which every Mac reaches the Redis server")
        }
        return host
    }

    private static func sharedFolder(_ path: String?, file: String) throws(InstallerError) -> String {
        guard let path, path.utf8.first == 0x2F else {
            throw .notForOtherMacs(
                setting: "cluster.storage_path", value: path.map(InstallerError.quoted) ?? "not set", file: file,
                remedy: "set cluster.storage_path to the absolute path at which every Mac mounts the shared folder")
        }
        return path
    }
}
