import Crypto
import FlatPackage
public import System

/// Server components by what decides their bytes, so that hundreds of installers compress one payload once.
///
/// A cache only: whatever is missing or damaged is built again, and every copy is verified on its way into a product.
public struct ServerPackageCache: Sendable {
    private let root: Directory
    private let random: RandomSource

    /// The cache below `path`, which is made when it is missing.
    public init(path: String, random: RandomSource, faults: DiskFaults = .none) throws(SystemError) {
        root = try .openOrCreate(path, faults: faults)
        self.random = random
    }

    /// The component kept under `key`; nil when there is none that is whole.
    func package(_ key: SHA256Digest) -> ComponentPackage? {
        // Any failure here means "not in the cache": the component is then built from its source.
        guard let folder = try? root.directory(key.hex), let package = try? ComponentPackage.load(from: folder) else {
            return nil
        }
        return package
    }

    /// Keeps `package` under `key`. A cache that cannot be written costs time and nothing else, so that no error
    /// leaves this method.
    func keep(_ package: ComponentPackage, under key: SHA256Digest) {
        let name = "new-" + SHA256Digest(of: random.bytes(16)).hex.prefix(32)
        do {
            try root.makeDirectory(name)
            try package.save(in: root.directory(name))
            try root.rename(name, to: key.hex, replacing: false)
        } catch {
            try? root.removeTree(name)  // the next sweep finds what stays
        }
    }
}
