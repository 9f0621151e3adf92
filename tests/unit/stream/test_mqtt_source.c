/* SPDX-License-Identifier: MIT */
/* test_mqtt_source.c: mqtt: beside a real broker (EVTWIN_TEST_MQTT): what is read is acknowledged
 * when it is committed and not before, refused by name, and read by one client of each name. */

#include "test.h"

#ifdef HAVE_MQTT

#include "mqtt_relay.h"

static void a_topic_names_the_battery_of_a_record_that_does_not(void **state) {
    (void)state;
    char filter[96], topic[96];
    const char *base = fresh_topic();
    snprintf(filter, sizeof filter, "%s/+/telemetry", base);
    snprintf(topic, sizeof topic, "%s/CAR_7/telemetry", base);
    peer *p = open_peer(NULL);
    evtwin_source *source = open_source(uri_of(filter, "clean=1"));
    evtwin_table *got = empty_table();
    publish(p, topic, "[{\"timestamp\":\"2024-01-01T00:00:00Z\",\"soc\":5}]");
    publish(p, topic, record(1)); /* its own name counts */
    read_rows(source, 2, 100, got);
    const size_t col = evtwin_table_find(got, "battery_id");
    assert_string_equal(evtwin_table_text(got, col, 0), "CAR_7");
    assert_string_equal(evtwin_table_text(got, col, 1), "BATTERY_001");
    evtwin_table_free(got);
    evtwin_source_free(source);
    close_peer(p);
}

/* ---- acknowledged by commit, and not before ---- */

static void what_is_not_committed_comes_again(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    const char *uri = uri_of(topic, "");
    peer *p = open_peer(NULL);
    evtwin_source *source = open_source(uri);
    for (int i = 0; i < 5; i++) {
        publish(p, topic, record(i));
    }
    evtwin_table *got = empty_table();
    read_rows(source, 5, 5, got);
    evtwin_source_free(source); /* without a commit */

    source = open_again(uri);
    assert_ok(evtwin_table_resize(got, 0));
    read_rows(source, 5, 3, got);
    assert_int_equal(seq_of(got, 4), 4);
    commit(source);
    evtwin_source_free(source);

    source = open_again(uri); /* it is the same one for the broker: what came meanwhile is there */
    publish(p, topic, record(9));
    assert_ok(evtwin_table_resize(got, 0));
    read_rows(source, 1, 100, got);
    assert_int_equal(seq_of(got, 0), 9);
    commit(source);
    nothing_comes(source);
    assert_fails(evtwin_source_commit(source, "1:1"), EVTWIN_E_ARG, "1:1");
    evtwin_source_free(source);
    evtwin_table_free(got);
    close_peer(p);
}

/* What was accepted with its position is not given again by the next process, and acknowledged. */
static void a_position_knows_what_was_not_acknowledged(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    const char *uri = uri_of(topic, "");
    char position[1000];
    peer *p = open_peer(NULL);
    evtwin_source *source = open_source(uri);
    evtwin_table *got = empty_table();
    char two[500];
    snprintf(two, sizeof two, "[%s,%s]", record(3), record(4));
    for (int i = 0; i < 3; i++) {
        publish(p, topic, record(i));
    }
    publish(p, topic, two);
    read_rows(source, 4, 1, got); /* the last message in part */
    snprintf(position, sizeof position, "%s", evtwin_source_position(source));
    evtwin_source_free(source);

    source = open_again(uri);
    assert_ok(evtwin_source_seek(source, position));
    publish(p, topic, record(9));
    assert_ok(evtwin_table_resize(got, 0));
    read_rows(source, 3, 100, got);
    assert_int_equal(seq_of(got, 0), 3);
    assert_int_equal(seq_of(got, 1), 4);
    assert_int_equal(seq_of(got, 2), 9);
    commit(source);
    nothing_comes(source);
    evtwin_source_free(source);
    source = open_again(uri);
    nothing_comes(source);
    assert_ok(evtwin_source_seek(source, "1:1"));
    static const char *const bad[] = {"1:1+",    "1:1+7",       "1:1+7.",
                                      "1:1+0.1", "1:1+70000.1", "1:1+7.1x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_fails(evtwin_source_seek(source, bad[i]), EVTWIN_E_PARSE, bad[i]);
    }
    evtwin_source_free(source);
    evtwin_table_free(got);
    close_peer(p);
}

static void messages_wait_while_nobody_reads(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    const char *uri = uri_of(topic, "");
    evtwin_source_free(open_source(uri));
    evtwin_sink *sink = open_sink(uri_of(topic, ""));
    evtwin_table *sent = records(30), *got = empty_table();
    assert_ok(evtwin_sink_write(sink, sent));
    evtwin_source *source = open_again(uri);
    while (evtwin_table_rows(got) < 30) {
        read_rows(source, evtwin_table_rows(got) + 1, 1, got);
        commit(source);
    }
    evtwin_table_free(sent);
    evtwin_table_free(got);
    evtwin_source_free(source);
    evtwin_sink_free(sink);
}

/* ---- bad messages ---- */

static void refused(evtwin_source *source, evtwin_status status, const char *names) {
    evtwin_table *table = empty_table();
    const int64_t end_ms = evtwin__monotonic_ms() + PATIENCE_MS;
    evtwin_status st = EVTWIN_OK;
    evtwin_refusal refusal;
    while (st == EVTWIN_OK && evtwin__monotonic_ms() < end_ms) {
        st = evtwin_source_read(source, 100, 200, table);
        if (evtwin_table_rows(table) > 0) {
            fail_msg("taken: %s", names);
        }
    }
    assert_int_equal(st, EVTWIN_REFUSED);
    assert_ok(evtwin_source_refusal(source, &refusal, sizeof refusal));
    if (refusal.status != status || !text_names(refusal.reason, names)) {
        fail_msg("refused: %s: %s", evtwin_status_name(refusal.status), refusal.reason);
    }
    evtwin_table_free(table);
}

static void a_bad_message_is_refused_and_passed(void **state) {
    (void)state;
    static char large[2 << 20];
    const char *topic = fresh_topic();
    const char *uri = uri_of(topic, "");
    peer *p = open_peer(NULL);
    evtwin_source *source = open_source(uri);
    evtwin_table *got = empty_table();
    memset(large, 'x', sizeof large);
    const char *const bad[] = {
        "",
        "hello",
        "{\"timestamp\":\"2024-01-01T00:00:00Z\",\"battery_id\":\"B\",\"soc\":1,\"soc\":2}",
        "{\"timestamp\":\"2024-01-01T00:00:00Z\",\"battery_id\":\"B\",\"soc\":1e400}",
        "{\"timestamp\":\"2024-01-01T00:00:00Z\",\"battery_id\":\"B\",\"soc\":\"\xff\"}",
        "{\"timestamp\":\"2024-01-01T00:00:00\",\"battery_id\":\"B\"}",
        "{\"battery_id\":\"B\"}",
        "[{\"battery_id\":\"B\"",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        publish(p, topic, bad[i]);
        refused(source, i == 6 ? EVTWIN_E_SCHEMA : EVTWIN_E_PARSE, topic);
        if (i + 1 == sizeof bad / sizeof bad[0]) {
            refused(source, EVTWIN_E_PARSE, topic); /* the record, and that the array has no end */
        }
        commit(source);
    }
    publish_bytes(p, topic, "a\0b", 3, 1);
    publish_bytes(p, topic, large, sizeof large, 1);
    publish(p, topic, record(5));
    refused(source, EVTWIN_E_PARSE, "NUL");
    refused(source, EVTWIN_E_PARSE, topic);
    read_rows(source, 1, 100, got);
    commit(source);
    assert_int_equal(seq_of(got, 0), 5);
    evtwin_source_free(source);
    source = open_again(uri);
    nothing_comes(source); /* nothing of it wedges the stream */
    evtwin_source_free(source);
    evtwin_table_free(got);
    close_peer(p);
}

static void good_records_beside_a_bad_one(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    peer *p = open_peer(NULL);
    evtwin_source *source = open_source(uri_of(topic, "clean=1"));
    char payload[800];
    snprintf(payload, sizeof payload, " [%s, %s, {\"soc\":1}, %s] ", record(0), record(1),
             record(3));
    publish(p, topic, payload);
    evtwin_table *got = empty_table();
    refused(source, EVTWIN_E_SCHEMA, "record 3");
    evtwin_refusal refusal;
    assert_ok(evtwin_source_refusal(source, &refusal, sizeof refusal));
    assert_string_equal(refusal.raw, "{\"soc\":1}");
    assert_non_null(strstr(refusal.place, "[message "));
    read_rows(source, 3, 100, got);
    assert_int_equal(seq_of(got, 2), 3);
    evtwin_table_free(got);
    evtwin_source_free(source);
    close_peer(p);
}

/* ---- a connection that is lost ---- */

/* Read through losses of the connection until the table has n rows and the broker so many
 * acknowledgements. */
static void read_through(evtwin_source *source, relay *r, size_t n, int n_acks,
                         evtwin_table *table) {
    const int64_t end_ms = evtwin__monotonic_ms() + PATIENCE_MS;
    while ((evtwin_table_rows(table) < n || r->n_acks < n_acks) &&
           evtwin__monotonic_ms() < end_ms) {
        const evtwin_status st = evtwin_source_read(source, 100, 50, table);
        assert_true(st == EVTWIN_OK || st == EVTWIN_E_AGAIN);
    }
    assert_int_equal(evtwin_table_rows(table), n);
    assert_int_equal(r->n_acks, n_acks);
}

/* The broker gives again what was not acknowledged, the source does not. */
static void a_lost_connection_repeats_nothing(void **state) {
    (void)state;
    char topic[64], through[200], params[64];
    relay r = {.listener = -1};
    start_relay(&r);
    snprintf(topic, sizeof topic, "%s", fresh_topic());
    snprintf(params, sizeof params, "status_topic=&client_id=lost-%d", (int)getpid());
    snprintf(through, sizeof through, "mqtt://127.0.0.1:%d/%s?%s", r.port, topic, params);
    evtwin_source_free(open_source(uri_of(topic, params))); /* what is sent from now on is kept */
    peer *p = open_peer(NULL);
    evtwin_source *source = open_again(through);
    evtwin_table *got = empty_table();
    for (int i = 0; i < 5; i++) {
        publish(p, topic, record(i));
    }
    read_rows(source, 3, 1, got); /* the others are here too, or come yet */
    cut(&r);
    read_through(source, &r, 5, 0, got);
    commit(source);
    read_through(source, &r, 5, 5, got);

    /* the acknowledgement cannot leave: what comes again is acknowledged without a new commit */
    publish(p, topic, record(5));
    read_through(source, &r, 6, 5, got);
    cut(&r);
    commit(source);
    read_through(source, &r, 6, 6, got);

    /* nor is a message refused again */
    publish(p, topic, "{}");
    refused(source, EVTWIN_E_SCHEMA, topic);
    cut(&r);
    commit(source);
    read_through(source, &r, 6, 7, got);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(seq_of(got, (size_t)i), i);
    }
    evtwin_source_free(source);
    end_relay(&r);
    source = open_again(uri_of(topic, params));
    nothing_comes(source);
    evtwin_source_free(source);
    evtwin_table_free(got);
    close_peer(p);
}

/* ---- what is said ---- */

static char log_text[2048];

static void keep_log(void *ctx, evtwin_log_level level, const char *text) {
    (void)ctx;
    (void)level;
    snprintf(log_text + strlen(log_text), sizeof log_text - strlen(log_text), "%s\n", text);
}

static void messages_without_acknowledgement_are_said(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    peer *p = open_peer(NULL);
    evtwin_set_log(keep_log, NULL);
    evtwin_source *source = open_source(uri_of(topic, "clean=1"));
    evtwin_table *got = empty_table();
    publish_bytes(p, topic, record(1), strlen(record(1)), 0);
    publish_bytes(p, topic, record(2), strlen(record(2)), 0);
    read_rows(source, 2, 100, got);
    commit(source);
    const char *first = strstr(log_text, "QoS 0");
    assert_non_null(first);
    assert_null(strstr(first + 1, "QoS 0"));
    evtwin_set_log(NULL, NULL);
    evtwin_table_free(got);
    evtwin_source_free(source);
    close_peer(p);
}

/* ---- one of each name ---- */

/* mosquitto 2.0.11 only closes the connection of the first, who cannot know why. */
static void two_clients_of_one_name_are_told(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    char params[64];
    snprintf(params, sizeof params, "client_id=twice-%d", (int)getpid());
    evtwin_table *table = empty_table();
    evtwin_source *one = open_source(uri_of(topic, params));
    evtwin_source *two = open_source(uri_of(topic, params));
    evtwin_status st = EVTWIN_OK;
    const int64_t end_ms = evtwin__monotonic_ms() + PATIENCE_MS;
    while (!text_names(evtwin_last_error(), params + strlen("client_id=")) &&
           evtwin__monotonic_ms() < end_ms) { /* they take it from each other */
        st = evtwin_source_read(one, 1, 20, table);
        st = st >= 0 ? evtwin_source_read(two, 1, 20, table) : st;
    }
    assert_int_equal(st, EVTWIN_E_AGAIN);
    assert_true(text_names(evtwin_last_error(), params + strlen("client_id=")));
    evtwin_source_free(one);
    evtwin_source_free(two);
    evtwin_table_free(table);
}

/* A check is another client: the one that runs keeps its connection. */
static void a_check_takes_nothing_over(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    char params[64];
    snprintf(params, sizeof params, "client_id=runs-%d", (int)getpid());
    evtwin_source *running = open_source(uri_of(topic, params));
    evtwin_source *other = open_again(uri_of(topic, params));
    evtwin_table *got = empty_table();
    peer *p = open_peer(NULL);
    publish(p, topic, record(1));
    read_rows(running, 1, 1, got);
    assert_ok(evtwin_source_check(other, PATIENCE_MS));
    commit(running);
    nothing_comes(running); /* on the connection that it had */
    assert_ok(evtwin_source_check(other, PATIENCE_MS));
    evtwin_source_free(running);
    evtwin_source_free(other);
    evtwin_table_free(got);
    close_peer(p);
}

int main(void) {
    if (getenv("EVTWIN_TEST_MQTT") == NULL) {
        print_message("skipped: EVTWIN_TEST_MQTT names no broker\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_topic_names_the_battery_of_a_record_that_does_not),
        cmocka_unit_test(what_is_not_committed_comes_again),
        cmocka_unit_test(a_position_knows_what_was_not_acknowledged),
        cmocka_unit_test(messages_wait_while_nobody_reads),
        cmocka_unit_test(a_lost_connection_repeats_nothing),
        cmocka_unit_test(a_bad_message_is_refused_and_passed),
        cmocka_unit_test(good_records_beside_a_bad_one),
        cmocka_unit_test(messages_without_acknowledgement_are_said),
        cmocka_unit_test(two_clients_of_one_name_are_told),
        cmocka_unit_test(a_check_takes_nothing_over),
    };
    return run_at_once(tests, sizeof tests / sizeof tests[0], NULL, NULL);
}

#else

int main(void) {
    print_message("skipped: built without MQTT\n");
    return 77;
}

#endif
