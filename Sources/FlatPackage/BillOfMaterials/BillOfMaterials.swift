/// The list of everything that a component installs: path, type, mode, owner, size and checksum of each.
///
/// Installer keeps it as the receipt. Its file is a store of numbered blocks (`BOMStore`) with a tree over the paths;
/// see `BillOfMaterials+Encoding` and `+Decoding`.
struct BillOfMaterials: Equatable, Sendable {
    /// One path.
    struct Entry: Equatable, Sendable {
        /// Index of its folder among the entries; nil for the root.
        var parent: Int?
        /// The last component of its path; `.` for the root.
        var name: [UInt8]
        /// Nil for what is neither file, folder nor link.
        var kind: EntryKind?
        /// With the type bits.
        var mode: UInt16
        var owner: UInt32
        var group: UInt32
        /// Seconds since 1970.
        var modified: UInt32
        /// Size of a file's content or a link's target; for folders what a file system said, 0 from us.
        var byteCount: UInt64
        /// POSIX `cksum` of the content or the target; 0 for folders.
        var checksum: UInt32
        /// Where a link leads; empty for anything else.
        var linkTarget: [UInt8] = []
    }

    /// Ours: parents before children. Foreign ones: in the order of the tree, by parent's id and name.
    var entries: [Entry]

    /// What `PackageInfo` calls `installKBytes`: 512-byte blocks of every entry, halved and rounded down.
    ///
    /// Found so in every package of Apple's tools that was looked at, from macOS 10.9 to 26.
    var installKBytes: Int64 {
        let blocks = entries.reduce(UInt64(0)) { sum, entry in
            let blocks = entry.byteCount / 512 + (entry.byteCount % 512 == 0 ? 0 : 1)
            return sum.addingReportingOverflow(blocks).overflow ? .max : sum + blocks
        }
        return Int64(blocks / 2)
    }
}

extension BillOfMaterials {
    /// The bill of what `tree` holds.
    ///
    /// - Parameters:
    ///   - checksums: one for each node, as `PayloadWriter` computed them.
    ///   - modified: seconds since 1970, for every entry.
    init(_ tree: ArchiveTree, checksums: [UInt32], modified: UInt32) {
        entries = zip(tree.nodes, checksums).map { node, checksum in
            var target: [UInt8] = []
            if case .symbolicLink(let bytes) = node.entry.content { target = bytes }
            return Entry(
                parent: node.parent, name: node.name, kind: node.entry.kind,
                mode: node.entry.kind.rawValue | node.entry.mode, owner: node.entry.owner, group: node.entry.group,
                modified: modified, byteCount: UInt64(node.entry.byteCount), checksum: checksum, linkTarget: target)
        }
    }
}
