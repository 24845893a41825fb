import Crypto
import System

/// Bytes that are read once, from start to end, as many at a time as the reader asks for.
protocol ByteStream: AnyObject {
    /// Fills `buffer`, which is not empty, from its start; the number of bytes filled, 0 only at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(PackageError) -> Int
}

extension ByteStream {
    /// Reads to the end, at most `limit` bytes.
    func readAll(limit: Int, place: String) throws(PackageError) -> [UInt8] {
        var all: [UInt8] = []
        try forEachPiece { (piece) throws(PackageError) in
            guard piece.count <= limit - all.count else {
                throw .exceedsLimit(place: place, what: "its size in bytes", limit: Int64(limit))
            }
            all.append(contentsOf: piece)
        }
        return all
    }

    /// Calls `body` with everything up to the end.
    func forEachPiece(
        _ body: (UnsafeRawBufferPointer) throws(PackageError) -> Void
    ) throws(PackageError) {
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
        defer { piece.deallocate() }
        while true {
            let count = try read(into: piece)
            if count == 0 { return }
            try body(UnsafeRawBufferPointer(rebasing: piece[..<count]))
        }
    }
}

/// Bytes in memory as a stream.
final class BytesStream: ByteStream {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(PackageError) -> Int {
        let count = min(buffer.count, bytes.count - position)
        buffer.copyBytes(from: bytes[position..<(position + count)])
        position += count
        return count
    }
}

/// A part of a file as a stream; a file that turns out shorter is an error.
final class FileStream: ByteStream {
    private let file: File
    private var offset: Int64
    private var left: Int64

    /// - Precondition: `offset` and `byteCount` lie inside the file as its status told.
    init(_ file: File, offset: Int64, byteCount: Int64) {
        self.file = file
        self.offset = offset
        left = byteCount
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(PackageError) -> Int {
        guard left > 0 else { return 0 }
        let wanted = UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(Int(clamping: left)))
        let count = try onDisk { () throws(SystemError) in try file.read(into: wanted, at: offset) }
        guard count == wanted.count else {
            throw .source(path: file.path, detail: "it became shorter while it was read")
        }
        offset += Int64(count)
        left -= Int64(count)
        return count
    }
}

/// Passes on what it reads and keeps count and digests of it.
final class DigestingStream: ByteStream {
    private let source: any ByteStream
    private let hashes: [(algorithm: HashAlgorithm, hash: Hash)]
    private(set) var byteCount: Int64 = 0

    init(_ source: any ByteStream, _ algorithms: Set<HashAlgorithm>) {
        self.source = source
        hashes = algorithms.map { ($0, Hash($0)) }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(PackageError) -> Int {
        let count = try source.read(into: buffer)
        let filled = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        for (_, hash) in hashes { hash.update(filled) }
        byteCount += Int64(count)
        return count
    }

    /// The digests of all that was read. The stream is used up.
    func finish() -> [HashAlgorithm: [UInt8]] {
        var digests: [HashAlgorithm: [UInt8]] = [:]
        for (algorithm, hash) in hashes { digests[algorithm] = hash.finish() }
        return digests
    }
}
