import System
import TestSupport
import Testing

@testable import QueueModel

/// The rules that decide over a job's life.
@Suite struct RuleTests {
    private let now = Timestamp(seconds: 1_800_000_000)
    private let random = SeededRandom(seed: 1).source

    @Test("most of a fleet means more than half of it, and two at the least")
    func fleet() {
        let failing = [(2, 2), (3, 2), (5, 3), (100, 51), (0, 2), (.max, .max)]
        let well = [(1, 1), (0, 0), (2, 1), (4, 2), (100, 50), (.max, 2), (5, .min)]
        for (seen, losing) in failing {
            #expect(FleetHealth(seen: seen, losing: losing).isFailing, "\(seen) \(losing)")
        }
        for (seen, losing) in well { #expect(!FleetHealth(seen: seen, losing: losing).isFailing, "\(seen) \(losing)") }
    }

    @Test("rules keep their bounds")
    func bounds() {
        let low = QueueRules(lostLeases: .min, pardons: .min, eventLimit: .min)
        #expect(low.lostLeases == 1 && low.pardons == 0 && low.eventLimit == 1)
        let high = QueueRules(lostLeases: .max, pardons: .max, eventLimit: .max)
        #expect(high.lostLeases == 100 && high.pardons == 1000 && high.eventLimit == 10_000_000)
        #expect(Retention(count: -1).count == 0)
    }

    @Test("every wait is below its limit, and the limit never above the cap")
    func backoff() {
        let random = SeededRandom(seed: 5)
        for _ in 0..<rounds(reduced: 500, full: 20_000) {
            let base = Duration.milliseconds(1 + random.below(100_000))
            let backoff = Backoff(base: base, cap: .milliseconds(1 + random.below(1_000_000)))
            var last = Duration.zero
            for attempt in 1...100 {
                let limit = backoff.limit(afterAttempt: attempt)
                #expect(limit >= last && limit <= backoff.cap && limit <= base * (1 << min(attempt, 40)))
                #expect(backoff.delay(afterAttempt: attempt, chance: random.next()) < limit)
                #expect(backoff.delay(afterAttempt: attempt, chance: 0) == .zero)
                last = limit
            }
            #expect(last == backoff.cap)
        }
    }

    @Test("the longest backoffs that can be said do not trap")
    func longBackoff() {
        let ends = [Duration(attoseconds: .max), Duration(attoseconds: .min), .seconds(Int64.max), .zero]
        for base in ends {
            for cap in ends {
                let backoff = Backoff(base: base, cap: cap)
                for attempt in [Int.min, 1, 64, .max] {
                    #expect(backoff.delay(afterAttempt: attempt, chance: .max) >= .zero)
                }
            }
        }
    }

    @Test("the first of two limits is the one that ends an attempt, the total one where both do")
    func deadline() {
        let limits = Job.TimeLimits(total: .seconds(60), idle: .seconds(20))
        let first = limits.deadline(claimed: now, progressed: now)
        #expect(first?.time == now + .seconds(20) && first?.limit == .idle(.seconds(20)))
        let last = limits.deadline(claimed: now, progressed: now + .seconds(40))
        #expect(last?.time == now + .seconds(60) && last?.limit == .total(.seconds(60)))
        #expect(Job.TimeLimits().deadline(claimed: now, progressed: now) == nil)
    }

    @Test("a lease ends with the job's time, and begins anew where the clock was set back")
    func leases() throws {
        let limits = Job.TimeLimits(total: .seconds(30))
        var life = try running(limits)
        #expect(life.lease?.until == now + .seconds(30))
        #expect(life.correction(limits: limits, now: now) == nil)
        let back = now + .seconds(-3600)
        let correction = try #require(life.correction(limits: limits, now: back))
        life = try #require(life.next(on: correction, at: back))
        #expect(life.claimed == back && life.progressed == back)
        #expect(life.lease?.from == back && life.lease?.until == back + .seconds(30))
        #expect(life.lease?.duration == .seconds(60))
        #expect(life.renewal(for: .seconds(60), limits: limits, now: back + .seconds(30)) == nil)
    }

    @Test("verdicts over a lost lease")
    func verdicts() throws {
        let rules = QueueRules(lostLeases: 3, pardons: 2)
        let (well, failing) = (FleetHealth(seen: 9, losing: 0), FleetHealth(seen: 3, losing: 3))
        let cases: [(losses: Int, pardons: Int, attempt: Int, FleetHealth, Job.LossVerdict)] = [
            (0, 0, 1, well, .again), (1, 0, 2, well, .again), (2, 0, 3, well, .final), (0, 0, 9, well, .final),
            (2, 0, 3, failing, .pardoned), (0, 1, 9, failing, .pardoned), (0, 2, 1, failing, .again),
            (2, 2, 3, failing, .final), (0, 99, 10, failing, .final), (.max, 9, 1, well, .final),
        ]
        for (losses, pardons, attempt, fleet, verdict) in cases {
            var life = try running(Job.TimeLimits())
            (life.lostLeases, life.pardons, life.attempt) = (losses, pardons, attempt)
            let event = life.leaseExpiry(limits: Job.TimeLimits(), at: now, rules: rules, fleet: fleet, random: random)
            guard case .leaseExpired(_, let found)? = event else { return #expect(Bool(false), "no loss") }
            #expect(found == verdict, "\(losses) \(pardons) \(attempt)")
        }
    }

    @Test("counters at their end stay there")
    func counters() throws {
        var life = try running(Job.TimeLimits())
        (life.attempt, life.lostLeases, life.pardons, life.epoch) = (.max, .max, .max, .max)
        for verdict in [Job.LossVerdict.again, .pardoned, .final] {
            let after = life.next(on: .leaseExpired(.passing, verdict), at: now)
            #expect(after?.attempt == .max && after?.lostLeases == .max && after?.pardons == .max)
        }
        #expect(life.next(on: .attemptFailed(.passing, retryAt: now), at: now)?.attempt == .max)
        let lease = life.newLease(
            worker: "a", claimID: Job.ClaimID(random: random), duration: .seconds(1), limits: Job.TimeLimits(), now: now
        )
        #expect(lease.epoch == .max)
    }

    @Test("a job's life at the ends of time does not trap")
    func endsOfTime() throws {
        let ends = [Timestamp(milliseconds: .min), Timestamp(milliseconds: .max), now]
        let limits = Job.TimeLimits(total: .seconds(Int64.max), idle: .seconds(Int64.min))
        for (first, second) in ends.flatMap({ first in ends.map { (first, $0) } }) {
            var life = Job.Life(state: .queued, maxAttempts: 3)
            let lease = life.newLease(
                worker: "a", claimID: Job.ClaimID(random: random), duration: .seconds(Int64.max), limits: limits,
                now: first)
            life = try #require(life.next(on: .claimed(lease), at: first))
            _ = life.renewal(for: .seconds(Int64.max), limits: limits, now: second)
            _ = life.correction(limits: limits, now: second)
            let fleet = FleetHealth(seen: 0, losing: 0)
            _ = life.leaseExpiry(limits: limits, at: second, rules: QueueRules(), fleet: fleet, random: random)
            _ = first.isWithin(.seconds(Int64.max), of: second)
            #expect(!first.isWithin(.zero, of: second))
        }
    }

    @Test("a time counts within its window on either side of now")
    func window() {
        for (offset, isWithin) in [(Int64(-10), false), (-9, true), (0, true), (9, true), (10, false)] {
            #expect((now + .seconds(offset)).isWithin(.seconds(10), of: now) == isWithin, "\(offset)")
        }
        #expect(!now.isWithin(.seconds(-1), of: now))
    }

    @Test("a batch ends once, with its last row")
    func batch() {
        var batch = Batch(id: .sample(1), total: 4, requestedBy: "test", created: now)
        batch.counts = Batch.Counts(accepted: 3, rejected: 1)
        let states = [Job.State.Name.succeeded, .failed, .cancelled]
        for (index, state) in states.enumerated() {
            let isEarly = batch.finishIfDone(at: now)
            #expect(!isEarly)
            #expect(batch.counts.ended == 1 + index && batch.counts.pending == 3 - index)
            for other in [Job.State.Name.scheduled, .queued, .running] { batch.counts.count(other) }
            batch.counts.count(state)
        }
        #expect(batch.counts == Batch.Counts(accepted: 3, rejected: 1, succeeded: 1, failed: 1, cancelled: 1))
        let ends = [batch.finishIfDone(at: now + .seconds(1)), batch.finishIfDone(at: now + .seconds(2))]
        #expect(ends == [true, false])
        #expect(batch.finished == now + .seconds(1))
    }

    @Test("a batch's name has one spelling, as a job's")
    func batchName() {
        let id = Batch.ID.sample(1)
        #expect(Batch.ID(id.description) == id)
        #expect(Batch.ID(id.description.uppercased()) == nil)
        #expect(Batch.ID("") == nil)
    }

    /// A life that runs under its first lease of a minute.
    private func running(_ limits: Job.TimeLimits) throws -> Job.Life {
        let life = Job.Life(state: .queued, maxAttempts: 9)
        let lease = life.newLease(
            worker: "a", claimID: Job.ClaimID(random: random), duration: .seconds(60), limits: limits, now: now)
        return try #require(life.next(on: .claimed(lease), at: now))
    }
}
