import Crypto
import FlatPackage

/// The content of a file that is a secret: it stays in memory that is wiped until it is read into the package.
struct SecretSource: ByteSource {
    let secret: SecretBytes

    var byteCount: Int64 { Int64(secret.count) }

    func read(_ body: (UnsafeRawBufferPointer) throws(PackageError) -> Void) throws(PackageError) {
        try secret.withBytes(body)
    }
}
