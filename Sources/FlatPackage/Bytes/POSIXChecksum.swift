/// The checksum of the POSIX `cksum` utility, which a bill of materials keeps of every file.
///
/// A CRC-32 with polynomial 0x04C11DB7, most significant bit first, from 0, over the content and then over its length
/// (least significant byte first, as many bytes as needed), inverted at the end. Nothing gives 0xFFFFFFFF.
///
/// Source: POSIX.1-2017, `cksum`. The CRC-32 of gzip has the same polynomial and takes the bits in the other order, and
/// libdeflate computes that one with the processor's own instructions: with the bits of each byte turned around on the way
/// in and those of the result on the way out, it is this one, several times as fast as from tables.
struct POSIXChecksum {
    /// Bits in gzip's order.
    private var register: UInt32 = 0
    private var byteCount: UInt64 = 0

    init() {}

    /// The checksum of `bytes`.
    init(of bytes: [UInt8]) {
        bytes.withUnsafeBytes { update($0) }
    }

    /// Adds bytes.
    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        byteCount &+= UInt64(bytes.count)
        register = Self.advance(register, over: bytes)
    }

    /// The checksum of all that was added.
    var value: UInt32 {
        var length: [UInt8] = []
        var rest = byteCount
        while rest > 0 {
            length.append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
        return ~Self.bitsReversed(length.withUnsafeBytes { Self.advance(register, over: $0) })
    }

    private static let pieceByteCount = 4096

    private static func advance(_ register: UInt32, over bytes: UnsafeRawBufferPointer) -> UInt32 {
        withUnsafeTemporaryAllocation(byteCount: pieceByteCount, alignment: 16) { turned in
            var register = register
            var offset = 0
            while offset < bytes.count {
                let count = min(pieceByteCount, bytes.count - offset)
                turn(UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + count)]), into: turned)
                // Gzip's begins and ends with all bits inverted.
                var checksum = GzipChecksum(value: ~register)
                checksum.update(UnsafeRawBufferPointer(rebasing: turned[..<count]))
                register = ~checksum.value
                offset += count
            }
            return register
        }
    }

    /// Writes each byte with its bits in the other order.
    private static func turn(_ bytes: UnsafeRawBufferPointer, into turned: UnsafeMutableRawBufferPointer) {
        var offset = 0
        while offset + 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            turned.storeBytes(of: bitsReversedInBytes(word), toByteOffset: offset, as: UInt64.self)
            offset += 8
        }
        while offset < bytes.count {
            turned[offset] = UInt8(truncatingIfNeeded: bitsReversedInBytes(UInt64(bytes[offset])))
            offset += 1
        }
    }

    /// Swaps halves, quarters and neighbours of each byte.
    private static func bitsReversedInBytes(_ word: UInt64) -> UInt64 {
        let halves = word >> 4 & 0x0F0F_0F0F_0F0F_0F0F | (word & 0x0F0F_0F0F_0F0F_0F0F) << 4
        let quarters = halves >> 2 & 0x3333_3333_3333_3333 | (halves & 0x3333_3333_3333_3333) << 2
        return quarters >> 1 & 0x5555_5555_5555_5555 | (quarters & 0x5555_5555_5555_5555) << 1
    }

    private static func bitsReversed(_ word: UInt32) -> UInt32 {
        UInt32(truncatingIfNeeded: bitsReversedInBytes(UInt64(word))).byteSwapped
    }
}
