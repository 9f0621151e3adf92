/* SPDX-License-Identifier: MIT */
/* test_kafka_sink.c: rows, progress and dead letters in transactions on librdkafka's mock cluster,
 * whatever its brokers answer. */

#include "test.h"

#ifdef HAVE_KAFKA
#include "kafka_mock.h"

#include "stream/kafka_progress.h"

enum { TEXT_SIZE = 1 << 20 };

static char text[TEXT_SIZE];

/* Offer the batch until it is taken. */
static void deliver(evtwin_sink *sink, const evtwin_table *rows, const char *source,
                    const char *position) {
    const evtwin_batch batch = {
        .size = sizeof batch, .rows = rows, .source = source, .position = position};
    const int64_t deadline_ms = evtwin__monotonic_ms() + 60000;
    evtwin_status st;
    while ((st = evtwin_sink_write_batch(sink, &batch)) < 0) {
        if (!evtwin_status_is_temporary(st) || evtwin__monotonic_ms() > deadline_ms) {
            fail_msg("%s: %s", evtwin_status_name(st), evtwin_last_error());
        }
    }
}

static void writes_a_record_a_message(void **state) {
    mock *m = *state;
    mock_topic(m, "plain", 3);
    evtwin_sink *sink = NULL;
    assert_ok(evtwin_sink_open(mock_uri(m, "plain"), &sink));
    evtwin_table *rows = mock_rows(0, 9);
    assert_ok(evtwin_sink_write(sink, rows));
    assert_ok(evtwin_sink_flush(sink));
    assert_int_equal(mock_read(m, "plain", 3, 9, text, sizeof text), 9);
    assert_rows_once(text, 0, 9);
    assert_non_null(
        strstr(text, "1 B1 {\"timestamp\":\"2023-11-14T22:13:21.000000Z\",\"battery_id\":\"B1\","
                     "\"soc\":50,\"seq\":1}\n"));
    char position[64];
    assert_int_equal(evtwin_sink_position(sink, "jsonl:x", position, sizeof position), EVTWIN_DONE);
    evtwin_table_free(rows);
    evtwin_sink_free(sink);
}

static void writes_names_of_other_standards(void **state) {
    mock *m = *state;
    mock_topic(m, "named", 1);
    evtwin_sink *sink = NULL;
    assert_fails(evtwin_sink_open(mock_uri(m, "named?names=iso"), &sink), EVTWIN_E_ARG,
                 "names=iso|evtwin, vss, bdf");
    assert_ok(evtwin_sink_open(mock_uri(m, "named?names=bdf"), &sink));
    evtwin_table *rows = mock_rows(1, 1);
    assert_ok(evtwin_sink_write(sink, rows));
    assert_ok(evtwin_sink_flush(sink));
    assert_int_equal(mock_read(m, "named", 1, 1, text, sizeof text), 1);
    assert_non_null(strstr(text, "B1 {\"unix_time_second\":1700000001,\"battery_id\":\"B1\","
                                 "\"soc\":50,\"seq\":1}\n"));
    evtwin_table_free(rows);
    evtwin_sink_free(sink);
}

/* For readers that know no transactions: nothing but records is in the topic. */
static void writes_without_transactions(void **state) {
    mock *m = *state;
    mock_topic(m, "untied", 2);
    evtwin_sink *sink = NULL;
    char position[64];
    assert_ok(evtwin_sink_open(mock_uri(m, "untied?transactions=0"), &sink));
    assert_int_equal(evtwin_sink_position(sink, "spool:1", position, sizeof position), EVTWIN_DONE);
    for (size_t i = 0; i < 3; i++) {
        rd_kafka_mock_push_request_errors(m->cluster, 0, 2,
                                          RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
                                          RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
        evtwin_table *rows = mock_rows(3 * i, 3);
        deliver(sink, rows, "spool:1", "3");
        evtwin_table_free(rows);
    }
    evtwin_sink_free(sink);
    assert_int_equal(mock_read(m, "untied", 2, 9, text, sizeof text), 9);
    assert_rows_once(text, 0, 9);
    assert_fails(evtwin_sink_open(mock_uri(m, "t?transactions=0&transactional_id=x"), &sink),
                 EVTWIN_E_ARG, "transactions=0");
}

/* As kafka-python's murmur2(key) & 0x7fffffff % 3 says. */
static void records_of_a_battery_go_where_java_puts_them(void **state) {
    mock *m = *state;
    mock_topic(m, "keyed", 3);
    evtwin_sink *sink = NULL;
    assert_ok(evtwin_sink_open(mock_uri(m, "keyed"), &sink));
    evtwin_table *rows = mock_rows(0, 30);
    assert_ok(evtwin_sink_write(sink, rows));
    assert_int_equal(mock_read(m, "keyed", 3, 30, text, sizeof text), 30);

    assert_non_null(strstr(text, "1 B0 {"));
    assert_non_null(strstr(text, "1 B1 {"));
    assert_non_null(strstr(text, "0 B2 {"));

    /* in order within a battery, which its one partition keeps */
    for (size_t b = 0; b < 3; b++) {
        const char *at = text;
        for (size_t i = b; i < 30; i += 3) {
            char seq[40];
            snprintf(seq, sizeof seq, "\"seq\":%zu}", i);
            at = strstr(at, seq);
            assert_non_null(at);
        }
    }
    evtwin_table_free(rows);
    evtwin_sink_free(sink);
}

/* A process after another of the same id finds what that one has written. */
static void knows_what_the_process_before_wrote(void **state) {
    mock *m = *state;
    mock_topic(m, "progress", 2);
    evtwin_sink *sink = NULL;
    char position[64];
    evtwin_table *first = mock_rows(0, 5), *second = mock_rows(5, 5);
    assert_ok(evtwin_sink_open(mock_uri(m, "progress?transactional_id=p1"), &sink));
    assert_int_equal(evtwin_sink_position(sink, "jsonl:x", position, sizeof position), EVTWIN_DONE);
    deliver(sink, first, "jsonl:x", "500");
    deliver(sink, first, "jsonl:x", "500"); /* again: it is there */
    deliver(sink, first, "jsonl:x", "499");
    assert_ok(evtwin_sink_position(sink, "jsonl:x", position, sizeof position));
    assert_string_equal(position, "500");
    evtwin_sink_free(sink);

    assert_ok(evtwin_sink_open(mock_uri(m, "progress?transactional_id=p1"), &sink));
    deliver(sink, first, "jsonl:x", "500");
    assert_ok(evtwin_sink_position(sink, "jsonl:x", position, sizeof position));
    assert_string_equal(position, "500");
    assert_fails(evtwin_sink_position(sink, "jsonl:x", position, 3), EVTWIN_E_RANGE, "4");
    deliver(sink, second, "jsonl:x", "1000");
    evtwin_sink_free(sink);

    /* another id knows nothing of it */
    assert_ok(evtwin_sink_open(mock_uri(m, "progress?transactional_id=p2"), &sink));
    assert_int_equal(evtwin_sink_position(sink, "jsonl:x", position, sizeof position), EVTWIN_DONE);
    evtwin_sink_free(sink);

    assert_int_equal(mock_read(m, "progress", 2, 10, text, sizeof text), 10);
    assert_rows_once(text, 0, 10);
    evtwin_table_free(first);
    evtwin_table_free(second);
}

/* Rows from a spool have an id that lasts, without a parameter. */
static void a_spool_is_known_by_its_name(void **state) {
    mock *m = *state;
    mock_topic(m, "spooled", 1);
    evtwin_table *rows = mock_rows(0, 5);
    for (int process = 0; process < 2; process++) {
        evtwin_sink *sink = NULL;
        assert_ok(evtwin_sink_open(mock_uri(m, "spooled"), &sink));
        deliver(sink, rows, "spool:17ab", "5");
        evtwin_sink_free(sink);
    }
    assert_int_equal(mock_read(m, "spooled", 1, 5, text, sizeof text), 5);
    evtwin_table_free(rows);
}

/* What a broker may answer to a request that carries rows or ends a transaction. The mock shows
 * what was written and not committed, progress too, so there is none here. */
static void survives_what_brokers_answer(void **state) {
    mock *m = *state;
    static const struct {
        int16_t request;
        rd_kafka_resp_err_t error;
    } cases[] = {
        {0, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT},
        {0, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND},
        {0, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION},
        {0, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER},
        {24, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS}, /* AddPartitionsToTxn */
        {24, RD_KAFKA_RESP_ERR_NOT_COORDINATOR},
        {24, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING},
        {26, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS}, /* EndTxn */
        {26, RD_KAFKA_RESP_ERR_NOT_COORDINATOR},
        {26, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT},
        {22, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS}, /* InitProducerId */
    };
    mock_topic(m, "errors", 2);
    evtwin_sink *sink = NULL;
    size_t n = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cases[i].request == 22 || sink == NULL) {
            evtwin_sink_free(sink);
            assert_ok(evtwin_sink_open(mock_uri(m, "errors"), &sink));
        }
        rd_kafka_mock_push_request_errors(m->cluster, cases[i].request, 3, cases[i].error,
                                          cases[i].error, cases[i].error);
        char position[32];
        snprintf(position, sizeof position, "%zu", n + 4);
        evtwin_table *rows = mock_rows(n, 4);
        deliver(sink, rows, "jsonl:x", position);
        evtwin_table_free(rows);
        n += 4;
        rd_kafka_mock_clear_request_errors(m->cluster, cases[i].request);
    }
    evtwin_sink_free(sink);

    /* so only losses can be seen */
    assert_true(mock_read(m, "errors", 2, n, text, sizeof text) >= n);
    for (size_t i = 0; i < n; i++) {
        char seq[40];
        snprintf(seq, sizeof seq, "\"seq\":%zu}", i);
        if (strstr(text, seq) == NULL) {
            fail_msg("row %zu is lost: case %zu", i, i / 4);
        }
    }
}

/* The answer to the end of a transaction takes longer than a write may: the same batch is offered
 * again, and is there once. */
static void a_commit_that_is_late_is_not_repeated(void **state) {
    mock *m = *state;
    mock_topic(m, "late", 1);
    evtwin_sink *sink = NULL;
    assert_ok(evtwin_sink_open(mock_uri(m, "late"), &sink));
    evtwin_table *rows = mock_rows(0, 3), *next = mock_rows(3, 3);
    assert_ok(evtwin_sink_write(sink, rows));
    for (int broker = 1; broker <= 2; broker++) {
        rd_kafka_mock_broker_push_request_error_rtts(m->cluster, broker, 26, 1, 0, 5400);
    }
    assert_fails(evtwin_sink_write(sink, next), EVTWIN_E_AGAIN, "kafka:");
    deliver(sink, next, NULL, NULL);
    rd_kafka_mock_clear_request_errors(m->cluster, 26);
    assert_int_equal(mock_read(m, "late", 1, 6, text, sizeof text), 6);
    assert_rows_once(text, 0, 6);
    evtwin_table_free(rows);
    evtwin_table_free(next);
    evtwin_sink_free(sink);
}

/* The mock lets two of one id write, so its answer to the older one is given here. */
static void the_older_of_two_is_fenced(void **state) {
    mock *m = *state;
    mock_topic(m, "fenced", 1);
    evtwin_sink *older = NULL, *newer = NULL;
    /* so many that the answer comes while they are still being added */
    enum { N_MORE = 5000 };
    evtwin_table *rows = mock_rows(0, 2), *more = mock_rows(2, N_MORE);
    assert_ok(evtwin_sink_open(mock_uri(m, "fenced?transactional_id=f"), &older));
    assert_ok(evtwin_sink_open(mock_uri(m, "fenced?transactional_id=f"), &newer));
    deliver(older, rows, "jsonl:x", "2");
    deliver(newer, rows, "jsonl:x", "2");
    rd_kafka_mock_push_request_errors(m->cluster, 24, 1, RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
    const evtwin_batch batch = {
        .size = sizeof batch, .rows = more, .source = "jsonl:x", .position = "4"};
    assert_fails(evtwin_sink_write_batch(older, &batch), EVTWIN_E_BUSY, "transactional|f");
    assert_fails(evtwin_sink_write_batch(older, &batch), EVTWIN_E_BUSY, "transactional|f");
    deliver(newer, more, "jsonl:x", "4");
    evtwin_sink_free(older);
    evtwin_sink_free(newer);
    assert_int_equal(mock_read(m, "fenced", 1, 2 + N_MORE, text, sizeof text), 2 + N_MORE);
    evtwin_table_free(rows);
    evtwin_table_free(more);
}

/* The brokers fence a transaction that they have timed out: that is no other producer. */
static void a_transaction_that_timed_out_is_written_anew(void **state) {
    mock *m = *state;
    mock_topic(m, "old", 1);
    evtwin_sink *sink = NULL;
    evtwin_table *rows = mock_rows(0, 2);
    assert_ok(evtwin_sink_open(mock_uri(m, "old?transaction.timeout.ms=6000"), &sink));
    for (int broker = 1; broker <= 2; broker++) {
        rd_kafka_mock_broker_push_request_error_rtts(
            m->cluster, broker, 26, 1, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, 4200);
    }
    assert_fails(evtwin_sink_write(sink, rows), EVTWIN_E_AGAIN, "old");
    rd_kafka_mock_clear_request_errors(m->cluster, 26);
    deliver(sink, rows, NULL, NULL);
    evtwin_sink_free(sink);
    evtwin_table_free(rows);
}

static void brokers_that_go_come_back(void **state) {
    mock *m = *state;
    mock_topic(m, "moves", 2);
    evtwin_sink *sink = NULL;
    assert_ok(evtwin_sink_open(mock_uri(m, "moves?transactional_id=moves"), &sink));
    for (int i = 0; i < 6; i++) {
        char position[32];
        snprintf(position, sizeof position, "%d", i);
        rd_kafka_mock_partition_set_leader(m->cluster, "moves", i % 2, 1 + i % 2);
        rd_kafka_mock_broker_set_rtt(m->cluster, 1 + i % 2, 20 * i);
        if (i == 3) {
            rd_kafka_mock_broker_set_down(m->cluster, 1);
            rd_kafka_mock_broker_set_up(m->cluster, 1);
        }
        evtwin_table *rows = mock_rows((size_t)i * 10, 10);
        deliver(sink, rows, "jsonl:x", position);
        evtwin_table_free(rows);
    }
    rd_kafka_mock_broker_set_rtt(m->cluster, 1, 0);
    rd_kafka_mock_broker_set_rtt(m->cluster, 2, 0);
    evtwin_sink_free(sink);
    assert_true(mock_read(m, "moves", 2, 60, text, sizeof text) >= 60);
}

static void keeps_dead_letters(void **state) {
    mock *m = *state;
    mock_topic(m, "letters", 1);
    evtwin_sink *sink = NULL;
    assert_ok(evtwin_sink_open(mock_uri(m, "letters"), &sink));
    const evtwin_letter letters[] = {{.size = sizeof letters[0],
                                      .received_us = 1700000000000000,
                                      .source = "mqtt://h/t",
                                      .place = "t:1",
                                      .status = EVTWIN_E_PARSE,
                                      .reason = "no JSON",
                                      .raw = "{",
                                      .raw_size = 1},
                                     {.size = sizeof letters[0],
                                      .source = "mqtt://h/t",
                                      .place = "t:2",
                                      .status = EVTWIN_E_PARSE,
                                      .reason = "no JSON",
                                      .raw = "\0",
                                      .raw_size = 1}};
    assert_ok(evtwin_sink_write_letters(sink, letters, 2));
    evtwin_sink_free(sink);
    assert_int_equal(mock_read(m, "letters", 1, 2, text, sizeof text), 2);
    const char *first = strstr(text, "0 mqtt://h/t {");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "0 mqtt://h/t {"));
    assert_non_null(strstr(text, "\"t:2\""));
}

static void positions_are_compared(void **state) {
    (void)state;
    evtwin__kafka_progress *p = NULL;
    assert_ok(evtwin__kafka_progress_create("id", &p));
    assert_false(evtwin__kafka_progress_covers(p, "s", "1"));
    assert_ok(evtwin__kafka_progress_set(p, "s", "100"));
    assert_true(evtwin__kafka_progress_covers(p, "s", "100"));
    assert_true(evtwin__kafka_progress_covers(p, "s", "99"));
    assert_false(evtwin__kafka_progress_covers(p, "s", "101"));
    assert_false(evtwin__kafka_progress_covers(p, "other", "1"));
    assert_ok(evtwin__kafka_progress_set(p, "s", "100@abc"));
    assert_true(evtwin__kafka_progress_covers(p, "s", "99@abc"));
    assert_false(evtwin__kafka_progress_covers(p, "s", "99@xyz")); /* of another file */
    assert_ok(evtwin__kafka_progress_set(p, "s", "{\"a\":1}"));
    assert_true(evtwin__kafka_progress_covers(p, "s", "{\"a\":1}"));
    assert_false(evtwin__kafka_progress_covers(p, "s", "{\"a\":0}"));
    evtwin__kafka_progress_free(p);
}

static void count_doubt(void *n_lines, evtwin_log_level level, const char *line) {
    *(int *)n_lines += level == EVTWIN_LOG_WARNING && strstr(line, "may be there twice") != NULL;
}

/* Rows of which it is not known whether they are there come again, with more behind them. */
static void write_broken_and_more(mock *m, const char *topic, const char *rest) {
    mock_topic(m, topic, 1);
    evtwin_sink *sink = NULL;
    evtwin_table *rows = mock_rows(0, 3), *more = mock_rows(0, 5);
    const evtwin_batch batch = {
        .size = sizeof batch, .rows = rows, .source = "jsonl:x", .position = "3"};
    assert_ok(evtwin_sink_open(mock_uri(m, rest), &sink));
    rd_kafka_mock_push_request_errors(m->cluster, 26, 1,
                                      RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    assert_true(evtwin_sink_write_batch(sink, &batch) < 0);
    deliver(sink, more, "jsonl:x", "5"); /* by another producer */
    evtwin_sink_free(sink);
    assert_int_equal(mock_read(m, topic, 1, 5, text, sizeof text), 5);
    assert_rows_once(text, 0, 5);
    evtwin_table_free(rows);
    evtwin_table_free(more);
}

/* Of a right that is missing no retry helps: who asks hears of it. */
static void a_missing_right_is_named(void **state) {
    mock *m = *state;
    mock_topic(m, "denied", 1);
    evtwin_sink *sink = NULL;
    evtwin_table *rows = mock_rows(0, 3);
    assert_ok(evtwin_sink_open(mock_uri(m, "denied"), &sink));
    rd_kafka_mock_push_request_errors(m->cluster, 22, 1,
                                      RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    assert_fails(evtwin_sink_write(sink, rows), EVTWIN_E_DENIED, "kafka|denied");
    deliver(sink, rows, NULL, NULL); /* once it is there */
    evtwin_sink_free(sink);
    evtwin_table_free(rows);
}

/* A broker refuses the end of a transaction for good, so that the producer does not learn whether
 * an earlier try of it was taken. The topic tells: for the mock whatever was sent is committed. */
static void a_commit_that_breaks_is_looked_up(void **state) {
    mock *m = *state;
    evtwin_sink *sink = NULL;
    int n_doubts = 0;
    evtwin_set_log(count_doubt, &n_doubts);
    write_broken_and_more(m, "broken", "broken");
    write_broken_and_more(m, "broken_id", "broken_id?transactional_id=c");
    evtwin_set_log(NULL, NULL);
    assert_int_equal(n_doubts, 0);

    /* letters of a producer whose record says nothing of them */
    const evtwin_letter letter = {
        .size = sizeof letter, .source = "s", .place = "t:1", .status = EVTWIN_E_PARSE, .raw = ""};
    mock_topic(m, "broken_letters", 1);
    assert_ok(evtwin_sink_open(mock_uri(m, "broken_letters?transactional_id=b"), &sink));
    rd_kafka_mock_push_request_errors(m->cluster, 26, 1,
                                      RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    assert_true(evtwin_sink_write_letters(sink, &letter, 1) < 0);
    while (evtwin_sink_write_letters(sink, &letter, 1) < 0) {
    }
    evtwin_sink_free(sink);
    assert_int_equal(mock_read(m, "broken_letters", 1, 1, text, sizeof text), 1);
}

/* What is known to be committed stays known if what follows it in the batch is aborted. */
static void an_abort_does_not_make_a_commit_forgotten(void **state) {
    mock *m = *state;
    mock_topic(m, "front", 1);
    evtwin_sink *sink = NULL;
    evtwin_table *rows = mock_rows(0, 3), *more = mock_rows(0, 5);
    const evtwin_batch longer = {.size = sizeof longer, .rows = more};
    assert_ok(evtwin_sink_open(mock_uri(m, "front"), &sink));
    rd_kafka_mock_push_request_errors(m->cluster, 26, 1,
                                      RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    assert_true(evtwin_sink_write(sink, rows) < 0);
    rd_kafka_mock_push_request_errors(m->cluster, 24, 1,
                                      RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING);
    assert_fails(evtwin_sink_write_batch(sink, &longer), EVTWIN_E_AGAIN, "aborted");
    deliver(sink, more, NULL, NULL);
    evtwin_sink_free(sink);
    assert_int_equal(mock_read(m, "front", 1, 5, text, sizeof text), 5);
    assert_rows_once(text, 0, 5);
    evtwin_table_free(rows);
    evtwin_table_free(more);
}

static int start(void **state) {
    static mock m;
    m = mock_start(2);
    mock_topic(&m, EVTWIN__KAFKA_PROGRESS_TOPIC, 1); /* the mock makes none when asked to */
    *state = &m;
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_a_record_a_message),
        cmocka_unit_test(writes_names_of_other_standards),
        cmocka_unit_test(writes_without_transactions),
        cmocka_unit_test(records_of_a_battery_go_where_java_puts_them),
        cmocka_unit_test(knows_what_the_process_before_wrote),
        cmocka_unit_test(a_spool_is_known_by_its_name),
        cmocka_unit_test(survives_what_brokers_answer),
        cmocka_unit_test(the_older_of_two_is_fenced),
        cmocka_unit_test(keeps_dead_letters),
        cmocka_unit_test(positions_are_compared),
        cmocka_unit_test(a_missing_right_is_named),
        cmocka_unit_test(a_commit_that_breaks_is_looked_up),
        cmocka_unit_test(an_abort_does_not_make_a_commit_forgotten),
        cmocka_unit_test(a_transaction_that_timed_out_is_written_anew),
        cmocka_unit_test(brokers_that_go_come_back),
        cmocka_unit_test(a_commit_that_is_late_is_not_repeated),
    };
    return run_at_once(tests, sizeof tests / sizeof tests[0], start, mock_tear_down);
}
#else
int main(void) {
    puts("skipped: this build has no Kafka");
    return 77;
}
#endif
