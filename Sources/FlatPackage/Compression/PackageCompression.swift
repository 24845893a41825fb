/// How packages are compressed. The choice between the two compressors depends on the content's size alone, so that
/// the same content always gives the same bytes.
public enum PackageCompression {
    /// What decides the compressed bytes besides the content: the libraries with their versions, and the level.
    ///
    /// Whoever promises equal bytes for equal requests puts this into the request's digest.
    public static var identity: String {
        "\(OneShotDeflate.version), \(StreamingDeflate.version), level \(level), one shot to \(oneShotLimit)"
    }

    /// Up to this many bytes libdeflate compresses them at once; beyond, zlib streams.
    static let oneShotLimit = 64 << 20
    static let level: Int32 = 6

    /// `content` as a zlib stream.
    static func zlib(_ content: [UInt8], oneShotLimit: Int = oneShotLimit) throws(PackageError) -> [UInt8] {
        try content.withRawBytes { (content) throws(PackageError) in
            if content.count <= oneShotLimit { return try OneShotDeflate(level: level).zlib(content) }
            let deflate = try StreamingDeflate(level: level, wrapping: .zlib)
            var result: [UInt8] = []
            try deflate.write(content) { (piece) throws(PackageError) in result.append(contentsOf: piece) }
            try deflate.finish { (piece) throws(PackageError) in result.append(contentsOf: piece) }
            return result
        }
    }
}
