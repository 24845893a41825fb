import Testing

@testable import NodeInstaller

@Suite("What a farm's configuration gives its nodes") struct NodeSettingsTests {
    @Test("is the cluster's address, intervals and the server's settings")
    func redis() throws {
        let settings = try NodeSettings(configuration: Sample.farm())
        #expect(
            try settings
                == NodeSettings(
                    backend: .redis(.init(host: "redis.example.com", port: 6379, name: ""), usesTLS: true),
                    heartbeatInterval: 10, nodeTimeout: 30, storagePath: nil, port: 8768,
                    databasePath: "/Library/Application Support/Pkgmill/server.db",
                    sessions: .redis(.init(host: "10.0.0.9", port: 6380, name: "")), sessionLifetime: 3600))
    }

    @Test("is the shared folder's path, spaces and all")
    func file() throws {
        let settings = try NodeSettings(configuration: Sample.farm(Sample.fileFarm))
        #expect(settings.backend == .file)
        #expect(settings.storagePath == "/Volumes/Farm Share/cluster")
    }

    @Test("is refused while the cluster is off, and the message says what to set")
    func clusterOff() throws {
        let configuration = try Sample.farm("cluster:\n  enabled: false\n")
        let error = #expect(throws: InstallerError.self) { try NodeSettings(configuration: configuration) }
        #expect(
            error?.description == "no other Mac could join: cluster.enabled is false in /etc/pkgmill/pkgmill.yaml; "
                + "set cluster.enabled to true and cluster.backend to redis or file")
    }

    @Test("is refused for a backend that one machine has to itself")
    func sqlite() throws {
        let configuration = try Sample.farm("cluster:\n  enabled: true\n  backend: sqlite\n")
        #expect(
            throws: InstallerError.notForOtherMacs(
                setting: "cluster.backend", value: "sqlite", file: "/etc/pkgmill/pkgmill.yaml",
                remedy: "set cluster.backend to redis and cluster.redis_host, or to file and cluster.storage_path")
        ) { try NodeSettings(configuration: configuration) }
    }

    @Test("is refused with a Redis server on this machine's loopback", arguments: ["cluster.redis_host", "sessions"])
    func loopback(_ place: String) throws {
        let isCluster = place == "cluster.redis_host"
        let configuration = try Sample.farm(
            """
            cluster:
              enabled: true
              backend: redis
              redis_host: \(isCluster ? "127.0.0.1" : "10.0.0.1")
            sessions:
              backend: redis
              redis:
                host: \(isCluster ? "10.0.0.1" : "127.0.0.1")
            """)
        let setting = isCluster ? "cluster.redis_host" : "sessions.redis.host"
        #expect(
            throws: InstallerError.notForOtherMacs(
                setting: setting, value: "\"127.0.0.1\"", file: "/etc/pkgmill/pkgmill.yaml",
                remedy: "set \(setting) to a name or address by which every Mac reaches the Redis server")
        ) { try NodeSettings(configuration: configuration) }
    }

    @Test(
        "an address that means the machine itself is found in every spelling",
        arguments: [
            "", "localhost", "LOCALHOST", "localhost.", "a.localhost", "localhost.localdomain", "127.0.0.1",
            "127.255.0.9", "127.1", "127", "0.0.0.0", "0", "::1", "[::1]", "::", "0:0:0:0:0:0:0:1", "0::0001",
            "::ffff:127.0.0.1", "::127.0.0.1", "0:0:0:0:0:0:0:0", "/var/run/redis.sock", "unix:/x", "./redis.sock",
            "ip6-localhost",
        ])
    func local(_ host: String) {
        #expect(SharedHost.isLocal(host))
    }

    @Test(
        "an address of another machine is taken",
        arguments: [
            "redis", "redis.example.com", "10.0.0.1", "192.168.127.1", "127.example.com", "1270.0.0.1", "::2", "1::",
            "1::1", "fe80::1", "2001:db8::1", "::ffff:10.0.0.1", "mylocalhost", "localhost.example.com", "128.0.0.1",
            "::1:0", "::10", "::11",
        ])
    func shared(_ host: String) {
        #expect(!SharedHost.isLocal(host))
    }

    @Test("needs the shared folder when logins are kept in it")
    func sessionsInFolder() throws {
        let redis = NodeSettings.ClusterBackend.redis(try .init(host: "r", port: 1, name: ""), usesTLS: false)
        #expect(throws: InstallerError.missingField(name: "settings.storagePath")) {
            try NodeSettings(
                backend: redis, heartbeatInterval: 1, nodeTimeout: 2, storagePath: nil, port: 1, databasePath: "/x",
                sessions: .file, sessionLifetime: 60)
        }
    }

    @Test("refuses a folder that is not named from the root", arguments: ["", "share", "./share", "~/share", "/a\nb"])
    func relativeFolder(_ path: String) {
        #expect(
            throws: InstallerError.badText("settings.storagePath", path, expected: "an absolute path")
        ) {
            try NodeSettings(
                backend: .file, heartbeatInterval: 1, nodeTimeout: 2, storagePath: path, port: 1, databasePath: "/x",
                sessions: .sqlite, sessionLifetime: 60)
        }
    }
}
