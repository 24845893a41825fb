public import System

/// Why there is no answer.
public enum WebError: Error, Equatable, Sendable, CustomStringConvertible {
    /// No server's address.
    case badAddress(String)
    /// A key would travel in plain.
    case notEncrypted(ServerAddress)
    /// Nobody answers there.
    case unreachable(detail: String)
    /// The connection ended before the answer did.
    case cut(detail: String)
    /// It is not the server that it should be.
    case notTrusted(detail: String)
    /// The answer is longer than any that is expected.
    case tooLong(limit: Int)
    /// The file could not be written.
    case disk(SystemError)

    /// Whether the same request may be answered a moment later.
    public var isPassing: Bool {
        switch self {
        case .unreachable, .cut: true
        case .badAddress, .notEncrypted, .notTrusted, .tooLong, .disk: false
        }
    }

    /// One sentence.
    public var description: String {
        switch self {
        case .badAddress(let text):
            "server '\(Printable.text(text, limit: 200))': expected https://HOST or https://HOST:PORT and nothing behind it"
        case .notEncrypted(let address):
            "\(address): the API key would travel in plain; use https://, or --without-tls where something else encrypts"
        case .unreachable(let detail): "the server cannot be reached: \(detail)"
        case .cut(let detail): "the connection to the server was cut: \(detail)"
        case .notTrusted(let detail):
            "the server is not trusted: \(detail); --ca-file names the certificate of its authority"
        case .tooLong(let limit): "the server's answer is longer than \(limit) bytes"
        case .disk(let error): error.description
        }
    }
}
