public import System

/// Reads any flat package: a product archive or a component package, ours or another's, signed or not.
///
/// Nothing in the file is trusted: every size is bounded, every offset checked, and memory stays within what the limits
/// of the table of contents (64 MiB) and of a bill of materials (256 MiB) allow. Opening reads the table of contents
/// and the descriptions; payloads are streamed when they are asked for. Whether checksums hold is for `PackageChecker`.
public struct PackageReader: Sendable {
    /// The two forms of a flat package.
    public enum Kind: String, Sendable {
        /// What pkgbuild makes: one `PackageInfo` at the root.
        case component
        /// What productbuild makes: a `Distribution` and components beside it.
        case product
    }

    /// A payload whose bill cannot be read is inflated up to this size.
    private static let inflationLimitWithoutBill: Int64 = 1 << 30

    /// Which form it has.
    public let kind: Kind
    /// Size of the file.
    public let byteCount: Int64
    /// The members of the archive, folders before what they hold.
    public let members: [PackageMember]
    /// The component packages in it, in the archive's order.
    public let components: [PackageComponent]
    /// The product's description; nil in a component package.
    public let distribution: Distribution?
    /// When the archive was made, as it says.
    public let creationTime: String?
    /// Whether it bears a signature. It is not verified here.
    public let isSigned: Bool
    /// Whether a notarisation ticket is stapled to its end.
    public let isStapled: Bool

    let archive: XarReader
    private let index: [[UInt8]: Int]

    /// Opens a package.
    ///
    /// - Throws: `.notARegularFile` for pipes and devices, `.malformed` and `.exceedsLimit` for bytes that are no flat
    ///   package, `.unsupported` for a legal form that is not read, `.storage`.
    public init(_ file: File) throws(PackageError) { try self.init(try XarReader(file)) }

    init(_ archive: XarReader) throws(PackageError) {
        self.archive = archive
        byteCount = archive.byteCount
        members = archive.table.members
        creationTime = archive.table.creationTime
        isSigned = !archive.table.signatures.isEmpty
        isStapled = try HeapLayout(archive).tail == .stapledTicket
        var index: [[UInt8]: Int] = [:]
        for (position, member) in members.enumerated() { index[Array(member.path.utf8)] = position }
        self.index = index

        var documents = PackageDocuments(archive: archive, index: index)
        distribution = try documents.distribution()
        components = try documents.components(inProduct: distribution != nil)
        kind = distribution == nil ? .component : .product
        guard !components.isEmpty else {
            throw .malformed(
                .package, place: splitPath(archive.file.path).name, reason: "it holds no component with a PackageInfo")
        }
    }

    /// The member at `path`; nil when there is none.
    public func member(_ path: String) -> PackageMember? { index[Array(path.utf8)].map { members[$0] } }

    /// The decoded content of a member of at most `limit` bytes.
    ///
    /// - Throws: `.exceedsLimit` when it is larger.
    public func content(of member: PackageMember, limit: Int = 16 << 20) throws(PackageError) -> [UInt8] {
        try archive.content(of: member, limit: limit)
    }

    /// Calls `body` with each path of a component's payload, in the payload's order. Memory stays bounded.
    ///
    /// A payload in a form that is not read (pbzx, bzip2) is listed from the bill of materials instead.
    public func forEachPayloadEntry(
        of component: PackageComponent, _ body: (PayloadEntry) throws(PackageError) -> Void
    ) throws(PackageError) {
        guard let payload = component.payload else { return }
        let list = try payloadList(of: component)
        guard let cpio = try archiveReader(payload, limit: list?.inflationLimit ?? Self.inflationLimitWithoutBill)
        else {
            for (entry, path) in zip(list?.entries ?? [], list?.paths ?? []) {
                try body(PayloadEntry(entry, path: path))
            }
            return
        }
        while let member = try cpio.next() { try body(try Self.entry(member, cpio, payload)) }
    }

    /// The content of the file at `path` in a component's payload, at most `limit` bytes; nil when there is none.
    public func payloadFile(
        _ path: String, of component: PackageComponent, limit: Int = 16 << 20
    ) throws(PackageError) -> [UInt8]? {
        guard let payload = component.payload else { return nil }
        let inflationLimit = try payloadList(of: component)?.inflationLimit ?? Self.inflationLimitWithoutBill
        return try file(path, in: payload, inflationLimit: inflationLimit, limit: limit)
    }

    /// The content of the script `name` of a component; nil when there is none.
    public func script(_ name: String, of component: PackageComponent) throws(PackageError) -> [UInt8]? {
        guard let scripts = component.scripts else { return nil }
        let limit = ComponentPackage.maximumScriptsByteCount
        return try file(name, in: scripts, inflationLimit: limit, limit: Int(limit))
    }

    /// What a component's bill of materials lists; nil without one.
    func payloadList(of component: PackageComponent) throws(PackageError) -> PayloadList? {
        guard let member = component.billOfMaterials else { return nil }
        let bytes = try archive.content(of: member, limit: BOMStore.maximumByteCount)
        return try PayloadList(try BillOfMaterials(decoding: bytes, place: member.path), place: member.path)
    }

    /// A reader of the archive inside `member`; nil for a form that is not read.
    private func archiveReader(_ member: PackageMember, limit: Int64) throws(PackageError) -> CPIOReader? {
        let (stream, form) = try PrefixedStream.opening(try MemberStream(archive, member))
        switch form {
        case .gzip:
            return CPIOReader(
                try InflatingStream(stream, .gzip, limit: limit, part: .gzip, place: member.path), place: member.path)
        case .cpio: return CPIOReader(stream, place: member.path)
        case .other: return nil
        }
    }

    private func file(
        _ path: String, in member: PackageMember, inflationLimit: Int64, limit: Int
    ) throws(PackageError) -> [UInt8]? {
        guard let cpio = try archiveReader(member, limit: inflationLimit) else {
            throw .unsupported(place: member.path, what: "its compression")
        }
        while let next = try cpio.next() {
            guard next.path == Array(path.utf8) else { continue }
            guard next.header.byteCount <= limit else {
                throw .exceedsLimit(place: "\(member.path): \(path)", what: "its size in bytes", limit: Int64(limit))
            }
            var content: [UInt8] = []
            try cpio.forEachPiece { (piece) throws(PackageError) in content.append(contentsOf: piece) }
            return content
        }
        return nil
    }

    private static func entry(
        _ member: CPIOReader.Member, _ cpio: CPIOReader, _ payload: PackageMember
    ) throws(PackageError) -> PayloadEntry {
        let kind = member.header.kind
        var target: [UInt8] = []
        if kind == .symbolicLink {
            guard member.header.byteCount <= 4096 else {
                throw .malformed(.cpio, place: payload.path, reason: "a link's target is too long")
            }
            try cpio.forEachPiece { (piece) throws(PackageError) in target.append(contentsOf: piece) }
        }
        return PayloadEntry(
            path: member.path, kind: kind, mode: UInt16(member.header.mode & 0o7777),
            owner: UInt32(clamping: member.header.owner), group: UInt32(clamping: member.header.group),
            byteCount: Int64(clamping: member.header.byteCount), linkTarget: target)
    }
}

extension PayloadEntry {
    /// The path as a bill of materials lists it.
    init(_ entry: BillOfMaterials.Entry, path: [UInt8]) {
        self.init(
            path: path, kind: entry.kind, mode: entry.mode & 0o7777, owner: entry.owner, group: entry.group,
            byteCount: entry.kind == .directory ? 0 : Int64(clamping: entry.byteCount), linkTarget: entry.linkTarget)
    }
}

extension CPIOReader.Member {
    /// The path without `./` in front; empty for the root.
    var path: [UInt8] {
        if name.equals(".") { return [] }
        return name.starts(with: [0x2E, 0x2F]) ? Array(name.dropFirst(2)) : name
    }
}

extension CPIOHeader {
    /// What kind of thing it is; nil for devices, pipes and sockets.
    var kind: EntryKind? { EntryKind(rawValue: UInt16(truncatingIfNeeded: mode & 0o170000)) }
}
