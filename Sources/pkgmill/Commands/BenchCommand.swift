import JSON
import QueueModel
import System
import Terminal

extension Command {
    static let bench = Command(
        syntax: CommandSyntax(
            "bench", summary: "Measure the queue",
            discussion: """
                Works in databases of its own below DIR, which are removed afterwards. Each round measures all anew; what \
                is shown is the median of the rounds, and the least and the most.
                """,
            operands: [.init("queue", choices: ["queue"])],
            options: [
                .init("backend", "NAME", help: "which queue (default: sqlite)", choices: ["sqlite", "redis"]),
                .init("jobs", "N", help: "jobs of the largest measurement (default: 1000000)"),
                .init("rounds", "N", help: "rounds (default: 3)"),
                .init("directory", "DIR", help: "where the databases lie, on the disk to measure (default: here)"),
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
        if let backend = invocation.value("backend"), backend != "sqlite" {
            throw UsageError.badValue(
                option: "backend", value: backend, expected: "sqlite; this version has no other queue to measure")
        }
        let jobs = Int(try invocation.number("jobs", in: 1...10_000_000) ?? 1_000_000)
        let rounds = Int(try invocation.number("rounds", in: 1...100) ?? 3)
        if let path = invocation.value("listen") {
            // It ends jobs without doing them: never those of a farm.
            guard splitPath(splitPath(path).parent).name.utf8.starts(with: BenchFolder.prefix.utf8) else {
                throw UsageError.badValue(option: "listen", value: path, expected: "a database that 'bench' has made")
            }
            BlockingExecutor("parent").run {
                // The end of what measures, however it came; nothing is ever written there.
                _ = try? StandardStream.input.readAll(limit: 1 << 20)
                CurrentProcess.exit(ExitCode.unsuccessful.rawValue)
            }
            let queue = try await SQLiteJobQueue.open(path, now: Timestamp.systemClock)
            try await QueueBench.listen(queue, count: jobs) { console.print("\($0)") }
            return .success
        }
        if invocation.has("acknowledge") {
            let folder = try BenchFolder(in: invocation.value("directory") ?? ".")
            defer { folder.remove() }
            let queue = try await SQLiteJobQueue.open(folder.path + "/bench.db", now: Timestamp.systemClock)
            try await QueueBench.acknowledge(jobs, in: queue) { console.print($0.description) }
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
                for figure in try await part.measure(jobs, in: invocation.value("directory") ?? ".") {
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
                "backend": "sqlite", "jobs": .integer(Int64(jobs)), "figures": .array(figures.map(\.json)),
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

    /// One round, with at most `jobs` jobs, on the disk of `parent`.
    func measure(_ jobs: Int, in parent: String) async throws -> [BenchFigure] {
        let folder = try BenchFolder(in: parent)
        defer { folder.remove() }
        func bench(_ name: String) -> QueueBench {
            let path = folder.path + "/" + name
            return QueueBench { try await SQLiteJobQueue.open(path, now: Timestamp.systemClock) }
        }
        switch self {
        case .enqueue:
            return [
                try await bench("one.db").enqueue(min(jobs, 5000), callers: 1, as: .enqueueByOne),
                try await bench("sixteen.db").enqueue(min(jobs, 50_000), callers: 16, as: .enqueueBySixteen),
            ]
        case .bulk: return [try await bench("bulk.db").bulk(min(jobs, 300_000))]
        case .drain: return [try await bench("drain.db").drain(min(jobs, 50_000))]
        case .latency:
            return try await bench("latency.db").latency(min(jobs, 100)) { count in
                try startListener(folder.path + "/latency.db", count: count)
            }
        case .delayed:
            return try await bench("delayed.db").delayed(min(jobs, 200)) { count in
                try startListener(folder.path + "/delayed.db", count: count)
            }
        case .claims: return try await bench("few.db").claims(jobs, besides: bench("many.db"))
        }
    }

    private func startListener(_ path: String, count: Int) throws -> LatencyListener {
        let child = try ChildProcess.start(
            CurrentProcess.executablePath, ["bench", "queue", "--listen", path, "--jobs", "\(count)"],
            environment: CurrentProcess.environmentEntries, output: .captured)
        return LatencyListener {
            let output = try child.readOutput(limit: 1 << 24)
            _ = child.wait()
            return output.split(separator: 0x0A).compactMap { Double(String(decoding: $0, as: UTF8.self)) }
        }
    }
}

/// A fresh folder, removed with what is in it.
private struct BenchFolder {
    static let prefix = "pkgmill-bench-"
    let path: String
    private let parent: Directory
    private let name: String

    init(in parent: String) throws {
        name = Self.prefix + "\(CurrentProcess.identifier)-\(MonotonicClock.nanoseconds())"
        self.parent = try Directory.open(parent)
        try self.parent.makeDirectory(name)
        path = parent + "/" + name
    }

    /// What cannot be removed stays; it is in a folder that says whose it is.
    func remove() { try? parent.removeTree(name) }
}
