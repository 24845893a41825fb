import Foundation
import RedisLink
import System
import TestSupport
import Testing

/// What real servers refuse: tried again where nothing was done and that may help, thrown at once where not.
@Suite(.enabled(if: !isRedisLeftOut)) struct RedisRefusalTests {
    @Test("a replica's refusal to write is tried again until it is no replica any longer")
    func readOnly() async throws {
        try await withRedis { server in
            try server.command("REPLICAOF", "127.0.0.1", "1")
            let hurried = RedisLink(server.address, timeout: .milliseconds(800))
            try await expectEventually(.refused("READONLY")) { try await hurried.askOnce("SET", "a", "b") }
            let link = RedisLink(server.address)
            async let answer = link.askOnce("INCR", "count")
            try await Task.sleep(for: .milliseconds(50))
            try server.command("REPLICAOF", "NO", "ONE")
            #expect(try await answer == .integer(1))
        }
    }

    @Test("so is the refusal of one that has lost its primary")
    func primaryDown() async throws {
        try await withRedis(configuration: ["replica-serve-stale-data no"]) { server in
            try server.command("REPLICAOF", "127.0.0.1", "1")
            let hurried = RedisLink(server.address, timeout: .milliseconds(800))
            try await expectEventually(.refused("MASTERDOWN")) { try await hurried.ask("GET", "a") }
            let link = RedisLink(server.address)
            async let answer = link.ask("GET", "a")
            try server.command("REPLICAOF", "NO", "ONE")
            #expect(try await answer == .nothing)
        }
    }

    @Test("and that of one which is still loading its data")
    func loading() async throws {
        let lines = ["save 3600 1", "key-load-delay 500", "loading-process-events-interval-bytes 1024"]
        try await withRedis(configuration: lines) { server in
            let link = RedisLink(server.address)
            try await link.ask(
                "EVAL", "for i = 1, 4000 do redis.call('SET', 'key:' .. i, string.rep('x', 400)) end", "0")
            try server.command("SAVE")
            server.kill()
            try await server.start(awaitsData: false)
            let hurried = RedisLink(server.address, timeout: .milliseconds(800))
            try await expectEventually(.refused("LOADING")) { try await hurried.askOnce("INCR", "count") }
            #expect(try await link.askOnce("INCR", "count") == .integer(1))
            try await link.expect(.integer(4001), "DBSIZE")
        }
    }

    @Test("and that of one which is busy with somebody's script")
    func busy() async throws {
        try await withRedis(configuration: ["busy-reply-threshold 10"]) { server in
            let link = RedisLink(server.address)
            try await link.ask("PING")
            async let looping = concurrently { _ = try? server.command("EVAL", "while true do end", "0") }
            let isBusy = try await eventually { try server.command("PING").hasPrefix("BUSY") }
            #expect(isBusy)
            let hurried = RedisLink(server.address, timeout: .milliseconds(800))
            try await expectEventually(.refused("BUSY")) { try await hurried.askOnce("INCR", "count") }
            async let answer = link.askOnce("INCR", "count")
            try server.command("SCRIPT", "KILL")
            #expect(try await answer == .integer(1))
            await looping
        }
    }

    @Test("what another try would not change is thrown at once, with the server's own words")
    func atOnce() async throws {
        try await withRedis(configuration: ["min-replicas-to-write 1"]) { server in
            let link = RedisLink(server.address)
            let failed = await failure { try await link.askOnce("SET", "a", "b") }
            #expect(failed == .refused(code: "NOREPLICAS", detail: "NOREPLICAS Not enough good replicas to write."))
        }
    }

    @Test("so is the lack of memory, also where a script meets it")
    func outOfMemory() async throws {
        try await withRedis(configuration: ["maxmemory 1"]) { server in
            let link = RedisLink(server.address)
            let plain = await failure { try await link.askOnce("SET", "a", "b") }
            #expect(plain?.code == "OOM")
            let inScript = await failure { try await link.runOnce(Self.writing, keys: ["a"]) }
            #expect(inScript?.code == "OOM", "\(String(describing: inScript))")
            #expect(inScript?.description.contains("maxmemory") == true)
        }
    }

    private static let writing = RedisScript(name: "write", text: "return redis.call('SET', KEYS[1], 'b')")

    @Test("and a snapshot that could not be written")
    func noSnapshot() async throws {
        try await withRedis(configuration: ["save 3600 1", "dbfilename dump"]) { server in
            let folder = (server.socketPath as NSString).deletingLastPathComponent
            try writeFile(folder + "/dump/in-its-way", [])
            try server.command("BGSAVE")
            let hasFailed = try await eventually {
                try server.command("INFO", "persistence").contains("rdb_last_bgsave_status:err")
            }
            #expect(hasFailed)
            let link = RedisLink(server.address)
            let failed = await failure { try await link.askOnce("SET", "a", "b") }
            #expect(failed?.code == "MISCONF")
        }
    }

    @Test("a cluster without its slots is waited for, and a node that knows a better one is left for it")
    func cluster() async throws {
        try await withRedis(.cluster) { first in
            try first.command("CLUSTER", "FLUSHSLOTS")
            let hurried = RedisLink(first.address, timeout: .milliseconds(800))
            try await expectEventually(.refused("CLUSTERDOWN")) { try await hurried.askOnce("SET", "a", "b") }
            try await withRedis(.cluster) { second in
                try await second.expect("cluster_state:ok", in: "CLUSTER", "INFO")
                let busPort = try second.command("CONFIG", "GET", "cluster-port").split(separator: "\n").last ?? ""
                try first.command("CLUSTER", "MEET", "127.0.0.1", "\(second.port ?? 0)", String(busPort))
                let link = RedisLink(first.address)
                #expect(try await link.askOnce("INCR", "{farm}:count") == .integer(1))
                #expect(try second.command("GET", "{farm}:count") == "1")
                let report = try await link.inspect()
                #expect(report.isCluster)
                // The way is remembered, and forgotten when it leads nowhere.
                #expect(try await link.askOnce("INCR", "{farm}:count") == .integer(2))
            }
        }
    }
}

/// Runs `body` on a thread of its own.
private func concurrently(_ body: @escaping @Sendable () -> Void) async {
    await withCheckedContinuation { continuation in
        Thread.detachNewThread {
            body()
            continuation.resume()
        }
    }
}

extension RedisServer {
    /// Waits until what a command says has `part` in it.
    fileprivate func expect(_ part: String, in words: String...) async throws {
        let isSo = try await eventually { try command(words).contains(part) }
        #expect(isSo)
    }
}
