import Synchronization

/// Where random bytes come from. A program passes `.system`; a test may pass a seeded one.
public struct RandomSource: Sendable {
    private let fill: @Sendable (Int) -> [UInt8]

    /// A source that answers with `bytes(count)`.
    public init(bytes: @escaping @Sendable (_ count: Int) -> [UInt8]) { fill = bytes }

    /// `count` random bytes.
    public func bytes(_ count: Int) -> [UInt8] { fill(count) }

    /// The same bytes, of which some are drawn in advance: for ids that nobody keeps secret, of which there are many.
    public func drawnInAdvance() -> RandomSource {
        let stock = Stock(of: self)
        return RandomSource { stock.take($0) }
    }

    private final class Stock: Sendable {
        private let source: RandomSource
        private let bytes = Mutex<[UInt8]>([])

        init(of source: RandomSource) { self.source = source }

        func take(_ count: Int) -> [UInt8] {
            bytes.withLock { bytes in
                if bytes.count < count { bytes = source.bytes(max(4096, count)) }
                defer { bytes.removeLast(count) }
                return Array(bytes.suffix(count))
            }
        }
    }

    /// The kernel's generator.
    ///
    /// A kernel without one is a broken promise of the platform: going on would make guessable keys, so it ends the
    /// process.
    public static let system = RandomSource { count in
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            precondition(fillFromKernel(UnsafeMutableRawBufferPointer(buffer)), "the kernel gives no random bytes")
            filled = count
        }
    }
}
