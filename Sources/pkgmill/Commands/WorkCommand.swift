import BuildWorker
import JSON
import QueueModel
import System
import Terminal

extension Command {
    static let work = Command(
        syntax: CommandSyntax(
            "work", summary: "Build what waits in the queue, until stopped",
            discussion: """
                SIGTERM or Ctrl-C lets the current job finish (at most 30 s) and ends; any number of workers may run.
                With --json: one event a line.
                """,
            options: [
                .init("drain", help: "end when no job is queued, running, or due within one lease length"),
                .json,
            ])
    ) { invocation, console in
        let farm = try await Farm.open(invocation)
        let isJSON = invocation.has("json")
        let worker = try await farm.worker { event in
            if isJSON {
                console.print(WorkerLog.json(event, at: Timestamp.systemClock()))
            } else {
                StandardStream.error.write("\(Timestamp.systemClock()) \(WorkerLog.text(event))\n")
            }
        }
        let stop = StopRequest()
        let signals = Signals([.terminate, .interrupt])
        let listener = Task { for await _ in signals.arrivals { stop.request() } }
        defer { listener.cancel() }
        try await worker.run(draining: invocation.has("drain"), stop: stop)
        return .success
    }
}

/// A worker's events as log lines.
enum WorkerLog {
    static func text(_ event: WorkerEvent) -> String {
        switch event {
        case .started(let worker): "worker \(worker) started"
        case .claimed(let id, let attempt): "job \(id) claimed, attempt \(attempt)"
        case .began(let stage, let id): "job \(id) \(stage.rawValue)"
        case .stored(let id, let sha256): "job \(id) stored \(sha256)"
        case .succeeded(let id, let result): "job \(id) succeeded: \(result.fileName), \(byteText(result.byteCount))"
        case .failed(let id, let failure, let isFinal):
            "job \(id) \(isFinal ? "failed" : "will be tried again"): \(Printable.text(failure.message, limit: 2000)) [\(failure.code)]"
        case .lost(let id): "job \(id) is no longer this worker's; nothing was published"
        case .trouble(let detail): "trouble: \(Printable.text(detail, limit: 2000))"
        case .stopped(let worker): "worker \(worker) stopped"
        }
    }

    static func json(_ event: WorkerEvent, at time: Timestamp) -> JSONValue {
        func line(_ name: String, _ members: JSONValue.Member...) -> JSONValue {
            .object([.init("time", .string(time.description)), .init("event", .string(name))] + members)
        }
        switch event {
        case .started(let worker): return line("started", .init("worker", .string(worker)))
        case .claimed(let id, let attempt):
            return line("claimed", .init("job", .string(id.description)), .init("attempt", .integer(Int64(attempt))))
        case .began(let stage, let id):
            return line("began", .init("job", .string(id.description)), .init("stage", .string(stage.rawValue)))
        case .stored(let id, let sha256):
            return line("stored", .init("job", .string(id.description)), .init("sha256", .string(sha256)))
        case .succeeded(let id, let result):
            return line(
                "succeeded", .init("job", .string(id.description)), .init("sha256", .string(result.sha256)),
                .init("size", .integer(result.byteCount)), .init("fileName", .string(result.fileName)))
        case .failed(let id, let failure, let isFinal):
            return line(
                "failed", .init("job", .string(id.description)), .init("code", .string(failure.code)),
                .init("message", .string(failure.message)), .init("final", .bool(isFinal)))
        case .lost(let id): return line("lost", .init("job", .string(id.description)))
        case .trouble(let detail): return line("trouble", .init("message", .string(detail)))
        case .stopped(let worker): return line("stopped", .init("worker", .string(worker)))
        }
    }
}
