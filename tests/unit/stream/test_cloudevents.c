/* SPDX-License-Identifier: MIT */
/* test_cloudevents.c: records as CloudEvents: what their attributes are, envelopes read and
 * refused, and what sinks are asked for that cannot be. */

#include "test.h"

#include "evtwin/store.h"

#include "stream/cloudevent.h"

#include <stdio.h>

static evtwin_table *rows_of(const char *json) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    assert_ok(evtwin_telemetry_decode(json, strlen(json), EVTWIN_NAIVE_UTC, t));
    return t;
}

static evtwin__cloudevent event_of(const evtwin_table *t) {
    evtwin__binding b;
    evtwin__cloudevent event;
    assert_ok(evtwin__bind(t, EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS, &b));
    assert_ok(evtwin__cloudevent_of_row(&b, 0, &event));
    return event;
}

#define RECORD                                                                                     \
    "{\"timestamp\":\"2024-01-01T00:00:00Z\",\"battery_id\":\"B:1\",\"soc\":50,\"seq\":7}"

static void an_id_follows_from_the_key_alone(void **state) {
    (void)state;
    evtwin_table *t = rows_of(RECORD);
    const evtwin__cloudevent event = event_of(t);
    assert_string_equal(event.id, "B:1/2024-01-01T00:00:00.000000Z/7");
    assert_string_equal(event.source, "/evtwin/B:1");
    assert_string_equal(event.type, "io.evtwin.telemetry.v1");
    assert_string_equal(event.time, "2024-01-01T00:00:00.000000Z");
    assert_ok(evtwin_table_set_f64(t, evtwin_table_find(t, "soc"), 0, 51.0));
    assert_string_equal(event_of(t).id, event.id);
    evtwin_table_free(t);
}

#ifdef HAVE_SQLITE
/* The seq that a store gives a record without one. */
static int64_t stored_seq(const evtwin_table *rows) {
    evtwin_store *store = NULL;
    evtwin_table *stored = NULL;
    char uri[512];
    snprintf(uri, sizeof uri, "sqlite:%s", temp_path("events.db"));
    (void)remove(temp_path("events.db"));
    assert_ok(evtwin_store_open(uri, NULL, &store));
    assert_ok(evtwin_store_insert(store, rows, NULL, 0));
    assert_ok(evtwin_store_latest(store, "B", &stored, NULL));
    const int64_t seq = evtwin_table_i64(stored, evtwin_table_find(stored, "seq"))[0];
    evtwin_table_free(stored);
    evtwin_store_free(store);
    return seq;
}
#endif

/* Consumers drop an event whose id they have seen: two records of one second, as files of the
 * Battery Data Format have them, are two. */
static void without_a_seq_the_values_count(void **state) {
    (void)state;
    static const char *const records[] = {
        "{\"timestamp\":1700000000,\"battery_id\":\"B\",\"soc\":50,\"charge_cycles\":3}",
        "{\"timestamp\":1700000000,\"battery_id\":\"B\",\"soc\":50,\"charge_cycles\":4}",
        "{\"timestamp\":1700000000,\"battery_id\":\"B\",\"soc\":50}",
        "{\"timestamp\":1700000000,\"battery_id\":\"B\"}"};
    enum { N = sizeof records / sizeof records[0] };
    evtwin__cloudevent events[N];
    for (size_t i = 0; i < N; i++) {
        evtwin_table *t = rows_of(records[i]);
        events[i] = event_of(t);
#ifdef HAVE_SQLITE
        char wanted[EVTWIN__CLOUDEVENT_TEXT];
        snprintf(wanted, sizeof wanted, "B/2023-11-14T22:13:20.000000Z/%lld",
                 (long long)stored_seq(t));
        assert_string_equal(events[i].id, wanted);
#endif
        assert_ok(evtwin_table_set_i64(t, evtwin_table_find(t, "quality"), 0, 1));
        assert_string_equal(event_of(t).id, events[i].id); /* the same one, come late */
        evtwin_table_free(t);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(events[i].id, events[k].id);
        }
    }
}

/* The longest that all of it can be fits. */
static void long_ones_are_whole(void **state) {
    (void)state;
    evtwin_table *t = rows_of(
        "{\"timestamp\":\"9999-12-31T23:59:59.999999Z\",\"seq\":9223372036854775807,\"battery_id\":"
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}");
    size_t version = 0;
    assert_ok(evtwin_table_add_column(t, "model_version", EVTWIN_TEXT, NULL, &version));
    assert_ok(evtwin_table_set_text(t, version, 0, "a/b"));
    const evtwin__cloudevent event = event_of(t);
    assert_non_null(strstr(event.id, "/9223372036854775807/"));
    assert_int_equal(strlen(strrchr(event.id, '/')), 17);
    evtwin_table_free(t);
}

/* A record with a prediction is another event than the record, and than one of another model. */
static void a_prediction_is_an_event_of_its_own(void **state) {
    (void)state;
    evtwin_table *t = rows_of(RECORD);
    size_t rul = 0, version = 0;
    assert_ok(evtwin_table_add_column(t, "rul_prediction", EVTWIN_F64, "cycles", &rul));
    assert_ok(evtwin_table_add_column(t, "model_version", EVTWIN_TEXT, NULL, &version));
    const evtwin__cloudevent bare = event_of(t);
    assert_ok(evtwin_table_set_f64(t, rul, 0, 800.0));
    const evtwin__cloudevent unnamed = event_of(t);
    assert_ok(evtwin_table_set_text(t, version, 0, "3"));
    const evtwin__cloudevent named = event_of(t), again = event_of(t);
    assert_string_equal(bare.type, "io.evtwin.telemetry.v1");
    assert_string_equal(named.type, "io.evtwin.prediction.v1");
    assert_string_not_equal(bare.id, unnamed.id);
    assert_string_not_equal(named.id, unnamed.id);
    assert_string_equal(named.id, again.id);
    evtwin_table_free(t);
}

static void a_letter_keeps_its_id_too(void **state) {
    (void)state;
    evtwin_letter letter = {.size = sizeof letter,
                            .received_us = 1000000,
                            .source = "jsonl:x",
                            .place = "x:3",
                            .reason = "bad",
                            .raw = "{",
                            .raw_size = 1};
    evtwin__cloudevent a, b;
    evtwin__cloudevent_of_letter(&letter, &a);
    evtwin__cloudevent_of_letter(&letter, &b);
    assert_string_equal(a.id, b.id);
    assert_string_equal(a.type, "io.evtwin.dead_letter.v1");
    letter.place = "x:4";
    evtwin__cloudevent_of_letter(&letter, &b);
    assert_string_not_equal(a.id, b.id);
    letter.received_us = INT64_MAX; /* no such time */
    evtwin__cloudevent_of_letter(&letter, &b);
    assert_string_equal(b.time, "1970-01-01T00:00:00.000000Z");
}

/* ---- envelopes ---- */

static evtwin_status decode(const char *json, evtwin_table *t) {
    return evtwin_telemetry_decode(json, strlen(json), EVTWIN_NAIVE_UTC, t);
}

static void envelopes_are_opened(void **state) {
    (void)state;
    static const char *const events[] = {
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/x\",\"type\":\"t\",\"data\":" RECORD
        "}",
        "{\"data\":" RECORD ",\"specversion\":\"1.0\",\"comexampleextension\":{\"a\":[1]}}",
        "{\"specversion\":\"1.0\",\"battery_id\":\"B:1\",\"data\":{\"timestamp\":1704067200,"
        "\"soc\":50,\"seq\":7}}", /* as a topic names the battery */
        "{\"specversion\":\"1.0\",\"battery_id\":\"OTHER\",\"data\":" RECORD "}",
        /* as bytes, of each length that base64 pads in another way */
        "{\"specversion\":\"1.0\",\"data_base64\":\""
        "eyJ0aW1lc3RhbXAiOiIyMDI0LTAxLTAxVDAwOjAwOjAwWiIsImJhdHRlcnlfaWQiOiJCOjEiLCJz"
        "b2MiOjUwLCJzZXEiOjd9"
        "\"}",
        "{\"specversion\":\"1.0\",\"datacontenttype\":\"Application/JSON; "
        "charset=utf-8\",\"data_base64\":\""
        "eyJ0aW1lc3RhbXAiOiIyMDI0LTAxLTAxVDAwOjAwOjAwWiIsImJhdHRlcnlfaWQiOiJCOjEiLCJz"
        "b2MiOjUwLCJzZXEiOjd9IA=="
        "\"}",
        "{\"specversion\":\"1.0\",\"data_base64x\":1,\"datacontenttype\":\"application/"
        "vnd.x+json\",\"data_base64\":\""
        "eyJ0aW1lc3RhbXAiOiIyMDI0LTAxLTAxVDAwOjAwOjAwWiIsImJhdHRlcnlfaWQiOiJCOjEiLCJz"
        "b2MiOjUwLCJzZXEiOjd9ICA="
        "\"}",
        "{\"specversion\":\"1.0\",\"data_base64\":\"" /* a NaN of Python in it */
        "eyJ0aW1lc3RhbXAiOiIyMDI0LTAxLTAxVDAwOjAwOjAwWiIsImJhdHRlcnlfaWQiOiJCOjEiLCJz"
        "b2MiOjUwLCJzZXEiOjcsInNvaCI6TmFOfQ=="
        "\"}",
        "{\"specversion\":\"1.0\",\"data_base64\":null,\"data\":" RECORD "}",
        "{\"specversion\":\"2\",\"timestamp\":\"2024-01-01T00:00:00Z\",\"battery_id\":\"B:1\","
        "\"soc\":50,\"seq\":7}", /* a record with a key of others */
    };
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        evtwin_table *t = NULL;
        char text[400];
        assert_ok(evtwin_telemetry_table_create(&t));
        assert_ok(decode(events[i], t));
        assert_ok(evtwin_telemetry_encode(t, 0, text, sizeof text, NULL));
        assert_string_equal(text, "{\"timestamp\":\"2024-01-01T00:00:00.000000Z\","
                                  "\"battery_id\":\"B:1\",\"soc\":50,\"seq\":7}");
        evtwin_table_free(t);
    }
}

static void bad_envelopes_are_refused_with_the_reason(void **state) {
    (void)state;
    static const struct {
        const char *json, *reason;
    } cases[] = {
        {"{\"specversion\":\"0.3\",\"data\":" RECORD "}", "specversion \"0.3\""},
        {"{\"specversion\":1.0,\"data\":" RECORD "}", "only \"1.0\" is read"},
        {"{\"specversion\":\"1.0\"}", "\"data\" is missing"},
        {"{\"specversion\":\"1.0\",\"data\":[" RECORD "]}", "not an object"},
        {"{\"specversion\":\"1.0\",\"data\":\"x\"}", "not an object"},
        {"{\"specversion\":\"1.0\",\"data\":null}", "not an object"},
        {"{\"specversion\":\"1.0\",\"data_base64\":\"e30=\"}", "without \"timestamp\""},
        {"{\"specversion\":\"1.0\",\"data_base64\":\"WzFd\"}", "not an object"},
        {"{\"specversion\":\"1.0\",\"data_base64\":\"e30\"}", "not a string of base64"},
        {"{\"specversion\":\"1.0\",\"data_base64\":\"e3=0\"}", "not a string of base64"},
        {"{\"specversion\":\"1.0\",\"data_base64\":\"====\"}", "not a string of base64"},
        {"{\"specversion\":\"1.0\",\"data_base64\":\"e3-_\"}", "not a string of base64"},
        {"{\"specversion\":\"1.0\",\"data_base64\":[\"e30=\"]}", "not a string of base64"},
        {"{\"specversion\":\"1.0\",\"data_base64\":\"\"}", "\"data_base64\" of a CloudEvent:1:"},
        {"{\"specversion\":\"1.0\",\"data_base64\":\"AAAA\"}", "a NUL byte"},
        {"{\"specversion\":\"1.0\",\"data_base64\":\"W1tbW1tbW1tbW1tbW1tbW1s=\"}",
         "nested deeper than 16"},
        {"{\"specversion\":\"1.0\",\"data_base64\":\"e30=\",\"data\":{}}", "both"},
        {"{\"specversion\":\"1.0\",\"datacontenttype\":\"application/avro\",\"data_base64\":"
         "\"e30=\"}",
         "of the type application/avro"},
        {"{\"specversion\":\"1.0\",\"data\":{\"specversion\":\"1.0\",\"data\":" RECORD "}}",
         "without \"timestamp\""}, /* opened once */
    };
    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const evtwin_status st = decode(cases[i].json, t);
        assert_true(st < 0);
        if (strstr(evtwin_last_error(), cases[i].reason) == NULL) {
            fail_msg("'%s' instead of '%s'", evtwin_last_error(), cases[i].reason);
        }
        assert_int_equal(evtwin_table_rows(t), 0);
    }

    /* as many keys as a record may not have */
    char many[4000] = "{\"specversion\":\"1.0\",\"data\":{";
    for (int i = 0; i < 65; i++) {
        const size_t used = strlen(many);
        snprintf(many + used, sizeof many - used, "%s\"k%d\":1", i > 0 ? "," : "", i);
    }
    strcat(many, "}}");
    assert_fails(decode(many, t), EVTWIN_E_PARSE, "65 keys");
    evtwin_table_free(t);
}

/* ---- sinks ---- */

static void lines_come_back(void **state) {
    (void)state;
    const char *path = "cloudevents.jsonl";
    remove(path);
    evtwin_sink *sink = NULL;
    evtwin_source *source = NULL;
    evtwin_table *sent = rows_of(RECORD), *got = NULL;
    assert_ok(evtwin_sink_open("jsonl:cloudevents.jsonl?cloudevents=structured", &sink));
    assert_ok(evtwin_sink_write(sink, sent));
    evtwin_sink_free(sink);

    char line[1000] = "";
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    fclose(f);
    assert_string_equal(
        line, "{\"specversion\":\"1.0\",\"id\":\"B:1/2024-01-01T00:00:00.000000Z/7\",\"source\":"
              "\"/evtwin/B:1\",\"type\":\"io.evtwin.telemetry.v1\",\"time\":"
              "\"2024-01-01T00:00:00.000000Z\",\"datacontenttype\":\"application/json\",\"data\":"
              "{\"timestamp\":\"2024-01-01T00:00:00.000000Z\",\"battery_id\":\"B:1\",\"soc\":50,"
              "\"seq\":7}}\n");

    assert_ok(evtwin_telemetry_table_create(&got));
    assert_ok(evtwin_source_open("jsonl:cloudevents.jsonl", &source));
    assert_ok(evtwin_source_read(source, 10, 1000, got));
    char a[400], b[400];
    assert_ok(evtwin_telemetry_encode(sent, 0, a, sizeof a, NULL));
    assert_ok(evtwin_telemetry_encode(got, 0, b, sizeof b, NULL));
    assert_string_equal(a, b);
    evtwin_source_free(source);
    evtwin_table_free(got);

    /* what is in one file is of one kind */
    assert_fails(evtwin_sink_open("jsonl:cloudevents.jsonl", &sink), EVTWIN_E_SCHEMA,
                 "CloudEvents, as cloudevents=structured");
    assert_fails(
        evtwin_sink_open("jsonl:cloudevents.jsonl?cloudevents=structured&names=vss", &sink),
        EVTWIN_E_SCHEMA, "names=evtwin, not names=vss");
    assert_ok(evtwin_sink_open("jsonl:cloudevents.jsonl?replace=1", &sink));
    assert_ok(evtwin_sink_write(sink, sent));
    evtwin_sink_free(sink);
    assert_fails(evtwin_sink_open("jsonl:cloudevents.jsonl?cloudevents=structured", &sink),
                 EVTWIN_E_SCHEMA, "not CloudEvents");
    evtwin_table_free(sent);
    remove(path);
}

/* An envelope around a record with names of others. */
static void names_and_events_go_together(void **state) {
    (void)state;
    const char *path = "cloudevents-vss.jsonl";
    remove(path);
    evtwin_sink *sink = NULL;
    evtwin_source *source = NULL;
    evtwin_table *sent = rows_of(RECORD), *got = NULL;
    assert_ok(
        evtwin_sink_open("jsonl:cloudevents-vss.jsonl?cloudevents=structured&names=vss", &sink));
    assert_ok(evtwin_sink_write(sink, sent));
    evtwin_sink_free(sink);
    assert_ok(evtwin_telemetry_table_create(&got));
    assert_ok(evtwin_source_open("jsonl:cloudevents-vss.jsonl", &source));
    assert_ok(evtwin_source_read(source, 10, 1000, got));
    char a[400], b[400];
    assert_ok(evtwin_telemetry_encode(sent, 0, a, sizeof a, NULL));
    assert_ok(evtwin_telemetry_encode(got, 0, b, sizeof b, NULL));
    assert_string_equal(a, b);
    evtwin_source_free(source);
    evtwin_table_free(sent);
    evtwin_table_free(got);
    remove(path);
}

static void what_cannot_be_is_said(void **state) {
    (void)state;
    evtwin_sink *sink = NULL;
    assert_fails(evtwin_sink_open("jsonl:x.jsonl?cloudevents=binary", &sink), EVTWIN_E_ARG,
                 "cloudevents=structured");
    assert_fails(evtwin_sink_open("jsonl:x.jsonl?cloudevents=yes", &sink), EVTWIN_E_ARG,
                 "one of none, binary, structured");
#ifdef HAVE_MQTT
    assert_fails(evtwin_sink_open("mqtt://localhost/x?cloudevents=binary&version=3.1.1", &sink),
                 EVTWIN_E_ARG, "needs version=5");
    assert_fails(evtwin_sink_open("mqtt://localhost/x?cloudevents=structured&batch=2", &sink),
                 EVTWIN_E_ARG, "leave batch=2 out");
#endif
#ifdef HAVE_KAFKA
    assert_fails(evtwin_sink_open("kafka://localhost/x?cloudevents=1", &sink), EVTWIN_E_ARG,
                 "one of none");
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_follows_from_the_key_alone),
        cmocka_unit_test(without_a_seq_the_values_count),
        cmocka_unit_test(long_ones_are_whole),
        cmocka_unit_test(a_prediction_is_an_event_of_its_own),
        cmocka_unit_test(a_letter_keeps_its_id_too),
        cmocka_unit_test(envelopes_are_opened),
        cmocka_unit_test(bad_envelopes_are_refused_with_the_reason),
        cmocka_unit_test(lines_come_back),
        cmocka_unit_test(names_and_events_go_together),
        cmocka_unit_test(what_cannot_be_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
