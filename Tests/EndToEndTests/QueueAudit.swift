import Foundation
import JSON
import TestSupport
import Testing

/// Adds up what a farm holds after its processes were killed, against what was attempted and what was acknowledged.
struct QueueAudit {
    let farm: FarmFixture
    /// The node names that were asked for: each submission has one of its own.
    let attempted: Set<String>
    /// The ids that were printed.
    let acknowledged: Set<String>

    /// Checks a farm whose every job has ended and that nobody works on.
    func check(_ comment: Comment) throws {
        let jobs = try farm.jobs()
        try #require(jobs.count < 1000, "the list is one page")
        let present = Set(jobs.compactMap { $0["id"]?.string })
        #expect(acknowledged.isSubset(of: present), comment)
        for job in jobs {
            #expect(attempted.contains(job["nodeName"]?.string ?? "?"), comment)
            #expect(job["state"]?.string == "succeeded", "\(comment): \(job.text())")
        }
        #expect(Set(jobs.compactMap { $0["nodeName"]?.string }).count == jobs.count, comment)
        try checkArtifacts(of: jobs, comment)
        try checkEvents(of: jobs, comment)
        let stats = try farm.stats()
        #expect(stats["running"]?.array?.count == 0, comment)
        #expect(stats["stuck"]?.array?.count == 0, comment)
        #expect(farm.strayFiles().isEmpty, comment)
        #expect(try farm.isSound(), comment)
    }

    /// One record of the index for each job, one file for each record, each file with the content that the job tells.
    private func checkArtifacts(of jobs: [JSONValue], _ comment: Comment) throws {
        let sums = Set(jobs.compactMap { $0["artifact"]?["sha256"]?.string })
        #expect(sums.count == jobs.count, comment)
        #expect(try farm.artifactRecordCount() == jobs.count, comment)
        let files = farm.artifacts().map { farm.path + "/artifacts/blobs/" + $0 }
        guard !files.isEmpty else { return #expect(jobs.isEmpty, comment) }
        let lines = try run("sha256sum", files).text.split(separator: "\n")
        #expect(Set(lines.map { String($0.prefix(64)) }) == sums, comment)
        #expect(files.count == sums.count, comment)
    }

    /// What happened to each job is a path through its states, and ends where it stands.
    private func checkEvents(of jobs: [JSONValue], _ comment: Comment) throws {
        let events = try farm.events()
        #expect(events.compactMap { $0["sequence"]?.integer } == (0..<Int64(events.count)).map { $0 + 1 }, comment)
        var paths: [String: [Step]] = [:]
        for event in events where event["event"]?.string == "state" {
            paths[event["job"]?.string ?? "", default: []].append(
                Step(state: event["state"]?.string ?? "", attempt: event["attempt"]?.integer ?? 0))
        }
        for job in jobs {
            let path = paths[job["id"]?.string ?? ""] ?? []
            #expect(Step.isLegal(path), "\(comment): \(path)")
            let last = Step(state: job["state"]?.string ?? "", attempt: job["attempt"]?.integer ?? -1)
            #expect(path.last == last, "\(comment): \(path)")
        }
    }
}

/// A state of a job and the attempt in it.
struct Step: Equatable {
    let state: String
    let attempt: Int64

    /// Where a job may go from each state.
    private static let edges: [String: Set<String>] = [
        "scheduled": ["queued", "cancelled", "failed"], "queued": ["running", "cancelled"],
        "running": ["queued", "scheduled", "succeeded", "failed", "cancelled"], "succeeded": [], "failed": [],
        "cancelled": [],
    ]

    static func isLegal(_ path: [Step]) -> Bool {
        guard let first = path.first, first.attempt == 1, ["queued", "scheduled"].contains(first.state) else {
            return false
        }
        return zip(path, path.dropFirst()).allSatisfy { before, after in
            let isNext = [before.attempt, before.attempt + 1].contains(after.attempt)
            return edges[before.state]?.contains(after.state) == true && isNext
        }
    }
}
