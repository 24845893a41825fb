public import Access
public import Artifacts
import Crypto
public import HTTP
import JSON
public import QueueModel
public import System

/// The farm for HTTP clients: finds the row of each request, asks who it is, checks what comes in, and answers.
public final class FarmAPI: HTTPHandler {
    /// Everything that the routes use.
    public struct Parts: Sendable {
        let queue: any JobQueue
        let submitter: Submitter
        let delivery: Delivery
        let store: FileArtifactStore
        let artifacts: ArtifactIndex
        let tokens: DownloadTokens
        let links: ShortLinks
        let users: Users
        let keys: APIKeys
        let sessions: Sessions
        let audit: AuditLog
        /// Why something that was acknowledged may be lost; nothing where it may not.
        let degradations: [String]
        /// Requests that one caller may send in a minute; nil for any number.
        let requestsPerMinute: Int?
        let version: String

        /// The parts of a farm.
        public init(
            queue: any JobQueue, submitter: Submitter, delivery: Delivery, store: FileArtifactStore,
            artifacts: ArtifactIndex, tokens: DownloadTokens, links: ShortLinks, users: Users, keys: APIKeys,
            sessions: Sessions, audit: AuditLog, degradations: [String], requestsPerMinute: Int?, version: String
        ) {
            self.queue = queue
            self.submitter = submitter
            self.delivery = delivery
            self.store = store
            self.artifacts = artifacts
            self.tokens = tokens
            self.links = links
            self.users = users
            self.keys = keys
            self.sessions = sessions
            self.audit = audit
            self.degradations = degradations
            self.requestsPerMinute = requestsPerMinute
            self.version = version
        }
    }

    let parts: Parts
    let now: @Sendable () -> Timestamp
    let random: RandomSource
    private let router: Router<APIRoute>
    let manifests = Manifests()
    let batchReader = BatchReader()
    let answers = JobAnswers()
    let events: EventHub
    /// Counts this server's answers.
    public let requests = RequestMetrics()
    let jobs = JobMetrics()
    private let limiter: RateLimiter?
    let report: @Sendable (_ trace: TraceContext, _ error: any Error) -> Void

    /// The API of a farm; `trouble` is told of errors that clients are not told of.
    public init(
        _ parts: Parts, now: @escaping @Sendable () -> Timestamp, random: RandomSource,
        trouble: @escaping @Sendable (_ trace: TraceContext, _ error: any Error) -> Void
    ) {
        self.parts = parts
        self.now = now
        self.random = random
        report = trouble
        router = Router(Self.routes)
        limiter = parts.requestsPerMinute.map { RateLimiter(perMinute: $0) }
        events = EventHub(queue: parts.queue, answers: answers, metrics: jobs)
    }

    /// The table: health, jobs, batches, artifacts and tokens, the farm, keys, sessions and users.
    static let routes: [Router<APIRoute>.Route] =
        healthRoutes + jobRoutes + batchRoutes + artifactRoutes + farmRoutes + accessRoutes + peopleRoutes

    static let howToProve =
        "say who you are: Authorization: Bearer and an API key, which 'pkgmill key' makes, or the cookie of a session"

    // MARK: HTTPHandler

    /// See `HTTPHandler`. Nobody's body is taken before it is known where it is to go.
    public func admit(_ request: HTTPRequest) -> HTTPAdmission {
        switch router.match(request.method, request.target) {
        // Nobody needs to send a long body to hear that.
        case .route(let route, _) where route.action.isSpooled && !hasProof(request):
            .refused(finished(unauthorized, route, request))
        case .route(let route, let parameters):
            .taken(upTo: route.action.byteLimit, into: bodyPlace(of: request, route)) { request in
                if let recalled = self.recalled(request, route, parameters) { return .now(recalled) }
                return .later { await self.answer(request, route, parameters) }
            }
        case .otherMethods(let methods): .refused(refusal(of: request, methods))
        case .none: .taken(upTo: 0) { .now(self.finished(Problem.notFound("place"), nil, $0)) }
        }
    }

    /// A long body is not taken from somebody who may not bring it: while it begins to come it is found out who that is.
    private func bodyPlace(of request: HTTPRequest, _ route: Router<APIRoute>.Route) -> BodyPlace {
        guard route.action.isSpooled else { return .memory }
        let permit = BodyPermit()
        Task {
            do {
                try check(request, route, try await principal(of: request, at: route))
                permit.allow()
            } catch { permit.refuse(finished(Problem(error), route, request)) }
        }
        return .file(permit)
    }

    private func refusal(of request: HTTPRequest, _ methods: [HTTPMethod]) -> HTTPResponse {
        let names = methods.map(\.rawValue).joined(separator: ", ")
        let problem = Problem(.methodNotAllowed, "method-not-allowed", "this place answers \(names)")
        return finished(problem, nil, request).with("Allow", names)
    }

    /// Hears of what changes in the farm and tells those who follow, until the task is cancelled. To run beside the server.
    public func follow() async { await events.run() }

    /// The answer to somebody who was known a moment ago, about a job that was asked for a moment ago.
    private func recalled(
        _ request: HTTPRequest, _ route: Router<APIRoute>.Route, _ parameters: [String: String]
    ) -> HTTPResponse? {
        guard route.action.isRecalled, request.target.query.isEmpty, request.preferredWait == nil,
            let answer = answers.recall(parameters["id"] ?? ""), let principal = recalledPrincipal(of: request),
            case .permission(let permission) = route.action.access, principal.may(permission)
        else { return nil }
        let response = request.hasAlready(answer.tag) ? answer.notModified : answer.whole
        guard let limiter else { return response }
        let verdict = limiter.take(principal.label)
        guard verdict.isAllowed else { return finished(Self.tooMany(verdict), route, request) }
        return told(response, verdict, limiter)
    }

    private func recalledPrincipal(of request: HTTPRequest) -> Principal? {
        guard let proof = try? proof(in: request, orInCookie: true) else { return nil }
        return recall(proof)
    }

    /// Keeps an answer about a job for those who ask next.
    func remember(_ whole: HTTPResponse, _ tag: EntityTag, about id: String, since mark: JobAnswers.Mark) {
        let path = "/v1/jobs/\(id)"
        func ready(_ response: HTTPResponse) -> HTTPResponse {
            var response = hardened(response)
            (response.loggedPath, response.route) = (path, "/v1/jobs/{id}")
            return response.preparedForMany()
        }
        answers.keep(
            JobAnswers.Answer(tag: tag, whole: ready(whole), notModified: ready(whole.notModified)), about: id,
            since: mark)
    }

    /// See `HTTPHandler`.
    public func refuse(_ problem: Problem, trace: TraceContext?) -> HTTPResponse {
        hardened(problem.response(trace: trace))
    }

    // MARK: A row

    private func answer(
        _ request: HTTPRequest, _ route: Router<APIRoute>.Route, _ parameters: [String: String]
    ) async -> HTTPResponse {
        do {
            let principal = try await principal(of: request, at: route)
            let verdict = principal.flatMap { limiter?.take($0.label) }
            if let verdict, !verdict.isAllowed { throw Self.tooMany(verdict) }
            try check(request, route, principal)
            let call = Call(
                request: request, parameters: parameters, principal: principal,
                body: try body(of: request, route.action))
            var response = try await route.action.handle(self, call)
            response.loggedPath = loggedPath(route, request)
            response.route = route.pattern
            if let verdict, let limiter { response = told(response, verdict, limiter) }
            return hardened(response)
        } catch {
            let problem = Problem(error)
            // What the client is told all of is not the operator's trouble.
            if problem.status.code >= 500, !(error is Problem) { report(request.trace, error) }
            return finished(problem, route, request)
        }
    }

    private static func tooMany(_ verdict: RateLimiter.Verdict) -> Problem {
        var problem = Problem(.tooManyRequests, "too-many-requests", "this is more than one caller may ask in a minute")
        problem.isRetryable = true
        problem.retryAfter = verdict.wait + .milliseconds(999)
        return problem
    }

    private func told(
        _ response: HTTPResponse, _ verdict: RateLimiter.Verdict, _ limiter: RateLimiter
    ) -> HTTPResponse {
        var response = response
        verdict.tell(&response, perMinute: limiter.perMinute)
        return response
    }

    private func check(
        _ request: HTTPRequest, _ route: Router<APIRoute>.Route, _ principal: Principal?
    ) throws(Problem) {
        switch route.action.access {
        case .open, .token: break
        case .anybodyKnown:
            guard let principal else { throw unauthorized }
            try checkOrigin(of: request, principal)
        case .permission(let permission):
            guard let principal else { throw unauthorized }
            try checkOrigin(of: request, principal)
            guard principal.may(permission) else {
                throw Problem(.forbidden, "forbidden", "this needs the permission \(permission.rawValue)")
            }
        }
        let known = route.action.query.map(\.name)
        let unknown = request.target.query.filter { pair in !known.contains { $0.utf8.elementsEqual(pair.name.utf8) } }
        guard unknown.isEmpty else {
            throw Problem(
                .badRequest, "unknown-parameter", "the query has parameters that there are none of",
                parts: unknown.map {
                    .init(
                        Printable.text($0.name, limit: 40),
                        known.isEmpty ? "expected no parameters" : "known are \(known.joined(separator: ", "))")
                })
        }
    }

    private var unauthorized: Problem { Problem(.unauthorized, "unauthorized", Self.howToProve) }

    private func body(of request: HTTPRequest, _ route: APIRoute) throws(Problem) -> JSONValue {
        guard let schema = route.body else { return .object([]) }
        if request.body.isEmpty, request.bodyFile == nil, !schema.fields.contains(where: \.isRequired) {
            return .object([])
        }
        guard let type = request.mediaType, type.utf8.elementsEqual("application/json".utf8) else {
            throw Problem(.unsupportedMediaType, "unsupported-media-type", "Content-Type: expected application/json")
        }
        if route.isSpooled { return .object([]) }
        let value: JSONValue
        do { value = try JSONValue(parsing: request.body) } catch { throw .malformed(error) }
        try BodySchema.refuse(schema.parts(wrongIn: value))
        return value
    }

    // MARK: Who it is

    /// Who asks, by an API key or a session; nil where the request has neither.
    ///
    /// - Throws: 401 for one that is good for nothing: it must not be taken for nobody's. A cookie is looked at only where
    ///   it matters, since browsers send it everywhere, and one that is over must not keep anybody from logging in.
    private func principal(of request: HTTPRequest, at route: Router<APIRoute>.Route) async throws -> Principal? {
        let needsProof = route.action.access != .open && route.action.access != .token
        guard let proof = try proof(in: request, orInCookie: needsProof) else { return nil }
        if let known = recall(proof) { return known }
        let found: Principal?
        switch proof {
        case .key(let key): found = try await parts.keys.principal(key)
        case .cookie(let cookie): found = try await parts.sessions.principal(cookie)
        }
        guard let found else { throw unauthorized }
        return found
    }

    /// By what somebody shows who they are.
    private enum ShownProof {
        case key([UInt8])
        case cookie([UInt8])
    }

    private func proof(in request: HTTPRequest, orInCookie takesCookie: Bool) throws(Problem) -> ShownProof? {
        let given = request.fields.values("authorization")
        guard let value = given.first else {
            return takesCookie ? try SessionCookie.value(in: request).map { .cookie($0) } : nil
        }
        guard given.count == 1, let key = Self.bearer(value) else { throw unauthorized }
        return .key(key)
    }

    private func hasProof(_ request: HTTPRequest) -> Bool {
        // One that is malformed is none.
        (try? proof(in: request, orInCookie: true)) ?? nil != nil
    }

    private func recall(_ proof: ShownProof) -> Principal? {
        switch proof {
        case .key(let key): parts.keys.recall(key)
        case .cookie(let cookie): parts.sessions.recall(cookie)
        }
    }

    /// A browser sends a session's cookie whoever has made it ask: what changes something must come from a page of ours.
    private func checkOrigin(of request: HTTPRequest, _ principal: Principal) throws(Problem) {
        guard case .session(let csrf) = principal.proof, request.method != .get, request.method != .head else { return }
        try SessionCookie.checkOrigin(of: request)
        guard let given = request.fields.only("x-csrf-token"), constantTimeEqual(given, Array(csrf.utf8)) else {
            throw Problem(
                .forbidden, "wrong-csrf-token",
                "X-CSRF-Token: expected the token of this session, which /v1/me answers with")
        }
    }

    /// What follows `Bearer`, in any case (RFC 9110).
    private static func bearer(_ value: [UInt8]) -> [UInt8]? {
        let scheme = value.prefix { $0 != 0x20 }
        guard scheme.count == 6, scheme.lazy.map({ $0 | 0x20 }).elementsEqual("bearer".utf8) else { return nil }
        let proof = value[6...].drop { $0 == 0x20 }
        return proof.isEmpty || proof.contains(0x20) ? nil : Array(proof)
    }

    // MARK: Answers

    private func finished(
        _ problem: Problem, _ route: Router<APIRoute>.Route?, _ request: HTTPRequest
    ) -> HTTPResponse {
        var response = problem.response(trace: request.trace)
        if problem.status == .unauthorized { response.set("WWW-Authenticate", "Bearer realm=\"pkgmill\"") }
        response.loggedPath = route.map { loggedPath($0, request) }
        response.route = route?.pattern
        return hardened(response)
    }

    private func loggedPath(_ route: Router<APIRoute>.Route, _ request: HTTPRequest) -> String {
        route.action.access == .token ? route.pattern : request.target.pathText
    }

    /// What every answer says: nobody guesses its type, nobody frames it, and nobody keeps it.
    private func hardened(_ response: HTTPResponse) -> HTTPResponse {
        var response = response
        response.set("X-Content-Type-Options", "nosniff")
        if response.field("Cache-Control") == nil { response.set("Cache-Control", "no-store") }
        return response
    }
}
