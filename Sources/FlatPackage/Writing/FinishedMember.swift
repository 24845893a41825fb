import Crypto

/// The names of members, in the order in which Apple's tools put them into the heap.
enum MemberName: String, CaseIterable, Sendable {
    case billOfMaterials = "Bom"
    case payload = "Payload"
    case scripts = "Scripts"
    case packageInfo = "PackageInfo"
    case distribution = "Distribution"
}

/// A member of an archive with its bytes as the archive holds them.
struct FinishedMember: Sendable {
    let name: MemberName
    let encoding: MemberEncoding
    /// Size of the content once decoded, and its SHA-1.
    let byteCount: Int64
    let contentSHA1: [UInt8]
    /// Size and checksums of the bytes that `body` gives.
    let archived: MemberDigests
    let body: any ByteSource

    init(
        name: MemberName, encoding: MemberEncoding, byteCount: Int64, contentSHA1: [UInt8], archived: MemberDigests,
        body: any ByteSource
    ) {
        self.name = name
        self.encoding = encoding
        self.byteCount = byteCount
        self.contentSHA1 = contentSHA1
        self.archived = archived
        self.body = body
    }

    /// A member that is stored as it is, since it is compressed already.
    init(name: MemberName, storing output: SpooledOutput) {
        let (body, digests) = output.finish()
        self.init(
            name: name, encoding: .stored, byteCount: digests.byteCount, contentSHA1: digests.sha1,
            archived: digests, body: body)
    }

    /// A member that is compressed for the archive.
    init(name: MemberName, compressing content: [UInt8]) throws(PackageError) {
        let compressed = try PackageCompression.zlib(content)
        self.init(
            name: name, encoding: .zlib, byteCount: Int64(content.count),
            contentSHA1: Hash.digest(of: content, .sha1), archived: MemberDigests(of: compressed),
            body: BytesSource(compressed))
    }

    /// Gives `sink` the archived bytes and refuses them at the end if they are not what the checksums say.
    func copy(to sink: (UnsafeRawBufferPointer) throws(PackageError) -> Void) throws(PackageError) {
        let hash = Hash(.sha256)
        try body.readExactly(path: name.rawValue) { (piece) throws(PackageError) in
            hash.update(piece)
            try sink(piece)
        }
        guard body.byteCount == archived.byteCount, hash.finish() == archived.sha256 else {
            throw .damagedComponent(
                place: name.rawValue, detail: "its bytes do not have the checksum that was recorded")
        }
    }
}
