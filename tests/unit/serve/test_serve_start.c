/* SPDX-License-Identifier: MIT */
/* Starting a server: options, addresses, and stores that are missing, foreign, or come and go. */

#include "serve_client.h"

static evtwin_server_options options_of(const char *listen, const char *store) {
    evtwin_server_options options;
    assert_ok(evtwin_server_options_init(&options, sizeof options));
    options.listen = listen;
    options.store = store;
    return options;
}

static void test_defaults(void **state) {
    (void)state;
    evtwin_server_options options;
    assert_ok(evtwin_server_options_init(&options, sizeof options));
    assert_int_equal(options.size, sizeof options);
    assert_string_equal(options.listen, "127.0.0.1:5001");
    assert_string_equal(options.service, "evtwin");
    assert_null(options.store);
    assert_int_equal(options.n_threads, 2);
    assert_int_equal(options.max_connections, 256);
    assert_int_equal(options.insecure_listen, 0);
    assert_fails(evtwin_server_options_init(NULL, sizeof options), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_server_options_init(&options, 3), EVTWIN_E_ARG, "size|3");
    evtwin_server_free(NULL);
    assert_int_equal(evtwin_server_port(NULL), 0);
}

static void test_refused_options(void **state) {
    (void)state;
    evtwin_server *server = NULL;
    evtwin_server_options options = options_of("0.0.0.0:0", NULL);
    assert_fails(evtwin_server_start(&options, &server), EVTWIN_E_ARG, "0.0.0.0:0");
    options = options_of("[::]:0", NULL);
    assert_fails(evtwin_server_start(&options, &server), EVTWIN_E_ARG, "[::]:0");
    options = options_of("nonsense", NULL);
    assert_fails(evtwin_server_start(&options, &server), EVTWIN_E_ARG, "nonsense");
    options = options_of("127.0.0.1:0", NULL);
    options.n_threads = 0;
    assert_fails(evtwin_server_start(&options, &server), EVTWIN_E_ARG, "0|1|256");
    options.n_threads = 2;
    options.max_connections = 1;
    assert_fails(evtwin_server_start(&options, &server), EVTWIN_E_ARG, "connections");
    options = options_of("127.0.0.1:0", "nothing");
    assert_true(evtwin_server_start(&options, &server) < 0);
    options = options_of("127.0.0.1:0", "oracle:x");
    assert_true(evtwin_server_start(&options, &server) < 0);
    options = options_of(NULL, NULL);
    assert_fails(evtwin_server_start(&options, &server), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_server_start(&options, NULL), EVTWIN_E_ARG, "NULL");
    assert_null(server);
}

#ifndef HAVE_HTTP
static void test_build_without_http(void **state) {
    (void)state;
    evtwin_server *server = NULL;
    const evtwin_server_options options = options_of("127.0.0.1:0", NULL);
    assert_fails(evtwin_server_start(&options, &server), EVTWIN_E_UNSUPPORTED, "EVTWIN_HTTP");
    assert_null(server);
}
#else

static void test_port_in_use(void **state) {
    (void)state;
    evtwin_server *first = start_server(NULL, NULL), *second = NULL;
    char listen[64];
    snprintf(listen, sizeof listen, "127.0.0.1:%d", evtwin_server_port(first));
    const evtwin_server_options options = options_of(listen, NULL);
    assert_fails(evtwin_server_start(&options, &second), EVTWIN_E_BUSY, listen);
    assert_non_null(strstr(evtwin_last_error(), listen));
    assert_null(second);

    /* the first one goes on, and its port is free once it is gone */
    json_decref(client_json(evtwin_server_port(first), "/health", 200));
    evtwin_server_free(first);
    assert_ok(evtwin_server_start(&options, &second));
    evtwin_server_free(second);
}

static void test_one_thread_and_many(void **state) {
    (void)state;
    const int counts[] = {1, 2, 8};
    for (size_t i = 0; i < 3; i++) {
        evtwin_server_options options = options_of("127.0.0.1:0", NULL);
        options.n_threads = counts[i];
        options.service = "x\"y";
        evtwin_server *server = NULL;
        assert_ok(evtwin_server_start(&options, &server));
        json_t *v = client_json(evtwin_server_port(server), "/health", 200);
        assert_string_equal(json_string_value(json_at(v, "service")), "x\"y");
        json_decref(v);
        evtwin_server_free(server);
    }
}

static void test_open_to_all(void **state) {
    (void)state;
    evtwin_server_options options = options_of("0.0.0.0:0", NULL);
    options.insecure_listen = 1;
    evtwin_server *server = NULL;
    assert_ok(evtwin_server_start(&options, &server));
    reply r =
        client_request(evtwin_server_port(server), "GET", "/health", "Host: twin.example\r\n");
    assert_int_equal(r.code, 200);
    reply_free(&r);
    evtwin_server_free(server);
}

static void test_ipv6(void **state) {
    (void)state;
    const evtwin_server_options options = options_of("[::1]:0", NULL);
    evtwin_server *server = NULL;
    const evtwin_status st = evtwin_server_start(&options, &server);
    if (st == EVTWIN_E_IO) {
        print_message("skipped: no IPv6 loopback: %s\n", evtwin_last_error());
        skip();
    }
    assert_ok(st);
    assert_true(evtwin_server_port(server) > 0);
    evtwin_server_free(server);
}

/* Not ready from the first moment, with a reason that is cut between two characters and is UTF-8.
 */
static void test_not_ready_at_first(void **state) {
    (void)state;
    char reason[400] = "x\xff";
    while (strlen(reason) < sizeof reason - 3) {
        strcat(reason, "\u00e4");
    }
    evtwin_server_options options = options_of("127.0.0.1:0", NULL);
    options.unready = reason;
    evtwin_server *server = NULL;
    assert_ok(evtwin_server_start(&options, &server));
    const int port = evtwin_server_port(server);
    json_t *v = client_json(port, "/readyz", 503);
    const char *message = json_string_value(json_object_get(v, "message"));
    assert_true(strlen(message) == 254 && strncmp(message, "x?\u00e4", 4) == 0);
    json_decref(v);
    json_decref(client_json(port, "/livez", 200));
    assert_ok(evtwin_server_set_ready(server, NULL));
    json_decref(client_json(port, "/readyz", 200));
    evtwin_server_free(server);
}

/* Without a store there is nothing but /health and /metrics. */
static void test_without_store(void **state) {
    (void)state;
    evtwin_metrics *metrics = NULL;
    assert_ok(evtwin_metrics_create(&metrics));
    evtwin_server *server = start_server(NULL, metrics);
    const int port = evtwin_server_port(server);
    json_decref(client_json(port, "/health", 200));
    json_decref(client_json(port, "/api/batteries/list", 404));
    json_decref(client_json(port, "/", 404));
    json_decref(client_json(port, "/web/fleet/fleet.js", 404));
    reply r = client_get(port, "/metrics");
    assert_int_equal(r.code, 200);
    assert_non_null(strstr(r.body, "evtwin_predictions_total{outcome=\"known\"} 0"));
    assert_null(strstr(r.body, "evtwin_store_up"));
    reply_free(&r);
    evtwin_server_free(server);
    evtwin_metrics_free(metrics);
}

#if CLIENT_HAS_SERVER

static const record one = {"BATTERY_001", INT64_C(1767225600000000), 1, 80, 94, 30, 900, 0.05,
                           NULL};

/* The store comes after the server, is replaced by another, and goes. */
static void test_store_comes_and_goes(void **state) {
    (void)state;
    skip_without_store();
    const char *uri = absent_uri("later.db");
    evtwin_server *server = start_server(uri, NULL);
    const int port = evtwin_server_port(server);
    json_t *v = client_json(port, "/health", 503);
    assert_string_equal(json_string_value(json_at(v, "status")), "unhealthy");
    assert_null(strstr(json_string_value(json_at(v, "message")), "/tmp"));
    json_decref(v);
    v = client_json(port, "/api/batteries/list", 503);
    assert_string_equal(json_string_value(json_at(v, "status")), "error");
    json_decref(v);
    reply r = client_get(port, "/api/alerts");
    assert_string_equal(reply_header(&r, "Retry-After"), "2");
    reply_free(&r);
    r = client_get(port, "/");
    assert_int_equal(r.code, 200);
    reply_free(&r);
    if (!on_postgres()) { /* looking made no file */
        assert_int_not_equal(access(uri + strlen("sqlite:"), F_OK), 0);
    }

    make_database(uri);
    fill_store(uri, &one, 1);
    v = client_wait(port, "/api/batteries/list", 200, "BATTERY_001");
    assert_near(json_number_value(json_at(v, "count")), 1, 0);
    json_decref(v);
    json_decref(client_json(port, "/health", 200));

    /* another one under the same name: the old one must not go on answering */
    remove_store(uri);
    json_decref(client_wait(port, "/api/batteries/list", 503, NULL));
    make_database(uri);
    record other = one;
    other.battery = "BATTERY_777";
    fill_store(uri, &other, 1);
    v = client_wait(port, "/api/batteries/list", 200, "BATTERY_777");
    assert_near(json_number_value(json_at(v, "count")), 1, 0);
    json_decref(v);
    evtwin_server_free(server);
}

static void test_empty_store(void **state) {
    (void)state;
    skip_without_store();
    const char *uri = fresh_uri("empty.db");
    evtwin_store *store = NULL;
    assert_ok(evtwin_store_open(uri, NULL, &store));
    evtwin_server *server = start_server(uri, NULL);
    const int port = evtwin_server_port(server);
    json_t *v = client_json(port, "/api/batteries/list", 200);
    assert_near(json_number_value(json_at(v, "count")), 0, 0);
    json_decref(v);
    v = client_json(port, "/api/alerts", 200);
    assert_int_equal(json_array_size(json_at(v, "alerts")), 0);
    json_decref(v);
    json_decref(client_json(port, "/api/battery/latest", 404));
    evtwin_server_free(server);
    evtwin_store_free(store);
}

static void test_file_that_is_no_store(void **state) {
    (void)state;
    only_on_sqlite();
    skip_without_store();
    evtwin_server *server = NULL;
    char uri[300];
    snprintf(uri, sizeof uri, "sqlite:%s",
             temp_file("text.db", "this is a text file, not a database, by its first bytes\n"));
    const evtwin_server_options options = options_of("127.0.0.1:0", uri);
    assert_true(evtwin_server_start(&options, &server) < 0);
    assert_non_null(strstr(evtwin_last_error(), "text.db"));
    assert_null(server);
}

/* Two servers read one database while it is written. */
static void test_two_servers_on_one_store(void **state) {
    (void)state;
    skip_without_store();
    const char *uri = fresh_uri("shared.db");
    fill_store(uri, &one, 1);
    evtwin_server *a = start_server(uri, NULL);
    evtwin_server *b = start_server(uri, NULL);
    evtwin_store *writer = NULL;
    assert_ok(evtwin_store_open(uri, NULL, &writer));
    for (int i = 2; i < 12; i++) {
        record next = one;
        next.time_us += i * 1000000;
        next.seq = i;
        next.soc = 20 + i;
        evtwin_table *table = make_table(&next, 1);
        evtwin_insert_report report;
        assert_ok(evtwin_store_insert(writer, table, &report, sizeof report));
        evtwin_table_free(table);
        char soc[32];
        snprintf(soc, sizeof soc, "\"soc\":%d,", 20 + i);
        json_decref(
            client_wait(evtwin_server_port(i % 2 ? a : b), "/api/battery/latest", 200, soc));
    }
    evtwin_store_free(writer);
    evtwin_server_free(a);
    evtwin_server_free(b);
}
#endif
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_refused_options),
#ifndef HAVE_HTTP
        cmocka_unit_test(test_build_without_http),
#else
        cmocka_unit_test(test_port_in_use),
        cmocka_unit_test(test_one_thread_and_many),
        cmocka_unit_test(test_open_to_all),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_not_ready_at_first),
        cmocka_unit_test(test_without_store),
#if CLIENT_HAS_SERVER
        cmocka_unit_test(test_store_comes_and_goes),
        cmocka_unit_test(test_empty_store),
        cmocka_unit_test(test_file_that_is_no_store),
        cmocka_unit_test(test_two_servers_on_one_store),
#endif
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
