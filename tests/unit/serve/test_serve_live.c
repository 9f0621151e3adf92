/* SPDX-License-Identifier: MIT */
/* What is kept in memory follows the store: rows, predictions, limits, another database under the
 * same name, batteries that go; and what lists of it are asked for. */

#include "serve_client.h"

#include "serve/live_feed.h"
#include "serve/server.h"

#if CLIENT_HAS_SERVER

static int64_t now_us;

static int setup(void **state) {
    (void)state;
    now_us = evtwin_time_now();
    return 0;
}

static void insert(const char *uri, const record *records, size_t n) {
    evtwin_store *store = NULL;
    evtwin_insert_report report;
    assert_ok(evtwin_store_open(uri, NULL, &store));
    evtwin_table *table = make_table(records, n);
    assert_ok(evtwin_store_insert(store, table, &report, sizeof report));
    evtwin_table_free(table);
    evtwin_store_free(store);
}

static record one_of(const char *battery, int64_t seq, double soc) {
    return (record){battery, now_us + seq * 1000000, seq, soc, 95, 30, NAN, NAN, NULL};
}

static double number(const json_t *value, const char *path) {
    return json_number_value(json_at(value, path));
}

static void assert_text(const json_t *value, const char *path, const char *expected) {
    assert_string_equal(json_string_value(json_at(value, path)), expected);
}

static const char *latest_of(const char *battery) {
    static char target[128];
    snprintf(target, sizeof target, "/api/battery/latest?battery_id=%s", battery);
    return target;
}

/* ---- it follows ---- */

static void predict(const char *uri, const record *r) {
    evtwin_store *store = NULL;
    size_t n_updated = 0;
    assert_ok(evtwin_store_open(uri, NULL, &store));
    evtwin_table *table = make_table(r, 1);
    assert_ok(evtwin_store_put_predictions(store, table, NULL, &n_updated));
    assert_int_equal(n_updated, 1);
    evtwin_table_free(table);
    evtwin_store_free(store);
}

static void test_inserts_and_predictions(void **state) {
    (void)state;
    const char *uri = fresh_uri("follow.db");
    record r = one_of("A", 1, 50);
    fill_store(uri, &r, 1);
    evtwin_server *server = start_server(uri, NULL);
    const int port = evtwin_server_port(server);
    json_decref(client_wait(port, latest_of("A"), 200, "\"soc\":50,"));

    /* a row, and one of a battery that was not there */
    const record more[] = {one_of("A", 2, 51), one_of("B", 1, 60)};
    insert(uri, more, 2);
    json_decref(client_wait(port, latest_of("A"), 200, "\"soc\":51,"));
    json_decref(client_wait(port, latest_of("B"), 200, "\"soc\":60,"));

    /* the prediction of an older row stands, the newest row stays as it is */
    r.rul = 321;
    r.failure = 0.9;
    predict(uri, &r);
    json_t *v = client_wait(port, latest_of("A"), 200, "\"rul_prediction\":321,");
    assert_true(json_is_null(json_at(v, "data.rul_prediction")));
    assert_near(number(v, "data.prediction.rul_prediction"), 321, 0);
    assert_text(v, "data.health.status", "CRITICAL");
    json_decref(v);
    json_decref(client_wait(port, "/api/alerts", 200, "failure_probability 0.9 > 0.7"));
    evtwin_server_free(server);
}

/* More than is read one by one, or page by page. */
static void test_many_at_once(void **state) {
    (void)state;
    enum { N = 2500 };
    const char *uri = fresh_uri("many.db");
    record r = one_of("A", 1, 50);
    fill_store(uri, &r, 1);
    evtwin_server *server = start_server(uri, NULL);
    const int port = evtwin_server_port(server);
    json_decref(client_wait(port, latest_of("A"), 200, NULL));
    evtwin_store *store = NULL;
    evtwin_store_options options;
    evtwin_store_options_init(&options, sizeof options);
    options.shares_batteries = 1;
    assert_ok(evtwin_store_open(uri, &options, &store));
    static record many[N];
    static char ids[N][16];
    for (int i = 0; i < N; i++) {
        snprintf(ids[i], sizeof ids[i], "M%04d", i);
        many[i] = one_of(ids[i], 1, i % 100);
    }
    evtwin_table *table = make_table(many, N);
    evtwin_insert_report report;
    assert_ok(evtwin_store_insert(store, table, &report, sizeof report));
    evtwin_table_free(table);
    evtwin_store_free(store);
    json_t *v = client_wait(port, "/api/batteries/list?limit=1", 200, "\"total\":2501,");
    assert_near(number(v, "summary.batteries"), N + 1, 0);
    json_decref(v);
    json_decref(client_json(port, latest_of("M2499"), 200));
    evtwin_server_free(server);
}

/* Another database under the name: the old batteries are gone. Away: 503, and back again. */
static void test_another_store(void **state) {
    (void)state;
    only_on_sqlite(); /* test_serve_start has a server's */
    const char *uri = fresh_uri("replaced.db");
    const char *path = uri + strlen("sqlite:");
    char name[400], aside[420], other_uri[440];
    snprintf(name, sizeof name, "%s", path);
    snprintf(aside, sizeof aside, "%s.other", path);
    snprintf(other_uri, sizeof other_uri, "sqlite:%s", aside);
    record r = one_of("OLD", 1, 50);
    fill_store(uri, &r, 1);
    evtwin_server *server = start_server(uri, NULL);
    const int port = evtwin_server_port(server);
    json_decref(client_wait(port, latest_of("OLD"), 200, NULL));

    r = one_of("NEW", 1, 50);
    fill_store(other_uri, &r, 1);
    assert_int_equal(rename(aside, name), 0);
    json_decref(client_wait(port, latest_of("NEW"), 200, NULL));
    json_decref(client_json(port, latest_of("OLD"), 404));

    assert_int_equal(rename(name, aside), 0);
    json_t *v = client_wait(port, latest_of("NEW"), 503, NULL);
    assert_true(text_names(json_string_value(json_at(v, "message")), "there is no store yet"));
    json_decref(v);
    json_decref(client_json(port, "/api/batteries/list", 503));
    json_decref(client_json(port, "/health", 503));
    reply m = client_get(port, "/metrics");
    assert_non_null(strstr(m.body, "\nevtwin_store_up 0\n"));
    assert_null(strstr(m.body, "evtwin_fleet_batteries"));
    reply_free(&m);
    assert_int_equal(rename(aside, name), 0);
    json_decref(client_wait(port, latest_of("NEW"), 200, NULL));
    evtwin_server_free(server);
}

static void test_thresholds_and_models(void **state) {
    (void)state;
    const char *uri = fresh_uri("limits.db");
    record r = one_of("A", 1, 50);
    r.rul = 500;
    r.failure = 0.1;
    fill_store(uri, &r, 1);
    evtwin_server *server = start_server(uri, NULL);
    const int port = evtwin_server_port(server);
    json_decref(client_wait(port, latest_of("A"), 200, "\"health\":{\"status\":\"NORMAL\""));
    evtwin_store *store = NULL;
    evtwin_thresholds *limits = NULL;
    const evtwin_threshold rule = {.size = sizeof rule,
                                   .kind = EVTWIN_THRESHOLD_STATUS,
                                   .quantity = "temperature",
                                   .level = EVTWIN_HEALTH_CRITICAL,
                                   .limit = 29};
    assert_ok(evtwin_store_open(uri, NULL, &store));
    assert_ok(evtwin_thresholds_create(&limits));
    assert_ok(evtwin_thresholds_set(limits, &rule));
    assert_ok(evtwin_store_put_thresholds(store, limits));
    json_decref(client_wait(port, latest_of("A"), 200, "temperature 30 > 29"));
    evtwin_table *scores = make_scores();
    size_t row = 0;
    while (strcmp(evtwin_table_text(scores, evtwin_table_find(scores, "target"), row), "rul") !=
           0) {
        row++;
    }
    assert_ok(evtwin_table_set_f64(scores, evtwin_table_find(scores, "rmse"), row, 77.5));
    assert_ok(evtwin_store_put_model(store, scores));
    json_decref(client_wait(port, latest_of("A"), 200, "\"rul_error\":77.5,"));
    evtwin_table_free(scores);
    evtwin_thresholds_free(limits);
    evtwin_store_free(store);
    evtwin_server_free(server);
}

/* Silence is of the moment of the answer: it shows although nothing comes. */
static void test_silence_without_rows(void **state) {
    (void)state;
    const char *uri = fresh_uri("silent.db");
    const record r = one_of("A", 1, 50);
    evtwin_server_options options;
    evtwin_server_options_init(&options, sizeof options);
    options.listen = "127.0.0.1:0";
    options.store = uri;
    options.silent_after_s = 0.5;
    fill_store(uri, &r, 1);
    evtwin_server *server = NULL;
    assert_ok(evtwin_server_start(&options, &server));
    const int port = evtwin_server_port(server);
    json_decref(client_wait(port, latest_of("A"), 200, "\"silent\":true"));
    json_t *v = client_json(port, "/api/batteries/list?silent=true", 200);
    assert_near(number(v, "total"), 1, 0);
    assert_near(number(v, "summary.silent"), 1, 0);
    json_decref(v);
    evtwin_server_free(server);
}

/* Retention takes rows away without a word; the whole fleet is read again now and then. */
static void test_batteries_that_go(void **state) {
    (void)state;
    const char *uri = fresh_uri("gone.db");
    const record records[] = {one_of("GOES", 1, 50), one_of("STAYS", 1, 50)};
    fill_store(uri, records, 2);
    evtwin__live_feed feed = {.has_identity = 0};
    evtwin__ring *ring = NULL;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    const evtwin__patience patience = {0, 0};
    assert_ok(evtwin__ring_create(1 << 16, 64, &ring));
    assert_ok(evtwin__live_feed_open(&feed, uri, &patience, ring, &lock));
    assert_ok(evtwin__live_feed_look(&feed));
    assert_int_equal(feed.fleet->n, 2);
    run_sql(uri, "DELETE FROM ev_telemetry WHERE battery_id = 'GOES'");
    assert_ok(evtwin__live_feed_look(&feed));
    assert_int_equal(feed.fleet->n, 2);
    feed.load_ms = 0; /* a minute later */
    assert_ok(evtwin__live_feed_look(&feed));
    assert_int_equal(feed.fleet->n, 1);
    assert_int_equal(evtwin__live_fleet_find(feed.fleet, "GOES"), SIZE_MAX);
    evtwin__live_feed_close(&feed);
    evtwin__ring_free(ring);
}

/* Ids that another program wrote: the list is JSON all the same. */
static void test_strange_ids(void **state) {
    (void)state;
    const char *uri = fresh_uri("strange.db");
    const record r = {"B", now_us, 1, 50, 95, 30, NAN, NAN, NULL};
    fill_store(uri, &r, 1);
    run_sql(uri, "UPDATE ev_telemetry SET battery_id = 'a\",\",'");
    evtwin_server *server = start_server(uri, NULL);
    json_t *v = client_json(evtwin_server_port(server), "/api/batteries/list", 200);
    assert_string_equal(json_string_value(json_at(v, "batteries.0.battery_id")), "a\",\",");
    assert_near(number(v, "batteries.0.soc"), 50, 0);
    json_decref(v);
    evtwin_server_free(server);
}

/* ---- how much faster the physics runs than the clock ---- */

static void test_time_factor(void **state) {
    (void)state;
    const char *uri = fresh_uri("factor.db");
    evtwin_store *store = NULL;
    assert_ok(evtwin_store_open(uri, NULL, &store));
    evtwin_server *server = start_server(uri, NULL);
    const int port = evtwin_server_port(server);
    static const struct {
        double at_s, sim_s;
        const char *expected;
    } rows[] = {{0, 1000, "\"time_factor\":null"},
                {32, 1120, "\"time_factor\":null"}, /* 30 s without a simulator */
                {34, 1240, "\"time_factor\":null"},
                {36, 1360, "\"time_factor\":60}"},
                {38, 1480.4, "\"time_factor\":60.1}"}, /* over both pauses */
                {68, 1600, "\"time_factor\":60.1}"},   /* again without one */
                {70, 1720, "\"time_factor\":60}"},
                {72, 1722, "\"time_factor\":60}"}, /* slower */
                {74, 1724, "\"time_factor\":1}"},
                {76, 10, "\"time_factor\":null"}}; /* begun anew */
    for (int i = 0; i < (int)(sizeof rows / sizeof rows[0]); i++) {
        const int64_t time_us = now_us + (int64_t)(rows[i].at_s * 1e6);
        const record r = {"A", time_us, i, 50 + i, 95, 30, NAN, NAN, NULL};
        evtwin_table *table = make_table(&r, 1);
        evtwin_insert_report report;
        char soc[24];
        set_number(table, "sim_time_s", rows[i].sim_s);
        assert_ok(evtwin_store_insert(store, table, &report, sizeof report));
        evtwin_table_free(table);
        snprintf(soc, sizeof soc, "\"soc\":%d,", 50 + i);
        json_decref(client_wait(port, latest_of("A"), 200, soc));
        reply a = client_get(port, latest_of("A"));
        if (strstr(a.body, rows[i].expected) == NULL) {
            fail_msg("row %d: no %s in %s", i, rows[i].expected, a.body);
        }
        reply_free(&a);
        if (i == 3) {
            json_t *v = client_json(port, "/api/batteries/list", 200);
            assert_near(number(v, "summary.time_factor"), 60, 0);
            json_decref(v);
        }
    }
    evtwin_server_free(server);
    evtwin_store_free(store);
}

/* ---- lists ---- */

static void assert_ids(int port, const char *query, const char *ids, int total) {
    char target[200], found[200] = "";
    snprintf(target, sizeof target, "/api/batteries/list?%s", query);
    json_t *v = client_json(port, target, 200);
    size_t i;
    json_t *one;
    json_array_foreach(json_at(v, "batteries"), i, one) {
        strcat(found, i > 0 ? " " : "");
        strcat(found, json_string_value(json_at(one, "battery_id")));
    }
    if (strcmp(found, ids) != 0 || (int)number(v, "total") != total ||
        (size_t)number(v, "count") != i || (int)number(v, "summary.batteries") != 5) {
        fail_msg("%s: %s of %d, expected %s of %d", query, found, (int)number(v, "total"), ids,
                 total);
    }
    json_decref(v);
}

static void test_lists(void **state) {
    (void)state;
    const record records[] = {
        {"alpha", now_us, 1, 80, 95, 30, 900, 0.05, NULL},
        {"beta", now_us + 1, 1, 10, 95, 30, 800, 0.05, NULL}, /* needs charging */
        {"gamma", now_us + 2, 1, 60, 70, 30, 20, 0.95, NULL}, /* needs service */
        {"delta", now_us + 3, 1, 60, 83, 30, NAN, NAN, NULL}, /* so too, a warning */
        {"epsilon", now_us + 4, 1, NAN, 95, 30, NAN, NAN, NULL},
    };
    const char *uri = fresh_uri("lists.db");
    fill_store(uri, records, 5);
    evtwin_server *server = start_server(uri, NULL);
    const int port = evtwin_server_port(server);
    json_decref(client_wait(port, "/api/batteries/list", 200, NULL));
    static const struct {
        const char *query, *ids;
        int total;
    } cases[] = {
        {"", "beta gamma delta alpha epsilon", 5},
        {"order=asc", "alpha epsilon delta beta gamma", 5},
        {"limit=2", "beta gamma", 5},
        {"limit=2&offset=2", "delta alpha", 5},
        {"limit=2&offset=4", "epsilon", 5},
        {"offset=5", "", 5},
        {"offset=9000000000", "", 5},
        {"sort=battery_id", "alpha beta delta epsilon gamma", 5},
        {"sort=battery_id&order=desc&limit=2", "gamma epsilon", 5},
        {"sort=soc", "beta delta gamma alpha epsilon", 5}, /* what is missing is last */
        {"sort=soc&order=desc", "alpha delta gamma beta epsilon", 5},
        {"sort=time&order=desc&limit=1", "epsilon", 5},
        {"sort=rul_prediction&limit=3", "gamma beta alpha", 5},
        {"sort=severity&limit=1", "beta", 5},
        {"health=critical", "beta gamma", 2},
        {"health=warning", "delta", 1},
        {"health=normal&sort=battery_id", "alpha epsilon", 2},
        {"needs=charging", "beta", 1},
        {"needs=service", "gamma delta", 2},
        {"needs=any&limit=1&offset=1", "gamma", 3},
        {"silent=true", "", 0},
        {"silent=false&limit=1", "beta", 5},
        {"q=ET", "beta", 1},
        {"q=a&sort=battery_id", "alpha beta delta gamma", 4},
        {"q=%25", "", 0},
        {"q=", "beta gamma delta alpha epsilon", 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_ids(port, cases[i].query, cases[i].ids, cases[i].total);
    }
    static const struct {
        const char *query, *names;
    } wrong[] = {{"limit=0", "limit"},
                 {"limit=1001", "limit"},
                 {"offset=-1", "offset"},
                 {"offset=x", "offset"},
                 {"sort=colour", "sort"},
                 {"sort=status", "sort"},
                 {"sort=", "sort"},
                 {"order=up", "order"},
                 {"health=NORMAL", "health"},
                 {"health=ill", "health"},
                 {"needs=love", "needs"},
                 {"silent=1", "silent"},
                 {"battery_id=A", "battery_id"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char target[100];
        snprintf(target, sizeof target, "/api/batteries/list?%s", wrong[i].query);
        json_t *v = client_json(port, target, 400);
        if (!text_names(json_string_value(json_at(v, "message")), wrong[i].names)) {
            fail_msg("%s: '%s'", target, json_string_value(json_at(v, "message")));
        }
        json_decref(v);
    }

    /* the same members, whether of the list or of one battery */
    json_t *list = client_json(port, "/api/batteries/list?q=gamma", 200);
    json_t *one = client_json(port, latest_of("gamma"), 200);
    json_t *a = json_at(list, "batteries.0"), *b = json_at(one, "data");
    assert_int_equal(json_object_size(a), json_object_size(b));
    assert_true(json_equal(json_at(a, "health.reasons"), json_at(b, "health.reasons")));
    json_object_del(a, "health");
    json_object_del(b, "health");
    json_object_del(json_at(a, "prediction"), "age_s");
    json_object_del(json_at(b, "prediction"), "age_s");
    assert_true(json_equal(a, b));
    json_decref(list);
    json_decref(one);
    evtwin_server_free(server);
}

/* ---- the live stream ---- */

typedef struct seen {
    char text[1 << 16];
    size_t size;
} seen;

static void nothing(void *ctx) {
    (void)ctx;
}

static void read_ring(evtwin__ring_reader *reader, seen *s) {
    ptrdiff_t n;
    while (s->size < sizeof s->text - 1 &&
           (n = evtwin__ring_read(reader, s->text + s->size, sizeof s->text - 1 - s->size)) > 0) {
        s->size += (size_t)n;
    }
    s->text[s->size] = '\0';
}

static size_t count(const char *text, const char *part) {
    size_t n = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        n++;
    }
    return n;
}

/* Each change of a battery is an event, after it is in memory; another database is a reset. */
static void test_events(void **state) {
    (void)state;
    const char *uri = absent_uri("events.db"); /* a database of its own, to be removed */
    make_database(uri);
    record r = one_of("A", 1, 50);
    fill_store(uri, &r, 1);
    evtwin__live_feed feed = {.has_identity = 0};
    evtwin__ring *ring = NULL;
    evtwin__ring_reader *reader = NULL;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    const evtwin__patience patience = {0, 0};
    seen *s = calloc(1, sizeof *s);
    assert_ok(evtwin__ring_create(1 << 20, 1000, &ring));
    assert_ok(evtwin__live_feed_open(&feed, uri, &patience, ring, &lock));
    assert_ok(evtwin__live_feed_look(&feed));
    assert_ok(evtwin__ring_join(ring, NULL, NULL, nothing, NULL, &reader));
    read_ring(reader, s);
    assert_int_equal(count(s->text, "event: summary\n"), 1);
    assert_int_equal(count(s->text, "event: row\n"), 0); /* what was there is loaded by REST */

    /* two rows of a battery, one of another: one event each, in the form of latest */
    const record more[] = {one_of("A", 2, 51), one_of("A", 3, 52), one_of("B", 1, 60)};
    insert(uri, more, 3);
    assert_ok(evtwin__live_feed_look(&feed));
    read_ring(reader, s);
    assert_int_equal(count(s->text, "event: row\n"), 2);
    assert_int_equal(count(s->text, "data: {\"time\":\""), 2);
    assert_int_equal(count(s->text, "\"battery_id\":\"A\",\"soc\":52,"), 1);
    assert_int_equal(count(s->text, "\"battery_id\":\"B\",\"soc\":60,"), 1);
    assert_ok(evtwin__live_feed_look(&feed));
    read_ring(reader, s);
    assert_int_equal(count(s->text, "event: row\n"), 2); /* nothing new */

    r.rul = 300;
    r.failure = 0.2;
    predict(uri, &r);
    assert_ok(evtwin__live_feed_look(&feed));
    read_ring(reader, s);
    assert_int_equal(count(s->text, "event: row\n"), 3);
    assert_int_equal(count(s->text, "\"rul_prediction\":300,"), 1);

    /* a load puts what has changed, and not what has not */
    const record last = one_of("B", 2, 61);
    insert(uri, &last, 1);
    feed.must_load = 1;
    assert_ok(evtwin__live_feed_look(&feed));
    read_ring(reader, s);
    assert_int_equal(count(s->text, "event: row\n"), 4);
    assert_int_equal(count(s->text, "\"battery_id\":\"B\",\"soc\":61,"), 1);
    assert_int_equal(count(s->text, "event: reset\n"), 0);

    remove_store(uri);
    assert_true(evtwin__live_feed_look(&feed) < 0);
    make_database(uri);
    fill_store(uri, &more[2], 1);
    assert_ok(evtwin__live_feed_look(&feed));
    read_ring(reader, s);
    assert_int_equal(count(s->text, "event: reset\n"), 1);
    assert_int_equal(count(s->text, "event: row\n"), 4);
    evtwin__ring_leave(reader);
    evtwin__live_feed_close(&feed);
    evtwin__ring_free(ring);
    free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inserts_and_predictions),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_another_store),
        cmocka_unit_test(test_thresholds_and_models),
        cmocka_unit_test(test_silence_without_rows),
        cmocka_unit_test(test_batteries_that_go),
        cmocka_unit_test(test_strange_ids),
        cmocka_unit_test(test_time_factor),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_events),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
#else
int main(void) {
    puts("skipped: this build has no HTTP server or no store");
    return 77;
}
#endif
