import CCrypto

/// HMAC-SHA256 (RFC 2104): 32 bytes.
public func hmacSHA256(key: SecretBytes, _ message: [UInt8]) -> [UInt8] {
    var code = [UInt8](repeating: 0, count: 32)
    message.withUnsafeBytes { message in
        code.withUnsafeMutableBytes { code in authenticate(message, key: key, into: code) }
    }
    return code
}

/// HKDF-SHA256 (RFC 5869) without salt: `byteCount` bytes, at most 8160, derived from `key` for one `purpose`.
///
/// Another purpose gives bytes that tell nothing of these.
public func deriveKey(_ key: SecretBytes, purpose: String, byteCount: Int = 32) -> SecretBytes {
    precondition((1...8160).contains(byteCount), "HKDF-SHA256 gives 1 to 8160 bytes")
    let noSalt = SecretBytes([UInt8](repeating: 0, count: 32))
    let pseudorandom = SecretBytes(count: 32) { output in
        key.withBytes { authenticate($0, key: noSalt, into: output) }
    }
    return SecretBytes(count: byteCount) { output in
        var block = SecretBytes([])
        for (round, start) in stride(from: 0, to: byteCount, by: 32).enumerated() {
            let message = joined(block, Array(purpose.utf8) + [UInt8(round + 1)])
            block = SecretBytes(count: 32) { block in
                message.withBytes { authenticate($0, key: pseudorandom, into: block) }
            }
            let place = UnsafeMutableRawBufferPointer(rebasing: output[start..<min(start + 32, byteCount)])
            block.withBytes { place.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0.prefix(place.count))) }
        }
    }
}

/// HMAC-SHA256 of `message` into the 32 bytes of `code`.
private func authenticate(
    _ message: UnsafeRawBufferPointer, key: SecretBytes, into code: UnsafeMutableRawBufferPointer
) {
    precondition(code.count == 32, "an HMAC-SHA256 has 32 bytes")
    key.withBytes { key in
        guard let keyByteCount = CInt(exactly: key.count) else { preconditionFailure("no key has 2 GiB") }
        let result = HMAC(
            EVP_sha256(), key.baseAddress, keyByteCount, message.baseAddress?.assumingMemoryBound(to: UInt8.self),
            message.count, code.baseAddress?.assumingMemoryBound(to: UInt8.self), nil)
        precondition(result != nil, "libcrypto could not make an HMAC")
    }
}

private func joined(_ secret: SecretBytes, _ rest: [UInt8]) -> SecretBytes {
    SecretBytes(count: secret.count + rest.count) { output in
        secret.withBytes { output.copyMemory(from: $0) }
        UnsafeMutableRawBufferPointer(rebasing: output.dropFirst(secret.count)).copyBytes(from: rest)
    }
}
