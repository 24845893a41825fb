import Synchronization

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// An open file. Closed when the last reference goes.
///
/// Reads name their offset, so that one open file serves several readers; writes go to the end.
public final class File: Sendable {
    /// The path by which it was opened, for messages.
    public let path: String
    /// The descriptor, owned by this object; for the few calls that need it raw.
    package let descriptor: CInt
    /// It was locked once, and may be still.
    private let isLocked = Atomic(false)
    private let faults: DiskFaults

    init(descriptor: CInt, path: String, faults: DiskFaults) {
        self.descriptor = descriptor
        self.path = path
        self.faults = faults
    }

    deinit {
        // Said, since a program that another thread is starting right now may have a copy of the descriptor for a moment.
        if isLocked.load(ordering: .relaxed) { unlock() }
        close(descriptor)
    }

    /// Opens the file at `path`, which a person chose, for reading: links are followed, a named pipe is not waited for.
    public static func open(_ path: String, faults: DiskFaults = .none) throws(SystemError) -> File {
        try faults.check(.open, path)
        guard !path.utf8.contains(0) else { throw SystemError(operation: "open", path: path, code: EINVAL) }
        let descriptor = openRetrying { openPath(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
        guard descriptor >= 0 else { throw .last("open", path) }
        return File(descriptor: descriptor, path: path, faults: faults)
    }

    /// What this file is now.
    public func status() throws(SystemError) -> FileStatus {
        try faults.check(.status, path)
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .last("look at", path) }
        return FileStatus(status)
    }

    /// Reads into `buffer` from `offset`; the number of bytes read, less than asked only at the file's end.
    public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(SystemError) -> Int {
        try faults.check(.read, path)
        var filled = 0
        while filled < buffer.count, let base = buffer.baseAddress {
            // An offset beyond the largest wraps around to a negative one, which the system refuses.
            let count = pread(descriptor, base + filled, buffer.count - filled, off_t(offset) &+ off_t(filled))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .last("read", path) }
            if count == 0 { break }
            filled += count
        }
        return filled
    }

    /// `count` bytes from `offset`, fewer only at the file's end.
    public func read(_ count: Int, at offset: Int64) throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(SystemError) {
                filled = try read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// The whole content of at most `limit` bytes; EFBIG beyond.
    ///
    /// The size that the system tells is a hint only: a file may grow meanwhile, and those of `/proc` tell 0.
    public func readAll(limit: Int) throws(SystemError) -> [UInt8] {
        let expected = Int(clamping: try status().byteCount)
        var bytes: [UInt8] = []
        while true {
            // One byte more than may come tells a part from the whole.
            let wanted = min(limit - bytes.count, max(expected - bytes.count, 65_536), 1 << 20) + 1
            let piece = try read(wanted, at: Int64(bytes.count))
            bytes += piece
            guard bytes.count <= limit else { throw SystemError(operation: "read", path: path, code: EFBIG) }
            if piece.count < wanted { return bytes }
        }
    }

    /// Writes all of `bytes` at the end of what was written before.
    public func write(_ bytes: [UInt8]) throws(SystemError) {
        var failure: SystemError?
        bytes.withUnsafeBytes { buffer in
            do throws(SystemError) { try write(buffer) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Writes all of `buffer` at the end of what was written before.
    public func write(_ buffer: UnsafeRawBufferPointer) throws(SystemError) {
        try faults.check(.write, path)
        var written = 0
        while written < buffer.count, let base = buffer.baseAddress {
            let count = writeSome(descriptor, base + written, buffer.count - written)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .last("write", path) }
            written += count
        }
    }

    /// Writes all of `bytes` at `offset`, leaving the position for `write` alone.
    public func write(_ bytes: [UInt8], at offset: Int64) throws(SystemError) {
        try faults.check(.write, path)
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                pwrite(
                    descriptor, buffer.baseAddress.map { $0 + written }, buffer.count - written,
                    off_t(offset) &+ off_t(written))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .last("write", path) }
            written += count
        }
    }

    /// Returns when the content is on the disk.
    ///
    /// After an error the file's pages may be gone: drop the file and start over, never sync it again.
    public func sync() throws(SystemError) {
        try faults.check(.sync, path)
        guard fsync(descriptor) == 0 else { throw .last("sync", path) }
    }

    /// Takes the advisory lock of the whole file; false when another open file has it and `waiting` is false.
    ///
    /// The kernel drops it when this object goes or the process dies, however it dies.
    public func lock(waiting: Bool) throws(SystemError) -> Bool {
        while flock(descriptor, waiting ? LOCK_EX : LOCK_EX | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            if errno == EWOULDBLOCK { return false }
            throw .last("lock", path)
        }
        isLocked.store(true, ordering: .relaxed)
        return true
    }

    /// Lets the advisory lock go.
    public func unlock() { flock(descriptor, LOCK_UN) }
}
