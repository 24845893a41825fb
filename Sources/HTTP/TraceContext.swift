public import System

/// The place of a request in a trace, as `traceparent` tells it.
///
/// Source: W3C Trace Context, `00-` 32 hexadecimal digits `-` 16 `-` 2, all lower case, neither id of zeros alone.
public struct TraceContext: Sendable, Equatable {
    /// `traceparent` of the span that is this request's work.
    public let text: String

    /// The trace's 32 digits.
    public var traceID: String { String(decoding: Array(text.utf8)[3..<35], as: UTF8.self) }

    /// Goes on with the trace of a `traceparent`, or begins one where that is none.
    public init(continuing parent: [UInt8]?, random: RandomSource) {
        let bytes = random.bytes(24)
        let span = Self.hexadecimal(Array(bytes[..<8]))
        if let parent, Self.isWellFormed(parent) {
            text =
                "00-" + String(decoding: parent[3..<35], as: UTF8.self) + "-" + span + "-"
                + String(decoding: parent[53..<55], as: UTF8.self)
        } else {
            text = "00-" + Self.hexadecimal(Array(bytes[8...])) + "-" + span + "-00"
        }
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

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            text.append(digit(byte >> 4))
            text.append(digit(byte & 15))
        }
        // All zeros stand for no id.
        if !text.contains(where: { $0 != 0x30 }), let last = text.indices.last { text[last] = 0x31 }
        return String(decoding: text, as: UTF8.self)
    }
}
