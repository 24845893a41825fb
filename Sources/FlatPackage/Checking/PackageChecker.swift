public import System

/// Checks a flat package from its first byte to its last, as far as that can be done without a Mac.
///
/// Every byte is covered: the header by its values, the table of contents and the members by their checksums, and what
/// lies between or after them by the layout. Beyond that the documents must agree with one another, the bill of
/// materials with the payload, and what would be installed must be what belongs on a Mac.
///
/// It shares its readers with `PackageReader` and none of its code with the writers, and no input makes it trap, use
/// memory without bound or run for long.
public enum PackageChecker {
    /// Checks the package in `file`.
    ///
    /// - Parameter progress: gets bytes of the archive examined and their total, about once a mebibyte.
    /// - Returns: what was found; bytes that are no package at all are a finding, too.
    /// - Throws: `.notARegularFile` for pipes and devices, `.storage` and `.source` when the disk refuses or the file
    ///   changes meanwhile, and whatever `progress` throws.
    public static func check(
        _ file: File, progress: (_ done: Int64, _ total: Int64) throws(PackageError) -> Void = { _, _ in }
    ) throws(PackageError) -> PackageReport {
        let collector = FindingCollector()
        guard let archive = try collector.attempt({ () throws(PackageError) in try XarReader(file) }) else {
            let byteCount = try onDisk { () throws(SystemError) in try file.status().byteCount }
            return PackageReport(unreadableOf: byteCount, collector.findings)
        }
        var meter = ProgressMeter(total: archive.byteCount)
        let reader = try collector.attempt { () throws(PackageError) in try PackageReader(archive) }
        let payloads = reader?.components.flatMap { [$0.payload, $0.scripts].compactMap(\.self) } ?? []
        let isBounded = try ArchiveCheck(archive: archive, collector: collector)
            .run(leavingOut: Set(payloads.map(\.path)), &meter, progress)
        guard let reader else {
            return PackageReport(archive, collector.findings)
        }
        if isBounded {
            var installed = InstalledPaths()
            for component in reader.components {
                try ComponentCheck(reader: reader, component: component, collector: collector)
                    .run(&installed, &meter, progress)
            }
            installed.report(to: collector)
        }
        if let distribution = reader.distribution {
            DistributionCheck(distribution, reader, collector).run()
        }
        try meter.finish(progress)
        return PackageReport(reader, collector.findings)
    }
}

extension PackageReport {
    fileprivate init(unreadableOf byteCount: Int64, _ findings: [PackageFinding]) {
        self.init(
            kind: nil, byteCount: byteCount, isSigned: false, isStapled: false, distribution: nil, components: [],
            members: [], findings: findings)
    }

    fileprivate init(_ archive: XarReader, _ findings: [PackageFinding]) {
        self.init(
            kind: nil, byteCount: archive.byteCount, isSigned: !archive.table.signatures.isEmpty, isStapled: false,
            distribution: nil, components: [], members: archive.table.members, findings: findings)
    }

    fileprivate init(_ reader: PackageReader, _ findings: [PackageFinding]) {
        self.init(
            kind: reader.kind, byteCount: reader.byteCount, isSigned: reader.isSigned, isStapled: reader.isStapled,
            distribution: reader.distribution, components: reader.components, members: reader.members,
            findings: findings)
    }
}
