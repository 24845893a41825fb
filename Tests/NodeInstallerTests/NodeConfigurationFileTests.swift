import Configuration
import Crypto
import Testing

@testable import NodeInstaller

@Suite("A node's configuration as the package brings it") struct NodeConfigurationFileTests {
    @Test("has the sections, names and order that a node reads")
    func exactText() throws {
        let text = try Self.text(nodeName: nil, farm: Sample.redisFarm, Sample.secrets())
        #expect(
            Self.withoutComments(text) == """
                cluster:
                  enabled: true
                  backend: "redis"
                  hostname: "${HOSTNAME}"
                  node_id: "${NODE_ID}"
                  heartbeat_interval: 10
                  node_timeout: 30
                  redis_host: "redis.example.com"
                  redis_port: 6379
                  redis_password: "cluster.redis_password 1"
                  redis_tls: true
                server:
                  port: 8768
                  api_key: "server.api_key 1"
                  web_username: "server.web_username 1"
                  web_password: "server.web_password 1"
                  db_path: "/Library/Application Support/Pkgmill/server.db"
                  db_encryption_key: "server.db_encryption_key 1"
                  encryption_key: "server.encryption_key 1"
                sessions:
                  backend: "redis"
                  ttl: 3600
                  redis:
                    host: "10.0.0.9"
                    port: 6380
                    password: "sessions.redis.password 1"

                """)
    }

    @Test("names the shared folder, and no server that it does not call")
    func fileBackend() throws {
        let text = try Self.text(nodeName: "studio-3", farm: Sample.fileFarm, Sample.secrets())
        #expect(text.contains("\n  backend: \"file\"\n  hostname: \"studio-3\"\n  node_id: \"${NODE_ID}\"\n"))
        #expect(text.contains("\n  storage_path: \"/Volumes/Farm Share/cluster\"\n"))
        #expect(!text.contains("redis"))
    }

    @Test("leaves out the password of a server that asks for none")
    func noRedisPassword() throws {
        var secrets = Sample.secrets()
        secrets["cluster.redis_password"] = nil
        secrets["sessions.redis.password"] = nil
        #expect(try !Self.text(nodeName: nil, farm: Sample.redisFarm, secrets).contains("redis_password"))
    }

    @Test("is one line of printable ASCII for each value", arguments: Awkward.secrets)
    func lineForm(_ value: String) throws {
        let text = try Self.text(nodeName: nil, farm: Sample.redisFarm, Sample.secrets(all: value))
        let plain = try Self.text(nodeName: nil, farm: Sample.redisFarm, Sample.secrets(all: "x"))
        let newlines = { (text: String) in text.utf8.count { $0 == 0x0A } }
        #expect(newlines(text) == newlines(plain))
        #expect(text.utf8.allSatisfy { $0 == 0x0A || (0x20...0x7E).contains($0) })
    }

    @Test("is refused without the secrets that a node needs, by their names")
    func missingSecrets() throws {
        var secrets = Sample.secrets()
        secrets["server.api_key"] = nil
        secrets["server.encryption_key"] = SecretBytes("")
        #expect(throws: InstallerError.missingSecrets(["server.api_key", "server.encryption_key"])) {
            try Self.text(nodeName: nil, farm: Sample.redisFarm, secrets)
        }
    }

    @Test("is refused with a secret for which it has no place")
    func unknownSecret() throws {
        var secrets = Sample.secrets()
        secrets["server.tls_key"] = SecretBytes("x")
        #expect(throws: InstallerError.unknownSecret(name: "\"server.tls_key\"")) {
            try Self.text(nodeName: nil, farm: Sample.redisFarm, secrets)
        }
    }

    @Test("is refused with a secret that is not UTF-8, and the error does not show it")
    func secretNotText() throws {
        var secrets = Sample.secrets()
        secrets["server.web_password"] = SecretBytes([0x41, 0xFF, 0x42])
        let error = #expect(throws: InstallerError.secretIsNotText(name: "server.web_password")) {
            try Self.text(nodeName: nil, farm: Sample.redisFarm, secrets)
        }
        #expect(error?.description.contains("A\u{FFFD}B") == false)
    }

    private static func text(
        nodeName: String?, farm: String, _ secrets: [String: SecretBytes]
    ) throws -> String {
        let file = NodeConfigurationFile(
            nodeName: try nodeName.map { try NodeName($0) },
            settings: try NodeSettings(configuration: Sample.farm(farm)))
        return String(decoding: try file.render(secrets).copyBytes(), as: UTF8.self)
    }

    private static func withoutComments(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).filter { !$0.hasPrefix("#") }
            .joined(separator: "\n")
    }
}
