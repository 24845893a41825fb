/// What a server says of itself.
public struct RedisServerReport: Sendable, Equatable {
    /// What a server is among others.
    public enum Role: Sendable, Equatable {
        /// It takes writes.
        case primary
        /// It follows one that does.
        case replica
    }

    /// Its version.
    public let version: RedisVersion
    /// Random, and another one after each start.
    public let runID: String
    /// Whether it takes writes.
    public let role: Role
    /// Whether it appends each write to a file.
    public let isAppendOnly: Bool
    /// When that file is synced: `always`, `everysec`, `no`; nil where the user may not know.
    public let appendSync: String?
    /// Whether something that it has answered is not on its disk yet, or its last write there has failed.
    public let owesSyncs: Bool
    /// The most memory that it may use for data, in bytes; 0 for no limit.
    public let memoryLimit: Int64
    /// The memory that it uses, in bytes.
    public let memoryUsed: Int64
    /// What it does at the limit: `noeviction`, or the name of a way to choose what to forget.
    public let evictionPolicy: String
    /// How many replicas are connected to it.
    public let replicaCount: Int
    /// Whether it is a node of a cluster.
    public let isCluster: Bool

    /// A report of what `INFO` says, and `CONFIG GET appendfsync` where that is allowed; nil where something is missing.
    init?(_ information: RedisInformation, appendSync: String?) {
        guard let version = information["redis_version"].flatMap(RedisVersion.init),
            let runID = information["run_id"], let role = information["role"],
            let isAppendOnly = information["aof_enabled"], let memoryLimit = information.number("maxmemory"),
            let memoryUsed = information.number("used_memory"), let policy = information["maxmemory_policy"],
            let replicaCount = information.number("connected_slaves")
        else { return nil }
        self.version = version
        self.runID = runID
        self.role = role == "master" ? .primary : .replica
        self.isAppendOnly = isAppendOnly == "1"
        self.appendSync = appendSync
        owesSyncs =
            information.number("aof_pending_bio_fsync") != 0 || information.number("aof_buffer_length") != 0
            || information["aof_last_write_status"] != "ok"
        self.memoryLimit = memoryLimit
        self.memoryUsed = memoryUsed
        evictionPolicy = policy
        self.replicaCount = Int(clamping: replicaCount)
        isCluster = information["cluster_enabled"] == "1"
    }
}

/// The version of a server.
public struct RedisVersion: Sendable, Comparable, CustomStringConvertible {
    /// Its numbers, the most important first.
    private let numbers: [Int]

    /// A version by its numbers.
    public init(_ major: Int, _ minor: Int = 0, _ patch: Int = 0) { numbers = [major, minor, patch] }

    /// The version that is written like `7.0.15`, with anything behind the numbers; nil for anything else.
    public init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).prefix(3)
        let numbers = parts.compactMap { part in
            decimal(Array(part.prefix { (0x30...0x39).contains($0) })).map { Int(clamping: $0) }
        }
        guard !numbers.isEmpty, numbers.count == parts.count else { return nil }
        self.numbers = numbers + Array(repeating: 0, count: 3 - numbers.count)
    }

    /// As it is written.
    public var description: String { numbers.map(String.init).joined(separator: ".") }

    /// Whether `left` is the older one.
    public static func < (left: RedisVersion, right: RedisVersion) -> Bool {
        left.numbers.lexicographicallyPrecedes(right.numbers)
    }
}

/// The lines `NAME:VALUE` of `INFO`.
struct RedisInformation {
    private var values: [String: String] = [:]

    init(_ text: String) {
        for line in text.utf8.split(whereSeparator: { $0 == 0x0D || $0 == 0x0A }) {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let value = line[line.index(after: colon)...]
            values[String(decoding: Array(line[..<colon]), as: UTF8.self)] = String(
                decoding: Array(value), as: UTF8.self)
        }
    }

    subscript(name: String) -> String? { values[name] }

    func number(_ name: String) -> Int64? { values[name].flatMap { decimal(Array($0.utf8)) } }
}
