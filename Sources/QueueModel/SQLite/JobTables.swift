/// The queue's tables. States, lanes and times are integers in them and words everywhere else.
enum JobTables {
    /// The name under which `SQLiteStore` keeps the version of these tables.
    static let component = "queue"

    /// What each step adds; released steps never change.
    static let migrations = [version1]

    /// - `lane`: a number for each lane's name.
    /// - `job`: the hot row. `id` is the order of arrival and of claims. `state` as `Job.State.Name.code` has it; a
    ///   negative one is a parked row, with the state that it had. `worker`, `claim_id` and `lease_until` are the lease
    ///   of a running job, and the only record of it; NULL, NULL and 0 otherwise. Times are milliseconds since 1970.
    /// - `job_body`: what was asked for. Apart, so that no change of state rewrites a request. `format` is the version
    ///   of its columns' meaning.
    /// - `job_outcome`: the latest failure, the result.
    ///
    /// All indexes over jobs are partial, so that a finished job lies in none of those that claims walk. `state` leads
    /// those of one state only so that SQLite need not look at the row to be sure of it.
    private static let version1 = """
        CREATE TABLE lane (
            code INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE
        ) STRICT;

        CREATE TABLE job (
            id INTEGER PRIMARY KEY,
            public_id BLOB NOT NULL UNIQUE,
            state INTEGER NOT NULL,
            lane INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            max_attempts INTEGER NOT NULL,
            epoch INTEGER NOT NULL,
            scheduled_for INTEGER,
            claimed INTEGER,
            finished INTEGER,
            worker TEXT,
            claim_id BLOB,
            lease_until INTEGER NOT NULL,
            stage TEXT,
            done INTEGER,
            total INTEGER
        ) STRICT;
        CREATE INDEX job_due ON job (state, scheduled_for) WHERE state = 1;
        CREATE INDEX job_ready ON job (state, lane) WHERE state = 2;
        CREATE INDEX job_leased ON job (state, lease_until) WHERE state = 3;
        CREATE INDEX job_ended ON job (lane, state) WHERE finished IS NOT NULL;
        CREATE INDEX job_parked ON job (state) WHERE state < 1 OR state > 6;

        CREATE TABLE job_body (
            id INTEGER PRIMARY KEY,
            format INTEGER NOT NULL,
            created INTEGER NOT NULL,
            request BLOB NOT NULL,
            input_digest BLOB NOT NULL,
            requested_by TEXT NOT NULL,
            idempotency_key TEXT,
            batch TEXT,
            campaign TEXT,
            retry_of BLOB,
            trace TEXT
        ) STRICT;

        CREATE TABLE job_outcome (
            id INTEGER PRIMARY KEY,
            failure_code TEXT,
            failure_message TEXT,
            failure_retryable INTEGER,
            sha256 TEXT,
            byte_count INTEGER,
            file_name TEXT
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
}
