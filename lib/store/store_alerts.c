/* SPDX-License-Identifier: MIT */
/* store/store_alerts.c: the calls of alerts: check, then ask the backend; and what the statements
 * of both backends have in common. */

#include "core/status.h"
#include "core/time.h"
#include "core/utf8.h"
#include "store/backend.h"
#include "store/sql_text.h"

#include <string.h>

enum { MAX_NAME = 100, MAX_BUCKETS = 5000 };

const evtwin__kept_column evtwin__alert_columns[EVTWIN__A_COUNT] = {
    [EVTWIN__A_ID] = {"id", EVTWIN_I64},
    [EVTWIN__A_CHANGE] = {"change", EVTWIN_I64},
    [EVTWIN__A_BATTERY_ID] = {"battery_id", EVTWIN_TEXT},
    [EVTWIN__A_RULE] = {"rule", EVTWIN_TEXT},
    [EVTWIN__A_QUANTITY] = {"quantity", EVTWIN_TEXT},
    [EVTWIN__A_OPERATOR] = {"operator", EVTWIN_TEXT},
    [EVTWIN__A_LIMIT] = {"limit", EVTWIN_F64},
    [EVTWIN__A_LEVEL] = {"level", EVTWIN_TEXT},
    [EVTWIN__A_RAISED_AT] = {"raised_at", EVTWIN_TIME},
    [EVTWIN__A_ACKNOWLEDGED_AT] = {"acknowledged_at", EVTWIN_TIME},
    [EVTWIN__A_ACKNOWLEDGED_BY] = {"acknowledged_by", EVTWIN_TEXT},
    [EVTWIN__A_CLEARED_AT] = {"cleared_at", EVTWIN_TIME},
    [EVTWIN__A_VALUE] = {"value", EVTWIN_F64},
    [EVTWIN__A_WORST] = {"worst", EVTWIN_F64},
    [EVTWIN__A_TEXT] = {"text", EVTWIN_TEXT},
    [EVTWIN__A_WEBHOOK] = {"webhook", EVTWIN_I64},
    [EVTWIN__A_MAIL] = {"mail", EVTWIN_I64},
};

const evtwin__kept_column evtwin__alert_group_columns[EVTWIN__G_COUNT] = {
    [EVTWIN__G_LEVEL] = {"level", EVTWIN_TEXT}, [EVTWIN__G_KIND] = {"kind", EVTWIN_TEXT},
    [EVTWIN__G_OPEN] = {"open", EVTWIN_I64},    [EVTWIN__G_WEBHOOK] = {"webhook", EVTWIN_I64},
    [EVTWIN__G_MAIL] = {"mail", EVTWIN_I64},
};

/* ---- statements ---- */

void evtwin__alert_names(evtwin__text *sql, const char *prefix) {
    for (size_t c = 0; c < EVTWIN__A_COUNT; c++) {
        evtwin__sql_say(sql, "%s%s\"%s\"", c > 0 ? ", " : "", prefix,
                        evtwin__alert_columns[c].name);
    }
}

/* A condition that ends with a parameter. */
static void add_condition(evtwin__alert_sql *sql, char mark, const char *condition,
                          evtwin_type type, const char *string, int64_t number) {
    sql->param[sql->n].type = type;
    sql->param[sql->n].string = string;
    sql->param[sql->n].number = number;
    sql->n++;
    evtwin__sql_say(&sql->text, "%s%c%zu", condition, mark, sql->n);
}

/* The same with a parameter that stands for several places: *number_out, 0 until it is there. */
static void add_again(evtwin__alert_sql *sql, char mark, const char *condition, evtwin_type type,
                      int64_t number, size_t *number_out) {
    if (*number_out == 0) {
        add_condition(sql, mark, condition, type, NULL, number);
        *number_out = sql->n;
    } else {
        evtwin__sql_say(&sql->text, "%s%c%zu", condition, mark, *number_out);
    }
}

/* By state: raised, acknowledged, cleared. */
static const char *const states[EVTWIN_ALERT_ANY + 1] = {
    " AND id < 0",
    " AND cleared_at IS NULL AND acknowledged_at IS NULL",
    " AND cleared_at IS NULL AND acknowledged_at IS NOT NULL",
    " AND cleared_at IS NULL",
    " AND cleared_at IS NOT NULL",
    " AND (cleared_at IS NOT NULL OR acknowledged_at IS NULL)",
    " AND (cleared_at IS NOT NULL OR acknowledged_at IS NOT NULL)",
    ""};

/* All where there is no limit. */
static int64_t row_limit(size_t limit) {
    const int64_t n = (int64_t)limit;
    return n >= 0 ? n : INT64_MAX;
}

/* Those that were raised in a time, or before it and are open or cleared later. All of the first
 * kind but the last ones that are wanted need no look, and the others are few: so each kind is
 * found by its index, a page of it at most, where one condition for all would visit the whole
 * table. */
static void add_times(evtwin__alert_sql *sql, char mark, const evtwin__alert_query *query) {
    const evtwin_alert_history_options *of = &query->of;
    static const char *const kinds[] = {" raised_at >= ", " cleared_at IS NULL AND raised_at < ",
                                        " cleared_at IS NOT NULL AND raised_at < "};
    size_t from = 0, to = 0, before = 0;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        evtwin__text_put(&sql->text, k == 0 ? " AND id IN (" : " UNION ALL");
        evtwin__text_put(&sql->text, " SELECT id FROM (SELECT id FROM ev_alert WHERE");
        add_again(sql, mark, kinds[k], EVTWIN_TIME, of->from_us, &from);
        if (k == 2) {
            add_again(sql, mark, " AND cleared_at >= ", EVTWIN_TIME, of->from_us, &from);
        }
        evtwin__text_put(&sql->text, states[of->states & EVTWIN_ALERT_ANY]);
        if (of->to_us < EVTWIN__TIME_LAST_US) {
            add_again(sql, mark, " AND raised_at <= ", EVTWIN_TIME, of->to_us, &to);
        }
        if (of->before_id < INT64_MAX) {
            add_again(sql, mark, " AND id < ", EVTWIN_I64, of->before_id, &before);
        }
        /* +id is not the id that a database would rather read all alerts in the order of; that of
         * open ones has an index of its own */
        evtwin__text_put(&sql->text, k == 1 ? " ORDER BY id DESC" : " ORDER BY +id DESC");
        evtwin__sql_say(&sql->text, " LIMIT %lld) AS k%zu", (long long)row_limit(of->limit), k);
    }
    evtwin__text_put(&sql->text, ")");
}

/* The same, where a look at all open alerts, or at all of one battery, is little. */
static void add_conditions(evtwin__alert_sql *sql, char mark,
                           const evtwin_alert_history_options *of) {
    evtwin__text_put(&sql->text, states[of->states & EVTWIN_ALERT_ANY]);
    if (of->battery_id != NULL) {
        add_condition(sql, mark, " AND battery_id = ", EVTWIN_TEXT, of->battery_id, 0);
    }
    if (of->from_us > EVTWIN__TIME_FIRST_US) {
        add_condition(sql, mark, " AND coalesce(cleared_at >= ", EVTWIN_TIME, NULL, of->from_us);
        evtwin__text_put(&sql->text, ", true)");
    }
    if (of->to_us < EVTWIN__TIME_LAST_US) {
        add_condition(sql, mark, " AND raised_at <= ", EVTWIN_TIME, NULL, of->to_us);
    }
    if (of->before_id < INT64_MAX) {
        add_condition(sql, mark, " AND id < ", EVTWIN_I64, NULL, of->before_id);
    }
    if (of->after_change >= 0) {
        add_condition(sql, mark, " AND change > ", EVTWIN_I64, NULL, of->after_change);
    }
}

void evtwin__alert_select(const evtwin__alert_query *query, char mark, evtwin__alert_sql *out) {
    const evtwin_alert_history_options *of = &query->of;
    *out = (evtwin__alert_sql){.n = 0};
    evtwin__text_put(&out->text, "SELECT ");
    evtwin__alert_names(&out->text, "");
    evtwin__text_put(&out->text, " FROM ev_alert WHERE true");
    if (query->is_due) {
        evtwin__text_put(&out->text, " AND (cleared_at IS NULL OR webhook < 2 OR mail < 2)");
    }
    const int has_cleared = (of->states & EVTWIN_ALERT_CLEARED) != 0;
    if (of->from_us > EVTWIN__TIME_FIRST_US && of->battery_id == NULL && of->after_change < 0 &&
        has_cleared) {
        add_times(out, mark, query);
    } else {
        add_conditions(out, mark, of);
    }
    add_condition(out, mark,
                  of->after_change >= 0 ? " ORDER BY change, id LIMIT "
                                        : " ORDER BY id DESC LIMIT ",
                  EVTWIN_I64, NULL, row_limit(of->limit));
    evtwin__text_add(&out->text, "", 1);
}

evtwin_status evtwin__alert_table_create(evtwin_table **out) {
    evtwin_table *table = NULL;
    EVTWIN_TRY(evtwin_table_create(&table));
    for (size_t c = 0; c < EVTWIN__A_COUNT; c++) {
        const evtwin_status st = evtwin_table_add_column(table, evtwin__alert_columns[c].name,
                                                         evtwin__alert_columns[c].type, "", NULL);
        if (st < 0) {
            evtwin_table_free(table);
            return st;
        }
    }
    *out = table;
    return EVTWIN_OK;
}

/* ---- the calls ---- */

static evtwin_status check(evtwin_store *store, const void *argument, int writes) {
    EVTWIN_FAIL_IF(store == NULL || argument == NULL, EVTWIN_E_ARG, "store or an argument is NULL");
    EVTWIN_FAIL_IF(writes && store->options.read_only, EVTWIN_E_STATE,
                   "the store was opened for reading only");
    return store->backend->refresh(store, 0);
}

static const evtwin_alert_history_options all = {.size = sizeof all,
                                                 .states = EVTWIN_ALERT_ANY,
                                                 .from_us = INT64_MIN,
                                                 .to_us = INT64_MAX,
                                                 .limit = 1000,
                                                 .before_id = INT64_MAX,
                                                 .after_change = -1};

evtwin_status evtwin_alert_history_options_init(evtwin_alert_history_options *options,
                                                size_t size) {
    return evtwin__options_init(options, size, &all, sizeof all);
}

/* The backend's tables may have no rows: that is EVTWIN_DONE here. */
static evtwin_status read(evtwin_store *store, const evtwin__alert_query *query,
                          evtwin_table **out) {
    evtwin_table *table = NULL;
    EVTWIN_TRY(store->backend->alerts(store, query, &table));
    if (evtwin_table_rows(table) == 0) {
        evtwin_table_free(table);
        table = NULL;
    }
    *out = table;
    return table != NULL ? EVTWIN_OK : EVTWIN_DONE;
}

evtwin_status evtwin_store_alerts(evtwin_store *store, const evtwin_alert_history_options *options,
                                  evtwin_table **out) {
    evtwin__alert_query query = {.of = all};
    EVTWIN_TRY(evtwin__options_merge(&query.of, sizeof query.of, options,
                                     "evtwin_alert_history_options_init"));
    EVTWIN_TRY(check(store, out, 0));
    EVTWIN_FAIL_IF(query.of.limit == 0 || (query.of.states & ~EVTWIN_ALERT_ANY) != 0, EVTWIN_E_ARG,
                   "the limit is 0, or states %d is not a sum of EVTWIN_ALERT_…", query.of.states);
    return read(store, &query, out);
}

evtwin_status evtwin__store_due_alerts(evtwin_store *store, evtwin_table **out) {
    evtwin__alert_query query = {.of = all, .is_due = 1};
    query.of.limit = SIZE_MAX;
    EVTWIN_TRY(check(store, out, 0));
    return read(store, &query, out);
}

evtwin_status evtwin_store_alert_counts(evtwin_store *store, const char *battery_id,
                                        int64_t from_us, int64_t to_us, size_t n_buckets,
                                        evtwin_table **out) {
    EVTWIN_TRY(check(store, out, 0));
    EVTWIN_FAIL_IF(from_us < EVTWIN__TIME_FIRST_US || to_us > EVTWIN__TIME_LAST_US ||
                       from_us >= to_us || n_buckets < 1 || n_buckets > MAX_BUCKETS,
                   EVTWIN_E_ARG, "%zu buckets (1 to %d) of a time that has to have two ends",
                   n_buckets, MAX_BUCKETS);
    return store->backend->alert_counts(store, battery_id, from_us, to_us, n_buckets, out);
}

evtwin_status evtwin__store_alert_groups(evtwin_store *store, evtwin_table **out,
                                         int64_t *n_raised_out) {
    EVTWIN_TRY(check(store, out, 0));
    return store->backend->alert_groups(store, out, n_raised_out);
}

evtwin_status evtwin__store_alert_change(evtwin_store *store, int64_t *out) {
    EVTWIN_TRY(check(store, out, 0));
    return store->backend->alert_change(store, out);
}

evtwin_status evtwin_store_acknowledge_alert(evtwin_store *store, int64_t id, const char *by) {
    EVTWIN_TRY(check(store, by, 1));
    const size_t length = strlen(by);
    EVTWIN_FAIL_IF(
        length < 1 || length > MAX_NAME || !evtwin__utf8_is_valid(by, length), EVTWIN_E_ARG,
        "the name of who acknowledges an alert must have 1 to %d bytes of UTF-8", MAX_NAME);
    return store->backend->acknowledge_alert(store, id, by);
}

evtwin_status evtwin__store_alert_lease(evtwin_store *store, const char *holder, double seconds) {
    EVTWIN_TRY(check(store, holder, 1));
    return store->backend->alert_lease(store, holder, seconds);
}

evtwin_status evtwin__store_put_alerts(evtwin_store *store, const char *holder,
                                       const evtwin_table *alerts) {
    EVTWIN_TRY(check(store, alerts, 1));
    return store->backend->put_alerts(store, holder, alerts);
}
