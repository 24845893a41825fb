import RedisLink
import Synchronization
import System

extension RedisJobQueue {
    /// See `JobQueue`.
    public func claim(
        by worker: String, lanes: [Lane]?, for duration: Duration, limit: Int
    ) async throws(QueueError) -> [Job] {
        try validateLease(worker: worker, duration)
        try require(limit, in: QueueLimits.claim, "limit")
        let request = ClaimRequest(
            worker: worker, lanes: Self.names(of: lanes), milliseconds: duration.wholeMilliseconds, limit: limit)
        return try await claims.call(request) { await self.claim($0) }
    }

    /// Claims for several at the same time: those who want jobs of the same lanes for as long go together.
    private func claim(_ requests: [ClaimRequest]) async -> [Result<[Job], QueueError>] {
        var answers = [Result<[Job], QueueError>](repeating: .success([]), count: requests.count)
        var rest = Array(requests.indices)
        while let first = rest.first {
            var count = 0
            let some = rest.filter { index in
                guard requests[index].canGo(with: requests[first]) else { return false }
                count += requests[index].limit
                return index == first || count <= QueueLimits.claim.upperBound
            }
            rest.removeAll { some.contains($0) }
            do throws(QueueError) {
                let jobs = try await claim(together: some.map { requests[$0] })
                for (index, jobs) in zip(some, jobs) { answers[index] = .success(jobs) }
            } catch {
                for index in some { answers[index] = .failure(error) }
            }
        }
        return answers
    }

    private func claim(together requests: [ClaimRequest]) async throws(QueueError) -> [[Job]] {
        let count = requests.reduce(0) { $0 + $1.limit }
        var claimIDs = takeClaimIDs(count)
        var used = 0
        defer { giveBack(claimIDs.dropFirst(used)) }
        var isTidied = false
        while true {
            let command = claimWords(requests, claimIDs, isTidied: isTidied)
            guard let (now, rest) = try await runOrLose(.claim, command, .once) else {
                let jobs = try await claimedUnheard(claimIDs, requests)
                used = claimIDs.count
                if jobs.contains(where: { !$0.isEmpty }) { return jobs }
                (claimIDs, used) = (takeClaimIDs(count), 0)
                continue
            }
            note(now, sawNoneExpired: !isTidied && rest.first?.text == "jobs")
            switch rest.first?.text {
            case "early": try await correctLeases()
            case "expired":
                try await endLeases("expired", "\(QueueLimits.reclaimsPerClaim)")
                isTidied = true
            case "jobs":
                var jobs: [[Job]] = []
                for (request, reply) in zip(requests, rest.dropFirst()) {
                    let replies = reply.array ?? []
                    let mine = claimIDs[used..<min(claimIDs.count, used + replies.count)]
                    used += mine.count
                    jobs.append(try await claimed(replies, mine, request, at: now))
                }
                guard jobs.count == requests.count else { throw .unexpected("claim") }
                return jobs
            default: throw .unexpected("claim")
            }
        }
    }

    private func claimWords(_ requests: [ClaimRequest], _ claimIDs: [[UInt8]], isTidied: Bool) -> RedisCommand {
        let (latest, lookedAt) = memory.withLock { ($0.latest, $0.lookedAt) }
        var command = words()
        command.append(latest.map { String($0.milliseconds) } ?? "")
        command.append(isTidied ? "1" : lookedAt.map { String($0.milliseconds) } ?? "")
        command.append(requests.first?.milliseconds ?? 0)
        command.append(requests.first?.lanes ?? "")
        command.append(Array(claimIDs.joined()))
        for request in requests {
            command.append(request.worker)
            command.append(request.limit)
        }
        return command
    }

    /// Remembers what a claim has seen.
    private func note(_ now: Timestamp, sawNoneExpired: Bool) {
        memory.withLock { ($0.latest, $0.lookedAt) = (now, sawNoneExpired ? now : nil) }
    }

    // MARK: Claiming after a wait

    /// See `JobQueue`. The claim goes out together with the wish to be woken, so that the server makes it as soon as the bell
    /// rings: between the two nobody is woken but the server.
    public func claim(
        by worker: String, lanes: [Lane]?, for duration: Duration, limit: Int, waitingFor wait: Duration
    ) async throws(QueueError) -> [Job] {
        let jobs = try await claim(by: worker, lanes: lanes, for: duration, limit: limit)
        if !jobs.isEmpty { return jobs }
        let (pop, time) = try await nextWait(in: lanes, atMost: wait)
        if let pop {
            let request = ClaimRequest(
                worker: worker, lanes: Self.names(of: lanes), milliseconds: duration.wholeMilliseconds, limit: limit)
            if let jobs = try await claim(request, after: pop, atMost: time) { return jobs }
        } else {
            try? await Task.sleep(for: time)  // cancelled: there is nothing to claim for
        }
        return Task.isCancelled ? [] : try await claim(by: worker, lanes: lanes, for: duration, limit: limit)
    }

    /// Waits, and claims in the same breath; nil where something is to be seen to before anybody can claim.
    private func claim(
        _ request: ClaimRequest, after pop: RedisCommand, atMost limit: Duration
    ) async throws(QueueError) -> [Job]? {
        let claimIDs = takeClaimIDs(request.limit)
        var used = claimIDs.count
        defer { giveBack(claimIDs.dropFirst(used)) }
        let reply: RedisReply?
        do throws(RedisError) {
            reply = try await link.wait(
                pop, atMost: limit, thenRun: JobScript.claim.script, keys: [prefix],
                claimWords([request], claimIDs, isTidied: false))
        } catch .unanswered {
            return try await claimedUnheard(claimIDs, [request]).first
        } catch {
            if Task.isCancelled { return [] }
            throw QueueError(error)
        }
        guard let reply else { return nil }
        guard let parts = reply.array, let time = parts.first?.integer, parts.count > 1 else {
            throw .unexpected("claim")
        }
        let now = Timestamp(milliseconds: time)
        note(now, sawNoneExpired: parts[1].text == "jobs")
        guard parts[1].text == "jobs", let replies = parts.dropFirst(2).first?.array else {
            used = 0
            return nil
        }
        used = min(claimIDs.count, replies.count)
        return try await claimed(replies, claimIDs.prefix(used), request, at: now)
    }

    /// What was claimed without our hearing of it: jobs whose leases have these ids.
    private func claimedUnheard(
        _ claimIDs: [[UInt8]], _ requests: [ClaimRequest]
    ) async throws(QueueError) -> [[Job]] {
        var jobs: [[Job]] = []
        for request in requests {
            jobs.append(
                try await lost("held", request.worker).jobs.map(\.job).filter { job in
                    job.claim.map { claimIDs.contains($0.claimID.bytes) } == true
                })
        }
        return jobs
    }

    /// The jobs of a claim as they are now. One that cannot be read is laid aside.
    private func claimed(
        _ replies: [RedisReply], _ claimIDs: ArraySlice<[UInt8]>, _ request: ClaimRequest, at now: Timestamp
    ) async throws(QueueError) -> [Job] {
        var jobs: [Job] = []
        for (reply, bytes) in zip(replies, claimIDs) {
            guard let claimID = Job.ClaimID(bytes: bytes) else { continue }
            switch try RedisJob.readClaimed(reply) {
            case .readable(let found):
                let job = found.job
                let lease = job.life.newLease(
                    worker: request.worker, claimID: claimID, duration: .milliseconds(request.milliseconds),
                    limits: job.limits, now: now)
                if let job = job.next(on: .claimed(lease), at: now) { jobs.append(job) }
            case .unreadable: try await park(reply, claimID.bytes)
            }
        }
        return jobs
    }

    /// Lays aside the job of `reply`, which cannot be read: one that was just claimed, or one whose lease has run out.
    private func park(_ reply: RedisReply, _ claimID: [UInt8]) async throws(QueueError) {
        guard let id = reply.array?.first?.bytes else { return }
        var command = words()
        command.append(id)
        command.append(claimID)
        _ = try await run(.park, command)
    }

    /// `,LANE,LANE,`; nothing for all.
    static func names(of lanes: [Lane]?) -> String {
        lanes.map { "," + $0.map { $0.name + "," }.joined() } ?? ""
    }

    // MARK: Claim ids

    /// Ids for a claim, of which it may need fewer: those that are left over are for the next.
    private func takeClaimIDs(_ count: Int) -> [[UInt8]] {
        memory.withLock { memory in
            let kept = Array(memory.claimIDs.prefix(count))
            memory.claimIDs.removeFirst(kept.count)
            return kept + (0..<count - kept.count).map { _ in Job.ClaimID(random: random).bytes }
        }
    }

    private func giveBack(_ claimIDs: ArraySlice<[UInt8]>) {
        memory.withLock { $0.claimIDs.insert(contentsOf: claimIDs, at: 0) }
    }

    // MARK: Lost leases

    /// Ends leases: those that have run out, or those of a worker.
    ///
    /// Each loss is noted before the first is judged, so that none is held against a job only because it was looked at
    /// before the others.
    @discardableResult
    private func endLeases(_ which: String, _ what: String) async throws(QueueError) -> [Job.ID] {
        let (now, losses, beats, found) = try await lost(which, what)
        var recent = losses
        var new: [(job: Job.ID, worker: String)] = []
        for next in found where next.job.life.passedLimit(next.job.limits, at: now) == nil {
            guard let lease = next.job.life.lease else { continue }
            new.append((next.job.id, lease.worker))
            recent.append(Loss(job: next.job.id.bytes, worker: Array(lease.worker.utf8)))
        }
        var changes: [JobChange] = []
        for next in found {
            let life = next.job.life
            let fleet = FleetHealth(
                seen: Set(beats).union(recent.map(\.worker)).count,
                losing: Set(recent.filter { $0.job != next.job.id.bytes }.map(\.worker)).count)
            let expiry = life.leaseExpiry(
                limits: next.job.limits, at: now, rules: rules, fleet: fleet, random: random)
            if let after = expiry.flatMap({ life.next(on: $0, at: now) }) {
                changes.append(JobChange(before: next, after: after))
            }
        }
        _ = try await make(changes, losses: new, at: now)
        return found.map(\.job.id)
    }

    /// Leases that seem to begin in the future begin now.
    private func correctLeases() async throws(QueueError) {
        let (now, _, _, found) = try await lost("early", "")
        let changes = found.compactMap { next -> JobChange? in
            let life = next.job.life
            let correction = life.correction(limits: next.job.limits, now: now)
            return correction.flatMap { life.next(on: $0, at: now) }.map { JobChange(before: next, after: $0) }
        }
        _ = try await make(changes, at: now)
    }

    private struct Loss {
        let job: [UInt8]
        let worker: [UInt8]
    }

    private func lost(_ which: String, _ what: String) async throws(QueueError) -> (
        now: Timestamp, losses: [Loss], beats: [[UInt8]], jobs: [RedisJob]
    ) {
        var command = words()
        command.append(which)
        command.append(what)
        command.append(rules.fleetWindow.wholeMilliseconds)
        let (now, rest) = try await run(.lost, command)
        // Time (16 digits), job (16 bytes), worker.
        let losses = rest.first?.array?.compactMap { reply -> Loss? in
            guard let bytes = reply.bytes, bytes.count > 32 else { return nil }
            return Loss(job: Array(bytes[16..<32]), worker: Array(bytes[32...]))
        }
        let beats = rest.dropFirst().first?.array?.compactMap(\.bytes)
        guard let losses, let beats else { throw .unexpected("lost") }
        var jobs: [RedisJob] = []
        for reply in rest.dropFirst(2) {
            switch try RedisJob.read(reply) {
            case .readable(let job): jobs.append(job)
            case .unreadable: try await park(reply, [])
            }
        }
        return (now, losses, beats, jobs)
    }

    // MARK: Waiting

    /// See `JobQueue`.
    public func waitForJobs(in lanes: [Lane]?, atMost limit: Duration) async throws(QueueError) {
        let (pop, time) = try await nextWait(in: lanes, atMost: limit)
        if let pop {
            try await wait(pop, atMost: time)
        } else {
            try? await Task.sleep(for: time)  // cancelled: the caller sees it
        }
    }

    /// The command that waits for the lanes' bells, nil where there are none, and for how long to wait.
    private func nextWait(
        in lanes: [Lane]?, atMost limit: Duration
    ) async throws(QueueError) -> (pop: RedisCommand?, time: Duration) {
        let (now, rest) = try await run(.next, words())
        var times = rest.prefix(2).compactMap { $0.integer.map { Timestamp(milliseconds: $0) } }
        var command = RedisCommand("BLPOP")
        for reply in rest.dropFirst(2) {
            guard let lane = reply.array?.first.flatMap({ RedisLane($0) }), lanes?.contains(lane.policy.lane) != false
            else { continue }
            command.append(prefix + "bell:" + lane.policy.lane.name)
            if let rate = lane.policy.rate, reply.array?.last?.integer == 1 {
                let next = lane.meter.nextStart(rate, now: now)
                if next > now { times.append(next) }
            }
        }
        // A job that could not be started when it came due must not make its workers spin.
        let untilNext = times.min().map { max(.milliseconds(10), $0 - now) } ?? limit
        let wait = max(.milliseconds(1), min(limit, untilNext))
        guard command.wordCount > 1 else { return (nil, wait) }
        // The link ends the wait on time.
        command.append("\(Double(wait.wholeMilliseconds) / 1000 + 1)")
        return (command, wait)
    }

    // MARK: What the holder of a claim may do

    /// See `JobQueue`.
    public func renew(_ claim: Job.Claim, for duration: Duration) async throws(QueueError) {
        try validateLease(duration)
        try await renew(claim, for: duration, nil)
    }

    /// See `JobQueue`.
    public func report(_ progress: Job.Progress, _ claim: Job.Claim) async throws(QueueError) {
        try await renew(claim, for: nil, progress)
    }

    private func renew(_ claim: Job.Claim, for duration: Duration?, _ progress: Job.Progress?) async throws(QueueError)
    {
        var command = words(claim)
        command.append(duration.map { String($0.wholeMilliseconds) } ?? "")
        command.append(progress == nil ? "0" : "1")
        command.append(progress?.stage ?? "")
        command.append(progress.map { String($0.done) } ?? "")
        command.append(progress.map { String($0.total) } ?? "")
        let rest = try await run(.renew, command).rest
        let attempt = Int(clamping: rest.dropFirst().first?.integer ?? 1)
        func limit(_ index: Int) -> Duration { .milliseconds(rest.dropFirst(index).first?.integer ?? 0) }
        switch rest.first?.text {
        case "ok": return
        case "lost": throw .leaseLost(claim.job)
        case "total": throw .outOfTime(claim.job, .timeLimit(.total(limit(2)), attempt: attempt))
        case "idle": throw .outOfTime(claim.job, .timeLimit(.idle(limit(3)), attempt: attempt))
        default: throw .unexpected("renew")
        }
    }

    /// See `JobQueue`.
    public func complete(_ claim: Job.Claim, result: Job.Result) async throws(QueueError) {
        let answer = try await completions.call((claim, result)) { await self.complete($0) }
        guard answer != "ok" else { return }
        var command = words()
        Self.append(claim, result, to: &command)
        // Lost, or nobody knows: what has become of the job tells.
        try await end(.complete, command, claim, mayBeDone: answer == nil) { $0.state == .succeeded(result) }
    }

    /// Ends jobs as succeeded; `ok` or `lost` of each, or nil for all when the answer was lost.
    func complete(_ ends: [(claim: Job.Claim, result: Job.Result)]) async -> [Result<String?, QueueError>] {
        var command = words()
        for (claim, result) in ends { Self.append(claim, result, to: &command) }
        do throws(QueueError) {
            guard let rest = try await runOrLose(.complete, command, .once)?.rest else {
                return ends.map { _ in .success(nil) }
            }
            guard rest.count == ends.count else { throw .unexpected("complete") }
            return rest.map { .success($0.text ?? "") }
        } catch {
            return ends.map { _ in .failure(error) }
        }
    }

    private static func append(_ claim: Job.Claim, _ result: Job.Result, to command: inout RedisCommand) {
        command.append(claim.job.bytes)
        command.append(claim.epoch)
        command.append(claim.claimID.bytes)
        command.append(result.sha256)
        command.append(result.byteCount)
        command.append(result.fileName)
    }

    /// See `JobQueue`.
    public func release(_ claim: Job.Claim) async throws(QueueError) {
        // Queued again, or another's by now: either way it was given back.
        try await end(.release, words(claim), claim, mayBeDone: false) { $0.state == .queued }
    }

    /// Ends a lease. Where an answer is lost, what has become of the job tells.
    private func end(
        _ script: JobScript, _ command: RedisCommand, _ claim: Job.Claim, mayBeDone: Bool, isDone: (Job.Life) -> Bool
    ) async throws(QueueError) {
        var mayBeDone = mayBeDone
        while true {
            let answer = try await runOrLose(script, command, .once)?.rest.first
            switch answer?.text {
            case "ok": return
            case "lost", nil:
                guard answer == nil || mayBeDone else { throw .leaseLost(claim.job) }
                mayBeDone = true
                let life = try await find(claim.job)?.job.job.life
                // Held still: it was not done, or not yet; doing it again does it once.
                if life?.isHeld(by: claim) == true { continue }
                guard let life, life.epoch == claim.epoch, isDone(life) else { throw .leaseLost(claim.job) }
                return
            default: throw .unexpected(script.rawValue)
            }
        }
    }

    /// See `JobQueue`.
    @discardableResult
    public func fail(_ claim: Job.Claim, _ failure: Job.Failure) async throws(QueueError) -> Job.State {
        var mayBeDone = false
        while true {
            let found: (now: Timestamp, job: RedisJob)?
            do throws(QueueError) { found = try await find(claim.job) } catch .parked { found = nil }
            guard let (now, before) = found else { throw .leaseLost(claim.job) }
            let life = before.job.life
            guard life.isHeld(by: claim) else {
                if mayBeDone, life.epoch == claim.epoch, life.lastFailure == failure { return life.state }
                throw .leaseLost(claim.job)
            }
            let event = life.failedAttempt(failure, at: now, backoff: rules.backoff, random: random)
            guard let after = life.next(on: event, at: now) else { throw .leaseLost(claim.job) }
            let made = try await make([JobChange(before: before, after: after)], at: now)
            if made == [true] { return after.state }
            if made == nil { mayBeDone = true }
        }
    }

    private func words(_ claim: Job.Claim) -> RedisCommand {
        var command = words()
        command.append(claim.job.bytes)
        command.append(claim.epoch)
        command.append(claim.claimID.bytes)
        return command
    }

    // MARK: Workers

    /// See `JobQueue`.
    public func beat(_ worker: WorkerRecord) async throws(QueueError) {
        try worker.validate()
        var command = words()
        command.append(QueueLimits.workerMemory.wholeMilliseconds)
        command.append(worker.name)
        for (name, value) in [
            ("host", worker.host), ("pid", "\(worker.processID)"), ("version", worker.version),
            ("draining", worker.isDraining ? "1" : "0"),
        ] {
            command.append(name)
            command.append(value)
        }
        if let lanes = worker.lanes {
            command.append("lanes")
            command.append(lanes.map(\.name).joined(separator: ","))
        }
        _ = try await run(.beat, command)
    }

    /// See `JobQueue`.
    public func leave(_ worker: String) async throws(QueueError) {
        try validateName("worker", worker)
        var command = words()
        command.append(worker)
        _ = try await run(.leave, command)
    }

    /// See `JobQueue`.
    @discardableResult
    public func forsake(_ worker: String) async throws(QueueError) -> [Job.ID] {
        try await leave(worker)
        return try await endLeases("held", worker)
    }
}

/// What one caller of `claim` wants.
struct ClaimRequest: Sendable {
    let worker: String
    /// `,LANE,LANE,`, or nothing for all.
    let lanes: String
    let milliseconds: Int64
    let limit: Int

    /// Whether both want jobs of the same lanes for as long.
    func canGo(with other: ClaimRequest) -> Bool { lanes == other.lanes && milliseconds == other.milliseconds }
}
