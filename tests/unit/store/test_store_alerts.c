/* SPDX-License-Identifier: MIT */
/* Alerts in the store: one writer, history, acknowledgements, counts. */

#include "store_kinds.h"

#include "store/alerts.h"
#include "store/backend.h"

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

static evtwin_store *store_open(const char *uri) {
    evtwin_store *store;
    assert_ok(evtwin_store_open(uri, NULL, &store));
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
        cmocka_unit_test(changes_come_in_order),
        cmocka_unit_test(the_first_acknowledgement_counts),
        cmocka_unit_test(raised_and_cleared_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
