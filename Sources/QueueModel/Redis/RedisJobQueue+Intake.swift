import RedisLink
import Synchronization
public import System

extension RedisJobQueue {
    /// Submissions of one script: a long one would keep everybody else waiting.
    private static let submissionsPerScript = 128
    private static let byteCountPerScript = 1 << 20

    /// See `JobQueue`.
    public func enqueue(_ submissions: [Submission]) async throws(QueueError) -> [Result<Job, QueueError>] {
        try Submission.validate(submissions)
        if submissions.isEmpty { return [] }
        try await checkRoom()
        let run = try await runForOutbox()
        var answers: [Result<Job, QueueError>] = []
        answers.reserveCapacity(submissions.count)
        var rest = submissions[...]
        while !rest.isEmpty {
            let some = Self.somePerScript(of: rest, byteCount: \.request.count)
            rest = rest.dropFirst(some.count)
            answers += try await add(some)
        }
        if outbox != nil {
            try await keep(
                answers.compactMap { answer in
                    guard case .success(let job) = answer, !job.state.name.isFinal else { return nil }
                    return .job(job)
                }, run: run)
        }
        return answers
    }

    /// The first of `rest`, as many as one script takes.
    static func somePerScript<Element>(
        of rest: ArraySlice<Element>, byteCount: (Element) -> Int
    ) -> ArraySlice<Element> {
        var total = 0
        return rest.prefix(submissionsPerScript).prefix { element in
            defer { total += byteCount(element) }
            return total < byteCountPerScript
        }
    }

    /// Throws `.full` where the server's memory is nearly used up: what is left is for working off what waits. Looks once in
    /// a while.
    private func checkRoom() async throws(QueueError) {
        let now = MonotonicClock.nanoseconds()
        let mustLook = memory.withLock { memory in
            guard now >= memory.nextLookAtRoom else { return false }
            memory.nextLookAtRoom = now + 1_000_000_000
            return true
        }
        guard mustLook else { return }
        let room: RedisMemory
        do throws(RedisError) { room = try await link.memory() } catch { throw QueueError(error) }
        guard room.limit > 0, room.used > room.limit / 100 * Self.fullPercent else { return }
        // The next one looks again.
        memory.withLock { $0.nextLookAtRoom = 0 }
        throw .full(
            detail: "Redis uses \(room.used) of \(room.limit) bytes, and takes no jobs in above \(Self.fullPercent) %; "
                + "work off what waits, prune what has ended, or raise maxmemory")
    }

    /// Of its memory, what a server may use before submissions are refused.
    private static let fullPercent: Int64 = 90

    /// Adds as many as one script takes; with `again` such as were answered before, which a closed lane takes too.
    func add(
        _ submissions: ArraySlice<Submission>, again: Bool = false
    ) async throws(QueueError) -> [Result<Job, QueueError>] {
        var refusals: [QueueError?] = []
        var count = 0
        var bodies = RedisCommand()
        for submission in submissions {
            do throws(QueueError) {
                try submission.validate()
                submission.append(to: &bodies)
                count += 1
                refusals.append(nil)
            } catch {
                refusals.append(error)
            }
        }
        var replies: ArraySlice<RedisReply> = []
        var now = Timestamp(milliseconds: 0)
        if count > 0 {
            var command = words()
            command.append(again ? "1" : "0")
            command.append(count)
            command.append(contentsOf: bodies)
            (now, replies) = try await run(.enqueue, command)
        }
        var answers: [Result<Job, QueueError>] = []
        for (submission, refusal) in zip(submissions, refusals) {
            if let refusal {
                answers.append(.failure(refusal))
                continue
            }
            guard let reply = replies.popFirst() else { throw .unexpected("too few answers") }
            do throws(QueueError) { answers.append(.success(try await answer(to: submission, reply, at: now))) } catch {
                guard error.isRefusal else { throw error }
                answers.append(.failure(error))
            }
        }
        return answers
    }

    private func answer(to submission: Submission, _ reply: RedisReply, at now: Timestamp) async throws(QueueError)
        -> Job
    {
        if reply.integer == 1 { return submission.job(at: now) }
        guard let parts = reply.array, let kind = parts.first?.text else { throw .unexpected("no answer") }
        switch (kind, submission.batch) {
        case ("there", _) where parts.count == 3: return try present(parts[1].text, parts[2], submission)
        case ("lane", _): throw .noSuchLane(submission.lane, known: try await policies().map(\.lane))
        case ("closed", _) where parts.count == 3:
            throw .closed(LaneHold(.closed, lane: parts[1], parts[2]))
        case ("batch", let place?): throw .noSuchBatch(place.batch)
        case ("row", let place?):
            try require(place.row, in: 1...Int(clamping: max(1, parts.last?.integer ?? 1)), "batch row")
            throw .unexpected("row")
        case ("taken", let place?): throw .rowTaken(place, by: nil)
        default: throw .unexpected(kind)
        }
    }

    /// The job that is there in place of `submission`, found by its id, key or place, or as its like.
    private func present(
        _ kind: String?, _ reply: RedisReply, _ submission: Submission
    ) throws(QueueError) -> Job {
        let found: Job
        switch try RedisJob.read(reply) {
        case .readable(let stored): found = stored.job
        case .unreadable(let reason):
            let id = reply.array?.first?.bytes.flatMap { Job.ID(bytes: $0) }
            throw .parked(id ?? submission.id, detail: reason)
        }
        if kind == "alive" || submission.asksForTheSame(as: found) { return found }
        if kind == "key", let key = submission.idempotencyKey { throw .keyTaken(key: key, by: found.id) }
        if kind == "place", let place = submission.batch { throw .rowTaken(place, by: found.id) }
        throw .alreadyExists(submission.id)
    }

    /// See `JobQueue`.
    public func open(_ id: Batch.ID, total: Int, requestedBy: String) async throws(QueueError) -> Batch {
        try require(total, in: 1...Batch.maximumTotal, "total")
        try validateName("requestedBy", requestedBy)
        let run = try await runForOutbox()
        let batch = try await announce(id, total: total, requestedBy: requestedBy)
        if batch.finished == nil { try await keep([.batch(batch)], run: run) }
        return batch
    }

    func announce(_ id: Batch.ID, total: Int, requestedBy: String) async throws(QueueError) -> Batch {
        var command = words()
        command.append(id.bytes)
        command.append(total)
        command.append(requestedBy)
        guard let reply = try await run(.open, command).rest.first, let batch = try Batch(id, reply) else {
            throw .unexpected("no batch")
        }
        guard batch.total == total, batch.requestedBy.utf8.elementsEqual(requestedBy.utf8) else {
            throw .batchDiffers(id)
        }
        return batch
    }

    /// See `JobQueue`.
    public func reject(_ place: Batch.Place, _ failure: Job.Failure) async throws(QueueError) {
        let run = try await runForOutbox()
        let refusal = Batch.Refusal(place: place, failure: failure)
        try await refuse(refusal)
        try await keep([.refusal(refusal)], run: run)
    }

    func refuse(_ refusal: Batch.Refusal) async throws(QueueError) {
        let (place, failure) = (refusal.place, refusal.failure)
        var command = words()
        command.append(place.batch.bytes)
        command.append(place.row)
        command.append(failure.packed)
        let rest = try await run(.reject, command).rest
        switch rest.first?.text {
        case "ok": return
        case "batch": throw .noSuchBatch(place.batch)
        case "row":
            try require(place.row, in: 1...Int(clamping: max(1, rest.last?.integer ?? 1)), "batch row")
            throw .unexpected("row")
        case "taken": throw .rowTaken(place, by: rest.dropFirst().first?.bytes.flatMap { Job.ID(bytes: $0) })
        default: throw .unexpected("reject")
        }
    }

    /// See `JobQueue`.
    @discardableResult
    public func cancel(_ id: Job.ID) async throws(QueueError) -> Job {
        var mayBeDone = false
        while true {
            guard let (now, found) = try await find(id) else { throw .notFound(id) }
            let state = found.job.state.name
            // An answer that was lost does not make somebody's cancellation a refusal.
            if state == .cancelled, mayBeDone { return found.job }
            guard !state.isFinal, let after = found.job.next(on: .cancelled, at: now) else {
                throw .wrongState(id, state: state, verb: "cancel")
            }
            guard let made = try await make([JobChange(before: found, after: after.life)], at: now) else {
                mayBeDone = true
                continue
            }
            if made == [true] { return after }
        }
    }

    /// See `JobQueue`.
    public func retry(_ id: Job.ID, as newID: Job.ID) async throws(QueueError) -> Job {
        guard let (_, found) = try await find(id) else { throw .notFound(id) }
        let state = found.job.state.name
        guard state == .failed || state == .cancelled else { throw .wrongState(id, state: state, verb: "retry") }
        return try await enqueue(Submission(retrying: found.job, as: newID))
    }

    /// See `JobQueue`.
    public func retryFailed(of lane: Lane?, failedBy time: Timestamp, limit: Int) async throws(QueueError) -> [Job] {
        try validatePage(limit: limit)
        let lanes = try await allLanes()
        let configured = lanes.status.filter(\.isConfigured)
        if let lane {
            guard let status = configured.first(where: { $0.policy.lane == lane }) else {
                throw .noSuchLane(lane, known: configured.map(\.policy.lane))
            }
            if let closed = status.hold(.closed) { throw .closed(closed) }
        }
        let open = configured.filter { $0.hold(.closed) == nil && (lane == nil || lane == $0.policy.lane) }
        var sources: [FailedJobs] = []
        for status in open { sources.append(FailedJobs(lane: status.policy.lane, time: time)) }
        var new: [Job] = []
        while new.count < limit {
            for index in sources.indices { try await sources[index].fill(self, limit) }
            let heads = sources.indices.compactMap { index in sources[index].jobs.first.map { (index, $0.row) } }
            guard let next = heads.min(by: { $0.1 < $1.1 })?.0 else { break }
            let old = sources[next].jobs.removeFirst()
            let id = Job.ID(at: lanes.now, random: random)
            let retry = Submission(retrying: old.job, as: id)
            // What nobody could submit comes from damaged keys, and must keep no other from being retried.
            guard retry.isValid else { continue }
            let job = try await enqueue(retry)
            if job.id == id { new.append(job) }
        }
        return new
    }

    /// Failed jobs of one lane without a retry, the oldest first, looked up a page at a time.
    private struct FailedJobs {
        let lane: Lane
        let time: Timestamp
        var jobs: [RedisJob] = []
        var after: Int64 = 0
        var isAtEnd = false

        init(lane: Lane, time: Timestamp) {
            self.lane = lane
            self.time = time
        }

        mutating func fill(_ queue: RedisJobQueue, _ limit: Int) async throws(QueueError) {
            while jobs.isEmpty, !isAtEnd { try await look(queue, limit) }
        }

        private mutating func look(_ queue: RedisJobQueue, _ limit: Int) async throws(QueueError) {
            var command = queue.words()
            command.append(lane.name)
            command.append(after)
            command.append(min(limit, 100))
            command.append(time.milliseconds)
            let rest = try await queue.run(.failed, command).rest
            for reply in rest.dropFirst() {
                if case .readable(let job) = try RedisJob.read(reply) { jobs.append(job) }
            }
            isAtEnd = rest.count <= 1
            after = rest.first?.integer ?? after
        }
    }
}

extension Submission {
    /// Adds it to the words of `JobScript.enqueue`.
    fileprivate func append(to command: inout RedisCommand) {
        command.append(id.bytes)
        command.append(lane.name)
        command.append(scheduledFor.map { String($0.milliseconds) } ?? "")
        command.append(isUnique ? inputDigest : [])
        command.append(idempotencyKey ?? "")
        command.append(batch?.batch.bytes ?? [])
        command.append(batch.map { String($0.row) } ?? "")
        command.append(retryOf?.bytes ?? [])
        appendLongRequest(to: &command)
        command.append(lastingFields)
    }

    /// The fields of its job's hash that never change.
    var lastingFields: JobFieldWords {
        var fields = JobFieldWords()
        fields.put("d", inputDigest)
        fields.put("y", requestedBy)
        if request.count <= Self.shortRequest { fields.put("q", request) }
        if maxAttempts != 3 { fields.put("x", Int64(maxAttempts)) }
        fields.put("sf", scheduledFor?.milliseconds)
        fields.put("tl", limits.total?.wholeMilliseconds)
        fields.put("il", limits.idle?.wholeMilliseconds)
        if isUnique { fields.put("u", "1") }
        fields.put("k", idempotencyKey)
        fields.put("cp", campaign)
        fields.put("tr", trace)
        fields.put("ro", retryOf?.bytes)
        fields.put("b", batch?.batch.bytes)
        fields.put("n", batch.map { Int64($0.row) })
        return fields
    }

    /// Bytes up to which a request is a field of its job's hash.
    private static let shortRequest = 64

    /// Adds 1 and the request where that has a key of its own, 0 and nothing otherwise.
    func appendLongRequest(to command: inout RedisCommand) {
        let isLong = request.count > Self.shortRequest
        command.append(isLong ? "1" : "0")
        command.append(isLong ? request : [])
    }
}

extension Job.Failure {
    /// `1` or `0` for retryable, the number of bytes of the code, the code and the message: `0 3 bad no such payload`.
    var packed: String { "\(isRetryable ? 1 : 0) \(code.utf8.count) \(code)\(message)" }

    /// The failure of `packed`; nil for any other bytes.
    init?(packed: [UInt8]) {
        guard let (flag, rest) = leadingNumber(packed[...]), let (count, text) = leadingNumber(rest),
            count <= text.count, let code = String(validating: text.prefix(count), as: UTF8.self),
            let message = String(validating: text.dropFirst(count), as: UTF8.self)
        else { return nil }
        self.init(code: code, message: message, isRetryable: flag == 1)
    }
}

extension LaneHold {
    /// The order that the script's words stand for. One that cannot be read holds all the same.
    init(_ kind: Kind, lane: RedisReply, _ value: RedisReply) {
        self.init(kind, lane: lane.text.flatMap { Lane($0) }, value.bytes ?? [])
    }

    /// The order of a value of `holds`: since, the number of bytes of who, who, why.
    init(_ kind: Kind, lane: Lane?, _ value: [UInt8]) {
        guard let (since, rest) = leadingNumber(value[...]), let (count, text) = leadingNumber(rest),
            count <= text.count, let by = String(validating: text.prefix(count), as: UTF8.self),
            let reason = String(validating: text.dropFirst(count), as: UTF8.self)
        else {
            self.init(
                kind: kind, lane: lane, by: "unknown", reason: "the order's value is damaged",
                since: Timestamp(milliseconds: 0))
            return
        }
        self.init(kind: kind, lane: lane, by: by, reason: reason, since: Timestamp(milliseconds: Int64(since)))
    }
}

/// The number before the first space, and what follows the space; nil where there is none.
func leadingNumber(_ bytes: ArraySlice<UInt8>) -> (Int, ArraySlice<UInt8>)? {
    let digits = bytes.prefix { $0 != UInt8(ascii: " ") }
    guard digits.count < bytes.count, let number = RedisReply.bytes(Array(digits)).integer, number >= 0 else {
        return nil
    }
    return (Int(clamping: number), bytes.dropFirst(digits.count + 1))
}

extension Batch {
    /// The batch of the reply to `HGETALL`; nil when there is none.
    ///
    /// - Throws: `.corrupt` for fields that no version of ours writes.
    init?(_ id: ID, _ reply: RedisReply) throws(QueueError) {
        guard reply.array?.isEmpty == false else { return nil }
        func count(_ name: String) throws(QueueError) -> Int {
            guard let value = reply.field(name) else { return 0 }
            guard let number = value.integer, (0...Int64(Batch.maximumTotal)).contains(number) else {
                throw .corrupt(detail: "batch \(id): \(name) is no count")
            }
            return Int(number)
        }
        guard let requestedBy = reply.field("y")?.text, let created = reply.field("c")?.integer else {
            throw .corrupt(detail: "batch \(id) is not whole")
        }
        self.init(
            id: id, total: try count("t"), requestedBy: requestedBy, created: Timestamp(milliseconds: created))
        counts = Counts(
            accepted: try count("ac"), rejected: try count("rj"), succeeded: try count("su"), failed: try count("fa"),
            cancelled: try count("ca"))
        finished = reply.field("f")?.integer.map { Timestamp(milliseconds: $0) }
    }
}
