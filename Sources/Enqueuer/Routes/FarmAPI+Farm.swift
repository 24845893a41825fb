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
        access: .permission(.readJobs)
    ) { api, call in
        let after = call.request.fields.text("last-event-id").flatMap { Int64($0) }.flatMap { $0 >= 0 ? $0 : nil }
        let stream = ByteStream()
        let follower = EventFollower(queue: api.parts.queue, stream: stream)
        let task = Task { await follower.run(after: after) }
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

/// Writes the queue's events into a stream, as they come, until nobody reads it.
struct EventFollower: Sendable {
    let queue: any JobQueue
    let stream: ByteStream

    private static let heartbeat = Duration.seconds(15)

    /// From the event after that number on; from now on where there is none.
    func run(after sequence: Int64?) async {
        stream.write(Array("retry: 2000\n\n".utf8))
        var place = sequence
        while !Task.isCancelled, !stream.isClosed {
            do {
                let page = try await queue.events(after: place, limit: 1000)
                if page.needsResync { stream.write(Array("event: resync\nid: \(page.next)\ndata: {}\n\n".utf8)) }
                for event in page.events { stream.write(Self.text(event)) }
                place = page.next
                if !page.events.isEmpty { continue }
                try await queue.waitForEvents(after: page.next, atMost: Self.heartbeat)
                let isQuiet = try await queue.events(after: page.next, limit: 1).events.isEmpty
                if isQuiet { stream.write(Array(": still here\n\n".utf8)) }
            } catch {
                // The reader's next attempt goes on where this one has got to.
                break
            }
        }
        stream.finish()
    }

    private static func text(_ event: QueueEvent) -> [UInt8] {
        let document = FarmDocument.json(event)
        return Array(
            "id: \(event.sequence)\nevent: \(FarmDocument.name(event.change))\ndata: \(document.text())\n\n".utf8)
    }
}
