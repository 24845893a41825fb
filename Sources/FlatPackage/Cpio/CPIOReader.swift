/// Reads a cpio archive from a stream, member after member. Nothing is trusted and nothing is held but one name.
///
/// Only the portable ASCII form is read: Installer takes no other.
final class CPIOReader {
    /// One member; its content follows and is taken by `forEachPiece` or skipped by the next `next()`.
    struct Member {
        let header: CPIOHeader
        /// As the archive spells it, without the final NUL.
        let name: [UInt8]
    }

    /// Longer names are refused: macOS has none.
    private static let maximumNameByteCount: UInt64 = 4096
    /// Writers fill up to their block size, which is at most this.
    private static let maximumPaddingByteCount = 1 << 20

    private let stream: any ByteStream
    private let place: String
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
    /// The part of `buffer` that was read and not taken.
    private var unread = 0..<0
    private var contentLeft: UInt64 = 0
    private var isAtEnd = false

    init(_ stream: any ByteStream, place: String) {
        self.stream = stream
        self.place = place
    }

    deinit { buffer.deallocate() }

    /// The next member; nil at the trailer, after which nothing but zero bytes may follow.
    func next() throws(PackageError) -> Member? {
        if isAtEnd { return nil }
        try forEachPiece { (_) throws(PackageError) in }
        let header = try header()
        guard (1...Self.maximumNameByteCount).contains(header.nameByteCount) else {
            throw malformed("a name has \(header.nameByteCount) bytes")
        }
        let bytes = [UInt8](try take(Int(header.nameByteCount)))
        guard bytes.last == 0, bytes.firstIndex(of: 0) == bytes.count - 1 else {
            throw malformed("a name does not end in its only NUL byte")
        }
        let member = Member(header: header, name: Array(bytes.dropLast()))
        if member.name == CPIOHeader.trailerName {
            isAtEnd = true
            try checkPadding()
            return nil
        }
        contentLeft = header.byteCount
        return member
    }

    /// Calls `body` with what is left of the member's content.
    func forEachPiece(_ body: (UnsafeRawBufferPointer) throws(PackageError) -> Void) throws(PackageError) {
        while contentLeft > 0 {
            if unread.isEmpty { try refill() }
            let count = Int(min(UInt64(unread.count), contentLeft))
            let piece = UnsafeRawBufferPointer(
                rebasing: buffer[unread.lowerBound..<(unread.lowerBound + count)])
            unread = (unread.lowerBound + count)..<unread.upperBound
            contentLeft -= UInt64(count)
            try body(piece)
        }
    }

    private func header() throws(PackageError) -> CPIOHeader {
        let bytes = try take(CPIOHeader.byteCount)
        do { return try CPIOHeader(bytes) } catch {
            switch error {
            case .magic: throw malformed("a member does not begin with 070707, the only form that Installer reads")
            case .notOctal: throw malformed("a header holds something else than octal digits")
            }
        }
    }

    /// `count` bytes in one piece, valid until the next call.
    ///
    /// - Precondition: `count` is at most the buffer's size.
    private func take(_ count: Int) throws(PackageError) -> UnsafeRawBufferPointer {
        if unread.count < count {
            // Move what is there to the front, where the rest can follow it.
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[unread]))
            unread = 0..<unread.count
            while unread.count < count { try readMore() }
        }
        let taken = UnsafeRawBufferPointer(rebasing: buffer[unread.lowerBound..<(unread.lowerBound + count)])
        unread = (unread.lowerBound + count)..<unread.upperBound
        return taken
    }

    private func refill() throws(PackageError) {
        unread = 0..<0
        try readMore()
    }

    private func readMore() throws(PackageError) {
        let count = try stream.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[unread.upperBound...]))
        guard count > 0 else { throw malformed("it ends before its trailer") }
        unread = unread.lowerBound..<(unread.upperBound + count)
    }

    private func checkPadding() throws(PackageError) {
        var padding = unread.count
        var isZero = UnsafeRawBufferPointer(rebasing: buffer[unread]).isAllZero
        try stream.forEachPiece { (piece) throws(PackageError) in
            padding += piece.count
            isZero = isZero && piece.isAllZero
            guard isZero, padding <= Self.maximumPaddingByteCount else { throw wrongPadding }
        }
        guard isZero, padding <= Self.maximumPaddingByteCount else { throw wrongPadding }
    }

    private var wrongPadding: PackageError {
        malformed("its trailer is followed by something else than a few zero bytes")
    }

    private func malformed(_ reason: String) -> PackageError { .malformed(.cpio, place: place, reason: reason) }
}
