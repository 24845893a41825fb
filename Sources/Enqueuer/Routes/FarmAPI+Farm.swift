import Access
import HTTP
import JSON
import QueueModel
import System

extension FarmAPI {
    static let farmRoutes: [Router<APIRoute>.Route] = [
        .init(.get, "/v1/lanes", listLanes), .init(.post, "/v1/lanes/{lane}/pause", pauseLane),
        .init(.post, "/v1/lanes/{lane}/resume", resumeLane), .init(.get, "/v1/workers", listWorkers),
        .init(.get, "/v1/events", followEvents),
    ]

    private static let listLanes = APIRoute(summary: "The lanes as they stand", access: .permission(.readJobs)) {
        api, _ in
        let lanes = try await api.parts.queue.lanes()
        return HTTPResponse(.ok, json: ["lanes": .array(lanes.map { FarmDocument.json($0) })])
    }

    private static let pauseLane = APIRoute(
        summary: "Start no more jobs of a lane", access: .permission(.manageLanes),
        body: BodySchema(.init("reason", .text(most: 200), "what others should know"))
    ) { api, call in
        let lane = try lane(call)
        let reason = call.body["reason"]?.string ?? ""
        try await api.parts.queue.hold(.paused, lane, by: try call.caller.label, reason: reason)
        return try await api.ordered("lane.pause", lane, call)
    }

    private static let resumeLane = APIRoute(
        summary: "Start jobs of a lane again, and take new ones in", access: .permission(.manageLanes)
    ) { api, call in
        let lane = try lane(call)
        try await api.parts.queue.resume(lane, by: try call.caller.label)
        return try await api.ordered("lane.resume", lane, call)
    }

    private static let listWorkers = APIRoute(
        summary: "The workers of the last day", access: .permission(.readJobs)
    ) { api, _ in
        let workers = try await api.parts.queue.workers()
        return HTTPResponse(.ok, json: ["workers": .array(workers.map { FarmDocument.json($0) })])
    }

    private static let followEvents = APIRoute(
        summary: "Follow what happens, as server-sent events; Last-Event-ID goes on where one was",
        access: .permission(.readJobs), contentType: "text/event-stream"
    ) { api, call in
        let after = call.request.fields.text("last-event-id").flatMap { Int64($0) }.flatMap { $0 >= 0 ? $0 : nil }
        let stream = ByteStream()
        let task = Task { await api.events.follow(stream, after: after) }
        stream.onClose { task.cancel() }
        var response = HTTPResponse(.ok, body: .stream(stream))
        response.set("Content-Type", "text/event-stream; charset=utf-8")
        response.set("Cache-Control", "no-store")
        response.set("X-Accel-Buffering", "no")
        return response
    }

    private static func lane(_ call: Call) throws -> Lane {
        guard let lane = Lane(call.parameter("lane")) else { throw Problem.notFound("lane") }
        return lane
    }

    private func ordered(_ action: String, _ lane: Lane, _ call: Call) async throws -> HTTPResponse {
        try await parts.audit.add(action, by: try call.caller.label, subject: lane.name, from: call.request.peer)
        let lanes = try await parts.queue.lanes()
        guard let status = lanes.first(where: { $0.policy.lane == lane }) else { throw Problem.notFound("lane") }
        return HTTPResponse(.ok, json: FarmDocument.json(status))
    }
}
