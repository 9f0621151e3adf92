/* SPDX-License-Identifier: MIT */
/* store/store_postgres_health.c: where the PostgreSQL store keeps the health of batteries. Its rows
 * are also what writers of one battery wait for. */

#include "core/mem.h"
#include "core/status.h"
#include "store/store_postgres_writing.h"

#include <string.h>

/* ---- which batteries ---- */

/* The batteries of some rows, each by the first of its rows. */
typedef struct batteries {
    size_t n, n_unlocked;
    size_t *row; /* (n) */
    char *is_locked;
    evtwin__pg_params ids; /* $1 of the statements below */
} batteries;

static void free_batteries(batteries *b) {
    evtwin__free(b->row);
    evtwin__free(b->is_locked);
    evtwin__pg_params_free(&b->ids);
}

static evtwin_status find_batteries(const postgres_writing *w, batteries *out) {
    const evtwin__binding *rows = &w->rows->binding;
    const size_t col = rows->bound[EVTWIN__Q_BATTERY_ID].col;
    const int32_t *code = evtwin_table_codes(rows->table, col);
    const size_t room = w->n_ids < rows->rows ? w->n_ids : rows->rows;
    char *seen = evtwin__calloc(w->n_ids + 1, 1);
    out->row = evtwin__calloc(room + 1, sizeof *out->row);
    out->is_locked = evtwin__calloc(room + 1, 1);
    const int is_made = seen != NULL && out->row != NULL && out->is_locked != NULL;
    const size_t ids = evtwin__pg_add_array(&out->ids, EVTWIN__PG_TEXT);
    for (size_t i = 0; i < rows->rows && is_made; i++) {
        if (!seen[code[i]]) {
            seen[code[i]] = 1;
            out->row[out->n++] = i;
            evtwin__pg_push_text(&out->ids, ids, evtwin_table_text(rows->table, col, i));
        }
    }
    evtwin__free(seen);
    out->n_unlocked = out->n;
    EVTWIN_FAIL_IF(!is_made, EVTWIN_E_NOMEM, "out of memory for %zu batteries", w->n_ids);
    return EVTWIN_OK;
}

/* ---- begin ---- */

/* In the order of their ids, whoever asks. */
static const char lock_sql[] =
    "SELECT b.n, h.status, h.since, h.broken, h.time, h.predicted_time, h.arrived_at, h.interval_s,"
    " h.predicted_at, h.prediction_interval_s, v.battery_id FROM unnest($1::text[]) WITH ORDINALITY"
    " AS b (id, n) JOIN ev_health AS h ON h.battery_id = b.id"
    " LEFT JOIN ev_battery AS v ON v.battery_id = b.id ORDER BY b.id FOR UPDATE OF h";
enum {
    NUMBER,
    STATUS,
    SINCE,
    BROKEN,
    TIME,
    PREDICTED_TIME,
    ARRIVED_AT,
    INTERVAL_S,
    PREDICTED_AT,
    PREDICTION_INTERVAL_S,
    STANDING_ID
};

/* Batteries that nobody has judged get an empty row, so that there is something to lock. */
static const char add_sql[] =
    "INSERT INTO ev_health (battery_id, status, broken) SELECT id, 'NORMAL', '' FROM"
    " unnest($1::text[]) AS b (id) ORDER BY id ON CONFLICT (battery_id) DO NOTHING";

static int64_t time_of(const evtwin__pg_result *result, size_t row, size_t col) {
    int64_t time_us = INT64_MIN;
    evtwin__pg_i64(result, row, col, &time_us);
    return time_us;
}

static evtwin__health health_of(const evtwin__pg_result *r, size_t row) {
    return (evtwin__health){
        .status = evtwin__health_of(evtwin__pg_text(r, row, STATUS)),
        .since_us = time_of(r, row, SINCE),
        .broken = evtwin__pg_text(r, row, BROKEN),
        .time_us = time_of(r, row, TIME),
        .predicted_us = time_of(r, row, PREDICTED_TIME),
        .arrivals = {time_of(r, row, ARRIVED_AT), evtwin__pg_f64(r, row, INTERVAL_S)},
        .predictions = {time_of(r, row, PREDICTED_AT),
                        evtwin__pg_f64(r, row, PREDICTION_INTERVAL_S)}};
}

/* A battery that was predicted, but not by us: it begins with what is known of it, its latest
 * prediction above all. */
static evtwin_status begin_old(postgres_writing *w, size_t i, const char *id) {
    evtwin_table *rows = NULL, *current = NULL;
    evtwin_status st = evtwin__postgres_latest(&w->s->base, id, &rows, &current);
    if (st >= 0) {
        st = evtwin__judge_begin(w->judge, i, &evtwin__health_unknown,
                                 st == EVTWIN_OK ? current : NULL);
    }
    evtwin_table_free(rows);
    evtwin_table_free(current);
    return st;
}

static evtwin_status begin_each(postgres_writing *w, batteries *b, const evtwin__pg_result *r) {
    for (size_t k = 0; k < evtwin__pg_rows(r); k++) {
        int64_t n = 0;
        evtwin__pg_i64(r, k, NUMBER, &n);
        const size_t i = b->row[n - 1];
        if (b->is_locked[n - 1]) {
            continue;
        }
        b->is_locked[n - 1] = 1;
        b->n_unlocked--;
        const evtwin__health kept = health_of(r, k);
        const char *standing = evtwin__pg_text(r, k, STANDING_ID);
        EVTWIN_TRY(kept.since_us == INT64_MIN && standing != NULL
                       ? begin_old(w, i, standing)
                       : evtwin__judge_begin(w->judge, i, &kept, NULL));
    }
    return EVTWIN_OK;
}

static evtwin_status lock_and_begin(postgres_writing *w, batteries *b) {
    evtwin__pg_result *result = NULL;
    EVTWIN_TRY(evtwin__pg_query(w->s->pg, lock_sql, &b->ids, &result));
    const evtwin_status st = begin_each(w, b, result);
    evtwin__pg_result_free(result);
    return st;
}

evtwin_status evtwin__postgres_judge_begin(postgres_writing *w) {
    batteries b = {.n = 0};
    evtwin_status st = find_batteries(w, &b);
    if (st >= 0 && b.n > 0) {
        st = lock_and_begin(w, &b);
    }
    if (st >= 0 && b.n_unlocked > 0 &&
        (st = evtwin__pg_query(w->s->pg, add_sql, &b.ids, NULL)) >= 0) {
        st = lock_and_begin(w, &b);
    }
    free_batteries(&b);
    return st;
}

/* ---- end ---- */

static const char put_sql[] =
    "UPDATE ev_health AS h SET status = u.status, since = u.since, broken = u.broken, time = "
    "u.time,"
    " predicted_time = u.predicted_time, arrived_at = u.arrived_at, interval_s = u.interval_s,"
    " predicted_at = u.predicted_at, prediction_interval_s = u.prediction_interval_s"
    " FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::timestamptz[],"
    " $6::timestamptz[], $7::timestamptz[], $8::float8[], $9::timestamptz[], $10::float8[])"
    " AS u (battery_id, status, since, broken, time, predicted_time, arrived_at, interval_s,"
    " predicted_at, prediction_interval_s) WHERE h.battery_id = u.battery_id";

static void push_time(evtwin__pg_params *params, size_t array, int64_t time_us) {
    if (time_us == INT64_MIN) {
        evtwin__pg_push_null(params, array);
    } else {
        evtwin__pg_push_i64(params, array, time_us);
    }
}

static void push_health(evtwin__pg_params *params, const evtwin__health *h) {
    evtwin__pg_push_text(params, 0, h->battery_id);
    evtwin__pg_push_text(params, 1, evtwin_health_name(h->status));
    push_time(params, 2, h->since_us);
    evtwin__pg_push_text(params, 3, h->broken);
    push_time(params, 4, h->time_us);
    push_time(params, 5, h->predicted_us);
    push_time(params, 6, h->arrivals.at_us);
    evtwin__pg_push_f64(params, 7, h->arrivals.interval_s);
    push_time(params, 8, h->predictions.at_us);
    evtwin__pg_push_f64(params, 9, h->predictions.interval_s);
}

evtwin_status evtwin__postgres_judge_end(postgres_writing *w) {
    static const evtwin__pg_type types[] = {
        EVTWIN__PG_TEXT, EVTWIN__PG_TEXT, EVTWIN__PG_TIME, EVTWIN__PG_TEXT, EVTWIN__PG_TIME,
        EVTWIN__PG_TIME, EVTWIN__PG_TIME, EVTWIN__PG_F64,  EVTWIN__PG_TIME, EVTWIN__PG_F64};
    evtwin__pg_params params = {.n = 0};
    for (size_t k = 0; k < sizeof types / sizeof types[0]; k++) {
        evtwin__pg_add_array(&params, types[k]);
    }
    evtwin__health health;
    evtwin_status st;
    size_t at = 0, n = 0;
    while ((st = evtwin__judge_next(w->judge, w->now_us, &at, &health)) == EVTWIN_OK) {
        push_health(&params, &health);
        n++;
    }
    if (st >= 0 && n > 0) {
        st = evtwin__pg_query(w->s->pg, put_sql, &params, NULL);
    }
    evtwin__pg_params_free(&params);
    return st < 0 ? st : EVTWIN_OK;
}
