import RedisLink
import System
import TestSupport
import Testing

/// Replicas: how many have a write, and which server is the primary.
@Suite(.enabled(if: !isRedisLeftOut)) struct RedisReplicationTests {
    private static let quick = ["repl-diskless-sync yes", "repl-diskless-sync-delay 0", "repl-ping-replica-period 1"]

    /// Settings by which a write waits for one replica, patiently.
    private func replicated(_ primary: RedisServer) -> RedisSettings {
        var settings = RedisSettings(address: primary.address)
        settings.timeout = .seconds(30)
        settings.replicas = 1
        settings.replicaTimeout = .seconds(20)
        return settings
    }

    private func withReplica(_ primary: RedisServer, _ body: (RedisServer) async throws -> Void) async throws {
        let lines = Self.quick + ["replicaof 127.0.0.1 \(primary.port ?? 0)"]
        try await withRedis(hasPort: true, configuration: lines) { replica in
            let isFollowing = try await eventually {
                try replica.command("INFO", "replication").contains("master_link_status:up")
            }
            #expect(isFollowing)
            try await body(replica)
        }
    }

    @Test("a write that too few replicas have is an error that says how many, and is done nevertheless")
    func tooFew() async throws {
        try await withRedis(hasPort: true, configuration: Self.quick) { primary in
            try await withReplica(primary) { replica in
                var settings = replicated(primary)
                let satisfied = RedisLink(settings)
                #expect(try await satisfied.write("INCR", "count") == .integer(1))
                #expect(try replica.command("GET", "count") == "1")
                #expect(try await satisfied.inspect().replicaCount == 1)
                // What only reads waits for nobody, and a refusal stays one.
                try await satisfied.expect(.text("1"), "GET", "count")
                await expectFailure(.refused("WRONGTYPE")) { try await satisfied.write("LPUSH", "count", "x") }
                let script = RedisScript(name: "count", text: "return redis.call('INCR', KEYS[1])")
                let reply = try await satisfied.run(script, keys: ["count"], RedisCommand(), .once, isWrite: true)
                #expect(reply == .integer(2))
                #expect(try replica.command("GET", "count") == "2")

                settings.replicas = 2
                settings.replicaTimeout = .milliseconds(50)
                let demanding = RedisLink(settings)
                let failed = await failure { try await demanding.write("INCR", "count") }
                #expect(failed == .notReplicated(done: 1, wanted: 2))
                try await demanding.expect(.text("3"), "GET", "count")
                settings.replicas = 1
                replica.pause(true)
                let alone = await failure { try await RedisLink(settings).write("INCR", "count") }
                replica.pause(false)
                #expect(alone == .notReplicated(done: 0, wanted: 1))
            }
        }
    }

    @Test("many writers at once each wait for the replica, and each gets its own reply")
    func manyWriters() async throws {
        try await withRedis(hasPort: true, configuration: Self.quick) { primary in
            try await withReplica(primary) { replica in
                let link = RedisLink(replicated(primary))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for task in 0..<16 {
                        group.addTask {
                            for round in 1...10 {
                                let reply = try await link.write("INCR", "count:\(task)")
                                #expect(reply == .integer(Int64(round)))
                                try await link.expect(.text("\(round)"), "GET", "count:\(task)")
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(try replica.command("GET", "count:7") == "10")
            }
        }
    }

    @Test("when the primary is killed, the sentinels name another one and the link goes on there")
    func failover() async throws {
        try await withRedis(hasPort: true, configuration: Self.quick) { primary in
            try await withReplica(primary) { replica in
                let lines = [
                    "sentinel monitor farm 127.0.0.1 \(primary.port ?? 0) 2",
                    "sentinel down-after-milliseconds farm 400",
                    "sentinel failover-timeout farm 3000", "user default on nopass ~* &* +@all",
                    "user watcher on >hunter2 ~* &* +@all",
                ]
                try await withRedis(.sentinel, configuration: lines) { first in
                    try await withRedis(.sentinel, configuration: lines) { second in
                        try await withRedis(.sentinel, configuration: lines) { third in
                            try await expectFailover(from: primary, to: replica, by: [first, second, third])
                        }
                    }
                }
            }
        }
    }

    private func expectFailover(
        from primary: RedisServer, to replica: RedisServer, by sentinels: [RedisServer]
    ) async throws {
        let areReady = try await eventually {
            try sentinels.allSatisfy { sentinel in
                try sentinel.command("SENTINEL", "CKQUORUM", "farm").hasPrefix("OK 3 usable")
                    && sentinel.command("SENTINEL", "REPLICAS", "farm").contains("\(replica.port ?? 0)")
            }
        }
        #expect(areReady)
        var settings = RedisSettings(address: .unix(path: "/nowhere"))
        settings.timeout = .seconds(60)
        // Nobody listens at the first address.
        settings.sentinels = RedisSentinels(
            [.unix(path: "/nowhere/to/be/found")] + sentinels.map(\.address), primaryName: "farm")
        settings.sentinels?.user = "watcher"
        settings.sentinels?.password = RedisSecret("hunter2")
        let link = RedisLink(settings)
        #expect(try await link.askOnce("INCR", "count") == .integer(1))
        let first = try await link.inspect()
        #expect(first.role == .primary && first.replicaCount == 1)
        let isCopied = try await eventually { try replica.command("GET", "count") == "1" }
        #expect(isCopied)
        primary.kill()
        #expect(try await link.ask("SET", "after", "value") == .text("OK"))
        #expect(try await link.askOnce("INCR", "count") == .integer(2))
        #expect(try replica.command("GET", "after") == "value")
        let second = try await link.inspect()
        #expect(second.role == .primary && second.runID != first.runID)

        settings.timeout = .milliseconds(800)
        settings.sentinels?.primaryName = "nobody"
        let unknown = await failure { try await RedisLink(settings).ask("PING") }
        #expect(
            unknown?.description.contains("knows no primary named nobody") == true, "\(String(describing: unknown))")
        settings.sentinels?.password = RedisSecret("hunter3")
        await expectFailure(.refused("WRONGPASS")) { try await RedisLink(settings).ask("PING") }
    }
}

extension RedisLink {
    /// Sends a write that may not be sent again, and waits for the replicas.
    @discardableResult
    fileprivate func write(_ words: String...) async throws -> RedisReply {
        var command = RedisCommand()
        for word in words { command.append(word) }
        return try await send(command, .once, isWrite: true)
    }
}
