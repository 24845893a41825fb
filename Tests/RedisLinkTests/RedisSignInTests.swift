import RedisLink
import System
import TestSupport
import Testing

/// What a link says of itself on every connection, and what nobody is to see.
@Suite(.enabled(if: !isRedisLeftOut)) struct RedisSignInTests {
    private static let users = ["user default off", "user farm on >hunter2 ~farm:* +@all -config -acl"]

    private func settings(_ address: StreamSocket.Address, _ user: String?, _ password: String?) -> RedisSettings {
        var settings = RedisSettings(address: address)
        settings.user = user
        settings.password = password.map { RedisSecret($0) }
        return settings
    }

    @Test("user, database and name are said on every connection")
    func signsIn() async throws {
        try await withRedis(configuration: Self.users) { server in
            var settings = settings(server.address, "farm", "hunter2")
            settings.database = 3
            settings.clientName = "worker-1"
            let link = RedisLink(settings)
            for _ in 0..<2 {
                let list = try await link.ask("CLIENT", "INFO").text ?? ""
                for part in ["name=worker-1", "db=3", "user=farm"] { #expect(list.contains(" \(part) "), "\(list)") }
                let waiting = try await link.wait(RedisCommand("CLIENT", "INFO"), atMost: .seconds(1)).text ?? ""
                for part in ["name=worker-1", "db=3", "user=farm"] { #expect(waiting.contains(" \(part) ")) }
                server.kill()
                try await server.start()
            }
        }
    }

    @Test("the password of the default user is enough where there is no other user")
    func passwordAlone() async throws {
        try await withRedis(configuration: ["requirepass hunter2"]) { server in
            try await RedisLink(settings(server.address, nil, "hunter2")).expect(.text("PONG"), "PING")
            let without = RedisLink(settings(server.address, nil, nil))
            await expectFailure(.refused("NOAUTH")) { try await without.ask("PING") }
        }
    }

    @Test("a wrong password is an error at once, which does not show it")
    func wrongPassword() async throws {
        try await withRedis(configuration: Self.users) { server in
            for (user, password) in [("farm", "hunter3"), ("nobody", "hunter2")] {
                let start = ContinuousClock.now
                let failed = await failure {
                    try await RedisLink(settings(server.address, user, password)).askOnce("PING")
                }
                #expect(failed?.code == "WRONGPASS")
                #expect(ContinuousClock.now - start < .seconds(4))
                #expect(failed?.description.contains("hunter") == false)
            }
        }
    }

    @Test("what the user may not do is refused, and what the link would only like to know is left out")
    func noPermission() async throws {
        let lines = ["user default off", "user farm on >hunter2 ~farm:* +get +set"]
        try await withRedis(configuration: lines) { server in
            var settings = settings(server.address, "farm", "hunter2")
            settings.clientName = "worker-1"
            let link = RedisLink(settings)
            try await link.expect(.text("OK"), "SET", "farm:a", "b")
            await expectFailure(.refused("NOPERM")) { try await link.ask("GET", "other") }
            await expectFailure(.refused("NOPERM")) { try await link.ask("DEL", "farm:a") }
            #expect(try await link.runID() == nil)
            await expectFailure(.refused("NOPERM")) { _ = try await link.inspect() }
        }
    }

    @Test("no description and no error has the password, even where a server repeats it")
    func secrecy() async throws {
        try await withRedis(configuration: ["rename-command AUTH \"\""]) { server in
            let settings = settings(server.address, nil, "hunter2")
            let failed = await failure { try await RedisLink(settings).ask("PING") }
            #expect(failed?.code == "ERR")
            var shown = "\(settings) \(String(describing: failed)) \(failed?.description ?? "")"
            dump(settings, to: &shown)
            #expect(!shown.contains("hunter2"), "\(shown)")
            #expect(!shown.contains("104, 117, 110"), "not its bytes either")
        }
    }
}
