/* SPDX-License-Identifier: MIT */
/* store/store_postgres_expire.c: delete what is past the retention, in small transactions. */

#include "core/status.h"
#include "store/store_postgres_writing.h"

#include <string.h>

/* A sweep visits the batteries in id order and, in each, the rows older than the cutoff in time
 * order; what also arrived before the cutoff is deleted. The cutoff is by the server's clock. It
 * goes in chunks of visited rows, each a transaction of its own; where it is stands in
 * postgres_place. Where a job of TimescaleDB drops old chunks there is nothing to do. */

static evtwin_status start(evtwin_store *store, evtwin__sweep *sweep) {
    postgres_store *s = (postgres_store *)store;
    int64_t now_us = 0;
    EVTWIN_TRY(evtwin__pg_query_i64(s->pg, "SELECT now()", NULL, 0, &now_us));
    now_us = store->now != evtwin_time_now ? store->now() : now_us; /* turned by a test */
    sweep->cutoff_us = now_us - (int64_t)(store->options.retention_days * 86400e6);
    s->place = (postgres_place){.is_in_battery = 0};
    return EVTWIN_OK;
}

/* The next batteries, and whether they have rows that are old enough to look at. */
static const char next_sql[] =
    "WITH RECURSIVE b (id, n) AS ((SELECT battery_id::text, 1 FROM ev_telemetry"
    " WHERE battery_id > $1::text ORDER BY battery_id LIMIT 1) UNION ALL"
    " SELECT (SELECT t.battery_id::text FROM ev_telemetry AS t WHERE t.battery_id > b.id"
    " ORDER BY t.battery_id LIMIT 1), n + 1 FROM b WHERE b.id IS NOT NULL AND n < $3::bigint)"
    " SELECT id, EXISTS (SELECT 1 FROM ev_telemetry AS t WHERE t.battery_id = b.id"
    " AND t.time < $2::timestamptz)::int::bigint FROM b WHERE id IS NOT NULL ORDER BY n";

static evtwin_status go_to(postgres_store *s, const char *id, int is_old) {
    EVTWIN_FAIL_IF(strlen(id) >= sizeof s->place.battery_id, EVTWIN_E_CORRUPT,
                   "%s: ev_telemetry has a battery_id of %zu bytes", evtwin__pg_name(s->pg),
                   strlen(id));
    memcpy(s->place.battery_id, id, strlen(id) + 1);
    s->place.time_us = INT64_MIN;
    s->place.is_in_battery = is_old;
    return EVTWIN_OK;
}

/* Go to the next battery with rows that may be deleted, past at most n_rows others: *n_out is how
 * many were passed. EVTWIN_DONE if there is none. */
static evtwin_status next_battery(postgres_store *s, size_t n_rows, size_t *n_out) {
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_result *result = NULL;
    const size_t n_most = n_rows < EVTWIN__SWEEP_MIN_ROWS ? n_rows : EVTWIN__SWEEP_MIN_ROWS;
    evtwin__pg_add_text(&params, s->place.battery_id);
    evtwin__pg_add_time(&params, s->sweep.cutoff_us);
    evtwin__pg_add_i64(&params, (int64_t)n_most);
    evtwin_status st = evtwin__pg_query(s->pg, next_sql, &params, &result);
    evtwin__pg_params_free(&params);
    EVTWIN_TRY(st);
    const size_t n = evtwin__pg_rows(result);
    int64_t is_old = 0;
    for (size_t i = 0; i < n && !is_old && st >= 0; i++) {
        evtwin__pg_i64(result, i, 1, &is_old);
        st = go_to(s, evtwin__pg_text(result, i, 0), (int)is_old);
        *n_out += 1;
    }
    evtwin__pg_result_free(result);
    return st < 0 ? st : !is_old && n < n_most ? EVTWIN_DONE : EVTWIN_OK;
}

static void add_place(const postgres_store *s, evtwin__pg_params *params) {
    evtwin__pg_add_text(params, s->place.battery_id);
    if (s->place.time_us == INT64_MIN) {
        evtwin__pg_add_null(params, EVTWIN__PG_TIME);
    } else {
        evtwin__pg_add_time(params, s->place.time_us);
    }
    evtwin__pg_add_time(params, s->sweep.cutoff_us);
}

#define IN_BATTERY                                                                                 \
    "battery_id = $1::text AND time > coalesce($2::timestamptz, '-infinity')"                      \
    " AND time < $3::timestamptz"

/* The time of the n_rows-th row that is still to visit in this battery; the cutoff, and
 * *is_last_out, if there are not so many. */
static evtwin_status chunk_end(postgres_store *s, size_t n_rows, int64_t *end_us,
                               int *is_last_out) {
    evtwin__pg_params params = {.n = 0};
    add_place(s, &params);
    evtwin__pg_add_i64(&params, (int64_t)n_rows - 1);
    const evtwin_status st = evtwin__pg_query_i64(s->pg,
                                                  "SELECT time FROM ev_telemetry WHERE " IN_BATTERY
                                                  " ORDER BY time LIMIT 1 OFFSET $4::bigint",
                                                  &params, INT64_MAX, end_us);
    evtwin__pg_params_free(&params);
    *is_last_out = *end_us == INT64_MAX;
    *end_us = *is_last_out ? s->sweep.cutoff_us : *end_us;
    return st;
}

static evtwin_status delete_rows(postgres_store *s, int64_t end_us, size_t *n_out) {
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_result *result = NULL;
    add_place(s, &params);
    evtwin__pg_add_time(&params, end_us);
    const evtwin_status st =
        evtwin__pg_query(s->pg,
                         "DELETE FROM ev_telemetry WHERE " IN_BATTERY
                         " AND time <= $4::timestamptz AND created_at < $3::timestamptz",
                         &params, &result);
    *n_out = st >= 0 ? (size_t)evtwin__pg_changed(result) : 0;
    evtwin__pg_result_free(result);
    evtwin__pg_params_free(&params);
    return st;
}

/* Visit n_rows rows, a few more where many have the same time. EVTWIN_DONE at the end of the sweep.
 */
static evtwin_status visit_rows(postgres_store *s, size_t n_rows, size_t *n_deleted) {
    size_t n_visited = 0;
    while (n_visited < n_rows) {
        const size_t n_most = n_rows - n_visited;
        const evtwin_status st =
            s->place.is_in_battery ? EVTWIN_OK : next_battery(s, n_most, &n_visited);
        if (st != EVTWIN_OK) {
            return st;
        }
        if (!s->place.is_in_battery) {
            continue;
        }
        int64_t end_us = 0;
        int is_last = 0;
        size_t n = 0;
        const size_t n_left = n_rows > n_visited ? n_rows - n_visited : 1;
        EVTWIN_TRY(chunk_end(s, n_left, &end_us, &is_last));
        EVTWIN_TRY(delete_rows(s, end_us, &n));
        *n_deleted += n;
        n_visited += is_last ? n : n_left;
        s->place.is_in_battery = !is_last;
        s->place.time_us = end_us;
    }
    return EVTWIN_OK;
}

#define ONE_OF(table) "EXISTS (SELECT 1 FROM " table POSTGRES_WITHOUT_ROWS("") ")"

/* At the end of a sweep. */
static evtwin_status forget_batteries(evtwin__pg *pg) {
    int64_t n = 0;
    EVTWIN_TRY(evtwin__pg_query_i64(
        pg,
        "SELECT 1 WHERE " ONE_OF("ev_battery") " OR " ONE_OF("ev_state") " OR " ONE_OF("ev_health"),
        NULL, 0, &n));
    if (n == 0) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__pg_begin(pg, ""));
    return evtwin__pg_end(pg, evtwin__pg_exec(pg, POSTGRES_FORGET_BATTERIES("")));
}

static evtwin_status visit(evtwin_store *store, size_t n_rows, size_t *n_deleted_out) {
    postgres_store *s = (postgres_store *)store;
    EVTWIN_TRY(evtwin__pg_begin(s->pg, ""));
    const evtwin_status st = visit_rows(s, n_rows, n_deleted_out);
    EVTWIN_TRY(evtwin__pg_end(s->pg, st));
    EVTWIN_TRY(st == EVTWIN_DONE ? forget_batteries(s->pg) : EVTWIN_OK);
    return st;
}

static const char *name(const evtwin_store *store) {
    return evtwin__pg_name(((const postgres_store *)store)->pg);
}

static const evtwin__sweep_steps steps = {.name = name, .start = start, .visit = visit};

evtwin_status evtwin__postgres_expire(evtwin_store *store, size_t *n_deleted_out) {
    postgres_store *s = (postgres_store *)store;
    *n_deleted_out = 0;
    return s->schema.is_expired_by_server
               ? EVTWIN_OK
               : evtwin__sweep_all(store, &s->sweep, &steps, n_deleted_out);
}

/* A policy of TimescaleDB goes by time alone, whenever a row came. Said once. */
static void warn_of_policy(postgres_store *s, const evtwin__binding *rows) {
    const double days = s->base.options.retention_days;
    const int64_t cutoff_us = s->base.now() - (int64_t)(days * 86400e6);
    size_t i = 0;
    while (i < rows->rows && rows->bound[EVTWIN__Q_TIME].i64[i] >= cutoff_us) {
        i++;
    }
    if (i < rows->rows && !s->has_warned_of_policy) {
        evtwin__log(
            EVTWIN_LOG_WARNING,
            "%s: rows came that are older than %g days; TimescaleDB's retention policy drops"
            " them at its next run: SELECT remove_retention_policy('ev_telemetry') keeps them",
            evtwin__pg_name(s->pg), days);
        s->has_warned_of_policy = 1;
    }
}

void evtwin__postgres_expire_some(postgres_store *s, const evtwin__binding *rows) {
    if (s->schema.is_expired_by_time && s->base.options.retention_days > 0.0) {
        warn_of_policy(s, rows);
    }
    if (!s->schema.is_expired_by_server) {
        evtwin__sweep_some(&s->base, &s->sweep, &steps, rows->rows);
    }
}
