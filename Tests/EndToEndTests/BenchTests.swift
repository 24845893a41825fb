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
                figures.map { $0["measure"]?.string } == ["enqueue-1", "enqueue-16", "enqueue-bulk", "drain"])
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

    @Test(
        "what it cannot do is refused by name",
        arguments: [
            (["queue", "--backend", "redis"], "no other queue"), (["queue", "--jobs", "0"], "1 to 10000000"),
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
