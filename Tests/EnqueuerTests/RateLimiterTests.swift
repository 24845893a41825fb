import Synchronization
import System
import TestSupport
import Testing

@testable import Enqueuer

/// How much one caller may ask.
@Suite struct RateLimiterTests {
    private final class Time: Sendable {
        let value = Mutex<UInt64>(7)
        func pass(_ seconds: Double) { value.withLock { $0 += UInt64(seconds * 1e9) } }
    }

    @Test("a minute's requests may come at once, and then one after another")
    func bucket() {
        let time = Time()
        let limiter = RateLimiter(perMinute: 60, nanoseconds: { time.value.withLock { $0 } })
        for number in 1...60 {
            let verdict = limiter.take("ann")
            #expect(verdict.isAllowed && verdict.left == 60 - number)
        }
        let refused = limiter.take("ann")
        #expect(!refused.isAllowed && refused.wait == .seconds(1))
        #expect(limiter.take("bob").isAllowed)
        time.pass(0.5)
        #expect(limiter.take("ann").wait == .milliseconds(500))
        time.pass(0.5)
        #expect(limiter.take("ann").isAllowed)
        #expect(!limiter.take("ann").isAllowed)
        time.pass(3600)
        #expect((0..<100).filter { _ in limiter.take("ann").isAllowed }.count == 60)
    }

    @Test("over any time no caller has more than what that time gives, and a minute's saved up")
    func longRun() {
        let time = Time()
        let random = SeededRandom(seed: 3)
        let limiter = RateLimiter(perMinute: 100, nanoseconds: { time.value.withLock { $0 } })
        var (allowed, seconds) = (0, 0.0)
        for _ in 0..<5000 {
            if limiter.take("ann").isAllowed { allowed += 1 }
            let step = Double(random.below(1000)) / 1000
            seconds += step
            time.pass(step)
        }
        #expect(Double(allowed) <= 100 + seconds * 100 / 60 + 1)
        #expect(Double(allowed) >= seconds * 100 / 60 - 1)
    }
}
