public import Crypto

/// A payload as it was when the request was made: where it lies, and what must be found there.
public struct PayloadReference: Sendable, Equatable {
    /// The absolute path of the operator's folder.
    public let path: String
    /// The digest of everything in it (`PayloadDirectory`); a payload with another one is not what was asked for.
    public let digest: SHA256Digest
    /// The version of `server.pkg`: one to six numbers with dots.
    public let version: String

    /// A reference to a payload.
    public init(path: String, digest: SHA256Digest, version: String) throws(InstallerError) {
        guard TextChecks.isAbsolutePath(path) else {
            throw .badText("payload.path", path, expected: "an absolute path")
        }
        guard TextChecks.isDottedNumber(version, count: 6) else {
            throw .badText("payload.version", version, expected: "one to six numbers with dots, such as 1.0.0")
        }
        self.path = path
        self.digest = digest
        self.version = version
    }

    /// Byte by byte, unlike texts of Swift.
    public static func == (left: PayloadReference, right: PayloadReference) -> Bool {
        left.path.utf8.elementsEqual(right.path.utf8) && left.digest == right.digest
            && left.version.utf8.elementsEqual(right.version.utf8)
    }
}
