import Crypto
import System

/// Digest and length of an open file, read from its start to its end, a piece at a time.
struct ContentMeasure {
    private static let pieceByteCount = 1 << 20
    private let file: File
    private let hash = Hash(.sha256)
    private var byteCount: Int64 = 0

    init(of file: File) { self.file = file }

    /// Reads one more piece; false at the end.
    mutating func step() throws(SystemError) -> Bool {
        let piece = try file.read(Self.pieceByteCount, at: byteCount)
        hash.update(piece)
        byteCount += Int64(piece.count)
        return piece.count == Self.pieceByteCount
    }

    /// What the file holds, once `step` has said that its end is reached.
    consuming func finish() -> ArtifactContent {
        ArtifactContent(digest: SHA256Digest(finishing: hash), byteCount: byteCount)
    }

    /// What `file` holds, read in one go.
    static func measure(_ file: File) throws(SystemError) -> ArtifactContent {
        var measure = ContentMeasure(of: file)
        while try measure.step() {}
        return measure.finish()
    }
}
