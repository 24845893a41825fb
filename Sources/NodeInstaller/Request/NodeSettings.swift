import JSON

/// The settings of a node that are no secret: what its `config.yaml` says besides names and keys.
///
/// They are pinned in the request, so that a package does not change because the farm's configuration did.
public struct NodeSettings: Sendable, Equatable {
    /// A Redis server that every node reaches.
    public struct RedisAddress: Sendable, Equatable {
        /// A host name or IP address without brackets.
        public let host: String
        /// 1 to 65535.
        public let port: Int

        /// The server at `host`; which setting it comes from is `name`, for messages.
        init(host: String, port: Int, name: String) throws(InstallerError) {
            let isHost = host.utf8.allSatisfy {
                TextChecks.isLetterOrDigit($0) || [0x2D, 0x2E, 0x3A, 0x5F].contains($0)
            }
            guard isHost, (1...253).contains(host.utf8.count) else {
                throw .badText("\(name).host", host, expected: "a host name or an IP address")
            }
            self.host = host
            self.port = port
        }
    }

    /// Where the nodes of a cluster meet.
    public enum ClusterBackend: Sendable, Equatable {
        /// A Redis server.
        case redis(RedisAddress, usesTLS: Bool)
        /// The shared folder `storagePath`.
        case file
    }

    /// Where a node keeps logins.
    public enum SessionBackend: Sendable, Equatable {
        /// A Redis server.
        case redis(RedisAddress)
        /// The node's own database.
        case sqlite
        /// Below the shared folder `storagePath`.
        case file
    }

    /// Where the nodes meet.
    public let backend: ClusterBackend
    /// Seconds between two signs of life.
    public let heartbeatInterval: Int
    /// Seconds of silence after which a node counts as gone.
    public let nodeTimeout: Int
    /// The folder that all nodes share, absolute; there whenever something is kept in it.
    public let storagePath: String?
    /// The port on which a node's server listens.
    public let port: Int
    /// The path of a node's own database, absolute.
    public let databasePath: String
    /// Where logins are kept.
    public let sessions: SessionBackend
    /// Seconds that a login lasts without use.
    public let sessionLifetime: Int

    /// Settings of the given values.
    init(
        backend: ClusterBackend, heartbeatInterval: Int, nodeTimeout: Int, storagePath: String?, port: Int,
        databasePath: String, sessions: SessionBackend, sessionLifetime: Int
    ) throws(InstallerError) {
        if let storagePath, !TextChecks.isAbsolutePath(storagePath) {
            throw .badText("settings.storagePath", storagePath, expected: "an absolute path")
        }
        guard storagePath != nil || (backend != .file && sessions != .file) else {
            throw .missingField(name: "settings.storagePath")
        }
        guard TextChecks.isAbsolutePath(databasePath) else {
            throw .badText("settings.databasePath", databasePath, expected: "an absolute path")
        }
        self.backend = backend
        self.heartbeatInterval = heartbeatInterval
        self.nodeTimeout = nodeTimeout
        self.storagePath = storagePath
        self.port = port
        self.databasePath = databasePath
        self.sessions = sessions
        self.sessionLifetime = sessionLifetime
    }

    /// Byte by byte, unlike texts of Swift.
    public static func == (left: NodeSettings, right: NodeSettings) -> Bool {
        left.json.bytes() == right.json.bytes()
    }
}
