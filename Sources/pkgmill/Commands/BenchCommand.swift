import JSON
import QueueModel
import System
import Terminal

extension Command {
    static let bench = Command(
        syntax: CommandSyntax(
            "bench", summary: "Measure the queue",
            discussion: """
                Works in databases of its own below DIR, or under names of its own in a Redis, which are removed afterwards. \
                Each round measures all anew; what is shown is the median of the rounds, and the least and the most.
                """,
            operands: [.init("queue", choices: ["queue"])],
            options: [
                .init("backend", "NAME", help: "which queue (default: sqlite)", choices: ["sqlite", "redis"]),
                .init("jobs", "N", help: "jobs of the largest measurement (default: 1000000)"),
                .init("rounds", "N", help: "rounds (default: 3)"),
                .init("directory", "DIR", help: "where the databases lie, on the disk to measure (default: here)"),
                .init("url", "URL", help: "the Redis to measure: redis://HOST:PORT or unix:PATH"),
                .init(
                    "only", "NAME", help: "one measurement", isRepeatable: true,
                    choices: BenchPart.allCases.map(\.rawValue)),
                .init("acknowledge", help: "submit N jobs one by one and print each id once it is synced"),
                .init("listen", "DATABASE", help: "be the other process of the latency measurement"),
                .init(
                    "prepare", "DATABASE",
                    help: "make an empty queue and show its statements, for a program that runs them by itself"),
                .json,
            ])
    ) { invocation, console in
        let jobs = Int(try invocation.number("jobs", in: 1...10_000_000) ?? 1_000_000)
        let rounds = Int(try invocation.number("rounds", in: 1...100) ?? 3)
        let store = try BenchStore(invocation)
        if let name = invocation.value("listen") {
            // It ends jobs without doing them: never those of a farm.
            guard store.isOurs(name) else {
                throw UsageError.badValue(option: "listen", value: name, expected: "a queue that 'bench' has made")
            }
            BlockingExecutor("parent").run {
                // The end of what measures, however it came; nothing is ever written there.
                _ = try? StandardStream.input.readAll(limit: 1 << 20)
                CurrentProcess.exit(ExitCode.unsuccessful.rawValue)
            }
            try await QueueBench.listen(store.open(name), count: jobs) { console.print("\($0)") }
            return .success
        }
        if invocation.has("acknowledge") {
            let place = try store.makePlace()
            let queue = try await store.open(place.name("bench"))
            try await QueueBench.acknowledge(jobs, in: queue) { console.print($0.description) }
            await place.remove()
            return .success
        }
        if let path = invocation.value("prepare") {
            _ = try await SQLiteJobQueue.open(path, now: Timestamp.systemClock)
            for (name, sql) in SQLiteJobQueue.statements { console.print("\(name)\t\(onOneLine(sql))") }
            return .success
        }
        let chosen = invocation.all("only")
        let parts = BenchPart.allCases.filter { chosen.isEmpty || chosen.contains($0.rawValue) }
        var figures: [BenchFigure] = []
        for _ in 0..<rounds {
            for part in parts {
                for figure in try await part.measure(jobs, in: store) {
                    if let known = figures.firstIndex(where: { $0.measure == figure.measure }) {
                        figures[known].add(figure)
                    } else {
                        figures.append(figure)
                    }
                }
            }
        }
        if invocation.has("json") {
            console.print([
                "backend": .string(store.backend), "jobs": .integer(Int64(jobs)),
                "figures": .array(figures.map(\.json)),
            ])
        } else {
            for figure in figures { console.print(figure.text) }
        }
        return .success
    }

    private static func onOneLine(_ sql: String) -> String {
        sql.split(separator: "\n").map { String($0.drop { $0 == " " }) }.joined(separator: " ")
    }
}

/// Measurements that may be asked for alone; each in fresh databases.
private enum BenchPart: String, CaseIterable {
    case enqueue
    case bulk
    case drain
    case latency
    case delayed
    case claims
    case memory

    /// One round, with at most `jobs` jobs, each measurement in a queue of its own.
    func measure(_ jobs: Int, in store: BenchStore) async throws -> [BenchFigure] {
        let place = try store.makePlace()
        do {
            let figures = try await measure(jobs, in: store, place)
            await place.remove()
            return figures
        } catch {
            await place.remove()
            throw error
        }
    }

    private func measure(_ jobs: Int, in store: BenchStore, _ place: BenchStore.Place) async throws -> [BenchFigure] {
        func bench(_ name: String) -> QueueBench {
            QueueBench { try await store.open(place.name(name)) }
        }
        switch self {
        case .enqueue:
            return [
                try await bench("one").enqueue(min(jobs, 5000), callers: 1, as: .enqueueByOne),
                try await bench("sixteen").enqueue(min(jobs, 50_000), callers: 16, as: .enqueueBySixteen),
            ]
        case .bulk: return [try await bench("bulk").bulk(min(jobs, 300_000))]
        case .drain:
            return [
                try await bench("drain").drain(min(jobs, 50_000), as: .drain),
                try await bench("single").drain(min(jobs, 50_000), loops: 32, claimLimit: 1, as: .drainByOne),
            ]
        case .latency:
            return try await bench("latency").latency(min(jobs, 100)) { count in
                try store.startListener(place.name("latency"), count: count)
            }
        case .delayed:
            return try await bench("delayed").delayed(min(jobs, 200)) { count in
                try store.startListener(place.name("delayed"), count: count)
            }
        case .claims: return try await bench("few").claims(jobs, besides: bench("many"))
        case .memory: return try await store.memory(min(jobs, 100_000), bench("memory"))
        }
    }
}
