public import Access
public import JSON
import System

/// An API key as clients see it, without its secret: the same members in every answer of the command line and the API.
public enum KeyDocument {
    /// The document of `key`.
    public static func json(_ key: APIKeys.Key) -> JSONValue {
        [
            "id": .string(key.id), "user": .string(key.user), "label": .string(key.label),
            "scopes": key.scopes.map { .array($0.map(\.rawValue).sorted().map { .string($0) }) } ?? .null,
            "created": .string(key.created.description), "expires": JSONValue(key.expires?.description),
            "lastUsed": JSONValue(key.lastUsed?.description),
        ]
    }
}
