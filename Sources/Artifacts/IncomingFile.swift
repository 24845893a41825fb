import Synchronization
import System

/// A file in the store's `incoming` folder, locked by this open file and by nothing else: when its writer is gone, in
/// whatever way, the lock is, and a sweep may remove it.
final class IncomingFile: IncomingArtifact {
    let file: File
    let name: String
    private let folder: Directory
    private let store: FileArtifactStore
    private let isOver = Mutex(false)

    /// `file` is locked already.
    init(file: File, name: String, folder: Directory, store: FileArtifactStore) {
        self.file = file
        self.name = name
        self.folder = folder
        self.store = store
    }

    deinit { discard() }

    func finish() async throws(ArtifactError) -> ArtifactContent {
        guard end() else { throw .alreadyFinished(path: file.path) }
        defer { removeName() }
        return try await store.publish(self)
    }

    func discard() { if end() { removeName() } }

    /// True for the first caller only.
    private func end() -> Bool {
        isOver.withLock { isOver in
            defer { isOver = true }
            return !isOver
        }
    }

    /// Published, the file has another name and this does nothing. What cannot be removed now, a sweep removes.
    private func removeName() { _ = try? folder.remove(name) }
}
