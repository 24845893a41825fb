import SQLiteStore

/// Every statement of the queue. A test looks at the plan of each: none walks all jobs.
enum JobSQL: String, CaseIterable {
    case lanes = "SELECT code FROM lane ORDER BY code"
    case lane = "SELECT code FROM lane WHERE name = ?1"
    case addLane = "INSERT INTO lane (name) VALUES (?1) RETURNING code"

    case rowOfJob = "SELECT id FROM job WHERE public_id = ?1"
    case addJob = """
        INSERT INTO job (public_id, state, lane, attempt, max_attempts, epoch, scheduled_for, lease_until)
        VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, 0) RETURNING id
        """
    case addBody = """
        INSERT INTO job_body
            (id, format, created, request, input_digest, requested_by, idempotency_key, batch, campaign, retry_of, trace)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
        """

    /// Columns as `StoredLife` reads them.
    case life = """
        SELECT public_id, state, attempt, max_attempts, epoch, scheduled_for, claimed, finished,
            worker, claim_id, lease_until, stage, done, total,
            failure_code, failure_message, failure_retryable, sha256, byte_count, file_name
        FROM job LEFT JOIN job_outcome USING (id) WHERE job.id = ?1
        """
    /// Columns as `StoredBody` reads them.
    case body = """
        SELECT lane.name, format, created, request, input_digest, requested_by,
            idempotency_key, batch, campaign, retry_of, trace
        FROM job LEFT JOIN lane ON lane.code = job.lane LEFT JOIN job_body USING (id) WHERE job.id = ?1
        """
    case publicID = "SELECT public_id FROM job WHERE id = ?1"

    case oldestQueued = "SELECT id FROM job WHERE state = 2 AND lane = ?1 ORDER BY id LIMIT 1"
    case expired = """
        SELECT id FROM job WHERE state = 3 AND lease_until <= ?1 ORDER BY lease_until, id LIMIT ?2
        """
    case due = """
        SELECT id FROM job WHERE state = 1 AND scheduled_for <= ?1 ORDER BY scheduled_for, id LIMIT ?2
        """

    case saveLife = """
        UPDATE job SET state = ?2, attempt = ?3, epoch = ?4, scheduled_for = ?5, claimed = ?6, finished = ?7,
            worker = ?8, claim_id = ?9, lease_until = ?10, stage = ?11, done = ?12, total = ?13
        WHERE id = ?1
        """
    case saveFailure = """
        INSERT INTO job_outcome (id, failure_code, failure_message, failure_retryable) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (id) DO UPDATE SET failure_code = excluded.failure_code,
            failure_message = excluded.failure_message, failure_retryable = excluded.failure_retryable
        """
    case saveResult = """
        INSERT OR REPLACE INTO job_outcome (id, sha256, byte_count, file_name) VALUES (?1, ?2, ?3, ?4)
        """
    /// The state that the row had stays readable: a version that understands the row turns the sign back.
    case park = "UPDATE job SET state = -state WHERE id = ?1"

    case listAll = "SELECT id FROM job WHERE id < ?1 ORDER BY id DESC LIMIT ?2"
    // The index is named where SQLite, which does not know how few jobs it holds, would walk all of them instead.
    case listScheduled = """
        SELECT id FROM job INDEXED BY job_due WHERE state = 1 AND lane = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3
        """
    case listQueued = """
        SELECT id FROM job WHERE state = 2 AND lane = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3
        """
    case listRunning = """
        SELECT id FROM job INDEXED BY job_leased WHERE state = 3 AND lane = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3
        """
    case listEnded = """
        SELECT id FROM job WHERE finished IS NOT NULL AND lane = ?1 AND state = ?4 AND id < ?2
        ORDER BY id DESC LIMIT ?3
        """

    case countScheduled = "SELECT count(*) FROM job WHERE state = 1"
    case countDue = "SELECT count(*) FROM job WHERE state = 1 AND scheduled_for <= ?1"
    case countQueued = "SELECT count(*) FROM job WHERE state = 2 AND lane = ?1"
    case countRunning = "SELECT count(*) FROM job WHERE state = 3"
    case countParked = "SELECT count(*) FROM job WHERE state < 1 OR state > 6"
}

/// Transactions of the queue throw the queue's errors and run the queue's statements.
typealias JobTransaction = SQLiteTransaction<QueueError>
/// Rows of such a transaction.
typealias JobRow = SQLiteRow<QueueError>

extension SQLiteTransaction<QueueError> {
    /// Runs a statement whose rows do not matter.
    borrowing func run(_ sql: JobSQL, _ values: SQLiteValue...) throws(QueueError) { try run(sql.rawValue, values) }

    /// The integers in the first column of all rows.
    borrowing func integers(_ sql: JobSQL, _ values: SQLiteValue...) throws(QueueError) -> [Int64] {
        try rows(sql.rawValue, values) { row throws(QueueError) in try row.integer(0) }
    }
}
