import System

/// Why a command did not do what was asked.
public enum RedisError: Error, Equatable, Sendable, CustomStringConvertible {
    /// No server could be reached; nothing was sent.
    case unreachable(detail: String)
    /// The command was sent and no answer came: whether it was done is not known.
    case unanswered(detail: String)
    /// The server refused. `code` is the first word of what it said, such as `OOM` or `WRONGTYPE`.
    case refused(code: String, detail: String)
    /// The answer is none of those that there can be.
    case unexpected(detail: String)

    /// The code of a refusal; nil for everything else.
    public var code: String? { if case .refused(let code, _) = self { code } else { nil } }

    /// What happened, without the words around it.
    var detail: String {
        switch self {
        case .unreachable(let detail), .unanswered(let detail), .refused(_, let detail), .unexpected(let detail): detail
        }
    }

    /// The server has done nothing and may soon do it, or another one will.
    var isPassing: Bool {
        guard let code else { return true }
        return [
            "READONLY", "MASTERDOWN", "MOVED", "ASK", "LOADING", "CLUSTERDOWN", "TRYAGAIN", "BUSY",
        ].contains(code)
    }

    /// What an error of the connection means for a command that was sent.
    var asUnanswered: RedisError {
        if case .unexpected = self { self } else { .unanswered(detail: detail) }
    }

    /// One sentence: what happened.
    public var description: String {
        switch self {
        case .unreachable(let detail): "Redis cannot be reached: \(detail)"
        case .unanswered(let detail): "Redis gave no answer, and may have done what was asked: \(detail)"
        case .refused(_, let detail): "Redis refused: \(Printable.text(detail))"
        case .unexpected(let detail): "Redis answered what cannot be: \(Printable.text(detail))"
        }
    }

    /// The error that a server's own words mean.
    static func refusal(_ words: String) -> RedisError {
        let code = words.utf8.prefix { $0 != UInt8(ascii: " ") }
        return .refused(code: String(decoding: Array(code), as: UTF8.self), detail: words)
    }
}
