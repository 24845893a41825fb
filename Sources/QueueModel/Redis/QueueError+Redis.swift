internal import RedisLink

extension QueueError {
    /// Redis's error in the queue's words; its own text stays in `detail`.
    init(_ error: RedisError) {
        self =
            switch error {
            case .refused("OOM", _): .full(detail: error.description)
            case .refused("WRONGTYPE", _), .unexpected: .corrupt(detail: error.description)
            case .unreachable, .unanswered, .refused, .notReplicated: .backend(detail: error.description)
            }
    }

    /// An answer that no script of ours gives.
    static func unexpected(_ what: String) -> QueueError {
        .corrupt(detail: "Redis answered what none of the queue's scripts does: \(what)")
    }
}
