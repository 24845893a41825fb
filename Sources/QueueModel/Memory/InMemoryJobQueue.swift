public import System

/// The rules of a queue at their plainest, and nothing else: lost when the process ends, and slow when it is long.
///
/// For the tests of other rooms, and the oracle against which every durable queue is compared.
public actor InMemoryJobQueue: JobQueue {
    let now: @Sendable () -> Timestamp
    let random: RandomSource
    let rules: QueueRules
    /// In order of arrival.
    var jobs: [Entry] = []
    var laneEntries: [LaneEntry] = []
    var holds: [LaneHold] = []
    var batches: [BatchEntry] = []
    var events: [QueueEvent] = []
    var lastSequence: Int64 = 0
    /// By the bytes of their names: two spellings of one letter are two workers.
    var workerEntries: [[UInt8]: WorkerEntry] = [:]
    var losses: [Loss] = []
    var rotation = LaneRotation()
    private var lastPosition: Int64 = 0

    /// A job with its place in the order of arrival, which never changes.
    struct Entry {
        let position: Int64
        var job: Job
    }

    struct LaneEntry {
        var policy: LanePolicy
        var isConfigured = true
        var meter = StartMeter(fullAt: 0)
    }

    struct BatchEntry {
        var batch: Batch
        var rejections: [Int: Job.Failure] = [:]
    }

    struct WorkerEntry {
        var record: WorkerRecord
        let started: Timestamp
        var lastBeat: Timestamp
    }

    /// A lease that a worker has lost.
    struct Loss {
        let worker: String
        let job: Job.ID
        let time: Timestamp
    }

    /// An empty queue with the standard lanes.
    public init(
        rules: QueueRules = QueueRules(), random: RandomSource = .system, now: @escaping @Sendable () -> Timestamp
    ) {
        self.rules = rules
        self.random = random
        self.now = now
        laneEntries = LanePolicy.standard.map { LaneEntry(policy: $0) }
    }

    /// See `JobQueue`.
    public func enqueue(_ submissions: [Submission]) throws(QueueError) -> [Result<Job, QueueError>] {
        try Submission.validate(submissions)
        let now = now()
        return submissions.map { submission in
            Result { () throws(QueueError) in try add(submission, at: now) }
        }
    }

    /// See `JobQueue`.
    public func open(_ id: Batch.ID, total: Int, requestedBy: String) throws(QueueError) -> Batch {
        try require(total, in: 1...Batch.maximumTotal, "total")
        try validateName("requestedBy", requestedBy)
        if let found = batches.first(where: { $0.batch.id == id })?.batch {
            guard found.total == total, found.requestedBy.utf8.elementsEqual(requestedBy.utf8) else {
                throw .batchDiffers(id)
            }
            return found
        }
        let batch = Batch(id: id, total: total, requestedBy: requestedBy, created: now())
        batches.append(BatchEntry(batch: batch))
        return batch
    }

    /// See `JobQueue`.
    public func reject(_ place: Batch.Place, _ failure: Job.Failure) throws(QueueError) {
        let index = try indexOfBatch(place)
        if let job = jobs.first(where: { $0.job.batch == place })?.job { throw .rowTaken(place, by: job.id) }
        guard batches[index].rejections[place.row] == nil else { return }
        // A batch that has ended knows all its rows: this one was a job that is no longer kept.
        guard batches[index].batch.finished == nil else { throw .rowTaken(place, by: nil) }
        batches[index].rejections[place.row] = failure
        batches[index].batch.counts.rejected += 1
        finishBatchIfDone(index, at: now())
    }

    /// See `JobQueue`.
    @discardableResult
    public func cancel(_ id: Job.ID) throws(QueueError) -> Job {
        guard let found = index(of: id) else { throw .notFound(id) }
        let job = jobs[found].job
        guard !job.state.name.isFinal else { throw .wrongState(id, state: job.state.name, verb: "cancel") }
        apply(.cancelled, to: found, at: now())
        return jobs[found].job
    }

    /// See `JobQueue`.
    public func retry(_ id: Job.ID, as newID: Job.ID) throws(QueueError) -> Job {
        guard let found = index(of: id) else { throw .notFound(id) }
        let old = jobs[found].job
        guard old.state.name == .failed || old.state.name == .cancelled else {
            throw .wrongState(id, state: old.state.name, verb: "retry")
        }
        return try addRetry(of: old, as: newID, at: now())
    }

    /// See `JobQueue`.
    public func retryFailed(of lane: Lane?, failedBy time: Timestamp, limit: Int) throws(QueueError) -> [Job] {
        try validatePage(limit: limit)
        let now = now()
        if let lane { try requireOpen(lane) }
        let open = Set(laneEntries.filter(\.isConfigured).map(\.policy.lane).filter { hold(.closed, $0) == nil })
        let failed = jobs.map(\.job).filter { job in
            guard job.state.name == .failed, let finished = job.life.finished, finished <= time else { return false }
            return job.life.retriedAs == nil && open.contains(job.lane) && (lane == nil || lane == job.lane)
        }
        var new: [Job] = []
        for job in failed where new.count < limit {
            let id = Job.ID(at: now, random: random)
            guard alive(like: Submission(retrying: job, as: id)) == nil else { continue }
            new.append(try addRetry(of: job, as: id, at: now))
        }
        return new
    }

    // MARK: What the verbs are made of

    private func add(_ submission: Submission, at now: Timestamp) throws(QueueError) -> Job {
        try submission.validate()
        if let present = try alreadyThere(submission) { return present }
        if let alive = alive(like: submission) { return alive }
        try requireOpen(submission.lane)
        let job = submission.job(at: now)
        append(job)
        if let place = submission.batch { batches[try indexOfBatch(place)].batch.counts.accepted += 1 }
        note(.state(job.id, job.state.name, attempt: job.attempt), at: now)
        return job
    }

    /// The job comes after all others.
    func append(_ job: Job) {
        lastPosition = (jobs.last?.position ?? 0) + 1
        jobs.append(Entry(position: lastPosition, job: job))
    }

    private func addRetry(of old: Job, as id: Job.ID, at now: Timestamp) throws(QueueError) -> Job {
        let new = try add(Submission(retrying: old, as: id), at: now)
        // The like of a unique job, which is answered in its place, may be another one's retry.
        if new.retryOf == old.id, let index = index(of: old.id) { jobs[index].job.life.retriedAs = new.id }
        return new
    }

    private func requireOpen(_ lane: Lane) throws(QueueError) {
        guard laneEntries.contains(where: { $0.policy.lane == lane && $0.isConfigured }) else {
            throw .noSuchLane(lane, known: laneEntries.filter(\.isConfigured).map(\.policy.lane))
        }
        if let closed = hold(.closed, lane) { throw .closed(closed) }
    }

    /// The job that waits or runs in place of a unique submission.
    func alive(like submission: Submission) -> Job? {
        guard submission.isUnique else { return nil }
        return jobs.lazy.map(\.job).first { job in
            job.isUnique && job.inputDigest == submission.inputDigest && !job.state.name.isFinal
        }
    }

    /// The job that this submission stands for, when it came before.
    private func alreadyThere(_ submission: Submission) throws(QueueError) -> Job? {
        if let found = index(of: submission.id) {
            guard submission.asksForTheSame(as: jobs[found].job) else { throw .alreadyExists(submission.id) }
            return jobs[found].job
        }
        if let key = submission.idempotencyKey, let found = job(of: key) {
            guard submission.asksForTheSame(as: found) else { throw .keyTaken(key: key, by: found.id) }
            return found
        }
        guard let place = submission.batch else { return nil }
        let batch = batches[try indexOfBatch(place)]
        if batch.rejections[place.row] != nil { throw .rowTaken(place, by: nil) }
        guard let found = jobs.first(where: { $0.job.batch == place })?.job else {
            guard batch.batch.finished == nil else { throw .rowTaken(place, by: nil) }
            return nil
        }
        guard submission.asksForTheSame(as: found) else { throw .rowTaken(place, by: found.id) }
        return found
    }

    /// The job that was submitted with this idempotency key.
    func job(of key: String) -> Job? {
        jobs.lazy.map(\.job).first { $0.idempotencyKey?.utf8.elementsEqual(key.utf8) == true }
    }

    func indexOfBatch(_ place: Batch.Place) throws(QueueError) -> Int {
        guard let index = batches.firstIndex(where: { $0.batch.id == place.batch }) else {
            throw .noSuchBatch(place.batch)
        }
        try require(place.row, in: 1...batches[index].batch.total, "batch row")
        return index
    }

    /// Changes a job, and all that goes by its state.
    func apply(_ event: Job.Event, to index: Int, at now: Timestamp) {
        let before = jobs[index].job
        guard let after = before.next(on: event, at: now) else {
            preconditionFailure("\(event) cannot happen to a job that is \(before.state.name)")
        }
        jobs[index].job = after
        guard after.state.name != before.state.name else { return }
        note(.state(after.id, after.state.name, attempt: after.attempt), at: now)
        if after.state.name.isFinal, let place = after.batch,
            let batch = batches.firstIndex(where: { $0.batch.id == place.batch })
        {
            batches[batch].batch.counts.count(after.state.name)
            finishBatchIfDone(batch, at: now)
        }
    }

    private func finishBatchIfDone(_ index: Int, at now: Timestamp) {
        if batches[index].batch.finishIfDone(at: now) { note(.batchFinished(batches[index].batch.id), at: now) }
    }

    func note(_ change: QueueEvent.Change, at now: Timestamp) {
        lastSequence += 1
        events.append(QueueEvent(sequence: lastSequence, time: now, change: change))
        if events.count > rules.eventLimit { events.removeFirst(events.count - rules.eventLimit) }
    }

    func hold(_ kind: LaneHold.Kind, _ lane: Lane) -> LaneHold? {
        holds.first { $0.kind == kind && $0.concerns(lane) }
    }

    func index(of id: Job.ID) -> Int? { jobs.firstIndex { $0.job.id == id } }
}
