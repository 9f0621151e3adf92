/* SPDX-License-Identifier: MIT */
/* test_pump.c: batches from source to sinks, none lost and none doubled when a sink fails. */

#include "test.h"

#include "fail_nth.h"
#include "learn/bundles.h"
#include "stream/scheme.h"

#include <jansson.h>
#include <signal.h>
#include <sys/resource.h>

static void write_lines(const char *path, size_t n) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    for (size_t i = 0; i < n; i++) {
        fprintf(
            f,
            "{\"timestamp\":\"2024-01-01T00:%02zu:%02zuZ\",\"battery_id\":\"B%zu\",\"soc\":%zu}\n",
            i / 60 % 60, i % 60, i % 3, i % 100);
    }
    fclose(f);
}

static size_t count_lines(const char *path) {
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = 0;
    for (int c; (c = fgetc(f)) != EOF;) {
        n += c == '\n';
    }
    fclose(f);
    return n;
}

/* Without pauses, unless a test asks for them. */
static evtwin_pump *pump_with(const char *source_uri, size_t max_batch, size_t max_held,
                              double pause_s) {
    evtwin_pump *p = NULL;
    evtwin_source *s = NULL;
    evtwin_pump_options options;
    assert_ok(evtwin_pump_options_init(&options, sizeof options));
    options.max_batch_rows = max_batch;
    options.max_held_rows = max_held;
    options.first_pause_s = options.longest_pause_s = pause_s;
    assert_ok(evtwin_pump_create(&options, &p));
    assert_ok(evtwin_source_open(source_uri, &s));
    assert_ok(evtwin_pump_take_source(p, s));
    return p;
}

static evtwin_pump *pump_from(const char *source_uri, size_t max_batch) {
    return pump_with(source_uri, max_batch, 0, 0);
}

static void add_sink(evtwin_pump *p, const char *scheme, const char *path) {
    char uri[512];
    evtwin_sink *s = NULL;
    snprintf(uri, sizeof uri, "%s:%s", scheme, path);
    assert_ok(evtwin_sink_open(uri, &s));
    assert_ok(evtwin_pump_take_sink(p, s));
}

static evtwin_pump_stats stats_of(const evtwin_pump *p) {
    evtwin_pump_stats stats;
    assert_ok(evtwin_pump_stats_get(p, &stats, sizeof stats));
    return stats;
}

static void count_rows(void *ctx, const evtwin_pump_event *event) {
    if (event->kind == EVTWIN_PUMP_BATCH) {
        assert_int_equal(event->n_rows, evtwin_table_rows(event->batch));
        assert_true(event->predict_s == 0); /* nothing was predicted */
        *(size_t *)ctx += event->n_rows;
    }
}

static void every_row_reaches_every_sink_once(void **state) {
    (void)state;
    char in[256], uri[300], a[256], b[256];
    snprintf(in, sizeof in, "%s", temp_path("in.jsonl"));
    snprintf(a, sizeof a, "%s", temp_path("a.jsonl"));
    snprintf(b, sizeof b, "%s", temp_path("b.csv"));
    snprintf(uri, sizeof uri, "jsonl:%s", in);
    write_lines(in, 1003);
    evtwin_pump *p = pump_from(uri, 100);
    add_sink(p, "jsonl", a);
    add_sink(p, "csv", b);
    size_t n_seen = 0, n = 99, n_moved = 0;
    assert_ok(evtwin_pump_on_event(p, count_rows, &n_seen));
    evtwin_status st;
    while ((st = evtwin_pump_run_once(p, 0, &n)) == EVTWIN_OK) {
        assert_true(n > 0 && n <= 100);
        n_moved += n;
    }
    assert_int_equal(st, EVTWIN_DONE);
    assert_int_equal(n, 0);
    assert_int_equal(evtwin_pump_run_once(p, 0, NULL), EVTWIN_DONE);
    assert_int_equal(n_moved, 1003);
    assert_int_equal(n_seen, 1003);
    assert_int_equal(stats_of(p).n_read, 1003);
    assert_int_equal(stats_of(p).n_written, 1003);
    assert_int_equal(stats_of(p).n_predicted, 0);
    assert_int_equal(stats_of(p).n_unknown, 0);
    assert_int_equal(stats_of(p).n_errors, 0);
    evtwin_pump_free(p);
    assert_int_equal(count_lines(a), 1003);
    assert_int_equal(count_lines(b), 1004);
}

static void count_impossible(void *ctx, const evtwin_pump_event *event) {
    if (event->kind == EVTWIN_PUMP_OUT_OF_RANGE) {
        assert_non_null(strstr(event->text, "B1"));
        assert_non_null(strstr(event->text, "150 percent"));
        *(size_t *)ctx += event->n_rows;
    }
}

static void a_row_out_of_range_is_counted_and_goes_on(void **state) {
    (void)state;
    static const bundle_spec rul = {.rul = "xgboost-3.2-regression"};
    char in[256], out[256], uri[300];
    snprintf(in, sizeof in, "%s", temp_path("odd.jsonl"));
    snprintf(out, sizeof out, "%s", temp_path("odd-out.csv"));
    snprintf(uri, sizeof uri, "jsonl:%s", in);
    FILE *f = fopen(in, "wb");
    for (int i = 0; i < 4; i++) {
        fprintf(f,
                "{\"timestamp\":\"2024-01-01T00:00:0%dZ\",\"battery_id\":\"B%d\",\"soc\":%d,"
                "\"soh\":90,\"voltage\":370,\"current\":12}\n",
                i, i, i == 1 ? 150 : 80);
    }
    fclose(f);
    const char *dir = temp_path("odd-models");
    write_bundle(dir, &rul);
    evtwin_predictor *predictor = NULL;
    assert_ok(evtwin_predictor_load(dir, &predictor));
    evtwin_pump *p = pump_from(uri, 100);
    add_sink(p, "csv", out);
    assert_ok(evtwin_pump_take_predictor(p, predictor));
    size_t n_reported = 0;
    assert_ok(evtwin_pump_on_event(p, count_impossible, &n_reported));
    assert_ok(evtwin_pump_run_once(p, 0, NULL));
    assert_int_equal(n_reported, 1);
    assert_int_equal(stats_of(p).n_predicted, 3);
    assert_int_equal(stats_of(p).n_unknown, 1);
    assert_int_equal(stats_of(p).n_out_of_range, 1);
    assert_int_equal(stats_of(p).n_written, 4);
    evtwin_pump_free(p);
}

/* A limit on the file size stands in for a full disk: the CSV file, long already, reaches it, the
 * JSON file behind it does not; that one has taken the batch and must not get it again. */
static void a_failed_sink_gets_the_batch_again_the_others_do_not(void **state) {
    (void)state;
    char uri[300], a[256], b[256];
    snprintf(a, sizeof a, "%s", temp_path("retry-a.csv"));
    snprintf(b, sizeof b, "%s", temp_path("retry-b.jsonl"));
    const char *in = temp_path("retry.jsonl");
    snprintf(uri, sizeof uri, "jsonl:%s", in);
    write_lines(in, 2000);
    evtwin_pump *p = pump_from(uri, 100);
    add_sink(p, "csv", a);
    while (evtwin_pump_run_once(p, 0, NULL) == EVTWIN_OK) {
    }
    evtwin_pump_free(p);

    write_lines(in, 45);
    p = pump_from(uri, 10);
    add_sink(p, "csv", a);
    add_sink(p, "jsonl", b);
    size_t n_seen = 0, n = 77;
    assert_ok(evtwin_pump_on_event(p, count_rows, &n_seen));
    assert_ok(evtwin_pump_run_once(p, 0, NULL));
    struct stat info;
    assert_int_equal(stat(a, &info), 0);
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    void (*const handler)(int) = signal(SIGXFSZ, SIG_IGN);
    const struct rlimit full = {(rlim_t)info.st_size + 50, limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
    evtwin_status st[3];
    for (int i = 0; i < 3; i++) {
        st[i] = evtwin_pump_run_once(p, 0, &n);
    }
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, handler);

    for (int i = 0; i < 3; i++) {
        assert_int_equal(st[i], EVTWIN_E_IO);
    }
    assert_non_null(strstr(evtwin_last_error(), a));
    assert_int_equal(n, 77);
    assert_int_equal(n_seen, 10);
    assert_int_equal(stats_of(p).n_errors, 3);
    assert_int_equal(stats_of(p).n_read, 20);
    assert_int_equal(stats_of(p).n_written, 10);
    assert_int_equal(count_lines(a), 2011);
    assert_int_equal(count_lines(b), 20);
    while (evtwin_pump_run_once(p, 0, NULL) == EVTWIN_OK) {
    }
    assert_int_equal(n_seen, 45);
    assert_int_equal(stats_of(p).n_written, 45);
    evtwin_pump_free(p);
    assert_int_equal(count_lines(a), 2046);
    assert_int_equal(count_lines(b), 45);
}

static void hear_refusal(void *ctx, const evtwin_pump_event *event) {
    evtwin_refusal *r = ctx;
    if (event->kind == EVTWIN_PUMP_REFUSED) {
        assert_string_equal(event->text, event->refusal->reason);
        assert_int_equal(event->status, event->refusal->status);
        *r = *event->refusal;
    }
}

static void a_bad_record_is_refused_and_passed_over(void **state) {
    (void)state;
    char uri[300];
    const char *path =
        temp_file("bad.jsonl", "{\"timestamp\":\"2024-01-01\",\"battery_id\":\"B\"}\n"
                               "{\"timestamp\":\"never\",\"battery_id\":\"B\"}\n"
                               "{\"timestamp\":\"2024-01-02\",\"battery_id\":\"B\"}\n");
    snprintf(uri, sizeof uri, "jsonl:%s", path);
    evtwin_pump *p = pump_from(uri, 10);
    size_t n = 0;
    assert_ok(evtwin_pump_run_once(p, 0, &n));
    assert_int_equal(n, 1);
    evtwin_refusal refusal = {.size = 0};
    assert_ok(evtwin_pump_on_event(p, hear_refusal, &refusal));
    assert_int_equal(evtwin_pump_run_once(p, 0, &n), EVTWIN_REFUSED);
    assert_int_equal(n, 0);
    assert_int_equal(refusal.status, EVTWIN_E_PARSE);
    assert_non_null(strstr(refusal.place, "bad.jsonl:2"));
    assert_string_equal(refusal.raw, "{\"timestamp\":\"never\",\"battery_id\":\"B\"}");
    assert_ok(evtwin_pump_run_once(p, 0, &n));
    assert_int_equal(evtwin_pump_run_once(p, 0, &n), EVTWIN_DONE);
    assert_int_equal(stats_of(p).n_read, 2);
    assert_int_equal(stats_of(p).n_refused, 1);
    assert_int_equal(stats_of(p).n_errors, 0);
    assert_int_equal(stats_of(p).n_written, 0); /* nobody took them */
    evtwin_pump_free(p);
}

/* Rows with figures, and one that lacks what the models need. */
static void predictions_are_counted(void **state) {
    (void)state;
    const char *dir = temp_path("bundle");
    const bundle_spec both = {"xgboost-3.2-regression", "xgboost-3.2-logistic"};
    write_bundle(dir, &both);
    evtwin_predictor *predictor = NULL;
    assert_ok(evtwin_predictor_load(dir, &predictor));

    char in[300], out[256];
    snprintf(in, sizeof in, "csv:%s",
             temp_file("to-predict.csv", "time,battery_id,soc,soh,voltage,current\n"
                                         "2024-01-01T00:00:00Z,A,55,90,370,10\n"
                                         "2024-01-01T00:00:00Z,B,55,,370,10\n"
                                         "2024-01-01T00:00:01Z,A,54,90,369,10\n"));
    snprintf(out, sizeof out, "%s", temp_path("predicted.csv"));
    evtwin_pump *p = pump_from(in, 2);
    add_sink(p, "csv", out);
    assert_ok(evtwin_pump_take_predictor(p, predictor));
    assert_fails(evtwin_pump_take_predictor(p, predictor), EVTWIN_E_STATE, "predictor");
    evtwin_status st;
    while ((st = evtwin_pump_run_once(p, 0, NULL)) == EVTWIN_OK) {
    }
    assert_int_equal(st, EVTWIN_DONE);
    assert_int_equal(stats_of(p).n_read, 3);
    assert_int_equal(stats_of(p).n_predicted, 2);
    assert_int_equal(stats_of(p).n_unknown, 1);
    assert_int_equal(stats_of(p).n_written, 3);
    evtwin_pump_free(p);

    evtwin_table *t = NULL;
    assert_ok(evtwin_table_read_csv(out, NULL, &t));
    const size_t rul = evtwin_table_find(t, "rul_prediction");
    const size_t note = evtwin_table_find(t, "prediction_note");
    assert_int_equal(evtwin_table_rows(t), 3);
    for (size_t row = 0; row < 3; row++) {
        assert_int_equal(evtwin_table_is_valid(t, rul, row), row != 1);
        assert_int_equal(evtwin_table_is_valid(t, note, row), row == 1);
    }
    assert_non_null(strstr(evtwin_table_text(t, note, 1), "soh"));
    evtwin_table_free(t);
}

static void misuse_is_refused(void **state) {
    (void)state;
    evtwin_pump *p = NULL;
    assert_fails(evtwin_pump_create(NULL, NULL), EVTWIN_E_ARG, "NULL");
    evtwin_pump_options options;
    assert_ok(evtwin_pump_options_init(&options, sizeof options));
    options.max_held_rows = 1000001;
    assert_fails(evtwin_pump_create(&options, &p), EVTWIN_E_ARG, "max_held_rows");
    options.max_held_rows = 0;
    options.max_batch_rows = 0;
    assert_fails(evtwin_pump_create(&options, &p), EVTWIN_E_ARG, "max_batch_rows");
    options.size = 0;
    assert_fails(evtwin_pump_create(&options, &p), EVTWIN_E_ARG, "evtwin_pump_options_init");
    assert_null(p);
    assert_ok(evtwin_pump_create(NULL, &p));
    assert_fails(evtwin_pump_run_once(p, 0, NULL), EVTWIN_E_STATE, "source");
    assert_fails(evtwin_pump_run_once(NULL, 10, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_pump_run_once(p, -1, NULL), EVTWIN_E_ARG, "timeout_ms");
    assert_fails(evtwin_pump_finish(NULL), EVTWIN_E_ARG, "NULL");
    assert_null(evtwin_pump_session(p));
    assert_fails(evtwin_pump_take_source(p, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_pump_take_sink(p, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_pump_take_predictor(p, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_pump_on_event(NULL, NULL, NULL), EVTWIN_E_ARG, "NULL");
    evtwin_pump_stats stats;
    assert_fails(evtwin_pump_stats_get(p, NULL, sizeof stats), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_pump_stats_get(p, &stats, 1), EVTWIN_E_ARG, "pump|out");
    assert_ok(evtwin_pump_stats_get(p, &stats, sizeof stats));
    assert_int_equal(stats.size, sizeof stats);
    assert_int_equal(stats.n_read, 0);

    char uri[300];
    write_lines(temp_path("misuse.jsonl"), 1);
    snprintf(uri, sizeof uri, "jsonl:%s", temp_path("misuse.jsonl"));
    evtwin_source *first = NULL, *second = NULL;
    assert_ok(evtwin_source_open(uri, &first));
    assert_ok(evtwin_source_open(uri, &second));
    assert_ok(evtwin_pump_take_source(p, first));
    assert_fails(evtwin_pump_take_source(p, second), EVTWIN_E_STATE, "source");
    evtwin_source_free(second);
    evtwin_pump_free(p);
    evtwin_pump_free(NULL);
}

static size_t n_allocations;

static void *counting_all(void *ctx, void *ptr, size_t size) {
    (void)ctx;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    n_allocations++;
    return realloc(ptr, size);
}

static void the_long_run_does_not_allocate(void **state) {
    (void)state;
    json_malloc_t its_malloc;
    json_free_t its_free;
    json_get_alloc_funcs(&its_malloc, &its_free);
    json_set_alloc_funcs(malloc, free); /* a record's values are jansson's, not the library's */
    evtwin_set_allocator(counting_all, NULL);
    /* JSON that is read is jansson's, which allocates */
    evtwin_pump *p = pump_from("sim:?fleet=50&speed=max&interval=10", 100);
    add_sink(p, "jsonl", temp_path("steady-out.jsonl"));
    add_sink(p, "csv", temp_path("steady-out.csv"));
    for (int i = 0; i < 100; i++) {
        assert_ok(evtwin_pump_run_once(p, 0, NULL));
    }
    n_allocations = 0;
    for (int i = 0; i < 30; i++) {
        assert_ok(evtwin_pump_run_once(p, 0, NULL));
    }
    assert_int_equal(n_allocations, 0);
    evtwin_pump_free(p);
    evtwin_set_allocator(NULL, NULL);
    json_set_alloc_funcs(its_malloc, its_free);
}

static evtwin_status pump_all(void *ctx) {
    const char *const *uris = ctx;
    evtwin_pump *p = NULL;
    evtwin_source *source = NULL;
    evtwin_sink *sink = NULL;
    evtwin_status st = evtwin_pump_create(NULL, &p);
    if (st == EVTWIN_OK && (st = evtwin_source_open(uris[0], &source)) == EVTWIN_OK &&
        (st = evtwin_pump_take_source(p, source)) < 0) {
        evtwin_source_free(source);
    }
    if (st == EVTWIN_OK && (st = evtwin_sink_open(uris[1], &sink)) == EVTWIN_OK &&
        (st = evtwin_pump_take_sink(p, sink)) < 0) {
        evtwin_sink_free(sink);
    }
    while (st == EVTWIN_OK) {
        st = evtwin_pump_run_once(p, 0, NULL);
    }
    evtwin_pump_free(p);
    return st == EVTWIN_DONE ? EVTWIN_OK : st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    char from[300], to[300];
    snprintf(from, sizeof from, "jsonl:%s", temp_path("nomem-in.jsonl"));
    snprintf(to, sizeof to, "csv:%s?replace=1", temp_path("nomem-out.csv"));
    write_lines(temp_path("nomem-in.jsonl"), 50);
    const char *uris[] = {from, to};
    assert_true(fail_every_allocation(pump_all, uris) > 30);
    assert_int_equal(count_lines(temp_path("nomem-out.csv")), 51);
}

/* ---- a source that shares what it reads with others ---- */

typedef struct shared_source {
    evtwin_source *source;
    int n_reads, n_changes;
    size_t n_batches, n_rows_before; /* delivered; by the last change */
    evtwin_pump *pump;
} shared_source;

static evtwin_status read_shared(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                                 evtwin_table *batch) {
    shared_source *s = ctx;
    (void)max_rows;
    (void)timeout_ms;
    if (s->n_reads % 2 == 0) { /* before rows 1, 3, … */
        evtwin__source_share_changed(source);
    }
    const size_t battery = evtwin_table_find(batch, "battery_id");
    const size_t time = evtwin_table_find(batch, "time");
    assert_ok(evtwin_table_resize(batch, 1));
    assert_ok(evtwin_table_set_text(batch, battery, 0, "B1"));
    assert_ok(evtwin_table_set_i64(batch, time, 0, 1000000 * (int64_t)++s->n_reads));
    return EVTWIN_OK;
}

static void note_shared(void *ctx, const evtwin_pump_event *event) {
    shared_source *s = ctx;
    s->n_batches += event->kind == EVTWIN_PUMP_BATCH;
    if (event->kind == EVTWIN_PUMP_SHARE_CHANGED) {
        s->n_changes++;
        s->n_rows_before = s->n_batches;
    }
}

/* Once for each change, after the batch was read and before it goes on. */
static void another_share_is_reported_before_its_first_batch(void **state) {
    (void)state;
    shared_source s = {.n_reads = 0};
    const evtwin_source_callbacks callbacks = {
        .size = sizeof callbacks, .name = "shared", .read = read_shared};
    evtwin_pump_options options;
    assert_ok(evtwin_pump_options_init(&options, sizeof options));
    assert_ok(evtwin_pump_create(&options, &s.pump));
    assert_ok(evtwin_source_create(&callbacks, &s, &s.source));
    assert_ok(evtwin_pump_take_source(s.pump, s.source));
    add_sink(s.pump, "jsonl", "shared.jsonl");
    assert_ok(evtwin_pump_on_event(s.pump, note_shared, &s));
    const int changes[] = {1, 1, 2, 2, 3};
    for (size_t i = 0; i < 5; i++) {
        assert_ok(evtwin_pump_run_once(s.pump, 0, NULL));
        assert_int_equal(s.n_changes, changes[i]);
        assert_int_equal(s.n_rows_before, i - i % 2);
    }
    evtwin_pump_free(s.pump);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_reaches_every_sink_once),
        cmocka_unit_test(a_row_out_of_range_is_counted_and_goes_on),
        cmocka_unit_test(a_failed_sink_gets_the_batch_again_the_others_do_not),
        cmocka_unit_test(a_bad_record_is_refused_and_passed_over),
        cmocka_unit_test(predictions_are_counted),
        cmocka_unit_test(misuse_is_refused),
        cmocka_unit_test(another_share_is_reported_before_its_first_batch),
        cmocka_unit_test(the_long_run_does_not_allocate),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
