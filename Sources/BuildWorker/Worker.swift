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
        /// Its name in leases and logs.
        public let name: String
        /// How long a claim holds without renewal.
        public let leaseDuration: Duration
        /// How long to wait before looking for work again.
        public let pollInterval: Duration
        /// How long the current job may take once the worker was told to stop.
        public let drainLimit: Duration

        /// Settings.
        public init(name: String, leaseDuration: Duration, pollInterval: Duration, drainLimit: Duration = .seconds(30))
        {
            self.name = name
            self.leaseDuration = leaseDuration
            self.pollInterval = pollInterval
            self.drainLimit = drainLimit
        }
    }

    private let settings: Settings
    private let queue: any JobQueue
    private let builder: InstallerBuilder
    private let artifacts: ArtifactIndex
    private let report: @Sendable (WorkerEvent) -> Void

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

    /// Works until `stop` is asked for or, when `draining`, until no job is queued, running, or due within a lease.
    ///
    /// - Throws: `QueueError` only when the queue is broken for good; trouble that may pass is reported and tried again.
    public func run(draining: Bool, stop: StopRequest) async throws {
        report(.started(worker: settings.name))
        while !stop.isRequested {
            if let job = try await claim() {
                await run(job, stop: stop)
            } else if draining, try await isDrained() {
                break
            } else {
                await stop.wait(atMost: settings.pollInterval)
            }
        }
        report(.stopped(worker: settings.name))
    }

    private func claim() async throws(QueueError) -> Job? {
        try await unlessItMayPass { () async throws(QueueError) in
            try await queue.claim(by: settings.name, lanes: nil, for: settings.leaseDuration)
        } ?? nil
    }

    private func isDrained() async throws(QueueError) -> Bool {
        try await unlessItMayPass { () async throws(QueueError) in
            try await queue.counts(dueWithin: settings.leaseDuration).isDrained
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
    private func run(_ job: Job, stop: StopRequest) async {
        guard let claim = job.claim else { return }
        report(.claimed(job.id, attempt: job.attempt))
        let progress = BuildProgress { report(.began($0, job.id)) }
        do {
            let result = try await withThrowingTaskGroup(of: Job.Result?.self) { group in
                group.addTask { try await build(job, claim: claim, progress: progress) }
                group.addTask { try await renew(claim, progress: progress) }
                group.addTask { try await watch(stop, progress: progress) }
                defer {
                    progress.stop()
                    group.cancelAll()
                }
                return try await group.next() ?? nil
            }
            if let result { report(.succeeded(job.id, result)) }
        } catch {
            await end(job, claim: claim, error)
        }
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

    /// Renews the lease three times in its length and tells how far the build is. Ends only by throwing.
    private func renew(_ claim: Job.Claim, progress: BuildProgress) async throws -> Job.Result? {
        let step = min(.milliseconds(500), settings.leaseDuration / 3)
        var sinceRenewal: Duration = .zero
        var shown: BuildProgress.Position?
        while true {
            try await Task.sleep(for: step)
            sinceRenewal += step
            let position = progress.current
            let isRenewalDue = sinceRenewal >= settings.leaseDuration / 3
            if try await tell(position == shown ? nil : position, isRenewalDue: isRenewalDue, claim) {
                shown = position
                if isRenewalDue { sinceRenewal = .zero }
            }
        }
    }

    /// False when the queue could not be told now; the next round tries again, and if the lease runs out meanwhile, the
    /// worker is told that it is lost.
    private func tell(
        _ position: BuildProgress.Position?, isRenewalDue: Bool, _ claim: Job.Claim
    ) async throws(QueueError) -> Bool {
        do {
            if let position {
                let stage = position.stage.rawValue
                try await queue.report(.init(stage: stage, done: position.done, total: position.total), claim)
            }
            if isRenewalDue { try await queue.renew(claim, for: settings.leaseDuration) }
            return true
        } catch {
            guard error.mayPass else { throw error }
            report(.trouble(error.description))
            return false
        }
    }

    /// Gives the build its time once the worker was told to stop. Ends only by throwing.
    private func watch(_ stop: StopRequest, progress: BuildProgress) async throws -> Job.Result? {
        await stop.wait(atMost: nil)
        try await Task.sleep(for: settings.drainLimit)
        throw BuildError.stopped
    }

    /// Says in the queue why a build ended, unless the job is another's by now.
    private func end(_ job: Job, claim: Job.Claim, _ error: any Error) async {
        let failure: Job.Failure
        switch error {
        case let error as BuildError: failure = error.failure
        case QueueError.leaseLost: return report(.lost(job.id))
        case let error as QueueError: failure = .init(code: "queue", message: error.description, isRetryable: true)
        case let error as ArtifactError: failure = .init(code: "store", message: error.description, isRetryable: true)
        default: failure = .init(code: "internal", message: "\(error)", isRetryable: true)
        }
        do throws(QueueError) {
            let state = try await queue.fail(claim, failure)
            report(.failed(job.id, failure, isFinal: state.name.isFinal))
        } catch {
            if case .leaseLost = error { return report(.lost(job.id)) }
            // The lease runs out by itself and the job is handed out again: nothing is lost by not having said so.
            report(.trouble(error.description))
        }
    }
}

extension QueueError {
    /// Whether trying again later may help: the store was busy, full or away.
    fileprivate var mayPass: Bool {
        switch self {
        case .full, .backend: true
        case .notFound, .leaseLost, .wrongState, .alreadyExists, .invalid, .requestTooLarge, .parked, .corrupt: false
        }
    }
}
