import RedisLink
import System
import TestSupport
import Testing

/// Connections that are cut at any moment, under load.
@Suite(.enabled(if: !isRedisLeftOut)) struct RedisCutTests {
    private enum Outcome { case done, unknown, notDone }

    @Test("of what may be done once, as much was done as was answered, and at most what was left unanswered besides")
    func cuts() async throws {
        try await withRedis { server in
            let proxy = try RedisProxy(to: server.address)
            let link = RedisLink(proxy.address)
            let (done, unknown) = try await withThrowingTaskGroup(of: Outcome.self) { group in
                for _ in 0..<16 {
                    group.addTask { [link] in try await increment(link) }
                }
                var cuts = 0
                var started = 16
                var (done, unknown) = (0, 0)
                while let outcome = try await group.next() {
                    if outcome == .done { done += 1 } else if outcome == .unknown { unknown += 1 }
                    if started < 4000 {
                        started += 1
                        group.addTask { [link] in try await increment(link) }
                    }
                    // Spread over the run, in the middle of whatever goes on.
                    if done / 600 > cuts {
                        cuts += 1
                        proxy.cutAll()
                    }
                }
                #expect(cuts >= 4)
                return (done, unknown)
            }
            let count = try #require(Int(server.command("GET", "count")))
            #expect((done...(done + unknown)).contains(count), "\(done) answered, \(unknown) not, \(count) done")
            #expect(done > 3000)
            #expect(link.load == (0, 0))
        }
    }

    private func increment(_ link: RedisLink) async throws -> Outcome {
        let failed = await failure { try await link.askOnce("INCR", "count") }
        guard let failed else { return .done }
        if failed.isUnanswered { return .unknown }
        #expect(failed.isUnreachable, "\(failed)")
        return .notDone
    }

    @Test("what may be repeated is answered in the end, each with its own reply")
    func repeated() async throws {
        try await withRedis { server in
            let proxy = try RedisProxy(to: server.address)
            let link = RedisLink(proxy.address)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<16 {
                    group.addTask {
                        for round in 0..<100 {
                            try await link.ask("SET", "key:\(task)", "\(round)")
                            try await link.expect(.text("\(round)"), "GET", "key:\(task)")
                        }
                    }
                }
                for count in 1...4 {
                    // The others may be through by now: who asks is connected again.
                    let hasCome = try await eventually {
                        try await link.ask("PING")
                        return proxy.acceptedCount >= count
                    }
                    #expect(hasCome)
                    proxy.cutAll()
                }
                try await group.waitForAll()
            }
            #expect(link.load == (0, 0))
        }
    }
}
