import System

/// Requests over many connections, sent and read by one thread, so that little is measured of the client.
///
/// Only what this server answers is understood: a head, and a body of known length or a stream.
final class HTTPLoad {
    /// Whom to ask, and as whom.
    struct Target: Sendable {
        let address: StreamSocket.Address
        let key: String

        /// The bytes of a request; `body` is JSON.
        func request(_ method: String, _ path: String, fields: [String] = [], body: String? = nil) -> [UInt8] {
            var text = "\(method) \(path) HTTP/1.1\r\nHost: \(address)\r\nAuthorization: Bearer \(key)\r\n"
            for field in fields { text += field + "\r\n" }
            if let body { text += "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n" }
            return Array((text + "\r\n" + (body ?? "")).utf8)
        }
    }

    /// What went wrong.
    struct Trouble: Error, CustomStringConvertible { let description: String }

    /// An answer: its status, its head and its body.
    struct Answer {
        let status: Int
        let head: ArraySlice<UInt8>
        let body: ArraySlice<UInt8>

        /// The value of a field by its name with the colon, in this server's spelling.
        func field(_ name: String) -> String? {
            for line in head.split(separator: 0x0A) where line.starts(with: name.utf8) {
                let value = line.dropFirst(name.utf8.count)
                return String(decoding: value.filter { $0 > 0x20 && $0 < 0x7F }, as: UTF8.self)
            }
            return nil
        }
    }

    /// One connection.
    final class Line {
        let socket: StreamSocket
        /// What has come and was not taken.
        var received: [UInt8] = []
        /// When the answer that is awaited was asked for, or should have been.
        var asked: UInt64 = 0

        init(_ address: StreamSocket.Address) throws {
            socket = try .connect(address, atMost: .seconds(10))
        }

        func send(_ bytes: [UInt8]) throws {
            var sent = 0
            while sent < bytes.count {
                sent += try socket.send(bytes, from: sent)
                if sent < bytes.count { _ = try socket.wait(for: .output, atMost: .seconds(10)) }
            }
        }

        /// Takes in what has come.
        func receive(into buffer: UnsafeMutableRawBufferPointer) throws {
            while true {
                switch try socket.receive(buffer) {
                case .bytes(let count):
                    received += buffer[0..<count]
                    if count < buffer.count { return }
                case .nothing: return
                case .end: throw Trouble(description: "the server has closed a connection")
                }
            }
        }

        /// The next answer, if all of it is there.
        func answer() throws -> Answer? {
            guard let end = received.firstRange(of: [0x0D, 0x0A, 0x0D, 0x0A]) else { return nil }
            let head = received[..<end.lowerBound]
            let words = head.prefix(16).split(separator: 0x20)
            guard words.count > 1, let status = Int(String(decoding: words[1], as: UTF8.self)) else {
                throw Trouble(description: "an answer has no status")
            }
            let whole = Answer(status: status, head: head, body: [])
            let length = status == 304 || status == 204 ? 0 : Int(whole.field("Content-Length:") ?? "") ?? 0
            guard received.count >= end.upperBound + length else { return nil }
            let answer = Answer(
                status: status, head: head, body: received[end.upperBound..<(end.upperBound + length)])
            received.removeFirst(end.upperBound + length)
            return answer
        }
    }

    let target: Target
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 16)

    init(_ target: Target) { self.target = target }

    deinit { buffer.deallocate() }

    /// Connections that are open.
    func open(_ count: Int) throws -> [Line] { try (0..<count).map { _ in try Line(target.address) } }

    /// Reads what has come on some of `lines`, waiting at most `limit`; those that have read something.
    func read(_ lines: [Line], atMost limit: Duration) throws -> [Line] {
        let ready = try StreamSocket.readable(lines.map(\.socket), atMost: limit).map { lines[$0] }
        for line in ready { try line.receive(into: buffer) }
        return ready
    }

    /// One request and its answer.
    func ask(_ line: Line, _ request: [UInt8]) throws -> Answer {
        try line.send(request)
        while true {
            if let answer = try line.answer() { return answer }
            guard try !read([line], atMost: .seconds(30)).isEmpty else {
                throw Trouble(description: "the server does not answer")
            }
        }
    }

    /// Asks over all `lines` at once, each again as soon as it has its answer, for a while; requests a second.
    func race(_ lines: [Line], for duration: Duration, status: Int, _ next: () -> [UInt8]) throws -> Double {
        for line in lines { try line.send(next()) }
        let start = MonotonicClock.nanoseconds()
        let end = start + nanoseconds(duration)
        var count = 0
        while MonotonicClock.nanoseconds() < end {
            for line in try read(lines, atMost: .seconds(10)) {
                guard let answer = try line.answer() else { continue }
                guard answer.status == status else {
                    throw Trouble(description: "expected \(status): \(String(decoding: answer.body, as: UTF8.self))")
                }
                count += 1
                try line.send(next())
            }
        }
        return Double(count) / (Double(MonotonicClock.nanoseconds() - start) / 1e9)
    }
}

/// A duration as the clock counts; a negative one as none.
func nanoseconds(_ duration: Duration) -> UInt64 {
    let (seconds, attoseconds) = duration.components
    return UInt64(max(0, seconds)) * 1_000_000_000 + UInt64(max(0, attoseconds / 1_000_000_000))
}
