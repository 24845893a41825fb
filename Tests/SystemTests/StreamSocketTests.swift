import Foundation
import System
import TestSupport
import Testing

/// What a `StreamSocket` promises, against a plain listener of this process.
@Suite struct StreamSocketTests {
    @Test("bytes go both ways over TCP with either kind of address, by a host's name, and over a socket file")
    func bothWays() throws {
        try withSocketPath { path in
            for place in [ListeningSocket.Place.loopback, .loopback6, .unix(path: path)] {
                let listener = try ListeningSocket(place)
                try converse(listener, by: listener.address)
            }
            let listener = try ListeningSocket(.loopback)
            guard case .tcp(_, let port) = listener.address else { return }
            try converse(listener, by: .tcp(host: "localhost", port: port))
        }
    }

    private func converse(_ listener: ListeningSocket, by address: StreamSocket.Address) throws {
        let socket = try StreamSocket.connect(address, atMost: .seconds(5))
        let peer = try Peer(listener)
        #expect(try socket.wait(for: .output, atMost: .seconds(5)))
        #expect(try socket.send(Array("xhello".utf8), from: 1) == 5)
        #expect(peer.read(5) == Array("hello".utf8))
        #expect(try socket.receiveSome() == nil, "nothing has come yet")
        peer.write(Array("answer".utf8))
        #expect(try socket.wait(for: .input, atMost: .seconds(5)))
        #expect(try socket.receiveSome() == Array("answer".utf8))
    }

    @Test("where nobody listens the error says so, and names the address")
    func refused() throws {
        try withSocketPath { path in
            let listener = try ListeningSocket(.unix(path: path))
            listener.shutDown()
            #expect(throws: SystemError(operation: "connect to", path: path, code: ECONNREFUSED)) {
                try StreamSocket.connect(.unix(path: path), atMost: .seconds(5))
            }
            #expect(throws: SystemError(operation: "connect to", path: path + "x", code: ENOENT)) {
                try StreamSocket.connect(.unix(path: path + "x"), atMost: .seconds(5))
            }
        }
        var free: StreamSocket.Address?
        do { free = try ListeningSocket(.loopback6).address }
        let address = try #require(free)
        #expect(throws: SystemError(operation: "connect to", path: address.description, code: ECONNREFUSED)) {
            try StreamSocket.connect(address, atMost: .seconds(5))
        }
    }

    @Test("a path that is too long, empty or has a zero byte is refused, and so is a host's name that means nothing")
    func badAddresses() {
        for path in ["/tmp/" + String(repeating: "x", count: 200), "", "/tmp/a\0b"] {
            #expect(throws: SystemError(operation: "connect to", path: path, code: ENAMETOOLONG)) {
                try StreamSocket.connect(.unix(path: path), atMost: .seconds(5))
            }
        }
        for host in ["name.invalid", "a\0b", "256.1.1.1.1"] {
            #expect(throws: SystemError.self) {
                try StreamSocket.connect(.tcp(host: host, port: 1), atMost: .seconds(5))
            }
        }
    }

    @Test("to connect takes no longer than is asked for")
    func connectTimeout() throws {
        let listener = try ListeningSocket(.loopback, backlog: 0)
        // Nobody accepts: once the backlog is full, who connects waits.
        var kept: [StreamSocket] = []
        var failure: SystemError?
        let start = ContinuousClock.now
        while kept.count < 16, failure == nil {
            do throws(SystemError) {
                kept.append(try StreamSocket.connect(listener.address, atMost: .milliseconds(50)))
            } catch { failure = error }
        }
        #expect(failure?.code == ETIMEDOUT)
        #expect(ContinuousClock.now - start < .seconds(30))
    }

    @Test("a wait ends without anything when its time has passed, and not earlier")
    func waitTimeout() throws {
        let listener = try ListeningSocket(.loopback)
        let socket = try StreamSocket.connect(listener.address, atMost: .seconds(5))
        let start = ContinuousClock.now
        #expect(try !socket.wait(for: .input, atMost: .milliseconds(30)))
        #expect(ContinuousClock.now - start >= .milliseconds(30))
        #expect(try !socket.wait(for: .input, atMost: .zero))
        #expect(try !socket.wait(for: .input, atMost: .seconds(-5)))
    }

    @Test("another thread ends a wait by the waker, or by shutting the socket down")
    func ended() async throws {
        let listener = try ListeningSocket(.loopback)
        let socket = try StreamSocket.connect(listener.address, atMost: .seconds(5))
        let waker = try Waker()
        waker.wake()
        waker.wake()
        #expect(try socket.wait(for: .input, orFor: waker, atMost: .seconds(60)), "it was woken before")
        #expect(try !socket.wait(for: .input, orFor: waker, atMost: .zero), "both are forgotten")
        async let isWoken = concurrently(1) { _ in
            (try? socket.wait(for: .input, orFor: waker, atMost: .seconds(60))) == true
        }
        waker.wake()
        #expect(await isWoken == 1)
        async let isShutDown = concurrently(1) { _ in (try? socket.wait(for: .input, atMost: .seconds(60))) == true }
        socket.shutDown()
        #expect(await isShutDown == 1)
    }

    @Test("the other side's end is told after its last bytes")
    func peerEnds() throws {
        let listener = try ListeningSocket(.loopback)
        let socket = try StreamSocket.connect(listener.address, atMost: .seconds(5))
        do {
            let peer = try Peer(listener)
            peer.write(Array("bye".utf8))
        }
        #expect(try socket.wait(for: .input, atMost: .seconds(5)))
        #expect(try socket.receiveSome() == Array("bye".utf8))
        #expect(try socket.wait(for: .input, atMost: .seconds(5)))
        #expect(try socket.receiveSome() == [])
    }

    @Test("to send to one who has gone is an error, and no signal ends the process")
    func brokenPipe() async {
        // A process of its own: the signal is set for all threads, and others here write to pipes at the same time.
        await #expect(processExitsWith: .success) {
            signal(SIGPIPE, SIG_DFL)
            try withSocketPath { path in
                for place in [ListeningSocket.Place.loopback, .unix(path: path)] {
                    let listener = try ListeningSocket(place)
                    let socket = try StreamSocket.connect(listener.address, atMost: .seconds(5))
                    do { _ = try Peer(listener) }
                    #expect(throws: SystemError.self) {
                        for _ in 0..<1000 {
                            _ = try socket.send([1, 2, 3])
                            _ = try socket.wait(for: .output, atMost: .milliseconds(10))
                        }
                    }
                }
            }
        }
    }

    @Test("of more than fits, a part is sent, and the rest once the other side has read")
    func partial() throws {
        try withSocketPath { path in
            let listener = try ListeningSocket(.unix(path: path))
            let socket = try StreamSocket.connect(listener.address, atMost: .seconds(5))
            let peer = try Peer(listener)
            let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            var sent = try socket.send(bytes)
            #expect(sent > 0 && sent < bytes.count)
            #expect(try socket.send(bytes, from: sent) == 0)
            #expect(try !socket.wait(for: .output, atMost: .zero))
            var received: [UInt8] = []
            while received.count < bytes.count {
                received += peer.read(min(100_000, sent - received.count))
                guard try socket.wait(for: .output, atMost: .zero) else { continue }
                sent += try socket.send(bytes, from: sent)
            }
            #expect(received == bytes)
        }
    }
}

/// A fresh place for a unix socket, gone afterwards.
private func withSocketPath(_ body: (String) throws -> Void) throws {
    let folder = NSTemporaryDirectory() + "pkgmill-test-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }  // tidiness only
    try body(folder + "/socket")
}

extension StreamSocket {
    /// What has come; empty at the end, nil when nothing has.
    fileprivate func receiveSome() throws(SystemError) -> [UInt8]? {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 100, alignment: 1)
        defer { buffer.deallocate() }
        switch try receive(buffer) {
        case .bytes(let count): return Array(buffer[..<count])
        case .nothing: return nil
        case .end: return []
        }
    }
}

/// The other side, which blocks.
private final class Peer {
    private let descriptor: Int32

    init(_ listener: ListeningSocket) throws { descriptor = try #require(listener.accept()) }

    deinit { close(descriptor) }

    func read(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let found = recv(descriptor, &bytes, count, Int32(MSG_WAITALL))
        return Array(bytes.prefix(max(0, found)))
    }

    func write(_ bytes: [UInt8]) { _ = send(descriptor, bytes, bytes.count, 0) }
}
