import Foundation
import HTTP
import Synchronization
import System
import TestSupport
import Testing

/// A client that sends whatever bytes it is told to.
final class RawClient: Sendable {
    private let socket: StreamSocket
    private let received = Mutex<[UInt8]>([])

    init(_ server: TestServer) throws { socket = try StreamSocket.connect(server.address, atMost: .seconds(10)) }

    /// Sends all bytes; false where the server has closed.
    @discardableResult
    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// Sends all bytes; false where the server has closed, or takes nothing for a while.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            guard let count = try? socket.send(bytes, from: sent) else { return false }
            sent += count
            if count == 0, (try? socket.wait(for: .output, atMost: .seconds(30))) != true { return false }
        }
        return true
    }

    /// Everything until the server closes; nil where it does not.
    func readToEnd(within limit: Duration = .seconds(300)) throws -> String? {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            if try receive(until: end) { return String(decoding: received.withLock { $0 }, as: UTF8.self) }
        }
        return nil
    }

    /// Reads until what has come holds `count` times `text`; what has come by then.
    func read(until text: String, count: Int = 1, within limit: Duration = .seconds(300)) throws -> String {
        let end = ContinuousClock.now + limit
        while true {
            let all = String(decoding: received.withLock { $0 }, as: UTF8.self)
            if all.components(separatedBy: text).count > count { return all }
            if ContinuousClock.now >= end { return all }
            if try receive(until: end) { return String(decoding: received.withLock { $0 }, as: UTF8.self) }
        }
    }

    /// Forgets what has come.
    func forget() { received.withLock { $0 = [] } }

    func close() { socket.shutDown() }

    /// Takes in what comes next; true at the end.
    private func receive(until end: ContinuousClock.Instant) throws -> Bool {
        guard try socket.wait(for: .input, atMost: max(.zero, end - .now)) else { return false }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 1)
        defer { buffer.deallocate() }
        // A connection that was reset has ended as well.
        guard let result = try? socket.receive(buffer) else { return true }
        switch result {
        case .bytes(let count): received.withLock { $0 += UnsafeRawBufferPointer(rebasing: buffer[..<count]) }
        case .nothing: break
        case .end: return true
        }
        return false
    }
}

/// A server for a test, on a port of its own.
final class TestServer: Sendable {
    let server: HTTPServer
    let handler: TestHandler
    let records = Mutex<[AccessRecord]>([])
    let address: StreamSocket.Address

    /// Runs `body` beside a server that answers as `answer` says, and ends it.
    static func run(
        settings: HTTPServer.Settings = HTTPServer.Settings(), identity: HTTPServer.Identity? = nil,
        bodyLimit: Int = 1 << 20, bodyPlace: @escaping @Sendable () -> BodyPlace = { .memory },
        at address: StreamSocket.Address = .tcp(host: "127.0.0.1", port: 0),
        answer: @escaping @Sendable (HTTPRequest) -> HTTPAnswer = { .now(HTTPResponse(.ok, text: $0.target.pathText)) },
        _ body: (TestServer) async throws -> Void
    ) async throws {
        let test = try TestServer(
            settings, identity, TestHandler(bodyLimit: bodyLimit, bodyPlace: bodyPlace, answer: answer), address)
        // Clients block, and answers that come later need the threads that all tests share.
        let result: Result<Void, any Error>
        do { result = .success(try await onOwnThreads { try await body(test) }) } catch { result = .failure(error) }
        await test.server.stop(within: .milliseconds(200))
        try result.get()
    }

    private init(
        _ settings: HTTPServer.Settings, _ identity: HTTPServer.Identity?, _ handler: TestHandler,
        _ address: StreamSocket.Address
    ) throws {
        let listener = try StreamListener(address)
        self.address = listener.address
        self.handler = handler
        let relay = Relay()
        server = try HTTPServer.start(
            listener, settings: settings, identity: identity, handler: handler, log: { relay.pass($0) })
        relay.set { [weak self] record in self?.records.withLock { $0.append(record) } }
    }

    /// `http://HOST:PORT`.
    var url: String { "http://\(address)" }
}

/// Who is told of requests is known only once the server runs.
private final class Relay: Sendable {
    private let target = Mutex<(@Sendable (AccessRecord) -> Void)?>(nil)

    func set(_ call: @escaping @Sendable (AccessRecord) -> Void) { target.withLock { $0 = call } }

    func pass(_ record: AccessRecord) { target.withLock { $0 }?(record) }
}

/// Answers what a test says, and remembers what it was asked.
final class TestHandler: HTTPHandler {
    private let bodyLimit: Int
    private let bodyPlace: @Sendable () -> BodyPlace
    private let make: @Sendable (HTTPRequest) -> HTTPAnswer
    private let asked = Mutex<[HTTPRequest]>([])

    init(
        bodyLimit: Int, bodyPlace: @escaping @Sendable () -> BodyPlace,
        answer: @escaping @Sendable (HTTPRequest) -> HTTPAnswer
    ) {
        self.bodyLimit = bodyLimit
        self.bodyPlace = bodyPlace
        make = answer
    }

    /// All requests that were to be answered.
    var requests: [HTTPRequest] { asked.withLock { $0 } }

    func admit(_ request: HTTPRequest) -> HTTPAdmission {
        .taken(upTo: bodyLimit, into: bodyPlace()) { self.answer($0) }
    }

    private func answer(_ request: HTTPRequest) -> HTTPAnswer {
        asked.withLock { $0.append(request) }
        return make(request)
    }

    func refuse(_ problem: Problem, trace: TraceContext?) -> HTTPResponse { problem.response(trace: trace) }
}
