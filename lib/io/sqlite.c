/* SPDX-License-Identifier: MIT */
/* io/sqlite.c: open SQLite databases with safe settings, run statements, map errors. */

#include "io/sqlite_inside.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct evtwin__stmt {
    evtwin__db *db;
    sqlite3_stmt *handle;
    int bind_rc; /* first failure of a bind since the last reset */
};

/* ---- errors ---- */

static evtwin_status status_of(int rc) {
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return EVTWIN_E_AGAIN;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return EVTWIN_E_CORRUPT;
    case SQLITE_NOMEM:
        return EVTWIN_E_NOMEM;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
        return EVTWIN_E_IO;
    case SQLITE_INTERRUPT:
        return EVTWIN_E_CANCELLED;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
        return EVTWIN_E_DATA;
    default:
        return EVTWIN_E_EXTERNAL;
    }
}

evtwin_status evtwin__db_fail(evtwin__db *db, int rc) {
    const evtwin_status st = status_of(rc);
    const char *text =
        sqlite3_errcode(db->handle) == rc || sqlite3_extended_errcode(db->handle) == rc
            ? sqlite3_errmsg(db->handle)
            : sqlite3_errstr(rc);
    EVTWIN_FAIL_IF(st == EVTWIN_E_AGAIN, st,
                   "%s: database is held by another process or handle (waited %d ms)", db->name,
                   db->busy_timeout_ms);
    EVTWIN_FAIL_IF(st == EVTWIN_E_CANCELLED, st, "%s: %s", db->name,
                   atomic_load(&db->is_interrupted) ? "interrupted" : "its deadline has passed");
    EVTWIN_FAIL_IF((rc & 0xff) == SQLITE_NOTADB, st, "%s: is not a SQLite database", db->name);
    const int system_errno = st == EVTWIN_E_IO ? sqlite3_system_errno(db->handle) : 0;
    if (db->mode == EVTWIN__DB_READ && system_errno != EMFILE && system_errno != ENFILE &&
        ((rc & 0xff) == SQLITE_READONLY || (rc & 0xff) == SQLITE_CANTOPEN)) {
        /* the file itself can be read: its log is what SQLite wants to write */
        EVTWIN_FAIL(st,
                    "%s: cannot read: no writer has it open, so SQLite needs to create its log "
                    "%s-wal, but the "
                    "folder is not writable for this user",
                    db->name, db->name);
    }
    EVTWIN_FAIL_IF(system_errno != 0, st, "%s: %s (%s)", db->name, text, strerror(system_errno));
    EVTWIN_FAIL(st, "%s: %s", db->name, text);
}

/* ---- deadlines ---- */

enum { STEPS_BETWEEN_LOOKS = 4000 /* some 50 us of a statement */ };

/* SQLite asks this while a statement runs. */
static int is_over(void *ctx) {
    evtwin__db *db = ctx;
    return atomic_load(&db->is_interrupted) ||
           (db->deadline_us != INT64_MAX && evtwin__monotonic_us() >= db->deadline_us);
}

void evtwin__db_deadline(evtwin__db *db, double seconds) {
    db->deadline_us = seconds > 0.0 && seconds < 1e9
                          ? evtwin__monotonic_us() + (int64_t)(seconds * 1e6)
                          : INT64_MAX;
}

void evtwin__db_interrupt(evtwin__db *db) {
    atomic_store(&db->is_interrupted, 1);
    sqlite3_interrupt(db->handle); /* what has no steps to count, such as a count of rows */
}

/* ---- open ---- */

/* Is the folder there that would hold the file? */
static int has_folder(const char *path) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const size_t length = slash != NULL ? (size_t)(slash - path) : 0;
    struct stat info;
    if (length == 0 || length >= sizeof folder) {
        return 1; /* here, or at the root */
    }
    memcpy(folder, path, length);
    folder[length] = '\0';
    return stat(folder, &info) == 0 && S_ISDIR(info.st_mode);
}

evtwin_status evtwin__db_fail_create(const char *path) {
    EVTWIN_FAIL(errno == ENOENT ? EVTWIN_E_NOT_FOUND : EVTWIN_E_IO, "%s: %s", path,
                errno == ENOENT ? "its folder does not exist" : strerror(errno));
}

/* SQLite makes files by the umask; telemetry tells where people were, so ours are their owner's.
 * The files beside it (-wal, -shm) take the mode of the database. */
static evtwin_status create_private(const char *path) {
    const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        if (errno == EEXIST) {
            return EVTWIN_OK;
        }
        return evtwin__db_fail_create(path);
    }
    const int failed = fchmod(fd, 0600) != 0;
    const int why = errno;
    close(fd);
    EVTWIN_FAIL_IF(failed, EVTWIN_E_IO, "%s: %s", path, strerror(why));
    return EVTWIN_OK;
}

static evtwin_status check_file(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0) {
        const int error = errno;
        EVTWIN_FAIL_IF(error != ENOENT && error != ENOTDIR, EVTWIN_E_IO, "%s: %s", path,
                       strerror(error));
        EVTWIN_FAIL_IF(!has_folder(path), EVTWIN_E_IO,
                       "%s: its folder does not exist; make it, or name another store", path);
        EVTWIN_FAIL(EVTWIN_E_NOT_FOUND, "%s: %s", path, strerror(error));
    }
    EVTWIN_FAIL_IF(!S_ISREG(info.st_mode), EVTWIN_E_IO, "%s: is not a regular file", path);
    EVTWIN_FAIL_IF(info.st_nlink > 1, EVTWIN_E_IO,
                   "%s: has %lu names (hard links); each would have a log of its own and two logs "
                   "damage a database: remove the other name, or open a copy",
                   path, (unsigned long)info.st_nlink);
    EVTWIN_FAIL_IF(access(path, R_OK) != 0, EVTWIN_E_IO, "%s: %s", path, strerror(errno));
    return EVTWIN_OK;
}

/* What a hostile or damaged file could make SQLite do is bounded here (sqlite.org/security.html).
 */
static evtwin_status harden(evtwin__db *db) {
    static const struct {
        int id, value;
    } limits[] = {
        {SQLITE_LIMIT_LENGTH, 1000000},      {SQLITE_LIMIT_SQL_LENGTH, 100000},
        {SQLITE_LIMIT_COLUMN, 100},          {SQLITE_LIMIT_EXPR_DEPTH, 100},
        {SQLITE_LIMIT_COMPOUND_SELECT, 10},  {SQLITE_LIMIT_VDBE_OP, 25000},
        {SQLITE_LIMIT_FUNCTION_ARG, 8},      {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_VARIABLE_NUMBER, 100}, {SQLITE_LIMIT_TRIGGER_DEPTH, 10},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        sqlite3_limit(db->handle, limits[i].id, limits[i].value);
    }
    static const struct {
        int id, value;
    } settings[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, /* triggers in a file are for other programs */
    };
    int rc = sqlite3_busy_timeout(db->handle, db->busy_timeout_ms);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0] && rc == SQLITE_OK; i++) {
        rc = sqlite3_db_config(db->handle, settings[i].id, settings[i].value, NULL);
    }
    if (rc != SQLITE_OK) {
        return evtwin__db_fail(db, rc);
    }
    return evtwin__db_exec(db, "PRAGMA cell_size_check = ON;"
                               "PRAGMA foreign_keys = ON;"
                               "PRAGMA synchronous = FULL;" /* committed = on the disk */
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA wal_autocheckpoint = 4000;"
                               "PRAGMA cache_size = -16384;"             /* 16 MiB */
                               "PRAGMA journal_size_limit = 67108864;"); /* 64 MiB */
}

static evtwin_status open_handle(evtwin__db *db, const char *path, evtwin__db_mode mode) {
    const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                      (mode == EVTWIN__DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
    const int rc = sqlite3_open_v2(path, &db->handle, flags, NULL);
    EVTWIN_FAIL_IF(db->handle == NULL, EVTWIN_E_NOMEM, "out of memory for a connection to %s",
                   path);
    if (rc != SQLITE_OK) {
        return evtwin__db_fail(db, rc);
    }
    EVTWIN_FAIL_IF(mode != EVTWIN__DB_READ && sqlite3_db_readonly(db->handle, "main") == 1,
                   EVTWIN_E_IO, "%s: may not be written by this user", path);
    sqlite3_progress_handler(db->handle, STEPS_BETWEEN_LOOKS, is_over, db);
    EVTWIN_TRY(harden(db));

    /* the first read of the file: here it shows whether it is a database at all */
    int64_t version;
    return evtwin__db_query_i64(db, "PRAGMA schema_version", 0, &version);
}

evtwin_status evtwin__db_open(const char *path, evtwin__db_mode mode, int busy_timeout_ms,
                              evtwin__db **out) {
    assert(path != NULL && out != NULL && busy_timeout_ms >= 0);
    EVTWIN_FAIL_IF(path[0] == '\0', EVTWIN_E_ARG, "the file name of the database is empty");
    if (strcmp(path, ":memory:") != 0) {
        EVTWIN_TRY(mode == EVTWIN__DB_CREATE ? create_private(path) : EVTWIN_OK);
        EVTWIN_TRY(check_file(path));
    }

    evtwin__db *db = evtwin__calloc(1, sizeof *db);
    char *name = evtwin__strdup(path);
    if (db == NULL || name == NULL) {
        evtwin__free(db);
        evtwin__free(name);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for a connection to %s", path);
    }
    db->name = name;
    db->mode = mode;
    db->busy_timeout_ms = busy_timeout_ms;
    db->deadline_us = INT64_MAX;
    db->file = -1;
    evtwin_status st = strcmp(path, ":memory:") != 0 ? evtwin__db_watch(db) : EVTWIN_OK;
    if (st < 0 || (st = open_handle(db, path, mode)) < 0) {
        evtwin__db_close(db);
        return st;
    }
    (void)evtwin__db_is_cut(db); /* from now on */
    *out = db;
    return EVTWIN_OK;
}

void evtwin__db_close(evtwin__db *db) {
    if (db == NULL) {
        return;
    }
    if (db->handle != NULL) {
        evtwin__db_leave_log(db);
    }
    const int rc = sqlite3_close(db->handle);
    assert(rc == SQLITE_OK); /* otherwise a statement was forgotten */
    (void)rc;
    if (db->file >= 0) {
        close(db->file);
    }
    evtwin__free(db->watched);
    evtwin__free(db->name);
    evtwin__free(db);
}

const char *evtwin__db_name(const evtwin__db *db) {
    return db->name;
}

/* ---- statements that give no rows ---- */

evtwin_status evtwin__db_exec(evtwin__db *db, const char *sql) {
    const int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? EVTWIN_OK : evtwin__db_fail(db, rc);
}

/* Two processes that open a new database at once both want it alone for a moment, and SQLite does
 * not let its busy handler wait there. */
evtwin_status evtwin__db_use_wal(evtwin__db *db) {
    const struct timespec pause = {0, 5000000};
    for (int waited_ms = 0;; waited_ms += 5) {
        const int rc = sqlite3_exec(db->handle, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
        if (rc == SQLITE_OK) {
            return EVTWIN_OK;
        }
        if ((rc & 0xff) != SQLITE_BUSY || waited_ms >= db->busy_timeout_ms) {
            return evtwin__db_fail(db, rc);
        }
        nanosleep(&pause, NULL);
    }
}

evtwin_status evtwin__db_query_i64(evtwin__db *db, const char *sql, int64_t otherwise,
                                   int64_t *out) {
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__stmt_prepare(db, sql, &stmt));
    const evtwin_status st = evtwin__stmt_step(stmt);
    if (st >= 0) {
        *out = otherwise;
    }
    if (st == EVTWIN_OK) {
        evtwin__stmt_i64(stmt, 0, out);
    }
    evtwin__stmt_free(stmt);
    return st < 0 ? st : EVTWIN_OK;
}

evtwin_status evtwin__db_begin_write(evtwin__db *db) {
    /* whoever clears his data while a writer runs would go on writing into a file without a name */
    EVTWIN_FAIL_IF(evtwin__db_has_moved(db), EVTWIN_E_IO,
                   "%s: was removed or replaced while it was open; what is written now would be "
                   "lost: open it again",
                   db->name);
    return evtwin__db_exec(db, "BEGIN IMMEDIATE");
}

evtwin_status evtwin__db_end(evtwin__db *db, evtwin_status st) {
    if (st >= 0 && (st = evtwin__db_exec(db, "COMMIT")) >= 0) {
        evtwin__db_save_log(db);
    }
    /* some failures (a full disk) have rolled back already */
    if (st < 0 && !sqlite3_get_autocommit(db->handle)) {
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    }
    return st;
}

int64_t evtwin__db_changes(const evtwin__db *db) {
    return sqlite3_changes(db->handle);
}

/* ---- prepared statements ---- */

evtwin_status evtwin__stmt_prepare(evtwin__db *db, const char *sql, evtwin__stmt **out) {
    evtwin__stmt *stmt = evtwin__calloc(1, sizeof *stmt);
    EVTWIN_FAIL_IF(stmt == NULL, EVTWIN_E_NOMEM, "out of memory for a statement on %s", db->name);
    stmt->db = db;
    const int rc =
        sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt->handle, NULL);
    if (rc != SQLITE_OK) {
        evtwin__free(stmt);
        return evtwin__db_fail(db, rc);
    }
    *out = stmt;
    return EVTWIN_OK;
}

void evtwin__stmt_free(evtwin__stmt *stmt) {
    if (stmt != NULL) {
        sqlite3_finalize(stmt->handle);
        evtwin__free(stmt);
    }
}

static void keep_first(evtwin__stmt *stmt, int rc) {
    if (stmt->bind_rc == SQLITE_OK) {
        stmt->bind_rc = rc;
    }
}

void evtwin__stmt_bind_f64(evtwin__stmt *stmt, int i, double value) {
    keep_first(stmt, sqlite3_bind_double(stmt->handle, i, value)); /* SQLite makes NULL of NaN */
}

void evtwin__stmt_bind_i64(evtwin__stmt *stmt, int i, int64_t value) {
    keep_first(stmt, sqlite3_bind_int64(stmt->handle, i, value));
}

void evtwin__stmt_bind_text(evtwin__stmt *stmt, int i, const char *text) {
    keep_first(stmt, sqlite3_bind_text(stmt->handle, i, text, -1, SQLITE_STATIC));
}

void evtwin__stmt_bind_blob(evtwin__stmt *stmt, int i, const void *data, size_t size) {
    keep_first(stmt, sqlite3_bind_blob64(stmt->handle, i, size > 0 ? data : "", size,
                                         SQLITE_STATIC)); /* NULL would be SQL's */
}

void evtwin__stmt_bind_copy(evtwin__stmt *stmt, int i, const char *text) {
    keep_first(stmt, sqlite3_bind_text(stmt->handle, i, text, -1, SQLITE_TRANSIENT));
}

void evtwin__stmt_bind_column(evtwin__stmt *stmt, int i, evtwin__stmt *from, int c) {
    keep_first(stmt, sqlite3_bind_value(stmt->handle, i, sqlite3_column_value(from->handle, c)));
}

void evtwin__stmt_bind_null(evtwin__stmt *stmt, int i) {
    keep_first(stmt, sqlite3_bind_null(stmt->handle, i));
}

evtwin_status evtwin__stmt_step(evtwin__stmt *stmt) {
    if (stmt->bind_rc != SQLITE_OK) {
        return evtwin__db_fail(stmt->db, stmt->bind_rc);
    }
    const int rc = sqlite3_step(stmt->handle);
    switch (rc) {
    case SQLITE_ROW:
        return EVTWIN_OK;
    case SQLITE_DONE:
        return EVTWIN_DONE;
    default:
        return evtwin__db_fail(stmt->db, rc);
    }
}

evtwin_status evtwin__stmt_run(evtwin__stmt *stmt) {
    const evtwin_status st = evtwin__stmt_step(stmt);
    assert(st != EVTWIN_OK);
    evtwin__stmt_reset(stmt);
    return st < 0 ? st : EVTWIN_OK;
}

void evtwin__stmt_reset(evtwin__stmt *stmt) {
    sqlite3_reset(stmt->handle);
    stmt->bind_rc = SQLITE_OK;
}

double evtwin__stmt_f64(evtwin__stmt *stmt, int i) {
    const int type = sqlite3_column_type(stmt->handle, i);
    const double value = type == SQLITE_FLOAT || type == SQLITE_INTEGER
                             ? sqlite3_column_double(stmt->handle, i)
                             : NAN;
    return isfinite(value) ? value : NAN;
}

int evtwin__stmt_i64(evtwin__stmt *stmt, int i, int64_t *out) {
    if (sqlite3_column_type(stmt->handle, i) != SQLITE_INTEGER) {
        return 0;
    }
    *out = sqlite3_column_int64(stmt->handle, i);
    return 1;
}

const char *evtwin__stmt_text(evtwin__stmt *stmt, int i) {
    if (sqlite3_column_type(stmt->handle, i) != SQLITE_TEXT) {
        return NULL;
    }
    const char *text = (const char *)sqlite3_column_text(stmt->handle, i);
    return text != NULL && strlen(text) == (size_t)sqlite3_column_bytes(stmt->handle, i) ? text
                                                                                         : NULL;
}

const void *evtwin__stmt_blob(evtwin__stmt *stmt, int i, size_t *size_out) {
    if (sqlite3_column_type(stmt->handle, i) != SQLITE_BLOB) {
        return NULL;
    }
    const void *data = sqlite3_column_blob(stmt->handle, i); /* NULL for one of no bytes */
    *size_out = (size_t)sqlite3_column_bytes(stmt->handle, i);
    return data;
}
