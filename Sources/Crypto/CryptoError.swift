import CCrypto

/// What libcrypto refused.
public enum CryptoError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The sealed bytes were changed, cut, or sealed with another key or for another purpose.
    case authenticationFailed
    /// A key, nonce or signature has a length that its algorithm does not have.
    case badLength(what: String, expected: Int, found: Int)
    /// libcrypto itself failed; `detail` is its own text.
    case libcrypto(operation: String, detail: String)

    /// One sentence.
    public var description: String {
        switch self {
        case .authenticationFailed: "the sealed bytes do not open: they were changed, or belong to another key"
        case .badLength(let what, let expected, let found): "\(what) has \(found) bytes, expected \(expected)"
        case .libcrypto(let operation, let detail): "libcrypto could not \(operation): \(detail)"
        }
    }

    /// The error that libcrypto has just queued; empties its queue.
    static func last(_ operation: String) -> CryptoError {
        var text = [CChar](repeating: 0, count: 256)
        let code = ERR_get_error()
        ERR_error_string_n(code, &text, text.count)
        ERR_clear_error()
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return .libcrypto(
            operation: operation, detail: code == 0 ? "no reason given" : String(decoding: bytes, as: UTF8.self))
    }
}
