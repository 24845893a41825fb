public import Artifacts
import Crypto
import NodeInstaller
public import QueueModel
import System

/// Takes jobs from the queue one after another: claim, build while renewing the lease, publish, complete.
///
/// Every write names the claim, so a worker that lost its lease can neither publish nor end the job; it drops what it
/// built. Any number of workers may run on one farm.
public struct Worker: Sendable {
    /// How a worker behaves.
    public struct Settings: Sendable {
        /// Who it is, in leases, on the list of workers and in logs, and which lanes it serves.
        public let record: WorkerRecord
        /// How long a claim holds without renewal.
        public let leaseDuration: Duration
        /// How long to wait at the most before looking for work again: rings that are missed cost no more than this.
        public let lookInterval: Duration
        /// How long the current job may take once the worker was told to stop.
        public let drainLimit: Duration
        /// How long ended jobs are kept; nil where somebody else sees to that.
        public let retention: Retention?

        /// Settings.
        public init(
            record: WorkerRecord, leaseDuration: Duration, lookInterval: Duration, drainLimit: Duration = .seconds(30),
            retention: Retention? = nil
        ) {
            self.retention = retention
            self.record = record
            self.leaseDuration = leaseDuration
            self.lookInterval = lookInterval
            self.drainLimit = drainLimit
        }

        /// Three renewals fit into a lease, so that one may fail.
        var renewalInterval: Duration { leaseDuration / 3 }
        /// How often a job that runs is looked at: whether it is still wanted, and how far it is.
        var watchInterval: Duration { min(.milliseconds(250), renewalInterval) }
    }

    /// How a worker is told to end.
    public struct Stop: Sendable {
        /// Takes no more jobs and finishes the one at hand.
        public let gently = StopRequest()
        /// Gives the one at hand back, too.
        public let atOnce = StopRequest()

        /// Not yet asked for.
        public init() {}
    }

    private let settings: Settings
    private let queue: any JobQueue
    private let builder: InstallerBuilder
    private let artifacts: ArtifactIndex
    private let report: @Sendable (WorkerEvent) -> Void
    private var name: String { settings.record.name }
    private var lanes: [Lane]? { settings.record.lanes }

    /// A worker; `report` is called as things happen, from any thread.
    public init(
        _ settings: Settings, queue: any JobQueue, builder: InstallerBuilder, artifacts: ArtifactIndex,
        report: @escaping @Sendable (WorkerEvent) -> Void
    ) {
        self.settings = settings
        self.queue = queue
        self.builder = builder
        self.artifacts = artifacts
        self.report = report
    }

    /// Works until `stop` is asked for or, when `draining`, until no job of its lanes is queued, running, or
    /// due within a lease.
    ///
    /// - Throws: `QueueError` only when the queue is broken for good; trouble that may pass is reported and tried again.
    public func run(draining: Bool, stop: Stop) async throws {
        report(.started(worker: name))
        // Before the first claim: a job must not run at a worker of which nobody has heard.
        try await beatOnce(stop)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await takeJobs(draining: draining, stop: stop) }
            group.addTask { try await beat(stop) }
            group.addTask { try await prune() }
            defer { group.cancelAll() }
            try await group.next()
        }
        // One that cannot be taken off the list now is off it when its beats have been missed for long enough.
        _ = try? await unlessItMayPass { () async throws(QueueError) in try await queue.leave(name) }
        report(.stopped(worker: name))
    }

    private func takeJobs(draining: Bool, stop: Stop) async throws {
        while !stop.gently.isRequested {
            // What keeps this worker alive may have ended by an error: it must not go on taking jobs then.
            try Task.checkCancellation()
            guard let found = try await claim() else {
                // The store refuses at present: no other claim before a while.
                await stop.gently.wait(atMost: settings.lookInterval)
                continue
            }
            if let job = found {
                await run(job, stop: stop)
            } else if draining, try await isDrained() {
                return
            } else {
                // The end of a drain is another worker's last job as often as not, for which nobody rings.
                let limit = draining ? Duration.milliseconds(200) : settings.lookInterval
                if let job = try await awaitJob(stop, atMost: limit) { await run(job, stop: stop) }
            }
        }
    }

    /// Says again and again that this worker is alive. Ends only by throwing.
    private func beat(_ stop: Stop) async throws {
        while true {
            try await Task.sleep(for: settings.renewalInterval)
            try await beatOnce(stop)
        }
    }

    private func beatOnce(_ stop: Stop) async throws(QueueError) {
        var record = settings.record
        record.isDraining = stop.gently.isRequested
        _ = try await unlessItMayPass { [record] () async throws(QueueError) in try await queue.beat(record) }
    }

    /// Removes jobs that ended long ago, a few at a time with pauses between. Ends only by throwing.
    private func prune() async throws {
        while true {
            try await Task.sleep(for: .seconds(60))
            guard let retention = settings.retention else { continue }
            while try await unlessItMayPass({ () async throws(QueueError) in try await queue.prune(retention) }) ?? 0
                > 0
            {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    /// The next job as soon as there is one; nil when none has come in time, or this worker is to stop.
    private func awaitJob(_ stop: Stop, atMost limit: Duration) async throws -> Job? {
        try await withThrowingTaskGroup(of: Job?.self) { group in
            group.addTask {
                let found = try await unlessItMayPass { () async throws(QueueError) in
                    try await queue.claim(
                        by: name, lanes: lanes, for: settings.leaseDuration, limit: 1, waitingFor: limit)
                }
                if found == nil { try? await Task.sleep(for: limit) }  // cancelled: it is to stop
                return found?.first
            }
            group.addTask {
                await stop.gently.wait(atMost: nil)
                return nil
            }
            let first = try await group.next() ?? nil
            group.cancelAll()
            // What was claimed in the moment of the stop is here, and is seen to as if it had been claimed just before.
            return try await group.next().flatMap { $0 } ?? first
        }
    }

    /// A job, or none; nil when the store could not tell.
    private func claim() async throws(QueueError) -> Job?? {
        try await unlessItMayPass { () async throws(QueueError) in
            try await queue.claim(by: name, lanes: lanes, for: settings.leaseDuration)
        }
    }

    private func isDrained() async throws(QueueError) -> Bool {
        try await unlessItMayPass { () async throws(QueueError) in
            try await queue.counts(of: lanes, dueWithin: settings.leaseDuration).isDrained
        } ?? false
    }

    /// What `ask` answers; nil, and reported, when the queue cannot answer now and may later.
    private func unlessItMayPass<Value>(
        _ ask: () async throws(QueueError) -> Value
    ) async throws(QueueError) -> Value? {
        do { return try await ask() } catch {
            guard error.mayPass else { throw error }
            report(.trouble(error.description))
            return nil
        }
    }

    /// One job from claim to end. Whatever happens, it leaves no task behind.
    private func run(_ job: Job, stop: Stop) async {
        guard let claim = job.claim else { return }
        report(.claimed(job.id, attempt: job.attempt))
        let progress = BuildProgress { report(.began($0, job.id)) }
        var interruption: (any Error)?
        do {
            let result = try await withThrowingTaskGroup(of: Outcome.self) { group in
                group.addTask { .built(try await build(job, claim: claim, progress: progress)) }
                group.addTask { .interrupted(await hold(claim, progress: progress)) }
                group.addTask { .interrupted(await watch(stop)) }
                defer {
                    progress.stop()
                    group.cancelAll()
                }
                // The build alone decides: one that is interrupted in its last step may be done all the same.
                while let outcome = try await group.next() {
                    switch outcome {
                    case .built(let result): return result
                    case .interrupted(let error):
                        interruption = interruption ?? error
                        progress.stop()
                    }
                }
                throw BuildError.stopped
            }
            report(.succeeded(job.id, result))
        } catch {
            await end(job, claim: claim, interruption ?? error)
        }
    }

    /// What the tasks around one job come to.
    private enum Outcome: Sendable {
        case built(Job.Result)
        case interrupted(any Error)
    }

    private func build(_ job: Job, claim: Job.Claim, progress: BuildProgress) async throws -> Job.Result {
        let request: InstallerRequest
        do { request = try InstallerRequest(canonicalBytes: job.request) } catch {
            throw BuildError.unreadableRequest(detail: error.description)
        }
        let draft = try await builder.draft(request, progress: progress)
        do {
            // Nothing is published by a worker that is no longer the job's: the lease is proven right before.
            try await queue.renew(claim, for: settings.leaseDuration)
        } catch {
            await builder.discard(draft)
            throw error
        }
        progress.begin(.publish)
        let stored = try await builder.publish(draft)
        report(.stored(job.id, sha256: stored.digest.hex))
        try await artifacts.publish(stored, fileName: draft.fileName, for: job.id.description)
        let result = try Job.Result(sha256: stored.digest.hex, byteCount: stored.byteCount, fileName: draft.fileName)
        try await queue.complete(claim, result: result)
        return result
    }

    /// Keeps the lease, tells how far the build is, and returns why when the job is no longer this worker's.
    private func hold(_ claim: Job.Claim, progress: BuildProgress) async -> any Error {
        var sinceRenewal: Duration = .zero
        var shown: BuildProgress.Position?
        do {
            while true {
                try await Task.sleep(for: settings.watchInterval)
                sinceRenewal += settings.watchInterval
                let position = progress.current
                let isDue = sinceRenewal >= settings.renewalInterval
                let kept: Void? = try await unlessItMayPass { () async throws(QueueError) in
                    try await keep(claim, position == shown ? nil : position, isRenewalDue: isDue)
                }
                guard kept != nil else { continue }
                shown = position
                if isDue { sinceRenewal = .zero }
            }
        } catch {
            return error
        }
    }

    /// A report renews the lease, too; without news, a look is enough until the lease is due.
    private func keep(
        _ claim: Job.Claim, _ position: BuildProgress.Position?, isRenewalDue: Bool
    ) async throws(QueueError) {
        if let position {
            let progress = Job.Progress(
                stage: position.stage.rawValue, done: position.done, total: position.total)
            try await queue.report(progress, claim)
        } else if isRenewalDue {
            try await queue.renew(claim, for: settings.leaseDuration)
        } else if try await queue.status(of: claim.job)?.claim != claim {
            throw .leaseLost(claim.job)
        }
    }

    /// Returns when the build has had its time after the worker was told to stop.
    private func watch(_ stop: Stop) async -> any Error {
        await stop.gently.wait(atMost: nil)
        await stop.atOnce.wait(atMost: settings.drainLimit)
        return BuildError.stopped
    }

    /// Says in the queue why a build ended, unless the job is another's by now.
    private func end(_ job: Job, claim: Job.Claim, _ error: any Error) async {
        let failure: Job.Failure
        switch error {
        case BuildError.stopped, is CancellationError: return await release(job, claim)
        case let error as BuildError: failure = error.failure
        case QueueError.leaseLost: return report(.lost(job.id))
        case QueueError.outOfTime(_, let limit): failure = limit
        case let error as QueueError: failure = .init(code: "queue", message: error.description, isRetryable: true)
        case let error as ArtifactError: failure = .init(code: "store", message: error.description, isRetryable: true)
        default: failure = .init(code: "internal", message: "\(error)", isRetryable: true)
        }
        do throws(QueueError) {
            let state = try await queue.fail(claim, failure)
            report(.failed(job.id, failure, isFinal: state.name.isFinal))
        } catch {
            told(job, error)
        }
    }

    /// Gives the job back, so that another worker has it at once and with all its attempts.
    private func release(_ job: Job, _ claim: Job.Claim) async {
        do throws(QueueError) {
            try await queue.release(claim)
            report(.released(job.id))
        } catch {
            told(job, error)
        }
    }

    private func told(_ job: Job, _ error: QueueError) {
        if case .leaseLost = error { return report(.lost(job.id)) }
        // The lease runs out by itself and the job is handed out again: nothing is lost by not having said so.
        report(.trouble(error.description))
    }
}

extension QueueError {
    /// Whether trying again later may help: the store was busy, full or away.
    fileprivate var mayPass: Bool {
        switch self {
        case .full, .backend: true
        case .notFound, .leaseLost, .outOfTime, .wrongState, .alreadyExists, .keyTaken, .rowTaken, .noSuchBatch,
            .batchDiffers, .noSuchLane, .closed, .invalid, .requestTooLarge, .parked, .corrupt,
            .unusable:
            false
        }
    }
}
