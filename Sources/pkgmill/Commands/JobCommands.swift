import Enqueuer
import JSON
import QueueModel
import System
import Terminal

extension Command {
    static let status = Command(
        syntax: CommandSyntax(
            "status", summary: "Show a job: its state, progress, why it waits, its artifact",
            operands: [.init("JOB-ID")], options: [.json] + remoteOptions)
    ) { invocation, console in
        if let remote = try Remote(invocation) {
            show(try await remote.status(jobID(invocation)), invocation, console)
            return .success
        }
        let farm = try await Farm.open(invocation)
        let job = try await job(invocation, in: farm)
        show(JobDocument.json(job, try await farm.queue.standing(of: job.id)), invocation, console)
        return .success
    }

    static let watch = Command(
        syntax: CommandSyntax(
            "watch", summary: "Follow a job to its end",
            discussion: "With --json: one document a line at each change.", operands: [.init("JOB-ID")],
            options: [.json] + remoteOptions)
    ) { invocation, console in
        let id = try jobID(invocation)
        let source = try await jobSource(invocation)
        let last: JSONValue
        if invocation.has("json") {
            last = try await source.watch(id) { console.print($0) }
        } else {
            last = try await follow(id, source, console)
            console.print(JobText.outcome(last, palette: console.palette))
        }
        return last["state"] == "succeeded" ? .success : .unsuccessful
    }

    static let cancel = Command(
        syntax: CommandSyntax(
            "cancel", summary: "Cancel jobs that wait or run",
            discussion: "A worker that has one stops within a second and removes what it has built.",
            operands: [.init("JOB-ID", isRepeatable: true)], options: [.json] + remoteOptions)
    ) { invocation, console in
        let ids = try invocation.operands.map(jobID)
        if let remote = try Remote(invocation) {
            return await forEach(ids, console) { id in show(try await remote.cancel(id), invocation, console) }
        }
        let farm = try await Farm.open(invocation)
        return await forEach(ids, console) { id in
            show(JobDocument.json(try await farm.queue.cancel(id)), invocation, console)
        }
    }

    static let retry = Command(
        syntax: CommandSyntax(
            "retry", summary: "Run failed or cancelled jobs again, as new jobs with the same pins; prints their ids",
            operands: [.init("JOB-ID", isOptional: true, isRepeatable: true)],
            options: [
                .init("failed", help: "all failed jobs that were not retried yet"),
                .init("lane", "LANE", help: "with --failed: only those of this lane"), .json,
            ] + remoteOptions)
    ) { invocation, console in
        let ids = try invocation.operands.map(jobID)
        guard ids.isEmpty == invocation.has("failed") else {
            throw UsageError.missingOperand("JOB-ID, or --failed without one", command: "retry")
        }
        func tell(_ job: JSONValue) {
            console.print(invocation.has("json") ? job.text() : job["id"]?.string ?? "")
        }
        if let remote = try Remote(invocation) {
            guard !invocation.has("failed") else {
                throw UsageError.badValue(option: "failed", value: "", expected: "ids where there is --server")
            }
            return await forEach(ids, console) { tell(try await remote.retry($0)) }
        }
        let farm = try await Farm.open(invocation)
        guard invocation.has("failed") else {
            return await forEach(ids, console) { id in
                let new = Job.ID(at: Timestamp.systemClock(), random: .system)
                tell(JobDocument.json(try await farm.queue.retry(id, as: new)))
            }
        }
        let lane = try lane(invocation)
        // Up to now: a retry that fails while this goes on is not retried again.
        let time = Timestamp.systemClock()
        while true {
            let retried = try await farm.queue.retryFailed(of: lane, failedBy: time, limit: 500)
            if retried.isEmpty { return .success }
            for job in retried { tell(JobDocument.json(job)) }
        }
    }

    static let list = Command(
        syntax: CommandSyntax(
            "list", summary: "List jobs, newest first",
            discussion:
                "With --json: one job a line. 50 jobs unless --limit says otherwise; --cursor goes on from there.",
            options: [
                .init(
                    "state", "STATE", help: "only jobs in this state", choices: Job.State.Name.allCases.map(\.rawValue)),
                .init("lane", "LANE", help: "only jobs of this lane"),
                .init("limit", "N", help: "at most N jobs, 1 to 1000"),
                .init("cursor", "CURSOR", help: "go on where the last list ended"),
                .json,
            ] + remoteOptions)
    ) { invocation, console in
        let limit = try invocation.number("limit", in: 1...1000).map { Int($0) }
        func tell(_ job: JSONValue) {
            if invocation.has("json") {
                console.print(job)
            } else if job["state"] == "parked" {
                let place = "\(job["id"]?.string ?? "a row") at \(job["place"]?.string ?? "")"
                console.warn("parked: \(place): \(job["error"]?["message"]?.string ?? "")")
            } else {
                console.print(JobText.line(job, palette: console.palette))
            }
        }
        if let remote = try Remote(invocation) {
            let page = try await remote.list(
                state: invocation.value("state"), lane: try lane(invocation), limit: limit ?? 50,
                cursor: invocation.value("cursor"))
            for job in page.jobs { tell(job) }
            if let cursor = page.next { console.note("there are more: --cursor \(cursor)") }
            return .success
        }
        let farm = try await Farm.open(invocation)
        let lane = try lane(invocation)
        let filter = JobFilter(
            state: invocation.value("state").flatMap { Job.State.Name(rawValue: $0) }, lane: lane)
        let cursor = try invocation.value("cursor").map { text throws(QueueError) in try JobCursor(text) }
        let page = try await farm.queue.list(filter, after: cursor, limit: limit ?? 50)
        for job in page.jobs {
            let standing = job.state.name.isFinal ? nil : try await farm.queue.standing(of: job.id)
            tell(JobDocument.json(job, standing))
        }
        for parked in page.parked { tell(JobDocument.json(parked)) }
        if let cursor = page.next { console.note("there are more: --cursor \(cursor)") }
        return .success
    }

    static func jobID(_ invocation: Invocation) throws -> Job.ID { try jobID(invocation.operand(0) ?? "") }

    /// The lane that `--lane` names, if any.
    static func lane(_ invocation: Invocation) throws -> Lane? {
        guard let name = invocation.value("lane") else { return nil }
        guard let lane = Lane(name) else { throw OrderError.badLane(name) }
        return lane
    }

    /// Does the same with each job and goes on where it cannot be done; the code is that of the first error.
    private static func forEach(_ ids: [Job.ID], _ console: Console, _ body: (Job.ID) async throws -> Void) async
        -> ExitCode
    {
        var code = ExitCode.success
        for id in ids {
            do { try await body(id) } catch {
                console.fail(error)
                if code == .success { code = ExitCode(for: error) }
            }
        }
        return code
    }

    private static func jobID(_ text: String) throws -> Job.ID {
        guard let id = Job.ID(text) else {
            throw QueueError.invalid(field: "job id", value: text, expected: "an id as submit printed it")
        }
        return id
    }

    private static func job(_ invocation: Invocation, in farm: Farm) async throws -> Job {
        let id = try jobID(invocation)
        guard let job = try await farm.queue.status(of: id) else { throw QueueError.notFound(id) }
        return job
    }

    private static func show(_ job: JSONValue, _ invocation: Invocation, _ console: Console) {
        console.print(invocation.has("json") ? job.text() : JobText.page(job, palette: console.palette))
    }
}
