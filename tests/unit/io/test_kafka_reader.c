/* SPDX-License-Identifier: MIT */
/* test_kafka_reader.c: what a real broker tells of one message of a transaction: librdkafka's mock
 * takes every message for committed. */

#include "test.h"

#ifdef HAVE_KAFKA
#include "core/clock.h"
#include "io/kafka.h"

#include <librdkafka/rdkafka.h>

#include <stdlib.h>

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    assert_int_equal(message->err, 0);
    *(evtwin__kafka_place *)opaque = (evtwin__kafka_place){message->partition, message->offset};
}

typedef struct fixture {
    const char *topic;
    evtwin__kafka_config *config;
    rd_kafka_t *rk; /* a transactional producer */
    evtwin__kafka_place place;
} fixture;

static void must(rd_kafka_error_t *error) {
    if (error != NULL) {
        fail_msg("librdkafka: %s", rd_kafka_error_string(error));
    }
}

static rd_kafka_t *new_producer(fixture *f, const char *servers, const char *id) {
    const char *const properties[][2] = {{"bootstrap.servers", servers}, {"transactional.id", id}};
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(
            rd_kafka_conf_set(conf, properties[i][0], properties[i][1], why, sizeof why), 0);
    }
    rd_kafka_conf_set_opaque(conf, &f->place);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    assert_non_null(rk);
    must(rd_kafka_init_transactions(rk, 30000));
    return rk;
}

/* A message in a new transaction, where it is. */
static evtwin__kafka_place put(fixture *f, rd_kafka_t *rk) {
    must(rd_kafka_begin_transaction(rk));
    assert_int_equal(rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(f->topic), RD_KAFKA_V_PARTITION(0),
                                       RD_KAFKA_V_VALUE((void *)"x", 1), RD_KAFKA_V_END),
                     0);
    assert_int_equal(rd_kafka_flush(rk, 30000), 0);
    return f->place;
}

static evtwin_status find(fixture *f, evtwin__kafka_place place, int timeout_ms) {
    evtwin__kafka_reader *reader = NULL;
    assert_ok(evtwin__kafka_reader_create(f->config, f->topic, &reader));
    const evtwin_status st =
        evtwin__kafka_reader_find(reader, place, evtwin__monotonic_ms() + timeout_ms);
    evtwin__kafka_reader_free(reader);
    return st;
}

static void a_message_is_committed_or_aborted_or_open(void **state) {
    fixture *f = *state;
    const evtwin__kafka_place committed = put(f, f->rk);
    assert_int_equal(find(f, committed, 1000), EVTWIN_E_AGAIN); /* its transaction is open */
    must(rd_kafka_commit_transaction(f->rk, 30000));
    assert_int_equal(find(f, committed, 30000), EVTWIN_OK);

    const evtwin__kafka_place aborted = put(f, f->rk);
    must(rd_kafka_abort_transaction(f->rk, 30000));
    assert_int_equal(find(f, aborted, 30000), EVTWIN_DONE); /* the end of the topic is behind it */
    put(f, f->rk);
    must(rd_kafka_commit_transaction(f->rk, 30000));
    assert_int_equal(find(f, aborted, 30000), EVTWIN_DONE); /* another message is behind it */
    assert_int_equal(find(f, committed, 30000), EVTWIN_OK);

    const evtwin__kafka_place beyond = {0, f->place.offset + 1000};
    assert_fails(find(f, beyond, 30000), EVTWIN_E_NOT_FOUND, f->topic);
}

static int start(void **state) {
    static fixture f = {.topic = "test_kafka_reader"};
    const char *servers = getenv("EVTWIN_TEST_KAFKA") + strlen("kafka://");
    assert_ok(evtwin__kafka_config_create(servers, &f.config));
    f.rk = new_producer(&f, servers, "test_kafka_reader");
    *state = &f;
    return 0;
}

static int stop(void **state) {
    fixture *f = *state;
    rd_kafka_destroy(f->rk);
    evtwin__kafka_config_free(f->config);
    return 0;
}

int main(void) {
    if (getenv("EVTWIN_TEST_KAFKA") == NULL) {
        printf("skipped: EVTWIN_TEST_KAFKA names no broker\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_message_is_committed_or_aborted_or_open)};
    return cmocka_run_group_tests(tests, start, stop);
}
#else
int main(void) {
    puts("skipped: this build has no Kafka");
    return 77;
}
#endif
