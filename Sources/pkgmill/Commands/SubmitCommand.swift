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
            ] + remoteOptions)
    ) { invocation, console in
        if invocation.value("output") != nil, !invocation.has("wait") {
            throw UsageError.badValue(
                option: "output", value: invocation.value("output") ?? "", expected: "--wait beside it")
        }
        let order = InstallerOrder(
            nodeName: invocation.value("node-name"), packageName: invocation.value("package-name"),
            sealing: invocation.value("sealing"), labels: invocation.all("label"), lane: invocation.value("lane"),
            idempotencyKey: invocation.value("idempotency-key"), isUnique: invocation.has("unique"),
            notBefore: try invocation.value("after").map { Timestamp.systemClock() + (try duration($0, of: "after")) },
            requestedBy: "cli:\(CurrentProcess.userName)")
        let source = try await jobSource(invocation)
        let (submitted, notes) = try await source.submit(order)
        for note in notes { console.note(note) }
        guard let id = submitted["id"]?.string.flatMap({ Job.ID($0) }) else { throw RemoteError.notUnderstood }
        guard invocation.has("wait") else {
            console.print(invocation.has("json") ? submitted.text() : id.description)
            return .success
        }
        if !invocation.has("json") { console.print(id.description) }
        var job = try await follow(id, source, console)
        // Whether the farm may lose it was said with the answer to the order.
        if let durability = submitted["durability"], let members = job.members {
            job = .object(members + [.init("durability", durability)])
        }
        if invocation.has("json") { console.print(job) }
        if job["state"] == "succeeded", let path = invocation.value("output") {
            let content = try await source.fetch(id, to: path, replacing: invocation.has("force"))
            console.note(deliveryText(content, path))
        } else {
            console.note(JobText.outcome(job, palette: console.errorPalette))
        }
        return job["state"] == "succeeded" ? .success : .unsuccessful
    }

    /// Waits for a job's end, drawing its progress where a person looks.
    static func follow(_ id: Job.ID, _ source: any JobSource, _ console: Console) async throws -> JSONValue {
        var line = ProgressLine()
        let job = try await source.watch(id) { job in
            let label = job["progress"]?["stage"]?.string ?? job["state"]?.string ?? ""
            let (done, total) = JobText.progress(job)
            line.show(Printable.text(label), done: done, total: total)
        }
        line.clear()
        return job
    }
}
