import Configuration
import Enqueuer
import JSON
import QueueModel
import System
import Terminal

extension Command {
    static let queue = Command(
        syntax: CommandSyntax(
            "queue", summary: "Look at the queue as a whole, hold it, resume it, check it, back it up",
            discussion: """
                stats    lanes, workers, what runs where and for how long, what is oldest, what is stuck, what is parked
                pause    start no more jobs; those that run go on
                resume   lift what 'pause' and 'drain' ordered
                drain    take no more jobs in, and wait until those that are there have ended
                events   what happens, from now on, or from --since; with --follow until interrupted
                prune    remove ended jobs that are older than the configuration says; workers do so by themselves
                check    read everything and say what is wrong: the database, or what keys in Redis say of each other
                backup   copy the whole database to FILE while everybody works on
                export   close and pause the farm, wait until nothing runs, and write queue and records to FILE, for another store
                import   bring queue and records in from the FILE of an export; 'resume' starts work then
                """,
            operands: [
                .init(
                    "ACTION",
                    choices: [
                        "stats", "pause", "resume", "drain", "events", "prune", "check", "backup", "export", "import",
                    ]),
                .init("FILE", isOptional: true),
            ],
            options: [
                .init("lane", "LANE", help: "the order for this lane (default: the one for all lanes)"),
                .init("reason", "TEXT", help: "why, for those who wonder"),
                .init("since", "N", help: "events after number N"),
                .init("follow", help: "wait for more events"),
                .init("leave-parked", help: "export what can be read, and leave the rest behind"),
                .json,
            ])
    ) { invocation, console in
        let action = invocation.operand(0) ?? ""
        let needsFile = ["backup", "export", "import"].contains(action)
        guard (invocation.operand(1) == nil) == !needsFile else {
            if needsFile { throw UsageError.missingOperand("FILE", command: "queue \(action)") }
            throw UsageError.unexpectedOperand(invocation.operand(1) ?? "", command: "queue \(action)")
        }
        let lane = try lane(invocation)
        if let lane, !["pause", "resume", "drain"].contains(action) {
            throw UsageError.badValue(option: "lane", value: lane.name, expected: "pause, resume or drain beside it")
        }
        let reason = invocation.value("reason") ?? ""
        if invocation.has("leave-parked"), action != "export" {
            throw UsageError.badValue(option: "leave-parked", value: action, expected: "export beside it")
        }
        let farm = try await Farm.open(invocation, makingDatabase: action == "import")
        let by = "cli:\(CurrentProcess.userName)"
        switch action {
        case "stats":
            let stats = try await QueueStats(
                farm.queue,
                logByteCount: farm.embedded == nil ? nil : logByteCount(of: farm.configuration.farm.database),
                degradations: farm.degradations,
                now: Timestamp.systemClock())
            console.print(invocation.has("json") ? stats.json.text() : stats.text(console.palette))
        case "pause":
            try await farm.queue.hold(.paused, lane, by: by, reason: reason)
            try await tellHolds(farm, invocation, console)
        case "resume":
            try await farm.queue.resume(lane, by: by)
            try await tellHolds(farm, invocation, console)
        case "drain":
            try await farm.queue.hold(.closed, lane, by: by, reason: reason)
            try await waitUntilEmpty(lane, farm, console)
            try await tellHolds(farm, invocation, console)
        case "events": try await events(farm, invocation, console)
        case "prune":
            var count = 0
            while true {
                let removed = try await farm.queue.prune(farm.configuration.farm.retention)
                if removed == 0 { break }
                count += removed
                try await Task.sleep(for: .milliseconds(5))
            }
            console.print(
                invocation.has("json")
                    ? JSONValue.object([.init("removed", .integer(Int64(count)))]).text() : "\(count) jobs removed")
        case "export", "import":
            try await relocate(farm, isExport: action == "export", by: by, invocation, console)
        case "check":
            let findings = try await findings(farm)
            console.print(
                invocation.has("json")
                    ? JSONValue.object([.init("findings", .array(findings.map { .string($0) }))]).text()
                    : (findings.isEmpty ? "nothing is wrong with the queue" : findings.joined(separator: "\n")))
            return findings.isEmpty ? .success : .machine
        default:
            let path = invocation.operand(1) ?? ""
            guard let embedded = farm.embedded else { throw FarmError.notEmbedded(verb: "backed up") }
            try await embedded.backUp(to: path)
            console.note("\(Printable.text(path)) holds the whole database; keep the master key elsewhere")
        }
        return .success
    }

    /// What is wrong with the store of the queue.
    private static func findings(_ farm: Farm) async throws -> [String] {
        if let shared = farm.shared { return try await shared.check() }
        return try await farm.embedded?.integrityCheck() ?? []
    }

    /// The size of the database's write-ahead log; 0 where there is none.
    private static func logByteCount(of database: String) throws -> Int64 {
        let (parent, name) = splitPath(database)
        return try Directory.open(parent).status(of: name + "-wal")?.byteCount ?? 0
    }

    /// What holds lanes now.
    private static func tellHolds(_ farm: Farm, _ invocation: Invocation, _ console: Console) async throws {
        let lanes = try await farm.queue.lanes()
        if invocation.has("json") {
            console.print(.object([.init("lanes", .array(lanes.map { FarmDocument.json($0) }))]))
            return
        }
        var holds: [LaneHold] = []
        for hold in lanes.flatMap(\.holds) where !holds.contains(hold) { holds.append(hold) }
        if holds.isEmpty { return console.print("nothing is held") }
        for hold in holds { console.print(hold.text) }
    }

    private static func waitUntilEmpty(_ lane: Lane?, _ farm: Farm, _ console: Console) async throws {
        var line = ProgressLine()
        var most = 0
        while true {
            let place = try await farm.queue.events(after: nil, limit: 1).next
            let lanes = try await farm.queue.lanes().filter { lane == nil || $0.policy.lane == lane }
            let left = lanes.reduce(0) { $0 + $1.queued + $1.scheduled + $1.running }
            most = max(most, left)
            line.show("drain", done: Int64(most - left), total: Int64(most))
            if left == 0 { break }
            try await farm.queue.waitForEvents(after: place, atMost: .seconds(1))
            // A farm at work has events all the time, and each look counts all that waits.
            try await Task.sleep(for: .milliseconds(500))
        }
        line.clear()
    }

    private static func events(_ farm: Farm, _ invocation: Invocation, _ console: Console) async throws {
        let since = try invocation.number("since", in: 0...(.max))
        let isFollowing = invocation.has("follow") || since == nil
        var place = since ?? 0
        if since == nil { place = try await farm.queue.events(after: nil, limit: 1).next }
        while true {
            let page = try await farm.queue.events(after: place, limit: 1000)
            if page.needsResync {
                if invocation.has("json") {
                    console.print(["event": "resync", "after": .integer(place)])
                } else {
                    console.print("events after \(place) are no longer kept: look at the jobs themselves")
                }
            }
            for event in page.events {
                console.print(invocation.has("json") ? FarmDocument.json(event).text() : QueueStats.text(event))
            }
            place = page.next
            if page.events.isEmpty {
                guard isFollowing else { return }
                try await farm.queue.waitForEvents(after: place, atMost: .seconds(1))
            }
        }
    }
}
