import RedisLink
import System
import TestSupport
import Testing

/// What callers see when connections end, and how there are others.
@Suite(.enabled(if: !isRedisLeftOut)) struct RedisReconnectingTests {
    @Test("of commands in flight when the server is killed, those that may be repeated are answered after its restart")
    func killed() async throws {
        try await withRedis { server in
            let link = RedisLink(server.address)
            try await link.ask("PING")
            async let once = failure { try await link.askOnce("BLPOP", "list", "0") }
            let isSent = try await eventually { link.load.calls == 1 }
            async let repeated = link.ask("ECHO", "again")
            let areSent = try await eventually { link.load.calls == 2 }
            #expect(isSent && areSent)
            server.kill()
            #expect(await once?.isUnanswered == true)
            try await server.start()
            #expect(try await repeated == .text("again"))
        }
    }

    @Test("a command that finds an old connection closed has not been sent, and goes over another one")
    func closedMeanwhile() async throws {
        try await withRedis { server in
            let link = RedisLink(server.address)
            for _ in 0..<3 {
                #expect(try await link.askOnce("INCR", "count") == .integer(1))
                server.kill()
                try await server.start()
            }
        }
    }

    @Test("callers wait for a server that is away, but no longer than their time")
    func away() async throws {
        try await withRedis { server in
            server.kill()
            let hurried = RedisLink(server.address, timeout: .milliseconds(400))
            let failed = await failure { try await hurried.askOnce("PING") }
            #expect(failed?.isUnreachable == true)
            #expect(failed?.description.contains(server.socketPath) == true, "\(String(describing: failed))")
            let patient = RedisLink(server.address)
            async let answer = patient.askOnce("PING")
            try await server.start()
            #expect(try await answer == .text("PONG"))
        }
    }

    @Test("many callers make few attempts on a server that cuts everybody off")
    func storm() async throws {
        try await withRedis { server in
            let proxy = try RedisProxy(to: server.address)
            proxy.fault = .refuse
            let link = RedisLink(proxy.address, timeout: .milliseconds(500))
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<200 {
                    group.addTask { await expectFailure(.unreachable) { try await link.ask("PING") } }
                }
            }
            #expect((1...12).contains(proxy.acceptedCount), "\(proxy.acceptedCount)")
        }
    }

    @Test("a connection that does not last is no reason to hurry either")
    func shortLived() async throws {
        try await withRedis { server in
            let proxy = try RedisProxy(to: server.address)
            let link = RedisLink(proxy.address, timeout: .seconds(2))
            try await link.connect()
            // Signing in goes well, and then the cut comes.
            async let failed = failure { try await link.ask("BLPOP", "list", "0") }
            let hasTriedAgain = try await eventually(within: .seconds(2)) {
                proxy.cutAll()
                return proxy.acceptedCount >= 4
            }
            proxy.fault = .refuse
            proxy.cutAll()
            _ = await failed
            #expect(hasTriedAgain)
            #expect(proxy.acceptedCount <= 20)
        }
    }

    @Test(
        "what is no reply ends the connection, since nobody knows which is whose from then on",
        arguments: ["HTTP/1.1 400 Bad\r\n", "*-7\r\n"])
    func garbage(_ bytes: String) async throws {
        try await withRedis { server in
            let proxy = try RedisProxy(to: server.address)
            let link = RedisLink(proxy.address, timeout: .seconds(5))
            try await link.ask("PING")
            proxy.fault = .replace(Array(bytes.utf8))
            let failed = await failure { try await link.askOnce("INCR", "count") }
            #expect(failed?.isUnanswered == true, "\(String(describing: failed))")
            #expect(failed?.description.contains("no reply of a Redis") == true)
            proxy.fault = .none
            try await link.expect(.text("1"), "GET", "count")
            proxy.fault = .replace(Array(bytes.utf8))
            async let again = link.ask("GET", "count")
            let isReplaced = try await eventually { proxy.acceptedCount > 2 }
            proxy.fault = .none
            #expect(isReplaced)
            #expect(try await again == .text("1"))
        }
    }

    @Test("a reply that is cut short is none", arguments: [1, 4, 5, 7, 10])
    func truncated(count: Int) async throws {
        try await withRedis { server in
            let proxy = try RedisProxy(to: server.address)
            let link = RedisLink(proxy.address)
            try await link.ask("SET", "key", "value")
            proxy.fault = .cut(afterBytes: count)
            await expectFailure(.unanswered) { try await link.askOnce("GET", "key") }
            proxy.fault = .none
            try await link.ask("SET", "key", "value")
            proxy.fault = .cut(afterBytes: count)
            async let again = link.ask("GET", "key")
            let isCut = try await eventually { proxy.acceptedCount > 2 }
            proxy.fault = .none
            #expect(isCut)
            #expect(try await again == .text("value"))
        }
    }

    @Test("where only the reply was lost, the command was done and the caller is told that nobody knows")
    func swallowed() async throws {
        try await withRedis { server in
            let proxy = try RedisProxy(to: server.address)
            let link = RedisLink(proxy.address, timeout: .milliseconds(800))
            try await link.connect()
            proxy.fault = .swallow
            await expectFailure(.unanswered) { try await link.askOnce("INCR", "count") }
            proxy.fault = .none
            try await RedisLink(proxy.address).expect(.text("1"), "GET", "count")
        }
    }

    @Test("a slow network changes nothing")
    func slow() async throws {
        try await withRedis { server in
            let proxy = try RedisProxy(to: server.address)
            proxy.fault = .delay(milliseconds: 10)
            let link = RedisLink(proxy.address)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<32 {
                    group.addTask {
                        for round in 0..<4 {
                            try await link.expect(.text("\(task)/\(round)"), "ECHO", "\(task)/\(round)")
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("a link that is let go closes all its connections")
    func letGo() async throws {
        try await withRedis { server in
            for _ in 0..<5 {
                let link = RedisLink(server.address)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<16 { group.addTask { try await link.ask("PING") } }
                    group.addTask { _ = try await link.wait(RedisCommand("BLPOP", "list", "0.01"), atMost: .zero) }
                    try await group.waitForAll()
                }
            }
            let areClosed = try await eventually {
                try server.command("INFO", "clients").split(whereSeparator: \.isNewline).contains("connected_clients:1")
            }
            #expect(areClosed)
        }
    }
}
