import System
import Testing

@testable import Configuration

/// Each setting with a value that is not its default, as it is written and as it comes out.
@Suite("Every setting") struct EverySettingTests {
    /// Whether a value is in a file or in a variable, it is written alike.
    struct Sample: Sendable, CustomTestStringConvertible {
        let name: String
        let written: String
        /// What `FarmConfiguration` shows of the value.
        let read: @Sendable (FarmConfiguration) -> String
        let value: String
        let fallback: String
        /// What the value needs of another setting.
        var needed: [String: String] {
            switch (name, written) {
            case (_, "file"): ["PKGMILL_CLUSTER_STORAGE_PATH": "/share"]
            case ("farm.queue", "redis"): ["PKGMILL_FARM_REDIS_ADDRESS": "redis.example.com"]
            case ("farm.redis.certificate", _): ["PKGMILL_FARM_REDIS_KEY": "/key.pem"]
            case ("farm.redis.key", _): ["PKGMILL_FARM_REDIS_CERTIFICATE": "/certificate.pem"]
            default: [:]
            }
        }
        var testDescription: String { name }
    }

    static let samples: [Sample] = [
        sample("cluster.enabled", "true", default: "false") { $0.cluster.isEnabled },
        sample("cluster.backend", "file", default: "sqlite") { $0.cluster.backend },
        sample("cluster.hostname", "lab-1", default: "nil") { $0.cluster.hostname },
        sample("cluster.node_id", "n_1.a", default: "nil") { $0.cluster.nodeID },
        sample("cluster.heartbeat_interval", "11", default: "10") { $0.cluster.heartbeatInterval },
        sample("cluster.node_timeout", "31", default: "30") { $0.cluster.nodeTimeout },
        sample("cluster.redis_host", "redis.example.com", default: "nil") { $0.cluster.redisHost },
        sample("cluster.redis_port", "6380", default: "6379") { $0.cluster.redisPort },
        sample("cluster.redis_tls", "true", default: "false") { $0.cluster.redisTLS },
        sample("cluster.storage_path", "/srv/share", default: "nil") { $0.cluster.storagePath },
        sample("server.port", "80", default: "8768") { $0.server.port },
        sample("server.db_path", "/var/x.db", default: "nil") { $0.server.dbPath },
        sample("sessions.backend", "file", default: "sqlite") { $0.sessions.backend },
        sample("sessions.ttl", "60", default: "3600") { $0.sessions.ttl },
        sample("sessions.redis.host", "::1", default: "nil") { $0.sessions.redisHost },
        sample("sessions.redis.port", "1", default: "6379") { $0.sessions.redisPort },
        sample("farm.queue", "redis", default: "sqlite") { $0.farm.queue },
        sample("farm.durability", "accept-everysec", "acceptEverySecond", default: "always") { $0.farm.durability },
        sample("farm.database", "./f.db", "/srv/farm/f.db", default: "/srv/farm/farm.db") { $0.farm.database },
        sample("farm.outbox", "./o.db", "/srv/farm/o.db", default: "/srv/farm/outbox.db") { $0.farm.outbox },
        sample("farm.keys", "/k", default: "/srv/farm/keys") { $0.farm.keys },
        sample("farm.artifacts", "/a", default: "/srv/farm/artifacts") { $0.farm.artifacts },
        sample("farm.cache", "/c", default: "/srv/farm/cache") { $0.farm.cache },
        sample("farm.work", "/w", default: "/srv/farm/work") { $0.farm.work },
        sample("farm.payload", "/p", default: "/srv/farm/payload") { $0.farm.payload },
        sample("farm.payload_version", "2.10", default: "1.0.0") { $0.farm.payloadVersion },
        sample("farm.content_date", "2026-02-28", default: "2026-01-01") { $0.farm.contentDate.dateText },
        sample("farm.identifier_prefix", "org.example", default: "com.pkgmill") { $0.farm.identifierPrefix },
        sample("farm.daemon", "[/bin/x, \"-v\"]", "/bin/x -v", default: daemon) {
            $0.farm.daemon.joined(separator: " ")
        },
        sample("farm.minimum_macos", "14.2", default: "13.0") { $0.farm.minimumMacOS },
        sample("farm.architectures", "[x86_64]", "x86_64", default: "arm64 x86_64") {
            $0.farm.architectures.joined(separator: " ")
        },
        sample("farm.sealing", "plain", default: "nil") { $0.farm.sealing },
        sample(
            "farm.lanes", "[one weight=2 concurrency=3 rate=4/5s, two]",
            "one weight=2 concurrency=3 rate=4/5s, two weight=1",
            default: "interactive weight=8, batch weight=3, campaign weight=1"
        ) { $0.farm.lanes.map(\.written).joined(separator: ", ") },
        sample("farm.lease_seconds", "20", default: "10") { $0.farm.leaseSeconds },
        sample("farm.max_attempts", "5", default: "3") { $0.farm.maxAttempts },
        sample("farm.lost_leases", "5", default: "3") { $0.farm.lostLeases },
        sample("farm.backoff_seconds", "0", default: "2") { $0.farm.backoffSeconds },
        sample("farm.backoff_cap_seconds", "60", default: "300") { $0.farm.backoffCapSeconds },
        sample("farm.time_limit_seconds", "60", default: "3600") { $0.farm.timeLimitSeconds },
        sample("farm.idle_limit_seconds", "60", default: "600") { $0.farm.idleLimitSeconds },
        sample("farm.drain_seconds", "0", default: "30") { $0.farm.drainSeconds },
        sample("farm.poll_milliseconds", "100", default: "1000") { $0.farm.pollMilliseconds },
        sample("farm.keep_days", "0", default: "30") { $0.farm.keepDays },
        sample("farm.keep_failed_days", "1", default: "90") { $0.farm.keepFailedDays },
        sample("farm.keep_jobs", "10", default: "100000") { $0.farm.keepJobs },
        sample("farm.most_waiting", "5", default: "1000000") { $0.farm.mostWaiting },
        sample("farm.token_lifetime_seconds", "60", default: "86400") { $0.farm.tokenLifetimeSeconds },
        sample("farm.requests_per_minute", "600", default: "0") { $0.farm.requestsPerMinute },
        sample("farm.trusted_proxies", "[10.0.0.7, \"::0001\", unix]", "10.0.0.7 ::1 unix", default: "") {
            $0.farm.trustedProxies.joined(separator: " ")
        },
        sample("farm.redis.address", "/run/redis.sock", "unix(path: \"/run/redis.sock\")", default: "nil") {
            $0.farm.redis.address
        },
        sample("farm.redis.name", "north-1", default: "pkgmill") { $0.farm.redis.name },
        sample("farm.redis.user", "farm", default: "nil") { $0.farm.redis.user },
        sample("farm.redis.tls", "true", default: "false") { $0.farm.redis.isEncrypted },
        sample("farm.redis.ca", "/ca.pem", default: "nil") { $0.farm.redis.authorities },
        sample("farm.redis.certificate", "/c.pem", default: "nil") { $0.farm.redis.certificate },
        sample("farm.redis.key", "/k.pem", default: "nil") { $0.farm.redis.key },
        sample(
            "farm.redis.sentinels", "[one, \"two:1\"]", "one:26379 two:1", default: ""
        ) { $0.farm.redis.sentinels.map(\.written).joined(separator: " ") },
        sample("farm.redis.primary", "farm", default: "mymaster") { $0.farm.redis.primary },
        sample("farm.redis.replicas", "2", default: "0") { $0.farm.redis.replicas },
    ]

    /// Good values for settings whose default is none, or is no value that can be written as it is shown.
    private static let otherValues = [
        "cluster.hostname": "other", "cluster.node_id": "other", "cluster.redis_host": "other",
        "cluster.storage_path": "/other", "server.db_path": "/other", "sessions.redis.host": "other",
        "farm.daemon": "[/other]", "farm.architectures": "[arm64]", "farm.sealing": "plain", "farm.lanes": "[other]",
        "farm.trusted_proxies": "[10.0.0.1]",
        "farm.redis.address": "other", "farm.redis.user": "other", "farm.redis.ca": "/other",
        "farm.redis.certificate": "/other", "farm.redis.key": "/other", "farm.redis.sentinels": "[other]",
    ]

    private static let daemon =
        "/usr/local/pkgmill/bin/pkgmill serve --workers 0 --config /Library/Application Support/Pkgmill/config.yaml"

    static let secrets = Settings.all.filter(\.isSecret).map(\.name)

    @Test("has a row in these tests")
    func complete() {
        #expect(Self.samples.map(\.name) == Settings.all.filter { !$0.isSecret }.map(\.name))
        #expect(
            Self.secrets == [
                "cluster.redis_password", "server.api_key", "server.web_username", "server.web_password",
                "server.db_encryption_key", "server.encryption_key", "sessions.redis.password",
                "farm.redis.password",
            ])
    }

    @Test("has its default when nobody sets it", arguments: samples)
    func byDefault(_ sample: Sample) throws {
        #expect(try sample.read(configuration("")) == sample.fallback)
    }

    @Test("is read from the file", arguments: samples)
    func inFile(_ sample: Sample) throws {
        #expect(try sample.read(configuration(file(sample.name, sample.written), sample.needed)) == sample.value)
    }

    @Test("is read from the environment", arguments: samples)
    func inEnvironment(_ sample: Sample) throws {
        let variable = SettingDescription.variable(of: sample.name)
        #expect(try sample.read(configuration("", sample.needed + [variable: sample.written])) == sample.value)
    }

    @Test("counts more in the environment than in the file", arguments: samples)
    func precedence(_ sample: Sample) throws {
        let variable = SettingDescription.variable(of: sample.name)
        let other = Self.otherValues[sample.name] ?? sample.fallback
        let environment = sample.needed + [variable: sample.written]
        #expect(try sample.read(configuration(file(sample.name, other), environment)) == sample.value)
    }

    @Test("counts as not set when its variable is empty", arguments: samples)
    func emptyVariable(_ sample: Sample) throws {
        let variable = SettingDescription.variable(of: sample.name)
        let text = file(sample.name, sample.written)
        #expect(try sample.read(configuration(text, sample.needed + [variable: ""])) == sample.value)
    }

    @Test("is refused when it is there and empty", arguments: samples)
    func emptyValue(_ sample: Sample) {
        let all = answers(file(sample.name, sample.written.hasPrefix("[") ? "[]" : "\"\""))
        let problem = sample.written.hasPrefix("[") ? "the list is empty" : "the value is empty"
        #expect(all.count == 1)
        #expect(all.first?.contains(": \(sample.name): \(problem); write ") == true)
    }

    @Test("is refused as a list where one value belongs, and the other way round", arguments: samples)
    func otherShape(_ sample: Sample) {
        let isList = sample.written.hasPrefix("[")
        let all = answers(file(sample.name, isList ? "/bin/x" : "[\"\(sample.written)\"]"))
        let problem = isList ? "a single value stands there" : "a list stands there"
        #expect(all.count == 1)
        #expect(all.first?.contains(": \(sample.name): \(problem); write ") == true)
    }

    @Test("is a secret's text from the file, else from the environment", arguments: secrets)
    func secret(_ name: String) throws {
        let variable = SettingDescription.variable(of: name)
        #expect(try configuration("").secrets == [:])
        #expect(try text(configuration(file(name, "in file")).secrets[name]) == "in file")
        #expect(try text(configuration("", [variable: " in environment "]).secrets[name]) == " in environment ")
        #expect(try text(configuration(file(name, "in file"), [variable: "first"]).secrets[name]) == "first")
        #expect(try configuration(file(name, "x")).secrets.count == 1)
    }

    private static func sample(
        _ name: String, _ written: String, _ value: String? = nil, default fallback: String,
        _ read: @escaping @Sendable (FarmConfiguration) -> Any?
    ) -> Sample {
        Sample(
            name: name, written: written, read: { read($0).map { "\($0)" } ?? "nil" }, value: value ?? written,
            fallback: fallback)
    }
}

private func + (left: [String: String], right: [String: String]) -> [String: String] {
    left.merging(right) { $1 }
}
