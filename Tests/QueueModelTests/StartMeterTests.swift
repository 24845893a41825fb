import System
import TestSupport
import Testing

@testable import QueueModel

/// How often jobs of a lane are started.
@Suite struct StartMeterTests {
    private let start = Timestamp(seconds: 1_800_000_000)

    @Test(
        "whatever the rate, a full bucket holds its count and no more",
        arguments: [
            StartRate(count: 1, period: .milliseconds(1)), StartRate(count: 3, period: .milliseconds(1)),
            StartRate(count: 7, period: .seconds(1)), StartRate(count: 1500, period: .seconds(1)),
            StartRate(count: 600_000, period: .seconds(1)), StartRate(count: 1_000_000, period: .milliseconds(1)),
            StartRate(count: 1, period: .seconds(86_400)), StartRate(count: 1_000_000, period: .seconds(86_400)),
        ])
    func burst(rate: StartRate) {
        var meter = StartMeter(fullAt: 0)
        var count = 0
        while count <= rate.count, meter.mayStart(rate, now: start) {
            meter.start(rate, now: start)
            count += 1
        }
        #expect(count == rate.count)
        #expect(meter.nextStart(rate, now: start) > start)
    }

    @Test("a start is announced for the very moment at which it may be")
    func announced() {
        let random = SeededRandom(seed: 1)
        for _ in 0..<rounds(reduced: 200, full: 5000) {
            let rate = StartRate(count: 1 + random.below(50), period: .milliseconds(1 + random.below(100_000)))
            var meter = StartMeter(fullAt: 0)
            var now = start
            for _ in 0..<100 {
                let next = meter.nextStart(rate, now: now)
                if next > now {
                    #expect(!meter.mayStart(rate, now: next + .milliseconds(-1)), "\(rate)")
                    #expect(meter.nextStart(rate, now: next) == next)
                }
                now = next
                #expect(meter.mayStart(rate, now: now), "\(rate)")
                meter.start(rate, now: now)
                now = now + .milliseconds(random.below(3) == 0 ? random.below(1000) : 0)
            }
        }
    }

    @Test("no stretch has more than a bucket and what fills up in it")
    func stretches() {
        let random = SeededRandom(seed: 2)
        for _ in 0..<rounds(reduced: 50, full: 1000) {
            let rate = StartRate(count: 1 + random.below(20), period: .milliseconds(100 + random.below(10_000)))
            let starts = starts(rate, random: random)
            for (first, from) in starts.enumerated() {
                for (last, to) in starts.enumerated().dropFirst(first) {
                    let filled = ((to - from) / rate.period) * Double(rate.count)
                    #expect(Double(last - first + 1) <= Double(rate.count) + filled + 1e-6, "\(rate)")
                    if to - from < rate.period { #expect(last - first + 1 < 2 * rate.count || rate.count == 1) }
                }
            }
        }
    }

    @Test("start n is when n - 1 others have started")
    func later() {
        let rate = StartRate(count: 3, period: .seconds(60))
        var meter = StartMeter(fullAt: 0)
        meter.start(rate, now: start)
        let expected = [0, 0, 20, 40].map { start + .seconds($0) }
        #expect((1...4).map { meter.start($0, rate, now: start) } == expected)
        var time = start
        for next in expected {
            time = meter.nextStart(rate, now: time)
            #expect(time == next)
            meter.start(rate, now: time)
        }
    }

    @Test("a clock that is set back leaves a start, and the rate from there")
    func setBack() {
        let rate = StartRate(count: 10, period: .seconds(60))
        for back in [Int64(61), 3600, 1_000_000_000, 5_000_000_000] {
            var meter = StartMeter(fullAt: 0)
            for _ in 0..<10 { meter.start(rate, now: start) }
            let now = start + .seconds(-back)
            var count = 0
            for second in Int64(0)..<60 {
                while meter.mayStart(rate, now: now + .seconds(second)) {
                    meter.start(rate, now: now + .seconds(second))
                    count += 1
                }
            }
            #expect(count == 10, "\(back) s back")
        }
    }

    @Test("odd rates, numbers and times do not trap, and never close a lane for ever")
    func extremes() {
        let counts = [Int.min, -1, 0, 1, 1_000_000, .max]
        let periods = [Duration.seconds(Int64.min), .zero, .milliseconds(1), .seconds(86_400), .seconds(Int64.max)]
        let times = [Int64.min, -1, 0, 1, 1 << 50, .max].map { Timestamp(milliseconds: $0) }
        for count in counts {
            for rate in periods.map({ StartRate(count: count, period: $0) }) {
                for fullAt in [Int64.min, -1, 0, 1, .max] {
                    for now in times {
                        var meter = StartMeter(fullAt: fullAt)
                        let next = meter.nextStart(rate, now: now)
                        #expect(next >= now && next <= now + .seconds(86_401))
                        for number in [Int.min, 0, .max] { _ = meter.start(number, rate, now: now) }
                        meter.start(rate, now: now)
                        _ = meter.mayStart(rate, now: now)
                    }
                }
            }
        }
    }

    /// Starts as early as the meter lets them be, with rests between.
    private func starts(_ rate: StartRate, random: SeededRandom) -> [Timestamp] {
        var meter = StartMeter(fullAt: 0)
        var now = start
        return (0..<60).map { _ in
            if random.below(10) == 0 { now = now + .milliseconds(random.below(20_000)) }
            now = meter.nextStart(rate, now: now)
            meter.start(rate, now: now)
            return now
        }
    }
}
