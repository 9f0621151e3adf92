/* SPDX-License-Identifier: MIT */
/* store/store_postgres_health.c: where the PostgreSQL store keeps the health of batteries. Its rows
 * are also what writers of one battery wait for. */

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"
#include "store/store_postgres_writing.h"

#include <stdio.h>
#include <string.h>

static const char *id_of(const postgres_writing *w, size_t row) {
    const evtwin__binding *rows = &w->rows->binding;
    return evtwin_table_text(rows->table, rows->bound[EVTWIN__Q_BATTERY_ID].col, row);
}

static const int32_t *codes_of(const postgres_writing *w) {
    const evtwin__binding *rows = &w->rows->binding;
    return evtwin_table_codes(rows->table, rows->bound[EVTWIN__Q_BATTERY_ID].col);
}

evtwin_status evtwin__postgres_find_batteries(postgres_writing *w) {
    const int32_t *code = codes_of(w);
    const size_t n_rows = w->rows->binding.rows;
    const size_t room = w->n_ids < n_rows ? w->n_ids : n_rows;
    char *seen = evtwin__calloc(w->n_ids + 1, 1);
    w->batteries.row = evtwin__calloc(room + 1, sizeof *w->batteries.row);
    const int is_made = seen != NULL && w->batteries.row != NULL;
    for (size_t i = 0; i < n_rows && is_made; i++) {
        if (!seen[code[i]]) {
            seen[code[i]] = 1;
            w->batteries.row[w->batteries.n++] = i;
        }
    }
    evtwin__free(seen);
    EVTWIN_FAIL_IF(!is_made, EVTWIN_E_NOMEM, "out of memory for %zu batteries", w->n_ids);
    return EVTWIN_OK;
}

/* ---- read ---- */

/* Locked in the order of their ids, whoever asks. n counts from 1. */
#define READ                                                                                       \
    "SELECT b.n, h.battery_id, h.xmin::text, h.status, h.since, h.broken, h.time,"                 \
    " h.predicted_time, h.arrived_at, h.interval_s, h.predicted_at, h.prediction_interval_s,"      \
    " (v.battery_id IS NOT NULL)::int::bigint FROM unnest($1::text[]) WITH ORDINALITY AS b (id, "  \
    "n)"                                                                                           \
    " JOIN ev_health AS h ON h.battery_id = b.id LEFT JOIN ev_battery AS v ON v.battery_id = b.id" \
    " ORDER BY b.id"
static const char read_sql[] = READ, lock_sql[] = READ " FOR UPDATE OF h";
enum {
    NUMBER,
    ID,
    XMIN,
    STATUS,
    SINCE,
    BROKEN,
    TIME,
    PREDICTED_TIME,
    ARRIVED_AT,
    INTERVAL_S,
    PREDICTED_AT,
    PREDICTION_INTERVAL_S,
    HAS_STANDING
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
        .battery_id = evtwin__pg_text(r, row, ID),
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

/* Row k of an answer is of the battery of row i. */
static evtwin_status begin(postgres_writing *w, size_t i, const evtwin__pg_result *r, size_t k) {
    const evtwin__health kept = health_of(r, k);
    int64_t has_standing = 0;
    evtwin__pg_i64(r, k, HAS_STANDING, &has_standing);
    EVTWIN_TRY(evtwin__postgres_know(w->s, &kept, evtwin__pg_text(r, k, XMIN)));
    return kept.since_us == INT64_MIN && has_standing
               ? begin_old(w, i, kept.battery_id)
               : evtwin__judge_begin(w->judge, i, &kept, NULL);
}

/* Some of the batteries, and their ids as $1. */
typedef struct selection {
    size_t n, *row;
    evtwin__pg_params ids;
} selection;

static evtwin_status select_begin(const postgres_writing *w, selection *out) {
    *out = (selection){.row = evtwin__calloc(w->batteries.n + 1, sizeof *out->row)};
    evtwin__pg_add_array(&out->ids, EVTWIN__PG_TEXT);
    EVTWIN_FAIL_IF(out->row == NULL, EVTWIN_E_NOMEM, "out of memory for %zu batteries",
                   w->batteries.n);
    return EVTWIN_OK;
}

static void select_add(const postgres_writing *w, selection *s, size_t row) {
    s->row[s->n++] = row;
    evtwin__pg_push_text(&s->ids, 0, id_of(w, row));
}

static void select_free(selection *s) {
    evtwin__free(s->row);
    evtwin__pg_params_free(&s->ids);
}

/* ---- begin ---- */

static evtwin_status begin_selected(postgres_writing *w, const selection *some, size_t *n_out) {
    evtwin__pg_result *r = NULL;
    EVTWIN_TRY(evtwin__pg_query(w->s->pg, w->locks_first ? lock_sql : read_sql, &some->ids, &r));
    evtwin_status st = EVTWIN_OK;
    *n_out = evtwin__pg_rows(r);
    for (size_t k = 0; k < *n_out && st >= 0; k++) {
        int64_t n = 1;
        evtwin__pg_i64(r, k, NUMBER, &n);
        st = begin(w, some->row[n - 1], r, k);
    }
    evtwin__pg_result_free(r);
    return st;
}

static evtwin_status begin_unknown(postgres_writing *w, const selection *some) {
    size_t n = 0;
    EVTWIN_TRY(begin_selected(w, some, &n));
    if (n < some->n) {
        EVTWIN_TRY(evtwin__pg_query(w->s->pg, add_sql, &some->ids, NULL));
        EVTWIN_TRY(begin_selected(w, some, &n));
    }
    return EVTWIN_OK;
}

void evtwin__postgres_look_at_known(postgres_writing *w) {
    const int64_t now_us = evtwin__monotonic_us() + w->s->known.clock_us;
    w->are_known = w->are_calm = 1;
    for (size_t k = 0; k < w->batteries.n && w->are_known; k++) {
        const postgres_known_row *known =
            evtwin__postgres_known(w->s, id_of(w, w->batteries.row[k]));
        w->are_known = known != NULL;
        w->are_calm &= known != NULL && !evtwin__is_arrival(&known->health.arrivals, now_us);
    }
}

/* A wrong guess costs a second COPY: it has to be rare. */
int evtwin__postgres_expects_no_news(const postgres_writing *w) {
    static const size_t n_calm_enough = 8;
    return w->are_calm && w->s->known.n_calm >= n_calm_enough && !w->rows->has_predictions;
}

evtwin_status evtwin__postgres_judge_begin(postgres_writing *w) {
    selection unknown;
    evtwin_status st = select_begin(w, &unknown);
    for (size_t k = 0; k < w->batteries.n && st >= 0; k++) {
        const size_t i = w->batteries.row[k];
        const postgres_known_row *known =
            w->locks_first ? NULL : evtwin__postgres_known(w->s, id_of(w, i));
        if (known != NULL) {
            st = evtwin__judge_begin(w->judge, i, &known->health, NULL);
        } else {
            select_add(w, &unknown, i);
        }
    }
    if (st >= 0 && unknown.n > 0) {
        st = begin_unknown(w, &unknown);
    }
    select_free(&unknown);
    return st;
}

/* ---- what others have written meanwhile ---- */

/* Judge the rows of these batteries again. */
static evtwin_status judge_again(postgres_writing *w, const char *is_stale) {
    const int32_t *code = codes_of(w);
    evtwin__value value[EVTWIN__Q_COUNT] = {{0}};
    for (size_t i = 0; i < w->rows->binding.rows; i++) {
        if (is_stale[code[i]]) {
            EVTWIN_TRY(evtwin__rows_get(w->rows, i, value));
            evtwin__judge_row(w->judge, i, value, EVTWIN__ROW_INSERTED);
        }
    }
    return EVTWIN_OK;
}

static evtwin_status check_locked(postgres_writing *w, const selection *some,
                                  const evtwin__pg_result *r, char *is_stale) {
    size_t n_stale = 0;
    for (size_t k = 0; k < evtwin__pg_rows(r); k++) {
        int64_t n = 1;
        evtwin__pg_i64(r, k, NUMBER, &n);
        const size_t i = some->row[n - 1];
        const postgres_known_row *known = evtwin__postgres_known(w->s, id_of(w, i));
        if (known == NULL || strcmp(known->xmin, evtwin__pg_text(r, k, XMIN)) != 0) {
            EVTWIN_TRY(begin(w, i, r, k));
            is_stale[codes_of(w)[i]] = 1;
            n_stale++;
        }
    }
    return n_stale > 0 ? judge_again(w, is_stale) : EVTWIN_OK;
}

/* Some may have been deleted. */
static evtwin_status lock_all(const postgres_writing *w, const selection *some,
                              evtwin__pg_result **out) {
    EVTWIN_TRY(evtwin__pg_query(w->s->pg, lock_sql, &some->ids, out));
    if (evtwin__pg_rows(*out) == some->n) {
        return EVTWIN_OK;
    }
    evtwin__pg_result_free(*out);
    *out = NULL;
    EVTWIN_TRY(evtwin__pg_query(w->s->pg, add_sql, &some->ids, NULL));
    return evtwin__pg_query(w->s->pg, lock_sql, &some->ids, out);
}

/* The batteries that have to be written. News that the clock did not announce is a change of
 * health. */
static evtwin_status select_news(postgres_writing *w, selection *news) {
    EVTWIN_TRY(select_begin(w, news));
    for (size_t k = 0; k < w->batteries.n; k++) {
        if (evtwin__judge_has_news(w->judge, w->now_us, w->batteries.row[k])) {
            select_add(w, news, w->batteries.row[k]);
        }
    }
    if (w->are_calm) {
        w->s->known.n_calm = news->n == 0 ? w->s->known.n_calm + 1 : 0;
    }
    return EVTWIN_OK;
}

int evtwin__postgres_has_news(postgres_writing *w) {
    size_t k = 0;
    while (k < w->batteries.n &&
           !evtwin__judge_has_news(w->judge, w->now_us, w->batteries.row[k])) {
        k++;
    }
    return k < w->batteries.n;
}

/* Lock the batteries that have to be written. Where another has written since they were read, their
 * rows are judged again. */
static evtwin_status lock_news(postgres_writing *w) {
    selection news;
    evtwin__pg_result *r = NULL;
    char *is_stale = evtwin__calloc(w->n_ids + 1, 1);
    evtwin_status st = select_news(w, &news);
    if (st >= 0 && is_stale == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for %zu batteries", w->n_ids);
    }
    if (st >= 0 && news.n > 0 && (st = lock_all(w, &news, &r)) >= 0) {
        st = check_locked(w, &news, r, is_stale);
    }
    evtwin__pg_result_free(r);
    select_free(&news);
    evtwin__free(is_stale);
    return st;
}

/* ---- write ---- */

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

/* What is written is known from then on. */
static evtwin_status put(postgres_writing *w, evtwin__pg_params *params) {
    char xmin[24];
    evtwin__health health;
    evtwin_status st;
    size_t at = 0, n = 0;
    snprintf(xmin, sizeof xmin, "%lld", (long long)(w->xid & UINT32_MAX));
    while ((st = evtwin__judge_next(w->judge, w->now_us, &at, &health)) == EVTWIN_OK) {
        push_health(params, &health);
        EVTWIN_TRY(evtwin__postgres_know(w->s, &health, xmin));
        n++;
    }
    EVTWIN_TRY(st);
    return n > 0 ? evtwin__pg_query(w->s->pg, put_sql, params, NULL) : EVTWIN_OK;
}

evtwin_status evtwin__postgres_judge_end(postgres_writing *w) {
    static const evtwin__pg_type types[] = {
        EVTWIN__PG_TEXT, EVTWIN__PG_TEXT, EVTWIN__PG_TIME, EVTWIN__PG_TEXT, EVTWIN__PG_TIME,
        EVTWIN__PG_TIME, EVTWIN__PG_TIME, EVTWIN__PG_F64,  EVTWIN__PG_TIME, EVTWIN__PG_F64};
    EVTWIN_TRY(w->locks_first ? EVTWIN_OK : lock_news(w));
    evtwin__pg_params params = {.n = 0};
    for (size_t k = 0; k < sizeof types / sizeof types[0]; k++) {
        evtwin__pg_add_array(&params, types[k]);
    }
    const evtwin_status st = put(w, &params);
    evtwin__pg_params_free(&params);
    return st;
}
