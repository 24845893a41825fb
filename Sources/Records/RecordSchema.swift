internal import SQLiteStore

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

    static let read: SQLText = """
        SELECT name, revision, body, expires FROM record WHERE collection = ?1 AND name = ?2 AND (expires IS NULL OR expires > ?3)
        """

    static let revision: SQLText =
        "SELECT revision FROM record WHERE collection = ?1 AND name = ?2 AND (expires IS NULL OR expires > ?3)"

    static let list: SQLText = """
        SELECT name, revision, body, expires FROM record
        WHERE collection = ?1 AND name > ?2 AND (expires IS NULL OR expires > ?3) ORDER BY name LIMIT ?4
        """

    static let collections: SQLText = "SELECT DISTINCT collection FROM record ORDER BY collection"

    static let nextRevision: SQLText = "UPDATE record_revision SET last = last + 1 RETURNING last"

    static let write: SQLText = """
        INSERT INTO record (collection, name, revision, body, expires) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (collection, name)
        DO UPDATE SET revision = excluded.revision, body = excluded.body, expires = excluded.expires
        """

    static let delete: SQLText = "DELETE FROM record WHERE collection = ?1 AND name = ?2"

    /// A few with each write, so that expired rows never pile up and no write waits long for it.
    static let dropExpired: SQLText = """
        DELETE FROM record WHERE rowid IN (SELECT rowid FROM record WHERE expires <= ?1 LIMIT 16)
        """
}
