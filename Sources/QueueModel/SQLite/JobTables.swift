/// The queue's tables. States, lanes and times are integers in them and words everywhere else.
enum JobTables {
    /// The name under which `SQLiteStore` keeps the version of these tables.
    static let component = "queue"

    /// What each step adds; released steps never change.
    static let migrations = [version1]

    /// - `lane`: a number for each lane's name, and how it is served, in the order of `place`. `rate_full_at` is
    ///   `StartMeter.fullAt`.
    /// - `hold`: what holds a lane (0: all); `kind` as `LaneHold.Kind.code` has it.
    /// - `job`: the hot row. `id` is the order of arrival and of claims. `state` as `Job.State.Name.code` has it; a
    ///   negative one is a parked row, with the state that it had. `worker`, `claim_id` and `lease_…` are the lease of a
    ///   running job, and the only record of it; NULL, NULL and 0 otherwise. `unique_digest` is there while no other job
    ///   may have it. Times are milliseconds since 1970, limits and lengths milliseconds.
    /// - `job_body`: what was asked for. Apart, so that no change of state rewrites a request. `format` is the version
    ///   of its columns' meaning.
    /// - `job_outcome`: the latest failure, the result, the latest retry.
    /// - `batch`, `batch_rejection`: batches with their counts, and the rows that did not become jobs.
    /// - `worker`: who has beat; `lanes` is NULL for all, else names with commas between.
    /// - `lease_loss`: leases that workers have lost lately.
    /// - `event`: one row for the events of a transaction (or a thousand of them); `last` is the number of the last one,
    ///   `body` as `EventCoding` has it.
    ///
    /// All indexes over jobs are partial, so that a finished job lies in none of those that claims walk. `state` leads
    /// those of one state only so that SQLite need not look at the row to be sure of it.
    private static let version1 = """
        CREATE TABLE lane (
            code INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            weight INTEGER NOT NULL,
            concurrency INTEGER,
            rate_count INTEGER,
            rate_period INTEGER,
            rate_full_at INTEGER NOT NULL DEFAULT 0,
            configured INTEGER NOT NULL,
            place INTEGER NOT NULL
        ) STRICT;

        CREATE TABLE hold (
            lane INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            held_by TEXT NOT NULL,
            reason TEXT NOT NULL,
            since INTEGER NOT NULL,
            PRIMARY KEY (lane, kind)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE job (
            id INTEGER PRIMARY KEY,
            public_id BLOB NOT NULL UNIQUE,
            state INTEGER NOT NULL,
            lane INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            max_attempts INTEGER NOT NULL,
            lost_leases INTEGER NOT NULL DEFAULT 0,
            pardons INTEGER NOT NULL DEFAULT 0,
            epoch INTEGER NOT NULL DEFAULT 0,
            scheduled_for INTEGER,
            claimed INTEGER,
            progressed INTEGER,
            finished INTEGER,
            worker TEXT,
            claim_id BLOB,
            lease_length INTEGER NOT NULL DEFAULT 0,
            lease_from INTEGER NOT NULL DEFAULT 0,
            lease_until INTEGER NOT NULL DEFAULT 0,
            total_limit INTEGER,
            idle_limit INTEGER,
            unique_digest BLOB,
            batch INTEGER,
            batch_row INTEGER,
            stage TEXT,
            done INTEGER,
            total INTEGER
        ) STRICT;
        CREATE INDEX job_due ON job (state, scheduled_for) WHERE state = 1;
        CREATE INDEX job_scheduled ON job (state, lane) WHERE state = 1;
        CREATE INDEX job_ready ON job (state, lane) WHERE state = 2;
        CREATE INDEX job_leased ON job (state, lease_until) WHERE state = 3;
        CREATE INDEX job_ended ON job (lane, state) WHERE finished IS NOT NULL;
        CREATE INDEX job_finished ON job (finished) WHERE finished IS NOT NULL;
        CREATE INDEX job_parked ON job (state) WHERE state < 1 OR state > 6;
        CREATE UNIQUE INDEX job_unique ON job (unique_digest) WHERE unique_digest IS NOT NULL;
        CREATE UNIQUE INDEX job_batch ON job (batch, batch_row) WHERE batch IS NOT NULL;

        CREATE TABLE job_body (
            id INTEGER PRIMARY KEY,
            format INTEGER NOT NULL,
            created INTEGER NOT NULL,
            request BLOB NOT NULL,
            input_digest BLOB NOT NULL,
            requested_by TEXT NOT NULL,
            is_unique INTEGER NOT NULL,
            idempotency_key TEXT,
            campaign TEXT,
            retry_of BLOB,
            trace TEXT
        ) STRICT;
        CREATE UNIQUE INDEX job_key ON job_body (idempotency_key) WHERE idempotency_key IS NOT NULL;

        CREATE TABLE job_outcome (
            id INTEGER PRIMARY KEY,
            failure_code TEXT,
            failure_message TEXT,
            failure_retryable INTEGER,
            sha256 TEXT,
            byte_count INTEGER,
            file_name TEXT,
            retried_as BLOB
        ) STRICT;

        CREATE TABLE batch (
            id INTEGER PRIMARY KEY,
            public_id BLOB NOT NULL UNIQUE,
            requested_by TEXT NOT NULL,
            created INTEGER NOT NULL,
            finished INTEGER,
            total INTEGER NOT NULL,
            accepted INTEGER NOT NULL DEFAULT 0,
            rejected INTEGER NOT NULL DEFAULT 0,
            succeeded INTEGER NOT NULL DEFAULT 0,
            failed INTEGER NOT NULL DEFAULT 0,
            cancelled INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE INDEX batch_created ON batch (created);

        CREATE TABLE batch_rejection (
            batch INTEGER NOT NULL,
            row INTEGER NOT NULL,
            code TEXT NOT NULL,
            message TEXT NOT NULL,
            retryable INTEGER NOT NULL,
            PRIMARY KEY (batch, row)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE worker (
            name TEXT NOT NULL PRIMARY KEY,
            host TEXT NOT NULL,
            process INTEGER NOT NULL,
            version TEXT NOT NULL,
            lanes TEXT,
            draining INTEGER NOT NULL,
            started INTEGER NOT NULL,
            beat INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE lease_loss (
            at INTEGER NOT NULL,
            worker TEXT NOT NULL,
            job INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX lease_loss_time ON lease_loss (at);

        CREATE TABLE event (
            last INTEGER PRIMARY KEY,
            at INTEGER NOT NULL,
            body BLOB NOT NULL
        ) STRICT
        """

    /// The version of `job_body` that this program writes and reads.
    static let bodyFormat: Int64 = 1
}

extension Job.State.Name {
    /// The number that stands for the state in `job.state`.
    var code: Int64 {
        switch self {
        case .scheduled: 1
        case .queued: 2
        case .running: 3
        case .succeeded: 4
        case .failed: 5
        case .cancelled: 6
        }
    }

    /// The state of that number.
    init?(code: Int64) {
        switch code {
        case 1: self = .scheduled
        case 2: self = .queued
        case 3: self = .running
        case 4: self = .succeeded
        case 5: self = .failed
        case 6: self = .cancelled
        default: return nil
        }
    }
}

extension LaneHold.Kind {
    /// The number that stands for the kind in `hold.kind`.
    var code: Int64 {
        switch self {
        case .paused: 1
        case .closed: 2
        }
    }

    /// The kind of that number.
    init?(code: Int64) {
        switch code {
        case 1: self = .paused
        case 2: self = .closed
        default: return nil
        }
    }
}
