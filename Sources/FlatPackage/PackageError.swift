public import System

/// A part of a flat package that has a format of its own. The raw value names it in the codes of findings
/// (`malformed-bom`).
public enum PackagePart: String, Sendable, CaseIterable {
    /// The 28 bytes that open the file.
    case header = "xar-header"
    /// The table of contents: XML, compressed.
    case tableOfContents = "toc"
    /// The bytes after the table of contents.
    case heap
    /// One member as the table of contents describes it.
    case member
    /// The compressed form of a payload or of the scripts.
    case gzip
    /// The archive inside a payload or the scripts.
    case cpio
    /// The bill of materials.
    case billOfMaterials = "bom"
    /// A component's `PackageInfo`.
    case packageInfo = "package-info"
    /// A product archive's `Distribution`.
    case distribution
    /// The package as a whole.
    case package
}

/// Why a package could not be made or read.
public enum PackageError: Error, Equatable, Sendable {
    /// A value of a description does not have the form that the format takes.
    case badValue(field: String, value: String, expected: String)
    /// An entry's path, mode, owner or link target cannot stand in a package.
    case badEntry(path: [UInt8], reason: String)
    /// Two entries have the same path.
    case duplicateEntry(path: [UInt8])
    /// An entry's folder is not among the entries.
    case missingParent(path: [UInt8])
    /// The archive format has no numbers for so many entries.
    case tooManyEntries(count: Int, limit: Int)
    /// The archive format has no number for a size like this.
    case tooLarge(what: String, byteCount: Int64, limit: Int64)
    /// The bytes that were to go into a package could not be read, or are not as many as was said.
    case source(path: String, detail: String)
    /// The disk refused something that has to do with our own files.
    case storage(SystemError)
    /// The compressor refused; `detail` is its own text.
    case compressor(detail: String)
    /// A saved component, or a member while it was copied, is not what its checksums say.
    case damagedComponent(place: String, detail: String)
    /// Packages are read from regular files only: a pipe or a device has no end.
    case notARegularFile(path: String, kind: String)
    /// The bytes are not what the format says.
    case malformed(PackagePart, place: String, reason: String)
    /// Something is bigger than what was declared, or than what is read at all.
    case exceedsLimit(place: String, what: String, limit: Int64)
    /// A form that is legal and that this code does not read.
    case unsupported(place: String, what: String)
    /// The caller's progress function asked to stop.
    case cancelled
}

extension PackageError: CustomStringConvertible {
    /// One sentence: what is wrong, where, and what to do.
    public var description: String {
        switch self {
        case .badValue(let field, let value, let expected):
            "\(field) is \"\(Printable.text(value))\"; give \(expected)"
        case .badEntry(let path, let reason):
            "\(Self.shown(path)) cannot go into a package: \(reason)"
        case .duplicateEntry(let path):
            "\(Self.shown(path)) is given twice; give every path once"
        case .missingParent(let path):
            "the folder of \(Self.shown(path)) is not given; add it with its mode and owner"
        case .tooManyEntries(let count, let limit):
            "\(count) files and folders are more than the \(limit) that a payload can hold; split it or pack parts of it"
        case .tooLarge(let what, let byteCount, let limit):
            "\(what) has \(byteCount) bytes, more than the \(limit) that the format can hold"
        case .source(let path, let detail):
            "\(Printable.text(path)) cannot be packed: \(detail)"
        case .storage(let error):
            error.description
        case .compressor(let detail):
            "the compressor failed: \(detail)"
        case .damagedComponent(let place, let detail):
            "the component package \(Printable.text(place)) is damaged: \(detail); delete it and build it again"
        case .notARegularFile(let path, let kind):
            "\(Printable.text(path)) is a \(kind); give a regular file"
        case .malformed(let part, let place, let reason):
            "\(Printable.text(place)) is no valid \(part.noun): \(reason)"
        case .exceedsLimit(let place, let what, let limit):
            "\(Printable.text(place)): \(what) exceeds the limit of \(limit)"
        case .unsupported(let place, let what):
            "\(Printable.text(place)): \(what) is not read by this program"
        case .cancelled:
            "stopped on request"
        }
    }

    private static func shown(_ path: [UInt8]) -> String { path.isEmpty ? "the root folder" : Printable.text(path) }
}

extension PackagePart {
    fileprivate var noun: String {
        switch self {
        case .header: "xar header"
        case .tableOfContents: "xar table of contents"
        case .heap: "xar heap"
        case .member: "archive member"
        case .gzip: "gzip stream"
        case .cpio: "cpio archive"
        case .billOfMaterials: "bill of materials"
        case .packageInfo: "PackageInfo"
        case .distribution: "Distribution"
        case .package: "flat package"
        }
    }
}

/// Runs `body` and wraps what the disk refused.
func onDisk<Result>(_ body: () throws(SystemError) -> Result) throws(PackageError) -> Result {
    do { return try body() } catch { throw .storage(error) }
}
