public import Access
public import JSON
public import QueueModel
import System

/// Lanes, workers, events and lines of the audit log as clients see them: the same members in every answer of the command line and the API.
public enum FarmDocument {
    /// A lane as it stands.
    public static func json(_ lane: LaneStatus) -> JSONValue {
        [
            "lane": .string(lane.policy.lane.name), "weight": .integer(Int64(lane.policy.weight)),
            "concurrency": JSONValue(lane.policy.concurrency.map { Int64($0) }),
            "rate": lane.policy.rate.map {
                ["count": .integer(Int64($0.count)), "seconds": .integer($0.period.components.seconds)]
            } ?? .null,
            "configured": .bool(lane.isConfigured), "queued": .integer(Int64(lane.queued)),
            "scheduled": .integer(Int64(lane.scheduled)), "running": .integer(Int64(lane.running)),
            "failedNotRetried": .integer(Int64(lane.failed)),
            "oldest": lane.oldest.map {
                ["id": .string($0.id.description), "created": .string($0.created.description)]
            } ?? .null,
            "holds": .array(
                lane.holds.map {
                    [
                        "kind": .string($0.kind.rawValue), "lane": JSONValue($0.lane?.name), "by": .string($0.by),
                        "reason": .string($0.reason), "since": .string($0.since.description),
                    ]
                }),
        ]
    }

    /// A worker.
    public static func json(_ worker: WorkerStatus) -> JSONValue {
        [
            "name": .string(worker.record.name), "host": .string(worker.record.host),
            "process": .integer(Int64(worker.record.processID)), "version": .string(worker.record.version),
            "lanes": worker.record.lanes.map { .array($0.map { .string($0.name) }) } ?? .null,
            "alive": .bool(worker.isAlive), "draining": .bool(worker.record.isDraining),
            "started": .string(worker.started.description), "lastBeat": .string(worker.lastBeat.description),
            "jobs": .array(worker.jobs.map { .string($0.description) }),
        ]
    }

    /// An event.
    public static func json(_ event: QueueEvent) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("sequence", .integer(event.sequence)), .init("time", .string(event.time.description)),
        ]
        switch event.change {
        case .state(let id, let state, let attempt):
            members += [
                .init("event", .string("state")), .init("job", .string(id.description)),
                .init("state", .string(state.rawValue)), .init("attempt", .integer(Int64(attempt))),
            ]
        case .progress(let id, let progress):
            members += [
                .init("event", .string("progress")), .init("job", .string(id.description)),
                .init("stage", .string(progress.stage)), .init("done", .integer(progress.done)),
                .init("total", .integer(progress.total)),
            ]
        case .batchFinished(let id):
            members += [.init("event", .string("batch-finished")), .init("batch", .string(id.description))]
        case .held(let kind, let lane, let by, let reason):
            members += [
                .init("event", .string(kind.rawValue)), .init("lane", JSONValue(lane?.name)), .init("by", .string(by)),
                .init("reason", .string(reason)),
            ]
        case .resumed(let lane, let by):
            members += [
                .init("event", .string("resumed")), .init("lane", JSONValue(lane?.name)), .init("by", .string(by)),
            ]
        }
        return .object(members)
    }

    /// A line of the audit log.
    public static func json(_ line: AuditLog.Line) -> JSONValue {
        [
            "number": .integer(line.number), "time": .string(line.time.description), "actor": JSONValue(line.actor),
            "action": .string(line.action), "subject": JSONValue(line.subject), "address": JSONValue(line.address),
            "details": line.details,
        ]
    }

    /// What an event is called.
    static func name(_ change: QueueEvent.Change) -> String {
        switch change {
        case .state: "state"
        case .progress: "progress"
        case .batchFinished: "batch-finished"
        case .held(let kind, _, _, _): kind.rawValue
        case .resumed: "resumed"
        }
    }
}
