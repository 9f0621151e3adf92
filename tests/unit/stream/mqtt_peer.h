/* SPDX-License-Identifier: MIT */
/* mqtt_peer.h: sources and sinks of the broker that EVTWIN_TEST_MQTT names, records for them, and a
 * client that is not ours. */
#ifndef EVTWIN_TEST_MQTT_PEER_H
#define EVTWIN_TEST_MQTT_PEER_H

#include "at_once.h"

#include "core/clock.h"
#include "io/mqtt.h"

enum { PATIENCE_MS = 60000, MAX_SEEN = 600 };

static int n_names;

/* A topic that no other test uses; static memory, one of 4 in turn. */
static inline const char *fresh_topic(void) {
    static char topic[4][64];
    n_names++;
    snprintf(topic[n_names % 4], sizeof topic[0], "test/%d/%d", (int)getpid(), n_names);
    return topic[n_names % 4];
}

/* The broker's URI with topic and parameters; static memory, one of 8 in turn. */
static inline const char *uri_of(const char *topic, const char *params) {
    static char uri[8][400];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(uri[turn], sizeof uri[0], "%s/%s?%s", getenv("EVTWIN_TEST_MQTT"), topic, params);
    return uri[turn];
}

static inline evtwin_sink *open_sink(const char *uri) {
    evtwin_sink *sink = NULL;
    assert_ok(evtwin_sink_open(uri, &sink));
    assert_ok(evtwin_sink_check(sink, PATIENCE_MS));
    return sink;
}

static inline evtwin_source *open_again(const char *uri) {
    evtwin_source *source = NULL;
    assert_ok(evtwin_source_open(uri, &source));
    return source;
}

/* Nothing waits for it; it is subscribed when this returns. */
static inline evtwin_source *open_source(const char *uri) {
    evtwin_source *source = open_again(uri);
    evtwin_table *none = NULL;
    assert_ok(evtwin_telemetry_table_create(&none));
    assert_ok(evtwin_source_check(source, PATIENCE_MS));
    assert_ok(evtwin_source_read(source, 1, 0, none));
    assert_int_equal(evtwin_table_rows(none), 0);
    evtwin_table_free(none);
    return source;
}

/* ---- a client that is not ours: any payload, and all that comes ---- */

typedef struct peer {
    evtwin__mqtt *mqtt;
    char id[32];
    int n_acks, n_seen;
    char topic[MAX_SEEN][96];
    char payload[MAX_SEEN][400];
} peer;

static inline void note_ack(void *ctx, int mid, int reason) {
    (void)mid;
    peer *p = ctx;
    p->n_acks += reason < 128;
}

static inline void note_message(void *ctx, const evtwin__mqtt_message *message) {
    peer *p = ctx;
    if (p->n_seen < MAX_SEEN) {
        snprintf(p->topic[p->n_seen], sizeof p->topic[0], "%s", message->topic);
        snprintf(p->payload[p->n_seen++], sizeof p->payload[0], "%.*s", (int)message->payload_size,
                 message->payload);
    }
}

static inline peer *open_peer(const char *filter) {
    const char *host = strstr(getenv("EVTWIN_TEST_MQTT"), "://") + 3;
    peer *p = calloc(1, sizeof *p);
    snprintf(p->id, sizeof p->id, "peer-%d-%d", (int)getpid(), ++n_names);
    const evtwin__mqtt_options options = {.name = "peer",
                                          .host = "127.0.0.1",
                                          .port = (int)strtol(strchr(host, ':') + 1, NULL, 10),
                                          .client_id = p->id,
                                          .keepalive_s = 60,
                                          .receive_max = 100,
                                          .send_max = 100,
                                          .filter = filter,
                                          .filter_qos = 1,
                                          .on_message = note_message,
                                          .on_ack = note_ack,
                                          .ctx = p};
    assert_ok(evtwin__mqtt_create(&options, &p->mqtt));
    assert_ok(evtwin__mqtt_connect(p->mqtt, PATIENCE_MS));
    return p;
}

static inline void close_peer(peer *p) {
    evtwin__mqtt_free(p->mqtt);
    free(p);
}

static inline void run_peer_until(peer *p, const int *count, int n) {
    const int64_t end_ms = evtwin__monotonic_ms() + PATIENCE_MS;
    while (*count < n && evtwin__monotonic_ms() < end_ms) {
        assert_ok(evtwin__mqtt_run(p->mqtt, 50));
    }
    assert_int_equal(*count, n);
}

/* With QoS 1 until the broker has it. */
static inline void publish_bytes(peer *p, const char *topic, const char *payload, size_t size,
                                 int qos) {
    const evtwin__mqtt_publication publication = {
        .topic = topic, .payload = payload, .payload_size = size, .qos = qos};
    const int n = p->n_acks + 1;
    assert_ok(evtwin__mqtt_publish(p->mqtt, &publication, NULL));
    run_peer_until(p, &p->n_acks, n);
}

static inline void publish(peer *p, const char *topic, const char *payload) {
    publish_bytes(p, topic, payload, strlen(payload), 1);
}

/* ---- records ---- */

static inline const char *record(int number) {
    static char json[4][200];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(json[turn], sizeof json[0],
             "{\"timestamp\":\"2024-01-01T00:00:00Z\",\"battery_id\":\"BATTERY_%03d\","
             "\"soc\":%d,\"seq\":%d}",
             number % 3, number % 100, number);
    return json[turn];
}

static inline evtwin_table *empty_table(void) {
    evtwin_table *table = NULL;
    assert_ok(evtwin_telemetry_table_create(&table));
    return table;
}

static inline evtwin_table *records(int n) {
    evtwin_table *table = empty_table();
    for (int i = 0; i < n; i++) {
        const char *json = record(i);
        assert_ok(evtwin_telemetry_decode(json, strlen(json), EVTWIN_NAIVE_REJECT, table));
    }
    return table;
}

static inline int seq_of(const evtwin_table *table, size_t row) {
    return (int)evtwin_table_number(table, evtwin_table_find(table, "seq"), row);
}

/* Read n rows into the table within the time there is, whatever the size of reads. Where more than n
 * are there, only reads of one row end at n. */
static inline void read_rows(evtwin_source *source, size_t n, size_t max_rows,
                             evtwin_table *table) {
    const int64_t end_ms = evtwin__monotonic_ms() + PATIENCE_MS;
    while (evtwin_table_rows(table) < n && evtwin__monotonic_ms() < end_ms) {
        assert_int_equal(evtwin_source_read(source, max_rows, 200, table), EVTWIN_OK);
    }
    assert_int_equal(evtwin_table_rows(table), n);
}

static inline void commit(evtwin_source *source) {
    assert_ok(evtwin_source_commit(source, evtwin_source_position(source)));
}

static inline void nothing_comes(evtwin_source *source) {
    evtwin_table *table = empty_table();
    assert_int_equal(evtwin_source_read(source, 100, 300, table), EVTWIN_OK);
    assert_int_equal(evtwin_table_rows(table), 0);
    evtwin_table_free(table);
}

#endif
