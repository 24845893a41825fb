/// Finds and reads the documents of a package: its `Distribution`, and the `PackageInfo` of every component.
struct PackageDocuments {
    private let archive: XarReader
    private let index: [[UInt8]: Int]

    /// - Parameter index: positions of the members by path.
    init(archive: XarReader, index: [[UInt8]: Int]) {
        self.archive = archive
        self.index = index
    }

    /// The product's description; nil when there is none at the archive's root.
    func distribution() throws(PackageError) -> Distribution? {
        guard let member = file(MemberName.distribution.rawValue) else { return nil }
        return try Distribution(parsing: try document(member), place: member.path)
    }

    /// The components in the archive's order: those in folders, or the whole archive as one.
    func components(inProduct: Bool) throws(PackageError) -> [PackageComponent] {
        let folders =
            inProduct ? archive.table.members.filter { $0.kind == .directory }.map(\.path) : [""]
        var components: [PackageComponent] = []
        for folder in folders {
            func member(_ name: MemberName) -> PackageMember? {
                file(folder.isEmpty ? name.rawValue : folder + "/" + name.rawValue)
            }
            guard let info = member(.packageInfo) else { continue }
            components.append(
                PackageComponent(
                    name: folder, info: try PackageInfo(parsing: try document(info), place: info.path),
                    billOfMaterials: member(.billOfMaterials), payload: member(.payload), scripts: member(.scripts)))
        }
        return components
    }

    private func file(_ path: String) -> PackageMember? {
        guard let position = index[Array(path.utf8)] else { return nil }
        let member = archive.table.members[position]
        return member.kind == .file ? member : nil
    }

    private func document(_ member: PackageMember) throws(PackageError) -> [UInt8] {
        try archive.content(of: member, limit: PackageReader.maximumDocumentByteCount)
    }
}
