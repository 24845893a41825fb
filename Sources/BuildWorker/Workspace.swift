public import System

/// The folder in which builds keep what is not finished: one folder for each, locked while its worker lives.
///
/// A worker that is killed leaves its folder unlocked; the next one to start finds it so and removes it. Folders of
/// living workers, on this or another process, are locked and left alone.
public struct Workspace: Sendable {
    private let root: Directory
    private let random: RandomSource

    /// The workspace below `path`, which is made when it is missing.
    public init(path: String, random: RandomSource, faults: DiskFaults = .none) throws(SystemError) {
        root = try .openOrCreate(path, faults: faults)
        self.random = random
    }

    /// A fresh folder for one build.
    func begin() throws(SystemError) -> Build {
        let name = "build-" + random.bytes(16).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        // The lock file comes first and outside the folder, so that no sweep ever sees a folder without its lock.
        let lock = try root.createFile(name + ".lock")
        guard try lock.lock(waiting: false) else { throw SystemError(operation: "lock", path: lock.path, code: 11) }
        try root.makeDirectory(name)
        return Build(root: root, name: name, directory: try root.directory(name), lock: lock)
    }

    /// Removes what killed workers left; the number of builds that it was.
    @discardableResult
    public func sweep() throws(SystemError) -> Int {
        var count = 0
        for bytes in try root.entries() {
            guard let name = String(validating: bytes, as: UTF8.self), name.hasSuffix(".lock") else { continue }
            // Taking the lock proves that its worker is dead; the file stays open until the folder is gone.
            guard let lock = try? root.openFile(name), (try? lock.lock(waiting: false)) == true else { continue }
            try Build(root: root, name: String(name.dropLast(5)), directory: nil, lock: lock).remove()
            count += 1
        }
        return count
    }

    /// One build's folder and the lock that says it is alive.
    struct Build: Sendable {
        private let root: Directory
        private let name: String
        private let lock: File
        private let opened: Directory?

        fileprivate init(root: Directory, name: String, directory: Directory?, lock: File) {
            self.root = root
            self.name = name
            self.lock = lock
            opened = directory
        }

        /// The folder, below which everything unfinished lies.
        var directory: Directory { opened ?? root }

        /// Removes the folder with all that is in it, then the lock.
        func remove() throws(SystemError) {
            try root.removeTree(name)
            try root.remove(name + ".lock")
        }
    }
}
