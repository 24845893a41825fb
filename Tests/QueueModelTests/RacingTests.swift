import QueueModel
import System
import TestSupport
import Testing

/// Many at once on one store: whatever they do, nothing is lost, nothing done twice, and everything adds up.
@Suite struct RacingTests {
    private static let parts = 4

    @Test(
        "two to eight workers at once, some of whom die, lose nothing and do nothing twice",
        arguments: QueueBackend.allCases, 0..<Self.parts)
    func races(backend: QueueBackend, part: Int) async throws {
        for seed in stride(from: UInt64(part), to: UInt64(rounds(reduced: 20, full: 400)), by: Self.parts) {
            let race = Race(seed: seed)
            try await backend.withQueues(count: race.handleCount, rules: Race.rules, seed: seed) { queues, clock in
                try await race.run(queues, clock)
                let jobs = try await allJobs(queues[0])
                try await checkJobs(jobs, race)
                try await checkBatches(jobs, queues[0], race)
                try await checkEvents(jobs, queues[0], race)
            }
        }
    }

    /// Acknowledged ⊆ present ⊆ attempted; each ended, and succeeded exactly where one worker was told so; each lease
    /// given once, under a number of its own.
    private func checkJobs(_ jobs: [Job], _ race: Race) async throws {
        let comment: Comment = "seed \(race.seed)"
        let present = Set(jobs.map(\.id))
        #expect(present.count == jobs.count, comment)
        let (acknowledged, attempted) = (await race.log.acknowledged, await race.log.attempted)
        #expect(present.isSuperset(of: acknowledged), comment)
        #expect(present.isSubset(of: attempted), comment)
        let (leases, completed) = (await race.log.leases, await race.log.completed)
        #expect(Set(leases.map(\.claimID)).count == leases.count, comment)
        let epochs = Dictionary(grouping: leases, by: \.job).mapValues { $0.map(\.epoch).sorted() }
        for job in jobs {
            #expect(job.state.name.isFinal, comment)
            #expect(completed[job.id, default: 0] == (job.state.name == .succeeded ? 1 : 0), comment)
            #expect(
                epochs[job.id, default: []] == Array(1...max(job.life.epoch, 1)).filter { $0 <= job.life.epoch },
                comment)
            #expect(job.attempt <= job.maxAttempts, comment)
        }
    }

    /// Each row once; the counts are what the items show; each batch ended once.
    private func checkBatches(_ jobs: [Job], _ queue: any JobQueue, _ race: Race) async throws {
        let comment: Comment = "seed \(race.seed)"
        for number in Race.batches {
            let batch = try #require(try await queue.batch(.sample(number)), comment)
            let items = try await queue.items(of: batch.id, after: 0, limit: 1000)
            #expect(items.map(\.row) == Array(1...Race.total), comment)
            var counts = Batch.Counts()
            for item in items {
                switch item.outcome {
                case .rejected: counts.rejected += 1
                case .parked: Issue.record("a row is parked; seed \(race.seed)")
                case .job(let job):
                    counts.accepted += 1
                    switch job.state.name {
                    case .succeeded: counts.succeeded += 1
                    case .failed: counts.failed += 1
                    case .cancelled: counts.cancelled += 1
                    case .scheduled, .queued, .running: Issue.record("a row has not ended; seed \(race.seed)")
                    }
                }
            }
            #expect(batch.counts == counts, comment)
            #expect(batch.finished != nil, comment)
            #expect(jobs.count { $0.batch?.batch == batch.id } == counts.accepted, comment)
        }
    }

    /// The events are without gaps, go along the drawn edges only, and lead each job to where it is.
    private func checkEvents(_ jobs: [Job], _ queue: any JobQueue, _ race: Race) async throws {
        let comment: Comment = "seed \(race.seed)"
        let events = try await allEvents(queue)
        #expect(events.map(\.sequence) == Array(1...Int64(events.count)), comment)
        var states: [Job.ID: (name: Job.State.Name, attempt: Int)] = [:]
        var ends: [Batch.ID: Int] = [:]
        for event in events {
            switch event.change {
            case .state(let id, let name, let attempt):
                let before = states[id]
                #expect(isDrawn(from: before?.name, to: name), "\(event) after \(String(describing: before))")
                #expect(attempt >= before?.attempt ?? 1, comment)
                states[id] = (name, attempt)
            case .progress(let id, _): #expect(states[id]?.name == .running, comment)
            case .batchFinished(let id): ends[id, default: 0] += 1
            case .held, .resumed: break
            }
        }
        for job in jobs {
            #expect(states[job.id]?.name == job.state.name, comment)
            #expect(states[job.id]?.attempt == job.attempt, comment)
        }
        #expect(states.count == jobs.count, comment)
        #expect(ends.values.allSatisfy { $0 == 1 } && ends.count == Race.batches.count, comment)
    }

    private func isDrawn(from: Job.State.Name?, to: Job.State.Name) -> Bool {
        switch from {
        case nil: to == .queued || to == .scheduled
        case .scheduled: to == .queued || to == .cancelled
        case .queued: to == .running || to == .cancelled
        case .running: to != .running
        case .succeeded, .failed, .cancelled: false
        }
    }

    private func allJobs(_ queue: any JobQueue) async throws -> [Job] {
        var jobs: [Job] = []
        var cursor: JobCursor?
        repeat {
            let page = try await queue.list(.all, after: cursor, limit: 50)
            jobs += page.jobs
            cursor = page.next
        } while cursor != nil
        return jobs
    }

    private func allEvents(_ queue: any JobQueue) async throws -> [QueueEvent] {
        var events: [QueueEvent] = []
        while true {
            let page = try await queue.events(after: events.last?.sequence ?? 0, limit: 100)
            guard !page.events.isEmpty else { return events }
            events += page.events
        }
    }
}
