public import System

/// The place of a request in a trace, as `traceparent` tells it.
///
/// Source: W3C Trace Context, `00-` 32 hexadecimal digits `-` 16 `-` 2, all lower case, neither id of zeros alone.
public struct TraceContext: Sendable, Equatable {
    private let bytes: [UInt8]

    /// `traceparent` of the span that is this request's work.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The trace's 32 digits.
    public var traceID: String { String(decoding: traceIDBytes, as: UTF8.self) }

    /// The same as bytes.
    public var traceIDBytes: ArraySlice<UInt8> { bytes[3..<35] }

    /// Goes on with the trace of a `traceparent`, or begins one where that is none.
    public init(continuing parent: [UInt8]?, random: RandomSource) {
        let random = random.bytes(24)
        let parent = parent.flatMap { Self.isWellFormed($0) ? $0 : nil }
        let dash = UInt8(ascii: "-")
        var bytes: [UInt8] = []
        bytes.reserveCapacity(55)
        bytes += [0x30, 0x30, dash]
        if let parent { bytes += parent[3..<35] } else { Self.writeID(random[8...], to: &bytes) }
        bytes.append(dash)
        Self.writeID(random[..<8], to: &bytes)
        bytes.append(dash)
        if let parent { bytes += parent[53..<55] } else { bytes += [0x30, 0x30] }
        self.bytes = bytes
    }

    private static func isWellFormed(_ bytes: [UInt8]) -> Bool {
        func isHexadecimal(_ range: Range<Int>) -> Bool {
            bytes[range].allSatisfy { ASCII.isDigit($0) || (0x61...0x66).contains($0) }
        }
        let zero = UInt8(ascii: "0"), dash = UInt8(ascii: "-")
        // Later versions may say more behind what this one says.
        guard bytes.count == 55 || bytes.count > 55 && bytes[55] == dash, bytes[2] == dash, bytes[35] == dash,
            bytes[52] == dash, isHexadecimal(0..<2), isHexadecimal(3..<35), isHexadecimal(36..<52),
            isHexadecimal(53..<55)
        else { return false }
        let version = (bytes[0], bytes[1])
        guard version != (0x66, 0x66), version != (zero, zero) || bytes.count == 55 else { return false }
        return bytes[3..<35].contains { $0 != zero } && bytes[36..<52].contains { $0 != zero }
    }

    private static func writeID(_ id: ArraySlice<UInt8>, to text: inout [UInt8]) {
        func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
        for byte in id {
            text.append(digit(byte >> 4))
            text.append(digit(byte & 15))
        }
        // All zeros stand for no id.
        if id.allSatisfy({ $0 == 0 }), let last = text.indices.last { text[last] = 0x31 }
    }
}
