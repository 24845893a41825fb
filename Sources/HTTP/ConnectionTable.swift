import CMicroHTTPD
import Synchronization
import System

/// All open connections, and how many there are of each address.
///
/// libmicrohttpd knows only how long a connection was quiet, which a client that sends a byte now and then never is. Here
/// every step has its end: a connection whose time is over is shut down (`sweep`).
final class ConnectionTable: Sendable {
    private struct State {
        var connections: [CInt: OpenConnection] = [:]
        var counts: [[UInt8]: Int] = [:]
    }

    private let state = Mutex(State())
    let settings: HTTPServer.Settings

    init(_ settings: HTTPServer.Settings) { self.settings = settings }

    /// How many connections are open.
    var count: Int { state.withLock { $0.connections.count } }

    /// Whether one more of that address is let in.
    func mayOpen(_ peer: [UInt8]?) -> Bool {
        guard let peer, !Self.isLoopback(peer), !settings.trustedPeers.contains(peer) else { return true }
        return state.withLock { $0.counts[peer, default: 0] < settings.connectionsPerAddress }
    }

    func open(_ descriptor: CInt, _ peer: [UInt8]?) -> OpenConnection {
        let connection = OpenConnection(descriptor, peer, settings)
        cmhd_give_up_after(descriptor, UInt32(clamping: settings.answerTime.wholeNanoseconds / 1_000_000))
        state.withLock { state in
            state.connections[descriptor] = connection
            if let peer { state.counts[peer, default: 0] += 1 }
        }
        return connection
    }

    func close(_ connection: OpenConnection) {
        connection.close()
        state.withLock { state in
            guard state.connections.removeValue(forKey: connection.descriptor) != nil, let peer = connection.peer
            else { return }
            let left = state.counts[peer, default: 1] - 1
            state.counts[peer] = left > 0 ? left : nil
        }
    }

    /// Ends what is over, and where `alsoIdle` what waits for another request.
    func sweep(alsoIdle: Bool) {
        let now = MonotonicClock.nanoseconds()
        state.withLock { state in
            for connection in state.connections.values { connection.endIfOver(at: now, alsoIdle: alsoIdle) }
        }
    }

    private static func isLoopback(_ peer: [UInt8]) -> Bool {
        ASCII.equal(peer.prefix(4), "127.") || ASCII.equal(peer, "::1")
    }
}

/// An open connection with the time that it has left.
///
/// It is shut down only under its lock and while it is open, so that its descriptor cannot have become somebody else's meanwhile.
final class OpenConnection: Sendable {
    /// What a connection is about.
    enum Phase: Sendable {
        /// It waits for a head, the first or the next one.
        case head
        /// It brings a body.
        case body
        /// Its answer is being made.
        case waiting
        /// It takes its answer.
        case answer
    }

    private struct State {
        var phase = Phase.head
        /// In nanoseconds.
        var deadline: UInt64
        /// What the client had acknowledged when it was last looked at; -1 before.
        var acknowledged: Int64 = -1
        var isOpen = true
    }

    let descriptor: CInt
    /// The address at the other end, as bytes and as text; nil for a unix socket.
    let peer: [UInt8]?
    let peerText: String?
    private let settings: HTTPServer.Settings
    private let state: Mutex<State>

    init(_ descriptor: CInt, _ peer: [UInt8]?, _ settings: HTTPServer.Settings) {
        self.descriptor = descriptor
        self.peer = peer
        self.settings = settings
        peerText = peer.map { String(decoding: $0, as: UTF8.self) }
        state = Mutex(State(deadline: MonotonicClock.nanoseconds() + settings.headTime.wholeNanoseconds))
    }

    /// Begins a phase, which ends after its time.
    func begin(_ phase: Phase) {
        let time: Duration? =
            switch phase {
            case .head: settings.idleTime
            case .body: settings.bodyTime
            case .waiting: nil
            case .answer: settings.answerTime
            }
        let deadline = time.map { MonotonicClock.nanoseconds() + $0.wholeNanoseconds } ?? .max
        state.withLock { state in
            state.phase = phase
            state.deadline = deadline
            state.acknowledged = -1
        }
    }

    /// Gives a body that comes as fast as it must more time: a second for so many bytes.
    func received(_ byteCount: Int) {
        let nanoseconds = UInt64(byteCount) &* (1_000_000_000 / UInt64(max(1, settings.leastBytesPerSecond)))
        state.withLock { if $0.phase == .body { $0.deadline &+= nanoseconds } }
    }

    /// Ends it now.
    func cut() { state.withLock { if $0.isOpen { ForeignDescriptor.shutDown(descriptor) } } }

    /// The library is about to close it.
    fileprivate func close() { state.withLock { $0.isOpen = false } }

    /// Ends it where its time is over and it does not take its answer fast enough.
    fileprivate func endIfOver(at now: UInt64, alsoIdle: Bool) {
        state.withLock { state in
            guard state.isOpen else { return }
            if alsoIdle, state.phase == .head { return ForeignDescriptor.shutDown(descriptor) }
            guard state.deadline <= now else { return }
            if state.phase == .answer, isFast(&state) {
                state.deadline = now + settings.answerTime.wholeNanoseconds
            } else {
                ForeignDescriptor.shutDown(descriptor)
            }
        }
    }

    /// Whether the client has acknowledged what it should have since the last look.
    private func isFast(_ state: inout State) -> Bool {
        let acknowledged = cmhd_acknowledged(descriptor)
        let seconds = max(1, Int64(settings.answerTime.components.seconds))
        let least = Int64(settings.leastBytesPerSecond) &* seconds
        guard acknowledged >= 0, state.acknowledged < 0 || acknowledged &- state.acknowledged >= least else {
            return false
        }
        state.acknowledged = acknowledged
        return true
    }
}

extension Duration {
    /// Nanoseconds, within half of what 64 bits hold, so that two can be added.
    var wholeNanoseconds: UInt64 {
        let (seconds, attoseconds) = min(max(self, .zero), .seconds(4_000_000_000)).components
        return UInt64(clamping: seconds) * 1_000_000_000 + UInt64(clamping: attoseconds / 1_000_000_000)
    }
}
