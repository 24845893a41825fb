import Synchronization
public import System

/// A clock that a test moves by hand.
public final class ManualClock: Sendable {
    private let time: Mutex<Timestamp>

    /// A clock that stands at `start`.
    public init(_ start: Timestamp = Timestamp(seconds: 1_800_000_000)) { time = Mutex(start) }

    /// The time as it stands.
    public var now: Timestamp { time.withLock { $0 } }

    /// Moves the clock; a negative duration moves it back.
    public func advance(by duration: Duration) { time.withLock { $0 = $0 + duration } }
}

/// Random bytes that are the same for the same seed (SplitMix64): never for keys.
public final class SeededRandom: Sendable {
    private let state: Mutex<UInt64>

    /// The sequence that `seed` begins.
    public init(seed: UInt64) { state = Mutex(seed) }

    /// The next 64 bits.
    public func next() -> UInt64 {
        state.withLock { state in
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    /// A number from 0 up to `bound`, without it.
    public func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    /// The sequence as a source of random bytes.
    public var source: RandomSource {
        RandomSource { count in (0..<count).map { _ in UInt8(truncatingIfNeeded: self.next() >> 32) } }
    }

    /// A source with a sequence of its own for each number of bytes that is asked for at once: what one purpose draws
    /// beforehand changes nothing for the others.
    public static func sourceByLength(seed: UInt64) -> RandomSource {
        let sequences = Mutex<[Int: SeededRandom]>([:])
        return RandomSource { count in
            let sequence = sequences.withLock { sequences in
                if let known = sequences[count] { return known }
                let new = SeededRandom(seed: seed &+ UInt64(count) << 32)
                sequences[count] = new
                return new
            }
            return sequence.source.bytes(count)
        }
    }
}

/// The number of rounds of a repeated test: `reduced` in `scripts/test`, `full` with `--long`.
public func rounds(reduced: Int, full: Int) -> Int {
    CurrentProcess.environment("PKGMILL_TEST_LONG") == "1" ? full : reduced
}
