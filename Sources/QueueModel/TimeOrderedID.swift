public import System

/// A name for ever: a UUID of version 7 (RFC 9562), whose first 48 bits are the time at which it was made. A job's id is
/// another type than a batch's.
///
/// Whoever submits makes it, so that a submission whose answer was lost can be sent again.
public struct TimeOrderedID<Subject>: Hashable, Sendable, LosslessStringConvertible {
    private let high: UInt64
    private let low: UInt64

    /// A new id; `time` outside the 48 bits of the format is brought to its nearest end.
    public init(at time: Timestamp, random: RandomSource) {
        let bytes = random.bytes(10)
        let milliseconds = UInt64(min(max(time.milliseconds, 0), 1 << 48 - 1))
        high = milliseconds << 16 | 0x7000 | word(bytes.prefix(2)) & 0x0FFF
        low = 0x8000_0000_0000_0000 | word(bytes.suffix(8)) & 0x3FFF_FFFF_FFFF_FFFF
    }

    /// The id in its one spelling: 36 bytes, lower-case, version 7; nil for any other text.
    public init?(_ text: String) {
        let characters = Array(text.utf8)
        guard characters.count == 36 else { return nil }
        var digits: [UInt8] = []
        for (index, byte) in characters.enumerated() {
            if [8, 13, 18, 23].contains(index) {
                guard byte == 0x2D else { return nil }
            } else {
                guard let digit = hexadecimalValue(of: byte) else { return nil }
                digits.append(digit)
            }
        }
        self.init(bytes: stride(from: 0, to: 32, by: 2).map { digits[$0] << 4 | digits[$0 + 1] })
    }

    /// The id of 16 bytes; nil for another number of them, another version or another variant.
    init?(bytes: [UInt8]) {
        guard bytes.count == 16, bytes[6] >> 4 == 7, bytes[8] >> 6 == 0b10 else { return nil }
        high = word(bytes.prefix(8))
        low = word(bytes.suffix(8))
    }

    /// The 16 bytes, in whose order ids of different milliseconds are in order of time.
    var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 16) { buffer, count in
            for index in 0..<8 {
                buffer[index] = UInt8(truncatingIfNeeded: high >> UInt64(56 - 8 * index))
                buffer[index + 8] = UInt8(truncatingIfNeeded: low >> UInt64(56 - 8 * index))
            }
            count = 16
        }
    }

    /// The one spelling.
    public var description: String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text.append(0x2D) }
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}

extension Job {
    /// A job's name.
    public typealias ID = TimeOrderedID<Job>
}

extension Batch {
    /// A batch's name.
    public typealias ID = TimeOrderedID<Batch>
}

private func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

/// The value of a lower-case hexadecimal digit.
func hexadecimalValue(of byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
}
