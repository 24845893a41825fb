import Foundation
import Synchronization
public import System

/// Stands between a client and a server, and does to their bytes what networks do.
public final class RedisProxy: Sendable {
    /// What happens to what the server says.
    public enum Fault: Sendable, Equatable {
        /// It arrives.
        case none
        /// It arrives so much later.
        case delay(milliseconds: Int)
        /// After so many of its bytes from now on the connection is cut.
        case cut(afterBytes: Int)
        /// The same, and then all is well again.
        case cutOnce(afterBytes: Int)
        /// So many of its answers arrive; the next one does not, and its connection is cut. Then all is well again.
        case loseOne(after: Int)
        /// It does not arrive: the server has done what it was asked, and nobody learns of it.
        case swallow
        /// Nothing arrives on either side, and nobody is told: the network is parted. What was sent meanwhile arrives when
        /// it is whole again.
        case hold
        /// It arrives with these bytes in the place of those, as many.
        case rewrite([UInt8], [UInt8])
        /// This arrives in its place.
        case replace([UInt8])
        /// Who connects is cut off at once.
        case refuse
    }

    /// Where to connect.
    public var address: StreamSocket.Address { listener.address }
    private let listener: ListeningSocket
    private let server: StreamSocket.Address
    private let state = Mutex(State())

    private struct State {
        var fault = Fault.none
        var open: Set<Int32> = []
        var accepted = 0
        var isEnded = false
    }

    /// A proxy before `server`, on a port of the loopback address.
    public init(to server: StreamSocket.Address) throws {
        self.server = server
        listener = try ListeningSocket(.loopback)
        Thread.detachNewThread { [listener, weak self] in
            while let client = listener.accept() {
                guard let self else { close(client); return }
                self.take(client)
            }
        }
    }

    deinit {
        listener.shutDown()
        state.withLock { $0.isEnded = true }
        cutAll()
    }

    /// What happens from now on.
    public var fault: Fault {
        get { state.withLock { $0.fault } }
        set { state.withLock { $0.fault = newValue } }
    }

    /// How many have connected so far.
    public var acceptedCount: Int { state.withLock { $0.accepted } }

    /// Cuts every connection that there is.
    public func cutAll() { state.withLock { for client in $0.open { _ = shutdown(client, Int32(SHUT_RDWR)) } } }

    private func take(_ client: Int32) {
        let isRefused = state.withLock { state in
            state.accepted += 1
            if state.fault != .refuse { state.open.insert(client) }
            return state.fault == .refuse
        }
        guard !isRefused, let socket = try? StreamSocket.connect(server, atMost: .seconds(5)) else {
            state.withLock { _ = $0.open.remove(client) }
            close(client)
            return
        }
        Thread.detachNewThread { [weak self] in
            var bytes = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = recv(client, &bytes, bytes.count, 0)
                self?.waitWhileHeld(client)
                guard count > 0, Self.sendAll(Array(bytes[..<count]), to: socket) else { break }
            }
            socket.shutDown()
        }
        Thread.detachNewThread { [weak self] in
            while let bytes = Self.receive(from: socket), self?.pass(bytes, to: client) == true {}
            _ = shutdown(client, Int32(SHUT_RDWR))
            socket.shutDown()
            // Under the lock, so that nobody cuts a descriptor which is another one's by then.
            guard let self else { close(client); return }
            self.state.withLock { state in
                state.open.remove(client)
                close(client)
            }
        }
    }

    /// Returns when the network is whole, or the connection was cut.
    private func waitWhileHeld(_ client: Int32) {
        while state.withLock({ $0.fault == .hold && $0.open.contains(client) && !$0.isEnded }) { usleep(500) }
    }

    /// Hands on what the server said; false when the connection is to end.
    private func pass(_ bytes: [UInt8], to client: Int32) -> Bool {
        waitWhileHeld(client)
        let (kept, goesOn) = state.withLock { state -> ([UInt8], Bool) in
            switch state.fault {
            case .none, .delay, .refuse, .hold: return (bytes, true)
            case .rewrite(let old, let new): return (Self.rewritten(bytes, old, new), true)
            case .loseOne(let count):
                state.fault = count > 0 ? .loseOne(after: count - 1) : .none
                return count > 0 ? (bytes, true) : ([], false)
            case .swallow: return ([], true)
            case .replace(let others): return (others, true)
            case .cutOnce(let count):
                guard bytes.count >= count else {
                    state.fault = .cutOnce(afterBytes: count - bytes.count)
                    return (bytes, true)
                }
                state.fault = .none
                return (Array(bytes.prefix(count)), false)
            case .cut(let count):
                guard bytes.count >= count else {
                    state.fault = .cut(afterBytes: count - bytes.count)
                    return (bytes, true)
                }
                return (Array(bytes.prefix(count)), false)
            }
        }
        if case .delay(let milliseconds) = fault { usleep(UInt32(milliseconds * 1000)) }
        var sent = 0
        while sent < kept.count {
            let count = kept[sent...].withUnsafeBytes { send(client, $0.baseAddress, $0.count, Self.noSignal) }
            guard count > 0 else { return false }
            sent += count
        }
        return goesOn
    }

    private static func rewritten(_ bytes: [UInt8], _ old: [UInt8], _ new: [UInt8]) -> [UInt8] {
        var bytes = bytes
        guard !old.isEmpty, old.count == new.count, bytes.count >= old.count else { return bytes }
        for start in 0...(bytes.count - old.count) where bytes[start..<(start + old.count)].elementsEqual(old) {
            bytes.replaceSubrange(start..<(start + old.count), with: new)
        }
        return bytes
    }

    private static func sendAll(_ bytes: [UInt8], to socket: StreamSocket) -> Bool {
        var sent = 0
        while sent < bytes.count {
            guard let count = try? socket.send(bytes, from: sent) else { return false }
            sent += count
            guard sent == bytes.count || (try? socket.wait(for: .output, atMost: .seconds(60))) == true else {
                return false
            }
        }
        return true
    }

    /// What the server says next; nil at its end.
    private static func receive(from socket: StreamSocket) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        while true {
            guard (try? socket.wait(for: .input, atMost: .seconds(600))) == true else { return nil }
            switch bytes.withUnsafeMutableBytes({ try? socket.receive($0) }) {
            case .bytes(let count): return Array(bytes[..<count])
            case .nothing: continue
            case .end, nil: return nil
            }
        }
    }

    private static var noSignal: Int32 {
        #if canImport(Darwin)
            0
        #else
            Int32(MSG_NOSIGNAL)
        #endif
    }
}
