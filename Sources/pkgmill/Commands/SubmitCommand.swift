import Enqueuer
import JSON
import QueueModel
import System
import Terminal

extension Command {
    static let submit = Command(
        syntax: CommandSyntax(
            "submit", summary: "Ask for an installer; prints the job's id",
            discussion: """
                The request is on the disk when the id is printed. A worker ('pkgmill work') builds it.
                With 'plain' sealing anyone who has the package can read the cluster's secrets in it.
                """,
            options: [
                .init("node-name", "NAME", help: "the node's host name (default: the Mac's own)"),
                .init("package-name", "NAME.pkg", help: "the file's name (default: FleetServerClusterNode.pkg)"),
                .init("sealing", "HOW", help: "how secrets travel in the package: plain (readable in it)"),
                .init("label", "KEY=VALUE", help: "for finding the job again", isRepeatable: true),
                .init("lane", "LANE", help: "the lane to wait in (default: interactive)"),
                .init("after", "DURATION", help: "not to be built before that time has passed: 90s, 30m, 1h, 7d"),
                .init("unique", help: "while an equal order waits or is built, answer with that one"),
                .init("idempotency-key", "KEY", help: "the same key again is answered with the same job"),
                .init("wait", help: "wait for the job's end and show its progress"),
                .init("output", "FILE", help: "with --wait: fetch the package to FILE"),
                .init("force", help: "with --output: replace FILE"),
                .json,
            ])
    ) { invocation, console in
        if invocation.value("output") != nil, !invocation.has("wait") {
            throw UsageError.badValue(
                option: "output", value: invocation.value("output") ?? "", expected: "--wait beside it")
        }
        let farm = try await Farm.open(invocation)
        let order = InstallerOrder(
            nodeName: invocation.value("node-name"), packageName: invocation.value("package-name"),
            sealing: invocation.value("sealing"), labels: invocation.all("label"), lane: invocation.value("lane"),
            idempotencyKey: invocation.value("idempotency-key"), isUnique: invocation.has("unique"),
            notBefore: try invocation.value("after").map { Timestamp.systemClock() + (try duration($0, of: "after")) },
            requestedBy: "cli:\(CurrentProcess.userName)")
        let receipt = try await farm.submitter.submit(order)
        for note in receipt.notes { console.note(note) }
        for reason in farm.degradations { console.note("durability: degraded; \(reason)") }
        guard invocation.has("wait") else {
            console.print(invocation.has("json") ? document(receipt.job, farm).text() : receipt.job.id.description)
            return .success
        }
        if !invocation.has("json") { console.print(receipt.job.id.description) }
        let job = try await follow(receipt.job.id, farm: farm, console: console)
        if invocation.has("json") { console.print(document(job, farm)) }
        guard let result = job.result else {
            console.note(JobText.outcome(job, palette: console.errorPalette))
            return .unsuccessful
        }
        if let path = invocation.value("output") {
            try await deliver(result, to: path, replacing: invocation.has("force"), farm: farm, console: console)
        } else {
            console.note(JobText.outcome(job, palette: console.errorPalette))
        }
        return .success
    }

    /// The job, and whether the farm may lose it.
    private static func document(_ job: Job, _ farm: Farm) -> JSONValue {
        guard !farm.degradations.isEmpty, case .object(let members) = JobDocument.json(job) else {
            return JobDocument.json(job)
        }
        return .object(members + [.init("durability", "degraded")])
    }

    /// Waits for a job's end, drawing its progress where a person looks.
    static func follow(_ id: Job.ID, farm: Farm, console: Console) async throws -> Job {
        var line = ProgressLine()
        let job = try await farm.watcher.watch(id) { job in
            let label = job.life.progress.map(\.stage) ?? job.state.name.rawValue
            line.show(label, done: job.life.progress?.done ?? 0, total: job.life.progress?.total ?? 0)
        }
        line.clear()
        return job
    }
}
