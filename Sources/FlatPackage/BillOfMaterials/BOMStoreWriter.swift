/// Writes the container of a bill of materials: numbered blocks, an index of them, and named variables.
///
/// | offset | bytes | field                                  |
/// |-------:|------:|----------------------------------------|
/// |      0 |     8 | `BOMStore`                             |
/// |      8 |     4 | version 1                              |
/// |     12 |     4 | number of blocks that are not null     |
/// |     16 |     8 | offset and length of the index         |
/// |     24 |     8 | offset and length of the variables     |
///
/// All integers are big-endian. The header fills 512 bytes, as in Apple's files. Block 0 is null. After the index
/// stands the list of free ranges, empty here, and two empty pairs that count as part of the index.
///
/// Source: Apple publishes none; after the bytes of packages that its tools made.
struct BOMStoreWriter {
    static let headerByteCount = 512

    private var body: [UInt8] = []
    private var blocks: [(address: UInt32, byteCount: UInt32)] = [(0, 0)]

    /// The number that the next block gets.
    var nextBlock: UInt32 { UInt32(blocks.count) }

    /// Adds a block, filled up with zeros to `paddedTo` bytes; its number.
    @discardableResult
    mutating func add(_ content: [UInt8], paddedTo minimum: Int = 0) -> UInt32 {
        let number = nextBlock
        let start = body.count
        body += content
        if content.count < minimum { body += [UInt8](repeating: 0, count: minimum - content.count) }
        blocks.append((UInt32(Self.headerByteCount + start), UInt32(body.count - start)))
        return number
    }

    /// The whole file, with `variables` naming blocks.
    consuming func finish(variables: [(name: StaticString, block: UInt32)]) -> [UInt8] {
        var names: [UInt8] = []
        names.append(bigEndian: UInt32(variables.count))
        for (name, block) in variables {
            names.append(bigEndian: block)
            names.append(UInt8(name.utf8CodeUnitCount))
            names += UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        }
        var index: [UInt8] = []
        index.reserveCapacity(24 + blocks.count * 8)
        index.append(bigEndian: UInt32(blocks.count))
        for block in blocks {
            index.append(bigEndian: block.address)
            index.append(bigEndian: block.byteCount)
        }
        index.append(bigEndian: UInt32(0))
        index += [UInt8](repeating: 0, count: 16)

        let namesOffset = Self.headerByteCount + body.count
        var file = Array("BOMStore".utf8)
        for value in [1, blocks.count - 1, namesOffset + names.count, index.count, namesOffset, names.count] {
            file.append(bigEndian: UInt32(value))
        }
        file += [UInt8](repeating: 0, count: Self.headerByteCount - file.count)
        return file + body + names + index
    }
}
