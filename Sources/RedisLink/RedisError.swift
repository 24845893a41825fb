import System

/// Why a command did not do what was asked.
public enum RedisError: Error, Equatable, Sendable, CustomStringConvertible {
    /// No server could be reached; nothing was sent.
    case unreachable(detail: String)
    /// The command was sent and no answer came: whether it was done is not known.
    case unanswered(detail: String)
    /// The server refused. `code` is the first word of what it said, such as `OOM` or `WRONGTYPE`.
    case refused(code: String, detail: String)
    /// The write was done, and fewer replicas than wanted have it in time.
    case notReplicated(done: Int, wanted: Int)
    /// The answer is none of those that there can be.
    case unexpected(detail: String)

    /// The code of a refusal; nil for everything else.
    public var code: String? { if case .refused(let code, _) = self { code } else { nil } }

    /// What happened, without the words around it.
    var detail: String {
        switch self {
        case .unreachable(let detail), .unanswered(let detail), .refused(_, let detail), .unexpected(let detail): detail
        case .notReplicated: description
        }
    }

    /// Nothing was done, and to try again may help: the server is about to be ready, or another one is the right one.
    var isPassing: Bool {
        switch self {
        case .unreachable: true
        case .unanswered, .unexpected, .notReplicated: false
        case .refused(let code, let detail):
            isElsewhere || ["LOADING", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "ASK", "UNBLOCKED"].contains(code)
                || detail.utf8.starts(with: "ERR max number of clients".utf8)
        }
    }

    /// The server says that it is not the one which takes this.
    var isElsewhere: Bool {
        guard let code else { return false }
        return ["READONLY", "MASTERDOWN", "MOVED"].contains(code)
    }

    /// What the end of a connection means for a command that was sent.
    var asUnanswered: RedisError { .unanswered(detail: detail) }

    /// One sentence: what happened.
    public var description: String {
        switch self {
        case .unreachable(let detail): "Redis cannot be reached: \(detail)"
        case .unanswered(let detail): "Redis gave no answer, and may have done what was asked: \(detail)"
        case .refused(_, let detail): "Redis refused: \(Printable.text(detail))"
        case .notReplicated(let done, let wanted):
            "Redis has done what was asked, and \(done) of \(wanted) replicas have it; it may be lost if the server fails now"
        case .unexpected(let detail): "Redis answered what cannot be: \(Printable.text(detail))"
        }
    }

    /// The error that a server's own words mean.
    static func refusal(_ words: String) -> RedisError {
        let inner = innerRefusal(Array(words.utf8)[...]) ?? Array(words.utf8)[...]
        let code = inner.prefix { $0 != UInt8(ascii: " ") }
        return .refused(code: String(decoding: code, as: UTF8.self), detail: words)
    }

    /// Servers before 7.0 wrap what a command in a script was refused with, in one of two ways:
    ///
    ///     ERR Error running script (call to f_…): @user_script:7: @user_script: 7: -OOM command not allowed …
    ///     ERR Error running script (call to f_…): @user_script:7: WRONGTYPE Operation against a key …
    private static func innerRefusal(_ words: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard words.starts(with: "ERR Error running script (call to f_".utf8) else { return nil }
        let (mark, space, minus) = (Array("@user_script:".utf8), UInt8(ascii: " "), UInt8(ascii: "-"))
        var rest = words.drop { $0 != mark[0] }
        guard rest.starts(with: mark) else { return nil }
        while rest.starts(with: mark) {
            rest = rest.dropFirst(mark.count).drop { $0 == space }.drop { (0x30...0x39).contains($0) }
            guard rest.starts(with: ": ".utf8) else { return nil }
            rest = rest.dropFirst(2)
        }
        if rest.first == minus { rest = rest.dropFirst() }
        // Anything else is what Lua says of the script itself.
        let code = rest.prefix { (0x41...0x5A).contains($0) }
        return code.count > 1 && rest.dropFirst(code.count).first == space ? rest : nil
    }
}
