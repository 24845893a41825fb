import Foundation
import JSON
import TestSupport
import Testing

/// kill -9 of the real worker: the job still ends well, once.
@Suite struct KillTests {
    @Test(
        "a worker killed at a stage leaves a job that the next one finishes, with one artifact and no stray file",
        arguments: ["claimed", "render", "assemble", "check", "publish", "stored"])
    func killedAtStage(_ stage: String) async throws {
        try await FarmFixture.with { farm in
            // A short lease, so that the next worker need not wait ten seconds.
            try farm.set("lease_seconds", "1")
            var caught = 0
            for round in 0..<rounds(reduced: 5, full: 50) {
                let id = try farm.submit("--node-name", "n-\(round)")
                try await kill(farm, at: stage)
                // From "stored" to the end it is so short a time that the kill may come after it.
                let state = try farm.state(of: id)
                let isCaught = stage != "stored" || state != "succeeded"
                if isCaught { #expect(state == "running", "killed at \(stage)") }
                caught += isCaught ? 1 : 0
                try farm.drain()
                let status = try farm.json("status", id)
                #expect(status["state"]?.string == "succeeded")
                // Workers die here one after the other, which is hardly the fault of the jobs: from the third on, losses
                // are pardoned, and a pardoned one does not use up an attempt.
                let lost = try #require(status["lostLeases"]?.integer)
                #expect(status["attempt"]?.integer == 1 + lost)
                #expect(try lost + #require(status["pardonedLeases"]?.integer) == (isCaught ? 1 : 0))
                #expect(farm.artifacts().count == round + 1)
                #expect(farm.strayFiles().isEmpty)
            }
            #expect(caught > 0)
        }
    }

    /// Starts a worker and kills it as soon as it says that it has come to `stage`.
    private func kill(_ farm: FarmFixture, at stage: String) async throws {
        let worker = try farm.running("work", "--json")
        let mark = Data(
            (["claimed", "stored"].contains(stage) ? "\"event\":\"\(stage)\"" : "\"stage\":\"\(stage)\"").utf8)
        while Data(try contentOfFile(worker.outputPath)).range(of: mark) == nil {
            try #require(worker.isRunning, "the worker ended before \(stage): \(worker.output)")
            usleep(200)  // no longer, or the stage is over
        }
        worker.send(SIGKILL)
        _ = try await worker.exitStatus()
    }
}

extension FarmFixture {
    /// Sets one key of the `farm` section.
    func set(_ key: String, _ value: String) throws {
        let text = String(decoding: try contentOfFile(configurationPath), as: UTF8.self)
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        lines.removeAll { $0.hasPrefix("  \(key):") }
        let section = try #require(lines.firstIndex { $0 == "farm:" })
        lines.insert("  \(key): \(value)", at: section + 1)
        try writeFile(configurationPath, Array(lines.joined(separator: "\n").utf8), mode: 0o600)
    }
}
