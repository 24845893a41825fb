import Foundation
import JSON
import TestSupport
import Testing

/// What an operator does from the shell (issue 3, items 2 to 5).
@Suite struct QueueCommandTests {
    @Test("a paused lane starts nothing, says so by whom and why, and goes on when it is resumed")
    func pauseAndResume() async throws {
        try await FarmFixture.with { farm in
            let held = try farm.submit("--lane", "batch")
            let free = try farm.submit("--lane", "interactive")
            let answer = try farm.json("queue", "pause", "--lane", "batch", "--reason", "the disk is being swapped")
            let lane = try #require(answer["lanes"]?.array?.first { $0["lane"]?.string == "batch" })
            let hold = try #require(lane["holds"]?.array?.first)
            #expect(hold["kind"]?.string == "paused")
            #expect(hold["lane"]?.string == "batch")
            #expect(hold["reason"]?.string == "the disk is being swapped")
            let by = try #require(hold["by"]?.string)
            #expect(by.hasPrefix("cli:"))
            #expect(hold["since"]?.string?.isEmpty == false)

            let worker = try farm.running("work")
            try await farm.wait(for: free, toBe: "succeeded")
            let waiting = try farm.json("status", held)
            #expect(waiting["state"]?.string == "queued")
            let reason = try #require(waiting["waitingReason"]?.string)
            #expect(reason.contains("lane batch is paused by \(by)"), "\(reason)")
            #expect(reason.contains("the disk is being swapped"), "\(reason)")
            #expect(try farm.pkgmill("queue", "pause", "--lane", "batch").text.contains("lane batch is paused"))

            let lifted = try farm.pkgmill("queue", "resume", "--lane", "batch")
            #expect(lifted.text == "nothing is held\n", "\(lifted.text)")
            try await farm.wait(for: held, toBe: "succeeded")
            worker.send(SIGTERM)
            #expect(try await worker.exitStatus() == 0)
            let orders = try farm.events().compactMap { $0["event"]?.string }.filter {
                $0 == "paused" || $0 == "resumed"
            }
            #expect(orders == ["paused", "paused", "resumed"])
        }
    }

    @Test("all lanes are paused and resumed at once, apart from orders for one")
    func pauseAll() async throws {
        try await FarmFixture.with { farm in
            let id = try farm.submit("--lane", "batch")
            #expect(try farm.pkgmill("queue", "pause").text.hasPrefix("all lanes are paused by cli:"))
            #expect(try farm.pkgmill("queue", "pause", "--lane", "batch").status == 0)
            #expect(try farm.json("status", id)["waitingReason"]?.string?.contains("all lanes are paused") == true)
            #expect(try farm.pkgmill("queue", "resume").text.contains("lane batch is paused"))
            #expect(try farm.json("status", id)["waitingReason"]?.string?.contains("lane batch is paused") == true)
            #expect(try farm.pkgmill("queue", "resume", "--lane", "batch").text == "nothing is held\n")
            let unknown = try farm.pkgmill("queue", "pause", "--lane", "express")
            #expect(unknown.status == 5)
            #expect(unknown.errorText.contains("interactive"))
        }
    }

    @Test("a drain takes nothing more in, waits for the last job, and is lifted by resume")
    func drain() async throws {
        try await FarmFixture.with { farm in
            let id = try farm.submit()
            let drain = try farm.running("queue", "drain", "--reason", "upgrade", "--json")
            var refusal: CommandResult?
            let isRefused = try await eventually {
                let result = try farm.pkgmill("submit", "--sealing", "plain", "--node-name", "late")
                refusal = result
                return result.status != 0
            }
            #expect(isRefused)
            #expect(refusal?.status == 5)
            #expect(refusal?.errorText.contains("upgrade") == true, "\(refusal?.errorText ?? "")")
            #expect(drain.isRunning, "a job is queued")
            try farm.drain()
            #expect(try await drain.exitStatus() == 0, "\(drain.errors)")
            #expect(try farm.state(of: id) == "succeeded")
            let lanes = try #require(try drain.documents().last?["lanes"]?.array)
            for lane in lanes {
                #expect(lane["queued"]?.integer == 0)
                #expect(lane["holds"]?.array?.first?["kind"]?.string == "closed")
            }
            #expect(try farm.pkgmill("submit", "--sealing", "plain").status == 5)
            #expect(try farm.pkgmill("queue", "resume").status == 0)
            _ = try farm.submit()
        }
    }

    @Test("stats has its members for programs, and the same facts in words")
    func stats() async throws {
        try await FarmFixture.with { farm in
            try farm.set("lanes", "[interactive weight=8, batch weight=3 concurrency=2 rate=5/60s]")
            let oldest = try farm.submit("--lane", "batch")
            _ = try farm.submit("--lane", "batch", "--node-name", "b")
            _ = try farm.submit("--after", "1h", "--node-name", "c")
            let worker = try farm.running("work", "--lanes", "interactive")
            let isUp = try await eventually { try farm.stats()["workers"]?.array?.count == 1 }
            #expect(isUp)
            let stats = try farm.stats()
            #expect(
                stats.members?.map(\.name)
                    == [
                        "time", "counts", "durability", "degradations", "logBytes", "lanes", "workers", "running",
                        "stuck", "parked",
                    ])
            #expect(stats["logBytes"]?.integer != nil)
            let counts = try #require(stats["counts"])
            #expect(counts["queued"]?.integer == 2)
            #expect(counts["scheduled"]?.integer == 1)
            for name in ["due", "running", "parked", "failedNotRetried"] { #expect(counts[name]?.integer == 0) }
            let lane = try #require(stats["lanes"]?.array?.first { $0["lane"]?.string == "batch" })
            #expect(lane["weight"]?.integer == 3)
            #expect(lane["concurrency"]?.integer == 2)
            #expect(lane["rate"]?["count"]?.integer == 5)
            #expect(lane["rate"]?["seconds"]?.integer == 60)
            #expect(lane["configured"]?.bool == true)
            #expect(lane["oldest"]?["id"]?.string == oldest)
            let record = try #require(stats["workers"]?.array?.first)
            #expect(record["process"]?.integer == Int64(worker.identifier))
            #expect(record["alive"]?.bool == true)
            #expect(record["draining"]?.bool == false)
            #expect(record["lanes"]?.array?.compactMap(\.string) == ["interactive"])
            for name in ["name", "host", "version", "started", "lastBeat"] {
                #expect(record[name]?.string?.isEmpty == false, "\(name)")
            }
            let text = try farm.pkgmill("queue", "stats").text
            for part in ["2 queued", "at most 2 at once", "oldest \(oldest)", "process \(worker.identifier)", "idle"] {
                #expect(text.contains(part), "\(part) in \(text)")
            }
            worker.send(SIGTERM)
            #expect(try await worker.exitStatus() == 0)
            #expect(try farm.stats()["workers"]?.array?.isEmpty == true)
        }
    }

    @Test("events are numbered without gaps, begin where one asks, and can be followed")
    func events() async throws {
        try await FarmFixture.with { farm in
            let follower = try farm.running("queue", "events", "--since", "0", "--follow", "--json")
            let id = try farm.submit()
            try farm.drain()
            let all = try farm.events()
            #expect(all.compactMap { $0["sequence"]?.integer } == (1...Int64(all.count)).map { $0 })
            #expect(all.allSatisfy { $0["time"]?.string?.isEmpty == false && $0["event"]?.string != nil })
            #expect(try farm.states(of: id) == ["queued 1", "running 1", "succeeded 1"])
            #expect(try farm.documents("queue", "events", "--since", "2") == Array(all.dropFirst(2)))
            #expect(try farm.documents("queue", "events", "--since", "\(all.count)").isEmpty)
            let hasFollowed = try await eventually { try follower.documents() == all }
            #expect(hasFollowed)
            follower.send(SIGINT)
            _ = try await follower.exitStatus()
            for since in ["-1", "x", "", "9223372036854775808"] {
                #expect(try farm.pkgmill("queue", "events", "--since=\(since)").status == 2, "\(since)")
            }
        }
    }

    @Test("prune removes what is older than it may be, and says how many")
    func prune() async throws {
        try await FarmFixture.with { farm in
            try farm.set("keep_days", "1")
            let ids = try (1...3).map { try farm.submit("--node-name", "n-\($0)") }
            for id in ids { #expect(try farm.pkgmill("cancel", id).status == 0) }
            #expect(try farm.json("queue", "prune")["removed"]?.integer == 0)
            let aged = "UPDATE job SET finished = finished - 2 * 86400000 WHERE id <= 2"
            try farm.sqlite(aged)
            #expect(try farm.json("queue", "prune")["removed"]?.integer == 2)
            #expect(try farm.pkgmill("queue", "prune").text == "0 jobs removed\n")
            #expect(try farm.jobs().compactMap { $0["id"]?.string } == [ids[2]])
            #expect(try farm.pkgmill("status", ids[0]).status == 4)
            #expect(try farm.isSound())
        }
    }

    @Test("retry --failed retries each failed job once, of a lane or of all")
    func retryFailed() async throws {
        try await FarmFixture.with { farm in
            let ids = try ["batch", "batch", "interactive"].enumerated().map {
                try farm.submit("--lane", $1, "--node-name", "n-\($0)")
            }
            try writeFile(farm.path + "/payload/share/data.bin", [1, 2, 3])
            try farm.drain()
            for id in ids { #expect(try farm.state(of: id) == "failed") }
            #expect(try farm.stats()["counts"]?["failedNotRetried"]?.integer == 3)
            let batch = try farm.documents("retry", "--failed", "--lane", "batch")
            #expect(Set(batch.compactMap { $0["retryOf"]?.string }) == Set(ids.prefix(2)))
            #expect(try farm.documents("retry", "--failed").compactMap { $0["retryOf"]?.string } == [ids[2]])
            #expect(try farm.documents("retry", "--failed").isEmpty)
            #expect(try farm.stats()["counts"]?["failedNotRetried"]?.integer == 0)
            #expect(try farm.json("status", ids[2])["retriedAs"]?.string != nil)
            #expect(try farm.pkgmill("retry").status == 2)
            #expect(try farm.pkgmill("retry", "--failed", ids[0]).status == 2)
        }
    }

    @Test("many jobs are cancelled with one command, which goes on where one of them cannot be")
    func cancelMany() async throws {
        try await FarmFixture.with { farm in
            let ids = try (1...4).map { try farm.submit("--node-name", "n-\($0)") }
            let missing = "01890a5d-ac96-774b-bcce-b302099a8057"
            let result = try farm.pkgmill("cancel", ids[0], missing, ids[1], ids[0], ids[2])
            #expect(result.status == 4, "the first error is that there is no such job")
            #expect(result.errorText.contains(missing))
            for id in ids.prefix(3) { #expect(try farm.state(of: id) == "cancelled") }
            #expect(try farm.state(of: ids[3]) == "queued")
            #expect(try farm.pkgmill("cancel", ids[3], "x").status == 5)
            #expect(try farm.state(of: ids[3]) == "queued", "one word that is no id, and nothing is done")
        }
    }

    @Test("a running job that is cancelled stops, is cleaned up, and its worker takes the next one")
    func cancelRunning() async throws {
        try await FarmFixture.with { farm in
            try farm.letWorkersBeHeld()
            try farm.enlargePayload()
            let id = try farm.submit("--node-name", "a")
            let next = try farm.submit("--node-name", "b")
            let parent = try farm.running("work", "--workers", "1", "--json")
            let child = try await farm.holdChild(of: parent, at: id)
            #expect(try farm.json("cancel", id)["state"]?.string == "cancelled")
            kill(child.identifier, SIGCONT)
            try await farm.wait(for: next, toBe: "succeeded")
            #expect(try farm.states(of: id) == ["queued 1", "running 1", "cancelled 1"])
            #expect(try farm.json("status", id)["artifact"] == .null)
            let status = try farm.json("status", next)
            #expect(status["attempt"]?.integer == 1)
            #expect(try parent.documents().contains { $0["event"]?.string == "lost" && $0["job"]?.string == id })
            let isTidy = try await eventually { farm.strayFiles().isEmpty }
            #expect(isTidy, "\(farm.strayFiles())")
            #expect(try farm.children(of: parent).count == 1, "the same worker goes on")
            parent.send(SIGTERM)
            #expect(try await parent.exitStatus() == 0)
            #expect(farm.artifacts().count == 1)
        }
    }

    @Test("a backup opens in another folder with the same jobs, and never replaces a file")
    func backup() async throws {
        try await FarmFixture.with { farm in
            let ids = try (1...3).map { try farm.submit("--node-name", "n-\($0)") }
            #expect(try farm.pkgmill("cancel", ids[0]).status == 0)
            let worker = try farm.running("work")
            let file = farm.path + "/backup.db"
            let made = try farm.pkgmill("queue", "backup", file)
            #expect(made.status == 0, "\(made.errorText)")
            let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            for id in ids.dropFirst() { try await farm.wait(for: id, toBe: "succeeded") }
            worker.send(SIGTERM)
            #expect(try await worker.exitStatus() == 0)
            let before = try contentOfFile(file)
            let again = try farm.pkgmill("queue", "backup", file)
            #expect(again.status != 0)
            #expect(again.errorText.contains(file))
            #expect(try contentOfFile(file) == before)
            #expect(filesBelow(farm.path).allSatisfy { !$0.contains("pkgmill-part") })
            #expect(try farm.pkgmill("queue", "backup").status == 2)
            #expect(try farm.pkgmill("queue", "stats", file).status == 2)

            let other = FarmFixture(path: farm.path + "-restored")
            try FileManager.default.createDirectory(atPath: other.path, withIntermediateDirectories: true)
            for name in ["pkgmill.yaml", "keys", "payload", "cluster"] {
                try FileManager.default.copyItem(atPath: farm.path + "/" + name, toPath: other.path + "/" + name)
            }
            try FileManager.default.copyItem(atPath: file, toPath: other.path + "/farm.db")
            for name in ["artifacts", "cache", "work"] {
                try FileManager.default.createDirectory(
                    atPath: other.path + "/" + name, withIntermediateDirectories: true)
            }
            #expect(try Set(other.jobs().compactMap { $0["id"]?.string }) == Set(ids))
            #expect(try other.state(of: ids[0]) == "cancelled")
            #expect(try other.isSound())
            // What was queued or running when the copy was made is done again there.
            let waiting = try other.jobs().filter { $0["state"]?.string == "queued" }.compactMap { $0["id"]?.string }
            try other.drain()
            for id in waiting { #expect(try other.state(of: id) == "succeeded") }
        }
    }

    @Test("check finds nothing in a sound database, and says so in both forms")
    func check() async throws {
        try await FarmFixture.with { farm in
            _ = try farm.submit()
            #expect(try farm.pkgmill("queue", "check").text == "nothing is wrong with the queue\n")
            #expect(try farm.json("queue", "check")["findings"]?.array?.isEmpty == true)
            let words = try farm.pkgmill("queue", "stast")
            #expect(words.status == 2)
            #expect(words.errorText.contains("stats"))
        }
    }
}
