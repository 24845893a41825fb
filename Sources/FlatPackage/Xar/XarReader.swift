import System

/// An archive that is read: header and table of contents are parsed, and every slice lies in the file.
struct XarReader: Sendable {
    /// A table of contents larger than this, compressed or inflated, is refused.
    static let maximumTableByteCount: Int64 = 64 << 20

    let file: File
    /// Size of the file.
    let byteCount: Int64
    let header: XarHeader
    let compressedTable: [UInt8]
    /// Where the heap begins in the file.
    let heapOffset: Int64
    let table: XarTableOfContents

    /// - Throws: `.notARegularFile`, `.malformed`, `.exceedsLimit`, `.storage`.
    init(_ file: File) throws(PackageError) {
        let status = try onDisk { () throws(SystemError) in try file.status() }
        guard status.kind == .regular else {
            throw .notARegularFile(path: file.path, kind: status.kind.rawValue)
        }
        self.file = file
        byteCount = status.byteCount
        let place = splitPath(file.path).name
        let start = try onDisk { () throws(SystemError) in try file.read(512, at: 0) }
        header = try XarHeader(decoding: start, place: place)
        let room = UInt64(max(0, byteCount - Int64(header.headerByteCount)))
        guard header.compressedByteCount <= room else {
            throw .malformed(.header, place: place, reason: "its table of contents reaches beyond the file's end")
        }
        for size in [header.compressedByteCount, header.inflatedByteCount]
        where size > UInt64(Self.maximumTableByteCount) {
            throw .exceedsLimit(
                place: place, what: "the size of its table of contents", limit: Self.maximumTableByteCount)
        }
        compressedTable = try FileStream(
            file, offset: Int64(header.headerByteCount), byteCount: Int64(header.compressedByteCount)
        ).readAll(limit: Int(Self.maximumTableByteCount), place: place)
        heapOffset = Int64(header.headerByteCount) + Int64(compressedTable.count)
        table = try XarTableOfContents(
            try Self.inflated(compressedTable, byteCount: Int64(header.inflatedByteCount), place: place),
            heapByteCount: byteCount - heapOffset, place: place)
    }

    private static func inflated(
        _ compressed: [UInt8], byteCount: Int64, place: String
    ) throws(PackageError) -> [UInt8] {
        let stream = try InflatingStream(
            BytesStream(compressed), .zlib, limit: byteCount, part: .tableOfContents, place: place)
        let table = try stream.readAll(limit: Int(byteCount), place: place)
        guard table.count == byteCount else {
            throw .malformed(.tableOfContents, place: place, reason: "it is not as long as the header says")
        }
        guard try stream.trailingBytes() == .none else {
            throw .malformed(.tableOfContents, place: place, reason: "something follows its compressed stream")
        }
        return table
    }

    /// The bytes of `slice` as a stream.
    func stream(_ slice: HeapSlice) -> FileStream {
        FileStream(file, offset: heapOffset + slice.offset, byteCount: slice.byteCount)
    }

    /// The decoded content of `member`, checked against the size that the archive states; at most `limit` bytes.
    func content(of member: PackageMember, limit: Int) throws(PackageError) -> [UInt8] {
        guard member.byteCount <= limit else {
            throw .exceedsLimit(place: member.path, what: "its size in bytes", limit: Int64(limit))
        }
        let stream = try MemberStream(self, member)
        let content = try stream.readAll(limit: limit, place: member.path)
        guard content.count == member.byteCount else {
            throw .malformed(.member, place: member.path, reason: "it is not as long as the archive says")
        }
        return content
    }
}
