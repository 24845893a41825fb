import CDeflate

/// libdeflate: a whole buffer at once, twice as fast as zlib and a little smaller.
final class OneShotDeflate {
    /// The version that the headers name; another version may give other bytes.
    static let version = "libdeflate \(LIBDEFLATE_VERSION_STRING)"

    private let compressor: OpaquePointer

    /// A compressor at libdeflate's `level`.
    init(level: Int32) throws(PackageError) {
        guard let compressor = libdeflate_alloc_compressor(level) else {
            throw .compressor(detail: "libdeflate has no memory for level \(level)")
        }
        self.compressor = compressor
    }

    deinit { libdeflate_free_compressor(compressor) }

    /// `content` as a bare deflate stream.
    func deflate(_ content: UnsafeRawBufferPointer) throws(PackageError) -> [UInt8] {
        try fill(libdeflate_deflate_compress_bound(compressor, content.count)) { buffer in
            libdeflate_deflate_compress(
                compressor, content.baseAddress, content.count, buffer.baseAddress, buffer.count)
        }
    }

    /// `content` as a zlib stream.
    func zlib(_ content: UnsafeRawBufferPointer) throws(PackageError) -> [UInt8] {
        try fill(libdeflate_zlib_compress_bound(compressor, content.count)) { buffer in
            libdeflate_zlib_compress(compressor, content.baseAddress, content.count, buffer.baseAddress, buffer.count)
        }
    }

    private func fill(
        _ bound: Int, _ compress: (UnsafeMutableBufferPointer<UInt8>) -> Int
    ) throws(PackageError) -> [UInt8] {
        let result = [UInt8](unsafeUninitializedCapacity: bound) { buffer, filled in filled = compress(buffer) }
        // 0 says that the room was too small, which the bound rules out.
        guard !result.isEmpty else { throw .compressor(detail: "libdeflate gave nothing") }
        return result
    }
}

/// The CRC-32 that ends a gzip member (RFC 1952).
struct GzipChecksum {
    private(set) var value: UInt32

    /// That of nothing, or one that goes on from `value`.
    init(value: UInt32 = 0) { self.value = value }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        value = libdeflate_crc32(value, bytes.baseAddress, bytes.count)
    }
}
