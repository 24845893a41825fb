internal import System

/// Why a queue did not do what was asked.
public enum QueueError: Error, Equatable, Sendable {
    /// No job has this id.
    case notFound(Job.ID)
    /// The worker's lease on this job is not the current one: the job is finished, cancelled, or another worker's.
    case leaseLost(Job.ID)
    /// The verb cannot be done in the job's state.
    case wrongState(Job.ID, state: Job.State.Name, verb: String)
    /// Another job has this id.
    case alreadyExists(Job.ID)
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
                + (!state.isFinal ? "; wait until it has ended, or cancel it" : "; submit a new one instead")
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
        case .backend(let detail): "the queue cannot be reached: \(detail)"
        }
    }
}
