public import Access
public import Configuration
import Crypto
import JSON
public import Keyring
import NodeInstaller
public import QueueModel
public import System

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
    private let payloads: PayloadReader
    private let secrets: ConfiguredSecrets
    private let audit: AuditLog
    private let limit: WaitingLimit
    /// Orders that come at the same time are taken in together.
    private let intake = Gatherer<CheckedOrder, Receipt, any Error>(
        limit: 128, unanswered: QueueError.backend(detail: "too few answers"))

    /// A submitter for one farm; `builder` names the versions that decide the bytes. The audit log says who has ordered installers
    /// that anybody can read.
    public init(
        configuration: FarmConfiguration, queue: any JobQueue, keyring: Keyring, audit: AuditLog, builder: String,
        now: @escaping @Sendable () -> Timestamp, random: RandomSource
    ) {
        self.configuration = configuration
        payloads = PayloadReader(now: now)
        secrets = ConfiguredSecrets(configuration.nodeSecrets)
        limit = WaitingLimit(configuration.farm.mostWaiting)
        self.queue = queue
        self.keyring = keyring
        self.audit = audit
        self.builder = builder
        self.now = now
        self.random = random.drawnInAdvance()
    }

    /// Whether whoever has the installer of this order could read its secrets.
    func isPlain(_ order: InstallerOrder) -> Bool {
        (order.sealing ?? configuration.farm.sealing?.rawValue) == InstallerRequest.Sealing.plain.rawValue
    }

    /// Checks the order, pins what it refers to and enqueues it. The job is on the disk when this returns.
    public func submit(_ order: InstallerOrder) async throws -> Receipt {
        // The cheap refusals first, so that nobody waits for a payload to be read to hear of a typing error.
        let checked = CheckedOrder(
            order: order, names: try Names(order), sealing: try sealing(order.sealing), lane: try lane(order.lane))
        return try await intake.call(checked) { await take($0) }
    }

    /// Takes in what was asked for at the same time: one look at what installers are made of now, one write for all of them. What
    /// is wrong with one is no other's fault.
    private func take(_ orders: [CheckedOrder]) async -> [Result<Receipt, any Error>] {
        let ground: Ground
        do { ground = try await self.ground() } catch { return orders.map { _ in .failure(error) } }
        var answers: [Result<Receipt, any Error>?] = Array(repeating: nil, count: orders.count)
        var taken: [(place: Int, submission: Submission, request: InstallerRequest)] = []
        for (place, checked) in orders.enumerated() {
            do {
                let request = ground.request(for: checked.names, sealing: checked.sealing)
                try await limit.admit(1, to: queue)
                taken.append((place, submission(checked.order, checked.lane, request), request))
            } catch { answers[place] = .failure(error) }
        }
        for (known, outcome) in zip(taken, await enqueueEach(taken.map(\.submission))) {
            answers[known.place] = outcome.map { job in
                let isOurs = job.id == known.submission.id
                let notes = isOurs ? [] : ["this was asked for before; the job is \(job.id)"]
                return Receipt(job: job, notes: ground.notes + notes, request: isOurs ? known.request : nil)
            }.mapError { $0 }
        }
        do { try await note(zip(orders, answers)) } catch {
            // The jobs are there. Who asks again by the same key is told so, and the log then, too.
            for (place, checked) in orders.enumerated() where checked.sealing == .plain {
                if case .success = answers[place] { answers[place] = .failure(error) }
            }
        }
        return answers.map { $0 ?? .failure(QueueError.backend(detail: "the queue gave no answer")) }
    }

    private func enqueueEach(_ submissions: [Submission]) async -> [Result<Job, QueueError>] {
        do { return try await queue.enqueue(submissions) } catch {
            // A damaged page of the store may be in the way of one of them alone. A store that is full or away is not asked again
            // for each.
            guard submissions.count > 1, case .corrupt = error else { return submissions.map { _ in .failure(error) } }
        }
        var outcomes: [Result<Job, QueueError>] = []
        for submission in submissions {
            do throws(QueueError) { outcomes.append(.success(try await queue.enqueue(submission))) } catch {
                outcomes.append(.failure(error))
            }
        }
        return outcomes
    }

    /// Writes down who has ordered what anybody can read.
    private func note(_ orders: some Sequence<(CheckedOrder, Result<Receipt, any Error>?)>) async throws(AccessError) {
        let entries = orders.compactMap { checked, answer -> AuditLog.Entry? in
            guard checked.sealing == .plain, case .success(let receipt) = answer else { return nil }
            return AuditLog.Entry(
                "job.submit-plain", by: checked.order.requestedBy, subject: receipt.job.id.description,
                from: checked.order.address)
        }
        if !entries.isEmpty { try await audit.add(entries) }
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
        let ground = try await ground()
        try await limit.admit(count, to: queue)
        _ = try await queue.open(id, total: count, requestedBy: requestedBy)
        var outcomes: [BatchReceipt.Outcome] = []
        var taken: [Submission] = []
        var row = 0
        var isPlain = false
        var order: InstallerOrder? = first
        while let current = order {
            row += 1
            let place = Batch.Place(batch: id, row: row)
            do {
                let request = ground.request(for: try Names(current), sealing: try sealing(current.sealing))
                isPlain = isPlain || request.sealing == .plain
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
        if isPlain {
            try await audit.add(
                "batch.submit-plain", by: first.requestedBy, subject: id.description, from: first.address,
                details: ["rows": .integer(Int64(count))])
        }
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

    /// An order of which nothing that it says itself is wrong.
    private struct CheckedOrder: Sendable {
        let order: InstallerOrder
        let names: Names
        let sealing: InstallerRequest.Sealing
        let lane: Lane
    }

    /// What an order says in words of its own, checked.
    private struct Names: Sendable {
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
        /// One for no node in particular, with all that is common to them.
        let example: InstallerRequest
        /// What the person should know.
        let notes: [String]

        func request(for names: Names, sealing: InstallerRequest.Sealing) -> InstallerRequest {
            InstallerRequest(
                like: example, nodeName: names.node, packageName: names.package, sealing: sealing, labels: names.labels)
        }
    }

    private func ground() async throws -> Ground {
        let settings = try NodeSettings(configuration: configuration)
        let farm = configuration.farm
        let daemon = try DaemonCommand(farm.daemon)
        let target = try Target(minimumMacOS: farm.minimumMacOS, architectures: farm.architectures)
        let payload = try await payloads.read(farm.payload, mustNotContain: configuration.farmPaths)
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
        let example = try InstallerRequest(
            nodeName: nil, sealing: .plain,
            payload: PayloadReference(path: farm.payload, digest: payload.digest, version: farm.payloadVersion),
            target: target, identifierPrefix: farm.identifierPrefix, daemon: daemon, generation: current.number,
            revision: 0, builder: builder, contentDate: farm.contentDate, settings: settings)
        return Ground(example: example, notes: notes)
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
