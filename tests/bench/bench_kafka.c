/* SPDX-License-Identifier: MIT */
/* bench_kafka.c: records per second into Kafka, committed, beside a bare librdkafka loop that sends
 * payloads that are ready in transactions of the same size, and rdkafka_performance where it is on
 * the PATH, in the same run: on librdkafka's mock cluster, or on the broker of EVTWIN_TEST_KAFKA.
 */

#include "bench.h"

#ifdef HAVE_KAFKA

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

enum { BATCH_ROWS = 1000, N_BATCHES = 100, REPEATS = 3 };

static double measure_ours(const char *servers, const evtwin_table *rows) {
    char uri[400];
    evtwin_sink *sink = NULL;
    snprintf(uri, sizeof uri, "kafka://%s/bench_ours", servers);
    check(evtwin_sink_open(uri, &sink) == 0, "sink");
    while (evtwin_sink_write(sink, rows) < 0) { /* connects */
    }
    const double start_s = now_s();
    for (int i = 0; i < N_BATCHES; i++) {
        check(evtwin_sink_write(sink, rows) == 0, "write");
    }
    const double took_s = now_s() - start_s;
    evtwin_sink_free(sink);
    return N_BATCHES * (double)BATCH_ROWS / took_s;
}

static void must(rd_kafka_error_t *error) {
    if (error != NULL) {
        fprintf(stderr, "librdkafka: %s\n", rd_kafka_error_string(error));
        exit(1);
    }
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char why[200];
    check(rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK, name);
}

/* With one the flush in a commit wakes up at once, without it every 10 ms. */
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk, (void)opaque;
    check(message->err == 0, "delivery");
}

static double measure_bare(const char *servers, char (*text)[512], const size_t *length) {
    char why[200];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", servers);
    set(conf, "transactional.id", "bench-bare");
    set(conf, "message.timeout.ms", "0");
    set(conf, "queue.buffering.max.kbytes", "16384");
    set(conf, "partitioner", "murmur2_random");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, "bench_bare", NULL);
    must(rd_kafka_init_transactions(rk, 30000));
    double start_s = 0.0;
    for (int i = -1; i < N_BATCHES; i++) {
        start_s = i == 0 ? now_s() : start_s;
        must(rd_kafka_begin_transaction(rk));
        for (int k = 0; k < BATCH_ROWS; k++) {
            char key[32];
            const int n = snprintf(key, sizeof key, "BATTERY_%03d", k % BENCH_BATTERIES);
            check(rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, text[k],
                                   length[k], key, (size_t)n, NULL) == 0,
                  "produce");
        }
        must(rd_kafka_commit_transaction(rk, 30000));
    }
    const double took_s = now_s() - start_s;
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    return N_BATCHES * (double)BATCH_ROWS / took_s;
}

/* librdkafka's own example, if it is installed: as many messages of that size, acks=all, without
 * transactions. */
static void run_performance(const char *servers, size_t size) {
    char command[800];
    snprintf(command, sizeof command,
             "rdkafka_performance -P -t bench_performance -b %s -s %zu -c %d -a -1 -q "
             "-X enable.idempotence=true 2> /dev/null | grep delivered",
             servers, size, N_BATCHES * BATCH_ROWS);
    fflush(stdout);
    if (system(command) != 0) {
        printf("rdkafka_performance is not on the PATH\n");
    }
}

int main(void) {
    static char text[BATCH_ROWS][512];
    static size_t length[BATCH_ROWS];
    char servers[300], why[200];
    const char *uri = getenv("EVTWIN_TEST_KAFKA");
    rd_kafka_t *rk = NULL;
    if (uri != NULL && strncmp(uri, "kafka://", 8) == 0) {
        snprintf(servers, sizeof servers, "%s", uri + 8);
    } else {
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        set(conf, "test.mock.num.brokers", "1");
        rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
        rd_kafka_mock_cluster_t *cluster = rd_kafka_handle_mock_cluster(rk);
        rd_kafka_mock_topic_create(cluster, "bench_ours", 6, 1);
        rd_kafka_mock_topic_create(cluster, "bench_bare", 6, 1);
        rd_kafka_mock_topic_create(cluster, "bench_performance", 6, 1);
        snprintf(servers, sizeof servers, "%s", rd_kafka_mock_cluster_bootstraps(cluster));
    }
    evtwin_table *rows = bench_rows(BATCH_ROWS);
    for (size_t i = 0; i < BATCH_ROWS; i++) {
        check(evtwin_telemetry_encode(rows, i, text[i], sizeof text[i], &length[i]) == 0, "text");
    }
    double ours = 0.0, bare = 0.0;
    for (int i = 0; i < REPEATS; i++) {
        const double b = measure_bare(servers, text, length), o = measure_ours(servers, rows);
        bare = b > bare ? b : bare;
        ours = o > ours ? o : ours;
    }
    printf("%s, transactions of %d records\n", rk != NULL ? "mock cluster" : servers, BATCH_ROWS);
    printf("kafka: sink            %8.0f records/s, %.2f times the bare loop\n", ours, ours / bare);
    printf("bare librdkafka %s  %8.0f records/s\n", rd_kafka_version_str(), bare);
    run_performance(servers, length[0]);
    evtwin_table_free(rows);
    if (rk != NULL) {
        rd_kafka_destroy(rk);
    }
    return 0;
}

#else
int main(void) {
    fprintf(stderr, "bench_kafka: this build has no Kafka\n");
    return 0;
}
#endif
