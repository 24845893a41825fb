public import System

/// A component package with its members finished: described, compressed, hashed.
///
/// It goes into any number of product archives, and into a folder and back (`save`, `load`).
public struct ComponentPackage: Sendable {
    /// Largest archive of scripts before compression; the checker reads no more.
    static let maximumScriptsByteCount: Int64 = 64 << 20

    /// Its `PackageInfo`.
    public let info: PackageInfo
    /// `Bom` and `Payload` (if there is a payload), `Scripts` (if there are any), `PackageInfo`.
    let members: [FinishedMember]

    /// Reverse-DNS name of the receipt.
    public var identifier: String { info.identifier }
    /// Dotted digits.
    public var version: String { info.version }
    /// Number of paths in the payload with its root, 0 without one; `numberOfFiles` of its `PackageInfo`.
    public var fileCount: Int { Int(clamping: info.numberOfFiles ?? 0) }
    /// Space that it needs when it is installed, in kibibytes by Apple's rule.
    public var installKBytes: Int64 { info.installKBytes ?? 0 }
    /// Bytes that it takes in a package.
    public var byteCount: Int64 { members.reduce(0) { $0 + $1.archived.byteCount } }

    /// Assembles a component.
    ///
    /// Equal descriptions give equal bytes, whatever the order of their entries. Each source is read once.
    ///
    /// - Parameters:
    ///   - scratch: members above a mebibyte go to files in it, which lose their names at once and their space with
    ///     the last use of the result.
    ///   - progress: gets bytes of the payload done and their total, about once a mebibyte and at the end.
    /// - Throws: `.badValue`, `.badEntry` and the like for what cannot stand in a package, `.source` when a source fails
    ///   or does not keep to its size, and whatever `progress` throws.
    public static func assemble(
        _ description: ComponentDescription, scratch: Directory,
        progress: (_ done: Int64, _ total: Int64) throws(PackageError) -> Void = { _, _ in }
    ) throws(PackageError) -> ComponentPackage {
        try assemble(
            description, scratch: scratch, oneShotLimit: PackageCompression.oneShotLimit, progress: progress)
    }

    /// - Parameter oneShotLimit: see `PackageCompression`; a test streams a small payload.
    static func assemble(
        _ description: ComponentDescription, scratch: Directory, oneShotLimit: Int,
        progress: (_ done: Int64, _ total: Int64) throws(PackageError) -> Void = { _, _ in }
    ) throws(PackageError) -> ComponentPackage {
        try description.check()
        let modified = try description.modified
        var members: [FinishedMember] = []
        var bill = BillOfMaterials(entries: [])
        if !description.entries.isEmpty {
            let location = description.installLocation.utf8.count
            let tree = try ArchiveTree(description.entries, prefixByteCount: location == 1 ? 0 : location)
            let writer = try PayloadWriter(tree, modified: modified, scratch: scratch, oneShotLimit: oneShotLimit)
            let (payload, checksums) = try writer.write(name: .payload, progress: progress)
            bill = BillOfMaterials(tree, checksums: checksums, modified: modified)
            members.append(try FinishedMember(name: .billOfMaterials, compressing: bill.encoded()))
            members.append(payload)
        }
        if let scripts = try assembleScripts(description, modified, scratch) { members.append(scripts) }
        let info = PackageInfo(description, bill)
        members.append(try FinishedMember(name: .packageInfo, compressing: info.xml))
        return ComponentPackage(info: info, members: members)
    }

    private static func assembleScripts(
        _ description: ComponentDescription, _ modified: UInt32, _ scratch: Directory
    ) throws(PackageError) -> FinishedMember? {
        guard !description.scripts.isEmpty else { return nil }
        let tree = try ArchiveTree(description.scriptsWithRoot, prefixByteCount: 0)
        guard tree.contentByteCount <= maximumScriptsByteCount / 2 else {
            throw .tooLarge(
                what: "the scripts", byteCount: tree.contentByteCount, limit: maximumScriptsByteCount / 2)
        }
        let writer = try PayloadWriter(tree, modified: modified, scratch: scratch)
        return try writer.write(name: .scripts) { (_, _) throws(PackageError) in }.member
    }
}

extension PackageInfo {
    /// The document of a component that we assemble.
    fileprivate init(_ description: ComponentDescription, _ bill: BillOfMaterials) {
        let names = Set(description.scripts.filter { $0.kind == .file }.map(\.path))
        self.init(
            identifier: description.identifier, version: description.version,
            installLocation: description.installLocation, authorization: "root", formatVersion: "2",
            generator: description.generator, isRelocatable: false, numberOfFiles: Int64(bill.entries.count),
            installKBytes: bill.installKBytes,
            scripts: ["preinstall", "postinstall"].filter { names.contains(Array($0.utf8)) }.map {
                Script(phase: $0, file: "./" + $0)
            })
    }
}
