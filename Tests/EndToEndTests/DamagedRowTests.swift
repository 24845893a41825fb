import Foundation
import JSON
import TestSupport
import Testing

/// Garbage in single rows of the database: every command still works for the neighbours, and nothing
/// ends by a signal.
@Suite struct DamagedRowTests {
    /// One row that no version of ours writes.
    struct Damage: CustomTestStringConvertible, Sendable {
        let name: String
        /// Does it; `ROW` stands for the row of a queued job.
        let sql: String

        init(_ name: String, _ sql: String) { (self.name, self.sql) = (name, sql) }

        var testDescription: String { name }

        func sql(row: Int) -> String { sql.replacingOccurrences(of: "ROW", with: "\(row)") }
    }

    /// Damage to what belongs to one job, which is queued.
    static let jobDamages = damages("job", hotColumns) + damages("job_body", bodyColumns) + wholeRows

    private static func damages(_ table: String, _ columns: [(name: String, values: [String])]) -> [Damage] {
        columns.flatMap { column in
            column.values.map { value in
                Damage(
                    "\(table).\(column.name) = \(value)", "UPDATE \(table) SET \(column.name) = \(value) WHERE id = ROW"
                )
            }
        }
    }

    private static let greatest = "9223372036854775807"
    private static let least = "-9223372036854775808"

    private static let hotColumns: [(name: String, values: [String])] = [
        ("state", ["99", "0", "-2", greatest, least]), ("attempt", ["0", "-1", greatest]),
        ("max_attempts", ["0", greatest]), ("lost_leases", ["-1", greatest]), ("pardons", [least]),
        ("epoch", ["-1", greatest]), ("public_id", ["x''", "zeroblob(16)", "randomblob(1000)"]),
        ("lane", ["0", "999", "-1"]), ("batch", ["77"]), ("total_limit", ["0", greatest]), ("idle_limit", ["-5"]),
        ("claimed", [greatest, least]), ("scheduled_for", [greatest]), ("finished", ["1"]), ("claim_id", ["x'00'"]),
        ("worker", ["'a' || char(10) || 'b'"]),
    ]

    private static let bodyColumns: [(name: String, values: [String])] = [
        ("format", ["0", "2", "-1"]), ("created", [greatest, least]),
        ("request", ["x''", "x'ff00'", "zeroblob(3000000)", "CAST('{}' AS BLOB)"]), ("input_digest", ["x''"]),
        ("requested_by", ["''", "char(27) || '[2J'", "CAST(x'ff' AS TEXT)"]), ("is_unique", ["7"]),
        ("retry_of", ["x'01'"]), ("idempotency_key", ["''"]),
    ]

    private static let wholeRows = [
        Damage("no job_body", "DELETE FROM job_body WHERE id = ROW"),
        Damage(
            "a job_outcome of garbage",
            "INSERT INTO job_outcome VALUES (ROW, 'x', NULL, 9, 'z', -1, NULL, x'00')"),
        Damage(
            "running without a lease",
            "UPDATE job SET state = 3, worker = NULL, claim_id = NULL WHERE id = ROW"),
        Damage(
            "running with a lease of garbage",
            """
            UPDATE job SET state = 3, worker = 'w', claim_id = zeroblob(16), epoch = 1, claimed = 1, lease_length = 1,
            lease_from = -9223372036854775808, lease_until = 9223372036854775807 WHERE id = ROW
            """),
        Damage(
            "running with progress of garbage",
            """
            UPDATE job SET state = 3, worker = 'w', claim_id = zeroblob(16), epoch = 1, claimed = 1,
            lease_length = 86400000, lease_from = 1, lease_until = 1000 * (strftime('%s', 'now') + 3600),
            stage = 'x', done = 9223372036854775807, total = 1 WHERE id = ROW
            """),
        Damage(
            "running with progress below nothing",
            """
            UPDATE job SET state = 3, worker = 'w', claim_id = zeroblob(16), epoch = 1, claimed = 1,
            lease_length = 86400000, lease_from = 1, lease_until = 1000 * (strftime('%s', 'now') + 3600),
            stage = 'x', done = -9223372036854775808, total = -1 WHERE id = ROW
            """),
        Damage("succeeded without a result", "UPDATE job SET state = 4, finished = 1 WHERE id = ROW"),
        Damage("failed for no reason", "UPDATE job SET state = 5, finished = 1 WHERE id = ROW"),
        Damage("scheduled for never", "UPDATE job SET state = 1, scheduled_for = NULL WHERE id = ROW"),
    ]

    @Test("damaged jobs of all kinds harm none of their neighbours")
    func jobsTogether() async throws {
        try await FarmFixture.with { farm in
            let first = try farm.submit("--node-name", "first")
            let ids = try Self.jobDamages.indices.map { try farm.submit("--node-name", "n-\($0)") }
            let last = try farm.submit("--node-name", "last")
            for (index, damage) in Self.jobDamages.enumerated() { try farm.sqlite(damage.sql(row: index + 2)) }
            let worker = try farm.running("work")
            for id in [first, last] { try await farm.wait(for: id, toBe: "succeeded") }
            try everyCommandAnswers(farm, [first, last] + ids)
            worker.send(SIGTERM)
            #expect(try await worker.exitStatus() == 0, "\(worker.errors)")
            for words in [["cancel"], ["retry"]] {
                let result = try farm.pkgmill(words + ids)
                #expect([0, 4, 5].contains(result.status), "\(words): \(result.status) \(result.errorText)")
            }
            #expect(try farm.pkgmill("queue", "prune").status == 0)
        }
    }

    @Test(
        "a damaged job harms none of its neighbours",
        arguments: jobDamages.enumerated().filter { $0.offset % rounds(reduced: 9, full: 1) == 0 }.map(\.element))
    func job(_ damage: Damage) async throws {
        try await FarmFixture.with { farm in
            let ids = try (1...3).map { try farm.submit("--node-name", "n-\($0)") }
            try farm.sqlite(damage.sql(row: 2))
            try everyCommandAnswers(farm, ids)
            let worker = try farm.running("work")
            for id in [ids[0], ids[2]] { try await farm.wait(for: id, toBe: "succeeded") }
            worker.send(SIGTERM)
            #expect(try await worker.exitStatus() == 0, "\(worker.errors)")
            for words in [["cancel", ids[1]], ["retry", ids[1]], ["retry", "--failed"]] {
                let result = try farm.pkgmill(words)
                #expect([0, 4, 5].contains(result.status), "\(words): \(result.status) \(result.errorText)")
            }
            try everyCommandAnswers(farm, ids)
        }
    }

    @Test("stats and list show a row that cannot be read")
    func parkedIsShown() async throws {
        try await FarmFixture.with { farm in
            let ids = try (1...2).map { try farm.submit("--node-name", "n-\($0)") }
            try farm.sqlite("UPDATE job_body SET format = 99 WHERE id = 1")
            try farm.drain()
            let stats = try farm.stats()
            #expect(stats["counts"]?["parked"]?.integer == 1)
            let parked = try #require(stats["parked"]?.array?.first)
            #expect(parked["id"]?.string == ids[0])
            #expect(parked["error"]?["message"]?.string?.contains("format is 99") == true, "\(parked.text())")
            let text = try farm.pkgmill("queue", "stats").text
            #expect(text.contains("1 parked"))
            #expect(text.contains(ids[0]))
            #expect(try farm.pkgmill("list").errorText.contains(ids[0]))
            #expect(try farm.jobs().compactMap { $0["state"]?.string } == ["succeeded", "parked"])
            let status = try farm.pkgmill("status", ids[0])
            #expect(status.status == 5)
            #expect(status.errorText.contains("parked"))
        }
    }

    /// Damage to rows that belong to no job in particular.
    static let otherDamages = [
        Damage("lane.name", "UPDATE lane SET name = 'NO LANE' WHERE name = 'batch'"),
        Damage("lane.weight", "UPDATE lane SET weight = -9223372036854775808 WHERE name = 'batch'"),
        Damage("lane.weight, great", "UPDATE lane SET weight = 9223372036854775807 WHERE name = 'batch'"),
        Damage("lane.concurrency", "UPDATE lane SET concurrency = -1 WHERE name = 'batch'"),
        Damage("lane.rate", "UPDATE lane SET rate_count = 0, rate_period = -1 WHERE name = 'batch'"),
        Damage(
            "lane.rate, great",
            """
            UPDATE lane SET rate_count = 9223372036854775807, rate_period = 9223372036854775807,
            rate_full_at = 9223372036854775807 WHERE name = 'batch'
            """),
        Damage("lane.place", "UPDATE lane SET place = 9223372036854775807 WHERE name = 'batch'"),
        Damage("hold.kind", "INSERT INTO hold VALUES (0, 9, 'x', 'y', 1)"),
        Damage("hold.lane", "INSERT INTO hold VALUES (77, 1, 'x', 'y', -9223372036854775808)"),
        Damage("hold.since", "INSERT INTO hold VALUES (2, 1, '', char(27), 9223372036854775807)"),
        Damage("batch", "INSERT INTO batch VALUES (1, x'00', '', 1, NULL, -1, 9, 9, 9, 9, 9)"),
        Damage("batch, ended", "INSERT INTO batch VALUES (1, zeroblob(16), '', 1, 1, 0, -9, 9, 9, 9, 9)"),
        Damage("batch_rejection", "INSERT INTO batch_rejection VALUES (9, -1, '', '', 7)"),
        Damage(
            "worker",
            """
            INSERT INTO worker VALUES ('a' || char(10), '', 9223372036854775807, '', 'NO LANE,,', 9,
            -9223372036854775808, 1000 * strftime('%s', 'now'))
            """),
        Damage(
            "worker, later",
            "INSERT INTO worker VALUES ('w', 'h', -1, 'v', '', 0, 9223372036854775807, 9223372036854775807)"),
        Damage(
            "worker, not text",
            "INSERT INTO worker VALUES (CAST(x'ff' AS TEXT), 'h', 1, 'v', NULL, 0, 1, 1000 * strftime('%s', 'now'))"),
        Damage("lease_loss", "INSERT INTO lease_loss VALUES (9223372036854775807, '', -1)"),
        Damage("lease_loss, long ago", "INSERT INTO lease_loss VALUES (-9223372036854775808, char(0), 1)"),
        Damage("event.body", "UPDATE event SET body = x'ffffffffffffffffff'"),
        Damage("event.body, empty", "UPDATE event SET body = x''"),
        Damage("event.at", "UPDATE event SET at = 9223372036854775807"),
        Damage("event.last", "UPDATE event SET last = -1 WHERE last = 1"),
    ]

    @Test(
        "a damaged row that belongs to no job harms no job",
        arguments: otherDamages.enumerated().filter { $0.offset % rounds(reduced: 4, full: 1) == 0 }.map(\.element))
    func other(_ damage: Damage) async throws {
        try await FarmFixture.with { farm in
            let first = try farm.submit("--node-name", "n-1")
            try farm.sqlite(damage.sql)
            try everyCommandAnswers(farm, [first])
            let second = try farm.submit("--node-name", "n-2")
            let parent = try farm.running("work", "--workers", "2")
            for id in [first, second] { try await farm.wait(for: id, toBe: "succeeded") }
            try everyCommandAnswers(farm, [first, second])
            parent.send(SIGTERM)
            #expect(try await parent.exitStatus() == 0, "\(parent.errors)")
            for words in [["queue", "resume"], ["queue", "resume", "--lane", "interactive"], ["queue", "prune"]] {
                let result = try farm.pkgmill(words)
                #expect(result.status == 0, "\(words): \(result.errorText)")
            }
            #expect(try farm.pkgmill("queue", "pause").status == 0)
        }
    }

    @Test("damaged rows of all kinds that belong to no job harm no job")
    func othersTogether() async throws {
        try await FarmFixture.with { farm in
            let first = try farm.submit("--node-name", "n-1")
            // Some say the same row twice: the first to come is the one that stays.
            for damage in Self.otherDamages {
                try farm.sqlite(damage.sql.replacingOccurrences(of: "INSERT INTO", with: "INSERT OR IGNORE INTO"))
            }
            try everyCommandAnswers(farm, [first])
            let second = try farm.submit("--node-name", "n-2")
            try farm.drain()
            for id in [first, second] { #expect(try farm.state(of: id) == "succeeded") }
        }
    }

    @Test("an event number that cannot be counted further stops nobody from working")
    func lastEvent() async throws {
        try await FarmFixture.with { farm in
            let id = try farm.submit("--node-name", "n-1")
            try farm.sqlite("UPDATE event SET last = 9223372036854775807")
            for words in [
                ["queue", "events", "--since", "0"], ["queue", "events", "--since", "9223372036854775807"],
                ["submit", "--sealing", "plain"], ["cancel", id], ["queue", "stats"],
            ] {
                let result = try farm.pkgmill(words)
                #expect(result.status == 0, "\(words): \(result.status) \(result.errorText)")
            }
            #expect(try farm.states(of: id) == ["cancelled 1"], "the numbers begin anew")
        }
    }

    /// Looks at everything; nothing may end by a signal, and whoever asks for a whole gets one.
    private func everyCommandAnswers(_ farm: FarmFixture, _ ids: [String]) throws {
        for words in [
            ["queue", "stats"], ["queue", "stats", "--json"], ["list"], ["list", "--json"],
            ["list", "--state", "running"], ["queue", "events", "--since", "0"],
            ["queue", "events", "--since", "0", "--json"],
        ] {
            let result = try farm.pkgmill(words)
            #expect(result.status == 0, "\(words): \(result.status) \(result.errorText)")
        }
        for id in ids {
            for words in [["status", id], ["status", id, "--json"]] {
                let result = try farm.pkgmill(words)
                #expect([0, 4, 5].contains(result.status), "\(words): \(result.status) \(result.errorText)")
            }
        }
        let check = try farm.pkgmill("queue", "check")
        #expect([0, 7].contains(check.status), "\(check.status) \(check.errorText)")
    }
}
