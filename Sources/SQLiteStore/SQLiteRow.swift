/// One row of a result, valid while the closure that it was given to runs. Columns count from 0.
///
/// Each reader throws `SQLiteError.unexpectedValue`, wrapped in `Failure`, for a value of another type: SQLite itself
/// would turn a text into 0.
public struct SQLiteRow<Failure: SQLiteFailure>: ~Copyable {
    let statement: SQLiteStatement

    /// The integer in `column`.
    public borrowing func integer(_ column: Int) throws(Failure) -> Int64 {
        try expect(.integer, column)
        return statement.integer(column)
    }

    /// The text in `column`.
    public borrowing func text(_ column: Int) throws(Failure) -> String {
        try expect(.text, column)
        guard let text = String(validating: statement.textBytes(column), as: UTF8.self) else {
            throw unexpected(column, expected: .text, found: "text that is not UTF-8")
        }
        return text
    }

    /// The bytes in `column`.
    public borrowing func blob(_ column: Int) throws(Failure) -> [UInt8] {
        try expect(.blob, column)
        return statement.blob(column)
    }

    /// The integer in `column`, nil for NULL.
    public borrowing func optionalInteger(_ column: Int) throws(Failure) -> Int64? {
        isNull(column) ? nil : try integer(column)
    }

    /// The text in `column`, nil for NULL.
    public borrowing func optionalText(_ column: Int) throws(Failure) -> String? {
        isNull(column) ? nil : try text(column)
    }

    /// The bytes in `column`, nil for NULL.
    public borrowing func optionalBlob(_ column: Int) throws(Failure) -> [UInt8]? {
        isNull(column) ? nil : try blob(column)
    }

    private borrowing func isNull(_ column: Int) -> Bool { statement.type(of: column) == .null }

    private borrowing func expect(_ type: SQLiteRowType, _ column: Int) throws(Failure) {
        let found = statement.type(of: column)
        guard found == type else { throw unexpected(column, expected: type, found: found.rawValue) }
    }

    private borrowing func unexpected(_ column: Int, expected: SQLiteRowType, found: String) -> Failure {
        Failure(.unexpectedValue(column: statement.name(of: column), expected: expected.rawValue, found: found))
    }
}
