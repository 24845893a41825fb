/// One path of a payload or of a component's scripts.
public struct ArchiveEntry: Sendable {
    /// What stands at the path.
    public enum Content: Sendable {
        case directory
        case file(any ByteSource)
        /// A link to `target`, which is not followed by anything here.
        case symbolicLink(target: [UInt8])
    }

    /// The path as bytes: relative, components joined by `/`, no `./` in front. Empty: the root folder itself.
    public let path: [UInt8]
    /// Permission bits with set-user-id, set-group-id and sticky; at most 0o7777.
    public let mode: UInt16
    /// Numeric user id on the Mac; 0 is root.
    public let owner: UInt32
    /// Numeric group id on the Mac; 0 is wheel.
    public let group: UInt32
    /// What stands there.
    public let content: Content

    /// An entry. Whether it can stand in a package is checked when a component is assembled from it.
    public init(path: [UInt8], mode: UInt16, owner: UInt32 = 0, group: UInt32 = 0, content: Content) {
        self.path = path
        self.mode = mode
        self.owner = owner
        self.group = group
        self.content = content
    }
}

/// What kind of thing a path of a package is. The raw value is the format's file type bits.
public enum EntryKind: UInt16, Sendable {
    /// A file with content.
    case file = 0o100000
    /// A folder.
    case directory = 0o040000
    /// A link.
    case symbolicLink = 0o120000
}

extension ArchiveEntry {
    var kind: EntryKind {
        switch content {
        case .directory: .directory
        case .file: .file
        case .symbolicLink: .symbolicLink
        }
    }

    /// Bytes that the archive holds for it: a file's content, a link's target.
    var byteCount: Int64 {
        switch content {
        case .directory: 0
        case .file(let source): source.byteCount
        case .symbolicLink(let target): Int64(target.count)
        }
    }

    /// The path as the archive spells it: `.`, or `./` and the path.
    var archiveName: [UInt8] { path.isEmpty ? [0x2E] : [0x2E, 0x2F] + path }
}
