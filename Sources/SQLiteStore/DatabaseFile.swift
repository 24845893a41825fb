import System

/// A database's file before SQLite opens it: whether it is there, plain, and ours.
struct DatabaseFile {
    /// Written into bytes 68 to 71 of every database of the farm ("PkgM").
    static let applicationID: Int64 = 0x506B_674D

    let path: String
    private let folder: Directory
    private let name: String

    init(_ path: String) throws(SQLiteError) {
        let (parent, name) = splitPath(path)
        do throws(SystemError) { folder = try Directory.open(parent) } catch { throw .system(error) }
        self.name = name
        // Below the folder's own path, so that no name means something else to SQLite (`:memory:`, `file:…`).
        self.path = folder.path + (folder.path.utf8.last == 0x2F ? "" : "/") + name
    }

    /// The lock of this database, which its own files beside it carry.
    func lock() throws(SQLiteError) -> WriterLock {
        do throws(SystemError) { return try WriterLock(besides: name, in: folder) } catch { throw .system(error) }
    }

    /// Whether there is content yet. Throws for anything that is not a database of the farm, and leaves it as it is.
    func hasContent() throws(SQLiteError) -> Bool {
        let status: FileStatus?
        do throws(SystemError) { status = try folder.status(of: name) } catch { throw .system(error) }
        guard let status else { return false }
        guard status.kind == .regular else { throw .notAPlainFile(file: path, found: status.kind.rawValue) }
        // SQLite keeps its log beside the name it was given: two names would mean two logs of one file.
        guard status.linkCount == 1 else { throw .notAPlainFile(file: path, found: "file with several names") }
        guard status.byteCount > 0 else { return false }
        // The smallest page; SQLite itself takes a file of one byte for an empty one.
        guard status.byteCount >= 512 else { throw .notADatabase(file: path) }
        try refuseForeign()
        return true
    }

    /// Makes the empty file, private from its first moment, unless it is there. Called under the lock.
    func createIfMissing() throws(SQLiteError) {
        do throws(SystemError) {
            guard try folder.status(of: name) == nil else { return }
            _ = try folder.createFile(name, mode: 0o600)
            try folder.sync()
        } catch {
            throw .system(error)
        }
    }

    /// Reads the header through SQLite rather than by a descriptor of our own: closing that one would drop the locks
    /// that other connections of this process hold on the file.
    private func refuseForeign() throws(SQLiteError) {
        let applicationID: Int64
        do throws(SQLiteError) {
            let look = try SQLiteStatement(
                "PRAGMA application_id", in: DatabaseHandle(path, .immutable))
            applicationID = try look.step() ? look.integer(0) : 0
        } catch {
            // A checkpoint that was cut short leaves a file that is whole only together with its log, which this look
            // leaves aside: whether it is damaged shows when it is opened.
            if case .corrupt = error { return }
            throw error
        }
        guard applicationID == Self.applicationID else { throw .foreign(file: path, applicationID: applicationID) }
    }
}
