import Access
import Artifacts
import HTTP
import JSON
import QueueModel
import System

extension FarmAPI {
    static let healthRoutes: [Router<APIRoute>.Route] = [
        .init(.get, "/livez", showLife), .init(.get, "/readyz", showReadiness), .init(.get, "/metrics", showMetrics),
        .init(.get, "/openapi.json", showDescription),
    ]

    private static let showLife = APIRoute(
        summary: "Whether the process lives", access: .open, contentType: "text/plain"
    ) { _, _ in
        HTTPResponse(.ok, text: "ok\n")
    }

    private static let showReadiness = APIRoute(
        summary: "Whether requests can be served: the store answers, artifacts can be written, tokens can be signed",
        access: .open, contentType: "text/plain"
    ) { api, _ in
        _ = try await api.parts.queue.policies()
        try await api.parts.tokens.prepare()
        let free: Int64
        do { free = try await api.parts.store.freeByteCount() } catch {
            api.report(TraceContext(continuing: nil, random: api.random), error)
            throw unready("artifacts cannot be written; the log says why")
        }
        guard free >= leastFreeBytes else { throw unready("the disk of the artifacts is nearly full") }
        let words = api.parts.degradations.isEmpty ? "" : "durability: degraded\n"
        return HTTPResponse(.ok, text: "ready\n" + words)
    }

    private static let leastFreeBytes: Int64 = 256 << 20

    private static func unready(_ detail: String) -> Problem {
        .unavailable("not-ready", detail, after: .seconds(10))
    }

    private static let showMetrics = APIRoute(
        summary: "Numbers for Prometheus", access: .permission(.readMetrics), contentType: "text/plain"
    ) { api, call in
        let accepted = call.request.fields.list("accept").map { String(decoding: $0, as: UTF8.self) }
        var text = MetricsText(
            isOpenMetrics: accepted.contains { $0.utf8.starts(with: "application/openmetrics-text".utf8) })
        let farm = FarmMetrics(
            lanes: try await api.parts.queue.lanes(), workers: try await api.parts.queue.workers(),
            freeBytes: try? await api.parts.store.freeByteCount(), degradations: api.parts.degradations, now: api.now())
        farm.write(to: &text)
        api.jobs.write(to: &text)
        api.requests.write(to: &text)
        var response = HTTPResponse(.ok, body: .bytes(text.document))
        response.set("Content-Type", text.mediaType)
        return response
    }

    private static let showDescription = APIRoute(summary: "This API, as OpenAPI 3.1", access: .open) { api, _ in
        HTTPResponse(.ok, json: OpenAPI.document(routes, version: api.parts.version))
    }
}

/// The table of routes as OpenAPI 3.1.
enum OpenAPI {
    static func document(_ routes: [Router<APIRoute>.Route], version: String) -> JSONValue {
        var paths: [(pattern: String, operations: [JSONValue.Member])] = []
        for route in routes {
            let operation = JSONValue.Member(route.method.rawValue.lowercased(), operation(route))
            if let index = paths.firstIndex(where: { $0.pattern.utf8.elementsEqual(route.pattern.utf8) }) {
                paths[index].operations.append(operation)
            } else {
                paths.append((route.pattern, [operation]))
            }
        }
        return [
            "openapi": "3.1.0", "info": ["title": "Pkgmill", "version": .string(version)],
            "paths": .object(paths.map { .init($0.pattern, .object($0.operations)) }),
            "components": [
                "securitySchemes": ["apiKey": ["type": "http", "scheme": "bearer"]],
                "schemas": [
                    "Problem": [
                        "type": "object", "required": ["type", "title", "status", "detail"],
                        "properties": [
                            "type": ["type": "string"], "title": ["type": "string"], "status": ["type": "integer"],
                            "detail": ["type": "string"], "retryable": ["type": "boolean"],
                            "trace_id": ["type": "string"],
                            "errors": [
                                "type": "array",
                                "items": [
                                    "type": "object",
                                    "properties": ["pointer": ["type": "string"], "detail": ["type": "string"]],
                                ],
                            ],
                        ],
                    ]
                ],
            ],
        ]
    }

    private static func operation(_ route: Router<APIRoute>.Route) -> JSONValue {
        var members: [JSONValue.Member] = [.init("summary", .string(route.action.summary))]
        switch route.action.access {
        case .open, .token: members.append(.init("security", []))
        case .anybodyKnown: members.append(.init("security", [["apiKey": []]]))
        case .permission(let permission):
            members.append(.init("security", [["apiKey": []]]))
            members.append(.init("x-permission", .string(permission.rawValue)))
        }
        var parameters: [JSONValue] = route.pattern.utf8.split(separator: UInt8(ascii: "/")).compactMap { part in
            guard part.first == UInt8(ascii: "{") else { return nil }
            let name = String(decoding: Array(part.dropFirst().dropLast()), as: UTF8.self)
            // What else there may be in a path is no path here.
            return [
                "name": .string(name), "in": "path", "required": true,
                "schema": ["type": "string", "pattern": "^[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,254}$"],
            ]
        }
        parameters += route.action.query.map { parameter in
            [
                "name": .string(parameter.name), "in": "query", "description": .string(parameter.help),
                "schema": parameter.schema,
            ]
        }
        if !parameters.isEmpty { members.append(.init("parameters", .array(parameters))) }
        if let body = route.action.body {
            let isRequired = body.fields.contains(where: \.isRequired)
            members.append(
                .init(
                    "requestBody",
                    ["required": .bool(isRequired), "content": ["application/json": ["schema": body.json]]]))
        }
        let problem: JSONValue = [
            "description": "a problem, as RFC 9457 has it",
            "content": ["application/problem+json": ["schema": ["$ref": "#/components/schemas/Problem"]]],
        ]
        members.append(
            .init(
                "responses",
                .object(successes(of: route.action) + [.init("default", problem)])))
        return .object(members)
    }

    private static func successes(of route: APIRoute) -> [JSONValue.Member] {
        func response(_ status: HTTPStatus, _ type: String?) -> JSONValue.Member {
            var members: [JSONValue.Member] = [.init("description", .string(status.name))]
            if let type { members.append(.init("content", .object([.init(type, [:])]))) }
            return .init(String(status.code), .object(members))
        }
        let hasContent = route.success != .noContent && route.success != .seeOther
        var responses = [response(route.success, hasContent ? route.contentType : nil)]
        switch route.contentType {
        case "application/octet-stream": responses.append(response(.partialContent, route.contentType))
        // A person reads what there is instead.
        case "text/html": responses.append(response(.notFound, route.contentType))
        default: break
        }
        if route.mayBeAccepted { responses.append(response(.accepted, "application/json")) }
        return responses
    }
}
