#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// One connected stream socket, TCP or unix: bytes out, bytes in, and waiting for either, never longer than asked.
///
/// Any thread may use it; it is closed when the last reference goes.
public final class StreamSocket: Sendable {
    /// Where to connect to.
    public enum Address: Sendable, Hashable, CustomStringConvertible {
        /// A host name or an IP address in text, and a port.
        case tcp(host: String, port: UInt16)
        /// The path of a socket file.
        case unix(path: String)

        /// `host:port`, an IPv6 host in brackets; or the path.
        public var description: String {
            switch self {
            case .tcp(let host, let port):
                host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
            case .unix(let path): path
            }
        }
    }

    /// What to wait for.
    public enum Readiness: Sendable {
        /// Bytes have come, or the other side has closed.
        case input
        /// Bytes can be sent.
        case output
        /// Either.
        case inputOrOutput
    }

    private let descriptor: CInt
    private let name: String

    /// Connects to `address`, trying each of the addresses that a host name stands for, for `limit` in all. Blocks.
    public static func connect(_ address: Address, atMost limit: Duration) throws(SystemError) -> StreamSocket {
        let deadline = ContinuousClock.now + limit
        switch address {
        case .unix(let path): return try connect(unix: path, address.description, deadline)
        case .tcp(let host, let port): return try connect(host, port, address.description, deadline)
        }
    }

    private init(_ descriptor: CInt, _ name: String) {
        self.descriptor = descriptor
        self.name = name
    }

    deinit { close(descriptor) }

    /// Sends as many of `bytes` from `start` on as go without waiting; 0 when none do.
    public func send(_ bytes: [UInt8], from start: Int = 0) throws(SystemError) -> Int {
        while true {
            let count = bytes[start...].withUnsafeBytes { sendSome(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 { return count }
            if errno == EINTR { continue }
            guard errno == EAGAIN || errno == EWOULDBLOCK else { throw .last("send to", name) }
            return 0
        }
    }

    /// What `receive` has found.
    public enum Received: Sendable, Equatable {
        /// So many bytes.
        case bytes(Int)
        /// None yet.
        case nothing
        /// The other side has closed.
        case end
    }

    /// Fills `buffer` with what has come, without waiting.
    public func receive(_ buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Received {
        while true {
            let count = receiveSome(descriptor, buffer.baseAddress, buffer.count)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .end }
            if errno == EINTR { continue }
            guard errno == EAGAIN || errno == EWOULDBLOCK else { throw .last("receive from", name) }
            return .nothing
        }
    }

    /// Waits until the socket is ready, at most `limit`; false when the time has passed. Blocks.
    public func wait(for readiness: Readiness, atMost limit: Duration) throws(SystemError) -> Bool {
        var entries = pollfd(fd: descriptor, events: events(of: readiness), revents: 0)
        return try poll(&entries, 1, until: ContinuousClock.now + limit)
    }

    /// Waits until the socket is ready or `waker` wakes, at most `limit`; false when the time has passed. Blocks.
    public func wait(
        for readiness: Readiness, orFor waker: Waker, atMost limit: Duration
    ) throws(SystemError) -> Bool {
        var entries = (
            pollfd(fd: descriptor, events: events(of: readiness), revents: 0),
            pollfd(fd: waker.readEnd, events: Int16(POLLIN), revents: 0)
        )
        let isReady = try withUnsafeMutableBytes(of: &entries) { (bytes) throws(SystemError) in
            try poll(bytes.assumingMemoryBound(to: pollfd.self).baseAddress, 2, until: ContinuousClock.now + limit)
        }
        if entries.1.revents != 0 { waker.rest() }
        return isReady
    }

    /// The places of those of `sockets` that have something to be read, or are closed; waits for one, at most `limit`. Blocks.
    public static func readable(
        _ sockets: [StreamSocket], atMost limit: Duration
    ) throws(SystemError) -> [Int] {
        guard let first = sockets.first else { return [] }
        var entries = sockets.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        guard try first.poll(&entries, nfds_t(entries.count), until: ContinuousClock.now + limit) else { return [] }
        return entries.indices.filter { entries[$0].revents != 0 }
    }

    private func events(of readiness: Readiness) -> Int16 {
        switch readiness {
        case .input: Int16(POLLIN)
        case .output: Int16(POLLOUT)
        case .inputOrOutput: Int16(POLLIN | POLLOUT)
        }
    }

    private func poll(
        _ entries: UnsafeMutablePointer<pollfd>?, _ count: nfds_t, until deadline: ContinuousClock.Instant
    ) throws(SystemError) -> Bool {
        while true {
            let found = pollDescriptors(entries, count, milliseconds(until: deadline))
            if found > 0 { return true }
            if found < 0, errno != EINTR { throw .last("wait for", name) }
            if ContinuousClock.now >= deadline { return false }
        }
    }

    /// Ends the connection in both directions: whoever waits on it returns. The descriptor is closed with the last
    /// reference.
    public func shutDown() { _ = shutdown(descriptor, CInt(SHUT_RDWR)) }

    // MARK: Connecting

    private static func connect(
        unix path: String, _ name: String, _ deadline: ContinuousClock.Instant
    ) throws(SystemError) -> StreamSocket {
        let socket = try withUnixAddress(path) { address, length throws(SystemError) in
            try connect(AF_UNIX, address, length, name, deadline)
        }
        guard let socket else { throw SystemError(operation: "connect to", path: name, code: ENAMETOOLONG) }
        return socket
    }

    private static func connect(
        _ host: String, _ port: UInt16, _ name: String, _ deadline: ContinuousClock.Instant
    ) throws(SystemError) -> StreamSocket {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = streamType
        var found: UnsafeMutablePointer<addrinfo>?
        guard !host.utf8.contains(0), getaddrinfo(host, "\(port)", &hints, &found) == 0, let found else {
            throw SystemError(operation: "find the address of", path: name, code: EHOSTUNREACH)
        }
        defer { freeaddrinfo(found) }
        var failure = SystemError(operation: "connect to", path: name, code: EHOSTUNREACH)
        var next: UnsafeMutablePointer<addrinfo>? = found
        while let entry = next {
            next = entry.pointee.ai_next
            guard let address = entry.pointee.ai_addr else { continue }
            do throws(SystemError) {
                let socket = try connect(
                    entry.pointee.ai_family, address, entry.pointee.ai_addrlen, name, deadline)
                socket.prepareForTCP()
                return socket
            } catch { failure = error }
        }
        throw failure
    }

    private static func connect(
        _ family: CInt, _ address: UnsafePointer<sockaddr>, _ length: socklen_t, _ name: String,
        _ deadline: ContinuousClock.Instant
    ) throws(SystemError) -> StreamSocket {
        let descriptor = openSocket(family)
        guard descriptor >= 0 else { throw .last("open a socket to", name) }
        let socket = StreamSocket(descriptor, name)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        guard fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else { throw .last("prepare a socket to", name) }
        #if canImport(Darwin)
            var on: CInt = 1
            setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<CInt>.size))
        #endif
        if connectSocket(descriptor, address, length) == 0 { return socket }
        // A unix socket whose backlog is full answers EAGAIN; that is no connection.
        guard errno == EINPROGRESS else { throw .last("connect to", name) }
        guard try socket.wait(for: .output, atMost: deadline - .now) else {
            throw SystemError(operation: "connect to", path: name, code: ETIMEDOUT)
        }
        var code: CInt = 0
        var size = socklen_t(MemoryLayout<CInt>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 else { throw .last("connect to", name) }
        guard code == 0 else { throw SystemError(operation: "connect to", path: name, code: code) }
        return socket
    }

    private func prepareForTCP() {
        var on: CInt = 1
        let size = socklen_t(MemoryLayout<CInt>.size)
        setsockopt(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &on, size)
        setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, size)
    }
}

/// Whole milliseconds until `deadline`, rounded up, as `poll` takes them.
private func milliseconds(until deadline: ContinuousClock.Instant) -> CInt {
    let left = max(.zero, deadline - .now)
    let (seconds, attoseconds) = left.components
    guard seconds < 1_000_000 else { return 1_000_000_000 }
    return CInt(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
}
