import CSQLite
public import System

/// Why the database did not do what was asked; `detail` is SQLite's own text.
public enum SQLiteError: Error, Equatable, Sendable {
    /// Somebody who does not keep the writer lock (another program) held the file longer than the busy timeout.
    case busy(file: String, detail: String)
    /// The disk or the quota is full. Nothing of the transaction was kept.
    case full(file: String, detail: String)
    /// The file or its folder may not be written.
    case readOnly(file: String, detail: String)
    /// The content is damaged.
    case corrupt(file: String, detail: String)
    /// The file is not a SQLite database.
    case notADatabase(file: String)
    /// A SQLite database, but another program's: its `application_id` is not ours.
    case foreign(file: String, applicationID: Int64)
    /// A link, a folder, a device, or a file with a second name.
    case notAPlainFile(file: String, found: String)
    /// The schema forbids these values.
    case constraint(detail: String)
    /// A later version of this program has changed the tables of `component`.
    case schemaTooNew(component: String, found: Int64, known: Int)
    /// A column holds another type of value than the one asked for, or text that is not UTF-8.
    case unexpectedValue(column: String, expected: String, found: String)
    /// The statement was interrupted.
    case interrupted
    /// The operating system refused something around the database: its folder, its lock files.
    case system(SystemError)
    /// Everything else; `code` is SQLite's extended result code.
    case other(code: Int32, operation: String, file: String, detail: String)
}

/// An error type in which SQLite's errors can travel, so that a room's statements and transactions throw its own error.
public protocol SQLiteFailure: Error {
    /// Wraps `error`, keeping its facts.
    init(_ error: SQLiteError)
}

extension SQLiteError: SQLiteFailure {
    /// The error itself.
    public init(_ error: SQLiteError) { self = error }
}

extension SQLiteError {
    /// The error for a result code that `operation` on `file` has returned.
    init(code: CInt, operation: String, file: String, detail: String) {
        self =
            switch code & 0xFF {
            case SQLITE_BUSY, SQLITE_LOCKED: .busy(file: file, detail: detail)
            case SQLITE_FULL: .full(file: file, detail: detail)
            case SQLITE_READONLY: .readOnly(file: file, detail: detail)
            case SQLITE_CORRUPT: .corrupt(file: file, detail: detail)
            case SQLITE_NOTADB: .notADatabase(file: file)
            case SQLITE_CONSTRAINT: .constraint(detail: detail)
            case SQLITE_INTERRUPT: .interrupted
            default: .other(code: code, operation: operation, file: file, detail: detail)
            }
    }

    /// The disk did not confirm a sync. What was written before may be gone from memory and from the disk alike, so
    /// a later sync that succeeds proves nothing. The connection writes no more; only a process that opens the file anew
    /// knows what is there.
    package var isFailedSync: Bool {
        guard case .other(let code, _, _, _) = self else { return false }
        return [SQLITE_IOERR | (4 << 8), SQLITE_IOERR | (5 << 8)].contains(code)  // …_FSYNC, …_DIR_FSYNC
    }
}

extension SQLiteError: CustomStringConvertible {
    /// One sentence: what happened, where, and what to do.
    public var description: String {
        switch self {
        case .busy(let file, let detail):
            "\(shown(file)) is held by another program (\(detail)); close that program, then try again"
        case .full(let file, let detail):
            "no space left for \(shown(file)) (\(detail)); free some space on that disk and try again"
        case .readOnly(let file, let detail):
            "\(shown(file)) may not be written (\(detail)); run this as the user who owns the file and its folder"
        case .corrupt(let file, let detail):
            "\(shown(file)) is damaged (\(detail)); stop all programs that use it and restore it from a backup"
        case .notADatabase(let file):
            "\(shown(file)) is not a SQLite database; name another file, or restore this one from a backup"
        case .foreign(let file, let applicationID):
            "\(shown(file)) belongs to another program (application id \(applicationID)); name another file"
        case .notAPlainFile(let file, let found):
            "\(shown(file)) is a \(found); the database must be a regular file with a single name"
        case .constraint(let detail): "the database refused these values: \(detail)"
        case .schemaTooNew(let component, let found, let known):
            "the tables of \(component) have version \(found) and this program knows versions up to \(known); "
                + "run the newer program"
        case .unexpectedValue(let column, let expected, let found):
            "column \(column) holds \(found) where \(expected) was expected; the row was not written by this program"
        case .interrupted: "the statement was interrupted; try again"
        case .system(let error): error.description
        case .other(let code, let operation, let file, let detail):
            "cannot \(operation) \(shown(file)): \(detail) (SQLite code \(code))"
        }
    }

    private func shown(_ file: String) -> String { Printable.text(file) }
}
