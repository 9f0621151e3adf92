/* SPDX-License-Identifier: MIT */
/* test_kafka_settings.c: what a kafka: URI and its file of properties may say, and what the log
 * says of a client. */

#include "test.h"

#ifdef HAVE_KAFKA
#include "kafka_mock.h"

#include "io/kafka_client.h"

#include <stdatomic.h>

static void says_what_is_wrong(void **state) {
    mock *m = *state;
    evtwin_sink *sink = NULL;
    static const struct {
        const char *rest;
        evtwin_status status;
        const char *names;
    } cases[] = {
        {"t?grup=x", EVTWIN_E_ARG, "\"grup\""},
        {"t?group=x", EVTWIN_E_ARG, "\"group\""},
        {"t?acks=1", EVTWIN_E_ARG, "acks"},
        {"t?enable.idempotence=false", EVTWIN_E_ARG, "enable.idempotence"},
        {"t?plugin.library.paths=x", EVTWIN_E_ARG, "plugin.library.paths"},
        {"t?ssl.providers=x", EVTWIN_E_ARG, "ssl.providers|libraries"},
        {"t?group.protocol=consumer", EVTWIN_E_ARG, "group.protocol|classic"},
        {"t?auto.offset.reset=latest", EVTWIN_E_ARG, "auto.offset.reset|earliest"},
        {"t?allow.auto.create.topics=true", EVTWIN_E_ARG, "allow.auto.create.topics"},
        {"t?test.mock.num.brokers=3", EVTWIN_E_ARG, "test.mock.num.brokers"},
        {"t?security.protocol=tls", EVTWIN_E_ARG, "security.protocol"},
        {"t?transactional_id=", EVTWIN_E_ARG, "transactional_id"},
        {"t?key=soc", EVTWIN_E_ARG, "key=soc"},
        {"a/b", EVTWIN_E_ARG, "a/b"},
        {"t?properties=/nonexistent/x", EVTWIN_E_NOT_FOUND, "/nonexistent/x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_fails(evtwin_sink_open(mock_uri(m, cases[i].rest), &sink), cases[i].status,
                     cases[i].names);
    }
    assert_fails(evtwin_sink_open("kafka:topic", &sink), EVTWIN_E_ARG, "kafka://host:port/topic");
    assert_fails(evtwin_sink_open("kafka://u@h/t", &sink), EVTWIN_E_ARG, "sasl.username");

    const struct {
        const char *line, *names;
        evtwin_status status;
    } files[] = {{"# fine\n\nsasl.mechanism = PLAIN\nsasl.pasword=hunter2\n",
                  "props:4|\"sasl.pasword\"", EVTWIN_E_ARG},
                 {"linger.ms=hunter2\n", "props:1|linger.ms", EVTWIN_E_ARG},
                 {"nonsense\n", "props:1", EVTWIN_E_PARSE}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char rest[300];
        snprintf(rest, sizeof rest, "t?properties=%s", temp_file("props", files[i].line));
        assert_fails(evtwin_sink_open(mock_uri(m, rest), &sink), files[i].status, files[i].names);
    }

    /* others may read the file unless it holds a secret */
    const char *path = temp_file("props", "linger.ms=5\n");
    char rest[300];
    snprintf(rest, sizeof rest, "t?properties=%s", path);
    assert_int_equal(chmod(path, 0640), 0);
    assert_ok(evtwin_sink_open(mock_uri(m, rest), &sink));
    evtwin_sink_free(sink);
    temp_file("props", "linger.ms=5\nsasl.password=hunter2\n");
    assert_fails(evtwin_sink_open(mock_uri(m, rest), &sink), EVTWIN_E_ARG, "chmod 600");
    assert_int_equal(chmod(path, 0600), 0);
    assert_ok(evtwin_sink_open(mock_uri(m, rest), &sink));
    evtwin_sink_free(sink);

    /* nobody there, and no such topic */
    assert_ok(evtwin_sink_open("kafka://127.0.0.1:1/t", &sink));
    assert_fails(evtwin_sink_check(sink, 300), EVTWIN_E_AGAIN, "kafka://127.0.0.1:1/t|127.0.0.1:1");
    evtwin_sink_free(sink);
    assert_ok(evtwin_sink_open(mock_uri(m, "nowhere"), &sink));
    assert_fails(evtwin_sink_check(sink, 3000), EVTWIN_E_NOT_FOUND, "nowhere");
    evtwin_sink_free(sink);
    mock_topic(m, "here", 1);
    assert_ok(evtwin_sink_open(mock_uri(m, "here"), &sink));
    assert_ok(evtwin_sink_check(sink, 3000));
    evtwin_sink_free(sink);
}

/* The last line of the log, and how many warnings there were. */
typedef struct log_lines {
    int n_warnings;
    char last[512];
} log_lines;

static void take_line(void *ctx, evtwin_log_level level, const char *line) {
    log_lines *lines = ctx;
    lines->n_warnings += level == EVTWIN_LOG_WARNING;
    snprintf(lines->last, sizeof lines->last, "%s", line);
}

static void secrets_stay_out_of_log_and_errors(void **state) {
    (void)state;
    evtwin__kafka_config *config = NULL;
    log_lines lines = {0};
    assert_ok(evtwin__kafka_config_create("h:1", &config));
    assert_ok(evtwin__kafka_config_set(config, "sasl.password", "hunter2"));
    evtwin_set_log(take_line, &lines);
    evtwin__kafka_config_log(config, 0, 4, "user alice,\npassword hunter2: hunter2");
    evtwin_set_log(NULL, NULL);
    assert_true(text_names(lines.last, "kafka|alice"));
    assert_null(strstr(lines.last, "hunter2"));
    assert_null(strchr(lines.last, '\n'));

    evtwin__kafka_client client = {.config = config};
    assert_fails(evtwin__kafka_fail(&client, RD_KAFKA_RESP_ERR__FAIL, "alice:hunter2 is wrong"),
                 EVTWIN_E_AGAIN, "alice");
    assert_null(strstr(evtwin_last_error(), "hunter2"));
    client.problem = RD_KAFKA_RESP_ERR__AUTHENTICATION;
    snprintf(client.reason, sizeof client.reason, "alice:hunter2 is refused");
    assert_fails(evtwin__kafka_fail(&client, RD_KAFKA_RESP_ERR__TIMED_OUT, ""), EVTWIN_E_DENIED,
                 "alice");
    assert_null(strstr(evtwin_last_error(), "hunter2"));
    evtwin__kafka_config_free(config);
}

static void count_line(void *n_lines, evtwin_log_level level, const char *line) {
    if (level >= EVTWIN_LOG_WARNING) {
        ++*(atomic_int *)n_lines;
        print_message("%s\n", line);
    }
}

/* A fresh broker's coordinator needs a moment; a fenced producer fails, which says all. */
static void what_the_caller_learns_is_not_logged_too(void **state) {
    mock *m = *state;
    atomic_int n_lines = 0;
    mock_topic(m, "quiet", 1);
    evtwin_sink *sink = NULL;
    evtwin_table *rows = mock_rows(0, 2);
    evtwin_set_log(count_line, &n_lines);
    assert_ok(evtwin_sink_open(mock_uri(m, "quiet"), &sink));
    rd_kafka_mock_push_request_errors(m->cluster, 22, 2,
                                      RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
                                      RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS);
    assert_ok(evtwin_sink_write(sink, rows));
    rd_kafka_mock_push_request_errors(m->cluster, 24, 1, RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
    assert_fails(evtwin_sink_write(sink, rows), EVTWIN_E_BUSY, "transactional");
    evtwin_sink_free(sink);
    evtwin_set_log(NULL, NULL);
    assert_int_equal(n_lines, 0);
    evtwin_table_free(rows);
}

static void other_machines_without_tls_are_warned_of(void **state) {
    (void)state;
    static const struct {
        const char *uri;
        int n_warnings;
    } cases[] = {
        {"kafka://broker.example:9092/t", 1},
        {"kafka://localhost:9092,broker.example:9092/t", 1},
        {"kafka://broker.example/t?security.protocol=SASL_PLAINTEXT", 1},
        {"kafka://broker.example/t?security.protocol=ssl", 0},
        {"kafka://localhost.example:9092/t", 1},
        {"kafka://127.example:9092/t", 1},
        {"kafka://127.0.0.1:9092,localhost,[::1]:9093/t", 0},
        {"kafka://[::1]:9092/t", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        log_lines lines = {0};
        evtwin_sink *sink = NULL;
        evtwin_set_log(take_line, &lines);
        assert_ok(evtwin_sink_open(cases[i].uri, &sink));
        evtwin_set_log(NULL, NULL);
        if (lines.n_warnings != cases[i].n_warnings) {
            fail_msg("%s: %d warnings (%s)", cases[i].uri, lines.n_warnings, lines.last);
        }
        evtwin_sink_free(sink);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(secrets_stay_out_of_log_and_errors),
        cmocka_unit_test(what_the_caller_learns_is_not_logged_too),
        cmocka_unit_test(other_machines_without_tls_are_warned_of),
    };
    return run_at_once(tests, sizeof tests / sizeof tests[0], mock_set_up, mock_tear_down);
}
#else
int main(void) {
    puts("skipped: this build has no Kafka");
    return 77;
}
#endif
