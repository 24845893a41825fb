import System

/// Every setting there is. What is not here does not exist: the reader refuses it, the template and the reference do not
/// name it.
enum Settings {
    /// In the order in which people read them.
    static let all: [SettingDescription] = Cluster.all + Server.all + Sessions.all + Farm.all + FarmRedis.all

    /// Variables that begin as settings do and are none: where the configuration lies, and how tests run.
    static let otherVariables = ["PKGMILL_CONFIG", "PKGMILL_TEST_LONG"]

    /// The section `cluster`.
    enum Cluster {
        static let enabled = Setting(
            "cluster.enabled", .truth, default: false,
            "Whether this machine takes part in a cluster; an installer for another Mac needs it.")
        static let backend = Setting(
            "cluster.backend", .choice(), default: Backend.sqlite,
            "Where the nodes meet: a Redis server, one machine's SQLite file, or a shared folder.")
        static let hostname = Setting(
            "cluster.hostname", SettingType.hostName.optional, default: nil,
            "The name under which this node appears; when not set, the machine's own.")
        static let nodeID = Setting(
            "cluster.node_id", SettingType.nodeIdentifier.optional, default: nil,
            "This node's id, kept for its whole life; when not set, one is made.")
        static let heartbeatInterval = Setting(
            "cluster.heartbeat_interval", .integer(1...3600, of: "seconds"), default: 10,
            "How often this node says that it is alive.")
        static let nodeTimeout = Setting(
            "cluster.node_timeout", .integer(2...86_400, of: "seconds"), default: 30,
            "How long a node may be silent before it counts as gone; more than cluster.heartbeat_interval.")
        static let redisHost = Setting(
            "cluster.redis_host", SettingType.host.optional, default: nil,
            "The Redis server of the cluster, for the backend redis.")
        static let redisPort = Setting(
            "cluster.redis_port", .integer(1...65_535), default: 6379, "The port of that server.")
        static let redisPassword = SecretSetting("cluster.redis_password", "The password of that server.")
        static let redisTLS = Setting(
            "cluster.redis_tls", .truth, default: false, "Whether the connection to that server is encrypted.")
        static let storagePath = Setting(
            "cluster.storage_path", SettingType.absolutePath.optional, default: nil,
            "The folder that all nodes share, for the backend file; every node must reach it at this path.")

        static let all: [SettingDescription] = [
            enabled.description, backend.description, hostname.description, nodeID.description,
            heartbeatInterval.description, nodeTimeout.description, redisHost.description, redisPort.description,
            redisPassword.description, redisTLS.description, storagePath.description,
        ]
    }

    /// The section `server`.
    enum Server {
        static let port = Setting(
            "server.port", .integer(1...65_535), default: 8768, "The port on which the server listens.")
        static let apiKey = SecretSetting("server.api_key", "The key with which programs call the API.")
        static let webUsername = SecretSetting("server.web_username", "The first administrator's name, for the pages.")
        static let webPassword = SecretSetting("server.web_password", "The first administrator's password.")
        static let dbPath = Setting(
            "server.db_path", SettingType.absolutePath.optional, default: nil,
            "The server's own database file; when not set, the server chooses.")
        static let dbEncryptionKey = SecretSetting(
            "server.db_encryption_key", "The key that encrypts the server's database.")
        static let encryptionKey = SecretSetting(
            "server.encryption_key", "The key that encrypts what the nodes of a cluster exchange.")

        static let all: [SettingDescription] = [
            port.description, apiKey.description, webUsername.description, webPassword.description,
            dbPath.description, dbEncryptionKey.description, encryptionKey.description,
        ]
    }

    /// The section `sessions`.
    enum Sessions {
        static let backend = Setting(
            "sessions.backend", .choice(), default: Backend.sqlite,
            "Where logins are kept; file means a folder below cluster.storage_path.")
        static let ttl = Setting(
            "sessions.ttl", .integer(60...604_800, of: "seconds"), default: 3600,
            "How long a login lasts without being used.")
        static let redisHost = Setting(
            "sessions.redis.host", SettingType.host.optional, default: nil,
            "The Redis server of the sessions, for the backend redis.")
        static let redisPort = Setting(
            "sessions.redis.port", .integer(1...65_535), default: 6379, "The port of that server.")
        static let redisPassword = SecretSetting("sessions.redis.password", "The password of that server.")

        static let all: [SettingDescription] = [
            backend.description, ttl.description, redisHost.description, redisPort.description,
            redisPassword.description,
        ]
    }
}
