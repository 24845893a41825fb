import Foundation
import JSON
import TestSupport
import Testing

/// `status` says why a job waits, for every reason that can be brought about from the shell (issue 3, item 3), and what
/// `submit` answers to orders that were there before.
@Suite struct WaitingTests {
    @Test("no worker is alive, or none that serves the lane")
    func noWorker() async throws {
        try await FarmFixture.with { farm in
            let first = try farm.submit("--node-name", "a")
            let second = try farm.submit("--node-name", "b")
            let status = try farm.json("status", second)
            #expect(status["waitingReason"]?.string?.contains("no worker that serves its lane is alive") == true)
            #expect(status["waitingReason"]?.string?.contains("place 2 in its lane") == true)
            #expect(status["place"]?.integer == 2)
            #expect(try farm.json("status", first)["place"]?.integer == 1)
            #expect(try farm.pkgmill("status", second).text.contains("no worker that serves its lane is alive"))
            #expect(try farm.pkgmill("list").text.contains("no worker that serves its lane is alive"))
        }
    }

    @Test("its turn has not come, its lane is at its limit")
    func turnAndLimit() async throws {
        try await FarmFixture.with { farm in
            try farm.set("lanes", "[interactive, batch concurrency=1]")
            try farm.letWorkersBeHeld()
            try farm.enlargePayload()
            let running = try farm.submit("--lane", "batch", "--node-name", "a")
            let limited = try farm.submit("--lane", "batch", "--node-name", "b")
            let parent = try farm.running("work", "--workers", "1", "--json")
            let child = try await farm.holdChild(of: parent, at: running)
            let turn = try farm.submit("--lane", "interactive", "--node-name", "c")
            let (status, other) = (try farm.json("status", limited), try farm.json("status", turn))
            kill(child.identifier, SIGCONT)
            let reason = status["waitingReason"]?.string ?? ""
            #expect(reason.contains("its lane is at its limit, 1 of 1 jobs run"), "\(reason)")
            #expect(other["waitingReason"]?.string?.contains("waits for a worker") == true, "\(other.text())")
            for id in [running, limited, turn] { try await farm.wait(for: id, toBe: "succeeded") }
            for id in [running, limited, turn] { #expect(try farm.json("status", id)["waitingReason"] == .null) }
            parent.send(SIGTERM)
            #expect(try await parent.exitStatus() == 0)
        }
    }

    @Test("its lane has started as many as it may")
    func rate() async throws {
        try await FarmFixture.with { farm in
            try farm.set("lanes", "[interactive rate=1/3600s]")
            let first = try farm.submit("--node-name", "a")
            let second = try farm.submit("--node-name", "b")
            let worker = try farm.running("work")
            try await farm.wait(for: first, toBe: "succeeded")
            let status = try farm.json("status", second)
            #expect(status["state"]?.string == "queued")
            let reason = status["waitingReason"]?.string ?? ""
            #expect(reason.contains("its lane has started as many jobs as it may until"), "\(reason)")
            worker.send(SIGTERM)
            #expect(try await worker.exitStatus() == 0)
        }
    }

    @Test("it is to start later, or its last attempt failed")
    func scheduled() async throws {
        try await FarmFixture.with { farm in
            let later = try farm.json("status", farm.submit("--after", "1h", "--node-name", "a"))
            #expect(later["state"]?.string == "scheduled")
            let time = try #require(later["scheduledFor"]?.string)
            #expect(later["waitingReason"]?.string == "scheduled until \(time)")
            let wait = try moment(later["scheduledFor"]).timeIntervalSince(moment(later["created"]))
            #expect((3590...3601).contains(wait))
            for after in ["", "x", "-1s", "1y", "1.5h", "99999999999999999999s"] {
                let result = try farm.pkgmill("submit", "--sealing", "plain", "--after=\(after)")
                #expect(result.status == 2, "\(after): \(result.errorText)")
            }

            try farm.set("backoff_seconds", "3600")
            let id = try farm.submit("--node-name", "b")
            let store = farm.path + "/artifacts"
            let worker = try RunningProgram(
                try findProgram("bwrap"),
                [
                    "--die-with-parent", "--dev-bind", "/", "/", "--ro-bind", store, store, executable(), "work",
                    "--config", farm.configurationPath,
                ])
            let hasFailed = try await eventually { try farm.json("status", id)["error"] != .null }
            #expect(hasFailed)
            worker.send(SIGKILL)
            _ = try await worker.exitStatus()
            let status = try farm.json("status", id)
            // The wait is random and may be over by now.
            if status["state"]?.string == "scheduled", try moment(status["scheduledFor"]) > Date() {
                let reason = status["waitingReason"]?.string ?? ""
                #expect(reason.hasPrefix("scheduled until "), "\(reason)")
                let attempt = try #require(status["attempt"]?.integer)
                #expect(reason.hasSuffix(" after attempt \(attempt - 1) failed"), "\(reason)")
            }
        }
    }

    @Test("submit --after starts when its time has come")
    func after() async throws {
        try await FarmFixture.with { farm in
            let id = try farm.submit("--after", "1s")
            #expect(try farm.state(of: id) == "scheduled")
            let worker = try farm.running("work")
            try await farm.wait(for: id, toBe: "succeeded")
            let status = try farm.json("status", id)
            #expect(try moment(status["claimed"]) >= moment(status["scheduledFor"]))
            worker.send(SIGTERM)
            #expect(try await worker.exitStatus() == 0)
        }
    }

    @Test("the same idempotency key is the same job, and never another order's")
    func idempotencyKey() async throws {
        try await FarmFixture.with { farm in
            let id = try farm.submit("--idempotency-key", "order-1", "--node-name", "a")
            #expect(try farm.submit("--idempotency-key", "order-1", "--node-name", "a") == id)
            let other = try farm.pkgmill(
                "submit", "--sealing", "plain", "--idempotency-key", "order-1", "--node-name", "b")
            #expect(other.status == 5)
            #expect(other.output.isEmpty)
            #expect(other.errorText.contains(id))
            try farm.drain()
            #expect(try farm.submit("--idempotency-key", "order-1", "--node-name", "a") == id, "also once it has ended")
            #expect(try farm.jobs().count == 1)
            #expect(try farm.json("status", id)["idempotencyKey"]?.string == "order-1")
        }
    }

    @Test("many submitters with one key get one job")
    func racingKey() async throws {
        try await FarmFixture.with { farm in
            let submitters = try (0..<8).map { _ in
                try farm.running("submit", "--sealing", "plain", "--node-name", "a", "--idempotency-key", "k")
            }
            var ids: Set<String> = []
            for submitter in submitters {
                #expect(try await submitter.exitStatus() == 0, "\(submitter.errors)")
                ids.insert(submitter.output)
            }
            #expect(ids.count == 1)
            #expect(try farm.jobs().count == 1)
        }
    }

    @Test("a unique order is one job while its like waits or runs")
    func unique() async throws {
        try await FarmFixture.with { farm in
            let id = try farm.submit("--unique", "--node-name", "a")
            #expect(try farm.submit("--unique", "--node-name", "a") == id)
            #expect(try farm.submit("--unique", "--node-name", "b") != id)
            #expect(try farm.submit("--node-name", "a") != id)
            try farm.drain()
            let again = try farm.submit("--unique", "--node-name", "a")
            #expect(again != id)
            #expect(try farm.pkgmill("cancel", again).status == 0)
            #expect(try farm.submit("--unique", "--node-name", "a") != again)
        }
    }
}
