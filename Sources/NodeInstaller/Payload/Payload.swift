public import Crypto
public import FlatPackage

/// An operator's folder as it was when it was scanned: what `server.pkg` is made of.
///
/// Nothing of the builder's machine is in it: owners are root and wheel, modes are normalised, times are left out.
public struct Payload: Sendable {
    /// The folder by the path that the operator gave, for messages.
    public let folder: String
    /// Every path, the root first, then depth first, the names of one folder in byte order.
    ///
    /// The content of a file is read again when it is asked for, and only if it is still what was scanned.
    public let entries: [ArchiveEntry]
    /// What the entries are, as `PayloadDigest` counts it: equal digests mean equal package bytes.
    public let digest: SHA256Digest
    /// Number of regular files.
    public let fileCount: Int
    /// Number of folders, the root among them.
    public let folderCount: Int
    /// Number of symbolic links.
    public let linkCount: Int
    /// Bytes of all files together.
    public let byteCount: Int64
    /// Files that a Mac leaves wherever it goes (`.DS_Store`, `._NAME`) and that were not taken, as printable paths:
    /// the first of them.
    public let leftOut: [String]
    /// How many files were not taken, `leftOut` among them.
    public let leftOutCount: Int
}

/// How large a payload may be. The bounds are those of the formats and of macOS, not of taste.
public struct PayloadLimits: Sendable, Equatable {
    /// Paths in all, the root among them. The archive's inode numbers end at 262,143.
    public var entryCount: Int
    /// Folders on the way to a path, itself among them.
    public var depth: Int
    /// Bytes of one name; APFS takes 255.
    public var nameByteCount: Int
    /// Bytes of a path below the payload, or of a link's target. macOS takes 1,023 for the whole path, of which
    /// `/usr/local/pkgmill/` needs 19.
    public var pathByteCount: Int
    /// Bytes of one file. The archive writes a size in eleven octal digits: one byte less than 8 GiB.
    public var fileByteCount: Int64

    /// Limits of the given sizes; each is the standard one unless given.
    public init(
        entryCount: Int = 250_000, depth: Int = 64, nameByteCount: Int = 255, pathByteCount: Int = 1_000,
        fileByteCount: Int64 = 8_589_934_591
    ) {
        self.entryCount = entryCount
        self.depth = depth
        self.nameByteCount = nameByteCount
        self.pathByteCount = pathByteCount
        self.fileByteCount = fileByteCount
    }

    /// What the formats and macOS take.
    public static let standard = PayloadLimits()
}
