public import Crypto
public import QueueModel
public import Records
public import System

/// What a move is doing, for whoever waits.
public enum RelocationStep: Sendable, Equatable {
    /// So many jobs still run.
    case waiting(running: Int)
    /// So many jobs are written, or read.
    case jobs(done: Int)
    /// Something changed meanwhile, and all is read again.
    case again
    /// What was brought in is read back.
    case comparing(done: Int)
}

/// Writes a farm's queue and records into one file, for a farm elsewhere.
///
/// The farm is closed and paused first and stays so: what it would take in or start afterwards would be in one store only,
/// or in two. Events, workers and what lanes have saved up do not move.
public struct FarmExport: Sendable {
    private let queue: any JobQueue
    private let records: any RecordStore
    private let seal: ExportSeal
    private let now: @Sendable () -> Timestamp
    private let random: RandomSource

    /// An export of that farm.
    ///
    /// - Parameter key: derived from the master key, which the other farm must have too.
    public init(
        queue: any JobQueue, records: any RecordStore, key: SecretBytes, random: RandomSource,
        now: @escaping @Sendable () -> Timestamp
    ) {
        self.queue = queue
        self.records = records
        seal = ExportSeal(key)
        self.now = now
        self.random = random
    }

    /// What the file is derived for.
    public static let keyPurpose = "relocation/export/1"

    /// How often a queue may change while it is read.
    private static let attempts = 5

    /// Writes the file at `path`, which must not be there; it appears when it is whole and on the disk.
    ///
    /// - Parameters:
    ///   - leavingParked: jobs that cannot be read stay behind; otherwise they are a reason not to begin.
    /// - Throws: `RelocationError`, or what the stores and the disk say. What holds the farm is lifted again then, but for
    ///   what held it before.
    public func run(
        to path: String, by: String, leavingParked: Bool = false, report: @Sendable (RelocationStep) -> Void = { _ in }
    ) async throws -> ExportCounts {
        let parked = try await queue.counts(dueWithin: .zero).parked
        guard parked == 0 || leavingParked else { throw RelocationError.parked(count: parked) }
        let before = try await holds()
        // The name is tried before anything is held.
        try ExportWriter(path: path, seal: seal).discard()
        do {
            let reason = "moved out, exported to \(Printable.text(path, limit: 500)): do not resume"
            for kind in LaneHold.Kind.allCases { try await queue.hold(kind, nil, by: by, reason: reason) }
            try await waitUntilNothingRuns(report)
            return try await write(to: path, before.filter { $0.lane != nil }, report)
        } catch {
            // As well as can be: the store may be what has failed. The holds that are left say why they are there.
            _ = try? await queue.resume(nil, by: by)
            for hold in before where hold.lane == nil {
                _ = try? await queue.hold(hold.kind, nil, by: hold.by, reason: hold.reason)
            }
            throw error
        }
    }

    private func holds() async throws -> [LaneHold] {
        var holds: [LaneHold] = []
        for hold in try await queue.lanes().flatMap(\.holds) where !holds.contains(hold) { holds.append(hold) }
        return holds
    }

    private func waitUntilNothingRuns(_ report: (RelocationStep) -> Void) async throws {
        while true {
            let place = try await queue.events(after: nil, limit: 1).next
            let running = try await queue.counts(dueWithin: .zero).running
            if running == 0 { return }
            report(.waiting(running: running))
            // Of no lane: it only takes leases back that have run out, in case no worker is left to do so.
            _ = try await queue.claim(by: "export", lanes: [], for: .seconds(1), limit: 1)
            try await queue.waitForEvents(after: place, atMost: .milliseconds(500))
        }
    }

    /// Writes until nothing has changed while it was written: jobs are cancelled on a held farm, too.
    private func write(
        to path: String, _ holds: [LaneHold], _ report: (RelocationStep) -> Void
    ) async throws -> ExportCounts {
        for _ in 0..<Self.attempts {
            let place = try await queue.events(after: nil, limit: 1).next
            var writer = try ExportWriter(path: path, seal: seal)
            do {
                try await write(holds, to: &writer, report)
                if try await queue.events(after: nil, limit: 1).next == place {
                    try writer.commit()
                    return writer.counts
                }
            } catch {
                writer.discard()
                throw error
            }
            writer.discard()
            report(.again)
        }
        throw RelocationError.restless(attempts: Self.attempts)
    }

    private func write(
        _ holds: [LaneHold], to writer: inout ExportWriter, _ report: (RelocationStep) -> Void
    ) async throws {
        let id = Job.ID(at: now(), random: random).description
        try writer.write(.header(ExportHeader(id: id, made: now(), keyCheck: seal.keyCheck(of: id))))
        for hold in holds { try writer.write(.hold(hold)) }
        var last: Batch?
        while true {
            let batches = try await queue.batches(after: last, limit: 100)
            if batches.isEmpty { break }
            for batch in batches {
                try writer.write(.batch(batch))
                try await writeRefusals(of: batch, to: &writer)
            }
            last = batches.last
        }
        var cursor: JobCursor?
        repeat {
            let page = try await queue.arrivals(after: cursor, limit: 1000)
            for job in page.jobs { try writer.write(.job(job)) }
            cursor = page.next
            report(.jobs(done: writer.counts.jobs))
        } while cursor != nil
        try await writeRecords(to: &writer)
    }

    private func writeRefusals(of batch: Batch, to writer: inout ExportWriter) async throws {
        var left = batch.counts.rejected
        var row = 0
        while left > 0 {
            let items = try await queue.items(of: batch.id, after: row, limit: 1000)
            guard let last = items.last else { return }
            for item in items {
                guard case .rejected(let failure) = item.outcome else { continue }
                let place = Batch.Place(batch: batch.id, row: item.row)
                try writer.write(.refusal(Batch.Refusal(place: place, failure: failure)))
                left -= 1
            }
            row = last.row
        }
    }

    private func writeRecords(to writer: inout ExportWriter) async throws {
        for collection in try await records.collections() where collection != FarmImport.collection {
            var last: String?
            while true {
                let some = try await records.list(collection, after: last, limit: 500)
                for record in some {
                    try writer.write(
                        .record(
                            ExportedRecord(
                                collection: collection, name: record.name, body: record.body, expires: record.expires)))
                }
                guard some.count == 500 else { break }
                last = some.last?.name
            }
        }
    }
}
