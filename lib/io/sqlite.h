/* SPDX-License-Identifier: MIT */
/* io/sqlite.h: a SQLite database as the library wants it: safe settings, our errors, short
 * statements. */
#ifndef EVTWIN_IO_SQLITE_H
#define EVTWIN_IO_SQLITE_H

#include "evtwin/base.h"

/* A connection, and a prepared statement on it. One thread at a time. */
typedef struct evtwin__db evtwin__db;
typedef struct evtwin__stmt evtwin__stmt;

typedef enum evtwin__db_mode {
    EVTWIN__DB_READ = 0,  /* the file must exist; nothing is written */
    EVTWIN__DB_WRITE = 1, /* the file must exist */
    EVTWIN__DB_CREATE = 2 /* an absent file is made, readable by its owner only */
} evtwin__db_mode;

/* Open path (":memory:" for one that lives as long as the connection). Waits at most
 * busy_timeout_ms for other writers, now and later. EVTWIN_E_NOT_FOUND, EVTWIN_E_IO,
 * EVTWIN_E_CORRUPT (not a database). */
evtwin_status evtwin__db_open(const char *path, evtwin__db_mode mode, int busy_timeout_ms,
                              evtwin__db **out);
void evtwin__db_close(evtwin__db *db); /* its statements must be freed before */

/* 1 if the name that was opened leads to another file by now, or to none: what is written is lost,
 * what is read is of the past. */
int evtwin__db_has_moved(evtwin__db *db);

/* 1 if the log beside the file is another one than that which was opened with it, since somebody
 * removed that: what programs write that came later is not seen. */
int evtwin__db_has_other_log(const evtwin__db *db);

/* 1 if somebody has emptied the file in place, or cut it short: what memory and log still have is
 * not a database. */
int evtwin__db_is_cut(evtwin__db *db);

/* Absolute path of the file, "" for one in memory; and the name as the user gave it, for messages.
 */
const char *evtwin__db_path(const evtwin__db *db);
const char *evtwin__db_name(const evtwin__db *db);

/* Let statements answer EVTWIN_E_CANCELLED if they run on when so many seconds from now have
 * passed; 0 = no deadline (the default). */
void evtwin__db_deadline(evtwin__db *db, double seconds);

/* Let the statement that runs, and all later ones, answer EVTWIN_E_CANCELLED. From any thread while
 * the connection is open. */
void evtwin__db_interrupt(evtwin__db *db);

/* Write-ahead log: readers never wait for the writer. Kept in the file once set; waits its turn. */
evtwin_status evtwin__db_use_wal(evtwin__db *db);

/* Run statements that give no rows. */
evtwin_status evtwin__db_exec(evtwin__db *db, const char *sql);

/* First column of the first row of a query as an integer; otherwise if there is no row. */
evtwin_status evtwin__db_query_i64(evtwin__db *db, const char *sql, int64_t otherwise,
                                   int64_t *out);

/* Transactions do not nest. This takes the write lock at once, so that no later statement can find
 * the data changed under it. */
evtwin_status evtwin__db_begin_write(evtwin__db *db);

/* End a transaction that has come to st: commit it, or roll it back if st or the commit is a
 * failure, whose status and error text stay. */
evtwin_status evtwin__db_end(evtwin__db *db, evtwin_status st);

/* Now and then, after a commit: warn once, to the log, if the write-ahead log is larger than that
 * and than the database. */
void evtwin__db_check_log(evtwin__db *db, int64_t limit_bytes);

/* Rows changed by the last statement. */
int64_t evtwin__db_changes(const evtwin__db *db);

/* Copy the whole database to a new file, which appears whole or not at all, while others write. The
 * copy gets that user_version. */
evtwin_status evtwin__db_backup(evtwin__db *db, const char *path, int32_t user_version);

/* ---- statements ---- */

evtwin_status evtwin__stmt_prepare(evtwin__db *db, const char *sql, evtwin__stmt **out);
void evtwin__stmt_free(evtwin__stmt *stmt); /* NULL is fine */

/* Parameters count from 1. A failure is kept and comes from the next step. NaN is NULL. text is
 * borrowed until the statement is reset; NULL is NULL. */
void evtwin__stmt_bind_f64(evtwin__stmt *stmt, int i, double value);
void evtwin__stmt_bind_i64(evtwin__stmt *stmt, int i, int64_t value);
void evtwin__stmt_bind_text(evtwin__stmt *stmt, int i, const char *text);
void evtwin__stmt_bind_blob(evtwin__stmt *stmt, int i, const void *data,
                            size_t size);                                 /* borrowed */
void evtwin__stmt_bind_copy(evtwin__stmt *stmt, int i, const char *text); /* not borrowed */
void evtwin__stmt_bind_column(evtwin__stmt *stmt, int i, evtwin__stmt *from, int c); /* copied */
void evtwin__stmt_bind_null(evtwin__stmt *stmt, int i);

/* EVTWIN_OK: a row is there. EVTWIN_DONE: no more. */
evtwin_status evtwin__stmt_step(evtwin__stmt *stmt);

/* Step a statement that gives no rows, and reset it. */
evtwin_status evtwin__stmt_run(evtwin__stmt *stmt);

/* Ready for the next use; every step-ed statement is reset, or its transaction cannot end. */
void evtwin__stmt_reset(evtwin__stmt *stmt);

/* Columns count from 0. Whatever does not have the type asked for counts as missing: NaN, 0, NULL;
 * so do infinity and a text with a NUL in it. */
double evtwin__stmt_f64(evtwin__stmt *stmt, int i);
int evtwin__stmt_i64(evtwin__stmt *stmt, int i, int64_t *out); /* 0 = missing, *out untouched */
const char *evtwin__stmt_text(evtwin__stmt *stmt, int i);      /* until the next step or reset */
const void *evtwin__stmt_blob(evtwin__stmt *stmt, int i, size_t *size_out); /* the same */

#endif
