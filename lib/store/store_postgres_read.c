/* SPDX-License-Identifier: MIT */
/* store/store_postgres_read.c: what readers ask. Each question is one statement, which goes through
 * the indexes and scans no table. */

#include "store/store_postgres_reading.h"

#include "core/status.h"
#include "core/time.h"
#include "store/sql_text.h"

/* ---- rows into tables ---- */

evtwin_status evtwin__postgres_ask(postgres_store *s, const char *text,
                                   const evtwin__pg_params *params, evtwin__pg_result **out) {
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

evtwin_status evtwin__postgres_add_column(evtwin_table *table, const evtwin__pg_result *result,
                                          size_t from, const char *name, evtwin_type type,
                                          const char *unit) {
    size_t col = 0;
    EVTWIN_TRY(evtwin_table_add_column(table, name, type, unit, &col));
    EVTWIN_TRY(evtwin__pg_fill(result, from, table, col));
    return type == EVTWIN_TIME ? hide_unwritable_times(table, col) : EVTWIN_OK;
}

evtwin_status evtwin__postgres_add_quantities(evtwin_table *table, const evtwin__pg_result *result,
                                              unsigned kinds, size_t predictions_from) {
    for (size_t q = 0, from = 0; q < EVTWIN__Q_COUNT; q++) {
        if (evtwin__is_of(q, kinds)) {
            const evtwin__quantity *of = &evtwin__schema[q];
            const int is_elsewhere = predictions_from > 0 && evtwin__is_of(q, EVTWIN__PREDICTIONS);
            EVTWIN_TRY(evtwin__postgres_add_column(table, result,
                                                   is_elsewhere ? predictions_from++ : from,
                                                   of->name, of->type, of->unit));
            from++;
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__postgres_table_start(const evtwin__pg_result *result, evtwin_table **out) {
    EVTWIN_TRY(evtwin_table_create(out));
    return evtwin_table_resize(*out, evtwin__pg_rows(result));
}

/* The rows of a query of all columns that came to st: EVTWIN_DONE if there is none. Frees result.
 */
static evtwin_status answer(evtwin_status st, evtwin__pg_result *result, evtwin_table **out) {
    evtwin_table *table = NULL;
    if (st >= 0 && evtwin__pg_rows(result) == 0) {
        st = EVTWIN_DONE;
    } else if (st >= 0 && (st = evtwin__postgres_table_start(result, &table)) >= 0) {
        st = evtwin__postgres_add_quantities(table, result, EVTWIN__STORED, 0);
    }
    evtwin__pg_result_free(result);
    if (st == EVTWIN_OK) {
        *out = table;
    } else {
        evtwin_table_free(table);
    }
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
    {POSTGRES_BATTERIES("true") " SELECT @t.row" NEWEST_OF_ALL BY_ID,
     POSTGRES_BATTERIES("true") " SELECT @t.row, " STANDING NEWEST_OF_ALL WITH_STANDING BY_ID}};

/* The rows with the standing predictions in the place of their own, and what else is known. */
static evtwin_status read_current(const evtwin__pg_result *result, evtwin_table **out) {
    evtwin_table *table = NULL;
    evtwin_status st = evtwin__postgres_table_start(result, &table);
    size_t n_row = 0, from = evtwin__pg_cols(result) - EVTWIN__N_STANDING;
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        n_row += evtwin__is_of(q, EVTWIN__STORED) != 0;
    }
    st = st < 0 ? st : evtwin__postgres_add_quantities(table, result, EVTWIN__STORED, n_row);
    for (size_t i = 0; i < EVTWIN__N_STANDING && st >= 0; i++) {
        st = evtwin__postgres_add_column(table, result, from++, evtwin__standing_columns[i].name,
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
    evtwin_status st =
        evtwin__postgres_ask((postgres_store *)store,
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

static const char oldest_sql[] =
    POSTGRES_BATTERIES("true") " SELECT @t.row FROM battery CROSS JOIN LATERAL (SELECT * FROM"
                               " ev_telemetry WHERE battery_id = battery.id AND time >= $1"
                               " ORDER BY time, seq LIMIT 1) AS t" BY_ID;

evtwin_status evtwin__postgres_oldest(evtwin_store *store, int64_t from_us, evtwin_table **out) {
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_result *result = NULL;
    evtwin__pg_add_time(&params, clamped(from_us));
    const evtwin_status st =
        evtwin__postgres_ask((postgres_store *)store, oldest_sql, &params, &result);
    evtwin__pg_params_free(&params);
    return answer(st, result, out);
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
#define HISTORY_UP(condition)                                                                      \
    "SELECT @row" WINDOW " AND (time, seq) > ($4, $5)" condition " ORDER BY time, seq LIMIT $6"

/* Newest or oldest first; all rows, or those with a prediction. */
static const char *const history_sql[2][2] = {{HISTORY(""), HISTORY(" AND @is_predicted")},
                                              {HISTORY_UP(""), HISTORY_UP(" AND @is_predicted")}};

evtwin_status evtwin__postgres_history(evtwin_store *store, const char *battery_id,
                                       const evtwin_history_options *options, evtwin_table **out) {
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_result *result = NULL;
    const int is_up = options->oldest_first != 0;
    const int64_t after_us = options->after_time_us;
    /* the search begins at the page */
    add_window(&params, battery_id,
               is_up && after_us > options->from_us ? after_us : options->from_us, options->to_us);
    evtwin__pg_add_time(&params, clamped(is_up ? after_us : options->before_time_us));
    evtwin__pg_add_i64(&params, is_up ? options->after_seq : options->before_seq);
    evtwin__pg_add_i64(&params, postgres_limit(options->limit));
    const evtwin_status st =
        evtwin__postgres_ask((postgres_store *)store,
                             history_sql[is_up][options->predicted_only != 0], &params, &result);
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
    evtwin_status st = evtwin__postgres_ask((postgres_store *)store, stats_sql, &params, &result);
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

/* What cannot be charted is missing in the inner query, once for all three; OFFSET 0 keeps it from
 * being copied into each. Buckets are counted from the first one. */
static void write_buckets(evtwin__text *sql, const evtwin__buckets *b) {
    evtwin__text_put(sql, "SELECT $4 + bucket * $5 * interval '1 us', count(*)");
    for (size_t i = 0; i < b->n_quantities; i++) {
        const char *name = evtwin__schema[b->quantity[i]].name;
        evtwin__sql_say(sql, ", min(%s), avg(%s), max(%s)", name, name, name);
    }
    evtwin__text_put(sql,
                     " FROM (SELECT floor(date_part('epoch', time - $4) * 1e6 / $5) AS bucket");
    for (size_t i = 0; i < b->n_quantities; i++) {
        const char *name = evtwin__schema[b->quantity[i]].name;
        evtwin__sql_say(sql,
                        ", CASE WHEN %s::float8 > '-infinity' AND %s::float8 < 'infinity'"
                        " THEN %s::float8 END AS %s",
                        name, name, name, name);
    }
    evtwin__text_put(sql, WINDOW " OFFSET 0) AS t GROUP BY bucket ORDER BY bucket");
    evtwin__text_add(sql, "", 1);
}

static evtwin_status answer_buckets(const evtwin__buckets *b, const evtwin__pg_result *result,
                                    evtwin_table **out) {
    evtwin_table *table = NULL;
    if (evtwin__pg_rows(result) == 0) {
        return EVTWIN_DONE;
    }
    evtwin_status st = evtwin__buckets_table(b, evtwin__pg_rows(result), &table);
    for (size_t col = 0; col < evtwin_table_cols(table) && st >= 0; col++) {
        st = evtwin__pg_fill(result, col, table, col);
    }
    if (st < 0) {
        evtwin_table_free(table);
        return st;
    }
    *out = table;
    return EVTWIN_OK;
}

evtwin_status evtwin__postgres_buckets(evtwin_store *store, const char *battery_id,
                                       const evtwin__buckets *buckets, evtwin_table **out) {
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_result *result = NULL;
    evtwin__text sql = {.size = 0};
    add_window(&params, battery_id, buckets->from_us, buckets->to_us);
    evtwin__pg_add_time(&params, buckets->first_us);
    evtwin__pg_add_f64(&params, (double)buckets->width_us);
    write_buckets(&sql, buckets);
    evtwin__pg *pg = ((postgres_store *)store)->pg;
    evtwin_status st = sql.is_failed ? evtwin__fail(EVTWIN_E_NOMEM,
                                                    "out of memory for a statement"
                                                    " on %s",
                                                    evtwin__pg_name(pg))
                                     : evtwin__pg_query(pg, sql.data, &params, &result);
    st = st < 0 ? st : answer_buckets(buckets, result, out);
    evtwin__pg_result_free(result);
    evtwin__pg_params_free(&params);
    evtwin__text_free(&sql);
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
    evtwin__pg_add_i64(&params, postgres_limit(max_rows));
    evtwin_status st = evtwin__postgres_ask((postgres_store *)store, changes_sql, &params, &result);
    evtwin__pg_params_free(&params);
    if ((st = answer(st, result, &table)) == EVTWIN_OK) {
        *revision_out = postgres_revision(table, evtwin_table_rows(table) - 1);
        *out = table;
    } else if (st == EVTWIN_DONE) {
        *revision_out = after_revision;
    }
    return st;
}

static const char held_back_sql[] =
    "WITH feed AS (SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::bigint +"
    " transaction_offset) << 20 AS to_revision FROM ev_revision) SELECT to_revision FROM feed WHERE"
    " EXISTS (SELECT 1 FROM ev_telemetry WHERE revision > $1 AND revision >= to_revision)";

evtwin_status evtwin__postgres_held_back(evtwin_store *store, int64_t after_revision,
                                         int64_t *from_out) {
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_add_i64(&params, after_revision);
    const evtwin_status st =
        evtwin__pg_query_i64(((postgres_store *)store)->pg, held_back_sql, &params, 0, from_out);
    evtwin__pg_params_free(&params);
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
