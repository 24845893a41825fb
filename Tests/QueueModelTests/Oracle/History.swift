import QueueModel
import System
import TestSupport

/// Draws operations that are mostly sensible: jobs and leases that exist, some of them stale; times that matter to a
/// lease, a limit or a window; now and then the clock set an hour.
struct History {
    private let random: SeededRandom
    private var drafts: [Draft] = []
    private var lastNumber: UInt64 = 0
    private var opened: [UInt64: Int] = [:]
    private var held: [Lane?] = []

    /// `count` operations, the same for the same seed.
    static func drawn(seed: UInt64, count: Int) -> [Operation] {
        var history = History(random: SeededRandom(seed: ~seed))
        return (0..<count).map { _ in history.next() }
    }

    private init(random: SeededRandom) { self.random = random }

    private mutating func next() -> Operation {
        switch random.below(100) {
        case 0..<18: .enqueue((0..<pick([1, 1, 1, 2, 5])).map { _ in draft() })
        case 18..<21: open()
        case 21..<23: reject()
        case 23..<26: .cancel(job: random.below(6))
        case 26..<28: .retry(job: random.below(6), as: newNumber(again: 5))
        case 28..<30: .retryFailed(maybeLane(), limit: 1 + random.below(3))
        case 30..<50: claim()
        case 50..<54: .renew(lease: lease(), seconds: 1 + random.below(10))
        case 54..<57: .report(lease: lease(), stage: random.below(3))
        case 57..<64: .complete(lease: lease())
        case 64..<69: .fail(lease: lease(), isRetryable: random.below(4) > 0)
        case 69..<71: .release(lease: lease())
        case 71..<75: .beat(worker: random.below(4), lanes: someLanes(), isDraining: random.below(5) == 0)
        case 75: .leave(worker: random.below(4))
        case 76..<78: .forsake(worker: random.below(4))
        case 78: .configure(pick([.standard, .standard, .limited, .limited, .fewer, .other, .none]))
        case 79: hold()
        case 80..<82: .resume(held.isEmpty || random.below(3) == 0 ? maybeLane() : held.removeFirst())
        case 82: .prune(ended: pick([0, 10, 60]), failed: pick([0, 20, 90]), count: pick([0, 3, 1000]))
        default: look()
        }
    }

    /// An operation that changes nothing but the time.
    private mutating func look() -> Operation {
        switch random.below(17) {
        case 0:
            .list(
                JobFilter(state: pick([nil] + Job.State.Name.allCases.map(Optional.some)), lane: maybeLane()),
                after: random.below(2) == 0 ? nil : 1 + random.below(20), limit: 1 + random.below(5))
        case 1: .events(after: pick([nil, 0, 5, 1000]), limit: 1 + random.below(10))
        case 2: .items(batch: batch(), after: random.below(3), limit: 1 + random.below(4))
        case 3, 4: .standing(job: random.below(6))
        case 5: .moveClock(milliseconds: pick([3_600_000, -3_600_000, -20_000, 90_000_000]))
        default: .moveClock(milliseconds: pick([1, 999, 1000, 3000, 8000, 15_000]))
        }
    }

    private func claim() -> Operation {
        .claim(worker: random.below(4), lanes: someLanes(), seconds: 1 + random.below(10), limit: pick([1, 1, 2, 9]))
    }

    private mutating func hold() -> Operation {
        let lane = maybeLane()
        held.append(lane)
        return .hold(pick(LaneHold.Kind.allCases), lane, reason: random.below(2))
    }

    private mutating func open() -> Operation {
        let batch = batch()
        let total = random.below(6) == 0 ? nil : opened[batch]
        opened[batch] = total ?? pick([1, 2, 2, 3, 4])
        return .open(batch: batch, total: opened[batch] ?? 1)
    }

    private func reject() -> Operation {
        let (batch, row) = place()
        return .reject(batch: batch, row: row)
    }

    private mutating func draft() -> Draft {
        if let last = drafts.last, random.below(8) == 0 {
            var again = random.below(2) == 0 ? last : pick(drafts)
            if random.below(3) == 0 { again.isChanged = true }
            if random.below(3) == 0 { again.number = newNumber(again: 0) }
            return again
        }
        var draft = Draft(
            number: newNumber(again: 0), lane: pick([.interactive, .interactive, .batch, lane()]))
        draft.maxAttempts = 1 + random.below(4)
        if random.below(4) == 0 { draft.startsIn = pick([-5, 0, 1, 8, 30]) }
        if random.below(4) == 0 { draft.total = pick([2, 5, 20]) }
        if random.below(5) == 0 { draft.idle = pick([2, 5]) }
        if random.below(6) == 0 { draft.uniqueDigest = UInt8(random.below(2)) }
        if random.below(10) == 0 { draft.key = random.below(4) }
        let isRow = !opened.isEmpty && draft.uniqueDigest == nil
        if random.below(isRow ? 3 : 30) == 0 {
            let (batch, row) = place()
            (draft.batch, draft.row) = (batch, row)
        }
        drafts.append(draft)
        return draft
    }

    /// A number that no draft has; one time in `again` (0: never) one that some may have.
    private mutating func newNumber(again: Int) -> UInt64 {
        if again > 0, random.below(again) == 0 { return 1 + UInt64(random.below(20)) }
        lastNumber += 1
        return lastNumber
    }

    /// A batch, mostly one that was opened.
    private func batch() -> UInt64 {
        let batches = opened.keys.sorted()
        return batches.isEmpty || random.below(9) == 0 ? 1 + UInt64(random.below(3)) : pick(batches)
    }

    /// A row of a batch, mostly one that it has.
    private func place() -> (batch: UInt64, row: Int) {
        let batch = batch()
        return (batch, random.below(9) == 0 ? random.below(6) : 1 + random.below(opened[batch] ?? 5))
    }

    private func lease() -> Int { pick([0, 0, 0, 0, 1, 1, 2, 3, 8]) }
    private func lane() -> Lane { pick([.interactive, .interactive, .batch, .batch, .campaign, .campaign, .extra]) }
    private func maybeLane() -> Lane? { random.below(3) == 0 ? nil : lane() }
    private func someLanes() -> [Lane]? { pick([nil, nil, nil, [lane()], [lane(), lane()]]) }
    private func pick<Value>(_ values: [Value]) -> Value { values[random.below(values.count)] }
}
