/// The right to run statements, as long as the transaction that hands it out lasts.
///
/// Statements are compiled once for each connection and text, so texts are constants: values go in as parameters
/// `?1`, `?2`, …
public struct SQLiteTransaction<Failure: SQLiteFailure>: ~Copyable {
    let connection: SQLiteConnection
    let mayWrite: Bool

    /// Runs a statement whose rows, if any, do not matter.
    ///
    /// - Returns: the number of rows that it changed.
    @discardableResult
    public borrowing func run(_ sql: SQLText, _ values: [SQLiteValue] = []) throws(Failure) -> Int {
        do throws(SQLiteError) {
            let statement = try begin(sql, values)
            defer { statement.reset() }
            while try statement.step() {}
            return statement.database.changedRowCount
        } catch {
            throw Failure(error)
        }
    }

    /// Inserts a row and returns its number; nil where the statement's conflict clause has kept it out.
    public borrowing func insertIfNew(_ sql: SQLText, _ values: [SQLiteValue]) throws(Failure) -> Int64? {
        try run(sql, values) > 0 ? connection.lastInsertedRow : nil
    }

    /// All rows of a statement, each as `read` makes it.
    public borrowing func rows<Value>(
        _ sql: SQLText, _ values: [SQLiteValue] = [], _ read: (borrowing SQLiteRow<Failure>) throws(Failure) -> Value
    ) throws(Failure) -> [Value] {
        let statement: SQLiteStatement
        do throws(SQLiteError) { statement = try begin(sql, values) } catch { throw Failure(error) }
        defer { statement.reset() }
        var found: [Value] = []
        while true {
            do throws(SQLiteError) { guard try statement.step() else { return found } } catch { throw Failure(error) }
            found.append(try read(SQLiteRow(statement: statement)))
        }
    }

    /// The first row of a statement as `read` makes it; nil when there is none.
    ///
    /// A statement that changes rows is run to its end all the same.
    public borrowing func row<Value>(
        _ sql: SQLText, _ values: [SQLiteValue] = [], _ read: (borrowing SQLiteRow<Failure>) throws(Failure) -> Value
    ) throws(Failure) -> Value? {
        let statement: SQLiteStatement
        do throws(SQLiteError) { statement = try begin(sql, values) } catch { throw Failure(error) }
        defer { statement.reset() }
        do throws(SQLiteError) { guard try statement.step() else { return nil } } catch { throw Failure(error) }
        let found = try read(SQLiteRow(statement: statement))
        if !statement.isReadOnly {
            do throws(SQLiteError) { while try statement.step() {} } catch { throw Failure(error) }
        }
        return found
    }

    private borrowing func begin(_ sql: SQLText, _ values: [SQLiteValue]) throws(SQLiteError) -> SQLiteStatement {
        let statement = try connection.statement(sql)
        precondition(mayWrite || statement.isReadOnly, "a write in a read transaction: \(sql)")
        do throws(SQLiteError) { try statement.bind(values) } catch {
            statement.reset()
            throw error
        }
        return statement
    }
}
