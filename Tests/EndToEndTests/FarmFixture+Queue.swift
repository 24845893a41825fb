import Foundation
import JSON
import TestSupport
import Testing

// What tests of the queue ask a farm.
extension FarmFixture {
    /// Standard output as JSON, a document for each line.
    func documents(_ arguments: String...) throws -> [JSONValue] {
        let result = try pkgmill(arguments + ["--json"])
        #expect(result.status == 0, "\(arguments): \(result.errorText)")
        return try result.text.split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8)) }
    }

    /// Every job, newest first.
    func jobs() throws -> [JSONValue] { try documents("list", "--limit", "1000") }

    /// Every event that is kept.
    func events() throws -> [JSONValue] { try documents("queue", "events", "--since", "0") }

    /// The states that a job has had, by its events: `queued 1`, `running 1`, …
    func states(of id: String) throws -> [String] {
        try events().filter { $0["job"]?.string == id && $0["event"]?.string == "state" }.map {
            "\($0["state"]?.string ?? "?") \($0["attempt"]?.integer ?? -1)"
        }
    }

    func stats(_ environment: [String: String] = [:]) throws -> JSONValue {
        let result = try pkgmill(["queue", "stats", "--json"], environment: environment)
        #expect(result.status == 0, "\(result.errorText)")
        return try JSONValue(parsing: result.output.filter { $0 != 0x0A })
    }

    /// Runs SQL on the farm's database as a stranger would.
    @discardableResult
    func sqlite(_ sql: String) throws -> String {
        let result = try run("sqlite3", ["-cmd", ".timeout 10000", path + "/farm.db", sql])
        #expect(result.status == 0, "\(sql): \(result.errorText)")
        return result.text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Waits until the job is in `state`.
    func wait(for id: String, toBe state: String) async throws {
        let came = try await eventually { try self.state(of: id) == state }
        let states = try states(of: id)
        try #require(came, "\(id) is not \(state): \(states)")
    }

    /// Gives leases of an hour and attempts of a day, so that a worker that a test holds loses nothing meanwhile.
    func letWorkersBeHeld() throws {
        try set("lease_seconds", "3600")
        try set("time_limit_seconds", "86400")
        try set("idle_limit_seconds", "86400")
    }

    /// Makes the payload so large that a build takes a while: a file of random bytes.
    func enlargePayload(_ count: Int = 40_000_000) throws {
        let file = path + "/payload/share/big.bin"
        let made = try run("sh", ["-c", "head -c \(count) /dev/urandom > \"$1\"", "sh", file])
        try #require(made.status == 0, "\(made.errorText)")
    }

    /// How many records there are of artifacts.
    func artifactRecordCount() throws -> Int? {
        if let redis { return Int(try redis.command("ZCARD", "{pkgmill}:records:artifact")) }
        return Int(try sqlite("SELECT count(*) FROM record WHERE collection = 'artifact'"))
    }

    /// Whether `pkgmill queue check` finds nothing.
    func isSound() throws -> Bool {
        let result = try pkgmill("queue", "check")
        if result.status != 0 { Issue.record("queue check: \(result.text) \(result.errorText)") }
        return result.status == 0
    }
}

/// The times of events and answers: RFC 3339 with milliseconds.
func moment(_ value: JSONValue?) throws -> Date {
    let format = ISO8601DateFormatter()
    format.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
    let text = try #require(value?.string)
    return try #require(format.date(from: text))
}
