public import Configuration
import Crypto
public import Keyring
import NodeInstaller
public import QueueModel
public import System

/// What a person or a script asks for, in their own words: nothing here has been looked at yet.
public struct InstallerOrder: Sendable, Equatable {
    /// The node's host name; nil lets the Mac name itself.
    public var nodeName: String?
    /// The package's file name; nil for the default.
    public var packageName: String?
    /// How secrets are sealed; nil takes the configuration's choice.
    public var sealing: String?
    /// `KEY=VALUE` for finding jobs again.
    public var labels: [String]
    /// The lane's name; nil for `interactive`.
    public var lane: String?
    /// The client's own name for this order: the same again is answered with the same job.
    public var idempotencyKey: String?
    /// While an equal order waits or is built, this asks for that one.
    public var isUnique: Bool
    /// Not to be built before.
    public var notBefore: Timestamp?
    /// Who asks, for the job's record.
    public var requestedBy: String
    /// Where the request belongs, as W3C Trace Context has it.
    public var trace: String?

    /// An order.
    public init(
        nodeName: String? = nil, packageName: String? = nil, sealing: String? = nil, labels: [String] = [],
        lane: String? = nil, idempotencyKey: String? = nil, isUnique: Bool = false, notBefore: Timestamp? = nil,
        requestedBy: String
    ) {
        self.idempotencyKey = idempotencyKey
        self.isUnique = isUnique
        self.notBefore = notBefore
        self.nodeName = nodeName
        self.packageName = packageName
        self.sealing = sealing
        self.labels = labels
        self.lane = lane
        self.requestedBy = requestedBy
    }
}

/// An order that was taken.
public struct Receipt: Sendable {
    /// The job that will fulfil it.
    public let job: Job
    /// What the person should know.
    public let notes: [String]
}

/// Turns orders into jobs: every client, be it the command line, the API or a page, submits through here.
///
/// All that decides the package's bytes is pinned at this moment: the node's settings, the payload's digest, the key
/// generation, the builder. What comes later changes nothing of a job that was acknowledged.
public struct Submitter: Sendable {
    private let configuration: FarmConfiguration
    private let queue: any JobQueue
    private let keyring: Keyring
    private let builder: String
    private let now: @Sendable () -> Timestamp
    private let random: RandomSource

    /// A submitter for one farm; `builder` names the versions that decide the bytes.
    public init(
        configuration: FarmConfiguration, queue: any JobQueue, keyring: Keyring, builder: String,
        now: @escaping @Sendable () -> Timestamp, random: RandomSource
    ) {
        self.configuration = configuration
        self.queue = queue
        self.keyring = keyring
        self.builder = builder
        self.now = now
        self.random = random
    }

    /// Whether whoever has the installer of this order could read its secrets.
    func isPlain(_ order: InstallerOrder) -> Bool {
        (order.sealing ?? configuration.farm.sealing?.rawValue) == InstallerRequest.Sealing.plain.rawValue
    }

    /// Checks the order, pins what it refers to and enqueues it. The job is on the disk when this returns.
    public func submit(_ order: InstallerOrder) async throws -> Receipt {
        var notes: [String] = []
        let request = try await pinned(order, notes: &notes)
        var submission = Submission(
            id: Job.ID(at: now(), random: random), lane: try lane(order.lane), request: request.canonicalBytes,
            inputDigest: request.inputDigest.bytes, requestedBy: order.requestedBy)
        submission.maxAttempts = configuration.farm.maxAttempts
        submission.limits = Job.TimeLimits(
            total: .seconds(configuration.farm.timeLimitSeconds), idle: .seconds(configuration.farm.idleLimitSeconds))
        submission.idempotencyKey = order.idempotencyKey
        submission.trace = order.trace
        submission.isUnique = order.isUnique
        submission.scheduledFor = order.notBefore
        let job = try await queue.enqueue(submission)
        if job.id != submission.id { notes.append("this was asked for before; the job is \(job.id)") }
        return Receipt(job: job, notes: notes)
    }

    private func pinned(_ order: InstallerOrder, notes: inout [String]) async throws -> InstallerRequest {
        // The cheap refusals first, so that nobody waits for a payload to be read to hear of a typing error.
        let nodeName = try order.nodeName.map { name throws(InstallerError) in try NodeName(name) }
        let packageName =
            try order.packageName.map { name throws(InstallerError) in try PackageName(name) } ?? .standard
        let labels = try Labels(Self.pairs(order.labels))
        let sealing = try sealing(order.sealing)
        let settings = try NodeSettings(configuration: configuration)
        let farm = configuration.farm
        let daemon = try DaemonCommand(farm.daemon)
        let target = try Target(minimumMacOS: farm.minimumMacOS, architectures: farm.architectures)
        let payload = try PayloadDirectory.scan(path: farm.payload, mustNotContain: configuration.farmPaths)
        if payload.leftOutCount > 0 {
            notes.append("left out of the payload: \(payload.leftOut.joined(separator: ", "))")
        }
        if let concern = payload.concern(about: daemon) { notes.append(concern) }
        let isNew = try await keyring.adopt(configured: configuration.nodeSecrets)
        let generation = try await keyring.current().number
        if isNew {
            notes.append(
                "the configuration's secrets were not in the keyring; they are key generation \(generation) now")
        }
        return try InstallerRequest(
            nodeName: nodeName, packageName: packageName, sealing: sealing,
            payload: PayloadReference(path: farm.payload, digest: payload.digest, version: farm.payloadVersion),
            target: target, identifierPrefix: farm.identifierPrefix, daemon: daemon, generation: generation,
            revision: 0,
            builder: builder, contentDate: farm.contentDate, settings: settings, labels: labels)
    }

    /// How to seal: asked for by name, here or in the configuration, and never by default.
    private func sealing(_ asked: String?) throws(OrderError) -> InstallerRequest.Sealing {
        guard let word = asked ?? configuration.farm.sealing?.rawValue else { throw .sealingNotChosen }
        guard let sealing = InstallerRequest.Sealing(rawValue: word) else { throw .unknownSealing(word) }
        return sealing
    }

    private func lane(_ name: String?) throws(OrderError) -> Lane {
        guard let name else { return .interactive }
        guard let lane = Lane(name) else { throw .badLane(name) }
        return lane
    }

    private static func pairs(_ labels: [String]) throws(OrderError) -> [String: String] {
        var pairs: [String: String] = [:]
        for label in labels {
            let parts = label.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw .badLabel(label) }
            guard pairs.updateValue(String(parts[1]), forKey: String(parts[0])) == nil else {
                throw .repeatedLabel(String(parts[0]))
            }
        }
        return pairs
    }
}

/// Why an order is not taken, beside what its installer refuses.
public enum OrderError: Error, Equatable, Sendable, CustomStringConvertible {
    case sealingNotChosen
    case unknownSealing(String)
    case badLane(String)
    case badLabel(String)
    case repeatedLabel(String)

    /// One sentence, and what to do.
    public var description: String {
        switch self {
        case .sealingNotChosen:
            "no sealing was chosen; this version has 'plain', with which anyone who has the package can read the "
                + "cluster's secrets in it: say --sealing plain, or set farm.sealing: plain"
        case .unknownSealing(let word):
            "sealing '\(Printable.text(word))': this version has 'plain' only (ticket and passphrase are to come)"
        case .badLane(let name):
            "lane '\(Printable.text(name))': expected a lower-case letter, then lower-case letters, digits and hyphens, "
                + "32 at most"
        case .badLabel(let text): "label '\(Printable.text(text))': expected KEY=VALUE"
        case .repeatedLabel(let key): "label '\(Printable.text(key))' was given twice"
        }
    }
}

extension FarmConfiguration {
    /// The farm's own files and folders: none of them may travel in a payload.
    public var farmPaths: [String] { [path, farm.keys, farm.artifacts, farm.cache, farm.work, farm.database] }
}
