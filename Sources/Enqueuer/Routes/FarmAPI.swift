public import Access
public import Artifacts
public import HTTP
import JSON
public import QueueModel
public import System

/// The farm for HTTP clients: finds the row of each request, asks who it is, checks what comes in, and answers.
public struct FarmAPI: HTTPHandler {
    /// Everything that the routes use.
    public struct Parts: Sendable {
        let queue: any JobQueue
        let submitter: Submitter
        let delivery: Delivery
        let store: FileArtifactStore
        let artifacts: ArtifactIndex
        let tokens: DownloadTokens
        let users: Users
        let keys: APIKeys
        let audit: AuditLog
        /// Why something that was acknowledged may be lost; nothing where it may not.
        let degradations: [String]
        let version: String

        /// The parts of a farm.
        public init(
            queue: any JobQueue, submitter: Submitter, delivery: Delivery, store: FileArtifactStore,
            artifacts: ArtifactIndex, tokens: DownloadTokens, users: Users, keys: APIKeys,
            audit: AuditLog, degradations: [String], version: String
        ) {
            self.queue = queue
            self.submitter = submitter
            self.delivery = delivery
            self.store = store
            self.artifacts = artifacts
            self.tokens = tokens
            self.users = users
            self.keys = keys
            self.audit = audit
            self.degradations = degradations
            self.version = version
        }
    }

    let parts: Parts
    let now: @Sendable () -> Timestamp
    let random: RandomSource
    private let router: Router<APIRoute>
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
    }

    /// The table: health, jobs, artifacts and tokens, the farm, keys.
    static let routes: [Router<APIRoute>.Route] =
        healthRoutes + jobRoutes + artifactRoutes + farmRoutes + accessRoutes

    static let howToProve = "say who you are: Authorization: Bearer and an API key, which 'pkgmill key' makes"

    // MARK: HTTPHandler

    /// See `HTTPHandler`. Nobody's body is taken before it is known where it is to go.
    public func admit(_ request: HTTPRequest) -> HTTPAdmission {
        guard case .route(let route, _) = router.match(request.method, request.target), route.action.body != nil else {
            return .body(limit: 0)
        }
        return .body(limit: 64 * 1024)
    }

    /// See `HTTPHandler`.
    public func answer(_ request: HTTPRequest) -> HTTPAnswer {
        switch router.match(request.method, request.target) {
        case .none: return .now(finished(Problem.notFound("place"), nil, request))
        case .otherMethods(let methods):
            let names = methods.map(\.rawValue).joined(separator: ", ")
            let problem = Problem(.methodNotAllowed, "method-not-allowed", "this place answers \(names)")
            return .now(finished(problem, nil, request).with("Allow", names))
        case .route(let route, let parameters):
            return .later { await answer(request, route, parameters) }
        }
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
            let principal = try await principal(of: request)
            try check(request, route, principal)
            let call = Call(
                request: request, parameters: parameters, principal: principal,
                body: try body(of: request, route.action))
            var response = try await route.action.handle(self, call)
            response.loggedPath = loggedPath(route, request)
            return hardened(response)
        } catch {
            if !(error is Problem) { report(request.trace, error) }
            return finished(Problem(error), route, request)
        }
    }

    private func check(
        _ request: HTTPRequest, _ route: Router<APIRoute>.Route, _ principal: Principal?
    ) throws(Problem) {
        switch route.action.access {
        case .open, .token: break
        case .anybodyKnown: if principal == nil { throw unauthorized }
        case .permission(let permission):
            guard let principal else { throw unauthorized }
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
        if request.body.isEmpty, !schema.fields.contains(where: \.isRequired) { return .object([]) }
        guard let type = request.mediaType, type.utf8.elementsEqual("application/json".utf8) else {
            throw Problem(.unsupportedMediaType, "unsupported-media-type", "Content-Type: expected application/json")
        }
        let value: JSONValue
        do { value = try JSONValue(parsing: request.body) } catch {
            throw Problem(.badRequest, "malformed-json", error.description)
        }
        let wrong = schema.parts(wrongIn: value)
        guard wrong.isEmpty else {
            throw Problem(.unprocessableContent, "invalid-request", "the body is not what is taken here", parts: wrong)
        }
        return value
    }

    // MARK: Who it is

    /// Who asks, by an API key or a session; nil where the request has neither.
    ///
    /// - Throws: 401 for one that is good for nothing: it must not be taken for nobody's.
    private func principal(of request: HTTPRequest) async throws -> Principal? {
        let given = request.fields.values("authorization")
        guard let value = given.first else { return nil }
        guard given.count == 1, let key = Self.bearer(value) else { throw unauthorized }
        if let known = parts.keys.recall(key) { return known }
        guard let principal = try await parts.keys.principal(key) else { throw unauthorized }
        return principal
    }

    /// What follows `Bearer`, in any case (RFC 9110).
    private static func bearer(_ value: [UInt8]) -> [UInt8]? {
        let words = value.split(separator: 0x20, omittingEmptySubsequences: true)
        guard words.count == 2, words[0].map({ $0 | 0x20 }).elementsEqual("bearer".utf8) else { return nil }
        return Array(words[1])
    }

    // MARK: Answers

    private func finished(
        _ problem: Problem, _ route: Router<APIRoute>.Route?, _ request: HTTPRequest
    ) -> HTTPResponse {
        var response = problem.response(trace: request.trace)
        if problem.status == .unauthorized { response.set("WWW-Authenticate", "Bearer realm=\"pkgmill\"") }
        response.loggedPath = route.map { loggedPath($0, request) }
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
