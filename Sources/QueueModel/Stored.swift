/// What a row of a table, or a job's key, has turned out to be.
enum Stored<Value> {
    case readable(Value)
    /// Another version wrote it, or something has damaged it.
    case unreadable(reason: String)
}

extension Stored: Sendable where Value: Sendable {}
