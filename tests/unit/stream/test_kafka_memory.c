/* SPDX-License-Identifier: MIT */
/* test_kafka_memory.c: every allocation of the Kafka files refused in turn: each failure is
 * EVTWIN_E_NOMEM, leaves no block behind, and what was to be written is there once. */

#include "test.h"

#ifdef HAVE_KAFKA
#include "fail_nth.h"
#include "kafka_mock.h"

#include "stream/kafka_position.h"
#include "stream/kafka_progress.h"

#define PROPERTIES "# of a test\nsasl.mechanism = PLAIN\nsasl.username=u\nsasl.password=p\n"

static const evtwin__kafka_offset offset[] = {{0, 17}, {3, 4}};
static const evtwin__kafka_offsets offsets = {"g", "t", "00", offset, 2};

static evtwin_status open_sink(void *uri) {
    evtwin_sink *sink = NULL;
    const evtwin_status st = evtwin_sink_open(uri, &sink);
    evtwin_sink_free(sink);
    return st;
}

static evtwin_status open_source(void *uri) {
    evtwin_source *source = NULL;
    const evtwin_status st = evtwin_source_open(uri, &source);
    evtwin_source_free(source);
    return st;
}

static evtwin_status use_position(void *ctx) {
    (void)ctx;
    evtwin__text text = {0};
    evtwin__kafka_position position;
    evtwin_status st = evtwin__kafka_position_format("c", &offsets, &text);
    st = st < 0 ? st : evtwin__kafka_position_parse(text.data, &position);
    if (st >= 0) {
        evtwin__kafka_position_free(&position);
    }
    evtwin__text_free(&text);
    return st;
}

/* A record is made, read back, and replaced by a later one. */
static evtwin_status use_progress(void *ctx) {
    (void)ctx;
    evtwin__text text = {0};
    evtwin__kafka_progress *progress = NULL;
    size_t key_size = 0;
    evtwin_status st = evtwin__kafka_progress_create("id", &progress);
    st = st < 0 ? st : evtwin__kafka_progress_put(progress, "s", "17", &text, &key_size);
    st = st < 0 ? st
                : evtwin__kafka_progress_take(progress, text.data, key_size, text.data + key_size,
                                              text.size - key_size);
    st = st < 0 ? st : evtwin__kafka_progress_set(progress, "s", "18");
    if (st >= 0) {
        assert_true(evtwin__kafka_progress_covers(progress, "s", "18"));
    }
    evtwin__kafka_progress_free(progress);
    evtwin__text_free(&text);
    return st;
}

static void settings_and_records(void **state) {
    mock *m = *state;
    const char *path = temp_file("props", PROPERTIES);
    char rest[300];
    assert_int_equal(chmod(path, 0600), 0);
    snprintf(rest, sizeof rest, "t?security.protocol=SASL_PLAINTEXT&properties=%s", path);
    assert_true(fail_every_allocation(open_sink, (void *)mock_uri(m, rest)) > 10);
    assert_true(fail_every_allocation(open_source, (void *)mock_uri(m, rest)) > 10);
    assert_true(fail_every_allocation(use_position, NULL) > 5);
    assert_true(fail_every_allocation(use_progress, NULL) > 5);
}

/* ---- clients ---- */

static evtwin_status use_clients(void *servers) {
    static const char *const topics[EVTWIN__KAFKA_TOPICS] = {"t", NULL};
    evtwin__kafka_config *config = NULL;
    evtwin__kafka_producer *producer = NULL;
    evtwin__kafka_consumer *consumer = NULL;
    evtwin__kafka_reader *reader = NULL;
    evtwin_status st = evtwin__kafka_config_create(servers, &config);
    st = st < 0 ? st : evtwin__kafka_producer_create(config, "id", topics, &producer);
    st = st < 0 ? st : evtwin__kafka_consumer_create(config, "g", "t", &consumer);
    st = st < 0 ? st : evtwin__kafka_consumer_keep(consumer, offset, 2);
    st = st < 0 ? st : evtwin__kafka_consumer_keep(consumer, offset, 1);
    st = st < 0 ? st : evtwin__kafka_reader_create(config, "t", &reader);
    evtwin__kafka_reader_free(reader);
    evtwin__kafka_consumer_free(consumer);
    evtwin__kafka_producer_free(producer);
    evtwin__kafka_config_free(config);
    return st;
}

static evtwin_status take_record(void *n, const char *key, size_t key_size, const char *data,
                                 size_t size) {
    (void)key, (void)key_size, (void)data, (void)size;
    ++*(int *)n;
    return EVTWIN_OK;
}

static evtwin_status read_topic(void *servers) {
    evtwin__kafka_config *config = NULL;
    evtwin__kafka_reader *reader = NULL;
    int n = 0;
    evtwin_status st = evtwin__kafka_config_create(servers, &config);
    st = st < 0 ? st : evtwin__kafka_reader_create(config, "whole", &reader);
    st = st < 0 ? st
                : evtwin__kafka_reader_run(reader, take_record, &n, evtwin__monotonic_ms() + 20000);
    assert_true(st < 0 || n == 2);
    evtwin__kafka_reader_free(reader);
    evtwin__kafka_config_free(config);
    return st;
}

static void clients_are_made_and_read(void **state) {
    mock *m = *state;
    mock_topic(m, "whole", 2);
    mock_put(m, "whole", 0, "k", "one", SIZE_MAX);
    mock_put(m, "whole", 1, "k", "two", SIZE_MAX);
    assert_true(fail_every_allocation(use_clients, m->servers) > 5);
    assert_true(fail_every_allocation(read_topic, m->servers) > 3);
}

/* ---- sink ---- */

/* Offer rows until they are taken, with `allocation` requests granted for each call. */
static void deliver(evtwin_sink *sink, const char *source, size_t first, long allocation) {
    char position[32];
    snprintf(position, sizeof position, "%zu", first + 2);
    evtwin_table *rows = mock_rows(first, 2);
    const evtwin_batch batch = {
        .size = sizeof batch, .rows = rows, .source = source, .position = position};
    const int64_t deadline_ms = evtwin__monotonic_ms() + 30000;
    for (evtwin_status st = EVTWIN_E_NOMEM; st < 0; allocation++) {
        fail_nth_countdown = allocation;
        st = evtwin_sink_write_batch(sink, &batch);
        fail_nth_countdown = -1;
        if ((st < 0 && st != EVTWIN_E_NOMEM && st != EVTWIN_E_AGAIN) ||
            evtwin__monotonic_ms() > deadline_ms) {
            fail_msg("%s: %s", evtwin_status_name(st), evtwin_last_error());
        }
    }
    evtwin_table_free(rows);
}

/* The first batch with all that is made on its way, then more by the same producer. */
static void write_batches(mock *m, const char *topic, const char *params, const char *source) {
    enum { N_BATCHES = 4 };
    static char text[65536];
    char rest[100];
    snprintf(rest, sizeof rest, "%s%s", topic, params);
    mock_topic(m, topic, 1);
    fail_nth_countdown = -1;
    fail_nth_live = 0;
    evtwin_set_allocator(fail_nth_realloc, NULL);
    evtwin_sink *sink = NULL;
    assert_ok(evtwin_sink_open(mock_uri(m, rest), &sink));
    for (size_t i = 0; i < N_BATCHES; i++) {
        deliver(sink, source, 2 * i, 0);
    }
    evtwin_sink_free(sink);
    evtwin_set_allocator(NULL, NULL);
    assert_int_equal(fail_nth_live, 0);
    assert_int_equal(mock_read(m, topic, 1, 2 * N_BATCHES, text, sizeof text), 2 * N_BATCHES);
    assert_rows_once(text, 0, 2 * N_BATCHES);
}

static void a_batch_is_there_once(void **state) {
    write_batches(*state, "own", "", "jsonl:x");
}

static void a_batch_with_its_progress_is_there_once(void **state) {
    write_batches(*state, "named", "?transactional_id=n", "jsonl:x");
}

static void letters_are_there_once(void **state) {
    mock *m = *state;
    static char text[65536];
    const evtwin_letter letter = {.size = sizeof letter,
                                  .source = "s",
                                  .place = "t:1",
                                  .status = EVTWIN_E_PARSE,
                                  .reason = "no JSON",
                                  .raw = "{",
                                  .raw_size = 1};
    mock_topic(m, "letters", 1);
    evtwin_sink *sink = NULL;
    assert_ok(evtwin_sink_open(mock_uri(m, "letters"), &sink));
    evtwin_status st = EVTWIN_E_NOMEM;
    const int64_t deadline_ms = evtwin__monotonic_ms() + 30000;
    for (long allocation = 0; st < 0 && evtwin__monotonic_ms() < deadline_ms; allocation++) {
        evtwin_set_allocator(fail_nth_realloc, NULL);
        fail_nth_countdown = allocation;
        st = evtwin_sink_write_letters(sink, &letter, 1);
        fail_nth_countdown = -1;
        evtwin_set_allocator(NULL, NULL);
        assert_true(st >= 0 || st == EVTWIN_E_NOMEM || st == EVTWIN_E_AGAIN);
    }
    evtwin_sink_free(sink);
    assert_int_equal(mock_read(m, "letters", 1, 1, text, sizeof text), 1);
}

/* ---- source ---- */

/* Seek and commit; reading is tried by test_kafka_source.c. */
static evtwin_status seek_and_commit(void *source) {
    evtwin__text text = {0};
    evtwin_status st = evtwin__kafka_position_format("c", &offsets, &text);
    st = st < 0 ? st : evtwin_source_seek(source, text.data);
    st = st < 0 ? st : evtwin_source_commit(source, text.data);
    evtwin__text_free(&text);
    return st;
}

static evtwin_status start_from_a_position(void *uri) {
    evtwin_source *source = NULL;
    evtwin_status st = evtwin_source_open(uri, &source);
    st = st < 0 ? st : seek_and_commit(source);
    st = st < 0 ? st : evtwin_source_check(source, 10000);
    st = st < 0 ? st : seek_and_commit(source) == EVTWIN_E_STATE ? EVTWIN_OK : EVTWIN_E_NOMEM;
    evtwin_source_free(source);
    return st;
}

static void a_source_begins_at_a_position(void **state) {
    mock *m = *state;
    mock_topic(m, "t", 1);
    assert_true(fail_every_allocation(start_from_a_position, (void *)mock_uri(m, "t?group=g")) >
                10);
}

/* Partitions are assigned while there is no memory: the position names the member all the same,
 * without which no sink could commit it. */
static void a_source_knows_who_it_is(void **state) {
    mock *m = *state;
    mock_topic(m, "in", 1);
    mock_put(m, "in", 0, NULL, "{\"timestamp\":1700000000,\"battery_id\":\"A\"}", SIZE_MAX);
    evtwin_source *source = NULL;
    evtwin_table *table = NULL;
    assert_ok(evtwin_source_open(mock_uri(m, "in?group=in"), &source));
    assert_ok(evtwin_telemetry_table_create(&table));
    assert_ok(evtwin_source_read(source, 1, 0, table));
    evtwin_set_allocator(fail_nth_realloc, NULL);
    fail_nth_countdown = 0;
    evtwin_status st = EVTWIN_OK;
    for (int i = 0; i < 100 && st == EVTWIN_OK; i++) {
        st = evtwin_source_read(source, 1, 200, table);
    }
    fail_nth_countdown = -1;
    evtwin_set_allocator(NULL, NULL);
    assert_int_equal(st, EVTWIN_E_NOMEM); /* the record is there */
    assert_ok(evtwin_source_read(source, 1, 0, table));
    assert_int_equal(evtwin_table_rows(table), 1);
    evtwin__kafka_position position;
    assert_ok(evtwin__kafka_position_parse(evtwin_source_position(source), &position));
    assert_true(position.offsets.member[0] != '\0');
    evtwin__kafka_position_free(&position);
    evtwin_source_free(source);
    evtwin_table_free(table);
}

static int start(void **state) {
    static mock m;
    m = mock_start(1);
    mock_topic(&m, EVTWIN__KAFKA_PROGRESS_TOPIC, 1);
    *state = &m;
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_and_records),
        cmocka_unit_test(clients_are_made_and_read),
        cmocka_unit_test(a_batch_is_there_once),
        cmocka_unit_test(a_batch_with_its_progress_is_there_once),
        cmocka_unit_test(letters_are_there_once),
        cmocka_unit_test(a_source_begins_at_a_position),
        cmocka_unit_test(a_source_knows_who_it_is),
    };
    return run_at_once(tests, sizeof tests / sizeof tests[0], start, mock_tear_down);
}
#else
int main(void) {
    puts("skipped: this build has no Kafka");
    return 77;
}
#endif
