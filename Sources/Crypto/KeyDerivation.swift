import CCrypto

/// HMAC-SHA256 (RFC 2104): 32 bytes.
public func hmacSHA256(key: SecretBytes, _ message: [UInt8]) -> [UInt8] {
    key.withBytes { key in
        [UInt8](unsafeUninitializedCapacity: 32) { buffer, filled in
            var length: UInt32 = 0
            let result = HMAC(
                EVP_sha256(), key.baseAddress, CInt(clamping: key.count), message, message.count, buffer.baseAddress,
                &length)
            precondition(result != nil && length == 32, "libcrypto could not make an HMAC")
            filled = 32
        }
    }
}

/// HKDF-SHA256 (RFC 5869) without salt: `byteCount` bytes, at most 8160, derived from `key` for one `purpose`.
///
/// Another purpose gives bytes that tell nothing of these.
public func deriveKey(_ key: SecretBytes, purpose: String, byteCount: Int = 32) -> SecretBytes {
    precondition((1...8160).contains(byteCount), "HKDF-SHA256 gives 1 to 8160 bytes")
    let pseudorandom = SecretBytes(
        key.withBytes { hmacSHA256(key: SecretBytes([UInt8](repeating: 0, count: 32)), Array($0)) })
    var output: [UInt8] = []
    var block: [UInt8] = []
    var counter: UInt8 = 1
    while output.count < byteCount {
        block = hmacSHA256(key: pseudorandom, block + Array(purpose.utf8) + [counter])
        output += block
        counter &+= 1
    }
    return SecretBytes(Array(output.prefix(byteCount)))
}
