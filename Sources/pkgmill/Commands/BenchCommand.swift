import JSON
import QueueModel
import System
import Terminal

extension Command {
    static let bench = Command(
        syntax: CommandSyntax(
            "bench", summary: "Measure the queue",
            discussion: "Works in a database of its own in DIR, which is removed afterwards.",
            operands: [.init("queue")],
            options: [
                .init("backend", "NAME", help: "which queue (default: sqlite)", choices: ["sqlite"]),
                .init("jobs", "N", help: "jobs of the largest measurement (default: 1000000)"),
                .init("directory", "DIR", help: "where the database lies, on the disk to measure (default: here)"),
                .init(
                    "only", "NAME", help: "one measurement: enqueue, bulk, drain, latency or claims", isRepeatable: true
                ),
                .init("listen", "DATABASE", help: "be the other process of the latency measurement"),
                .json,
            ])
    ) { invocation, console in
        if let path = invocation.value("listen") {
            let queue = try await SQLiteJobQueue.open(path, now: Timestamp.systemClock)
            let count = try number(invocation, "jobs", 100)
            try await QueueBench.listen(queue, count: count) { console.print("\($0)") }
            return .success
        }
        let jobs = try number(invocation, "jobs", 1_000_000)
        let only = invocation.all("only")
        let parent = invocation.value("directory") ?? "."
        func show(_ figures: [QueueBench.Figure]) {
            for figure in figures {
                if invocation.has("json") {
                    console.print([
                        "name": .string(figure.name), "value": .string("\(figure.value)"),
                        "unit": .string(figure.unit), "count": .integer(Int64(figure.count)),
                    ])
                } else {
                    console.print("\(figure.name): \(rounded(figure.value)) \(figure.unit) (\(figure.count))")
                }
            }
        }
        func measure(_ name: String, _ body: (QueueBench, String) async throws -> [QueueBench.Figure]) async throws {
            guard only.isEmpty || only.contains(name) else { return }
            let folder = try BenchFolder(in: parent)
            defer { folder.remove() }
            let path = folder.path + "/bench.db"
            show(try await body(QueueBench { try await SQLiteJobQueue.open(path, now: Timestamp.systemClock) }, path))
        }
        try await measure("enqueue") { bench, _ in [try await bench.enqueue(min(jobs, 5000), callers: 1)] }
        try await measure("enqueue") { bench, _ in [try await bench.enqueue(min(jobs, 50_000), callers: 16)] }
        try await measure("bulk") { bench, _ in [try await bench.bulk(min(jobs, 300_000))] }
        try await measure("drain") { bench, _ in [try await bench.drain(min(jobs, 50_000))] }
        try await measure("latency") { bench, path in
            try await bench.latency(min(jobs, 300)) { try startListener(path, count: min(jobs, 300)) }
        }
        try await measure("claims") { bench, _ in
            [
                try await bench.claims(waiting: 1000, count: 500),
                try await bench.claims(waiting: jobs, count: 5000),
                try await bench.claims(waiting: jobs, count: 5000),
            ]
        }
        return .success
    }

    private static func number(_ invocation: Invocation, _ option: String, _ fallback: Int) throws -> Int {
        guard let text = invocation.value(option) else { return fallback }
        guard let number = Int(text), (1...10_000_000).contains(number) else {
            throw UsageError.badValue(option: option, value: text, expected: "a number from 1 to 10000000")
        }
        return number
    }

    private static func rounded(_ value: Double) -> String {
        value >= 100 ? "\(Int64(value.rounded()))" : "\((value * 1000).rounded() / 1000)"
    }

    private static func startListener(_ path: String, count: Int) throws -> LatencyListener {
        let child = try ChildProcess.start(
            CurrentProcess.executablePath, ["bench", "queue", "--listen", path, "--jobs", "\(count)"],
            environment: CurrentProcess.environmentEntries, output: .captured)
        return LatencyListener { _ in
            let output = try child.readOutput(limit: 1 << 24)
            _ = child.wait()
            return output.split(separator: 0x0A).compactMap { Double(String(decoding: $0, as: UTF8.self)) }
        }
    }
}

/// A fresh folder, removed with what is in it.
private struct BenchFolder {
    let path: String
    private let parent: Directory
    private let name: String

    init(in parent: String) throws {
        name = "pkgmill-bench-\(CurrentProcess.identifier)-\(MonotonicClock.nanoseconds())"
        self.parent = try Directory.open(parent)
        try self.parent.makeDirectory(name)
        path = parent + "/" + name
    }

    /// What cannot be removed stays; it is in a folder that says whose it is.
    func remove() { try? parent.removeTree(name) }
}
