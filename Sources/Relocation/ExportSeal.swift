import Crypto

/// Ties an export to the farm's master key, so that nobody without it can change what a farm is given.
struct ExportSeal {
    private let key: SecretBytes

    init(_ key: SecretBytes) { self.key = key }

    /// What tells the master key: another one gives another text for the same export.
    func keyCheck(of export: String) -> String {
        Hex.encode(Array(hmacSHA256(key: key, Array("key/\(export)".utf8)).prefix(16)))
    }

    /// The seal of all lines before the last one.
    func seal(_ digest: SHA256Digest) -> String {
        Hex.encode(hmacSHA256(key: key, Array("content/".utf8) + digest.bytes))
    }

    /// In constant time.
    static func areEqual(_ left: String, _ right: String) -> Bool {
        constantTimeEqual(Array(left.utf8), Array(right.utf8))
    }
}
