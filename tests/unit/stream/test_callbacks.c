/* SPDX-License-Identifier: MIT */
/* test_callbacks.c: sources and sinks of a caller's own, and what the pump does with those that
 * fail: hold, try again, acknowledge. */

#include "test.h"

#include "learn/bundles.h"

#include <time.h>

/* ---- a source and a sink that do as a test says ---- */

typedef struct feed {
    int n, max;          /* records given, of how many; one a second of battery B */
    int n_empty;         /* so many reads give none first */
    int refuse_at;       /* this one is refused; -1 = none */
    evtwin_status fails; /* < 0: reading fails with it */
    char committed[32];
    int n_commits, n_closed;
} feed;

static evtwin_status read_feed(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                               evtwin_table *table) {
    feed *f = ctx;
    assert_true(timeout_ms >= 0);
    if (f->fails < 0) {
        return f->fails;
    }
    if (f->n_empty > 0) {
        f->n_empty--;
        return EVTWIN_OK;
    }
    if (f->n == f->max) {
        return EVTWIN_DONE;
    }
    char position[32];
    for (size_t i = 0; i < max_rows && f->n < f->max; i++) {
        if (f->n == f->refuse_at) {
            if (i > 0) {
                break;
            }
            f->refuse_at = -1;
            f->n++;
            snprintf(position, sizeof position, "%d", f->n);
            assert_ok(evtwin_source_set_position(source, position));
            assert_ok(evtwin_table_resize(table, evtwin_table_rows(table) + 1)); /* is dropped */
            return evtwin_source_refuse(source, EVTWIN_E_PARSE, "feed:1", "not to my taste", "\0x",
                                        2);
        }
        const size_t row = evtwin_table_rows(table);
        assert_ok(evtwin_table_resize(table, row + 1));
        assert_ok(evtwin_table_set_i64(table, 0, row, (int64_t)f->n * 1000000));
        assert_ok(evtwin_table_set_text(table, 1, row, "B"));
        assert_ok(evtwin_table_set_i64(table, evtwin_table_find(table, "seq"), row, f->n));
        f->n++;
    }
    snprintf(position, sizeof position, "%d", f->n);
    return evtwin_source_set_position(source, position);
}

static evtwin_status commit_feed(void *ctx, const char *position) {
    feed *f = ctx;
    snprintf(f->committed, sizeof f->committed, "%s", position);
    f->n_commits++;
    return EVTWIN_OK;
}

static void close_feed(void *ctx) {
    ((feed *)ctx)->n_closed++;
}

static evtwin_source *source_of(feed *f) {
    const evtwin_source_callbacks callbacks = {.size = sizeof callbacks,
                                               .name = "feed",
                                               .read = read_feed,
                                               .commit = commit_feed,
                                               .close = close_feed};
    evtwin_source *s = NULL;
    assert_ok(evtwin_source_create(&callbacks, f, &s));
    return s;
}

typedef struct bowl {
    evtwin_status write_fails, flush_fails; /* < 0: it fails with that */
    int n_tries, n_flushes, n_closed;
    int n_rows, next_seq; /* taken, in order and without a gap from next_seq on … */
    int lost_seq;         /* … but for those from here to the batch in which they were lost */
    char position[32];
    int n_states;
} bowl;

static evtwin_status write_bowl(void *ctx, const evtwin_batch *batch) {
    bowl *b = ctx;
    b->n_tries++;
    if (b->write_fails < 0) {
        return b->write_fails;
    }
    const int64_t *seq = evtwin_table_i64(batch->rows, evtwin_table_find(batch->rows, "seq"));
    for (size_t i = 0; i < evtwin_table_rows(batch->rows); i++) {
        if (b->lost_seq > 0 && b->lost_seq == b->next_seq) {
            b->next_seq = (int)seq[i];
            b->lost_seq = 0;
        }
        assert_int_equal(seq[i], b->next_seq++);
    }
    b->n_rows += (int)evtwin_table_rows(batch->rows);
    b->n_states += batch->states != NULL ? (int)evtwin_table_rows(batch->states) : 0;
    snprintf(b->position, sizeof b->position, "%s", batch->position);
    assert_string_equal(batch->source, "feed");
    return EVTWIN_OK;
}

static evtwin_status flush_bowl(void *ctx) {
    bowl *b = ctx;
    b->n_flushes++;
    return b->flush_fails;
}

static void close_bowl(void *ctx) {
    ((bowl *)ctx)->n_closed++;
}

static evtwin_sink *sink_of(bowl *b, const char *name) {
    const evtwin_sink_callbacks callbacks = {.size = sizeof callbacks,
                                             .name = name,
                                             .write = write_bowl,
                                             .flush = flush_bowl,
                                             .close = close_bowl};
    evtwin_sink *s = NULL;
    assert_ok(evtwin_sink_create(&callbacks, b, &s));
    return s;
}

/* What the pump reported: how often each kind, and the last of each. */
typedef struct heard {
    int n[EVTWIN_PUMP_OUT_OF_RANGE + 1];
    size_t n_rows[EVTWIN_PUMP_OUT_OF_RANGE + 1];
    char text[EVTWIN_PUMP_OUT_OF_RANGE + 1][200];
} heard;

static void hear(void *ctx, const evtwin_pump_event *event) {
    heard *h = ctx;
    h->n[event->kind]++;
    h->n_rows[event->kind] = event->n_rows;
    snprintf(h->text[event->kind], sizeof h->text[0], "%s|%s", event->uri, event->text);
}

static evtwin_pump *pump_of(feed *f, bowl *bowls, size_t n, size_t max_batch, size_t max_held,
                            double pause_s, heard *h) {
    static const char *const names[] = {"bowl:1", "bowl:2"};
    evtwin_pump *p = NULL;
    evtwin_pump_options options;
    assert_ok(evtwin_pump_options_init(&options, sizeof options));
    options.max_batch_rows = max_batch;
    options.max_held_rows = max_held;
    options.first_pause_s = options.longest_pause_s = pause_s;
    assert_ok(evtwin_pump_create(&options, &p));
    assert_ok(evtwin_pump_take_source(p, source_of(f)));
    for (size_t i = 0; i < n; i++) {
        assert_ok(evtwin_pump_take_sink(p, sink_of(&bowls[i], names[i])));
    }
    assert_ok(evtwin_pump_on_event(p, hear, h));
    return p;
}

static evtwin_pump_stats stats_of(const evtwin_pump *p) {
    evtwin_pump_stats stats;
    assert_ok(evtwin_pump_stats_get(p, &stats, sizeof stats));
    return stats;
}

/* ---- tests ---- */

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void a_source_is_waited_on(void **state) {
    (void)state;
    feed f = {.max = 1, .n_empty = 4, .refuse_at = -1};
    evtwin_source *s = source_of(&f);
    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    assert_string_equal(evtwin_source_uri(s), "feed");
    assert_string_equal(evtwin_source_position(s), "");

    /* not at all, for too short, and until it comes */
    assert_ok(evtwin_source_read(s, 5, 0, t));
    assert_int_equal(f.n_empty, 3);
    const double began_s = now_s();
    f.n_empty = 1000;
    assert_ok(evtwin_source_read(s, 5, 60, t));
    assert_true(now_s() - began_s >= 0.059 && f.n_empty < 1000);
    assert_int_equal(evtwin_table_rows(t), 0);
    f.n_empty = 3;
    assert_ok(evtwin_source_read(s, 5, 200000, t));
    assert_int_equal(evtwin_table_rows(t), 1);
    assert_true(now_s() - began_s < 100.0);
    assert_string_equal(evtwin_source_position(s), "1");
    assert_int_equal(evtwin_source_read(s, 5, 20000, t), EVTWIN_DONE);
    assert_fails(evtwin_source_read(s, 5, -1, t), EVTWIN_E_ARG, "timeout_ms");

    /* a failure without a text has that of its status */
    f.fails = EVTWIN_E_EXTERNAL;
    assert_fails(evtwin_source_read(s, 5, 0, t), EVTWIN_E_EXTERNAL, "feed: ");
    assert_non_null(strstr(evtwin_last_error(), evtwin_status_text(EVTWIN_E_EXTERNAL)));
    evtwin_table_free(t);
    evtwin_source_free(s);
    assert_int_equal(f.n_closed, 1);
}

static void a_refusal_says_which_and_why(void **state) {
    (void)state;
    feed f = {.max = 3, .refuse_at = 1};
    evtwin_source *s = source_of(&f);
    evtwin_table *t = NULL;
    evtwin_refusal r;
    assert_ok(evtwin_telemetry_table_create(&t));
    assert_int_equal(evtwin_source_refusal(s, &r, sizeof r), EVTWIN_DONE);
    assert_ok(evtwin_source_read(s, 5, 0, t));
    assert_int_equal(evtwin_source_read(s, 5, 0, t), EVTWIN_REFUSED);
    assert_int_equal(evtwin_table_rows(t), 1);
    assert_ok(evtwin_source_refusal(s, &r, sizeof r));
    assert_int_equal(r.status, EVTWIN_E_PARSE);
    assert_string_equal(r.place, "feed:1");
    assert_string_equal(r.reason, "not to my taste");
    assert_string_equal(evtwin_last_error(), "not to my taste");
    assert_int_equal(r.raw_size, 2);
    assert_memory_equal(r.raw, "\0x", 3);
    assert_ok(evtwin_source_read(s, 5, 0, t));
    assert_int_equal(evtwin_table_rows(t), 2);
    assert_fails(evtwin_source_refuse(s, EVTWIN_OK, "", NULL, NULL, 0), EVTWIN_E_ARG, "status");
    assert_fails(evtwin_source_refusal(NULL, &r, sizeof r), EVTWIN_E_ARG, "NULL");
    evtwin_table_free(t);
    evtwin_source_free(s);
}

static void misuse_is_refused(void **state) {
    (void)state;
    evtwin_source *source = NULL;
    evtwin_sink *sink = NULL;
    const evtwin_source_callbacks no_read = {.size = sizeof no_read, .name = "x"};
    const evtwin_sink_callbacks no_name = {.size = sizeof no_name, .write = write_bowl};
    assert_fails(evtwin_source_create(NULL, NULL, &source), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_source_create(&no_read, NULL, &source), EVTWIN_E_ARG, "source|function");
    assert_fails(evtwin_sink_create(&no_name, NULL, &sink), EVTWIN_E_ARG, "sink|name");
    assert_fails(evtwin_sink_create(NULL, NULL, &sink), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_source_commit(NULL, ""), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_source_set_position(NULL, ""), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_sink_write_batch(NULL, NULL), EVTWIN_E_ARG, "NULL");
    assert_string_equal(evtwin_source_uri(NULL), "");
    evtwin_sim_source_options pace;
    assert_ok(evtwin_sim_source_options_init(&pace, sizeof pace));
    assert_fails(evtwin_source_from_sim(NULL, &pace, &source), EVTWIN_E_ARG, "NULL");
    evtwin_sim_options options;
    evtwin_sim *sim = NULL;
    assert_ok(evtwin_sim_options_init(&options, sizeof options));
    assert_ok(evtwin_sim_create(&options, &sim));
    pace.interval_s = 0;
    assert_fails(evtwin_source_from_sim(sim, &pace, &source), EVTWIN_E_ARG, "interval");
    evtwin_sim_free(sim); /* still ours */
    assert_null(source);
    assert_null(sink);
}

static void what_every_sink_has_is_acknowledged(void **state) {
    (void)state;
    feed f = {.max = 25, .refuse_at = 12};
    bowl b[2] = {{.n_rows = 0}, {.n_rows = 0}};
    b[0].next_seq = b[1].next_seq = 0;
    heard h = {{0}, {0}, {{0}}};
    evtwin_pump *p = pump_of(&f, b, 2, 10, 0, 0, &h);
    size_t n = 0;
    assert_ok(evtwin_pump_run_once(p, 0, &n));
    assert_int_equal(n, 10);
    assert_string_equal(f.committed, "10");
    assert_string_equal(b[1].position, "10");
    assert_ok(evtwin_pump_run_once(p, 0, &n));
    assert_string_equal(f.committed, "12");

    /* a refused record is behind us too */
    assert_int_equal(evtwin_pump_run_once(p, 0, &n), EVTWIN_REFUSED);
    assert_int_equal(n, 0);
    assert_string_equal(f.committed, "13");
    assert_string_equal(h.text[EVTWIN_PUMP_REFUSED], "feed|not to my taste");
    b[0].next_seq = b[1].next_seq = 13;
    b[1].write_fails = EVTWIN_E_IO;
    assert_fails(evtwin_pump_run_once(p, 0, &n), EVTWIN_E_IO, "bowl:2: ");
    assert_int_equal(b[0].n_rows, 22);
    assert_string_equal(f.committed, "13");
    b[1].write_fails = EVTWIN_OK;
    assert_ok(evtwin_pump_run_once(p, 0, &n));
    assert_string_equal(f.committed, "23");
    assert_ok(evtwin_pump_run_once(p, 0, &n));
    assert_string_equal(f.committed, "25");
    assert_int_equal(evtwin_pump_run_once(p, 0, &n), EVTWIN_DONE);
    assert_int_equal(f.n_commits, 5);
    assert_int_equal(stats_of(p).n_written, 24);
    assert_int_equal(stats_of(p).n_refused, 1);
    evtwin_pump_free(p);
    assert_int_equal(b[0].n_closed + b[1].n_closed + f.n_closed, 3);
}

static void rows_are_held_for_a_sink_that_fails_and_delivered_in_order(void **state) {
    (void)state;
    feed f = {.max = 100, .refuse_at = -1};
    bowl b[2] = {{.write_fails = EVTWIN_E_AGAIN, .lost_seq = 35}, {.n_rows = 0}};
    heard h = {{0}, {0}, {{0}}};
    evtwin_pump *p = pump_of(&f, b, 2, 10, 35, 0, &h);
    for (int i = 0; i < 5; i++) {
        size_t n = 0;
        assert_ok(evtwin_pump_run_once(p, 0, &n)); /* the failure is held, not returned */
        assert_int_equal(n, 10);
    }
    assert_int_equal(b[0].n_rows, 0);
    assert_int_equal(b[1].n_rows, 50);
    assert_int_equal(f.n_commits, 0);
    assert_int_equal(h.n[EVTWIN_PUMP_SINK_FAILED], 1);
    assert_non_null(strstr(h.text[EVTWIN_PUMP_SINK_FAILED], "bowl:1|bowl:1: "));
    assert_int_equal(h.n[EVTWIN_PUMP_BATCH], 5);
    assert_int_equal(h.n[EVTWIN_PUMP_HOLD_FULL], 1);
    assert_int_equal(h.n_rows[EVTWIN_PUMP_HOLD_FULL], 35);
    assert_int_equal(stats_of(p).n_held, 35);
    assert_int_equal(stats_of(p).n_lost, 15);
    assert_int_equal(stats_of(p).n_written, 0);
    assert_true(h.n[EVTWIN_PUMP_SINK_STILL_FAILING] >= 4);

    /* it takes the 35 held ones but cannot flush, so it has not recovered yet */
    b[0].write_fails = EVTWIN_OK;
    b[0].flush_fails = EVTWIN_E_IO;
    f.max = f.n; /* nothing new meanwhile */
    assert_int_equal(evtwin_pump_run_once(p, 0, NULL), EVTWIN_DONE);
    assert_int_equal(h.n[EVTWIN_PUMP_SINK_RECOVERED], 0);
    f.max = 100;

    /* it recovers: what is reported are the 35 held ones, of the fourth batch what had room; then
     * the next, without those lost */
    b[0].flush_fails = EVTWIN_OK;
    assert_ok(evtwin_pump_run_once(p, 0, NULL));
    assert_int_equal(h.n[EVTWIN_PUMP_SINK_RECOVERED], 1);
    assert_int_equal(h.n_rows[EVTWIN_PUMP_SINK_RECOVERED], 35);
    assert_int_equal(b[0].next_seq, 60);
    assert_int_equal(f.n_commits, 2);
    assert_string_equal(f.committed, "60");
    evtwin_pump_sink_stats sink;
    assert_ok(evtwin_pump_sink_stats_get(p, 0, &sink, sizeof sink));
    assert_string_equal(sink.uri, "bowl:1");
    assert_int_equal(sink.n_delivered, 45);
    assert_int_equal(sink.n_lost, 15);
    assert_int_equal(evtwin_pump_sink_stats_get(p, 2, &sink, sizeof sink), EVTWIN_DONE);
    evtwin_pump_free(p);
}

static void a_sink_is_left_alone_during_its_pause(void **state) {
    (void)state;
    feed f = {.max = 100, .refuse_at = -1};
    bowl b = {.write_fails = EVTWIN_E_IO};
    heard h = {{0}, {0}, {{0}}};

    /* with nothing held the source is not read on, and a call waits for the next try */
    evtwin_pump *p = pump_of(&f, &b, 1, 10, 0, 0.2, &h);
    for (int i = 0; i < 3; i++) {
        assert_fails(evtwin_pump_run_once(p, 0, NULL), EVTWIN_E_IO, "bowl:1: ");
    }
    assert_int_equal(b.n_tries, 1);
    assert_int_equal(f.n, 10);
    assert_int_equal(stats_of(p).n_errors, 1);
    assert_int_equal(stats_of(p).n_held, 10);
    b.write_fails = EVTWIN_OK;
    size_t n = 0;
    assert_ok(evtwin_pump_run_once(p, 10000, &n));
    assert_int_equal(n, 10);
    assert_int_equal(h.n[EVTWIN_PUMP_SINK_RECOVERED], 1);
    evtwin_pump_free(p);

    /* the end does not wait for a pause */
    f = (feed){.max = 20, .refuse_at = -1};
    b = (bowl){.write_fails = EVTWIN_E_AGAIN};
    p = pump_of(&f, &b, 1, 10, 100, 1000, &h);
    assert_ok(evtwin_pump_run_once(p, 0, NULL));
    assert_ok(evtwin_pump_run_once(p, 0, NULL));
    assert_int_equal(b.n_tries, 1);
    assert_fails(evtwin_pump_finish(p), EVTWIN_E_AGAIN, "bowl:1: ");
    b.write_fails = EVTWIN_OK;
    assert_ok(evtwin_pump_finish(p));
    assert_int_equal(b.n_rows, 20);
    assert_string_equal(f.committed, "20");
    evtwin_pump_free(p);
}

static void a_failed_flush_writes_nothing_again(void **state) {
    (void)state;
    static const size_t max_held[] = {0, 1000};
    for (size_t i = 0; i < 2; i++) {
        feed f = {.max = 30, .refuse_at = -1};
        bowl b = {.flush_fails = EVTWIN_E_IO};
        heard h = {{0}, {0}, {{0}}};
        evtwin_pump *p = pump_of(&f, &b, 1, 10, max_held[i], 0, &h);
        assert_int_equal(evtwin_pump_run_once(p, 0, NULL), i == 0 ? EVTWIN_E_IO : EVTWIN_OK);
        assert_int_equal(evtwin_pump_run_once(p, 0, NULL), i == 0 ? EVTWIN_E_IO : EVTWIN_OK);
        assert_int_equal(f.n_commits, 0);
        assert_int_equal(stats_of(p).n_written, 0);
        b.flush_fails = EVTWIN_OK;
        while (evtwin_pump_run_once(p, 0, NULL) == EVTWIN_OK) {
        }
        assert_int_equal(b.n_rows, 30); /* in order, or the sink would have said so */
        assert_int_equal(stats_of(p).n_written, 30);
        assert_string_equal(f.committed, "30");
        evtwin_pump_free(p);
    }
}

/* What would fail again is not held. */
static void a_failure_that_stays_is_returned(void **state) {
    (void)state;
    feed f = {.max = 30, .refuse_at = -1};
    bowl b = {.write_fails = EVTWIN_E_BUSY};
    heard h = {{0}, {0}, {{0}}};
    evtwin_pump *p = pump_of(&f, &b, 1, 10, 1000, 0, &h);
    assert_fails(evtwin_pump_run_once(p, 0, NULL), EVTWIN_E_BUSY, "bowl:1: ");
    assert_fails(evtwin_pump_run_once(p, 0, NULL), EVTWIN_E_BUSY, "bowl:1: ");
    assert_int_equal(f.n, 10);
    b.write_fails = EVTWIN_OK;
    assert_ok(evtwin_pump_run_once(p, 0, NULL));
    assert_int_equal(b.n_rows, 10);

    f.fails = EVTWIN_E_EXTERNAL;
    assert_fails(evtwin_pump_run_once(p, 0, NULL), EVTWIN_E_EXTERNAL, "feed: ");
    assert_int_equal(evtwin_pump_run_once(p, 0, NULL), EVTWIN_E_EXTERNAL);
    assert_int_equal(h.n[EVTWIN_PUMP_SOURCE_FAILED], 1);
    f.fails = EVTWIN_OK;
    assert_ok(evtwin_pump_run_once(p, 0, NULL));
    assert_int_equal(h.n[EVTWIN_PUMP_SOURCE_RECOVERED], 1);
    evtwin_pump_free(p);
    assert_true(evtwin_status_is_temporary(EVTWIN_E_AGAIN));
    assert_true(evtwin_status_is_temporary(EVTWIN_E_NOMEM));
    assert_false(evtwin_status_is_temporary(EVTWIN_E_SCHEMA));
    assert_false(evtwin_status_is_temporary(EVTWIN_DONE));
}

/* A battery's state moves when its predictions are with the sinks, and goes with them. */
static void states_go_with_the_batch(void **state) {
    (void)state;
    const char *dir = temp_path("bundle");
    const bundle_spec both = {"xgboost-3.2-regression", "xgboost-3.2-logistic"};
    write_bundle(dir, &both);
    evtwin_predictor *predictor = NULL;
    assert_ok(evtwin_predictor_load(dir, &predictor));
    feed f = {.max = 20, .refuse_at = -1};
    bowl b[2] = {{.n_rows = 0}, {.write_fails = EVTWIN_E_IO}};
    heard h = {{0}, {0}, {{0}}};
    evtwin_pump *p = pump_of(&f, b, 2, 10, 0, 0, &h);
    assert_ok(evtwin_pump_take_predictor(p, predictor));
    assert_int_equal(evtwin_pump_run_once(p, 0, NULL), EVTWIN_E_IO);
    assert_int_equal(b[0].n_states, 1);
    assert_int_equal(evtwin_session_batteries(evtwin_pump_session(p)), 0);
    b[1].write_fails = EVTWIN_OK;
    assert_ok(evtwin_pump_run_once(p, 0, NULL));
    assert_int_equal(b[1].n_states, 1);
    assert_int_equal(evtwin_session_batteries(evtwin_pump_session(p)), 1);
    assert_ok(evtwin_pump_run_once(p, 0, NULL));
    assert_int_equal(b[1].n_states, 2);
    assert_int_equal(stats_of(p).n_predicted + stats_of(p).n_unknown, 20);
    evtwin_pump_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_is_waited_on),
        cmocka_unit_test(a_refusal_says_which_and_why),
        cmocka_unit_test(misuse_is_refused),
        cmocka_unit_test(what_every_sink_has_is_acknowledged),
        cmocka_unit_test(rows_are_held_for_a_sink_that_fails_and_delivered_in_order),
        cmocka_unit_test(a_sink_is_left_alone_during_its_pause),
        cmocka_unit_test(a_failed_flush_writes_nothing_again),
        cmocka_unit_test(a_failure_that_stays_is_returned),
        cmocka_unit_test(states_go_with_the_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
