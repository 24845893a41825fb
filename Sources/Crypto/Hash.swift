import CCrypto

/// A hash function of libcrypto that packages and the farm use.
public enum HashAlgorithm: Sendable {
    /// 20 bytes; only where a format of Apple's demands it.
    case sha1
    /// 32 bytes.
    case sha256

    /// Length of a digest in bytes.
    public var byteCount: Int { self == .sha1 ? 20 : 32 }

    var message: OpaquePointer? { self == .sha1 ? FetchedHash.sha1.pointer : FetchedHash.sha256.pointer }
    var name: String { self == .sha1 ? "SHA1" : "SHA256" }
}

/// A hash function that libcrypto has looked up once; it looks up those of `EVP_sha256()` for each use.
// Never changed once it is there, and never freed.
private struct FetchedHash: @unchecked Sendable {
    let pointer: OpaquePointer?

    static let sha1 = FetchedHash(pointer: EVP_MD_fetch(nil, "SHA1", nil))
    static let sha256 = FetchedHash(pointer: EVP_MD_fetch(nil, "SHA256", nil))
}

/// A hash in progress: feed it bytes in pieces of any size, then take the digest once.
///
/// Not `Sendable`: it belongs to the one who feeds it.
public final class Hash {
    private let context: OpaquePointer
    private let algorithm: HashAlgorithm

    /// An empty hash.
    public init(_ algorithm: HashAlgorithm) {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, algorithm.message, nil) == 1 else {
            preconditionFailure("libcrypto has no \(algorithm.name)")
        }
        self.context = context
        self.algorithm = algorithm
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Adds bytes.
    public func update(_ bytes: UnsafeRawBufferPointer) {
        let result = EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
        precondition(result == 1, "libcrypto could not hash")
    }

    /// Adds bytes.
    public func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

    /// The digest of all that was added. The hash is used up.
    public func finish() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: algorithm.byteCount) { buffer, filled in
            let result = EVP_DigestFinal_ex(context, buffer.baseAddress, nil)
            precondition(result == 1, "libcrypto could not finish a hash")
            filled = algorithm.byteCount
        }
    }

    /// The digest of `bytes`.
    public static func digest(of bytes: [UInt8], _ algorithm: HashAlgorithm) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: algorithm.byteCount) { buffer, filled in
            let result = bytes.withUnsafeBytes { bytes in
                EVP_Digest(bytes.baseAddress, bytes.count, buffer.baseAddress, nil, algorithm.message, nil)
            }
            precondition(result == 1, "libcrypto has no \(algorithm.name)")
            filled = algorithm.byteCount
        }
    }
}

/// A SHA-256 digest: 32 bytes, written as 64 lower-case hexadecimal digits.
public struct SHA256Digest: Hashable, Sendable, CustomStringConvertible {
    /// The 32 bytes.
    public let bytes: [UInt8]

    /// The digest of `content`.
    public init(of content: [UInt8]) { bytes = Hash.digest(of: content, .sha256) }

    /// The digest that `hash`, a SHA-256 one, has come to; the hash is used up.
    public init(finishing hash: Hash) {
        let bytes = hash.finish()
        precondition(bytes.count == 32, "not a SHA-256 hash")
        self.init(uncheckedBytes: bytes)
    }

    /// 32 bytes that are a digest; nil for any other number.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self.bytes = bytes
    }

    /// Exactly 64 lower-case hexadecimal digits; nil for any other text.
    public init?(hex: String) {
        guard hex.utf8.count == 64, let bytes = Hex.decode(hex) else { return nil }
        self.bytes = bytes
    }

    private init(uncheckedBytes: [UInt8]) { bytes = uncheckedBytes }

    /// 64 lower-case hexadecimal digits.
    public var hex: String { Hex.encode(bytes) }
    /// As `hex`.
    public var description: String { hex }
}
