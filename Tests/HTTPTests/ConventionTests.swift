import Foundation
import JSON
import Synchronization
import System
import TestSupport
import Testing

@testable import HTTP

@Suite struct ConventionTests {
    private func request(_ fields: (String, String)..., method: HTTPMethod = .get) throws -> HTTPRequest {
        var all = HTTPFields()
        for (name, value) in fields { all.append(name.utf8, value.utf8) }
        return HTTPRequest(
            method, try #require(RequestTarget(Array("/".utf8))), fields: all,
            trace: TraceContext(continuing: nil, random: .system))
    }

    @Test(
        "a range is the part that it names of what there is",
        arguments: [
            ("bytes=0-0", ByteRange.part(offset: 0, byteCount: 1)), ("bytes=10-19", .part(offset: 10, byteCount: 10)),
            ("bytes=90-", .part(offset: 90, byteCount: 10)), ("bytes=90-500", .part(offset: 90, byteCount: 10)),
            ("bytes=-10", .part(offset: 90, byteCount: 10)), ("bytes=-500", .part(offset: 0, byteCount: 100)),
            ("Bytes= 5 - 6", .part(offset: 5, byteCount: 2)),
            ("bytes=99-99999999999999999999", .part(offset: 99, byteCount: 1)),
            ("bytes=-99999999999999999999", .part(offset: 0, byteCount: 100)),
            ("bytes=100-", .unsatisfiable), ("bytes=99999999999999999999-", .unsatisfiable),
            ("bytes=-0", .unsatisfiable),
            // What is no range, or several, is as if it were not there.
            ("bytes=", .all), ("bytes=-", .all), ("bytes=5-4", .all), ("bytes=0-1,5-6", .all), ("bytes=a-b", .all),
            ("bytes=+1-2", .all), ("items=0-1", .all), ("bytes 0-1", .all), ("bytes=1-2-3", .all), ("", .all),
            ("bytes=0x1-2", .all), ("bytes=-1-2", .all),
        ] as [(String, ByteRange)])
    func ranges(value: String, range: ByteRange) throws {
        #expect(try request(("Range", value)).range(of: 100, tag: EntityTag("a")) == range)
    }

    @Test("a thousand ranges are one answer, and an empty content has no part")
    func manyRanges() throws {
        let many = "bytes=" + (0..<1000).map { "\($0)-\($0)" }.joined(separator: ",")
        #expect(try request(("Range", many)).range(of: 5000, tag: EntityTag("a")) == .all)
        #expect(try request(("Range", "bytes=0-")).range(of: 0, tag: EntityTag("a")) == .unsatisfiable)
        #expect(try request(("Range", "bytes=-5")).range(of: 0, tag: EntityTag("a")) == .unsatisfiable)
        #expect(try request(("Range", "bytes=0-1"), method: .post).range(of: 10, tag: EntityTag("a")) == .all)
    }

    @Test("a part is given of the content that the client has begun, and of no other")
    func ifRange() throws {
        let tag = EntityTag("sha256-abc")
        func range(_ condition: String) throws -> ByteRange {
            try request(("Range", "bytes=5-"), ("If-Range", condition)).range(of: 10, tag: tag)
        }
        #expect(try range(tag.text) == .part(offset: 5, byteCount: 5))
        for other in ["\"other\"", "W/" + tag.text, "Wed, 21 Oct 2015 07:28:00 GMT", "*", ""] {
            #expect(try range(other) == .all, "\(other)")
        }
    }

    @Test("a client that has the content is told so")
    func ifNoneMatch() throws {
        let tag = EntityTag("7")
        for value in ["\"7\"", "\"1\", \"7\"", "W/\"7\"", "*"] {
            #expect(try request(("If-None-Match", value)).hasAlready(tag), "\(value)")
        }
        for value in ["\"8\"", "7", "", "\"7", "'7'"] {
            #expect(try !request(("If-None-Match", value)).hasAlready(tag))
        }
        #expect(try request().mayChange(tag) == nil)
        #expect(try request(("If-Match", "\"7\"")).mayChange(tag) == true)
        #expect(try request(("If-Match", "W/\"7\"")).mayChange(tag) == false)
        #expect(EntityTag("a\"b\r\nc").text == "\"abc\"")
    }

    @Test("preferences are read, and nonsense is no preference")
    func prefer() throws {
        #expect(try request(("Prefer", "wait=10")).preferredWait == .seconds(10))
        #expect(try request(("Prefer", "respond-async, Wait = \"5\"; x=y")).preferredWait == .seconds(5))
        #expect(try request(("Prefer", "respond-async"), ("Prefer", "wait=7")).preferredWait == .seconds(7))
        #expect(try request(("Prefer", "wait=99999999999999999999")).preferredWait == nil)
        #expect(try request(("Prefer", "wait=999999")).preferredWait == .seconds(3600))
        for value in ["wait", "wait=", "wait=-1", "wait=1.5", "wait=a", "wait=\"", "waits=5", ""] {
            #expect(try request(("Prefer", value)).preferredWait == nil, "\(value)")
        }
        #expect(try request(("Prefer", "Respond-Async")).prefersAsync)
        #expect(try !request(("Prefer", "wait=1")).prefersAsync)
    }

    @Test("a trace goes on, and what is no trace begins a new one")
    func traces() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        func continued(_ text: String) -> TraceContext { TraceContext(continuing: Array(text.utf8), random: .system) }
        let good = continued("00-\(trace)-00f067aa0ba902b7-01")
        #expect(good.traceID == trace && good.text.utf8.count == 55 && good.text.hasSuffix("-01"))
        #expect(continued("cc-\(trace)-00f067aa0ba902b7-01-what-the-future-will-be-like").traceID == trace)
        for bad in [
            "", "00", "00-\(trace)-00f067aa0ba902b7-01-more", "ff-\(trace)-00f067aa0ba902b7-01",
            "00-\(trace.uppercased())-00f067aa0ba902b7-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-\(trace)-0000000000000000-01", "00-\(trace)x00f067aa0ba902b7-01", "00-\(trace)-00f067aa0ba902b7-0g",
            "00-\(trace)-00f067aa0ba902b7-01.", String(repeating: "a", count: 100_000),
        ] { #expect(continued(bad).traceID != trace) }
        let zeros = TraceContext(continuing: nil, random: RandomSource { [UInt8](repeating: 0, count: $0) })
        #expect(zeros.text == "00-00000000000000000000000000000001-0000000000000001-00")
    }

    @Test("a problem says what is wrong and where, and when to come back")
    func problems() throws {
        var problem = Problem(
            .unprocessableContent, "invalid-request", "the request is not valid",
            parts: [.init("/node_name", "expected a host name")])
        problem.retryAfter = .milliseconds(300)
        let trace = TraceContext(continuing: nil, random: .system)
        let response = problem.response(trace: trace)
        guard case .bytes(let bytes) = response.body else { throw problem }
        let json = try JSONValue(parsing: bytes)
        #expect(json["type"]?.string == "/problems/invalid-request" && json["status"]?.integer == 422)
        #expect(json["errors"]?.array?.first?["pointer"]?.string == "/node_name")
        #expect(json["trace_id"]?.string == trace.traceID && json["retryable"]?.bool == false)
        #expect(response.field("content-type") == "application/problem+json" && response.field("Retry-After") == "1")
    }

    @Test("routes are found by method and path, and HEAD with GET")
    func routes() throws {
        let router = Router([
            .init(.get, "/v1/jobs", "list"), .init(.post, "/v1/jobs", "submit"), .init(.get, "/v1/jobs/{id}", "status"),
            .init(.delete, "/v1/jobs/{id}", "cancel"), .init(.get, "/", "root"),
            .init(.get, "/v1/jobs/special", "never"),
        ])
        func match(_ method: HTTPMethod, _ path: String) throws -> String {
            switch router.match(method, try #require(RequestTarget(Array(path.utf8)))) {
            case .route(let route, let parameters): route.action + (parameters["id"].map { " " + $0 } ?? "")
            case .otherMethods(let methods): methods.map(\.rawValue).joined(separator: ",")
            case .none: "none"
            }
        }
        #expect(try match(.get, "/v1/jobs") == "list")
        #expect(try match(.head, "/v1/jobs/7") == "status 7")
        #expect(try match(.post, "/v1/jobs") == "submit")
        #expect(try match(.delete, "/v1/jobs/a.b") == "cancel a.b")
        #expect(try match(.get, "/") == "root")
        #expect(
            try match(.put, "/v1/jobs/7") == "GET,HEAD,DELETE,GET,HEAD"
                || match(.put, "/v1/jobs/7") == "GET,HEAD,DELETE")
        #expect(try match(.get, "/v1/jobs/special") == "status special")
        for path in ["/v1", "/v1/job", "/v1/jobs/7/8", "/V1/jobs"] { #expect(try match(.get, path) == "none") }
    }

    @Test("whatever a file is called, two other programs read the same harmless name")
    func contentDisposition() throws {
        let names = [
            "FleetServerClusterNode.pkg", "a\r\nX-Evil: 1.pkg", "a\";filename=\"b.exe", "../a.pkg", "a/b.pkg",
            "a\\b.pkg",
            "a%0d%0a.pkg", "a%22.pkg", String(repeating: "ü", count: 130), "a\u{2028}b.pkg", "a\u{202E}gkp.exe", "..",
            ".", "",
            " ", "日本語.pkg", "e\u{301}.pkg", "a;b=c,d.pkg", "🔑.pkg", "a\u{FEFF}b.pkg", "a'b''c.pkg", "~root.pkg",
            "-rf.pkg",
            String(repeating: "a", count: 252) + ".pkg",
        ]
        let values = names.map { ContentDisposition.attachment($0) }
        for value in values {
            #expect(value.utf8.allSatisfy { (0x20...0x7E).contains($0) })
            #expect(value.utf8.count { $0 == UInt8(ascii: "\"") } == 2)
        }
        // One reader of mail's headers, one of HTTP's.
        let script = """
            import sys, json, email.message, urllib.parse
            names = []
            for value in json.load(sys.stdin):
                message = email.message.EmailMessage()
                message["Content-Disposition"] = value
                first = message.get_filename()
                parts = dict(part.strip().split("=", 1) for part in value.split(";")[1:])
                charset, language, text = parts["filename*"].split("'", 2)
                second = urllib.parse.unquote(text, encoding=charset, errors="strict")
                plain = parts["filename"].strip('"')
                assert len(message["Content-Disposition"].params) in (1, 2), value
                names.append([first, second, plain])
            json.dump(names, sys.stdout)
            """
        let result = try run(
            "/usr/bin/python3", ["-c", script], input: JSONValue.array(values.map { .string($0) }).bytes())
        #expect(result.status == 0, "\(result.errorText)")
        let read = try #require(JSONValue(parsing: result.output).array)
        #expect(read.count == names.count)
        for (name, entry) in zip(names, read) {
            let (mail, web, plain) = (entry.array?[0].string, entry.array?[1].string, entry.array?[2].string)
            #expect(mail == web || mail == plain, "\(name): \(entry.text())")
            for found in [mail, web, plain].compactMap({ $0 }) {
                #expect(
                    !found.isEmpty && !found.utf8.contains(UInt8(ascii: "/"))
                        && !found.utf8.contains(UInt8(ascii: "\\")))
                #expect(
                    found.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x202E && $0.value != 0x2028 })
                #expect(found != "." && found != "..")
            }
        }
        #expect(
            values[0]
                == "attachment; filename=\"FleetServerClusterNode.pkg\"; filename*=UTF-8''FleetServerClusterNode.pkg")
    }
}

/// Clients behind proxies.
@Suite struct ForwardedForTests {
    @Test(
        "the client is the last address that no trusted proxy has, and nobody can say that it is another",
        arguments: [
            ("10.0.0.1", [], "10.0.0.1"), ("10.0.0.1", ["192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", ["6.6.6.6, 192.0.2.7"], "192.0.2.7"), ("10.0.0.1", ["6.6.6.6", "192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", ["192.0.2.7, 10.0.0.2"], "192.0.2.7"), ("10.0.0.1", ["10.0.0.2,10.0.0.1"], "10.0.0.2"),
            ("192.0.2.9", ["192.0.2.7"], "192.0.2.9"), ("10.0.0.1", ["192.0.2.7, nonsense"], "10.0.0.1"),
            ("10.0.0.1", ["nonsense, 192.0.2.7"], "192.0.2.7"), ("10.0.0.1", ["192.0.2.7:80"], "10.0.0.1"),
            ("10.0.0.1", ["2001:DB8:0::1"], "2001:db8::1"), ("10.0.0.1", ["::ffff:192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", ["010.0.0.3"], "10.0.0.1"), ("10.0.0.1", [""], "10.0.0.1"),
            ("unix", ["192.0.2.7"], "192.0.2.7"), ("unix", [], nil),
        ] as [(String, [String], String?)])
    func client(peer: String, forwarded: [String], client: String?) {
        var fields = HTTPFields()
        for value in forwarded { fields.append("X-Forwarded-For".utf8, value.utf8) }
        let trusted = Set(["10.0.0.1", "10.0.0.2", "unix"].map { Array($0.utf8) })
        let bytes = peer == "unix" ? nil : Array(peer.utf8)
        let found = ForwardedFor.client(bytes, fields, trusted: trusted).map { String(decoding: $0, as: UTF8.self) }
        #expect(found == client)
        // Where nobody is trusted, nobody is believed.
        #expect(ForwardedFor.client(bytes, fields, trusted: []) == bytes)
    }

    @Test("a server believes the proxies that it was told of, and the log says whom they speak for")
    func server() async throws {
        for trusted in [[], ["127.0.0.1"]] {
            var settings = HTTPServer.Settings()
            settings.trustedPeers = Set(trusted.map { Array($0.utf8) })
            try await TestServer.run(settings: settings) { test in
                let result = try run("curl", ["-sS", "-m", "60", "-H", "X-Forwarded-For: 192.0.2.7", test.url + "/a"])
                #expect(result.text == "/a")
                let peer = trusted.isEmpty ? "127.0.0.1" : "192.0.2.7"
                #expect(test.handler.requests.first?.peer == peer)
                #expect(try await eventually { test.records.withLock { $0.first?.peer } == peer })
            }
        }
    }
}
