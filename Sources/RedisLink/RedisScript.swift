/// A Lua script that the server runs as one step.
public struct RedisScript: Sendable, Equatable {
    /// What it is called in errors.
    public let name: String
    /// Its text.
    public let text: String

    /// A script.
    public init(name: String, text: String) {
        self.name = name
        self.text = text
    }
}
