import Foundation
import JSON
import System
import TestSupport
import Testing

/// The command line, from another machine.
@Suite struct RemoteTests {
    /// Runs a command that asks the server, with a key of the admin's, in a folder without a farm.
    private func remote(
        _ farm: ServedFarm, _ arguments: String..., at url: String? = nil, key: String? = nil
    ) throws -> CommandResult {
        let file = farm.fixture.path + "/remote.key"
        if !FileManager.default.fileExists(atPath: file) {
            try writeFile(file, Array(try farm.key(of: "admin").utf8) + [0x0A], mode: 0o600)
        }
        let words = arguments + ["--server", url ?? farm.url(""), "--key-file", key ?? file]
        return try run(executable(), words, environment: FarmFixture.surroundings(), in: NSTemporaryDirectory())
    }

    private func json(_ result: CommandResult) throws -> JSONValue {
        #expect(result.status == 0, "\(result.errorText)")
        return try JSONValue(parsing: result.output.filter { $0 != 0x0A })
    }

    @Test("what can be done here can be done from there, and says the same")
    func everything() async throws {
        try await ServedFarm.with { farm in
            let package = farm.fixture.path + "/r.pkg"
            let submitted = try remote(
                farm, "submit", "--sealing", "plain", "--node-name", "lab-1", "--label", "site=north", "--wait",
                "--output", package)
            #expect(submitted.status == 0, "\(submitted.errorText)")
            #expect(submitted.errorText.contains("verified"))
            let id = submitted.text.trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(try farm.fixture.pkgmill("lint", package).status == 0)
            for arguments in [["status", id], ["status", id, "--json"], ["watch", id], ["watch", id, "--json"]] {
                let here = try farm.fixture.pkgmill(arguments)
                let there = try run(
                    executable(),
                    arguments + ["--server", farm.url(""), "--key-file", farm.fixture.path + "/remote.key"])
                #expect(here.text == there.text && here.status == there.status && !here.text.isEmpty, "\(arguments)")
            }
            #expect(try json(remote(farm, "list", "--json", "--state", "succeeded"))["id"]?.string == id)
            // The same key from there is the same job.
            #expect(try remote(farm, "submit", "--sealing", "plain", "--idempotency-key", "k 1").status == 2)
            let first = try remote(farm, "submit", "--sealing", "plain", "--after", "1h", "--idempotency-key", "k1")
            let again = try remote(farm, "submit", "--sealing", "plain", "--after", "1h", "--idempotency-key", "k1")
            #expect(first.status == 0 && first.text == again.text, "\(first.errorText)\(again.errorText)")
            let later = first.text.trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(try json(remote(farm, "cancel", later, "--json"))["state"]?.string == "cancelled")
            let retried = try remote(farm, "retry", later)
            #expect(retried.status == 0 && retried.text != first.text)

            let token = try remote(farm, "token", id, "--max-uses", "2").text.trimmingCharacters(in: .newlines)
            let (byToken, byLink) = (farm.fixture.path + "/t.pkg", farm.fixture.path + "/l.pkg")
            let fetched = try run(executable(), ["fetch", token, "--output", byToken, "--server", farm.url("")])
            #expect(fetched.status == 0, "\(fetched.errorText)")
            let linked = try run(executable(), ["fetch", farm.url("/d/" + token), "--output", byLink, "--json"])
            #expect(linked.status == 0, "\(linked.errorText)")
            #expect(try contentOfFile(byToken) == contentOfFile(package))
            #expect(try contentOfFile(byLink) == contentOfFile(package))
            let isUsedUp = try await eventually { try farm.curl(nil, "HEAD", "/d/" + token).status == 410 }
            #expect(isUsedUp)
            let refused = try run(executable(), ["fetch", farm.url("/d/" + token), "--output", byLink + "2"])
            #expect(refused.status == 6 && !refused.errorText.contains(token.suffix(40)), "\(refused.errorText)")
            #expect(!FileManager.default.fileExists(atPath: byLink + "2"))
        }
    }

    @Test("a batch out of a table is the same from here and from there")
    func batches() async throws {
        try await ServedFarm.with(workers: 0) { farm in
            let file = farm.fixture.path + "/nodes.csv"
            try writeFile(file, Array("nodeName,label:site\nlab-1,north\nnot a name,south\nlab-3,\n".utf8))
            let here = try farm.fixture.pkgmill("batch", file, "--sealing", "plain", "--json")
            let there = try remote(farm, "batch", file, "--sealing", "plain", "--json")
            for result in [here, there] {
                #expect(result.status == 1, "\(result.errorText)")
                let lines = try result.text.split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8)) }
                #expect(lines.count == 4 && lines.prefix(3).compactMap { $0["row"]?.integer } == [1, 2, 3])
                #expect(lines[1]["error"]?["message"]?.string?.contains("not a name") == true)
                #expect(lines[3]["counts"]?["accepted"]?.integer == 2 && lines[3]["counts"]?["rejected"]?.integer == 1)
                let job = try farm.fixture.json("status", try #require(lines[0]["id"]?.string))
                #expect(job["labels"]?["site"]?.string == "north" && job["lane"]?.string == "batch")
            }
            // What anybody can read is in the log, wherever it was ordered.
            let lines = try farm.audit().filter { $0["action"]?.string == "batch.submit-plain" }
            #expect(lines.count == 2 && lines.allSatisfy { $0["details"]?["rows"]?.integer == 3 })
            #expect(lines.first?["actor"]?.string?.hasPrefix("cli:") == true && lines.first?["address"] == .null)
            #expect(lines.last?["address"]?.string == "127.0.0.1")
            let alone = try farm.fixture.submit()
            let last = try #require(farm.audit().last)
            #expect(last["action"]?.string == "job.submit-plain" && last["subject"]?.string == alone)
            #expect(last["actor"]?.string?.hasPrefix("cli:") == true)
            let text = try remote(farm, "batch", file, "--sealing", "plain")
            #expect(text.status == 1 && text.errorText.contains("row 2:") && text.errorText.contains("2 of 3 rows"))
            try writeFile(file, Array("host\nlab-1\n".utf8))
            let bad = try remote(farm, "batch", file)
            #expect(bad.status == 5 && bad.errorText.contains("'host' is not known here"), "\(bad.errorText)")
        }
    }

    @Test("a download that is cut goes on where it was, in the same command and in the next one")
    func resuming() async throws {
        try await ServedFarm.with { farm in
            let admin = try farm.key(of: "admin")
            let id = try farm.build(admin)
            let whole = farm.fixture.path + "/whole.pkg"
            #expect(try farm.curl(admin, "GET", "/v1/artifacts/\(id)", nil, into: whole).status == 200)
            let port = try #require(UInt16(farm.host.split(separator: ":").last ?? ""))
            let proxy = try RedisProxy(to: .tcp(host: "127.0.0.1", port: port))
            let url = "http://\(proxy.address)"

            proxy.fault = .cutOnce(afterBytes: 60_000)
            let output = farm.fixture.path + "/o.pkg"
            let fetched = try remote(farm, "fetch", id, "--output", output, at: url)
            #expect(fetched.status == 0, "\(fetched.errorText)")
            #expect(try contentOfFile(output) == contentOfFile(whole))
            let resumed = try await eventually { farm.program.errors.contains("GET /v1/artifacts/\(id) 206") }
            #expect(resumed)

            // It dies on the way: what has come stays for the next one.
            proxy.fault = .cut(afterBytes: 30_000)
            let second = farm.fixture.path + "/p.pkg"
            let words = [
                "fetch", id, "--output", second, "--server", url, "--key-file", farm.fixture.path + "/remote.key",
            ]
            let dying = try RunningProgram(executable(), words)
            let folder = farm.fixture.path
            func part() throws -> String? {
                try FileManager.default.contentsOfDirectory(atPath: folder).first { $0.hasPrefix(".pkgmill-part-") }
            }
            let hasBegun = try await eventually {
                guard let name = try part() else { return false }
                return try contentOfFile(folder + "/" + name).count > 10_000
            }
            #expect(hasBegun)
            dying.send(SIGKILL)
            _ = try await dying.exitStatus()
            #expect(!FileManager.default.fileExists(atPath: second))
            proxy.fault = .none
            let again = try remote(farm, "fetch", id, "--output", second, at: url)
            #expect(again.status == 0, "\(again.errorText)")
            #expect(try contentOfFile(second) == contentOfFile(whole))
            #expect(try part() == nil)
        }
    }

    @Test("a file whose bytes were changed on the way is not kept")
    func damaged() async throws {
        try await ServedFarm.with { farm in
            let admin = try farm.key(of: "admin")
            let id = try farm.build(admin)
            let port = try #require(UInt16(farm.host.split(separator: ":").last ?? ""))
            let proxy = try RedisProxy(to: .tcp(host: "127.0.0.1", port: port))
            proxy.fault = .rewrite(Array("xar!".utf8), Array("rax!".utf8))
            let output = farm.fixture.path + "/x.pkg"
            let result = try remote(farm, "fetch", id, "--output", output, at: "http://\(proxy.address)")
            #expect(result.status == 7 && result.errorText.contains("SHA-256"), "\(result.errorText)")
            let names = try FileManager.default.contentsOfDirectory(atPath: farm.fixture.path)
            #expect(!names.contains("x.pkg") && !names.contains { $0.hasPrefix(".pkgmill-part-") })
        }
    }

    @Test("a submission whose answer was lost is sent again and is one job")
    func lostAnswer() async throws {
        try await ServedFarm.with(workers: 0) { farm in
            let port = try #require(UInt16(farm.host.split(separator: ":").last ?? ""))
            let proxy = try RedisProxy(to: .tcp(host: "127.0.0.1", port: port))
            proxy.fault = .cutOnce(afterBytes: 10)
            let result = try remote(farm, "submit", "--sealing", "plain", at: "http://\(proxy.address)")
            #expect(result.status == 0, "\(result.errorText)")
            #expect(try farm.fixture.pkgmill("list").text.split(separator: "\n").count == 1)
        }
    }

    @Test("keys are kept safe, and what is wrong is told by its name")
    func refusals() async throws {
        try await ServedFarm.with(workers: 0) { farm in
            let key = farm.fixture.path + "/loose.key"
            try writeFile(key, Array("pkm_x".utf8), mode: 0o644)
            let exposed = try remote(farm, "list", key: key)
            #expect(exposed.status == 5 && exposed.errorText.contains("chmod 600"), "\(exposed.errorText)")
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key)
            let wrong = try remote(farm, "list", key: key)
            #expect(wrong.status == 5 && wrong.errorText.contains("[401]") && !wrong.errorText.contains("pkm_x"))
            let plain = try remote(farm, "list", at: "http://farm.example")
            #expect(plain.status == 5 && plain.errorText.contains("in plain"), "\(plain.errorText)")
            for bad in [
                "farm.example", "https://", "https://a/b", "https://u:p@a", "https://a:0", "ftp://a", "https://a b",
            ] {
                let result = try remote(farm, "list", at: bad)
                #expect(
                    result.status == 2 && result.errorText.contains("expected https://"), "\(bad): \(result.errorText)")
            }
            let missing = try run(executable(), ["list", "--server", farm.url("")])
            #expect(missing.status == 2 && missing.errorText.contains("key-file"))
            let alone = try run(executable(), ["list", "--key-file", key])
            #expect(alone.status == 2 && alone.errorText.contains("--server"))
            let unknown = try remote(farm, "status", "01a229b5-b5a7-79e0-94f8-00c3b0722186")
            #expect(unknown.status == 4, "\(unknown.errorText)")
            let invalid = try remote(farm, "submit", "--sealing", "plain", "--node-name", "not a name")
            #expect(invalid.status == 5 && invalid.errorText.contains("not a name"), "\(invalid.errorText)")
        }
    }

    @Test("a server with a certificate is asked over TLS, and one that is not trusted is not asked at all")
    func encrypted() async throws {
        try await FarmFixture.with { fixture in
            let certificates = try CertificateFixture(in: fixture.path)
            try certificates.issue("server", names: "IP:127.0.0.1")
            let key = "\(fixture.path)/server.key"
            let words = ["--certificate", "\(fixture.path)/server.pem", "--certificate-key", key]
            // Not with a key that everybody can read.
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: key)
            let exposed = try fixture.pkgmill(["serve", "--workers", "0", "--listen", "127.0.0.1:0"] + words)
            #expect(exposed.status != 0 && exposed.errorText.contains("server.key"), "\(exposed.errorText)")
            try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: key)
            let farm = try await ServedFarm(fixture, workers: 0, words)
            let untrusted = try remote(farm, "list")
            #expect(untrusted.status == 7 && untrusted.errorText.contains("--ca-file"), "\(untrusted.errorText)")
            let trusted = try remote(farm, "submit", "--sealing", "plain", "--ca-file", certificates.authority)
            #expect(trusted.status == 0, "\(trusted.errorText)")
            let other = try remote(farm, "list", "--ca-file", certificates.otherAuthority)
            #expect(other.status == 7)
            farm.program.send(SIGTERM)
            #expect(try await farm.program.exitStatus() == 0)
        }
    }
}
