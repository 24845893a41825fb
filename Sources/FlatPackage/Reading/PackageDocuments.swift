/// Finds and reads the documents of a package: its `Distribution`, and the `PackageInfo` of every component.
struct PackageDocuments {
    /// Largest `PackageInfo` or `Distribution`, and all of them together: many members may share the bytes of one.
    private static let maximumByteCount = 16 << 20
    private static let maximumTotalByteCount: Int64 = 64 << 20

    private let archive: XarReader
    private let index: [[UInt8]: Int]
    private var left = maximumTotalByteCount

    /// - Parameter index: positions of the members by path.
    init(archive: XarReader, index: [[UInt8]: Int]) {
        self.archive = archive
        self.index = index
    }

    /// The product's description; nil when there is none at the archive's root.
    mutating func distribution() throws(PackageError) -> Distribution? {
        guard let member = file(MemberName.distribution.rawValue) else { return nil }
        return try Distribution(parsing: try document(member), place: member.path)
    }

    /// The components in the archive's order: those in folders, or the whole archive as one.
    mutating func components(inProduct: Bool) throws(PackageError) -> [PackageComponent] {
        let folders =
            inProduct ? archive.table.members.filter { $0.kind == .directory }.map(\.path) : [""]
        var components: [PackageComponent] = []
        for folder in folders {
            guard let info = member(.packageInfo, of: folder) else { continue }
            components.append(
                PackageComponent(
                    name: folder, info: try PackageInfo(parsing: try document(info), place: info.path),
                    billOfMaterials: member(.billOfMaterials, of: folder), payload: member(.payload, of: folder),
                    scripts: member(.scripts, of: folder)))
        }
        return components
    }

    private func member(_ name: MemberName, of folder: String) -> PackageMember? {
        file(folder.isEmpty ? name.rawValue : folder + "/" + name.rawValue)
    }

    private func file(_ path: String) -> PackageMember? {
        guard let position = index[Array(path.utf8)] else { return nil }
        let member = archive.table.members[position]
        return member.kind == .file ? member : nil
    }

    private mutating func document(_ member: PackageMember) throws(PackageError) -> [UInt8] {
        guard member.byteCount <= left else {
            throw .exceedsLimit(
                place: member.path, what: "the size of all documents", limit: Self.maximumTotalByteCount)
        }
        left -= member.byteCount
        return try archive.content(of: member, limit: Self.maximumByteCount)
    }
}
