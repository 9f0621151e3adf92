/* SPDX-License-Identifier: MIT */
/* store/store_sqlite.h: what the files of the SQLite store share. */
#ifndef EVTWIN_STORE_SQLITE_H
#define EVTWIN_STORE_SQLITE_H

#include "io/sqlite.h"
#include "store/backend.h"
#include "store/judge.h"
#include "store/sweep.h"
#include "store/writer_lock.h"

#include <pthread.h>

/* Statements, prepared when first used; their texts are in store_sqlite_statements.c. */
typedef enum sqlite_sql {
    SQL_REVISION_GET,
    SQL_REVISION_SET,
    SQL_MARK,
    SQL_OLD_REVISION,
    SQL_FORGET_MARKS,
    SQL_NEXT_TOO_HIGH,
    SQL_RENUMBER,
    SQL_INSERT,
    SQL_ROW,
    SQL_PUT_PREDICTION,
    SQL_MERGE_PREDICTION,
    SQL_STORED_TIME,
    SQL_PUT_BY_REVISION,
    SQL_PUT_UNREADABLE,
    SQL_PUT_STANDING,
    SQL_HEALTH,
    SQL_PUT_HEALTH,
    SQL_PUT_POSITION,
    SQL_POSITION,
    SQL_PUT_LETTER,
    SQL_FORGET_LETTERS,
    SQL_LIMITS,
    SQL_NEXT_ID,
    SQL_CHUNK_END,
    SQL_DELETE,
    SQL_WAITING,
    SQL_UNPREDICTED,
    SQL_LATEST,
    SQL_LATEST_ALL,
    SQL_OLDEST_ALL,
    SQL_HISTORY,
    SQL_HISTORY_UP,
    SQL_STATS,
    SQL_PREDICTED_HOURS,
    SQL_HOUR_TOUCH,
    SQL_HOUR_NEXT,
    SQL_HOUR_SUM,
    SQL_HOUR_FORGET,
    SQL_HOURS_FORGET,
    SQL_HOURS_TOUCH,
    SQL_IDENTITY,
    SQL_CHANGES,
    SQL_N
} sqlite_sql;

/* 27 and 50 characters of another program can have four bytes each. */
enum { SQLITE_SWEEP_TIME = 128, SQLITE_SWEEP_ID = 256 };

/* Where a sweep is. */
typedef struct sqlite_place {
    int is_in_battery;
    char cutoff[EVTWIN_TIME_TEXT_SIZE]; /* by the wall clock … */
    int64_t revision,
        clock_us; /* … and by the store's: the last one that is old enough, and when */
    char battery_id[SQLITE_SWEEP_ID]; /* the battery it is in, or has left; "" = before the first */
    char time[SQLITE_SWEEP_TIME];     /* rows of it up to this time are done */
} sqlite_place;

/* 2^62: a higher revision is not one that the store has given out. */
#define SQLITE_MAX_REVISION (INT64_C(1) << 62)
#define SQLITE_MAX_REVISION_TEXT "4611686018427387904"

/* What the store gives out, in a transaction that writes. */
typedef struct sqlite_counter {
    int64_t revision; /* the last one given out */
    int64_t clock_us; /* the store's own clock */
    int64_t uptime_us;
    char boot[EVTWIN__BOOT_SIZE];
} sqlite_counter;

typedef struct sqlite_store {
    evtwin_store base;
    char *file;           /* as the URI has it */
    pthread_mutex_t lock; /* of db, against evtwin_store_interrupt from another thread */
    int is_interrupted;
    evtwin__db *db; /* NULL after the file was replaced, until it can be opened again */
    evtwin__stmt *stmt[SQL_N];
    evtwin__writer_locks *locks; /* NULL in memory, for readers, and before the first insert */
    evtwin__limits limits;       /* as the prepared statements have them */
    evtwin__sweep sweep;
    sqlite_place place;
} sqlite_store;

/* ---- store_sqlite_statements.c ---- */

/* The statement, prepared and ready for parameters: types has a letter for each of the values that
 * follow, s (text, borrowed until the statement is reset), c (text, copied), i (int64_t), t
 * (time_us, int64_t). In statements that write rows the parameter of quantity q is ?q+1. */
evtwin_status evtwin__sqlite_ask(sqlite_store *s, sqlite_sql which, evtwin__stmt **out,
                                 const char *types, ...);

/* The same for a statement that gives no rows, and run it. */
evtwin_status evtwin__sqlite_run(sqlite_store *s, sqlite_sql which, const char *types, ...);

/* Run statements without rows, in which marks as @predictions list quantities. */
evtwin_status evtwin__sqlite_exec_marked(evtwin__db *db, const char *text);

/* A statement of a small table: what it is for. */
typedef enum evtwin__kept_use {
    EVTWIN__KEPT_PUT,    /* a row */
    EVTWIN__KEPT_GET,    /* all */
    EVTWIN__KEPT_GET_ONE /* those whose first column is the parameter */
} evtwin__kept_use;
evtwin_status evtwin__sqlite_prepare_kept(evtwin__db *db, evtwin__kept_id which,
                                          evtwin__kept_use use, evtwin__stmt **out);

/* Let the statements that write rows judge status by the limits that are now in the table: called
 * in each of their transactions. */
evtwin_status evtwin__sqlite_use_limits(sqlite_store *s);

/* Text of a time as it is stored, clamped to the years 0 to 9999. */
void evtwin__sqlite_time(int64_t time_us, char text[EVTWIN_TIME_TEXT_SIZE]);

/* ---- store_sqlite_migrate.c: bring the schema up to date, or (for readers) see that it is ---- */

evtwin_status evtwin__sqlite_migrate(evtwin__db *db, int read_only);

/* ---- store_sqlite_counter.c ---- */

/* The counter as it stands now, the clock gone on; in a transaction that writes, where its damage
 * by other programs is healed too. EVTWIN_E_CORRUPT if it is lost. */
evtwin_status evtwin__sqlite_counter_get(sqlite_store *s, sqlite_counter *out);
evtwin_status evtwin__sqlite_counter_set(sqlite_store *s, const sqlite_counter *counter);

/* ---- store_sqlite_write.c ---- */

/* Within a transaction of the caller's. */

evtwin_status evtwin__sqlite_keep_rows(evtwin__db *db, evtwin__kept_id which,
                                       const evtwin_table *table);

/* A cell of a table as a parameter, borrowed until the statement is reset. */
void evtwin__sqlite_bind_cell(evtwin__stmt *stmt, int param, const evtwin_table *table, size_t col,
                              size_t row);

/* ---- store_sqlite_read.c ---- */

/* All rows of a statement with these columns, which is reset; perhaps none. */
evtwin_status evtwin__sqlite_read_table(evtwin__stmt *stmt, const evtwin__kept_column *column,
                                        size_t n_columns, evtwin_table **out);

/* ---- store_sqlite_hours.c: the sums of whole hours, within a transaction of the caller's ---- */

enum { SQLITE_HOUR_SIZE = sizeof "YYYY-MM-DDThh" };

/* An hour of a battery. */
typedef struct sqlite_hour {
    char battery_id[64], hour[SQLITE_HOUR_SIZE];
} sqlite_hour;

/* The hours that a transaction changes: starts zeroed. A fleet's rows come battery after battery,
 * again and again: of each the last hour is remembered, as far as there is room. */
typedef struct sqlite_hours {
    char newest[SQLITE_HOUR_SIZE]; /* of any battery */
    sqlite_hour last[256];
} sqlite_hours;

/* A row of that time is written: its hour has no sums any more. */
evtwin_status evtwin__sqlite_touch_hour(sqlite_store *s, sqlite_hours *hours,
                                        const char *battery_id, const char *time);

/* Sum hours that are over: a little of it, after n rows were written. */
evtwin_status evtwin__sqlite_sum_hours(sqlite_store *s, const sqlite_hours *touched,
                                       size_t n_written);

/* Rows with times after one and up to another were deleted. */
evtwin_status evtwin__sqlite_expired_hours(sqlite_store *s, const char *battery_id,
                                           const char *after_time, const char *to_time);

/* ---- store_sqlite_health.c: the health of the batteries that a transaction writes ---- */

/* Row i has been written; value as evtwin__rows_get gave it. */
evtwin_status evtwin__sqlite_judge_row(sqlite_store *s, evtwin__judge *judge, size_t i,
                                       const evtwin__value *value, evtwin__row_event event);

/* Write what has become of the batteries. */
evtwin_status evtwin__sqlite_judge_end(sqlite_store *s, evtwin__judge *judge, int64_t now_us);

/* ---- store_sqlite_expire.c: a little of it, after an insert of n rows ---- */

void evtwin__sqlite_expire_some(sqlite_store *s, size_t n_inserted);

/* ---- the operations, in store_sqlite_read.c, _write.c and _expire.c ---- */

#define SQLITE_OPERATION(name, ...)                                                                \
    evtwin_status evtwin__sqlite_##name(evtwin_store *store, __VA_ARGS__);
EVTWIN__STORE_OPERATIONS(SQLITE_OPERATION)
#undef SQLITE_OPERATION

#endif
