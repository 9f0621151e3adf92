/* SPDX-License-Identifier: MIT */
/* test_mqtt_answers.c: mqtt: what a broker answers, by its reasons: who is taken over stays away, a
 * refusal of a record, and of a connection. The brokers are threads of the test. */

#include "test.h"

#ifdef HAVE_MQTT

#include "mqtt_peer.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_is_taken_over_stays_away),
        cmocka_unit_test(a_refusal_is_told_by_its_reason),
        cmocka_unit_test(a_refusal_names_its_topic),
        cmocka_unit_test(a_refused_connection_is_no_records_fault),
    };
    return run_at_once(tests, sizeof tests / sizeof tests[0], NULL, NULL);
}

#else

int main(void) {
    print_message("skipped: built without MQTT\n");
    return 77;
}

#endif
