import Access
import Crypto
import HTTP
import JSON
import QueueModel
import System

extension FarmAPI {
    static let jobRoutes: [Router<APIRoute>.Route] = [
        .init(.post, "/v1/jobs", submitJob), .init(.get, "/v1/jobs", listJobs), .init(.get, "/v1/jobs/{id}", showJob),
        .init(.post, "/v1/jobs/{id}/cancel", cancelJob), .init(.post, "/v1/jobs/{id}/retry", retryJob),
        .init(.post, "/api/fleet/build-cluster-package", buildPackage),
    ]

    private static let submitJob = APIRoute(
        summary: "Ask for an installer",
        access: .permission(.submitJobs),
        body: BodySchema(
            .init("nodeName", .text(most: 255), "the node's host name; without one the Mac names itself"),
            .init("packageName", .text(most: 255), "the package's file name"),
            .init("sealing", .text(most: 32), "how secrets are sealed; the farm's choice where it has one"),
            .init("labels", .texts(most: 32), "names and texts for finding jobs again"),
            .init("lane", .text(most: 32), "the lane in which it waits (default: interactive)"),
            .init("unique", .flag, "while an equal request waits or is built, answer with that one"),
            .init("delaySeconds", .integer(0...31_536_000), "not to be built before so many seconds from now")),
        success: .accepted
    ) { api, call in
        var order = InstallerOrder(requestedBy: try call.caller.label)
        order.nodeName = call.body["nodeName"]?.string
        order.packageName = call.body["packageName"]?.string
        order.sealing = call.body["sealing"]?.string
        order.lane = call.body["lane"]?.string
        order.isUnique = call.body["unique"]?.bool ?? false
        order.labels = labels(call.body["labels"])
        order.notBefore = call.body["delaySeconds"]?.integer.map { api.now() + .seconds($0) }
        var receipt = try await api.submit(order, call)
        receipt.job = try await api.waited(receipt.job, call, atMost: call.request.preferredWait)
        return try await api.accepted(receipt, call)
    }

    private static let listJobs = APIRoute(
        summary: "List jobs, the newest first",
        access: .permission(.readJobs),
        query: [
            .init(
                "state", ["type": "string", "enum": .array(Job.State.Name.allCases.map { .string($0.rawValue) })],
                "only jobs in this state"),
            .init("lane", ["type": "string", "pattern": "^[a-z][a-z0-9-]{0,31}$"], "only jobs of this lane"),
            .number("limit", 1...1000, "at most so many (default: 100)"),
            .init(
                "cursor", ["type": "string", "pattern": "^a[1-9a-f][0-9a-f]{0,14}$"], "where the page before has ended"),
        ]
    ) { api, call in
        var filter = JobFilter.all
        let target = call.request.target
        if let text = target["state"] {
            guard let state = Job.State.Name(rawValue: text) else {
                let known = Job.State.Name.allCases.map(\.rawValue).joined(separator: ", ")
                throw Problem.invalid("state", "expected one of \(known)")
            }
            filter.state = state
        }
        if let text = target["lane"] {
            guard let lane = Lane(text) else { throw Problem.invalid("lane", "expected the name of a lane") }
            filter.lane = lane
        }
        let limit = try number(target["limit"], "limit", in: 1...1000) ?? 100
        let page = try await api.parts.queue.list(
            filter, after: try target["cursor"].map { try JobCursor($0) }, limit: limit)
        var response = HTTPResponse(
            .ok,
            json: [
                "jobs": .array(page.jobs.map { JobDocument.json($0) } + page.parked.map { JobDocument.json($0) }),
                "next": JSONValue(page.next?.description),
            ])
        if let next = page.next {
            var query = target.query.filter { $0.name != "cursor" }.map { "\($0.name)=\($0.value)" }
            query.append("cursor=\(next)")
            response.set("Link", "</v1/jobs?\(query.joined(separator: "&"))>; rel=\"next\"")
        }
        return response
    }

    private static let showJob = APIRoute(
        summary: "Show a job: its state, its place, why it waits", access: .permission(.readJobs), isRecalled: true
    ) { api, call in
        let mark = api.answers.mark()
        var job = try await api.job(call)
        var document = try await api.document(job)
        if let wait = call.request.preferredWait, !job.state.name.isFinal,
            call.request.hasAlready(document.tag) || !call.request.hasConditions
        {
            job = try await api.waited(job, call, atMost: wait)
            document = try await api.document(job)
        }
        let whole = api.representation(document.bytes, document.tag) { api.addLinks(of: job, to: &$0) }
        api.remember(whole, document.tag, about: job.id.description, since: mark)
        return api.tagged(whole, document.tag, call)
    }

    private static let cancelJob = APIRoute(summary: "Cancel a job", access: .permission(.submitJobs)) { api, call in
        let job = try await api.job(call, managing: true)
        let cancelled = try await api.parts.queue.cancel(job.id)
        api.answers.drop(job.id.description)
        return HTTPResponse(.ok, json: JobDocument.json(cancelled))
    }

    private static let retryJob = APIRoute(
        summary: "Ask again for what has failed or was cancelled, as a new job", access: .permission(.submitJobs),
        success: .accepted
    ) { api, call in
        let job = try await api.job(call, managing: true)
        let new = try await api.parts.queue.retry(job.id, as: Job.ID(at: api.now(), random: api.random))
        api.answers.drop(job.id.description)
        return try await api.accepted(Receipt(job: new, notes: [], request: nil), call)
    }

    private static let buildPackage = APIRoute(
        summary: "Build an installer and answer with it; 202 with Prefer: respond-async",
        access: .permission(.submitJobs),
        body: BodySchema(
            .init("node_name", .text(most: 255), "the node's host name; without one the Mac names itself"),
            .init("package_name", .text(most: 255), "the package's file name")),
        contentType: "application/octet-stream", mayBeAccepted: true
    ) { api, call in
        var order = InstallerOrder(requestedBy: try call.caller.label)
        order.nodeName = call.body["node_name"]?.string
        order.packageName = call.body["package_name"]?.string
        var receipt: Receipt
        do { receipt = try await api.submit(order, call) } catch {
            throw Problem(error).renamed(["/nodeName": "/node_name", "/packageName": "/package_name"])
        }
        if call.request.prefersAsync {
            return try await api.accepted(receipt, call).with(
                "Preference-Applied", "respond-async")
        }
        // A client that goes away meanwhile loses nothing: the job is the farm's.
        let job = try await api.waited(receipt.job, call, atMost: .seconds(600), andCap: .seconds(600))
        guard job.result != nil else {
            receipt.job = job
            if job.state.name.isFinal {
                let failure = job.life.lastFailure.map { "\($0.message) [\($0.code)]" } ?? job.state.name.rawValue
                throw Problem(.internalServerError, "build-failed", "job \(job.id) has not succeeded: \(failure)")
            }
            return try await api.accepted(receipt, call)
        }
        return try await api.artifact(of: job, call)
    }

    // MARK: Steps

    /// Takes an order in, if the caller may.
    func submit(_ order: InstallerOrder, _ call: Call) async throws -> Receipt {
        var order = order
        order.trace = call.request.trace.text
        order.idempotencyKey = try idempotencyKey(call)
        order.address = call.request.peer
        if parts.submitter.isPlain(order) { try checkMaySealPlain(try call.caller) }
        return try await parts.submitter.submit(order)
    }

    func checkMaySealPlain(_ caller: Principal) throws(Problem) {
        guard caller.may(.sealPlain) else {
            throw Problem(
                .forbidden, "forbidden",
                "an installer that anyone can read who has it needs the permission \(Permission.sealPlain.rawValue)")
        }
    }

    /// Labels as orders have them.
    static func labels(_ value: JSONValue?) -> [String] {
        value?.members?.map { "\($0.name)=\($0.value.string ?? "")" } ?? []
    }

    /// The client's name for its request, made the caller's own: quoted as RFC 8941 has it, or plain.
    func idempotencyKey(_ call: Call) throws -> String? {
        let given = call.request.fields.values("idempotency-key")
        guard let value = given.first else { return nil }
        var key = value[...]
        if key.count >= 2, key.first == 0x22, key.last == 0x22 { key = key.dropFirst().dropLast() }
        guard given.count == 1, (1...128).contains(key.count),
            key.allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C })
        else {
            throw Problem(
                .badRequest, "invalid-idempotency-key",
                "Idempotency-Key: expected 1 to 128 visible ASCII characters, in quotes or without")
        }
        return try call.caller.name + ":" + String(decoding: Array(key), as: UTF8.self)
    }

    /// The job of the path.
    func job(_ call: Call, managing: Bool = false) async throws -> Job {
        guard let id = Job.ID(call.parameter("id")), let job = try await parts.queue.status(of: id) else {
            throw Problem.notFound("job")
        }
        if managing, try !call.caller.mayManage(jobOf: job.requestedBy) {
            throw Problem(
                .forbidden, "forbidden",
                "this job is somebody else's; that needs the permission \(Permission.manageJobs.rawValue)")
        }
        return job
    }

    /// Why it waits, where it does.
    private func standing(of job: Job) async throws -> Standing? {
        if let known = Standing(ofScheduled: job, now: now()) { return known }
        let isWaiting = job.state.name == .queued || job.state.name == .scheduled
        return isWaiting ? try await parts.queue.standing(of: job.id) : nil
    }

    private func document(_ job: Job) async throws -> (bytes: [UInt8], tag: EntityTag) {
        let standing = try await standing(of: job)
        let bytes = JobDocument.json(job, standing).bytes()
        return (bytes, Self.tag(of: bytes))
    }

    static func tag(of bytes: [UInt8]) -> EntityTag {
        EntityTag(Hex.encode(Array(SHA256Digest(of: bytes).bytes.prefix(12))))
    }

    /// A document that changes.
    func representation(
        _ bytes: [UInt8], _ tag: EntityTag, _ more: (inout HTTPResponse) -> Void = { _ in }
    ) -> HTTPResponse {
        var response = HTTPResponse(.ok, body: .bytes(bytes))
        response.set("Content-Type", "application/json")
        response.set("ETag", tag.text)
        response.set("Cache-Control", "private, no-cache")
        more(&response)
        return response
    }

    /// The same for a client who may have it already.
    func tagged(_ whole: HTTPResponse, _ tag: EntityTag, _ call: Call) -> HTTPResponse {
        guard call.request.hasAlready(tag) else { return whole }
        return whole.notModified
    }

    /// The job once it has changed its state or come to its end, or as it is when the time is up.
    func waited(_ job: Job, _ call: Call, atMost limit: Duration?, andCap cap: Duration = .seconds(25)) async throws
        -> Job
    {
        guard let limit, limit > .zero, !job.state.name.isFinal else { return job }
        let (id, queue) = (job.id, parts.queue)
        return try await withThrowingTaskGroup(of: Job?.self) { group in
            group.addTask { [events] in
                if let changes = events.changes(of: id) {
                    // What has happened before this is in the job; what happens later wakes.
                    if let job = try await queue.status(of: id), job.state.name.isFinal { return job }
                    for await _ in changes {
                        if let job = try await queue.status(of: id), job.state.name.isFinal { return job }
                    }
                    try Task.checkCancellation()
                }
                return try await JobWatcher(queue: queue).watch(id) { _ in }
            }
            group.addTask {
                // Cancelled by the end of the server, or of the wait.
                try? await Task.sleep(for: min(limit, cap))
                return nil
            }
            defer { group.cancelAll() }
            if let ended = try await group.next() ?? nil { return ended }
            return try await queue.status(of: id) ?? job
        }
    }

    func accepted(_ receipt: Receipt, _ call: Call) async throws -> HTTPResponse {
        let job = receipt.job
        let standing = try await standing(of: job)
        var members = receipt.document(standing).members ?? []
        members.append(.init("notes", .array(receipt.notes.map { .string($0) })))
        if !parts.degradations.isEmpty { members.append(.init("durability", "degraded")) }
        var response = HTTPResponse(.accepted, json: .object(members))
        let place = "/v1/jobs/\(job.id)"
        response.set("Location", place)
        let estimate = standing?.estimate?.components.seconds ?? 1
        response.set("Retry-After", String(min(30, max(1, estimate))))
        addLinks(of: job, to: &response)
        response.add("Link", "<\(place)>; rel=\"status\"")
        if call.request.preferredWait != nil { response.set("Preference-Applied", "wait") }
        return response
    }

    private func addLinks(of job: Job, to response: inout HTTPResponse) {
        if job.result != nil { response.add("Link", "</v1/artifacts/\(job.id)>; rel=\"item\"") }
    }

    /// A whole number of the query.
    static func number(_ text: String?, _ name: String, in range: ClosedRange<Int>) throws(Problem) -> Int? {
        guard let text else { return nil }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text), range.contains(number)
        else {
            throw Problem.invalid(name, "expected a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}

extension HTTPResponse {
    /// What a client gets who has this already.
    var notModified: HTTPResponse {
        var response = HTTPResponse(.notModified)
        for (name, value) in fields where !["Content-Type", "Content-Length"].contains(name) {
            response.add(name, value)
        }
        return response
    }
}

extension HTTPRequest {
    /// Whether it says which copy its client has.
    fileprivate var hasConditions: Bool { !fields.values("if-none-match").isEmpty }
}

extension Problem {
    /// The same with places under other names.
    fileprivate func renamed(_ names: [String: String]) -> Problem {
        var copy = self
        copy.parts = parts.map { Part(names[$0.place] ?? $0.place, $0.detail) }
        return copy
    }
}
