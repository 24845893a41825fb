import Crypto
import FlatPackage

/// What a payload is, in 32 bytes: SHA-256 over its entries in order, as they go into a package.
///
/// The stream is `pkgmill payload 1`, NUL, and for each entry, integers big-endian:
///
/// | bytes | field                                                                 |
/// |------:|-----------------------------------------------------------------------|
/// |     1 | `d`, `f` or `l`                                                       |
/// |     2 | permission bits as packed                                             |
/// |     4 | length of the path, then the path                                     |
/// |     8 | of a file: its size, then the 32 bytes of its SHA-256                  |
/// |     4 | of a link: length of its target, then the target                      |
///
/// Every field has a length that is known before it, so no two payloads share a stream. Owners and times are not in
/// it: the first are always root and wheel, the second come from the request.
struct PayloadDigest {
    private let hash = Hash(.sha256)

    init() { hash.update(Array("pkgmill payload 1\0".utf8)) }

    /// Adds a folder.
    func add(directory path: [UInt8], mode: UInt16) { hash.update(Self.head("d", path, mode)) }

    /// Adds a file.
    func add(file path: [UInt8], mode: UInt16, byteCount: Int64, digest: SHA256Digest) {
        hash.update(Self.head("f", path, mode) + Self.bigEndian(byteCount) + digest.bytes)
    }

    /// Adds a symbolic link.
    func add(link path: [UInt8], mode: UInt16, target: [UInt8]) {
        hash.update(Self.head("l", path, mode) + Self.bigEndian(UInt32(clamping: target.count)) + target)
    }

    /// The digest of all that was added; once.
    func finish() -> SHA256Digest { SHA256Digest(finishing: hash) }

    private static func head(_ kind: Unicode.Scalar, _ path: [UInt8], _ mode: UInt16) -> [UInt8] {
        [UInt8(ascii: kind)] + bigEndian(mode) + bigEndian(UInt32(clamping: path.count)) + path
    }

    private static func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }
}
