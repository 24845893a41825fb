import QueueModel
import RedisLink
import System
import Terminal

/// Where queues are made to be measured: files in a folder, or names in a Redis.
enum BenchStore: Sendable {
    case sqlite(directory: String)
    case redis(RedisLink, url: String)

    /// What `--backend`, `--directory` and `--url` name.
    init(_ invocation: Invocation) throws {
        let url = invocation.value("url")
        guard invocation.value("backend") == "redis" else {
            if let url { throw UsageError.badValue(option: "url", value: url, expected: "--backend redis beside it") }
            self = .sqlite(directory: invocation.value("directory") ?? ".")
            return
        }
        let place = url ?? "redis://127.0.0.1:6379"
        self = .redis(RedisLink(RedisSettings(address: try Self.address(place))), url: place)
    }

    private static func address(_ url: String) throws -> StreamSocket.Address {
        let bytes = Array(url.utf8)
        if bytes.starts(with: "unix:/".utf8) { return .unix(path: String(decoding: bytes.dropFirst(5), as: UTF8.self)) }
        let rest = bytes.dropFirst(8)
        if bytes.starts(with: "redis://".utf8), let colon = rest.lastIndex(of: UInt8(ascii: ":")),
            let port = UInt16(String(decoding: rest[(colon + 1)...], as: UTF8.self)), port > 0, colon > rest.startIndex
        {
            return .tcp(host: String(decoding: rest[..<colon], as: UTF8.self), port: port)
        }
        throw UsageError.badValue(option: "url", value: url, expected: "redis://HOST:PORT or unix:PATH")
    }

    /// As it is called in JSON.
    var backend: String {
        switch self {
        case .sqlite: "sqlite"
        case .redis: "redis"
        }
    }

    /// One more handle on the queue `name`.
    func open(_ name: String) async throws -> any JobQueue {
        switch self {
        case .sqlite: try await SQLiteJobQueue.open(name, now: Timestamp.systemClock)
        case .redis(let link, _): try await RedisJobQueue.open(link, farm: name)
        }
    }

    private static let prefix = "pkgmill-bench-"

    /// Whether `name` is a queue that a bench has made.
    func isOurs(_ name: String) -> Bool {
        switch self {
        case .sqlite: splitPath(splitPath(name).parent).name.utf8.starts(with: Self.prefix.utf8)
        case .redis: name.utf8.starts(with: Self.prefix.utf8)
        }
    }

    /// Where the queues of one measurement are.
    struct Place {
        private let store: BenchStore
        private let base: String

        fileprivate init(_ store: BenchStore, _ base: String) {
            self.store = store
            self.base = base
        }

        /// The name of a queue there.
        func name(_ name: String) -> String {
            switch store {
            case .sqlite(let directory): "\(directory)/\(base)/\(name).db"
            case .redis: "\(base)-\(name)"
            }
        }

        /// Removes all queues. What cannot be removed stays; its name says whose it is.
        func remove() async {
            switch store {
            case .sqlite(let directory): try? Directory.open(directory).removeTree(base)
            case .redis(let link, _): try? await Self.removeKeys(of: base, link)
            }
        }

        private static func removeKeys(of base: String, _ link: RedisLink) async throws {
            var cursor = "0"
            repeat {
                let scan = RedisCommand("SCAN", cursor, "MATCH", "{\(base)-*", "COUNT", "1000")
                guard let parts = try await link.send(scan, .repeatable).array, let next = parts.first?.text else {
                    return
                }
                let keys = parts.last?.array?.compactMap(\.bytes) ?? []
                if !keys.isEmpty {
                    var command = RedisCommand("UNLINK")
                    for key in keys { command.append(key) }
                    _ = try await link.send(command, .repeatable)
                }
                cursor = next
            } while cursor != "0"
        }
    }

    /// A new place.
    func makePlace() throws -> Place {
        let base = Self.prefix + "\(CurrentProcess.identifier)-\(MonotonicClock.nanoseconds())"
        if case .sqlite(let directory) = self { try Directory.open(directory).makeDirectory(base) }
        return Place(self, base)
    }

    /// Starts the other process of a latency measurement.
    func startListener(_ name: String, count: Int) throws -> LatencyListener {
        var words = ["bench", "queue", "--listen", name, "--jobs", "\(count)"]
        if case .redis(_, let url) = self { words += ["--backend", "redis", "--url", url] }
        let child = try ChildProcess.start(
            CurrentProcess.executablePath, words, environment: CurrentProcess.environmentEntries, output: .captured)
        return LatencyListener {
            let output = try child.readOutput(limit: 1 << 24)
            _ = child.wait()
            return output.split(separator: 0x0A).compactMap { Double(String(decoding: $0, as: UTF8.self)) }
        }
    }

    /// Bytes of the server's memory for each queued job above its request; nothing where there is no server.
    func memory(_ count: Int, _ bench: QueueBench) async throws -> [BenchFigure] {
        guard case .redis(let link, _) = self else { return [] }
        _ = try await bench.bulk(10_000)
        let before = try await link.memory().used
        _ = try await bench.bulk(count)
        let perJob = Double(try await link.memory().used - before) / Double(count) - 64
        return [BenchFigure(.memory, perJob, count: count)]
    }
}
