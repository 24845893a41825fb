public import Configuration
import Crypto
import JSON
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
    public internal(set) var job: Job
    /// What the person should know.
    public let notes: [String]
    /// What the job asks for; nil where it was another submission's.
    let request: InstallerRequest?

    /// What clients see of it.
    func document(_ standing: Standing?) -> JSONValue {
        if let request { JobDocument.json(job, standing, request) } else { JobDocument.json(job, standing) }
    }
}

/// What has become of a batch.
public struct BatchReceipt: Sendable {
    /// One row.
    public enum Outcome: Sendable {
        /// It is that job.
        case job(Job.ID)
        /// It is refused.
        case refused(Job.Failure)
    }

    /// The batch as it is now.
    public let batch: Batch
    /// Its rows, the first first.
    public let outcomes: [Outcome]
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
    private let scanner: PayloadScanner
    private let secrets: ConfiguredSecrets
    private let grounds = SharedWork<Ground>()
    private let limit: WaitingLimit

    /// A submitter for one farm; `builder` names the versions that decide the bytes.
    public init(
        configuration: FarmConfiguration, queue: any JobQueue, keyring: Keyring, builder: String,
        now: @escaping @Sendable () -> Timestamp, random: RandomSource
    ) {
        self.configuration = configuration
        scanner = PayloadScanner(now: now)
        secrets = ConfiguredSecrets(configuration.nodeSecrets)
        limit = WaitingLimit(configuration.farm.mostWaiting)
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
        // The cheap refusals first, so that nobody waits for a payload to be read to hear of a typing error.
        let names = try Names(order)
        let sealing = try sealing(order.sealing)
        let lane = try lane(order.lane)
        let ground = try await grounds.next { try await self.ground() }
        let request = try ground.request(for: names, sealing: sealing)
        let submission = submission(order, lane, request)
        try await limit.admit(1, to: queue)
        let job = try await queue.enqueue(submission)
        var notes = ground.notes
        let isOurs = job.id == submission.id
        if !isOurs { notes.append("this was asked for before; the job is \(job.id)") }
        return Receipt(job: job, notes: notes, request: isOurs ? request : nil)
    }

    /// Opens a batch of `count` rows and submits them, in their order: each is a job on the disk, or refused and counted as
    /// that, when this returns. All rows are pinned to the same payload, settings and key generation.
    ///
    /// The same batch again changes nothing: rows that are there already are answered with their jobs, and those that are
    /// missing, since the one who took them in has died, are taken in.
    /// - Parameter next: the next row; some hundred are held at a time.
    /// - Throws: what concerns all rows.
    public func submit(
        _ count: Int, as id: Batch.ID, requestedBy: String, next: () throws -> InstallerOrder?
    ) async throws -> BatchReceipt {
        guard let first = try next() else { throw OrderError.noRows }
        _ = try (sealing(first.sealing), lane(first.lane))
        let ground = try await grounds.next { try await self.ground() }
        try await limit.admit(count, to: queue)
        _ = try await queue.open(id, total: count, requestedBy: requestedBy)
        var outcomes: [BatchReceipt.Outcome] = []
        var taken: [Submission] = []
        var row = 0
        var order: InstallerOrder? = first
        while let current = order {
            row += 1
            let place = Batch.Place(batch: id, row: row)
            do {
                let request = try ground.request(for: Names(current), sealing: sealing(current.sealing))
                var submission = submission(current, try lane(current.lane ?? Lane.batch.name), request)
                submission.batch = place
                taken.append(submission)
            } catch {
                let detail = (error as? any CustomStringConvertible)?.description ?? "it cannot be built"
                outcomes += try await enqueue(taken)
                taken = []
                outcomes.append(try await refuse(place, Printable.text(detail, limit: 500)))
            }
            if taken.count == 500 {
                outcomes += try await enqueue(taken)
                taken = []
            }
            order = try next()
        }
        outcomes += try await enqueue(taken)
        guard let batch = try await queue.batch(id) else { throw QueueError.noSuchBatch(id) }
        return BatchReceipt(batch: batch, outcomes: outcomes, notes: ground.notes)
    }

    private func enqueue(_ submissions: [Submission]) async throws -> [BatchReceipt.Outcome] {
        guard !submissions.isEmpty else { return [] }
        var outcomes: [BatchReceipt.Outcome] = []
        for (submission, result) in zip(submissions, try await queue.enqueue(submissions)) {
            switch result {
            case .success(let job): outcomes.append(.job(job.id))
            case .failure(let error):
                guard let place = submission.batch, error.isOfTheRow else { throw error }
                outcomes.append(try await refuse(place, error.description))
            }
        }
        return outcomes
    }

    private func refuse(_ place: Batch.Place, _ detail: String) async throws -> BatchReceipt.Outcome {
        let failure = Job.Failure(code: "invalid-row", message: detail, isRetryable: false)
        try await queue.reject(place, failure)
        return .refused(failure)
    }

    private func submission(_ order: InstallerOrder, _ lane: Lane, _ request: InstallerRequest) -> Submission {
        var submission = Submission(
            id: Job.ID(at: now(), random: random), lane: lane, request: request.canonicalBytes,
            inputDigest: request.inputDigest.bytes, requestedBy: order.requestedBy)
        submission.maxAttempts = configuration.farm.maxAttempts
        submission.limits = Job.TimeLimits(
            total: .seconds(configuration.farm.timeLimitSeconds), idle: .seconds(configuration.farm.idleLimitSeconds))
        submission.idempotencyKey = order.idempotencyKey
        submission.trace = order.trace
        submission.isUnique = order.isUnique
        submission.scheduledFor = order.notBefore
        return submission
    }

    /// What an order says in words of its own, checked.
    private struct Names {
        let node: NodeName?
        let package: PackageName
        let labels: Labels

        init(_ order: InstallerOrder) throws {
            node = try order.nodeName.map { name throws(InstallerError) in try NodeName(name) }
            package =
                try order.packageName.map { name throws(InstallerError) in try PackageName(name) } ?? .standard
            labels = try Labels(Submitter.pairs(order.labels))
        }
    }

    /// What all installers that are asked for at one moment are made of.
    private struct Ground: Sendable {
        let payload: PayloadReference
        let target: Target
        let identifierPrefix: String
        let daemon: DaemonCommand
        let generation: Int
        let builder: String
        let contentDate: Timestamp
        let settings: NodeSettings
        /// What the person should know.
        let notes: [String]

        func request(for names: Names, sealing: InstallerRequest.Sealing) throws -> InstallerRequest {
            try InstallerRequest(
                nodeName: names.node, packageName: names.package, sealing: sealing, payload: payload, target: target,
                identifierPrefix: identifierPrefix, daemon: daemon, generation: generation, revision: 0,
                builder: builder, contentDate: contentDate, settings: settings, labels: names.labels)
        }
    }

    private func ground() async throws -> Ground {
        let settings = try NodeSettings(configuration: configuration)
        let farm = configuration.farm
        let daemon = try DaemonCommand(farm.daemon)
        let target = try Target(minimumMacOS: farm.minimumMacOS, architectures: farm.architectures)
        let payload = try await scanner.scan(farm.payload, mustNotContain: configuration.farmPaths)
        var notes: [String] = []
        if payload.leftOutCount > 0 {
            notes.append("left out of the payload: \(payload.leftOut.joined(separator: ", "))")
        }
        if let concern = payload.concern(about: daemon) { notes.append(concern) }
        let (current, isNew) = try await keyring.adopt(secrets)
        if isNew {
            notes.append(
                "the configuration's secrets were not in the keyring; they are key generation \(current.number) now")
        }
        return Ground(
            payload: try PayloadReference(path: farm.payload, digest: payload.digest, version: farm.payloadVersion),
            target: target, identifierPrefix: farm.identifierPrefix, daemon: daemon, generation: current.number,
            builder: builder, contentDate: farm.contentDate, settings: settings, notes: notes)
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

    fileprivate static func pairs(_ labels: [String]) throws(OrderError) -> [String: String] {
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
    case noRows

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
        case .noRows: "a batch has one row at least"
        }
    }
}

extension QueueError {
    /// Whether it is about one submission, and others beside it may be taken.
    fileprivate var isOfTheRow: Bool {
        switch self {
        case .invalid, .requestTooLarge: true
        default: false
        }
    }
}

extension FarmConfiguration {
    /// The farm's own files and folders: none of them may travel in a payload.
    public var farmPaths: [String] { [path, farm.keys, farm.artifacts, farm.cache, farm.work, farm.database] }
}
