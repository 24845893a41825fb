import Dispatch

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// Signals as a stream: a program asks for those it handles and reads them one after another.
///
/// While a `Signals` lives, those signals no longer end the process.
///
/// `@unchecked`: the sources are made in `init`, cancelled in `deinit`, and touched nowhere between.
public final class Signals: @unchecked Sendable {
    /// The signals that a program of ours handles.
    public enum Kind: Int32, Sendable {
        case terminate = 15
        case interrupt = 2
        case hangUp = 1
    }

    /// Each signal as it arrives.
    public let arrivals: AsyncStream<Kind>
    private let sources: [any DispatchSourceSignal]

    /// Begins to take `kinds`.
    public init(_ kinds: [Kind]) {
        let (stream, continuation) = AsyncStream.makeStream(of: Kind.self, bufferingPolicy: .bufferingNewest(8))
        arrivals = stream
        let queue = DispatchQueue(label: "signals")
        sources = kinds.map { kind in
            signal(kind.rawValue, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: kind.rawValue, queue: queue)
            source.setEventHandler { continuation.yield(kind) }
            source.activate()
            return source
        }
    }

    deinit { for source in sources { source.cancel() } }
}
