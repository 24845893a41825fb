public import System

/// The section `farm`: what a farm builds and where it keeps things. Paths are absolute; none of the folders lies in
/// another.
public struct FarmSettings: Sendable, Equatable {
    /// Where jobs wait.
    public enum Queue: String, Sendable, CaseIterable {
        /// A table of the farm's database.
        case sqlite
        /// The lists of a Redis server.
        case redis
    }

    /// What of a Redis that may forget is taken.
    public enum Durability: String, Sendable, CaseIterable {
        /// Only one that has each write on its disk before it answers.
        case always
        /// One that syncs each second, too: a power cut may take the last seconds. Submissions are sent again then.
        case acceptEverySecond = "accept-everysec"
        /// Any.
        case acceptNone = "accept-none"
    }

    /// How secrets lie in an installer.
    public enum Sealing: String, Sendable, CaseIterable {
        /// Readable by anyone who has the file.
        case plain
    }

    /// Where jobs wait.
    public let queue: Queue
    /// The Redis server, for the queue `redis`.
    public let redis: FarmRedisSettings
    /// What of a Redis that may forget is taken.
    public let durability: Durability
    /// The SQLite file with jobs and records.
    public let database: String
    /// The SQLite file with what was submitted lately to a Redis that may forget.
    public let outbox: String
    /// The folder with the farm's keys.
    public let keys: String
    /// The folder with finished packages.
    public let artifacts: String
    /// The folder with parts that many packages share.
    public let cache: String
    /// The folder in which workers build.
    public let work: String
    /// The folder whose files every installer puts in place.
    public let payload: String
    /// Its version: dotted digits.
    public let payloadVersion: String
    /// The start of the UTC day that every file in a package bears.
    public let contentDate: Timestamp
    /// What package identifiers begin with: a reversed domain.
    public let identifierPrefix: String
    /// What launchd runs on an installed Mac: an absolute path of a program, then its arguments.
    public let daemon: [String]
    /// The oldest macOS on which an installer runs: dotted digits.
    public let minimumMacOS: String
    /// One or both of `arm64` and `x86_64`, in the order given.
    public let architectures: [String]
    /// How secrets lie in an installer; nil where each submission must say.
    public let sealing: Sealing?
    /// How long a worker holds a job without a sign of life.
    public let leaseSeconds: Int
    /// How often a job is tried before it has failed.
    public let maxAttempts: Int
    /// How many workers a job may cost before it has failed.
    public let lostLeases: Int
    /// How long a failed job waits at the most for its second attempt.
    public let backoffSeconds: Int
    /// The longest that it ever waits.
    public let backoffCapSeconds: Int
    /// How long one attempt may take.
    public let timeLimitSeconds: Int
    /// How long one attempt may show no progress.
    public let idleLimitSeconds: Int
    /// The lanes, each once.
    public let lanes: [LaneSettings]
    /// How long a worker that is told to stop may go on with its job.
    public let drainSeconds: Int
    /// How long an idle worker waits at the most before it looks again.
    public let pollMilliseconds: Int
    /// How long jobs are kept that succeeded or were cancelled.
    public let keepDays: Int
    /// How long failed jobs are kept.
    public let keepFailedDays: Int
    /// How many ended jobs are kept at the most.
    public let keepJobs: Int
    /// How many jobs may wait.
    public let mostWaiting: Int
    /// How long a download token is good for, in seconds.
    public let tokenLifetimeSeconds: Int
    /// Requests that one user or key may send over HTTP in a minute; 0 for any number.
    public let requestsPerMinute: Int
    /// Addresses of proxies that are believed, each in its shortest spelling, and `unix` for all that come by a unix socket.
    public let trustedProxies: [String]

    init(_ reader: inout SettingsReader) {
        queue = reader.value(of: Settings.Farm.queue)
        redis = FarmRedisSettings(&reader)
        durability = reader.value(of: Settings.Farm.durability)
        database = reader.path(of: Settings.Farm.database)
        outbox = reader.path(of: Settings.Farm.outbox)
        keys = reader.path(of: Settings.Farm.keys)
        artifacts = reader.path(of: Settings.Farm.artifacts)
        cache = reader.path(of: Settings.Farm.cache)
        work = reader.path(of: Settings.Farm.work)
        payload = reader.path(of: Settings.Farm.payload)
        payloadVersion = reader.value(of: Settings.Farm.payloadVersion)
        contentDate = reader.value(of: Settings.Farm.contentDate)
        identifierPrefix = reader.value(of: Settings.Farm.identifierPrefix)
        daemon = reader.value(of: Settings.Farm.daemon)
        minimumMacOS = reader.value(of: Settings.Farm.minimumMacOS)
        architectures = reader.value(of: Settings.Farm.architectures)
        sealing = reader.value(of: Settings.Farm.sealing)
        leaseSeconds = reader.value(of: Settings.Farm.leaseSeconds)
        maxAttempts = reader.value(of: Settings.Farm.maxAttempts)
        lostLeases = reader.value(of: Settings.Farm.lostLeases)
        backoffSeconds = reader.value(of: Settings.Farm.backoffSeconds)
        backoffCapSeconds = reader.value(of: Settings.Farm.backoffCapSeconds)
        timeLimitSeconds = reader.value(of: Settings.Farm.timeLimitSeconds)
        idleLimitSeconds = reader.value(of: Settings.Farm.idleLimitSeconds)
        lanes = reader.value(of: Settings.Farm.lanes)
        drainSeconds = reader.value(of: Settings.Farm.drainSeconds)
        keepDays = reader.value(of: Settings.Farm.keepDays)
        keepFailedDays = reader.value(of: Settings.Farm.keepFailedDays)
        keepJobs = reader.value(of: Settings.Farm.keepJobs)
        mostWaiting = reader.value(of: Settings.Farm.mostWaiting)
        pollMilliseconds = reader.value(of: Settings.Farm.pollMilliseconds)
        requestsPerMinute = reader.value(of: Settings.Farm.requestsPerMinute)
        trustedProxies = reader.value(of: Settings.Farm.trustedProxies) ?? []
        tokenLifetimeSeconds = reader.value(of: Settings.Farm.tokenLifetimeSeconds)
    }
}
