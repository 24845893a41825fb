import Crypto
public import System

extension ComponentPackage {
    private static let manifestName = "manifest"
    private static let manifestTitle = "component package 1"
    private static let maximumManifestByteCount = 4096
    /// `PackageInfo`, inflated; ours are well below a kibibyte.
    private static let maximumInfoByteCount = 1 << 20

    /// Saves the members as files in `folder`, which should be new and empty, and beside them a manifest with their
    /// checksums, written last: a folder that was left half way has none and is refused.
    ///
    /// Files and folder are synced. Give the folder its final name only after this.
    ///
    /// - Throws: `.storage`, also when a file of that name is there already; `.damagedComponent` when a member changed.
    public func save(in folder: Directory) throws(PackageError) {
        for member in members {
            let file = try onDisk { () throws(SystemError) in try folder.createFile(member.name.rawValue) }
            try member.copy { (piece) throws(PackageError) in
                try onDisk { () throws(SystemError) in try file.write(piece) }
            }
            try onDisk { () throws(SystemError) in try file.sync() }
        }
        let manifest = Self.manifest(members)
        try onDisk { () throws(SystemError) in
            let file = try folder.createFile(Self.manifestName)
            try file.write(manifest)
            try file.sync()
            try folder.sync()
        }
    }

    /// Loads what `save` saved.
    ///
    /// The manifest, the sizes and the `PackageInfo` are verified at once, every other byte when it is copied into a
    /// package: a damaged folder never gets into one.
    ///
    /// - Throws: `.damagedComponent` when the folder is not what its manifest says; `.storage`.
    public static func load(from folder: Directory) throws(PackageError) -> ComponentPackage {
        func damaged(_ detail: String) -> PackageError { .damagedComponent(place: folder.path, detail: detail) }
        let file: File
        do { file = try folder.openFile(manifestName) } catch  where error.isNotFound {
            throw damaged("it has no manifest")
        } catch {
            throw .storage(error)
        }
        let manifest = try onDisk { () throws(SystemError) in try file.read(maximumManifestByteCount, at: 0) }
        let lines = manifest.split(separator: 0x0A, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        var members: [FinishedMember] = []
        for line in lines.dropFirst().dropLast(2) {
            guard let entry = ManifestLine(line) else { throw damaged("its manifest has a line that is none") }
            members.append(try member(entry, in: folder))
        }
        // Written again from what was understood: one comparison covers order, spelling, title and sum.
        guard Self.manifest(members) == manifest else { throw damaged("its manifest does not have its own checksum") }
        let names = members.map(\.name)
        guard names == MemberName.allCases.filter(names.contains), let last = members.last, last.name == .packageInfo
        else {
            throw damaged("its manifest does not list the members of a component package")
        }
        return ComponentPackage(info: try info(last, place: folder.path), members: members)
    }

    private static func member(_ line: ManifestLine, in folder: Directory) throws(PackageError) -> FinishedMember {
        let file: File
        do { file = try folder.openFile(line.name.rawValue) } catch  where error.isNotFound {
            throw .damagedComponent(place: folder.path, detail: "its \(line.name.rawValue) is missing")
        } catch {
            throw .storage(error)
        }
        let status = try onDisk { () throws(SystemError) in try file.status() }
        guard status.kind == .regular, status.byteCount == line.archived.byteCount else {
            throw .damagedComponent(
                place: folder.path,
                detail: "its \(line.name.rawValue) is no file of \(line.archived.byteCount) bytes")
        }
        return FinishedMember(
            name: line.name, encoding: line.encoding, byteCount: line.byteCount,
            contentSHA1: line.contentSHA1, archived: line.archived,
            body: FileSource(file, byteCount: line.archived.byteCount))
    }

    private static func info(_ member: FinishedMember, place: String) throws(PackageError) -> PackageInfo {
        guard member.archived.byteCount <= Int64(maximumInfoByteCount) else {
            throw .damagedComponent(place: place, detail: "its PackageInfo is too large")
        }
        var archived: [UInt8] = []
        try member.copy { (piece) throws(PackageError) in archived.append(contentsOf: piece) }
        let stream = try InflatingStream(
            BytesStream(archived), .zlib, limit: Int64(maximumInfoByteCount), part: .member, place: place)
        return try PackageInfo(
            parsing: try stream.readAll(limit: maximumInfoByteCount, place: place), place: place)
    }

    private static func manifest(_ members: [FinishedMember]) -> [UInt8] {
        let lines = [manifestTitle] + members.map { ManifestLine($0).text }
        let text = Array((lines.joined(separator: "\n") + "\n").utf8)
        return text + Array("sum \(SHA256Digest(of: text).hex)\n".utf8)
    }
}

/// A line of the manifest: name, encoding, size, SHA-1 of the content, archived size, SHA-1, SHA-256, by single spaces.
private struct ManifestLine {
    let name: MemberName
    let encoding: MemberEncoding
    let byteCount: Int64
    let contentSHA1: [UInt8]
    let archived: MemberDigests

    init?(_ text: String) {
        let fields = text.utf8.split(separator: 0x20, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        guard fields.count == 7, let name = MemberName(rawValue: fields[0]),
            let byteCount = Int64(fields[2]), byteCount >= 0, let contentSHA1 = Hex.decode(fields[3]),
            let archivedByteCount = Int64(fields[4]), archivedByteCount >= 0,
            let sha1 = Hex.decode(fields[5]), let sha256 = Hex.decode(fields[6])
        else { return nil }
        self.name = name
        encoding = MemberEncoding(mediaType: fields[1])
        self.byteCount = byteCount
        self.contentSHA1 = contentSHA1
        archived = MemberDigests(byteCount: archivedByteCount, sha1: sha1, sha256: sha256)
    }

    init(_ member: FinishedMember) {
        name = member.name
        encoding = member.encoding
        byteCount = member.byteCount
        contentSHA1 = member.contentSHA1
        archived = member.archived
    }

    var text: String {
        [
            name.rawValue, encoding.mediaType, String(byteCount), Hex.encode(contentSHA1),
            String(archived.byteCount), Hex.encode(archived.sha1), Hex.encode(archived.sha256),
        ].joined(separator: " ")
    }
}
