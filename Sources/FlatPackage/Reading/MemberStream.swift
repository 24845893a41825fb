import Crypto
import System

/// The decoded content of a member, which is compared with the checksums of both its forms on the way.
final class MemberStream: ByteStream {
    /// What a checksum came to.
    enum Verdict: Equatable {
        case matches
        case differs
        case notStated
        /// An algorithm that is not computed here.
        case unknown(style: String)
    }

    /// What a member's bytes turned out to be.
    struct Result {
        let archived: Verdict
        let content: Verdict
        /// Nil when the content could not be decoded to its end, as is then `content`'s verdict without meaning.
        let contentByteCount: Int64?
        /// What follows the compressed stream inside the member.
        let trailing: TrailingBytes
    }

    private let member: PackageMember
    private let archived: DigestingStream
    /// Nil for a stored member, whose content is what is archived.
    private let decoding: (inflating: InflatingStream, digesting: DigestingStream)?
    private var isAtEnd = false

    /// - Throws: `.unsupported` for an encoding that is not read.
    init(_ archive: XarReader, _ member: PackageMember) throws(PackageError) {
        self.member = member
        let stream = archive.stream(member.slice)
        let archivedAlgorithm = member.archivedChecksum?.algorithm
        let contentAlgorithm = member.contentChecksum?.algorithm
        switch member.encoding {
        case .stored:
            archived = DigestingStream(stream, Set([archivedAlgorithm, contentAlgorithm].compactMap { $0 }))
            decoding = nil
        case .zlib:
            archived = DigestingStream(stream, Set([archivedAlgorithm].compactMap { $0 }))
            let inflating = try InflatingStream(
                archived, .zlib, limit: member.byteCount, part: .member, place: member.path)
            decoding = (inflating, DigestingStream(inflating, Set([contentAlgorithm].compactMap { $0 })))
        case .other(let name):
            throw .unsupported(place: member.path, what: "the encoding \(Printable.text(name))")
        }
    }

    /// Archived bytes read so far.
    var archivedByteCount: Int64 { archived.byteCount }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(PackageError) -> Int {
        let count = try (decoding?.digesting ?? archived).read(into: buffer)
        if count == 0 { isAtEnd = true }
        return count
    }

    /// Reads what nobody read and compares the checksums. The stream is used up.
    ///
    /// - Parameter readingContent: false when decoding has failed already: then only the archived bytes are read on.
    func finish(readingContent: Bool) throws(PackageError) -> Result {
        if readingContent { try forEachPiece { (_) throws(PackageError) in } }
        var trailing = TrailingBytes.none
        if let decoding, isAtEnd { trailing = try decoding.inflating.trailingBytes() }
        try archived.forEachPiece { (_) throws(PackageError) in }

        let archivedDigests = archived.finish()
        let contentDigests = decoding?.digesting.finish() ?? archivedDigests
        let contentByteCount = decoding?.digesting.byteCount ?? archived.byteCount
        return Result(
            archived: Self.verdict(member.archivedChecksum, archivedDigests),
            content: Self.verdict(member.contentChecksum, contentDigests),
            contentByteCount: decoding == nil || isAtEnd ? contentByteCount : nil, trailing: trailing)
    }

    private static func verdict(_ stated: StatedChecksum?, _ digests: [HashAlgorithm: [UInt8]]) -> Verdict {
        guard let stated else { return .notStated }
        guard let algorithm = stated.algorithm, let digest = digests[algorithm] else {
            return .unknown(style: stated.style)
        }
        return Array(stated.hex.utf8) == Array(Hex.encode(digest).utf8) ? .matches : .differs
    }
}

extension StatedChecksum {
    /// The algorithm behind its style; nil for one that is not computed here.
    var algorithm: HashAlgorithm? { HashAlgorithm(xarStyle: style) }
}

extension HashAlgorithm {
    /// The algorithm of that name in a table of contents, in lower case.
    init?(xarStyle style: String) {
        let bytes = Array(style.utf8)
        if bytes.equals("sha1") {
            self = .sha1
        } else if bytes.equals("sha256") {
            self = .sha256
        } else {
            return nil
        }
    }
}
