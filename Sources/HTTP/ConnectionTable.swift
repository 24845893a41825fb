import CMicroHTTPD
import Synchronization
import System

/// All open connections with the time that each has left, and how many there are of each address.
///
/// libmicrohttpd knows only how long a connection was quiet, which a client that sends a byte now and then never is. Here
/// every step has its end: a connection whose time is over is shut down while the table is locked, so that its descriptor
/// cannot have become somebody else's meanwhile.
final class ConnectionTable: Sendable {
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

    private struct Entry {
        let peer: [UInt8]?
        let peerText: String?
        var phase = Phase.head
        var deadline: UInt64
        /// What the client had acknowledged when it was last looked at; -1 before.
        var acknowledged: Int64 = -1
    }

    private struct State {
        var entries: [CInt: Entry] = [:]
        var counts: [[UInt8]: Int] = [:]
    }

    private let state = Mutex(State())
    let settings: HTTPServer.Settings

    init(_ settings: HTTPServer.Settings) { self.settings = settings }

    /// How many connections are open.
    var count: Int { state.withLock { $0.entries.count } }

    /// Whether one more of that address is let in.
    func mayOpen(_ peer: [UInt8]?) -> Bool {
        guard let peer, !Self.isLoopback(peer), !settings.trustedPeers.contains(peer) else { return true }
        return state.withLock { $0.counts[peer, default: 0] < settings.connectionsPerAddress }
    }

    func open(_ descriptor: CInt, _ peer: [UInt8]?) {
        let deadline = Self.now + settings.headTime.wholeNanoseconds
        cmhd_give_up_after(descriptor, UInt32(clamping: settings.answerTime.wholeNanoseconds / 1_000_000))
        let entry = Entry(
            peer: peer, peerText: peer.map { String(decoding: $0, as: UTF8.self) }, deadline: deadline)
        state.withLock { state in
            state.entries[descriptor] = entry
            if let peer { state.counts[peer, default: 0] += 1 }
        }
    }

    func close(_ descriptor: CInt) {
        state.withLock { state in
            guard let peer = state.entries.removeValue(forKey: descriptor)?.peer else { return }
            let left = state.counts[peer, default: 1] - 1
            state.counts[peer] = left > 0 ? left : nil
        }
    }

    /// The address at the other end, as bytes and as text.
    func peer(of descriptor: CInt) -> (bytes: [UInt8]?, text: String?) {
        state.withLock { state in
            let entry = state.entries[descriptor]
            return (entry?.peer, entry?.peerText)
        }
    }

    /// Begins a phase, which ends after its time.
    func begin(_ phase: Phase, _ descriptor: CInt) {
        let time: Duration? =
            switch phase {
            case .head: settings.idleTime
            case .body: settings.bodyTime
            case .waiting: nil
            case .answer: settings.answerTime
            }
        let deadline = time.map { Self.now + $0.wholeNanoseconds } ?? .max
        state.withLock { state in
            guard let index = state.entries.index(forKey: descriptor) else { return }
            state.entries.values[index].phase = phase
            state.entries.values[index].deadline = deadline
            state.entries.values[index].acknowledged = -1
        }
    }

    /// Gives a body that comes as fast as it must more time: a second for so many bytes.
    func received(_ byteCount: Int, _ descriptor: CInt) {
        let nanoseconds = UInt64(byteCount) &* (1_000_000_000 / UInt64(max(1, settings.leastBytesPerSecond)))
        state.withLock { state in
            guard let entry = state.entries[descriptor], entry.phase == .body else { return }
            state.entries[descriptor]?.deadline = entry.deadline &+ nanoseconds
        }
    }

    /// Ends a connection now.
    func cut(_ descriptor: CInt) {
        state.withLock { if $0.entries[descriptor] != nil { ForeignDescriptor.shutDown(descriptor) } }
    }

    /// Ends what is over, and where `alsoIdle` what waits for another request.
    func sweep(alsoIdle: Bool) {
        let now = Self.now
        state.withLock { state in
            for (descriptor, entry) in state.entries {
                if alsoIdle, entry.phase == .head {
                    ForeignDescriptor.shutDown(descriptor)
                } else if entry.deadline <= now {
                    end(descriptor, entry, now, &state)
                }
            }
        }
    }

    /// Shuts one down, unless it takes its answer fast enough.
    private func end(_ descriptor: CInt, _ entry: Entry, _ now: UInt64, _ state: inout State) {
        if entry.phase == .answer {
            let acknowledged = cmhd_acknowledged(descriptor)
            let seconds = max(1, Int64(settings.answerTime.components.seconds))
            let least = Int64(settings.leastBytesPerSecond) &* seconds
            if acknowledged >= 0, entry.acknowledged < 0 || acknowledged &- entry.acknowledged >= least {
                state.entries[descriptor]?.acknowledged = acknowledged
                state.entries[descriptor]?.deadline = now + settings.answerTime.wholeNanoseconds
                return
            }
        }
        ForeignDescriptor.shutDown(descriptor)
    }

    private static var now: UInt64 { MonotonicClock.nanoseconds() }

    private static func isLoopback(_ peer: [UInt8]) -> Bool {
        ASCII.equal(peer.prefix(4), "127.") || ASCII.equal(peer, "::1")
    }
}

extension Duration {
    /// Nanoseconds, within half of what 64 bits hold, so that two can be added.
    var wholeNanoseconds: UInt64 {
        let (seconds, attoseconds) = min(max(self, .zero), .seconds(4_000_000_000)).components
        return UInt64(clamping: seconds) * 1_000_000_000 + UInt64(clamping: attoseconds / 1_000_000_000)
    }
}
