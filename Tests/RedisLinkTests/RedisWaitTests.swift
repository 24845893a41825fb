import RedisLink
import System
import TestSupport
import Testing

/// Commands that wait at the server.
@Suite(.enabled(if: !isRedisLeftOut)) struct RedisWaitTests {
    private let pop = RedisCommand("BLPOP", "list", "20")

    /// How many clients wait.
    private func waitingCount(_ server: RedisServer) throws -> Int {
        let lines = try server.command("INFO", "clients").split(whereSeparator: \.isNewline)
        return lines.first { $0.hasPrefix("blocked_clients:") }.flatMap { Int($0.dropFirst(16)) } ?? 0
    }

    @Test("one waits while others go on, and has its answer when it comes")
    func wakes() async throws {
        try await withRedis { server in
            let link = RedisLink(server.address)
            async let answer = link.wait(pop, atMost: .seconds(20))
            let isWaiting = try await eventually { try waitingCount(server) == 1 }
            #expect(isWaiting)
            try await link.ask("RPUSH", "list", "x")
            #expect(try await answer == .array([.text("list"), .text("x")]))
            let short = RedisCommand("BLPOP", "list", "0.01")
            #expect(try await link.wait(short, atMost: .milliseconds(10)) == .nothing)
        }
    }

    @Test("a connection is used for one wait after another, and many may wait at once without blocking anybody")
    func many() async throws {
        try await withRedis { server in
            let link = RedisLink(server.address)
            for _ in 0..<10 {
                _ = try await link.wait(RedisCommand("BLPOP", "list", "0.001"), atMost: .milliseconds(1))
            }
            // The shared one, the one that waits, and the tool that asks.
            #expect(try server.command("INFO", "clients").contains("connected_clients:3"))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 { group.addTask { _ = try await link.wait(pop, atMost: .seconds(20)) } }
                let areWaiting = try await eventually { try waitingCount(server) == 20 }
                #expect(areWaiting)
                try await link.expect(.text("PONG"), "PING")
                for _ in 0..<20 { try await link.ask("RPUSH", "list", "x") }
                try await group.waitForAll()
            }
        }
    }

    @Test("to cancel the task ends the wait, and its connection")
    func cancelled() async throws {
        try await withRedis { server in
            let link = RedisLink(server.address)
            let start = ContinuousClock.now
            let task = Task { await failure { _ = try await link.wait(pop, atMost: .seconds(20)) } }
            let isWaiting = try await eventually { try waitingCount(server) == 1 }
            #expect(isWaiting)
            task.cancel()
            #expect(await task.value?.isUnanswered == true)
            #expect(ContinuousClock.now - start < .seconds(15))
            let isGone = try await eventually { try waitingCount(server) == 0 }
            #expect(isGone)
            // Cancelled before it began.
            let late = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return await failure { _ = try await link.wait(pop, atMost: .seconds(20)) }
            }
            #expect(await late.value != nil)
            try await link.ask("RPUSH", "list", "x")
            #expect(try await link.wait(pop, atMost: .seconds(20)) == .array([.text("list"), .text("x")]))
        }
    }

    @Test("so it does while there is no server to wait at")
    func cancelledWithoutServer() async throws {
        try await withRedis { server in
            server.kill()
            let link = RedisLink(server.address, timeout: .seconds(60))
            let start = ContinuousClock.now
            for isEarly in [true, false] {
                let task = Task {
                    if isEarly { withUnsafeCurrentTask { $0?.cancel() } }
                    return await failure { _ = try await link.wait(pop, atMost: .seconds(20)) }
                }
                if !isEarly { try await Task.sleep(for: .milliseconds(20)) }
                task.cancel()
                #expect(await task.value?.isUnreachable == true)
            }
            #expect(ContinuousClock.now - start < .seconds(30))
        }
    }

    @Test("a wait whose server ends is an error, and the next one waits at the next server")
    func killed() async throws {
        try await withRedis { server in
            let link = RedisLink(server.address)
            _ = try await link.wait(RedisCommand("BLPOP", "list", "0.001"), atMost: .milliseconds(1))
            async let failed = failure { _ = try await link.wait(pop, atMost: .seconds(20)) }
            let isWaiting = try await eventually { try waitingCount(server) == 1 }
            #expect(isWaiting)
            server.kill()
            let error = await failed
            #expect(error?.isUnanswered == true, "\(String(describing: error))")
            try await server.start()
            try await link.ask("RPUSH", "list", "x")
            #expect(try await link.wait(pop, atMost: .seconds(20)) == .array([.text("list"), .text("x")]))
        }
    }

    @Test("a server that forgets to answer is not waited for much longer than the caller has said")
    func stuck() async throws {
        try await withRedis { server in
            let link = RedisLink(server.address, timeout: .milliseconds(800))
            try await link.connect()
            server.pause(true)
            defer { server.pause(false) }
            let start = ContinuousClock.now
            let failed = await failure { _ = try await link.wait(pop, atMost: .milliseconds(100)) }
            #expect(failed != nil)
            #expect(ContinuousClock.now - start < .seconds(10))
        }
    }
}
