/// What stands before everything else: a request that two readers could understand in two ways, or that this server has no
/// use for, is refused by its head, and the connection is closed behind the answer, so that nothing that was hidden in it is
/// ever read.
///
/// libmicrohttpd takes much that RFC 9112 forbids. What it does to a head before anybody sees it can be told by its size: the
/// request line and the fields, each with one space behind its colon and CRLF at its end, must come to the size that was
/// received. A line end of LF alone, a field folded over lines, a NUL that cuts the rest off and a name of no letters make it
/// another one. (Tricks that make up for one another are seen only as far as names and values then hold bytes that they may
/// not.) The price is that `Name:value` without a space is refused as well.
struct RequestGate: Sendable {
    /// The head as it was received.
    struct Head: Sendable {
        var method: [UInt8]
        /// The target before any decoding.
        var target: [UInt8]
        var version: [UInt8]
        var fields: HTTPFields
        /// Bytes of all of it, the line ends among them.
        var size: Int
    }

    /// Why a head is refused.
    struct Refusal: Error, Equatable, Sendable {
        let status: HTTPStatus
        /// One sentence, without anything that was received.
        let detail: String

        init(_ status: HTTPStatus, _ detail: String) {
            self.status = status
            self.detail = detail
        }
    }

    /// What a head says that the library must not decide.
    struct Admitted: Equatable, Sendable {
        let method: HTTPMethod
        let target: RequestTarget
        /// Bytes of the body; nil where it is chunked.
        let contentLength: Int64?
    }

    /// The most bytes of a head.
    var mostHeadBytes = 16 * 1024
    /// The most fields of a head.
    var mostFields = 100

    /// What is asked for, where that is beyond doubt.
    func admit(_ head: Head) throws(Refusal) -> Admitted {
        guard head.size <= mostHeadBytes, head.fields.count <= mostFields else {
            throw Refusal(.fieldsTooLarge, "at most \(mostHeadBytes) bytes and \(mostFields) fields are taken")
        }
        guard ASCII.equal(head.version, "HTTP/1.1") || ASCII.equal(head.version, "HTTP/1.0") else {
            throw Refusal(.versionNotSupported, "HTTP/1.1 is spoken here")
        }
        try checkFields(head)
        try checkSize(head)
        guard let method = HTTPMethod(head.method) else {
            throw Refusal(.notImplemented, "GET, HEAD, POST, PUT, PATCH and DELETE are answered")
        }
        guard let target = RequestTarget(head.target) else {
            throw Refusal(
                .badRequest,
                "the target: expected a path of letters, digits, '-', '.', '_' and '~' without empty or dotted parts, "
                    + "and a query in which each name occurs once")
        }
        try checkHost(head)
        return Admitted(method: method, target: target, contentLength: try length(of: head, method))
    }

    private func checkFields(_ head: Head) throws(Refusal) {
        guard !head.method.isEmpty, head.method.allSatisfy(ASCII.isToken),
            head.target.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw Refusal(.badRequest, "the request line holds bytes that it may not") }
        for field in head.fields.all {
            guard !field.name.isEmpty, field.name.allSatisfy(ASCII.isToken),
                field.value.allSatisfy({ $0 == 0x09 || $0 >= 0x20 && $0 != 0x7F })
            else { throw Refusal(.badRequest, "a field's name or value holds bytes that it may not") }
        }
    }

    private func checkSize(_ head: Head) throws(Refusal) {
        var size = head.method.count + 1 + head.target.count + 1 + head.version.count + 2 + 2
        var empty = 0
        for field in head.fields.all {
            size += field.name.count + 1 + field.value.count + 2
            if field.value.isEmpty { empty += 1 }
        }
        // A value that is empty may do without its space.
        let spaces = head.size - size
        guard spaces <= head.fields.count, spaces >= head.fields.count - empty else {
            throw Refusal(
                .badRequest, "the head: expected 'Name: value' with one space on each line, and CRLF at its end")
        }
    }

    private func checkHost(_ head: Head) throws(Refusal) {
        guard let host = head.fields.only("host"), (1...255).contains(host.count), host.allSatisfy(Self.isOfHost) else {
            throw Refusal(.badRequest, "Host: expected one, with a name or an address and a port")
        }
    }

    /// What names, addresses of both kinds and ports are written with.
    private static func isOfHost(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x2D, 0x2E, 0x3A, 0x5B, 0x5D, 0x5F: true
        default: ASCII.isAlphanumeric(byte)
        }
    }

    /// Bytes of the body; nil where it comes in chunks.
    private func length(of head: Head, _ method: HTTPMethod) throws(Refusal) -> Int64? {
        let lengths = head.fields.values("content-length")
        let codings = head.fields.values("transfer-encoding")
        guard lengths.count + codings.count <= 1 else {
            throw Refusal(.badRequest, "expected one Content-Length, or one Transfer-Encoding, and not both")
        }
        if let coding = codings.first {
            guard ASCII.equalIgnoringCase(coding, "chunked") else {
                throw Refusal(.notImplemented, "Transfer-Encoding: expected chunked")
            }
            guard ASCII.equal(head.version, "HTTP/1.1") else {
                throw Refusal(.badRequest, "HTTP/1.0 has no Transfer-Encoding")
            }
            guard method.hasBody else { throw Refusal(.badRequest, "\(method.rawValue) takes no body") }
        }
        try checkExpectation(head)
        if !codings.isEmpty { return nil }
        guard let text = lengths.first else { return 0 }
        guard (1...18).contains(text.count), let length = ASCII.number(text) else {
            throw Refusal(.badRequest, "Content-Length: expected a number of bytes")
        }
        guard length == 0 || method.hasBody else { throw Refusal(.badRequest, "\(method.rawValue) takes no body") }
        return length
    }

    private func checkExpectation(_ head: Head) throws(Refusal) {
        for expectation in head.fields.values("expect") {
            guard ASCII.equalIgnoringCase(expectation, "100-continue") else {
                throw Refusal(.expectationFailed, "Expect: only 100-continue is known here")
            }
        }
    }
}
