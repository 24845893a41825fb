#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// What the file system says of a name, without following a link.
public struct FileStatus: Sendable, Equatable {
    /// What kind of thing it is. Only regular files, directories and symbolic links go into a package or a store.
    public enum Kind: String, Sendable {
        case regular = "regular file"
        case directory
        case symbolicLink = "symbolic link"
        case socket
        case fifo = "named pipe"
        case characterDevice = "character device"
        case blockDevice = "block device"
        case other = "unknown kind of file"
    }

    /// What kind of thing it is.
    public let kind: Kind
    /// Permission bits with set-user-id, set-group-id and sticky: at most 0o7777.
    public let mode: UInt16
    /// Size of the content in bytes; for a link the length of its target.
    public let byteCount: Int64
    /// Number of names that this file has.
    public let linkCount: UInt64
    /// Owner's user id.
    public let owner: UInt32
    /// Device and inode: the same pair is the same file.
    public let device: UInt64
    /// See `device`.
    public let inode: UInt64
    /// Last change of the content, in nanoseconds since 1970.
    public let modified: Int128
    /// Last change of content, mode, owner or links, in nanoseconds since 1970.
    public let changed: Int128

    init(_ status: stat) {
        kind =
            switch UInt32(status.st_mode) & UInt32(S_IFMT) {
            case UInt32(S_IFREG): .regular
            case UInt32(S_IFDIR): .directory
            case UInt32(S_IFLNK): .symbolicLink
            case UInt32(S_IFSOCK): .socket
            case UInt32(S_IFIFO): .fifo
            case UInt32(S_IFCHR): .characterDevice
            case UInt32(S_IFBLK): .blockDevice
            default: .other
            }
        mode = UInt16(UInt32(status.st_mode) & 0o7777)
        byteCount = Int64(status.st_size)
        linkCount = UInt64(status.st_nlink)
        owner = status.st_uid
        device = UInt64(truncatingIfNeeded: status.st_dev)
        inode = UInt64(status.st_ino)
        modified = nanoseconds(modificationTime(status))
        changed = nanoseconds(changeTime(status))
    }
}

private func nanoseconds(_ time: (seconds: Int, nanoseconds: Int)) -> Int128 {
    Int128(time.seconds) * 1_000_000_000 + Int128(time.nanoseconds)
}
