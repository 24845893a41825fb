import Foundation
import JSON
import TestSupport
import Testing

/// `pkgmill bench queue`: what it is asked for, what it says, and that nothing of it stays.
@Suite struct BenchTests {
    @Test("the answer in JSON has the median of the rounds as a number")
    func json() async throws {
        try await FarmFixture.with { farm in
            let result = try farm.pkgmill(
                "bench", "queue", "--backend", "sqlite", "--jobs", "32", "--rounds", "2", "--only", "enqueue",
                "--only=bulk", "--only=drain", "--json", "--directory", farm.path)
            #expect(result.status == 0, "\(result.errorText)")
            let document = try JSONValue(parsing: Array(result.output))
            #expect(document["backend"]?.string == "sqlite")
            let figures = try #require(document["figures"]?.array)
            #expect(
                figures.map { $0["measure"]?.string } == [
                    "enqueue-1", "enqueue-16", "enqueue-bulk", "drain", "drain-1",
                ])
            for figure in figures {
                #expect(figure["rounds"]?.integer == 2)
                guard case .number(let least)? = figure["least"], case .number(let median)? = figure["median"],
                    case .number(let most)? = figure["most"]
                else {
                    Issue.record("no numbers in \(figure.text())")
                    continue
                }
                #expect(0 < least && least <= median && median <= most)
            }
            let left = try FileManager.default.contentsOfDirectory(atPath: farm.path)
            #expect(!left.contains { $0.hasPrefix("pkgmill-bench") })
        }
    }

    @Test("a Redis is measured under names of its own, and nothing of it stays", .enabled(if: !isRedisLeftOut))
    func redis() async throws {
        try await withRedis { server in
            let words = [
                "bench", "queue", "--backend", "redis", "--url", "unix:\(server.socketPath)", "--jobs", "64",
                "--rounds",
                "1", "--json",
            ]
            let result = try run(executable(), words)
            #expect(result.status == 0, "\(result.errorText)")
            let document = try JSONValue(parsing: Array(result.output))
            #expect(document["backend"]?.string == "redis")
            let measures = try #require(document["figures"]?.array).compactMap { $0["measure"]?.string }
            #expect(Set(measures).isSuperset(of: ["enqueue-1", "drain", "latency-p50", "delayed-p99", "memory"]))
            #expect(try server.command("DBSIZE") == "0")
        }
    }

    @Test(
        "what it cannot do is refused by name",
        arguments: [
            (["queue", "--backend", "redis", "--url", "http://x"], "redis://HOST:PORT"),
            (["queue", "--url", "unix:/x"], "--backend redis"), (["queue", "--jobs", "0"], "1 to 10000000"),
            (["queue", "--rounds", "many"], "1 to 100"), (["queue", "--only", "nothing"], "enqueue, bulk"),
            (["disk"], "disk"),
        ])
    func refused(_ words: [String], _ expected: String) async throws {
        try await FarmFixture.with { farm in
            let result = try farm.pkgmill(["bench"] + words)
            #expect(result.status == 2, "\(result.errorText)")
            #expect(result.errorText.contains(expected), "\(result.errorText)")
            #expect(result.output.isEmpty)
        }
    }
}
