import Foundation
import JSON
import System
import TestSupport
import Testing

/// A farm whose jobs and records are in a Redis, as it is run: with a user of its own, by TLS, set up so that it forgets.
@Suite(.enabled(if: !isRedisLeftOut)) struct RedisFarmTests {
    @Test("an installer goes the whole way through Redis, and nothing is written into a database")
    func wholeWay() async throws {
        try await FarmFixture.withRedis { farm, server in
            let id = try farm.submit("--node-name", "a")
            #expect(try farm.state(of: id) == "queued")
            try farm.drain()
            #expect(try farm.state(of: id) == "succeeded")
            let fetched = try farm.pkgmill("fetch", id, "--output", farm.path + "/node.pkg")
            #expect(fetched.status == 0, "\(fetched.errorText)")
            #expect(try farm.pkgmill("inspect", farm.path + "/node.pkg").status == 0)
            let token = try farm.pkgmill("token", id)
            #expect(token.status == 0, "\(token.errorText)")
            #expect(!FileManager.default.fileExists(atPath: farm.path + "/farm.db"))
            #expect(try farm.stats()["logBytes"] == .null)
            let refused = try farm.pkgmill("queue", "backup", farm.path + "/copy")
            #expect(refused.status == 5 && refused.errorText.contains("in Redis"), "\(refused.errorText)")
            #expect(try farm.isSound())
            try server.command("DEL", "{pkgmill}:ended")
            let found = try farm.pkgmill("queue", "check")
            #expect(
                found.status == 7 && found.text.contains("job \(id) has ended, and would never be removed"),
                "\(found.text)")
            #expect(try server.command("DBSIZE") != "0")
        }
    }

    @Test("a user with the rights that the documentation lists can do everything")
    func leastRights() async throws {
        try await FarmFixture.withRedis { farm, server in
            let rights = try documentedRights()
            try server.command(["ACL", "SETUSER"] + rights)
            try server.command("ACL", "SETUSER", "default", "off")
            let secret = farm.path + "/redis-password"
            try writeFile(secret, Array("PASSWORD\n".utf8), mode: 0o600)
            let environment = ["PKGMILL_FARM_REDIS_USER": "farm", "PKGMILL_FARM_REDIS_PASSWORD_FILE": secret]
            func run(_ words: String...) throws -> String {
                let result = try farm.pkgmill(words, environment: environment)
                #expect(result.status == 0, "\(words): \(result.errorText)")
                return result.text.trimmingCharacters(in: .whitespacesAndNewlines)
            }
            let submitted = try farm.pkgmill(
                ["submit", "--sealing", "plain", "--node-name", "a"], environment: environment)
            // The farm's own password is no secret of its nodes.
            #expect(!submitted.errorText.contains("keyring"), "\(submitted.errorText)")
            let id = submitted.text.trimmingCharacters(in: .whitespacesAndNewlines)
            _ = try run("work", "--drain")
            #expect(try run("status", id).contains("succeeded"))
            _ = try run("fetch", id, "--output", farm.path + "/node.pkg")
            let failed = try run("submit", "--sealing", "plain", "--node-name", "b", "--after", "1h")
            _ = try run("cancel", failed)
            _ = try run("retry", failed)
            _ = try run("list")
            _ = try run("queue", "stats")
            _ = try run("queue", "pause", "--reason", "test")
            _ = try run("queue", "resume")
            _ = try run("queue", "events", "--since", "0")
            _ = try run("queue", "prune")
            _ = try run("work", "--workers", "2", "--drain")

            let refused = try farm.pkgmill(["list"], environment: ["PKGMILL_FARM_REDIS_USER": "farm"])
            #expect(refused.status == 7, "\(refused.errorText)")
            try writeFile(secret, Array("another one\n".utf8), mode: 0o600)
            let wrong = try farm.pkgmill(["list"], environment: environment)
            #expect(wrong.status == 7 && wrong.errorText.contains("WRONGPASS"), "\(wrong.errorText)")
            #expect(!wrong.errorText.contains("another one"))
        }
    }

    @Test("submissions that a power cut took from Redis are sent again, by the next command or a worker that stays")
    func powerCut() async throws {
        let everySecond = ["appendonly yes", "appendfsync everysec"]
        try await FarmFixture.withRedis(everySecond, environment: ["PKGMILL_FARM_DURABILITY": "accept-everysec"]) {
            farm, server in
            let environment = ["PKGMILL_FARM_DURABILITY": "accept-everysec"]
            func run(_ words: String...) throws -> CommandResult {
                let result = try farm.pkgmill(words, environment: environment)
                #expect(result.status == 0, "\(words): \(result.errorText)")
                return result
            }
            func submit() throws -> String {
                try run("submit", "--sealing", "plain").text.trimmingCharacters(in: .whitespacesAndNewlines)
            }
            let power = PowerCut(
                server: server, folder: URL(fileURLWithPath: server.socketPath).deletingLastPathComponent().path)
            // The keys of the farm itself are there by then.
            let first = try submit()
            try power.remember()
            let lost = try [submit(), submit()]
            try await power.cut()
            let listed = try run("list")
            #expect(listed.errorText.contains("had forgotten 2 submissions"), "\(listed.errorText)")
            for id in lost + [first] { #expect(listed.text.contains(id)) }
            #expect(!(try run("list").errorText.contains("forgotten")))

            // A worker that waits does so by itself.
            let worker = try farm.running("work", environment: environment)
            let areDone = try await eventually(within: .seconds(60)) {
                try lost.allSatisfy { try run("status", $0).text.contains("succeeded") }
            }
            #expect(areDone)
            _ = try run("queue", "pause")
            try power.remember()
            let last = try submit()
            try await power.cut()
            let isBack = try await eventually(within: .seconds(30)) {
                try server.command("EXISTS", "{pkgmill}:waiting:interactive") == "1"
            }
            #expect(isBack)
            #expect(try run("status", last).text.contains("queued"))
            worker.send(SIGINT)
            #expect(try await worker.exitStatus() == 0)
        }
    }

    @Test("a Redis that is too old is refused, with the version that it has and the one that is needed")
    func tooOld() async throws {
        try await FarmFixture.withRedis { farm, server in
            let information = try server.command("INFO", "server")
            let line = try #require(
                information.split(whereSeparator: \.isNewline).first { $0.hasPrefix("redis_version:") })
            let old = "redis_version:5" + line.dropFirst("redis_version:7".count)
            let proxy = try RedisProxy(to: server.address)
            proxy.fault = .rewrite(Array(line.utf8), Array(old.utf8))
            guard case .tcp(let host, let port) = proxy.address else { return }
            let refused = try farm.pkgmill(["list"], environment: ["PKGMILL_FARM_REDIS_ADDRESS": "\(host):\(port)"])
            #expect(refused.status == 7, "\(refused.errorText)")
            #expect(refused.errorText.contains("version 5.") && refused.errorText.contains("6.2 or later is needed"))
        }
    }

    @Test("a password in the environment of a parent of workers is refused, since they would not get it")
    func environment() async throws {
        try await FarmFixture.withRedis { farm, server in
            try server.command("ACL", "SETUSER", "default", "resetpass", ">PASSWORD")
            let environment = ["PKGMILL_FARM_REDIS_PASSWORD": "PASSWORD"]
            #expect(try farm.pkgmill(["list"], environment: environment).status == 0)
            let refused = try farm.pkgmill(["work", "--workers", "2", "--drain"], environment: environment)
            #expect(refused.status == 5 && refused.errorText.contains("PASSWORD_FILE"), "\(refused.errorText)")
        }
    }

    @Test("a Redis that may forget is refused unless the operator says otherwise, with what to set")
    func forgetful() async throws {
        try await FarmFixture.withRedis { farm, server in
            func answer(_ durability: String?) throws -> CommandResult {
                try farm.pkgmill(
                    ["list"], environment: durability.map { ["PKGMILL_FARM_DURABILITY": $0] } ?? [:])
            }
            #expect(try answer(nil).status == 0)
            #expect(try farm.stats()["durability"]?.string == "full")

            try server.command("CONFIG", "SET", "appendfsync", "everysec")
            let everySecond = try answer(nil)
            #expect(everySecond.status == 7 && everySecond.errorText.contains("set appendfsync always"))
            #expect(try answer("accept-everysec").status == 0)
            #expect(try answer("accept-none").status == 0)
            // Whoever takes the risk is told of it each time.
            #expect(try farm.stats(["PKGMILL_FARM_DURABILITY": "accept-everysec"])["durability"]?.string == "degraded")
            let submitted = try farm.pkgmill(
                ["submit", "--sealing", "plain", "--json"], environment: ["PKGMILL_FARM_DURABILITY": "accept-everysec"])
            #expect(try JSONValue(parsing: submitted.output.filter { $0 != 0x0A })["durability"]?.string == "degraded")
            #expect(submitted.errorText.contains("durability: degraded"))

            try server.command("CONFIG", "SET", "appendonly", "no")
            #expect(try answer("accept-everysec").errorText.contains("set appendonly yes"))
            #expect(try answer("accept-none").status == 0)

            try server.command("CONFIG", "SET", "appendonly", "yes")
            try server.command("CONFIG", "SET", "appendfsync", "always")
            try server.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            #expect(try answer(nil).errorText.contains("set noeviction"))
        }
    }

    @Test("a Redis that is not there is said to be so, after a while, and nothing is half-done")
    func absent() async throws {
        try await FarmFixture.withRedis { farm, server in
            let id = try farm.submit("--node-name", "a")
            server.kill()
            let refused = try farm.pkgmill("submit", "--sealing", "plain", "--node-name", "b")
            #expect(refused.status == 7 && refused.errorText.contains("cannot be reached"), "\(refused.errorText)")
            try await server.start()
            #expect(try farm.jobs().compactMap { $0["id"]?.string } == [id])
        }
    }

    @Test(
        "two who submit and two workers, in four processes, lose and double nothing while a worker and Redis are killed"
    )
    func fourProcesses() async throws {
        try await FarmFixture.withRedis { farm, server in
            try farm.set("lease_seconds", "2")
            let each = rounds(reduced: 60, full: 5000)
            var submitters: [RunningProgram] = []
            for name in ["a", "b"] {
                let loop = """
                    i=0; while [ $i -lt \(each) ]; do i=$((i + 1))
                    "$1" submit --sealing plain --node-name \(name)-$i --config "$2"; done
                    """
                submitters.append(
                    try RunningProgram("/bin/sh", ["-c", loop, "sh", executable(), farm.configurationPath]))
            }
            var workers = [try farm.running("work", "--json"), try farm.running("work", "--json")]
            func acknowledged() -> [String] {
                submitters.flatMap { $0.output.split(separator: "\n", omittingEmptySubsequences: false).dropLast() }
                    .map(String.init)
            }
            func wait(for count: Int) async throws {
                let came = try await eventually(within: .seconds(600)) { acknowledged().count >= count }
                #expect(came, "\(submitters.map(\.errors))")
            }
            try await wait(for: each / 2)
            workers[0].send(SIGKILL)
            workers[0] = try farm.running("work", "--json")
            try await wait(for: each)
            server.kill()
            try await server.start()
            for submitter in submitters { _ = try await submitter.exitStatus(within: .seconds(1200)) }
            let isDone = try await eventually(within: .seconds(1200)) {
                let counts = try farm.stats()["counts"]
                return counts?["queued"]?.integer == 0 && counts?["running"]?.integer == 0
                    && counts?["scheduled"]?.integer == 0
            }
            #expect(isDone)
            for worker in workers {
                worker.send(SIGTERM)
                #expect(try await worker.exitStatus() == 0, "\(worker.errors)")
            }

            // Each has the artifact that it was to have, and there is none besides.
            let ids = acknowledged()
            #expect(Set(ids).count == ids.count)
            let keys = ids.map { "{pkgmill}:record:artifact/\($0)" }
            for start in stride(from: 0, to: keys.count, by: 500) {
                let some = Array(keys[start..<min(keys.count, start + 500)])
                #expect(try server.command(["EXISTS"] + some) == "\(some.count)")
            }
            let records = try #require(try farm.artifactRecordCount())
            #expect((ids.count...2 * each).contains(records))
            #expect(try server.command("ZCARD", "{pkgmill}:ended") == "\(records)")
            #expect(try farm.documents("list", "--state", "failed").isEmpty)
            // One install name each, so that no two packages are the same.
            #expect(farm.artifacts().count == records)
            #expect(farm.strayFiles().isEmpty)
        }
    }
}
