import Access
import Crypto
import HTTP
public import JSON
public import QueueModel
import System

extension FarmAPI {
    static let batchRoutes: [Router<APIRoute>.Route] = [
        .init(.post, "/v1/batches", submitBatch), .init(.get, "/v1/batches/{id}", showBatch),
        .init(.get, "/v1/batches/{id}/rows", listRows), .init(.post, "/v1/batches/{id}/cancel", cancelBatch),
    ]

    static let batchSchema = BodySchema(
        byteLimit: BatchFile.mostBytes,
        .init(
            "rows",
            .rows(
                BodySchema(
                    .init("nodeName", .text(most: 255), "the node's host name"),
                    .init("packageName", .text(most: 255), "the package's file name"),
                    .init("labels", .texts(most: 32), "names and texts for finding jobs again")),
                most: BatchFile.mostRows), isRequired: true, "the installers"),
        .init("sealing", .text(most: 32), "how secrets are sealed; the farm's choice where it has one"),
        .init("lane", .text(most: 32), "the lane in which they wait (default: batch)"))

    private static let submitBatch = APIRoute(
        summary: "Ask for many installers at once, a row each",
        access: .permission(.submitJobs),
        body: batchSchema, isSpooled: true, success: .accepted
    ) { api, call in
        let caller = try call.caller
        let body = try await api.batchReader.read(call.request.bodyFile, batchSchema)
        var template = InstallerOrder(requestedBy: caller.label)
        template.sealing = body.frame["sealing"]?.string
        template.lane = body.frame["lane"]?.string
        template.trace = call.request.trace.text
        template.address = call.request.peer
        if api.parts.submitter.isPlain(template) { try api.checkMaySealPlain(caller) }
        var rows = body.rows()
        let receipt: BatchReceipt
        do {
            let id = try await api.batchID(call)
            receipt = try await api.parts.submitter.submit(body.count, as: id, requestedBy: caller.name) {
                guard let row = try rows.next() else { return nil }
                var order = template
                order.nodeName = row["nodeName"]?.string
                order.packageName = row["packageName"]?.string
                order.labels = labels(row["labels"])
                return order
            }
        } catch let error as QueueError {
            switch error {
            // Without a key the batch is new, and so is each of its rows.
            case .rowTaken, .batchDiffers:
                throw Problem(
                    .unprocessableContent, "idempotency-key-reused",
                    "this Idempotency-Key was used for a batch with other rows, or before the farm's payload or settings changed"
                )
            default: throw error
            }
        }
        let id = receipt.batch.id.description
        var members = BatchDocument.json(receipt.batch).members ?? []
        members.append(
            .init(
                "rows", .array(receipt.outcomes.enumerated().map { BatchDocument.json($0.element, row: $0.offset + 1) })
            )
        )
        members.append(.init("notes", .array(receipt.notes.map { .string($0) })))
        if !api.parts.degradations.isEmpty { members.append(.init("durability", "degraded")) }
        var response = HTTPResponse(.accepted, json: .object(members))
        response.set("Location", "/v1/batches/\(id)")
        response.set("Retry-After", "5")
        response.add("Link", "</v1/batches/\(id)>; rel=\"status\"")
        return response
    }

    private static let showBatch = APIRoute(
        summary: "Show a batch: how many of its rows have come to which end", access: .permission(.readJobs)
    ) { api, call in
        let bytes = BatchDocument.json(try await api.batch(call)).bytes()
        let tag = tag(of: bytes)
        return api.tagged(api.representation(bytes, tag), tag, call)
    }

    private static let listRows = APIRoute(
        summary: "List the rows of a batch, and what has become of each", access: .permission(.readJobs),
        query: [
            .number("after", 0...Batch.maximumTotal, "the number of a row; those after it follow"),
            .number("limit", 1...1000, "at most so many (default: 100)"),
        ]
    ) { api, call in
        let batch = try await api.batch(call)
        let target = call.request.target
        let after = try number(target["after"], "after", in: 0...Batch.maximumTotal) ?? 0
        let limit = try number(target["limit"], "limit", in: 1...1000) ?? 100
        let items = try await api.parts.queue.items(of: batch.id, after: after, limit: limit)
        let next = items.count == limit ? items.last?.row : nil
        var response = HTTPResponse(
            .ok,
            json: ["rows": .array(items.map { BatchDocument.json($0) }), "next": JSONValue(next.map { Int64($0) })])
        if let next {
            response.set("Link", "</v1/batches/\(batch.id)/rows?limit=\(limit)&after=\(next)>; rel=\"next\"")
        }
        return response
    }

    private static let cancelBatch = APIRoute(
        summary: "Cancel all jobs of a batch that have not ended", access: .permission(.submitJobs)
    ) { api, call in
        let batch = try await api.batch(call)
        guard try call.caller.mayManage(jobOf: batch.requestedBy) else {
            throw Problem(
                .forbidden, "forbidden",
                "this batch is somebody else's; that needs the permission \(Permission.manageJobs.rawValue)")
        }
        var (row, count) = (0, 0)
        while true {
            let items = try await api.parts.queue.items(of: batch.id, after: row, limit: 500)
            guard let last = items.last else { break }
            for item in items {
                guard case .job(let job) = item.outcome, !job.state.name.isFinal else { continue }
                do throws(QueueError) {
                    _ = try await api.parts.queue.cancel(job.id)
                    api.answers.drop(job.id.description)
                    count += 1
                } catch {
                    // It has come to an end meanwhile, or this version cannot read it: the others are cancelled.
                    switch error {
                    case .wrongState, .parked, .notFound: continue
                    default: throw error
                    }
                }
            }
            row = last.row
        }
        var members = BatchDocument.json(try await api.batch(call)).members ?? []
        members.append(.init("cancelledNow", .integer(Int64(count))))
        return HTTPResponse(.ok, json: .object(members))
    }

    // MARK: Steps

    private func batch(_ call: Call) async throws -> Batch {
        guard let id = Batch.ID(call.parameter("id")), let batch = try await parts.queue.batch(id) else {
            throw Problem.notFound("batch")
        }
        return batch
    }

    /// A new batch's id, or that of the batch which the caller has sent under the same key within the last day or two.
    ///
    /// It is made of the key and the day, so that nothing needs to be kept beside the batch, and nothing can be lost between
    /// the two.
    private func batchID(_ call: Call) async throws -> Batch.ID {
        guard let key = try idempotencyKey(call) else { return Batch.ID(at: now(), random: random) }
        let digest = SHA256Digest(of: Array("batch \(key)".utf8)).bytes
        let day = now().seconds / 86_400
        func id(_ day: Int64) -> Batch.ID {
            Batch.ID(at: Timestamp(seconds: day * 86_400), random: RandomSource { Array(digest.prefix($0)) })
        }
        if try await parts.queue.batch(id(day - 1)) != nil { return id(day - 1) }
        return id(day)
    }
}

/// A batch as clients see it: the same members in every answer of the command line and the API.
public enum BatchDocument {
    /// How far it is.
    public static func json(_ batch: Batch) -> JSONValue {
        [
            "id": .string(batch.id.description), "total": .integer(Int64(batch.total)),
            "requestedBy": .string(batch.requestedBy), "created": .string(batch.created.description),
            "finished": JSONValue(batch.finished?.description),
            "counts": [
                "accepted": .integer(Int64(batch.counts.accepted)), "rejected": .integer(Int64(batch.counts.rejected)),
                "succeeded": .integer(Int64(batch.counts.succeeded)), "failed": .integer(Int64(batch.counts.failed)),
                "cancelled": .integer(Int64(batch.counts.cancelled)), "pending": .integer(Int64(batch.counts.pending)),
            ],
        ]
    }

    /// What was made of a row that was just taken in.
    public static func json(_ outcome: BatchReceipt.Outcome, row: Int) -> JSONValue {
        switch outcome {
        case .job(let id): ["row": .integer(Int64(row)), "id": .string(id.description)]
        case .refused(let failure): ["row": .integer(Int64(row)), "error": JobDocument.json(failure)]
        }
    }

    /// A row as it is now.
    static func json(_ item: Batch.Item) -> JSONValue {
        let row = JSONValue.Member("row", .integer(Int64(item.row)))
        switch item.outcome {
        case .job(let job): return .object([row, .init("job", JobDocument.json(job))])
        case .rejected(let failure): return .object([row, .init("error", JobDocument.json(failure))])
        case .parked(let parked): return .object([row, .init("job", JobDocument.json(parked))])
        }
    }
}
