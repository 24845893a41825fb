import Configuration
import Crypto
import Foundation
import TestSupport
import Testing

@testable import NodeInstaller

@Suite("postinstall, over an earlier installation") struct PostinstallMergeTests {
    @Test("keeps the node's id and takes the package's values", arguments: Toolbox.all)
    func rotation(_ toolbox: Toolbox) async throws {
        try await withUpgrade(toolbox, change: { _ in }) { mac, before, result in
            let expected = before.replacingOccurrences(of: " 1\"", with: " 2\"")
            #expect(mac.text("config.yaml") == expected)
            #expect(before.contains("node_id: \"6f9619ff-8b86-d011-b42d-00c04fc964ff\""))
            #expect(mac.text("config.yaml.previous") == before)
            #expect(mac.text("config.yaml.shipped") == expected)
            #expect(mac.names == ["config.yaml", "config.yaml.previous", "config.yaml.shipped"])
            #expect(result.errorText.isEmpty)
        }
    }

    @Test("keeps a value that was changed on this Mac, and says which", arguments: Toolbox.all)
    func localChange(_ toolbox: Toolbox) async throws {
        try await withUpgrade(
            toolbox, change: { try $0.edit("redis_host: \"redis.example.com\"", "redis_host: 10.1.1.1  # in the rack") }
        ) { mac, before, result in
            #expect(mac.text("config.yaml") == before.replacingOccurrences(of: " 1\"", with: " 2\""))
            #expect(
                result.errorText
                    == "pkgmill: cluster.redis_host was changed on this Mac and stays so; see config.yaml.shipped\n")
        }
    }

    @Test("keeps a secret that was changed on this Mac, also where the package rotates it", arguments: Toolbox.all)
    func localSecret(_ toolbox: Toolbox) async throws {
        try await withUpgrade(toolbox, change: { try $0.edit("server.api_key 1", "my own") }) { mac, _, result in
            #expect(mac.text("config.yaml")?.contains("\n  api_key: \"my own\"\n") == true)
            #expect(mac.text("config.yaml")?.contains("server.web_password 2") == true)
            #expect(mac.text("config.yaml.shipped")?.contains("server.api_key 2") == true)
            #expect(result.errorText.contains("server.api_key was changed"))
            #expect(!result.errorText.contains("my own"))
        }
    }

    @Test("keeps keys, sections and comments that were added on this Mac", arguments: Toolbox.all)
    func localAdditions(_ toolbox: Toolbox) async throws {
        try await withUpgrade(
            toolbox,
            change: { mac in
                try mac.edit("  port: 8768\n", "  # opened in the firewall\n\n  port: 8768\n  log_level: debug\n")
                try mac.edit("    port: 6380\n", "    port: 6380\n    database: 3\n")
                let text = try #require(mac.text("config.yaml"))
                try mac.write(
                    "config.yaml", "# by Ann\n" + text + "farm:\n  deep:\n    er: 'it''s'\n  empty:\n# the end\n")
            }
        ) { mac, before, result in
            let text = try #require(mac.text("config.yaml"))
            #expect(text.contains("\n# by Ann\ncluster:\n"))
            #expect(text.contains("\n  # opened in the firewall\n\n  port: 8768\n"))
            #expect(text.contains("\n  encryption_key: \"server.encryption_key 2\"\n  log_level: debug\nsessions:\n"))
            #expect(text.contains("\n    password: \"sessions.redis.password 2\"\n    database: 3\nfarm:\n"))
            #expect(text.hasSuffix("\nfarm:\n  deep:\n    er: 'it''s'\n  empty:\n# the end\n"))
            let lines = { (text: String) in text.split(separator: "\n").sorted() }
            #expect(lines(text) == lines(before.replacingOccurrences(of: " 1\"", with: " 2\"")))
            #expect(result.errorText.isEmpty)
        }
    }

    @Test("brings back what was removed on this Mac, and says which", arguments: Toolbox.all)
    func localRemoval(_ toolbox: Toolbox) async throws {
        try await withUpgrade(
            toolbox,
            change: { mac in
                try mac.edit("  ttl: 3600\n", "")
                try mac.edit(
                    "    host: \"10.0.0.9\"\n    port: 6380\n    password: \"sessions.redis.password 1\"\n", "")
            }
        ) { mac, _, result in
            #expect(mac.text("config.yaml") == mac.text("config.yaml.shipped"))
            #expect(
                result.errorText == """
                    pkgmill: sessions.ttl was removed on this Mac and is there again
                    pkgmill: sessions.redis.host was removed on this Mac and is there again
                    pkgmill: sessions.redis.port was removed on this Mac and is there again
                    pkgmill: sessions.redis.password was removed on this Mac and is there again

                    """)
        }
    }

    @Test(
        "gives a node without an id a new one", arguments: ["", "  node_id: \"\"\n", "  node_id: ~\n", "  node_id:\n"])
    func lostID(_ line: String) async throws {
        for toolbox in Toolbox.all {
            try await withUpgrade(
                toolbox,
                change: { mac in
                    try mac.edit("  node_id: \"6f9619ff-8b86-d011-b42d-00c04fc964ff\"\n", line)
                    try mac.set(nodeID: "00000000-0000-4000-8000-00000000000A")
                }
            ) { mac, _, _ in
                #expect(
                    mac.text("config.yaml")?.contains("\n  node_id: \"00000000-0000-4000-8000-00000000000a\"\n") == true
                )
            }
        }
    }

    @Test("keeps an id in whatever spelling it stands there", arguments: ["'node 7'  # ours", "node-7", "\"\\x41\""])
    func spelledID(_ value: String) async throws {
        for toolbox in Toolbox.all {
            try await withUpgrade(
                toolbox, change: { try $0.edit("\"6f9619ff-8b86-d011-b42d-00c04fc964ff\"", value) }
            ) { mac, _, result in
                #expect(mac.text("config.yaml")?.contains("\n  node_id: \(value)\n") == true)
                #expect(result.errorText.isEmpty)
            }
        }
    }

    @Test("follows the Mac's new name, and keeps a name that was given by hand", arguments: Toolbox.all)
    func renamed(_ toolbox: Toolbox) async throws {
        try await withUpgrade(toolbox, change: { try $0.set(hostName: "New-Name") }) { mac, _, _ in
            #expect(mac.text("config.yaml")?.contains("\n  hostname: \"New-Name\"\n") == true)
        }
        try await withUpgrade(
            toolbox,
            change: { mac in
                try mac.edit("\"Studio-Mac\"", "\"by-hand\"")
                try mac.set(hostName: "New-Name")
            }
        ) { mac, _, _ in
            #expect(mac.text("config.yaml")?.contains("\n  hostname: \"by-hand\"\n") == true)
        }
    }

    @Test("adds what a newer package has and takes away what it no longer has", arguments: Toolbox.all)
    func otherBackend(_ toolbox: Toolbox) async throws {
        try await withMac(toolbox) { mac in
            try mac.installed(Sample.request())
            try mac.edit("  redis_port: 6379\n", "  redis_port: 7000\n")
            try mac.installed(Sample.request(generation: 2, farm: Sample.fileFarm), Sample.secrets("2"))
            let text = try #require(mac.text("config.yaml"))
            #expect(text.contains("\n  storage_path: \"/Volumes/Farm Share/cluster\"\n"))
            #expect(text.contains("\n  backend: \"file\"\n"))
            #expect(text.contains("\n  redis_port: 7000\n"))
            #expect(!text.contains("redis_password"))
            #expect(!text.contains("  redis:\n"))
        }
    }

    @Test("without the last package's copy keeps the id, the name and what was added", arguments: Toolbox.all)
    func noBase(_ toolbox: Toolbox) async throws {
        try await withUpgrade(
            toolbox,
            change: { mac in
                try mac.edit("\"Studio-Mac\"", "\"by-hand\"")
                try mac.edit("  port: 8768\n", "  # mine\n  port: 9000\n  log_level: debug\n")
                try FileManager.default.removeItem(atPath: mac.folder + "/config.yaml.shipped")
            }
        ) { mac, before, _ in
            let expected = before.replacingOccurrences(of: " 1\"", with: " 2\"")
                .replacingOccurrences(of: "port: 9000\n  log_level: debug", with: "port: 8768")
                .replacingOccurrences(of: "key 2\"\nsessions", with: "key 2\"\n  log_level: debug\nsessions")
            #expect(mac.text("config.yaml") == expected)
        }
    }

    @Test("changes nothing when it runs again, or when the same package is installed again", arguments: Toolbox.all)
    func twice(_ toolbox: Toolbox) async throws {
        try await withMac(toolbox) { mac in
            try mac.installed(Sample.request())
            try mac.edit("  port: 8768\n", "  # mine\n\n  port: 9000\n  log_level: debug\n")
            try mac.edit("  ttl: 3600\n", "")
            try mac.installed(Sample.request(generation: 2), Sample.secrets("2"))
            let files = mac.names.map { mac.text($0) }
            #expect(try mac.runScript(postinstallScript).status == 0)
            #expect(mac.names.map { mac.text($0) } == files)
            try mac.installed(Sample.request(generation: 2), Sample.secrets("2"))
            #expect(mac.names.map { mac.text($0) } == files)
        }
    }

    @Test("reads a file that was saved with the line ends of another system", arguments: Toolbox.all)
    func carriageReturns(_ toolbox: Toolbox) async throws {
        try await withUpgrade(
            toolbox,
            change: { mac in
                try mac.edit("  port: 8768", "  port: 9000")
                try mac.edit("\n", "\r\n")
            }
        ) { mac, before, result in
            let expected = before.replacingOccurrences(of: "\r\n", with: "\n").replacingOccurrences(
                of: " 1\"", with: " 2\"")
            #expect(mac.text("config.yaml") == expected)
            #expect(mac.text("config.yaml.previous") == before)
            #expect(
                result.errorText
                    == "pkgmill: server.port was changed on this Mac and stays so; see config.yaml.shipped\n")
        }
    }

    @Test(
        "keeps a file that it cannot merge, installs the package's, and keeps the id",
        arguments: [
            "cluster:\n    node_id: our-node\n", "cluster:\n  node_id: our-node\n  hosts:\n  - a\n",
            "cluster:\n  node_id: our-node\n  text: |\n    more\n", "cluster:\n  node_id: our-node\n  a: [1,\n  2]\n",
            "cluster:\n  node_id: our-node\n  node_id: our-node\n", "---\ncluster:\n  node_id: our-node\n",
            "cluster:\n  node_id: 'our-node'\n\tport: 1\n", "cluster:\n  node_id: \"our-node\" # x\n  a: \"b\n",
            "cluster:\n  node_id: our-node\n  a: b: c\n", "cluster:\n  node_id: our-node\n  a: &x 1\n",
            "cluster:\n  node_id: our-node\nsessions:\n  redis: none\n",
            "cluster:\n  node_id: our-node\n  redis_host:\n    a: b\n", "cluster:\r\n\tnode_id: our-node\r\n",
            "cluster:\n  node_id: our-node\n    a: b\n", "cluster:\n  node_id: our-node\n\"server\":\n  port: 1\n",
            "cluster:\n  node_id: our-node\n  a: 'b\n", "\u{FEFF}server:\n  port: 1\ncluster:\n  node_id: our-node\n",
        ])
    func notMergeable(_ content: String) async throws {
        for toolbox in Toolbox.all {
            try await withUpgrade(toolbox, change: { try $0.write("config.yaml", content) }) { mac, before, result in
                #expect(mac.text("config.yaml")?.contains("\n  node_id: \"our-node\"\n") == true)
                #expect(mac.text("config.yaml")?.contains("server.api_key 2") == true)
                #expect(mac.text("config.yaml.previous") == before)
                #expect(result.text.contains("so it was not merged"))
                #expect(!result.text.contains("new node"))
            }
        }
    }

    @Test(
        "says so when no id can be read from a file that it cannot merge",
        arguments: [
            "", "# nothing\n", "cluster: {node_id: our-node}\n", "\0\u{1}",
            "cluster:\n  - node_id: our-node\n", "other:\n    node_id: our-node\n",
            "cluster:\n    node_id: \"${NODE_ID}\"\n", "cluster:\n    node_id: null\n", "cluster:\n    node_id: a b\n",
            "cluster:\n    node_id: '\"; touch PWNED; \"'\n",
        ])
    func unreadableID(_ content: String) async throws {
        for toolbox in Toolbox.all {
            try await withUpgrade(toolbox, change: { try $0.write("config.yaml", content) }) { mac, before, result in
                #expect(
                    mac.text("config.yaml")?.contains("\n  node_id: \"6f9619ff-8b86-d011-b42d-00c04fc964ff\"\n") == true
                )
                #expect(mac.text("config.yaml.previous") == before)
                #expect(result.text.contains("this Mac joins as a new node"))
                #expect(filesBelow(mac.scratch).allSatisfy { !$0.contains("PWNED") })
            }
        }
    }

    @Test(
        "leaves the configuration as it was when a step fails, and no other copy of the secrets", arguments: Toolbox.all
    )
    func failure(_ toolbox: Toolbox) async throws {
        try await withMac(toolbox) { mac in
            try mac.installed(Sample.request())
            let before = try #require(mac.text("config.yaml"))
            try mac.standIn("mv", "exit 1")
            let result = try mac.install(Sample.request(generation: 2), Sample.secrets("2"))
            #expect(result.status == 1)
            #expect(mac.text("config.yaml") == before)
            #expect(mac.names == ["config.yaml", "config.yaml.shipped"])
        }
    }

    @Test("P36: awkward values survive being merged", arguments: Toolbox.all)
    func awkwardValues(_ toolbox: Toolbox) async throws {
        let values = [
            "x\n  node_id: \"${NODE_ID}\"", "${HOSTNAME}", "a # b", "\\", "\"", "🔑",
            String(repeating: "\\", count: 4096),
        ]
        try await withMac(toolbox) { mac in
            for (number, value) in values.enumerated() {
                try mac.installed(Sample.request(generation: number + 1), Sample.secrets(all: value))
                #expect(mac.text("config.yaml") == mac.text("config.yaml.shipped"))
                let quoted = YAML.quoted(value)
                #expect(mac.text("config.yaml")?.contains("\n  web_password: \(quoted)\n") == true)
            }
        }
    }

    /// Installs a package, lets `change` happen, installs one with rotated secrets, and looks; `before` is config.yaml as
    /// it was between the two.
    private func withUpgrade(
        _ toolbox: Toolbox, change: (SimulatedMac) throws -> Void,
        check: (_ mac: SimulatedMac, _ before: String, _ result: CommandResult) throws -> Void
    ) async throws {
        try await withMac(toolbox) { mac in
            try mac.installed(Sample.request())
            try change(mac)
            let before = try #require(mac.text("config.yaml"))
            let result = try mac.install(Sample.request(generation: 2), Sample.secrets("2"))
            try #require(result.status == 0, "\(result.errorText)")
            try check(mac, before, result)
        }
    }
}
