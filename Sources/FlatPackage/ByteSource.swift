public import System

/// Where the bytes of a file come from. They are read from start to end, possibly several times.
///
/// A source that gives more or fewer bytes than `byteCount` is refused by whoever reads it, since the number stands in
/// the package before the first byte does.
public protocol ByteSource: Sendable {
    /// How many bytes `read` gives.
    var byteCount: Int64 { get }

    /// Calls `body` with all bytes in order, in pieces of any size.
    ///
    /// - Throws: `.source` when it cannot, and whatever `body` throws.
    func read(_ body: (UnsafeRawBufferPointer) throws(PackageError) -> Void) throws(PackageError)
}

/// Bytes that are in memory.
public struct BytesSource: ByteSource {
    /// The bytes.
    public let bytes: [UInt8]

    /// A source of `bytes`.
    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Their number.
    public var byteCount: Int64 { Int64(bytes.count) }

    /// Calls `body` once with all of them, or not at all when there are none.
    public func read(_ body: (UnsafeRawBufferPointer) throws(PackageError) -> Void) throws(PackageError) {
        if !bytes.isEmpty { try bytes.withRawBytes(body) }
    }
}

/// A part of an open file. At most 256 KiB of it are in memory at a time.
public struct FileSource: ByteSource {
    private static let pieceByteCount: Int64 = 256 << 10

    private let file: File
    private let offset: Int64
    /// The number of bytes that the part is long.
    public let byteCount: Int64

    /// The `byteCount` bytes of `file` from `offset`; the file may be longer, and is refused if it is shorter.
    public init(_ file: File, offset: Int64 = 0, byteCount: Int64) {
        self.file = file
        self.offset = offset
        self.byteCount = byteCount
    }

    /// Calls `body` with the bytes in order.
    public func read(_ body: (UnsafeRawBufferPointer) throws(PackageError) -> Void) throws(PackageError) {
        guard offset >= 0, byteCount >= 0, !offset.addingReportingOverflow(byteCount).overflow else {
            throw .source(path: file.path, detail: "it has no \(byteCount) bytes at offset \(offset)")
        }
        let piece = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Int(min(byteCount, Self.pieceByteCount)), alignment: 16)
        defer { piece.deallocate() }
        var done: Int64 = 0
        while done < byteCount {
            let wanted = UnsafeMutableRawBufferPointer(rebasing: piece.prefix(Int(clamping: byteCount - done)))
            let count: Int
            do { count = try file.read(into: wanted, at: offset + done) } catch {
                throw .source(path: file.path, detail: error.description)
            }
            guard count == wanted.count else {
                throw .source(
                    path: file.path,
                    detail: "it ends after \(done + Int64(count)) of \(byteCount) bytes; it changed while it was read")
            }
            try body(UnsafeRawBufferPointer(wanted))
            done += Int64(count)
        }
    }
}

extension ByteSource {
    /// As `read`, and refuses a source that does not keep to its `byteCount`; `path` is for the message.
    func readExactly(
        path: @autoclosure () -> String, _ body: (UnsafeRawBufferPointer) throws(PackageError) -> Void
    ) throws(PackageError) {
        var done: Int64 = 0
        try read { (piece) throws(PackageError) in
            done += Int64(piece.count)
            guard done <= byteCount else {
                throw .source(path: path(), detail: "it gives more than its \(byteCount) bytes; it changed meanwhile")
            }
            try body(piece)
        }
        guard done == byteCount else {
            throw .source(path: path(), detail: "it gives \(done) of its \(byteCount) bytes; it changed meanwhile")
        }
    }
}
