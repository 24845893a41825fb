import Crypto
public import JSON
import System

/// Jobs and batches as documents that outlive their store: all that is known of them, and nothing that is not there.
///
/// Times are milliseconds since 1970, lengths milliseconds, requests base64url, digests hexadecimal. A text with a NUL,
/// which JSON is not trusted with here, is `{"base64url": …}`.
public enum JobCoding {
    /// The document of a job. A lease is left out: whoever has one loses it.
    public static func encode(_ job: Job) -> JSONValue {
        let life = job.life
        var members: [JSONValue.Member] = [
            .init("id", .string(job.id.description)), .init("lane", .string(job.lane.name)),
            .init("created", time(job.created)), .init("state", .string(job.state.name.rawValue)),
            .init("requestedBy", text(job.requestedBy)), .init("request", .string(Base64URL.encode(job.request))),
            .init("inputDigest", .string(Hex.encode(job.inputDigest))),
            .init("maxAttempts", .integer(Int64(job.maxAttempts))), .init("attempt", .integer(Int64(job.attempt))),
        ]
        func put(_ name: String, _ value: JSONValue?) { if let value { members.append(.init(name, value)) } }
        put("idempotencyKey", job.idempotencyKey.map(text))
        put("batch", job.batch.map { ["id": .string($0.batch.description), "row": .integer(Int64($0.row))] })
        put("campaign", job.campaign.map(text))
        put("retryOf", job.retryOf.map { .string($0.description) })
        put("trace", job.trace.map(text))
        put("totalLimit", job.limits.total.map { .integer($0.wholeMilliseconds) })
        put("idleLimit", job.limits.idle.map { .integer($0.wholeMilliseconds) })
        if job.isUnique { put("isUnique", true) }
        put("lostLeases", life.lostLeases == 0 ? nil : .integer(Int64(life.lostLeases)))
        put("pardons", life.pardons == 0 ? nil : .integer(Int64(life.pardons)))
        put("epoch", life.epoch == 0 ? nil : .integer(life.epoch))
        put(
            "progress",
            life.progress.map { progress in
                ["stage": text(progress.stage), "done": .integer(progress.done), "total": .integer(progress.total)]
            })
        put("progressed", life.progressed.map(time))
        put("failure", life.lastFailure.map(encode))
        put("scheduledFor", life.scheduledFor.map(time))
        put("claimed", life.claimed.map(time))
        put("finished", life.finished.map(time))
        put("retriedAs", life.retriedAs.map { .string($0.description) })
        if case .succeeded(let result) = job.state {
            put(
                "result",
                [
                    "sha256": .string(result.sha256), "size": .integer(result.byteCount),
                    "fileName": text(result.fileName),
                ])
        }
        return .object(members)
    }

    /// The job of a document; one that ran is queued.
    ///
    /// - Throws: `.invalid`, naming the member, for any that `encode` does not write.
    public static func decodeJob(_ document: JSONValue) throws(QueueError) -> Job {
        var reader = try MemberReader(document, in: "job")
        let name = try reader.needed("state", reader.choice("state", Job.State.Name.self))
        let maxAttempts = try reader.needed("maxAttempts", reader.integer("maxAttempts", in: 1...100))
        let failure = try reader.object("failure") { (inner) throws(QueueError) in try decodeFailure(&inner) }
        let scheduledFor = try reader.time("scheduledFor")
        let result = try reader.object("result") { (inner) throws(QueueError) in
            try Job.Result(
                sha256: inner.needed("sha256", inner.text("sha256")),
                byteCount: inner.needed("size", inner.integer("size")),
                fileName: inner.needed("fileName", inner.text("fileName")))
        }
        let state: Job.State =
            switch name {
            case .scheduled: .scheduled(at: try reader.needed("scheduledFor", scheduledFor))
            case .queued, .running: .queued
            case .succeeded: .succeeded(try reader.needed("result", result))
            case .failed: .failed(try reader.needed("failure", failure))
            case .cancelled: .cancelled
            }
        var life = Job.Life(state: state, maxAttempts: Int(maxAttempts))
        life.attempt = Int(try reader.needed("attempt", reader.integer("attempt", in: 1...maxAttempts)))
        life.lostLeases = Int(try reader.integer("lostLeases", in: 0...1_000_000) ?? 0)
        life.pardons = Int(try reader.integer("pardons", in: 0...1_000_000) ?? 0)
        // The bound leaves room to count on.
        life.epoch = try reader.integer("epoch", in: 0...(1 << 52)) ?? 0
        life.progress = try reader.object("progress") { (inner) throws(QueueError) in
            Job.Progress(
                stage: try inner.needed("stage", inner.text("stage")),
                done: try inner.needed("done", inner.integer("done")),
                total: try inner.needed("total", inner.integer("total")))
        }
        life.progressed = try reader.time("progressed")
        life.lastFailure = failure
        life.scheduledFor = scheduledFor
        life.claimed = try reader.time("claimed")
        life.finished = try reader.time("finished")
        life.retriedAs = try reader.id("retriedAs")
        guard name.isFinal == (life.finished != nil) else {
            throw reader.invalid(
                "finished", "there is \(life.finished == nil ? "none" : "one")", "one for ended jobs only")
        }
        let job = Job(
            id: try reader.needed("id", reader.id("id")),
            lane: try reader.needed("lane", reader.lane("lane")),
            request: try reader.needed("request", reader.bytes("request")),
            inputDigest: try reader.needed("inputDigest", reader.digest("inputDigest")),
            requestedBy: try reader.needed("requestedBy", reader.text("requestedBy")),
            created: try reader.needed("created", reader.time("created")),
            idempotencyKey: try reader.text("idempotencyKey"),
            batch: try reader.object("batch") { (inner) throws(QueueError) in
                Batch.Place(
                    batch: try inner.needed("id", inner.id("id")),
                    row: Int(try inner.needed("row", inner.integer("row", in: 1...Int64(Batch.maximumTotal)))))
            },
            campaign: try reader.text("campaign"), retryOf: try reader.id("retryOf"), trace: try reader.text("trace"),
            limits: Job.TimeLimits(total: try reader.limit("totalLimit"), idle: try reader.limit("idleLimit")),
            isUnique: try reader.bool("isUnique") ?? false, life: life)
        try reader.finish()
        try Submission(of: job).validate()
        return job
    }

    /// The document of a batch, without its refused rows.
    public static func encode(_ batch: Batch) -> JSONValue {
        let counts = batch.counts
        var members: [JSONValue.Member] = [
            .init("id", .string(batch.id.description)), .init("total", .integer(Int64(batch.total))),
            .init("requestedBy", text(batch.requestedBy)), .init("created", time(batch.created)),
            .init("accepted", .integer(Int64(counts.accepted))), .init("rejected", .integer(Int64(counts.rejected))),
            .init("succeeded", .integer(Int64(counts.succeeded))), .init("failed", .integer(Int64(counts.failed))),
            .init("cancelled", .integer(Int64(counts.cancelled))),
        ]
        if let finished = batch.finished { members.append(.init("finished", time(finished))) }
        return .object(members)
    }

    /// The batch of a document.
    ///
    /// - Throws: `.invalid`, naming the member, for any that `encode` does not write.
    public static func decodeBatch(_ document: JSONValue) throws(QueueError) -> Batch {
        var reader = try MemberReader(document, in: "batch")
        let total = try reader.needed("total", reader.integer("total", in: 1...Int64(Batch.maximumTotal)))
        var batch = Batch(
            id: try reader.needed("id", reader.id("id")), total: Int(total),
            requestedBy: try reader.needed("requestedBy", reader.text("requestedBy")),
            created: try reader.needed("created", reader.time("created")))
        try validateName("batch.requestedBy", batch.requestedBy)
        batch.finished = try reader.time("finished")
        func count(_ name: String) throws(QueueError) -> Int {
            Int(try reader.needed(name, reader.integer(name, in: 0...total)))
        }
        batch.counts = Batch.Counts(
            accepted: try count("accepted"), rejected: try count("rejected"), succeeded: try count("succeeded"),
            failed: try count("failed"), cancelled: try count("cancelled"))
        guard batch.counts.pending >= 0, batch.counts.accepted + batch.counts.rejected <= batch.total else {
            throw reader.invalid(
                "accepted", "\(batch.counts.accepted)", "at least as many as have ended, and no more than rows")
        }
        try reader.finish()
        return batch
    }

    /// The document of a refused row.
    public static func encode(_ refusal: Batch.Refusal) -> JSONValue {
        [
            "batch": .string(refusal.place.batch.description), "row": .integer(Int64(refusal.place.row)),
            "failure": encode(refusal.failure),
        ]
    }

    /// The refused row of a document.
    ///
    /// - Throws: `.invalid`, naming the member, for any that `encode` does not write.
    public static func decodeRefusal(_ document: JSONValue) throws(QueueError) -> Batch.Refusal {
        var reader = try MemberReader(document, in: "refusal")
        let place = Batch.Place(
            batch: try reader.needed("batch", reader.id("batch")),
            row: Int(try reader.needed("row", reader.integer("row", in: 1...Int64(Batch.maximumTotal)))))
        let failure = try reader.object("failure") { (inner) throws(QueueError) in try decodeFailure(&inner) }
        let refusal = Batch.Refusal(place: place, failure: try reader.needed("failure", failure))
        try reader.finish()
        return refusal
    }

    private static func encode(_ failure: Job.Failure) -> JSONValue {
        ["code": text(failure.code), "message": text(failure.message), "isRetryable": .bool(failure.isRetryable)]
    }

    private static func decodeFailure(_ reader: inout MemberReader) throws(QueueError) -> Job.Failure {
        Job.Failure(
            code: try reader.needed("code", reader.text("code")),
            message: try reader.needed("message", reader.text("message")),
            isRetryable: try reader.needed("isRetryable", reader.bool("isRetryable")))
    }

    private static func time(_ time: Timestamp) -> JSONValue { .integer(time.milliseconds) }

    private static func text(_ text: String) -> JSONValue {
        text.utf8.contains(0) ? ["base64url": .string(Base64URL.encode(Array(text.utf8)))] : .string(text)
    }
}

/// The members of an object, each read once; `finish` refuses those that nobody has asked for.
private struct MemberReader {
    private var members: [String: JSONValue] = [:]
    private let place: String

    init(_ document: JSONValue, in place: String) throws(QueueError) {
        self.place = place
        guard let list = document.members else { throw invalid(nil, "something else", "an object") }
        for member in list { members[member.name] = member.value }
    }

    func invalid(_ name: String?, _ value: String, _ expected: String) -> QueueError {
        .invalid(field: name.map { "\(place).\($0)" } ?? place, value: value, expected: expected)
    }

    /// What must be there.
    func needed<Value>(_ name: String, _ value: Value?) throws(QueueError) -> Value {
        guard let value else { throw invalid(name, "nothing", "a value") }
        return value
    }

    func finish() throws(QueueError) {
        if let unknown = members.keys.min() { throw invalid(unknown, "there", "no member of this name") }
    }

    private mutating func value<Value>(
        _ name: String, _ expected: String, _ read: (JSONValue) -> Value?
    ) throws(QueueError) -> Value? {
        guard let found = members.removeValue(forKey: name) else { return nil }
        guard let value = read(found) else { throw invalid(name, found.text(), expected) }
        return value
    }

    mutating func integer(
        _ name: String, in range: ClosedRange<Int64> = Int64.min...Int64.max
    ) throws(QueueError) -> Int64? {
        try value(name, "a number from \(range.lowerBound) to \(range.upperBound)") { found in
            found.integer.flatMap { range.contains($0) ? $0 : nil }
        }
    }

    mutating func bool(_ name: String) throws(QueueError) -> Bool? { try value(name, "true or false") { $0.bool } }

    mutating func text(_ name: String) throws(QueueError) -> String? {
        try value(name, "a text") { found in
            found.string
                ?? found["base64url"]?.string.flatMap { Base64URL.decode($0.utf8) }
                .flatMap { String(validating: $0, as: UTF8.self) }
        }
    }

    mutating func time(_ name: String) throws(QueueError) -> Timestamp? {
        try integer(name).map { Timestamp(milliseconds: $0) }
    }

    mutating func limit(_ name: String) throws(QueueError) -> Duration? {
        try integer(name, in: 1...QueueLimits.timeLimit.wholeMilliseconds).map { .milliseconds($0) }
    }

    mutating func id<Subject>(_ name: String) throws(QueueError) -> TimeOrderedID<Subject>? {
        try value(name, "an id") { $0.string.flatMap { TimeOrderedID<Subject>($0) } }
    }

    mutating func lane(_ name: String) throws(QueueError) -> Lane? {
        try value(name, "a lane's name") { $0.string.flatMap { Lane($0) } }
    }

    mutating func bytes(_ name: String) throws(QueueError) -> [UInt8]? {
        try value(name, "base64url") { $0.string.flatMap { Base64URL.decode($0.utf8) } }
    }

    mutating func digest(_ name: String) throws(QueueError) -> [UInt8]? {
        try value(name, "64 hexadecimal digits") { $0.string.flatMap { Hex.decode($0) } }
    }

    mutating func choice<Value: RawRepresentable<String>>(
        _ name: String, _ type: Value.Type
    ) throws(QueueError) -> Value? {
        try value(name, "a state") { $0.string.flatMap { Value(rawValue: $0) } }
    }

    /// Reads an object with all its members.
    mutating func object<Value>(
        _ name: String, _ read: (inout MemberReader) throws(QueueError) -> Value
    ) throws(QueueError) -> Value? {
        guard let found = members.removeValue(forKey: name) else { return nil }
        var inner = try MemberReader(found, in: "\(place).\(name)")
        let value = try read(&inner)
        try inner.finish()
        return value
    }
}
