extension SQLiteConnection {
    /// Brings the tables of `component` to the version that this program knows.
    ///
    /// A component is a room that keeps tables here. `steps[n]` is the SQL that leads from version n to n + 1; steps
    /// that were released never change. All that are missing run in one transaction, so that a process killed in the
    /// middle leaves the old version.
    ///
    /// - Throws: `.schemaTooNew` when a later program was here; nothing is changed then.
    public func migrate(_ component: String, steps: [String]) throws(SQLiteError) {
        let isCurrent = try readTransaction { transaction throws(SQLiteError) in
            try missingSteps(of: component, steps, transaction).isEmpty
        }
        if isCurrent { return }
        try writeTransaction { transaction throws(SQLiteError) in
            // Looked up again: another process may have migrated while this one waited.
            for step in try missingSteps(of: component, steps, transaction) { try execute(step) }
            try transaction.run(
                """
                INSERT INTO schema_version (component, version) VALUES (?1, ?2)
                ON CONFLICT (component) DO UPDATE SET version = excluded.version
                """, [.text(component), .integer(Int64(steps.count))])
        }
    }

    private func missingSteps(
        of component: String, _ steps: [String], _ transaction: borrowing SQLiteTransaction<SQLiteError>
    ) throws(SQLiteError) -> ArraySlice<String> {
        let sql: SQLText = "SELECT version FROM schema_version WHERE component = ?1"
        let found = try transaction.row(sql, [.text(component)]) { row throws(SQLiteError) in try row.integer(0) } ?? 0
        guard found >= 0 else { throw .corrupt(file: file, detail: "\(component) has version \(found)") }
        guard found <= steps.count else {
            throw .schemaTooNew(component: component, found: found, known: steps.count)
        }
        return steps.dropFirst(Int(found))
    }
}
