/* SPDX-License-Identifier: MIT */
/* store/store_postgres_waiting.c: the rows that wait for a prediction, and those of other programs
 * that can never have one. */

#include "store/store_postgres_reading.h"
#include "store/store_postgres_timescale.h"

#include "core/mem.h"
#include "core/status.h"

/* What TimescaleDB has compressed has no index of waiting rows: they are looked for behind it. */
#define WAITS "prediction_timestamp IS NULL AND time >= $2"

/* Where each row counts no more than $1 batteries need be looked into: each has at least one. */
#define WAITING(condition, batteries)                                                              \
    POSTGRES_BATTERIES(WAITS)                                                                      \
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

/* Parameters $3 and $4 of mark_sql, and how many there are of each kind. */
static void list_unreadable(const evtwin_table *rows, evtwin__pg_params *params,
                            size_t n[EVTWIN__N_BAD]) {
    const size_t revisions = evtwin__pg_add_array(params, EVTWIN__PG_I64);
    const size_t notes = evtwin__pg_add_array(params, EVTWIN__PG_TEXT);
    for (size_t row = 0; row < evtwin_table_rows(rows); row++) {
        const evtwin__bad_key what = evtwin__bad_key_find(rows, row);
        if (what != EVTWIN__N_BAD) {
            evtwin__pg_push_i64(params, revisions, postgres_revision(rows, row));
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
    evtwin_status st = evtwin__postgres_ask(s, mark_sql, &params, &result);
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
    evtwin__pg_add_i64(&params, postgres_limit(max_rows));
    evtwin__pg_add_time(&params, from_us);
    evtwin_status st = evtwin__postgres_ask(s, sql, &params, &result);
    if (st >= 0 && (st = evtwin__postgres_table_start(result, &table)) >= 0 &&
        (st = evtwin__postgres_add_quantities(table, result, EVTWIN__TELEMETRY, 0)) >= 0) {
        st = evtwin__postgres_add_column(table, result, evtwin_table_cols(table), "revision",
                                         EVTWIN_I64, "");
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
