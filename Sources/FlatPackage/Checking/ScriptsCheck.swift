import System

/// Checks a component's scripts as their archive is read: what is listed is there, can be run, and says by what.
struct ScriptsCheck {
    /// Names that Installer runs when they are listed.
    private static let knownNames = ["preinstall", "postinstall"]

    private struct Found {
        let mode: UInt64
        let kind: EntryKind?
        let beginsWithInterpreter: Bool
    }

    private let info: PackageInfo
    private let place: String
    private let collector: FindingCollector
    private var found: [[UInt8]: Found] = [:]
    private var odd = PathTally(error: .payloadPath, "paths that are absolute, hold .., or occur twice")

    init(_ info: PackageInfo, place: String, _ collector: FindingCollector) {
        self.info = info
        self.place = place
        self.collector = collector
    }

    mutating func add(_ member: CPIOReader.Member, _ cpio: CPIOReader) throws(PackageError) {
        var prefix: [UInt8] = []
        try cpio.forEachPiece { (piece) throws(PackageError) in
            if prefix.count < 2 { prefix.append(contentsOf: piece.prefix(2 - prefix.count)) }
        }
        let path = member.path
        let isOdd = path.first == 0x2F || path.split(separator: 0x2F).contains { $0.elementsEqual([0x2E, 0x2E]) }
        guard found.count < ArchiveTree.maximumEntryCount else {
            throw .exceedsLimit(
                place: place, what: "the number of its files", limit: Int64(ArchiveTree.maximumEntryCount))
        }
        let entry = Found(
            mode: member.header.mode, kind: member.header.kind, beginsWithInterpreter: prefix.elementsEqual("#!".utf8))
        if found.updateValue(entry, forKey: path) != nil || isOdd { odd.add(path) }
    }

    func report() {
        odd.report(to: collector, at: place)
        for script in info.scripts { check(script) }
        for name in Self.knownNames where found[Array(name.utf8)] != nil {
            let isListed = info.scripts.contains { Self.path(of: $0) == Array(name.utf8) }
            if !isListed {
                collector.warning(.scriptNotListed, at: place, "\(name) is there and is not listed: it will not run")
            }
        }
    }

    private func check(_ script: PackageInfo.Script) {
        let name = Printable.text(script.file)
        guard let entry = found[Self.path(of: script)], entry.kind == .file else {
            collector.error(
                .scriptMissing, at: place, "\(name) is listed as \(Printable.text(script.phase)) and not there")
            return
        }
        if entry.mode & 0o100 == 0 {
            collector.error(.scriptNotExecutable, at: place, "\(name) cannot be run by its owner")
        }
        if !entry.beginsWithInterpreter {
            collector.error(.scriptInterpreter, at: place, "\(name) does not begin with #! and an interpreter")
        }
    }

    private static func path(of script: PackageInfo.Script) -> [UInt8] {
        let bytes = Array(script.file.utf8)
        return bytes.starts(with: [0x2E, 0x2F]) ? Array(bytes.dropFirst(2)) : bytes
    }
}
