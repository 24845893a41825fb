import CCrypto

/// Bytes that must not be seen: wiped when the last reference goes, shown by no description, compared in constant time.
///
/// A Swift `String` or array cannot be wiped, so a secret stays here until the moment it is used.
public final class SecretBytes: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    // Written in `init` and wiped in `deinit` only, so reads from several threads are safe.
    nonisolated(unsafe) private let storage: UnsafeMutableRawBufferPointer

    /// A copy of `bytes`. The caller's array remains; pass it on nowhere else.
    public init(_ bytes: [UInt8]) {
        storage = .allocate(byteCount: bytes.count, alignment: 1)
        storage.copyBytes(from: bytes)
    }

    /// `count` bytes, all zero, that `body` fills: a secret that is computed is never anywhere else.
    init<Failure: Error>(
        count: Int, filledBy body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        storage = .allocate(byteCount: count, alignment: 1)
        storage.initializeMemory(as: UInt8.self, repeating: 0)
        try body(storage)
    }

    /// The UTF-8 of `text`.
    public convenience init(_ text: String) { self.init(Array(text.utf8)) }

    deinit {
        OPENSSL_cleanse(storage.baseAddress, storage.count)
        storage.deallocate()
    }

    /// Number of bytes.
    public var count: Int { storage.count }

    /// The bytes, lent to `body`.
    public func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(storage))
    }

    /// A copy that is not wiped: only for the moment in which a format is written.
    public func copyBytes() -> [UInt8] { Array(storage) }

    /// In constant time for equal lengths.
    public static func == (left: SecretBytes, right: SecretBytes) -> Bool {
        left.count == right.count && CRYPTO_memcmp(left.storage.baseAddress, right.storage.baseAddress, left.count) == 0
    }

    /// Never the bytes.
    public var description: String { "(secret)" }
    /// Never the bytes.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Whether two byte strings are equal, in a time that tells nothing of where they differ.
public func constantTimeEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
}
