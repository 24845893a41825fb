/// The fixed header that opens an archive; 28 bytes in every package of Apple's tools, all integers big-endian.
///
/// | offset | bytes | field                                          |
/// |-------:|------:|------------------------------------------------|
/// |      0 |     4 | magic `xar!`                                   |
/// |      4 |     2 | size of this header, 28                        |
/// |      6 |     2 | format version, 1                              |
/// |      8 |     8 | table of contents, compressed                  |
/// |     16 |     8 | table of contents, inflated                    |
/// |     24 |     4 | its checksum: 0 none, 1 SHA-1, 2 MD5, 3 and up |
///
/// Numbers from 3 on have two meanings: with a longer header its bytes from 28 name the algorithm; in one of 28 bytes 3
/// is SHA-256 and 4 is SHA-512. We write SHA-1, as Apple's tools do to this day.
///
/// Source: `xar.h` of the XAR project; libarchive's reader. `InteropTests` checks it with bsdtar and 7z.
struct XarHeader: Equatable, Sendable {
    static let byteCount = 28
    private static let magic = Array("xar!".utf8)
    private static let largestByteCount = 512

    /// Size of this header: the table of contents begins after it.
    var headerByteCount = UInt16(byteCount)
    var compressedByteCount: UInt64
    var inflatedByteCount: UInt64
    /// Name of the checksum in lower case; nil for none.
    var checksumStyle: String?

    /// A header as we write it.
    init(compressedByteCount: Int, inflatedByteCount: Int) {
        self.compressedByteCount = UInt64(compressedByteCount)
        self.inflatedByteCount = UInt64(inflatedByteCount)
        checksumStyle = "sha1"
    }

    /// The 28 bytes of a header with SHA-1.
    var encoded: [UInt8] {
        var bytes = Self.magic
        bytes.append(bigEndian: headerByteCount)
        bytes.append(bigEndian: UInt16(1))
        bytes.append(bigEndian: compressedByteCount)
        bytes.append(bigEndian: inflatedByteCount)
        bytes.append(bigEndian: UInt32(1))
        return bytes
    }

    /// Reads the header from the first bytes of a file; `start` should have 512 of them, fewer if the file does.
    init(decoding start: [UInt8], place: String) throws(PackageError) {
        let view = BinaryView(start, part: .header, place: place)
        guard start.starts(with: Self.magic) else { throw view.malformed("it does not begin with xar!") }
        headerByteCount = try view.u16(4)
        guard try view.u16(6) == 1 else { throw view.malformed("its version is not 1") }
        guard headerByteCount >= Self.byteCount, headerByteCount <= Self.largestByteCount else {
            throw view.malformed("its size is \(headerByteCount)")
        }
        compressedByteCount = try view.u64(8)
        inflatedByteCount = try view.u64(16)
        let rest = try view.part(Self.byteCount, Int(headerByteCount) - Self.byteCount, "the rest of the header").array
        switch (try view.u32(24), rest.isEmpty) {
        case (0, _): checksumStyle = nil
        case (1, _): checksumStyle = "sha1"
        case (2, _): checksumStyle = "md5"
        case (3, true): checksumStyle = "sha256"
        case (4, true): checksumStyle = "sha512"
        case (_, false): checksumStyle = Array(rest.prefix { $0 != 0 }).text
        case (let number, true): throw view.malformed("its checksum has the unknown number \(number)")
        }
    }
}
