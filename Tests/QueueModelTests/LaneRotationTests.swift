import System
import TestSupport
import Testing

@testable import QueueModel

/// In which order claims look into lanes.
@Suite struct LaneRotationTests {
    @Test("while all lanes have work each gets exactly its weight of every round")
    func exact() {
        let random = SeededRandom(seed: 1)
        for _ in 0..<rounds(reduced: 100, full: 2000) {
            let lanes = policies((0..<1 + random.below(9)).map { _ in 1 + random.below(30) })
            let total = lanes.reduce(0) { $0 + $1.weight }
            var rotation = LaneRotation()
            for _ in 0..<2 {
                var taken: [Lane?: Int] = [:]
                for _ in 0..<total { taken[take(&rotation, lanes) { _ in true }, default: 0] += 1 }
                for policy in lanes { #expect(taken[policy.lane] == policy.weight) }
            }
        }
    }

    @Test("a lane with work waits at most twice as long as all weights together are to its own, and once around")
    func boundWhileAllWork() {
        let random = SeededRandom(seed: 2)
        for _ in 0..<rounds(reduced: 50, full: 500) {
            let lanes = policies((0..<2 + random.below(9)).map { _ in [1, 1, 3, 50, 1000][random.below(5)] })
            let total = lanes.reduce(0) { $0 + $1.weight }
            let longest = longestWaits(lanes, claims: 3 * total, random: random) { _ in true }
            for policy in lanes {
                #expect(
                    longest[policy.lane, default: 0] <= 2 * total / policy.weight + lanes.count,
                    "\(lanes)")
            }
        }
    }

    @Test("so it does when the other lanes run dry and fill up again at random")
    func boundWhileOthersCome() {
        let random = SeededRandom(seed: 3)
        for _ in 0..<rounds(reduced: 50, full: 500) {
            let lanes = policies((0..<2 + random.below(9)).map { _ in [1, 1, 3, 50, 300][random.below(5)] })
            let total = lanes.reduce(0) { $0 + $1.weight }
            let patient = lanes[random.below(lanes.count)]
            // Some change with each claim, some only now and then.
            let restlessness = [2, 10, 1000][random.below(3)]
            var dry: Set<Lane> = []
            let longest = longestWaits(lanes, claims: 4 * total, random: random) { lane in
                if random.below(restlessness) == 0 { dry.formSymmetricDifference([lane]) }
                return lane == patient.lane || !dry.contains(lane)
            }
            #expect(longest[patient.lane, default: 0] <= 2 * total / patient.weight + lanes.count, "\(lanes)")
        }
    }

    @Test("with a hundred lanes of the greatest and the least weight the least is served too")
    func extremes() {
        let lanes = policies([1] + Array(repeating: 1000, count: 99))
        let total = 99_001
        var rotation = LaneRotation()
        var waits = 0
        while take(&rotation, lanes, { _ in true }) != lanes[0].lane {
            waits += 1
            guard waits <= total else { break }
        }
        #expect(waits <= total)
    }

    @Test("a lane that was idle gets no more than its share and one when it comes back")
    func idle() {
        let random = SeededRandom(seed: 4)
        for _ in 0..<100 {
            let lanes = policies((0..<2 + random.below(4)).map { _ in 1 + random.below(20) })
            let total = lanes.reduce(0) { $0 + $1.weight }
            let sleeper = lanes[random.below(lanes.count)]
            var rotation = LaneRotation()
            for _ in 0..<random.below(500) { _ = take(&rotation, lanes) { $0 != sleeper.lane } }
            var taken = 0
            for _ in 0..<total where take(&rotation, lanes, { _ in true }) == sleeper.lane { taken += 1 }
            #expect(taken <= sleeper.weight + 1 && taken >= min(sleeper.weight - 1, 1), "\(lanes) \(sleeper)")
        }
    }

    @Test("lanes of one weight take turns in their order")
    func turns() {
        let lanes = policies([5, 5, 5])
        var rotation = LaneRotation()
        let taken = (0..<9).map { _ in take(&rotation, lanes) { _ in true } }
        #expect(taken == lanes.map(\.lane) + lanes.map(\.lane) + lanes.map(\.lane))
    }

    @Test("a weight that changes counts from the next claim on")
    func changed() {
        var lanes = policies([1, 1])
        var rotation = LaneRotation()
        for _ in 0..<10 { _ = take(&rotation, lanes) { _ in true } }
        lanes = policies([9, 1])
        let taken = (0..<20).map { _ in take(&rotation, lanes) { _ in true } }
        #expect(taken.count { $0 == lanes[1].lane } == 2)
    }

    private func policies(_ weights: [Int]) -> [LanePolicy] {
        weights.enumerated().compactMap { number, weight in
            Lane("lane-\(number)").map { LanePolicy(lane: $0, weight: weight) }
        }
    }

    /// The lane that the next claim is served from, of those that have work.
    private func take(
        _ rotation: inout LaneRotation, _ lanes: [LanePolicy], _ hasWork: (Lane) -> Bool
    ) -> Lane? {
        let order = rotation.order(lanes)
        guard let taken = order.firstIndex(where: { hasWork($0.lane) }) else { return nil }
        rotation.took(taken, of: order)
        return order[taken].lane
    }

    /// How many claims each lane waited at the most.
    private func longestWaits(
        _ lanes: [LanePolicy], claims: Int, random: SeededRandom, _ hasWork: (Lane) -> Bool
    ) -> [Lane: Int] {
        var rotation = LaneRotation()
        var (waits, longest): ([Lane: Int], [Lane: Int]) = ([:], [:])
        for _ in 0..<claims {
            let taken = take(&rotation, lanes, hasWork)
            for policy in lanes {
                waits[policy.lane] = policy.lane == taken ? 0 : waits[policy.lane, default: 0] + 1
                longest[policy.lane] = max(longest[policy.lane, default: 0], waits[policy.lane, default: 0])
            }
        }
        return longest
    }
}
