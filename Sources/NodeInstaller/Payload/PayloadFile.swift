import Crypto
import FlatPackage
import System

/// A file of a scanned payload, opened anew for each reading, and refused unless it is byte for byte what was scanned.
///
/// The digest is known only after the last byte, so `read` may have handed on bytes before it throws: they are worth
/// nothing until it returns.
struct PayloadFile: ByteSource {
    let root: Directory
    let path: [UInt8]
    let identity: FileIdentity
    let digest: SHA256Digest

    var byteCount: Int64 { identity.byteCount }

    func read(_ body: (UnsafeRawBufferPointer) throws(PackageError) -> Void) throws(PackageError) {
        let reader = try named { () throws(ContentError) in try ContentReader(open(), expecting: identity) }
        while let piece = try named({ () throws(ContentError) in try reader.next() }) { try body(piece) }
        guard reader.digest() == digest else { throw failure(.changed) }
    }

    /// The file, reached from the payload's root folder by folder, so that no link on the way is followed.
    private func open() throws(ContentError) -> File {
        do throws(SystemError) {
            let names = path.split(separator: UInt8(ascii: "/")).map(Array.init)
            var folder = root
            for name in names.dropLast() { folder = try folder.directory(name) }
            return try folder.openFile(names.last ?? [])
        } catch {
            throw error.meansChange ? .changed : .system(error)
        }
    }

    private func named<Result>(_ step: () throws(ContentError) -> Result) throws(PackageError) -> Result {
        do { return try step() } catch { throw failure(error) }
    }

    private func failure(_ error: ContentError) -> PackageError {
        let detail =
            switch error {
            case .changed: "changed while it was read; wait until nobody writes to the payload and try again"
            case .system(let error): "\(error)"
            }
        return .source(path: Printable.text(Array(root.path.utf8) + [0x2F] + path, limit: 2048), detail: detail)
    }
}

extension SystemError {
    /// A name that was there a moment ago is gone, or is another kind of thing now.
    var meansChange: Bool { isNotFound || isNotDirectory || isLink }
}
