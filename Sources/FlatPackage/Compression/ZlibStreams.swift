import CZlib

/// zlib's deflate over a stream: for what is too large to hold at once.
final class StreamingDeflate {
    /// What zlib writes around the deflated bytes.
    enum Wrapping: CInt {
        case none = -15
        case zlib = 15
    }

    /// The version that is linked; another version may give other bytes.
    static var version: String { "zlib \(String(cString: zlibVersion()))" }

    // On the heap, because zlib keeps a pointer to it and refuses a stream that moved.
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)

    init(level: CInt, wrapping: Wrapping) throws(PackageError) {
        stream.initialize(to: z_stream())
        let result = czlib_deflate_init(stream, level, wrapping.rawValue)
        guard result == Z_OK else { throw .compressor(detail: "zlib cannot begin to deflate (\(result))") }
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
        piece.deallocate()
    }

    /// Deflates `bytes` and gives `sink` what has become ready.
    func write(
        _ bytes: UnsafeRawBufferPointer, to sink: (UnsafeRawBufferPointer) throws(PackageError) -> Void
    ) throws(PackageError) {
        var rest = bytes
        while !rest.isEmpty {
            let taken = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
            try run(taken, Z_NO_FLUSH, sink)
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(taken.count))
        }
    }

    /// Ends the stream and gives `sink` what is left of it.
    func finish(to sink: (UnsafeRawBufferPointer) throws(PackageError) -> Void) throws(PackageError) {
        try run(UnsafeRawBufferPointer(start: nil, count: 0), Z_FINISH, sink)
    }

    private func run(
        _ input: UnsafeRawBufferPointer, _ flush: CInt,
        _ sink: (UnsafeRawBufferPointer) throws(PackageError) -> Void
    ) throws(PackageError) {
        stream.pointee.next_in = input.zlibInput
        stream.pointee.avail_in = uInt(input.count)
        repeat {
            stream.pointee.next_out = piece.baseAddress?.assumingMemoryBound(to: Bytef.self)
            stream.pointee.avail_out = uInt(piece.count)
            let result = deflate(stream, flush)
            guard result != Z_STREAM_ERROR else { throw .compressor(detail: "zlib cannot go on (\(result))") }
            let ready = piece.count - Int(stream.pointee.avail_out)
            if ready > 0 { try sink(UnsafeRawBufferPointer(rebasing: piece[..<ready])) }
        } while stream.pointee.avail_out == 0
    }
}

/// Inflates another stream, which nobody has to trust: no more than `limit` bytes come out of it.
final class InflatingStream: ByteStream {
    /// What stands around the deflated bytes.
    enum Wrapping: CInt {
        case zlib = 15
        case gzip = 31
    }

    private let source: any ByteStream
    private let limit: Int64
    private let part: PackagePart
    private let place: String
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    private var produced: Int64 = 0
    private var hasEnded = false

    /// - Parameters:
    ///   - limit: one byte more than this is `.exceedsLimit`.
    ///   - part: what the bytes are said to be, for the error when they are not.
    init(
        _ source: any ByteStream, _ wrapping: Wrapping, limit: Int64, part: PackagePart, place: String
    ) throws(PackageError) {
        self.source = source
        self.limit = limit
        self.part = part
        self.place = place
        stream.initialize(to: z_stream())
        let result = czlib_inflate_init(stream, wrapping.rawValue)
        guard result == Z_OK else { throw .compressor(detail: "zlib cannot begin to inflate (\(result))") }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        piece.deallocate()
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(PackageError) -> Int {
        let room = min(buffer.count, 1 << 30)
        stream.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: Bytef.self)
        stream.pointee.avail_out = uInt(room)
        // A deflate stream can go on for long without giving a byte; its input is bounded, so this ends.
        while !hasEnded, Int(stream.pointee.avail_out) == room { try step() }
        let count = room - Int(stream.pointee.avail_out)
        produced += Int64(count)
        guard produced <= limit else {
            throw .exceedsLimit(place: place, what: "the number of bytes that it inflates to", limit: limit)
        }
        return count
    }

    /// What follows the compressed stream. Reads the source to its end.
    func trailingBytes() throws(PackageError) -> TrailingBytes {
        var found = TrailingBytes.none
        if let next = stream.pointee.next_in {
            found.add(UnsafeRawBufferPointer(start: next, count: Int(stream.pointee.avail_in)))
            stream.pointee.avail_in = 0
        }
        try source.forEachPiece { (piece) throws(PackageError) in found.add(piece) }
        return found
    }

    private func step() throws(PackageError) {
        if stream.pointee.avail_in == 0 {
            let count = try source.read(into: piece)
            guard count > 0 else { throw .malformed(part, place: place, reason: "it ends in the middle") }
            stream.pointee.next_in = UnsafeRawBufferPointer(piece).zlibInput
            stream.pointee.avail_in = uInt(count)
        }
        switch inflate(stream, Z_NO_FLUSH) {
        case Z_OK: break
        case Z_STREAM_END: hasEnded = true
        default:
            let detail = stream.pointee.msg.map { String(cString: $0) } ?? "not a compressed stream"
            throw .malformed(part, place: place, reason: detail)
        }
    }
}

/// What stands after the end of something.
enum TrailingBytes: Equatable {
    case none
    case zeros
    case other

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        if bytes.isEmpty || self == .other { return }
        self = bytes.isAllZero ? .zeros : .other
    }
}

extension UnsafeRawBufferPointer {
    var isAllZero: Bool {
        var index = 0
        while index < count {
            if self[index] != 0 { return false }
            index += 1
        }
        return true
    }

    /// zlib's headers do not say that it only reads its input.
    fileprivate var zlibInput: UnsafeMutablePointer<Bytef>? {
        UnsafeMutableRawPointer(mutating: baseAddress)?.assumingMemoryBound(to: Bytef.self)
    }
}
