/// One member of a package's archive, as its table of contents describes it.
public struct PackageMember: Sendable, Equatable {
    /// What a member is.
    public enum Kind: Sendable, Equatable {
        /// A file.
        case file
        /// A folder of the archive.
        case directory
        /// Something that flat packages do not use, by the archive's name for it.
        case other(String)
    }

    /// The path in the archive: `Distribution`, `server.pkg/Payload`.
    public let path: String
    /// What it is.
    public let kind: Kind
    /// How its bytes are held.
    public let encoding: MemberEncoding
    /// Size of its content in bytes, decoded, as the archive states it; 0 for a folder.
    public let byteCount: Int64
    /// Bytes that it takes in the archive.
    public let archivedByteCount: Int64

    /// Where its bytes begin, counted from the end of the table of contents; checked to lie in the file.
    let heapOffset: Int64
    let archivedChecksum: StatedChecksum?
    let contentChecksum: StatedChecksum?
    /// Slots of extended attributes, which belong to it and are not read: shipped packages have wrong ones.
    let attributeSlices: [HeapSlice]

    var slice: HeapSlice { HeapSlice(offset: heapOffset, byteCount: archivedByteCount) }
}

/// A checksum that a table of contents states: the algorithm in lower case, and the value in hexadecimal digits.
struct StatedChecksum: Sendable, Equatable {
    let style: String
    let hex: String
}

/// A stretch of the heap.
struct HeapSlice: Sendable, Equatable {
    let offset: Int64
    let byteCount: Int64

    /// - Precondition: the slice was checked to lie in the file.
    var end: Int64 { offset + byteCount }
}
