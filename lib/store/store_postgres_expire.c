/* SPDX-License-Identifier: MIT */
/* store/store_postgres_expire.c: delete what is past the retention, in small transactions. */

#include "core/clock.h"
#include "core/status.h"
#include "store/store_postgres_writing.h"

#include <stdio.h>
#include <string.h>

/* A sweep visits the batteries in id order and, in each, the rows older than the cutoff in time
 * order; what also arrived before the cutoff is deleted. The cutoff is by the server's clock. It
 * goes in chunks of visited rows, each a transaction of its own; where it is stands in
 * postgres_sweep. Where a job of TimescaleDB drops old chunks there is nothing to do. */

enum {
    CHUNK_ROWS = 5000,    /* visited in one transaction of an explicit expire */
    MIN_SLICE_ROWS = 1000 /* … and after an insert, at least */
};

/* From the end of one sweep to the start of the next, when inserting. */
static const int64_t sweep_pause_us = INT64_C(600) * 1000000;

static evtwin_status start(postgres_store *s) {
    int64_t now_us = 0;
    EVTWIN_TRY(evtwin__pg_query_i64(s->pg, "SELECT now()", NULL, 0, &now_us));
    now_us = s->base.now != evtwin_time_now ? s->base.now() : now_us; /* turned by a test */
    s->sweep.cutoff_us = now_us - (int64_t)(s->base.options.retention_days * 86400e6);
    s->sweep.battery_id[0] = '\0';
    s->sweep.is_in_battery = 0;
    s->sweep.n_deleted = 0;
    s->sweep.is_active = 1;
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
    EVTWIN_FAIL_IF(strlen(id) >= sizeof s->sweep.battery_id, EVTWIN_E_CORRUPT,
                   "%s: ev_telemetry has a battery_id of %zu bytes", evtwin__pg_name(s->pg),
                   strlen(id));
    memcpy(s->sweep.battery_id, id, strlen(id) + 1);
    s->sweep.time_us = INT64_MIN;
    s->sweep.is_in_battery = is_old;
    return EVTWIN_OK;
}

/* Go to the next battery with rows that may be deleted, past at most n_rows others: *n_out is how
 * many were passed. EVTWIN_DONE if there is none. */
static evtwin_status next_battery(postgres_store *s, size_t n_rows, size_t *n_out) {
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_result *result = NULL;
    const size_t n_most = n_rows < MIN_SLICE_ROWS ? n_rows : MIN_SLICE_ROWS;
    evtwin__pg_add_text(&params, s->sweep.battery_id);
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
    evtwin__pg_add_text(params, s->sweep.battery_id);
    if (s->sweep.time_us == INT64_MIN) {
        evtwin__pg_add_null(params, EVTWIN__PG_TIME);
    } else {
        evtwin__pg_add_time(params, s->sweep.time_us);
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
static evtwin_status visit(postgres_store *s, size_t n_rows, size_t *n_deleted) {
    size_t n_visited = 0;
    while (n_visited < n_rows) {
        const size_t n_most = n_rows - n_visited;
        const evtwin_status st =
            s->sweep.is_in_battery ? EVTWIN_OK : next_battery(s, n_most, &n_visited);
        if (st != EVTWIN_OK) {
            return st;
        }
        if (!s->sweep.is_in_battery) {
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
        s->sweep.is_in_battery = !is_last;
        s->sweep.time_us = end_us;
    }
    return EVTWIN_OK;
}

/* At the end of a sweep: what is known of batteries that have no rows left. */
#define FORGET(table)                                                                              \
    "DELETE FROM " table " AS x WHERE NOT EXISTS (SELECT 1 FROM ev_telemetry AS t"                 \
    " WHERE t.battery_id = x.battery_id);"
static const char forget_sql[] = FORGET("ev_battery") FORGET("ev_state") FORGET("ev_health");

static void report_sweep(const postgres_store *s) {
    char cutoff[EVTWIN_TIME_TEXT_SIZE] = "long ago";
    if (s->sweep.n_deleted > 0) {
        (void)evtwin_time_format(s->sweep.cutoff_us, cutoff, sizeof cutoff);
        evtwin__log(EVTWIN_LOG_INFO,
                    "%s: retention: %zu row%s older than %g days deleted (from before %s)",
                    evtwin__pg_name(s->pg), s->sweep.n_deleted, s->sweep.n_deleted == 1 ? "" : "s",
                    s->base.options.retention_days, cutoff);
    }
}

/* One transaction of a sweep. EVTWIN_DONE at its end. After a failure the sweep is over, too: its
 * place may be past rows that are still there. */
static evtwin_status sweep_chunk(postgres_store *s, size_t n_rows, size_t *n_deleted) {
    evtwin_status st = evtwin__pg_begin(s->pg, "");
    if (st >= 0) {
        size_t n = 0;
        st = visit(s, n_rows, &n);
        const evtwin_status end =
            evtwin__pg_end(s->pg, st == EVTWIN_DONE ? evtwin__pg_exec(s->pg, forget_sql) : st);
        if (end < 0) {
            st = end;
        } else {
            *n_deleted += n;
            s->sweep.n_deleted += n;
        }
    }
    if (st != EVTWIN_OK) {
        report_sweep(s);
        s->sweep.is_active = 0;
        s->sweep.next_us = evtwin__monotonic_us() + sweep_pause_us;
    }
    return st;
}

evtwin_status evtwin__postgres_expire(evtwin_store *store, size_t *n_deleted_out) {
    postgres_store *s = (postgres_store *)store;
    size_t n_deleted = 0;
    evtwin_status st = s->schema.is_expired_by_server ? EVTWIN_DONE : start(s);
    while (st == EVTWIN_OK) {
        st = sweep_chunk(s, CHUNK_ROWS, &n_deleted);
    }
    if (st >= 0) {
        *n_deleted_out = n_deleted;
    }
    return st < 0 ? st : EVTWIN_OK;
}

static void warn(const postgres_store *s, evtwin_status st) {
    if (st < 0) {
        evtwin__log(EVTWIN_LOG_WARNING, "retention of %s stopped, to be tried again: %s",
                    evtwin__pg_name(s->pg), evtwin_last_error());
    }
}

/* A policy of TimescaleDB goes by time alone, whenever a row came. Said once. */
static void warn_of_policy(postgres_store *s, const evtwin__binding *rows) {
    const double days = s->base.options.retention_days;
    const int64_t cutoff_us = s->base.now() - (int64_t)(days * 86400e6);
    size_t i = 0;
    while (i < rows->rows && rows->bound[EVTWIN__Q_TIME].i64[i] >= cutoff_us) {
        i++;
    }
    if (i < rows->rows && !s->sweep.has_warned) {
        evtwin__log(
            EVTWIN_LOG_WARNING,
            "%s: rows came that are older than %g days; TimescaleDB's retention policy drops"
            " them at its next run: SELECT remove_retention_policy('ev_telemetry') keeps them",
            evtwin__pg_name(s->pg), days);
        s->sweep.has_warned = 1;
    }
}

void evtwin__postgres_expire_some(postgres_store *s, const evtwin__binding *rows) {
    if (s->base.options.retention_days <= 0.0) {
        return;
    }
    if (s->schema.is_expired_by_time) {
        warn_of_policy(s, rows);
    }
    if (s->schema.is_expired_by_server) {
        return;
    }
    if (!s->sweep.is_active) {
        if (evtwin__monotonic_us() < s->sweep.next_us) {
            return;
        }
        const evtwin_status st = start(s);
        if (st < 0) {
            s->sweep.next_us = evtwin__monotonic_us() + sweep_pause_us;
            warn(s, st);
            return;
        }
    }

    /* twice as fast as rows come in, so that a sweep ends and the table stays bounded */
    const size_t n_rows = rows->rows < MIN_SLICE_ROWS / 2 ? MIN_SLICE_ROWS : 2 * rows->rows;
    size_t n_deleted = 0;
    warn(s, sweep_chunk(s, n_rows, &n_deleted));
}
