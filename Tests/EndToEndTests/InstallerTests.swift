import Foundation
import JSON
import TestSupport
import Testing

/// One job from request to file, through the real executable.
@Suite struct InstallerTests {
    @Test("a request becomes a package that is fetched by token and checks")
    func wholeWay() async throws {
        try await FarmFixture.with { farm in
            let id = try farm.submit("--node-name", "lab-1", "--label", "site=berlin")
            #expect(try farm.state(of: id) == "queued")
            try farm.drain()

            let status = try farm.json("status", id)
            #expect(status["state"]?.string == "succeeded")
            let artifact = try #require(status["artifact"])
            #expect(artifact["fileName"]?.string == "FleetServerClusterNode.pkg")

            let token = try #require(try farm.json("token", id, "--expires", "1h")["token"]?.string)
            let output = farm.path + "/node.pkg"
            let fetched = try farm.pkgmill("fetch", token, "--output", output)
            #expect(fetched.status == 0, "\(fetched.errorText)")

            let sum = try run("sha256sum", [output]).text.split(separator: " ").first.map(String.init)
            #expect(sum == artifact["sha256"]?.string)
            #expect(Int64(try contentOfFile(output).count) == artifact["size"]?.integer)

            let lint = try farm.pkgmill("lint", output)
            #expect(lint.status == 0, "\(lint.text)")
            #expect(farm.strayFiles().isEmpty)
            #expect(farm.artifacts().count == 1)
        }
    }

    @Test("submit --wait --output builds, waits and writes the file")
    func waiting() async throws {
        try await FarmFixture.with { farm in
            let worker = try farm.running("work")
            let output = farm.path + "/here.pkg"
            let result = try farm.pkgmill("submit", "--sealing", "plain", "--wait", "--output", output)
            worker.send(SIGTERM)
            let status = try await worker.exitStatus()
            #expect(result.status == 0, "\(result.errorText)")
            #expect(try contentOfFile(output).prefix(4) == Array("xar!".utf8)[...])
            #expect(status == 0, "SIGTERM drains and ends well")
        }
    }

    @Test("the same pins give the same bytes in another folder, time zone, locale and umask")
    func deterministic() async throws {
        try await FarmFixture.with { farm in
            let first = try farm.submit("--node-name", "lab-1")
            try farm.drain()
            let sum = try #require(try farm.json("status", first)["artifact"]?["sha256"]?.string)

            // The same farm, keys and all, somewhere else and without anything it has built.
            let elsewhere = FarmFixture(path: farm.path + "-copied elsewhere")
            #expect(try run("cp", ["-R", farm.path, elsewhere.path]).status == 0)
            for folder in ["artifacts", "cache", "work"] {
                try FileManager.default.removeItem(atPath: elsewhere.path + "/" + folder)
            }
            let command = """
                umask 0177; umask 022; export TZ=Pacific/Kiritimati LC_ALL=C.UTF-8 LANG=tr_TR.UTF-8
                id=$("$1" submit --node-name lab-1 --sealing plain --config "$2") &&
                "$1" work --drain --config "$2" && "$1" status "$id" --json --config "$2"
                """
            let second = try run("sh", ["-c", command, "sh", executable(), elsewhere.configurationPath])
            #expect(second.status == 0, "\(second.errorText)")
            #expect(try JSONValue(parsing: second.output.filter { $0 != 0x0A })["artifact"]?["sha256"]?.string == sum)
        }
    }

    @Test("two workers on one folder build every job once")
    func twoWorkers() async throws {
        try await FarmFixture.with { farm in
            let ids = try (1...12).map { try farm.submit("--node-name", "node-\($0)") }
            let workers = try (1...2).map { _ in try farm.running("work", "--drain") }
            for worker in workers { #expect(try await worker.exitStatus() == 0) }
            for id in ids {
                let status = try farm.json("status", id)
                #expect(status["state"]?.string == "succeeded")
                #expect(status["attempt"]?.integer == 1)
            }
            #expect(farm.artifacts().count == 12)
            #expect(farm.strayFiles().isEmpty)
        }
    }

    @Test("a cancelled job is not built, and can be asked for again")
    func cancelAndRetry() async throws {
        try await FarmFixture.with { farm in
            let id = try farm.submit()
            #expect(try farm.json("cancel", id)["state"]?.string == "cancelled")
            try farm.drain()
            #expect(farm.artifacts().isEmpty)
            let again = try farm.json("retry", id)
            #expect(again["retryOf"]?.string == id)
            try farm.drain()
            #expect(try farm.state(of: try #require(again["id"]?.string)) == "succeeded")
            #expect(try farm.pkgmill("cancel", id).status == 5, "a terminal state never changes")
        }
    }

    @Test("list shows every job, a page at a time")
    func listing() async throws {
        try await FarmFixture.with { farm in
            let ids = try (1...5).map { _ in try farm.submit() }
            let all = try farm.pkgmill("list", "--json")
            let seen = try all.text.split(separator: "\n").map { line in
                try JSONValue(parsing: Array(line.utf8))["id"]?.string
            }
            #expect(seen == ids.reversed())
            #expect(try farm.pkgmill("list", "--json", "--state", "succeeded").output.isEmpty)
        }
    }
}
