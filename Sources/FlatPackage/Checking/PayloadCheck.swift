/// Compares a payload, entry by entry as it is read, with what the bill of materials lists.
struct PayloadCheck {
    private let list: PayloadList
    private let place: String
    private let collector: FindingCollector
    private let indices: [[UInt8]: Int]
    /// What was read for each listed path; nil until then.
    private var seen: [UInt16?]
    private var unlisted: Set<[UInt8]> = []
    private var inodes: Set<UInt64> = []
    private var tallies = Tallies()

    init(_ list: PayloadList, place: String, _ collector: FindingCollector) {
        self.list = list
        self.place = place
        self.collector = collector
        indices = Dictionary(zip(list.paths, list.paths.indices)) { first, _ in first }
        seen = Array(repeating: nil, count: list.paths.count)
    }

    mutating func add(_ member: CPIOReader.Member, _ cpio: CPIOReader) throws(PackageError) {
        let path = member.path
        let header = member.header
        guard Self.isPlain(path) else { return tallies.paths.add(path) }
        try checkPlace(path, header)
        checkLinks(path, header)
        let content = try Self.content(of: member, cpio)
        if content.isForeignProgram(mode: header.mode) { tallies.programs.add(path) }
        guard let index = indices[path] else { return }
        if list.entries[index].mode == 0, path.isEmpty { return }  // left out by pkgbuild --component
        compare(list.entries[index], header, content, path)
    }

    /// Reports what was gathered, and what is listed and was not there.
    ///
    /// - Parameter isWhole: false when the payload could not be read to its end: nothing is said to be missing then.
    mutating func report(isWhole: Bool) {
        for (index, path) in list.paths.enumerated()
        where isWhole && seen[index] == nil && !list.entries[index].isAppleDouble && list.entries[index].mode != 0 {
            tallies.unmatched.add(path, "only in the bill")
        }
        for tally in tallies.all { tally.report(to: collector, at: place) }
    }

    /// Not absolute, no `..`, nothing empty: where it says it goes is where it goes.
    private static func isPlain(_ path: [UInt8]) -> Bool {
        path.isEmpty
            || path.split(separator: 0x2F, omittingEmptySubsequences: false).allSatisfy {
                !$0.isEmpty && !$0.elementsEqual([0x2E]) && !$0.elementsEqual([0x2E, 0x2E])
            }
    }

    private mutating func checkPlace(_ path: [UInt8], _ header: CPIOHeader) throws(PackageError) {
        let type = UInt16(truncatingIfNeeded: header.mode & 0o170000)
        if header.kind == nil { tallies.types.add(path) }
        if let index = indices[path] {
            if seen[index] != nil { tallies.duplicates.add(path) }
            seen[index] = type
        } else {
            // Apple lists files of extended attributes in one place only.
            let isAppleDouble = (path.split(separator: 0x2F).last ?? []).starts(with: [0x2E, 0x5F])
            if !isAppleDouble { tallies.unmatched.add(path, "only in the payload") }
            if !unlisted.insert(path).inserted { tallies.duplicates.add(path) }
            guard unlisted.count <= 100_000 else {
                throw .exceedsLimit(
                    place: place, what: "the number of paths that the bill does not list", limit: 100_000)
            }
        }
        guard !path.isEmpty else { return }
        let folder = path.lastIndex(of: 0x2F).map { Array(path[..<$0]) } ?? []
        let isThere = indices[folder].map { seen[$0] == EntryKind.directory.rawValue } ?? false
        if !isThere { tallies.orphans.add(path) }
    }

    private mutating func checkLinks(_ path: [UInt8], _ header: CPIOHeader) {
        switch header.kind {
        case .directory: if header.linkCount < 2 { tallies.linkCounts.add(path) }
        case .file, .symbolicLink:
            if header.linkCount < 1 { tallies.linkCounts.add(path) }
            // Two names of one file are fine when both say so.
            guard header.linkCount <= 1 else { return }
            if !inodes.insert(header.device << 18 | header.inode).inserted { tallies.inodes.add(path) }
        case nil: break
        }
    }

    private mutating func compare(
        _ entry: BillOfMaterials.Entry, _ header: CPIOHeader, _ content: EntryContent, _ path: [UInt8]
    ) {
        if entry.isAppleDouble, entry.byteCount == 0, entry.checksum == 0 { return }
        if header.kind != entry.kind {
            tallies.billTypes.add(path)
        } else if header.mode != UInt64(entry.mode) {
            tallies.billModes.add(
                path, "\(String(header.mode & 0o7777, radix: 8)) and \(String(entry.mode & 0o7777, radix: 8))")
        }
        if header.owner != UInt64(entry.owner) { tallies.billOwners.add(path, "\(header.owner) and \(entry.owner)") }
        if header.group != UInt64(entry.group) { tallies.billGroups.add(path, "\(header.group) and \(entry.group)") }
        guard header.kind == entry.kind, header.kind == .file || header.kind == .symbolicLink else { return }
        // Of a file with several names the archive may hold the content once.
        if header.linkCount > 1, header.byteCount == 0 { return }
        if header.byteCount != entry.byteCount {
            tallies.billSizes.add(path, "\(header.byteCount) and \(entry.byteCount)")
        } else if content.checksum != entry.checksum {
            tallies.billChecksums.add(path)
        }
        if header.kind == .symbolicLink, content.prefix != entry.linkTarget { tallies.billLinks.add(path) }
    }

    private static func content(
        of member: CPIOReader.Member, _ cpio: CPIOReader
    ) throws(PackageError) -> EntryContent {
        let prefixLimit = member.header.kind == .symbolicLink ? 4096 : EntryContent.programPrefixByteCount
        var checksum = POSIXChecksum()
        var prefix: [UInt8] = []
        try cpio.forEachPiece { (piece) throws(PackageError) in
            checksum.update(piece)
            if prefix.count < prefixLimit { prefix.append(contentsOf: piece.prefix(prefixLimit - prefix.count)) }
        }
        return EntryContent(kind: member.header.kind, checksum: checksum.value, prefix: prefix)
    }

    /// One tally for each fault.
    private struct Tallies {
        var paths = PathTally(error: .payloadPath, "paths that are absolute, empty in a part, or hold . or ..")
        var duplicates = PathTally(error: .payloadDuplicate, "paths that the payload has twice")
        var orphans = PathTally(error: .payloadOrder, "paths whose folder does not stand before them")
        var types = PathTally(error: .payloadType, "neither file, folder nor link")
        var inodes = PathTally(
            error: .payloadInode, "different files with the same inode number, which a reader may join")
        var linkCounts = PathTally(warning: .payloadLinkCount, "a number of links that is too small")
        var unmatched = PathTally(error: .billPaths, "paths that only one of bill and payload has")
        var billTypes = PathTally(error: .billType, "another type in the payload than in the bill")
        var billModes = PathTally(error: .billMode, "another mode in the payload than in the bill")
        var billOwners = PathTally(error: .billOwner, "another owner in the payload than in the bill")
        var billGroups = PathTally(error: .billGroup, "another group in the payload than in the bill")
        var billSizes = PathTally(error: .billSize, "another size in the payload than in the bill")
        var billChecksums = PathTally(
            error: .billChecksum, "another content in the payload than the bill's checksum says")
        var billLinks = PathTally(error: .billLink, "another link target in the payload than in the bill")
        var programs = PathTally(warning: .notMachO, "for trial only: this executable is not a macOS program")

        var all: [PathTally] {
            [
                paths, duplicates, orphans, types, inodes, linkCounts, unmatched, billTypes, billModes, billOwners,
                billGroups, billSizes, billChecksums, billLinks, programs,
            ]
        }
    }
}

/// What the bytes of an entry turned out to be.
struct EntryContent {
    /// Enough for the magic numbers of programs.
    static let programPrefixByteCount = 8

    let kind: EntryKind?
    /// POSIX `cksum`.
    let checksum: UInt32
    /// Its first bytes; of a link all of them.
    let prefix: [UInt8]

    /// Whether it is a program that macOS cannot run: executable and neither Mach-O nor a script, or an ELF file.
    func isForeignProgram(mode: UInt64) -> Bool {
        guard kind == .file else { return false }
        if prefix.starts(with: [0x7F, 0x45, 0x4C, 0x46]) { return true }
        return mode & 0o111 != 0 && !prefix.starts(with: "#!".utf8) && !isMachO
    }

    /// Thin files begin with 0xFEEDFACE or 0xFEEDFACF in the byte order of their processor, universal ones with
    /// 0xCAFEBABE or 0xCAFEBABF and a small number of slices; Java's classes have a larger number there.
    private var isMachO: Bool {
        guard prefix.count >= 8 else { return false }
        let magic = prefix[0..<4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        let next = prefix[4..<8].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        switch magic {
        case 0xFEED_FACE, 0xFEED_FACF, 0xCEFA_EDFE, 0xCFFA_EDFE: return true
        case 0xCAFE_BABE, 0xCAFE_BABF: return (1...32).contains(next)
        default: return false
        }
    }
}
