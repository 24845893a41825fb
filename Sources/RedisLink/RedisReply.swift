/// What a server answers.
public enum RedisReply: Sendable, Equatable {
    /// A bulk string or a status.
    case bytes([UInt8])
    /// A number.
    case integer(Int64)
    /// Nothing is there.
    case nothing
    /// Several replies.
    case array([RedisReply])
    /// A refusal inside an array; a command's own refusal is thrown.
    case refusal(String)

    /// The bytes of a string or a status; nil for anything else.
    public var bytes: [UInt8]? { if case .bytes(let bytes) = self { bytes } else { nil } }

    /// The number, or the string that is one; nil for anything else.
    public var integer: Int64? {
        switch self {
        case .integer(let number): number
        case .bytes(let bytes): decimal(bytes)
        case .nothing, .array, .refusal: nil
        }
    }

    /// The parts of an array; nil for anything else.
    public var array: [RedisReply]? { if case .array(let replies) = self { replies } else { nil } }

    /// The string where it is UTF-8; nil for anything else.
    public var text: String? { bytes.flatMap { String(validating: $0, as: UTF8.self) } }
}

/// The number that decimal digits, with a minus sign or none, stand for; nil for anything else.
func decimal(_ bytes: [UInt8]) -> Int64? {
    let isNegative = bytes.first == UInt8(ascii: "-")
    let digits = isNegative ? bytes.dropFirst() : bytes[...]
    guard (1...19).contains(digits.count) else { return nil }
    var number: Int64 = 0
    for byte in digits {
        guard (0x30...0x39).contains(byte) else { return nil }
        let digit = Int64(byte - 0x30)
        let (product, overflows) = number.multipliedReportingOverflow(by: 10)
        let (sum, carries) = product.subtractingReportingOverflow(digit)
        guard !overflows, !carries else { return nil }
        number = sum
    }
    if isNegative { return number }
    return number == .min ? nil : -number
}
