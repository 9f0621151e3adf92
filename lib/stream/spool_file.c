/* SPDX-License-Identifier: MIT */
/* stream/spool_file.c: the folder of a spool: its lock, its database and the statements on it. */

#include "stream/spool_file.h"

#include "core/file.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VERSION = 1, BUSY_MS = 5000, SHRINK_PAGES = 1024 };

/* What the move of a cursor adds to the log. */
enum { CURSOR_BYTES = 64 << 10 };

/* ---- texts ---- */

/* An entry is named by the number of its last record. */
#define ENTRY_TABLE(name)                                                                          \
    "CREATE TABLE " name " (number INTEGER PRIMARY KEY, n_records INTEGER NOT NULL,"               \
    " accepted_us INTEGER NOT NULL, hash INTEGER NOT NULL, data BLOB NOT NULL);"

static const char schema_sql[] =
    "PRAGMA application_id = 1702253392;" /* "evSP" */
    "PRAGMA user_version = 1;"
    "CREATE TABLE spool (id TEXT NOT NULL, last_rows INTEGER NOT NULL,"
    " last_letters INTEGER NOT NULL);"
    "INSERT INTO spool VALUES (lower(hex(randomblob(8))), 0, 0);" ENTRY_TABLE("entry") ENTRY_TABLE(
        "letter") "CREATE TABLE damaged (kind INTEGER, number INTEGER, n_records INTEGER, "
                  "accepted_us INTEGER,"
                  " hash INTEGER, data BLOB);"
                  "CREATE TABLE source (name TEXT PRIMARY KEY, position TEXT NOT NULL) WITHOUT "
                  "ROWID;"
                  "CREATE TABLE state (battery_id TEXT PRIMARY KEY, time INTEGER, seq INTEGER, "
                  "state TEXT)"
                  " WITHOUT ROWID;"
                  "CREATE TABLE cursor (kind INTEGER NOT NULL, sink TEXT NOT NULL, number INTEGER "
                  "NOT NULL,"
                  " PRIMARY KEY (kind, sink)) WITHOUT ROWID;"
                  "CREATE TABLE loss (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, sink TEXT NOT "
                  "NULL,"
                  " first INTEGER NOT NULL, last INTEGER NOT NULL, n_records INTEGER NOT NULL,"
                  " reason TEXT NOT NULL);"
                  "CREATE INDEX loss_sink ON loss (kind, sink, first);";

/* Statement and kind: those of both kinds differ in the name of the table. */
#define BOTH(id, before, after)                                                                    \
    [id + EVTWIN__SPOOL_ROWS] = before " entry " after,                                            \
          [id + EVTWIN__SPOOL_LETTERS] = before " letter " after

static const char *const sql[EVTWIN__SQL_COUNT] = {
    BOTH(EVTWIN__SQL_INSERT, "INSERT INTO", "VALUES (?1, ?2, ?3, ?4, ?5)"),
    BOTH(EVTWIN__SQL_DELETE, "DELETE FROM", "WHERE number = ?1"),
    [EVTWIN__SQL_CLEAR + EVTWIN__SPOOL_ROWS] =
        "DELETE FROM entry WHERE number IN"
        " (SELECT number FROM entry WHERE number <= ?1 ORDER BY number LIMIT 64)",
    [EVTWIN__SQL_CLEAR + EVTWIN__SPOOL_LETTERS] =
        "DELETE FROM letter WHERE number IN"
        " (SELECT number FROM letter WHERE number <= ?1 ORDER BY number LIMIT 64)",
    BOTH(EVTWIN__SQL_OLDEST, "SELECT number, n_records, accepted_us, length(data) FROM",
         "WHERE number > ?1 ORDER BY number LIMIT 1"),
    BOTH(
        EVTWIN__SQL_WAITING,
        "SELECT coalesce(sum(min(n_records, number - ?1)), 0), coalesce(sum(length(data)), 0) FROM",
        "WHERE number > ?1"),
    [EVTWIN__SQL_SET_ASIDE + EVTWIN__SPOOL_ROWS] =
        "INSERT INTO damaged SELECT 0, * FROM entry WHERE number = ?1",
    [EVTWIN__SQL_SET_ASIDE + EVTWIN__SPOOL_LETTERS] =
        "INSERT INTO damaged SELECT 1, * FROM letter WHERE number = ?1",
    [EVTWIN__SQL_SET_LAST] = "UPDATE spool SET last_rows = ?1, last_letters = ?2",
    [EVTWIN__SQL_SET_SOURCE] = "INSERT INTO source VALUES (?1, ?2)"
                               " ON CONFLICT (name) DO UPDATE SET position = excluded.position",
    [EVTWIN__SQL_GET_SOURCE] = "SELECT position FROM source WHERE name = ?1",
    [EVTWIN__SQL_SET_STATE] =
        "INSERT INTO state VALUES (?1, ?2, ?3, ?4) ON CONFLICT (battery_id) DO UPDATE"
        " SET time = excluded.time, seq = excluded.seq, state = excluded.state",
    [EVTWIN__SQL_GET_STATES] = "SELECT battery_id, time, seq, state FROM state",
    [EVTWIN__SQL_GET_CURSORS] = "SELECT kind, sink, number FROM cursor ORDER BY kind, sink",
    [EVTWIN__SQL_SET_CURSOR] = "INSERT INTO cursor VALUES (?1, ?2, ?3)"
                               " ON CONFLICT (kind, sink) DO UPDATE SET number = excluded.number",
    [EVTWIN__SQL_RENAME_CURSOR] = "UPDATE cursor SET sink = ?3 WHERE kind = ?1 AND sink = ?2",
    [EVTWIN__SQL_RENAME_LOSSES] = "UPDATE loss SET sink = ?3 WHERE kind = ?1 AND sink = ?2",
    [EVTWIN__SQL_DELETE_CURSOR] = "DELETE FROM cursor WHERE kind = ?1 AND sink = ?2",
    [EVTWIN__SQL_EXTEND_LOSS] = "UPDATE loss SET last = ?4, n_records = n_records + ?5"
                                " WHERE kind = ?1 AND sink = ?2 AND last = ?3 - 1 AND reason = ?6",
    [EVTWIN__SQL_ADD_LOSS] = "INSERT INTO loss (kind, sink, first, last, n_records, reason)"
                             " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [EVTWIN__SQL_COUNT_LOSS] =
        "SELECT coalesce(sum(min(last, ?4) - max(first, ?3) + 1), 0) FROM loss"
        " WHERE kind = ?1 AND sink = ?2 AND first <= ?4 AND last >= ?3",
    [EVTWIN__SQL_GET_LOSS] = "SELECT sink, reason, first, last, n_records FROM loss"
                             " ORDER BY id LIMIT 1 OFFSET ?1",
};

static const char *const next_sql[EVTWIN__SPOOL_KINDS] = {
    [EVTWIN__SPOOL_ROWS] = "SELECT number, n_records, accepted_us, hash, data FROM entry"
                           " WHERE number > ?1 ORDER BY number LIMIT 1",
    [EVTWIN__SPOOL_LETTERS] = "SELECT number, n_records, accepted_us, hash, data FROM letter"
                              " WHERE number > ?1 ORDER BY number LIMIT 1",
};

/* ---- the lock: of the open file, so that it ends with its process, whatever way that goes ---- */

/* The holder has written its number into the file. */
static evtwin_status fail_busy(const evtwin__spool_file *file) {
    char text[32];
    const ssize_t n = pread(file->lock, text, sizeof text, 0);
    int64_t pid = 0;
    EVTWIN_FAIL_IF(n <= 0 || !evtwin__parse_i64(text, (size_t)n, &pid), EVTWIN_E_BUSY,
                   "%s: the spool is in use by another process: stop that one, or name another "
                   "folder",
                   file->folder);
    EVTWIN_FAIL(EVTWIN_E_BUSY,
                "%s: the spool is in use by process %lld: stop that one, or name another folder",
                file->folder, (long long)pid);
}

static evtwin_status take_lock(evtwin__spool_file *file, int read_only) {
    char path[4096], text[EVTWIN__NUM_SIZE];
    const int n = snprintf(path, sizeof path, "%s/lock", file->folder);
    EVTWIN_FAIL_IF(n < 0 || (size_t)n >= sizeof path, EVTWIN_E_ARG, "%.200s…: the name is too long",
                   file->folder);
    file->lock = evtwin__fd_open(path, O_RDWR | O_NOFOLLOW | (read_only ? 0 : O_CREAT), 0600);
    if (file->lock < 0) {
        return read_only && errno == ENOENT ? EVTWIN_OK : evtwin__fail_errno(path, errno);
    }
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int rc;
    do {
        rc = fcntl(file->lock, read_only ? F_OFD_GETLK : F_OFD_SETLK, &lock);
    } while (rc != 0 && errno == EINTR);
    if (rc != 0) {
        return errno == EAGAIN || errno == EACCES ? fail_busy(file)
                                                  : evtwin__fail_errno(path, errno);
    }
    if (read_only) { /* nobody is kept out, only the holder is asked for */
        return lock.l_type == F_UNLCK ? EVTWIN_OK : fail_busy(file);
    }

    /* only for messages: without it a second process does not learn who has the spool */
    const size_t length = evtwin__format_i64(getpid(), text);
    if (ftruncate(file->lock, 0) != 0 || pwrite(file->lock, text, length, 0) != (ssize_t)length) {
        evtwin__log(EVTWIN_LOG_WARNING, "%s: %s", path, strerror(errno));
    }
    return EVTWIN_OK;
}

/* ---- the database ---- */

static evtwin_status create_schema(evtwin__spool_file *file) {
    EVTWIN_TRY(evtwin__db_begin_write(file->db));
    return evtwin__db_end(file->db, evtwin__db_exec(file->db, schema_sql));
}

static evtwin_status create_database(evtwin__spool_file *file) {
    char pragmas[80];
    snprintf(pragmas, sizeof pragmas, "PRAGMA page_size = %d; PRAGMA auto_vacuum = INCREMENTAL",
             EVTWIN__SPOOL_PAGE_BYTES);
    EVTWIN_TRY(evtwin__db_exec(file->db, pragmas));
    EVTWIN_TRY(evtwin__db_use_wal(file->db));
    return create_schema(file);
}

/* One that is not ours, or newer, is left as it is. DONE: it is empty. */
static evtwin_status check_schema(evtwin__spool_file *file) {
    int64_t application = 0, version = 0, n_tables = 0;
    EVTWIN_TRY(evtwin__db_query_i64(file->db, "PRAGMA application_id", 0, &application));
    EVTWIN_TRY(evtwin__db_query_i64(file->db, "PRAGMA user_version", 0, &version));
    EVTWIN_TRY(evtwin__db_query_i64(file->db, "SELECT count(*) FROM sqlite_schema", 0, &n_tables));
    if (application == 0 && version == 0 && n_tables == 0) {
        return EVTWIN_DONE;
    }
    EVTWIN_FAIL_IF(application != 1702253392, EVTWIN_E_CORRUPT,
                   "%s: is not the database of a spool; name another folder", file->path);
    EVTWIN_FAIL_IF(version != VERSION, EVTWIN_E_SCHEMA,
                   "%s: is a spool of version %lld, this library knows %d: use a newer one, or let "
                   "the one that made it deliver what waits",
                   file->path, (long long)version, VERSION);
    return EVTWIN_OK;
}

static evtwin_status read_id(evtwin__spool_file *file) {
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__stmt_prepare(file->db, "SELECT id FROM spool", &stmt));
    evtwin_status st = evtwin__stmt_step(stmt);
    const char *id = st == EVTWIN_OK ? evtwin__stmt_text(stmt, 0) : NULL;
    if (id != NULL) {
        snprintf(file->id, sizeof file->id, "spool:%.20s", id);
    }
    evtwin__stmt_free(stmt);
    EVTWIN_FAIL_IF(st >= 0 && file->id[0] == '\0', EVTWIN_E_CORRUPT, "%s: has no id", file->path);
    return st < 0 ? st : EVTWIN_OK;
}

/* A small log in a small spool: it counts as what is on the disk. */
static evtwin_status size_log(evtwin__spool_file *file, uint64_t max_bytes) {
    const uint64_t share = max_bytes / 16 / EVTWIN__SPOOL_PAGE_BYTES;
    file->least_log = file->most_log = (share < 1000 ? share : 1000) * EVTWIN__SPOOL_PAGE_BYTES;
    char text[160];
    snprintf(text, sizeof text,
             "PRAGMA wal_autocheckpoint = %d; PRAGMA journal_size_limit = %d; PRAGMA cache_size = "
             "-4096",
             share < 1000 ? (int)share : 1000, 4 << 20);
    return evtwin__db_exec(file->db, text);
}

static uint64_t log_bytes(const evtwin__spool_file *file) {
    char path[4096];
    struct stat info;
    const int n = snprintf(path, sizeof path, "%s-wal", file->path);
    return n > 0 && (size_t)n < sizeof path && stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
}

static evtwin_status open_to_write(evtwin__spool_file *file) {
    EVTWIN_TRY(evtwin__db_open(file->path, EVTWIN__DB_CREATE, BUSY_MS, &file->db));
    const evtwin_status st = check_schema(file);
    return st == EVTWIN_DONE ? create_database(file) : st < 0 ? st : evtwin__db_use_wal(file->db);
}

static evtwin_status open_empty(evtwin__spool_file *file) {
    EVTWIN_TRY(evtwin__db_open(":memory:", EVTWIN__DB_CREATE, BUSY_MS, &file->db));
    return create_schema(file);
}

/* A log that a kill has left stays where it is, which SQLite does for those alone who cannot write;
 * where there is none, those who can leave nothing behind. */
static evtwin_status open_to_look(evtwin__spool_file *file) {
    if (access(file->path, F_OK) != 0) {
        return open_empty(file);
    }
    EVTWIN_FAIL_IF(access(file->path, W_OK) != 0, EVTWIN_E_IO, "%s: cannot be written: %s",
                   file->path, strerror(errno));
    const evtwin__db_mode mode = log_bytes(file) > 0 ? EVTWIN__DB_READ : EVTWIN__DB_WRITE;
    EVTWIN_TRY(evtwin__db_open(file->path, mode, BUSY_MS, &file->db));
    const evtwin_status st = check_schema(file);
    if (st == EVTWIN_DONE) {
        evtwin__db_close(file->db);
        file->db = NULL;
        return open_empty(file);
    }
    return st;
}

static evtwin_status prepare(evtwin__spool_file *file, uint64_t max_bytes) {
    EVTWIN_TRY(size_log(file, max_bytes));
    EVTWIN_TRY(read_id(file));
    for (size_t i = 0; i < EVTWIN__SQL_COUNT; i++) {
        EVTWIN_TRY(evtwin__stmt_prepare(file->db, sql[i], &file->stmt[i]));
    }
    file->is_synced = 1; /* as every connection is opened */
    return EVTWIN_OK;
}

/* ---- the folder ---- */

/* Can it be written, or be made? */
static evtwin_status check_folder(const char *folder) {
    char path[4096];
    const int n = snprintf(path, sizeof path, "%s", folder);
    EVTWIN_FAIL_IF(n < 0 || (size_t)n >= sizeof path, EVTWIN_E_ARG, "%.200s…: the name is too long",
                   folder);
    const int is_there = access(path, F_OK) == 0;
    while (access(path, F_OK) != 0 && errno == ENOENT) {
        char *slash = strrchr(path, '/');
        if (slash == NULL || slash == path) {
            snprintf(path, sizeof path, slash == NULL ? "." : "/");
            break;
        }
        *slash = '\0';
    }
    struct stat info;
    int error = stat(path, &info) != 0 ? errno : S_ISDIR(info.st_mode) ? 0 : ENOTDIR;
    error = error == 0 && access(path, W_OK | X_OK) != 0 ? errno : error;
    EVTWIN_FAIL_IF(error != 0, EVTWIN_E_IO, "%s: cannot be %s: %s", folder,
                   is_there ? "written" : "made", strerror(error));
    return EVTWIN_OK;
}

static evtwin_status open_folder(evtwin__spool_file *file, int read_only) {
    EVTWIN_TRY(read_only ? check_folder(file->folder) : evtwin__mkdirs(file->folder));
    EVTWIN_TRY(take_lock(file, read_only));
    return read_only ? open_to_look(file) : open_to_write(file);
}

evtwin_status evtwin__spool_file_open(const char *folder, uint64_t max_bytes, int read_only,
                                      evtwin__spool_file *file) {
    *file = (evtwin__spool_file){.lock = -1};
    const size_t size = strlen(folder) + sizeof "/spool.db";
    file->folder = evtwin__strdup(folder);
    file->path = evtwin__calloc(size, 1);
    evtwin_status st = EVTWIN_OK;
    if (file->folder == NULL || file->path == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "%s: out of memory for a spool", folder);
    } else {
        snprintf(file->path, size, "%s/spool.db", folder);
    }
    if (st < 0 || (st = open_folder(file, read_only)) < 0 || (st = prepare(file, max_bytes)) < 0) {
        evtwin__spool_file_close(file);
    }
    return st;
}

void evtwin__spool_file_close(evtwin__spool_file *file) {
    for (size_t i = 0; i < EVTWIN__SQL_COUNT; i++) {
        evtwin__stmt_free(file->stmt[i]);
    }
    evtwin__db_close(file->db);
    if (file->lock >= 0) {
        close(file->lock); /* last: nobody else opens the database before */
    }
    evtwin__free(file->folder);
    evtwin__free(file->path);
    *file = (evtwin__spool_file){.lock = -1};
}

evtwin_status evtwin__spool_file_open_reader(const evtwin__spool_file *file,
                                             evtwin__spool_kind kind, evtwin__db **db_out,
                                             evtwin__stmt **next_out) {
    evtwin__db *db = NULL;
    EVTWIN_TRY(evtwin__db_open(file->path, EVTWIN__DB_READ, BUSY_MS, &db));
    evtwin_status st = evtwin__db_exec(db, "PRAGMA cache_size = -2048");
    if (st < 0 || (st = evtwin__stmt_prepare(db, next_sql[kind], next_out)) < 0) {
        evtwin__db_close(db);
        return st;
    }
    *db_out = db;
    return EVTWIN_OK;
}

evtwin_status evtwin__spool_file_begin(evtwin__spool_file *file, int is_synced) {
    if (file->is_synced != is_synced) {
        EVTWIN_TRY(evtwin__db_exec(file->db, is_synced ? "PRAGMA synchronous = FULL"
                                                       : "PRAGMA synchronous = NORMAL"));
        file->is_synced = is_synced;
    }
    return evtwin__db_begin_write(file->db);
}

/* ---- its size ---- */

evtwin_status evtwin__spool_file_bytes(evtwin__spool_file *file, evtwin__spool_bytes *out) {
    int64_t n_pages = 0, n_free = 0;
    EVTWIN_TRY(evtwin__db_query_i64(file->db, "PRAGMA page_count", 0, &n_pages));
    EVTWIN_TRY(evtwin__db_query_i64(file->db, "PRAGMA freelist_count", 0, &n_free));
    *out = (evtwin__spool_bytes){.used = (uint64_t)(n_pages - n_free) * EVTWIN__SPOOL_PAGE_BYTES,
                                 .free = (uint64_t)n_free * EVTWIN__SPOOL_PAGE_BYTES,
                                 .log = log_bytes(file)};
    return EVTWIN_OK;
}

void evtwin__spool_file_checkpoint(evtwin__spool_file *file) {
    if (log_bytes(file) > 0) {
        (void)evtwin__db_exec(file->db, "PRAGMA wal_checkpoint(TRUNCATE)");
    }
}

uint64_t evtwin__spool_log_reserve(const evtwin__spool_file *file,
                                   const evtwin__spool_bytes *bytes) {
    return (bytes->log > file->least_log ? bytes->log : file->least_log) + CURSOR_BYTES;
}

void evtwin__spool_file_note_log(evtwin__spool_file *file) {
    const uint64_t log = log_bytes(file);
    file->most_log = log > file->least_log ? log : file->least_log;
}

void evtwin__spool_file_keep_log(evtwin__spool_file *file) {
    if (log_bytes(file) > file->most_log) {
        evtwin__spool_file_checkpoint(file);
    }
}

evtwin_status evtwin__spool_file_squeeze(evtwin__spool_file *file) {
    int64_t n_before = 0, n_after = 0;
    EVTWIN_TRY(evtwin__db_query_i64(file->db, "PRAGMA freelist_count", 0, &n_before));
    EVTWIN_TRY(evtwin__db_exec(file->db, "PRAGMA incremental_vacuum(16)"));
    EVTWIN_TRY(evtwin__db_query_i64(file->db, "PRAGMA freelist_count", 0, &n_after));
    evtwin__spool_file_checkpoint(file);
    return n_after < n_before ? EVTWIN_OK : EVTWIN_DONE;
}

void evtwin__spool_file_shrink(evtwin__spool_file *file) {
    int64_t n_free = 0;
    if (evtwin__db_query_i64(file->db, "PRAGMA freelist_count", 0, &n_free) >= 0 &&
        n_free > SHRINK_PAGES) {
        (void)evtwin__db_exec(file->db, "PRAGMA incremental_vacuum(1024)");
    }
}
