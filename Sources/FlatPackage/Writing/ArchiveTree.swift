/// Entries in archive order: the root first, then every path in byte order, so that a folder precedes what it holds.
///
/// What cannot stand in a package is refused here, before a byte is written. Ids and order come from the paths alone,
/// so the entries may be given in any order.
struct ArchiveTree {
    /// Paths that an archive can number: its inode fields hold six octal digits, and the trailer takes one number.
    static let maximumEntryCount = 262_142
    /// Largest file: eleven octal digits.
    static let maximumFileByteCount: Int64 = 0o77777777777
    /// Largest owner, group and number of links: six octal digits.
    static let maximumIdentifier: UInt32 = 0o777777
    /// macOS's own limits (NAME_MAX, and PATH_MAX without the final NUL).
    static let maximumNameByteCount = 255
    static let maximumPathByteCount = 1023

    /// One entry with its place in the tree.
    struct Node {
        let entry: ArchiveEntry
        /// Index of its folder; nil for the root.
        let parent: Int?
        /// The path's last component; `.` for the root.
        let name: [UInt8]
        /// How many entries stand directly inside.
        var childCount = 0
    }

    private(set) var nodes: [Node] = []

    /// - Parameter prefixByteCount: length of the path under which the tree is installed, for the limit of paths.
    init(_ entries: [ArchiveEntry], prefixByteCount: Int) throws(PackageError) {
        guard entries.count <= Self.maximumEntryCount else {
            throw .tooManyEntries(count: entries.count, limit: Self.maximumEntryCount)
        }
        nodes.reserveCapacity(entries.count)
        var directories: [[UInt8]: Int] = [:]
        for entry in entries.sorted(by: { precedes($0.path, $1.path) }) {
            try Self.check(entry, prefixByteCount: prefixByteCount)
            if let previous = nodes.last, previous.entry.path == entry.path {
                throw .duplicateEntry(path: entry.path)
            }
            let (folder, name) = Self.split(entry.path)
            var parent: Int?
            if let folder {
                guard let index = directories[folder] else {
                    let isThere = entries.contains { $0.path == folder }
                    guard isThere else { throw .missingParent(path: entry.path) }
                    throw .badEntry(path: entry.path, reason: "what should be its folder is none")
                }
                nodes[index].childCount += 1
                parent = index
            } else if entry.kind != .directory {
                throw .badEntry(path: entry.path, reason: "the root must be a folder")
            }
            if entry.kind == .directory { directories[entry.path] = nodes.count }
            nodes.append(Node(entry: entry, parent: parent, name: name))
        }
    }

    /// Bytes of all files and link targets.
    var contentByteCount: Int64 { nodes.reduce(0) { $0 + $1.entry.byteCount } }

    /// The folder of `path` and its last component; no folder for the root.
    private static func split(_ path: [UInt8]) -> (folder: [UInt8]?, name: [UInt8]) {
        guard !path.isEmpty else { return (nil, [0x2E]) }
        guard let slash = path.lastIndex(of: 0x2F) else { return ([], path) }
        return (Array(path[..<slash]), Array(path[(slash + 1)...]))
    }

    private static func check(_ entry: ArchiveEntry, prefixByteCount: Int) throws(PackageError) {
        if let reason = reasonAgainst(path: entry.path) ?? reasonAgainst(entry, prefixByteCount) {
            throw .badEntry(path: entry.path, reason: reason)
        }
        if case .file(let source) = entry.content {
            guard source.byteCount >= 0 else { throw .badEntry(path: entry.path, reason: "its size is negative") }
            guard source.byteCount <= maximumFileByteCount else {
                throw .tooLarge(
                    what: entry.path.text, byteCount: source.byteCount, limit: maximumFileByteCount)
            }
        }
    }

    private static func reasonAgainst(path: [UInt8]) -> String? {
        if path.isEmpty { return nil }
        if path.contains(0) { return "its path holds a NUL byte" }
        if String(validating: path, as: UTF8.self) == nil { return "its path is not UTF-8, which macOS needs" }
        for name in path.split(separator: 0x2F, omittingEmptySubsequences: false) {
            if name.isEmpty { return "its path has an empty component; give it relative and without //" }
            if name.elementsEqual([0x2E]) || name.elementsEqual([0x2E, 0x2E]) {
                return "its path has a component . or .."
            }
            if name.count > maximumNameByteCount { return "it has a name longer than \(maximumNameByteCount) bytes" }
        }
        return nil
    }

    private static func reasonAgainst(_ entry: ArchiveEntry, _ prefixByteCount: Int) -> String? {
        if prefixByteCount + 1 + entry.path.count > maximumPathByteCount {
            return "its path is longer than \(maximumPathByteCount) bytes with the install location"
        }
        if entry.mode > 0o7777 { return "its mode is more than 7777" }
        if entry.owner > maximumIdentifier || entry.group > maximumIdentifier {
            return "its owner or group is more than \(maximumIdentifier)"
        }
        if case .symbolicLink(let target) = entry.content {
            if target.isEmpty || target.contains(0) || target.count > maximumPathByteCount {
                return "its link target is empty, holds a NUL byte, or is longer than \(maximumPathByteCount) bytes"
            }
        }
        return nil
    }
}
