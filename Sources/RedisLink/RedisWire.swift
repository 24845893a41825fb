import Synchronization
import System

/// One open way to a server: the socket, and the protocol on it.
///
/// Whoever has it alone uses it by `exchange`, which blocks. A `RedisConnection` shares one among many.
final class RedisWire: Sendable {
    /// Where it leads to.
    let address: StreamSocket.Address
    private let socket: StreamSocket
    private let codec: RedisCodec
    private let seal: RedisSeal?
    private let serverRunID = Mutex<String?>(nil)

    /// Connects to `address`, until `deadline` at most. Blocks.
    init(to address: StreamSocket.Address, _ tls: RedisTLS?, until deadline: RedisDeadline) throws(RedisError) {
        self.address = address
        guard let codec = RedisCodec() else { throw .unreachable(detail: "there is no memory for a connection") }
        do throws(SystemError) { socket = try StreamSocket.connect(address, atMost: deadline.left) } catch {
            throw .unreachable(detail: error.description)
        }
        self.codec = codec
        if let tls, case .tcp(let host, _) = address {
            seal = try RedisSeal(tls, host: host)
            try beginTLS(until: deadline)
        } else {
            seal = nil
        }
    }

    private func beginTLS(until deadline: RedisDeadline) throws(RedisError) {
        while let seal {
            let isDone = try seal.begin()
            while try send([], orFail: deadline) {}
            if isDone { return }
            guard try wait(until: deadline) else {
                throw .unanswered(detail: "\(address) does not answer to TLS; does it speak TLS there?")
            }
            _ = try receive()
        }
    }

    /// Sends what is sealed; false when all of it has gone.
    private func send(_ bytes: [UInt8], orFail deadline: RedisDeadline) throws(RedisError) -> Bool {
        do throws(SystemError) { _ = try send(bytes, from: 0) } catch { throw .unanswered(detail: error.description) }
        guard hasUnsent else { return false }
        guard try wait(orForOutput: true, until: deadline) else { throw .unanswered(detail: RedisDeadline.passed) }
        return true
    }

    /// Which run of the server it leads to; nil where it was not to be known.
    var runID: String? {
        get { serverRunID.withLock { $0 } }
        set { serverRunID.withLock { $0 = newValue } }
    }

    /// Ends the connection: whoever waits on it returns.
    func shutDown() { socket.shutDown() }

    /// Sends what goes without waiting of `bytes` from `start` on; how many bytes need not be sent again.
    ///
    /// Those are with the wire, where TLS has sealed more than goes; the next `send`, also of nothing, sends them first.
    func send(_ bytes: [UInt8], from start: Int) throws(SystemError) -> Int {
        guard let seal else { return try socket.send(bytes, from: start) }
        return try seal.send(bytes, from: start, to: socket)
    }

    /// Whether `send` has left something with the wire.
    var hasUnsent: Bool { seal?.hasUnsent == true }

    /// Takes in what has come; false when nothing has.
    func receive() throws(RedisError) -> Bool {
        let received: StreamSocket.Received
        do throws(SystemError) { received = try socket.receive(codec.buffer) } catch {
            throw .unanswered(detail: error.description)
        }
        switch received {
        case .bytes(let count):
            let bytes = UnsafeRawBufferPointer(rebasing: codec.buffer[..<count])
            guard let seal else {
                try codec.feed(bytes)
                return true
            }
            let opened = try seal.open(Array(bytes))
            try opened.withUnsafeBytes { bytes in Result { () throws(RedisError) in try codec.feed(bytes) } }.get()
            return true
        case .nothing: return false
        case .end: throw .unanswered(detail: "the server has closed the connection")
        }
    }

    /// The next whole reply of those taken in.
    func next() throws(RedisError) -> RedisReply? { try codec.next() }

    /// Waits until something has come, and for room to send where that is asked for; false when the time has passed.
    /// Blocks.
    func wait(orForOutput: Bool = false, until deadline: RedisDeadline) throws(RedisError) -> Bool {
        do throws(SystemError) {
            return try socket.wait(for: orForOutput ? .inputOrOutput : .input, atMost: deadline.left)
        } catch { throw .unanswered(detail: error.description) }
    }

    /// As `wait`, until `waker` wakes.
    func wait(
        orForOutput: Bool, orFor waker: Waker, until deadline: RedisDeadline
    ) throws(RedisError) -> Bool {
        do throws(SystemError) {
            let readiness: StreamSocket.Readiness = orForOutput ? .inputOrOutput : .input
            return try socket.wait(for: readiness, orFor: waker, atMost: deadline.left)
        } catch { throw .unanswered(detail: error.description) }
    }

    // MARK: Alone

    /// Whether no reply that nobody has asked for has come, and not the end. (TLS has words of its own at any time.)
    var isQuiet: Bool {
        do throws(RedisError) {
            while try wait(until: .now) {
                guard try receive() else { return true }
                if try next() != nil { return false }
            }
            return true
        } catch { return false }
    }

    /// Sends commands and waits for the reply to each; refusals are replies. Blocks; after an error the wire is of no
    /// more use.
    func exchange(_ commands: [RedisCommand], until deadline: RedisDeadline) throws(RedisError) -> [RedisReply] {
        var bytes: [UInt8] = []
        for command in commands { command.encode(into: &bytes) }
        var sent = 0
        var replies: [RedisReply] = []
        while true {
            if sent < bytes.count || hasUnsent {
                do throws(SystemError) { sent += try send(bytes, from: sent) } catch {
                    // Whoever cuts us off may have said why.
                    _ = try receive()
                    throw sent == 0
                        ? .unreachable(detail: error.description) : .unanswered(detail: error.description)
                }
            }
            while let reply = try next() { replies.append(reply) }
            if replies.count >= commands.count { return replies }
            guard try wait(orForOutput: sent < bytes.count || hasUnsent, until: deadline) else {
                throw .unanswered(detail: RedisDeadline.passed)
            }
            _ = try receive()
        }
    }
}

/// The moment until which something may take, on the clock that never goes back.
struct RedisDeadline: Comparable, Sendable {
    /// As `MonotonicClock` counts.
    let nanoseconds: UInt64

    static var now: RedisDeadline { RedisDeadline(nanoseconds: MonotonicClock.nanoseconds()) }
    static var never: RedisDeadline { RedisDeadline(nanoseconds: .max) }
    /// What is said of one that has passed.
    static var passed: String { "the time for it has passed" }

    /// `limit` from now; ten years for anything longer.
    static func after(_ limit: Duration) -> RedisDeadline { now + limit }

    var hasPassed: Bool { RedisDeadline.now >= self }

    /// From now on, not below zero.
    var left: Duration {
        let now = MonotonicClock.nanoseconds()
        return nanoseconds <= now ? .zero : .nanoseconds(Int64(clamping: nanoseconds - now))
    }

    static func < (left: RedisDeadline, right: RedisDeadline) -> Bool { left.nanoseconds < right.nanoseconds }

    static func + (deadline: RedisDeadline, duration: Duration) -> RedisDeadline {
        let (seconds, attoseconds) = min(max(duration, .zero), .seconds(315_360_000)).components
        let nanoseconds = UInt64(clamping: seconds) * 1_000_000_000 + UInt64(clamping: attoseconds / 1_000_000_000)
        let (sum, overflow) = deadline.nanoseconds.addingReportingOverflow(nanoseconds)
        return RedisDeadline(nanoseconds: overflow ? .max : sum)
    }
}
