extension BillOfMaterials {
    /// Blocks that stand before those of the paths.
    private enum Block {
        static let pathsTop: UInt32 = 3
        static let hardLinksTop: UInt32 = 5
        static let viewTree: UInt32 = 7
        static let viewTop: UInt32 = 8
        static let largeFilesTop: UInt32 = 10
        static let firstPath: UInt32 = 11
    }

    /// The file's bytes.
    ///
    /// Blocks are numbered as Apple numbers them: 1 `BomInfo`, 2 the tree of paths and 3 its top node, 4/5 `HLIndex`
    /// (hard links, none), 6 to 8 `VIndex` (empty), 9/10 `Size64` (files of 4 GiB and more), then for each path its
    /// properties, its name and the record that joins the two, then the nodes that are not a top node.
    ///
    /// - Precondition: entries come after their parents.
    func encoded() -> [UInt8] {
        var store = BOMStoreWriter()
        let large = entries.indices.filter { entries[$0].byteCount > UInt64(UInt32.max) }
        let firstSize = Block.firstPath + UInt32(entries.count * 3)
        let firstNode = firstSize + UInt32(large.count)
        let paths = BOMTree.nodes(treeOrder.map(pathPair), firstBlock: firstNode)
        let sizes = BOMTree.nodes(
            large.enumerated().map { order, index in
                BOMTree.Pair(value: firstSize + UInt32(order), key: propertiesBlock(index))
            }, firstBlock: firstNode + UInt32(paths.others.count))

        store.add(informationBlock)
        store.add(BOMTree.header(top: Block.pathsTop, count: entries.count))
        store.add(paths.top, paddedTo: BOMTree.nodeByteCount)
        store.add(BOMTree.header(top: Block.hardLinksTop, count: 0))
        store.add(BOMTree.nodes([], firstBlock: 0).top, paddedTo: BOMTree.nodeByteCount)
        store.add(viewBlock)
        store.add(BOMTree.header(top: Block.viewTop, nodeByteCount: 128, count: 0))
        store.add(BOMTree.nodes([], firstBlock: 0).top, paddedTo: 128)
        store.add(BOMTree.header(top: Block.largeFilesTop, count: large.count))
        store.add(sizes.top, paddedTo: BOMTree.nodeByteCount)
        for (index, entry) in entries.enumerated() { addPath(entry, index, to: &store) }
        for index in large { store.add(bytes(entries[index].byteCount)) }
        for node in paths.others + sizes.others { store.add(node, paddedTo: BOMTree.nodeByteCount) }
        return store.finish(variables: [("BomInfo", 1), ("Paths", 2), ("HLIndex", 4), ("VIndex", 6), ("Size64", 9)])
    }

    // A path's id is its place among the entries, from 1; its three blocks stand together.
    private func pathID(_ index: Int) -> UInt32 { UInt32(index + 1) }
    private func propertiesBlock(_ index: Int) -> UInt32 { Block.firstPath + UInt32(index * 3) }
    private func pathPair(_ index: Int) -> BOMTree.Pair {
        BOMTree.Pair(value: propertiesBlock(index) + 2, key: propertiesBlock(index) + 1)
    }

    /// Indices in the order of the tree: by the parent's id, then by name.
    private var treeOrder: [Int] {
        entries.indices.sorted { left, right in
            let first = entries[left].parent ?? -1
            let second = entries[right].parent ?? -1
            return first != second ? first < second : precedes(entries[left].name, entries[right].name)
        }
    }

    /// Version 1, one more than the number of paths, and one entry: CPU type 0 with the bytes of all files.
    ///
    /// Apple's tools list Mach-O files by CPU type besides; bomutils does not, and Installer takes both.
    private var informationBlock: [UInt8] {
        let total = entries.reduce(UInt64(0)) { $0 &+ ($1.kind == .file ? $1.byteCount : 0) }
        var bytes: [UInt8] = []
        for value in [1, UInt32(entries.count + 1), 1, 0, 0, UInt32(clamping: total), 0] {
            bytes.append(bigEndian: value)
        }
        return bytes
    }

    private var viewBlock: [UInt8] { bytes(1 as UInt32) + bytes(Block.viewTree) + bytes(0 as UInt32) + [0] }

    private func addPath(_ entry: Entry, _ index: Int, to store: inout BOMStoreWriter) {
        let properties = store.add(Self.properties(of: entry))
        store.add(bytes(entry.parent.map(pathID) ?? 0) + entry.name + [0])
        store.add(bytes(pathID(index)) + bytes(properties))
    }

    /// The record of a path's properties, 31 bytes and more.
    ///
    /// | offset | bytes | field                                             |
    /// |-------:|------:|---------------------------------------------------|
    /// |      0 |     1 | 1 file, 2 folder, 3 link                          |
    /// |      1 |     1 | 1                                                 |
    /// |      2 |     2 | 0x000F                                            |
    /// |      4 |     2 | mode with the type bits                           |
    /// |      6 |     8 | owner, group                                      |
    /// |     14 |     4 | last change, seconds since 1970                   |
    /// |     18 |     4 | size, modulo 2^32                                 |
    /// |     22 |     1 | 1                                                 |
    /// |     23 |     4 | checksum                                          |
    /// |     27 |     4 | length n of the link's target with its NUL, or 0  |
    /// |     31 |     n | target, NUL                                       |
    /// |   31+n |     4 | 0, in files only                                  |
    static func properties(of entry: Entry) -> [UInt8] {
        let type: UInt8 =
            switch entry.kind {
            case .file: 1
            case .directory: 2
            case .symbolicLink: 3
            case nil: 4
            }
        var bytes: [UInt8] = [type, 1, 0x00, 0x0F]
        bytes.reserveCapacity(36 + entry.linkTarget.count)
        bytes.append(bigEndian: entry.mode)
        bytes.append(bigEndian: entry.owner)
        bytes.append(bigEndian: entry.group)
        bytes.append(bigEndian: entry.modified)
        bytes.append(bigEndian: UInt32(truncatingIfNeeded: entry.byteCount))
        bytes.append(1)
        bytes.append(bigEndian: entry.checksum)
        let target = entry.linkTarget.isEmpty ? [] : entry.linkTarget + [0]
        bytes.append(bigEndian: UInt32(target.count))
        bytes += target
        if entry.kind == .file { bytes.append(bigEndian: UInt32(0)) }
        return bytes
    }

    private func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: value)
        return bytes
    }
}
