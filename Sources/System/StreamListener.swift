#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// A socket on which others connect. It takes nothing in by itself; whoever serves it does.
public final class StreamListener: Sendable {
    /// Where it listens; with the port that the system has chosen, where it was asked to.
    public let address: StreamSocket.Address
    /// The descriptor, owned by this object.
    package let descriptor: CInt

    /// Listens at an address: port 0 lets the system choose one; a socket file is made, in the place of one that nobody
    /// listens at.
    public init(_ address: StreamSocket.Address) throws(SystemError) {
        switch address {
        case .tcp(let host, let port):
            (descriptor, self.address) = try Self.listen(host, port, address.description)
        case .unix(let path):
            descriptor = try Self.listen(path)
            self.address = address
        }
    }

    deinit {
        close(descriptor)
        if case .unix(let path) = address { unlink(path) }
    }

    private static var backlog: CInt { 4096 }

    private static func listen(
        _ host: String, _ port: UInt16, _ name: String
    ) throws(SystemError) -> (CInt, StreamSocket.Address) {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = streamType
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &found)
        guard code == 0, let found else {
            throw SystemError(operation: "look up", path: name, code: code == EAI_SYSTEM ? errno : ENOENT)
        }
        defer { freeaddrinfo(found) }
        let info = found.pointee
        let descriptor = try open(info.ai_family, name)
        do throws(SystemError) {
            var on: CInt = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<CInt>.size))
            guard bind(descriptor, info.ai_addr, info.ai_addrlen) == 0 else { throw .last("listen at", name) }
            try start(descriptor, name)
            return (descriptor, .tcp(host: host, port: try chosenPort(descriptor, name)))
        } catch {
            close(descriptor)
            throw error
        }
    }

    private static func listen(_ path: String) throws(SystemError) -> CInt {
        let descriptor = try open(AF_UNIX, path)
        do throws(SystemError) {
            if try !isDone(at: path, { bind(descriptor, $0, $1) }) {
                guard errno == EADDRINUSE else { throw .last("listen at", path) }
                // The file of one who has gone is in nobody's way.
                let probe = try open(AF_UNIX, path)
                defer { close(probe) }
                guard try !isDone(at: path, { connect(probe, $0, $1) }), errno == ECONNREFUSED, unlink(path) == 0 else {
                    throw SystemError(operation: "listen at", path: path, code: EADDRINUSE)
                }
                guard try isDone(at: path, { bind(descriptor, $0, $1) }) else { throw .last("listen at", path) }
            }
            try start(descriptor, path)
            return descriptor
        } catch {
            close(descriptor)
            throw error
        }
    }

    private static func isDone(
        at path: String, _ call: (UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) throws(SystemError) -> Bool {
        guard let result = withUnixAddress(path, call) else {
            throw SystemError(operation: "listen at", path: path, code: ENAMETOOLONG)
        }
        return result == 0
    }

    private static func open(_ family: CInt, _ name: String) throws(SystemError) -> CInt {
        let descriptor = openSocket(family)
        guard descriptor >= 0 else { throw .last("make a socket for", name) }
        guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0,
            fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) == 0
        else {
            let error = SystemError.last("set up a socket for", name)
            close(descriptor)
            throw error
        }
        return descriptor
    }

    private static func start(_ descriptor: CInt, _ name: String) throws(SystemError) {
        #if canImport(Darwin)
            let result = Darwin.listen(descriptor, backlog)
        #else
            let result = Glibc.listen(descriptor, backlog)
        #endif
        guard result == 0 else { throw .last("listen at", name) }
    }

    private static func chosenPort(_ descriptor: CInt, _ name: String) throws(SystemError) -> UInt16 {
        var address = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
        }
        guard result == 0 else { throw .last("look at the socket of", name) }
        return withUnsafeBytes(of: &address) { bytes in
            // The port is at the same place in both families.
            UInt16(bytes[2]) << 8 | UInt16(bytes[3])
        }
    }
}

/// A descriptor that is some C library's, and what is done with it besides.
package enum ForeignDescriptor {
    /// Another descriptor for the same open file, which no child inherits; negative where there is none left.
    package static func duplicate(_ descriptor: CInt) -> CInt { fcntl(descriptor, F_DUPFD_CLOEXEC, 0) }

    /// Ends a connection in both directions; whoever owns the descriptor sees it.
    package static func shutDown(_ descriptor: CInt) { _ = shutdown(descriptor, CInt(SHUT_RDWR)) }

    /// Closes it.
    package static func close(_ descriptor: CInt) {
        #if canImport(Darwin)
            _ = Darwin.close(descriptor)
        #else
            _ = Glibc.close(descriptor)
        #endif
    }

    /// The address that a text spells, in the one spelling that `text(ofAddress:)` has; nil for what is none.
    package static func address(in text: [UInt8]) -> [UInt8]? {
        guard (2..<Int(INET6_ADDRSTRLEN)).contains(text.count), !text.contains(0) else { return nil }
        let characters = text.map { CChar(bitPattern: $0) } + [0]
        var storage = sockaddr_storage()
        return withUnsafeMutableBytes(of: &storage) { bytes -> [UInt8]? in
            guard let base = bytes.baseAddress else { return nil }
            var four = in_addr()
            var six = in6_addr()
            if inet_pton(AF_INET, characters, &four) == 1 {
                var address = sockaddr_in()
                address.sin_family = sa_family_t(AF_INET)
                address.sin_addr = four
                bytes.storeBytes(of: address, as: sockaddr_in.self)
            } else if inet_pton(AF_INET6, characters, &six) == 1 {
                var address = sockaddr_in6()
                address.sin6_family = sa_family_t(AF_INET6)
                address.sin6_addr = six
                bytes.storeBytes(of: address, as: sockaddr_in6.self)
            } else {
                return nil
            }
            return self.text(ofAddress: base)
        }
    }

    /// The text of a `sockaddr`; nil for a unix socket. An IPv4 address in IPv6's clothes is told as what it is.
    package static func text(ofAddress address: UnsafeRawPointer?) -> [UInt8]? {
        guard let address else { return nil }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let isText: Bool
        switch CInt(address.loadUnaligned(as: sockaddr.self).sa_family) {
        case AF_INET:
            var number = address.loadUnaligned(as: sockaddr_in.self).sin_addr
            isText = inet_ntop(AF_INET, &number, &text, socklen_t(INET6_ADDRSTRLEN)) != nil
        case AF_INET6:
            var number = address.loadUnaligned(as: sockaddr_in6.self).sin6_addr
            isText = inet_ntop(AF_INET6, &number, &text, socklen_t(INET6_ADDRSTRLEN)) != nil
        default: return nil
        }
        guard isText else { return nil }
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let isMapped = bytes.starts(with: "::ffff:".utf8) && bytes.contains(UInt8(ascii: "."))
        return isMapped ? Array(bytes.dropFirst(7)) : bytes
    }
}
