import CCurl
public import Crypto
public import System

/// What a server has answered.
public struct WebAnswer: Sendable {
    /// The status.
    public let status: Int
    /// Names in lower case, and values.
    public let fields: [(name: String, value: String)]
    /// The content; empty where it went into a file.
    public let body: [UInt8]

    /// The value of a field, whose name is in lower case; nil where it is not there, or more than once.
    public func field(_ name: StaticString) -> String? {
        let name = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        let found = fields.filter { $0.name.utf8.elementsEqual(name) }
        return found.count == 1 ? found[0].value : nil
    }
}

/// Asks one server, over one connection, one request after another.
public actor WebClient {
    private let executor = BlockingExecutor("web-client")
    /// See `BlockingExecutor`.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// The server.
    public nonisolated let server: ServerAddress
    private let key: SecretBytes?
    private let authority: String?
    private let agent: String
    private let handle = Handle()

    /// A client of `server`.
    ///
    /// - Parameters:
    ///   - key: an API key; nil where the path is proof enough.
    ///   - authority: the path of a PEM file with the certificate of the server's authority; nil for the system's.
    ///   - allowingPlain: whether the key may travel in plain to another machine.
    public init(
        _ server: ServerAddress, key: SecretBytes?, authority: String? = nil, agent: String,
        allowingPlain: Bool = false
    ) throws(WebError) {
        guard server.isSecure || server.isLocal || allowingPlain else { throw .notEncrypted(server) }
        self.server = server
        self.key = key
        self.authority = authority
        self.agent = agent
    }

    /// One request and its answer, in memory.
    ///
    /// - Parameters:
    ///   - path: with its query, as it goes out.
    ///   - fields: `Name: value`.
    public func ask(
        _ method: String, _ path: String, fields: [String] = [], body: [UInt8]? = nil
    ) throws(WebError) -> WebAnswer {
        try perform(method, path, fields, body, Sink(.memory))
    }

    /// GETs a content into `file` from `offset` on, where it goes on; `progress` is told of bytes there and in all.
    ///
    /// An answer that is no content comes back in memory.
    public func fetch(
        _ path: String, into file: File, from offset: Int64 = 0, progress: @escaping @Sendable (Int64, Int64) -> Void
    ) throws(WebError) -> WebAnswer {
        let fields = offset > 0 ? ["Range: bytes=\(offset)-"] : []
        return try perform("GET", path, fields, nil, Sink(.file(file, offset: offset, progress)))
    }

    private func perform(
        _ method: String, _ path: String, _ fields: [String], _ body: [UInt8]?, _ sink: Sink
    ) throws(WebError) -> WebAnswer {
        let curl = handle.raw
        curl_easy_reset(curl)
        var list: UnsafeMutablePointer<curl_slist>?
        defer { curl_slist_free_all(list) }
        for field in fields { list = curl_slist_append(list, field) }
        if let key {
            // The list's copy lives until the request is over.
            list = curl_slist_append(list, "Authorization: Bearer " + String(decoding: key.copyBytes(), as: UTF8.self))
        }
        // Neither is asked of this server.
        for field in ["Expect:", "Accept: application/json"] { list = curl_slist_append(list, field) }
        if body != nil { list = curl_slist_append(list, "Content-Type: application/json") }
        ccurl_set_fields(curl, list)
        ccurl_set_pointer(curl, CURLOPT_URL, server.description + path)
        ccurl_set_pointer(curl, CURLOPT_CUSTOMREQUEST, method)
        if method == "HEAD" { ccurl_set_number(curl, CURLOPT_NOBODY, 1) }
        ccurl_set_pointer(curl, CURLOPT_PROTOCOLS_STR, server.isSecure ? "https" : "http")
        ccurl_set_pointer(curl, CURLOPT_USERAGENT, agent)
        // The environment's proxies are not asked for here.
        ccurl_set_pointer(curl, CURLOPT_PROXY, "")
        if let authority { ccurl_set_pointer(curl, CURLOPT_CAINFO, authority) }
        ccurl_set_number(curl, CURLOPT_NOSIGNAL, 1)
        ccurl_set_number(curl, CURLOPT_CONNECTTIMEOUT, 10)
        ccurl_set_number(curl, CURLOPT_LOW_SPEED_LIMIT, 1)
        ccurl_set_number(curl, CURLOPT_LOW_SPEED_TIME, 60)
        if let body {
            ccurl_set_size(curl, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count))
            body.withUnsafeBytes { _ = ccurl_set_pointer(curl, CURLOPT_COPYPOSTFIELDS, $0.baseAddress) }
        }
        let context = Unmanaged.passUnretained(sink).toOpaque()
        ccurl_set_callback(curl, CURLOPT_HEADERFUNCTION, takeHead)
        ccurl_set_pointer(curl, CURLOPT_HEADERDATA, context)
        ccurl_set_callback(curl, CURLOPT_WRITEFUNCTION, takeBody)
        ccurl_set_pointer(curl, CURLOPT_WRITEDATA, context)
        let code = withExtendedLifetime(sink) { curl_easy_perform(curl) }
        // What was set points to what ends here.
        curl_easy_reset(curl)
        if let failure = sink.failure { throw failure }
        guard code == CURLE_OK else { throw Self.error(code, server) }
        return WebAnswer(status: sink.status, fields: sink.fields, body: sink.body)
    }

    private static func error(_ code: CURLcode, _ server: ServerAddress) -> WebError {
        let detail = "\(server): \(String(cString: curl_easy_strerror(code)))"
        switch code {
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CIPHER,
            CURLE_SSL_ISSUER_ERROR:
            return .notTrusted(detail: detail)
        case CURLE_PARTIAL_FILE, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_GOT_NOTHING, CURLE_HTTP2:
            return .cut(detail: detail)
        default: return .unreachable(detail: detail)
        }
    }

    /// A handle of the library, used by one actor only.
    private final class Handle {
        let raw: UnsafeMutableRawPointer?

        init() {
            _ = Self.isReady
            raw = curl_easy_init()
        }

        deinit { curl_easy_cleanup(raw) }

        /// The library's own beginning, once in a process.
        private static let isReady = curl_global_init(3) == CURLE_OK
    }
}

/// Where an answer goes while it comes.
private final class Sink {
    enum Place {
        case memory
        case file(File, offset: Int64, @Sendable (Int64, Int64) -> Void)
    }

    private static let mostHead = 64 * 1024
    private static let mostBody = 64 << 20

    private(set) var status = 0
    private(set) var fields: [(name: String, value: String)] = []
    private(set) var body: [UInt8] = []
    private(set) var failure: WebError?
    private let place: Place
    private var headSize = 0
    /// The next byte's place in the file, and the content's size.
    private var position: Int64
    private var total: Int64 = 0

    init(_ place: Place) {
        self.place = place
        if case .file(_, let offset, _) = place { position = offset } else { position = 0 }
    }

    /// A line of the head.
    func take(line: UnsafeRawBufferPointer) -> Bool {
        headSize += line.count
        guard headSize <= Self.mostHead else {
            failure = .tooLong(limit: Self.mostHead)
            return false
        }
        let text = line.filter { $0 >= 0x20 && $0 != 0x7F }
        if text.starts(with: "HTTP/".utf8) {
            // What came before was not the answer: 100 Continue.
            let words = text.split(separator: 0x20)
            status = words.count > 1 ? Int(String(decoding: words[1], as: UTF8.self)) ?? 0 : 0
            fields = []
        } else if let colon = text.firstIndex(of: UInt8(ascii: ":")) {
            let name = text[..<colon].map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
            let value = text[(colon + 1)...].drop { $0 == 0x20 }
            fields.append((String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self)))
        }
        return true
    }

    /// A piece of the content.
    func take(piece: UnsafeRawBufferPointer) -> Bool {
        if case .file(let file, _, let progress) = place, status == 200 || status == 206 {
            if total == 0 { begin() }
            do throws(SystemError) {
                try file.write(Array(piece), at: position)
            } catch {
                failure = .disk(error)
                return false
            }
            position += Int64(piece.count)
            progress(position, total)
            return true
        }
        guard body.count + piece.count <= Self.mostBody else {
            failure = .tooLong(limit: Self.mostBody)
            return false
        }
        body += piece
        return true
    }

    /// Where the content begins, and how long it is.
    private func begin() {
        // A length alone, or behind the range that was sent.
        func size(_ name: String) -> Int64? {
            guard let value = fields.first(where: { $0.name.utf8.elementsEqual(name.utf8) })?.value else { return nil }
            let digits = value.utf8.split(separator: UInt8(ascii: "/")).last.map(Array.init) ?? []
            return Int64(String(decoding: digits, as: UTF8.self))
        }
        // All of it, whatever was asked for.
        if status == 200 { position = 0 }
        total = size(status == 200 ? "content-length" : "content-range") ?? -1
    }
}

private func takeHead(
    _ data: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    hand(data, size * count, context) { $0.take(line: $1) }
}

private func takeBody(
    _ data: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    hand(data, size * count, context) { $0.take(piece: $1) }
}

/// Hands bytes to the sink; fewer than there are end the transfer.
private func hand(
    _ data: UnsafeMutablePointer<CChar>?, _ size: Int, _ context: UnsafeMutableRawPointer?,
    _ take: (Sink, UnsafeRawBufferPointer) -> Bool
) -> Int {
    guard let context else { return 0 }
    let sink = Unmanaged<Sink>.fromOpaque(context).takeUnretainedValue()
    return take(sink, UnsafeRawBufferPointer(start: data, count: size)) ? size : 0
}
