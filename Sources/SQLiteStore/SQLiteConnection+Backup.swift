import System

extension SQLiteConnection {
    /// Writes a copy of the whole database, as it is at this moment, to the new file at `path`, which has its name only
    /// when it is whole and on the disk. Writers go on meanwhile, though the log cannot begin anew as long as it lasts.
    ///
    /// - Throws: `.system` when the name is taken.
    public func backUp(to path: String) throws(SQLiteError) {
        let (parent, name) = splitPath(path)
        let hidden = ".pkgmill-part-\(CurrentProcess.identifier)-\(MonotonicClock.nanoseconds())"
        let folder: Directory
        do throws(SystemError) {
            folder = try Directory.open(parent)
            guard try folder.status(of: name) == nil else {
                throw SystemError(operation: "create", path: path, code: fileExists)
            }
            // The new file is private from its first byte: SQLite writes into it as it finds it.
            _ = try folder.createFile(hidden)
        } catch {
            throw .system(error)
        }
        do throws(SQLiteError) {
            try vacuum(into: folder.path + "/" + hidden)
            do throws(SystemError) {
                try folder.openFile(hidden).sync()
                try folder.rename(hidden, to: name, replacing: false)
                try folder.sync()
            } catch {
                throw .system(error)
            }
        } catch {
            // Nothing more can be done about a file that stays.
            _ = try? folder.remove(hidden)
            throw error
        }
    }
}

/// `EEXIST`, which is 17 on every system that the farm runs on.
private let fileExists: Int32 = 17
