import Foundation
import TestSupport
import Testing

/// A canary in every secret is found in the package's configuration and nowhere else.
@Suite struct SecretTests {
    static let names = [
        "cluster.redis_password", "server.api_key", "server.web_password", "server.db_encryption_key",
        "server.encryption_key", "sessions.redis.password",
    ]

    @Test("canaries are in config.yaml and in no database, log, answer, file or other part of the package")
    func canaries() async throws {
        try await FarmFixture.with { farm in
            // A cluster that needs every one of the secrets.
            var environment = [
                "PKGMILL_CLUSTER_BACKEND": "redis", "PKGMILL_CLUSTER_REDIS_HOST": "redis.example.com",
                "PKGMILL_SESSIONS_BACKEND": "redis", "PKGMILL_SESSIONS_REDIS_HOST": "redis.example.com",
            ]
            var canaries: [String] = []
            for (index, name) in Self.names.enumerated() {
                let canary = "canary\(index)Zq7wKx3vPb9LmT5r"
                canaries.append(canary)
                let file = farm.path + "/secret-\(index)"
                try writeFile(file, Array(canary.utf8), mode: 0o600)
                let variable = name.uppercased().replacingOccurrences(of: ".", with: "_")
                environment["PKGMILL_\(variable)_FILE"] = file
            }
            var said: [UInt8] = []
            func pkgmill(_ arguments: String...) throws -> CommandResult {
                let result = try farm.pkgmill(arguments, environment: environment)
                #expect(result.status == 0, "\(arguments): \(result.errorText)")
                said += result.output + result.errors
                return result
            }
            let submitted = try pkgmill("submit", "--sealing", "plain")
            let id = submitted.text.trimmingCharacters(in: .whitespacesAndNewlines)
            _ = try pkgmill("work", "--drain", "--json")
            for command in [
                ["status", id, "--json"], ["list", "--json"], ["check", "--json"], ["status", id], ["token", id],
            ] {
                let result = try farm.pkgmill(command, environment: environment)
                #expect(result.status == 0)
                said += result.output + result.errors
            }
            let package = farm.path + "-package.pkg"
            _ = try pkgmill("fetch", id, "--output", package)
            said += try farm.pkgmill("inspect", package, "--files", "--json").output

            for index in Self.names.indices {
                try FileManager.default.removeItem(atPath: farm.path + "/secret-\(index)")
            }
            let unpacked = farm.path + "-unpacked"
            try FileManager.default.createDirectory(atPath: unpacked, withIntermediateDirectories: true)
            #expect(try run("bsdtar", ["-xf", package, "-C", unpacked]).status == 0)
            let scripts = try ["server", "node"].map { name in
                try run("gzip", ["-dc", "\(unpacked)/\(name).pkg/Scripts"]).output
            }
            let payload = try run("gzip", ["-dc", unpacked + "/node.pkg/Payload"]).output

            for canary in canaries {
                #expect(count(canary, in: payload) == 1, "\(canary) is in the node's configuration once")
                #expect(scripts.allSatisfy { count(canary, in: $0) == 0 })
                #expect(count(canary, in: said) == 0)
                // Everything that the farm keeps: database, log, keys, work, cache. Packages are compressed; what
                // is inside them was looked at above.
                // Bells are pipes, which hold nothing but rings.
                for file in filesBelow(farm.path) where !file.hasSuffix("/") && !file.hasPrefix("farm.db-bells/") {
                    let bytes = try contentOfFile(farm.path + "/" + file)
                    #expect(count(canary, in: bytes) == 0, "\(file) holds \(canary)")
                }
            }
        }
    }

    private func count(_ text: String, in bytes: [UInt8]) -> Int {
        var found = 0
        var data = Data(bytes)[...]
        while let range = data.range(of: Data(text.utf8)) {
            found += 1
            data = data[range.upperBound...]
        }
        return found
    }
}
