/* SPDX-License-Identifier: MIT */
/* test_mqtt_uri.c: what mqtt: and mqtts: accept without a broker: hosts, topics, parameters,
 * secrets, and a broker that is away. */

#include "test.h"

#ifdef HAVE_MQTT

#include "fail_nth.h"

static char log_text[4096];

static void keep_log(void *ctx, evtwin_log_level level, const char *text) {
    (void)ctx;
    (void)level;
    snprintf(log_text + strlen(log_text), sizeof log_text - strlen(log_text), "%s\n", text);
}

/* ---- URIs ---- */

static void sink_fails(const char *uri, evtwin_status code, const char *names) {
    evtwin_sink *sink = NULL;
    assert_fails(evtwin_sink_open(uri, &sink), code, names);
    assert_null(sink);
}

static void source_fails(const char *uri, evtwin_status code, const char *names) {
    evtwin_source *source = NULL;
    assert_fails(evtwin_source_open(uri, &source), code, names);
    assert_null(source);
}

static void opens(const char *sink_uri, const char *source_uri) {
    evtwin_sink *sink = NULL;
    evtwin_source *source = NULL;
    assert_ok(sink_uri != NULL ? evtwin_sink_open(sink_uri, &sink) : EVTWIN_OK);
    assert_ok(source_uri != NULL ? evtwin_source_open(source_uri, &source) : EVTWIN_OK);
    evtwin_sink_free(sink);
    evtwin_source_free(source);
}

static void a_host_is_required(void **state) {
    (void)state;
    sink_fails("mqtt:///ev/battery/telemetry", EVTWIN_E_ARG, "host");
    source_fails("mqtt:ev/battery/telemetry", EVTWIN_E_ARG, "host");
    sink_fails("mqtt://a:1883,b/ev", EVTWIN_E_ARG, "one host");
}

static void topics_and_filters(void **state) {
    (void)state;
    opens("mqtt://localhost", "mqtt://localhost");
    opens("mqtt://localhost/ev/battery/{battery_id}/telemetry",
          "mqtt://localhost/ev/battery/+/telemetry");
    opens("mqtt://localhost/a%20b", "mqtt://localhost/ev/%23");
    sink_fails("mqtt://localhost/ev/+/telemetry", EVTWIN_E_ARG, "ev/+/telemetry");
    sink_fails("mqtt://localhost/ev/%23", EVTWIN_E_ARG, "ev/#");
    sink_fails("mqtt://localhost/ev/%ff", EVTWIN_E_ARG, "UTF-8");
    sink_fails("mqtt://localhost/$SYS/x", EVTWIN_E_ARG, "$SYS/x");
    sink_fails("mqtt://localhost/$share/g/x", EVTWIN_E_ARG, "$share/g/x");
    opens("mqtt://localhost/$aws/rules/x",
          "mqtt://localhost/$share/g/x"); /* an ingest topic there */
    source_fails("mqtt://localhost/ev/battery+/x", EVTWIN_E_ARG, "battery+");
    source_fails("mqtt://localhost/%23/x", EVTWIN_E_ARG, "#");
}

static void parameters_have_limits(void **state) {
    (void)state;
    opens("mqtt://u@localhost/t?batch=1000&inflight=1&confirm=receipts&client_id=a&keepalive_s=5",
          "mqtt://u@localhost/t?clean=1&receive_max=1&session_expiry_s=60&version=3.1.1&"
          "naive_time=utc&client_id=b&status_topic=");
    sink_fails("mqtt://localhost/t?batch=0", EVTWIN_E_ARG, "batch=0");
    sink_fails("mqtt://localhost/t?batch=1001", EVTWIN_E_ARG, "batch|1000");
    sink_fails("mqtt://localhost/t?inflight=0", EVTWIN_E_ARG, "inflight=0");
    sink_fails("mqtt://localhost/t?keepalive_s=4", EVTWIN_E_ARG, "keepalive_s=4");
    sink_fails("mqtt://localhost/t?keepalive_s=65536", EVTWIN_E_ARG, "keepalive_s|65535");
    sink_fails("mqtt://localhost/t?confirm=maybe", EVTWIN_E_ARG, "maybe|receipts");
    sink_fails("mqtt://localhost/t?confirm=receipts&version=3.1.1", EVTWIN_E_ARG, "version=5");
    sink_fails("mqtt://localhost/t?confirm=receipts&client_id=a/%23", EVTWIN_E_ARG, "a/#");
    sink_fails("mqtt://localhost/t?client_id=", EVTWIN_E_ARG, "client_id");
    sink_fails("mqtt://localhost/t?status_topic=a/%2b", EVTWIN_E_ARG, "a/+");
    sink_fails("mqtt://localhost/t?qos=2", EVTWIN_E_ARG, "qos");
    source_fails("mqtt://localhost/t?batch=2", EVTWIN_E_ARG, "batch");
    source_fails("mqtt://localhost/t?receive_max=70000", EVTWIN_E_ARG, "receive_max|65535");
    source_fails("mqtt://localhost/t?time_format=%25Q", EVTWIN_E_ARG, "%Q");
}

static void tls_files_are_looked_for(void **state) {
    (void)state;
    char uri[400];
    sink_fails("mqtt://localhost/t?cafile=/x", EVTWIN_E_ARG, "cafile|mqtts");
    sink_fails("mqtts://localhost/t?cafile=/nowhere/ca.crt", EVTWIN_E_NOT_FOUND, "/nowhere/ca.crt");
    sink_fails("mqtts://localhost/t?certfile=/x", EVTWIN_E_ARG, "keyfile");
    sink_fails("mqtts://localhost/t?certfile=/x&keyfile=/y", EVTWIN_E_ARG, "cafile");
    snprintf(uri, sizeof uri, "mqtts://localhost/t?cafile=%s",
             temp_file("ca.crt", "no certificate"));
    opens(uri, NULL); /* what it is worth shows when it connects */
}

/* ---- secrets ---- */

static void a_password_comes_from_a_file(void **state) {
    (void)state;
    char uri[400];
    const char *path = temp_file("password", "open sesame\n");
    snprintf(uri, sizeof uri, "mqtt://user@localhost/t?password_file=%s", path);
    assert_int_equal(chmod(path, 0604), 0);
    sink_fails(uri, EVTWIN_E_ARG, "chmod 600");
    assert_int_equal(chmod(path, 0600), 0);
    opens(uri, uri);
    temp_file("password", "\n");
    sink_fails(uri, EVTWIN_E_ARG, "empty");
    sink_fails("mqtt://user@localhost/t?password_file=/nowhere/p", EVTWIN_E_NOT_FOUND,
               "/nowhere/p");
    sink_fails("mqtt://localhost/t?password_file=/nowhere/p", EVTWIN_E_ARG, "user");
    sink_fails("mqtt://u:secret@localhost/t?password_file=/nowhere/p", EVTWIN_E_ARG,
               "password_file");
}

static void a_password_shows_nowhere(void **state) {
    (void)state;
    evtwin_sink *sink = NULL;
    log_text[0] = '\0';
    evtwin_set_log(keep_log, NULL);
    assert_ok(evtwin_sink_open("mqtt://user:planted@127.0.0.1:1/t", &sink));
    assert_null(strstr(evtwin_sink_uri(sink), "planted"));
    assert_fails(evtwin_sink_check(sink, 2000), EVTWIN_E_AGAIN, "127.0.0.1:1");
    assert_null(strstr(evtwin_last_error(), "planted"));
    assert_null(strstr(log_text, "planted"));
    evtwin_sink_free(sink);
    evtwin_set_log(NULL, NULL);
}

static void other_machines_without_tls_are_warned_of(void **state) {
    (void)state;
    evtwin_set_log(keep_log, NULL);
    log_text[0] = '\0';
    opens("mqtt://localhost/t", "mqtt://127.0.0.1/t");
    assert_string_equal(log_text, "");
    opens("mqtt://broker.example/t", NULL);
    assert_true(text_names(log_text, "broker.example|mqtts"));
    evtwin_set_log(NULL, NULL);
}

/* ---- a broker that is away ---- */

static evtwin_table *one_record(void) {
    static const char json[] =
        "{\"timestamp\":\"2024-01-01T00:00:00Z\",\"battery_id\":\"B1\",\"soc\":50}";
    evtwin_table *table = NULL;
    assert_ok(evtwin_telemetry_table_create(&table));
    assert_ok(evtwin_telemetry_decode(json, strlen(json), EVTWIN_NAIVE_REJECT, table));
    return table;
}

static void a_broker_that_is_away_is_tried_again(void **state) {
    (void)state;
    evtwin_sink *sink = NULL;
    evtwin_source *source = NULL;
    evtwin_table *rows = one_record();
    assert_ok(evtwin_sink_open("mqtt://127.0.0.1:1/t", &sink));
    assert_ok(evtwin_source_open("mqtt://127.0.0.1:1/t", &source));
    for (int i = 0; i < 3; i++) { /* the second one within the pause: the same answer */
        assert_fails(evtwin_sink_write(sink, rows), EVTWIN_E_AGAIN, "127.0.0.1:1");
        assert_fails(evtwin_source_read(source, 10, 0, rows), EVTWIN_E_AGAIN, "127.0.0.1:1");
    }
    assert_fails(evtwin_source_check(source, 1000), EVTWIN_E_AGAIN, "127.0.0.1:1");
    assert_ok(evtwin_source_seek(source, "1")); /* the broker does that */
    char position[8];
    assert_int_equal(evtwin_sink_position(sink, "s", position, sizeof position), EVTWIN_DONE);
    evtwin_table_free(rows);
    evtwin_source_free(source);
    evtwin_sink_free(sink);
}

static void a_host_without_an_address(void **state) {
    (void)state;
    evtwin_sink *sink = NULL;
    assert_ok(evtwin_sink_open("mqtts://no-such-host.invalid/t", &sink));
    assert_fails(evtwin_sink_check(sink, 1000), EVTWIN_E_AGAIN, "no-such-host.invalid:8883");
    evtwin_sink_free(sink);
}

/* ---- memory ---- */

static evtwin_status open_and_write(void *ctx) {
    evtwin_sink *sink = NULL;
    evtwin_source *source = NULL;
    evtwin_status st =
        evtwin_sink_open("mqtt://127.0.0.1:1/ev/{battery_id}?batch=5&confirm=receipts", &sink);
    st = st >= 0 ? evtwin_source_open("mqtt://u:p@127.0.0.1:1/ev/+", &source) : st;
    st = st >= 0 ? evtwin_sink_write(sink, ctx) : st;
    evtwin_source_free(source);
    evtwin_sink_free(sink);
    return st == EVTWIN_E_AGAIN ? EVTWIN_OK : st; /* nobody is there */
}

static void no_memory_is_an_error_and_no_leak(void **state) {
    (void)state;
    evtwin_table *rows = one_record();
    assert_in_range(fail_every_allocation(open_and_write, rows), 10, 200);
    evtwin_table_free(rows);
}

/* A program's own random numbers do not change when it opens a sink. */
static void the_seed_of_the_program_stays(void **state) {
    (void)state;
    srand(7);
    const int first = rand();
    const int second = rand();
    srand(7);
    assert_int_equal(rand(), first);
    opens("mqtt://localhost/t", NULL);
    assert_int_equal(rand(), second);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_seed_of_the_program_stays),
        cmocka_unit_test(a_host_is_required),
        cmocka_unit_test(topics_and_filters),
        cmocka_unit_test(parameters_have_limits),
        cmocka_unit_test(tls_files_are_looked_for),
        cmocka_unit_test(a_password_comes_from_a_file),
        cmocka_unit_test(a_password_shows_nowhere),
        cmocka_unit_test(other_machines_without_tls_are_warned_of),
        cmocka_unit_test(a_broker_that_is_away_is_tried_again),
        cmocka_unit_test(a_host_without_an_address),
        cmocka_unit_test(no_memory_is_an_error_and_no_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void it_is_left_out(void **state) {
    (void)state;
    evtwin_sink *sink = NULL;
    evtwin_source *source = NULL;
    assert_fails(evtwin_sink_open("mqtt://h/t", &sink), EVTWIN_E_UNSUPPORTED, "-DEVTWIN_MQTT=ON");
    assert_fails(evtwin_source_open("mqtts://h/t", &source), EVTWIN_E_UNSUPPORTED,
                 "-DEVTWIN_MQTT=ON");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_is_left_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
