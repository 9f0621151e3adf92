/* SPDX-License-Identifier: MIT */
/* tests/unit/stream/kafka_mock.h: librdkafka's mock cluster, and a plain producer and reader of it.
 */
#ifndef EVTWIN_TEST_KAFKA_MOCK_H
#define EVTWIN_TEST_KAFKA_MOCK_H

#include "at_once.h"

#include "core/clock.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

typedef struct mock {
    rd_kafka_t *rk; /* a producer; the cluster lives in it */
    rd_kafka_mock_cluster_t *cluster;
    char servers[256];
} mock;

static inline void mock_property(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) {
        fail_msg("%s: %s", name, why);
    }
}

static inline mock mock_start(int n_brokers) {
    mock m = {.rk = NULL};
    char why[256], n[16];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    snprintf(n, sizeof n, "%d", n_brokers);
    mock_property(conf, "test.mock.num.brokers", n);
    mock_property(conf, "linger.ms", "0");
    rd_kafka_conf_set_log_cb(conf, NULL);
    m.rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    assert_non_null(m.rk);
    m.cluster = rd_kafka_handle_mock_cluster(m.rk);
    assert_non_null(m.cluster);
    snprintf(m.servers, sizeof m.servers, "%s", rd_kafka_mock_cluster_bootstraps(m.cluster));
    return m;
}

static inline void mock_stop(mock *m) {
    rd_kafka_destroy(m->rk);
}

static inline void mock_topic(mock *m, const char *topic, int n_partitions) {
    assert_int_equal(rd_kafka_mock_topic_create(m->cluster, topic, n_partitions, 1), 0);
}

/* size SIZE_MAX: a text; data NULL: a tombstone. */
static inline void mock_put(mock *m, const char *topic, int partition, const char *key,
                            const char *data, size_t size) {
    size = size == SIZE_MAX ? strlen(data) : size;
    const size_t key_size = key != NULL ? strlen(key) : 0;
    assert_int_equal(
        rd_kafka_producev(m->rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                          RD_KAFKA_V_KEY(key, key_size), RD_KAFKA_V_VALUE((void *)data, size),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
        0);
    assert_int_equal(rd_kafka_flush(m->rk, 10000), 0);
}

/* Every message of a topic of n_partitions, as "PARTITION KEY VALUE" lines, at most `expected` of
 * them: it returns once they are there. The mock gives those of aborted transactions too. */
static inline size_t mock_read(mock *m, const char *topic, int n_partitions, size_t expected,
                               char *text, size_t text_size) {
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    mock_property(conf, "bootstrap.servers", m->servers);
    mock_property(conf, "group.id", "reader");
    mock_property(conf, "isolation.level", "read_uncommitted");
    mock_property(conf, "enable.partition.eof", "true");
    mock_property(conf, "fetch.wait.max.ms", "10");
    rd_kafka_conf_set_log_cb(conf, NULL);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    assert_non_null(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(n_partitions);
    for (int i = 0; i < n_partitions; i++) {
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    assert_int_equal(rd_kafka_assign(rk, list), 0);
    rd_kafka_topic_partition_list_destroy(list);
    size_t n = 0;
    int n_ends = 0;
    text[0] = '\0';
    const int64_t deadline_ms = evtwin__monotonic_ms() + 60000;
    while ((n < expected || n_ends < n_partitions) && evtwin__monotonic_ms() < deadline_ms) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 100);
        if (message == NULL) {
            continue;
        }
        n_ends += message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (message->err == 0) {
            const size_t used = strlen(text);
            snprintf(text + used, text_size - used, "%d %.*s %.*s\n", (int)message->partition,
                     (int)message->key_len, message->key != NULL ? (const char *)message->key : "",
                     (int)message->len, (const char *)message->payload);
            n++;
        }
        rd_kafka_message_destroy(message);
    }
    rd_kafka_destroy(rk);
    return n;
}

/* "kafka://SERVERS/REST"; static memory, one of 4 in turn. */
static inline const char *mock_uri(const mock *m, const char *rest) {
    static char uri[4][1024];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(uri[turn], sizeof uri[turn], "kafka://%s/%s", m->servers, rest);
    return uri[turn];
}

/* n rows of battery "B<first % 3>", one a second from row number `first` on. */
static inline evtwin_table *mock_rows(size_t first, size_t n) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    for (size_t i = first; i < first + n; i++) {
        char text[200];
        snprintf(text, sizeof text,
                 "{\"timestamp\":%zu,\"battery_id\":\"B%zu\",\"soc\":50,\"seq\":%zu}",
                 1700000000 + i, i % 3, i);
        assert_ok(evtwin_telemetry_decode(text, strlen(text), EVTWIN_NAIVE_UTC, t));
    }
    return t;
}

/* Does the text hold each number of rows first to first + n - 1 exactly once? */
static inline void assert_rows_once(const char *text, size_t first, size_t n) {
    for (size_t i = first; i < first + n; i++) {
        char seq[40];
        snprintf(seq, sizeof seq, "\"seq\":%zu}", i);
        const char *at = strstr(text, seq);
        if (at == NULL) {
            fail_msg("row %zu is lost", i);
        }
        if (strstr(at + 1, seq) != NULL) {
            fail_msg("row %zu is there twice", i);
        }
    }
}

/* Set up a cluster of one broker; and tear one down. */
static inline int mock_set_up(void **state) {
    static mock m;
    m = mock_start(1);
    *state = &m;
    return 0;
}

static inline int mock_tear_down(void **state) {
    mock_stop(*state);
    return 0;
}

#endif
