import JSON
import QueueModel
import System
import Terminal

extension Command {
    static let bench = Command(
        syntax: CommandSyntax(
            "bench", summary: "Measure the queue, or a server",
            discussion: """
                queue: \
                Works in databases of its own below DIR, or under names of its own in a Redis, which are removed afterwards. \
                http: asks the server at --server as the owner of the key in --key-file, whose farm it fills with jobs that \
                nobody wants: never one in use. \
                Each round measures all anew; what is shown is the median of the rounds, and the least and the most.
                """,
            operands: [.init("what", choices: ["queue", "http"])],
            options: [
                .init("backend", "NAME", help: "which queue (default: sqlite)", choices: ["sqlite", "redis"]),
                .init("jobs", "N", help: "jobs of the largest measurement (default: 1000000)"),
                .init("rounds", "N", help: "rounds (default: 3)"),
                .init("directory", "DIR", help: "where the databases lie, on the disk to measure (default: here)"),
                .init("url", "URL", help: "the Redis to measure: redis://HOST:PORT or unix:PATH"),
                .init(
                    "only", "NAME", help: "one measurement", isRepeatable: true,
                    choices: BenchPart.allCases.map(\.rawValue) + HTTPBench.Part.allCases.map(\.rawValue)),
                .init("server", "ADDRESS:PORT", help: "the server to measure"),
                .init("key-file", "FILE", help: "an API key of an operator there, alone in a file"),
                .init("pollers", "N", help: "clients who poll every five seconds (default: 10000)"),
                .init("watchers", "N", help: "clients who follow events (default: 1000)"),
                .init("seconds", "N", help: "how long each measurement of a server takes (default: 10)"),
                .init("acknowledge", help: "submit N jobs one by one and print each id once it is synced"),
                .init("listen", "DATABASE", help: "be the other process of the latency measurement"),
                .init(
                    "prepare", "DATABASE",
                    help: "make an empty queue and show its statements, for a program that runs them by itself"),
                .json,
            ])
    ) { invocation, console in
        if invocation.operands.first == "http" { return try measureServer(invocation, console) }
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
        for _ in 0..<rounds { for part in parts { figures.add(try await part.measure(jobs, in: store)) } }
        show(
            figures, [.init("backend", .string(store.backend)), .init("jobs", .integer(Int64(jobs)))], invocation,
            console)
        return .success
    }

    private static func measureServer(_ invocation: Invocation, _ console: Console) throws -> ExitCode {
        guard let text = invocation.value("server") else {
            throw UsageError.missingValue(option: "server", expected: "ADDRESS:PORT")
        }
        guard let file = invocation.value("key-file") else {
            throw UsageError.missingValue(option: "key-file", expected: "FILE")
        }
        let bytes = Array(text.utf8)
        guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")),
            let port = UInt16(String(decoding: bytes[(colon + 1)...], as: UTF8.self))
        else { throw UsageError.badValue(option: "server", value: text, expected: "ADDRESS:PORT") }
        let host = String(decoding: bytes[..<colon], as: UTF8.self)
        let key = try File.open(file).readAll(limit: 1000).filter { $0 > 0x20 && $0 < 0x7F }
        var bench = HTTPBench(
            target: .init(address: .tcp(host: host, port: port), key: String(decoding: key, as: UTF8.self)))
        bench.pollers = Int(try invocation.number("pollers", in: 1...50_000) ?? 10_000)
        bench.watchers = Int(try invocation.number("watchers", in: 1...50_000) ?? 1000)
        bench.duration = .seconds(try invocation.number("seconds", in: 1...600) ?? 10)
        let rounds = Int(try invocation.number("rounds", in: 1...100) ?? 3)
        let chosen = invocation.all("only")
        let parts = HTTPBench.Part.allCases.filter { chosen.isEmpty || chosen.contains($0.rawValue) }
        var figures: [BenchFigure] = []
        for _ in 0..<rounds { for part in parts { figures.add(try bench.measure(part)) } }
        show(figures, [.init("server", .string(text))], invocation, console)
        return .success
    }

    private static func show(
        _ figures: [BenchFigure], _ members: [JSONValue.Member], _ invocation: Invocation, _ console: Console
    ) {
        if invocation.has("json") {
            console.print(.object(members + [.init("figures", .array(figures.map(\.json)))]))
        } else {
            for figure in figures { console.print(figure.text) }
        }
    }

    private static func onOneLine(_ sql: String) -> String {
        sql.split(separator: "\n").map { String($0.drop { $0 == " " }) }.joined(separator: " ")
    }
}

extension [BenchFigure] {
    /// Takes in what came out in a round.
    fileprivate mutating func add(_ round: [BenchFigure]) {
        for figure in round {
            if let known = firstIndex(where: { $0.measure == figure.measure }) {
                self[known].add(figure)
            } else {
                append(figure)
            }
        }
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
