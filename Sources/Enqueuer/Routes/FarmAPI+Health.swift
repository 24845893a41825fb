import Access
import HTTP
import JSON
import QueueModel
import System

extension FarmAPI {
    static let healthRoutes: [Router<APIRoute>.Route] = [
        .init(.get, "/livez", showLife), .init(.get, "/readyz", showReadiness), .init(.get, "/metrics", showMetrics),
        .init(.get, "/openapi.json", showDescription),
    ]

    private static let showLife = APIRoute(summary: "Whether the process lives", access: .open) { _, _ in
        HTTPResponse(.ok, text: "ok\n")
    }

    private static let showReadiness = APIRoute(
        summary: "Whether requests can be served: the store answers", access: .open
    ) { api, _ in
        _ = try await api.parts.queue.policies()
        let words = api.parts.degradations.isEmpty ? "" : "durability: degraded\n"
        return HTTPResponse(.ok, text: "ready\n" + words)
    }

    private static let showMetrics = APIRoute(
        summary: "Numbers for Prometheus", access: .permission(.readMetrics)
    ) { api, _ in
        let lanes = try await api.parts.queue.lanes()
        let workers = try await api.parts.queue.workers()
        return HTTPResponse(
            .ok, text: Metrics.text(lanes: lanes, workers: workers, now: api.now()), type: "text/plain; version=0.0.4")
    }

    private static let showDescription = APIRoute(summary: "This API, as OpenAPI 3.1", access: .open) { api, _ in
        HTTPResponse(.ok, json: OpenAPI.document(routes, version: api.parts.version))
    }
}

/// Numbers about the farm, as Prometheus reads them.
enum Metrics {
    static func text(lanes: [LaneStatus], workers: [WorkerStatus], now: Timestamp) -> String {
        var text = ""
        func series(_ name: String, _ help: String, _ values: [(labels: String, value: Double)]) {
            text += "# HELP \(name) \(help)\n# TYPE \(name) gauge\n"
            for (labels, value) in values { text += "\(name){\(labels)} \(value)\n" }
        }
        series(
            "farm_queue_depth", "Jobs that wait for a worker.",
            lanes.map { ("lane=\"\($0.policy.lane.name)\"", Double($0.queued)) })
        series(
            "farm_jobs_running", "Jobs at a worker.",
            lanes.map { ("lane=\"\($0.policy.lane.name)\"", Double($0.running)) })
        series(
            "farm_jobs_scheduled", "Jobs that wait for their time.",
            lanes.map { ("lane=\"\($0.policy.lane.name)\"", Double($0.scheduled)) })
        series("farm_workers", "Workers of the last day.", [("state=\"alive\"", Double(workers.count { $0.isAlive }))])
        return text
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
            return ["name": .string(name), "in": "path", "required": true, "schema": ["type": "string"]]
        }
        parameters += route.action.query.map { parameter in
            [
                "name": .string(parameter.name), "in": "query", "description": .string(parameter.help),
                "schema": ["type": "string"],
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
                .object([
                    .init(String(route.action.success.code), ["description": .string(route.action.success.name)]),
                    .init("default", problem),
                ])))
        return .object(members)
    }
}
