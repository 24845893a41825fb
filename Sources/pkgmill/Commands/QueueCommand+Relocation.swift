import JSON
import Relocation
import Synchronization
import System
import Terminal

extension Command {
    /// Moves the farm's queue and records out into a file, or in from one.
    static func relocate(
        _ farm: Farm, isExport: Bool, by: String, _ invocation: Invocation, _ console: Console
    ) async throws {
        let path = invocation.operand(1) ?? ""
        let line = Mutex(ProgressLine())
        let report: @Sendable (RelocationStep) -> Void = { step in
            line.withLock { line in
                switch step {
                case .waiting(let running):
                    line.show("\(running) jobs run still; no more are taken in or started", done: 0, total: 0)
                case .jobs(let done): line.show("\(done) jobs", done: 0, total: 0)
                case .again: line.show("something has changed; once more", done: 0, total: 0)
                case .comparing(let done): line.show("\(done) jobs compared", done: 0, total: 0)
                }
            }
        }
        let counts: ExportCounts
        do {
            defer { line.withLock { $0.clear() } }
            if isExport {
                counts = try await FarmExport(
                    queue: farm.queue, records: farm.records, key: farm.exportKey, random: .system,
                    now: Timestamp.systemClock
                ).run(to: path, by: by, leavingParked: invocation.has("leave-parked"), report: report)
            } else {
                counts = try await FarmImport(
                    queue: farm.queue, records: farm.records, key: farm.exportKey, now: Timestamp.systemClock
                ).run(from: path, by: by, report: report)
            }
        }
        if invocation.has("json") {
            console.print([
                "file": .string(path), "jobs": .integer(Int64(counts.jobs)), "waiting": .integer(Int64(counts.waiting)),
                "batches": .integer(Int64(counts.batches)), "holds": .integer(Int64(counts.holds)),
                "records": .integer(Int64(counts.records)),
            ])
            return
        }
        console.print(
            "\(counts.jobs) jobs (\(counts.waiting) that wait), \(counts.batches) batches and \(counts.records) records are "
                + (isExport ? "in \(Printable.text(path))" : "here, and are what the file holds"))
        console.note(
            isExport
                ? "this farm stays closed and paused: what it did from here on would be done twice. "
                    + "On the new one: the same keys folder, and 'pkgmill queue import'"
                : "the farm is closed and paused; 'pkgmill queue resume' starts work. "
                    + "Its artifacts are files and do not move along: farm.artifacts must be the same folder, or a copy"
        )
    }
}
