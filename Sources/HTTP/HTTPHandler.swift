public import System

/// Who answers requests. Called on the server's own threads, of which there are few: what has to wait is answered later.
public protocol HTTPHandler: Sendable {
    /// Looks at a head before its body comes: how much of one is taken and who answers then, or the answer at once.
    func admit(_ request: HTTPRequest) -> HTTPAdmission

    /// Answers what the server itself refuses, in the form of all other refusals.
    func refuse(_ problem: Problem, trace: TraceContext?) -> HTTPResponse
}

/// What becomes of a request whose head is known.
public enum HTTPAdmission: Sendable {
    /// Its body is taken up to so many bytes, and it is answered with it.
    case taken(upTo: Int, into: BodyPlace = .memory, answer: @Sendable (HTTPRequest) -> HTTPAnswer)
    /// It is answered without one, and the connection is closed.
    case refused(HTTPResponse)
}

/// An answer, now or later.
public enum HTTPAnswer: Sendable {
    case now(HTTPResponse)
    /// Nobody's thread waits for it: it begins on the server's own, where it must not block, and leaves that when it first waits. It
    /// is cancelled when the server ends, and should answer soon then.
    case later(@Sendable () async -> HTTPResponse)
}

/// One line of the access log. The path is the handler's own word for what was asked for: neither a query nor a secret is in
/// it.
public struct AccessRecord: Sendable {
    /// When the head was there.
    public let time: Timestamp
    /// From where.
    public let peer: String?
    /// The method; nil where the request was refused before it was known.
    public let method: HTTPMethod?
    /// What was asked for; nil where the handler does not say.
    public let path: String?
    /// Which row of the handler's table that was; nil where it is none.
    public let route: String?
    /// The answer's status.
    public let status: Int
    /// Bytes of the answer's body; nil where that was a stream.
    public let byteCount: Int64?
    /// From the head to the end.
    public let duration: Duration
    /// Whether the whole answer went out.
    public let isWhole: Bool
    /// Where it belongs.
    public let trace: TraceContext
}

/// Why there is no server.
public enum HTTPServerError: Error, Equatable, Sendable, CustomStringConvertible {
    /// libmicrohttpd would not start, which it explains to nobody.
    case notStarted(detail: String)

    /// One sentence.
    public var description: String {
        switch self {
        case .notStarted(let detail): detail
        }
    }
}
