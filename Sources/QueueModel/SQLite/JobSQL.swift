import SQLiteStore

/// Every statement of the queue. A test looks at the plan of each: none walks all jobs.
enum JobSQL: SQLText, CaseIterable {
    // MARK: Lanes and what holds them

    /// Another number as soon as another connection has committed anything.
    case dataVersion = "PRAGMA data_version"
    /// Columns as `StoredLane` reads them.
    case lanes = """
        SELECT code, name, weight, concurrency, rate_count, rate_period, rate_full_at, configured FROM lane ORDER BY place
        """
    /// A row of that name which cannot be read is mended by it.
    case addLane = """
        INSERT INTO lane (name, weight, concurrency, rate_count, rate_period, place, configured)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1)
        ON CONFLICT (name) DO UPDATE SET weight = ?2, concurrency = ?3, rate_count = ?4, rate_period = ?5,
        rate_full_at = 0, place = ?6, configured = 1
        """
    case changeLane = """
        UPDATE lane SET weight = ?2, concurrency = ?3, rate_count = ?4, rate_period = ?5, place = ?6, configured = 1
        WHERE code = ?1
        """
    case dropLane = "UPDATE lane SET configured = 0, place = ?2 WHERE code = ?1"
    case meterLane = "UPDATE lane SET rate_full_at = ?2 WHERE code = ?1"
    /// Columns as `LaneHold.init(_:lanes:)` reads them.
    case holds = "SELECT lane, kind, held_by, reason, since FROM hold"
    case addHold = """
        INSERT INTO hold (lane, kind, held_by, reason, since) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (lane, kind) DO UPDATE SET held_by = excluded.held_by, reason = excluded.reason
        """
    case dropHolds = "DELETE FROM hold WHERE lane = ?1"

    // MARK: Jobs

    case addJob = """
        INSERT INTO job (public_id, state, lane, attempt, max_attempts, scheduled_for,
            total_limit, idle_limit, unique_digest, batch, batch_row)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
        ON CONFLICT (public_id) DO NOTHING
        """
    case addBody = """
        INSERT INTO job_body (id, format, created, request, input_digest, requested_by, is_unique,
            idempotency_key, campaign, retry_of, trace)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
        """
    case rowOfJob = "SELECT id FROM job WHERE public_id = ?1"
    case rowOfKey = "SELECT id FROM job_body WHERE idempotency_key = ?1"
    case rowOfPlace = "SELECT id FROM job WHERE batch = ?1 AND batch_row = ?2"
    case rowOfUnique = "SELECT id FROM job WHERE unique_digest = ?1"
    case publicID = "SELECT public_id FROM job WHERE id = ?1"

    /// Columns as `StoredLife` reads them.
    case lifeOfJob = """
        SELECT job.id, public_id, state, lane, attempt, max_attempts, lost_leases, pardons, epoch,
            scheduled_for, claimed, progressed, finished,
            worker, claim_id, lease_length, lease_from, lease_until, total_limit, idle_limit, batch, batch_row,
            stage, done, total,
            failure_code, failure_message, failure_retryable, sha256, byte_count, file_name, retried_as
        FROM job LEFT JOIN job_outcome USING (id) WHERE public_id = ?1
        """
    /// The same by row, then columns as `StoredBody` reads them.
    case wholeJob = """
        SELECT job.id, job.public_id, state, job.lane, attempt, max_attempts, lost_leases, pardons, epoch,
            scheduled_for, claimed, progressed, job.finished,
            worker, claim_id, lease_length, lease_from, lease_until, total_limit, idle_limit, batch, batch_row,
            stage, done, job.total,
            failure_code, failure_message, failure_retryable, sha256, byte_count, file_name, retried_as,
            lane.name, format, job_body.created, request, input_digest, job_body.requested_by, is_unique,
            idempotency_key, campaign, retry_of, trace, batch.public_id
        FROM job LEFT JOIN job_outcome USING (id) LEFT JOIN lane ON lane.code = job.lane
            LEFT JOIN job_body USING (id) LEFT JOIN batch ON batch.id = job.batch
        WHERE job.id = ?1
        """

    case oldestQueued = "SELECT id FROM job WHERE state = 2 AND lane = ?1 AND id > ?2 ORDER BY id LIMIT 1"
    case expired = "SELECT id FROM job WHERE state = 3 AND lease_until <= ?1 ORDER BY lease_until, id LIMIT ?2"
    case due = "SELECT id FROM job WHERE state = 1 AND scheduled_for <= ?1 ORDER BY scheduled_for, id LIMIT ?2"
    /// Leases that begin in the future. It reads the index entries of all running jobs, which are few.
    case early = "SELECT id FROM job INDEXED BY job_leased WHERE state = 3 AND lease_from > ?1"
    case heldBy = "SELECT id FROM job INDEXED BY job_leased WHERE state = 3 AND worker = ?1 ORDER BY id"
    case firstDue = "SELECT min(scheduled_for) FROM job WHERE state = 1"
    case firstExpiry = "SELECT min(lease_until) FROM job WHERE state = 3"

    case saveLife = """
        UPDATE job SET state = ?2, attempt = ?3, lost_leases = ?4, pardons = ?5, epoch = ?6, scheduled_for = ?7,
            claimed = ?8, progressed = ?9, finished = ?10, worker = ?11, claim_id = ?12, lease_length = ?13,
            lease_from = ?14, lease_until = ?15, stage = ?16, done = ?17, total = ?18
        WHERE id = ?1
        """
    case freeUnique = "UPDATE job SET unique_digest = NULL WHERE id = ?1 AND unique_digest IS NOT NULL"
    case saveFailure = """
        INSERT INTO job_outcome (id, failure_code, failure_message, failure_retryable) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (id) DO UPDATE SET failure_code = excluded.failure_code,
            failure_message = excluded.failure_message, failure_retryable = excluded.failure_retryable
        """
    case saveResult = """
        INSERT OR REPLACE INTO job_outcome (id, sha256, byte_count, file_name) VALUES (?1, ?2, ?3, ?4)
        """
    case saveRetry = """
        INSERT INTO job_outcome (id, retried_as) VALUES (?1, ?2)
        ON CONFLICT (id) DO UPDATE SET retried_as = excluded.retried_as
        """
    /// The state that the row had stays readable: a version that understands the row turns the sign back.
    case park = "UPDATE job SET state = -state WHERE id = ?1"
    case failedUnretried = """
        SELECT job.id FROM job LEFT JOIN job_outcome USING (id)
        WHERE finished IS NOT NULL AND lane = ?1 AND state = 5 AND job.id > ?2 AND finished <= ?4
            AND retried_as IS NULL
        ORDER BY job.id LIMIT ?3
        """

    // MARK: Lists and counts

    case arrivals = "SELECT id FROM job WHERE id > ?1 ORDER BY id LIMIT ?2"
    case listAll = "SELECT id FROM job WHERE id < ?1 ORDER BY id DESC LIMIT ?2"
    // The index is named where SQLite, which does not know how few jobs it holds, would walk all of them instead.
    case listScheduled = """
        SELECT id FROM job INDEXED BY job_scheduled WHERE state = 1 AND lane = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3
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
    case countScheduledIn = "SELECT count(*) FROM job INDEXED BY job_scheduled WHERE state = 1 AND lane = ?1"
    case countFailedIn = """
        SELECT count(*) FROM (SELECT 1 FROM job LEFT JOIN job_outcome USING (id)
            WHERE finished IS NOT NULL AND lane = ?1 AND state = 5 AND retried_as IS NULL LIMIT ?2)
        """
    case listParked = "SELECT id FROM job INDEXED BY job_parked WHERE state < 1 OR state > 6 LIMIT ?1"
    case countDue = "SELECT count(*) FROM job WHERE state = 1 AND scheduled_for <= ?1"
    case countDueIn = """
        SELECT count(*) FROM job INDEXED BY job_due WHERE state = 1 AND lane = ?1 AND scheduled_for <= ?2
        """
    case countQueued = "SELECT count(*) FROM job WHERE state = 2 AND lane = ?1"
    case countRunning = "SELECT count(*) FROM job WHERE state = 3"
    case countRunningIn = "SELECT count(*) FROM job INDEXED BY job_leased WHERE state = 3 AND lane = ?1"
    case countParked = "SELECT count(*) FROM job WHERE state < 1 OR state > 6"
    case place = """
        SELECT count(*) FROM (SELECT 1 FROM job WHERE state = 2 AND lane = ?1 AND id <= ?2 LIMIT ?3)
        """
    case latestTimes = """
        SELECT claimed, finished FROM job WHERE finished IS NOT NULL AND lane = ?1 AND state = 4
        ORDER BY id DESC LIMIT ?2
        """

    // MARK: Batches

    /// Columns as `StoredBatch` reads them.
    case batch = """
        SELECT id, public_id, total, requested_by, created, finished,
            accepted, rejected, succeeded, failed, cancelled FROM batch WHERE public_id = ?1
        """
    case batchInRow = """
        SELECT id, public_id, total, requested_by, created, finished,
            accepted, rejected, succeeded, failed, cancelled FROM batch WHERE id = ?1
        """
    case batchesAfter = """
        SELECT id, public_id, total, requested_by, created, finished,
            accepted, rejected, succeeded, failed, cancelled FROM batch
        WHERE created >= ?1 AND (created, public_id) > (?1, ?2) ORDER BY created, public_id LIMIT ?3
        """
    case addBatch = "INSERT INTO batch (public_id, total, requested_by, created) VALUES (?1, ?2, ?3, ?4)"
    case saveBatch = """
        UPDATE batch SET finished = ?2, accepted = ?3, rejected = ?4, succeeded = ?5, failed = ?6, cancelled = ?7
        WHERE id = ?1
        """
    case rejection = "SELECT row, code, message, retryable FROM batch_rejection WHERE batch = ?1 AND row = ?2"
    case rejections = """
        SELECT row, code, message, retryable FROM batch_rejection WHERE batch = ?1 AND row > ?2 ORDER BY row LIMIT ?3
        """
    case addRejection = "INSERT INTO batch_rejection (batch, row, code, message, retryable) VALUES (?1, ?2, ?3, ?4, ?5)"
    case jobsOfBatch = """
        SELECT id, batch_row FROM job WHERE batch = ?1 AND batch_row > ?2 ORDER BY batch_row LIMIT ?3
        """

    // MARK: Workers

    case beat = """
        INSERT INTO worker (name, host, process, version, lanes, draining, started, beat)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)
        ON CONFLICT (name) DO UPDATE SET host = excluded.host, process = excluded.process,
            version = excluded.version, lanes = excluded.lanes, draining = excluded.draining, beat = excluded.beat
        """
    case dropWorker = "DELETE FROM worker WHERE name = ?1"
    case dropOldWorkers = "DELETE FROM worker WHERE beat <= ?1 OR beat >= ?2"
    /// Columns as `StoredWorker` reads them.
    case workers = """
        SELECT name, host, process, version, lanes, draining, started, beat FROM worker
        WHERE beat > ?1 AND beat < ?2 ORDER BY name
        """
    case addLoss = "INSERT INTO lease_loss (at, worker, job) VALUES (?1, ?2, ?3)"
    case dropOldLosses = "DELETE FROM lease_loss WHERE at <= ?1 OR at >= ?2"
    case losers = "SELECT count(DISTINCT worker) FROM lease_loss WHERE at > ?1 AND at < ?2 AND job <> ?3"
    case fleet = """
        SELECT count(*) FROM (SELECT name FROM worker WHERE beat > ?1 AND beat < ?2
            UNION SELECT worker FROM lease_loss WHERE at > ?1 AND at < ?2)
        """

    // MARK: Events

    // A number beyond 2^52 is a damaged row's: nobody could count on from there.
    case lastEvent = "SELECT last FROM event WHERE last <= 4503599627370496 ORDER BY last DESC LIMIT 1"
    case addEvents = "INSERT OR REPLACE INTO event (last, at, body) VALUES (?1, ?2, ?3)"
    case dropEvents = "DELETE FROM event WHERE last <= ?1"
    case eventsAfter = """
        SELECT last, at, body FROM event WHERE last > ?1 AND last <= 4503599627370496 ORDER BY last LIMIT 64
        """

    // MARK: Retention

    /// Ended jobs from a place on, the oldest first: when, by which state, whether its batch has ended and when that was
    /// opened, whether the job that it repeats is there.
    case endedAfter = """
        SELECT job.id, job.finished, state, batch.created, batch.finished,
            (SELECT 1 FROM job_body JOIN job AS repeated ON repeated.public_id = job_body.retry_of
                WHERE job_body.id = job.id)
        FROM job LEFT JOIN batch ON batch.id = job.batch
        WHERE job.finished IS NOT NULL AND (job.finished, job.id) > (?1, ?2)
        ORDER BY job.finished, job.id LIMIT ?3
        """
    case countEnded = "SELECT count(*) FROM job WHERE finished IS NOT NULL"
    case newest = "SELECT id FROM job ORDER BY id DESC LIMIT 1"
    case dropJob = "DELETE FROM job WHERE id = ?1"
    case dropBody = "DELETE FROM job_body WHERE id = ?1"
    case dropOutcome = "DELETE FROM job_outcome WHERE id = ?1"
    case oldBatches = """
        SELECT id FROM batch
        WHERE created <= max(?1, ?3)
            AND (created <= ?1 AND finished <= ?1 OR finished IS NULL AND created <= ?3)
            AND NOT EXISTS (SELECT 1 FROM job WHERE job.batch = batch.id AND job.batch IS NOT NULL)
        ORDER BY created LIMIT ?2
        """
    case dropBatch = "DELETE FROM batch WHERE id = ?1"
    case dropRejections = "DELETE FROM batch_rejection WHERE batch = ?1"
}

/// Transactions of the queue throw the queue's errors and run the queue's statements.
typealias JobTransaction = SQLiteTransaction<QueueError>
/// Rows of such a transaction.
typealias JobRow = SQLiteRow<QueueError>

extension SQLiteTransaction<QueueError> {
    /// Runs a statement whose rows do not matter; the number of rows that it changed.
    @discardableResult
    borrowing func run(_ sql: JobSQL, _ values: SQLiteValue...) throws(QueueError) -> Int {
        try run(sql.rawValue, values)
    }

    /// The integers in the first column of all rows.
    borrowing func integers(_ sql: JobSQL, _ values: SQLiteValue...) throws(QueueError) -> [Int64] {
        try rows(sql.rawValue, values) { row throws(QueueError) in try row.integer(0) }
    }

    /// The integer in the first column of the first row; nil for NULL and where there is no row.
    borrowing func integer(_ sql: JobSQL, _ values: SQLiteValue...) throws(QueueError) -> Int64? {
        try row(sql.rawValue, values) { row throws(QueueError) in try row.optionalInteger(0) } ?? nil
    }

    /// A count.
    borrowing func count(_ sql: JobSQL, _ values: SQLiteValue...) throws(QueueError) -> Int {
        Int(clamping: try row(sql.rawValue, values) { row throws(QueueError) in try row.integer(0) } ?? 0)
    }
}
