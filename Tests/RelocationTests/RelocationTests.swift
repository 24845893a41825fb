import Crypto
import Foundation
import QueueModel
import QueueTestSupport
import Records
import Relocation
import Synchronization
import System
import TestSupport
import Testing

@Suite struct RelocationTests {
    private let key = SecretBytes("a key for tests of thirty-two by")
    private let clock = ManualClock()

    private func export(_ farm: RichFarm) -> FarmExport {
        FarmExport(
            queue: farm.queue, records: farm.records, key: key, random: SeededRandom(seed: 5).source, now: { clock.now }
        )
    }

    private func importer(_ queue: any JobQueue, _ records: any RecordStore, key: SecretBytes? = nil) -> FarmImport {
        FarmImport(queue: queue, records: records, key: key ?? self.key, now: { clock.now })
    }

    /// An export of a rich farm in memory, and what it held.
    private func withExport(
        jobCount: UInt64 = 40, _ body: (_ path: String, _ content: RichFarm.Content) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { folder in
            try await FarmStore.memory.withFarm(at: clock) { queue, records in
                let farm = RichFarm(queue: queue, records: records, clock: clock)
                try await farm.fill(jobCount: jobCount)
                _ = try await export(farm).run(to: folder + "/export", by: "test")
                try await body(folder + "/export", farm.content())
            }
        }
    }

    @Test(
        "a farm goes from store to store and is the same at each, closed and paused",
        arguments: FarmStore.allCases, FarmStore.allCases)
    func wholeWay(from: FarmStore, to: FarmStore) async throws {
        try await withTemporaryDirectory { folder in
            try await from.withFarm(at: clock) { queue, records in
                let old = RichFarm(queue: queue, records: records, clock: clock)
                try await old.fill(jobCount: 1300)
                let content = try await old.content()
                let path = folder + "/export"
                let written = try await export(old).run(to: path, by: "test")
                #expect(written.jobs == content.jobs.count)
                #expect(written.records == 30)
                #expect(written.refusals == 1)
                #expect(written.holds == 1)
                #expect(try await old.isHeld())
                #expect(try await old.content() == content)
                let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
                #expect(mode == 0o600)
                try await to.withFarm(at: clock) { queue, records in
                    let new = RichFarm(queue: queue, records: records, clock: clock)
                    let read = try await importer(queue, records).run(from: path, by: "test")
                    #expect(read == written)
                    #expect(try await new.content() == content)
                    #expect(try await new.isHeld())
                    // What was known before is known again: a key, a row of a batch, a unique job.
                    try await queue.resume(nil, by: "test")
                    try await queue.resume(.batch, by: "test")
                    var later = RichFarm.submission(1_000_001)
                    later.idempotencyKey = "later"
                    await #expect(throws: QueueError.keyTaken(key: "later", by: RichFarm.id(900_040))) {
                        try await queue.enqueue(later)
                    }
                    // And everything that waited is handed out.
                    var seen: Set<Job.ID> = []
                    clock.advance(by: .seconds(86_400))
                    while true {
                        let jobs = try await queue.claim(by: "w", lanes: nil, for: .seconds(3600), limit: 500)
                        if jobs.isEmpty { break }
                        for job in jobs { #expect(seen.insert(job.id).inserted) }
                    }
                    #expect(seen == Set(content.jobs.filter { !$0.state.name.isFinal }.map(\.id)))
                    clock.advance(by: .zero - .seconds(86_400))
                }
            }
        }
    }

    @Test("an import that is cut off between any two writes is done again, and everything is there once")
    func cutOffs() async throws {
        try await withExport(jobCount: 560) { path, content in
            var writes = 0
            for limit in 0... {
                let isDone = Mutex(false)
                try await FarmStore.memory.withFarm(at: clock) { queue, records in
                    let left = Budget(limit)
                    do {
                        _ = try await importer(
                            DyingQueue(queue: queue, left: left), DyingRecords(records: records, left: left)
                        ).run(from: path, by: "test")
                        isDone.withLock { $0 = true }
                    } catch {
                        let farm = RichFarm(queue: queue, records: records, clock: clock)
                        let part = try await farm.content()
                        #expect(part.jobs == Array(content.jobs.prefix(part.jobs.count)))
                        _ = try await importer(queue, records).run(from: path, by: "test")
                        #expect(try await farm.content() == content, "after \(limit) writes")
                    }
                }
                writes = limit
                if isDone.withLock({ $0 }) { break }
            }
            #expect(writes > 35)
        }
    }

    @Test(
        "a second import of one file is refused, and so is one beside another that was begun, and one into a farm in use"
    )
    func refusals() async throws {
        try await withExport { path, content in
            try await FarmStore.memory.withFarm(at: clock) { queue, records in
                _ = try await importer(queue, records).run(from: path, by: "test")
                await #expect(throws: RelocationError.alreadyImported(at: clock.now)) {
                    try await importer(queue, records).run(from: path, by: "test")
                }
                #expect(try await RichFarm(queue: queue, records: records, clock: clock).content() == content)
            }
            try await FarmStore.memory.withFarm(at: clock) { queue, records in
                _ = try await queue.enqueue(RichFarm.submission(1))
                await #expect(throws: RelocationError.notEmpty) {
                    try await importer(queue, records).run(from: path, by: "test")
                }
                #expect(try await records.collections() == [])
                #expect(try await queue.lanes().flatMap(\.holds) == [])
            }
            try await FarmStore.memory.withFarm(at: clock) { queue, records in
                try await records.write("r1", in: "odd", body: [9], expires: nil, expecting: nil)
                await #expect(throws: RelocationError.recordDiffers(collection: "odd", name: "r1")) {
                    try await importer(queue, records).run(from: path, by: "test")
                }
                #expect(try await records.collections() == ["odd"])
                #expect(try await queue.arrivals(after: nil, limit: 1).jobs.isEmpty)
            }
            try await FarmStore.memory.withFarm(at: clock) { queue, records in
                try await records.write(
                    "import", in: "relocation", body: Array(#"{"export":"other","finished":null}"#.utf8), expires: nil,
                    expecting: nil)
                await #expect(throws: RelocationError.otherBegun(export: "other")) {
                    try await importer(queue, records).run(from: path, by: "test")
                }
            }
        }
    }

    @Test("a file that was cut, changed, mixed up or made under another key is refused, and nothing is written")
    func damagedFiles() async throws {
        try await withExport { path, _ in
            let whole = try contentOfFile(path)
            let lines = whole.split(separator: 0x0A).map(Array.init)
            func joined(_ lines: [[UInt8]]) -> [UInt8] { lines.flatMap { $0 + [0x0A] } }
            #expect(joined(lines) == whole)
            var files: [(String, [UInt8])] = [
                ("empty", []), ("a newline", [0x0A]), ("foreign", Array("PK\u{3}\u{4}".utf8)),
            ]
            for index in lines.indices {
                files.append(("cut after line \(index)", joined(Array(lines[..<index]))))
                files.append(("cut in line \(index)", joined(Array(lines[..<index])) + lines[index].dropLast(3)))
                files.append(
                    ("without line \(index)", joined(lines.enumerated().filter { $0.offset != index }.map(\.element))))
                files.append(("line \(index) twice", joined(Array(lines[...index]) + lines[index...])))
            }
            let random = SeededRandom(seed: 9)
            for _ in 0..<rounds(reduced: 300, full: 10_000) {
                var changed = whole
                let place = random.below(whole.count)
                changed[place] ^= UInt8(1 + random.below(255))
                files.append(("byte \(place)", changed))
            }
            files.append(("more after the end", whole + Array("{}\n".utf8)))
            files.append(("a long line", [UInt8](repeating: 0x20, count: 5 << 20)))
            for (name, bytes) in files {
                try writeFile(path + ".bad", bytes)
                try await FarmStore.memory.withFarm(at: clock) { queue, records in
                    await #expect(throws: RelocationError.self, "\(name)") {
                        try await importer(queue, records).run(from: path + ".bad", by: "test")
                    }
                    let collections = try await records.collections()
                    let jobs = try await queue.arrivals(after: nil, limit: 1).jobs
                    let holds = try await queue.lanes().flatMap(\.holds)
                    #expect(collections.isEmpty && jobs.isEmpty && holds.isEmpty, "\(name)")
                }
            }
            try await FarmStore.memory.withFarm(at: clock) { queue, records in
                await #expect(throws: RelocationError.otherMasterKey) {
                    try await importer(queue, records, key: SecretBytes("another key for tests of thirty-")).run(
                        from: path, by: "test")
                }
                let later = Array(
                    String(decoding: whole, as: UTF8.self).replacingOccurrences(
                        of: #""version":1"#, with: #""version":2"#
                    ).utf8)
                try writeFile(path + ".bad", later)
                await #expect(throws: RelocationError.newerVersion(2)) {
                    try await importer(queue, records).run(from: path + ".bad", by: "test")
                }
                await #expect(throws: SystemError.self) {
                    try await importer(queue, records).run(from: path + ".none", by: "test")
                }
            }
        }
    }

    @Test("an export waits for what runs, and takes back what a lost worker had")
    func waiting() async throws {
        try await withTemporaryDirectory { folder in
            try await FarmStore.sqlite.withFarm(at: clock) { queue, records in
                let farm = RichFarm(queue: queue, records: records, clock: clock)
                try await farm.fill(jobCount: 10)
                let alive = try #require(try await queue.claim(by: "alive", lanes: nil, for: .seconds(3600))?.claim)
                let lost = try #require(try await queue.claim(by: "lost", lanes: nil, for: .seconds(5))?.claim)
                let export = export(farm)
                let seen = Mutex<[RelocationStep]>([])
                async let counts = export.run(to: folder + "/export", by: "test") { step in
                    seen.withLock { $0.append(step) }
                }
                #expect(try await eventually { seen.withLock { $0.contains(.waiting(running: 2)) } })
                #expect(try await queue.claim(by: "other", lanes: nil, for: .seconds(60)) == nil)
                await #expect(throws: QueueError.self) { try await queue.enqueue(RichFarm.submission(5000)) }
                clock.advance(by: .seconds(6))
                #expect(try await eventually { seen.withLock { $0.contains(.waiting(running: 1)) } })
                #expect(!FileManager.default.fileExists(atPath: folder + "/export"))
                let result = try Job.Result(sha256: String(repeating: "ab", count: 32), byteCount: 9, fileName: "a.pkg")
                try await queue.complete(alive, result: result)
                let written = try await counts
                #expect(try await written.jobs == farm.content().jobs.count)
                #expect(try await queue.status(of: alive.job)?.state.name == .succeeded)
                #expect(try await queue.status(of: lost.job)?.state.name == .queued)
            }
        }
    }

    @Test("a queue that changes each time while it is read is not exported, and is held as it was before")
    func restless() async throws {
        try await withTemporaryDirectory { folder in
            try await FarmStore.memory.withFarm(at: clock) { queue, records in
                let farm = RichFarm(queue: queue, records: records, clock: clock)
                try await farm.fill(jobCount: 20)
                try await queue.hold(.closed, nil, by: "olga", reason: "inventory")
                let restless = RichFarm(queue: RestlessQueue(queue: queue, times: 9), records: records, clock: clock)
                await #expect(throws: RelocationError.restless(attempts: 5)) {
                    try await export(restless).run(to: folder + "/export", by: "test")
                }
                #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
                let holds = try await queue.lanes().first?.holds ?? []
                #expect(holds.map(\.by) == ["olga"])
                #expect(holds.map(\.reason) == ["inventory"])

                // Once or twice is no reason to give up.
                let calmer = RichFarm(queue: RestlessQueue(queue: queue, times: 2), records: records, clock: clock)
                _ = try await export(calmer).run(to: folder + "/export", by: "test")
                let content = try await farm.content()
                try await FarmStore.memory.withFarm(at: clock) { queue, records in
                    _ = try await importer(queue, records).run(from: folder + "/export", by: "test")
                    #expect(try await RichFarm(queue: queue, records: records, clock: clock).content() == content)
                }
                await #expect(throws: SystemError.self) {
                    try await export(farm).run(to: folder + "/export", by: "test")
                }
                await #expect(throws: SystemError.self) {
                    try await export(farm).run(to: folder + "/no/export", by: "test")
                }
            }
        }
    }

    @Test("what somebody else writes into the new farm meanwhile is found")
    func intruder() async throws {
        try await withExport { path, content in
            try await FarmStore.memory.withFarm(at: clock) { queue, records in
                let intruded = IntrudedQueue(queue: queue)
                await #expect(throws: RelocationError.differs(RichFarm.id(777_777))) {
                    try await importer(intruded, records).run(from: path, by: "test")
                }
            }
        }
    }
}

/// How many writes are left before everything fails.
private final class Budget: Sendable {
    private let left: Mutex<Int>
    init(_ count: Int) { left = Mutex(count) }
    func spend() -> Bool {
        left.withLock { left in
            left -= 1
            return left >= 0
        }
    }
}

private struct DyingQueue: ForwardingQueue {
    let queue: any JobQueue
    let left: Budget

    private func spend() throws(QueueError) { if !left.spend() { throw .backend(detail: "cut off") } }

    func restore(_ jobs: [Job]) async throws(QueueError) -> Int {
        // Half of them may be there before the cut.
        if !left.spend() {
            _ = try await queue.restore(Array(jobs.prefix(jobs.count / 2)))
            throw .backend(detail: "cut off")
        }
        return try await queue.restore(jobs)
    }
    func restore(_ batch: Batch) async throws(QueueError) -> Bool {
        try spend()
        return try await queue.restore(batch)
    }
    func restore(_ refusals: [Batch.Refusal]) async throws(QueueError) {
        try spend()
        try await queue.restore(refusals)
    }
    func hold(_ kind: LaneHold.Kind, _ lane: Lane?, by: String, reason: String) async throws(QueueError) {
        try spend()
        try await queue.hold(kind, lane, by: by, reason: reason)
    }
    func configure(_ lanes: [LanePolicy]) async throws(QueueError) {
        try spend()
        try await queue.configure(lanes)
    }
}

private struct DyingRecords: ForwardingRecordStore {
    let records: any RecordStore
    let left: Budget

    func write(
        _ name: String, in collection: String, body: [UInt8], expires: Timestamp?, expecting: Int64?
    ) async throws(RecordError) -> Record {
        if !left.spend() { throw .backend(operation: "write", detail: "cut off") }
        return try await records.write(name, in: collection, body: body, expires: expires, expecting: expecting)
    }
}

/// A queue in which somebody cancels a job while it is read, so many times.
private final class RestlessQueue: ForwardingQueue {
    let queue: any JobQueue
    private let left: Mutex<Int>

    init(queue: any JobQueue, times: Int) {
        self.queue = queue
        left = Mutex(times)
    }

    func arrivals(after cursor: JobCursor?, limit: Int) async throws(QueueError) -> JobPage {
        let page = try await queue.arrivals(after: cursor, limit: limit)
        let mayChange = left.withLock { left in
            left -= 1
            return left >= 0
        }
        if mayChange, let waiting = page.jobs.first(where: { !$0.state.name.isFinal }) {
            _ = try await queue.cancel(waiting.id)
        }
        return page
    }
}

/// A queue into which somebody puts a job behind our back.
private struct IntrudedQueue: ForwardingQueue {
    let queue: any JobQueue

    func restore(_ jobs: [Job]) async throws(QueueError) -> Int {
        let count = try await queue.restore(jobs)
        let other = InMemoryJobQueue(now: { Timestamp(seconds: 1_800_000_000) })
        let job = try await other.enqueue(RichFarm.submission(777_777))
        _ = try await queue.restore([job])
        return count
    }
}
