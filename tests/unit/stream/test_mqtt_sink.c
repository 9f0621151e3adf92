/* SPDX-License-Identifier: MIT */
/* test_mqtt_sink.c: mqtt: beside a real broker (EVTWIN_TEST_MQTT): what is sent is read, by topic
 * and in messages of many records; letters; who is there. */

#include "test.h"

#ifdef HAVE_MQTT

#include "mqtt_peer.h"

static void what_is_written_is_read(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    evtwin_source *source = open_source(uri_of(topic, "clean=1"));
    evtwin_sink *sink = open_sink(uri_of(topic, ""));
    evtwin_table *sent = records(250), *got = empty_table();
    evtwin_sink_free(sink);
    sink = open_sink(uri_of(topic, "inflight=50"));
    assert_ok(evtwin_sink_write(sink, sent));
    while (evtwin_table_rows(got) < 250) { /* the broker sends 20 before they are acknowledged */
        read_rows(source, evtwin_table_rows(got) + 1, 1, got);
        commit(source);
    }
    for (size_t i = 0; i < 250; i++) {
        assert_int_equal(seq_of(got, i), i);
        char a[400], b[400];
        assert_ok(evtwin_telemetry_encode(sent, i, a, sizeof a, NULL));
        assert_ok(evtwin_telemetry_encode(got, i, b, sizeof b, NULL));
        assert_string_equal(a, b);
    }
    nothing_comes(source);
    evtwin_table_free(sent);
    evtwin_table_free(got);
    evtwin_sink_free(sink);
    evtwin_source_free(source);
}

/* The topic names the battery too; a record that has it under another name keeps it. */
static void names_of_other_standards_are_read_back(void **state) {
    (void)state;
    char place[128], filter[128];
    const char *topic = fresh_topic();
    snprintf(place, sizeof place, "%s/{battery_id}", topic);
    snprintf(filter, sizeof filter, "%s/+", topic);
    peer *p = open_peer(filter);
    evtwin_source *source = open_source(uri_of(filter, "clean=1"));
    evtwin_sink *sink = open_sink(uri_of(place, "names=vss"));
    evtwin_table *sent = records(4), *got = empty_table();
    assert_ok(evtwin_sink_write(sink, sent));
    run_peer_until(p, &p->n_seen, 4);
    assert_non_null(strstr(p->payload[0], "{\"ts\":\"2024-01-01T00:00:00.000000Z\","
                                          "\"Vehicle.Powertrain.TractionBattery.Id\":\"BATTERY_"));
    read_rows(source, 4, 4, got);
    for (size_t i = 0; i < 4; i++) {
        char a[400], b[400];
        assert_ok(evtwin_telemetry_encode(sent, i, a, sizeof a, NULL));
        assert_ok(evtwin_telemetry_encode(got, i, b, sizeof b, NULL));
        assert_string_equal(a, b);
    }
    evtwin_table_free(sent);
    evtwin_table_free(got);
    evtwin_sink_free(sink);
    evtwin_source_free(source);
    close_peer(p);
}

static void many_records_go_in_one_message(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    peer *p = open_peer(topic);
    evtwin_sink *sink = open_sink(uri_of(topic, "batch=3"));
    evtwin_source *source = open_source(uri_of(topic, "clean=1"));
    evtwin_table *sent = records(7), *got = empty_table();
    assert_ok(evtwin_sink_write(sink, sent));
    run_peer_until(p, &p->n_seen, 3);
    assert_int_equal(p->payload[0][0], '[');
    assert_non_null(strstr(p->payload[0], "\"seq\":2"));
    assert_int_equal(p->payload[2][0], '['); /* also round a single one */

    /* rows of a message may be read in pieces; it is acknowledged when all of them are committed */
    read_rows(source, 2, 2, got);
    commit(source);
    read_rows(source, 7, 2, got);
    commit(source);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(seq_of(got, i), i);
    }
    evtwin_table_free(sent);
    evtwin_table_free(got);
    evtwin_source_free(source);
    evtwin_sink_free(sink);
    close_peer(p);
}

static void each_battery_has_its_topic(void **state) {
    (void)state;
    char filter[96], pattern[96];
    const char *topic = fresh_topic();
    snprintf(filter, sizeof filter, "%s/+/telemetry", topic);
    snprintf(pattern, sizeof pattern, "%s/{battery_id}/telemetry", topic);
    peer *p = open_peer(filter);
    evtwin_sink *sink = open_sink(uri_of(pattern, "batch=10"));
    evtwin_table *sent = records(7);
    assert_ok(evtwin_sink_write(sink, sent));
    run_peer_until(p, &p->n_seen, 3);
    for (int i = 0; i < 3; i++) {
        char expected[128], id[32];
        snprintf(expected, sizeof expected, "%s/BATTERY_%03d/telemetry", topic, i);
        assert_string_equal(p->topic[i], expected);
        snprintf(id, sizeof id, "BATTERY_%03d", (i + 1) % 3);
        assert_null(strstr(p->payload[i], id)); /* of no other battery */
    }
    evtwin_table_free(sent);
    evtwin_sink_free(sink);
    close_peer(p);
}

static void refused_records_are_messages_too(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    peer *p = open_peer(topic);
    evtwin_sink *sink = open_sink(uri_of(topic, ""));
    const evtwin_letter letters[2] = {{.size = sizeof letters[0],
                                       .source = "s",
                                       .place = "a:1",
                                       .status = EVTWIN_E_PARSE,
                                       .reason = "r",
                                       .raw = "x",
                                       .raw_size = 1},
                                      {.size = sizeof letters[0],
                                       .source = "s",
                                       .place = "a:2",
                                       .status = EVTWIN_E_PARSE,
                                       .reason = "r",
                                       .raw = "\xff",
                                       .raw_size = 1}};
    assert_ok(evtwin_sink_write_letters(sink, letters, 2));
    run_peer_until(p, &p->n_seen, 2);
    assert_non_null(strstr(p->payload[0], "\"a:1\""));
    assert_non_null(strstr(p->payload[1], "raw_base64"));
    evtwin_sink_free(sink);
    sink = open_sink(uri_of("a/{battery_id}", ""));
    assert_fails(evtwin_sink_write_letters(sink, letters, 2), EVTWIN_E_ARG, "{battery_id}");
    evtwin_sink_free(sink);
    close_peer(p);
}

static void the_status_says_who_is_there(void **state) {
    (void)state;
    char params[64], topic[96];
    snprintf(params, sizeof params, "client_id=named-%d", (int)getpid());
    snprintf(topic, sizeof topic, "evtwin/named-%d/status", (int)getpid());
    evtwin_sink *sink = open_sink(uri_of(fresh_topic(), params));
    evtwin_table *one = records(1);
    assert_ok(evtwin_sink_write(sink, one));
    peer *p = open_peer(topic); /* retained: it is told to who comes later */
    run_peer_until(p, &p->n_seen, 1);
    assert_string_equal(p->payload[0], "online");
    evtwin_sink_free(sink);
    run_peer_until(p, &p->n_seen, 2);
    assert_string_equal(p->payload[1], "offline");
    evtwin_table_free(one);
    close_peer(p);
}

static void the_older_version_works_too(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    evtwin_source *source = open_source(uri_of(topic, "version=3.1.1&clean=1"));
    evtwin_sink *sink = open_sink(uri_of(topic, "version=3.1.1&batch=5"));
    evtwin_table *sent = records(12), *got = empty_table();
    assert_ok(evtwin_sink_write(sink, sent));
    read_rows(source, 12, 100, got);
    commit(source);
    evtwin_table_free(sent);
    evtwin_table_free(got);
    evtwin_sink_free(sink);
    evtwin_source_free(source);
}

int main(void) {
    if (getenv("EVTWIN_TEST_MQTT") == NULL) {
        print_message("skipped: EVTWIN_TEST_MQTT names no broker\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(names_of_other_standards_are_read_back),
        cmocka_unit_test(many_records_go_in_one_message),
        cmocka_unit_test(each_battery_has_its_topic),
        cmocka_unit_test(refused_records_are_messages_too),
        cmocka_unit_test(the_status_says_who_is_there),
        cmocka_unit_test(the_older_version_works_too),
    };
    return run_at_once(tests, sizeof tests / sizeof tests[0], NULL, NULL);
}

#else

int main(void) {
    print_message("skipped: built without MQTT\n");
    return 77;
}

#endif
