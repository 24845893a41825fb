import Foundation
public import System

/// A socket that others connect to, for tests of those who do.
public final class ListeningSocket: Sendable {
    /// Where it listens.
    public enum Place: Sendable {
        /// A free port of 127.0.0.1.
        case loopback
        /// A free port of ::1.
        case loopback6
        /// A socket file.
        case unix(path: String)
    }

    /// Where to connect to.
    public let address: StreamSocket.Address
    private let descriptor: Int32

    /// Begins to listen; of those who connect, `backlog` are kept until they are accepted.
    public init(_ place: Place, backlog: Int32 = 64) throws {
        let family =
            switch place {
            case .loopback: AF_INET
            case .loopback6: AF_INET6
            case .unix: AF_UNIX
            }
        #if canImport(Darwin)
            descriptor = socket(family, SOCK_STREAM, 0)
        #else
            descriptor = socket(family, Int32(SOCK_STREAM.rawValue), 0)
        #endif
        guard descriptor >= 0 else { throw Self.failure("open a socket for") }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        switch place {
        case .loopback:
            var own = sockaddr_in()
            own.sin_family = sa_family_t(AF_INET)
            own.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            try Self.bind(descriptor, &own)
            address = .tcp(host: "127.0.0.1", port: UInt16(bigEndian: own.sin_port))
        case .loopback6:
            var own = sockaddr_in6()
            own.sin6_family = sa_family_t(AF_INET6)
            own.sin6_addr = in6addr_loopback
            try Self.bind(descriptor, &own)
            address = .tcp(host: "::1", port: UInt16(bigEndian: own.sin6_port))
        case .unix(let path):
            var own = sockaddr_un()
            own.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &own.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
            try Self.bind(descriptor, &own)
            address = .unix(path: path)
        }
        guard listen(descriptor, backlog) == 0 else { throw Self.failure("listen on") }
    }

    deinit { close(descriptor) }

    /// The next who connects, as a descriptor of the caller's; nil after `shutDown`. Blocks.
    public func accept() -> Int32? {
        let accepted = Foundation.accept(descriptor, nil, nil)
        guard accepted >= 0 else { return nil }
        _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
        return accepted
    }

    /// Nobody is accepted any longer.
    public func shutDown() { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// Binds to an address, and replaces it by what it has become.
    private static func bind<Own>(_ descriptor: Int32, _ own: inout Own) throws {
        var size = socklen_t(MemoryLayout<Own>.size)
        let isBound = withUnsafeMutablePointer(to: &own) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                Foundation.bind(descriptor, pointer, size) == 0 && getsockname(descriptor, pointer, &size) == 0
            }
        }
        guard isBound else { throw failure("bind") }
    }

    private static func failure(_ operation: String) -> SystemError {
        SystemError(operation: operation, path: "a listening socket", code: errno)
    }
}
