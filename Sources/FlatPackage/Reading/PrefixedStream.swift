/// A stream whose first bytes were looked at and are given again.
final class PrefixedStream: ByteStream {
    private var prefix: ArraySlice<UInt8>
    private let rest: any ByteStream

    private init(prefix: [UInt8], rest: any ByteStream) {
        self.prefix = prefix[...]
        self.rest = rest
    }

    /// A stream with the same bytes as `stream`, and the form of payload that they begin.
    static func opening(_ stream: any ByteStream) throws(PackageError) -> (stream: PrefixedStream, form: PayloadForm) {
        var prefix: [UInt8] = []
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: PayloadForm.prefixByteCount, alignment: 1)
        defer { piece.deallocate() }
        while prefix.count < PayloadForm.prefixByteCount {
            let room = UnsafeMutableRawBufferPointer(rebasing: piece[prefix.count...])
            let count = try stream.read(into: room)
            if count == 0 { break }
            prefix.append(contentsOf: room.prefix(count))
        }
        return (PrefixedStream(prefix: prefix, rest: stream), PayloadForm(prefix: prefix))
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(PackageError) -> Int {
        guard !prefix.isEmpty else { return try rest.read(into: buffer) }
        let taken = prefix.prefix(buffer.count)
        buffer.copyBytes(from: taken)
        prefix = prefix.dropFirst(taken.count)
        return taken.count
    }
}
