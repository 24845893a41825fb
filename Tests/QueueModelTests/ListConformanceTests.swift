import QueueModel
import System
import TestSupport
import Testing

/// The rules every `JobQueue` keeps, about what people see.
@Suite struct ListConformanceTests {
    @Test("a list is newest first, page after page", arguments: QueueBackend.allCases)
    func pages(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            for number in UInt64(1)...7 { _ = try await queue.enqueue(.sample(number)) }
            let seen = try await pages(of: queue, .all, limit: 3)
            #expect(seen == [[7, 6, 5], [4, 3, 2], [1]].map { $0.map { .sample($0) } })
            #expect(try await pages(of: queue, .all, limit: 7).count == 1)
        }
    }

    @Test("jobs that arrive meanwhile shift nothing", arguments: QueueBackend.allCases)
    func stable(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            for number in UInt64(1)...6 { _ = try await queue.enqueue(.sample(number)) }
            var arrivals = UInt64(100)
            let seen = try await pages(of: queue, .all, limit: 2) {
                arrivals += 1
                _ = try await queue.enqueue(.sample(arrivals))
            }
            #expect(seen.flatMap { $0 } == [6, 5, 4, 3, 2, 1].map { .sample($0) })
        }
    }

    @Test("a list shows what it is asked for", arguments: QueueBackend.allCases)
    func filters(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            // In each of two lanes one job of each state, arrived in turn.
            var expected: [Job.ID: (Lane, Job.State.Name)] = [:]
            var number = UInt64(0)
            for state in [Job.State.Name.succeeded, .failed, .cancelled, .running, .queued, .scheduled] {
                for lane in [Lane.interactive, .batch] {
                    number += 1
                    let plain = Submission.sample(number, lane: lane)
                    let late = plain.scheduled(for: clock.now + .seconds(60))
                    _ = try await queue.enqueue(state == .scheduled ? late : plain)
                    expected[.sample(number)] = (lane, state)
                    switch state {
                    case .succeeded: try await queue.complete(try await queue.mustClaim(), result: .sample())
                    case .failed: try await queue.fail(try await queue.mustClaim(), .lasting)
                    case .cancelled: try await queue.cancel(.sample(number))
                    case .running: _ = try await queue.mustClaim()
                    case .queued, .scheduled: break
                    }
                }
            }
            let newestFirst = (1...number).reversed().map { Job.ID.sample($0) }
            for lane in [nil, Lane.interactive, .batch, .nobodys] {
                for state in [nil] + Job.State.Name.allCases.map(Optional.some) {
                    let fitting = newestFirst.filter { id in
                        guard let (itsLane, itsState) = expected[id] else { return false }
                        return (lane == nil || lane == itsLane) && (state == nil || state == itsState)
                    }
                    for limit in [1, 5, 100] {
                        let seen = try await pages(of: queue, JobFilter(state: state, lane: lane), limit: limit)
                        #expect(seen.flatMap { $0 } == fitting, "\(String(describing: state)) \(limit)")
                        #expect(seen.allSatisfy { $0.count <= limit })
                    }
                }
            }
        }
    }

    @Test("a page of large requests ends early, and no job is missed", arguments: QueueBackend.allCases)
    func large(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, _ in
            for number in UInt64(1)...6 {
                var submission = Submission.sample(number)
                submission.request = [UInt8](repeating: 7, count: 1 << 20)
                _ = try await queue.enqueue(submission)
            }
            let seen = try await pages(of: queue, .all, limit: 100)
            #expect(seen == [[6, 5, 4, 3], [2, 1]].map { $0.map { .sample($0) } })
        }
    }

    @Test("the counts tell what is left to do", arguments: QueueBackend.allCases)
    func counts(backend: QueueBackend) async throws {
        try await backend.withQueue { queue, clock in
            #expect(try await queue.counts(dueWithin: .seconds(10)) == QueueCounts())
            _ = try await queue.enqueue(.sample(1))
            _ = try await queue.enqueue(.sample(2, lane: .batch))
            _ = try await queue.enqueue(.sample(3).scheduled(for: clock.now + .seconds(10)))
            _ = try await queue.enqueue(.sample(4).scheduled(for: clock.now + .seconds(11)))
            let claim = try await queue.mustClaim()
            #expect(
                try await queue.counts(dueWithin: .seconds(10))
                    == QueueCounts(scheduled: 2, dueSoon: 1, queued: 1, running: 1))
            #expect(try await queue.counts(dueWithin: .seconds(10)).isDrained == false)
            try await queue.complete(claim, result: .sample())
            for number in UInt64(2)...3 { try await queue.cancel(.sample(number)) }
            let last = try await queue.counts(dueWithin: .seconds(10))
            #expect(last == QueueCounts(scheduled: 1))
            #expect(last.isDrained)
        }
    }

    /// The ids of all pages; `between` runs after each.
    private func pages(
        of queue: any JobQueue, _ filter: JobFilter, limit: Int, between: () async throws -> Void = {}
    ) async throws -> [[Job.ID]] {
        var pages: [[Job.ID]] = []
        var cursor: JobCursor?
        repeat {
            let page = try await queue.list(filter, after: cursor, limit: limit)
            pages.append(page.jobs.map(\.id))
            // Through its text, as people carry it.
            cursor = try page.next.map { try JobCursor($0.description) }
            try await between()
        } while cursor != nil
        return pages
    }
}
