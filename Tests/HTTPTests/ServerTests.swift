import Foundation
import HTTP
import Synchronization
import System
import TestSupport
import Testing

@Suite struct ServerTests {
    private let get = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test("requests reach the handler as they were sent, and answers the client")
    func answers() async throws {
        try await TestServer.run(answer: { request in
            var response = HTTPResponse(.created, text: String(decoding: request.body, as: UTF8.self))
            response.set("X-Value", "one\r\nX-Evil: two")
            return .now(response)
        }) { test in
            let client = try RawClient(test)
            client.send(
                "POST /v1/a?x=1 HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain; charset=utf-8\r\nX-List: a\r\n"
                    + "x-list: b, c\r\nContent-Length: 5\r\n\r\nhello")
            let text = try client.read(until: "hello")
            #expect(text.hasPrefix("HTTP/1.1 201 Created\r\n"))
            #expect(text.contains("\r\nContent-Length: 5\r\n") && text.hasSuffix("\r\n\r\nhello"))
            // What a value is made of begins no other field.
            #expect(text.contains("\r\nX-Value: oneX-Evil: two\r\n"))
            let request = try #require(test.handler.requests.first)
            #expect(request.method == .post && request.target["x"] == "1" && request.mediaType == "text/plain")
            #expect(request.fields.list("x-list").map { String(decoding: $0, as: UTF8.self) } == ["a", "b", "c"])
            #expect(request.peer == "127.0.0.1")
            #expect(request.fields.only("x-list") == nil)
        }
    }

    @Test("HEAD has the head of GET and no body, and the next answer follows at once")
    func head() async throws {
        try await TestServer.run { test in
            let client = try RawClient(test)
            client.send("HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\n" + get)
            let text = try client.read(until: "\r\n\r\n/a")
            #expect(text.components(separatedBy: "HTTP/1.1 200").count == 3)
            #expect(text.contains("Content-Length: 4\r\n") && !text.contains("/abc"))
        }
    }

    @Test("an answer may come later, and holds no thread meanwhile")
    func later() async throws {
        let gate = Gate()
        try await TestServer.run(answer: { request in
            request.target.path == ["fast"]
                ? .now(HTTPResponse(.ok, text: "fast"))
                : .later {
                    await gate.wait()
                    return HTTPResponse(.ok, text: "slow")
                }
        }) { test in
            let waiting = try (0..<200).map { _ in try RawClient(test) }
            for client in waiting { client.send(get) }
            let areAsked = try await eventually { test.handler.requests.count == 200 }
            #expect(areAsked)
            let fast = try RawClient(test)
            fast.send("GET /fast HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try fast.read(until: "fast").hasSuffix("fast"))
            gate.open()
            for client in waiting { #expect(try client.read(until: "slow").hasSuffix("slow")) }
            // Some answers are there before the handler has returned.
            for _ in 0..<rounds(reduced: 300, full: 5_000) {
                let client = waiting[0]
                client.forget()
                client.send(get)
                #expect(try client.read(until: "slow").hasSuffix("slow"))
            }
        }
    }

    @Test("a body over the limit is refused: at once where it says its size, in the end where it comes in chunks")
    func tooLarge() async throws {
        try await TestServer.run(bodyLimit: 100_000) { test in
            let told = try RawClient(test)
            told.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n")
            let text = try #require(try told.readToEnd())
            #expect(text.hasPrefix("HTTP/1.1 413") && text.contains("application/problem+json"))
            let expecting = try RawClient(test)
            expecting.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 999999\r\n\r\n")
            #expect(try #require(try expecting.readToEnd()).hasPrefix("HTTP/1.1 413"))
            let chunked = try RawClient(test)
            chunked.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = "2710\r\n" + String(repeating: "x", count: 10_000) + "\r\n"
            for _ in 0..<11 { chunked.send(chunk) }
            chunked.send("0\r\n\r\n")
            #expect(try #require(try chunked.readToEnd()).hasPrefix("HTTP/1.1 413"))
            let endless = try RawClient(test)
            endless.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            var sent = 0
            while sent < 10_000, endless.send(chunk) { sent += 1 }
            #expect(sent < 10_000, "it is listened to for ever")
            #expect(test.handler.requests.isEmpty)
            let fits = try RawClient(test)
            fits.send(
                "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + String(repeating: "x", count: 100_000)
            )
            #expect(try fits.read(until: "/b").hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test("files go out whole and in parts, byte for byte")
    func files() async throws {
        try await withTemporaryDirectory { path in
            let content = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            try writeFile(path + "/file", content)
            let file = try File.open(path + "/file")
            try await TestServer.run(answer: { request in
                let total = Int64(content.count)
                switch request.range(of: total, tag: EntityTag("one")) {
                case .all: return .now(HTTPResponse(.ok, body: .file(file, offset: 0, byteCount: total)))
                case .part(let offset, let count):
                    return .now(
                        HTTPResponse(.partialContent, body: .file(file, offset: offset, byteCount: count))
                            .with("Content-Range", "bytes \(offset)-\(offset + count - 1)/\(total)"))
                case .unsatisfiable: return .now(HTTPResponse(.rangeNotSatisfiable))
                }
            }) { test in
                func curl(_ words: String...) throws -> [UInt8] {
                    let result = try TestSupport.run("curl", ["-sS", "-m", "60"] + words + [test.url + "/file"])
                    #expect(result.status == 0, "\(result.errorText)")
                    return result.output
                }
                #expect(try curl() == content)
                #expect(try curl("-r", "100-199") == Array(content[100..<200]))
                #expect(try curl("-r", "-10") == Array(content.suffix(10)))
                #expect(try curl("-r", "2999990-9999999") == Array(content.suffix(10)))
                // Cut half-way and taken up again.
                try writeFile(path + "/copy", Array(content.prefix(1_234_567)))
                _ = try curl("-C", "-", "-o", path + "/copy")
                #expect(try contentOfFile(path + "/copy") == content)
                #expect(try curl("-r", "3000000-", "-w", "%{http_code}") == Array("416".utf8))
                #expect(try curl("-I").starts(with: Array("HTTP/1.1 200 OK".utf8)))
            }
        }
    }

    @Test("each request is told of, with its trace, and how it ended")
    func records() async throws {
        try await TestServer.run(answer: { request in
            var response = HTTPResponse(.ok, text: "abc")
            response.loggedPath = "/v1/{id}"
            return .now(response)
        }) { test in
            let client = try RawClient(test)
            let trace = "0af7651916cd43dd8448eb211c80319c"
            client.send(
                "GET /v1/secret?token=x HTTP/1.1\r\nHost: a\r\ntraceparent: 00-\(trace)-b7ad6b7169203331-01\r\n\r\n")
            _ = try client.read(until: "abc")
            client.send("nonsense /x HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = try client.readToEnd()
            let areThere = try await eventually { test.records.withLock { $0.count } == 2 }
            #expect(areThere)
            let records = test.records.withLock { $0 }
            let first = try #require(records.first)
            #expect(first.path == "/v1/{id}" && first.status == 200 && first.method == .get && first.isWhole)
            #expect(first.byteCount == 3 && first.trace.traceID == trace && first.peer == "127.0.0.1")
            #expect(records.last?.status == 501 && records.last?.path == nil && records.last?.method == nil)
            let request = try #require(test.handler.requests.first)
            #expect(request.trace.text.hasPrefix("00-\(trace)-") && request.trace.text.hasSuffix("-01"))
            #expect(!request.trace.text.contains("b7ad6b7169203331"))
        }
    }

    @Test("a unix socket serves as well, and is made in the place of one that was left behind")
    func unixSocket() async throws {
        try await withTemporaryDirectory { path in
            for _ in 0..<2 {
                try await TestServer.run(at: .unix(path: path + "/s")) { test in
                    let client = try RawClient(test)
                    client.send(get)
                    #expect(try client.read(until: "/a").hasSuffix("/a"))
                    #expect(test.handler.requests.first?.peer == nil)
                    #expect(throws: SystemError.self) { try StreamListener(.unix(path: path + "/s")) }
                }
            }
        }
    }

    @Test("P44: to stop lets requests end, takes no more, and waits for nobody longer than it may")
    func stops() async throws {
        let gate = Gate()
        let stopped = Mutex(false)
        try await TestServer.run(answer: { _ in
            .later {
                await gate.wait()
                return HTTPResponse(.ok, text: "done")
            }
        }) { test in
            let client = try RawClient(test)
            let idle = try RawClient(test)
            client.send(get)
            let isAsked = try await eventually { test.handler.requests.count == 1 && test.server.connectionCount == 2 }
            #expect(isAsked)
            async let end: Void = test.server.stop(within: .seconds(60))
            #expect(try idle.readToEnd() == "")
            #expect(!stopped.withLock { $0 })
            gate.open()
            let text = try #require(try client.readToEnd())
            #expect(text.contains("Connection: close") && text.hasSuffix("done"))
            await end
            #expect(throws: (any Error).self) {
                let late = try RawClient(test)
                late.send(get)
                // The socket is still there, and nobody behind it.
                let answer = try late.readToEnd(within: .milliseconds(200))
                if answer == nil || answer == "" { throw CancellationError() }
            }
        }
        // One that never answers.
        let start = ContinuousClock.now
        try await TestServer.run(answer: { _ in
            .later {
                while !Task.isCancelled { try? await Task.sleep(for: .seconds(1000)) }
                await Gate().wait(atMost: .seconds(5))
                return HTTPResponse(.ok)
            }
        }) { test in
            let client = try RawClient(test)
            client.send(get)
            let isAsked = try await eventually { test.handler.requests.count == 1 }
            #expect(isAsked)
            await test.server.stop(within: .milliseconds(100))
            // Whether the refusal gets out depends on who is first.
            let text = try #require(try client.readToEnd())
            #expect(text.isEmpty || text.hasPrefix("HTTP/1.1 503"))
        }
        #expect(ContinuousClock.now - start < .seconds(60))
    }
}

/// Holds those who wait at it until it is opened.
final class Gate: Sendable {
    private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func wait(atMost limit: Duration) async {
        let task = Task.detached { try? await Task.sleep(for: limit) }
        await task.value
    }

    func open() {
        let waiting = state.withLock { state in
            defer { state = (true, []) }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
