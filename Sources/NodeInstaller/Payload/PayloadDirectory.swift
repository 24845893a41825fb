public import System

/// A folder of the operator's that becomes the content of `server.pkg`: any folder, as long as a Mac can hold it.
public enum PayloadDirectory {
    /// Walks the folder at `path`, reads every file once, and describes what it found.
    ///
    /// The folder is opened once and walked below its descriptor; no symbolic link is followed. What it holds is
    /// either taken whole or refused with everything that is wrong with it.
    ///
    /// - Parameters:
    ///   - path: The folder, as the operator names it; links on the way to it are followed.
    ///   - mustNotContain: Files and folders of the farm (keys, database, artifacts) that must not lie inside, since
    ///     they would travel to every node. They need not exist yet.
    ///   - digests: What earlier walks of this folder have read: a file that is as it was is opened and not read again.
    ///   - faults: The seam by which a test makes the disk fail.
    public static func scan(
        path: String, limits: PayloadLimits = .standard, mustNotContain: [String] = [], digests: FileDigests? = nil,
        faults: DiskFaults = .none
    ) throws(PayloadError) -> Payload {
        let folder = try open(path, faults)
        var forbidden: [FileKey: String] = [:]
        for own in mustNotContain {
            do throws(SystemError) {
                forbidden[try nearestThatExists(own, faults)] = own
            } catch {
                throw .farmDataNotFound(path: Printable.text(own, limit: 1024), error: error)
            }
        }
        var scanner = PayloadScanner(folder, limits: limits, forbidden: forbidden, digests: digests)
        defer { digests?.endWalk() }
        return try scanner.scan()
    }

    private static func open(_ path: String, _ faults: DiskFaults) throws(PayloadError) -> Directory {
        do {
            return try Directory.open(path, faults: faults)
        } catch {
            let folder = Printable.text(path, limit: 1024)
            if error.isNotFound { throw .missing(folder: folder) }
            if error.isNotDirectory { throw .notAFolder(folder) }
            throw .unreadable(folder: folder, error: error)
        }
    }

    /// Which file `path` leads to; for one that is not there yet, the folder in which it would come to lie.
    private static func nearestThatExists(_ path: String, _ faults: DiskFaults) throws(SystemError) -> FileKey {
        do {
            return try key(of: path, faults)
        } catch {
            let (parent, _) = splitPath(path)
            guard error.isNotFound || error.isNotDirectory, parent != path else { throw error }
            return try nearestThatExists(parent, faults)
        }
    }

    private static func key(of path: String, _ faults: DiskFaults) throws(SystemError) -> FileKey {
        do {
            return FileKey(try Directory.open(path, faults: faults).status())
        } catch  where error.isNotDirectory {
            return FileKey(try File.open(path, faults: faults).status())
        }
    }
}

/// One file of this machine, whatever its name: device and inode.
struct FileKey: Hashable, Sendable {
    let device: UInt64
    let inode: UInt64

    init(_ status: FileStatus) {
        device = status.device
        inode = status.inode
    }
}
