import Crypto
import Foundation
import System
import TestSupport
import Testing

@testable import Configuration

@Suite("A configuration on disk") struct LoadingTests {
    @Test("is read from a path that counts from the working directory, with the files that it names")
    func relative() async throws {
        try await withTemporaryDirectory { folder in
            try writeFile(folder + "/etc/pkgmill.yaml", Array("server:\n  api_key_file: ../key\n".utf8))
            try writeFile(folder + "/key", Array("abc\n".utf8), mode: 0o600)
            let read = try FarmConfiguration.load(
                path: "./etc/pkgmill.yaml", environment: [:], workingDirectory: folder)
            #expect(read.secrets == ["server.api_key": SecretBytes("abc")])
            #expect(read.path == folder + "/etc/pkgmill.yaml")
            #expect(read.farm.keys == folder + "/etc/keys")
        }
    }

    @Test("is refused when it is missing, with what to do")
    func missing() async throws {
        try await withTemporaryDirectory { folder in
            #expect(
                Self.answer(folder + "/pkgmill.yaml")
                    == "\(folder)/pkgmill.yaml: there is no such file; "
                    + "make one with `pkgmill init`, or name another with --config")
        }
    }

    @Test("is refused when it is no regular file, and a named pipe does not stop the reading")
    func kinds() async throws {
        try await withTemporaryDirectory { folder in
            #expect(Self.answer(folder) == "\(folder): this is a directory; name a regular file")
            let made = try run("mkfifo", [folder + "/pipe"])
            #expect(made.status == 0)
            #expect(Self.answer(folder + "/pipe") == "\(folder)/pipe: this is a named pipe; name a regular file")
            #expect(Self.answer(folder + "/pipe/x")?.contains("cannot open ") == true)
        }
    }

    @Test("is refused beyond 1 MiB without being read")
    func size() async throws {
        try await withTemporaryDirectory { folder in
            try writeFile(folder + "/big", Array(repeating: 0x23, count: (1 << 20) + 1))
            #expect(
                Self.answer(folder + "/big")
                    == "\(folder)/big: the file has 1048577 bytes; keep it within 1048576 bytes (1 MiB)")
        }
    }

    @Test("may be a link, and its target's mode counts")
    func link() async throws {
        try await withTemporaryDirectory { folder in
            try writeFile(folder + "/real", Array("server:\n  api_key: abc\n".utf8), mode: 0o600)
            try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: "real")
            #expect(Self.answer(folder + "/link") == nil)
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: folder + "/real")
            #expect(
                Self.answer(folder + "/link")?.contains("every user of this machine may reach it (mode 0644)") == true)
        }
    }

    @Test("is refused when the file of a secret is open to all, missing, too large or a pipe, each with its line")
    func secretFiles() async throws {
        try await withTemporaryDirectory { folder in
            try writeFile(folder + "/open", [0x61], mode: 0o644)
            try writeFile(folder + "/big", Array(repeating: 0x61, count: 70_000), mode: 0o600)
            let made = try run("mkfifo", ["-m", "600", folder + "/pipe"])
            #expect(made.status == 0)
            let text = """
                server:
                  api_key_file: open
                  web_password_file: big
                  encryption_key_file: pipe
                  web_username_file: ./none
                """
            try writeFile(folder + "/pkgmill.yaml", Array(text.utf8))
            let path = folder + "/pkgmill.yaml"
            let shown = { (name: String) in Mistake.shown(folder + "/" + name) }
            let answers = Self.answer(path)?.split(separator: "\n").map(String.init) ?? []
            try #require(answers.count == 4)
            #expect(answers[0].hasPrefix("\(path):2: server.api_key_file: \(shown("open")): every user "))
            #expect(answers[1].hasPrefix("\(path):3: server.web_password_file: \(shown("big")) has 70000 bytes; "))
            #expect(answers[2].hasPrefix("\(path):4: server.encryption_key_file: \(shown("pipe")) is a named pipe; "))
            #expect(answers[3].hasPrefix("\(path):5: server.web_username_file: cannot open \(folder)/none: No such "))
        }
    }

    private static func answer(_ path: String) -> String? {
        do throws(ConfigurationError) {
            _ = try FarmConfiguration.load(path: path, environment: [:])
            return nil
        } catch {
            return error.description
        }
    }
}
