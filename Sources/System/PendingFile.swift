#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// A file that gets its name only when it is whole: until `commit` its bytes lie in a hidden file beside it.
public struct PendingFile: Sendable {
    /// The hidden file, open for writing.
    public let file: File
    private let folder: Directory
    private let hiddenName: String
    private let name: String
    private let isReplacing: Bool

    /// Begins the file at `path`, whose folder must be there.
    ///
    /// - Throws: `isAlreadyThere` when the name is taken and `replacing` is false; checked again by `commit`.
    public init(
        path: String, mode: UInt16 = 0o600, replacing: Bool = false, faults: DiskFaults = .none
    ) throws(SystemError) {
        let hidden = ".pkgmill-part-\(CurrentProcess.identifier)-\(UInt64.random(in: 0...UInt64.max))"
        try self.init(path, hidden, replacing, faults) { folder throws(SystemError) in
            try folder.createFile(hidden, mode: mode)
        }
    }

    /// Begins the file at `path`, or goes on with what an earlier one of the same `key` has left there.
    ///
    /// - Throws: `isAlreadyThere` as above; with `EBUSY` while somebody else goes on with it.
    public init(
        path: String, resuming key: String, mode: UInt16 = 0o600, replacing: Bool = false,
        faults: DiskFaults = .none
    ) throws(SystemError) {
        let hidden = ".pkgmill-part-\(key)"
        try self.init(path, hidden, replacing, faults) { folder throws(SystemError) in
            let file = try folder.openOrCreateFile(hidden, mode: mode)
            // Between opening and locking, whoever had it may have given it its name: then it is no part any longer.
            guard try file.lock(waiting: false), let named = try folder.status(of: hidden),
                case let opened = try file.status(), (named.device, named.inode) == (opened.device, opened.inode)
            else { throw SystemError(operation: "go on with", path: path, code: EBUSY) }
            return file
        }
    }

    private init(
        _ path: String, _ hiddenName: String, _ replacing: Bool, _ faults: DiskFaults,
        _ begin: (Directory) throws(SystemError) -> File
    ) throws(SystemError) {
        let (parent, name) = splitPath(path)
        folder = try .open(parent, faults: faults)
        if !replacing, try folder.status(of: name) != nil {
            throw SystemError(operation: "create", path: path, code: EEXIST)
        }
        self.name = name
        isReplacing = replacing
        self.hiddenName = hiddenName
        file = try begin(folder)
    }

    /// Syncs the bytes, gives them their name and syncs the folder. After an error nothing stands under the name that
    /// was not there before.
    public func commit() throws(SystemError) {
        do throws(SystemError) {
            try file.sync()
            try folder.rename(hiddenName, to: name, replacing: isReplacing)
        } catch {
            discard()
            throw error
        }
        try folder.sync()
    }

    /// Drops the hidden file. It may be gone already, and nothing more can be done about one that stays.
    public func discard() { _ = try? folder.remove(hiddenName) }
}
