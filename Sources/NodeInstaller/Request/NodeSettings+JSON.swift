import JSON

extension NodeSettings {
    /// The settings as a member of a request; always the same members in the same order.
    var json: JSONValue {
        [
            "backend": backendJSON, "heartbeatInterval": .integer(Int64(heartbeatInterval)),
            "nodeTimeout": .integer(Int64(nodeTimeout)), "storagePath": JSONValue(storagePath),
            "port": .integer(Int64(port)), "databasePath": .string(databasePath), "sessions": sessionsJSON,
            "sessionLifetime": .integer(Int64(sessionLifetime)),
        ]
    }

    init(reading member: JSONValue, named name: String) throws(InstallerError) {
        var reader = try MemberReader(member, name: name)
        let settings = try NodeSettings(
            backend: Self.readBackend(&reader),
            heartbeatInterval: reader.integer("heartbeatInterval", in: 1...86_400),
            nodeTimeout: reader.integer("nodeTimeout", in: 1...86_400),
            storagePath: reader.optionalText("storagePath"), port: reader.integer("port", in: 1...65_535),
            databasePath: reader.text("databasePath"), sessions: Self.readSessions(&reader),
            sessionLifetime: reader.integer("sessionLifetime", in: 1...31_536_000))
        try reader.finish()
        self = settings
    }

    private var backendJSON: JSONValue {
        switch backend {
        case .redis(let address, let usesTLS):
            [
                "kind": "redis", "host": .string(address.host), "port": .integer(Int64(address.port)),
                "tls": .bool(usesTLS),
            ]
        case .file: ["kind": "file"]
        }
    }

    private var sessionsJSON: JSONValue {
        switch sessions {
        case .redis(let address):
            ["kind": "redis", "host": .string(address.host), "port": .integer(Int64(address.port))]
        case .sqlite: ["kind": "sqlite"]
        case .file: ["kind": "file"]
        }
    }

    private static func readBackend(_ settings: inout MemberReader) throws(InstallerError) -> ClusterBackend {
        var reader = try settings.object("backend")
        let backend: ClusterBackend
        switch try reader.word("kind", of: ["redis", "file"]) {
        case "redis": backend = .redis(try readAddress(&reader), usesTLS: try reader.bool("tls"))
        default: backend = .file
        }
        try reader.finish()
        return backend
    }

    private static func readSessions(_ settings: inout MemberReader) throws(InstallerError) -> SessionBackend {
        var reader = try settings.object("sessions")
        let backend: SessionBackend
        switch try reader.word("kind", of: ["redis", "sqlite", "file"]) {
        case "redis": backend = .redis(try readAddress(&reader))
        case "sqlite": backend = .sqlite
        default: backend = .file
        }
        try reader.finish()
        return backend
    }

    private static func readAddress(_ reader: inout MemberReader) throws(InstallerError) -> RedisAddress {
        let host = try reader.text("host")
        return try RedisAddress(host: host, port: reader.integer("port", in: 1...65_535), name: reader.name)
    }
}
