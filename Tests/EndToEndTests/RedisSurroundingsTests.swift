import Foundation
import JSON
import System
import TestSupport
import Testing

/// Farms in a Redis as it is run: behind TLS with a user of its own, and in a cluster.
@Suite(.enabled(if: !isRedisLeftOut)) struct RedisSurroundingsTests {
    private static let durable = ["appendonly yes", "appendfsync always"]

    @Test("behind TLS, with a client's certificate, and a user with the documented rights and a password in a file")
    func encrypted() async throws {
        try await withTemporaryDirectory { folder in
            let certificates = try CertificateFixture(in: folder)
            try certificates.issue("server", names: "DNS:localhost")
            let port = try RedisServer.freePort()
            let redis = try await RedisServer.start(
                in: folder,
                configuration: Self.durable + certificates.serverLines("server", port: port, wantsClient: true))
            defer { redis.kill() }
            try redis.command(["ACL", "SETUSER"] + documentedRights())
            try redis.command("ACL", "SETUSER", "default", "off")
            let secret = folder + "/redis-password"
            try writeFile(secret, Array("PASSWORD\n".utf8), mode: 0o600)
            let environment = [
                "PKGMILL_FARM_REDIS_TLS": "true", "PKGMILL_FARM_REDIS_CA": certificates.authority,
                "PKGMILL_FARM_REDIS_CERTIFICATE": folder + "/client.pem",
                "PKGMILL_FARM_REDIS_KEY": folder + "/client.key", "PKGMILL_FARM_REDIS_USER": "farm",
                "PKGMILL_FARM_REDIS_PASSWORD_FILE": secret,
            ]
            let farm = try FarmFixture.make(
                in: folder + "/farm", redis: redis, at: "localhost:\(port)", environment: environment)
            func must(_ words: String...) throws -> String {
                let result = try farm.pkgmill(words, environment: environment)
                #expect(result.status == 0, "\(words): \(result.errorText)")
                return result.text.trimmingCharacters(in: .whitespacesAndNewlines)
            }
            let id = try must("submit", "--sealing", "plain")
            _ = try must("work", "--workers", "2", "--drain")
            #expect(try must("status", id).contains("succeeded"))
            _ = try must("fetch", id, "--output", folder + "/node.pkg")
            _ = try must("queue", "stats")

            for (name, value, words) in [
                ("PKGMILL_FARM_REDIS_CA", certificates.otherAuthority, "certificate"),
                ("PKGMILL_FARM_REDIS_TLS", "false", "Redis"),
                ("PKGMILL_FARM_REDIS_USER", "nobody", "WRONGPASS"),
            ] {
                var wrong = environment
                wrong[name] = value
                // Without TLS, no files for it.
                if value == "false" {
                    for file in ["CA", "CERTIFICATE", "KEY"] { wrong["PKGMILL_FARM_REDIS_\(file)"] = nil }
                }
                let refused = try farm.pkgmill(["list"], environment: wrong)
                #expect(refused.status == 7, "\(name): \(refused.errorText)")
                #expect(refused.errorText.contains(words), "\(name): \(refused.errorText)")
                #expect(!(refused.errorText + refused.text).contains("PASSWORD\n"))
            }
        }
    }

    @Test("in a cluster, by a node that has another slot; and the slot is moved to a third one while a worker works")
    func cluster() async throws {
        try await withCluster { nodes in
            try await withTemporaryDirectory { folder in
                let slot = try #require(Int(try nodes[0].command("CLUSTER", "KEYSLOT", "{pkgmill}:")))
                let owner = slot * 3 / 16_384
                let (named, third) = ((owner + 1) % 3, (owner + 2) % 3)
                let port = try #require(nodes[named].port)
                let farm = try FarmFixture.make(in: folder + "/farm", redis: nodes[owner], at: "127.0.0.1:\(port)")
                #expect(try nodes[owner].command("DBSIZE") != "0")
                #expect(try nodes[named].command("DBSIZE") == "0")
                let worker = try farm.running("work", "--workers", "2", "--json")
                var ids: [String] = []
                for number in 0..<5 { ids.append(try farm.submit("--node-name", "before-\(number)")) }
                try await move(slot, from: nodes[owner], to: nodes[third], all: nodes)
                #expect(try nodes[owner].command("DBSIZE") == "0")
                for number in 0..<5 { ids.append(try farm.submit("--node-name", "after-\(number)")) }
                let areDone = try await eventually(within: .seconds(60)) {
                    try farm.jobs().allSatisfy { $0["state"]?.string == "succeeded" }
                }
                #expect(areDone, "\(worker.errors)")
                #expect(Set(try farm.jobs().compactMap { $0["id"]?.string }) == Set(ids))
                #expect(try farm.jobs().allSatisfy { $0["attempt"]?.integer == 1 })
                let fetched = try farm.pkgmill("fetch", ids[0], "--output", folder + "/node.pkg")
                #expect(fetched.status == 0, "\(fetched.errorText)")
                #expect(worker.isRunning)
                worker.send(SIGTERM)
                #expect(try await worker.exitStatus() == 0)
            }
        }
    }

    /// Three nodes, each with a third of the slots.
    private func withCluster(_ body: ([RedisServer]) async throws -> Void) async throws {
        try await withRedis(.cluster, configuration: Self.durable) { first in
            try await withRedis(.cluster, configuration: Self.durable) { second in
                try await withRedis(.cluster, configuration: Self.durable) { third in
                    let nodes = [first, second, third]
                    for (number, node) in nodes.enumerated() {
                        try node.command("CLUSTER", "FLUSHSLOTS")
                        let bounds = [number, number + 1].map { ($0 * 16_384 + 2) / 3 }
                        try node.command("CLUSTER", "ADDSLOTSRANGE", "\(bounds[0])", "\(bounds[1] - 1)")
                        try node.command("CLUSTER", "SET-CONFIG-EPOCH", "\(number + 1)")
                    }
                    for node in nodes.dropFirst() {
                        let bus = try node.command("CONFIG", "GET", "cluster-port").split(separator: "\n").last ?? ""
                        try first.command("CLUSTER", "MEET", "127.0.0.1", "\(node.port ?? 0)", String(bus))
                    }
                    let isReady = try await eventually(within: .seconds(30)) {
                        try nodes.allSatisfy { node in
                            let state = try node.command("CLUSTER", "INFO")
                            return state.contains("cluster_state:ok") && state.contains("cluster_known_nodes:3")
                        }
                    }
                    try #require(isReady)
                    try await body(nodes)
                }
            }
        }
    }

    /// Moves a slot with all its keys, as an operator's tool does.
    private func move(_ slot: Int, from old: RedisServer, to new: RedisServer, all nodes: [RedisServer]) async throws {
        let (oldName, newName) = (try old.command("CLUSTER", "MYID"), try new.command("CLUSTER", "MYID"))
        #expect(try new.command("CLUSTER", "SETSLOT", "\(slot)", "IMPORTING", oldName) == "OK")
        #expect(try old.command("CLUSTER", "SETSLOT", "\(slot)", "MIGRATING", newName) == "OK")
        while try old.migrate(slot: slot, to: new) > 0 {}
        for node in [new, old] + nodes {
            #expect(try node.command("CLUSTER", "SETSLOT", "\(slot)", "NODE", newName) == "OK")
        }
    }
}

/// The words after `ACL SETUSER` in the documentation, with a password in place of its stand-in.
func documentedRights() throws -> [String] {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    let text = String(decoding: try contentOfFile(root.path + "/docs/redis.md"), as: UTF8.self)
    let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("ACL SETUSER ") })
    return line.split(separator: " ").dropFirst(2).map(String.init)
}
