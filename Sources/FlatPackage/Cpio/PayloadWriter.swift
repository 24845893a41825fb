import System

/// Writes a tree as a payload: a gzip member that holds a cpio archive.
///
/// Every source is read once: its bytes go to the archive and into the checksum that the bill of materials wants.
struct PayloadWriter {
    private let tree: ArchiveTree
    private let gzip: GzipWriter
    private let output: SpooledOutput
    private let modified: UInt64
    private let archiveByteCount: Int64

    /// - Parameter modified: seconds since 1970, for every member.
    init(
        _ tree: ArchiveTree, modified: UInt32, scratch: Directory,
        oneShotLimit: Int = PackageCompression.oneShotLimit
    ) throws(PackageError) {
        self.tree = tree
        self.modified = UInt64(modified)
        archiveByteCount = Self.archiveByteCount(of: tree)
        output = SpooledOutput(scratch: scratch)
        gzip = try GzipWriter(contentByteCount: archiveByteCount, to: output, oneShotLimit: oneShotLimit)
    }

    /// Writes everything. The writer is used up.
    ///
    /// - Parameter progress: gets the bytes of content done and their total, about once a mebibyte.
    /// - Returns: the member, and the checksum of each node of the tree, 0 for folders.
    func write(
        name: MemberName, progress: (Int64, Int64) throws(PackageError) -> Void
    ) throws(PackageError) -> (member: FinishedMember, checksums: [UInt32]) {
        var checksums: [UInt32] = []
        checksums.reserveCapacity(tree.nodes.count)
        var meter = ProgressMeter(total: tree.contentByteCount)
        for (index, node) in tree.nodes.enumerated() {
            try write(header(of: node, inode: index), name: node.entry.archiveName)
            var checksum = POSIXChecksum()
            try forEachPiece(of: node.entry) { (piece) throws(PackageError) in
                checksum.update(piece)
                try gzip.write(piece)
                try meter.advance(by: piece.count, progress)
            }
            checksums.append(node.entry.kind == .directory ? 0 : checksum.value)
        }
        try writeTrailer()
        try gzip.finish()
        try meter.finish(progress)
        return (FinishedMember(name: name, storing: output), checksums)
    }

    /// The archive's size before compression, padding included.
    private static func archiveByteCount(of tree: ArchiveTree) -> Int64 {
        let trailer = Int64(CPIOHeader.byteCount + CPIOHeader.trailerName.count + 1)
        let total = tree.nodes.reduce(trailer) { sum, node in
            sum + Int64(CPIOHeader.byteCount + node.entry.archiveName.count + 1) + node.entry.byteCount
        }
        let block = Int64(CPIOHeader.blockByteCount)
        return (total + block - 1) / block * block
    }

    private func header(of node: ArchiveTree.Node, inode: Int) -> CPIOHeader {
        CPIOHeader(
            inode: UInt64(inode), mode: UInt64(node.entry.kind.rawValue | node.entry.mode),
            owner: UInt64(node.entry.owner), group: UInt64(node.entry.group),
            linkCount: node.entry.kind == .directory ? 2 + UInt64(node.childCount) : 1, modified: modified,
            nameByteCount: UInt64(node.entry.archiveName.count + 1), byteCount: UInt64(node.entry.byteCount))
    }

    private func write(_ header: CPIOHeader, name: [UInt8]) throws(PackageError) {
        let bytes = header.encoded + name + [0]
        try bytes.withRawBytes { (bytes) throws(PackageError) in try gzip.write(bytes) }
    }

    private func writeTrailer() throws(PackageError) {
        let header = CPIOHeader(
            inode: UInt64(tree.nodes.count), mode: 0, linkCount: 1,
            nameByteCount: UInt64(CPIOHeader.trailerName.count + 1))
        try write(header, name: CPIOHeader.trailerName)
        let padding = [UInt8](repeating: 0, count: Int(archiveByteCount - gzip.contentByteCount))
        try padding.withRawBytes { (bytes) throws(PackageError) in try gzip.write(bytes) }
    }

    private func forEachPiece(
        of entry: ArchiveEntry, _ body: (UnsafeRawBufferPointer) throws(PackageError) -> Void
    ) throws(PackageError) {
        switch entry.content {
        case .directory: break
        case .symbolicLink(let target): try target.withRawBytes(body)
        case .file(let source): try source.readExactly(path: entry.path.text, body)
        }
    }
}

/// Calls a progress function about once a mebibyte, so that many small pieces cost nothing.
struct ProgressMeter {
    private let total: Int64
    private var done: Int64 = 0
    private var reported: Int64 = 0

    init(total: Int64) { self.total = total }

    mutating func advance(
        by count: Int, _ progress: (Int64, Int64) throws(PackageError) -> Void
    ) throws(PackageError) {
        done += Int64(count)
        guard done - reported >= 1 << 20 else { return }
        reported = done
        try progress(done, total)
    }

    /// Reports the end, whatever was reported before.
    func finish(_ progress: (Int64, Int64) throws(PackageError) -> Void) throws(PackageError) {
        try progress(total, total)
    }
}
