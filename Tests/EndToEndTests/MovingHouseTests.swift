import Foundation
import JSON
import System
import TestSupport
import Testing

/// `pkgmill queue export` and `import` between a farm's own database and a Redis.
@Suite(.enabled(if: !isRedisLeftOut)) struct MovingHouseTests {
    /// The same folders and keys with the queue elsewhere.
    private func environment(_ server: RedisServer) -> [String: String] {
        ["PKGMILL_FARM_QUEUE": "redis", "PKGMILL_FARM_REDIS_ADDRESS": server.socketPath]
    }

    private func must(_ farm: FarmFixture, _ words: String..., environment: [String: String] = [:]) throws -> String {
        let result = try farm.pkgmill(words, environment: environment)
        #expect(result.status == 0, "\(words): \(result.errorText)")
        return result.text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    @Test("a farm moves into Redis and back, with its jobs, keys, artifacts and tokens")
    func thereAndBack() async throws {
        try await withRedis(configuration: ["appendonly yes", "appendfsync always"]) { server in
            try await FarmFixture.with { farm in
                let redis = environment(server)
                let built = try farm.submit("--node-name", "built")
                try farm.drain()
                let token = try must(farm, "token", built)
                let waiting = try farm.submit("--node-name", "waiting")
                let later = try farm.submit("--node-name", "later", "--after", "1h")
                let before = try farm.jobs()
                let file = farm.path + "/export"
                #expect(try must(farm, "queue", "export", file).contains("3 jobs (2 that wait)"))
                try noSecrets(farm, in: file)

                // The old one takes nothing in and starts nothing.
                let refused = try farm.pkgmill("submit", "--sealing", "plain")
                #expect(refused.status == 5 && refused.errorText.contains("moved out"), "\(refused.errorText)")

                #expect(try must(farm, "queue", "import", file, environment: redis).contains("3 jobs"))
                let held = try farm.pkgmill(["submit", "--sealing", "plain"], environment: redis)
                #expect(held.status == 5 && held.errorText.contains("moved in"), "\(held.errorText)")
                let again = try farm.pkgmill(["queue", "import", file], environment: redis)
                #expect(again.status == 5 && again.errorText.contains("brought in at"), "\(again.errorText)")
                _ = try must(farm, "queue", "resume", environment: redis)
                _ = try must(farm, "work", "--drain", environment: redis)
                #expect(try must(farm, "status", waiting, environment: redis).contains("succeeded"))
                #expect(try must(farm, "status", later, environment: redis).contains("scheduled"))
                // Built before, fetched from the new house; a token of the old one is good here.
                _ = try must(farm, "fetch", built, "--output", farm.path + "/a.pkg", environment: redis)
                _ = try must(farm, "fetch", token, "--output", farm.path + "/b.pkg", environment: redis)
                #expect(try contentOfFile(farm.path + "/a.pkg") == contentOfFile(farm.path + "/b.pkg"))

                // And back, into a new database.
                let second = farm.path + "/export2"
                let moved = try must(farm, "queue", "export", second, "--json", environment: redis)
                #expect(try JSONValue(parsing: Array(moved.utf8))["jobs"]?.integer == 3)
                let elsewhere = ["PKGMILL_FARM_DATABASE": farm.path + "/new.db"]
                let missing = try farm.pkgmill(["list"], environment: elsewhere)
                #expect(missing.status == 7, "\(missing.errorText)")
                _ = try must(farm, "queue", "import", second, environment: elsewhere)
                _ = try must(farm, "queue", "resume", environment: elsewhere)
                let listed = try must(farm, "list", "--json", environment: elsewhere).split(separator: "\n")
                    .map { try JSONValue(parsing: Array($0.utf8)) }
                #expect(listed.compactMap { $0["id"]?.string } == before.compactMap { $0["id"]?.string })
                #expect(listed.compactMap { $0["created"]?.string } == before.compactMap { $0["created"]?.string })
                #expect(try must(farm, "queue", "check", environment: elsewhere).contains("nothing is wrong"))
                let cancelled = try must(farm, "cancel", later, environment: elsewhere)
                #expect(cancelled.contains(later) || cancelled.isEmpty)
            }
        }
    }

    /// What the farm's secrets are is in no export.
    private func noSecrets(_ farm: FarmFixture, in file: String) throws {
        let text = String(decoding: try contentOfFile(file), as: UTF8.self)
        let master = String(decoding: try contentOfFile(farm.path + "/keys/master.key"), as: UTF8.self)
        #expect(!text.contains(master.trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(!text.contains("pkm_"))
        #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
    }

    @Test("an import that is killed is done again, and everything is there once")
    func killed() async throws {
        try await withRedis(configuration: ["appendonly yes", "appendfsync always"]) { server in
            try await FarmFixture.with { farm in
                let redis = environment(server)
                let file = farm.path + "/export"
                for number in 0..<31 { _ = try farm.submit("--node-name", "n\(number)") }
                _ = try must(farm, "queue", "export", file)
                var kills = 0
                for round in 0..<rounds(reduced: 6, full: 40) {
                    let process = try farm.running("queue", "import", file, environment: redis)
                    // Not a task's sleep: that may wake so late on a busy machine that nothing is left to kill.
                    usleep(UInt32(5_000 + round * 3_000))
                    if process.isRunning { kills += 1 }
                    process.send(SIGKILL)
                    _ = try await process.exitStatus()
                }
                #expect(kills > 0)
                let result = try farm.pkgmill(["queue", "import", file], environment: redis)
                #expect(result.status == 0 || result.errorText.contains("brought in at"), "\(result.errorText)")
                let jobs = try must(farm, "list", "--limit", "1000", "--json", environment: redis).split(
                    separator: "\n")
                #expect(jobs.count == 31)
                _ = try must(farm, "queue", "resume", environment: redis)
                _ = try must(farm, "work", "--drain", environment: redis)
                let stats = try farm.stats(redis)
                #expect(stats["running"]?.array?.count == 0)
                #expect(try farm.artifactRecordCount() == 0, "the old farm has built nothing")
            }
        }
    }

    @Test("an export beside a working farm waits for its jobs; a parked row is a reason to ask")
    func working() async throws {
        try await withRedis(configuration: ["appendonly yes", "appendfsync always"]) { server in
            try await FarmFixture.with { farm in
                let redis = environment(server)
                try farm.enlargePayload()
                let ids = try (0..<4).map { try farm.submit("--node-name", "n\($0)") }
                let worker = try farm.running("work", "--workers", "2")
                let hasBegun = try await eventually { try farm.state(of: ids[0]) != "queued" }
                #expect(hasBegun)
                let file = farm.path + "/export"
                _ = try must(farm, "queue", "export", file)
                #expect(try farm.stats()["running"]?.array?.count == 0)
                let done = try ids.filter { try farm.state(of: $0) == "succeeded" }
                #expect(!done.isEmpty)
                _ = try must(farm, "queue", "import", file, environment: redis)
                _ = try must(farm, "queue", "resume", environment: redis)
                _ = try must(farm, "work", "--drain", environment: redis)
                for id in ids { #expect(try must(farm, "status", id, environment: redis).contains("succeeded")) }
                #expect(try ids.filter { try farm.state(of: $0) == "succeeded" } == done, "the old house stands still")

                try farm.sqlite(
                    "UPDATE job_body SET format = 99 WHERE id = 1; UPDATE job SET state = -state WHERE id = 1")
                let parked = try farm.pkgmill("queue", "export", file + ".2")
                #expect(parked.status == 5 && parked.errorText.contains("--leave-parked"), "\(parked.errorText)")
                #expect(try must(farm, "queue", "export", file + ".2", "--leave-parked").contains("3 jobs"))
                worker.send(SIGINT)
                #expect(try await worker.exitStatus() == 0)
            }
        }
    }
}
