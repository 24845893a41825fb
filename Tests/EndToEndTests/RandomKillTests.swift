import Foundation
import JSON
import TestSupport
import Testing

/// kill -9 of everybody at random moments: what was acknowledged is there, and is done once.
///
/// A killed process takes nothing along that the system's page cache holds, so these tests say nothing about power cuts;
/// `SyncOrderTests` does.
@Suite struct RandomKillTests {
    /// Who is killed.
    enum Victim: String, CaseIterable, CustomTestStringConvertible {
        /// A parent and all its workers at once.
        case family
        /// One worker, at once followed by another one.
        case child
        /// The parent alone: its workers end by themselves and give their jobs back.
        case parent
        /// Those who submit.
        case submitter

        var testDescription: String { rawValue }
    }

    @Test(
        "whoever is killed at whatever moment, every acknowledged job ends once and nothing is left behind",
        arguments: Victim.allCases)
    func killed(_ victim: Victim) async throws {
        try await FarmFixture.with { farm in try await kill(victim, farm, rounds(reduced: 5, full: 50)) }
    }

    @Test(
        "the same with jobs and records in Redis", .enabled(if: !isRedisLeftOut), arguments: Victim.allCases)
    func killedOnRedis(_ victim: Victim) async throws {
        try await FarmFixture.withRedis { farm, _ in try await kill(victim, farm, rounds(reduced: 5, full: 50)) }
    }

    @Test(
        "a Redis that is killed at whatever moment loses nothing that was acknowledged, and its workers go on",
        .enabled(if: !isRedisLeftOut))
    func killedRedis() async throws {
        try await FarmFixture.withRedis { farm, server in
            try farm.set("lease_seconds", "1")
            let seed = UInt64(0x4ED15)
            let random = SeededRandom(seed: seed)
            var submitters = Submitters(farm: farm)
            // The same workers all the time: they must find their way back by themselves.
            let parent = try farm.running("work", "--workers", "2", "--json")
            for cycle in 0..<rounds(reduced: 10, full: 100) {
                async let killing: Void = {
                    try await Task.sleep(for: .milliseconds(random.below(200)))  // the moment that is tried
                    server.kill()
                    try await Task.sleep(for: .milliseconds(random.below(100)))
                    try await server.start()
                }()
                try await submitters.submit(4, killing: false, mayFail: true, random)
                try await killing
                let haveEnded = try await eventually {
                    try farm.jobs().allSatisfy { ["succeeded", "failed"].contains($0["state"]?.string) }
                }
                #expect(haveEnded, "cycle \(cycle): \(parent.errors)")
                // A worker whose job another one has done finds that out when Redis answers it again.
                let areTidy = try await eventually { farm.strayFiles().isEmpty }
                #expect(areTidy, "cycle \(cycle): \(parent.errors)")
                let audit = QueueAudit(
                    farm: farm, attempted: submitters.attempted, acknowledged: submitters.acknowledged)
                try audit.check("seed \(seed), cycle \(cycle)")
            }
            #expect(!submitters.acknowledged.isEmpty)
            #expect(parent.isRunning)
            try await stop(parent)
        }
    }

    private func kill(_ victim: Victim, _ farm: FarmFixture, _ cycleCount: Int) async throws {
        try farm.set("lease_seconds", "1")
        let seed = UInt64(0xB0_1D) &+ UInt64(Victim.allCases.firstIndex(of: victim) ?? 0)
        let random = SeededRandom(seed: seed)
        var submitters = Submitters(farm: farm)
        for cycle in 0..<cycleCount {
            let parent = try farm.running("work", "--workers", "2", "--json")
            try await submitters.submit(4, killing: victim == .submitter, random)
            try await Task.sleep(for: .milliseconds(random.below(250)))  // the moment that is tried, not a wait
            switch victim {
            case .family:
                for identifier in farm.processes() { Foundation.kill(identifier, SIGKILL) }
            case .child:
                for _ in 0..<2 { try await killChild(of: parent, on: farm, random) }
                try await stop(parent)
            case .parent:
                parent.send(SIGKILL)
            case .submitter:
                try await stop(parent)
            }
            let areGone = try await eventually { farm.processes().isEmpty }
            #expect(areGone, "workers outlive their parent")
            try farm.drain()
            let audit = QueueAudit(
                farm: farm, attempted: submitters.attempted, acknowledged: submitters.acknowledged)
            try audit.check("\(victim), seed \(seed), cycle \(cycle)")
        }
        #expect(!submitters.acknowledged.isEmpty)
        // One whose parent is gone has time for its job, or gives it back: nobody loses a lease by that.
        if victim == .parent {
            for job in try farm.jobs() { #expect(job["attempt"]?.integer == 1, "\(job.text())") }
        }
    }

    /// Kills a worker that the parent has told of and that has not died yet.
    private func killChild(of parent: RunningProgram, on farm: FarmFixture, _ random: SeededRandom) async throws {
        var alive: [Int32] = []
        let isOneAlive = try await eventually {
            let processes = Set(farm.processes())
            alive = try farm.children(of: parent).values.filter { processes.contains($0) }.sorted()
            return !alive.isEmpty
        }
        try #require(isOneAlive, "\(parent.errors)")
        Foundation.kill(alive[random.below(alive.count)], SIGKILL)
    }

    private func stop(_ parent: RunningProgram) async throws {
        parent.send(SIGTERM)
        let status = try await parent.exitStatus()
        // One that was told so before it listened has ended like any program.
        #expect([0, -SIGTERM].contains(status), "\(parent.errors)")
    }
}

/// Those who submit through the executable, each order with a node name of its own.
private struct Submitters {
    let farm: FarmFixture
    /// Node names that were asked for.
    private(set) var attempted: Set<String> = []
    /// Ids that were printed.
    private(set) var acknowledged: Set<String> = []

    init(farm: FarmFixture) { self.farm = farm }

    /// Submits `count` orders; with `killing`, each process is killed at some moment of its life, or a little late.
    mutating func submit(
        _ count: Int, killing: Bool, mayFail: Bool = false, _ random: SeededRandom
    ) async throws {
        for _ in 0..<count {
            let name = "node-\(attempted.count)"
            attempted.insert(name)
            let submitter = try farm.running("submit", "--sealing", "plain", "--node-name", name)
            if killing {
                try await Task.sleep(for: .microseconds(random.below(40_000)))  // the moment that is tried
                submitter.send(SIGKILL)
            }
            let status = try await submitter.exitStatus()
            #expect(status == 0 || killing || mayFail, "\(submitter.errors)")
            let output = submitter.output
            // A line that is not whole acknowledges nothing.
            if output.hasSuffix("\n") { acknowledged.insert(String(output.dropLast())) }
        }
    }
}
