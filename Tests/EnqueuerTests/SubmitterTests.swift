import Access
import Configuration
import Crypto
import Keyring
import NodeInstaller
import QueueModel
import QueueTestSupport
import Records
import Synchronization
import System
import TestSupport
import Testing

@testable import Enqueuer

/// Orders that come at the same time.
@Suite struct SubmitterTests {
    /// A queue that notes how many submissions each call brings, and fails as a test says.
    private final class WatchedQueue: ForwardingQueue {
        let queue: any JobQueue
        let calls = Mutex<[Int]>([])
        /// What a call of so many submissions throws.
        let failure: @Sendable (Int) -> QueueError?

        init(_ queue: any JobQueue, failure: @escaping @Sendable (Int) -> QueueError? = { _ in nil }) {
            self.queue = queue
            self.failure = failure
        }

        func enqueue(_ submissions: [Submission]) async throws(QueueError) -> [Result<Job, QueueError>] {
            calls.withLock { $0.append(submissions.count) }
            // Others come meanwhile.
            try? await Task.sleep(for: .milliseconds(20))
            if let failure = failure(submissions.count) { throw failure }
            return try await queue.enqueue(submissions)
        }
    }

    /// Records that may be away.
    private final class AwayRecords: ForwardingRecordStore {
        let records: any RecordStore = InMemoryRecordStore { Timestamp(milliseconds: 0) }
        let isAway = Mutex(false)

        func write(
            _ name: String, in collection: String, body: [UInt8], expires: Timestamp?, expecting: Int64?
        ) async throws(RecordError) -> Record {
            if isAway.withLock({ $0 }) { throw .backend(operation: "write", detail: "away") }
            return try await records.write(name, in: collection, body: body, expires: expires, expecting: expecting)
        }
    }

    /// A farm with a payload, secrets and a queue.
    private struct Farm {
        let queue: WatchedQueue
        let audit: AuditLog
        let submitter: Submitter

        init(
            _ path: String, auditIn other: (any RecordStore)? = nil,
            failure: @escaping @Sendable (Int) -> QueueError? = { _ in nil }
        )
            throws
        {
            let clock = ManualClock()
            try writeFile(path + "/payload/bin/server", Array("#!/bin/sh\n".utf8), mode: 0o755)
            let yaml = """
                cluster: {enabled: true, backend: file, storage_path: /Volumes/Share}
                server: {api_key: k, web_username: admin, web_password: w, db_encryption_key: d, encryption_key: e}
                farm: {payload: \(path)/payload}
                """
            let configuration = try FarmConfiguration(
                parsing: ConfigurationFile(bytes: Array(yaml.utf8)), path: path + "/pkgmill.yaml")
            let records = InMemoryRecordStore { clock.now }
            let keyring = try Keyring(
                store: records, master: .create(at: path + "/master.key"), farm: "farm", now: { clock.now })
            queue = WatchedQueue(InMemoryJobQueue { clock.now }, failure: failure)
            audit = AuditLog(
                records: other ?? records, key: SecretBytes([UInt8](repeating: 7, count: 32)), now: { clock.now })
            submitter = Submitter(
                configuration: configuration, queue: queue, keyring: keyring, audit: audit, builder: "pkgmill test",
                now: { clock.now }, random: .system)
        }

        func order(_ name: String, _ change: (inout InstallerOrder) -> Void = { _ in }) -> InstallerOrder {
            var order = InstallerOrder(nodeName: name, sealing: "plain", requestedBy: "ada")
            order.address = "10.0.0.7"
            change(&order)
            return order
        }

        /// What becomes of orders that are all there before the first one is taken in.
        func submitAtOnce(_ orders: [InstallerOrder]) async -> [Result<Receipt, any Error>] {
            // While the first one is written, the others gather.
            let first = Task { _ = try? await submitter.submit(order("first")) }
            while queue.calls.withLock({ $0.isEmpty }) { await Task.yield() }
            let answers = await withTaskGroup(of: (Int, Result<Receipt, any Error>).self) { group in
                for (place, order) in orders.enumerated() {
                    group.addTask {
                        // In one step, as a part of the tuple, the optimizer of Swift 6.3 forgets the place.
                        let answer: Result<Receipt, any Error>
                        do { answer = .success(try await submitter.submit(order)) } catch { answer = .failure(error) }
                        return (place, answer)
                    }
                }
                return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            await first.value
            return orders.indices.compactMap { answers[$0] }
        }
    }

    @Test(
        "they are written together and noted together; each has its own job, and what is wrong with one is no other's fault"
    )
    func together() async throws {
        try await withTemporaryDirectory { path in
            let farm = try Farm(path)
            let known = try await farm.submitter.submit(farm.order("known") { $0.idempotencyKey = "k" })
            farm.queue.calls.withLock { $0 = [] }
            var orders = (1...20).map { farm.order("node-\($0)") }
            orders[4].lane = "nowhere"
            orders[6].nodeName = "not a name"
            orders[8] = farm.order("known") { $0.idempotencyKey = "k" }
            orders[10] = farm.order("other") { $0.idempotencyKey = "k" }
            let answers = await farm.submitAtOnce(orders)
            #expect(answers.count == 20)
            for (place, answer) in answers.enumerated() {
                switch (place, answer) {
                case (4, .failure(QueueError.noSuchLane)), (6, .failure), (10, .failure(QueueError.keyTaken)): continue
                case (8, .success(let receipt)):
                    #expect(receipt.job.id == known.job.id)
                    #expect(receipt.notes.contains { $0.contains("asked for before") })
                case (_, .success(let receipt)):
                    #expect(receipt.request?.nodeName?.text == "node-\(place + 1)")
                    #expect(try await farm.queue.status(of: receipt.job.id)?.request == receipt.job.request)
                case (_, .failure(let error)): Issue.record("\(place): \(error)")
                }
            }
            // The first alone, and all that its own words do not refuse together: with luck in one call.
            let calls = farm.queue.calls.withLock { $0 }
            #expect(calls.first == 1 && calls.reduce(0, +) == 20 && calls.count <= 4, "\(calls)")
            let lines = try await farm.audit.lines(after: 0, limit: 100)
            let jobs = Set(answers.compactMap { try? $0.get().job.id.description })
            #expect(Set(lines.compactMap(\.subject)).isSuperset(of: jobs))
            #expect(lines.count == 19)
            #expect(
                lines.allSatisfy { $0.action == "job.submit-plain" && $0.actor == "ada" && $0.address == "10.0.0.7" })
        }
    }

    @Test(
        "a store that is away is not asked again for each; a page that is damaged is the fault of one of them at most")
    func failures() async throws {
        try await withTemporaryDirectory { path in
            let farm = try Farm(path) { $0 > 1 ? .backend(detail: "away") : nil }
            let answers = await farm.submitAtOnce((1...5).map { farm.order("node-\($0)") })
            let failed = answers.filter { if case .failure = $0 { true } else { false } }
            #expect(failed.count >= 2)
            #expect(farm.queue.calls.withLock { $0.count } <= 4)
        }
        try await withTemporaryDirectory { path in
            let farm = try Farm(path) { $0 > 1 ? .corrupt(detail: "a page") : nil }
            let answers = await farm.submitAtOnce((1...5).map { farm.order("node-\($0)") })
            #expect(answers.allSatisfy { if case .success = $0 { true } else { false } })
        }
    }

    @Test(
        "who has ordered what anybody can read is not told of it before it is written down; the same key finds the job again"
    )
    func unwritten() async throws {
        try await withTemporaryDirectory { path in
            let records = AwayRecords()
            let farm = try Farm(path, auditIn: records)
            records.isAway.withLock { $0 = true }
            let order = farm.order("node") { $0.idempotencyKey = "k" }
            await #expect(throws: AccessError.self) { try await farm.submitter.submit(order) }
            records.isAway.withLock { $0 = false }
            let receipt = try await farm.submitter.submit(order)
            #expect(receipt.notes.contains { $0.contains("asked for before") })
            #expect(try await farm.audit.lines(after: 0, limit: 10).map(\.subject) == [receipt.job.id.description])
        }
    }
}
