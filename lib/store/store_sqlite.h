/* SPDX-License-Identifier: MIT */
/* store/store_sqlite.h: what the files of the SQLite store share. */
#ifndef EVTWIN_STORE_SQLITE_H
#define EVTWIN_STORE_SQLITE_H

#include "io/sqlite.h"
#include "store/backend.h"
#include "store/writer_lock.h"

/* Statements, prepared when first used; their texts are in store_sqlite_statements.c. */
typedef enum sqlite_sql {
    SQL_REVISION_GET,
    SQL_REVISION_SET,
    SQL_INSERT,
    SQL_ROW,
    SQL_PUT_PREDICTION,
    SQL_PUT_STANDING,
    SQL_PUT_STATE,
    SQL_STATES,
    SQL_PUT_POSITION,
    SQL_POSITION,
    SQL_PUT_SCORE,
    SQL_SCORES,
    SQL_LIMITS,
    SQL_NEXT_ID,
    SQL_CHUNK_END,
    SQL_DELETE,
    SQL_DELETE_BATTERIES,
    SQL_WAITING,
    SQL_UNPREDICTED,
    SQL_LATEST,
    SQL_LATEST_ALL,
    SQL_HISTORY,
    SQL_STATS,
    SQL_CHANGES,
    SQL_COUNT,
    SQL_N
} sqlite_sql;

/* A sweep goes through the batteries and deletes what is past the retention. */
typedef struct sqlite_sweep {
    int is_active, is_in_battery;
    int64_t next_us; /* on the monotonic clock: when inserting starts the next one */
    char cutoff[EVTWIN_TIME_TEXT_SIZE];
    char battery_id[64];              /* the battery it is in, or has left; "" = before the first */
    char time[EVTWIN_TIME_TEXT_SIZE]; /* rows of it up to this time are done */
} sqlite_sweep;

/* A limit of status. No padding: compared as bytes. */
typedef struct sqlite_limit {
    double limit;
    int32_t q, is_below;
    int64_t level; /* evtwin_health */
} sqlite_limit;

enum { SQLITE_MAX_LIMITS = 256 };

typedef struct sqlite_store {
    evtwin_store base;
    evtwin__db *db;
    evtwin__stmt *stmt[SQL_N];
    evtwin__writer_locks *locks; /* NULL in memory, for readers, and before the first insert */
    sqlite_limit limit[SQLITE_MAX_LIMITS]; /* of status, as the prepared statements have them */
    size_t n_limits;
    sqlite_sweep sweep;
} sqlite_store;

/* ---- store_sqlite_statements.c ---- */

/* The statement, prepared and ready for parameters. In those that write rows the parameter of
 * quantity q is ?q+1. */
evtwin_status evtwin__sqlite_stmt(sqlite_store *s, sqlite_sql which, evtwin__stmt **out);

/* Let the statements that write rows judge status by the limits that are now in the table: called
 * in each of their transactions. */
evtwin_status evtwin__sqlite_use_limits(sqlite_store *s);

/* Text of a time as it is stored, clamped to the years 0 to 9999. */
void evtwin__sqlite_time(int64_t time_us, char text[EVTWIN_TIME_TEXT_SIZE]);

/* ---- store_sqlite_migrate.c: bring the schema up to date, or (for readers) see that it is ---- */

evtwin_status evtwin__sqlite_migrate(evtwin__db *db, int read_only);

/* ---- store_sqlite_write.c ---- */

evtwin_status evtwin__sqlite_insert(evtwin_store *store, const evtwin__rows *rows,
                                    const char *source, const char *position,
                                    evtwin_insert_report *report);
evtwin_status evtwin__sqlite_put_predictions(evtwin_store *store, const evtwin__rows *rows,
                                             const evtwin_table *states, size_t *n_updated_out);
evtwin_status evtwin__sqlite_put_model(evtwin_store *store, const evtwin_table *scores);
evtwin_status evtwin__sqlite_put_limits(evtwin__db *db, const evtwin_table *limits);
evtwin_status evtwin__sqlite_put_thresholds(evtwin_store *store, const evtwin_table *limits);

/* ---- store_sqlite_expire.c: all of it at once, and a little after an insert of n rows ---- */

evtwin_status evtwin__sqlite_expire(evtwin_store *store, size_t *n_deleted_out);
void evtwin__sqlite_expire_some(sqlite_store *s, size_t n_inserted);

/* ---- store_sqlite_read.c ---- */

evtwin_status evtwin__sqlite_position(evtwin_store *store, const char *source, char *text,
                                      size_t text_size);
evtwin_status evtwin__sqlite_unpredicted(evtwin_store *store, size_t max_rows, evtwin_table **out);
evtwin_status evtwin__sqlite_states(evtwin_store *store, evtwin_table **out);
evtwin_status evtwin__sqlite_latest(evtwin_store *store, const char *battery_id,
                                    evtwin_table **rows_out, evtwin_table **current_out);
evtwin_status evtwin__sqlite_history(evtwin_store *store, const char *battery_id,
                                     const evtwin_history_options *options, evtwin_table **out);
evtwin_status evtwin__sqlite_stats(evtwin_store *store, const char *battery_id, int64_t from_us,
                                   int64_t to_us, evtwin_store_stats *out);
evtwin_status evtwin__sqlite_models(evtwin_store *store, evtwin_table **out);
evtwin_status evtwin__sqlite_changes(evtwin_store *store, int64_t after_revision, size_t max_rows,
                                     evtwin_table **out, int64_t *revision_out);
evtwin_status evtwin__sqlite_thresholds(evtwin_store *store, evtwin_table **out);
evtwin_status evtwin__sqlite_count(evtwin_store *store, int64_t *rows_out);

#endif
