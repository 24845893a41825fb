import Foundation
import Synchronization
public import System

/// Whether tests with a Redis are left out, which is asked for by name: one that is merely absent makes them fail.
public let isRedisLeftOut = CurrentProcess.environment("WITHOUT_REDIS") == "1"

/// Whether tests with other versions of Redis than the system's are left out, which is asked for by name too.
public let areRedisVersionsLeftOut = isRedisLeftOut || CurrentProcess.environment("WITHOUT_REDIS_VERSIONS") == "1"

/// A real `redis-server` of a test's own, with its files in a folder that the test has made.
///
/// It answers when the call that starts it returns, and ends with its last reference and with this process, however that
/// ends: a shell watches over it, whose standard input ends then.
public final class RedisServer: Sendable {
    /// What of Redis to run.
    public enum Kind: Sendable {
        /// A server that keeps data.
        case server
        /// One of those that watch over a server and its replicas.
        case sentinel
        /// A cluster of one node that has all slots.
        case cluster
    }

    /// Which version of it.
    public enum Version: String, Sendable {
        /// The system's.
        case installed
        /// The oldest that a farm can be in.
        case oldest = "redis-server-6.2"
        /// The newest of its successors that can be had.
        case newest = "valkey-server-9.1"
    }

    /// Why it did not start.
    public struct NotStarted: Error, CustomStringConvertible {
        /// What it logged, or what went wrong before.
        public let description: String
    }

    /// The path of its socket.
    public let socketPath: String
    /// Its port of the loopback address; nil where it has none.
    public let port: UInt16?
    private let folder: String
    private let kind: Kind
    private let version: Version
    private let launcher: [String]
    private let configuration: [String]
    private let process = Mutex<Running?>(nil)

    private struct Running {
        let watcher: ChildProcess
        let server: Int32
    }

    /// Starts a server that saves nothing, unless `configuration` says otherwise, on a socket in `folder`.
    ///
    /// - Parameters:
    ///   - launcher: words before the program's, which bring it where it is to run.
    ///   - hasPort: it listens on a free port of the loopback address as well.
    ///   - configuration: lines of its configuration file.
    public static func start(
        in folder: String, _ kind: Kind = .server, _ version: Version = .installed, launcher: [String] = [],
        hasPort: Bool = false, configuration: [String] = []
    ) async throws -> RedisServer {
        var triesLeft = 5
        while true {
            // A free port may be taken before the server has it.
            let needsPort = hasPort || kind != .server
            var lines = configuration
            // By itself it would be ten thousand above, where there may be no port.
            if kind == .cluster { lines.append("cluster-port \(try freePort())") }
            let server = RedisServer(folder, kind, version, launcher, needsPort ? try freePort() : nil, lines)
            do {
                try await server.start()
                if kind == .cluster { _ = try server.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383") }
                return server
            } catch {
                triesLeft -= 1
                guard needsPort, triesLeft > 0 else { throw error }
            }
        }
    }

    private init(
        _ folder: String, _ kind: Kind, _ version: Version, _ launcher: [String], _ port: UInt16?,
        _ configuration: [String]
    ) {
        self.launcher = launcher
        self.folder = folder
        self.kind = kind
        self.version = version
        self.port = port
        self.configuration = configuration
        socketPath = folder + "/redis.sock"
    }

    deinit { kill() }

    /// Where to connect: its port where it has one.
    public var address: StreamSocket.Address {
        port.map { .tcp(host: "127.0.0.1", port: $0) } ?? .unix(path: socketPath)
    }
    /// Its socket, on which there is never TLS.
    public var socket: StreamSocket.Address { .unix(path: socketPath) }

    /// Starts it, again after `kill` or `stop`, on the same files, and waits until it answers.
    ///
    /// - Parameter awaitsData: waits until it has loaded what it keeps.
    public func start(awaitsData: Bool = true) async throws {
        let path = folder + "/redis.conf"
        // A sentinel writes what it knows into its configuration, and reads it there again.
        if kind != .sentinel || !FileManager.default.fileExists(atPath: path) {
            try writeFile(path, Array((lines.joined(separator: "\n") + "\n").utf8))
        }
        try? FileManager.default.removeItem(atPath: socketPath)  // of one that was killed
        let watcher = try ChildProcess.start(
            "/bin/sh",
            ["-c", Self.watching, "sh", folder + "/redis.log"] + launcher + [try program(), path]
                + (kind == .sentinel ? ["--sentinel"] : []),
            environment: ["PATH=/usr/bin:/bin"], output: .captured)
        let output = String(decoding: try watcher.readOutput(limit: 100), as: UTF8.self)
        guard let server = Int32(output.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            watcher.letGo()
            _ = watcher.wait()
            throw NotStarted(description: "the shell gave no process id")
        }
        process.withLock { $0 = Running(watcher: watcher, server: server) }
        let isUp = try await eventually(within: .seconds(30)) {
            if Foundation.kill(server, 0) != 0 { return true }
            return self.answers(awaitsData: awaitsData)
        }
        guard isUp, answers(awaitsData: awaitsData) else {
            kill()
            let log = (try? contentOfFile(folder + "/redis.log")) ?? []
            throw NotStarted(description: String(decoding: log.suffix(2000), as: UTF8.self))
        }
    }

    /// The program: the system's, or one that `scripts/setup` has fetched.
    private func program() throws -> String {
        guard version != .installed else { return try findProgram("redis-server") }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let path = root.path + "/.build/redis-versions/" + version.rawValue
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw NotStarted(description: "\(version.rawValue) is not there; scripts/setup fetches it")
        }
        return path
    }

    /// Ends it at once, as a power cut would.
    public func kill() {
        process.withLock { running in
            guard let ended = running else { return }
            running = nil
            Foundation.kill(ended.server, SIGKILL)
            ended.watcher.letGo()
            _ = ended.watcher.wait()
        }
    }

    /// Asks it to end, and waits until it has.
    public func stop() async throws {
        guard let server = process.withLock({ $0?.server }) else { return }
        Foundation.kill(server, SIGTERM)
        _ = try await eventually { Foundation.kill(server, 0) != 0 || Self.hasEnded(server) }
        kill()
    }

    /// Has it stand still, or go on: it keeps its connections and answers nothing.
    public func pause(_ isPaused: Bool) {
        process.withLock { running in
            if let running { Foundation.kill(running.server, isPaused ? SIGSTOP : SIGCONT) }
        }
    }

    /// Says something to it on its socket, and returns what it answers: the parts of an array on lines of their own, and
    /// a refusal's words.
    @discardableResult
    public func command(_ words: String...) throws -> String { try command(words) }

    /// As `command` with words one by one.
    @discardableResult
    public func command(_ words: [String]) throws -> String {
        try exchange(words.map { Array($0.utf8) }) { Self.answer(&$0) }
    }

    /// Moves keys of a slot to another node, whatever their bytes; how many there were.
    public func migrate(slot: Int, to other: RedisServer) throws -> Int {
        let words = ["CLUSTER", "GETKEYSINSLOT", "\(slot)", "100"].map { Array($0.utf8) }
        let keys = try exchange(words) { Self.texts(&$0) }
        if keys.isEmpty { return 0 }
        let migration = ["MIGRATE", "127.0.0.1", "\(other.port ?? 0)", "", "0", "5000", "KEYS"].map { Array($0.utf8) }
        let answer = try exchange(migration + keys) { Self.answer(&$0) }
        guard ["OK", "NOKEY"].contains(answer) else { throw NotStarted(description: answer) }
        return keys.count
    }

    /// The texts of an array, as their bytes; nil when it is not whole.
    private static func texts(_ bytes: inout ArraySlice<UInt8>) -> [[UInt8]]? {
        func number() -> Int? {
            guard let end = bytes.firstIndex(of: 0x0A) else { return nil }
            defer { bytes = bytes[(end + 1)...] }
            return Int(String(decoding: bytes[(bytes.startIndex + 1)..<(end - 1)], as: UTF8.self))
        }
        guard let count = number() else { return nil }
        var texts: [[UInt8]] = []
        for _ in 0..<count {
            guard let length = number(), bytes.count >= length + 2 else { return nil }
            texts.append(Array(bytes.prefix(length)))
            bytes = bytes.dropFirst(length + 2)
        }
        return texts
    }

    private func exchange<Answer>(
        _ words: [[UInt8]], _ read: (inout ArraySlice<UInt8>) -> Answer?
    ) throws -> Answer {
        let socket = try StreamSocket.connect(socket, atMost: .seconds(5))
        var command = Array("*\(words.count)\r\n".utf8)
        for word in words { command += Array("$\(word.count)\r\n".utf8) + word + [0x0D, 0x0A] }
        guard try socket.send(command) == command.count else {
            throw NotStarted(description: "the command is too long for it")
        }
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            var rest = received[...]
            if let answer = read(&rest) { return answer }
            guard try socket.wait(for: .input, atMost: .seconds(60)),
                case .bytes(let count) = try buffer.withUnsafeMutableBytes({ try socket.receive($0) })
            else {
                throw NotStarted(
                    description: "it does not answer \(words.first.map { String(decoding: $0, as: UTF8.self) } ?? "")")
            }
            received += buffer[..<count]
        }
    }

    /// Takes an answer off the front; nil when it is not whole.
    private static func answer(_ bytes: inout ArraySlice<UInt8>) -> String? {
        guard let end = bytes.firstIndex(of: 0x0A), let kind = bytes.first else { return nil }
        let line = String(decoding: bytes[(bytes.startIndex + 1)..<(end - 1)], as: UTF8.self)
        bytes = bytes[(end + 1)...]
        switch kind {
        case UInt8(ascii: "$"):
            guard let count = Int(line), count >= 0 else { return "" }
            guard bytes.count >= count + 2 else { return nil }
            defer { bytes = bytes.dropFirst(count + 2) }
            return String(decoding: bytes.prefix(count), as: UTF8.self)
        case UInt8(ascii: "*"):
            var parts: [String] = []
            for _ in 0..<max(0, Int(line) ?? 0) {
                guard let part = answer(&bytes) else { return nil }
                parts.append(part)
            }
            return parts.joined(separator: "\n")
        default: return line
        }
    }

    /// Starts the program in its arguments, says its process id, and kills it when the standard input ends.
    private static let watching = """
        log=$1; shift; "$@" >"$log" 2>&1 </dev/null & echo $!; exec >/dev/null 2>&1; cat; kill -9 $!; wait
        """

    private var lines: [String] {
        var lines = [
            "dir \(folder)", "unixsocket \(socketPath)", "port \(port ?? 0)", "bind 127.0.0.1", "daemonize no",
            "logfile \"\"",
        ]
        if kind != .sentinel { lines += ["save \"\"", "appendonly no"] }
        if kind == .cluster { lines += ["cluster-enabled yes", "cluster-node-timeout 500"] }
        return lines + configuration
    }

    private func answers(awaitsData: Bool) -> Bool {
        guard let socket = try? StreamSocket.connect(socket, atMost: .seconds(5)),
            (try? socket.send(Array("PING\r\n".utf8))) == 6,
            (try? socket.wait(for: .input, atMost: .seconds(5))) == true
        else { return false }
        var answer = [UInt8](repeating: 0, count: 512)
        guard case .bytes(let count)? = answer.withUnsafeMutableBytes({ try? socket.receive($0) }) else { return false }
        return !awaitsData || !answer[..<count].starts(with: "-LOADING".utf8)
    }

    /// It is a process no longer, but for whoever wants to know how it ended.
    private static func hasEnded(_ identifier: Int32) -> Bool {
        guard let status = try? contentOfFile("/proc/\(identifier)/stat") else { return false }
        return String(decoding: status, as: UTF8.self).split(separator: ")").last?.hasPrefix(" Z") == true
    }

    /// A port of the loopback address that nobody listens on.
    public static func freePort() throws -> UInt16 {
        let listener = try ListeningSocket(.loopback)
        guard case .tcp(_, let port) = listener.address else { throw NotStarted(description: "no port is free") }
        return port
    }
}

/// Runs `body` with a fresh server in a folder of its own.
public func withRedis<Result>(
    _ kind: RedisServer.Kind = .server, hasPort: Bool = false, configuration: [String] = [],
    _ body: (RedisServer) async throws -> Result
) async throws -> Result {
    try await withTemporaryDirectory { folder in
        let server = try await RedisServer.start(in: folder, kind, hasPort: hasPort, configuration: configuration)
        defer { server.kill() }
        return try await body(server)
    }
}
