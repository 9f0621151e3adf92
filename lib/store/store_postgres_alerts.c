/* SPDX-License-Identifier: MIT */
/* store/store_postgres_alerts.c: alerts, and who writes them. */

#include "core/status.h"
#include "store/sql_text.h"
#include "store/store_postgres_reading.h"

/* ---- the writer ---- */

static evtwin_status held_by_another(evtwin__pg *pg) {
    EVTWIN_FAIL(EVTWIN_E_BUSY, "%s: another program writes its alerts", evtwin__pg_name(pg));
}

evtwin_status evtwin__postgres_alert_lease(evtwin_store *store, const char *holder,
                                           double seconds) {
    static const char take[] =
        "UPDATE ev_alert_writer SET holder = $1, held_until = clock_timestamp()"
        " + $2::float8 * interval '1 second' WHERE holder = $1 OR holder IS NULL"
        /* no lease ends later than an hour from now: that clock was another one */
        " OR held_until <= clock_timestamp()"
        " OR held_until > clock_timestamp() + interval '1 hour'";
    static const char give[] = "UPDATE ev_alert_writer SET holder = NULL WHERE holder = $1";
    evtwin__pg *pg = ((postgres_store *)store)->pg;
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_result *result = NULL;
    evtwin__pg_add_text(&params, holder);
    if (seconds > 0.0) {
        evtwin__pg_add_f64(&params, seconds);
    }
    evtwin_status st = evtwin__pg_query(pg, seconds > 0.0 ? take : give, &params, &result);
    evtwin__pg_params_free(&params);
    if (st >= 0 && seconds > 0.0 && evtwin__pg_changed(result) == 0) {
        st = held_by_another(pg);
    }
    evtwin__pg_result_free(result);
    return st;
}

/* ---- writing ---- */

/* In a transaction: give the next n changes, the first of them. The row stays locked until the end,
 * so that changes are seen in their order. */
static evtwin_status next_changes(evtwin__pg *pg, const char *holder, size_t n, int64_t *out) {
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_add_text(&params, holder);
    evtwin__pg_add_i64(&params, (int64_t)n);
    const evtwin_status st =
        evtwin__pg_query_i64(pg,
                             "UPDATE ev_alert_writer SET change = change + $2 WHERE"
                             " $1::text IS NULL OR holder = $1 RETURNING change - $2 + 1",
                             &params, -1, out);
    evtwin__pg_params_free(&params);
    EVTWIN_TRY(st);
    return *out < 0 ? held_by_another(pg) : EVTWIN_OK;
}

static evtwin_status put_all(evtwin__pg *pg, const evtwin_table *alerts, int64_t change) {
    static const struct {
        evtwin__pg_type type;
        const char *sql;
    } wire[] = {[EVTWIN_F64] = {EVTWIN__PG_F64, "float8"},
                [EVTWIN_I64] = {EVTWIN__PG_I64, "bigint"},
                [EVTWIN_TIME] = {EVTWIN__PG_TIME, "timestamptz"},
                [EVTWIN_TEXT] = {EVTWIN__PG_TEXT, "text"}};
    evtwin__pg_params params = {.n = 0};
    evtwin__text sql = {.size = 0};
    evtwin__text_put(&sql, "INSERT INTO ev_alert (");
    evtwin__alert_names(&sql, "");
    evtwin__text_put(&sql, ") SELECT * FROM unnest(");
    for (size_t c = 0; c < EVTWIN__A_COUNT; c++) {
        const evtwin_type type = evtwin__alert_columns[c].type;
        const size_t array = evtwin__pg_add_array(&params, wire[type].type);
        evtwin__sql_say(&sql, "%s$%zu::%s[]", c > 0 ? ", " : "", c + 1, wire[type].sql);
        for (size_t row = 0; row < evtwin_table_rows(alerts); row++) {
            if (c == EVTWIN__A_CHANGE) {
                evtwin__pg_push_i64(&params, array, change + (int64_t)row);
            } else {
                evtwin__pg_push_cell(&params, array, alerts, c, row);
            }
        }
    }
    evtwin__text_put(&sql, ")" EVTWIN__ALERT_UPDATE);
    evtwin__text_add(&sql, "", 1);
    const evtwin_status st = sql.is_failed
                                 ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory for alerts")
                                 : evtwin__pg_query(pg, sql.data, &params, NULL);
    evtwin__pg_params_free(&params);
    evtwin__text_free(&sql);
    return st;
}

static evtwin_status forget(evtwin_store *store) {
    const double days = store->options.retention_days;
    evtwin__pg_params params = {.n = 0};
    if (days > 0.0) {
        evtwin__pg_add_time(&params, store->now() - (int64_t)(days * 86400e6));
    } else {
        evtwin__pg_add_null(&params, EVTWIN__PG_TIME);
    }
    const evtwin_status st =
        evtwin__pg_query(((postgres_store *)store)->pg, EVTWIN__ALERT_FORGET("$1"), &params, NULL);
    evtwin__pg_params_free(&params);
    return st;
}

static evtwin_status put_alerts(evtwin_store *store, const char *holder,
                                const evtwin_table *alerts) {
    evtwin__pg *pg = ((postgres_store *)store)->pg;
    int64_t change = 0;
    EVTWIN_TRY(next_changes(pg, holder, evtwin_table_rows(alerts), &change));
    EVTWIN_TRY(evtwin_table_rows(alerts) > 0 ? put_all(pg, alerts, change) : EVTWIN_OK);
    return forget(store);
}

evtwin_status evtwin__postgres_put_alerts(evtwin_store *store, const char *holder,
                                          const evtwin_table *alerts) {
    evtwin__pg *pg = ((postgres_store *)store)->pg;
    EVTWIN_TRY(evtwin__pg_begin(pg, ""));
    return evtwin__pg_end(pg, put_alerts(store, holder, alerts));
}

/* In a transaction. */
static evtwin_status acknowledge(evtwin__pg *pg, int64_t id, const char *by) {
    static const char note[] =
        "UPDATE ev_alert SET change = $1, acknowledged_at = clock_timestamp(),"
        " acknowledged_by = $2 WHERE id = $3 AND cleared_at IS NULL AND acknowledged_at IS NULL"
        " RETURNING 0::bigint";
    int64_t change = 0, is_cleared = -1;
    EVTWIN_TRY(next_changes(pg, NULL, 1, &change));
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_add_i64(&params, change);
    evtwin__pg_add_text(&params, by);
    evtwin__pg_add_i64(&params, id);
    evtwin_status st = evtwin__pg_query_i64(pg, note, &params, -1, &is_cleared);
    evtwin__pg_params_free(&params);
    if (st >= 0 && is_cleared < 0) { /* none, cleared, or acknowledged before */
        params.n = 0;
        evtwin__pg_add_i64(&params, id);
        st = evtwin__pg_query_i64(
            pg, "SELECT (cleared_at IS NOT NULL)::int::bigint FROM ev_alert WHERE id = $1", &params,
            -1, &is_cleared);
        evtwin__pg_params_free(&params);
    }
    EVTWIN_TRY(st);
    EVTWIN_FAIL_IF(is_cleared < 0, EVTWIN_E_NOT_FOUND, "there is no alert %lld", (long long)id);
    EVTWIN_FAIL_IF(is_cleared > 0, EVTWIN_E_STATE, "alert %lld is cleared already", (long long)id);
    return EVTWIN_OK;
}

evtwin_status evtwin__postgres_acknowledge_alert(evtwin_store *store, int64_t id, const char *by) {
    evtwin__pg *pg = ((postgres_store *)store)->pg;
    EVTWIN_TRY(evtwin__pg_begin(pg, ""));
    return evtwin__pg_end(pg, acknowledge(pg, id, by));
}

/* ---- reading ---- */

static evtwin_status read_table(const evtwin__pg_result *result, const evtwin__kept_column *column,
                                size_t n_columns, evtwin_table **out) {
    evtwin_table *table = NULL;
    evtwin_status st = evtwin__postgres_table_start(result, &table);
    for (size_t c = 0; c < n_columns && st >= 0; c++) {
        st = evtwin__postgres_add_column(table, result, c, column[c].name, column[c].type, "");
    }
    if (st < 0) {
        evtwin_table_free(table);
        return st;
    }
    *out = table;
    return EVTWIN_OK;
}

evtwin_status evtwin__postgres_alerts(evtwin_store *store, const evtwin__alert_query *query,
                                      evtwin_table **out) {
    evtwin__alert_sql sql;
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_result *result = NULL;
    evtwin__alert_select(query, '$', &sql);
    for (size_t i = 0; i < sql.n; i++) {
        switch (sql.param[i].type) {
        case EVTWIN_TEXT:
            evtwin__pg_add_text(&params, sql.param[i].string);
            break;
        case EVTWIN_TIME:
            evtwin__pg_add_time(&params, sql.param[i].number);
            break;
        default:
            evtwin__pg_add_i64(&params, sql.param[i].number);
            break;
        }
    }
    evtwin_status st = sql.text.is_failed ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory for alerts")
                                          : evtwin__pg_query(((postgres_store *)store)->pg,
                                                             sql.text.data, &params, &result);
    evtwin__pg_params_free(&params);
    evtwin__text_free(&sql.text);
    st = st < 0 ? st : read_table(result, evtwin__alert_columns, EVTWIN__A_COUNT, out);
    evtwin__pg_result_free(result);
    return st;
}

evtwin_status evtwin__postgres_alert_change(evtwin_store *store, int64_t *change_out) {
    return evtwin__pg_query_i64(((postgres_store *)store)->pg, "SELECT change FROM ev_alert_writer",
                                NULL, 0, change_out);
}

evtwin_status evtwin__postgres_alert_groups(evtwin_store *store, evtwin_table **out,
                                            int64_t *n_raised_out) {
    evtwin__pg *pg = ((postgres_store *)store)->pg;
    evtwin__pg_result *result = NULL;
    EVTWIN_TRY(evtwin__pg_query_i64(pg, "SELECT coalesce(max(id), 0) FROM ev_alert", NULL, 0,
                                    n_raised_out));
    evtwin_status st = evtwin__pg_query(pg, EVTWIN__ALERT_GROUPS, NULL, &result);
    st = st < 0 ? st : read_table(result, evtwin__alert_group_columns, EVTWIN__G_COUNT, out);
    evtwin__pg_result_free(result);
    return st;
}

/* Each bucket, from a to before z, is a range of an index. Seconds, since days of an interval obey
 * the time zone. */
#define WIDTH                                                                                      \
    "SELECT extract(epoch FROM $2::timestamptz - $1::timestamptz)::float8 / $3::float8 AS s"
#define FROM_BUCKETS                                                                               \
    " FROM (SELECT i, $1 + i::float8 * w.s * interval '1 second' AS a, CASE WHEN i + 1 = $3 THEN"  \
    " $2 ELSE $1 + (i + 1)::float8 * w.s * interval '1 second' END AS z"                           \
    " FROM generate_series(0, $3::bigint - 1) AS g (i), (" WIDTH ") AS w) AS b ORDER BY i"
#define COUNT(column, battery)                                                                     \
    "(SELECT count(*) FROM ev_alert WHERE " column " >= b.a AND " column " < b.z" battery ")"
#define COUNTS(battery)                                                                            \
    "SELECT " COUNT("raised_at", battery) ", " COUNT("cleared_at", battery) FROM_BUCKETS

evtwin_status evtwin__postgres_alert_counts(evtwin_store *store, const char *battery_id,
                                            int64_t from_us, int64_t to_us, size_t n_buckets,
                                            evtwin_table **out) {
    static const evtwin__kept_column columns[] = {{"raised", EVTWIN_I64}, {"cleared", EVTWIN_I64}};
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_result *result = NULL;
    evtwin__pg_add_time(&params, from_us);
    evtwin__pg_add_time(&params, to_us);
    evtwin__pg_add_i64(&params, (int64_t)n_buckets);
    if (battery_id != NULL) {
        evtwin__pg_add_text(&params, battery_id);
    }
    evtwin_status st = evtwin__pg_query(
        ((postgres_store *)store)->pg,
        battery_id != NULL ? COUNTS(" AND battery_id = $4::text") : COUNTS(""), &params, &result);
    evtwin__pg_params_free(&params);
    st = st < 0 ? st : read_table(result, columns, 2, out);
    evtwin__pg_result_free(result);
    return st;
}
