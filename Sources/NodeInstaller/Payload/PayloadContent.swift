import Crypto
import FlatPackage
import System

/// What told one state of a file from another when it was scanned. A file whose identity is still the same has, as far
/// as the system knows, not been written since.
struct FileIdentity: Equatable, Sendable {
    let key: FileKey
    let byteCount: Int64
    private let modified: Int128
    private let changed: Int128

    /// The later of its times, in nanoseconds since 1970.
    var lastTouched: Int128 { max(modified, changed) }

    init(_ status: FileStatus) {
        key = FileKey(status)
        byteCount = status.byteCount
        modified = status.modified
        changed = status.changed
    }
}

/// Why the bytes of a file of a payload cannot be had.
enum ContentError: Error {
    /// It is not, or did not stay, what was expected.
    case changed
    /// The system refused.
    case system(SystemError)
}

/// Reads a file once from start to end, in large pieces, and hashes it on the way.
///
/// The file's identity is compared before the first byte and after the last one.
///
/// Not `Sendable`: it belongs to the one who reads.
final class ContentReader {
    private static let pieceByteCount = 1 << 20
    private let file: File
    private let identity: FileIdentity
    private let buffer: UnsafeMutableRawBufferPointer
    private let hash = Hash(.sha256)
    private var offset: Int64 = 0

    /// Begins to read `file`, which must be what `identity` says.
    init(_ file: File, expecting identity: FileIdentity) throws(ContentError) {
        try Self.check(file, identity)
        self.file = file
        self.identity = identity
        let byteCount = min(Int64(Self.pieceByteCount), max(1, identity.byteCount))
        buffer = .allocate(byteCount: Int(byteCount), alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// The next bytes, valid until the next call; nil at the end, when the file is still what it was.
    func next() throws(ContentError) -> UnsafeRawBufferPointer? {
        let rest = identity.byteCount - offset
        guard rest > 0 else {
            try Self.check(file, identity)
            return nil
        }
        let piece = UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(Int(clamping: rest)))
        let count: Int
        do { count = try file.read(into: piece, at: offset) } catch { throw .system(error) }
        guard count == piece.count else { throw .changed }
        offset += Int64(count)
        hash.update(UnsafeRawBufferPointer(piece))
        return UnsafeRawBufferPointer(piece)
    }

    /// The digest of everything that was read; once, at the end.
    func digest() -> SHA256Digest { SHA256Digest(finishing: hash) }

    /// Throws unless `file` is what `identity` says.
    static func check(_ file: File, _ identity: FileIdentity) throws(ContentError) {
        let status: FileStatus
        do { status = try file.status() } catch { throw .system(error) }
        guard status.kind == .regular, FileIdentity(status) == identity else { throw .changed }
    }
}
