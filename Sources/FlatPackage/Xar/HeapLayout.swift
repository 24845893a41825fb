import System

/// How an archive's heap is filled: what overlaps, what nobody refers to, and what follows the last member.
struct HeapLayout {
    /// What stands after the last slice.
    enum Tail: Equatable {
        case none
        /// A notarisation ticket, as Apple's stapler appends it.
        case stapledTicket
        /// Bytes that belong to nothing.
        case stray(byteCount: Int64)
    }

    /// Names of slices that share bytes with another one.
    private(set) var overlapping: [String] = []
    /// Bytes between slices that nobody refers to.
    private(set) var gapByteCount: Int64 = 0
    let tail: Tail

    init(_ archive: XarReader) throws(PackageError) {
        let table = archive.table
        var slices: [(slice: HeapSlice, name: String)] = []
        if let checksum = table.checksum { slices.append((checksum.slice, "the checksum")) }
        slices += table.signatures.map { ($0.slice, "a signature") }
        slices += table.members.map { ($0.slice, $0.path) }
        slices = slices.filter { $0.slice.byteCount > 0 }.sorted { $0.slice.offset < $1.slice.offset }
        // Slots of extended attributes fill gaps and cannot overlap: shipped packages have wrong ones.
        var attributes = table.members.flatMap(\.attributeSlices).sorted { $0.offset < $1.offset }[...]

        var end: Int64 = 0
        func fillGap(upTo next: Int64) {
            while let slot = attributes.first, slot.offset <= end || slot.offset < next {
                attributes.removeFirst()
                if slot.offset <= end { end = max(end, min(slot.end, next)) }
            }
        }
        for (slice, name) in slices {
            if slice.offset < end { overlapping.append(name) }
            if slice.offset > end { fillGap(upTo: slice.offset) }
            if slice.offset > end { gapByteCount += slice.offset - end }
            end = max(end, slice.end)
        }
        fillGap(upTo: .max)
        tail = try Self.tail(archive, from: end)
    }

    /// A ticket's trailer is a chain of records of 16 bytes, read from the file's end, numbers little-endian: `t8lr`,
    /// version 1, type (2 bytes), length, zero. Type 2 follows the ticket and has its length; type 1 begins the chain.
    private static func tail(_ archive: XarReader, from end: Int64) throws(PackageError) -> Tail {
        let heapByteCount = archive.byteCount - archive.heapOffset
        var left = heapByteCount - end
        guard left > 0 else { return .none }
        let stray = Tail.stray(byteCount: left)
        var hasTicket = false
        while left > 0 {
            guard left >= 16 else { return stray }
            let record = try archive.stream(HeapSlice(offset: end + left - 16, byteCount: 16))
                .readAll(limit: 16, place: archive.file.path)
            guard record.count == 16, record.prefix(6).elementsEqual([0x74, 0x38, 0x6C, 0x72, 1, 0]),
                record.suffix(4).elementsEqual([0, 0, 0, 0])
            else { return stray }
            let length = record[8..<12].reversed().reduce(Int64(0)) { $0 << 8 | Int64($1) }
            left -= 16
            switch (record[6], record[7], length) {
            case (1, 0, 0): guard left == 0 else { return stray }
            case (2, 0, _) where !hasTicket && length > 0 && length <= left:
                hasTicket = true
                left -= length
            default: return stray
            }
        }
        return hasTicket ? .stapledTicket : stray
    }
}
