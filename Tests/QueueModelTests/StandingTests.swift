import System
import TestSupport
import Testing

@testable import QueueModel

/// What is said about how long a job waits.
@Suite struct StandingTests {
    private let now = Timestamp(seconds: 1_800_000_000)
    private let job = Submission.sample(1).job(at: Timestamp(seconds: 1_800_000_000))

    @Test("jobs before it are shared by the workers that serve its lane")
    func hands() throws {
        let cases: [(workers: Int, running: Int, place: Int, seconds: Int64)] = [
            (1, 0, 1, 0), (1, 1, 1, 10), (1, 1, 3, 30), (2, 0, 2, 0), (2, 2, 2, 10), (2, 2, 3, 15), (4, 1, 3, 0),
            (4, 1, 5, 5), (3, 9, 1, 3), (3, -1, 4, 3),
        ]
        for (workers, running, place, seconds) in cases {
            let outlook = outlook(workers: workers, running: running)
            let estimate = try outlook.standing(of: job, place: place, now: now)?.estimate
            #expect(estimate.map { $0.wholeMilliseconds / 1000 } == seconds, "\(workers) \(running) \(place)")
        }
    }

    @Test("no more hands count than the lane may have")
    func limit() throws {
        let policy = LanePolicy(lane: .interactive, concurrency: 2)
        let estimate = try outlook(policy, workers: 50, running: 2).standing(of: job, place: 4, now: now)
        #expect(estimate?.reason == .laneLimit(running: 2, limit: 2))
        #expect(estimate?.estimate == .seconds(20))
    }

    @Test("the start rate counts where it is slower, as full as its bucket is")
    func rate() throws {
        let rate = StartRate(count: 2, period: .seconds(60))
        var meter = StartMeter(fullAt: 0)
        let policy = LanePolicy(lane: .interactive, rate: rate)
        let full = outlook(policy, meter: meter, workers: 100, running: 0)
        #expect(try full.standing(of: job, place: 2, now: now)?.estimate == .zero)
        #expect(try full.standing(of: job, place: 4, now: now)?.estimate == .seconds(60))
        for _ in 0..<2 { meter.start(rate, now: now) }
        let empty = outlook(policy, meter: meter, workers: 100, running: 0)
        #expect(try empty.standing(of: job, place: 1, now: now)?.reason == .startRate(until: now + .seconds(30)))
        #expect(try empty.standing(of: job, place: 1, now: now)?.estimate == .seconds(30))
    }

    @Test("too little history says nothing")
    func history() throws {
        #expect(LaneHistory(durations: []) == nil)
        let two = try #require(LaneHistory(durations: [.seconds(1), .seconds(2)]))
        #expect(try outlook(history: two).standing(of: job, place: 1, now: now)?.estimate == nil)
        #expect(try outlook(history: nil).standing(of: job, place: 1, now: now)?.estimate == nil)
        let three = try #require(LaneHistory(durations: [.seconds(1), .seconds(2), .seconds(6)]))
        #expect(three.mean == .seconds(3))
        #expect(LaneHistory(durations: [.seconds(-9), .seconds(3)])?.mean == .milliseconds(1500))
    }

    @Test("odd figures do not trap")
    func extremes() throws {
        let numbers = [Int.min, -1, 0, 1, .max]
        for number in numbers {
            for other in numbers {
                for mean in [Duration.seconds(Int64.min), .zero, .seconds(Int64.max)] {
                    let policy = LanePolicy(
                        lane: .interactive, concurrency: number, rate: StartRate(count: other, period: mean))
                    let outlook = outlook(
                        policy, meter: StartMeter(fullAt: Int64(other)), workers: other, running: number,
                        history: LaneHistory(mean: mean, count: .max))
                    for time in [Timestamp(milliseconds: .min), now, Timestamp(milliseconds: .max)] {
                        _ = try outlook.standing(of: job, place: number, now: time)
                    }
                }
            }
        }
        let longest = LaneHistory(durations: Array(repeating: .seconds(Int64.max), count: 20))
        #expect(longest?.mean == .milliseconds(1 << 40))
    }

    private func outlook(
        _ policy: LanePolicy = LanePolicy(lane: .interactive), meter: StartMeter = StartMeter(fullAt: 0),
        workers: Int = 1, running: Int = 0, history: LaneHistory? = LaneHistory(mean: .seconds(10), count: 3)
    ) -> LaneOutlook {
        LaneOutlook(policy: policy, meter: meter, pause: nil, running: running, workerCount: workers, history: history)
    }
}
