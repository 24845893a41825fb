public import JSON
import NodeInstaller
public import QueueModel
import System

/// A job as clients see it: the same members in every answer of the command line and the API.
public enum JobDocument {
    /// The document of `job`, and why it waits if it does. Nothing in it is secret, because nothing in a job is.
    public static func json(_ job: Job, _ standing: Standing? = nil) -> JSONValue {
        // Another version's: shown without its names.
        json(job, standing, try? InstallerRequest(canonicalBytes: job.request))
    }

    /// The same for whoever knows what the job's request says.
    static func json(_ job: Job, _ standing: Standing?, _ request: InstallerRequest?) -> JSONValue {
        [
            "id": .string(job.id.description),
            "state": .string(job.state.name.rawValue),
            "lane": .string(job.lane.name),
            "attempt": .integer(Int64(job.attempt)),
            "maxAttempts": .integer(Int64(job.maxAttempts)),
            "progress": progress(job),
            "waitingReason": JSONValue(standing?.text),
            "place": JSONValue(standing?.place.map { Int64($0) }),
            "estimateSeconds": JSONValue(standing?.estimate.map { max(1, $0.components.seconds) }),
            "error": job.life.lastFailure.map { json($0) } ?? .null,
            "artifact": job.result.map(artifact) ?? .null,
            "nodeName": JSONValue(request?.nodeName?.text),
            "packageName": JSONValue(request?.packageName.text),
            "generation": JSONValue(request.map { Int64($0.generation) }),
            "worker": JSONValue(job.lease?.worker),
            "labels": request.map { .object($0.labels.sorted.map { .init($0.key, .string($0.value)) }) } ?? .null,
            "requestedBy": .string(job.requestedBy),
            "retryOf": JSONValue(job.retryOf?.description),
            "retriedAs": JSONValue(job.life.retriedAs?.description),
            "lostLeases": .integer(Int64(job.life.lostLeases)),
            "pardonedLeases": .integer(Int64(job.life.pardons)),
            "batch": JSONValue(job.batch?.batch.description),
            "row": JSONValue(job.batch.map { Int64($0.row) }),
            "idempotencyKey": JSONValue(job.idempotencyKey),
            "created": time(job.created),
            "scheduledFor": time(job.life.scheduledFor),
            "claimed": time(job.life.claimed),
            "finished": time(job.life.finished),
        ]
    }

    /// The document of a row that this version cannot read.
    public static func json(_ parked: ParkedJob) -> JSONValue {
        [
            "id": JSONValue(parked.id?.description), "state": "parked", "place": .string(parked.place),
            "error": ["code": "parked", "message": .string(parked.reason), "retryable": false],
        ]
    }

    private static func progress(_ job: Job) -> JSONValue {
        guard let progress = job.life.progress else { return .null }
        return [
            "stage": .string(progress.stage), "done": .integer(progress.done), "total": .integer(progress.total),
        ]
    }

    /// Why something was not done.
    static func json(_ failure: Job.Failure) -> JSONValue {
        [
            "code": .string(failure.code), "message": .string(failure.message), "retryable": .bool(failure.isRetryable),
        ]
    }

    private static func artifact(_ result: Job.Result) -> JSONValue {
        [
            "sha256": .string(result.sha256), "size": .integer(result.byteCount), "fileName": .string(result.fileName),
        ]
    }

    private static func time(_ time: Timestamp?) -> JSONValue { JSONValue(time?.description) }
}
