import Configuration
import Crypto

/// A node's `config.yaml` as the package brings it: the sections `cluster`, `server` and `sessions`.
///
/// It is in line form, so that the scripts on the Mac can merge two of them without a reader of YAML: one `key: value`
/// a line, two spaces a level, each value whole on its line, every text in double quotes and plain ASCII. The lines
/// `hostname: "${HOSTNAME}"` and `node_id: "${NODE_ID}"` of `cluster` are filled in on the Mac; the same text anywhere
/// else is a value.
struct NodeConfigurationFile {
    /// Secrets without which a node does not start.
    static let requiredSecrets = [
        "server.api_key", "server.web_username", "server.web_password", "server.db_encryption_key",
        "server.encryption_key",
    ]
    /// Secrets of the servers that a node calls, which may ask for none.
    static let optionalSecrets = ["cluster.redis_password", "sessions.redis.password"]

    let nodeName: NodeName?
    let settings: NodeSettings

    /// The file with its secrets.
    ///
    /// - Parameter secrets: a generation, by dotted names. One that this node has no use for (the password of a Redis
    ///   server it does not call) is left out.
    func render(_ secrets: [String: SecretBytes]) throws(InstallerError) -> SecretBytes {
        let known = Self.requiredSecrets + Self.optionalSecrets
        if let unknown = secrets.keys.sorted().first(where: { !known.contains($0) }) {
            throw .unknownSecret(name: InstallerError.quoted(unknown))
        }
        let missing = Self.requiredSecrets.filter { (secrets[$0]?.count ?? 0) == 0 }
        guard missing.isEmpty else { throw .missingSecrets(missing) }

        var lines = ConfigurationLines(secrets: secrets)
        Self.header.forEach { lines.comment($0) }
        writeCluster(to: &lines)
        writeServer(to: &lines)
        writeSessions(to: &lines)
        if let name = lines.unwritable { throw .secretIsNotText(name: name) }
        return SecretBytes(lines.bytes)
    }

    private func writeCluster(to lines: inout ConfigurationLines) {
        lines.section("cluster")
        lines.bool("enabled", true)
        switch settings.backend {
        case .redis: lines.text("backend", "redis")
        case .file: lines.text("backend", "file")
        }
        lines.text("hostname", nodeName?.text ?? "${HOSTNAME}")
        lines.text("node_id", "${NODE_ID}")
        lines.integer("heartbeat_interval", settings.heartbeatInterval)
        lines.integer("node_timeout", settings.nodeTimeout)
        if case .redis(let address, let usesTLS) = settings.backend {
            lines.text("redis_host", address.host)
            lines.integer("redis_port", address.port)
            lines.secret("redis_password", from: "cluster.redis_password")
            lines.bool("redis_tls", usesTLS)
        }
        if let storagePath = settings.storagePath { lines.text("storage_path", storagePath) }
    }

    private func writeServer(to lines: inout ConfigurationLines) {
        lines.section("server")
        lines.integer("port", settings.port)
        lines.secret("api_key", from: "server.api_key")
        lines.secret("web_username", from: "server.web_username")
        lines.secret("web_password", from: "server.web_password")
        lines.text("db_path", settings.databasePath)
        lines.secret("db_encryption_key", from: "server.db_encryption_key")
        lines.secret("encryption_key", from: "server.encryption_key")
    }

    private func writeSessions(to lines: inout ConfigurationLines) {
        lines.section("sessions")
        switch settings.sessions {
        case .redis: lines.text("backend", "redis")
        case .sqlite: lines.text("backend", "sqlite")
        case .file: lines.text("backend", "file")
        }
        lines.integer("ttl", settings.sessionLifetime)
        if case .redis(let address) = settings.sessions {
            lines.subsection("redis")
            lines.text("host", address.host)
            lines.integer("port", address.port)
            lines.secret("password", from: "sessions.redis.password")
        }
    }

    private static let header = [
        "The configuration of this Pkgmill node. It holds secrets: only root may read it.",
        "",
        "A newer package merges its own into this file. What was changed or added here stays so, and node_id stays for",
        "ever; all other values follow the package. config.yaml.shipped is what the last package brought,",
        "config.yaml.previous is this file as it was before the last package that changed it.",
        "For that, keep one \"key: value\" on a line and two spaces a level.",
    ]
}

/// Writes the lines of a configuration. Keys are constants of this room; values come from outside and are quoted.
private struct ConfigurationLines {
    private(set) var bytes: [UInt8] = []
    /// The first secret that could not be written.
    private(set) var unwritable: String?
    private let secrets: [String: SecretBytes]
    private var level = 0

    init(secrets: [String: SecretBytes]) { self.secrets = secrets }

    mutating func comment(_ text: String) { bytes += (text.utf8.isEmpty ? "#\n" : "# \(text)\n").utf8 }

    mutating func section(_ key: String) {
        bytes += "\(key):\n".utf8
        level = 1
    }

    mutating func subsection(_ key: String) {
        write(key + ":")
        level += 1
    }

    mutating func bool(_ key: String, _ value: Bool) { write("\(key): \(value)") }

    mutating func integer(_ key: String, _ value: Int) { write("\(key): \(value)") }

    mutating func text(_ key: String, _ value: String) { write("\(key): \(YAML.quoted(value))") }

    /// Nothing when the generation has no such secret.
    mutating func secret(_ key: String, from name: String) {
        guard let secret = secrets[name] else { return }
        guard let quoted = YAML.quoted(secret.copyBytes()) else {
            unwritable = unwritable ?? name
            return
        }
        write("\(key): \(quoted)")
    }

    private mutating func write(_ line: String) {
        bytes += repeatElement(0x20, count: 2 * level)
        bytes += line.utf8
        bytes.append(0x0A)
    }
}
