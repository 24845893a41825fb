public import RedisLink
import Synchronization
public import System

/// The queue in a Redis that the servers and workers of a farm share.
///
/// Each transition is one script (`JobScript`), so that every other client sees it done or not at all. What must decide by
/// more than a script can see well (the end of a lost lease, a failed attempt, a cancellation) is decided here by the same
/// functions as in every store, and made by a script only if the job still is what it was.
///
/// What an answer is worth depends on how the server keeps what it has: see `docs/queue.md`.
public final class RedisJobQueue: JobQueue {
    let link: RedisLink
    let prefix: String
    let rules: QueueRules
    let random: RandomSource
    /// Stands for the server's clock; nil outside tests.
    let clock: (@Sendable () -> Timestamp)?
    /// What was answered lately, where the server may forget it.
    let outbox: SubmissionOutbox?
    let memory = Mutex(Memory())
    /// What several callers claim at the same time goes together.
    let claims = Gatherer<ClaimRequest, [Job], QueueError>(limit: 32, unanswered: .unexpected("too few answers"))
    /// What ends at the same time is told to the server together.
    let completions = Gatherer<(claim: Job.Claim, result: Job.Result), String?, QueueError>(
        limit: 64, unanswered: .unexpected("too few answers"))

    /// What is put into the outbox at the same time is synced together.
    let keeping = Gatherer<[(SubmissionOutbox.Entry, String)], Bool, QueueError>(
        limit: 1000, unanswered: .unexpected("too few answers"))

    /// What a handle remembers from call to call.
    struct Memory {
        /// The latest time that was told since a claim has seen to leases of the future.
        var latest: Timestamp?
        /// When a claim found no lease that had run out.
        var lookedAt: Timestamp?
        /// Claim ids that were made and not needed.
        var claimIDs: [[UInt8]] = []
        /// When to look next whether the server has room, in nanoseconds of the monotonic clock.
        var nextLookAtRoom: UInt64 = 0
        /// Where retention goes on.
        var prunePlace = PrunePlace()
    }

    /// Opens the queue of `farm`, making what is missing; a new one has the standard lanes.
    ///
    /// - Parameters:
    ///   - farm: the name of the farm, `[a-z0-9-]`, under which all its keys are.
    ///   - outbox: keeps what was answered until the server has it on its disk; nil for one that has it by then.
    ///   - clock: stands for the server's clock in tests.
    /// - Throws: `.backend` when the server cannot be reached, or a later version has changed the queue.
    public static func open(
        _ link: RedisLink, farm: String, rules: QueueRules = QueueRules(), random: RandomSource = .system,
        outbox: SubmissionOutbox? = nil, clock: (@Sendable () -> Timestamp)? = nil
    ) async throws(QueueError) -> RedisJobQueue {
        let queue = RedisJobQueue(link, farm, rules, random, outbox, clock)
        try await queue.checkFormat()
        try await queue.configure(LanePolicy.standard, ifNone: true)
        return queue
    }

    private init(
        _ link: RedisLink, _ farm: String, _ rules: QueueRules, _ random: RandomSource,
        _ outbox: SubmissionOutbox?, _ clock: (@Sendable () -> Timestamp)?
    ) {
        self.link = link
        self.outbox = outbox
        prefix = "{\(farm)}:"
        self.rules = rules
        self.random = random
        self.clock = clock
    }

    /// What the keys mean; a version that changes it writes another number.
    private static let format = "1"

    private func checkFormat() async throws(QueueError) {
        do throws(RedisError) {
            let key = prefix + "format"
            _ = try await link.send(RedisCommand("SET", key, Self.format, "NX"), .repeatable)
            let found = try await link.send(RedisCommand("GET", key), .repeatable)
            guard found.text == Self.format else {
                throw .unexpected(
                    detail:
                        "\(key) is \(found.text ?? "no text"); a later version of this program may have changed the queue"
                )
            }
        } catch {
            throw QueueError(error)
        }
    }

    // MARK: Scripts

    /// The words that begin a script's arguments: the time and the bound of the events.
    func words(at time: Timestamp? = nil) -> RedisCommand {
        var command = RedisCommand()
        // Scripts count with floating point, exactly up to 2^53: no server's clock is further from 1970.
        let time = (time ?? clock?()).map { min(max($0.milliseconds, -1 << 52), 1 << 52) }
        command.append(time.map { String($0) } ?? "")
        command.append(rules.eventLimit)
        return command
    }

    /// Runs a script; returns the store's time and the rest of the answer.
    func run(
        _ script: JobScript, _ command: RedisCommand, _ effect: RedisLink.Effect = .repeatable
    ) async throws(QueueError) -> (now: Timestamp, rest: ArraySlice<RedisReply>) {
        guard let answer = try await runOrLose(script, command, effect) else {
            throw .backend(detail: "Redis gave no answer to '\(script.rawValue)', and may have done it")
        }
        return answer
    }

    /// The same; nil when the answer was lost, so that whether it was done must be seen.
    func runOrLose(
        _ script: JobScript, _ command: RedisCommand, _ effect: RedisLink.Effect
    ) async throws(QueueError) -> (now: Timestamp, rest: ArraySlice<RedisReply>)? {
        do throws(RedisError) {
            let reply = try await link.run(
                script.script, keys: [prefix], command, effect, isWrite: script.promises)
            guard let parts = reply.array, let now = parts.first?.integer else {
                throw .unexpected(detail: "no time from '\(script.rawValue)'")
            }
            noteTime(Timestamp(milliseconds: now))
            return (Timestamp(milliseconds: now), parts.dropFirst())
        } catch .unanswered where effect == .once {
            return nil
        } catch {
            throw QueueError(error)
        }
    }

    /// What a claim has seen of the leases holds for the millisecond in which it looked, and no longer: the clock may come
    /// back to it, and leases that were renewed meanwhile begin in the future then.
    private func noteTime(_ now: Timestamp) {
        memory.withLock { memory in
            if memory.lookedAt != now { memory.lookedAt = nil }
            memory.latest = memory.latest.map { max($0, now) }
        }
    }

    /// The job of that id; nil when there is none.
    func find(_ id: Job.ID) async throws(QueueError) -> (now: Timestamp, job: RedisJob)? {
        var command = words()
        command.append(id.bytes)
        let (now, rest) = try await run(.job, command)
        guard let reply = rest.first else { throw .unexpected("no job") }
        if reply.array?.dropFirst().first?.array?.isEmpty == true, reply.array?.dropFirst(2).first?.integer != 0 {
            return nil
        }
        switch try RedisJob.read(reply) {
        case .readable(let job): return (now, job)
        case .unreadable(let reason): throw .parked(id, detail: reason)
        }
    }

    /// Makes those changes, each unless the job is no longer what it was, and notes lost leases.
    ///
    /// - Returns: which were made; nil when the answer was lost.
    func make(
        _ changes: [JobChange], losses: [(job: Job.ID, worker: String)] = [], at now: Timestamp
    ) async throws(QueueError) -> [Bool]? {
        if changes.isEmpty { return [] }
        var command = words(at: now)
        command.append(rules.fleetWindow.wholeMilliseconds)
        command.append(losses.count)
        for loss in losses {
            command.append(loss.job.bytes)
            command.append(loss.worker)
        }
        command.append(changes.count)
        for change in changes { change.append(to: &command) }
        return try await runOrLose(.change, command, .once)?.rest.map { $0.integer == 1 }
    }
}
