import Synchronization

/// A body that grows while it is sent: somebody writes, the server sends as fast as the client reads.
///
/// It holds what the client has not taken, up to a bound. A client that falls further behind is cut off.
public final class ByteStream: Sendable {
    private struct State {
        var pending: [UInt8] = []
        var sent = 0
        var isFinished = false
        var isClosed = false
        /// Wakes the connection, which sleeps since there was nothing to send.
        var wake: (@Sendable () -> Void)?
        /// Cuts the connection, whose client takes nothing.
        var cut: (@Sendable () -> Void)?
        var onClose: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())
    private let bound: Int

    /// A stream for a client that may be `bound` bytes behind.
    public init(bound: Int = 256 * 1024) { self.bound = bound }

    /// Whether nobody reads any longer.
    public var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Bytes that the client has not taken.
    public var pendingByteCount: Int { state.withLock { $0.pending.count - $0.sent } }

    /// Adds bytes; false when nobody reads any longer, or too slowly, which ends the stream.
    @discardableResult
    public func write(_ bytes: [UInt8]) -> Bool {
        let (isTaken, ended) = state.withLock { state -> (Bool, [@Sendable () -> Void]) in
            guard !state.isClosed, !state.isFinished else { return (false, []) }
            guard state.pending.count - state.sent + bytes.count <= bound else {
                state.pending = []
                state.sent = 0
                state.cut?()
                return (false, Self.close(&state))
            }
            state.pending += bytes
            Self.wake(&state)
            return (true, [])
        }
        for call in ended { call() }
        return isTaken
    }

    /// Ends it, once what was written has gone.
    public func finish() {
        state.withLock { state in
            state.isFinished = true
            Self.wake(&state)
        }
    }

    /// Has `call` called when nobody reads any longer; at once where that is so already.
    public func onClose(_ call: @escaping @Sendable () -> Void) {
        let isClosed = state.withLock { state in
            if !state.isClosed { state.onClose.append(call) }
            return state.isClosed
        }
        if isClosed { call() }
    }

    // MARK: The server's side

    /// What the server does next.
    package enum Next {
        /// So many bytes were copied.
        case bytes(Int)
        /// Nothing yet: `wake` is called when there is.
        case sleep
        /// That was all.
        case end
    }

    /// Says how to cut the connection on which it is sent.
    func open(cut: @escaping @Sendable () -> Void) { state.withLock { if !$0.isClosed { $0.cut = cut } } }

    /// Copies what there is. Where that is nothing, `sleep` is called with the stream locked, so that nothing comes between.
    package func read(into buffer: UnsafeMutableRawBufferPointer, sleep: () -> @Sendable () -> Void) -> Next {
        state.withLock { state in
            if state.isClosed { return .end }
            let count = min(buffer.count, state.pending.count - state.sent)
            if count > 0 {
                state.pending[state.sent..<(state.sent + count)].withUnsafeBytes { buffer.copyMemory(from: $0) }
                state.sent += count
                if state.sent == state.pending.count {
                    state.pending.removeAll(keepingCapacity: state.pending.capacity <= 16 * 1024)
                    state.sent = 0
                }
                return .bytes(count)
            }
            if state.isFinished { return .end }
            state.wake = sleep()
            return .sleep
        }
    }

    /// Nobody reads any longer.
    func close() { for call in state.withLock({ Self.close(&$0) }) { call() } }

    private static func close(_ state: inout State) -> [@Sendable () -> Void] {
        guard !state.isClosed else { return [] }
        state.isClosed = true
        state.cut = nil
        wake(&state)
        defer { state.onClose = [] }
        return state.onClose
    }

    private static func wake(_ state: inout State) {
        state.wake?()
        state.wake = nil
    }
}
