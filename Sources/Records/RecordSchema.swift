/// The SQL of `SQLiteRecordStore`.
enum RecordSchema {
    /// Released steps never change; a new version appends one.
    static let steps = [
        """
        -- One row a record. Byte order of names is what SQLite's BINARY collation of UTF-8 gives.
        CREATE TABLE record (
            collection TEXT NOT NULL,
            name TEXT NOT NULL,
            revision INTEGER NOT NULL,   -- from record_revision
            body BLOB NOT NULL,
            expires INTEGER,             -- milliseconds since 1970; NULL: never
            UNIQUE (collection, name)
        ) STRICT;
        CREATE INDEX record_by_expiry ON record (expires) WHERE expires IS NOT NULL;

        -- One row: the last revision that was given out. It outlives the records, so that none comes back.
        CREATE TABLE record_revision (last INTEGER NOT NULL) STRICT;
        INSERT INTO record_revision (last) VALUES (0);
        """
    ]

    private static let isAlive = "(expires IS NULL OR expires > ?3)"

    static let read = """
        SELECT name, revision, body, expires FROM record WHERE collection = ?1 AND name = ?2 AND \(isAlive)
        """

    static let revision = "SELECT revision FROM record WHERE collection = ?1 AND name = ?2 AND \(isAlive)"

    static let list = """
        SELECT name, revision, body, expires FROM record
        WHERE collection = ?1 AND name > ?2 AND \(isAlive) ORDER BY name LIMIT ?4
        """

    static let nextRevision = "UPDATE record_revision SET last = last + 1 RETURNING last"

    static let write = """
        INSERT INTO record (collection, name, revision, body, expires) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (collection, name)
        DO UPDATE SET revision = excluded.revision, body = excluded.body, expires = excluded.expires
        """

    static let delete = "DELETE FROM record WHERE collection = ?1 AND name = ?2"

    /// A few with each write, so that expired rows never pile up and no write waits long for it.
    static let dropExpired = """
        DELETE FROM record WHERE rowid IN (SELECT rowid FROM record WHERE expires <= ?1 LIMIT 16)
        """
}
