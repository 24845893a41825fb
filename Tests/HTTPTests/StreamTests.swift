import Foundation
import HTTP
import Synchronization
import System
import TestSupport
import Testing

@Suite struct StreamTests {
    private let get = "GET /events HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test("what is written is sent as it comes, in order, to the end")
    func inOrder() async throws {
        let stream = ByteStream()
        try await TestServer.run(answer: { _ in
            var response = HTTPResponse(.ok, body: .stream(stream))
            response.set("Content-Type", "text/event-stream")
            return .now(response)
        }) { test in
            let client = try RawClient(test)
            client.send(get)
            #expect(try client.read(until: "\r\n\r\n").contains("text/event-stream"))
            for number in 0..<rounds(reduced: 500, full: 5_000) {
                #expect(stream.write(Array("event \(number).\n".utf8)))
                if number % 7 == 0 {
                    #expect(try client.read(until: "event \(number).\n").contains("event \(number).\n"))
                }
            }
            stream.finish()
            // The connection goes on with another request.
            _ = try client.read(until: "0\r\n\r\n")
            let isClosed = try await eventually { stream.isClosed }
            #expect(isClosed)
            #expect(!stream.write([1]))
        }
    }

    @Test("a client that goes away ends the stream with the next thing that is written")
    func goneClient() async throws {
        let stream = ByteStream()
        let isTold = Mutex(false)
        stream.onClose { isTold.withLock { $0 = true } }
        try await TestServer.run(answer: { _ in .now(HTTPResponse(.ok, body: .stream(stream))) }) { test in
            let client = try RawClient(test)
            client.send(get)
            _ = try client.read(until: "\r\n\r\n")
            client.close()
            let isClosed = try await eventually {
                stream.write(Array(": heartbeat\n\n".utf8))
                return stream.isClosed
            }
            #expect(isClosed)
            #expect(isTold.withLock { $0 })
            let isGone = try await eventually { test.server.connectionCount == 0 }
            #expect(isGone)
        }
    }

    @Test("a client that reads too slowly is cut off, and what is kept for it is bounded")
    func slowClient() async throws {
        let streams = Mutex<[ByteStream]>([])
        try await TestServer.run(answer: { _ in
            let stream = ByteStream(bound: 100_000)
            streams.withLock { $0.append(stream) }
            return .now(HTTPResponse(.ok, body: .stream(stream)))
        }) { test in
            let slow = try RawClient(test)
            slow.send(get)
            _ = try slow.read(until: "\r\n\r\n")
            let quick = try RawClient(test)
            quick.send(get)
            _ = try quick.read(until: "\r\n\r\n")
            let (first, second) = streams.withLock { ($0[0], $0[1]) }
            let piece = [UInt8](repeating: 0x61, count: 10_000)
            var written = 0
            while written < 100_000, first.write(piece) {
                written += 1
                // What the system holds for a client is not ours to bound; it takes a while to fill.
                if written % 50 == 0 { usleep(1000) }
            }
            #expect(written < 100_000, "it is never cut off")
            #expect(first.isClosed)
            let isGone = try await eventually { test.server.connectionCount == 1 }
            #expect(isGone)
            for number in 0..<20 {
                #expect(second.write(Array("number \(number).".utf8)))
                #expect(try quick.read(until: "number \(number).").contains("number \(number)."))
            }
        }
    }

    @Test("a server that stops ends its streams")
    func stops() async throws {
        let stream = ByteStream()
        try await TestServer.run(answer: { _ in .now(HTTPResponse(.ok, body: .stream(stream))) }) { test in
            let client = try RawClient(test)
            client.send(get)
            _ = try client.read(until: "\r\n\r\n")
            stream.write(Array("last words".utf8))
            await test.server.stop(within: .seconds(30))
            let text = try #require(try client.readToEnd())
            #expect(text.contains("last words") && text.hasSuffix("0\r\n\r\n"))
        }
    }

    @Test("many writers and readers at once lose nothing and leave nothing open")
    func many() async throws {
        let streams = Mutex<[ByteStream]>([])
        try await TestServer.run(answer: { _ in
            let stream = ByteStream()
            streams.withLock { $0.append(stream) }
            return .now(HTTPResponse(.ok, body: .stream(stream)))
        }) { test in
            let clients = try (0..<50).map { _ in try RawClient(test) }
            for client in clients { client.send(get) }
            let areOpen = try await eventually { streams.withLock { $0.count } == 50 }
            #expect(areOpen)
            let all = streams.withLock { $0 }
            await withTaskGroup { group in
                for stream in all {
                    group.addTask {
                        for number in 0..<200 { stream.write(Array("<\(number)>".utf8)) }
                        stream.finish()
                    }
                }
            }
            for client in clients {
                let text = try client.read(until: "\r\n0\r\n\r\n")
                // Chunks may part a number; their sizes are lines of their own.
                #expect(text.hasSuffix("0\r\n\r\n"))
            }
        }
    }
}
