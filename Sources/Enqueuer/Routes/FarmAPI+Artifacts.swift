import Access
import Artifacts
import Crypto
import HTTP
import JSON
import QueueModel
import System

extension FarmAPI {
    static let artifactRoutes: [Router<APIRoute>.Route] = [
        .init(.get, "/v1/artifacts/{id}", fetchArtifact), .init(.get, "/v1/artifacts/{id}/sha256", showChecksum),
        .init(.post, "/v1/artifacts/{id}/tokens", issueToken), .init(.delete, "/v1/tokens/{id}", revokeToken),
        .init(.get, "/d/{token}", fetchByToken), .init(.get, "/v1/artifacts/{id}/manifest", showManifest),
        .init(.post, "/v1/artifacts/{id}/links", makeLink), .init(.delete, "/v1/links/{id}", revokeLink),
        .init(.get, "/l/{short}", showLanding), .init(.post, "/l/{short}", followLink),
    ]

    private static let fetchArtifact = APIRoute(
        summary: "Fetch the installer of a job, whole or in part", access: .permission(.readArtifacts),
        contentType: "application/octet-stream"
    ) { api, call in
        try await api.artifact(of: try await api.ownedJob(call), call)
    }

    private static let showChecksum = APIRoute(
        summary: "The checksum of an installer, as 'shasum -a 256 -c' reads it", access: .permission(.readArtifacts),
        contentType: "text/plain"
    ) { api, call in
        let result = try api.result(of: try await api.ownedJob(call))
        return HTTPResponse(.ok, text: "\(result.sha256)  \(result.fileName)\n")
    }

    private static let issueToken = APIRoute(
        summary: "Make a download token", access: .permission(.readArtifacts),
        body: BodySchema(
            .init("expiresSeconds", .integer(1...31_622_400), "for how long it is good (default: 3600)"),
            .init("maxUses", .integer(1...1_000_000), "for how many finished downloads (default: any number)")),
        success: .created
    ) { api, call in
        let job = try await api.finishedJob(call)
        let lifetime = Duration.seconds(call.body["expiresSeconds"]?.integer ?? 3600)
        let uses = call.body["maxUses"]?.integer.map { Int(clamping: $0) }
        let (token, id) = try await api.parts.tokens.issue(
            job: job.id.description, lifetime: lifetime, maxUses: uses)
        try await api.parts.audit.add(
            "token.issue", by: try call.caller.label, subject: job.id.description, from: call.request.peer,
            details: ["token": .string(id)])
        return HTTPResponse(
            .created, json: ["id": .string(id), "token": .string(token), "path": .string("/d/" + token)])
    }

    private static let revokeToken = APIRoute(
        summary: "Make a download token good for nothing, by its id", access: .permission(.readArtifacts),
        success: .noContent
    ) { api, call in
        try await api.parts.tokens.revoke(tokenID: call.parameter("id"))
        try await api.parts.audit.add(
            "token.revoke", by: try call.caller.label, subject: call.parameter("id"), from: call.request.peer)
        return HTTPResponse(.noContent)
    }

    private static let fetchByToken = APIRoute(
        summary: "Fetch an installer by a download token", access: .token,
        contentType: "application/octet-stream"
    ) { api, call in
        // Nobody has pressed anything yet, and a use would be gone.
        guard !call.request.isPrefetch else {
            throw Problem(.serviceUnavailable, "no-prefetch", "this is sent when a person asks for it, and not before")
        }
        let grant = try await api.parts.delivery.grant(for: call.parameter("token"))
        do {
            return try await api.file(grant.content, named: grant.fileName, grant: grant, job: grant.job, call)
        } catch let error as ArtifactError {
            throw try await api.gone(error, job: Job.ID(grant.job), isKnown: false)
        }
    }

    private static let showManifest = APIRoute(
        summary: "What an installer installs: each file with its mode, owner and size",
        access: .permission(.readArtifacts)
    ) { api, call in
        let job = try await api.finishedJob(call)
        let artifact = try await api.parts.artifacts.artifact(of: job.id.description)
        let tag = EntityTag("manifest-" + Base64URL.encode(artifact.content.digest.bytes))
        if call.request.hasAlready(tag) { return HTTPResponse(.notModified).with("ETag", tag.text) }
        let file = try await api.parts.store.open(artifact.content)
        let document = try await api.manifests.read(file)
        return HTTPResponse(.ok, json: document).with("ETag", tag.text).with("Cache-Control", "private, no-cache")
    }

    private static let makeLink = APIRoute(
        summary: "Make a short link for a person, with a page from which the download begins",
        access: .permission(.readArtifacts),
        body: BodySchema(
            .init("expiresSeconds", .integer(1...31_622_400), "for how long it is good (default: a day)")),
        success: .created
    ) { api, call in
        let job = try await api.finishedJob(call)
        let lifetime = Duration.seconds(call.body["expiresSeconds"]?.integer ?? 86_400)
        let (text, link) = try await api.parts.links.make(job: job.id.description, lifetime: lifetime)
        try await api.parts.audit.add(
            "link.issue", by: try call.caller.label, subject: job.id.description, from: call.request.peer,
            details: ["link": .string(link.id)])
        return HTTPResponse(
            .created,
            json: [
                "id": .string(link.id), "path": .string("/l/" + text), "expires": .string(link.expires.description),
            ])
    }

    private static let revokeLink = APIRoute(
        summary: "Make a short link good for nothing, by its id", access: .permission(.readArtifacts),
        success: .noContent
    ) { api, call in
        guard try await api.parts.links.revoke(call.parameter("id")) else { throw Problem.notFound("link") }
        try await api.parts.audit.add(
            "link.revoke", by: try call.caller.label, subject: call.parameter("id"), from: call.request.peer)
        return HTTPResponse(.noContent)
    }

    private static let showLanding = APIRoute(
        summary: "The page of a short link", access: .token, contentType: "text/html"
    ) { api, call in
        guard let (link, artifact) = try await api.landing(call) else { return page(.notFound, LandingPage.nowhere) }
        return page(.ok, LandingPage.text(artifact, until: link.expires))
    }

    private static let followLink = APIRoute(
        summary: "Begin the download of a short link", access: .token, success: .seeOther, contentType: "text/html"
    ) { api, call in
        guard let (link, _) = try await api.landing(call) else { return page(.notFound, LandingPage.nowhere) }
        let lifetime = min(.seconds(600), link.expires - api.now())
        let (token, id) = try await api.parts.tokens.issue(
            job: link.job, lifetime: max(.seconds(1), lifetime), maxUses: 1)
        try await api.parts.audit.add(
            "link.follow", by: "link \(link.id)", subject: link.job, from: call.request.peer,
            details: ["token": .string(id)])
        return HTTPResponse(.seeOther).with("Location", "/d/" + token).with("Referrer-Policy", "no-referrer")
    }

    private static func page(_ status: HTTPStatus, _ text: String) -> HTTPResponse {
        var response = HTTPResponse(status, text: text, type: "text/html; charset=utf-8")
        response.set("Content-Security-Policy", LandingPage.policy)
        response.set("Referrer-Policy", "no-referrer")
        response.set("X-Robots-Tag", "noindex")
        return response
    }

    // MARK: Steps

    /// Where the link of the path leads; nil where it leads nowhere.
    private func landing(_ call: Call) async throws -> (ShortLinks.Link, PublishedArtifact)? {
        guard let link = try await parts.links.link(call.parameter("short")) else { return nil }
        do {
            let artifact = try await parts.artifacts.artifact(of: link.job)
            return (link, artifact)
        } catch .notPublished { return nil }
    }

    /// The job of the path, if what was built for it is the caller's to fetch; else there is none.
    private func ownedJob(_ call: Call) async throws -> Job {
        let job = try await job(call)
        guard try call.caller.mayFetch(artifactOf: job.requestedBy) else { throw Problem.notFound("job") }
        return job
    }

    /// The same, where it has led to an artifact.
    private func finishedJob(_ call: Call) async throws -> Job {
        let job = try await ownedJob(call)
        _ = try result(of: job)
        return job
    }

    private func result(of job: Job) throws -> Job.Result {
        guard let result = job.result else { throw DeliveryError.notFinished(job.id, state: job.state.name.rawValue) }
        return result
    }

    /// The installer that a job has led to.
    func artifact(of job: Job, _ call: Call) async throws -> HTTPResponse {
        _ = try result(of: job)
        do {
            let artifact = try await parts.artifacts.artifact(of: job.id.description)
            return try await file(
                artifact.content, named: artifact.fileName, grant: nil, job: job.id.description, call)
        } catch let error as ArtifactError { throw try await gone(error, job: job.id, isKnown: true) }
    }

    /// The problem of an artifact that is gone, with what has come in its place: the last job that was made of its job again.
    ///
    /// - Parameter isKnown: whether the client may know of jobs.
    private func gone(_ error: ArtifactError, job: Job.ID?, isKnown: Bool) async throws -> Problem {
        var problem = Problem(error)
        guard problem.status == .gone, isKnown, var id = job else { return problem }
        var successor: Job.ID?
        for _ in 0..<100 {
            guard let next = try await parts.queue.status(of: id)?.life.retriedAs else { break }
            successor = next
            id = next
        }
        problem.more += [
            .init("successor", JSONValue(successor.map { "/v1/jobs/\($0)" })), .init("rebuild", .string("/v1/jobs")),
        ]
        return problem
    }

    private func file(
        _ content: ArtifactContent, named name: String, grant: DownloadTokens.Grant?, job: String, _ call: Call
    ) async throws -> HTTPResponse {
        let tag = EntityTag("sha256-" + Base64URL.encode(content.digest.bytes))
        if call.request.hasAlready(tag) { return HTTPResponse(.notModified).with("ETag", tag.text) }
        let file = try await parts.store.open(content)
        var response: HTTPResponse
        var (offset, byteCount) = (Int64(0), content.byteCount)
        switch call.request.range(of: content.byteCount, tag: tag) {
        case .all: response = HTTPResponse(.ok, body: .file(file, offset: 0, byteCount: content.byteCount))
        case .part(let start, let count):
            (offset, byteCount) = (start, count)
            response = HTTPResponse(.partialContent, body: .file(file, offset: offset, byteCount: count))
            response.set("Content-Range", "bytes \(offset)-\(offset + count - 1)/\(content.byteCount)")
        case .unsatisfiable:
            let problem = Problem(
                .rangeNotSatisfiable, "range-not-satisfiable", "the file has \(content.byteCount) bytes")
            return problem.response(trace: call.request.trace).with("Content-Range", "bytes */\(content.byteCount)")
        }
        response.set("ETag", tag.text)
        response.set("Accept-Ranges", "bytes")
        response.set("Content-Type", "application/octet-stream")
        response.set("Content-Disposition", ContentDisposition.attachment(name))
        response.set("Repr-Digest", "sha-256=:\(Base64.encode(content.digest.bytes)):")
        response.set("Cache-Control", "private, no-store")
        response.set("Referrer-Policy", "no-referrer")
        guard call.request.method == .get else { return response }
        if let grant { try await parts.tokens.recordBeginning(grant) }
        let (start, count) = (offset, byteCount)
        let (audit, tokens, trace) = (parts.audit, parts.tokens, call.request.trace)
        let (actor, peer, trouble) = (
            call.principal?.label ?? grant.map { "token \($0.tokenID)" }, call.request.peer, report
        )
        response.onEnd = { isWhole in
            Task {
                do {
                    var isComplete = isWhole && start + count == content.byteCount
                    if let grant {
                        isComplete = try await tokens.recordPart(
                            grant, offset: start, byteCount: count, isWhole: isWhole)
                    }
                    guard isComplete else { return }
                    try await audit.add(
                        "artifact.download", by: actor, subject: job, from: peer,
                        details: grant.map { ["token": .string($0.tokenID)] } ?? .null)
                } catch { trouble(trace, error) }
            }
        }
        return response
    }
}
