public import System

/// A product archive that is ready to be written: the package that people install.
///
/// Its components are copied into it as they are, so that what is common to many products is compressed once.
public struct ProductArchive: Sendable {
    private let archive: XarArchive

    /// Makes everything but the components' bytes.
    ///
    /// - Throws: `.badValue` when the description does not hold.
    public init(_ description: ProductDescription) throws(PackageError) {
        try description.check()
        var nodes = description.components.map { name, package in
            XarArchive.Node.directory(name: name, package.members)
        }
        nodes.append(
            .file(try FinishedMember(name: .distribution, compressing: Distribution.xml(description))))
        archive = try XarArchive(nodes, created: description.contentDate)
    }

    /// Size of the package in bytes.
    public var byteCount: Int64 { archive.byteCount }

    /// Writes the package where `file` ends.
    ///
    /// Each component is compared with its checksum while it is copied.
    ///
    /// - Parameter progress: gets bytes written and their total, about once a mebibyte and at the end.
    /// - Throws: `.damagedComponent` when a component is not what it was when it was assembled; the file is then
    ///   worthless. `.storage` when the disk refuses, and whatever `progress` throws.
    public func write(
        to file: File, progress: (_ done: Int64, _ total: Int64) throws(PackageError) -> Void = { _, _ in }
    ) throws(PackageError) {
        try archive.write(to: file, progress: progress)
    }
}
