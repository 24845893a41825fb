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
        .init(.get, "/d/{token}", fetchByToken),
    ]

    private static let fetchArtifact = APIRoute(
        summary: "Fetch the installer of a job, whole or in part", access: .permission(.readArtifacts)
    ) { api, call in
        try await api.artifact(of: try await api.ownedJob(call), call)
    }

    private static let showChecksum = APIRoute(
        summary: "The checksum of an installer, as 'shasum -a 256 -c' reads it", access: .permission(.readArtifacts)
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
        let job = try await api.ownedJob(call)
        _ = try api.result(of: job)
        let lifetime = Duration.seconds(call.body["expiresSeconds"]?.integer ?? 3600)
        let uses = call.body["maxUses"]?.integer.map { Int(clamping: $0) }
        let token = try await api.parts.delivery.token(for: job.id, lifetime: lifetime, maxUses: uses)
        let grant = try await api.parts.tokens.check(token)
        try await api.parts.audit.add(
            "token.issue", by: try call.caller.label, subject: job.id.description, from: call.request.peer,
            details: ["token": .string(grant.tokenID)])
        return HTTPResponse(
            .created, json: ["id": .string(grant.tokenID), "token": .string(token), "path": .string("/d/" + token)])
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
        summary: "Fetch an installer by a download token", access: .token
    ) { api, call in
        let grant = try await api.parts.delivery.grant(for: call.parameter("token"))
        return try await api.file(grant.content, named: grant.fileName, grant: grant, job: grant.job, call)
    }

    // MARK: Steps

    /// The job of the path, if what was built for it is the caller's to fetch; else there is none.
    private func ownedJob(_ call: Call) async throws -> Job {
        let job = try await job(call)
        guard try call.caller.mayFetch(artifactOf: job.requestedBy) else { throw Problem.notFound("job") }
        return job
    }

    private func result(of job: Job) throws -> Job.Result {
        guard let result = job.result else { throw DeliveryError.notFinished(job.id, state: job.state.name.rawValue) }
        return result
    }

    /// The installer that a job has led to.
    func artifact(of job: Job, _ call: Call) async throws -> HTTPResponse {
        _ = try result(of: job)
        let artifact = try await parts.artifacts.artifact(of: job.id.description)
        return try await file(
            artifact.content, named: artifact.fileName, grant: nil, job: job.id.description, call)
    }

    private func file(
        _ content: ArtifactContent, named name: String, grant: DownloadTokens.Grant?, job: String, _ call: Call
    ) async throws -> HTTPResponse {
        let tag = EntityTag("sha256-" + Base64URL.encode(content.digest.bytes))
        if call.request.hasAlready(tag) { return HTTPResponse(.notModified).with("ETag", tag.text) }
        let file = try await parts.store.open(content)
        var response: HTTPResponse
        var reachesEnd = true
        switch call.request.range(of: content.byteCount, tag: tag) {
        case .all: response = HTTPResponse(.ok, body: .file(file, offset: 0, byteCount: content.byteCount))
        case .part(let offset, let count):
            reachesEnd = offset + count == content.byteCount
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
        guard call.request.method == .get, reachesEnd else { return response }
        let (audit, tokens, trace) = (parts.audit, parts.tokens, call.request.trace)
        let (actor, peer, trouble) = (
            call.principal?.label ?? grant.map { "token \($0.tokenID)" }, call.request.peer, report
        )
        // A use is a transfer that came to the end of the file: no look at its head, no part, no preview counts.
        response.onEnd = { isWhole in
            guard isWhole else { return }
            Task {
                do {
                    if let grant { try await tokens.recordCompletedUse(grant) }
                    try await audit.add(
                        "artifact.download", by: actor, subject: job, from: peer,
                        details: grant.map { ["token": .string($0.tokenID)] } ?? .null)
                } catch { trouble(trace, error) }
            }
        }
        return response
    }
}
