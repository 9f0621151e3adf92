/* SPDX-License-Identifier: MIT */
/* The events of the live stream: who gets which, in which order, and what is said of a gap. */

#include "test.h"

#include "serve/ring.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

/* ---- a reader, and what it has read ---- */

typedef struct client {
    evtwin__ring_reader *reader;
    atomic_int n_wakes;
    int is_over;
    char text[1 << 16];
} client;

static void on_wake(void *ctx) {
    atomic_fetch_add(&((client *)ctx)->n_wakes, 1);
}

static client *join(evtwin__ring *ring, const char *battery_id, const char *last_event_id) {
    client *c = calloc(1, sizeof *c);
    assert_ok(evtwin__ring_join(ring, battery_id, last_event_id, on_wake, c, &c->reader));
    return c;
}

static void leave(client *c) {
    evtwin__ring_leave(c->reader);
    free(c);
}

/* All there is now, read in pieces of at most room bytes; in the client's text. */
static const char *read_all(client *c, size_t room) {
    size_t size = 0;
    ptrdiff_t n;
    while ((n = evtwin__ring_read(c->reader, c->text + size, room)) > 0) {
        assert_true((size_t)n <= room);
        size += (size_t)n;
        assert_true(size + room < sizeof c->text);
    }
    c->is_over = n < 0;
    c->text[size] = '\0';
    return c->text;
}

static const char *read_now(client *c) {
    return read_all(c, 4096);
}

static void put(evtwin__ring *ring, const char *type, int64_t revision, const char *battery_id,
                const char *data) {
    evtwin__ring_put(ring, type, revision, battery_id, data, strlen(data));
}

/* A ring of the store "db" at revision 10, with a summary. */
static evtwin__ring *new_ring(size_t max_bytes, size_t max_events) {
    evtwin__ring *ring = NULL;
    assert_ok(evtwin__ring_create(max_bytes, max_events, &ring));
    evtwin__ring_identity(ring, "db", 10);
    put(ring, "summary", 0, NULL, "{\"n\":0}");
    return ring;
}

#define BEGIN "retry: 2000\n\nevent: summary\nid: db-10.1\ndata: {\"n\":0}\n\n"

/* A client of a new ring that has read its beginning. */
static client *begin(evtwin__ring *ring, const char *battery_id) {
    client *c = join(ring, battery_id, NULL);
    assert_string_equal(read_now(c), BEGIN);
    return c;
}

/* ---- order, filter, wakes ---- */

static void test_all_readers_get_all_events_in_order(void **state) {
    (void)state;
    evtwin__ring *ring = new_ring(4096, 100);
    client *a = begin(ring, NULL), *b = begin(ring, NULL);
    put(ring, "row", 11, "A", "{\"soc\":1}");
    put(ring, "row", 12, "B", "{\"soc\":2}");
    put(ring, "alert", 0, "A", "{}");
    static const char expected[] = "event: row\nid: db-11\ndata: {\"soc\":1}\n\n"
                                   "event: row\nid: db-12\ndata: {\"soc\":2}\n\n"
                                   "event: alert\nid: db-12.1\ndata: {}\n\n";
    assert_string_equal(read_now(a), expected);
    assert_string_equal(read_all(b, 1), expected); /* byte by byte the same */
    assert_string_equal(read_now(a), "");
    leave(a);
    leave(b);
    evtwin__ring_free(ring);
}

static void test_a_reader_gets_the_types_it_chose(void **state) {
    (void)state;
    evtwin__ring *ring = new_ring(4096, 100);
    client *c = join(ring, NULL, NULL);
    evtwin__ring_choose(c->reader, evtwin__ring_type("row", 3) | evtwin__ring_type("alert,row", 5));
    assert_string_equal(read_now(c), BEGIN); /* whatever it chose */
    c->n_wakes = 0;
    put(ring, "summary", 0, NULL, "{\"n\":1}");
    assert_int_equal(c->n_wakes, 0);
    put(ring, "row", 11, "A", "{}");
    put(ring, "alert", 0, "A", "{}");
    assert_int_equal(c->n_wakes, 1);
    assert_string_equal(read_now(c), "event: row\nid: db-11\ndata: {}\n\n"
                                     "event: alert\nid: db-11.1\ndata: {}\n\n");
    evtwin__ring_choose(c->reader, EVTWIN__RING_SUMMARY);
    put(ring, "row", 12, "A", "{}");
    assert_string_equal(read_now(c), "");
    evtwin__ring_comment(ring); /* for all: it keeps the connection open */
    assert_string_equal(read_now(c), ":\nid: db-12\n\n");
    assert_int_equal(evtwin__ring_type("rows", 4), 0);
    assert_int_equal(evtwin__ring_type("", 0), 0);
    leave(c);
    evtwin__ring_free(ring);
}

static void test_nothing_is_sent_before_the_first_summary(void **state) {
    (void)state;
    evtwin__ring *ring = NULL;
    assert_ok(evtwin__ring_create(4096, 100, &ring));
    put(ring, "row", 1, "A", "{}"); /* of no store: dropped */
    client *c = join(ring, NULL, NULL);
    assert_string_equal(read_now(c), "retry: 2000\n\n");
    evtwin__ring_identity(ring, "db", 10);
    put(ring, "row", 11, "A", "{}");
    assert_string_equal(read_now(c), "");
    put(ring, "summary", 0, NULL, "{\"n\":1}");
    assert_string_equal(read_now(c), "event: summary\nid: db-11.1\ndata: {\"n\":1}\n\n");
    put(ring, "row", 12, "A", "{}");
    assert_string_equal(read_now(c), "event: row\nid: db-12\ndata: {}\n\n");
    leave(c);
    evtwin__ring_free(ring);
}

static void test_a_battery_is_alone(void **state) {
    (void)state;
    evtwin__ring *ring = new_ring(4096, 100);
    client *c = begin(ring, "B");
    put(ring, "row", 11, "A", "{}");
    put(ring, "row", 12, "B", "{\"soc\":2}");
    put(ring, "row", 13, "BB", "{}");
    put(ring, "row", 14, "B", "{\"soc\":4}");
    put(ring, "summary", 0, NULL, "{\"n\":2}");
    static const char expected[] = "event: row\nid: db-12\ndata: {\"soc\":2}\n\n"
                                   "event: row\nid: db-14\ndata: {\"soc\":4}\n\n"
                                   "event: summary\nid: db-14.1\ndata: {\"n\":2}\n\n";
    assert_string_equal(read_now(c), expected);
    leave(c);
    evtwin__ring_free(ring);
}

/* SQLite counts characters, and another program may write others than ASCII. */
static void test_an_id_that_is_too_long(void **state) {
    (void)state;
    char id[101], same[51];
    memset(id, 'x', 100);
    id[100] = '\0';
    snprintf(same, sizeof same, "%.50s", id);
    evtwin__ring *ring = new_ring(4096, 16);
    client *all = begin(ring, NULL), *one = begin(ring, same);
    put(ring, "row", 11, id, "{}");
    assert_string_equal(read_now(all), "event: row\nid: db-11\ndata: {}\n\n");
    assert_string_equal(read_now(one), "");
    leave(all);
    leave(one);
    evtwin__ring_free(ring);
}

static void test_a_comment_tells_how_far_the_store_has_come(void **state) {
    (void)state;
    evtwin__ring *ring = new_ring(4096, 100);
    client *c = begin(ring, "B");
    put(ring, "row", 11, "A", "{}");
    evtwin__ring_comment(ring);
    put(ring, "alert", 0, "B", "{}");
    assert_string_equal(read_now(c), ":\nid: db-11\n\nevent: alert\nid: db-11.1\ndata: {}\n\n");
    leave(c);
    evtwin__ring_free(ring);
}

static void test_a_sleeper_is_woken_once_and_for_its_own_events(void **state) {
    (void)state;
    evtwin__ring *ring = new_ring(4096, 100);
    client *all = begin(ring, NULL), *b = begin(ring, "B");
    put(ring, "row", 11, "A", "{}");
    put(ring, "row", 12, "A", "{}");
    assert_int_equal(atomic_load(&all->n_wakes), 1);
    assert_int_equal(atomic_load(&b->n_wakes), 0);
    put(ring, "row", 13, "B", "{}");
    assert_int_equal(atomic_load(&b->n_wakes), 1);

    /* held back, then one wake for all of them */
    (void)read_now(all);
    (void)read_now(b);
    evtwin__ring_hold(ring);
    for (int64_t i = 14; i < 20; i++) {
        put(ring, "row", i, "B", "{}");
    }
    assert_int_equal(atomic_load(&all->n_wakes), 1);
    evtwin__ring_release(ring);
    assert_int_equal(atomic_load(&all->n_wakes), 2);
    assert_int_equal(atomic_load(&b->n_wakes), 2);
    assert_true(strncmp(read_now(b), "event: row\nid: db-14\n", 21) == 0);

    /* who leaves is not woken */
    evtwin__ring_leave(b->reader);
    put(ring, "row", 20, "B", "{}");
    assert_int_equal(atomic_load(&b->n_wakes), 2);
    free(b);
    leave(all);
    evtwin__ring_free(ring);
}

/* A reader of a battery that has been silent for long has missed nothing. */
static void test_a_silent_battery_is_not_behind(void **state) {
    (void)state;
    evtwin__ring *ring = new_ring(4096, 4);
    client *c = begin(ring, "B");
    for (int64_t i = 11; i < 100; i++) {
        put(ring, "row", i, "A", "{}");
    }
    assert_string_equal(read_now(c), ""); /* also when it is asked for no reason */
    put(ring, "row", 100, "B", "{}");
    put(ring, "row", 101, "A", "{}");
    assert_string_equal(read_now(c), "event: row\nid: db-100\ndata: {}\n\n");
    leave(c);
    evtwin__ring_free(ring);
}

/* ---- gaps ---- */

#define RESET(id, why) "event: reset\nid: " id "\ndata: {\"reason\":\"" why "\"}\n\n"

static void test_resume(void **state) {
    (void)state;
    static const struct {
        const char *battery_id, *id, *expected;
    } cases[] = {
        {NULL, "db-20", ""},
        {NULL, "db-12.2", "event: row\nid: db-20\ndata: {}\n\n"},
        {NULL, "db-15", "event: row\nid: db-20\ndata: {}\n\n"},
        {NULL, "db-12.1",
         "event: alert\nid: db-12.2\ndata: {}\n\nevent: row\nid: db-20\ndata: {}\n\n"},
        {"B", "db-10.1", "event: row\nid: db-20\ndata: {}\n\n"},
        {"C", "db-10.1", ""},
        {NULL, "db-10", RESET("db-20", "unknown")}, /* the summary came after it */
        {NULL, "db-9", RESET("db-20", "unknown")},  /* from before the ring */
        {NULL, "db-21", RESET("db-20", "unknown")}, /* from a later life of the store */
        {NULL, "db-20.1", RESET("db-20", "unknown")},
        {NULL, "dc-12", RESET("db-20", "unknown")},
        {NULL, "db", RESET("db-20", "unknown")},
        {NULL, "db-", RESET("db-20", "unknown")},
        {NULL, "db-12.", RESET("db-20", "unknown")},
        {NULL, "db-12.x", RESET("db-20", "unknown")},
        {NULL, "", RESET("db-20", "unknown")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        evtwin__ring *ring = new_ring(4096, 4);
        put(ring, "row", 12, "A", "{}");
        put(ring, "alert", 0, "A", "{}");
        put(ring, "alert", 0, "A", "{}");
        put(ring, "row", 20, "B", "{}"); /* the summary is no longer kept */
        client *c = join(ring, cases[i].battery_id, cases[i].id);
        char expected[512];
        snprintf(expected, sizeof expected, "retry: 2000\n\n%s", cases[i].expected);
        if (strcmp(read_now(c), expected) != 0) {
            fail_msg("behind '%s': %s", cases[i].id, c->text);
        }
        put(ring, "row", 21, cases[i].battery_id, "{}"); /* either way it goes on */
        assert_string_equal(read_now(c), "event: row\nid: db-21\ndata: {}\n\n");
        leave(c);
        evtwin__ring_free(ring);
    }
}

/* A client that comes back before the store is known waits until it is. */
static void test_resume_waits_for_the_store(void **state) {
    (void)state;
    evtwin__ring *ring = NULL;
    assert_ok(evtwin__ring_create(4096, 100, &ring));
    client *c = join(ring, NULL, "db-10"), *d = join(ring, NULL, "db-8");
    assert_string_equal(read_now(c), "retry: 2000\n\n");
    assert_string_equal(read_now(d), "retry: 2000\n\n");
    evtwin__ring_identity(ring, "db", 10);
    put(ring, "row", 11, "A", "{}");
    assert_int_equal(atomic_load(&c->n_wakes), 1);
    assert_string_equal(read_now(c), "event: row\nid: db-11\ndata: {}\n\n");
    assert_string_equal(read_now(d), RESET("db-11", "unknown"));
    leave(c);
    leave(d);
    evtwin__ring_free(ring);
}

static void test_who_falls_behind_is_told(void **state) {
    (void)state;
    /* by the number of events, then by their bytes */
    for (int by_bytes = 0; by_bytes < 2; by_bytes++) {
        evtwin__ring *ring = by_bytes ? new_ring(200, 1000) : new_ring(100000, 5);
        client *c = begin(ring, NULL);
        for (int64_t i = 11; i < 30; i++) {
            put(ring, "row", i, "A", "{}");
        }
        assert_string_equal(read_now(c), RESET("db-29", "behind"));
        put(ring, "row", 30, "A", "{}");
        assert_string_equal(read_now(c), "event: row\nid: db-30\ndata: {}\n\n");
        leave(c);
        evtwin__ring_free(ring);
    }
}

/* What went out of an event cannot be taken back: the rest of it or the end. */
static void test_an_event_in_part_is_completed_or_the_end(void **state) {
    (void)state;
    evtwin__ring *ring = new_ring(300, 5);
    client *c = begin(ring, NULL), *d = begin(ring, NULL);
    char some[7];
    put(ring, "row", 11, "A", "{\"soc\":1}");
    assert_int_equal(evtwin__ring_read(c->reader, some, sizeof some), sizeof some);
    assert_string_equal(read_now(c), "row\nid: db-11\ndata: {\"soc\":1}\n\n");
    put(ring, "row", 12, "A", "{}");
    assert_int_equal(evtwin__ring_read(c->reader, some, sizeof some), sizeof some);
    for (int64_t i = 13; i < 30; i++) {
        put(ring, "row", i, "A", "{}");
    }
    assert_string_equal(read_now(c), "");
    assert_true(c->is_over);
    assert_string_equal(read_now(d), RESET("db-29", "behind")); /* it had begun none */
    assert_false(d->is_over);
    leave(c);
    leave(d);
    evtwin__ring_free(ring);
}

static void test_another_store_resets_all(void **state) {
    (void)state;
    evtwin__ring *ring = new_ring(4096, 100);
    client *asleep = begin(ring, NULL), *busy = begin(ring, "B");
    put(ring, "row", 11, "B", "{}");
    (void)read_now(asleep);
    evtwin__ring_identity(ring, "other", 3);
    assert_int_equal(atomic_load(&asleep->n_wakes), 2);
    assert_string_equal(read_now(asleep), RESET("other-3", "replaced"));
    assert_string_equal(read_now(busy), RESET("other-3", "replaced"));

    /* a new one waits for the new store's summary */
    client *late = join(ring, NULL, NULL);
    assert_string_equal(read_now(late), "retry: 2000\n\n");
    put(ring, "summary", 0, NULL, "{\"n\":7}");
    assert_string_equal(read_now(late), "event: summary\nid: other-3.1\ndata: {\"n\":7}\n\n");
    leave(asleep);
    leave(busy);
    leave(late);
    evtwin__ring_free(ring);
}

/* An event that exceeds the ring is a gap for all. */
static void test_an_event_without_room(void **state) {
    (void)state;
    evtwin__ring *ring = new_ring(200, 100);
    client *c = begin(ring, NULL);
    char data[300];
    memset(data, ' ', sizeof data);
    evtwin__ring_put(ring, "row", 11, "A", data, sizeof data);
    assert_string_equal(read_now(c), RESET("db-11", "behind"));
    put(ring, "row", 12, "A", "{}");
    assert_string_equal(read_now(c), "event: row\nid: db-12\ndata: {}\n\n");
    leave(c);
    evtwin__ring_free(ring);
}

/* ---- threads ---- */

enum { N_READERS = 8, N_EVENTS = 20000 };

typedef struct thread {
    evtwin__ring_reader *reader;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int is_awake;
    int64_t last; /* row seen, 0 = none since the beginning or a reset */
    int n_rows, is_wrong;
    atomic_int is_over;
} thread;

static void wake_thread(void *ctx) {
    thread *t = ctx;
    pthread_mutex_lock(&t->lock);
    t->is_awake = 1;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

/* Each event is whole, none comes twice, and none is left out but after a reset. */
static void check_events(thread *t, char *text) {
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        long long row;
        if (strcmp(line, "event: reset") == 0) {
            t->last = 0;
        } else if (strcmp(line, "event: end") == 0) {
            atomic_store(&t->is_over, 1);
        } else if (sscanf(line, "data: {\"i\":%lld}", &row) == 1) {
            t->is_wrong |= t->last > 0 && row != t->last + 1;
            t->last = row;
            t->n_rows++;
        }
    }
}

static void *read_to_the_end(void *ctx) {
    thread *t = ctx;
    char text[2048 + 1];
    while (!atomic_load(&t->is_over)) {
        const ptrdiff_t n = evtwin__ring_read(t->reader, text, sizeof text - 1);
        if (n > 0) {
            text[n] = '\0';
            check_events(t, text);
            continue;
        }
        pthread_mutex_lock(&t->lock);
        while (!t->is_awake) {
            pthread_cond_wait(&t->changed, &t->lock);
        }
        t->is_awake = 0;
        pthread_mutex_unlock(&t->lock);
    }
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    static const struct timespec moment = {0, 100000};
    evtwin__ring *ring = new_ring(20000, 300);
    static thread threads[N_READERS];
    pthread_t ids[N_READERS];
    for (int i = 0; i < N_READERS; i++) {
        thread *t = &threads[i];
        pthread_mutex_init(&t->lock, NULL);
        pthread_cond_init(&t->changed, NULL);
        assert_ok(evtwin__ring_join(ring, NULL, NULL, wake_thread, t, &t->reader));
        assert_int_equal(pthread_create(&ids[i], NULL, read_to_the_end, t), 0);
    }
    for (int64_t i = 1; i <= N_EVENTS; i++) {
        char data[64];
        snprintf(data, sizeof data, "{\"i\":%lld}", (long long)i);
        put(ring, "row", 10 + i, i % 2 ? "A" : "B", data);
        if (i % 128 == 0) {
            nanosleep(&moment, NULL);
        }
    }

    /* a reader that is behind gets a reset for it, so once more until all have seen it */
    for (int n_over = 0; n_over < N_READERS;) {
        put(ring, "end", 0, NULL, "{}");
        nanosleep(&moment, NULL);
        n_over = 0;
        for (int i = 0; i < N_READERS; i++) {
            n_over += atomic_load(&threads[i].is_over);
        }
    }
    for (int i = 0; i < N_READERS; i++) {
        pthread_join(ids[i], NULL);
        assert_false(threads[i].is_wrong);
        assert_true(threads[i].n_rows > 0);
        evtwin__ring_leave(threads[i].reader);
        pthread_mutex_destroy(&threads[i].lock);
        pthread_cond_destroy(&threads[i].changed);
    }
    evtwin__ring_free(ring);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_readers_get_all_events_in_order),
        cmocka_unit_test(test_a_reader_gets_the_types_it_chose),
        cmocka_unit_test(test_nothing_is_sent_before_the_first_summary),
        cmocka_unit_test(test_a_battery_is_alone),
        cmocka_unit_test(test_an_id_that_is_too_long),
        cmocka_unit_test(test_a_comment_tells_how_far_the_store_has_come),
        cmocka_unit_test(test_a_sleeper_is_woken_once_and_for_its_own_events),
        cmocka_unit_test(test_a_silent_battery_is_not_behind),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_resume_waits_for_the_store),
        cmocka_unit_test(test_who_falls_behind_is_told),
        cmocka_unit_test(test_an_event_in_part_is_completed_or_the_end),
        cmocka_unit_test(test_another_store_resets_all),
        cmocka_unit_test(test_an_event_without_room),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
