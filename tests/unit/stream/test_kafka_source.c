/* SPDX-License-Identifier: MIT */
/* test_kafka_source.c: records from messages of all kinds, offsets, groups and positions on
 * librdkafka's mock cluster, whose groups need 3 s before their first member may read. */

#include "test.h"

#ifdef HAVE_KAFKA
#include "fail_nth.h"
#include "kafka_mock.h"

#include "stream/kafka_position.h"

#define RECORD(id, n) "{\"timestamp\":1700000000,\"battery_id\":\"" id "\",\"seq\":" #n "}"

static evtwin_source *open_source(const mock *m, const char *rest) {
    evtwin_source *source = NULL;
    assert_ok(evtwin_source_open(mock_uri(m, rest), &source));
    return source;
}

/* Read until there are n rows, or a record is refused. */
static evtwin_status read_rows(evtwin_source *source, size_t n, evtwin_table *table) {
    const int64_t deadline_ms = evtwin__monotonic_ms() + 60000;
    evtwin_status st = EVTWIN_OK;
    while (evtwin_table_rows(table) < n && (st == EVTWIN_OK || st == EVTWIN_E_AGAIN)) {
        if (evtwin__monotonic_ms() > deadline_ms) {
            fail_msg("%zu rows after a minute: %s", evtwin_table_rows(table), evtwin_last_error());
        }
        st = evtwin_source_read(source, 100, 200, table);
    }
    return st;
}

static int64_t seq_of(const evtwin_table *t, size_t row) {
    return (int64_t)evtwin_table_number(t, evtwin_table_find(t, "seq"), row);
}

static evtwin_table *new_table(void) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    return t;
}

static void reads_records_and_goes_on_behind_what_is_committed(void **state) {
    mock *m = *state;
    mock_topic(m, "in", 2);
    for (int i = 0; i < 3; i++) {
        mock_put(m, "in", i % 2, NULL, RECORD("A", 1), SIZE_MAX);
    }
    mock_put(m, "in", 0, NULL, "[" RECORD("B", 2) "," RECORD("B", 3) "]", SIZE_MAX);

    evtwin_source *source =
        open_source(m, "in?group=g1&session.timeout.ms=8000&heartbeat.interval.ms=200");
    evtwin_table *t = new_table();
    assert_string_equal(evtwin_source_position(source), "");
    assert_int_equal(read_rows(source, 5, t), EVTWIN_OK);
    evtwin__kafka_position p;
    assert_ok(evtwin__kafka_position_parse(evtwin_source_position(source), &p));
    assert_string_equal(p.offsets.group, "g1");
    assert_string_equal(p.offsets.topic, "in");
    assert_true(p.cluster[0] != '\0' && p.offsets.member[0] != '\0');
    assert_int_equal(p.offsets.n, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(p.offsets.offset[i].next, p.offsets.offset[i].partition == 0 ? 3 : 1);
    }
    evtwin__kafka_position_free(&p);
    char position[1024];
    snprintf(position, sizeof position, "%s", evtwin_source_position(source));
    assert_ok(evtwin_source_commit(source, position));
    evtwin_source_free(source);

    /* the next of the group finds only what is new */
    mock_put(m, "in", 1, NULL, RECORD("C", 9), SIZE_MAX);
    source = open_source(m, "in?group=g1&session.timeout.ms=8000&heartbeat.interval.ms=200");
    assert_ok(evtwin_table_resize(t, 0));
    assert_int_equal(read_rows(source, 1, t), EVTWIN_OK);
    assert_int_equal(seq_of(t, 0), 9);

    char later[1024];
    snprintf(later, sizeof later, "%s", evtwin_source_position(source));
    assert_fails(evtwin_source_seek(source, later), EVTWIN_E_STATE, "read");
    evtwin_source_free(source);

    /* what was not acknowledged comes again, unless a later position was kept */
    mock_put(m, "in", 1, NULL, RECORD("C", 10), SIZE_MAX);
    source = open_source(m, "in?group=g1&session.timeout.ms=8000&heartbeat.interval.ms=200");
    assert_fails(evtwin_source_seek(source, "{}"), EVTWIN_E_PARSE, "cluster");
    assert_fails(evtwin_source_seek(source, "17"), EVTWIN_E_PARSE, "position");
    assert_ok(evtwin_source_seek(source, later));
    assert_ok(evtwin_table_resize(t, 0));
    assert_int_equal(read_rows(source, 1, t), EVTWIN_OK);
    assert_int_equal(seq_of(t, 0), 10);
    evtwin_source_free(source);

    /* the group knows of the position that was kept, if the next one says nothing of a partition */
    source = open_source(m, "in?group=g1&session.timeout.ms=8000&heartbeat.interval.ms=200");
    assert_ok(evtwin_table_resize(t, 0));
    assert_int_equal(read_rows(source, 1, t), EVTWIN_OK);
    assert_int_equal(seq_of(t, 0), 10);
    evtwin_source_free(source);

    source = open_source(m, "in?group=g2");
    assert_fails(evtwin_source_seek(source, later), EVTWIN_E_PARSE, "g1");
    evtwin_source_free(source);
    evtwin_table_free(t);
}

/* Each is passed over with its place, and the stream goes on. */
static void refuses_what_is_no_record(void **state) {
    mock *m = *state;
    static char big[70000], nul[] = "{\"timestamp\":1,\"battery_id\":\"A\",\0\"seq\":1}";
    memset(big, ' ', sizeof big);
    memcpy(big, "{\"timestamp\":1700000000,\"battery_id\":\"A\",\"x\":\"", 46);
    memset(big + 46, 'x', sizeof big - 46);
    memcpy(big + sizeof big - 2, "\"}", 2);
    const struct {
        const char *data;
        size_t size;
        evtwin_status status;
        const char *names;
    } cases[] = {
        {"nonsense", SIZE_MAX, EVTWIN_E_PARSE, ""},
        {"", 0, EVTWIN_E_PARSE, "empty"},
        {NULL, 0, EVTWIN_E_PARSE, "empty"},
        {nul, sizeof nul - 1, EVTWIN_E_PARSE, "NUL"},
        {"{\"timestamp\":1700000000,\"battery_id\":\"\xff\"}", SIZE_MAX, EVTWIN_E_PARSE, "UTF-8"},
        {"{\"timestamp\":1,\"battery_id\":\"A\",\"soc\":1,\"soc\":2}", SIZE_MAX, EVTWIN_E_PARSE,
         "soc"},
        {"{\"timestamp\":1700000000,\"battery_id\":\"A\",\"soc\":1e400}", SIZE_MAX, EVTWIN_E_PARSE,
         ""},
        {"{\"battery_id\":\"A\"}", SIZE_MAX, EVTWIN_E_SCHEMA, "timestamp"},
        {"{\"timestamp\":\"2024-01-01T00:00:00\",\"battery_id\":\"A\"}", SIZE_MAX, EVTWIN_E_PARSE,
         "timestamp"},
        {"{\"timestamp\":1700000000,\"battery_id\":\"a\\nb\"}", SIZE_MAX, EVTWIN_E_PARSE,
         "battery_id"},
        {big, sizeof big, EVTWIN_E_PARSE, "65536"},
        {"[" RECORD("A", 1), SIZE_MAX, EVTWIN_E_PARSE, "array"},
    };
    enum { N = sizeof cases / sizeof cases[0] };
    mock_topic(m, "bad", 1);
    for (size_t i = 0; i < N; i++) {
        mock_put(m, "bad", 0, NULL, cases[i].data, cases[i].size);
    }
    mock_put(m, "bad", 0, NULL, RECORD("A", 77), SIZE_MAX);

    evtwin_source *source = open_source(m, "bad?group=b");
    evtwin_table *t = new_table();
    for (size_t i = 0; i < N; i++) {
        assert_ok(evtwin_table_resize(t, 0));
        const evtwin_status st = read_rows(source, 1, t);
        evtwin_refusal r;
        char place[64];
        snprintf(place, sizeof place, "bad [0] at offset %zu", i);
        if (st != EVTWIN_REFUSED || evtwin_source_refusal(source, &r, sizeof r) != EVTWIN_OK ||
            r.status != cases[i].status || strncmp(r.place, place, strlen(place)) != 0 ||
            !text_names(r.reason, cases[i].names)) {
            fail_msg("case %zu: %s: %s", i, evtwin_status_name(st), evtwin_last_error());
        }
        const size_t size = cases[i].data == NULL       ? 0
                            : cases[i].size == SIZE_MAX ? strlen(cases[i].data)
                                                        : cases[i].size;
        assert_int_equal(r.raw_size, size < 65536 ? size : 65536);
        assert_int_equal(evtwin_table_rows(t), 0);
    }
    /* of the array without an end its record is good */
    assert_int_equal(read_rows(source, 2, t), EVTWIN_OK);
    assert_int_equal(seq_of(t, 0), 1);
    assert_int_equal(seq_of(t, 1), 77);
    evtwin_source_free(source);
    evtwin_table_free(t);
}

/* Of an array only the bad records are refused, all of them before its good ones are given. */
static void an_array_loses_only_its_bad_records(void **state) {
    mock *m = *state;
    mock_topic(m, "array", 1);
    mock_put(m, "array", 0, NULL, RECORD("A", 1), SIZE_MAX);
    mock_put(m, "array", 0, NULL,
             "[" RECORD("A", 2) ",17," RECORD("A", 3) ",{}," RECORD("A", 4) "]", SIZE_MAX);
    mock_put(m, "array", 0, NULL, "[]", SIZE_MAX);
    mock_put(m, "array", 0, NULL, RECORD("A", 5), SIZE_MAX);
    evtwin_source *source = open_source(m, "array?group=a");
    evtwin_table *t = new_table();
    assert_int_equal(read_rows(source, 1, t), EVTWIN_OK);
    assert_int_equal(evtwin_table_rows(t), 1);
    evtwin_refusal r;
    assert_int_equal(read_rows(source, 2, t), EVTWIN_REFUSED);
    assert_ok(evtwin_source_refusal(source, &r, sizeof r));
    assert_string_equal(r.place, "array [0] at offset 1, record 2");
    assert_string_equal(r.raw, "17");
    assert_int_equal(read_rows(source, 2, t), EVTWIN_REFUSED);
    assert_ok(evtwin_source_refusal(source, &r, sizeof r));
    assert_string_equal(r.place, "array [0] at offset 1, record 4");
    assert_int_equal(r.status, EVTWIN_E_SCHEMA);

    /* a batch has room for two of the three */
    assert_ok(evtwin_source_read(source, 2, 1000, t));
    assert_int_equal(evtwin_table_rows(t), 3);
    evtwin__kafka_position p;
    assert_ok(evtwin__kafka_position_parse(evtwin_source_position(source), &p));
    assert_int_equal(p.offsets.offset[0].next, 1); /* the message is not given to its end */
    evtwin__kafka_position_free(&p);
    assert_int_equal(read_rows(source, 5, t), EVTWIN_OK);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(seq_of(t, i), i + 1);
    }
    evtwin_source_free(source);
    evtwin_table_free(t);
}

/* What was read is given or read again, whatever allocation fails. */
static void nothing_is_lost_for_want_of_memory(void **state) {
    mock *m = *state;
    enum { N = 400 };
    mock_topic(m, "scarce", 1);
    for (int i = 0; i < N; i++) {
        char text[200];
        snprintf(text, sizeof text,
                 i % 2 == 0 ? "{\"timestamp\":%d,\"battery_id\":\"A\",\"seq\":%d}"
                            : "[{\"timestamp\":%d,\"battery_id\":\"A\",\"seq\":%d}]",
                 1700000000 + i, i);
        mock_put(m, "scarce", 0, NULL, text, SIZE_MAX);
    }
    evtwin_source *source = open_source(m, "scarce?group=scarce");
    evtwin_table *t = new_table();
    assert_int_equal(read_rows(source, 1, t), EVTWIN_OK);
    int64_t next = seq_of(t, evtwin_table_rows(t) - 1) + 1;
    long n_failed = 0;
    evtwin_table_free(t);
    for (long allocation = 0; next < N; allocation++) {
        t = new_table();
        evtwin_set_allocator(fail_nth_realloc, NULL);
        fail_nth_countdown = allocation;
        fail_nth_refused = 0;
        const evtwin_status st = evtwin_source_read(source, 3, 1000, t);
        fail_nth_countdown = -1;
        evtwin_set_allocator(NULL, NULL);
        assert_true(st == EVTWIN_OK || st == EVTWIN_E_NOMEM);
        n_failed += fail_nth_refused;
        for (size_t row = 0; row < evtwin_table_rows(t); row++) {
            assert_int_equal(seq_of(t, row), next++);
        }
        evtwin_table_free(t);
    }
    assert_true(n_failed > 10);
    evtwin__kafka_position p;
    assert_ok(evtwin__kafka_position_parse(evtwin_source_position(source), &p));
    assert_int_equal(p.offsets.offset[0].next, N);
    evtwin__kafka_position_free(&p);
    evtwin_source_free(source);
}

/* Are records first to first + n - 1 among the rows? */
static int has_seqs(const evtwin_table *t, int64_t first, int64_t n) {
    int64_t n_found = 0;
    for (int64_t seq = first; seq < first + n; seq++) {
        size_t row = 0;
        while (row < evtwin_table_rows(t) && seq_of(t, row) != seq) {
            row++;
        }
        n_found += row < evtwin_table_rows(t);
    }
    return n_found == n;
}

/* What one reader has in hand when its partition goes is the other's, from what is committed on. */
static void a_group_shares_and_takes_over(void **state) {
    mock *m = *state;
    mock_topic(m, "shared", 4);
    evtwin_source *one =
        open_source(m, "shared?group=s&session.timeout.ms=8000&heartbeat.interval.ms=200");
    evtwin_table *t = new_table(), *u = new_table();
    mock_put(m, "shared", 0, NULL, RECORD("A", 1), SIZE_MAX);
    assert_int_equal(read_rows(one, 1, t), EVTWIN_OK);
    char old[1024];
    snprintf(old, sizeof old, "%s", evtwin_source_position(one));

    /* the second comes: both get two partitions */
    evtwin_source *two =
        open_source(m, "shared?group=s&session.timeout.ms=8000&heartbeat.interval.ms=200");
    static const char *const data[] = {RECORD("A", 10), RECORD("A", 11), RECORD("A", 12),
                                       RECORD("A", 13)};
    for (int i = 0; i < 4; i++) {
        mock_put(m, "shared", i, NULL, data[i], SIZE_MAX);
    }
    const int64_t deadline_ms = evtwin__monotonic_ms() + 60000;
    while (evtwin_table_rows(u) < 2 && evtwin__monotonic_ms() < deadline_ms) {
        assert_ok(evtwin_source_read(one, 100, 50, t));
        assert_ok(evtwin_source_read(two, 100, 50, u));
    }
    assert_true(evtwin_table_rows(u) >= 2);

    /* a position of the time before says nothing about the partitions of now; and when the first
     * has gone, the second has all */
    assert_ok(evtwin_source_commit(one, old));
    evtwin_source_free(one);
    while (!has_seqs(u, 10, 4) && evtwin__monotonic_ms() < deadline_ms) {
        assert_ok(evtwin_source_read(two, 100, 50, u));
    }
    assert_true(has_seqs(u, 10, 4));
    evtwin_source_free(two);
    evtwin_table_free(t);
    evtwin_table_free(u);
}

/* Another has its group.instance.id: nothing comes any more, which must not look like silence. */
static void a_reader_that_was_replaced_says_so(void **state) {
    mock *m = *state;
    mock_topic(m, "replaced", 1);
    mock_put(m, "replaced", 0, NULL, RECORD("A", 1), SIZE_MAX);
    evtwin_source *source =
        open_source(m, "replaced?group=r&group.instance.id=x&heartbeat.interval.ms=100");
    evtwin_table *t = new_table();
    assert_int_equal(read_rows(source, 1, t), EVTWIN_OK);
    enum { HEARTBEAT = 12 };
    rd_kafka_mock_push_request_errors(m->cluster, HEARTBEAT, 1,
                                      RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID);
    evtwin_status st = EVTWIN_OK;
    for (int i = 0; i < 50 && st == EVTWIN_OK; i++) {
        st = evtwin_source_read(source, 100, 200, t);
    }
    assert_int_equal(st, EVTWIN_E_AGAIN);
    assert_fails(evtwin_source_read(source, 100, 200, t), EVTWIN_E_AGAIN, "group.instance.id");
    evtwin_source_free(source);
    evtwin_table_free(t);
}

static void waits_for_what_is_not_there(void **state) {
    mock *m = *state;
    evtwin_source *source = NULL;
    evtwin_table *t = new_table();
    assert_ok(evtwin_source_open("kafka://127.0.0.1:1/t", &source));
    assert_fails(evtwin_source_check(source, 300), EVTWIN_E_AGAIN, "127.0.0.1:1");
    evtwin_status st = EVTWIN_OK;
    for (int i = 0; i < 50 && st == EVTWIN_OK; i++) {
        st = evtwin_source_read(source, 10, 100, t);
    }
    assert_int_equal(st, EVTWIN_E_AGAIN);
    assert_true(text_names(evtwin_last_error(), "127.0.0.1:1"));
    evtwin_source_free(source);

    source = open_source(m, "later?group=l");
    assert_fails(evtwin_source_check(source, 3000), EVTWIN_E_NOT_FOUND, "later");
    evtwin_source_free(source);

    assert_fails(evtwin_source_open(mock_uri(m, "t?transactional_id=x"), &source), EVTWIN_E_ARG,
                 "transactional_id");
    assert_fails(evtwin_source_open(mock_uri(m, "t?group="), &source), EVTWIN_E_ARG, "group");
    assert_fails(evtwin_source_open(mock_uri(m, "t?enable.auto.commit=true"), &source),
                 EVTWIN_E_ARG, "enable.auto.commit");
    assert_fails(evtwin_source_open(mock_uri(m, "t?naive_time=gmt"), &source), EVTWIN_E_ARG,
                 "naive_time=gmt");
    evtwin_table_free(t);
}

/* A pump from topic to topic: the offsets go with the rows, and no other commit is needed. */
static void from_topic_to_topic_in_one_transaction(void **state) {
    mock *m = *state;
    mock_topic(m, "from", 1);
    mock_topic(m, "to", 1);
    for (int i = 0; i < 5; i++) {
        mock_put(m, "from", 0, NULL, RECORD("A", 1), SIZE_MAX);
    }
    evtwin_pump *pump = NULL;
    evtwin_sink *sink = NULL;
    assert_ok(evtwin_pump_create(NULL, &pump));
    assert_ok(evtwin_pump_take_source(pump, open_source(m, "from?group=f")));
    assert_ok(evtwin_sink_open(mock_uri(m, "to"), &sink));
    assert_ok(evtwin_pump_take_sink(pump, sink));

    /* a plain commit of offsets would fail, and the pump with it */
    rd_kafka_mock_push_request_errors(m->cluster, 8, 1,
                                      RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    evtwin_pump_stats stats = {.size = sizeof stats};
    const int64_t deadline_ms = evtwin__monotonic_ms() + 60000;
    while (stats.n_written < 5 && evtwin__monotonic_ms() < deadline_ms) {
        size_t n = 0;
        const evtwin_status st = evtwin_pump_run_once(pump, 200, &n);
        assert_true(st >= 0 || st == EVTWIN_E_AGAIN);
        assert_ok(evtwin_pump_stats_get(pump, &stats, sizeof stats));
    }
    assert_int_equal(stats.n_written, 5);
    assert_ok(evtwin_pump_finish(pump));
    evtwin_pump_free(pump);
    rd_kafka_mock_clear_request_errors(m->cluster, 8);
    static char text[4096];
    assert_int_equal(mock_read(m, "to", 1, 5, text, sizeof text), 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_records_and_goes_on_behind_what_is_committed),
        cmocka_unit_test(refuses_what_is_no_record),
        cmocka_unit_test(an_array_loses_only_its_bad_records),
        cmocka_unit_test(nothing_is_lost_for_want_of_memory),
        cmocka_unit_test(a_group_shares_and_takes_over),
        cmocka_unit_test(a_reader_that_was_replaced_says_so),
        cmocka_unit_test(waits_for_what_is_not_there),
        cmocka_unit_test(from_topic_to_topic_in_one_transaction),
    };
    return run_at_once(tests, sizeof tests / sizeof tests[0], mock_set_up, mock_tear_down);
}
#else
int main(void) {
    puts("skipped: this build has no Kafka");
    return 77;
}
#endif
