import CCrypto

/// AES-256-GCM (NIST SP 800-38D) as the farm seals at rest.
///
/// A sealed message is `nonce (12 bytes) ‖ ciphertext ‖ tag (16 bytes)`. The context is authenticated and not stored:
/// it names what the message is, so that one sealed thing cannot be put in the place of another.
public struct AuthenticatedCipher: Sendable {
    private static let nonceByteCount = 12
    private static let tagByteCount = 16
    private let key: SecretBytes

    /// A cipher under a key of 32 bytes.
    public init(key: SecretBytes) throws(CryptoError) {
        guard key.count == 32 else { throw .badLength(what: "an AES-256 key", expected: 32, found: key.count) }
        self.key = key
    }

    /// Seals `message` for `context` under a nonce of 12 bytes that this key has never used before.
    public func seal(_ message: SecretBytes, context: String, nonce: [UInt8]) throws(CryptoError) -> [UInt8] {
        guard nonce.count == Self.nonceByteCount else {
            throw .badLength(what: "a nonce", expected: Self.nonceByteCount, found: nonce.count)
        }
        let cipher = try CipherContext()
        try cipher.begin(encrypting: true, key: key, nonce: nonce, context: context)
        var ciphertext = [UInt8](repeating: 0, count: message.count)
        try message.withBytes { bytes throws(CryptoError) in
            try ciphertext.withUnsafeMutableBufferPointer { output throws(CryptoError) in
                try cipher.transform(bytes, into: UnsafeMutableRawBufferPointer(output))
            }
        }
        guard cipher.finish() else { throw .last("seal") }
        var tag = [UInt8](repeating: 0, count: Self.tagByteCount)
        guard ccrypto_gcm_get_tag(cipher.raw, &tag, CInt(Self.tagByteCount)) == 1 else { throw .last("seal") }
        return nonce + ciphertext + tag
    }

    /// Opens what `seal` made for the same context.
    ///
    /// - Throws: `.authenticationFailed` when any bit of it, the key or the context differs.
    public func open(_ sealed: [UInt8], context: String) throws(CryptoError) -> SecretBytes {
        guard sealed.count >= Self.nonceByteCount + Self.tagByteCount else { throw .authenticationFailed }
        let nonce = Array(sealed.prefix(Self.nonceByteCount))
        let tag = Array(sealed.suffix(Self.tagByteCount))
        let cipher = try CipherContext()
        try cipher.begin(encrypting: false, key: key, nonce: nonce, context: context)
        let messageByteCount = sealed.count - Self.nonceByteCount - Self.tagByteCount
        let message = try SecretBytes(count: messageByteCount) { output throws(CryptoError) in
            try sealed.withUnsafeBufferPointer { bytes throws(CryptoError) in
                let ciphertext = bytes.dropFirst(Self.nonceByteCount).dropLast(Self.tagByteCount)
                try cipher.transform(
                    UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: ciphertext)), into: output)
            }
        }
        guard ccrypto_gcm_set_tag(cipher.raw, tag, CInt(tag.count)) == 1 else { throw .last("open") }
        guard cipher.finish() else {
            ERR_clear_error()
            throw .authenticationFailed
        }
        return message
    }
}

/// One run of libcrypto's cipher.
private final class CipherContext {
    let raw: OpaquePointer

    init() throws(CryptoError) {
        guard let raw = EVP_CIPHER_CTX_new() else { throw .last("make a cipher") }
        self.raw = raw
    }

    deinit { EVP_CIPHER_CTX_free(raw) }

    func begin(encrypting: Bool, key: SecretBytes, nonce: [UInt8], context: String) throws(CryptoError) {
        let begun = key.withBytes { key in
            EVP_CipherInit_ex(
                raw, EVP_aes_256_gcm(), nil, key.baseAddress?.assumingMemoryBound(to: UInt8.self), nonce,
                encrypting ? 1 : 0)
        }
        let header = Array(context.utf8)
        var length: CInt = 0
        guard begun == 1, let size = CInt(exactly: header.count), EVP_CipherUpdate(raw, nil, &length, header, size) == 1
        else { throw .last("begin a cipher") }
    }

    /// `output` has the length of `bytes`.
    func transform(
        _ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(CryptoError) {
        precondition(output.count == bytes.count, "GCM gives as many bytes as it takes")
        guard let size = CInt(exactly: bytes.count) else {
            throw .libcrypto(operation: "encrypt", detail: "\(bytes.count) bytes are too many at once")
        }
        guard size > 0 else { return }
        var length: CInt = 0
        let result = EVP_CipherUpdate(
            raw, output.baseAddress?.assumingMemoryBound(to: UInt8.self), &length,
            bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), size)
        guard result == 1, length == size else { throw .last("encrypt") }
    }

    /// Ends the run; GCM writes no bytes here. False when the tag does not fit.
    func finish() -> Bool {
        var block = [UInt8](repeating: 0, count: 16)
        var length: CInt = 0
        return EVP_CipherFinal_ex(raw, &block, &length) == 1
    }
}
