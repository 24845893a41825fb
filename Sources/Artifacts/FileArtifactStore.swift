public import Crypto
public import System

/// Artifacts as files below one folder, which several processes share.
///
/// | path                | what                                                                              |
/// |---------------------|-----------------------------------------------------------------------------------|
/// | `blobs/ab/abcdef…`  | content named by its SHA-256, whole and right from the moment the name is there     |
/// | `incoming/`         | files being written under random names; each is locked as long as its writer lives |
/// | `quarantine/`       | what stood under a digest and was not that content, kept for a person to look at    |
/// | `publication.lock`  | held while a name in `blobs` is given or taken away                                |
///
/// Files have mode 0600 in folders of mode 0700.
public actor FileArtifactStore: ArtifactStore {
    /// The thread on which this actor may block.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let executor = BlockingExecutor("artifacts")
    /// Syncs names while content is read.
    private let syncer = BlockingExecutor("artifact-names")
    private let root: Directory
    private let incoming: Directory
    private let quarantine: Directory
    private let blobs: BlobFolder
    private let random: RandomSource
    /// The inodes of shards that this process has seen before, and whose own names are on the disk.
    private var durableShards: [String: UInt64] = [:]

    /// The store in the folder `root`, which is made when it is not there.
    ///
    /// - Throws: `.exposed` when other users could change the folder, or reach into those below it.
    public init(
        root path: String, random: RandomSource = .system, faults: DiskFaults = .none
    ) throws(ArtifactError) {
        do { root = try Directory.openOrCreate(path, mode: 0o700, faults: faults) } catch { throw .disk(error) }
        let mode: UInt16
        do { mode = try root.status().mode } catch { throw .disk(error) }
        guard mode & 0o022 == 0 else { throw .exposed(path: path, mode: mode) }
        incoming = try Self.folder("incoming", below: root)
        quarantine = try Self.folder("quarantine", below: root)
        blobs = BlobFolder(directory: try Self.folder("blobs", below: root))
        do { try root.sync() } catch { throw .disk(error) }
        self.random = random
    }

    /// See `ArtifactStore`.
    public func receive() throws(ArtifactError) -> any IncomingArtifact {
        for _ in 0..<Self.maximumTries {
            let name = Hex.encode(random.bytes(Self.incomingNameByteCount))
            do throws(SystemError) {
                let file = try incoming.createFile(name, mode: 0o600)
                if try lockNew(file, name) {
                    return IncomingFile(file: file, name: name, folder: incoming, store: self)
                }
            } catch { throw .disk(error) }
        }
        throw .contended(what: incoming.path, tries: Self.maximumTries)
    }

    /// How many bytes may still be published; found by a look, and by writing a file that goes away again.
    ///
    /// - Throws: `.disk` when nothing can be written.
    public func freeByteCount() throws(ArtifactError) -> Int64 {
        let probe = try receive()
        defer { probe.discard() }
        do {
            try probe.file.write([0])
            return try root.freeByteCount()
        } catch { throw .disk(error) }
    }

    /// See `ArtifactStore`.
    public func open(_ content: ArtifactContent) throws(ArtifactError) -> File {
        let (file, byteCount) = try blobs.open(content.digest)
        guard byteCount == content.byteCount else {
            throw .damaged(content.digest, detail: "it has \(byteCount) bytes, expected \(content.byteCount)")
        }
        return file
    }

    /// See `ArtifactStore`.
    @discardableResult
    public func verify(_ digest: SHA256Digest) async throws(ArtifactError) -> ArtifactContent {
        let (file, _) = try blobs.open(digest)
        var measure = ContentMeasure(of: file)
        while true {
            let isMore: Bool
            do { isMore = try measure.step() } catch { throw .damaged(digest, detail: error.description) }
            guard isMore else { break }
            // Lets others open their artifacts while a large one is read.
            await Task.yield()
        }
        let found = measure.finish()
        try BlobFolder.compare(found, with: digest)
        return found
    }

    /// See `ArtifactStore`.
    @discardableResult
    public func remove(_ digest: SHA256Digest) throws(ArtifactError) -> Bool {
        let lock = try lockPublication()
        defer { lock.unlock() }
        guard let shard = try blobs.shard(of: digest) else { return false }
        do {
            guard try shard.remove(BlobFolder.name(of: digest)) else { return false }
            try shard.sync()
            return true
        } catch { throw .disk(error) }
    }

    /// See `ArtifactStore`.
    @discardableResult
    public func sweepIncoming() throws(ArtifactError) -> Int {
        do throws(SystemError) {
            var count = 0
            for bytes in try incoming.entries() {
                let name = String(decoding: bytes, as: UTF8.self)
                if try isStray(name), try incoming.remove(name) { count += 1 }
            }
            return count
        } catch { throw .disk(error) }
    }

    // MARK: Publishing

    /// Puts what was written to an incoming file on the disk; what the disk gives back.
    func settle(_ file: File) throws(ArtifactError) -> ArtifactContent {
        do {
            try file.sync()
            return try ContentMeasure.measure(file)
        } catch { throw .disk(error) }
    }

    /// Gives what was written to `arrival` and settled its name. The order is the promise: content on the disk, its digest from
    /// what the disk gives back, the name, and before anybody hears of it the name on the disk and all of it read again by that
    /// name.
    func publish(_ arrival: IncomingFile, _ content: ArtifactContent) throws(ArtifactError) {
        let lock = try lockPublication()
        defer { lock.unlock() }
        let (shard, isNewShard) = try blobs.makeShard(of: content.digest)
        let isNew = try place(arrival, as: content.digest, in: shard)
        do throws(ArtifactError) {
            try confirm(content.digest, in: shard, isNewShard: isNewShard)
        } catch {
            // A name whose sync failed may be gone after a power cut, and trying again would not show it. If it cannot
            // be taken away either, what it names is whole and right all the same.
            if isNew { _ = try? shard.remove(BlobFolder.name(of: content.digest)) }
            throw error
        }
    }

    /// Syncs the name of a content and reads the content by it, at the same time.
    private func confirm(_ digest: SHA256Digest, in shard: Directory, isNewShard: Bool) throws(ArtifactError) {
        let inode: UInt64
        do { inode = try shard.status().inode } catch { throw .disk(error) }
        // One that was there already may have been made by a process that died before it could say so.
        let isDurable = !isNewShard && durableShards[shard.path] == inode
        let folders = isDurable ? [shard] : [shard, blobs.directory]
        let (synced, read) = syncer.beside({ Result { () throws(ArtifactError) in try Self.sync(folders) } }) {
            Result { () throws(ArtifactError) in try blobs.verify(digest) }
        }
        try synced.get()
        durableShards[shard.path] = inode
        _ = try read.get()
    }

    private static func sync(_ folders: [Directory]) throws(ArtifactError) {
        do { for folder in folders { try folder.sync() } } catch { throw .disk(error) }
    }

    /// False when the content was there already, and right.
    private func place(
        _ arrival: IncomingFile, as digest: SHA256Digest, in shard: Directory
    ) throws(ArtifactError) -> Bool {
        let name = BlobFolder.name(of: digest)
        do {
            try incoming.rename(arrival.name, to: name, in: shard, replacing: false)
            return true
        } catch {
            guard error.isAlreadyThere else { throw .disk(error) }
        }
        do throws(ArtifactError) {
            try blobs.verify(digest)
            return false
        } catch {
            guard error.isOfTheStoredFile else { throw error }
        }
        do {
            let aside = name + "-" + Hex.encode(random.bytes(8))
            try shard.rename(name, to: aside, in: quarantine, replacing: false)
            try incoming.rename(arrival.name, to: name, in: shard, replacing: false)
            return true
        } catch { throw .disk(error) }
    }

    // MARK: Locks

    /// Waits for its turn; nothing is awaited while it is held, so that no two tasks of this process wait for each other.
    private func lockPublication() throws(ArtifactError) -> File {
        do {
            let file = try root.openOrCreateFile("publication.lock", mode: 0o600)
            _ = try file.lock(waiting: true)
            return file
        } catch { throw .disk(error) }
    }

    /// Marks a file that was made just now as one whose writer lives. False when a sweeper found it before it was.
    private func lockNew(_ file: File, _ name: String) throws(SystemError) -> Bool {
        do throws(SystemError) {
            guard try file.lock(waiting: false) else { return false }
            return try file.status().linkCount == 1
        } catch {
            // Nobody will write it. If it cannot be removed, a later sweep does.
            _ = try? incoming.remove(name)
            throw error
        }
    }

    /// Whether `name` is a file of ours whose writer is gone: the kernel drops a lock with the process that held it.
    private func isStray(_ name: String) throws(SystemError) -> Bool {
        guard Hex.decode(name)?.count == Self.incomingNameByteCount,
            try incoming.status(of: name)?.kind == .regular
        else { return false }
        do {
            return try incoming.openFile(name).lock(waiting: false)
        } catch  where error.isNotFound {
            return false
        }
    }

    private static let maximumTries = 10
    /// 128 bits: no name ever comes twice.
    private static let incomingNameByteCount = 16

    private static func folder(_ name: String, below root: Directory) throws(ArtifactError) -> Directory {
        let folder: Directory
        let mode: UInt16
        do throws(SystemError) {
            if try root.status(of: name) == nil {
                do { try root.makeDirectory(name, mode: 0o700) } catch  where error.isAlreadyThere {}
            }
            folder = try root.directory(name)
            mode = try folder.status().mode
        } catch { throw .disk(error) }
        guard mode & 0o077 == 0 else { throw .exposed(path: folder.path, mode: mode) }
        return folder
    }
}

extension ArtifactError {
    /// Whether it says that what stands under a digest is not that content, rather than that it could not be looked at.
    fileprivate var isOfTheStoredFile: Bool {
        switch self {
        case .damaged, .unexpectedKind: true
        default: false
        }
    }
}
