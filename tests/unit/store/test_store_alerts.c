/* SPDX-License-Identifier: MIT */
/* Alerts in the store: one writer, history, acknowledgements, counts. */

#include "store_kinds.h"

#include "store/alerts.h"
#include "store/backend.h"

#ifdef HAVE_SQLITE
#include <sqlite3.h>
#endif

static const int64_t start_us = INT64_C(1767225600000000); /* 2026-01-01 */
static const int64_t s_us = 1000000;

static int64_t column_i64(const evtwin_table *table, evtwin__alert_column col, size_t row) {
    return evtwin_table_i64(table, col)[row];
}

/* An alert raised so many seconds after the start; cleared_s < 0: it is open. */
static void add_alert(evtwin_table *t, int64_t id, const char *battery, const char *rule,
                      int64_t raised_s, int64_t cleared_s, int64_t webhook) {
    const size_t row = evtwin_table_rows(t);
    assert_ok(evtwin_table_resize(t, row + 1));
    assert_ok(evtwin_table_set_i64(t, EVTWIN__A_ID, row, id));
    assert_ok(evtwin_table_set_text(t, EVTWIN__A_BATTERY_ID, row, battery));
    assert_ok(evtwin_table_set_text(t, EVTWIN__A_RULE, row, rule));
    assert_ok(evtwin_table_set_text(t, EVTWIN__A_LEVEL, row, "WARNING"));
    assert_ok(evtwin_table_set_text(t, EVTWIN__A_TEXT, row, "soc 14 < 15"));
    assert_ok(evtwin_table_set_i64(t, EVTWIN__A_RAISED_AT, row, start_us + raised_s * s_us));
    if (cleared_s >= 0) {
        assert_ok(evtwin_table_set_i64(t, EVTWIN__A_CLEARED_AT, row, start_us + cleared_s * s_us));
    }
    if (webhook >= 0) {
        assert_ok(evtwin_table_set_i64(t, EVTWIN__A_WEBHOOK, row, webhook));
    }
}

static void put_one(evtwin_store *store, const char *holder, int64_t id, const char *battery,
                    const char *rule, int64_t raised_s, int64_t cleared_s, int64_t webhook) {
    evtwin_table *t;
    assert_ok(evtwin__alert_table_create(&t));
    add_alert(t, id, battery, rule, raised_s, cleared_s, webhook);
    assert_ok(evtwin__store_put_alerts(store, holder, t));
    evtwin_table_free(t);
}

static size_t count_of(evtwin_store *store, int states, int64_t from_us) {
    evtwin_alert_history_options o;
    assert_ok(evtwin_alert_history_options_init(&o, sizeof o));
    o.states = states;
    o.from_us = from_us;
    evtwin_table *t;
    assert_ok(evtwin_store_alerts(store, &o, &t));
    const size_t n = evtwin_table_rows(t);
    evtwin_table_free(t);
    return n;
}

static int64_t now_us;

static int64_t turned_now(void) {
    return now_us;
}

static evtwin_store *store_open(const char *uri) {
    evtwin_store *store;
    assert_ok(evtwin_store_open(uri, NULL, &store));
    now_us = start_us + 1000 * s_us;
    store->now = turned_now;
    return store;
}

/* ---- one writer ---- */

static int64_t turned_us;

static int64_t turned_uptime(char boot[EVTWIN__BOOT_SIZE]) {
    snprintf(boot, EVTWIN__BOOT_SIZE, "one");
    return turned_us;
}

static void one_holder_writes(void **state) {
    (void)state;
    char uri[512];
    snprintf(uri, sizeof uri, "%s", fresh_uri("alerts.db"));
    evtwin_store *a = store_open(uri), *b = store_open(uri);
    evtwin_table *t;
    assert_ok(evtwin__alert_table_create(&t));
    add_alert(t, 1, "B1", "silent", 0, -1, 0);

    assert_fails(evtwin__store_put_alerts(a, "a", t), EVTWIN_E_BUSY, "alerts");
    assert_ok(evtwin__store_alert_lease(a, "a", 60.0));
    assert_ok(evtwin__store_alert_lease(a, "a", 60.0));
    assert_fails(evtwin__store_alert_lease(b, "b", 60.0), EVTWIN_E_BUSY, "alerts");
    assert_fails(evtwin__store_put_alerts(b, "b", t), EVTWIN_E_BUSY, "alerts");
    assert_ok(evtwin__store_put_alerts(a, "a", t));

    /* given back: the other one has it, and the first one cannot write any more */
    assert_ok(evtwin__store_alert_lease(a, "a", 0.0));
    assert_ok(evtwin__store_alert_lease(b, "b", 60.0));
    assert_fails(evtwin__store_put_alerts(a, "a", t), EVTWIN_E_BUSY, "alerts");
    assert_fails(evtwin__store_alert_lease(a, "a", 60.0), EVTWIN_E_BUSY, "alerts");
    evtwin_table_free(t);
    evtwin_store_free(a);
    evtwin_store_free(b);
}

/* A holder that is not heard of loses it when its time is over: by the store's clock. */
static void a_dead_holder_is_followed(void **state) {
    (void)state;
    char uri[512];
    snprintf(uri, sizeof uri, "%s", fresh_uri("alerts.db"));
    evtwin_store *a = store_open(uri), *b = store_open(uri);
    a->uptime = b->uptime = turned_uptime;
    turned_us = 1000 * s_us;
    assert_ok(evtwin__store_alert_lease(a, "a", on_postgres() ? 0.2 : 10.0));
    assert_fails(evtwin__store_alert_lease(b, "b", 10.0), EVTWIN_E_BUSY, "alerts");
    evtwin_store_free(a);
    turned_us += 9 * s_us;
    if (!on_postgres()) {
        assert_fails(evtwin__store_alert_lease(b, "b", 10.0), EVTWIN_E_BUSY, "alerts");
    }
    turned_us += 2 * s_us;
    evtwin_status st = EVTWIN_E_BUSY;
    for (int i = 0; i < 300 && st == EVTWIN_E_BUSY; i++) { /* PostgreSQL has its own clock */
        st = evtwin__store_alert_lease(b, "b", 10.0);
        if (st == EVTWIN_E_BUSY) {
            usleep(100000);
        }
    }
    assert_ok(st);
    evtwin_store_free(b);
}

/* ---- history ---- */

static void history_is_kept_and_paged(void **state) {
    (void)state;
    char uri[512];
    snprintf(uri, sizeof uri, "%s", fresh_uri("alerts.db"));
    evtwin_store *store = store_open(uri);
    evtwin_table *t;
    assert_int_equal(evtwin_store_alerts(store, NULL, &t), EVTWIN_DONE);
    assert_null(t);
    assert_ok(evtwin__store_alert_lease(store, "a", 60.0));
    put_one(store, "a", 1, "B1", "soc < 15 CRITICAL", 0, 100, 2);
    put_one(store, "a", 2, "B2", "silent", 10, -1, 1);
    put_one(store, "a", 3, "B1", "silent", 20, -1, 0);
    put_one(store, "a", 4, "B1", "soc < 15 CRITICAL", 200, 300, 1);

    assert_ok(evtwin_store_alerts(store, NULL, &t));
    assert_int_equal(evtwin_table_rows(t), 4);
    assert_int_equal(column_i64(t, EVTWIN__A_ID, 0), 4);
    assert_int_equal(column_i64(t, EVTWIN__A_RAISED_AT, 0), start_us + 200 * s_us);
    assert_int_equal(column_i64(t, EVTWIN__A_CLEARED_AT, 0), start_us + 300 * s_us);
    assert_string_equal(evtwin_table_text(t, EVTWIN__A_RULE, 3), "soc < 15 CRITICAL");
    assert_false(evtwin_table_is_valid(t, EVTWIN__A_MAIL, 0));
    evtwin_table_free(t);

    assert_int_equal(count_of(store, EVTWIN_ALERT_RAISED, INT64_MIN), 2);
    assert_int_equal(count_of(store, EVTWIN_ALERT_CLEARED, INT64_MIN), 2);
    assert_int_equal(count_of(store, EVTWIN_ALERT_RAISED | EVTWIN_ALERT_CLEARED, INT64_MIN), 4);
    assert_int_equal(count_of(store, EVTWIN_ALERT_ACKNOWLEDGED, INT64_MIN), 0);
    assert_int_equal(count_of(store, EVTWIN_ALERT_ANY, start_us + 150 * s_us), 3);

    evtwin_alert_history_options o;
    assert_ok(evtwin_alert_history_options_init(&o, sizeof o));
    o.from_us = start_us + 15 * s_us;
    o.to_us = start_us + 20 * s_us;
    assert_ok(evtwin_store_alerts(store, &o, &t));
    assert_int_equal(evtwin_table_rows(t), 3); /* 1 to 3: 4 was raised later */
    evtwin_table_free(t);
    assert_ok(evtwin_alert_history_options_init(&o, sizeof o));
    o.battery_id = "B1";
    o.limit = 2;
    assert_ok(evtwin_store_alerts(store, &o, &t));
    assert_int_equal(column_i64(t, EVTWIN__A_ID, 1), 3);
    evtwin_table_free(t);
    o.before_id = 3;
    assert_ok(evtwin_store_alerts(store, &o, &t));
    assert_int_equal(evtwin_table_rows(t), 1);
    assert_int_equal(column_i64(t, EVTWIN__A_ID, 0), 1);
    evtwin_table_free(t);

    /* what is open or not delivered: not 1 */
    assert_ok(evtwin__store_due_alerts(store, &t));
    assert_int_equal(evtwin_table_rows(t), 3);
    evtwin_table_free(t);
    evtwin_store_free(store);
}

static void changes_come_in_order(void **state) {
    (void)state;
    char uri[512];
    snprintf(uri, sizeof uri, "%s", fresh_uri("alerts.db"));
    evtwin_store *store = store_open(uri);
    assert_ok(evtwin__store_alert_lease(store, "a", 60.0));
    put_one(store, "a", 1, "B1", "silent", 0, -1, 0);
    put_one(store, "a", 2, "B2", "silent", 0, -1, 0);
    put_one(store, "a", 1, "B1", "silent", 0, 50, 0);
    evtwin_alert_history_options o;
    assert_ok(evtwin_alert_history_options_init(&o, sizeof o));
    o.after_change = 0;
    evtwin_table *t;
    assert_ok(evtwin_store_alerts(store, &o, &t));
    assert_int_equal(column_i64(t, EVTWIN__A_ID, 0), 2);
    assert_int_equal(column_i64(t, EVTWIN__A_ID, 1), 1);
    o.after_change = column_i64(t, EVTWIN__A_CHANGE, 1);
    evtwin_table_free(t);
    assert_int_equal(evtwin_store_alerts(store, &o, &t), EVTWIN_DONE);
    assert_ok(evtwin_store_acknowledge_alert(store, 2, "Ada"));
    assert_ok(evtwin_store_alerts(store, &o, &t));
    assert_int_equal(column_i64(t, EVTWIN__A_ID, 0), 2);
    evtwin_table_free(t);
    evtwin_store_free(store);
}

/* Each combination of filters gives what a look at every row would. */
static void every_filter_finds_its_own(void **state) {
    (void)state;
    char uri[512];
    snprintf(uri, sizeof uri, "%s", fresh_uri("alerts.db"));
    evtwin_store *store = store_open(uri);
    enum { N = 200 };
    static int64_t raised[N], cleared[N];
    evtwin_table *t;
    assert_ok(evtwin__store_alert_lease(store, "a", 600.0));
    assert_ok(evtwin__alert_table_create(&t));
    for (int i = 0; i < N; i++) { /* the clock goes back now and then */
        raised[i] = (i * 37) % 150;
        cleared[i] = i % 5 == 0 ? -1 : raised[i] + (i * 53) % 200;
        char battery[16];
        snprintf(battery, sizeof battery, "B%d", i);
        add_alert(t, i + 1, battery, "silent", raised[i], cleared[i], 2);
    }
    assert_ok(evtwin__store_put_alerts(store, "a", t));
    evtwin_table_free(t);

    static const int states[] = {EVTWIN_ALERT_ANY, EVTWIN_ALERT_RAISED, EVTWIN_ALERT_CLEARED};
    static const int64_t ends[][2] = {{0, 1000}, {60, 1000}, {60, 100}, {149, 1000}, {300, 1000}};
    static const int64_t before[] = {INT64_MAX, 150, 40};
    for (size_t k = 0; k < 3 * 5 * 3; k++) {
        const int is_cleared = states[k % 3] == EVTWIN_ALERT_CLEARED;
        const int64_t from = ends[k / 3 % 5][0], to = ends[k / 3 % 5][1];
        evtwin_alert_history_options o;
        assert_ok(evtwin_alert_history_options_init(&o, sizeof o));
        o.states = states[k % 3];
        o.from_us = start_us + from * s_us;
        o.to_us = start_us + to * s_us;
        o.before_id = before[k / 15];
        o.limit = 25;
        assert_true(evtwin_store_alerts(store, &o, &t) >= 0);
        size_t row = 0;
        for (int i = N - 1; i >= 0 && row < o.limit; i--) {
            const int is_in = raised[i] <= to && (cleared[i] < 0 || cleared[i] >= from) &&
                              i + 1 < o.before_id &&
                              (k % 3 == 0 || is_cleared == (cleared[i] >= 0));
            if (is_in) {
                assert_true(row < evtwin_table_rows(t));
                assert_int_equal(column_i64(t, EVTWIN__A_ID, row++), i + 1);
            }
        }
        assert_int_equal(row, evtwin_table_rows(t));
        evtwin_table_free(t);
    }
    evtwin_store_free(store);
}

/* ---- how much is kept, and at what cost it is found ---- */

static void past_ones_are_forgotten(void **state) {
    (void)state;
    char uri[512];
    snprintf(uri, sizeof uri, "%s", fresh_uri("alerts.db"));
    evtwin_store *store = store_open(uri);
    const int64_t day_us = 86400 * s_us;
    evtwin_table *t;
    assert_ok(evtwin__store_alert_lease(store, "a", 600.0));
    put_one(store, "a", 1, "B1", "silent", 0, 100, 2);
    put_one(store, "a", 2, "B2", "silent", 0, -1, 1);
    put_one(store, "a", 3, "B3", "silent", 0, 86400, 2);
    put_one(store, "a", 4, "B4", "silent", 0, 100, 2);
    assert_ok(evtwin__alert_table_create(&t));
    now_us = start_us + 30 * day_us;
    assert_ok(evtwin__store_put_alerts(store, "a", t));
    assert_int_equal(count_of(store, EVTWIN_ALERT_ANY, INT64_MIN), 4);

    /* 1 is older than the 30 days of the store; 2 is open; 4 is the last one: no id comes twice */
    now_us = start_us + 30 * day_us + 200 * s_us;
    assert_ok(evtwin__store_put_alerts(store, "a", t));
    assert_int_equal(count_of(store, EVTWIN_ALERT_ANY, INT64_MIN), 3);
    now_us += 365 * day_us;
    assert_ok(evtwin__store_put_alerts(store, "a", t));
    assert_int_equal(count_of(store, EVTWIN_ALERT_ANY, INT64_MIN), 2);
    assert_int_equal(count_of(store, EVTWIN_ALERT_RAISED, INT64_MIN), 1);
    put_one(store, "a", 5, "B5", "silent", 400 * 86400, -1, 1);
    assert_int_equal(count_of(store, EVTWIN_ALERT_CLEARED, INT64_MIN), 0);
    evtwin_store_free(store);

    /* a store that keeps all rows keeps all alerts */
    evtwin_store_options o;
    assert_ok(evtwin_store_options_init(&o, sizeof o));
    o.retention_days = 0.0;
    assert_ok(evtwin_store_open(uri, &o, &store));
    put_one(store, "a", 6, "B6", "silent", 0, 100, 2);
    put_one(store, "a", 7, "B7", "silent", 0, -1, 1);
    assert_int_equal(count_of(store, EVTWIN_ALERT_CLEARED, INT64_MIN), 1);
    evtwin_table_free(t);
    evtwin_store_free(store);
}

static void they_are_summed_up(void **state) {
    (void)state;
    char uri[512];
    snprintf(uri, sizeof uri, "%s", fresh_uri("alerts.db"));
    evtwin_store *store = store_open(uri);
    evtwin_table *t;
    int64_t n = -1;
    assert_ok(evtwin__store_alert_groups(store, &t, &n));
    assert_int_equal(n, 0);
    assert_int_equal(evtwin_table_rows(t), 0);
    evtwin_table_free(t);
    assert_ok(evtwin__store_alert_lease(store, "a", 60.0));
    put_one(store, "a", 1, "B1", "silent", 0, -1, 0);
    put_one(store, "a", 2, "B2", "silent", 0, -1, 1);
    put_one(store, "a", 3, "B3", "silent", 0, 10, 1);
    put_one(store, "a", 4, "B4", "silent", 0, 10, 2);
    assert_ok(evtwin__store_alert_groups(store, &t, &n));
    assert_int_equal(n, 4);
    assert_int_equal(evtwin_table_rows(t), 1);
    assert_string_equal(evtwin_table_text(t, EVTWIN__G_KIND, 0), "silent");
    assert_int_equal(evtwin_table_i64(t, EVTWIN__G_OPEN)[0], 2);
    assert_int_equal(evtwin_table_i64(t, EVTWIN__G_WEBHOOK)[0], 2);
    assert_int_equal(evtwin_table_i64(t, EVTWIN__G_MAIL)[0], 0);
    evtwin_table_free(t);
    assert_ok(evtwin__store_alert_change(store, &n));
    assert_int_equal(n, 4);
    evtwin_store_free(store);
}

#ifdef HAVE_SQLITE
/* No question that a page, a metric or a takeover asks visits all alerts. */
static void nothing_scans_all(void **state) {
    (void)state;
    if (on_postgres()) {
        skip();
    }
    const char *path = temp_path("plans.db");
    char uri[512], sql[4096], plan[4096];
    snprintf(uri, sizeof uri, "sqlite:%s", path);
    evtwin_store_free(store_open(uri));
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    for (int k = 0; k < 9; k++) {
        evtwin__alert_query q = {.of.limit = 100, .of.states = EVTWIN_ALERT_ANY};
        evtwin__alert_sql text = {.n = 0};
        q.of.from_us = k == 1 || k == 2 ? start_us : INT64_MIN;
        q.of.to_us = k == 2 ? start_us + s_us : INT64_MAX;
        q.of.before_id = k == 2 || k == 3 ? 1000 : INT64_MAX;
        q.of.battery_id = k == 3 ? "B1" : NULL;
        q.of.after_change = k == 4 ? 7 : -1;
        q.of.states = k == 2 ? EVTWIN_ALERT_CLEARED : k == 5 ? EVTWIN_ALERT_RAISED : q.of.states;
        q.is_due = k == 6;
        evtwin__alert_select(&q, '?', &text);
        snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s",
                 k == 7   ? EVTWIN__ALERT_GROUPS
                 : k == 8 ? EVTWIN__ALERT_FORGET("?1")
                          : text.text.data);
        evtwin__text_free(&text.text);
        sqlite3_stmt *stmt;
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
        plan[0] = '\0';
        while (sqlite3_step(stmt) == SQLITE_ROW) {
            const size_t n = strlen(plan);
            snprintf(plan + n, sizeof plan - n, "%s\n", (const char *)sqlite3_column_text(stmt, 3));
        }
        sqlite3_finalize(stmt);
        print_message("%d:\n%s", k, plan);
        /* newest first without a filter ends at the limit; what is due has an index of its own */
        for (const char *at = plan; (at = strstr(at, "SCAN ev_alert")) != NULL; at++) {
            assert_true(k == 0 || strncmp(at, "SCAN ev_alert USING INDEX ev_alert_due", 38) == 0 ||
                        strncmp(at, "SCAN ev_alert USING COVERING INDEX ev_alert_due", 47) == 0);
        }
        assert_null(strstr(k == 0 || k == 5 || k == 6 ? plan : "", "TEMP B-TREE"));
        assert_null(strstr(plan, "ev_alert_raised (raised_at<"));
    }
    sqlite3_close(db);
}
#endif

/* ---- acknowledging ---- */

static void the_first_acknowledgement_counts(void **state) {
    (void)state;
    char uri[512];
    snprintf(uri, sizeof uri, "%s", fresh_uri("alerts.db"));
    evtwin_store *store = store_open(uri), *other = store_open(uri);
    assert_ok(evtwin__store_alert_lease(store, "a", 60.0));
    put_one(store, "a", 1, "B1", "silent", 0, -1, 0);
    put_one(store, "a", 2, "B2", "silent", 0, 10, 0);
    assert_ok(evtwin_store_acknowledge_alert(other, 1, "Ada"));
    assert_ok(evtwin_store_acknowledge_alert(other, 1, "Bob"));
    assert_fails(evtwin_store_acknowledge_alert(other, 2, "Ada"), EVTWIN_E_STATE, "2");
    assert_fails(evtwin_store_acknowledge_alert(other, 3, "Ada"), EVTWIN_E_NOT_FOUND, "3");
    assert_fails(evtwin_store_acknowledge_alert(other, 1, ""), EVTWIN_E_ARG, "100");
    assert_fails(evtwin_store_acknowledge_alert(other, 1, "\xff"), EVTWIN_E_ARG, "UTF-8");

    /* the writer does not undo it: it writes what it knows */
    put_one(store, "a", 1, "B1", "silent", 0, 20, 2);
    evtwin_table *t;
    assert_ok(evtwin_store_alerts(store, NULL, &t));
    assert_string_equal(evtwin_table_text(t, EVTWIN__A_ACKNOWLEDGED_BY, 1), "Ada");
    assert_true(evtwin_table_is_valid(t, EVTWIN__A_ACKNOWLEDGED_AT, 1));
    assert_true(evtwin_table_is_valid(t, EVTWIN__A_CLEARED_AT, 1));
    evtwin_table_free(t);
    evtwin_store_free(other);
    evtwin_store_free(store);
}

/* ---- counts ---- */

static void raised_and_cleared_are_counted(void **state) {
    (void)state;
    char uri[512];
    snprintf(uri, sizeof uri, "%s", fresh_uri("alerts.db"));
    evtwin_store *store = store_open(uri);
    assert_ok(evtwin__store_alert_lease(store, "a", 60.0));
    put_one(store, "a", 1, "B1", "silent", 0, 35, 0);
    put_one(store, "a", 2, "B2", "silent", 15, -1, 0);
    put_one(store, "a", 3, "B3", "silent", 19, 39, 0);
    put_one(store, "a", 4, "B4", "silent", 40, -1, 0); /* beyond the window */
    evtwin_table *t;
    assert_ok(evtwin_store_alert_counts(store, NULL, start_us, start_us + 40 * s_us, 4, &t));
    const int64_t raised[] = {1, 2, 0, 0}, cleared[] = {0, 0, 0, 2};
    assert_int_equal(evtwin_table_rows(t), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(evtwin_table_i64(t, 0)[i], raised[i]);
        assert_int_equal(evtwin_table_i64(t, 1)[i], cleared[i]);
    }
    evtwin_table_free(t);
    assert_ok(evtwin_store_alert_counts(store, "B2", start_us, start_us + 40 * s_us, 1, &t));
    assert_int_equal(evtwin_table_i64(t, 0)[0], 1);
    assert_int_equal(evtwin_table_i64(t, 1)[0], 0);
    evtwin_table_free(t);
    assert_fails(evtwin_store_alert_counts(store, NULL, start_us, start_us, 4, &t), EVTWIN_E_ARG,
                 "buckets");
    evtwin_store_free(store);
}

int main(void) {
    if (!has_kind_of_store()) {
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_holder_writes),
        cmocka_unit_test(a_dead_holder_is_followed),
        cmocka_unit_test(history_is_kept_and_paged),
        cmocka_unit_test(every_filter_finds_its_own),
        cmocka_unit_test(past_ones_are_forgotten),
        cmocka_unit_test(they_are_summed_up),
#ifdef HAVE_SQLITE
        cmocka_unit_test(nothing_scans_all),
#endif
        cmocka_unit_test(changes_come_in_order),
        cmocka_unit_test(the_first_acknowledgement_counts),
        cmocka_unit_test(raised_and_cleared_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
