import System

extension Settings {
    /// The section `farm`.
    enum Farm {
        static let queue = Setting(
            "farm.queue", .choice(), default: FarmSettings.Queue.sqlite,
            "Where jobs wait: in the farm's SQLite file, or in a Redis that several machines share.")
        static let durability = Setting(
            "farm.durability", .choice(), default: FarmSettings.Durability.always,
            "What of a Redis that may forget is taken: always takes only one that has each write on its disk before it "
                + "answers.")
        static let database = Setting(
            "farm.database", .path, default: "./farm.db", "The SQLite file with the farm's jobs and records.")
        static let outbox = Setting(
            "farm.outbox", .path, default: "./outbox.db",
            "The SQLite file in which this machine keeps what it has submitted to a Redis that may forget the last seconds, "
                + "to send it again.")
        static let keys = Setting(
            "farm.keys", .path, default: "./keys", "The folder with the farm's keys; nobody else may read it.")
        static let artifacts = Setting(
            "farm.artifacts", .path, default: "./artifacts", "The folder with finished packages.")
        static let cache = Setting(
            "farm.cache", .path, default: "./cache",
            "The folder with parts that many packages share; it may be emptied while nothing runs.")
        static let work = Setting(
            "farm.work", .path, default: "./work", "The folder in which workers build; emptied by them.")
        static let payload = Setting(
            "farm.payload", .path, default: "./payload",
            "The folder whose files every installer puts below /usr/local/pkgmill.")
        static let payloadVersion = Setting(
            "farm.payload_version", .version(numbers: 1...6, leadingZeros: true, example: "1.0.0"), default: "1.0.0",
            "The version of what is in farm.payload; raise it when that changes.")
        static let contentDate = Setting(
            "farm.content_date", .date, default: Timestamp(seconds: 1_767_225_600),
            "The date that every file in a package bears, so that equal content gives equal bytes.")
        static let identifierPrefix = Setting(
            "farm.identifier_prefix", .identifierPrefix, default: "com.pkgmill",
            "What the packages' identifiers begin with; receipts on the Macs go by them.")
        static let daemon = Setting(
            "farm.daemon", .command,
            default: [
                "/usr/local/pkgmill/bin/pkgmill", "serve", "--workers", "0", "--config",
                "/Library/Application Support/Pkgmill/config.yaml",
            ], "What launchd runs on an installed Mac: program and arguments.")
        static let minimumMacOS = Setting(
            "farm.minimum_macos", .version(numbers: 1...3, leadingZeros: false, example: "13.0"), default: "13.0",
            "The oldest macOS on which an installer runs.")
        static let architectures = Setting(
            "farm.architectures", .subset(of: ["arm64", "x86_64"]), default: ["arm64", "x86_64"],
            "The processors for which the payload is made.")
        static let sealing = Setting(
            "farm.sealing",
            SettingType<FarmSettings.Sealing>.choice(later: [
                "ticket": "comes with the cluster release; this version has plain",
                "passphrase": "comes with the cluster release; this version has plain",
            ]).optional, default: nil,
            "How secrets lie in an installer: plain means that whoever has the file can read them; "
                + "when not set, each submission must say.")
        static let leaseSeconds = Setting(
            "farm.lease_seconds", .integer(1...86_400, of: "seconds"), default: 10,
            "How long a worker holds a job without a sign of life.")
        static let maxAttempts = Setting(
            "farm.max_attempts", .integer(1...100), default: 3, "How often a job is tried before it has failed.")
        static let lostLeases = Setting(
            "farm.lost_leases", .integer(1...100), default: 3,
            "How many workers a job may cost before it has failed.")
        static let backoffSeconds = Setting(
            "farm.backoff_seconds", .integer(0...3600, of: "seconds"), default: 2,
            "How long a failed job waits at the most for its next attempt; twice as long after each.")
        static let backoffCapSeconds = Setting(
            "farm.backoff_cap_seconds", .integer(0...86_400, of: "seconds"), default: 300,
            "The longest that it ever waits.")
        static let timeLimitSeconds = Setting(
            "farm.time_limit_seconds", .integer(1...86_400, of: "seconds"), default: 3600,
            "How long one attempt may take.")
        static let idleLimitSeconds = Setting(
            "farm.idle_limit_seconds", .integer(1...86_400, of: "seconds"), default: 600,
            "How long one attempt may show no progress.")
        static let lanes = Setting(
            "farm.lanes", .lanes, default: LaneSettings.standard,
            "The lines in which jobs wait, with their shares and limits.")
        static let drainSeconds = Setting(
            "farm.drain_seconds", .integer(0...86_400, of: "seconds"), default: 30,
            "How long a worker that is told to stop may go on with its job before it gives it back.")
        static let pollMilliseconds = Setting(
            "farm.poll_milliseconds", .integer(10...60_000, of: "milliseconds"), default: 1000,
            "How long an idle worker waits at the most before it looks again; there being work wakes it.")
        static let keepDays = Setting(
            "farm.keep_days", .integer(0...36_500, of: "days"), default: 30,
            "How long jobs are kept that succeeded or were cancelled.")
        static let keepFailedDays = Setting(
            "farm.keep_failed_days", .integer(0...36_500, of: "days"), default: 90, "How long failed jobs are kept.")
        static let keepJobs = Setting(
            "farm.keep_jobs", .integer(0...10_000_000), default: 100_000, "How many ended jobs are kept at the most.")
        static let mostWaiting = Setting(
            "farm.most_waiting", .integer(1...10_000_000), default: 1_000_000,
            "How many jobs may wait; what would be more is refused until some are gone.")
        static let tokenLifetimeSeconds = Setting(
            "farm.token_lifetime_seconds", .integer(1...31_536_000, of: "seconds"), default: 86_400,
            "How long a download token is good for.")
        static let requestsPerMinute = Setting(
            "farm.requests_per_minute", .integer(0...1_000_000), default: 0,
            "How many requests one user or key may send over HTTP in a minute; 0 for any number.")
        static let trustedProxies = Setting(
            "farm.trusted_proxies", SettingType.peers.optional, default: nil,
            "Proxies that say who asks them, in X-Forwarded-For; unix for those that come by a unix socket.")

        static let all: [SettingDescription] = [
            queue.description, durability.description, database.description, outbox.description, keys.description,
            artifacts.description, cache.description, work.description, payload.description, payloadVersion.description,
            contentDate.description,
            identifierPrefix.description, daemon.description, minimumMacOS.description, architectures.description,
            sealing.description, lanes.description, leaseSeconds.description, maxAttempts.description,
            lostLeases.description, backoffSeconds.description, backoffCapSeconds.description,
            timeLimitSeconds.description, idleLimitSeconds.description, drainSeconds.description,
            pollMilliseconds.description, keepDays.description, keepFailedDays.description, keepJobs.description,
            mostWaiting.description,
            tokenLifetimeSeconds.description, requestsPerMinute.description, trustedProxies.description,
        ]
    }
}
