extension BillOfMaterials {
    private static let maximumEntryCount = 1_000_000

    /// Reads a bill of materials, ours or Apple's.
    ///
    /// - Throws: `.malformed` for blocks or lists that do not fit, entries out of order, ids or paths that occur twice,
    ///   and folders that are missing.
    init(decoding bytes: [UInt8], place: String) throws(PackageError) {
        let store = try BOMStore(bytes, place: place)
        guard let tree = try store.variable("Paths") else { throw store.malformed("it has no variable Paths") }
        let pairs = try store.pairs(ofTree: tree, "Paths")
        guard pairs.count <= Self.maximumEntryCount else {
            throw .exceedsLimit(place: place, what: "the number of its paths", limit: Int64(Self.maximumEntryCount))
        }
        let sizes = try Self.largeSizes(store)
        var records: [Record] = []
        records.reserveCapacity(pairs.count)
        for pair in pairs { records.append(try Record(pair, store, sizes)) }
        entries = try Self.resolved(records, store)
    }

    /// An entry whose parent is still an id.
    private struct Record {
        let id: UInt32
        let parentID: UInt32
        var entry: Entry

        init(_ pair: BOMTree.Pair, _ store: BOMStore, _ sizes: [UInt32: UInt64]) throws(PackageError) {
            let ids = try store.block(pair.value)
            let name = try store.block(pair.key)
            id = try ids.u32(0)
            parentID = try name.u32(0)
            let propertiesBlock = try ids.u32(4)
            let text = try name.part(4, name.count - 4, "a path's name").array
            guard let end = text.firstIndex(of: 0), end > 0, !text[..<end].contains(0x2F),
                !text[..<end].elementsEqual([0x2E, 0x2E])
            else { throw store.malformed("a path's name is empty, has no end, or holds a slash or ..") }
            entry = try Entry(
                try store.block(propertiesBlock), name: Array(text[..<end]), fullSize: sizes[propertiesBlock])
        }
    }

    /// Sizes of 4 GiB and more, by the block of the path's properties.
    private static func largeSizes(_ store: BOMStore) throws(PackageError) -> [UInt32: UInt64] {
        guard let tree = try store.variable("Size64") else { return [:] }
        var sizes: [UInt32: UInt64] = [:]
        for pair in try store.pairs(ofTree: tree, "Size64") { sizes[pair.key] = try store.block(pair.value).u64(0) }
        return sizes
    }

    private static func resolved(_ records: [Record], _ store: BOMStore) throws(PackageError) -> [Entry] {
        var indices: [UInt32: Int] = [:]
        for (index, record) in records.enumerated() {
            guard record.id != 0, indices.updateValue(index, forKey: record.id) == nil else {
                throw store.malformed("the path id \(record.id) is not used once")
            }
            guard index > 0 else { continue }
            let previous = records[index - 1]
            let isInOrder =
                previous.parentID != record.parentID
                ? previous.parentID < record.parentID : precedes(previous.entry.name, record.entry.name)
            guard isInOrder else { throw store.malformed("its paths are not in the order of parent and name") }
        }
        var entries = records.map(\.entry)
        for (index, record) in records.enumerated() {
            if record.parentID == 0 {
                guard index == 0, record.entry.name == [0x2E], record.entry.kind == .directory else {
                    throw store.malformed("its root is not one folder called .")
                }
                continue
            }
            guard let parent = indices[record.parentID], entries[parent].kind == .directory else {
                throw store.malformed("the parent of path id \(record.id) is not one of its folders")
            }
            entries[index].parent = parent
        }
        guard entries.first.map({ $0.parent == nil }) ?? true else { throw store.malformed("it has no root") }
        return entries
    }
}

extension BillOfMaterials.Entry {
    /// Reads the record of a path's properties; `fullSize` is its size where 32 bits do not hold it.
    fileprivate init(_ record: BinaryView, name: [UInt8], fullSize: UInt64?) throws(PackageError) {
        let kind: EntryKind? =
            switch try record.u8(0) {
            case 1: .file
            case 2: .directory
            case 3: .symbolicLink
            default: nil
            }
        let architecture = try record.u16(2)
        let size = UInt64(try record.u32(18))
        self.init(
            parent: nil, name: name, kind: kind, mode: try record.u16(4), owner: try record.u32(6),
            group: try record.u32(10), modified: try record.u32(14),
            byteCount: fullSize ?? size, checksum: 0)
        // Records of old tools end after the size or after the checksum.
        guard record.count >= 27 else { return }
        checksum = try record.u32(23)
        var offset = 27
        if architecture & 0xF000 != 0, record.count >= 32, try record.u8(27) == 1 {
            // A Mach-O file: a list of its slices, 16 bytes each, stands before the link.
            let (length, overflow) = Int(try record.u32(28)).multipliedReportingOverflow(by: 16)
            guard !overflow else { throw record.malformed("a list of Mach-O slices is too long") }
            offset = 32 + length
        }
        guard record.count >= offset + 4 else { return }
        let length = Int(try record.u32(offset))
        guard length > 0 else { return }
        linkTarget = Array(try record.part(offset + 4, length, "a link's target").array.prefix { $0 != 0 })
    }
}

extension BillOfMaterials {
    /// The full path of every entry, in their order, without `./`; empty for the root.
    ///
    /// - Throws: `.malformed` when folders hold each other in a circle, `.exceedsLimit` for paths that no macOS has.
    func paths(place: String) throws(PackageError) -> [[UInt8]] {
        let longest = 4096
        var totalLeft = 512 << 20
        var paths = [[UInt8]?](repeating: nil, count: entries.count)
        for start in entries.indices where paths[start] == nil {
            var chain: [Int] = []
            var next: Int? = start
            while let index = next, paths[index] == nil {
                guard chain.count < longest else {
                    throw .malformed(.billOfMaterials, place: place, reason: "its folders go in circles or too deep")
                }
                chain.append(index)
                next = entries[index].parent
            }
            for index in chain.reversed() {
                let entry = entries[index]
                let folder = entry.parent.flatMap { paths[$0] } ?? []
                let path = entry.parent == nil ? [] : (folder.isEmpty ? entry.name : folder + [0x2F] + entry.name)
                totalLeft -= path.count
                guard path.count <= longest, totalLeft >= 0 else {
                    throw .exceedsLimit(place: place, what: "the length of its paths", limit: Int64(longest))
                }
                paths[index] = path
            }
        }
        return paths.map { $0 ?? [] }
    }
}
