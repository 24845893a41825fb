import QueueModel
import System
import TestSupport
import Testing

/// Random histories over everything that a queue can do: after each step each queue shows what the in-memory one shows.
@Suite struct OracleTests {
    private static let parts = 8

    @Test(
        "whatever is done in whatever order, a queue answers and looks as the rules have it",
        arguments: QueueBackend.allCases, 0..<Self.parts)
    func histories(backend: QueueBackend, part: Int) async throws {
        // In parts, which run beside one another: most of the time goes by in waiting for the disk.
        for seed in stride(from: UInt64(part), to: UInt64(backend.rounds(reduced: 500, full: 10_000)), by: Self.parts) {
            let comparison = Comparison(backend: backend, seed: seed)
            let history = History.drawn(seed: seed, count: 60)
            guard let first = try await comparison.difference(in: history) else { continue }
            let shortest = try await comparison.shortened(Array(history[...first.step]))
            let difference = try await comparison.difference(in: shortest)
            Issue.record(
                """
                seed \(seed) makes a difference after:
                \(shortest.map { "\($0)" }.joined(separator: "\n"))
                expected: \(difference?.expected ?? "nothing, the second time")
                found:    \(difference?.found ?? "nothing, the second time")
                """)
            return
        }
    }

    @Test("a queue that is wrong is found, with the shortest history that shows it")
    func wrongQueue() async throws {
        var shortest: Set<[String]> = []
        for seed in 0..<UInt64(200) where shortest.count < 5 {
            var comparison = Comparison(backend: .memory, seed: seed)
            comparison.spoil = { WrongQueue(queue: $0) }
            let history = History.drawn(seed: seed, count: 60)
            guard let difference = try await comparison.difference(in: history) else { continue }
            let shortened = try await comparison.shortened(Array(history[...difference.step]))
            #expect(shortened.count == 3, "seed \(seed): \(shortened)")
            guard case .enqueue(let drafts) = shortened[0], case .claim = shortened[1], case .release = shortened[2]
            else {
                Issue.record("seed \(seed): \(shortened)")
                return
            }
            #expect(drafts.count == 1)
            shortest.insert(shortened.map { "\($0)" })
        }
        #expect(!shortest.isEmpty)
    }

    @Test("a history is the same for its seed, and uses every operation sooner or later")
    func drawing() {
        #expect(History.drawn(seed: 3, count: 60) == History.drawn(seed: 3, count: 60))
        let names = (0..<UInt64(100)).flatMap { History.drawn(seed: $0, count: 60) }.map { operation in
            String(decoding: "\(operation)".utf8.prefix { $0 != UInt8(ascii: "(") }, as: UTF8.self)
        }
        #expect(Set(names).count == 24)
    }
}
