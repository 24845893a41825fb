import Foundation
import JSON
import TestSupport
import Testing

/// A farm made by the real executable in a folder of its own, with a small payload.
struct FarmFixture: Sendable {
    let path: String
    /// The server in which its jobs and records are; nil where they are in its own database.
    var redis: RedisServer?
    /// Words before each command, which bring it where it is to run.
    private(set) var launcher: [String] = []

    /// Makes a farm, runs `body`, removes it.
    static func with<Result>(_ body: (FarmFixture) async throws -> Result) async throws -> Result {
        try await withTemporaryDirectory { path in
            let farm = FarmFixture(path: path + "/farm")
            try farm.make()
            return try await body(farm)
        }
    }

    /// The same with jobs and records in a Redis of its own that has each write on its disk before it answers.
    static func withRedis<Result>(
        _ configuration: [String] = ["appendonly yes", "appendfsync always"], environment: [String: String] = [:],
        _ body: (FarmFixture, RedisServer) async throws -> Result
    ) async throws -> Result {
        try await TestSupport.withRedis(configuration: configuration) { server in
            try await withTemporaryDirectory { path in
                let farm = FarmFixture(path: path + "/farm", redis: server)
                try farm.make("--redis", server.socketPath, environment: environment)
                return try await body(farm, server)
            }
        }
    }

    /// Makes a farm at `path` whose jobs and records are in `redis` at `address`, by commands behind `launcher`.
    static func make(
        in path: String, redis: RedisServer, at address: String, launcher: [String] = [],
        environment: [String: String] = [:]
    ) throws -> FarmFixture {
        let farm = FarmFixture(path: path, redis: redis, launcher: launcher)
        try farm.make("--redis", address, environment: environment)
        return farm
    }

    /// The same farm by commands behind `launcher`.
    func launched(by launcher: [String]) -> FarmFixture {
        var farm = self
        farm.launcher = launcher
        return farm
    }

    /// The words of a command of the executable.
    func words(_ arguments: [String]) -> [String] { launcher + [executable()] + arguments }

    private func make(_ arguments: String..., environment: [String: String] = [:]) throws {
        let words = words(["init", path] + arguments)
        let made = try run(words[0], Array(words.dropFirst()), environment: Self.surroundings(environment))
        #expect(made.status == 0, "\(made.errorText)")
        try writeFile(path + "/payload/bin/pkgmill", Array("#!/bin/sh\nexit 0\n".utf8), mode: 0o755)
        try writeFile(path + "/payload/share/data.bin", Self.pattern(300_000))
    }

    /// Bytes that compress a little.
    static func pattern(_ count: Int, seed: UInt64 = 7) -> [UInt8] {
        let random = SeededRandom(seed: seed)
        return (0..<count).map { index in index % 3 == 0 ? 0x41 : UInt8(truncatingIfNeeded: random.next()) }
    }

    var configurationPath: String { path + "/pkgmill.yaml" }

    /// Runs a command of the executable on this farm.
    func pkgmill(_ arguments: String..., environment: [String: String] = [:]) throws -> CommandResult {
        try pkgmill(arguments, environment: environment)
    }

    func pkgmill(_ arguments: [String], environment: [String: String] = [:]) throws -> CommandResult {
        let words = words(arguments + ["--config", configurationPath])
        return try run(words[0], Array(words.dropFirst()), environment: Self.surroundings(environment))
    }

    /// The environment of the tests without what would set a farm up, and `more`.
    static func surroundings(_ more: [String: String] = [:]) -> [String: String] {
        ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("PKGMILL_") }.merging(more) { $1 }
    }

    /// The last line of standard output as JSON.
    func json(_ arguments: String...) throws -> JSONValue {
        let result = try pkgmill(arguments + ["--json"])
        #expect(result.status == 0, "\(arguments): \(result.errorText)")
        let line = result.text.split(separator: "\n").last.map(String.init) ?? ""
        return try JSONValue(parsing: Array(line.utf8))
    }

    /// Submits an installer and returns the job's id.
    func submit(_ more: String...) throws -> String {
        let id = try json("submit", "--sealing", "plain", more: more)["id"]?.string
        return try #require(id)
    }

    private func json(_ arguments: String..., more: [String]) throws -> JSONValue {
        let result = try pkgmill(arguments + more + ["--json"])
        #expect(result.status == 0, "\(result.errorText)")
        return try JSONValue(parsing: result.output.filter { $0 != 0x0A })
    }

    /// Builds everything that waits.
    func drain() throws {
        let result = try pkgmill("work", "--drain")
        #expect(result.status == 0, "\(result.errorText)")
    }

    func state(of id: String) throws -> String? { try json("status", id)["state"]?.string }

    /// Files that may not outlive a build.
    func strayFiles() -> [String] {
        filesBelow(path + "/work") + filesBelow(path + "/artifacts/incoming")
    }

    /// Published artifacts.
    func artifacts() -> [String] {
        filesBelow(path + "/artifacts/blobs").filter { !$0.hasSuffix("/") }
    }
}

/// The executable, built beside the tests.
func executable() -> String {
    let tests = URL(fileURLWithPath: ProcessInfo.processInfo.arguments[0]).resolvingSymlinksInPath()
    return tests.deletingLastPathComponent().appendingPathComponent("pkgmill").path
}
