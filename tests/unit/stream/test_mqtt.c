/* SPDX-License-Identifier: MIT */
/* test_mqtt.c: mqtt: beside a real broker (EVTWIN_TEST_MQTT): what is sent is read, acknowledged
 * when it is committed and not before, refused by name, confirmed by receipts. */

#include "at_once.h"

#ifdef HAVE_MQTT

#include "core/clock.h"
#include "io/mqtt.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

enum { PATIENCE_MS = 60000, MAX_SEEN = 600 };

static int n_names;

/* A topic that no other test uses; static memory, one of 4 in turn. */
static const char *fresh_topic(void) {
    static char topic[4][64];
    n_names++;
    snprintf(topic[n_names % 4], sizeof topic[0], "test/%d/%d", (int)getpid(), n_names);
    return topic[n_names % 4];
}

/* The broker's URI with topic and parameters; static memory, one of 8 in turn. */
static const char *uri_of(const char *topic, const char *params) {
    static char uri[8][400];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(uri[turn], sizeof uri[0], "%s/%s?%s", getenv("EVTWIN_TEST_MQTT"), topic, params);
    return uri[turn];
}

static evtwin_sink *open_sink(const char *uri) {
    evtwin_sink *sink = NULL;
    assert_ok(evtwin_sink_open(uri, &sink));
    assert_ok(evtwin_sink_check(sink, PATIENCE_MS));
    return sink;
}

static evtwin_source *open_again(const char *uri) {
    evtwin_source *source = NULL;
    assert_ok(evtwin_source_open(uri, &source));
    return source;
}

/* Nothing waits for it; it is subscribed when this returns. */
static evtwin_source *open_source(const char *uri) {
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

static void note_ack(void *ctx, int mid, int reason) {
    (void)mid;
    peer *p = ctx;
    p->n_acks += reason < 128;
}

static void note_message(void *ctx, const evtwin__mqtt_message *message) {
    peer *p = ctx;
    if (p->n_seen < MAX_SEEN) {
        snprintf(p->topic[p->n_seen], sizeof p->topic[0], "%s", message->topic);
        snprintf(p->payload[p->n_seen++], sizeof p->payload[0], "%.*s", (int)message->payload_size,
                 message->payload);
    }
}

static peer *open_peer(const char *filter) {
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

static void close_peer(peer *p) {
    evtwin__mqtt_free(p->mqtt);
    free(p);
}

static void run_peer_until(peer *p, const int *count, int n) {
    const int64_t end_ms = evtwin__monotonic_ms() + PATIENCE_MS;
    while (*count < n && evtwin__monotonic_ms() < end_ms) {
        assert_ok(evtwin__mqtt_run(p->mqtt, 50));
    }
    assert_int_equal(*count, n);
}

/* With QoS 1 until the broker has it. */
static void publish_bytes(peer *p, const char *topic, const char *payload, size_t size, int qos) {
    const evtwin__mqtt_publication publication = {
        .topic = topic, .payload = payload, .payload_size = size, .qos = qos};
    const int n = p->n_acks + 1;
    assert_ok(evtwin__mqtt_publish(p->mqtt, &publication, NULL));
    run_peer_until(p, &p->n_acks, n);
}

static void publish(peer *p, const char *topic, const char *payload) {
    publish_bytes(p, topic, payload, strlen(payload), 1);
}

/* ---- records ---- */

static const char *record(int number) {
    static char json[4][200];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(json[turn], sizeof json[0],
             "{\"timestamp\":\"2024-01-01T00:00:00Z\",\"battery_id\":\"BATTERY_%03d\","
             "\"soc\":%d,\"seq\":%d}",
             number % 3, number % 100, number);
    return json[turn];
}

static evtwin_table *empty_table(void) {
    evtwin_table *table = NULL;
    assert_ok(evtwin_telemetry_table_create(&table));
    return table;
}

static evtwin_table *records(int n) {
    evtwin_table *table = empty_table();
    for (int i = 0; i < n; i++) {
        const char *json = record(i);
        assert_ok(evtwin_telemetry_decode(json, strlen(json), EVTWIN_NAIVE_REJECT, table));
    }
    return table;
}

static int seq_of(const evtwin_table *table, size_t row) {
    return (int)evtwin_table_number(table, evtwin_table_find(table, "seq"), row);
}

/* Read n rows into the table within the time there is, whatever the size of reads. */
static void read_rows(evtwin_source *source, size_t n, size_t max_rows, evtwin_table *table) {
    const int64_t end_ms = evtwin__monotonic_ms() + PATIENCE_MS;
    while (evtwin_table_rows(table) < n && evtwin__monotonic_ms() < end_ms) {
        assert_int_equal(evtwin_source_read(source, max_rows, 200, table), EVTWIN_OK);
    }
    assert_int_equal(evtwin_table_rows(table), n);
}

static void commit(evtwin_source *source) {
    assert_ok(evtwin_source_commit(source, evtwin_source_position(source)));
}

static void nothing_comes(evtwin_source *source) {
    evtwin_table *table = empty_table();
    assert_int_equal(evtwin_source_read(source, 100, 300, table), EVTWIN_OK);
    assert_int_equal(evtwin_table_rows(table), 0);
    evtwin_table_free(table);
}

/* ---- there and back ---- */

static void what_is_written_is_read(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    evtwin_source *source = open_source(uri_of(topic, "clean=1"));
    evtwin_sink *sink = open_sink(uri_of(topic, ""));
    evtwin_table *sent = records(250), *got = empty_table();
    evtwin_sink_free(sink);
    sink = open_sink(uri_of(topic, "inflight=50"));
    assert_ok(evtwin_sink_write(sink, sent));
    while (evtwin_table_rows(got) < 250) { /* the broker sends 20 before they are acknowledged */
        read_rows(source, evtwin_table_rows(got) + 1, 1, got);
        commit(source);
    }
    for (size_t i = 0; i < 250; i++) {
        assert_int_equal(seq_of(got, i), i);
        char a[400], b[400];
        assert_ok(evtwin_telemetry_encode(sent, i, a, sizeof a, NULL));
        assert_ok(evtwin_telemetry_encode(got, i, b, sizeof b, NULL));
        assert_string_equal(a, b);
    }
    nothing_comes(source);
    evtwin_table_free(sent);
    evtwin_table_free(got);
    evtwin_sink_free(sink);
    evtwin_source_free(source);
}

static void many_records_go_in_one_message(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    peer *p = open_peer(topic);
    evtwin_sink *sink = open_sink(uri_of(topic, "batch=3"));
    evtwin_source *source = open_source(uri_of(topic, "clean=1"));
    evtwin_table *sent = records(7), *got = empty_table();
    assert_ok(evtwin_sink_write(sink, sent));
    run_peer_until(p, &p->n_seen, 3);
    assert_int_equal(p->payload[0][0], '[');
    assert_non_null(strstr(p->payload[0], "\"seq\":2"));
    assert_int_equal(p->payload[2][0], '['); /* also round a single one */

    /* rows of a message may be read in pieces; it is acknowledged when all of them are committed */
    read_rows(source, 2, 2, got);
    commit(source);
    read_rows(source, 7, 2, got);
    commit(source);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(seq_of(got, i), i);
    }
    evtwin_table_free(sent);
    evtwin_table_free(got);
    evtwin_source_free(source);
    evtwin_sink_free(sink);
    close_peer(p);
}

static void each_battery_has_its_topic(void **state) {
    (void)state;
    char filter[96], pattern[96];
    const char *topic = fresh_topic();
    snprintf(filter, sizeof filter, "%s/+/telemetry", topic);
    snprintf(pattern, sizeof pattern, "%s/{battery_id}/telemetry", topic);
    peer *p = open_peer(filter);
    evtwin_sink *sink = open_sink(uri_of(pattern, "batch=10"));
    evtwin_table *sent = records(7);
    assert_ok(evtwin_sink_write(sink, sent));
    run_peer_until(p, &p->n_seen, 3);
    for (int i = 0; i < 3; i++) {
        char expected[128], id[32];
        snprintf(expected, sizeof expected, "%s/BATTERY_%03d/telemetry", topic, i);
        assert_string_equal(p->topic[i], expected);
        snprintf(id, sizeof id, "BATTERY_%03d", (i + 1) % 3);
        assert_null(strstr(p->payload[i], id)); /* of no other battery */
    }
    evtwin_table_free(sent);
    evtwin_sink_free(sink);
    close_peer(p);
}

static void a_topic_names_the_battery_of_a_record_that_does_not(void **state) {
    (void)state;
    char filter[96], topic[96];
    const char *base = fresh_topic();
    snprintf(filter, sizeof filter, "%s/+/telemetry", base);
    snprintf(topic, sizeof topic, "%s/CAR_7/telemetry", base);
    peer *p = open_peer(NULL);
    evtwin_source *source = open_source(uri_of(filter, "clean=1"));
    evtwin_table *got = empty_table();
    publish(p, topic, "[{\"timestamp\":\"2024-01-01T00:00:00Z\",\"soc\":5}]");
    publish(p, topic, record(1)); /* its own name counts */
    read_rows(source, 2, 100, got);
    const size_t col = evtwin_table_find(got, "battery_id");
    assert_string_equal(evtwin_table_text(got, col, 0), "CAR_7");
    assert_string_equal(evtwin_table_text(got, col, 1), "BATTERY_001");
    evtwin_table_free(got);
    evtwin_source_free(source);
    close_peer(p);
}

static void refused_records_are_messages_too(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    peer *p = open_peer(topic);
    evtwin_sink *sink = open_sink(uri_of(topic, ""));
    const evtwin_letter letters[2] = {{.size = sizeof letters[0],
                                       .source = "s",
                                       .place = "a:1",
                                       .status = EVTWIN_E_PARSE,
                                       .reason = "r",
                                       .raw = "x",
                                       .raw_size = 1},
                                      {.size = sizeof letters[0],
                                       .source = "s",
                                       .place = "a:2",
                                       .status = EVTWIN_E_PARSE,
                                       .reason = "r",
                                       .raw = "\xff",
                                       .raw_size = 1}};
    assert_ok(evtwin_sink_write_letters(sink, letters, 2));
    run_peer_until(p, &p->n_seen, 2);
    assert_non_null(strstr(p->payload[0], "\"a:1\""));
    assert_non_null(strstr(p->payload[1], "raw_base64"));
    evtwin_sink_free(sink);
    sink = open_sink(uri_of("a/{battery_id}", ""));
    assert_fails(evtwin_sink_write_letters(sink, letters, 2), EVTWIN_E_ARG, "{battery_id}");
    evtwin_sink_free(sink);
    close_peer(p);
}

/* ---- acknowledged by commit, and not before ---- */

static void what_is_not_committed_comes_again(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    const char *uri = uri_of(topic, "");
    peer *p = open_peer(NULL);
    evtwin_source *source = open_source(uri);
    for (int i = 0; i < 5; i++) {
        publish(p, topic, record(i));
    }
    evtwin_table *got = empty_table();
    read_rows(source, 5, 5, got);
    evtwin_source_free(source); /* without a commit */

    source = open_again(uri);
    assert_ok(evtwin_table_resize(got, 0));
    read_rows(source, 5, 3, got);
    assert_int_equal(seq_of(got, 4), 4);
    commit(source);
    evtwin_source_free(source);

    source = open_again(uri); /* it is the same one for the broker: what came meanwhile is there */
    publish(p, topic, record(9));
    assert_ok(evtwin_table_resize(got, 0));
    read_rows(source, 1, 100, got);
    assert_int_equal(seq_of(got, 0), 9);
    commit(source);
    nothing_comes(source);
    assert_fails(evtwin_source_commit(source, "1:1"), EVTWIN_E_ARG, "1:1");
    evtwin_source_free(source);
    evtwin_table_free(got);
    close_peer(p);
}

static void messages_wait_while_nobody_reads(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    const char *uri = uri_of(topic, "");
    evtwin_source_free(open_source(uri));
    evtwin_sink *sink = open_sink(uri_of(topic, ""));
    evtwin_table *sent = records(30), *got = empty_table();
    assert_ok(evtwin_sink_write(sink, sent));
    evtwin_source *source = open_again(uri);
    while (evtwin_table_rows(got) < 30) {
        read_rows(source, evtwin_table_rows(got) + 1, 1, got);
        commit(source);
    }
    evtwin_table_free(sent);
    evtwin_table_free(got);
    evtwin_source_free(source);
    evtwin_sink_free(sink);
}

/* ---- bad messages ---- */

static void refused(evtwin_source *source, evtwin_status status, const char *names) {
    evtwin_table *table = empty_table();
    const int64_t end_ms = evtwin__monotonic_ms() + PATIENCE_MS;
    evtwin_status st = EVTWIN_OK;
    evtwin_refusal refusal;
    while (st == EVTWIN_OK && evtwin__monotonic_ms() < end_ms) {
        st = evtwin_source_read(source, 100, 200, table);
        if (evtwin_table_rows(table) > 0) {
            fail_msg("taken: %s", names);
        }
    }
    assert_int_equal(st, EVTWIN_REFUSED);
    assert_ok(evtwin_source_refusal(source, &refusal, sizeof refusal));
    if (refusal.status != status || !text_names(refusal.reason, names)) {
        fail_msg("refused: %s: %s", evtwin_status_name(refusal.status), refusal.reason);
    }
    evtwin_table_free(table);
}

static void a_bad_message_is_refused_and_passed(void **state) {
    (void)state;
    static char large[2 << 20];
    const char *topic = fresh_topic();
    const char *uri = uri_of(topic, "");
    peer *p = open_peer(NULL);
    evtwin_source *source = open_source(uri);
    evtwin_table *got = empty_table();
    memset(large, 'x', sizeof large);
    const char *const bad[] = {
        "",
        "hello",
        "{\"timestamp\":\"2024-01-01T00:00:00Z\",\"battery_id\":\"B\",\"soc\":1,\"soc\":2}",
        "{\"timestamp\":\"2024-01-01T00:00:00Z\",\"battery_id\":\"B\",\"soc\":1e400}",
        "{\"timestamp\":\"2024-01-01T00:00:00Z\",\"battery_id\":\"B\",\"soc\":\"\xff\"}",
        "{\"timestamp\":\"2024-01-01T00:00:00\",\"battery_id\":\"B\"}",
        "{\"battery_id\":\"B\"}",
        "[{\"battery_id\":\"B\"",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        publish(p, topic, bad[i]);
        refused(source, i == 6 ? EVTWIN_E_SCHEMA : EVTWIN_E_PARSE, topic);
        if (i + 1 == sizeof bad / sizeof bad[0]) {
            refused(source, EVTWIN_E_PARSE, topic); /* the record, and that the array has no end */
        }
        commit(source);
    }
    publish_bytes(p, topic, "a\0b", 3, 1);
    publish_bytes(p, topic, large, sizeof large, 1);
    publish(p, topic, record(5));
    refused(source, EVTWIN_E_PARSE, "NUL");
    refused(source, EVTWIN_E_PARSE, topic);
    read_rows(source, 1, 100, got);
    commit(source);
    assert_int_equal(seq_of(got, 0), 5);
    evtwin_source_free(source);
    source = open_again(uri);
    nothing_comes(source); /* nothing of it wedges the stream */
    evtwin_source_free(source);
    evtwin_table_free(got);
    close_peer(p);
}

static void good_records_beside_a_bad_one(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    peer *p = open_peer(NULL);
    evtwin_source *source = open_source(uri_of(topic, "clean=1"));
    char payload[800];
    snprintf(payload, sizeof payload, " [%s, %s, {\"soc\":1}, %s] ", record(0), record(1),
             record(3));
    publish(p, topic, payload);
    evtwin_table *got = empty_table();
    refused(source, EVTWIN_E_SCHEMA, "record 3");
    evtwin_refusal refusal;
    assert_ok(evtwin_source_refusal(source, &refusal, sizeof refusal));
    assert_string_equal(refusal.raw, "{\"soc\":1}");
    assert_non_null(strstr(refusal.place, "[message "));
    read_rows(source, 3, 100, got);
    assert_int_equal(seq_of(got, 2), 3);
    evtwin_table_free(got);
    evtwin_source_free(source);
    close_peer(p);
}

static char log_text[2048];

static void keep_log(void *ctx, evtwin_log_level level, const char *text) {
    (void)ctx;
    (void)level;
    snprintf(log_text + strlen(log_text), sizeof log_text - strlen(log_text), "%s\n", text);
}

static void messages_without_acknowledgement_are_said(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    peer *p = open_peer(NULL);
    evtwin_set_log(keep_log, NULL);
    evtwin_source *source = open_source(uri_of(topic, "clean=1"));
    evtwin_table *got = empty_table();
    publish_bytes(p, topic, record(1), strlen(record(1)), 0);
    publish_bytes(p, topic, record(2), strlen(record(2)), 0);
    read_rows(source, 2, 100, got);
    commit(source);
    const char *first = strstr(log_text, "QoS 0");
    assert_non_null(first);
    assert_null(strstr(first + 1, "QoS 0"));
    evtwin_set_log(NULL, NULL);
    evtwin_table_free(got);
    evtwin_source_free(source);
    close_peer(p);
}

/* ---- one of each name ---- */

/* mosquitto 2.0.11 only closes the connection of the first, who cannot know why. */
static void two_clients_of_one_name_are_told(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    char params[64];
    snprintf(params, sizeof params, "client_id=twice-%d", (int)getpid());
    evtwin_table *table = empty_table();
    evtwin_source *one = open_source(uri_of(topic, params));
    evtwin_source *two = open_source(uri_of(topic, params));
    evtwin_status st = EVTWIN_OK;
    const int64_t end_ms = evtwin__monotonic_ms() + PATIENCE_MS;
    while (!text_names(evtwin_last_error(), params + strlen("client_id=")) &&
           evtwin__monotonic_ms() < end_ms) { /* they take it from each other */
        st = evtwin_source_read(one, 1, 20, table);
        st = st >= 0 ? evtwin_source_read(two, 1, 20, table) : st;
    }
    assert_int_equal(st, EVTWIN_E_AGAIN);
    assert_true(text_names(evtwin_last_error(), params + strlen("client_id=")));
    evtwin_source_free(one);
    evtwin_source_free(two);
    evtwin_table_free(table);
}

/* A check is another client: the one that runs keeps its connection. */
static void a_check_takes_nothing_over(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    char params[64];
    snprintf(params, sizeof params, "client_id=runs-%d", (int)getpid());
    evtwin_source *running = open_source(uri_of(topic, params));
    evtwin_source *other = open_again(uri_of(topic, params));
    evtwin_table *got = empty_table();
    peer *p = open_peer(NULL);
    publish(p, topic, record(1));
    read_rows(running, 1, 1, got);
    assert_ok(evtwin_source_check(other, PATIENCE_MS));
    commit(running);
    nothing_comes(running); /* on the connection that it had */
    assert_ok(evtwin_source_check(other, PATIENCE_MS));
    evtwin_source_free(running);
    evtwin_source_free(other);
    evtwin_table_free(got);
    close_peer(p);
}

/* A broker that takes one client, answers, and says 142: session taken over. */
static void *take_over(void *ctx) {
    const int listener = *(int *)ctx;
    static const char connack[] = {0x20, 3, 0, 0, 0}, disconnect[] = {(char)0xe0, 1, (char)142};
    char buffer[512];
    const int fd = accept(listener, NULL, NULL);
    if (fd >= 0 && read(fd, buffer, sizeof buffer) > 0 &&
        write(fd, connack, sizeof connack) == sizeof connack &&
        read(fd, buffer, sizeof buffer) > 0 && /* the subscription */
        write(fd, disconnect, sizeof disconnect) == sizeof disconnect) {
        while (read(fd, buffer, sizeof buffer) > 0) {
        }
    }
    close(fd);
    return NULL;
}

static void whoever_is_taken_over_stays_away(void **state) {
    (void)state;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    pthread_t thread;
    pthread_create(&thread, NULL, take_over, &listener);
    char uri[64];
    snprintf(uri, sizeof uri, "mqtt://127.0.0.1:%d/t", ntohs(address.sin_port));
    evtwin_source *source = NULL;
    evtwin_table *table = empty_table();
    assert_ok(evtwin_source_open(uri, &source));
    assert_fails(evtwin_source_read(source, 1, PATIENCE_MS, table), EVTWIN_E_BUSY, "client_id");
    assert_fails(evtwin_source_read(source, 1, 0, table), EVTWIN_E_BUSY, "client_id");
    assert_fails(evtwin_source_check(source, 100), EVTWIN_E_BUSY, "client_id");
    evtwin_source_free(source);
    pthread_join(thread, NULL);
    close(listener);
    evtwin_table_free(table);
}

/* A broker of one connection that answers by these reasons. */
typedef struct fake {
    int n_unanswered; /* so many messages get no answer, … */
    int n_refused;    /* … so many behind them are refused, then they are taken */
    int listener;
    const char *topic; /* NULL = "t" */
    unsigned char connack, puback;
    char uri[96];
} fake;

static void answer_packet(fake *f, int fd, const unsigned char *packet, size_t size) {
    const unsigned char connack[] = {0x20, 3, 0, f->connack, 0};
    const size_t mid_at = size > 4 ? 4 + (size_t)packet[3] : size; /* behind the topic */
    if (packet[0] == 0x10) {
        assert_true(write(fd, connack, sizeof connack) > 0);
    } else if (packet[0] == 0x32 && mid_at + 2 <= size && f->n_unanswered-- <= 0) {
        const unsigned char reason = f->n_refused > 0 ? f->puback : 0;
        const unsigned char puback[] = {0x40, 3, packet[mid_at], packet[mid_at + 1], reason};
        f->n_refused--;
        assert_true(write(fd, puback, sizeof puback) > 0);
    }
}

/* Packets of less than 128 bytes behind their header, each read whole. */
static void *answer(void *ctx) {
    fake *f = ctx;
    unsigned char packet[160];
    const int fd = accept(f->listener, NULL, NULL);
    while (recv(fd, packet, 2, MSG_WAITALL) == 2 && packet[1] < 128 &&
           recv(fd, packet + 2, packet[1], MSG_WAITALL) == packet[1]) {
        answer_packet(f, fd, packet, packet[1] + 2u);
        if (f->connack != 0) {
            break;
        }
    }
    close(fd);
    return NULL;
}

static evtwin_sink *open_fake(fake *f, pthread_t *thread) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    f->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(f->listener, 1), 0);
    assert_int_equal(getsockname(f->listener, (struct sockaddr *)&address, &size), 0);
    pthread_create(thread, NULL, answer, f);
    snprintf(f->uri, sizeof f->uri, "mqtt://127.0.0.1:%d/%s?status_topic=&client_id=c",
             ntohs(address.sin_port), f->topic != NULL ? f->topic : "t");
    evtwin_sink *sink = NULL;
    assert_ok(evtwin_sink_open(f->uri, &sink));
    return sink;
}

static void close_fake(fake *f, pthread_t thread, evtwin_sink *sink) {
    evtwin_sink_free(sink);
    pthread_join(thread, NULL);
    close(f->listener);
}

static void add_short_record(evtwin_table *table, const char *id) {
    char json[96]; /* its message has less than 128 bytes */
    snprintf(json, sizeof json, "{\"timestamp\":\"2024-01-01T00:00:00Z\",\"battery_id\":\"%s\"}",
             id);
    assert_ok(evtwin_telemetry_decode(json, strlen(json), EVTWIN_NAIVE_REJECT, table));
}

static evtwin_table *short_record(void) {
    evtwin_table *table = empty_table();
    add_short_record(table, "B");
    return table;
}

/* A quota passes, a payload stays what it is: only that is the record's own fault. */
static void a_refusal_is_told_by_its_reason(void **state) {
    (void)state;
    static const struct {
        unsigned char puback;
        evtwin_status status;
        const char *names;
    } refusals[] = {{0x97, EVTWIN_E_AGAIN, "quota"},
                    {0x87, EVTWIN_E_DENIED, "not authorised"},
                    {0x95, EVTWIN_E_RANGE, "larger"},
                    {0x99, EVTWIN_E_DATA, "payload"}};
    evtwin_table *rows = short_record();
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        pthread_t thread;
        fake f = {.puback = refusals[i].puback, .n_refused = 2};
        evtwin_sink *sink = open_fake(&f, &thread);
        assert_fails(evtwin_sink_write(sink, rows), refusals[i].status, refusals[i].names);
        assert_fails(evtwin_sink_write(sink, rows), refusals[i].status, refusals[i].names);
        assert_ok(evtwin_sink_write(sink, rows)); /* what is offered again is sent again */
        close_fake(&f, thread, sink);
    }
    evtwin_table_free(rows);
}

/* Not that of another message, which has no answer yet. */
static void a_refusal_names_its_topic(void **state) {
    (void)state;
    pthread_t thread;
    fake f = {.topic = "t/{battery_id}", .n_unanswered = 1, .n_refused = 1, .puback = 0x87};
    evtwin_sink *sink = open_fake(&f, &thread);
    evtwin_table *rows = empty_table();
    add_short_record(rows, "A");
    add_short_record(rows, "B");
    assert_fails(evtwin_sink_write(sink, rows), EVTWIN_E_DENIED, "t/B");
    close_fake(&f, thread, sink);
    evtwin_table_free(rows);
}

/* Else a pump would pass over every record, one by one, for a client id that is wrong. */
static void a_refused_connection_is_no_records_fault(void **state) {
    (void)state;
    static const unsigned char codes[] = {0x85, 0x90, 0x95, 0x99};
    evtwin_table *rows = short_record();
    for (size_t i = 0; i < sizeof codes; i++) {
        pthread_t thread;
        fake f = {.connack = codes[i]};
        evtwin_sink *sink = open_fake(&f, &thread);
        assert_fails(evtwin_sink_write(sink, rows), EVTWIN_E_DENIED, "refused the connection");
        close_fake(&f, thread, sink);
    }
    evtwin_table_free(rows);
}

static void the_status_says_who_is_there(void **state) {
    (void)state;
    char params[64], topic[96];
    snprintf(params, sizeof params, "client_id=named-%d", (int)getpid());
    snprintf(topic, sizeof topic, "evtwin/named-%d/status", (int)getpid());
    evtwin_sink *sink = open_sink(uri_of(fresh_topic(), params));
    evtwin_table *one = records(1);
    assert_ok(evtwin_sink_write(sink, one));
    peer *p = open_peer(topic); /* retained: it is told to who comes later */
    run_peer_until(p, &p->n_seen, 1);
    assert_string_equal(p->payload[0], "online");
    evtwin_sink_free(sink);
    run_peer_until(p, &p->n_seen, 2);
    assert_string_equal(p->payload[1], "offline");
    evtwin_table_free(one);
    close_peer(p);
}

static void the_older_version_works_too(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    evtwin_source *source = open_source(uri_of(topic, "version=3.1.1&clean=1"));
    evtwin_sink *sink = open_sink(uri_of(topic, "version=3.1.1&batch=5"));
    evtwin_table *sent = records(12), *got = empty_table();
    assert_ok(evtwin_sink_write(sink, sent));
    read_rows(source, 12, 100, got);
    commit(source);
    evtwin_table_free(sent);
    evtwin_table_free(got);
    evtwin_sink_free(sink);
    evtwin_source_free(source);
}

/* ---- receipts ---- */

typedef struct receiver {
    evtwin_source *source;
    atomic_int is_over, max_commits; /* rows up to which it commits what it reads */
    evtwin_table *got;
} receiver;

static void *receive(void *ctx) {
    receiver *r = ctx;
    while (!atomic_load(&r->is_over)) {
        /* no read goes beyond what is committed: none of that would be */
        const int left = atomic_load(&r->max_commits) - (int)evtwin_table_rows(r->got);
        evtwin_source_read(r->source, left > 0 && left < 100 ? (size_t)left : 100, 50, r->got);
        if ((int)evtwin_table_rows(r->got) <= atomic_load(&r->max_commits)) {
            evtwin_source_commit(r->source, evtwin_source_position(r->source));
        }
    }
    return NULL;
}

static void a_batch_counts_when_its_receiver_has_it(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    pthread_t thread;
    receiver r = {
        .source = open_source(uri_of(topic, "clean=1")), .got = empty_table(), .max_commits = 1000};
    evtwin_sink *sink = open_sink(uri_of(topic, "confirm=receipts&inflight=30"));
    evtwin_table *sent = records(100);
    pthread_create(&thread, NULL, receive, &r);
    assert_ok(evtwin_sink_write(sink, sent));
    atomic_store(&r.is_over, 1);
    pthread_join(thread, NULL);
    assert_int_equal(evtwin_table_rows(r.got), 100);
    evtwin_table_free(sent);
    evtwin_table_free(r.got);
    evtwin_sink_free(sink);
    evtwin_source_free(r.source);
}

/* Without a commit there is no receipt. A pump adds new rows to those that it holds: what was
 * confirmed of these is not sent again. */
static void a_longer_batch_goes_on_where_it_was(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    peer *p = open_peer(topic);
    evtwin_sink *sink = open_sink(uri_of(topic, "confirm=receipts&inflight=3"));
    evtwin_table *sent = records(6);
    pthread_t thread;
    receiver r = {
        .source = open_source(uri_of(topic, "clean=1")), .got = empty_table(), .max_commits = 3};
    pthread_create(&thread, NULL, receive, &r);
    assert_fails(evtwin_sink_write(sink, sent), EVTWIN_E_AGAIN, "3 of 6");
    run_peer_until(p, &p->n_seen, 6);
    evtwin_table_free(sent);
    sent = records(8);
    atomic_store(&r.max_commits, 1000);
    assert_ok(evtwin_sink_write(sink, sent));
    atomic_store(&r.is_over, 1);
    pthread_join(thread, NULL);
    publish(p, topic, "last");
    while (strcmp(p->payload[p->n_seen - 1], "last") != 0) {
        run_peer_until(p, &p->n_seen, p->n_seen + 1);
    }
    assert_in_range(p->n_seen - 1, 8, 11); /* 3 may have come again, the first 3 not */
    evtwin_table_free(sent);
    evtwin_table_free(r.got);
    evtwin_sink_free(sink);
    evtwin_source_free(r.source);
    close_peer(p);
}

/* A message may name any topic for its answer: receipts go nowhere else. */
static void receipts_stay_below_their_topic(void **state) {
    (void)state;
    const char *topic = fresh_topic(), *victim = fresh_topic();
    peer *sender = open_peer(NULL), *watcher = open_peer(victim);
    evtwin_source *source = open_source(uri_of(topic, "clean=1"));
    const evtwin__mqtt_publication p = {.topic = topic,
                                        .payload = record(1),
                                        .payload_size = strlen(record(1)),
                                        .qos = 1,
                                        .response_topic = victim,
                                        .correlation = "id-1"};
    assert_ok(evtwin__mqtt_publish(sender->mqtt, &p, NULL));
    run_peer_until(sender, &sender->n_acks, 1);
    evtwin_table *got = empty_table();
    read_rows(source, 1, 10, got);
    commit(source);
    publish(sender, victim, "last");
    run_peer_until(watcher, &watcher->n_seen, 1);
    assert_string_equal(watcher->payload[0], "last");
    evtwin_table_free(got);
    evtwin_source_free(source);
    close_peer(sender);
    close_peer(watcher);
}

/* ---- receipts of strangers, and late ones ---- */

typedef struct forger {
    peer *peer;
    char topic[96]; /* of receipts */
} forger;

/* Receipts with ids of another run, and of none, once both messages have come. */
static void *forge(void *ctx) {
    forger *f = ctx;
    static const char *const ids[] = {"00000000-0", "0", "-", "", "00000000-18446744073709551616",
                                      "zzzzzzzz-1"};
    const evtwin__mqtt_publication p = {
        .topic = f->topic, .payload = "", .qos = 1, .receipts = ids, .n_receipts = 6};
    run_peer_until(f->peer, &f->peer->n_seen, 2);
    assert_ok(evtwin__mqtt_publish(f->peer->mqtt, &p, NULL));
    run_peer_until(f->peer, &f->peer->n_acks, 1);
    publish(f->peer, f->topic, "not a receipt");
    return NULL;
}

static void a_receipt_of_another_run_confirms_nothing(void **state) {
    (void)state;
    const char *topic = fresh_topic();
    char params[64];
    forger f = {.peer = open_peer(topic)};
    pthread_t thread;
    snprintf(params, sizeof params, "confirm=receipts&client_id=late-%d", (int)getpid());
    snprintf(f.topic, sizeof f.topic, "evtwin/receipts/late-%d", (int)getpid());
    evtwin_sink *sink = open_sink(uri_of(topic, params));
    evtwin_table *sent = records(2);
    pthread_create(&thread, NULL, forge, &f);
    assert_fails(evtwin_sink_write(sink, sent), EVTWIN_E_AGAIN, "2 of 2");
    pthread_join(thread, NULL);
    assert_int_equal(f.peer->n_acks, 2);
    evtwin_table_free(sent);
    evtwin_sink_free(sink);
    close_peer(f.peer);
}

int main(void) {
    if (getenv("EVTWIN_TEST_MQTT") == NULL) {
        print_message("skipped: EVTWIN_TEST_MQTT names no broker\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(many_records_go_in_one_message),
        cmocka_unit_test(each_battery_has_its_topic),
        cmocka_unit_test(a_topic_names_the_battery_of_a_record_that_does_not),
        cmocka_unit_test(refused_records_are_messages_too),
        cmocka_unit_test(what_is_not_committed_comes_again),
        cmocka_unit_test(messages_wait_while_nobody_reads),
        cmocka_unit_test(a_bad_message_is_refused_and_passed),
        cmocka_unit_test(good_records_beside_a_bad_one),
        cmocka_unit_test(messages_without_acknowledgement_are_said),
        cmocka_unit_test(two_clients_of_one_name_are_told),
        cmocka_unit_test(a_check_takes_nothing_over),
        cmocka_unit_test(whoever_is_taken_over_stays_away),
        cmocka_unit_test(a_refusal_is_told_by_its_reason),
        cmocka_unit_test(a_refusal_names_its_topic),
        cmocka_unit_test(a_refused_connection_is_no_records_fault),
        cmocka_unit_test(the_status_says_who_is_there),
        cmocka_unit_test(the_older_version_works_too),
        cmocka_unit_test(a_batch_counts_when_its_receiver_has_it),
        cmocka_unit_test(a_longer_batch_goes_on_where_it_was),
        cmocka_unit_test(receipts_stay_below_their_topic),
        cmocka_unit_test(a_receipt_of_another_run_confirms_nothing),
    };
    return run_at_once(tests, sizeof tests / sizeof tests[0], NULL, NULL);
}

#else

int main(void) {
    print_message("skipped: built without MQTT\n");
    return 77;
}

#endif
