public import Crypto
import JSON
public import QueueModel
public import Records
public import System

/// Brings a farm's queue and records in from a file of `FarmExport`, into a farm that has none of its own.
///
/// The whole file is checked first, its seal last, and nothing is written before. Then everything is added by its name, so
/// that an import that was cut off can simply be done again; a note in the records says which one it is, and that it is
/// whole in the end, since a second import weeks later would bring jobs back that have been removed since.
public struct FarmImport: Sendable {
    private let queue: any JobQueue
    private let records: any RecordStore
    private let seal: ExportSeal
    private let now: @Sendable () -> Timestamp

    /// An import into that farm.
    ///
    /// - Parameter key: as the export had it.
    public init(
        queue: any JobQueue, records: any RecordStore, key: SecretBytes, now: @escaping @Sendable () -> Timestamp
    ) {
        self.queue = queue
        self.records = records
        seal = ExportSeal(key)
        self.now = now
    }

    /// The collection of the note.
    static let collection = "relocation"
    private static let note = "import"

    /// Brings everything in from the file at `path`. The farm is closed and paused afterwards, for a person to look at.
    ///
    /// - Throws: `RelocationError`, or what the stores and the disk say.
    public func run(
        from path: String, by: String, report: @Sendable (RelocationStep) -> Void = { _ in }
    ) async throws -> ExportCounts {
        let file = try File.open(path)
        let (header, lanes) = try await check(file)
        let state = try await state(for: header.id)
        try await note(header.id, isWhole: false, after: state)

        let reason = "moved in from \(Printable.text(path, limit: 500))"
        for kind in LaneHold.Kind.allCases { try await queue.hold(kind, nil, by: by, reason: reason) }
        let policies = try await queue.policies()
        let dropped = lanes.subtracting(policies.map(\.lane)).sorted { $0.name < $1.name }
        if !dropped.isEmpty {
            // Lanes that the configuration no longer names: the queue must know them, and works them off.
            try await queue.configure(policies + dropped.map { LanePolicy(lane: $0) })
            try await queue.configure(policies)
        }
        let counts = try await bringIn(file, report)
        try await compare(file, report)
        try await note(header.id, isWhole: true, after: try await records.read(Self.note, in: Self.collection))
        return counts
    }

    // MARK: Before anything is written

    /// Reads the whole file and checks what can be checked.
    ///
    /// - Returns: the header and all lanes that are named.
    private func check(_ file: File) async throws -> (ExportHeader, Set<Lane>) {
        var reader = try ExportReader(file, seal: seal)
        var lanes: Set<Lane> = []
        var records: [ExportedRecord] = []
        while let line = try reader.next() {
            switch line {
            case .job(let job): lanes.insert(job.lane)
            case .record(let record): records.append(record)
            case .hold(let hold): if let lane = hold.lane { lanes.insert(lane) }
            case .header, .batch, .refusal, .end: break
            }
            if records.count == 100 { try await requireFree(&records) }
        }
        try await requireFree(&records)
        return (reader.header, lanes)
    }

    /// Throws unless the farm has these records or none in their places.
    private func requireFree(_ some: inout [ExportedRecord]) async throws {
        for record in some { _ = try await isThere(record) }
        some.removeAll(keepingCapacity: true)
    }

    private func isThere(_ record: ExportedRecord) async throws -> Bool {
        guard let found = try await records.read(record.name, in: record.collection) else { return false }
        guard found.body == record.body, found.expires == record.expires else {
            throw RelocationError.recordDiffers(collection: record.collection, name: record.name)
        }
        return true
    }

    /// The note of earlier imports; throws where this one must not begin.
    private func state(for export: String) async throws -> Record? {
        guard let found = try await records.read(Self.note, in: Self.collection) else {
            try await requireEmpty()
            return nil
        }
        let note = try? JSONValue(parsing: found.body)
        let (id, finished) = (note?["export"]?.string ?? "?", note?["finished"]?.integer)
        switch (id == export, finished) {
        case (true, let time?): throw RelocationError.alreadyImported(at: Timestamp(milliseconds: time))
        case (true, nil): break  // It was cut off, and goes on.
        case (false, nil): throw RelocationError.otherBegun(export: id)
        case (false, _?): try await requireEmpty()
        }
        return found
    }

    private func requireEmpty() async throws {
        let page = try await queue.arrivals(after: nil, limit: 1)
        guard page.jobs.isEmpty, page.parked.isEmpty, try await queue.batches(after: nil, limit: 1).isEmpty else {
            throw RelocationError.notEmpty
        }
    }

    private func note(_ export: String, isWhole: Bool, after found: Record?) async throws {
        let body: JSONValue = [
            "export": .string(export), "finished": isWhole ? .integer(now().milliseconds) : .null,
        ]
        try await records.write(
            Self.note, in: Self.collection, body: body.bytes(), expires: nil, expecting: found?.revision)
    }

    // MARK: Writing

    private static let jobsAtOnce = 500
    private static let byteCountAtOnce = 4 << 20

    private func bringIn(_ file: File, _ report: (RelocationStep) -> Void) async throws -> ExportCounts {
        var reader = try ExportReader(file, seal: seal)
        var (jobs, refusals, byteCount): ([Job], [Batch.Refusal], Int) = ([], [], 0)
        func isFull() -> Bool {
            jobs.count + refusals.count >= Self.jobsAtOnce || byteCount >= Self.byteCountAtOnce
        }
        func bringIn() async throws {
            if !refusals.isEmpty { try await queue.restore(refusals) }
            if !jobs.isEmpty { try await queue.restore(jobs) }
            (jobs, refusals, byteCount) = ([], [], 0)
            report(.jobs(done: reader.counts.jobs))
        }
        while let line = try reader.next() {
            switch line {
            case .header, .end: break
            case .hold(let hold): try await queue.hold(hold.kind, hold.lane, by: hold.by, reason: hold.reason)
            case .batch(let batch): try await queue.restore(batch)
            case .refusal(let refusal): refusals.append(refusal)
            case .job(let job):
                jobs.append(job)
                byteCount += job.request.count
            case .record(let record):
                if try await !isThere(record) {
                    try await records.write(
                        record.name, in: record.collection, body: record.body, expires: record.expires, expecting: nil)
                }
            }
            if isFull() { try await bringIn() }
        }
        try await bringIn()
        return reader.counts
    }

    // MARK: Afterwards

    /// Reads the jobs back and holds them beside those of the file, one by one and in order.
    private func compare(_ file: File, _ report: (RelocationStep) -> Void) async throws {
        var reader = try ExportReader(file, seal: seal)
        var page = try await queue.arrivals(after: nil, limit: 1000)
        var place = 0
        while let line = try reader.next() {
            guard case .job(let expected) = line else { continue }
            if place == page.jobs.count, let cursor = page.next {
                page = try await queue.arrivals(after: cursor, limit: 1000)
                place = 0
                report(.comparing(done: reader.counts.jobs))
            }
            guard page.jobs.indices.contains(place), Self.isSame(page.jobs[place], expected) else {
                throw RelocationError.differs(expected.id)
            }
            place += 1
        }
        guard place == page.jobs.count, page.next == nil, page.parked.isEmpty else {
            throw RelocationError.differs(page.jobs.indices.contains(place) ? page.jobs[place].id : nil)
        }
    }

    /// A scheduled job whose time came meanwhile is queued.
    private static func isSame(_ found: Job, _ expected: Job) -> Bool {
        if found == expected { return true }
        guard expected.state.name == .scheduled, found.state == .queued else { return false }
        var queued = expected
        queued.life.state = .queued
        return found == queued
    }
}
