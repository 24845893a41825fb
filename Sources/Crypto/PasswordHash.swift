import CCrypto

/// A password as it is kept: scrypt (RFC 7914) with a salt of its own, as text that names its parameters.
///
/// `scrypt$17$8$1$SALT$HASH`: the cost as a power of two, block size, parallelism, then 16 and 32 bytes in base64url. With
/// these, OWASP's minimum, a hash takes half a second and 128 MiB, so whoever hashes for strangers limits how many at once.
public struct PasswordHash: Sendable, Equatable, CustomStringConvertible {
    /// How much work a hash is.
    public struct Cost: Sendable, Equatable {
        /// log2 of N.
        public let exponent: Int
        /// r.
        public let blockSize: Int
        /// p.
        public let parallelism: Int

        /// The cost for people's passwords.
        public static let standard = Cost(exponent: 17, blockSize: 8, parallelism: 1)

        /// A cost; nil outside of what a server can afford.
        public init?(checking exponent: Int, _ blockSize: Int, _ parallelism: Int) {
            guard (4...20).contains(exponent), (1...16).contains(blockSize), (1...4).contains(parallelism) else {
                return nil
            }
            self.init(exponent: exponent, blockSize: blockSize, parallelism: parallelism)
        }

        private init(exponent: Int, blockSize: Int, parallelism: Int) {
            self.exponent = exponent
            self.blockSize = blockSize
            self.parallelism = parallelism
        }
    }

    /// Its cost.
    public let cost: Cost
    private let salt: [UInt8]
    private let hash: [UInt8]

    /// Hashes a password. Blocks for as long as that is meant to take.
    public init(_ password: SecretBytes, salt: [UInt8], cost: Cost = .standard) throws(CryptoError) {
        guard salt.count == 16 else { throw .badLength(what: "a salt", expected: 16, found: salt.count) }
        self.cost = cost
        self.salt = salt
        hash = try Self.scrypt(password, salt, cost)
    }

    /// A hash as it was kept; nil for any other text.
    public init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "$"), omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0].elementsEqual("scrypt".utf8),
            let exponent = Int(String(decoding: Array(parts[1]), as: UTF8.self)),
            let blockSize = Int(String(decoding: Array(parts[2]), as: UTF8.self)),
            let parallelism = Int(String(decoding: Array(parts[3]), as: UTF8.self)),
            let cost = Cost(checking: exponent, blockSize, parallelism), let salt = Base64URL.decode(parts[4]),
            salt.count == 16, let hash = Base64URL.decode(parts[5]), hash.count == 32
        else { return nil }
        self.cost = cost
        self.salt = salt
        self.hash = hash
    }

    /// As it is kept.
    public var description: String {
        "scrypt$\(cost.exponent)$\(cost.blockSize)$\(cost.parallelism)$\(Base64URL.encode(salt))$\(Base64URL.encode(hash))"
    }

    /// Whether `password` is the one. Blocks as long as the first time.
    public func matches(_ password: SecretBytes) throws(CryptoError) -> Bool {
        constantTimeEqual(try Self.scrypt(password, salt, cost), hash)
    }

    private static func scrypt(
        _ password: SecretBytes, _ salt: [UInt8], _ cost: Cost
    ) throws(CryptoError) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: 32)
        let rounds = UInt64(1) << UInt64(cost.exponent)
        let (blockSize, parallelism) = (UInt64(cost.blockSize), UInt64(cost.parallelism))
        // The library's own bound is below what N = 2^17 needs: 128 r (N + p) bytes and a little.
        let memory = 128 * blockSize * (rounds + parallelism + 2) + (1 << 20)
        let isDone = password.withBytes { password in
            EVP_PBE_scrypt(
                password.baseAddress?.assumingMemoryBound(to: CChar.self), password.count, salt, salt.count, rounds,
                blockSize, parallelism, memory, &output, output.count)
        }
        guard isDone == 1 else { throw .last("hash a password") }
        return output
    }
}
