/* SPDX-License-Identifier: MIT */
/* The watch over a store: two of them at once, restarts, acknowledgements, events of the live
 * stream. */

#include "store/store_kinds.h"

#include "serve/alert_feed.h"
#include "store/alerts.h"

static char uri[400];

/* A battery whose one record came a second ago is silent half a second after it came. */
static void store_with_silent(int n) {
    evtwin_store *store;
    evtwin_table *t;
    snprintf(uri, sizeof uri, "%s", fresh_uri("watched.db"));
    assert_ok(evtwin_store_open(uri, NULL, &store));
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_add_column(t, "battery_id", EVTWIN_TEXT, "", NULL));
    assert_ok(evtwin_table_add_column(t, "time", EVTWIN_TIME, "", NULL));
    assert_ok(evtwin_table_add_column(t, "soc", EVTWIN_F64, "percent", NULL));
    assert_ok(evtwin_table_resize(t, (size_t)n));
    for (int i = 0; i < n; i++) {
        char id[16];
        snprintf(id, sizeof id, "B%d", i);
        assert_ok(evtwin_table_set_text(t, 0, (size_t)i, id));
        assert_ok(evtwin_table_set_i64(t, 1, (size_t)i, evtwin_time_now()));
        assert_ok(evtwin_table_set_f64(t, 2, (size_t)i, 50.0));
    }
    assert_ok(evtwin_store_insert(store, t, NULL, 0));
    evtwin_table_free(t);
    evtwin_store_free(store);
}

static evtwin_alerts *watch(void) {
    evtwin_alerts_options o;
    evtwin_alerts *alerts;
    assert_ok(evtwin_alerts_options_init(&o, sizeof o));
    o.store = uri;
    o.silent_after_s = 0.01;
    o.predictions_stopped_after_s = 100000.0;
    assert_ok(evtwin_alerts_start(&o, &alerts));
    return alerts;
}

/* Wait until the store has n alerts, or more. */
static void wait_for(evtwin_store *store, size_t n) {
    for (int i = 0; i < 3000; i++) {
        evtwin_table *t;
        const evtwin_status st = evtwin_store_alerts(store, NULL, &t);
        const size_t has = evtwin_table_rows(t);
        evtwin_table_free(t);
        assert_ok(st);
        if (has >= n) {
            assert_int_equal(has, n);
            return;
        }
        usleep(10000);
    }
    fail_msg("no %zu alerts within 30 s", n);
}

static void two_watch_and_one_works(void **state) {
    (void)state;
    evtwin_store *store;
    store_with_silent(3);
    assert_ok(evtwin_store_open(uri, NULL, &store));
    evtwin_alerts *a = watch(), *b = watch();
    wait_for(store, 3);

    /* one after the other ends: the lease is given back, nothing is raised anew */
    evtwin_alerts_free(a);
    evtwin_alerts_free(b);
    wait_for(store, 3);
    a = watch();
    evtwin_table *t;
    assert_ok(evtwin_store_alerts(store, NULL, &t));
    const int64_t id = evtwin_table_i64(t, EVTWIN__A_ID)[0];
    evtwin_table_free(t);
    assert_ok(evtwin_alerts_acknowledge(a, id, "Ada"));
    assert_fails(evtwin_alerts_acknowledge(a, 77, "Ada"), EVTWIN_E_NOT_FOUND, "77");
    evtwin_alerts_free(a);
    wait_for(store, 3);
    evtwin_store_free(store);
}

static void changes_are_events(void **state) {
    (void)state;
    evtwin_store *store;
    evtwin_table *t;
    evtwin__ring *ring;
    evtwin__ring_reader *reader;
    evtwin__alert_feed feed = {.is_known = 0};
    char text[4096];
    store_with_silent(0);
    assert_ok(evtwin_store_open(uri, NULL, &store));
    assert_ok(evtwin__store_alert_lease(store, "a", 60.0));
    assert_ok(evtwin__alert_table_create(&t));
    assert_ok(evtwin_table_resize(t, 2));
    for (size_t i = 0; i < 2; i++) {
        assert_ok(evtwin_table_set_i64(t, EVTWIN__A_ID, i, (int64_t)i + 1));
        assert_ok(evtwin_table_set_text(t, EVTWIN__A_BATTERY_ID, i, i == 0 ? "B1" : "B2"));
        assert_ok(evtwin_table_set_text(t, EVTWIN__A_RULE, i, "silent"));
        assert_ok(evtwin_table_set_text(t, EVTWIN__A_LEVEL, i, "WARNING"));
        assert_ok(evtwin_table_set_text(t, EVTWIN__A_TEXT, i, "no data for 20 s"));
        assert_ok(evtwin_table_set_i64(t, EVTWIN__A_RAISED_AT, i, 0));
    }
    assert_ok(evtwin__store_put_alerts(store, "a", t));

    assert_ok(evtwin__ring_create(65536, 100, &ring));
    evtwin__ring_identity(ring, "one", 0);
    evtwin__ring_put(ring, "summary", 0, NULL, "{}", 2); /* what readers wait for */
    assert_ok(evtwin__ring_join(ring, "B2", NULL, NULL, NULL, &reader));
    (void)evtwin__ring_read(reader, text, sizeof text);
    assert_ok(evtwin__alert_feed_step(&feed, store, ring)); /* those from before are no news */
    assert_ok(evtwin_store_acknowledge_alert(store, 1, "Ada"));
    assert_ok(evtwin_store_acknowledge_alert(store, 2, "Bob"));
    assert_ok(evtwin__alert_feed_step(&feed, store, ring));
    const ptrdiff_t n = evtwin__ring_read(reader, text, sizeof text - 1);
    assert_true(n > 0);
    text[n] = '\0';
    assert_true(text_names(text, "event: alert|\"id\":2|acknowledged|Bob"));
    assert_null(strstr(text, "Ada"));
    assert_ok(evtwin__alert_feed_step(&feed, store, ring));
    assert_int_equal(evtwin__ring_read(reader, text, sizeof text), 0);
    evtwin__ring_leave(reader);
    evtwin__ring_free(ring);
    evtwin_table_free(t);
    evtwin_store_free(store);
}

static void options_are_checked(void **state) {
    (void)state;
    evtwin_alerts_options o;
    evtwin_alerts *alerts;
    assert_ok(evtwin_alerts_options_init(&o, sizeof o));
    assert_fails(evtwin_alerts_start(&o, &alerts), EVTWIN_E_ARG, "store");
    o.store = "sqlite:/nowhere/at/all.db";
    o.group_s = 0.0;
    assert_fails(evtwin_alerts_start(&o, &alerts), EVTWIN_E_ARG, "group_s|86400");
    o.group_s = 30.0;
    const char *hook = temp_path("hook");
    FILE *f = fopen(hook, "w");
    fputs("ftp://example.com/SECRET\n", f);
    fclose(f);
    o.webhook_file = hook;
    assert_int_equal(chmod(hook, 0644), 0);
    assert_fails(evtwin_alerts_start(&o, &alerts), EVTWIN_E_ARG, "chmod 600");
    assert_int_equal(chmod(hook, 0600), 0);
    assert_fails(evtwin_alerts_start(&o, &alerts), EVTWIN_E_ARG, "https");
    assert_null(strstr(evtwin_last_error(), "SECRET"));
    o.webhook_file = NULL;
    o.smtp = "smtp://localhost";
    assert_fails(evtwin_alerts_start(&o, &alerts), EVTWIN_E_ARG, "addresses");
    static const char *const wrong[] = {"a", "a@b\r\nBcc: c@d", "a@b>", "a b@c", "@c", "a@b,"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        o.mail_to = wrong[i];
        assert_fails(evtwin_alerts_start(&o, &alerts), EVTWIN_E_ARG, "mail address");
    }
    o.mail_to = "a@example.com";
    o.smtp = "smtp://localhost/?from=x";
    assert_fails(evtwin_alerts_start(&o, &alerts), EVTWIN_E_ARG, "x|mail address");
    o.smtp = "smtp://localhost/?tls=maybe";
    assert_fails(evtwin_alerts_start(&o, &alerts), EVTWIN_E_ARG, "maybe|required");
    o.smtp = "http://localhost/";
    assert_fails(evtwin_alerts_start(&o, &alerts), EVTWIN_E_ARG, "http|smtp");
    o.smtp = "smtp://localhost/?sender=x";
    assert_fails(evtwin_alerts_start(&o, &alerts), EVTWIN_E_ARG, "sender");
}

int main(void) {
    if (!has_kind_of_store()) {
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_watch_and_one_works),
        cmocka_unit_test(changes_are_events),
        cmocka_unit_test(options_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
