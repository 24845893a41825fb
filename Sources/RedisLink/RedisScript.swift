/// A Lua script that the server runs as one step.
public struct RedisScript: Sendable, Equatable {
    /// What it is called in errors.
    public let name: String
    /// Its text.
    public let text: String

    /// A script.
    ///
    /// - Parameter runsWhenFull: it may write on a server whose memory is full, as one does that makes room, or finishes what
    ///   was begun. `KEYS[1]` must name a key that is never there.
    public init(name: String, text: String, runsWhenFull: Bool = false) {
        self.name = name
        // A full server refuses the first write of a script that could make anything larger, and none after any write. The
        // flags of 7.0, which say the same, are an error to older ones.
        self.text = runsWhenFull ? "redis.call('DEL', KEYS[1])\n" + text : text
    }
}
