public import JSON

/// What went wrong with a request, as RFC 9457 has it. Nothing secret may be in it: it is sent to whoever has asked.
public struct Problem: Error, Sendable, Equatable {
    /// One part of what was sent that is wrong.
    public struct Part: Sendable, Equatable {
        /// Where: a JSON Pointer (RFC 6901) into the body, or the name of a parameter or a field.
        public let place: String
        /// What was expected there.
        public let detail: String

        /// A part.
        public init(_ place: String, _ detail: String) {
            self.place = place
            self.detail = detail
        }
    }

    /// The status.
    public let status: HTTPStatus
    /// Its kind: a word that programs may go by, and that does not change.
    public let kind: String
    /// What happened this time, and what to do.
    public let detail: String
    /// The parts that are wrong.
    public var parts: [Part] = []
    /// Whether the same request may be answered better later.
    public var isRetryable = false
    /// When to try again.
    public var retryAfter: Duration?
    /// More members.
    public var more: [JSONValue.Member] = []

    /// A problem of `kind`.
    public init(_ status: HTTPStatus, _ kind: String, _ detail: String, parts: [Part] = []) {
        self.status = status
        self.kind = kind
        self.detail = detail
        self.parts = parts
    }

    /// The same request may be answered when a while has gone by (503).
    public static func unavailable(
        _ kind: String, _ detail: String, after delay: Duration = .seconds(5)
    ) -> Problem {
        var problem = Problem(.serviceUnavailable, kind, detail)
        problem.isRetryable = true
        problem.retryAfter = delay
        return problem
    }

    /// The response; `trace` is what to look for in the log.
    public func response(trace: TraceContext?) -> HTTPResponse {
        var members: [JSONValue.Member] = [
            .init("type", .string("/problems/" + kind)), .init("title", .string(status.name)),
            .init("status", .integer(Int64(status.code))), .init("detail", .string(detail)),
            .init("retryable", .bool(isRetryable)),
        ]
        if !parts.isEmpty {
            members.append(
                .init(
                    "errors",
                    .array(parts.map { ["pointer": .string($0.place), "detail": .string($0.detail)] })))
        }
        if let trace { members.append(.init("trace_id", .string(trace.traceID))) }
        var response = HTTPResponse(status, json: .object(members + more))
        response.set("Content-Type", "application/problem+json")
        response.set("Cache-Control", "no-store")
        if let retryAfter { response.set("Retry-After", String(max(1, retryAfter.components.seconds))) }
        return response
    }
}
