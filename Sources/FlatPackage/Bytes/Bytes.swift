import System

extension [UInt8] {
    /// As `withUnsafeBytes`, which does not know typed throws.
    func withRawBytes<Result>(
        _ body: (UnsafeRawBufferPointer) throws(PackageError) -> Result
    ) throws(PackageError) -> Result {
        try withUnsafeBufferPointer { (bytes) throws(PackageError) in try body(UnsafeRawBufferPointer(bytes)) }
    }

    /// Adds `value`, most significant byte first.
    mutating func append(bigEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    /// Adds `value`, least significant byte first.
    mutating func append(littleEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }

    /// Whether these are exactly the bytes of `text`: no normalisation, unlike `String`'s equality.
    func equals(_ text: StaticString) -> Bool {
        elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// As text, for messages and for values that were checked to be UTF-8.
    var text: String { String(decoding: self, as: UTF8.self) }
}

/// Whether `left` comes before `right` in byte order, a prefix before what it begins.
///
/// `lexicographicallyPrecedes` goes byte by byte through a generic; a payload of 200,000 paths that begin alike is
/// sorted several times faster eight bytes at a time.
func precedes(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.withUnsafeBytes { left in
        right.withUnsafeBytes { right in
            let shared = min(left.count, right.count)
            var index = 0
            while index + 8 <= shared {
                let first = left.loadUnaligned(fromByteOffset: index, as: UInt64.self).bigEndian
                let second = right.loadUnaligned(fromByteOffset: index, as: UInt64.self).bigEndian
                if first != second { return first < second }
                index += 8
            }
            while index < shared {
                if left[index] != right[index] { return left[index] < right[index] }
                index += 1
            }
            return left.count < right.count
        }
    }
}

/// A stretch of foreign bytes, read at checked offsets: what lies outside is an error and never a trap.
struct BinaryView {
    let bytes: [UInt8]
    let range: Range<Int>
    let part: PackagePart
    let place: String

    init(_ bytes: [UInt8], part: PackagePart, place: String) {
        self.init(bytes: bytes, range: 0..<bytes.count, part: part, place: place)
    }

    private init(bytes: [UInt8], range: Range<Int>, part: PackagePart, place: String) {
        self.bytes = bytes
        self.range = range
        self.part = part
        self.place = place
    }

    var count: Int { range.count }

    /// The `count` bytes from `offset`.
    func part(_ offset: Int, _ count: Int, _ what: @autoclosure () -> String) throws(PackageError) -> BinaryView {
        guard offset >= 0, count >= 0, offset <= range.count, count <= range.count - offset else {
            throw malformed("\(what()) lies outside (\(count) bytes at \(offset) of \(range.count))")
        }
        let start = range.lowerBound + offset
        return BinaryView(bytes: bytes, range: start..<(start + count), part: part, place: place)
    }

    func u8(_ offset: Int) throws(PackageError) -> UInt8 { try integer(offset) }
    func u16(_ offset: Int) throws(PackageError) -> UInt16 { try integer(offset) }
    func u32(_ offset: Int) throws(PackageError) -> UInt32 { try integer(offset) }
    func u64(_ offset: Int) throws(PackageError) -> UInt64 { try integer(offset) }

    var array: [UInt8] { Array(bytes[range]) }

    func malformed(_ reason: String) -> PackageError { .malformed(part, place: place, reason: reason) }

    private func integer<Integer: FixedWidthInteger>(_ offset: Int) throws(PackageError) -> Integer {
        let size = MemoryLayout<Integer>.size
        guard offset >= 0, offset <= range.count - size else { throw malformed("it ends in the middle of a number") }
        return bytes.withUnsafeBytes { bytes in
            Integer(bigEndian: bytes.loadUnaligned(fromByteOffset: range.lowerBound + offset, as: Integer.self))
        }
    }
}
