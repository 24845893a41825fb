import Synchronization
import System

/// A file in the store's `incoming` folder, locked by this open file and by nothing else: when its writer is gone, in
/// whatever way, the lock is, and a sweep may remove it.
final class IncomingFile: IncomingArtifact {
    let file: File
    let name: String
    private let folder: Directory
    private let store: FileArtifactStore
    /// nil once it is over.
    private let state = Mutex<State?>(.open)

    private enum State {
        case open
        /// On the disk, and read.
        case settled(ArtifactContent)
    }

    /// `file` is locked already.
    init(file: File, name: String, folder: Directory, store: FileArtifactStore) {
        self.file = file
        self.name = name
        self.folder = folder
        self.store = store
    }

    deinit { discard() }

    func settle() async throws(ArtifactError) {
        guard case .open = state.withLock({ $0 }) else { return }
        do {
            let content = try await store.settle(file)
            state.withLock { if case .open = $0 { $0 = .settled(content) } }
        } catch {
            // What could not be put on the disk cannot be trusted any longer, whatever a second try says.
            discard()
            throw error
        }
    }

    func finish() async throws(ArtifactError) -> ArtifactContent {
        guard let before = end() else { throw .alreadyFinished(path: file.path) }
        defer { removeName() }
        let content: ArtifactContent
        switch before {
        case .open: content = try await store.settle(file)
        case .settled(let settled): content = settled
        }
        try await store.publish(self, content)
        return content
    }

    func discard() { if end() != nil { removeName() } }

    /// What it was until now; nil for all but the first caller.
    private func end() -> State? {
        state.withLock { state in
            defer { state = nil }
            return state
        }
    }

    /// Published, the file has another name and this does nothing. What cannot be removed now, a sweep removes.
    private func removeName() { _ = try? folder.remove(name) }
}
