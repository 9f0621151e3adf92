/* SPDX-License-Identifier: MIT */
/* A battery's past over HTTP: thinned for a chart, and as a file. */

#include "serve_one.h"

#include <sys/ioctl.h>

#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)

/* 2026-01-01T00:00:00Z */
static const int64_t t0 = INT64_C(1767225600) * SECOND;

enum { N_ROWS = 1500, STEP_S = 10 };

/* Rows ten seconds apart, every fifth of them predicted; and a battery with a row of now. */
static int setup(void **state) {
    (void)state;
    static record records[N_ROWS + 1];
    for (int i = 0; i < N_ROWS; i++) {
        const int is_predicted = i % 5 == 0;
        records[i] = (record){"B-1",
                              t0 + (int64_t)i * STEP_S * SECOND,
                              i,
                              80.0 - i / 100.0,
                              90.0,
                              30.0,
                              is_predicted ? 900.0 - i : (double)NAN,
                              is_predicted ? 0.25 : (double)NAN,
                              NULL};
    }
    records[N_ROWS] = (record){"B-2", evtwin_time_now(), 1, 55.5, 90, 30, NAN, NAN, NULL};
    const char *uri = fresh_uri("history.db");
    fill_store(uri, records, N_ROWS + 1);
    serve(uri);
    return 0;
}

static void test_points(void **state) {
    (void)state;
    json_t *v = client_json(port,
                            "/api/battery/history?battery_id=B-1&from=2026-01-01T00:00:00Z"
                            "&until=2026-01-01T01:59:59Z&points=13",
                            200);
    assert_near(number(v, "bucket_s"), 600, 0);
    assert_near(number(v, "count"), 12, 0);
    assert_near(number(v, "period_hours"), 7199.0 / 3600.0, 1e-12);
    assert_string_equal(json_string_value(json_at(v, "data.1.time")),
                        "2026-01-01T00:10:00.000000Z");
    assert_near(number(v, "data.1.n"), 60, 0);
    assert_near(number(v, "data.1.soc.0"), 78.81, 1e-12);
    assert_near(number(v, "data.1.soc.1"), 79.105, 1e-12);
    assert_near(number(v, "data.1.soc.2"), 79.4, 1e-12);
    assert_near(number(v, "data.0.rul_prediction.2"), 900, 0);
    assert_near(number(v, "data.0.charge_cycles.1"), 152, 0);
    assert_true(json_is_null(json_at(v, "data.0.rul_low")));
    assert_null(json_object_get(json_at(v, "data.0"), "seq"));
    json_decref(v);

    v = client_json(port,
                    "/api/battery/history?battery_id=B-1&from=2026-01-01T00:00:00Z"
                    "&until=2026-01-02T00:00:00Z&points=5000&quantities=soh,soc",
                    200);
    assert_near(number(v, "count"), 750, 0); /* of 20 s */
    assert_int_equal(json_object_size(json_at(v, "data.0")), 4);
    json_decref(v);

    /* a row of now is in the last part; a time without rows is an empty answer */
    v = client_json(port, "/api/battery/history?battery_id=B-2&points=500", 200);
    assert_near(number(v, "bucket_s"), 10, 0);
    assert_near(number(v, "count"), 1, 0);
    assert_near(number(v, "period_hours"), 1, 0);
    json_decref(v);
    v = client_json(port, "/api/battery/history?battery_id=B-1&points=500", 200);
    assert_near(number(v, "count"), 0, 0);
    assert_near(number(v, "bucket_s"), 10, 0);
    json_decref(v);
    v = client_json(port, "/api/battery/history?battery_id=B-1&points=2&from=9998-01-01T00:00:00Z",
                    200);
    assert_near(number(v, "count"), 0, 0);
    json_decref(v);
}

/* A mean has the digits of what it is made of, however small, and lies between the least and the
 * greatest. */
static void test_small_means(void **state) {
    (void)state;
    static const record records[] = {
        {"B", INT64_C(1767225600) * SECOND, 1, 0.00001, 90, 30, 900, 0.00002, NULL},
        {"B", INT64_C(1767225601) * SECOND, 2, 0.00002, 90, 30, 900, 0.00002, NULL}};
    const char *uri = fresh_uri("small.db");
    fill_store(uri, records, 2);
    evtwin_server *other = start_server(uri, NULL);
    json_t *v = client_json(evtwin_server_port(other),
                            "/api/battery/history?battery_id=B&from=2026-01-01T00:00:00Z"
                            "&until=2026-01-01T01:00:00Z&points=2",
                            200);
    assert_near(number(v, "data.0.soc.1"), 0.000015, 0);
    for (int i = 0; i < 3; i++) {
        char path[40];
        snprintf(path, sizeof path, "data.0.failure_probability.%d", i);
        assert_near(number(v, path), 0.00002, 0);
    }
    json_decref(v);
    evtwin_server_free(other);
}

static void test_from(void **state) {
    (void)state;
    json_t *v = client_json(port,
                            "/api/battery/history?battery_id=B-1&from=2026-01-01T00:00:00Z"
                            "&until=2026-01-01T00:01:00Z",
                            200);
    assert_near(number(v, "count"), 7, 0);
    json_decref(v);
    v = client_json(port,
                    "/api/battery/stats?battery_id=B-1&from=2026-01-01T00:00:00Z"
                    "&until=2026-01-01T01:00:00Z",
                    200);
    assert_near(number(v, "stats.total_records"), 361, 0);
    assert_near(number(v, "period_hours"), 1, 0);
    json_decref(v);
}

static void test_parameters(void **state) {
    (void)state;
    static const struct {
        const char *parameters;
        const char *names;
    } cases[] = {
        {"points=1", "points"},
        {"points=0", "points"},
        {"points=-5", "points"},
        {"points=5001", "points"},
        {"points=nan", "points"},
        {"points=", "points"},
        {"points=1e2", "points"},
        {"points=99999999999999999999", "points"},
        {"points=500&limit=5", "limit"},
        {"points=500&cursor=1.1", "cursor"},
        {"quantities=soc", "points"},
        {"points=500&quantities=", "voltage"},
        {"points=500&quantities=soc,nothing", "nothing"},
        {"points=500&quantities=seq", "rul_prediction"},
        {"points=500&quantities='%3BDROP", "temperature"},
        {"hours=1&from=2026-01-01T00:00:00Z", "hours"},
        {"from=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "until"},
        {"from=now", "from"},
        {"from=", "from"},
        {"from=-1", "from"},
        {"format=csv", "format"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char target[200];
        snprintf(target, sizeof target, "/api/battery/history?battery_id=B-1&%s",
                 cases[i].parameters);
        json_t *v = client_json(port, target, 400);
        const char *message = json_string_value(json_at(v, "message"));
        if (!text_names(message, cases[i].names)) {
            fail_msg("%s: '%s' lacks '%s'", target, message, cases[i].names);
        }
        json_decref(v);
    }
    json_decref(client_json(port, "/api/battery/history?battery_id=NOBODY&points=9", 404));
}

/* ---- export ---- */

/* The body of an answer without chunks; reply_free. */
static reply get_plain(int at_port, const char *target) {
    char text[400];
    const int n = snprintf(text, sizeof text, "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", target);
    reply r = client_raw(at_port, text, (size_t)n);
    assert_int_equal(r.code, 200);
    return r;
}

#define DAY_OF_ROWS "from=2026-01-01T00:00:00Z&until=2026-01-02T00:00:00Z"

/* A file of ours: it is read as one. */
static void test_export_csv(void **state) {
    (void)state;
    reply r = get_plain(port, "/api/battery/export?battery_id=B-1&" DAY_OF_ROWS);
    assert_string_equal(reply_header(&r, "Content-Type"), "text/csv; charset=utf-8");
    assert_string_equal(reply_header(&r, "Content-Disposition"),
                        "attachment; filename=\"B-1.csv\"");
    const char *path = temp_path("export.csv");
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(r.body, 1, strlen(r.body), f), strlen(r.body));
    fclose(f);
    evtwin_table *table = NULL;
    assert_ok(evtwin_table_read_csv(path, NULL, &table));
    assert_int_equal(evtwin_table_rows(table), N_ROWS);
    const int64_t *time_us = evtwin_table_i64(table, evtwin_table_find(table, "time"));
    const size_t soc = evtwin_table_find(table, "soc");
    for (size_t i = 0; i < N_ROWS; i++) {
        assert_true(time_us[i] == t0 + (int64_t)i * STEP_S * SECOND);
        assert_near(evtwin_table_number(table, soc, i), 80.0 - (double)i / 100.0, 1e-9);
    }
    const size_t rul = evtwin_table_find(table, "rul_prediction");
    assert_near(evtwin_table_number(table, rul, 5), 895.0, 0.0);
    assert_true(isnan(evtwin_table_number(table, rul, 6)));
    evtwin_table_free(table);
    reply_free(&r);

    /* the header is there without a row */
    r = get_plain(port, "/api/battery/export?battery_id=B-1");
    assert_memory_equal(r.body, "time,battery_id,soc,", strlen("time,battery_id,soc,"));
    assert_ptr_equal(strchr(r.body, '\n') + 1, r.body + strlen(r.body));
    reply_free(&r);
    r = client_request(port, "HEAD", "/api/battery/export?battery_id=B-1", "");
    assert_int_equal(r.code, 200);
    assert_string_equal(reply_header(&r, "Content-Disposition"),
                        "attachment; filename=\"B-1.csv\"");
    reply_free(&r);
}

/* Each line is a row of the history. */
static void test_export_jsonl(void **state) {
    (void)state;
    reply r = get_plain(port, "/api/battery/export?battery_id=B-1&format=jsonl&" DAY_OF_ROWS);
    assert_string_equal(reply_header(&r, "Content-Type"), "application/x-ndjson; charset=utf-8");
    json_t *page =
        client_json(port, "/api/battery/history?battery_id=B-1&limit=1000&" DAY_OF_ROWS, 200);
    size_t n = 0;
    for (const char *line = r.body; *line != '\0'; n++) {
        const size_t length = strcspn(line, "\n");
        json_t *row = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(row);
        if (n >= N_ROWS - 1000) {
            assert_true(json_equal(row, json_array_get(json_at(page, "data"), N_ROWS - 1 - n)));
        }
        json_decref(row);
        line += length + 1;
    }
    assert_int_equal(n, N_ROWS);
    json_decref(page);
    reply_free(&r);
}

static void test_export_parameters(void **state) {
    (void)state;
    static const struct {
        const char *parameters;
        int code;
    } cases[] = {{"battery_id=NOBODY", 404},      {"battery_id=B-1&format=xml", 400},
                 {"battery_id=B-1&format=", 400}, {"battery_id=B-1&points=5", 400},
                 {"battery_id=B-1&limit=5", 400}, {"battery_id=B-1&hours=-1", 400}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char target[200];
        snprintf(target, sizeof target, "/api/battery/export?%s", cases[i].parameters);
        json_decref(client_json(port, target, cases[i].code));
    }
}

/* Clients that ask and go away leave nothing behind that the next one would wait for. */
static void test_export_to_nobody(void **state) {
    (void)state;
    static const char request[] = "GET /api/battery/export?battery_id=B-1&format=jsonl&" DAY_OF_ROWS
                                  " HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (int i = 0; i < 200; i++) {
        const int fd = client_connect(port);
        assert_true(fd >= 0);
        (void)client_send(fd, request, sizeof request - 1);
        close(fd);
    }
    const int64_t end_us = evtwin_time_now() + 60 * SECOND;
    int code;
    do {
        reply r = client_get(port, "/api/battery/export?battery_id=B-1&" DAY_OF_ROWS);
        code = r.code;
        reply_free(&r);
    } while (code != 200 && evtwin_time_now() < end_us);
    assert_int_equal(code, 200);
}

/* Until nothing more arrives: the server waits for us. If it only seems so, what is tested holds
 * all the same, but its connection may break rather than lead elsewhere. */
static void wait_until_full(int fd) {
    for (int last = -1, n = 0, same = 0; same < 20; last = n) {
        assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
        same = n == last ? same + 1 : 0;
        usleep(10000);
    }
}

/* A database that is replaced meanwhile: what was given is not whole, which the client sees. */
static void test_export_that_breaks(void **state) {
    (void)state;
    enum { MANY = 40000 }; /* more than the buffers between the two hold */
    record *records = calloc(MANY, sizeof *records);
    for (int i = 0; i < MANY; i++) {
        records[i] = (record){"B", t0 + i * SECOND, i, 80, 90, 30, NAN, NAN, NULL};
    }
    const char *uri = absent_uri("breaks.db"); /* on PostgreSQL a database of its own */
    make_database(uri);
    fill_store(uri, records, MANY);
    evtwin_server *other = start_server(uri, NULL);
    const int fd = client_connect(evtwin_server_port(other));
    static const char request[] = "GET /api/battery/export?battery_id=B&format=jsonl&" DAY_OF_ROWS
                                  " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    (void)client_send(fd, request, sizeof request - 1);
    static char begin[100000];
    assert_int_equal(recv(fd, begin, sizeof begin, MSG_WAITALL), sizeof begin);
    wait_until_full(fd);
    remove_store(uri);
    make_database(uri);
    fill_store(uri, records, 10);
    free(records);
    /* another's question has lost its connection, and the next one has one to the new database */
    json_decref(
        client_wait(evtwin_server_port(other), "/api/battery/history?battery_id=B", 200, NULL));
    size_t size = 0;
    char *text = client_read_all(fd, &size);
    close(fd);
    assert_memory_equal(begin, "HTTP/1.1 200 OK", 15);
    assert_true(size < (size_t)MANY * 500);
    assert_true(size < 5 || memcmp(text + size - 5, "0\r\n\r\n", 5) != 0);
    free(text);
    evtwin_server_free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points),
        cmocka_unit_test(test_small_means),
        cmocka_unit_test(test_from),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_export_csv),
        cmocka_unit_test(test_export_jsonl),
        cmocka_unit_test(test_export_parameters),
        cmocka_unit_test(test_export_to_nobody),
        cmocka_unit_test(test_export_that_breaks),
    };
    if (!CLIENT_HAS_SERVER || !has_kind_of_store()) {
        print_message("skipped: this build has no HTTP server or no store\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
