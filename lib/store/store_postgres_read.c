/* SPDX-License-Identifier: MIT */
/* store/store_postgres_read.c: what readers ask. Each question is one statement, which goes through
 * the indexes and scans no table. */

#include "store/store_postgres.h"
#include "store/store_postgres_timescale.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/time.h"
#include "store/sql_text.h"

#include <string.h>

/* ---- rows into tables ---- */

static evtwin_status ask(postgres_store *s, const char *text, const evtwin__pg_params *params,
                         evtwin__pg_result **out) {
    evtwin__text sql = {.size = 0};
    evtwin__sql_write(&sql, text, NULL, NULL);
    evtwin__text_add(&sql, "", 1);
    const evtwin_status st =
        sql.is_failed ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory for a statement on %s",
                                     evtwin__pg_name(s->pg))
                      : evtwin__pg_query(s->pg, sql.data, params, out);
    evtwin__text_free(&sql);
    return st;
}

/* Times that cannot be written as ours are missing. */
static evtwin_status hide_unwritable_times(evtwin_table *table, size_t col) {
    const int64_t *time = evtwin_table_i64(table, col);
    for (size_t row = 0; row < evtwin_table_rows(table); row++) {
        if (time[row] < EVTWIN__TIME_FIRST_US || time[row] > EVTWIN__TIME_LAST_US) {
            EVTWIN_TRY(evtwin_table_set_missing(table, col, row));
        }
    }
    return EVTWIN_OK;
}

/* Add a column with the values of column from of the result. */
static evtwin_status add_column(evtwin_table *table, const evtwin__pg_result *result, size_t from,
                                const char *name, evtwin_type type, const char *unit) {
    size_t col = 0;
    EVTWIN_TRY(evtwin_table_add_column(table, name, type, unit, &col));
    EVTWIN_TRY(evtwin__pg_fill(result, from, table, col));
    return type == EVTWIN_TIME ? hide_unwritable_times(table, col) : EVTWIN_OK;
}

/* Add the quantities of these kinds, which are the first columns of the result; their predictions
 * come from the columns that begin with predictions_from, if it is not 0. */
static evtwin_status add_quantities(evtwin_table *table, const evtwin__pg_result *result,
                                    unsigned kinds, size_t predictions_from) {
    for (size_t q = 0, from = 0; q < EVTWIN__Q_COUNT; q++) {
        if (evtwin__is_of(q, kinds)) {
            const evtwin__quantity *of = &evtwin__schema[q];
            const int is_elsewhere = predictions_from > 0 && evtwin__is_of(q, EVTWIN__PREDICTIONS);
            EVTWIN_TRY(add_column(table, result, is_elsewhere ? predictions_from++ : from, of->name,
                                  of->type, of->unit));
            from++;
        }
    }
    return EVTWIN_OK;
}

static evtwin_status start(const evtwin__pg_result *result, evtwin_table **out) {
    EVTWIN_TRY(evtwin_table_create(out));
    return evtwin_table_resize(*out, evtwin__pg_rows(result));
}

/* The rows of a query of all columns that came to st: EVTWIN_DONE if there is none. Frees result.
 */
static evtwin_status answer(evtwin_status st, evtwin__pg_result *result, evtwin_table **out) {
    evtwin_table *table = NULL;
    if (st >= 0 && evtwin__pg_rows(result) == 0) {
        st = EVTWIN_DONE;
    } else if (st >= 0 && (st = start(result, &table)) >= 0) {
        st = add_quantities(table, result, EVTWIN__STORED, 0);
    }
    evtwin__pg_result_free(result);
    if (st == EVTWIN_OK) {
        *out = table;
    } else {
        evtwin_table_free(table);
    }
    return st;
}

static int64_t limit_of(size_t n) {
    return n < INT64_MAX ? (int64_t)n : INT64_MAX;
}

/* ---- rows that wait ---- */

/* The batteries, found by jumping from each id to the next in an index. */
#define BATTERIES(condition)                                                                       \
    "WITH RECURSIVE battery (id) AS ((SELECT battery_id FROM ev_telemetry WHERE " condition        \
    " ORDER BY battery_id LIMIT 1) UNION ALL SELECT (SELECT n.battery_id FROM ev_telemetry AS n"   \
    " WHERE " condition " AND n.battery_id > battery.id ORDER BY n.battery_id LIMIT 1)"            \
    " FROM battery WHERE battery.id IS NOT NULL)"

/* What TimescaleDB has compressed has no index of waiting rows: they are looked for behind it. */
#define WAITS "prediction_timestamp IS NULL AND time >= $2"

/* Where each row counts no more than $1 batteries need be looked into: each has at least one. */
#define WAITING(condition, batteries)                                                              \
    BATTERIES(WAITS)                                                                               \
    ", waiting AS (SELECT id, (SELECT n.time FROM ev_telemetry AS n WHERE n.battery_id ="          \
    " battery.id AND " WAITS " ORDER BY n.time DESC LIMIT 1) AS newest"                            \
    " FROM battery WHERE id IS NOT NULL ORDER BY newest DESC, id" batteries ")"                    \
    " SELECT r.* FROM waiting CROSS JOIN LATERAL (SELECT @telemetry, revision FROM ev_telemetry"   \
    " WHERE battery_id = waiting.id AND " WAITS condition                                          \
    " ORDER BY time, seq LIMIT $1) AS r ORDER BY waiting.newest DESC, waiting.id, r.time, r.seq"   \
    " LIMIT $1"

/* What evtwin__bad_key_find says, of a row of ev_telemetry. */
#define READABLE                                                                                   \
    "(time >= '0001-01-01 00:00:00+00 BC' AND time < '10000-01-01 00:00:00+00' AND seq >= 0"       \
    " AND battery_id ~ '^[A-Za-z0-9._:-]{1,50}$')"

static const char waiting_sql[] = WAITING("", " LIMIT $1");
static const char readable_waiting_sql[] = WAITING(" AND " READABLE, "");

/* Of rows that were read with revision was. The time keeps compressed chunks, where none is, from
 * being decompressed for it. */
static const char mark_sql[] =
    "UPDATE ev_telemetry SET prediction_timestamp = $1, prediction_note = u.note,"
    " revision = $2 + u.n FROM unnest($3::bigint[], $4::text[]) WITH ORDINALITY AS u (was, note, n)"
    " WHERE revision = u.was AND prediction_timestamp IS NULL AND time >= $5 AND NOT " READABLE;

/* Where waiting rows are looked for from on. */
static evtwin_status waiting_from(postgres_store *s, int64_t *time_us_out) {
    *time_us_out = INT64_MIN;
    return s->schema.is_hypertable
               ? evtwin__timescale_compressed_until(s->pg, s->schema.name, time_us_out)
               : EVTWIN_OK;
}

static int64_t revision_of(const evtwin_table *rows, size_t row) {
    return evtwin_table_i64(rows, evtwin_table_find(rows, "revision"))[row];
}

/* Parameters $3 and $4 of mark_sql, and how many there are of each kind. */
static void list_unreadable(const evtwin_table *rows, evtwin__pg_params *params,
                            size_t n[EVTWIN__N_BAD]) {
    const size_t revisions = evtwin__pg_add_array(params, EVTWIN__PG_I64);
    const size_t notes = evtwin__pg_add_array(params, EVTWIN__PG_TEXT);
    for (size_t row = 0; row < evtwin_table_rows(rows); row++) {
        const evtwin__bad_key what = evtwin__bad_key_find(rows, row);
        if (what != EVTWIN__N_BAD) {
            evtwin__pg_push_i64(params, revisions, revision_of(rows, row));
            evtwin__pg_push_text(params, notes, evtwin__bad_key_notes[what]);
            n[what]++;
        }
    }
}

/* Rows that can never be predicted are unknown from now on, with the reason. */
static evtwin_status mark_unreadable(postgres_store *s, const evtwin_table *rows,
                                     size_t n[EVTWIN__N_BAD], int64_t *n_marked_out) {
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_result *result = NULL;
    int64_t revision = 0, from_us = 0;
    EVTWIN_TRY(waiting_from(s, &from_us));
    EVTWIN_TRY(evtwin__postgres_begin_write(s->pg, &revision));
    evtwin__pg_add_time(&params, s->base.now());
    evtwin__pg_add_i64(&params, revision);
    list_unreadable(rows, &params, n);
    evtwin__pg_add_time(&params, from_us);
    evtwin_status st = ask(s, mark_sql, &params, &result);
    const int64_t n_marked = st >= 0 ? evtwin__pg_changed(result) : 0;
    evtwin__pg_result_free(result);
    evtwin__pg_params_free(&params);
    if ((st = evtwin__pg_end(s->pg, st)) >= 0) {
        *n_marked_out = n_marked;
    }
    return st;
}

/* What cannot be read must not be offered for ever, nor keep what can be read from being predicted;
 * a reader just passes it over. Returns how many wait no longer. */
static int64_t put_unreadable(postgres_store *s, const evtwin_table *rows) {
    size_t n[EVTWIN__N_BAD] = {0};
    int64_t n_marked = 0;
    if (s->base.options.read_only) {
        return 0;
    }
    if (mark_unreadable(s, rows, n, &n_marked) < 0) {
        evtwin__log(EVTWIN_LOG_WARNING, "%s", evtwin_last_error());
        return 0;
    }
    for (size_t i = 0; i < EVTWIN__N_BAD; i++) {
        if (n[i] > 0) {
            evtwin__log(EVTWIN_LOG_WARNING, "%s: %zu row%s of another program: %s",
                        evtwin__pg_name(s->pg), n[i], n[i] == 1 ? "" : "s",
                        evtwin__bad_key_notes[i]);
        }
    }
    return n_marked;
}

/* The rows that can be read: EVTWIN_DONE if there is none. */
static evtwin_status select_readable(const evtwin_table *rows, evtwin_table **out) {
    const size_t n = evtwin_table_rows(rows);
    size_t *good = evtwin__calloc(n + 1, sizeof *good);
    EVTWIN_FAIL_IF(good == NULL, EVTWIN_E_NOMEM, "out of memory for %zu waiting rows", n);
    size_t n_good = 0;
    for (size_t row = 0; row < n; row++) {
        good[n_good] = row;
        n_good += evtwin__bad_key_find(rows, row) == EVTWIN__N_BAD;
    }
    const evtwin_status st =
        n_good > 0 ? evtwin_table_select(rows, good, n_good, out) : EVTWIN_DONE;
    evtwin__free(good);
    return st;
}

static int is_any_unreadable(const evtwin_table *rows) {
    size_t row = 0;
    while (row < evtwin_table_rows(rows) && evtwin__bad_key_find(rows, row) == EVTWIN__N_BAD) {
        row++;
    }
    return row < evtwin_table_rows(rows);
}

/* At most max_rows rows, which may be none. */
static evtwin_status read_waiting(postgres_store *s, const char *sql, size_t max_rows,
                                  evtwin_table **out) {
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_result *result = NULL;
    evtwin_table *table = NULL;
    int64_t from_us = 0;
    EVTWIN_TRY(waiting_from(s, &from_us));
    evtwin__pg_add_i64(&params, limit_of(max_rows));
    evtwin__pg_add_time(&params, from_us);
    evtwin_status st = ask(s, sql, &params, &result);
    if (st >= 0 && (st = start(result, &table)) >= 0 &&
        (st = add_quantities(table, result, EVTWIN__TELEMETRY, 0)) >= 0) {
        st = add_column(table, result, evtwin_table_cols(table), "revision", EVTWIN_I64, "");
    }
    evtwin__pg_result_free(result);
    evtwin__pg_params_free(&params);
    if (st < 0) {
        evtwin_table_free(table);
        return st;
    }
    *out = table;
    return EVTWIN_OK;
}

/* Waiting rows without those that cannot be read. 1 in *again_out: there were only such, and more
 * may wait behind them; *sql is then what to ask next. */
static evtwin_status sift_waiting(postgres_store *s, const char **sql, size_t max_rows,
                                  int *again_out, evtwin_table **out) {
    evtwin_table *rows = NULL;
    EVTWIN_TRY(read_waiting(s, *sql, max_rows, &rows));
    *again_out = is_any_unreadable(rows);
    if (evtwin_table_rows(rows) > 0 && !*again_out) {
        *out = rows;
        return EVTWIN_OK;
    }
    evtwin_status st = EVTWIN_DONE;
    if (*again_out) {
        const int64_t n_marked = put_unreadable(s, rows);
        *again_out = n_marked > 0 || *sql != readable_waiting_sql;
        *sql = n_marked > 0 ? *sql : readable_waiting_sql;
        st = select_readable(rows, out);
    }
    evtwin_table_free(rows);
    return st;
}

/* "None" means that none is left: not that all those read were such that cannot be predicted. */
evtwin_status evtwin__postgres_unpredicted(evtwin_store *store, size_t max_rows,
                                           evtwin_table **out) {
    const char *sql = waiting_sql;
    int again = 0;
    evtwin_status st;
    do {
        st = sift_waiting((postgres_store *)store, &sql, max_rows, &again, out);
    } while (st == EVTWIN_DONE && again);
    return st;
}

/* ---- the newest rows ---- */

/* What stands for a battery beside its newest row; since when its oldest waiting row waits is asked
 * where the newest one waits. The row of the standing prediction is looked up in the key. */
#define STANDING                                                                                   \
    "@p.predictions, p.time, h.status, h.since, h.broken, greatest(t.created_at, h.arrived_at),"   \
    " h.interval_s, greatest(p.prediction_timestamp, h.predicted_at), h.prediction_interval_s,"    \
    " CASE WHEN t.prediction_timestamp IS NULL THEN (SELECT w.created_at FROM ev_telemetry AS w"   \
    " WHERE w.battery_id = t.battery_id AND w.prediction_timestamp IS NULL"                        \
    " ORDER BY w.time, w.seq LIMIT 1) END"
#define WITH_STANDING                                                                              \
    " LEFT JOIN ev_battery AS b ON b.battery_id = t.battery_id"                                    \
    " LEFT JOIN LATERAL (SELECT @predictions, time FROM ev_telemetry"                              \
    " WHERE battery_id = b.battery_id AND time = b.predicted_time AND seq = b.predicted_seq"       \
    " LIMIT 1) AS p ON true LEFT JOIN ev_health AS h ON h.battery_id = t.battery_id"
#define NEWEST(id)                                                                                 \
    "(SELECT * FROM ev_telemetry WHERE battery_id = " id " ORDER BY time DESC, seq DESC LIMIT 1)"
#define NEWEST_OF_ALL " FROM battery CROSS JOIN LATERAL " NEWEST("battery.id") " AS t"
#define BY_ID " ORDER BY t.battery_id COLLATE \"C\"" /* whatever the database's order is */

/* Of one battery or of all; with or without what stands. */
static const char *const latest_sql[2][2] = {
    {"SELECT @t.row FROM " NEWEST("$1") " AS t",
     "SELECT @t.row, " STANDING " FROM " NEWEST("$1") " AS t" WITH_STANDING},
    {BATTERIES("true") " SELECT @t.row" NEWEST_OF_ALL BY_ID,
     BATTERIES("true") " SELECT @t.row, " STANDING NEWEST_OF_ALL WITH_STANDING BY_ID}};

/* The rows with the standing predictions in the place of their own, and what else is known. */
static evtwin_status read_current(const evtwin__pg_result *result, evtwin_table **out) {
    evtwin_table *table = NULL;
    evtwin_status st = start(result, &table);
    size_t n_row = 0, from = evtwin__pg_cols(result) - EVTWIN__N_STANDING;
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        n_row += evtwin__is_of(q, EVTWIN__STORED) != 0;
    }
    st = st < 0 ? st : add_quantities(table, result, EVTWIN__STORED, n_row);
    for (size_t i = 0; i < EVTWIN__N_STANDING && st >= 0; i++) {
        st = add_column(table, result, from++, evtwin__standing_columns[i].name,
                        evtwin__standing_columns[i].type, "");
    }
    if (st < 0) {
        evtwin_table_free(table);
        return st;
    }
    *out = table;
    return EVTWIN_OK;
}

evtwin_status evtwin__postgres_latest(evtwin_store *store, const char *battery_id,
                                      evtwin_table **rows_out, evtwin_table **current_out) {
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_result *result = NULL;
    evtwin_table *current = NULL;
    if (battery_id != NULL) {
        evtwin__pg_add_text(&params, battery_id);
    }
    evtwin_status st = ask((postgres_store *)store,
                           latest_sql[battery_id == NULL][current_out != NULL], &params, &result);
    evtwin__pg_params_free(&params);
    if (st >= 0 && current_out != NULL && evtwin__pg_rows(result) > 0) {
        st = read_current(result, &current);
    }
    st = answer(st, result, rows_out);
    if (st == EVTWIN_OK && current_out != NULL) {
        *current_out = current;
    } else {
        evtwin_table_free(current);
    }
    return st;
}

/* ---- one battery over a time ---- */

/* The years that ours can say: what lies outside can be asked for all the same. */
static int64_t clamped(int64_t time_us) {
    return time_us < EVTWIN__TIME_FIRST_US  ? EVTWIN__TIME_FIRST_US
           : time_us > EVTWIN__TIME_LAST_US ? EVTWIN__TIME_LAST_US
                                            : time_us;
}

/* Parameters $1 to $3. */
static void add_window(evtwin__pg_params *params, const char *battery_id, int64_t from_us,
                       int64_t to_us) {
    evtwin__pg_add_text(params, battery_id);
    evtwin__pg_add_time(params, clamped(from_us));
    evtwin__pg_add_time(params, clamped(to_us));
}

#define WINDOW " FROM ev_telemetry WHERE battery_id = $1 AND time >= $2 AND time <= $3"
#define HISTORY(condition)                                                                         \
    "SELECT @row" WINDOW " AND (time, seq) < ($4, $5)" condition                                   \
    " ORDER BY time DESC, seq DESC LIMIT $6"

evtwin_status evtwin__postgres_history(evtwin_store *store, const char *battery_id,
                                       const evtwin_history_options *options, evtwin_table **out) {
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_result *result = NULL;
    add_window(&params, battery_id, options->from_us, options->to_us);
    evtwin__pg_add_time(&params, clamped(options->before_time_us));
    evtwin__pg_add_i64(&params, options->before_seq);
    evtwin__pg_add_i64(&params, limit_of(options->limit));
    const evtwin_status st = ask(
        (postgres_store *)store,
        options->predicted_only ? HISTORY(" AND @is_predicted") : HISTORY(""), &params, &result);
    evtwin__pg_params_free(&params);
    return answer(st, result, out);
}

/* Infinite values and NaN, which other programs can write, are none; so that one of them does not
 * hide a day. */
#define OVER(function, column)                                                                     \
    ", " function "(" column "::float8) FILTER (WHERE " column " > '-infinity' AND " column        \
    " < 'infinity')"

static const char stats_sql[] =
    "SELECT count(*)" OVER("avg", "soc") OVER("min", "soc") OVER("max", "soc") OVER("avg", "soh")
        OVER("avg", "temperature") OVER("max", "temperature") OVER("avg", "voltage")
            OVER("avg", "current") ", max(charge_cycles)" OVER("avg", "rul_prediction")
                OVER("avg", "failure_probability") WINDOW;

evtwin_status evtwin__postgres_stats(evtwin_store *store, const char *battery_id, int64_t from_us,
                                     int64_t to_us, evtwin_store_stats *out) {
    double *const numbers[] = {&out->avg_soc,     &out->min_soc,         &out->max_soc,
                               &out->avg_soh,     &out->avg_temperature, &out->max_temperature,
                               &out->avg_voltage, &out->avg_current,     &out->total_cycles,
                               &out->avg_rul,     &out->avg_failure_risk};
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_result *result = NULL;
    add_window(&params, battery_id, from_us, to_us);
    evtwin_status st = ask((postgres_store *)store, stats_sql, &params, &result);
    if (st >= 0) {
        evtwin__pg_i64(result, 0, 0, &out->total_records);
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            *numbers[i] = evtwin__pg_f64(result, 0, i + 1);
        }
        st = out->total_records > 0 ? EVTWIN_OK : EVTWIN_DONE;
    }
    evtwin__pg_result_free(result);
    evtwin__pg_params_free(&params);
    return st;
}

/* ---- the change feed ---- */

/* A revision begins with the transaction that gave it. What is given out ends before the oldest
 * transaction that still runs: nothing can appear any more below what was given. Rows of one
 * revision, should there be such, come together. */
static const char changes_sql[] = "SELECT @row FROM ev_telemetry WHERE revision > $1 AND revision <"
                                  " ((pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
                                  " + (SELECT transaction_offset FROM ev_revision)) << 20)"
                                  " ORDER BY revision FETCH FIRST ($2) ROWS WITH TIES";

evtwin_status evtwin__postgres_changes(evtwin_store *store, int64_t after_revision, size_t max_rows,
                                       evtwin_table **out, int64_t *revision_out) {
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_result *result = NULL;
    evtwin_table *table = NULL;
    evtwin__pg_add_i64(&params, after_revision);
    evtwin__pg_add_i64(&params, limit_of(max_rows));
    evtwin_status st = ask((postgres_store *)store, changes_sql, &params, &result);
    evtwin__pg_params_free(&params);
    if ((st = answer(st, result, &table)) == EVTWIN_OK) {
        *revision_out = revision_of(table, evtwin_table_rows(table) - 1);
        *out = table;
    } else if (st == EVTWIN_DONE) {
        *revision_out = after_revision;
    }
    return st;
}

/* ---- the rest ---- */

evtwin_status evtwin__postgres_count(evtwin_store *store, int64_t *rows_out) {
    return evtwin__pg_query_i64(((postgres_store *)store)->pg, "SELECT count(*) FROM ev_telemetry",
                                NULL, 0, rows_out);
}

evtwin_status evtwin__postgres_backup(evtwin_store *store, const char *path) {
    (void)path;
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "%s: is backed up by pg_dump, not by a copy of a file",
                evtwin__pg_name(((postgres_store *)store)->pg));
}
