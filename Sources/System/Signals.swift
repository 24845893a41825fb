import Dispatch

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// Signals as a stream: a program asks for those it handles and reads them one after another.
///
/// While a `Signals` lives, those signals no longer end the process; they are taken from the moment `init` returns, and
/// programs that are started meanwhile have them as usual. One `Signals` lives at a time.
///
/// Dispatch's own signal sources are not used: they take a signal only some time after they are made, and on Linux the
/// second source for a signal hears nothing.
///
/// `@unchecked`: the source is made in `init`, cancelled in `deinit`, and touched nowhere between.
public final class Signals: @unchecked Sendable {
    /// The signals that a program of ours handles.
    public enum Kind: Int32, Sendable {
        case terminate = 15
        case interrupt = 2
        case hangUp = 1
    }

    /// Each signal as it arrives.
    public let arrivals: AsyncStream<Kind>
    private let kinds: [Kind]
    private let source: any DispatchSourceRead

    /// Begins to take `kinds`.
    public init(_ kinds: [Kind]) {
        let (stream, continuation) = AsyncStream.makeStream(of: Kind.self, bufferingPolicy: .bufferingNewest(8))
        arrivals = stream
        self.kinds = kinds
        _ = SignalPipe.read()  // what came for an earlier one
        source = DispatchSource.makeReadSource(
            fileDescriptor: SignalPipe.readEnd, queue: DispatchQueue(label: "signals"))
        source.setEventHandler {
            for number in SignalPipe.read() {
                if let kind = Kind(rawValue: Int32(number)) { continuation.yield(kind) }
            }
        }
        source.setCancelHandler { continuation.finish() }
        source.activate()
        for kind in kinds { signal(kind.rawValue, SignalPipe.handler) }
    }

    /// Ends the stream; from now on the signals do again what they do to any process.
    deinit {
        for kind in kinds { signal(kind.rawValue, SIG_DFL) }
        source.cancel()
    }
}

/// The way from a signal handler to the rest of the program. A handler may interrupt anything, so it does nothing but
/// what POSIX calls safe there: it writes the signal's number into a pipe.
///
/// The pipe lives as long as the process: a handler that is still running must not find its end closed.
private enum SignalPipe {
    // Written once, when `readEnd` is made, before the first handler is installed; handlers only read it.
    nonisolated(unsafe) private static var writeEnd: CInt = -1

    static let readEnd: CInt = {
        var ends: [CInt] = [-1, -1]
        precondition(pipe(&ends) == 0, "no descriptors are left for a pipe")
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        writeEnd = ends[1]
        return ends[0]
    }()

    static let handler: @convention(c) (CInt) -> Void = { number in
        let interrupted = errno
        var byte = UInt8(truncatingIfNeeded: number)
        _ = writeSome(writeEnd, &byte, 1)  // a full pipe holds signals enough
        errno = interrupted
    }

    /// The numbers of the signals that have arrived; none when there are none.
    static func read() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 64) { buffer, filled in
            filled = max(0, readSome(readEnd, buffer.baseAddress, buffer.count))
        }
    }
}
