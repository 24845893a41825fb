import BuildWorker
import Configuration
import JSON
import QueueModel
import System
import Terminal

extension Command {
    static let work = Command(
        syntax: CommandSyntax(
            "work", summary: "Build what waits in the queue, until stopped",
            discussion: """
                SIGTERM or Ctrl-C lets the current job finish (at most farm.drain_seconds) and ends; a second one gives the
                job back at once. Any number of workers may run.
                With --workers N this is a parent of N processes: when one dies, its job goes to another at once.
                With --json: one event a line.
                """,
            options: [
                .init("workers", "N", help: "a parent with N worker processes (default: work in this process)"),
                .init("lanes", "A,B", help: "only jobs of these lanes (default: all)"),
                .init("drain", help: "end when no job of its lanes is queued, running, or due within a lease length"),
                .init("child", "NAME", help: "be the worker of this name under a parent, and end with it"),
                .json,
            ])
    ) { invocation, console in
        let count = try invocation.number("workers", in: 1...200).map { Int($0) }
        let farm = try await Farm.open(invocation)
        let lanes = try await lanes(invocation, of: farm)
        let log = WorkerLog(console: console, isJSON: invocation.has("json"))
        let stop = Worker.Stop()
        let isChild = invocation.value("child") != nil
        let signals = Signals([.terminate, .interrupt])
        let listener = Task {
            for await signal in signals.arrivals {
                // A parent says so by SIGINT, however many SIGTERMs others have sent.
                let isFromParent = isChild && signal == .interrupt
                if isFromParent || (!isChild && stop.gently.isRequested) { stop.atOnce.request() }
                stop.gently.request()
            }
        }
        defer { listener.cancel() }
        if !isChild {
            for reason in farm.degradations { console.note("durability: degraded; \(reason)") }
        }
        let settling = isChild ? nil : settleOutbox(of: farm, log)
        defer { settling?.cancel() }
        if let count {
            let variable = "PKGMILL_FARM_REDIS_PASSWORD"
            guard CurrentProcess.environment(variable) == nil else { throw FarmError.secretInEnvironment(variable) }
            await supervise(count, farm: farm, invocation, log: log, stop: stop)
        } else {
            let parent = invocation.value("child")
            if parent != nil { endWithParent(stop) }
            let worker = try await farm.worker(name: parent ?? Farm.workerName(), lanes: lanes) { log.tell($0) }
            try await worker.run(draining: invocation.has("drain"), stop: stop)
        }
        return .success
    }

    /// Sends what this machine has submitted again, soon after a Redis has forgotten it; nil where none may.
    static func settleOutbox(of farm: Farm, _ log: WorkerLog) -> Task<Void, Never>? {
        guard farm.shared?.hasOutbox == true else { return nil }
        return Task {
            while !Task.isCancelled {
                do { try await Task.sleep(for: .seconds(2)) } catch { return }  // cancelled
                for remark in await farm.settleOutbox() { log.tell(WorkerEvent.trouble(remark)) }
            }
        }
    }

    /// The lanes that `--lanes` names; nil for all.
    private static func lanes(_ invocation: Invocation, of farm: Farm) async throws -> [Lane]? {
        guard let text = invocation.value("lanes") else { return nil }
        let known = try await farm.queue.lanes().map(\.policy.lane)
        // Empty names count: a worker of no lane at all would wait for ever.
        return try text.utf8.split(separator: 0x2C, omittingEmptySubsequences: false).map { name in
            guard let lane = Lane(String(decoding: Array(name), as: UTF8.self)) else {
                throw UsageError.badValue(option: "lanes", value: text, expected: "names of lanes with commas between")
            }
            guard known.contains(lane) else { throw QueueError.noSuchLane(lane, known: known) }
            return lane
        }
    }

    static func supervise(
        _ count: Int, farm: Farm, _ invocation: Invocation, log: WorkerLog, stop: Worker.Stop
    ) async {
        var words = ["work", "--config", farm.configuration.path]
        for flag in ["drain", "json"] where invocation.has(flag) { words.append("--\(flag)") }
        if let lanes = invocation.value("lanes") { words += ["--lanes", lanes] }
        // What the configuration got by environment is the children's, too, but for secrets, which they need not have.
        let secret = FarmConfiguration.secretVariables.map { Array("\($0)=".utf8) }
        let environment = CurrentProcess.environmentEntries.filter { entry in
            !secret.contains { entry.utf8.starts(with: $0) }
        }
        let supervisor = Supervisor(
            count: count, isDraining: invocation.has("drain"),
            drainLimit: .seconds(farm.configuration.farm.drainSeconds), queue: farm.queue,
            newName: Farm.workerName,
            start: { [words] name in
                try ChildProcess.start(
                    CurrentProcess.executablePath, words + ["--child", name], environment: environment)
            },
            report: { log.tell($0) })
        await supervisor.run(stop: stop)
    }

    /// A parent holds the other end of our standard input: its end is the parent's, however it went.
    private static func endWithParent(_ stop: Worker.Stop) {
        BlockingExecutor("parent").run {
            // Nothing is ever written there, and an error means the end as well.
            _ = try? StandardStream.input.readAll(limit: 1 << 20)
            stop.gently.request()
        }
    }
}

/// What workers and their parent say, as log lines.
struct WorkerLog: Sendable {
    let console: Console
    let isJSON: Bool

    func tell(_ event: WorkerEvent) {
        write(Self.text(event), Self.json(event, at: Timestamp.systemClock()))
    }

    func tell(_ event: SupervisorEvent) {
        write(Self.text(event), Self.json(event, at: Timestamp.systemClock()))
    }

    private func write(_ text: String, _ json: JSONValue) {
        if isJSON {
            console.print(json)
        } else {
            StandardStream.error.write("\(Timestamp.systemClock()) \(text)\n")
        }
    }

    private static func text(_ event: WorkerEvent) -> String {
        switch event {
        case .started(let worker): "worker \(worker) started"
        case .claimed(let id, let attempt): "job \(id) claimed, attempt \(attempt)"
        case .began(let stage, let id): "job \(id) \(stage.rawValue)"
        case .stored(let id, let sha256): "job \(id) stored \(sha256)"
        case .succeeded(let id, let result):
            "job \(id) succeeded: \(result.fileName), \(Printable.byteCount(result.byteCount))"
        case .failed(let id, let failure, let isFinal):
            "job \(id) \(isFinal ? "failed" : "will be tried again"): \(Printable.text(failure.message, limit: 2000)) [\(failure.code)]"
        case .released(let id): "job \(id) given back"
        case .lost(let id): "job \(id) is no longer this worker's; nothing was published"
        case .trouble(let detail): "trouble: \(Printable.text(detail, limit: 2000))"
        case .stopped(let worker): "worker \(worker) stopped"
        }
    }

    private static func text(_ event: SupervisorEvent) -> String {
        switch event {
        case .started(let worker, let process): "worker \(worker) has process \(process)"
        case .ended(let worker): "worker \(worker) ended"
        case .died(let worker, let exit, let jobs):
            "worker \(worker) \(exit)"
                + (jobs.isEmpty ? "" : "; handed on: \(jobs.map(\.description).joined(separator: ", "))")
        case .trouble(let detail): "trouble: \(Printable.text(detail, limit: 2000))"
        }
    }

    private static func json(_ event: WorkerEvent, at time: Timestamp) -> JSONValue {
        switch event {
        case .started(let worker): return line(time, "started", .init("worker", .string(worker)))
        case .claimed(let id, let attempt):
            return line(
                time, "claimed", .init("job", .string(id.description)), .init("attempt", .integer(Int64(attempt))))
        case .began(let stage, let id):
            return line(
                time, "began", .init("job", .string(id.description)), .init("stage", .string(stage.rawValue)))
        case .stored(let id, let sha256):
            return line(time, "stored", .init("job", .string(id.description)), .init("sha256", .string(sha256)))
        case .succeeded(let id, let result):
            return line(
                time, "succeeded", .init("job", .string(id.description)), .init("sha256", .string(result.sha256)),
                .init("size", .integer(result.byteCount)), .init("fileName", .string(result.fileName)))
        case .failed(let id, let failure, let isFinal):
            return line(
                time, "failed", .init("job", .string(id.description)), .init("code", .string(failure.code)),
                .init("message", .string(failure.message)), .init("final", .bool(isFinal)))
        case .released(let id): return line(time, "released", .init("job", .string(id.description)))
        case .lost(let id): return line(time, "lost", .init("job", .string(id.description)))
        case .trouble(let detail): return line(time, "trouble", .init("message", .string(detail)))
        case .stopped(let worker): return line(time, "stopped", .init("worker", .string(worker)))
        }
    }

    private static func json(_ event: SupervisorEvent, at time: Timestamp) -> JSONValue {
        switch event {
        case .started(let worker, let process):
            line(time, "process-started", .init("worker", .string(worker)), .init("process", .integer(Int64(process))))
        case .ended(let worker): line(time, "process-ended", .init("worker", .string(worker)))
        case .died(let worker, let exit, let jobs):
            line(
                time, "process-died", .init("worker", .string(worker)), .init("how", .string(exit.description)),
                .init("jobs", .array(jobs.map { .string($0.description) })))
        case .trouble(let detail): line(time, "trouble", .init("message", .string(detail)))
        }
    }

    private static func line(_ time: Timestamp, _ name: String, _ members: JSONValue.Member...) -> JSONValue {
        .object([.init("time", .string(time.description)), .init("event", .string(name))] + members)
    }
}
