/// The header before each member of a cpio archive in the portable ASCII form ("odc"): 76 bytes, numbers in octal.
///
/// | offset | digits | field                                     |
/// |-------:|-------:|-------------------------------------------|
/// |      0 |      6 | magic `070707`                            |
/// |      6 |      6 | device, 0                                 |
/// |     12 |      6 | inode: a running number of ours           |
/// |     18 |      6 | mode with the type bits                   |
/// |     24 |      6 | owner                                     |
/// |     30 |      6 | group                                     |
/// |     36 |      6 | links: 1, folders 2 and one for each entry |
/// |     42 |      6 | device number, 0                          |
/// |     48 |     11 | last change, seconds since 1970           |
/// |     59 |      6 | length of the name with its final NUL     |
/// |     65 |     11 | length of the content                     |
///
/// The name and the content follow without padding. Inodes are numbered here and not taken from a disk: six digits cut
/// a real one, and two files that seem to share an inode are joined by some readers.
///
/// Source: POSIX.1-2001, `pax`, "cpio Interchange Format". `InteropTests` has cpio and bsdtar read it.
struct CPIOHeader: Equatable {
    static let byteCount = 76
    static let magic = Array("070707".utf8)
    static let trailerName = Array("TRAILER!!!".utf8)
    /// An archive is filled up with zero bytes to a multiple of this.
    static let blockByteCount = 512

    var device: UInt64 = 0
    var inode: UInt64
    var mode: UInt64
    var owner: UInt64 = 0
    var group: UInt64 = 0
    var linkCount: UInt64
    var modified: UInt64 = 0
    /// With the final NUL.
    var nameByteCount: UInt64
    var byteCount: UInt64 = 0

    /// The 76 bytes.
    ///
    /// - Precondition: every number fits its digits.
    var encoded: [UInt8] {
        var bytes = Self.magic
        bytes.reserveCapacity(Self.byteCount)
        for (value, digits) in [(device, 6), (inode, 6), (mode, 6), (owner, 6), (group, 6), (linkCount, 6)] {
            Self.append(value, digits, to: &bytes)
        }
        for (value, digits) in [(0, 6), (modified, 11), (nameByteCount, 6), (byteCount, 11)] {
            Self.append(value, digits, to: &bytes)
        }
        return bytes
    }

    private static func append(_ value: UInt64, _ digits: Int, to bytes: inout [UInt8]) {
        precondition(value >> UInt64(digits * 3) == 0, "a number that its octal field cannot hold")
        for place in (0..<digits).reversed() {
            bytes.append(0x30 + UInt8(truncatingIfNeeded: value >> UInt64(place * 3) & 7))
        }
    }
}

extension CPIOHeader {
    /// Why 76 bytes are no header.
    enum Fault: Error {
        case magic
        case notOctal
    }

    /// Reads 76 bytes.
    ///
    /// - Precondition: `bytes` has 76.
    init(_ bytes: UnsafeRawBufferPointer) throws(Fault) {
        guard bytes.prefix(6).elementsEqual(Self.magic) else { throw .magic }
        device = try Self.octal(bytes, 6, 6)
        inode = try Self.octal(bytes, 12, 6)
        mode = try Self.octal(bytes, 18, 6)
        owner = try Self.octal(bytes, 24, 6)
        group = try Self.octal(bytes, 30, 6)
        linkCount = try Self.octal(bytes, 36, 6)
        _ = try Self.octal(bytes, 42, 6)
        modified = try Self.octal(bytes, 48, 11)
        nameByteCount = try Self.octal(bytes, 59, 6)
        byteCount = try Self.octal(bytes, 65, 11)
    }

    private static func octal(_ bytes: UnsafeRawBufferPointer, _ offset: Int, _ digits: Int) throws(Fault) -> UInt64 {
        var value: UInt64 = 0
        for index in offset..<(offset + digits) {
            let digit = bytes[index] &- 0x30
            guard digit < 8 else { throw .notOctal }
            value = value << 3 | UInt64(digit)
        }
        return value
    }
}
