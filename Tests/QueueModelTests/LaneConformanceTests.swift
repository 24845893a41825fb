import QueueModel
import System
import TestSupport
import Testing

/// The rules every `JobQueue` keeps, about lanes and their shares.
@Suite struct LaneConformanceTests {
    @Test("lanes share the claims by their weights, evenly spread", arguments: QueueBackend.allCases)
    func shares(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await queue.enqueueSamples(1...40)
            try await queue.enqueueSamples(41...80, lane: .batch)
            try await queue.enqueueSamples(81...120, lane: .campaign)
            let lanes = try await claimLanes(queue, 36)
            for start in 0...24 {
                let twelve = lanes[start..<start + 12]
                #expect(twelve.count { $0 == .interactive } == 8, "from claim \(start)")
                #expect(twelve.count { $0 == .batch } == 3, "from claim \(start)")
                #expect(twelve.count { $0 == .campaign } == 1, "from claim \(start)")
                #expect(lanes[start..<start + 4].contains { $0 != .interactive }, "from claim \(start)")
                #expect(lanes[start..<start + 2].contains { $0 != .batch }, "from claim \(start)")
            }
        }
    }

    @Test("many jobs in one claim are shared as in many claims", arguments: QueueBackend.allCases)
    func sharesOfOneClaim(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await queue.enqueueSamples(1...20)
            try await queue.enqueueSamples(21...40, lane: .batch)
            try await queue.enqueueSamples(41...60, lane: .campaign)
            let lanes = try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(60), limit: 12).map(\.lane)
            #expect(lanes.count == 12)
            #expect(lanes.count { $0 == .interactive } == 8)
            #expect(lanes.count { $0 == .batch } == 3)
        }
    }

    @Test("counts of some lanes leave out the others", arguments: QueueBackend.allCases)
    func countsOfLanes(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            try await queue.enqueueSamples(1...3)
            try await queue.enqueueSamples(4...8, lane: .batch)
            for (number, seconds) in [(9, 30), (10, 90)] {
                let later = clock.now + .seconds(seconds)
                _ = try await queue.enqueue(.sample(UInt64(number), lane: .batch).scheduled(for: later))
            }
            _ = try await queue.claim(by: "worker-a", lanes: [.batch], for: .seconds(60))
            #expect(try await queue.counts(of: [.interactive], dueWithin: .seconds(60)) == QueueCounts(queued: 3))
            #expect(
                try await queue.counts(of: [.batch], dueWithin: .seconds(60))
                    == QueueCounts(scheduled: 2, dueSoon: 1, queued: 4, running: 1))
            #expect(
                try await queue.counts(of: [.batch, .interactive], dueWithin: .zero)
                    == QueueCounts(scheduled: 2, queued: 7, running: 1))
            #expect(try await queue.counts(of: [.campaign], dueWithin: .seconds(60)).isDrained)
            #expect(try await queue.counts(of: [], dueWithin: .seconds(60)) == QueueCounts())
            #expect(
                try await queue.counts(dueWithin: .seconds(60))
                    == QueueCounts(scheduled: 2, dueSoon: 1, queued: 7, running: 1))
        }
    }

    @Test("an idle lane's share goes to the others", arguments: QueueBackend.allCases)
    func idleShare(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await queue.enqueueSamples(1...40, lane: .batch)
            try await queue.enqueueSamples(41...80, lane: .campaign)
            let lanes = try await claimLanes(queue, 20)
            for start in 0...16 {
                #expect(lanes[start..<start + 4].count { $0 == .campaign } == 1, "from claim \(start)")
            }
        }
    }

    @Test("a lane with work alone gets every claim", arguments: QueueBackend.allCases)
    func alone(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await queue.enqueueSamples(1...30, lane: .campaign)
            #expect(try await claimLanes(queue, 30) == Array(repeating: .campaign, count: 30))
            #expect(try await queue.claimNext() == nil)
        }
    }

    @Test("no lane waits for ever, whatever the weights", arguments: QueueBackend.allCases)
    func noStarvation(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await queue.configure([LanePolicy(lane: .interactive, weight: 99), LanePolicy(lane: .batch, weight: 1)])
            try await queue.enqueueSamples(1...150)
            try await queue.enqueueSamples(201...202, lane: .batch)
            let lanes = try await claimLanes(queue, 100)
            #expect(lanes.count { $0 == .batch } == 1)
        }
    }

    @Test("a lane that was idle does not overrun the others afterwards", arguments: QueueBackend.allCases)
    func idleGathersNothing(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await queue.enqueueSamples(1...120)
            _ = try await claimLanes(queue, 60)
            try await queue.enqueueSamples(201...240, lane: .batch)
            let lanes = try await claimLanes(queue, 11)
            #expect((3...4).contains(lanes.count { $0 == .batch }))
        }
    }

    @Test("a lane that is held back gathers nothing either", arguments: QueueBackend.allCases)
    func heldGathersNothing(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await queue.enqueueSamples(1...120)
            try await queue.enqueueSamples(201...240, lane: .batch)
            try await queue.hold(.paused, .batch, by: "ada", reason: "")
            #expect(try await claimLanes(queue, 60) == Array(repeating: .interactive, count: 60))
            try await queue.resume(.batch, by: "ada")
            let lanes = try await claimLanes(queue, 11)
            #expect((3...4).contains(lanes.count { $0 == .batch }))
        }
    }

    @Test("new weights count from the moment they are configured", arguments: QueueBackend.allCases)
    func reweighted(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            let lanes: [Lane] = [.interactive, .batch, .campaign]
            try await queue.configure(zip(lanes, [1, 1000, 1000]).map { LanePolicy(lane: $0, weight: $1) })
            try await queue.enqueueSamples(1...40)
            try await queue.enqueueSamples(41...80, lane: .batch)
            _ = try await claimLanes(queue, 7)
            try await queue.enqueueSamples(81...120, lane: .campaign)
            try await queue.configure(lanes.map { LanePolicy(lane: $0) })
            let taken = try await claimLanes(queue, 9)
            for lane in lanes { #expect(taken.count { $0 == lane } == 3, "\(lane)") }
        }
    }

    @Test("the same lanes configured again and again change no turn", arguments: QueueBackend.allCases)
    func configuredAgain(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await queue.enqueueSamples(1...40)
            try await queue.enqueueSamples(41...80, lane: .batch)
            try await queue.enqueueSamples(81...120, lane: .campaign)
            var taken: [Lane] = []
            for _ in 0..<12 {
                try await queue.configure(LanePolicy.standard)
                taken += try await claimLanes(queue, 1)
            }
            #expect(taken.count { $0 == .interactive } == 8)
            #expect(taken.count { $0 == .campaign } == 1)
        }
    }

    @Test("within its lane the oldest job is first", arguments: QueueBackend.allCases)
    func order(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            for number in UInt64(1)...30 {
                let lane: Lane = [.interactive, .batch, .campaign][Int(number % 3)]
                _ = try await queue.enqueue(.sample(number, lane: lane))
            }
            var claimed: [Job] = []
            while let job = try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(60)) { claimed.append(job) }
            for lane in [Lane.interactive, .batch, .campaign] {
                let arrived = try await queue.list(JobFilter(lane: lane), after: nil, limit: 100).jobs.reversed()
                #expect(claimed.filter { $0.lane == lane }.map(\.id) == arrived.map(\.id))
            }
        }
    }

    @Test("a claim looks into the lanes that it names and no other", arguments: QueueBackend.allCases)
    func filter(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            _ = try await queue.enqueue(.sample(1, lane: .batch))
            _ = try await queue.enqueue(.sample(2, lane: .campaign))
            _ = try await queue.enqueue(.sample(3, lane: .batch))
            #expect(try await queue.claimNext(lanes: [.interactive]) == nil)
            #expect(try await queue.claimNext(lanes: [.nobodys]) == nil)
            #expect(try await queue.claimNext(lanes: []) == nil)
            #expect(try await queue.claimNext(lanes: [.interactive, .campaign, .campaign]) == .sample(2))
            #expect(try await queue.claimNext(lanes: [.interactive, .batch]) == .sample(1))
            #expect(try await queue.claimNext() == .sample(3))
        }
    }

    @Test("a lane that the farm does not have takes nothing in", arguments: QueueBackend.allCases)
    func unknown(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            let refusal = QueueError.noSuchLane(.extra, known: [.interactive, .batch, .campaign])
            await #expect(throws: refusal) { try await queue.enqueue(.sample(1, lane: .extra)) }
            await #expect(throws: refusal) { try await queue.hold(.paused, .extra, by: "ada", reason: "") }
            await #expect(throws: refusal) { try await queue.resume(.extra, by: "ada") }
            #expect(try await queue.status(of: .sample(1)) == nil)
            try await queue.configure(LanePolicy.standard + [LanePolicy(lane: .extra)])
            _ = try await queue.enqueue(.sample(1, lane: .extra))
            #expect(try await queue.claimNext() == .sample(1))
        }
    }

    @Test("a lane that is no longer configured is worked off and takes nothing in", arguments: QueueBackend.allCases)
    func dropped(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            try await queue.enqueueSamples(1...2, lane: .campaign)
            try await queue.configure([LanePolicy(lane: .interactive)])
            await #expect(throws: QueueError.noSuchLane(.campaign, known: [.interactive])) {
                try await queue.enqueue(.sample(3, lane: .campaign))
            }
            #expect(try await queue.enqueue(.sample(1, lane: .campaign)).id == .sample(1))
            let lanes = try await queue.lanes()
            #expect(lanes.map(\.policy.lane) == [.interactive, .campaign])
            #expect(lanes.map(\.isConfigured) == [true, false])
            #expect(lanes.map(\.queued) == [0, 2])
            for number in UInt64(1)...2 {
                let claim = try await queue.mustClaim()
                #expect(claim.job == .sample(number))
                try await queue.complete(claim, result: .sample())
            }
            #expect(try await queue.lanes().map(\.policy.lane) == [.interactive])
        }
    }

    @Test("the lanes are shown as they are configured and as they stand", arguments: QueueBackend.allCases)
    func shown(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            let policies = [
                LanePolicy(lane: .campaign, weight: 2, concurrency: 3),
                LanePolicy(lane: .extra, rate: StartRate(count: 5, period: .seconds(60))),
                LanePolicy(lane: .interactive, weight: 1000),
            ]
            try await queue.configure(policies)
            let arrival = clock.now
            try await queue.enqueueSamples(1...4, lane: .campaign)
            _ = try await queue.enqueue(.sample(5, lane: .campaign).scheduled(for: clock.now + .seconds(9)))
            _ = try await queue.claimNext()
            clock.advance(by: .seconds(1))
            let lanes = try await queue.lanes()
            #expect(lanes.map(\.policy) == policies)
            #expect(lanes.map(\.queued) == [3, 0, 0])
            #expect(lanes.map(\.scheduled) == [1, 0, 0])
            #expect(lanes.map(\.running) == [1, 0, 0])
            #expect(lanes.map(\.oldest?.id) == [.sample(2), nil, nil])
            #expect(lanes[0].oldest?.created == arrival)
            try await queue.configure(policies.reversed())
            #expect(try await queue.lanes().map(\.policy) == policies.reversed())
        }
    }

    @Test("lanes that cannot be served are refused as they are, and nothing changes", arguments: QueueBackend.allCases)
    func badPolicies(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            let rates = [
                StartRate(count: 0, period: .seconds(1)), StartRate(count: .max, period: .seconds(1)),
                StartRate(count: 1, period: .zero), StartRate(count: 1, period: .seconds(86_401)),
                StartRate(count: .min, period: .seconds(Int64.max)), StartRate(count: 1, period: .microseconds(999)),
            ]
            let bad =
                [
                    LanePolicy(lane: .batch, weight: 0), LanePolicy(lane: .batch, weight: 1001),
                    LanePolicy(lane: .batch, weight: .min), LanePolicy(lane: .batch, concurrency: 0),
                    LanePolicy(lane: .batch, concurrency: .max),
                ] + rates.map { LanePolicy(lane: .batch, rate: $0) }
            for policy in bad {
                await #expect(throws: QueueError.self, "\(policy)") {
                    try await queue.configure([LanePolicy(lane: .interactive), policy])
                }
            }
            await expectInvalid("lanes") { () async throws(QueueError) in try await queue.configure([]) }
            await expectInvalid("lanes") { () async throws(QueueError) in
                try await queue.configure([LanePolicy(lane: .batch), LanePolicy(lane: .batch, weight: 2)])
            }
            let many = (0...100).compactMap { Lane("lane-\($0)") }.map { LanePolicy(lane: $0) }
            await expectInvalid("lanes") { () async throws(QueueError) in try await queue.configure(many) }
            #expect(try await queue.lanes().map(\.policy) == LanePolicy.standard)
            try await queue.configure(Array(many.dropLast()))
        }
    }

    /// The lanes of the next `count` jobs, claimed one by one.
    private func claimLanes(_ queue: any JobQueue, _ count: Int) async throws -> [Lane] {
        var lanes: [Lane] = []
        for _ in 0..<count {
            lanes.append(try #require(try await queue.claim(by: "worker-a", lanes: nil, for: .seconds(60))).lane)
        }
        return lanes
    }
}
