#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// An open folder. Everything is reached by name below its descriptor, so that a folder that is moved or replaced
/// while we work cannot lead us elsewhere, and a symbolic link is never followed.
///
/// Names are single components (no `/`, no NUL, not empty, not `.` or `..`) as bytes, since a file system's names need
/// not be UTF-8; a `String` stands for its UTF-8.
public final class Directory: Sendable {
    /// The path by which it was opened, for messages.
    public let path: String
    let descriptor: CInt
    let faults: DiskFaults

    private init(descriptor: CInt, path: String, faults: DiskFaults) {
        self.descriptor = descriptor
        self.path = path
        self.faults = faults
    }

    deinit { close(descriptor) }

    /// Opens the folder at `path`, which an operator chose: links on the way are followed.
    public static func open(_ path: String, faults: DiskFaults = .none) throws(SystemError) -> Directory {
        try faults.check(.open, path)
        guard !path.utf8.contains(0) else { throw SystemError(operation: "open", path: path, code: EINVAL) }
        let descriptor = openRetrying { openPath(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw .last("open", path) }
        return Directory(descriptor: descriptor, path: path, faults: faults)
    }

    /// Opens the folder at `path`, making it and its missing parents first. Those that are made have exactly `mode`,
    /// whatever the umask, and their names are on the disk; those that are there keep theirs.
    public static func openOrCreate(
        _ path: String, mode: UInt16 = 0o700, faults: DiskFaults = .none
    ) throws(SystemError) -> Directory {
        do { return try open(path, faults: faults) } catch  where error.isNotFound {}
        let (parent, name) = splitPath(path)
        // "." and "/" have no parent to make: one that is not there is a working folder that was removed.
        guard parent != path else { throw SystemError(operation: "open", path: path, code: ENOENT) }
        let above = try openOrCreate(parent, mode: mode, faults: faults)
        do {
            try above.makeDirectory(name, mode: mode)
            try above.sync()
        } catch  where error.isAlreadyThere {}
        return try open(path, faults: faults)
    }

    /// Opens the folder `name` below this one; a symbolic link there is refused.
    public func directory(_ name: String) throws(SystemError) -> Directory { try directory(Array(name.utf8)) }

    /// Opens the folder `name` below this one; a symbolic link there is refused.
    public func directory(_ name: [UInt8]) throws(SystemError) -> Directory {
        let (text, full) = try component(name, .open)
        let opened = openRetrying { openat(descriptor, text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
        guard opened >= 0 else { throw .last("open", full) }
        return Directory(descriptor: opened, path: full, faults: faults)
    }

    /// Makes the folder `name` with exactly `mode`, whatever the umask.
    public func makeDirectory(_ name: String, mode: UInt16 = 0o700) throws(SystemError) {
        let (text, full) = try component(Array(name.utf8), .makeDirectory)
        guard mkdirat(descriptor, text, mode_t(mode)) == 0 else { throw .last("create the folder", full) }
        // Without following a link: one who swaps the new folder for a link must not have another's mode set.
        guard fchmodat(descriptor, text, mode_t(mode), AT_SYMLINK_NOFOLLOW) == 0 else {
            throw .last("set the mode of", full)
        }
    }

    /// Makes the new file `name` with exactly `mode`, open for reading and writing.
    ///
    /// Anything at that name, a dangling link included, is refused (`isAlreadyThere`): nothing is ever overwritten.
    public func createFile(_ name: String, mode: UInt16 = 0o600) throws(SystemError) -> File {
        let (text, full) = try component(Array(name.utf8), .create)
        let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let opened = openRetrying { openat(descriptor, text, flags, mode_t(mode)) }
        guard opened >= 0 else { throw .last("create", full) }
        let file = File(descriptor: opened, path: full, faults: faults)
        guard fchmod(opened, mode_t(mode)) == 0 else { throw .last("set the mode of", full) }
        return file
    }

    /// Makes a new file without a name, open for reading and writing: it is gone when nobody has it open any longer.
    public func createNamelessFile() throws(SystemError) -> File {
        // Not every system can make one; removed at once, a file has no name either.
        let name = ".pkgmill-nameless-\(CurrentProcess.identifier)-\(UInt64.random(in: 0...UInt64.max))"
        let file = try createFile(name)
        try remove(name)
        return file
    }

    /// Opens the file `name` for reading. A symbolic link is refused; a named pipe is opened without waiting, so look
    /// at `status()` before reading.
    public func openFile(_ name: String) throws(SystemError) -> File { try openFile(Array(name.utf8)) }

    /// As the other one, for a name that need not be UTF-8.
    public func openFile(_ name: [UInt8]) throws(SystemError) -> File {
        let (text, full) = try component(name, .open)
        let opened = openRetrying { openat(descriptor, text, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK) }
        guard opened >= 0 else { throw .last("open", full) }
        return File(descriptor: opened, path: full, faults: faults)
    }

    /// Opens the file `name` for reading and writing, making it with `mode` when it is not there. Links are refused.
    public func openOrCreateFile(_ name: String, mode: UInt16 = 0o600) throws(SystemError) -> File {
        do { return try createFile(name, mode: mode) } catch  where error.isAlreadyThere {}
        let (text, full) = try component(Array(name.utf8), .open)
        let opened = openRetrying { openat(descriptor, text, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK) }
        guard opened >= 0 else { throw .last("open", full) }
        return File(descriptor: opened, path: full, faults: faults)
    }

    /// What `name` is, without following a link; nil when it is not there.
    public func status(of name: String) throws(SystemError) -> FileStatus? { try status(of: Array(name.utf8)) }

    /// As the other one, for a name that need not be UTF-8.
    public func status(of name: [UInt8]) throws(SystemError) -> FileStatus? {
        let (text, full) = try component(name, .status)
        var status = stat()
        guard fstatat(descriptor, text, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            if errno == ENOENT { return nil }
            throw .last("look at", full)
        }
        return FileStatus(status)
    }

    /// What this folder itself is.
    public func status() throws(SystemError) -> FileStatus {
        try faults.check(.status, path)
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .last("look at", path) }
        return FileStatus(status)
    }

    /// How many bytes may still be written to its file system by this process.
    public func freeByteCount() throws(SystemError) -> Int64 {
        var status = statvfs()
        guard fstatvfs(descriptor, &status) == 0 else { throw .last("look at", path) }
        let (bytes, isTooLarge) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return isTooLarge ? .max : Int64(clamping: bytes)
    }

    /// The names in this folder in byte order, without `.` and `..`; at most `limit`, else EOVERFLOW.
    public func entries(limit: Int = 1_000_000) throws(SystemError) -> [[UInt8]] {
        try faults.check(.list, path)
        // A descriptor of its own: fdopendir takes the one it is given, and reading moves its position.
        let own = openRetrying { openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard own >= 0 else { throw .last("list", path) }
        guard let stream = fdopendir(own) else {
            let error = SystemError.last("list", path)
            close(own)
            throw error
        }
        defer { closedir(stream) }
        var names: [[UInt8]] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw .last("list", path) }
                break
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                tuple.withMemoryRebound(to: CChar.self, capacity: 1) { start in
                    UnsafeBufferPointer(start: start, count: strlen(start)).map { UInt8(bitPattern: $0) }
                }
            }
            if name == [0x2E] || name == [0x2E, 0x2E] { continue }
            guard names.count < limit else { throw SystemError(operation: "list", path: path, code: EOVERFLOW) }
            names.append(name)
        }
        return names.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// The target of the symbolic link `name`, as bytes.
    public func linkTarget(of name: [UInt8]) throws(SystemError) -> [UInt8] {
        let (text, full) = try component(name, .read)
        var failed = false
        let target = [UInt8](unsafeUninitializedCapacity: Int(PATH_MAX) + 1) { buffer, filled in
            filled = buffer.withMemoryRebound(to: CChar.self) { characters in
                guard let base = characters.baseAddress else { return 0 }
                let count = readlinkat(descriptor, text, base, characters.count)
                failed = count < 0
                return max(0, count)
            }
        }
        guard !failed else { throw .last("read the link", full) }
        return target
    }

    /// Makes the symbolic link `name`.
    public func makeLink(_ name: String, to target: String) throws(SystemError) {
        let (text, full) = try component(Array(name.utf8), .link)
        guard !target.utf8.contains(0) else {
            throw SystemError(operation: "create the link", path: full, code: EINVAL)
        }
        guard symlinkat(target, descriptor, text) == 0 else { throw .last("create the link", full) }
    }

    /// Gives the file `from` the final name `to` in `target` (this folder when nil).
    ///
    /// With `replacing` false, a name that is taken is refused (`isAlreadyThere`) and both files stay as they were.
    public func rename(
        _ from: String, to: String, in target: Directory? = nil, replacing: Bool
    ) throws(SystemError) {
        let target = target ?? self
        let (source, _) = try component(Array(from.utf8), .rename)
        let (destination, full) = try target.component(Array(to.utf8), .rename)
        let result =
            replacing
            ? renameat(descriptor, source, target.descriptor, destination)
            : renameExclusively(descriptor, source, target.descriptor, destination)
        guard result == 0 else { throw .last("rename a file to", full) }
    }

    /// Removes the file or link `name`; false when it was not there.
    @discardableResult
    public func remove(_ name: String) throws(SystemError) -> Bool { try unlink(name, flags: 0) }

    /// Removes the empty folder `name`; false when it was not there.
    @discardableResult
    public func removeDirectory(_ name: String) throws(SystemError) -> Bool { try unlink(name, flags: AT_REMOVEDIR) }

    /// Removes `name` and everything below it, following no link; nothing when it is not there.
    public func removeTree(_ name: String) throws(SystemError) { try removeTree(Array(name.utf8)) }

    /// As the other one, for a name that need not be UTF-8.
    public func removeTree(_ name: [UInt8]) throws(SystemError) {
        guard let status = try status(of: name) else { return }
        guard status.kind == .directory else {
            try unlink(name, flags: 0)
            return
        }
        let folder = try directory(name)
        for entry in try folder.entries() { try folder.removeTree(entry) }
        try unlink(name, flags: AT_REMOVEDIR)
    }

    /// Returns when the names in this folder are on the disk: after a rename, before anyone is told of it.
    public func sync() throws(SystemError) {
        try faults.check(.sync, path)
        guard fsync(descriptor) == 0 else { throw .last("sync the folder", path) }
    }

    private func unlink(_ name: String, flags: CInt) throws(SystemError) -> Bool {
        try unlink(Array(name.utf8), flags: flags)
    }

    @discardableResult
    private func unlink(_ name: [UInt8], flags: CInt) throws(SystemError) -> Bool {
        let (text, full) = try component(name, .remove)
        guard unlinkat(descriptor, text, flags) == 0 else {
            if errno == ENOENT { return false }
            throw .last("remove", full)
        }
        return true
    }

    /// A name fit for the `…at` calls, and the path for messages.
    func component(
        _ name: [UInt8], _ operation: DiskOperation
    ) throws(SystemError) -> (text: [CChar], path: String) {
        let full = path + (path.utf8.last == 0x2F ? "" : "/") + String(decoding: name, as: UTF8.self)
        guard !name.isEmpty, !name.contains(0), !name.contains(0x2F), name != [0x2E], name != [0x2E, 0x2E] else {
            throw SystemError(operation: operation.rawValue, path: full, code: EINVAL)
        }
        try faults.check(operation, full)
        return (name.map { CChar(bitPattern: $0) } + [0], full)
    }
}

/// `path` cut before its last component: `("a/b", "c")` for `a/b/c`, `(".", "c")` for `c`.
public func splitPath(_ path: String) -> (parent: String, name: String) {
    var bytes = Array(path.utf8)
    while bytes.count > 1, bytes.last == 0x2F { bytes.removeLast() }
    guard let slash = bytes.lastIndex(of: 0x2F) else { return (".", String(decoding: bytes, as: UTF8.self)) }
    let parent = slash == 0 ? [0x2F] : Array(bytes[..<slash])
    return (String(decoding: parent, as: UTF8.self), String(decoding: bytes[(slash + 1)...], as: UTF8.self))
}

/// Opens again as long as a signal cuts the call short.
func openRetrying(_ open: () -> CInt) -> CInt {
    while true {
        let descriptor = open()
        if descriptor >= 0 || errno != EINTR { return descriptor }
    }
}
