/* SPDX-License-Identifier: MIT */
/* test_kafka_starts.c: where a member of a group begins while a transaction with offsets of the
 * group is open, as one that was killed leaves it. librdkafka's mock keeps no such offsets. */

#include "test.h"

#ifdef HAVE_KAFKA
#include "core/clock.h"
#include "io/kafka.h"

#include <librdkafka/rdkafka.h>

#include <stdlib.h>

enum { N_MESSAGES = 10, N_READ = 5, N_MEMBERS = 3, DEADLINE_MS = 120000 };

static const char topic[] = "test_kafka_starts";

static evtwin__kafka_consumer *join(const evtwin__kafka_config *config) {
    evtwin__kafka_consumer *c = NULL;
    assert_ok(evtwin__kafka_consumer_create(config, "starts", topic, &c));
    return c;
}

/* The offset of the next message, -1 if none comes for a while. */
static int64_t poll(evtwin__kafka_consumer *c) {
    evtwin__kafka_message m;
    const evtwin_status st = evtwin__kafka_poll(c, 200, &m);
    assert_true(st >= 0 || st == EVTWIN_E_AGAIN);
    return st == EVTWIN_OK ? m.offset : -1;
}

static void must(rd_kafka_error_t *error) {
    if (error != NULL) {
        fail_msg("librdkafka: %s", rd_kafka_error_string(error));
    }
}

static evtwin__kafka_producer *start_producer(const evtwin__kafka_config *config,
                                              const char *const *topics) {
    evtwin__kafka_producer *p = NULL;
    const int64_t deadline_ms = evtwin__monotonic_ms() + DEADLINE_MS;
    assert_ok(evtwin__kafka_producer_create(config, "test_kafka_starts", topics, &p));
    evtwin_status st = EVTWIN_E_AGAIN;
    while (st == EVTWIN_E_AGAIN && evtwin__monotonic_ms() < deadline_ms) {
        st = evtwin__kafka_producer_start(p, deadline_ms);
    }
    assert_ok(st);
    return p;
}

static void put_messages(evtwin__kafka_producer *p) {
    const int64_t deadline_ms = evtwin__monotonic_ms() + DEADLINE_MS;
    assert_ok(evtwin__kafka_begin(p));
    for (int i = 0; i < N_MESSAGES; i++) {
        const evtwin__kafka_record record = {.data = "x", .size = 1};
        assert_ok(evtwin__kafka_put(p, 0, &record, deadline_ms));
    }
    assert_ok(evtwin__kafka_end(p, deadline_ms));
}

/* A plain transactional producer that commits the offsets and leaves its transaction open. */
static rd_kafka_t *leave_open(const char *servers, const char *group) {
    const char *const properties[][2] = {{"bootstrap.servers", servers},
                                         {"transactional.id", "test_kafka_starts.killed"},
                                         {"transaction.timeout.ms", "600000"}};
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++) {
        assert_int_equal(
            rd_kafka_conf_set(conf, properties[i][0], properties[i][1], why, sizeof why), 0);
    }
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    assert_non_null(rk);
    must(rd_kafka_init_transactions(rk, DEADLINE_MS));
    must(rd_kafka_begin_transaction(rk));
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(offsets, topic, 0)->offset = N_MESSAGES;
    rd_kafka_consumer_group_metadata_t *member = rd_kafka_consumer_group_metadata_new(group);
    must(rd_kafka_send_offsets_to_transaction(rk, offsets, member, DEADLINE_MS));
    rd_kafka_consumer_group_metadata_destroy(member);
    rd_kafka_topic_partition_list_destroy(offsets);
    return rk;
}

/* Members come while it is not known how far the group has read: none of them may begin anew. */
static void an_open_transaction_is_waited_for(void **state) {
    (void)state;
    const char *servers = getenv("EVTWIN_TEST_KAFKA") + strlen("kafka://");
    const char *const topics[EVTWIN__KAFKA_TOPICS] = {topic, NULL};
    evtwin__kafka_config *config = NULL;
    assert_ok(evtwin__kafka_config_create(servers, &config));
    assert_ok(evtwin__kafka_config_set(config, "session.timeout.ms", "6000"));
    evtwin__kafka_producer *producer = start_producer(config, topics);
    put_messages(producer);

    evtwin__kafka_consumer *first = join(config);
    const int64_t deadline_ms = evtwin__monotonic_ms() + DEADLINE_MS;
    int64_t at = -1;
    while (at < N_READ - 1 && evtwin__monotonic_ms() < deadline_ms) {
        const int64_t offset = poll(first);
        at = offset >= 0 ? offset : at;
    }
    const evtwin__kafka_offset read = {0, N_READ};
    assert_ok(evtwin__kafka_commit(first, &read, 1, deadline_ms));
    evtwin__kafka_consumer_free(first);
    rd_kafka_t *killed = leave_open(servers, "starts");

    /* each one that joins changes the assignment of those that wait */
    evtwin__kafka_consumer *member[N_MEMBERS] = {NULL};
    for (size_t n = 0; n < N_MEMBERS; n++) {
        member[n] = join(config);
        const unsigned before = evtwin__kafka_assignment(member[0]);
        while (evtwin__kafka_assignment(member[n]) == 0 ||
               evtwin__kafka_assignment(member[0]) == before) {
            assert_true(evtwin__monotonic_ms() < deadline_ms);
            for (size_t i = 0; i <= n; i++) {
                assert_int_equal(poll(member[i]), -1);
            }
        }
        for (int i = 0; i < 10; i++) { /* time for a wrong answer */
            assert_int_equal(poll(member[i % (int)(n + 1)]), -1);
        }
    }
    must(rd_kafka_abort_transaction(killed, DEADLINE_MS));
    int64_t begun = -1;
    for (size_t i = 0; begun < 0 && evtwin__monotonic_ms() < deadline_ms; i = (i + 1) % N_MEMBERS) {
        begun = poll(member[i]);
    }
    assert_int_equal(begun, N_READ);
    for (size_t i = 0; i < N_MEMBERS; i++) {
        evtwin__kafka_consumer_free(member[i]);
    }
    rd_kafka_destroy(killed);
    evtwin__kafka_producer_free(producer);
    evtwin__kafka_config_free(config);
}

int main(void) {
    if (getenv("EVTWIN_TEST_KAFKA") == NULL) {
        printf("skipped: EVTWIN_TEST_KAFKA names no broker\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_open_transaction_is_waited_for)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void) {
    puts("skipped: this build has no Kafka");
    return 77;
}
#endif
