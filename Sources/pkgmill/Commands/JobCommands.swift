import Enqueuer
import JSON
import QueueModel
import System
import Terminal

extension Command {
    static let status = Command(
        syntax: CommandSyntax(
            "status", summary: "Show a job: its state, progress, why it waits, its artifact",
            operands: [.init("JOB-ID")], options: [.json])
    ) { invocation, console in
        let farm = try await Farm.open(invocation)
        show(try await job(invocation, in: farm), invocation, console)
        return .success
    }

    static let watch = Command(
        syntax: CommandSyntax(
            "watch", summary: "Follow a job to its end",
            discussion: "With --json: one document a line at each change.", operands: [.init("JOB-ID")],
            options: [.json])
    ) { invocation, console in
        let farm = try await Farm.open(invocation)
        let id = try await job(invocation, in: farm).id
        let last: Job
        if invocation.has("json") {
            last = try await farm.watcher.watch(id) { console.print(JobDocument.json($0)) }
        } else {
            last = try await follow(id, farm: farm, console: console)
            console.print(JobText.outcome(last, palette: console.palette))
        }
        return last.result == nil ? .unsuccessful : .success
    }

    static let cancel = Command(
        syntax: CommandSyntax(
            "cancel", summary: "Cancel a job that waits or runs", operands: [.init("JOB-ID")], options: [.json])
    ) { invocation, console in
        let farm = try await Farm.open(invocation)
        show(try await farm.queue.cancel(jobID(invocation)), invocation, console)
        return .success
    }

    static let retry = Command(
        syntax: CommandSyntax(
            "retry", summary: "Run a failed or cancelled job again, as a new job with the same pins; prints its id",
            operands: [.init("JOB-ID")], options: [.json])
    ) { invocation, console in
        let farm = try await Farm.open(invocation)
        let new = Job.ID(at: Timestamp.systemClock(), random: .system)
        let job = try await farm.queue.retry(jobID(invocation), as: new)
        console.print(invocation.has("json") ? JobDocument.json(job).text() : job.id.description)
        return .success
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
            ])
    ) { invocation, console in
        let limit = try invocation.value("limit").map { text in
            guard let number = Int(text), (1...1000).contains(number) else {
                throw UsageError.badValue(option: "limit", value: text, expected: "a number from 1 to 1000")
            }
            return number
        }
        let farm = try await Farm.open(invocation)
        let lane = try invocation.value("lane").map { name in
            guard let lane = Lane(name) else { throw OrderError.badLane(name) }
            return lane
        }
        let filter = JobFilter(
            state: invocation.value("state").flatMap { Job.State.Name(rawValue: $0) }, lane: lane)
        let cursor = try invocation.value("cursor").map { text throws(QueueError) in try JobCursor(text) }
        let page = try await farm.queue.list(filter, after: cursor, limit: limit ?? 50)
        for job in page.jobs {
            if invocation.has("json") {
                console.print(JobDocument.json(job))
            } else {
                console.print(JobText.line(job, palette: console.palette))
            }
        }
        for parked in page.parked {
            if invocation.has("json") {
                console.print(JobDocument.json(parked))
            } else {
                console.warn("parked: \(parked.id?.description ?? "a row") at \(parked.place): \(parked.reason)")
            }
        }
        if let cursor = page.next { console.note("there are more: --cursor \(cursor)") }
        return .success
    }

    static func jobID(_ invocation: Invocation) throws -> Job.ID {
        let text = invocation.operand(0) ?? ""
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

    private static func show(_ job: Job, _ invocation: Invocation, _ console: Console) {
        if invocation.has("json") {
            console.print(JobDocument.json(job))
        } else {
            console.print(JobText.page(job, palette: console.palette))
        }
    }
}
