import Foundation
import JSON
import TestSupport
import Testing

/// A parent with worker processes, through the real executable.
///
/// Held workers lose no lease and run into no limit, however busy the machine is.
@Suite struct SupervisorTests {
    @Test("the job of a killed worker runs at another one long before its lease could have run out")
    func killedChild() async throws {
        try await FarmFixture.with { farm in
            try farm.letWorkersBeHeld()
            try farm.enlargePayload()
            let id = try farm.submit()
            let parent = try farm.running("work", "--workers", "2", "--json")
            let child = try await farm.holdChild(of: parent, at: id)
            kill(child.identifier, SIGKILL)
            try await farm.wait(for: id, toBe: "succeeded")

            #expect(try farm.states(of: id) == ["queued 1", "running 1", "queued 2", "running 2", "succeeded 2"])
            let running = try farm.events().filter { $0["job"]?.string == id && $0["state"]?.string == "running" }
            try #require(running.count == 2)
            // The first lease was to hold for an hour from its claim at the least.
            #expect(try moment(running[1]["time"]).timeIntervalSince(moment(running[0]["time"])) < 3600)
            let died = try parent.documents().filter { $0["event"]?.string == "process-died" }
            #expect(died.count == 1)
            #expect(died.first?["worker"]?.string == child.name)
            #expect(died.first?["how"]?.string == "was ended by signal 9")
            #expect(died.first?["jobs"]?.array?.compactMap(\.string) == [id])
            let status = try farm.json("status", id)
            #expect(status["lostLeases"]?.integer == 1)
            try await end(parent, on: farm)
            #expect(farm.artifacts().count == 1)
        }
    }

    @Test("a worker that dies as soon as it is started is started again after longer and longer pauses")
    func dyingAtOnce() async throws {
        try await FarmFixture.with { farm in
            let parent = try farm.running("work", "--workers", "1", "--json")
            let isUp = try await eventually { try parent.documents().contains { $0["event"]?.string == "started" } }
            try #require(isUp)
            // From now on, whoever reads the configuration ends with an error.
            let configuration = try contentOfFile(farm.configurationPath)
            try writeFile(farm.configurationPath, Array("farm: [\n".utf8), mode: 0o600)
            let children = try farm.children(of: parent)
            kill(try #require(children.values.first), SIGKILL)
            let hasTried = try await eventually { try pauses(of: parent).count >= 5 }
            try #require(hasTried, "\(parent.output)")
            // 50 ms, 100 ms and so on, or more. Wall clock on one side, a timer on the other: a little may be lost between.
            for (number, pause) in try pauses(of: parent).prefix(5).enumerated() {
                #expect(pause > 0.05 * Double(1 << number) - 0.02, "pause \(number) is \(pause) s")
            }

            try writeFile(farm.configurationPath, configuration, mode: 0o600)
            let id = try farm.submit()
            try await farm.wait(for: id, toBe: "succeeded")
            try await end(parent, on: farm)
        }
    }

    @Test("SIGTERM and Ctrl-C let the job finish, take no other, and end well", arguments: [SIGTERM, SIGINT])
    func drains(_ signal: Int32) async throws {
        try await FarmFixture.with { farm in
            try farm.letWorkersBeHeld()
            try farm.enlargePayload()
            let (first, second) = (try farm.submit("--node-name", "a"), try farm.submit("--node-name", "b"))
            let parent = try farm.running("work", "--workers", "1", "--json")
            let child = try await farm.holdChild(of: parent, at: first)
            parent.send(signal)
            let isPassedOn = try await eventually { isLetGo(child.identifier, by: parent.identifier) }
            #expect(isPassedOn)
            kill(child.identifier, SIGCONT)
            #expect(try await parent.exitStatus() == 0, "\(parent.errors)")
            #expect(try farm.states(of: first) == ["queued 1", "running 1", "succeeded 1"])
            #expect(try farm.states(of: second) == ["queued 1"])
            #expect(farm.processes().isEmpty)
            #expect(farm.strayFiles().isEmpty)
            #expect(try farm.stats()["workers"]?.array?.count == 0, "who ends well is off the list")
        }
    }

    @Test("a second signal hands the job back at once, with all its attempts", arguments: [SIGTERM, SIGINT])
    func handsBack(_ signal: Int32) async throws {
        try await FarmFixture.with { farm in
            try farm.letWorkersBeHeld()
            try farm.enlargePayload()
            let id = try farm.submit()
            let parent = try farm.running("work", "--workers", "1", "--json")
            let child = try await farm.holdChild(of: parent, at: id)
            // The worker cannot take either while it is held. The second must not be lost in the first.
            let (parentProcess, childProcess) = (parent.identifier, child.identifier)
            let arePassedOn = await onOwnThread {
                kill(parentProcess, signal)
                guard poll({ isLetGo(childProcess, by: parentProcess) }) else { return false }
                kill(parentProcess, signal)
                // Soon after the second, the parent would end a worker that stays held.
                defer { kill(childProcess, SIGCONT) }
                return poll { pendingSignals(of: childProcess).contains(SIGINT) }
            }
            #expect(arePassedOn)
            #expect(try await parent.exitStatus() == 0, "\(parent.errors)")
            #expect(try farm.states(of: id) == ["queued 1", "running 1", "queued 1"])
            let status = try farm.json("status", id)
            #expect(status["lostLeases"]?.integer == 0)
            #expect(status["worker"] == .null)
            #expect(farm.processes().isEmpty)
            #expect(farm.strayFiles().isEmpty)
        }
    }

    @Test("a worker that does not end in its time is ended, and its job goes back")
    func stubbornChild() async throws {
        try await FarmFixture.with { farm in
            try farm.set("drain_seconds", "0")
            try farm.letWorkersBeHeld()
            try farm.enlargePayload()
            let id = try farm.submit()
            let parent = try farm.running("work", "--workers", "1", "--json")
            _ = try await farm.holdChild(of: parent, at: id)
            parent.send(SIGTERM)
            // It is held for ever, so that only kill -9 ends it.
            #expect(try await parent.exitStatus() == 0, "\(parent.errors)")
            #expect(farm.processes().isEmpty)
            #expect(try farm.states(of: id) == ["queued 1", "running 1", "queued 2"])
        }
    }

    @Test("workers end with their parent, however it went, and no job is lost by that")
    func killedParent() async throws {
        try await FarmFixture.with { farm in
            try farm.letWorkersBeHeld()
            try farm.enlargePayload()
            let ids = try (1...4).map { try farm.submit("--node-name", "n-\($0)") }
            let parent = try farm.running("work", "--workers", "3", "--json")
            _ = try await farm.holdChild(of: parent, at: ids[0], andContinue: true)
            parent.send(SIGKILL)
            let areGone = try await eventually { farm.processes().isEmpty }
            #expect(areGone, "\(farm.processes())")
            for id in ids {
                let status = try farm.json("status", id)
                #expect(["succeeded", "queued"].contains(status["state"]?.string), "\(status.text())")
                #expect(status["attempt"]?.integer == 1)
            }
            #expect(farm.strayFiles().isEmpty)
            try farm.drain()
            for id in ids { #expect(try farm.state(of: id) == "succeeded") }
        }
    }

    @Test("a parent that is told to stop while it starts its workers leaves none of them")
    func stoppedWhileStarting() async throws {
        try await FarmFixture.with { farm in
            let random = SeededRandom(seed: 11)
            for _ in 0..<rounds(reduced: 10, full: 200) {
                let parent = try farm.running("work", "--workers", "4")
                try await Task.sleep(for: .microseconds(random.below(60_000)))  // the moment that is tried
                parent.send(SIGTERM)
                // One that was told so before it listened has ended like any program.
                #expect([0, -SIGTERM].contains(try await parent.exitStatus()), "\(parent.errors)")
                let areGone = try await eventually { farm.processes().isEmpty }
                #expect(areGone)
            }
        }
    }

    @Test("workers serve the lanes that they were given and no other")
    func lanes() async throws {
        try await FarmFixture.with { farm in
            let other = try farm.submit("--lane", "interactive")
            let wanted = try farm.submit("--lane", "batch")
            let parent = try farm.running("work", "--workers", "2", "--lanes", "batch,campaign", "--json")
            try await farm.wait(for: wanted, toBe: "succeeded")
            let areListed = try await eventually {
                let workers = try farm.stats()["workers"]?.array ?? []
                return workers.count == 2
                    && workers.allSatisfy { $0["lanes"]?.array?.compactMap(\.string) == ["batch", "campaign"] }
            }
            #expect(areListed)
            let status = try farm.json("status", other)
            #expect(status["state"]?.string == "queued")
            #expect(status["waitingReason"]?.string?.contains("no worker that serves its lane is alive") == true)
            try await end(parent, on: farm)
        }
    }

    @Test("a drain of some lanes does not wait for the jobs of others", arguments: [[], ["--workers", "2"]])
    func drainOfLanes(_ words: [String]) async throws {
        try await FarmFixture.with { farm in
            let other = try farm.submit("--lane", "interactive")
            let wanted = try farm.submit("--lane", "batch")
            let worker = try RunningProgram(
                executable(),
                ["work", "--drain", "--lanes", "batch", "--config", farm.configurationPath] + words)
            #expect(try await worker.exitStatus(within: .seconds(30)) == 0, "\(worker.errors)")
            #expect(try farm.state(of: wanted) == "succeeded")
            #expect(try farm.state(of: other) == "queued")
        }
    }

    @Test("a lane that is not there, and a number that is none, are refused before anything starts")
    func refusals() async throws {
        try await FarmFixture.with { farm in
            let unknown = try farm.pkgmill("work", "--lanes", "batch,express", "--workers", "2")
            #expect(unknown.status == 5)
            #expect(unknown.errorText.contains("express"))
            #expect(unknown.errorText.contains("interactive"))
            for count in ["0", "x", "", "-1", "1.5", "1001", "99999999999999999999"] {
                let result = try farm.pkgmill("work", "--workers=\(count)", "--drain")
                #expect(result.status == 2, "\(count): \(result.errorText)")
                #expect(result.errorText.contains("workers"))
            }
            for lanes in ["", ",", "Batch", "batch, campaign"] {
                let result = try farm.pkgmill("work", "--lanes=\(lanes)", "--drain")
                #expect(result.status == 2, "\(lanes): \(result.errorText)")
            }
            #expect(try farm.events().isEmpty)
        }
    }

    @Test("two parents on one farm share the work and do each job once")
    func twoParents() async throws {
        try await FarmFixture.with { farm in
            let ids = try (1...16).map { try farm.submit("--node-name", "n-\($0)") }
            let parents = try (1...2).map { _ in try farm.running("work", "--workers", "2", "--drain", "--json") }
            for parent in parents { #expect(try await parent.exitStatus() == 0, "\(parent.errors)") }
            for id in ids { #expect(try farm.states(of: id) == ["queued 1", "running 1", "succeeded 1"]) }
            #expect(farm.artifacts().count == ids.count)
            #expect(farm.strayFiles().isEmpty)
            let names = try parents.flatMap { try farm.children(of: $0).keys }
            #expect(Set(names).count == 4, "each worker has a name of its own")
        }
    }

    /// The seconds between the death of a worker and the start of the next one.
    private func pauses(of parent: RunningProgram) throws -> [Double] {
        let events = try parent.documents().filter {
            ["process-died", "process-started"].contains($0["event"]?.string)
        }
        return try zip(events, events.dropFirst()).compactMap { before, after in
            guard before["event"]?.string == "process-died", after["event"]?.string == "process-started" else {
                return nil
            }
            return try moment(after["time"]).timeIntervalSince(moment(before["time"]))
        }
    }

    private func end(_ parent: RunningProgram, on farm: FarmFixture) async throws {
        parent.send(SIGTERM)
        #expect(try await parent.exitStatus() == 0, "\(parent.errors)")
        #expect(farm.processes().isEmpty)
        #expect(farm.strayFiles().isEmpty)
    }
}

extension FarmFixture {
    /// Waits until a worker of `parent` has the job and holds it there with SIGSTOP, so that the build cannot end before
    /// the test has done what it means to do; with `andContinue`, lets it go on.
    func holdChild(
        of parent: RunningProgram, at id: String, andContinue: Bool = false
    ) async throws -> (name: String, identifier: Int32) {
        try await parent.holdChildren(whenClaimed: id)
        let children = try children(of: parent)
        let status = try json("status", id)
        let name = try #require(status["worker"]?.string, "the payload is too small: the job has ended")
        let identifier = try #require(children[name])
        for child in children.values where andContinue || child != identifier { kill(child, SIGCONT) }
        return (name, identifier)
    }
}

extension RunningProgram {
    /// Holds all workers of this parent with SIGSTOP as soon as one of them says that it has the job.
    func holdChildren(whenClaimed id: String) async throws {
        let path = outputPath
        let isHeld = await onOwnThread {
            var text = ""
            let isClaimed = poll {
                text = String(decoding: (try? contentOfFile(path)) ?? [], as: UTF8.self)
                return text.contains("\"event\":\"claimed\",\"job\":\"\(id)\"")
            }
            for line in text.split(separator: "\n") where line.contains("\"process-started\"") {
                let process = try? JSONValue(parsing: Array(line.utf8))["process"]?.integer
                if let process { kill(Int32(process), SIGSTOP) }
            }
            return isClaimed
        }
        try #require(isHeld, "nobody has claimed \(id): \(errors)")
    }
}

/// Runs `body` on a thread of its own, which nobody keeps waiting: other tests block those of the shared pool now and
/// then, for longer than a build takes.
func onOwnThread<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
    await withCheckedContinuation { continuation in
        Thread.detachNewThread { continuation.resume(returning: body()) }
    }
}

/// Asks every millisecond until `condition` holds; false when it did not within a minute and a half. For a thread that
/// may block.
func poll(_ condition: () -> Bool) -> Bool {
    let end = ContinuousClock.now + .seconds(90)
    while ContinuousClock.now < end {
        if condition() { return true }
        usleep(1000)
    }
    return false
}

/// Whether the parent no longer holds the other end of a worker's standard input, which is how it tells it to end. Where
/// the system does not let us look (only root may look into a process that forbids dumps), as soon as it has taken its
/// signal.
private func isLetGo(_ child: Int32, by parent: Int32) -> Bool {
    let folder = "/proc/\(parent)/fd"
    guard let input = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(child)/fd/0"),
        let names = try? FileManager.default.contentsOfDirectory(atPath: folder)
    else { return pendingSignals(of: parent).isEmpty }
    return !names.contains { name in
        // One that has been closed meanwhile is not it.
        (try? FileManager.default.destinationOfSymbolicLink(atPath: folder + "/" + name)) == input
    }
}

/// The signals that wait for the process to take them.
func pendingSignals(of process: Int32) -> Set<Int32> {
    let status = (try? contentOfFile("/proc/\(process)/status")) ?? []
    var found: Set<Int32> = []
    for line in String(decoding: status, as: UTF8.self).split(separator: "\n") {
        guard line.hasPrefix("ShdPnd:") || line.hasPrefix("SigPnd:") else { continue }
        let mask = UInt64(line.dropFirst(7).trimmingCharacters(in: .whitespaces), radix: 16) ?? 0
        for number in Int32(1)...31 where mask & (1 << UInt64(number - 1)) != 0 { found.insert(number) }
    }
    return found
}
