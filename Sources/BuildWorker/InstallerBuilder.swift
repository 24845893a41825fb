public import Artifacts
import Crypto
import FlatPackage
public import Keyring
import NodeInstaller
import Synchronization
import System

/// Builds one installer: request in, checked package in the store out.
///
/// An actor with a thread of its own, since compressing and reading files block. It knows nothing of queues: who holds
/// the job's lease says through `StopFlag` when to stop.
public actor InstallerBuilder {
    /// What a worker needs beside the job.
    public struct Setup: Sendable {
        /// The operator's payload folder.
        public let payload: String
        /// Folders of the farm itself, which must not lie in the payload.
        public let farmFolders: [String]
        /// Finished server components, by content.
        public let cache: ServerPackageCache
        /// Where unfinished builds lie.
        public let workspace: Workspace
        /// Where finished packages go.
        public let store: any ArtifactStore
        /// Which generation holds which secrets.
        public let keyring: Keyring
        /// The versions that decide the bytes, as requests pin them.
        public let builder: String

        /// A setup.
        public init(
            payload: String, farmFolders: [String], cache: ServerPackageCache, workspace: Workspace,
            store: any ArtifactStore, keyring: Keyring, builder: String
        ) {
            self.payload = payload
            self.farmFolders = farmFolders
            self.cache = cache
            self.workspace = workspace
            self.store = store
            self.keyring = keyring
            self.builder = builder
        }
    }

    private let setup: Setup
    private let executor = BlockingExecutor("installer-builder")

    /// The thread on which this actor blocks.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// A builder.
    public init(_ setup: Setup) { self.setup = setup }

    /// The finished package, still unpublished; `publish` or `discard` it.
    struct Draft: Sendable {
        let staged: any IncomingArtifact
        let fileName: String
        let build: Workspace.Build
    }

    /// Renders, assembles and checks the installer of `request`.
    func draft(_ request: InstallerRequest, progress: BuildProgress) async throws(BuildError) -> Draft {
        progress.begin(.render)
        guard request.builder == setup.builder else {
            throw .otherBuilder(pinned: request.builder, here: setup.builder)
        }
        let secrets = try await self.secrets(of: request.generation)
        let build: Workspace.Build
        do { build = try setup.workspace.begin() } catch { throw BuildError(error) }
        do throws(BuildError) {
            let staged = try await assemble(request, secrets: secrets, in: build.directory, progress: progress)
            return Draft(staged: staged, fileName: request.packageName.text, build: build)
        } catch {
            removeLeftovers(of: build)
            throw error
        }
    }

    /// Puts the package in the store under its checksum; its bytes are on the disk and re-read when this returns.
    func publish(_ draft: Draft) async throws(BuildError) -> ArtifactContent {
        defer { removeLeftovers(of: draft.build) }
        do { return try await draft.staged.finish() } catch { throw .store(detail: error.description) }
    }

    /// Drops the package.
    func discard(_ draft: Draft) {
        draft.staged.discard()
        removeLeftovers(of: draft.build)
    }

    private func secrets(of generation: Int) async throws(BuildError) -> [String: SecretBytes] {
        do { return try await setup.keyring.generation(generation).secrets } catch {
            throw .generation(detail: error.description)
        }
    }

    private func assemble(
        _ request: InstallerRequest, secrets: [String: SecretBytes], in folder: Directory, progress: BuildProgress
    ) async throws(BuildError) -> any IncomingArtifact {
        do {
            let installer = try NodeInstaller(request)
            let node = try installer.nodeComponent(secrets: secrets)
            progress.begin(.assemble)
            let server = try serverPackage(of: installer, in: folder, progress: progress)
            let nodePackage = try ComponentPackage.assemble(node, scratch: folder) { _, _ throws(PackageError) in
                try progress.step(0, 0)
            }
            let product = try ProductArchive(installer.product(server: server, node: nodePackage))
            let staged = try await setup.store.receive()
            do {
                try product.write(to: staged.file, progress: progress.step)
                progress.begin(.check)
                // The bytes go to the disk while they are looked at.
                async let settled: Void = staged.settle()
                let report = try PackageChecker.check(staged.file, progress: progress.step)
                try await settled
                guard report.isPublishable else { throw BuildError.rejected(Array(report.errors.prefix(5))) }
                return staged
            } catch {
                staged.discard()
                throw error
            }
        } catch {
            throw Self.wrap(error)
        }
    }

    /// The server component: from the cache, or from the payload as it lies there now.
    private func serverPackage(
        of installer: NodeInstaller, in folder: Directory, progress: BuildProgress
    ) throws -> ComponentPackage {
        let key = installer.serverDigest
        if let cached = setup.cache.package(key) { return cached }
        let payload = try PayloadDirectory.scan(path: setup.payload, mustNotContain: setup.farmFolders)
        guard payload.digest == installer.request.payload.digest else {
            throw BuildError.payloadChanged(pinned: installer.request.payload.digest.hex, found: payload.digest.hex)
        }
        let description = try installer.serverComponent(payload: payload.entries)
        let package = try ComponentPackage.assemble(description, scratch: folder, progress: progress.step)
        setup.cache.keep(package, under: key)
        return package
    }

    /// What cannot be removed now is found by the next sweep: its lock is free then.
    private func removeLeftovers(of build: Workspace.Build) { try? build.remove() }

    private static func wrap(_ error: InstallerError) -> BuildError {
        switch error {
        case .missingSecrets, .unknownSecret, .secretIsNotText: .generation(detail: error.description)
        case .reservedPath: .payload(detail: error.description)
        case .badField, .missingField, .unknownField, .unreadableRequest, .unknownVersion, .unknownSealing,
            .otherTemplate, .notForOtherMacs:
            .unreadableRequest(detail: error.description)
        }
    }

    private static func wrap(_ error: any Error) -> BuildError {
        switch error {
        case let error as BuildError: error
        case PackageError.cancelled: .stopped
        case PackageError.storage(let error): BuildError(error)
        case let error as PackageError: .package(detail: error.description)
        case let error as PayloadError: .payload(detail: error.description)
        case let error as InstallerError: wrap(error)
        case let error as ArtifactError: .store(detail: error.description)
        case let error as SystemError: BuildError(error)
        default: .package(detail: "\(error)")
        }
    }
}

/// How far a build is, written by the builder's thread and read by the one that renews its lease.
final class BuildProgress: Sendable {
    struct Position: Sendable, Equatable {
        var stage: BuildStage
        var done: Int64
        var total: Int64
    }

    private let position = Mutex(Position(stage: .render, done: 0, total: 0))
    private let isStopped = Mutex(false)
    private let onBegin: @Sendable (BuildStage) -> Void

    init(onBegin: @escaping @Sendable (BuildStage) -> Void) { self.onBegin = onBegin }

    var current: Position { position.withLock { $0 } }

    func begin(_ stage: BuildStage) {
        position.withLock { $0 = Position(stage: stage, done: 0, total: 0) }
        onBegin(stage)
    }

    /// Makes the builder give up at its next step.
    func stop() { isStopped.withLock { $0 = true } }

    /// Called by the package code as bytes go by.
    func step(_ done: Int64, _ total: Int64) throws(PackageError) {
        if isStopped.withLock({ $0 }) { throw .cancelled }
        guard total > 0 else { return }
        position.withLock {
            $0.done = done
            $0.total = total
        }
    }
}
