import Crypto
import System

/// Checks the archive as such: layout, checksum of the table of contents, checksums of members.
struct ArchiveCheck {
    let archive: XarReader
    let collector: FindingCollector

    /// How much is read for checksums at most, beyond four times the file: members may share bytes, and small ones may
    /// inflate to much.
    private static let allowance: Int64 = 1 << 30

    /// - Parameter leavingOut: members whose content is examined later, and their checksums with it.
    /// - Returns: false when members claim far more than the file can hold, or share bytes: then reading payloads could
    ///   take very long, and there is an error anyway.
    func run(
        leavingOut later: Set<String>, _ meter: inout ProgressMeter,
        _ progress: (Int64, Int64) throws(PackageError) -> Void
    ) throws(PackageError) -> Bool {
        let isDisjoint = try checkLayout()
        try checkTableChecksum()
        guard isBounded else {
            collector.error(
                .exceedsLimit, at: "table of contents",
                "the members claim far more bytes than the file can hold; they are not read")
            return false
        }
        for member in archive.table.members where !later.contains(member.path) {
            switch member.kind {
            case .file: try check(member)
            case .directory: break
            case .other(let type):
                collector.warning(
                    .memberType, at: member.path, "its type \(Printable.text(type)) is none that packages use")
            }
            try meter.advance(by: Int(clamping: member.archivedByteCount), progress)
        }
        return isDisjoint
    }

    /// - Returns: whether no two members share bytes.
    private func checkLayout() throws(PackageError) -> Bool {
        let layout = try HeapLayout(archive)
        for name in layout.overlapping {
            collector.error(.heapOverlap, at: name, "it shares bytes of the heap with another member")
        }
        if layout.gapByteCount > 0 {
            collector.error(.heapGap, at: "heap", "\(layout.gapByteCount) bytes between the members belong to nothing")
        }
        if case .stray(let byteCount) = layout.tail {
            collector.error(.strayBytes, at: "heap", "\(byteCount) bytes after the last member belong to nothing")
        }
        if !archive.table.signatures.isEmpty {
            collector.warning(
                .signatureNotVerified, at: "table of contents", "the package is signed; its signature is not verified")
        }
        return layout.overlapping.isEmpty
    }

    private func checkTableChecksum() throws(PackageError) {
        let place = "table of contents"
        guard let slot = archive.table.checksum, let style = archive.header.checksumStyle else {
            collector.error(.tableChecksum, at: place, "it has no checksum")
            return
        }
        if style != slot.style {
            collector.error(
                .tableChecksumStyle, at: place,
                "the header says \(Printable.text(style)) and the table says \(Printable.text(slot.style))")
        }
        guard let algorithm = HashAlgorithm(xarStyle: slot.style) else {
            collector.error(
                .tableChecksumStyle, at: place, "its checksum \(Printable.text(slot.style)) is none that macOS writes")
            return
        }
        guard slot.slice.byteCount == algorithm.byteCount else {
            collector.error(.tableChecksum, at: place, "its checksum has \(slot.slice.byteCount) bytes")
            return
        }
        let stored = try archive.stream(slot.slice).readAll(limit: Int(slot.slice.byteCount), place: place)
        guard stored == Hash.digest(of: archive.compressedTable, algorithm) else {
            collector.error(.tableChecksum, at: place, "it does not have the checksum that the heap holds for it")
            return
        }
    }

    private var isBounded: Bool {
        var left = archive.byteCount.multipliedReportingOverflow(by: 4).partialValue &+ Self.allowance
        for member in archive.table.members {
            let inflated = member.encoding == .stored ? 0 : member.byteCount
            for count in [member.archivedByteCount, inflated] {
                guard count <= left else { return false }
                left -= count
            }
        }
        return true
    }

    private func check(_ member: PackageMember) throws(PackageError) {
        if case .other(let name) = member.encoding {
            collector.error(
                .unsupported, at: member.path, "its encoding \(Printable.text(name)) is none that macOS reads")
            return
        }
        try collector.attempt { () throws(PackageError) in
            let stream = try MemberStream(archive, member)
            let isDecoded =
                try collector.attempt { () throws(PackageError) -> Bool in
                    try stream.forEachPiece { (_) throws(PackageError) in }
                    return true
                } ?? false
            report(try stream.finish(readingContent: isDecoded), of: member)
        }
    }

    /// Turns what a member's bytes turned out to be into findings.
    func report(_ result: MemberStream.Result, of member: PackageMember) {
        report(result.archived, .archivedChecksum, "stored bytes", of: member)
        if let byteCount = result.contentByteCount {
            report(result.content, .extractedChecksum, "content", of: member)
            if byteCount != member.byteCount {
                collector.error(
                    .memberSize, at: member.path, "it has \(byteCount) bytes and states \(member.byteCount)")
            }
        }
        if result.trailing != .none {
            collector.error(.memberSize, at: member.path, "something follows its compressed bytes")
        }
    }

    private func report(
        _ verdict: MemberStream.Verdict, _ code: FindingCode, _ what: String, of member: PackageMember
    ) {
        switch verdict {
        case .matches: break
        case .differs:
            collector.error(code, at: member.path, "its \(what) do not have the checksum that the archive states")
        case .notStated:
            // A file without content has nothing to state.
            guard member.archivedByteCount > 0 else { return }
            collector.warning(.missingChecksum, at: member.path, "the archive states no checksum of its \(what)")
        case .unknown(let style):
            collector.error(
                code, at: member.path, "the checksum \(Printable.text(style)) of its \(what) is not known here")
        }
    }
}
