import Artifacts
import Configuration
import Crypto
import Keyring
import NodeInstaller
import QueueModel
import Records
import Synchronization
import System
import TestSupport
import Testing

@testable import BuildWorker

/// A farm in one process: a queue in memory on a clock that is moved by hand, a real store, real packages.
struct WorkerFixture: Sendable {
    let path: String
    let clock = ManualClock()
    let queue: InMemoryJobQueue
    let records: InMemoryRecordStore
    let store: FileArtifactStore
    let keyring: Keyring

    static let leaseDuration = Duration.seconds(60)
    private static let builder = "pkgmill test"

    static func with(_ body: (WorkerFixture) async throws -> Void) async throws {
        try await withTemporaryDirectory { path in try await body(WorkerFixture(path: path)) }
    }

    private init(path: String) async throws {
        let clock = clock
        self.path = path
        queue = InMemoryJobQueue { clock.now }
        records = InMemoryRecordStore { clock.now }
        store = try FileArtifactStore(root: path + "/artifacts")
        keyring = try Keyring(
            store: records, master: .create(at: path + "/master.key"), farm: "farm", now: { clock.now })
        let names = ["api_key", "web_username", "web_password", "db_encryption_key", "encryption_key"]
        try await keyring.add(Dictionary(uniqueKeysWithValues: names.map { ("server.\($0)", SecretBytes($0)) }))
        try writeFile(path + "/payload/bin/server", Array("#!/bin/sh\n".utf8), mode: 0o755)
        try writeFile(path + "/payload/data", SeededRandom(seed: 1).source.bytes(10_000))
    }

    /// A job in the queue.
    func submit(_ request: [UInt8]? = nil) async throws -> Job.ID {
        let request = try request ?? installerRequest().canonicalBytes
        let id = Job.ID(at: clock.now, random: .system)
        let submission = Submission(
            id: id, lane: .interactive, request: request, inputDigest: SHA256Digest(of: request).bytes,
            requestedBy: "test")
        return try await queue.enqueue(submission).id
    }

    func installerRequest(generation: Int = 1) throws -> InstallerRequest {
        let yaml = "cluster:\n  enabled: true\n  backend: file\n  storage_path: /Volumes/Share\n"
        let configuration = try FarmConfiguration(
            parsing: ConfigurationFile(bytes: Array(yaml.utf8)), path: "/etc/pkgmill/pkgmill.yaml")
        return try InstallerRequest(
            nodeName: NodeName("lab-1"), packageName: .standard, sealing: .plain,
            payload: PayloadReference(
                path: path + "/payload", digest: PayloadDirectory.scan(path: path + "/payload").digest, version: "1.0"),
            target: Target(minimumMacOS: "13.0", architectures: ["arm64"]), identifierPrefix: "com.pkgmill",
            daemon: DaemonCommand(["/usr/local/pkgmill/bin/server"]), generation: generation, revision: 0,
            builder: Self.builder, contentDate: Timestamp(seconds: 1_767_225_600),
            settings: NodeSettings(configuration: configuration), labels: Labels([:]))
    }

    /// Runs a worker until the queue is drained, `cutOff` has cut it off, or its job is lost or has failed; returns
    /// what it said.
    @discardableResult
    func work(_ name: String, _ cutOff: CutOff = CutOff(at: nil)) async throws -> [WorkerEvent] {
        let stop = Worker.Stop()
        let events = Mutex<[WorkerEvent]>([])
        let builder = InstallerBuilder(
            .init(
                payload: path + "/payload", farmFolders: [],
                cache: try ServerPackageCache(path: path + "/cache", random: .system),
                workspace: try Workspace(path: path + "/work", random: .system),
                store: CutStore(store: store, cutOff: cutOff), keyring: keyring, builder: Self.builder))
        let index = ArtifactIndex(
            records: CutRecords(records: records, cutOff: cutOff), now: { [clock] in clock.now })
        let worker = Worker(
            .init(
                record: WorkerRecord(name: name, host: "host", processID: 1, version: "1", lanes: nil),
                leaseDuration: Self.leaseDuration, lookInterval: .milliseconds(10)),
            queue: CutQueue(queue: queue, cutOff: cutOff), builder: builder, artifacts: index
        ) { event in
            events.withLock { $0.append(event) }
            switch event {
            case .trouble where cutOff.hasCome, .lost, .failed: stop.gently.request()
            default: break
            }
        }
        try await worker.run(draining: true, stop: stop)
        return events.withLock { $0 }
    }

    /// The packages in the store, whole ones and unfinished ones.
    func artifacts() -> [String] {
        ["blobs", "incoming"].flatMap { filesBelow(path + "/artifacts/" + $0) }.filter { !$0.hasSuffix("/") }
    }

    func job(_ id: Job.ID) async throws -> Job { try #require(await queue.status(of: id)) }

    func state(of id: Job.ID) async throws -> Job.State { try await job(id).state }
}
