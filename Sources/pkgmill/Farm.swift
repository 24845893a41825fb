import Access
import Artifacts
import BuildWorker
import Configuration
import Crypto
import Enqueuer
import HTTP
import JSON
import Keyring
import NodeInstaller
import QueueModel
import Records
import RedisLink
import Relocation
import SQLiteStore
import System
import Terminal

/// Everything that the configuration names, opened: the one place where concrete types are chosen.
struct Farm: Sendable {
    let configuration: FarmConfiguration
    let queue: any JobQueue
    /// The queue where it is in the farm's own database; nil for one in Redis.
    let embedded: SQLiteJobQueue?
    /// The queue where it is in a Redis.
    let shared: RedisJobQueue?
    /// Why something that was acknowledged may be lost; nothing where it may not.
    let degradations: [String]
    let records: any RecordStore
    let keyring: Keyring
    let store: FileArtifactStore
    let artifacts: ArtifactIndex
    let tokenKeys: DownloadTokenKeys
    let tokens: DownloadTokens
    let users: Users
    let keys: APIKeys
    let audit: AuditLog
    /// What ties an export to the farm.
    let exportKey: SecretBytes

    /// Opens the farm whose configuration `invocation` names, or that lies where one is looked for.
    ///
    /// - Parameter makingDatabase: makes the database where none is, for an import; a farm has one otherwise.
    static func open(_ invocation: Invocation, makingDatabase: Bool = false) async throws -> Farm {
        let configuration = try Self.configuration(invocation)
        if configuration.farm.queue == .sqlite, !makingDatabase { try checkDatabase(configuration.farm.database) }
        let farm = try await Farm(configuration, creating: false)
        for remark in await farm.settleOutbox() { StandardStream.error.write("pkgmill: \(remark)\n") }
        return farm
    }

    /// Opens, or with `creating` makes, the parts that `configuration` names.
    init(_ configuration: FarmConfiguration, creating: Bool) async throws {
        let farm = configuration.farm
        let master = try Self.masterKey(at: farm.keys + "/master.key", creating: creating)
        self.configuration = configuration
        switch farm.queue {
        case .sqlite:
            records = try await SQLiteRecordStore.open(farm.database, now: Timestamp.systemClock)
            let embedded = try await SQLiteJobQueue.open(
                farm.database, rules: farm.queueRules, now: Timestamp.systemClock)
            self.embedded = embedded
            degradations = []
            queue = embedded
            shared = nil
        case .redis:
            let link = RedisLink(configuration.redisSettings)
            let (durability, reasons) = try await Self.checkRedis(link, accepting: farm.durability)
            degradations = reasons
            records = RedisRecordStore(link, farm: farm.redis.name)
            embedded = nil
            var outbox: SubmissionOutbox?
            if durability == .lastSeconds {
                outbox = try await SubmissionOutbox.open(farm.outbox, now: Timestamp.systemClock)
            }
            let shared = try await RedisJobQueue.open(
                link, farm: farm.redis.name, rules: farm.queueRules, outbox: outbox)
            self.shared = shared
            queue = shared
        }
        // A look first: writing waits for other writers, and the configuration has hardly changed.
        let lanes = farm.lanePolicies
        if try await queue.policies() != lanes { try await queue.configure(lanes) }
        keyring = try Keyring(store: records, master: master, farm: Self.name, now: Timestamp.systemClock)
        store = try FileArtifactStore(root: farm.artifacts)
        artifacts = ArtifactIndex(records: records, now: Timestamp.systemClock)
        tokenKeys = DownloadTokenKeys(
            records: records, sealingKey: master.derive(purpose: "artifacts/token-key/1"), random: .system)
        exportKey = master.derive(purpose: FarmExport.keyPurpose)
        users = Users(records: records, now: Timestamp.systemClock, random: .system)
        keys = APIKeys(records: records, users: users, now: Timestamp.systemClock, random: .system)
        audit = AuditLog(
            records: records, key: master.derive(purpose: "access/audit/1"), now: Timestamp.systemClock)
        tokens = DownloadTokens(
            keys: tokenKeys, artifacts: artifacts, records: records, farm: Self.name, now: Timestamp.systemClock,
            random: .system)
    }

    /// What records and tokens are bound to. One database holds one farm.
    private static let name = "pkgmill"

    /// A farm whose making was cut short has its key already.
    private static func masterKey(at path: String, creating: Bool) throws(KeyringError) -> MasterKey {
        guard creating else { return try .load(from: path) }
        do { return try .create(at: path) } catch .keyFileAlreadyThere { return try .load(from: path) }
    }

    /// Reads the configuration that `invocation` names, or the first that is found.
    static func configuration(_ invocation: Invocation) throws -> FarmConfiguration {
        try .load(path: configurationPath(invocation), environment: CurrentProcess.environment(prefix: "PKGMILL_"))
    }

    private static func configurationPath(_ invocation: Invocation) throws -> String {
        if let named = invocation.value("config") ?? CurrentProcess.environment("PKGMILL_CONFIG") { return named }
        let places = ["pkgmill.yaml", "/etc/pkgmill/pkgmill.yaml"]
        for place in places where (try? File.open(place)) != nil { return place }  // not there: look on
        throw FarmError.noConfiguration(places: places)
    }

    /// The database must be there, since only `init` makes one: an empty one in its place would hide that every job is
    /// gone. And files of the farm belong to one user; another one would leave files that the farm cannot open.
    private static func checkDatabase(_ path: String) throws {
        let (parent, name) = splitPath(path)
        guard let status = try Directory.open(parent).status(of: name), status.byteCount > 0 else {
            throw FarmError.noDatabase(path: path)
        }
        let user = CurrentProcess.userIdentifier
        guard status.owner == user || user == 0 else { throw FarmError.otherUser(owner: status.owner, user: user) }
    }

    var submitter: Submitter {
        Submitter(
            configuration: configuration, queue: queue, keyring: keyring, audit: audit, builder: Version.builder,
            now: Timestamp.systemClock, random: .system)
    }

    /// The farm as HTTP clients have it; `trouble` is told what they are not.
    func api(trouble: @escaping @Sendable (_ trace: TraceContext, _ error: any Error) -> Void) -> FarmAPI {
        FarmAPI(
            .init(
                queue: queue, submitter: submitter, delivery: delivery, store: store, artifacts: artifacts,
                tokens: tokens, links: links, users: users, keys: keys, sessions: sessions, audit: audit,
                degradations: degradations,
                requestsPerMinute: configuration.farm.requestsPerMinute > 0
                    ? configuration.farm.requestsPerMinute : nil,
                version: Version.number),
            now: Timestamp.systemClock, random: .system, trouble: trouble)
    }

    /// The folder for bodies that come in pieces; it is there.
    func bodyFolder() throws -> String {
        let path = configuration.farm.work
        _ = try Directory.openOrCreate(path)
        return path
    }

    /// The short links of people.
    var links: ShortLinks {
        ShortLinks(artifacts: artifacts, records: records, now: Timestamp.systemClock, random: .system)
    }

    /// The logins of people with a browser.
    var sessions: Sessions {
        Sessions(
            records: records, users: users, idleTime: .seconds(configuration.sessions.ttl),
            now: Timestamp.systemClock, random: .system)
    }

    /// Makes the first admin of a farm that has no users, as its keyring or its configuration names it; its name, where one
    /// was made. Done by whoever needs users first: a password's hash takes long, and most farms' commands need none.
    @discardableResult
    func makeFirstAdmin() async throws -> String? {
        guard try await users.areNone() else { return nil }
        var secrets = configuration.nodeSecrets
        if try await !keyring.list().isEmpty { secrets = try await keyring.current().secrets }
        guard let name = secrets["server.web_username"], let password = secrets["server.web_password"] else {
            return nil
        }
        let text = String(decoding: name.copyBytes(), as: UTF8.self)
        do { try await users.add(text, role: .admin, password: password) } catch .nameTaken { return nil }
        try await audit.add("user.add", by: nil, subject: text, details: ["role": "admin"])
        return text
    }

    var delivery: Delivery { Delivery(queue: queue, store: store, tokens: tokens) }

    /// A name that no worker ever had.
    static func workerName() -> String {
        let random = RandomSource.system.bytes(3).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return "\(CurrentProcess.hostName)-\(CurrentProcess.identifier)-\(random)"
    }

    var watcher: JobWatcher { JobWatcher(queue: queue) }

    /// A worker that serves `lanes`, nil for all.
    func worker(
        name: String, lanes: [Lane]?, report: @escaping @Sendable (WorkerEvent) -> Void
    ) async throws -> Worker {
        let farm = configuration.farm
        let workspace = try Workspace(path: farm.work, random: .system)
        try workspace.sweep()
        try await store.sweepIncoming()
        let builder = InstallerBuilder(
            .init(
                payload: farm.payload, farmFolders: configuration.farmPaths,
                cache: try ServerPackageCache(path: farm.cache, random: .system), workspace: workspace, store: store,
                keyring: keyring, builder: Version.builder))
        let settings = Worker.Settings(
            record: WorkerRecord(
                name: name, host: CurrentProcess.hostName, processID: CurrentProcess.identifier,
                version: Version.number, lanes: lanes),
            leaseDuration: .seconds(farm.leaseSeconds), lookInterval: .milliseconds(farm.pollMilliseconds),
            drainLimit: .seconds(farm.drainSeconds), retention: farm.retention)
        return Worker(settings, queue: queue, builder: builder, artifacts: artifacts, report: report)
    }
}

extension FarmSettings {
    /// The numbers that the queue goes by.
    fileprivate var queueRules: QueueRules {
        QueueRules(
            backoff: Backoff(base: .seconds(backoffSeconds), cap: .seconds(backoffCapSeconds)), lostLeases: lostLeases,
            workerTimeout: .seconds(leaseSeconds + 3))
    }

    /// How long jobs are kept.
    var retention: Retention {
        Retention(ended: .seconds(keepDays * 86_400), failed: .seconds(keepFailedDays * 86_400), count: keepJobs)
    }

    /// The lanes as the queue takes them. Their names were checked when they were read.
    fileprivate var lanePolicies: [LanePolicy] {
        lanes.compactMap { settings in
            Lane(settings.name).map { lane in
                LanePolicy(
                    lane: lane, weight: settings.weight, concurrency: settings.concurrency,
                    rate: settings.rate.map { StartRate(count: $0.count, period: .seconds($0.seconds)) })
            }
        }
    }
}

/// Why there is no farm to work with.
enum FarmError: Error, Equatable, CustomStringConvertible {
    case noConfiguration(places: [String])
    case otherUser(owner: UInt32, user: UInt32)
    case alreadyThere(path: String)
    case noDatabase(path: String)
    case notEmbedded(verb: String)
    case oldRedis(version: String)
    case secretInEnvironment(String)
    case needsTLS(address: String)
    case exposedKey(path: String)
    case forgetfulRedis(reasons: [String])

    var description: String {
        switch self {
        case .noConfiguration(let places):
            "there is no configuration (looked for \(places.joined(separator: " and "))); 'pkgmill init' makes one, "
                + "--config FILE names one"
        case .otherUser(let owner, let user):
            "this farm belongs to user \(owner) and you are user \(user); run it as its owner: sudo -u '#\(owner)' pkgmill …"
        case .noDatabase(let path):
            "the farm's database \(path) is missing or empty; restore it from a backup, or make a new farm elsewhere "
                + "with 'pkgmill init'"
        case .secretInEnvironment(let variable):
            "\(variable) holds a secret, which worker processes are not given by their environment; put it into a file "
                + "and name that with \(variable)_FILE"
        case .exposedKey(let path):
            "others than its owner and its group can read \(Printable.text(path)), or others than its owner can write it; "
                + "chmod it to 0600 or 0640"
        case .needsTLS(let address):
            "\(address) can be reached from elsewhere, where keys and installers would pass in the open; name "
                + "--certificate FILE and --certificate-key FILE, or say --without-tls where something else encrypts"
        case .oldRedis(let version): "the farm's Redis is version \(version); 6.2 or later is needed"
        case .forgetfulRedis(let reasons):
            "the farm's Redis may lose jobs that were acknowledged: \(reasons.joined(separator: "; and "))"
                + "; or take the risk with farm.durability"
        case .notEmbedded(let verb):
            "this farm's queue is in Redis, which is \(verb) with Redis's own means; see docs/queue.md"
        case .alreadyThere(let path):
            "\(path) is there already, so this folder holds a farm; nothing was changed"
        }
    }
}
