import QueueModel
import System
import TestSupport
import Testing

/// Expects that every verb that takes a claim is refused, and that nothing changes.
func expectRefused(
    _ queue: any JobQueue, _ claim: Job.Claim, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let lost = QueueError.leaseLost(claim.job)
    let before = try await queue.status(of: claim.job)
    await #expect(throws: lost, sourceLocation: sourceLocation) { try await queue.renew(claim, for: .seconds(60)) }
    await #expect(throws: lost, sourceLocation: sourceLocation) {
        try await queue.report(Job.Progress(stage: "late", done: 1, total: 1), claim)
    }
    await #expect(throws: lost, sourceLocation: sourceLocation) {
        try await queue.complete(claim, result: .sample())
    }
    await #expect(throws: lost, sourceLocation: sourceLocation) { try await queue.fail(claim, .passing) }
    await #expect(throws: lost, sourceLocation: sourceLocation) { try await queue.fail(claim, .lasting) }
    await #expect(throws: lost, sourceLocation: sourceLocation) { try await queue.release(claim) }
    #expect(try await queue.status(of: claim.job) == before, sourceLocation: sourceLocation)
}

/// Expects that `body` is refused because of that field.
func expectInvalid(
    _ field: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws(QueueError) -> Void
) async {
    do throws(QueueError) {
        try await body()
        Issue.record("\(field) was taken", sourceLocation: sourceLocation)
    } catch {
        guard case .invalid(field, _, _) = error else {
            Issue.record("\(error)", sourceLocation: sourceLocation)
            return
        }
    }
}

/// Expects that `body` is refused because job 1 cannot be read.
func expectParked(
    sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws(QueueError) -> Void
) async {
    do throws(QueueError) {
        try await body()
        Issue.record("the job was read", sourceLocation: sourceLocation)
    } catch {
        guard case .parked(.sample(1), let detail) = error, !detail.isEmpty else {
            Issue.record("\(error)", sourceLocation: sourceLocation)
            return
        }
    }
}
