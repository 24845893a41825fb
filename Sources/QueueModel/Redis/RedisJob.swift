import RedisLink
import System

/// A job as the keys of the farm have it.
struct RedisJob: Sendable {
    /// Its number in order of arrival.
    let row: Int64
    var job: Job

    /// The job that `whole` of the scripts answers: id, fields, state, the time of that state, a long request.
    static func read(_ reply: RedisReply) throws(QueueError) -> Stored<RedisJob> {
        guard let parts = reply.array, parts.count == 5 else { throw .unexpected("no whole job") }
        return read(id: parts[0], fields: parts[1], state: parts[2].integer ?? 0, time: parts[3], request: parts[4])
    }

    /// The job that a claim answers: id, fields as they were while it was queued, a long request.
    static func readClaimed(_ reply: RedisReply) throws(QueueError) -> Stored<RedisJob> {
        guard let parts = reply.array, parts.count == 3 else { throw .unexpected("no claimed job") }
        let queued = Job.State.Name.queued.code
        return read(id: parts[0], fields: parts[1], state: queued, time: .nothing, request: parts[2])
    }

    private static func read(
        id: RedisReply, fields: RedisReply, state: Int64, time: RedisReply, request: RedisReply
    ) -> Stored<RedisJob> {
        do throws(QueueError) {
            guard let fields = JobFields(fields), !fields.isEmpty else {
                throw .corrupt(detail: "its key is none of ours")
            }
            guard let id = id.bytes.flatMap({ Job.ID(bytes: $0) }) else {
                throw .corrupt(detail: "its key is no job id")
            }
            let job = try RedisJob(id, fields, state < 0 ? Job.State.Name.queued.code : state, time, request)
            // Looked at last: the reason why it was parked says more than that it was.
            guard state > 0 else { throw .corrupt(detail: "it was parked") }
            return .readable(job)
        } catch {
            if case .corrupt(let detail) = error { return .unreadable(reason: detail) }
            return .unreadable(reason: error.description)
        }
    }

    private init(
        _ id: Job.ID, _ fields: JobFields, _ state: Int64, _ time: RedisReply, _ request: RedisReply
    ) throws(QueueError) {
        let format = try fields.integer("v") ?? 1
        guard format == 1 else { throw .corrupt(detail: "its format is \(format)") }
        row = try fields.needed("r", fields.integer("r", in: 1...(1 << 52)))
        guard let lane = Lane(try fields.needed("l", fields.text("l"))) else {
            throw .corrupt(detail: "the lane's name is none")
        }
        let digest = try fields.needed("d", fields["d"])
        guard digest.count == 32 else { throw .corrupt(detail: "d has \(digest.count) bytes") }
        guard let request = fields["q"] ?? request.bytes, request.count <= QueueLimits.requestByteCount else {
            throw .corrupt(detail: "it has no request, or one that is too long")
        }
        let batch: Batch.ID? = try fields.id("b")
        let batchRow = try fields.integer("n", in: 1...Int64(Batch.maximumTotal))
        guard (batch == nil) == (batchRow == nil) else { throw .corrupt(detail: "its place in a batch is not whole") }
        var place: Batch.Place?
        if let batch, let batchRow { place = Batch.Place(batch: batch, row: Int(batchRow)) }
        job = Job(
            id: id, lane: lane, request: request, inputDigest: digest,
            requestedBy: try fields.needed("y", fields.text("y")),
            created: try fields.needed("t", fields.time("t")), idempotencyKey: try fields.text("k"), batch: place,
            campaign: try fields.text("cp"), retryOf: try fields.id("ro"), trace: try fields.text("tr"),
            limits: Job.TimeLimits(total: try fields.limit("tl"), idle: try fields.limit("il")),
            isUnique: fields["u"] != nil, life: try Self.life(fields, state, time))
    }

    private static func life(
        _ fields: JobFields, _ state: Int64, _ time: RedisReply
    ) throws(QueueError) -> Job.Life {
        guard let name = Job.State.Name(code: state) else { throw .corrupt(detail: "its state is \(state)") }
        let maxAttempts = try fields.integer("x", in: 1...Int64(QueueLimits.attempts.upperBound)) ?? 3
        // The bound leaves room to count on.
        let epoch = try fields.integer("e", in: 0...(1 << 52)) ?? 0
        let failure = try fields.failure()
        var life = Job.Life(
            state: try fields.state(name, time, epoch: epoch, failure: failure), maxAttempts: Int(maxAttempts))
        life.attempt = Int(try fields.integer("a", in: 1...maxAttempts) ?? 1)
        life.lostLeases = Int(try fields.integer("ll", in: 0...1_000_000) ?? 0)
        life.pardons = Int(try fields.integer("p", in: 0...1_000_000) ?? 0)
        life.epoch = epoch
        life.progress = try fields.progress()
        life.lastFailure = failure
        life.scheduledFor = try fields.time("sf")
        life.claimed = try fields.time("c")
        let progressed = try fields.time("g")
        life.progressed = progressed ?? life.claimed
        life.finished = try fields.time("f")
        life.retriedAs = try fields.id("ra")
        guard name.isFinal == (life.finished != nil) else { throw .corrupt(detail: "f does not fit the state") }
        return life
    }
}

extension JobFields {
    fileprivate func state(
        _ name: Job.State.Name, _ time: RedisReply, epoch: Int64, failure: Job.Failure?
    ) throws(QueueError) -> Job.State {
        switch name {
        // The sorted set has it as well, but a time beyond 2^53 not exactly.
        case .scheduled: return .scheduled(at: try needed("sf", self.time("sf")))
        case .queued: return .queued
        case .running:
            guard let claimID = self["ci"].flatMap({ Job.ClaimID(bytes: $0) }) else {
                throw .corrupt(detail: "ci is none")
            }
            let (begun, claimed) = (try self.time("lf"), try self.time("c"))
            let length = try needed("ln", integer("ln", in: 1...QueueLimits.lease.wholeMilliseconds))
            return .running(
                Job.Lease(
                    worker: try needed("w", text("w")), epoch: epoch, claimID: claimID, duration: .milliseconds(length),
                    from: try needed("c", begun ?? claimed), until: try Self.time(time)))
        case .succeeded:
            return .succeeded(
                try Job.Result(
                    sha256: needed("rh", text("rh")), byteCount: needed("rn", integer("rn", in: 0...Int64.max)),
                    fileName: needed("rf", text("rf"))))
        case .failed: return .failed(try needed("fc", failure))
        case .cancelled: return .cancelled
        }
    }

    private static func time(_ reply: RedisReply) throws(QueueError) -> Timestamp {
        guard let time = reply.integer else { throw .corrupt(detail: "the time of its state is none") }
        return Timestamp(milliseconds: time)
    }

    fileprivate func progress() throws(QueueError) -> Job.Progress? {
        guard let stage = try text("ps") else { return nil }
        return Job.Progress(
            stage: stage, done: try needed("pd", integer("pd", in: 0...Int64.max)),
            total: try needed("pt", integer("pt", in: 0...Int64.max)))
    }

    fileprivate func failure() throws(QueueError) -> Job.Failure? {
        guard let code = try text("fc") else { return nil }
        return Job.Failure(
            code: code, message: try needed("fm", text("fm")), isRetryable: self["fr"] == [UInt8(ascii: "1")])
    }
}

/// A job that is to be changed: how it was when that was decided, and what becomes of it.
struct JobChange {
    let before: RedisJob
    let after: Job.Life

    /// Adds it to the words of `JobScript.change`.
    func append(to command: inout RedisCommand) {
        let old = before.job.life
        command.append(before.job.id.bytes)
        command.append(old.state.name.code)
        command.append(old.epoch)
        command.append(old.lease.map { String($0.until.milliseconds) } ?? "")
        command.append(after.state.name.code)
        switch after.state {
        case .scheduled(let time): command.append(time.milliseconds)
        case .running(let lease): command.append(lease.until.milliseconds)
        case .queued, .succeeded, .failed, .cancelled: command.append("")
        }
        let (set, drop) = fields()
        command.append(set.count * 2)
        for (name, value) in set {
            command.append(name)
            command.append(value)
        }
        command.append(drop.count)
        for name in drop { command.append(name) }
    }

    /// Fields that have another value now, and those that are no longer there.
    private func fields() -> (set: [(String, [UInt8])], drop: [String]) {
        let (old, new) = (before.job.life, after)
        var set: [(String, [UInt8])] = []
        var drop: [String] = []
        func put(_ name: String, _ value: [UInt8]?) {
            if let value { set.append((name, value)) } else { drop.append(name) }
        }
        func put(_ name: String, _ value: Int64?) { put(name, value.map { Array(String($0).utf8) }) }
        if old.attempt != new.attempt { put("a", Int64(new.attempt)) }
        if old.lostLeases != new.lostLeases { put("ll", Int64(new.lostLeases)) }
        if old.pardons != new.pardons { put("p", Int64(new.pardons)) }
        if old.scheduledFor != new.scheduledFor { put("sf", new.scheduledFor?.milliseconds) }
        // The one that is not there is read as the other.
        if old.claimed != new.claimed || old.progressed != new.progressed {
            put("c", new.claimed?.milliseconds)
            put("g", new.progressed?.milliseconds)
        }
        if old.finished != new.finished { put("f", new.finished?.milliseconds) }
        if new.state.name.isFinal { put("s", new.state.name.code) }
        if old.lastFailure != new.lastFailure {
            put("fc", (new.lastFailure?.code).map { Array($0.utf8) })
            put("fm", (new.lastFailure?.message).map { Array($0.utf8) })
            put("fr", (new.lastFailure?.isRetryable).map { $0 ? [UInt8(ascii: "1")] : [UInt8(ascii: "0")] })
        }
        if let lease = new.lease {
            put("ln", lease.duration.wholeMilliseconds)
            put("lf", lease.from.milliseconds)
        } else if old.lease != nil {
            drop += ["w", "ci", "ln", "lf", "lc"]
        }
        return (set, drop)
    }
}
