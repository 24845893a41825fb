/* What SQLite itself makes of the queue's work: the statements that Pkgmill runs in its transactions, in a plain loop,
 * on a database that Pkgmill has made. No queue around them, no lock between processes, no check of what is read.
 *
 *     same_statements DATABASE STATEMENTS enqueue-1|enqueue-16|enqueue-bulk|drain
 *
 * STATEMENTS has lines of a name, a tab and SQL, as `pkgmill bench queue --prepare DATABASE` prints them. Prints one
 * line of JSON. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { QUEUED = 2, RUNNING = 3, SUCCEEDED = 4, STATEMENTS = 128, MOST = 1000, CHECKPOINT = 2000 };

static sqlite3 *db;
static struct { char *name; sqlite3_stmt *statement; } known[STATEMENTS];
static int known_count, log_pages, next_checkpoint = CHECKPOINT;
static unsigned char events[MOST * 19];
static int event_bytes, event_count;

static void fail(const char *what) {
    fprintf(stderr, "same_statements: %s: %s\n", what, db ? sqlite3_errmsg(db) : "");
    exit(1);
}

static void execute(const char *sql) { if (sqlite3_exec(db, sql, 0, 0, 0) != SQLITE_OK) fail(sql); }

static sqlite3_stmt *prepare(const char *sql) {
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, 0) != SQLITE_OK) fail(sql);
    return statement;
}

static sqlite3_stmt *named(const char *name) {
    for (int i = 0; i < known_count; i++) if (strcmp(known[i].name, name) == 0) return known[i].statement;
    fail(name);
    return 0;
}

static void read_statements(const char *path) {
    static char line[8192];
    FILE *file = fopen(path, "r");
    if (!file) fail(path);
    while (fgets(line, sizeof line, file) && known_count < STATEMENTS) {
        char *tab = strchr(line, '\t');
        if (!tab) continue;
        *tab = 0;
        known[known_count].name = strdup(line);
        known[known_count++].statement = prepare(tab + 1);
    }
    fclose(file);
}

static double seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static long long milliseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

static void integer(sqlite3_stmt *s, int index, long long value) { sqlite3_bind_int64(s, index, value); }
static void text(sqlite3_stmt *s, int index, const char *value) {
    sqlite3_bind_text(s, index, value, -1, SQLITE_STATIC);
}
static void bytes(sqlite3_stmt *s, int index, const void *value, int count) {
    sqlite3_bind_blob(s, index, value, count, SQLITE_STATIC);
}

/* Runs a statement to its end; how many rows it gave. */
static int run(sqlite3_stmt *s) {
    int code, rows = 0;
    while ((code = sqlite3_step(s)) == SQLITE_ROW) rows++;
    if (code != SQLITE_DONE) fail(sqlite3_sql(s));
    sqlite3_reset(s);
    return rows;
}

/* The integer in the first column of the first row; 0 without one. */
static long long first(sqlite3_stmt *s) {
    int code = sqlite3_step(s);
    if (code != SQLITE_ROW && code != SQLITE_DONE) fail(sqlite3_sql(s));
    long long value = code == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_reset(s);
    return value;
}

static int note_log(void *context, sqlite3 *database, const char *schema, int pages) {
    (void)context, (void)database, (void)schema;
    log_pages = pages;
    return SQLITE_OK;
}

static sqlite3_stmt *begin_statement, *commit_statement;
static sqlite3_stmt *data_version, *lanes, *holds, *add_job, *add_body, *last_event, *add_events, *drop_events;
static sqlite3_stmt *expired, *due, *oldest_queued, *whole_job, *save_life, *life_of_job, *save_result, *free_unique;

static void open_database(const char *path, const char *statements) {
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, 0) != SQLITE_OK) fail(path);
    sqlite3_wal_autocheckpoint(db, 0);
    sqlite3_wal_hook(db, note_log, 0);
    execute("PRAGMA cell_size_check=ON; PRAGMA cache_size=-32768; PRAGMA synchronous=FULL");
    read_statements(statements);
    begin_statement = prepare("BEGIN IMMEDIATE");
    commit_statement = prepare("COMMIT");
    data_version = named("dataVersion"), lanes = named("lanes"), holds = named("holds"), add_job = named("addJob");
    add_body = named("addBody"), last_event = named("lastEvent"), add_events = named("addEvents");
    drop_events = named("dropEvents"), expired = named("expired"), due = named("due");
    oldest_queued = named("oldestQueued"), whole_job = named("wholeJob"), save_life = named("saveLife");
    life_of_job = named("lifeOfJob"), save_result = named("saveResult"), free_unique = named("freeUnique");
}

static void begin(void) {
    run(begin_statement);
    event_bytes = event_count = 0;
}

/* Writes the events, commits, and checkpoints as often as the queue does. */
static void commit(long long now) {
    long long before = first(last_event), last = before + event_count;
    integer(add_events, 1, last), integer(add_events, 2, now), bytes(add_events, 3, events, event_bytes);
    run(add_events);
    if (before >> 6 != last >> 6) { integer(drop_events, 1, last - 10000); run(drop_events); }
    run(commit_statement);
    if (log_pages < next_checkpoint - CHECKPOINT) next_checkpoint = CHECKPOINT;
    if (log_pages < next_checkpoint) return;
    next_checkpoint = log_pages + CHECKPOINT;
    if (sqlite3_wal_checkpoint_v2(db, 0, SQLITE_CHECKPOINT_PASSIVE, 0, 0) != SQLITE_OK) fail("checkpoint");
}

static void note(int state, int attempt, const void *id) {
    events[event_bytes] = 1, events[event_bytes + 1] = state, events[event_bytes + 2] = attempt;
    memcpy(events + event_bytes + 3, id, 16);
    event_bytes += 19, event_count++;
}

/* The lane in which jobs wait; looked up again, with what holds it, when another connection has changed anything. */
static long long lane(void) {
    static long long code = 0, known_version = -1;
    long long version = first(data_version);
    if (version == known_version) return code;
    known_version = version;
    while (sqlite3_step(lanes) == SQLITE_ROW) {
        if (strcmp((const char *)sqlite3_column_text(lanes, 1), "interactive") == 0)
            code = sqlite3_column_int64(lanes, 0);
    }
    sqlite3_reset(lanes);
    run(holds);
    return code;
}

static void random_bytes(void *to, int count) {
    if (getrandom(to, count, 0) != count) fail("getrandom");
}

static void enqueue(int count) {
    static const unsigned char request[64] = "x", digest[32] = {7};
    long long now = milliseconds();
    begin();
    long long code = lane();
    for (int i = 0; i < count; i++) {
        unsigned char id[16];
        random_bytes(id + 6, 10);
        for (int k = 0; k < 6; k++) id[k] = now >> (40 - 8 * k);
        id[6] = (id[6] & 0x0F) | 0x70, id[8] = (id[8] & 0x3F) | 0x80;
        bytes(add_job, 1, id, 16), integer(add_job, 2, QUEUED), integer(add_job, 3, code);
        integer(add_job, 4, 1), integer(add_job, 5, 3);
        run(add_job);
        if (sqlite3_changes(db) != 1) fail("a job is there already");
        integer(add_body, 1, sqlite3_last_insert_rowid(db)), integer(add_body, 2, 1), integer(add_body, 3, now);
        bytes(add_body, 4, request, 64), bytes(add_body, 5, digest, 32), text(add_body, 6, "bench");
        integer(add_body, 7, 0);
        run(add_body);
        note(QUEUED, 1, id);
    }
    commit(now);
}

static void save(long long row, int state, long long now, const void *claim_id) {
    sqlite3_clear_bindings(save_life);
    integer(save_life, 1, row), integer(save_life, 2, state), integer(save_life, 3, 1), integer(save_life, 4, 0);
    integer(save_life, 5, 0), integer(save_life, 6, 1), integer(save_life, 8, now);
    if (state == RUNNING) {
        text(save_life, 11, "bench"), bytes(save_life, 12, claim_id, 16), integer(save_life, 13, 60000);
        integer(save_life, 14, now), integer(save_life, 15, now + 60000);
    } else {
        integer(save_life, 10, now), integer(save_life, 13, 0), integer(save_life, 14, 0), integer(save_life, 15, 0);
    }
    run(save_life);
}

/* Claims up to `count` jobs without waiting for the disk, then completes them all and waits; how many there were. */
static int claim_and_complete(int count) {
    static struct { unsigned char id[16]; } claimed[MOST];
    int found = 0;
    long long now = milliseconds();
    execute("PRAGMA synchronous=NORMAL");
    begin();
    integer(expired, 1, now), integer(expired, 2, 10), run(expired);
    integer(due, 1, now), integer(due, 2, 100), run(due);
    long long code = lane();
    while (found < count) {
        unsigned char claim_id[16];
        integer(oldest_queued, 1, code), integer(oldest_queued, 2, 0);
        long long row = first(oldest_queued);
        if (row == 0) break;
        integer(whole_job, 1, row);
        if (sqlite3_step(whole_job) != SQLITE_ROW) fail("a job without a row");
        memcpy(claimed[found].id, sqlite3_column_blob(whole_job, 1), 16);
        sqlite3_reset(whole_job);
        random_bytes(claim_id, 16);
        save(row, RUNNING, now, claim_id);
        note(RUNNING, 1, claimed[found++].id);
    }
    if (found > 0) integer(oldest_queued, 1, code), integer(oldest_queued, 2, 0), first(oldest_queued);
    if (found == 0) { run(commit_statement); return 0; }
    commit(now);

    now = milliseconds();
    execute("PRAGMA synchronous=FULL");
    begin();
    for (int i = 0; i < found; i++) {
        bytes(life_of_job, 1, claimed[i].id, 16);
        long long row = first(life_of_job);
        save(row, SUCCEEDED, now, 0);
        integer(save_result, 1, row), integer(save_result, 3, 0), text(save_result, 4, "none");
        text(save_result, 2, "0000000000000000000000000000000000000000000000000000000000000000");
        run(save_result);
        integer(free_unique, 1, row), run(free_unique);
        note(SUCCEEDED, 1, claimed[i].id);
    }
    commit(now);
    return found;
}

int main(int count, char **words) {
    if (count != 4) fail("usage: same_statements DATABASE STATEMENTS MEASURE");
    const char *measure = words[3];
    open_database(words[1], words[2]);
    int jobs, done = 0;
    double start;
    if (strcmp(measure, "drain") == 0) {
        jobs = 50000;
        for (int i = 0; i < jobs; i += MOST) enqueue(MOST);
        start = seconds();
        for (int found; (found = claim_and_complete(32)) > 0;) done += found;
    } else {
        int each = strcmp(measure, "enqueue-1") == 0 ? 1 : strcmp(measure, "enqueue-16") == 0 ? 16 : MOST;
        jobs = each == 1 ? 5000 : each == 16 ? 50000 : 300000;
        start = seconds();
        for (; done < jobs; done += each) enqueue(each);
    }
    printf("{\"subject\":\"C\",\"figures\":[{\"measure\":\"%s\",\"unit\":\"/s\",\"median\":%.1f,\"count\":%d}]}\n",
        measure, done / (seconds() - start), done);
    return 0;
}
