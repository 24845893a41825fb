import RedisLink
import System
import TestSupport
import Testing

@Suite(.enabled(if: !isRedisLeftOut)) struct RedisScriptTests {
    private let script = RedisScript(
        name: "count", text: "return {redis.call('INCRBY', KEYS[1], ARGV[1]), KEYS[1], ARGV[2]}")

    @Test("a script is loaded once, gets its keys and arguments, and is given again to a server that has forgotten it")
    func forgotten() async throws {
        try await withRedis { server in
            let link = RedisLink(server.address)
            for round in 1...6 {
                let reply = try await link.runOnce(script, keys: ["key"], "2", "a b\r\n")
                #expect(reply == .array([.integer(Int64(2 * round)), .text("key"), .text("a b\r\n")]))
                if round % 2 == 0 { try server.command("SCRIPT", "FLUSH") }
            }
            let statistics = try server.command("INFO", "commandstats")
            // Servers before 7.0 count the flushes with them.
            let isThrice =
                statistics.contains("cmdstat_script|load:calls=3") || statistics.contains("cmdstat_script:calls=6")
            #expect(isThrice, "\(statistics)")
        }
    }

    @Test("callers at once, each in need of it, get it while it is forgotten again and again")
    func forgottenUnderLoad() async throws {
        try await withRedis { server in
            let link = RedisLink(server.address)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<32 {
                    group.addTask {
                        for _ in 0..<10 { try await link.runOnce(script, keys: ["key"], "1", "") }
                    }
                }
                group.addTask { for _ in 0..<5 { try await link.ask("SCRIPT", "FLUSH") } }
                try await group.waitForAll()
            }
            try await link.expect(.text("320"), "GET", "key")
        }
    }

    @Test("two scripts of one name are two scripts")
    func sameName() async throws {
        try await withRedis { server in
            let link = RedisLink(server.address)
            for number in [1, 2, 1] {
                let script = RedisScript(name: "same", text: "return \(number)")
                let reply = try await link.runOnce(script)
                #expect(reply == .integer(Int64(number)))
            }
        }
    }

    @Test("a script's own error keeps its code")
    func ownError() async throws {
        try await withRedis { server in
            let link = RedisLink(server.address)
            let own = RedisScript(name: "own", text: "return redis.error_reply('LEASELOST not yours')")
            #expect(
                await failure { try await link.runOnce(own) }
                    == .refused(code: "LEASELOST", detail: "LEASELOST not yours"))
            let raised = RedisScript(name: "raised", text: "return redis.call('LPUSH', KEYS[1], 'x')")
            try await link.ask("SET", "key", "value")
            #expect(
                await failure { try await link.runOnce(raised, keys: ["key"]) }?.code
                    == "WRONGTYPE")
            let broken = RedisScript(name: "broken", text: "return (")
            await expectFailure(.refused("ERR")) { try await link.runOnce(broken) }
        }
    }
}
