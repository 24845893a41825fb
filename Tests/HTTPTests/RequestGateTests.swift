import Testing

@testable import HTTP

@Suite struct RequestGateTests {
    /// A head as a client sends it that does all right.
    private func head(
        _ method: String = "GET", _ target: String = "/v1/jobs", _ version: String = "HTTP/1.1",
        _ fields: [(String, String)] = [("Host", "farm.example:8768")], more: Int = 0
    ) -> RequestGate.Head {
        var size = method.utf8.count + target.utf8.count + version.utf8.count + 6
        var known = HTTPFields()
        for (name, value) in fields {
            size += name.utf8.count + value.utf8.count + 4
            known.append(name.utf8, value.utf8)
        }
        return RequestGate.Head(
            method: Array(method.utf8), target: Array(target.utf8), version: Array(version.utf8),
            fields: known, size: size + more)
    }

    private func status(_ head: RequestGate.Head) -> Int? {
        do throws(RequestGate.Refusal) {
            _ = try RequestGate().admit(head)
            return nil
        } catch { return error.status.code }
    }

    private let host = ("Host", "farm.example")

    @Test("what is well-formed is let through, with its method, target and length")
    func admitted() throws {
        let get = try RequestGate().admit(head())
        #expect(get.method == .get && get.target.path == ["v1", "jobs"] && get.contentLength == 0)
        let post = try RequestGate().admit(head("POST", "/v1/jobs", "HTTP/1.1", [host, ("Content-Length", "12")]))
        #expect(post.method == .post && post.contentLength == 12)
        let chunked = try RequestGate().admit(
            head("PUT", "/a", "HTTP/1.1", [host, ("Transfer-Encoding", "Chunked"), ("Expect", "100-continue")]))
        #expect(chunked.contentLength == nil)
        #expect(status(head("GET", "/a", "HTTP/1.0", [host])) == nil)
        #expect(status(head("GET", "/a", "HTTP/1.1", [("host", "[::1]:80"), ("X", "")])) == nil)
        // An empty value may do without the space.
        #expect(status(head("GET", "/a", "HTTP/1.1", [host, ("X", "")], more: -1)) == nil)
        #expect(status(head("GET", "/a", "HTTP/1.1", [host, ("X-Text", "ü\ttab")])) == nil)
        #expect(status(head("DELETE", "/a", "HTTP/1.1", [host, ("Content-Length", "0")])) == nil)
    }

    @Test("two readers could understand these in two ways")
    func refused() {
        func post(_ fields: (String, String)...) -> Int? { status(head("POST", "/a", "HTTP/1.1", [host] + fields)) }
        #expect(status(head("GET", "/a", "HTTP/1.1", [])) == 400)
        #expect(status(head("GET", "/a", "HTTP/1.1", [host, host])) == 400)
        for bad in ["", "a b", "a/b", "a,b", "a@b", "ü", "a\\b"] {
            #expect(status(head("GET", "/a", "HTTP/1.1", [("Host", bad)])) == 400, "\(bad)")
        }
        #expect(post(("Content-Length", "5"), ("Transfer-Encoding", "chunked")) == 400)
        #expect(post(("Transfer-Encoding", "chunked"), ("Content-Length", "5")) == 400)
        #expect(post(("Content-Length", "5"), ("content-length", "5")) == 400)
        #expect(post(("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")) == 400)
        for coding in ["xchunked", "chunked, identity", "gzip", "identity", "", "chunked\t"] {
            #expect(post(("Transfer-Encoding", coding)) == 501, "\(coding)")
        }
        for length in ["", "+5", "-1", "0x5", "5 5", "5,5", "1e3", "9999999999999999999", "５"] {
            #expect(post(("Content-Length", length)) == 400, "\(length)")
        }
        #expect(status(head("POST", "/a", "HTTP/1.0", [host, ("Transfer-Encoding", "chunked")])) == 400)
        #expect(status(head("GET", "/a", "HTTP/1.1", [host, ("Content-Length", "1")])) == 400)
        #expect(status(head("GET", "/a", "HTTP/1.1", [host, ("Transfer-Encoding", "chunked")])) == 400)
        #expect(post(("Expect", "200-maybe")) == 417)
        for name in ["X ", " X", "X\tY", "", "X(", "Content-: 5", "é"] { #expect(post((name, "1")) == 400, "\(name)") }
        for value in ["a\u{0}b", "a\rb", "a\nb", "\u{7F}", "\u{1B}[31m"] { #expect(post(("X", value)) == 400) }
    }

    @Test("methods count in one spelling, and only those that are known")
    func methods() {
        for method in ["get", "Get", "options", "Trace", "CONNECT", "PROPFIND", "GETT"] {
            #expect(status(head(method)) == 501, "\(method)")
        }
        // Known, and for the table of routes to refuse.
        for method in ["OPTIONS", "TRACE", "QUERY"] { #expect(status(head(method)) == nil, "\(method)") }
        for method in ["", "G T", "GET\u{0}", "G(T"] { #expect(status(head(method)) == 400) }
        for version in ["HTTP/2.0", "HTTP/0.9", "http/1.1", "HTTP/1.10", ""] {
            #expect(status(head("GET", "/", version)) == 505)
        }
    }

    @Test("a head that is not the sum of its parts was something else on the wire")
    func size() {
        // LF alone; a folded line; a NUL that cut something off.
        for more in [-3, -2, -1, 1, 2, 40] { #expect(status(head(more: more)) == 400, "\(more)") }
    }

    @Test("a head is bounded in bytes and in fields")
    func bounds() {
        let many = (0..<99).map { ("X-\($0)", "1") }
        #expect(status(head("GET", "/", "HTTP/1.1", [host] + many)) == nil)
        #expect(status(head("GET", "/", "HTTP/1.1", [host] + many + [("X", "1")])) == 431)
        #expect(status(head("GET", "/", "HTTP/1.1", [host, ("X", String(repeating: "a", count: 16_000))])) == nil)
        #expect(status(head("GET", "/", "HTTP/1.1", [host, ("X", String(repeating: "a", count: 16_400))])) == 431)
    }
}
