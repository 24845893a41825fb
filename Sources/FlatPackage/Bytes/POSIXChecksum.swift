/// The checksum of the POSIX `cksum` utility, which a bill of materials keeps of every file.
///
/// A CRC-32 with polynomial 0x04C11DB7, most significant bit first, from 0, over the content and then over its length
/// (least significant byte first, as many bytes as needed), inverted at the end. Nothing gives 0xFFFFFFFF.
///
/// Source: POSIX.1-2017, `cksum`. Computed eight bytes at a time from eight tables ("slicing by 8"), since every byte
/// of every payload comes through here.
struct POSIXChecksum {
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
        guard let start = bytes.baseAddress else { return }
        register = Self.tables.withUnsafeBufferPointer { tables in
            guard let tables = tables.baseAddress else { return register }
            return Self.advance(register, over: start, bytes.count, tables)
        }
    }

    /// The checksum of all that was added.
    var value: UInt32 {
        var register = register
        var length = byteCount
        while length > 0 {
            register = register << 8 ^ Self.tables[Int(UInt8(register >> 24) ^ UInt8(truncatingIfNeeded: length))]
            length >>= 8
        }
        return ~register
    }

    /// `tables` are eight of 256 entries: table k holds what a byte becomes after k more zero bytes.
    private static func advance(
        _ register: UInt32, over start: UnsafeRawPointer, _ count: Int, _ tables: UnsafePointer<UInt32>
    ) -> UInt32 {
        var register = register
        var offset = 0
        while offset + 8 <= count {
            let word = start.loadUnaligned(fromByteOffset: offset, as: UInt64.self).bigEndian
            let mixed = word ^ UInt64(register) << 32
            let first =
                tables[7 << 8 + Int(mixed >> 56)] ^ tables[6 << 8 + Int(mixed >> 48 & 0xFF)]
                ^ tables[5 << 8 + Int(mixed >> 40 & 0xFF)] ^ tables[4 << 8 + Int(mixed >> 32 & 0xFF)]
            let second =
                tables[3 << 8 + Int(mixed >> 24 & 0xFF)] ^ tables[2 << 8 + Int(mixed >> 16 & 0xFF)]
                ^ tables[1 << 8 + Int(mixed >> 8 & 0xFF)] ^ tables[Int(mixed & 0xFF)]
            register = first ^ second
            offset += 8
        }
        while offset < count {
            let byte = start.load(fromByteOffset: offset, as: UInt8.self)
            register = register << 8 ^ tables[Int(UInt8(register >> 24) ^ byte)]
            offset += 1
        }
        return register
    }

    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for index in 0..<256 {
            var value = UInt32(index) << 24
            for _ in 0..<8 { value = value << 1 ^ (value >> 31 == 1 ? 0x04C1_1DB7 : 0) }
            tables[index] = value
        }
        for index in 256..<tables.count {
            let before = tables[index - 256]
            tables[index] = before << 8 ^ tables[Int(before >> 24)]
        }
        return tables
    }()
}
