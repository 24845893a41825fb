import Foundation
import HTTP
import Synchronization
import System
import TestSupport
import Testing

/// M10: no client holds a connection for longer than it may, however it goes about it.
@Suite struct DeadlineTests {
    private func settings(_ change: (inout HTTPServer.Settings) -> Void) -> HTTPServer.Settings {
        var settings = HTTPServer.Settings()
        change(&settings)
        return settings
    }

    @Test("a head that drips, or never comes, is cut off")
    func heads() async throws {
        try await TestServer.run(settings: settings { $0.headTime = .seconds(1) }) { test in
            let silent = try RawClient(test)
            let dripping = try RawClient(test)
            let good = try RawClient(test)
            let head = Array("GET /a HTTP/1.1\r\nHost: a\r\nX: ".utf8)
            var isOpen = true
            for index in 0..<2000 where isOpen {
                let byte = index < head.count ? head[index] : UInt8(ascii: "x")
                isOpen = dripping.send([byte])
                usleep(20_000)
                if index.isMultiple(of: 10), isOpen {
                    good.forget()
                    good.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
                    #expect(try good.read(until: "/a").hasSuffix("/a"), "a good client was cut off")
                }
            }
            #expect(!isOpen)
            #expect(try silent.readToEnd() == "")
            #expect(test.handler.requests.allSatisfy { $0.target.path == ["a"] })
        }
    }

    @Test("a body that drips is cut off, one that comes fast enough is not")
    func bodies() async throws {
        let settings = settings {
            $0.bodyTime = .seconds(1)
            $0.leastBytesPerSecond = 100_000
        }
        try await TestServer.run(settings: settings) { test in
            let dripping = try RawClient(test)
            dripping.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
            var isOpen = true
            for _ in 0..<2000 where isOpen {
                isOpen = dripping.send("x")
                usleep(10_000)
            }
            #expect(!isOpen)
            let steady = try RawClient(test)
            steady.send("POST /fast HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
            for _ in 0..<100 {
                steady.send(String(repeating: "x", count: 10_000))
                usleep(20_000)
            }
            #expect(try steady.read(until: "/fast").hasSuffix("/fast"))
            #expect(test.handler.requests.map(\.target.path) == [["fast"]])
        }
    }

    @Test("a connection that has nothing to ask is closed after a while")
    func idle() async throws {
        try await TestServer.run(settings: settings { $0.idleTime = .milliseconds(500) }) { test in
            let client = try RawClient(test)
            client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try #require(try client.readToEnd()).hasSuffix("/a"))
            let isGone = try await eventually { test.server.connectionCount == 0 }
            #expect(isGone)
        }
    }

    @Test("a client that does not take its answer is cut off, and what was to be told of its end is told")
    func slowReader() async throws {
        let ends = Mutex<[Bool]>([])
        let settings = settings {
            $0.answerTime = .seconds(1)
            $0.leastBytesPerSecond = 1_000_000
        }
        try await TestServer.run(
            settings: settings,
            answer: { _ in
                var response = HTTPResponse(.ok, body: .bytes([UInt8](repeating: 0x61, count: 30_000_000)))
                response.onEnd = { isWhole in ends.withLock { $0.append(isWhole) } }
                return .now(response)
            }
        ) { test in
            let lazy = try RawClient(test)
            lazy.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
            let isCut = try await eventually { ends.withLock { $0 } == [false] }
            #expect(isCut)
            let busy = try RawClient(test)
            busy.send("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(try #require(try busy.readToEnd()).utf8.count > 30_000_000)
            let isTold = try await eventually { ends.withLock { $0 } == [false, true] }
            #expect(isTold)
        }
    }

    @Test("P34: connections of one address are limited, of loopback they are not")
    func perAddress() async throws {
        let settings = settings { $0.connectionsPerAddress = 3 }
        try await TestServer.run(settings: settings, at: .tcp(host: "0.0.0.0", port: 0)) { test in
            let clients = try (0..<20).map { _ in try RawClient(test) }
            for client in clients {
                client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try client.read(until: "/a").hasSuffix("/a"))
            }
        }
    }

    @Test("thousands of idle connections keep nobody from being served")
    func many() async throws {
        let count = rounds(reduced: 500, full: 4000)
        try await TestServer.run { test in
            let idle = try (0..<count).map { _ in try RawClient(test) }
            let areOpen = try await eventually { test.server.connectionCount == count }
            #expect(areOpen)
            for client in idle.prefix(200) {
                client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try client.read(until: "/a").hasSuffix("/a"))
            }
            for client in idle { client.close() }
            let areGone = try await eventually { test.server.connectionCount == 0 }
            #expect(areGone)
        }
    }
}
