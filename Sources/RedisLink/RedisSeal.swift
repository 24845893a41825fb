import Synchronization
import System

/// TLS on a wire: a session that the one who sends and the one who reads share, and what it has sealed and not yet sent.
final class RedisSeal: Sendable {
    private let state: Mutex<State>

    private struct State {
        let session: TLSSession
        var hasBegun = false
        var sealed: [UInt8] = []
        var sent = 0
        /// Why nothing more can be sealed; whoever reads says so.
        var failure: RedisError?
    }

    init(_ settings: RedisTLS, host: String) throws(RedisError) {
        state = Mutex(State(session: try TLSSession(settings, host: host)))
    }

    /// Goes on with the beginning; true when it is done. What there is to be sent goes with the next `send`.
    func begin() throws(RedisError) -> Bool {
        try state.withLock { state throws(RedisError) in
            defer { state.session.appendSealed(to: &state.sealed) }
            state.hasBegun = try state.session.begin()
            return state.hasBegun
        }
    }

    var hasUnsent: Bool { state.withLock { $0.sent < $0.sealed.count } }

    /// Sends what is left of the last time, and then `bytes`; how many of them are sealed now and no longer the caller's.
    func send(_ bytes: [UInt8], from start: Int, to socket: StreamSocket) throws(SystemError) -> Int {
        try state.withLock { state throws(SystemError) in
            try Self.send(&state, to: socket)
            guard state.sealed.isEmpty, start < bytes.count, state.failure == nil else { return 0 }
            do throws(RedisError) { try state.session.seal(bytes, from: start) } catch {
                state.failure = error
                return 0
            }
            state.session.appendSealed(to: &state.sealed)
            try Self.send(&state, to: socket)
            return bytes.count - start
        }
    }

    private static func send(_ state: inout State, to socket: StreamSocket) throws(SystemError) {
        guard state.sent < state.sealed.count else { return }
        state.sent += try socket.send(state.sealed, from: state.sent)
        guard state.sent == state.sealed.count else { return }
        state.sealed.removeAll(keepingCapacity: state.sealed.capacity <= 1 << 20)
        state.sent = 0
    }

    /// Opens what has come.
    func open(_ bytes: [UInt8]) throws(RedisError) -> [UInt8] {
        try state.withLock { state throws(RedisError) in
            try state.session.take(bytes)
            var opened: [UInt8] = []
            // Before the end of the beginning nothing is for us.
            guard state.hasBegun else { return opened }
            // An answer to the server's wish for new keys.
            defer { state.session.appendSealed(to: &state.sealed) }
            while try state.session.appendOpened(to: &opened) {}
            if let failure = state.failure { throw failure }
            return opened
        }
    }
}
