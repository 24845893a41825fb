import CSQLite

/// An open `sqlite3 *`. Used by one thread at a time (`SQLITE_OPEN_NOMUTEX`), so not `Sendable`.
final class DatabaseHandle {
    /// How the file is opened. A missing file is never made here: `DatabaseFile` makes it, with the right mode.
    enum Access {
        /// For transactions; other processes may write at the same time.
        case readWrite
        /// Only a look: no lock is taken, no recovery begun and no file made beside it.
        case immutable
    }

    let file: String
    fileprivate let raw: OpaquePointer
    /// Pages in the write-ahead log after the last commit; written by SQLite's hook. Lives as long as the handle.
    private let pagesInLog: UnsafeMutablePointer<CInt>

    /// A setting of the whole process, made before the first database is opened. It makes bulk writes a tenth faster, and
    /// a process in which somebody else has used SQLite before does without.
    private static let countsNoMemory = csqlite_count_no_memory() == SQLITE_OK

    init(_ path: String, _ access: Access) throws(SQLiteError) {
        _ = Self.countsNoMemory
        var opened: OpaquePointer?
        let code =
            switch access {
            case .readWrite: sqlite3_open_v2(path, &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nil)
            case .immutable:
                sqlite3_open_v2(
                    immutableURI(of: path), &opened, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, nil)
            }
        guard let opened, code == SQLITE_OK else {
            let detail = String(cString: sqlite3_errstr(code))
            sqlite3_close_v2(opened)
            throw SQLiteError(code: code, operation: "open", file: path, detail: detail)
        }
        file = path
        raw = opened
        pagesInLog = .allocate(capacity: 1)
        pagesInLog.initialize(to: 0)
        sqlite3_extended_result_codes(raw, 1)
    }

    deinit {
        // Statements hold this object, so none is left.
        sqlite3_close_v2(raw)
        pagesInLog.deallocate()
    }

    /// No transaction is open.
    var isInAutocommit: Bool { sqlite3_get_autocommit(raw) != 0 }

    /// Rows changed by the last statement.
    var changedRowCount: Int { Int(sqlite3_changes64(raw)) }

    /// Rows changed since the handle was opened.
    var changeCount: Int { Int(sqlite3_total_changes64(raw)) }

    /// The number of the row that was inserted last.
    var lastInsertedRow: Int64 { sqlite3_last_insert_rowid(raw) }

    /// Pages in the write-ahead log after this connection's last commit.
    var logPageCount: Int { Int(pagesInLog.pointee) }

    /// The safest settings that SQLite has for a file that somebody may have tampered with, and no checkpoint but ours.
    func configure(busyMilliseconds: CInt) throws(SQLiteError) {
        try check(sqlite3_busy_timeout(raw, busyMilliseconds), "configure")
        let on = [SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, SQLITE_DBCONFIG_DEFENSIVE, SQLITE_DBCONFIG_ENABLE_FKEY]
        let off = [SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_DQS_DML, SQLITE_DBCONFIG_DQS_DDL]
        for option in on { try check(csqlite_db_config(raw, option, 1), "configure") }
        for option in off { try check(csqlite_db_config(raw, option, 0), "configure") }
        // The order matters: an automatic checkpoint is itself a hook, and the last one set counts.
        try check(sqlite3_wal_autocheckpoint(raw, 0), "configure")
        sqlite3_wal_hook(raw, notePagesInLog, pagesInLog)
    }

    /// Runs SQL of one or more statements and drops their rows.
    func execute(_ script: String) throws(SQLiteError) { try check(sqlite3_exec(raw, script, nil, nil, nil), "change") }

    /// Copies what readers allow from the log into the file, without waiting for them. When that was all, the next
    /// writer begins the log anew.
    func checkpointPassively() throws(SQLiteError) {
        try check(sqlite3_wal_checkpoint_v2(raw, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil), "checkpoint")
    }

    /// Throws unless `code` says that all went well.
    func check(_ code: CInt, _ operation: String) throws(SQLiteError) {
        guard code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE else {
            throw SQLiteError(
                code: code, operation: operation, file: file, detail: String(cString: sqlite3_errmsg(raw)))
        }
    }
}

/// One compiled statement, a `sqlite3_stmt *`. It keeps its database open.
final class SQLiteStatement {
    let database: DatabaseHandle
    private let raw: OpaquePointer
    /// A long value is bound, which would keep its memory.
    private var holdsMuch = false
    private static let much = 1024

    convenience init(_ sql: SQLText, in database: DatabaseHandle) throws(SQLiteError) {
        try self.init(sql.pointer, in: database)
    }

    init(_ sql: UnsafePointer<CChar>, in database: DatabaseHandle) throws(SQLiteError) {
        var prepared: OpaquePointer?
        let code = sqlite3_prepare_v3(database.raw, sql, -1, CUnsignedInt(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
        try database.check(code, "use")
        guard let prepared else { preconditionFailure("a statement without content") }
        self.database = database
        raw = prepared
    }

    deinit { sqlite3_finalize(raw) }

    /// The statement cannot change the file.
    var isReadOnly: Bool { sqlite3_stmt_readonly(raw) != 0 }

    /// Gives the parameters `?1`, `?2`, … their values.
    func bind(_ values: [SQLiteValue]) throws(SQLiteError) {
        precondition(values.count == sqlite3_bind_parameter_count(raw), "a parameter without a value, or the reverse")
        for (index, value) in values.enumerated() { try database.check(bind(value, at: CInt(index + 1)), "bind into") }
    }

    /// Goes to the next row; false when there is none.
    func step() throws(SQLiteError) -> Bool {
        let code = sqlite3_step(raw)
        try database.check(code, isReadOnly ? "read" : "write")
        return code == SQLITE_ROW
    }

    /// Makes the statement ready to be run again.
    func reset() {
        // The result repeats the error of the last step, which was thrown there.
        sqlite3_reset(raw)
        // SQLite uses the memory of small values again for the next ones. All parameters are always bound anew.
        if holdsMuch { sqlite3_clear_bindings(raw) }
        holdsMuch = false
    }

    /// The type of the value in `column`; null for a column that is not there.
    func type(of column: Int) -> SQLiteRowType {
        switch sqlite3_column_type(raw, CInt(column)) {
        case SQLITE_INTEGER: .integer
        case SQLITE_FLOAT: .real
        case SQLITE_TEXT: .text
        case SQLITE_BLOB: .blob
        default: .null
        }
    }

    func name(of column: Int) -> String {
        sqlite3_column_name(raw, CInt(column)).map { String(cString: $0) } ?? "\(column)"
    }

    func integer(_ column: Int) -> Int64 { sqlite3_column_int64(raw, CInt(column)) }

    /// Text as bytes, which need not be UTF-8.
    func textBytes(_ column: Int) -> [UInt8] {
        // SQLite asks for this order: the text first, then its length.
        let text = sqlite3_column_text(raw, CInt(column))
        return Array(UnsafeBufferPointer(start: text, count: text == nil ? 0 : byteCount(column)))
    }

    func blob(_ column: Int) -> [UInt8] {
        // An empty blob is a null pointer.
        let bytes = sqlite3_column_blob(raw, CInt(column))
        return Array(UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : byteCount(column)))
    }

    private func byteCount(_ column: Int) -> Int { Int(sqlite3_column_bytes(raw, CInt(column))) }

    private func bind(_ value: SQLiteValue, at index: CInt) -> CInt {
        switch value {
        case .null: return sqlite3_bind_null(raw, index)
        case .integer(let integer): return sqlite3_bind_int64(raw, index, integer)
        case .text(var text):
            return text.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) { characters in
                    holdsMuch = holdsMuch || characters.count > Self.much
                    return sqlite3_bind_text64(
                        raw, index, characters.baseAddress, UInt64(characters.count), csqlite_transient(),
                        UInt8(SQLITE_UTF8))
                }
            }
        // A null pointer would bind NULL.
        case .blob(let bytes) where bytes.isEmpty: return sqlite3_bind_zeroblob(raw, index, 0)
        case .blob(let bytes):
            holdsMuch = holdsMuch || bytes.count > Self.much
            return bytes.withUnsafeBytes { buffer in
                sqlite3_bind_blob64(raw, index, buffer.baseAddress, UInt64(buffer.count), csqlite_transient())
            }
        }
    }
}

/// The types that a stored value can have; the raw values word error messages.
enum SQLiteRowType: String {
    case null
    case integer = "an integer"
    case real = "a floating-point number"
    case text
    case blob = "a blob"
}

/// SQLite's write-ahead log hook: only a note, since the checkpoint must run under the writer lock.
private func notePagesInLog(
    context: UnsafeMutableRawPointer?, database: OpaquePointer?, schema: UnsafePointer<CChar>?, pages: CInt
) -> CInt {
    context?.assumingMemoryBound(to: CInt.self).pointee = pages
    return SQLITE_OK
}

/// `path` as a URI with which SQLite looks at the file and at nothing beside it.
private func immutableURI(of path: String) -> String {
    var uri = path.utf8.first == 0x2F ? "file://" : "file:"
    for byte in path.utf8 {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x2F, 0x5F:
            uri.unicodeScalars.append(Unicode.Scalar(byte))
        default: uri += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
    }
    return uri + "?immutable=1"
}
