import RedisLink
import System
import TestSupport
import Testing

/// Many callers on one connection, against a real server.
@Suite(.enabled(if: !isRedisLeftOut)) struct RedisConnectionTests {
    @Test("a reply of every type arrives as what it is")
    func types() async throws {
        try await withRedis { server in
            let link = RedisLink(server.address)
            try await link.expect(.text("OK"), "SET", "key", "välue")
            try await link.expect(.text("välue"), "GET", "key")
            try await link.expect(.nothing, "GET", "none")
            try await link.expect(.integer(1), "INCR", "number")
            try await link.expect(.integer(-2), "DECRBY", "number", "3")
            try await link.expect(.text("OK"), "SET", "empty", "")
            try await link.expect(.bytes([]), "GET", "empty")
            try await link.expect(.array([]), "LRANGE", "none", "0", "-1")
            try await link.expect(.array([.text("välue"), .nothing]), "MGET", "key", "none")
            try await link.expect(
                .array([.integer(1), .array([.text("a"), .nothing, .array([])]), .refusal("ODD thing")]),
                "EVAL", "return {1, {'a', false, {}}, redis.error_reply('ODD thing')}", "0")
            // No array at all, where a blocking command has waited in vain.
            try await link.expect(.nothing, "BLPOP", "none", "0.01")
        }
    }

    @Test("a refusal is an error whose code is its first word, and the connection goes on")
    func refusal() async throws {
        try await withRedis { server in
            let link = RedisLink(server.address)
            try await link.ask("SET", "key", "value")
            let wrong = await failure { try await link.ask("LPUSH", "key", "x") }
            #expect(wrong?.code == "WRONGTYPE")
            let unknown = await failure { try await link.ask("NOSUCHCOMMAND") }
            #expect(unknown?.code == "ERR")
            try await link.expect(.text("value"), "GET", "key")
            #expect(try server.command("INFO", "clients").contains("connected_clients:2"))
        }
    }

    @Test("bytes of any kind and a megabyte of them go out and come back, alone and together")
    func large() async throws {
        try await withRedis { server in
            let link = RedisLink(server.address)
            let value = (0..<1_048_576).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<6 {
                    group.addTask {
                        var set = RedisCommand("SET", "large:\(task)")
                        set.append(value)
                        _ = try await link.send(set, .repeatable)
                        try await link.expect(.bytes(value), "GET", "large:\(task)")
                    }
                }
                try await group.waitForAll()
            }
            try await link.expect(.bytes(value), "GET", "large:0")
        }
    }

    @Test("of 64 tasks at once each gets its own replies, in the order of its commands")
    func order() async throws {
        try await withRedis { server in
            let link = RedisLink(server.address)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<64 {
                    group.addTask {
                        for round in 1...rounds(reduced: 100, full: 5000) {
                            try await link.expect(.text("\(task)/\(round)"), "ECHO", "\(task)/\(round)")
                            #expect(try await link.askOnce("INCR", "count:\(task)") == .integer(Int64(round)))
                        }
                    }
                }
                try await group.waitForAll()
            }
            // Alone again, after company.
            for round in 1...100 { try await link.expect(.text("\(round)"), "ECHO", "\(round)") }
            #expect(try server.command("INFO", "clients").contains("connected_clients:2"))
        }
    }

    @Test("a slow command holds up those behind it, and nobody's reply is another's")
    func slowAmongQuick() async throws {
        try await withRedis { server in
            let link = RedisLink(server.address)
            async let slow = link.ask("BLPOP", "list", "0.2")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<32 {
                    group.addTask { try await link.expect(.text("\(task)"), "ECHO", "\(task)") }
                }
                try await group.waitForAll()
            }
            #expect(try await slow == .nothing)
        }
    }

    @Test("more callers than there is room for wait for their turn, and all are answered")
    func backPressure() async throws {
        try await withRedis { server in
            let link = RedisLink(server.address)
            try await link.ask("PING")
            server.pause(true)
            let value = String(repeating: "x", count: 10_000)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<3000 { group.addTask { _ = try await link.askOnce("APPEND", "key", value) } }
                // The socket is full, the connection's own buffer is, and the rest waits for room.
                let isFull = try await eventually { link.load.waiting > 1000 }
                #expect(isFull)
                #expect(link.load.calls <= 1024)
                server.pause(false)
                try await group.waitForAll()
            }
            try await link.expect(.integer(30_000_000), "STRLEN", "key")
            #expect(link.load == (0, 0))
        }
    }

    @Test(
        "who waits too long is told, and whether the server may have done it; the next caller gets another connection")
    func timeout() async throws {
        try await withRedis { server in
            let link = RedisLink(server.address, timeout: .milliseconds(800))
            try await link.connect()
            server.pause(true)
            let value = String(repeating: "x", count: 400_000)
            let failures = await withTaskGroup(of: RedisError?.self) { group in
                for _ in 0..<20 {
                    group.addTask { await failure { try await link.askOnce("SET", "a", value) } }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(failures.allSatisfy { $0?.isUnanswered == true || $0?.isUnreachable == true }, "\(failures)")
            #expect(failures.contains { $0?.isUnreachable == true }, "some cannot have been sent as a whole")
            server.pause(false)
            try await link.connect()
        }
    }

    @Test("a caller who is alone right after company is not waited for any longer than others")
    func timeoutAfterCompany() async throws {
        try await withRedis { server in
            let link = RedisLink(server.address, timeout: .milliseconds(600))
            for _ in 0..<2 {
                try await link.connect()
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<16 { group.addTask { _ = await failure { try await link.ask("PING") } } }
                }
                server.pause(true)
                let failed = await failure { try await link.ask("PING") }
                #expect(failed != nil)
                server.pause(false)
            }
        }
    }
}
