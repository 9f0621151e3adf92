/* SPDX-License-Identifier: MIT */
/* evtwin/store.h: keep telemetry and predictions; answer the queries of dashboards; report changes.
 */
#ifndef EVTWIN_STORE_H
#define EVTWIN_STORE_H

#include "evtwin/table.h"
#include "evtwin/thresholds.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A connection to one database. One thread at a time; open one per thread. It does not survive a
 * fork: open it in the child. docs/store.md describes the layout of the data and the guarantees.
 */
typedef struct evtwin_store evtwin_store;

typedef struct evtwin_store_options {
    size_t size;
    int read_only;         /**< default 0. 1: the database must exist and is not migrated */
    double retention_days; /**< default 30: rows whose time and arrival are older are deleted, if
                              they have also been in the store for that long by its own clock
                              (docs/store.md); 0 = keep all */
    int busy_timeout_ms;   /**< default 5000: how long to wait for another writer */
    int shares_batteries; /**< default 0: the first insert of a battery takes its writer lock. 1: it
                             takes none, for a program that passes on records of others, some of
                             which may already be stored. Since 0.2 */
} evtwin_store_options;

/** Fill in the defaults; size is sizeof *options. */
EVTWIN_API evtwin_status evtwin_store_options_init(evtwin_store_options *options, size_t size);

/**
 * Open "sqlite:FILE" or "sqlite:///ABSOLUTE/FILE" ("sqlite::memory:" for tests), creating and
 * migrating it as needed; a new file can be read by its owner only. Parameters in the URI,
 * "?retention_days=7&busy_timeout_ms=500", override options; options NULL = the defaults. Since 0.2
 * also "postgresql://USER@HOST:PORT/DATABASE" (or postgres:), whose database must exist and gets
 * the tables; docs/postgresql.md has its parameters.
 * @return EVTWIN_E_NOT_FOUND (to create it: no such folder; for a reader: no such file yet),
 * EVTWIN_E_IO (for a reader also: no such folder; it has hard links), EVTWIN_E_CORRUPT (not a
 * database), EVTWIN_E_SCHEMA (made by a newer version, or with tables or triggers of another
 * program, or with changed tables, views or indexes: not changed; for a reader: made by an older
 * version), EVTWIN_E_AGAIN (held by another process for longer than busy_timeout_ms; for a reader:
 * without tables yet), EVTWIN_E_ARG or EVTWIN_E_PARSE (the URI), EVTWIN_E_UNSUPPORTED (this build
 * has no such kind of store; the message lists those it has). PostgreSQL: EVTWIN_E_AGAIN (not
 * reachable), EVTWIN_E_DENIED (user, password, certificate, missing right), EVTWIN_E_NOT_FOUND (no
 * such database).
 */
EVTWIN_API evtwin_status evtwin_store_open(const char *uri, const evtwin_store_options *options,
                                           evtwin_store **out);
/** Close; releases the writer locks on batteries. NULL is fine. */
EVTWIN_API void evtwin_store_free(evtwin_store *store);

/**
 * Set a deadline, in seconds from now: calls on this handle that still run then return
 * EVTWIN_E_CANCELLED. Set it again for each piece of work. 0 = no deadline, the default. Since 0.2.
 * @return EVTWIN_E_ARG for a negative number or NaN.
 */
EVTWIN_API evtwin_status evtwin_store_deadline(evtwin_store *store, double seconds);

/**
 * Make the running call on this handle, and every later one, return EVTWIN_E_CANCELLED: for a
 * program that stops. May be called from any thread while the handle exists; NULL is fine. Since
 * 0.2.
 */
EVTWIN_API void evtwin_store_interrupt(evtwin_store *store);

/**
 * How often the database was replaced since the handle was opened. When a call has changed this
 * number, revisions kept by the caller belong to another database: read its change feed from 0.
 * Since 0.2.
 */
EVTWIN_API int64_t evtwin_store_generation(const evtwin_store *store);

/* Every call below may also return EVTWIN_E_IO (disk full, …), EVTWIN_E_AGAIN (another writer for
   longer than busy_timeout_ms) or EVTWIN_E_CORRUPT; the call then changes nothing, and the handle
   stays usable. A call notices if the database was removed or replaced since the last one: it uses
   the file that has the name now. If there is none, an insert creates it; other calls return
   EVTWIN_E_AGAIN. */

/* ---- write: EVTWIN_E_STATE on a read-only handle ---- */

typedef struct evtwin_insert_report {
    size_t size;
    size_t n_inserted;
    size_t n_repeated;    /**< same key, same telemetry: already there */
    size_t n_conflicting; /**< same key, other telemetry: the first one stays */
} evtwin_insert_report;

/**
 * Insert the rows of a telemetry table in one transaction that is on the disk when this returns.
 * Columns may have any naming and unit of telemetry.h. Rows without seq get one derived from their
 * payload, so a retry has the same key. Prediction columns, if the table has them, are stored
 * with the row; columns that the store sets itself (status, created_at, revision) are ignored. A
 * row whose key exists keeps its telemetry; a prediction that comes with it is stored if the row
 * has none or one of an older prediction_timestamp (without that column: now) and with other
 * values. A fractional charge_cycles is stored as its floor. Unless the handle shares batteries,
 * the first insert of a battery takes its writer lock for it, until it is freed or its process
 * ends.
 * @param report  may be NULL; report_size is sizeof *report.
 * @return EVTWIN_E_BUSY if one of the batteries is held by another handle or process (no row is
 * inserted; this lasts as long as the other exists), EVTWIN_E_SCHEMA if battery_id or time is
 * absent from the table or missing in a row, or a column has a type or unit that its quantity
 * cannot have, EVTWIN_E_ARG for an invalid battery id, EVTWIN_E_RANGE for an infinite value, a
 * negative seq or a time outside the years 0-9999.
 */
EVTWIN_API evtwin_status evtwin_store_insert(evtwin_store *store, const evtwin_table *table,
                                             evtwin_insert_report *report, size_t report_size);

/**
 * Like evtwin_store_insert, and stores the position of the source in the same transaction: after a
 * crash it continues behind its stored rows. position is text of the source (at most 64 KiB); with
 * a table without rows only the position is stored. Since 0.2.
 * @return as evtwin_store_insert; EVTWIN_E_ARG for an empty source.
 */
EVTWIN_API evtwin_status evtwin_store_insert_from(evtwin_store *store, const evtwin_table *table,
                                                  const char *source, const char *position,
                                                  evtwin_insert_report *report, size_t report_size);

/**
 * The last stored position of a source. Also on a read-only handle. Since 0.2.
 * @return EVTWIN_DONE if there is none (text is then untouched), EVTWIN_E_RANGE if it needs more
 * than text_size bytes.
 */
EVTWIN_API evtwin_status evtwin_store_position(evtwin_store *store, const char *source, char *text,
                                               size_t text_size);

/**
 * At most max_rows rows without a prediction: telemetry columns and revision, the batteries by
 * their newest waiting row first, the rows of a battery in ascending time. Rows of another program
 * whose time or battery id cannot be read are left out; unless the handle is read-only they are
 * marked unknown with that reason. EVTWIN_DONE, and *out NULL, if there is none.
 */
EVTWIN_API evtwin_status evtwin_store_unpredicted(evtwin_store *store, size_t max_rows,
                                                  evtwin_table **out);

/**
 * Write predictions (the columns of evtwin_predictor_apply, and rul_low, rul_high if there are any)
 * to exactly the rows named by battery_id, time and seq, in one transaction. A row with a note
 * instead of a value is stored as unknown and not offered again. A second prediction of a row
 * replaces the first. A row that the store does not have (any more) is skipped and not counted.
 * With the column revision of evtwin_store_unpredicted a row of another program is found in any
 * format of its time. The store adds the stored values that are out of range to the note of an
 * unknown prediction. No writer lock is needed.
 * @param states  of the batteries, as evtwin_session_pending gives them (battery_id TEXT, time
 * TIME, seq I64, state TEXT); stored in the same transaction, one for each battery: that of the
 * newest row by (time, seq). A state older than the stored one is left out, so that a predictor
 * that was stalled while another continued does not set a battery back; its predictions are stored.
 * NULL = none.
 * @param n_updated_out  rows updated; may be NULL.
 * @return EVTWIN_E_SCHEMA if battery_id, time or seq is absent or missing, EVTWIN_E_DATA for a row
 * with neither a prediction nor a note, EVTWIN_E_RANGE for an infinite value or one outside the
 * range of its quantity.
 */
EVTWIN_API evtwin_status evtwin_store_put_predictions(evtwin_store *store,
                                                      const evtwin_table *table,
                                                      const evtwin_table *states,
                                                      size_t *n_updated_out);

/**
 * The states kept by evtwin_store_put_predictions, in the same form and the order of battery_id:
 * for evtwin_session_restore. Also on a read-only handle. EVTWIN_DONE, and *out NULL, if there is
 * none. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_store_states(evtwin_store *store, evtwin_table **out);

/**
 * The same for some batteries, in any order; only their states are read. A handle that may write
 * creates the tables of a new store.
 * @param batteries  its column battery_id (TEXT) names them; names may repeat.
 * @return EVTWIN_DONE, and *out NULL, if none of theirs is kept; EVTWIN_E_SCHEMA without such a
 * column. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_store_states_of(evtwin_store *store, const evtwin_table *batteries,
                                                evtwin_table **out);

/** The same for one battery: one row; EVTWIN_DONE, and *out NULL, if there is none. Since 0.2. */
EVTWIN_API evtwin_status evtwin_store_state(evtwin_store *store, const char *battery_id,
                                            evtwin_table **out);

/**
 * Keep a model's held-out scores, so that readers can show them beside its predictions: one row a
 * target with model_version, target (TEXT) and, as far as it has them, trained_at (TIME), r2, rmse,
 * mae, auc, average_precision, accuracy, brier (F64): what evtwin_predictor_scores gives. Scores
 * kept before for the same model and target are replaced.
 * @return EVTWIN_E_SCHEMA if a column is absent or of another type, EVTWIN_E_ARG for a row without
 * model_version or target.
 */
EVTWIN_API evtwin_status evtwin_store_put_model(evtwin_store *store, const evtwin_table *scores);

/**
 * Replace the limits that give rows their status when they are written; existing rows keep their
 * status. Rules of kind alert and display are kept for readers. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_store_put_thresholds(evtwin_store *store,
                                                     const evtwin_thresholds *thresholds);

/** A record that a source refused, for the dead-letter sink. Since 0.2. */
typedef struct evtwin_letter {
    size_t size;
    int64_t received_us;
    const char *source; /**< its URI, passwords hidden */
    const char *place;  /**< in the source: "topic [3] at offset 17", "pack.jsonl:17" */
    evtwin_status status;
    const char *reason; /**< one line */
    const char *raw;    /**< (raw_size) the record as it came, any bytes */
    size_t raw_size;
} evtwin_letter;

/**
 * Store n letters, all or none, in the table ev_dead_letter, which keeps the newest 100,000.
 * Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_store_put_letters(evtwin_store *store, const evtwin_letter *letters,
                                                  size_t n);

/**
 * Delete rows older than the retention period. Inserting does this by itself, every 10 minutes and
 * a little at a time. n_deleted_out may be NULL.
 */
EVTWIN_API evtwin_status evtwin_store_expire(evtwin_store *store, size_t *n_deleted_out);

/**
 * Copy the database as it is at one moment, while others use it, to a new file, which appears
 * complete or not at all. Also on a read-only handle. For readers of the change feed the copy is
 * another database: if it replaces its original, it is read from the beginning.
 * @return EVTWIN_E_IO if the file exists, EVTWIN_E_NOT_FOUND if its folder does not,
 * EVTWIN_E_UNSUPPORTED for PostgreSQL (pg_dump does it).
 */
EVTWIN_API evtwin_status evtwin_store_backup(evtwin_store *store, const char *path);

/* ---- read: every result is a table of the caller's, with the columns of ev_telemetry
 *      (the quantities of kind TELEMETRY, PREDICTION and RECORD, in the order of the schema) and at
 *      least one row; if there is none the result is EVTWIN_DONE and *out is NULL ---- */

/**
 * The newest row of one battery, or of every battery in id order if battery_id is NULL.
 * @param current_out  the same rows with the battery's latest prediction in the prediction columns:
 * that of its newest row with a prediction or a note. The time of the row it was made for is in the
 * extra column predicted_time (TIME), missing if there is none. More extra columns describe the
 * battery: health (TEXT), health_since (TIME) and limits_broken (TEXT), as last written, for the
 * calls of thresholds.h; arrived_at, predicted_at (TIME), when rows and predictions came last, by
 * the writers' clocks; arrival_interval_s, prediction_interval_s (F64), how long between them;
 * waiting_since (TIME), when the oldest row that waits for a prediction arrived, if the newest row
 * waits. NULL = not wanted.
 * @return EVTWIN_DONE, and outputs NULL, if there is no row.
 */
EVTWIN_API evtwin_status evtwin_store_latest(evtwin_store *store, const char *battery_id,
                                             evtwin_table **rows_out, evtwin_table **current_out);

/**
 * The oldest row of every battery with a time from from_us on, in id order, to compare with the
 * newest one. Reads no other row. EVTWIN_DONE, and *out NULL, if there is none.
 * Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_store_oldest(evtwin_store *store, int64_t from_us,
                                             evtwin_table **out);

/** Which rows of a history. To page on, set before_* (oldest first: after_*) to time and seq of the
 * last row of a page. */
typedef struct evtwin_history_options {
    size_t size;
    int64_t from_us, to_us; /**< time in [from, to]; default all */
    size_t limit;           /**< default 1000 */
    int predicted_only;     /**< 1: only rows with a prediction (an unknown is none) */
    int64_t before_time_us; /**< only rows before this (time, seq); default none (INT64_MAX) */
    int64_t before_seq;
    int oldest_first;      /**< 1: the rows from the oldest on. Since 0.2 */
    int64_t after_time_us; /**< then: only rows after this (time, seq), before_* do not count;
                              default none (INT64_MIN) */
    int64_t after_seq;
} evtwin_history_options;

/** Fill in the defaults; size is sizeof *options. */
EVTWIN_API evtwin_status evtwin_history_options_init(evtwin_history_options *options, size_t size);

/** Rows of one battery, newest first unless the options say otherwise. EVTWIN_DONE, and *out NULL,
 * if there is none. */
EVTWIN_API evtwin_status evtwin_store_history(evtwin_store *store, const char *battery_id,
                                              const evtwin_history_options *options,
                                              evtwin_table **out);

/**
 * Statistics of one battery over a time range; NaN = nothing measured. total_cycles: the highest
 * count.
 */
typedef struct evtwin_store_stats {
    size_t size;
    int64_t total_records;
    double avg_soc, min_soc, max_soc, avg_soh, avg_temperature, max_temperature, avg_voltage,
        avg_current, total_cycles, avg_rul, avg_failure_risk;
} evtwin_store_stats;

/**
 * Of the rows with time in [from, to]. @return EVTWIN_DONE if there is none (out: 0 records, NaN)
 */
EVTWIN_API evtwin_status evtwin_store_stats_get(evtwin_store *store, const char *battery_id,
                                                int64_t from_us, int64_t to_us,
                                                evtwin_store_stats *out, size_t out_size);

/** Time range, number of parts of equal length and quantities of evtwin_store_buckets. */
typedef struct evtwin_buckets_options {
    size_t size;
    int64_t from_us, to_us; /**< time in [from, to]; default all */
    size_t max_buckets;     /**< 2 to 10,000; default 500 */
    const char
        *quantities; /**< "soc,soh"; default (NULL): all that evtwin_store_buckets can give */
} evtwin_buckets_options;

/** Fill in the defaults; size is sizeof *options. Since 0.2. */
EVTWIN_API evtwin_status evtwin_buckets_options_init(evtwin_buckets_options *options, size_t size);

/**
 * The history of one battery, thinned for a chart: a row for each part of the time that has rows,
 * oldest first: time (TIME, where it begins), n (I64, rows in it), and for each quantity Q the
 * lowest, mean and highest of its values, Q_min, Q_mean, Q_max (F64; missing if it has none). Parts
 * begin at whole multiples of their width since 1970 (a round one), so that those of a later call
 * are the same; the first and the last may reach beyond [from, to], but only rows in that range are
 * counted. Measured and predicted numbers can be requested (F64, and charge_cycles); not seq,
 * quality, revision. Reads the rows of the range of one index. Since 0.2.
 * @param width_us_out  the width of the parts; may be NULL.
 * @return EVTWIN_DONE, and *out NULL, if the battery has no rows in that time; EVTWIN_E_ARG for a
 * quantity that cannot be given (the message lists those that can), from > to or max_buckets out of
 * range.
 */
EVTWIN_API evtwin_status evtwin_store_buckets(evtwin_store *store, const char *battery_id,
                                              const evtwin_buckets_options *options,
                                              evtwin_table **out, int64_t *width_us_out);

/** The held-out scores of the models, the latest put first: the columns of evtwin_store_put_model.
 * EVTWIN_DONE, and *out NULL, if none was put. */
EVTWIN_API evtwin_status evtwin_store_models(evtwin_store *store, evtwin_table **out);

/**
 * The change feed: rows inserted or predicted after a revision, in commit order, at most max_rows,
 * each in its newest state (a row changed twice since then comes once). No change is ever missed;
 * deletions by retention are not in it.
 * @param after_revision  0 for all there is.
 * @param revision_out  what to pass next time: that of the last row, after_revision if none came.
 * @return EVTWIN_DONE, and *out NULL, if none came.
 */
EVTWIN_API evtwin_status evtwin_store_changes(evtwin_store *store, int64_t after_revision,
                                              size_t max_rows, evtwin_table **out,
                                              int64_t *revision_out);

/** The limits in force, of all kinds. Since 0.2. */
EVTWIN_API evtwin_status evtwin_store_thresholds(evtwin_store *store, evtwin_thresholds **out);

/** Number of rows in ev_telemetry. */
EVTWIN_API evtwin_status evtwin_store_count(evtwin_store *store, int64_t *rows_out);

/* ---- alerts ----
   raised, acknowledged and cleared by alert.h, and kept as long as rows */

/** States of an alert; add them to request several. Since 0.2. */
enum {
    EVTWIN_ALERT_RAISED = 1,
    EVTWIN_ALERT_ACKNOWLEDGED = 2,
    EVTWIN_ALERT_CLEARED = 4,
    EVTWIN_ALERT_ANY = 7
};

/** Which alerts of a history. To page on, set before_id to the id of the last row. Since 0.2. */
typedef struct evtwin_alert_history_options {
    size_t size;
    const char *battery_id; /**< default NULL: of all */
    int states;             /**< default EVTWIN_ALERT_ANY */
    int64_t from_us;        /**< those that were open then or later; default all (INT64_MIN) */
    int64_t to_us;          /**< those that were raised by then; default all (INT64_MAX) */
    size_t limit;           /**< default 1000 */
    int64_t before_id;      /**< only lower ids; default none (INT64_MAX) */
    int64_t after_change;   /**< >= 0: only those changed beyond it, in the order of their changes;
                                 default -1 */
} evtwin_alert_history_options;

/** Fill in the defaults; size is sizeof *options. Since 0.2. */
EVTWIN_API evtwin_status evtwin_alert_history_options_init(evtwin_alert_history_options *options,
                                                           size_t size);

/**
 * Alerts, the newest first: id, change (I64), battery_id, rule ("soc < 15 CRITICAL", "silent" or
 * "no_predictions"), quantity, operator (TEXT), limit (F64), level (TEXT), raised_at,
 * acknowledged_at (TIME), acknowledged_by (TEXT), cleared_at (TIME), value, worst (F64), text,
 * webhook, mail (I64: 0 nothing delivered, 1 that it was raised, 2 all; missing: not wanted).
 * EVTWIN_DONE, and *out NULL, if there is none. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_store_alerts(evtwin_store *store,
                                             const evtwin_alert_history_options *options,
                                             evtwin_table **out);

/**
 * How many alerts (of one battery, or of all if battery_id is NULL) were raised and cleared in each
 * of n_buckets equal parts of [from, to): a table with that many rows, raised and cleared (I64).
 * Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_store_alert_counts(evtwin_store *store, const char *battery_id,
                                                   int64_t from_us, int64_t to_us, size_t n_buckets,
                                                   evtwin_table **out);

/**
 * Acknowledge an alert (by: UTF-8, 1 to 100 bytes); only the first acknowledgement counts. Since
 * 0.2.
 * @return EVTWIN_E_NOT_FOUND if there is no such alert, EVTWIN_E_STATE if it is cleared, or on a
 * read-only handle.
 */
EVTWIN_API evtwin_status evtwin_store_acknowledge_alert(evtwin_store *store, int64_t id,
                                                        const char *by);

#ifdef __cplusplus
}
#endif
#endif
