/* SPDX-License-Identifier: MIT */
/* store/store_postgres_merge.c: an insert of which some rows are there already: a retry, or the
 * same rows by another way. They go into a temporary table first. */

#include "core/crash_site.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "store/store_postgres_writing.h"

#include <string.h>

/* ---- statements ---- */

/* One WHEN a limit; a missing value breaks none, in SQL as in C. */
static void say_status(evtwin__text *sql, const evtwin__limits *limits) {
    evtwin__text_put(sql, "CASE ");
    for (int level = EVTWIN_HEALTH_CRITICAL; level > EVTWIN_HEALTH_NORMAL; level--) {
        for (size_t i = 0; i < limits->n; i++) {
            const evtwin__limit *l = &limits->limit[i];
            char number[EVTWIN__NUM_SIZE];
            if (l->level == level && l->kind == EVTWIN_THRESHOLD_STATUS) {
                evtwin__format_f64(l->limit, number);
                evtwin__sql_say(sql, "WHEN %s.%s %c %s THEN '%s' ",
                                evtwin__is_of((size_t)l->q, EVTWIN__PREDICTIONS) ? "s" : "t",
                                evtwin__schema[l->q].name, l->is_below ? '<' : '>', number,
                                evtwin_health_name((evtwin_health)level));
            }
        }
    }
    evtwin__sql_say(sql, "WHEN true THEN '%s' END", evtwin_health_name(EVTWIN_HEALTH_NORMAL));
}

/* form for each quantity of a kind, $ being its name. */
static void say_each(evtwin__text *sql, int (*is_in)(size_t q), const char *separator,
                     const char *form) {
    const char *between = "";
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        if (!is_in(q)) {
            continue;
        }
        evtwin__text_put(sql, between);
        between = separator;
        for (const char *c = form; *c != '\0'; c++) {
            if (*c == '$') {
                evtwin__text_put(sql, evtwin__schema[q].name);
            } else {
                evtwin__text_add(sql, c, 1);
            }
        }
    }
}

static int is_prediction(size_t q) {
    return evtwin__is_of(q, EVTWIN__PREDICTIONS);
}

static int is_predicted_value(size_t q) {
    return is_prediction(q) && q != EVTWIN__Q_PREDICTION_TIMESTAMP;
}

static void say_arrays(evtwin__text *sql) {
    for (size_t q = 0, n = 7; q < EVTWIN__Q_COUNT; q++) {
        if (is_prediction(q)) {
            const evtwin_type type = evtwin__schema[q].type;
            evtwin__sql_say(sql, "%s$%zu::%s[]", n > 7 ? ", " : "", n,
                            type == EVTWIN_F64    ? "float8"
                            : type == EVTWIN_TEXT ? "text"
                            : type == EVTWIN_TIME ? "timestamptz"
                                                  : "bigint");
            n++;
        }
    }
}

static void say_mark(evtwin__text *sql, const void *ctx, const char *mark, size_t length) {
    const postgres_writing *w = ctx;
    if (evtwin__sql_is_mark(mark, length, "status")) {
        say_status(sql, &w->limits);
    } else if (evtwin__sql_is_mark(mark, length, "assignments")) {
        say_each(sql, is_prediction, ", ", "$ = s.$");
    } else if (evtwin__sql_is_mark(mark, length, "differences")) {
        say_each(sql, is_predicted_value, " OR ", "t.$ IS DISTINCT FROM s.$");
    } else if (evtwin__sql_is_mark(mark, length, "same")) {
        say_each(sql, evtwin__is_payload, " AND ", "t.$ IS NOT DISTINCT FROM s.$");
    } else {
        say_arrays(sql);
    }
}

void evtwin__postgres_sql(const postgres_writing *w, const char *text, evtwin__text *sql) {
    evtwin__sql_write(sql, text, say_mark, w);
}

evtwin_status evtwin__postgres_run(const postgres_writing *w, const char *text,
                                   const evtwin__pg_params *params, evtwin__pg_result **out) {
    evtwin__text sql = {.size = 0};
    evtwin__postgres_sql(w, text, &sql);
    evtwin__text_add(&sql, "", 1);
    const evtwin_status st = sql.is_failed
                                 ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory for a statement")
                                 : evtwin__pg_query(w->s->pg, sql.data, params, out);
    evtwin__text_free(&sql);
    return st;
}

/* ---- merge ---- */

/* The times bound which chunks of a hypertable are looked into, and decompressed for a change. */
#define SAME_KEY                                                                                   \
    "t.battery_id = s.battery_id AND t.time = s.time AND t.seq = s.seq AND t.time BETWEEN"         \
    " $1::timestamptz AND $2::timestamptz"

void evtwin__postgres_add_bounds(const postgres_writing *w, evtwin__pg_params *params) {
    const evtwin__binding *rows = &w->rows->binding;
    int64_t first_us = INT64_MAX, last_us = INT64_MIN;
    for (size_t i = 0; i < rows->rows; i++) {
        const int64_t time_us = rows->bound[EVTWIN__Q_TIME].i64[i];
        first_us = time_us < first_us ? time_us : first_us;
        last_us = time_us > last_us ? time_us : last_us;
    }
    evtwin__pg_add_time(params, first_us);
    evtwin__pg_add_time(params, last_us);
}

/* Our columns, without what may not be NULL: an adopted table can have more of both. */
static const char stage_sql[] =
    "CREATE TEMPORARY TABLE IF NOT EXISTS ev_staging ON COMMIT DELETE ROWS AS SELECT @row FROM"
    " ev_telemetry WITH NO DATA";

/* Of equal keys the first row of the batch. */
static const char insert_sql[] =
    "INSERT INTO ev_telemetry (@row) SELECT @row FROM (SELECT DISTINCT ON (battery_id, time, seq) *"
    " FROM pg_temp.ev_staging ORDER BY battery_id, time, seq, revision) AS s ORDER BY revision"
    " ON CONFLICT (battery_id, time, seq) DO NOTHING RETURNING revision";

static const char compare_sql[] =
    "SELECT s.revision, (@same)::int::bigint FROM pg_temp.ev_staging AS s JOIN ev_telemetry AS t"
    " ON " SAME_KEY " WHERE t.revision <> s.revision";

/* Of equal keys the newest prediction. The one that is there gives way only to that of another
 * model (why: SQL_MERGE_PREDICTION of SQLite). */
static const char predict_sql[] =
    "UPDATE ev_telemetry AS t SET @assignments, revision = s.revision, status = @status"
    " FROM (SELECT DISTINCT ON (battery_id, time, seq) * FROM pg_temp.ev_staging"
    " WHERE prediction_timestamp IS NOT NULL"
    " ORDER BY battery_id, time, seq, prediction_timestamp DESC, revision) AS s WHERE " SAME_KEY
    " AND t.revision <> s.revision AND (t.prediction_timestamp IS NULL"
    " OR (t.prediction_timestamp < s.prediction_timestamp AND (@differences)"
    " AND (t.model_version IS NULL OR t.model_version IS DISTINCT FROM s.model_version)))"
    " RETURNING s.revision";

/* What has happened to each row: an evtwin__row_event, or nothing. */
enum { NOTHING = -1 };

/* Mark the rows whose revisions a statement gives. */
static evtwin_status mark(const postgres_writing *w, const evtwin__pg_result *result, int8_t *event,
                          evtwin__row_event what) {
    for (size_t i = 0; i < evtwin__pg_rows(result); i++) {
        int64_t revision = -1;
        evtwin__pg_i64(result, i, 0, &revision);
        EVTWIN_FAIL_IF(revision < w->revision ||
                           (uint64_t)(revision - w->revision) >= w->rows->binding.rows,
                       EVTWIN_E_CORRUPT,
                       "%s: a trigger of another program changes the column revision of"
                       " ev_telemetry, which is the library's: drop it",
                       evtwin__pg_name(w->s->pg));
        event[revision - w->revision] = (int8_t)what;
    }
    return EVTWIN_OK;
}

static evtwin_status run_marking(const postgres_writing *w, const char *text,
                                 const evtwin__pg_params *bounds, int8_t *event,
                                 evtwin__row_event what, size_t *n_out) {
    evtwin__pg_result *result = NULL;
    EVTWIN_TRY(evtwin__postgres_run(w, text, bounds, &result));
    *n_out = evtwin__pg_rows(result);
    const evtwin_status st = mark(w, result, event, what);
    evtwin__pg_result_free(result);
    return st;
}

static evtwin_status compare(const postgres_writing *w, const evtwin__pg_params *bounds,
                             evtwin_insert_report *report) {
    evtwin__pg_result *result = NULL;
    EVTWIN_TRY(evtwin__postgres_run(w, compare_sql, bounds, &result));
    for (size_t i = 0; i < evtwin__pg_rows(result); i++) {
        int64_t is_same = 0;
        evtwin__pg_i64(result, i, 1, &is_same);
        report->n_repeated += is_same ? 1 : 0;
        report->n_conflicting += is_same ? 0 : 1;
    }
    evtwin__pg_result_free(result);
    return EVTWIN_OK;
}

static evtwin_status note_all(postgres_writing *w, const int8_t *event) {
    evtwin__value value[EVTWIN__Q_COUNT] = {{0}};
    for (size_t i = 0; i < w->rows->binding.rows; i++) {
        if (event[i] != NOTHING) {
            EVTWIN_TRY(evtwin__rows_get(w->rows, i, value));
            evtwin__postgres_writing_note(w, i, value, (evtwin__row_event)event[i]);
        }
    }
    return EVTWIN_OK;
}

static evtwin_status merge(postgres_writing *w, const evtwin__pg_params *bounds, int8_t *event,
                           evtwin_insert_report *report) {
    size_t n_merged = 0;
    EVTWIN_TRY(evtwin__postgres_run(w, stage_sql, NULL, NULL));
    EVTWIN_TRY(evtwin__postgres_copy_aside(w, "pg_temp.ev_staging"));
    EVTWIN__CRASH_SITE("postgres.before_merge");
    EVTWIN_TRY(run_marking(w, insert_sql, NULL, event, EVTWIN__ROW_INSERTED, &report->n_inserted));
    EVTWIN_TRY(compare(w, bounds, report));
    if (w->rows->has_predictions) {
        EVTWIN_TRY(run_marking(w, predict_sql, bounds, event, EVTWIN__ROW_MERGED, &n_merged));
    }
    return note_all(w, event);
}

evtwin_status evtwin__postgres_merge_rows(postgres_writing *w, evtwin_insert_report *report) {
    const size_t n = w->rows->binding.rows;
    int8_t *event = evtwin__calloc(n, sizeof *event);
    EVTWIN_FAIL_IF(event == NULL, EVTWIN_E_NOMEM, "out of memory for %zu rows", n);
    memset(event, NOTHING, n);
    evtwin__pg_params bounds = {.n = 0};
    evtwin__postgres_add_bounds(w, &bounds);
    const evtwin_status st = merge(w, &bounds, event, report);
    evtwin__pg_params_free(&bounds);
    evtwin__free(event);
    return st;
}
