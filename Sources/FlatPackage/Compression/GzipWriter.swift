/// Writes one gzip member, as Apple's tools write it: no name, no time, system 3 (Unix).
///
/// Small content is gathered and compressed at once, large content is streamed; see `PackageCompression`.
final class GzipWriter {
    private let output: SpooledOutput
    private let deflate: StreamingDeflate?
    private var gathered: [UInt8] = []
    private var checksum = GzipChecksum()
    /// Content written so far, in bytes.
    private(set) var contentByteCount: Int64 = 0

    /// A member with `contentByteCount` bytes of content, written to `output`.
    init(
        contentByteCount: Int64, to output: SpooledOutput, oneShotLimit: Int = PackageCompression.oneShotLimit
    ) throws(PackageError) {
        self.output = output
        if contentByteCount <= Int64(oneShotLimit) {
            deflate = nil
            gathered.reserveCapacity(Int(contentByteCount))
        } else {
            deflate = try StreamingDeflate(level: PackageCompression.level, wrapping: .none)
        }
        // magic, deflate, no flags, no time, no extra flags, system Unix (RFC 1952)
        try output.write([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3])
    }

    /// Adds content.
    func write(_ bytes: UnsafeRawBufferPointer) throws(PackageError) {
        checksum.update(bytes)
        contentByteCount += Int64(bytes.count)
        if let deflate {
            try deflate.write(bytes, to: output.write)
        } else {
            gathered.append(contentsOf: bytes)
        }
    }

    /// Ends the member.
    func finish() throws(PackageError) {
        if let deflate {
            try deflate.finish(to: output.write)
        } else {
            let compressor = try OneShotDeflate(level: PackageCompression.level)
            try output.write(
                try gathered.withRawBytes { (content) throws(PackageError) in try compressor.deflate(content) })
            gathered = []
        }
        var trailer: [UInt8] = []
        trailer.append(littleEndian: checksum.value)
        trailer.append(littleEndian: UInt32(truncatingIfNeeded: contentByteCount))
        try output.write(trailer)
    }
}
