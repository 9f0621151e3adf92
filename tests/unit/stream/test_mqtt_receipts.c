/* SPDX-License-Identifier: MIT */
/* test_mqtt_receipts.c: mqtt: beside a real broker (EVTWIN_TEST_MQTT): receipts confirm what their
 * receiver has committed, and nothing else. */

#include "test.h"

#ifdef HAVE_MQTT

#include "mqtt_peer.h"

#include <pthread.h>
#include <stdatomic.h>

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
