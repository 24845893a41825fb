import Foundation
import JSON
import TestSupport
import Testing

/// What a person gets wrong: the message, the exit code, and that nothing was written.
@Suite struct BadInputTests {
    @Test(
        "a hostile node name is refused with its name and what was expected",
        arguments: [
            "$(touch PWNED)", "`touch PWNED`", "\"; touch PWNED; \"", "a&b", "a\\1b", "a|b", "a#b", "${IFS}", "a\r\nb",
            "../x",
            ".", "<b>&\"'", "]]>", "a</string><string>b", "&lol;", "a: b", "!!binary x", "*a", "a/\u{301}",
            "\u{202E}x", "\u{FEFF}x", String(repeating: "a", count: 256),
        ])
    func nodeNames(_ name: String) async throws {
        try await FarmFixture.with { farm in
            let result = try farm.pkgmill("submit", "--sealing", "plain", "--node-name=\(name)")
            #expect(result.status == 5, "\(result.errorText)")
            #expect(result.errorText.contains("nodeName"))
            #expect(result.output.isEmpty)
            #expect(try farm.pkgmill("list", "--json").output.isEmpty)
        }
    }

    @Test("without sealing the answer says what to ask for")
    func noSealing() async throws {
        try await FarmFixture.with { farm in
            let result = try farm.pkgmill("submit")
            #expect(result.status == 5)
            #expect(result.errorText.contains("--sealing plain"))
        }
    }

    @Test("a backend that no other Mac reaches is refused with what to set")
    func unreachableBackend() async throws {
        try await FarmFixture.with { farm in
            for environment in [
                ["PKGMILL_CLUSTER_ENABLED": "false"], ["PKGMILL_CLUSTER_BACKEND": "sqlite"],
                ["PKGMILL_CLUSTER_BACKEND": "redis", "PKGMILL_CLUSTER_REDIS_HOST": "127.0.0.1"],
            ] {
                let result = try farm.pkgmill("submit", "--sealing", "plain", environment: environment)
                #expect(result.status == 5, "\(result.errorText)")
                #expect(result.errorText.contains("cluster."))
            }
        }
    }

    @Test("a payload that is missing or empty is refused by name")
    func payload() async throws {
        try await FarmFixture.with { farm in
            try FileManager.default.removeItem(atPath: farm.path + "/payload")
            let missing = try farm.pkgmill("submit", "--sealing", "plain")
            #expect(missing.status == 5)
            #expect(missing.errorText.contains(farm.path + "/payload"))
            try FileManager.default.createDirectory(atPath: farm.path + "/payload", withIntermediateDirectories: true)
            #expect(try farm.pkgmill("submit", "--sealing", "plain").status == 5)
        }
    }

    @Test("a payload that changed after submission fails the job and says so")
    func changedPayload() async throws {
        try await FarmFixture.with { farm in
            let id = try farm.submit()
            try writeFile(farm.path + "/payload/share/data.bin", [1, 2, 3])
            try farm.drain()
            let status = try farm.json("status", id)
            #expect(status["state"]?.string == "failed")
            #expect(status["error"]?["code"]?.string == "payload-changed")
            #expect(farm.artifacts().isEmpty)
            #expect(farm.strayFiles().isEmpty)
        }
    }

    @Test("every mistake of a configuration is said at once, with its line")
    func configuration() async throws {
        try await FarmFixture.with { farm in
            let text = "cluster:\n  enabled: yes\n  bakend: redis\nserver:\n  port: 0123\n"
            try writeFile(farm.configurationPath, Array(text.utf8), mode: 0o600)
            let result = try farm.pkgmill("check")
            #expect(result.status == 3)
            for part in [":2", "enabled", ":3", "bakend", "backend", ":5", "port", "0123"] {
                #expect(result.errorText.contains(part), "\(part) in \(result.errorText)")
            }
        }
    }

    @Test("a wrong, cut or foreign token is refused and nothing is written")
    func tokens() async throws {
        try await FarmFixture.with { farm in
            let id = try farm.submit()
            try farm.drain()
            let token = try #require(try farm.json("token", id)["token"]?.string)
            let foreign = try await FarmFixture.with { other in
                let id = try other.submit()
                try other.drain()
                return try #require(try other.json("token", id)["token"]?.string)
            }
            let output = farm.path + "/out.pkg"
            for bad in [String(token.dropLast(4)), token + "A", foreign, "x.y.z", "not-a-token"] {
                let result = try farm.pkgmill("fetch", bad, "--output", output)
                #expect(result.status == 6, "\(result.errorText)")
                #expect(!result.errorText.contains(bad) || bad.utf8.count < 20, "a token is not echoed")
                #expect(!FileManager.default.fileExists(atPath: output))
            }
        }
    }

    @Test("a token for one use opens once")
    func usedUp() async throws {
        try await FarmFixture.with { farm in
            let id = try farm.submit()
            try farm.drain()
            let token = try #require(try farm.json("token", id, "--max-uses", "1")["token"]?.string)
            #expect(try farm.pkgmill("fetch", token, "--output", farm.path + "/1.pkg").status == 0)
            #expect(try farm.pkgmill("fetch", token, "--output", farm.path + "/2.pkg").status == 6)
        }
    }

    @Test("a stored artifact with one changed byte is not handed out")
    func damagedArtifact() async throws {
        try await FarmFixture.with { farm in
            let id = try farm.submit()
            try farm.drain()
            let blob = farm.path + "/artifacts/blobs/" + (try #require(farm.artifacts().first))
            var bytes = try contentOfFile(blob)
            bytes[bytes.count / 2] ^= 1
            try writeFile(blob, bytes, mode: 0o600)
            let output = farm.path + "/out.pkg"
            let result = try farm.pkgmill("fetch", id, "--output", output)
            #expect(result.status == 7)
            #expect(result.errorText.contains("damaged"))
            #expect(!filesBelow(farm.path).contains { $0.contains("part") })
            #expect(!FileManager.default.fileExists(atPath: output))
        }
    }

    @Test("a corrupt or foreign database is named and left as it is", arguments: [Array("garbage".utf8), []])
    func database(content: [UInt8]) async throws {
        try await FarmFixture.with { farm in
            let path = farm.path + "/farm.db"
            for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
            let bytes = content.isEmpty ? [] : content + [UInt8](repeating: 0x5A, count: 8192)
            try writeFile(path, bytes, mode: 0o600)
            let result = try farm.pkgmill("list")
            #expect(result.status == 7, "\(result.errorText)")
            #expect(result.errorText.contains("farm.db"))
            #expect(try contentOfFile(path) == bytes)
        }
    }

    @Test("words that are not understood end with 2 and the nearest word")
    func usage() throws {
        let cases = [
            (["sumbit"], "submit"), (["submit", "--node-nam", "x"], "--node-name"), (["status"], "JOB-ID"),
            (["fetch", "x"], "--output"), (["list", "--state", "done"], "succeeded"),
            (["token", "x", "--expires", "1y"], "1h"),
        ]
        for (words, expected) in cases {
            let result = try run(executable(), words)
            #expect(result.status == 2, "\(words)")
            #expect(result.errorText.contains(expected), "\(words): \(result.errorText)")
        }
    }

    @Test("an id that nobody has ends with 4")
    func unknownJob() async throws {
        try await FarmFixture.with { farm in
            let result = try farm.pkgmill("status", "01890a5d-ac96-774b-bcce-b302099a8057")
            #expect(result.status == 4)
            #expect(result.errorText.contains("there is no job"))
        }
    }

    @Test("a second init changes nothing")
    func secondInit() async throws {
        try await FarmFixture.with { farm in
            let before = try contentOfFile(farm.configurationPath)
            #expect(try run(executable(), ["init", farm.path]).status == 5)
            #expect(try contentOfFile(farm.configurationPath) == before)
        }
    }

    @Test("a disk that is full while a package is published fails the attempt and leaves nothing behind")
    func fullDisk() async throws {
        try await FarmFixture.with { farm in
            try writeFile(farm.path + "/payload/share/big.bin", FarmFixture.pattern(3_000_000))
            let id = try farm.submit()
            // A real file system of one megabyte in the place of the store.
            let worked = try run(
                "bwrap",
                [
                    "--dev-bind", "/", "/", "--size", "1048576", "--tmpfs", farm.path + "/artifacts", executable(),
                    "work",
                    "--drain", "--config", farm.configurationPath,
                ])
            #expect(worked.errorText.contains("No space left on device"), "\(worked.errorText)")
            let status = try farm.json("status", id)
            #expect(["scheduled", "failed"].contains(status["state"]?.string))
            #expect(status["artifact"] == .null)
            #expect(farm.artifacts().isEmpty)
            #expect(filesBelow(farm.path + "/work").isEmpty)
        }
    }

    @Test("a read-only disk is named, and the job waits for a better one")
    func readOnlyDisk() async throws {
        try await FarmFixture.with { farm in
            let id = try farm.submit()
            let worked = try run(
                "bwrap",
                [
                    "--dev-bind", "/", "/", "--ro-bind", farm.path + "/artifacts", farm.path + "/artifacts",
                    executable(),
                    "work", "--drain", "--config", farm.configurationPath,
                ])
            #expect(worked.errorText.contains("Read-only file system"), "\(worked.errorText)")
            #expect(try farm.state(of: id) != "succeeded")
            #expect(farm.artifacts().isEmpty)
        }
    }
}
