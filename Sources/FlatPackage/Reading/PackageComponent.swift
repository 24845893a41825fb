/// A component package, alone or in a product archive.
public struct PackageComponent: Sendable, Equatable {
    /// Its folder in the archive: `server.pkg`; empty when the whole file is one component package.
    public let name: String
    /// What its `PackageInfo` says.
    public let info: PackageInfo
    /// The bill of materials; nil without a payload.
    public let billOfMaterials: PackageMember?
    /// The payload; nil for a component that only runs scripts.
    public let payload: PackageMember?
    /// Its scripts; nil without any.
    public let scripts: PackageMember?
}

/// One path of a payload.
public struct PayloadEntry: Sendable, Equatable {
    /// The path below the install location, without `./`; empty for the root.
    public let path: [UInt8]
    /// What stands there; nil for what is neither file, folder nor link.
    public let kind: EntryKind?
    /// Permission bits with set-user-id, set-group-id and sticky.
    public let mode: UInt16
    /// Numeric owner.
    public let owner: UInt32
    /// Numeric group.
    public let group: UInt32
    /// Size of a file's content or a link's target, in bytes.
    public let byteCount: Int64
    /// Where a link leads; empty for anything else.
    public let linkTarget: [UInt8]
}

/// How a payload is compressed, told by its first bytes.
enum PayloadForm: Equatable {
    case gzip
    /// Not compressed at all.
    case cpio
    /// A form that is not read here.
    case other(String)

    /// How many bytes tell.
    static let prefixByteCount = 6

    init(prefix: [UInt8]) {
        if prefix.starts(with: [0x1F, 0x8B]) {
            self = .gzip
        } else if prefix.starts(with: "07070".utf8) {
            self = .cpio
        } else if prefix.starts(with: "pbzx".utf8) {
            self = .other("pbzx (chunks of xz)")
        } else if prefix.starts(with: "BZh".utf8) {
            self = .other("bzip2")
        } else {
            self = .other("unknown")
        }
    }
}
