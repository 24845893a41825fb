import CCrypto

/// Ed25519 signatures (RFC 8032): 32-byte keys, 64-byte signatures, the same bytes for the same message.
public enum Ed25519 {
    /// The half that signs.
    public struct PrivateKey: Sendable {
        private let seed: SecretBytes
        /// The other half, for those who verify.
        public let publicKey: PublicKey

        /// The key of a 32-byte seed.
        public init(seed: SecretBytes) throws(CryptoError) {
            guard seed.count == 32 else { throw .badLength(what: "an Ed25519 seed", expected: 32, found: seed.count) }
            self.seed = seed
            let key = try Key(privateSeed: seed)
            var bytes = [UInt8](repeating: 0, count: 32)
            var length = bytes.count
            guard EVP_PKEY_get_raw_public_key(key.raw, &bytes, &length) == 1, length == 32 else {
                throw .last("derive a public key")
            }
            publicKey = try PublicKey(bytes: bytes)
        }

        /// The signature of `message`, 64 bytes.
        public func signature(of message: [UInt8]) throws(CryptoError) -> [UInt8] {
            let key = try Key(privateSeed: seed)
            let context = try SigningContext()
            var signature = [UInt8](repeating: 0, count: 64)
            var length = signature.count
            guard EVP_DigestSignInit(context.raw, nil, nil, nil, key.raw) == 1,
                EVP_DigestSign(context.raw, &signature, &length, message, message.count) == 1, length == 64
            else { throw .last("sign") }
            return signature
        }
    }

    /// The half that verifies.
    public struct PublicKey: Hashable, Sendable {
        /// 32 bytes.
        public let bytes: [UInt8]

        /// The key of 32 bytes.
        public init(bytes: [UInt8]) throws(CryptoError) {
            guard bytes.count == 32 else {
                throw .badLength(what: "an Ed25519 public key", expected: 32, found: bytes.count)
            }
            self.bytes = bytes
        }

        /// Whether `signature` is this key's of `message`. Anything malformed is not.
        public func isValid(_ signature: [UInt8], of message: [UInt8]) -> Bool {
            guard signature.count == 64, let key = try? Key(publicBytes: bytes), let context = try? SigningContext()
            else { return false }  // no key, no valid signature: refusing is the safe answer
            defer { ERR_clear_error() }
            return EVP_DigestVerifyInit(context.raw, nil, nil, nil, key.raw) == 1
                && EVP_DigestVerify(context.raw, signature, 64, message, message.count) == 1
        }
    }

    private final class Key {
        let raw: OpaquePointer

        init(privateSeed: SecretBytes) throws(CryptoError) {
            let made = privateSeed.withBytes { seed in
                EVP_PKEY_new_raw_private_key(
                    EVP_PKEY_ED25519, nil, seed.baseAddress?.assumingMemoryBound(to: UInt8.self), seed.count)
            }
            guard let made else { throw .last("read a private key") }
            raw = made
        }

        init(publicBytes: [UInt8]) throws(CryptoError) {
            guard let made = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, publicBytes, publicBytes.count) else {
                throw .last("read a public key")
            }
            raw = made
        }

        deinit { EVP_PKEY_free(raw) }
    }

    private final class SigningContext {
        let raw: OpaquePointer

        init() throws(CryptoError) {
            guard let raw = EVP_MD_CTX_new() else { throw .last("make a signing context") }
            self.raw = raw
        }

        deinit { EVP_MD_CTX_free(raw) }
    }
}
