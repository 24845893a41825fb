internal import System

/// Why a queue did not do what was asked.
public enum QueueError: Error, Equatable, Sendable {
    /// No job has this id.
    case notFound(Job.ID)
    /// The worker's lease on this job is not the current one: the job is finished, cancelled, or another worker's.
    case leaseLost(Job.ID)
    /// The verb cannot be done in the job's state.
    case wrongState(Job.ID, state: Job.State.Name, verb: String)
    /// The job's time limit has passed: its worker must stop, and the next claim ends the attempt.
    case outOfTime(Job.ID, Job.Failure)
    /// Another job has this id.
    case alreadyExists(Job.ID)
    /// The job `Job.ID` was submitted with this idempotency key and asks for something else.
    case keyTaken(key: String, by: Job.ID)
    /// The job `Job.ID` has this place in the batch and asks for something else; with no job, the row was refused
    /// before, or its job is no longer kept.
    case rowTaken(Batch.Place, by: Job.ID?)
    /// Nobody opened this batch, or it was opened with other words.
    case noSuchBatch(Batch.ID)
    /// The batch was opened with another number of rows or by somebody else.
    case batchDiffers(Batch.ID)
    /// The farm has no lane of this name.
    case noSuchLane(Lane, known: [Lane])
    /// The lane takes nothing in at present.
    case closed(LaneHold)
    /// A field is outside its bounds.
    case invalid(field: String, value: String, expected: String)
    /// The request is longer than the queue takes.
    case requestTooLarge(byteCount: Int, limit: Int)
    /// This version cannot read the job; it is kept for one that can.
    case parked(Job.ID, detail: String)
    /// The store's content is damaged.
    case corrupt(detail: String)
    /// The store's disk is full. Nothing was changed.
    case full(detail: String)
    /// The store may no longer be written by this process, which must be started anew.
    case unusable(detail: String)
    /// The store could not do it, in its own words. Nothing was changed, or it is not known.
    case backend(detail: String)
}

extension QueueError: CustomStringConvertible {
    /// One sentence: what happened, and what to do.
    public var description: String {
        switch self {
        case .notFound(let id): "there is no job \(id); `list` shows those that there are"
        case .leaseLost(let id): "the lease of job \(id) is no longer this worker's; its work must not be published"
        case .wrongState(let id, let state, let verb):
            "cannot \(verb) job \(id), which is \(state.rawValue)"
                + (!state.isFinal ? "; wait until it has ended, or cancel it" : "; it has ended, and stays as it is")
        case .outOfTime(let id, let failure): "job \(id) has no time left: \(failure.message)"
        case .keyTaken(let key, let id):
            "the idempotency key \"\(Printable.text(key))\" belongs to job \(id), which asks for something else; "
                + "use a new key for a new request"
        case .rowTaken(let place, let id?):
            "row \(place.row) of batch \(place.batch) is job \(id), which asks for something else"
        case .rowTaken(let place, nil):
            "row \(place.row) of batch \(place.batch) was refused before, or its job is no longer kept"
        case .noSuchBatch(let id): "there is no batch \(id); open it before its rows are submitted"
        case .batchDiffers(let id): "batch \(id) was opened with another number of rows, or by somebody else"
        case .noSuchLane(let lane, let known):
            "there is no lane \(lane); the farm has \(known.map(\.name).joined(separator: ", ")), and farm.lanes names "
                + "others"
        case .closed(let hold):
            "\(hold.lane.map { "lane \($0) takes" } ?? "the farm takes") no new jobs: closed by "
                + "\(Printable.text(hold.by)) at \(hold.since.wholeSecondsText)"
                + (hold.reason.isEmpty ? "" : " (\(Printable.text(hold.reason)))")
                + "; 'pkgmill queue resume\(hold.lane.map { " --lane \($0)" } ?? "")' opens it"
        case .alreadyExists(let id): "job \(id) exists already and asks for something else; submit with a new id"
        case .invalid(let field, let value, let expected):
            "\(field) is \"\(Printable.text(value))\"; expected \(expected)"
        case .requestTooLarge(let byteCount, let limit):
            "the request has \(byteCount) bytes; at most \(limit) are taken, so ask for less at once"
        case .parked(let id, let detail):
            "job \(id) is parked, because this version cannot read it (\(Printable.text(detail))); "
                + "use the version that wrote it"
        case .corrupt(let detail): "the queue is damaged: \(detail)"
        case .full(let detail): "the queue has no space left: \(detail)"
        case .unusable(let detail): "the queue's store can no longer be written by this process: \(detail)"
        case .backend(let detail): "the queue's store failed: \(detail)"
        }
    }
}
