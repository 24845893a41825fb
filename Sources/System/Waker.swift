#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// The means by which one thread ends another one's wait on a socket.
///
/// To wake twice is to wake once; to wake nobody wakes the next that waits.
public final class Waker: Sendable {
    let readEnd: CInt
    private let writeEnd: CInt

    /// A waker; one thread at a time may wait with it.
    public init() throws(SystemError) {
        (readEnd, writeEnd) = try makePipe()
        // A full pipe has woken already, and an empty one is no reason to wait.
        for end in [readEnd, writeEnd] { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    /// Wakes the thread that waits, or the next one.
    public func wake() {
        var ring: UInt8 = 1
        _ = writeSome(writeEnd, &ring, 1)
    }

    /// Forgets that it was woken.
    func rest() {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
            while readSome(readEnd, buffer.baseAddress, buffer.count) == buffer.count {}
        }
    }
}
