import System

/// Checks one component: its document, its bill of materials against its payload, what it installs, its scripts.
struct ComponentCheck {
    let reader: PackageReader
    let component: PackageComponent
    let collector: FindingCollector

    func run(
        _ installed: inout InstalledPaths, _ meter: inout ProgressMeter,
        _ progress: (Int64, Int64) throws(PackageError) -> Void
    ) throws(PackageError) {
        checkInfo()
        let list = try collector.attempt { () throws(PackageError) in try reader.payloadList(of: component) } ?? nil
        if let list {
            checkCounts(list)
            InstallationCheck(component, list, collector).run()
            try collector.attempt { () throws(PackageError) in try installed.add(list, of: component) }
        }
        try checkPayload(list, &meter, progress)
        try checkScripts(&meter, progress)
    }

    private var infoPlace: String { place(MemberName.packageInfo.rawValue) }

    private func place(_ name: String) -> String { component.name.isEmpty ? name : component.name + "/" + name }

    // MARK: PackageInfo

    private func checkInfo() {
        let info = component.info
        if info.formatVersion.map({ Array($0.utf8).equals("2") }) != true {
            collector.error(.formatVersion, at: infoPlace, "its format-version is not 2")
        }
        if info.authorization == nil {
            collector.error(.authorization, at: infoPlace, "it does not say with which rights it installs (auth)")
        } else if info.authorization.map({ Array($0.utf8).equals("root") }) != true {
            collector.warning(.authorization, at: infoPlace, "it does not install as root (auth)")
        }
        if info.installLocation.utf8.first != 0x2F {
            collector.error(.installLocation, at: infoPlace, "its install-location is not an absolute path")
        }
        if info.version.utf8.contains(where: { !(0x30...0x39).contains($0) && $0 != 0x2E }) {
            collector.warning(
                .version, at: infoPlace,
                "its version \(Printable.text(info.version)) is not dotted digits, by which upgrades are told")
        }
        if info.isRelocatable {
            collector.warning(
                .relocatable, at: infoPlace, "Installer may put it over an older copy that lies somewhere else")
        }
    }

    private func checkCounts(_ list: PayloadList) {
        // pkgbuild --component lists the root with mode 0 and does not count it.
        let rootIsLeftOut = list.entries.first.map { $0.mode == 0 } ?? false
        let expected = Int64(list.entries.count - (rootIsLeftOut ? 1 : 0))
        if component.info.numberOfFiles != expected {
            collector.error(
                .numberOfFiles, at: infoPlace,
                "numberOfFiles is \(Self.shown(component.info.numberOfFiles)) and the bill lists \(expected)")
        }
        let stated = component.info.installKBytes
        guard stated != list.installKBytes else { return }
        // Other tools than Apple's sum up in other ways, all of them between these two.
        let sizes = list.entries.map { Double($0.byteCount) }
        let lowest = sizes.reduce(0, +) / 1024
        let highest = sizes.reduce(0) { $0 + ($1 / 4096).rounded(.up) * 4 + 1 }
        let isPlausible = stated.map { Double($0) + 1 > lowest && Double($0) <= max(highest, 1) } ?? false
        let message =
            "installKBytes is \(Self.shown(stated)) and the sizes in the bill make \(list.installKBytes)"
        if isPlausible {
            collector.warning(.installKBytes, at: infoPlace, message)
        } else {
            collector.error(.installKBytes, at: infoPlace, message)
        }
    }

    private static func shown(_ number: Int64?) -> String { number.map { String($0) } ?? "missing" }

    // MARK: Payload and scripts

    private func checkPayload(
        _ list: PayloadList?, _ meter: inout ProgressMeter,
        _ progress: (Int64, Int64) throws(PackageError) -> Void
    ) throws(PackageError) {
        guard let member = component.payload else {
            if component.billOfMaterials != nil {
                collector.error(.payloadMissing, at: place("Payload"), "there is a bill of materials and no payload")
            }
            return
        }
        if component.billOfMaterials == nil {
            collector.error(.billMissing, at: place("Bom"), "there is a payload and no bill of materials")
        }
        var check = list.map { PayloadCheck($0, place: member.path, collector) }
        let isWhole = try examine(member, limit: list?.inflationLimit, &meter, progress) {
            (entry, cpio) throws(PackageError) in try check?.add(entry, cpio)
        }
        check?.report(isWhole: isWhole)
    }

    private func checkScripts(
        _ meter: inout ProgressMeter, _ progress: (Int64, Int64) throws(PackageError) -> Void
    ) throws(PackageError) {
        guard let member = component.scripts else {
            if !component.info.scripts.isEmpty {
                collector.error(.scriptsMissing, at: place("Scripts"), "scripts are listed and there are none")
            }
            return
        }
        var check = ScriptsCheck(component.info, place: member.path, collector)
        let isWhole = try examine(member, limit: ComponentPackage.maximumScriptsByteCount, &meter, progress) {
            (entry, cpio) throws(PackageError) in try check.add(entry, cpio)
        }
        if isWhole { check.report() }
    }

    /// Reads the archive inside `member` and compares the member's checksums, in one pass.
    ///
    /// - Parameter limit: how far it may inflate; nil: it is not inflated at all, only compared with its checksums.
    /// - Returns: whether the archive inside was read to its end.
    private func examine(
        _ member: PackageMember, limit: Int64?, _ meter: inout ProgressMeter,
        _ progress: (Int64, Int64) throws(PackageError) -> Void,
        _ body: (CPIOReader.Member, CPIOReader) throws(PackageError) -> Void
    ) throws(PackageError) -> Bool {
        guard
            let stream = try collector.attempt({ () throws(PackageError) in
                try MemberStream(reader.archive, member)
            })
        else { return false }
        var done: Int64 = 0
        let isWhole =
            try collector.attempt { () throws(PackageError) -> Bool in
                guard let (cpio, gzip) = try open(stream, member, limit) else { return false }
                while let entry = try cpio.next() {
                    try body(entry, cpio)
                    try meter.advance(by: Int(stream.archivedByteCount - done), progress)
                    done = stream.archivedByteCount
                }
                if let gzip, try gzip.trailingBytes() != .none {
                    collector.error(.payloadTrailingBytes, at: member.path, "something follows the compressed archive")
                }
                return true
            } ?? false
        try collector.attempt { () throws(PackageError) in
            let result = try stream.finish(readingContent: isWhole || member.encoding == .stored)
            ArchiveCheck(archive: reader.archive, collector: collector).report(result, of: member)
        }
        try meter.advance(by: Int(stream.archivedByteCount - done), progress)
        return isWhole
    }

    /// The archive inside a member, and the stream that inflates it; nil for what is not examined.
    private func open(
        _ stream: MemberStream, _ member: PackageMember, _ limit: Int64?
    ) throws(PackageError) -> (CPIOReader, InflatingStream?)? {
        guard let limit else { return nil }
        let (content, form) = try PrefixedStream.opening(stream)
        switch form {
        case .gzip:
            let gzip = try InflatingStream(content, .gzip, limit: limit, part: .gzip, place: member.path)
            return (CPIOReader(gzip, place: member.path), gzip)
        case .cpio:
            collector.warning(.payloadNotCompressed, at: member.path, "it is not compressed")
            return (CPIOReader(content, place: member.path), nil)
        case .other(let name):
            collector.warning(
                .payloadNotExamined, at: member.path,
                "its compression, \(name), is not read by this program: what it holds was not compared")
            return nil
        }
    }
}
