import JSON
import QueueModel
import System
import TestSupport
import Testing

@Suite struct JobCodingTests {
    /// A job with everything that one can have.
    private func richJob() async throws -> Job {
        let queue = InMemoryJobQueue(
            rules: QueueRules(backoff: .none, lostLeases: 9), now: { Timestamp(milliseconds: 1_800_000_000_000) })
        _ = try await queue.open(.sample(1), total: 3, requestedBy: "test")
        _ = try await queue.enqueue(
            .sample(1).row(2).with {
                $0.requestedBy = "a\u{0}b \u{1F600} \u{2028}"
                $0.idempotencyKey = "key/1"
                $0.campaign = "rotation"
                $0.trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                $0.limits = Job.TimeLimits(total: .seconds(60), idle: .seconds(7))
            })
        let claim = try #require(try await queue.claim(by: "w", lanes: nil, for: .seconds(60))?.claim)
        try await queue.report(Job.Progress(stage: "payload", done: 3, total: 9), claim)
        try await queue.fail(claim, Job.Failure(code: "bad", message: "why\u{0}not", isRetryable: false))
        _ = try await queue.retry(.sample(1), as: .sample(2))
        return try #require(try await queue.status(of: .sample(1)))
    }

    @Test("a document has every fact of a job, and gives the same job again")
    func roundTrip() async throws {
        let job = try await richJob()
        let document = JobCoding.encode(job)
        #expect(document.members?.count == 22)
        #expect(try JobCoding.decodeJob(JSONValue(parsing: document.bytes())) == job)
    }

    /// Documents by what they are of, with the members that must be there.
    private func documents() async throws -> [(place: String, document: JSONValue, needed: [String])] {
        let opened = try await InMemoryJobQueue(now: { Timestamp(milliseconds: 1) })
            .open(.sample(1), total: 2, requestedBy: "test")
        let refusal = Batch.Refusal(place: Batch.Place(batch: .sample(1), row: 1), failure: .lasting)
        return [
            (
                "job", JobCoding.encode(try await richJob()),
                [
                    "id", "created", "requestedBy", "lane", "request", "inputDigest", "state", "attempt",
                    "maxAttempts", "finished", "failure",
                ]
            ),
            (
                "batch", JobCoding.encode(opened),
                [
                    "id", "total", "requestedBy", "created", "accepted", "rejected", "succeeded", "failed",
                    "cancelled",
                ]
            ),
            ("refusal", JobCoding.encode(refusal), ["batch", "row", "failure"]),
        ]
    }

    private func decode(_ place: String, _ document: JSONValue) throws(QueueError) {
        switch place {
        case "job": _ = try JobCoding.decodeJob(document)
        case "batch": _ = try JobCoding.decodeBatch(document)
        default: _ = try JobCoding.decodeRefusal(document)
        }
    }

    private func expectRefused(_ place: String, _ members: [JSONValue.Member], _ field: String) {
        do throws(QueueError) {
            try decode(place, .object(members))
            Issue.record("\(field) was taken: \(JSONValue.object(members).text())")
        } catch {
            guard case .invalid(let found, _, _) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(found.hasPrefix("\(place).\(field)") || found.hasSuffix(field), "\(found) for \(field)")
        }
    }

    @Test("a document with a member too many, too few or of another kind is refused by that member's name")
    func damaged() async throws {
        let texts = ["requestedBy", "campaign", "trace", "idempotencyKey"]
        let times = ["created", "claimed", "progressed", "finished", "scheduledFor"]
        for (place, document, needed) in try await documents() {
            let members = try #require(document.members)
            expectRefused(place, members + [JSONValue.Member("colour", "red")], "colour")
            for name in needed { expectRefused(place, members.filter { $0.name != name }, name) }
            for (index, member) in members.enumerated() {
                for wrong: JSONValue in [-1, "\u{1F600}", [], [:], nil, .number(0.5), .integer(.max), .integer(.min)] {
                    // Any text and any time may be one.
                    if case .string = wrong, texts.contains(member.name) { continue }
                    if case .integer = wrong, times.contains(member.name) { continue }
                    var changed = members
                    changed[index] = JSONValue.Member(member.name, wrong)
                    expectRefused(place, changed, member.name)
                }
            }
            for wrong: JSONValue in [nil, [], "job", 1] {
                #expect(throws: QueueError.self) { try decode(place, wrong) }
            }
        }
    }
}
