/* SPDX-License-Identifier: MIT */
/* tests/unit/stream/test_pump_recall.c: whoever gets a share of the batteries goes on with their
 * pasts, which are asked of the sink as the batteries appear: of those of a batch, and once. */

#include "test.h"

#include "learn/bundles.h"
#include "stream/scheme.h"

enum { MAX_KEPT = 64 };

/* What members of a group have in common: the states that were written, by battery, as a store
 * keeps them. */
typedef struct keeper {
    evtwin_table *kept;     /* one row a battery */
    size_t n_asks, n_asked; /* questions, and batteries that they named */
    int is_down;            /* it does not answer */
    size_t n_failures, n_ignored;
    double pause_s; /* of the pumps, when it does not answer */
} keeper;

static size_t row_of(const evtwin_table *table, const char *id) {
    const size_t col = evtwin_table_find(table, "battery_id");
    size_t row = 0;
    while (row < evtwin_table_rows(table) && strcmp(evtwin_table_text(table, col, row), id) != 0) {
        row++;
    }
    return row;
}

static void keep_row(keeper *k, const evtwin_table *states, size_t row) {
    evtwin_table *one = NULL;
    assert_ok(evtwin_table_select(states, &row, 1, &one));
    if (k->kept != NULL) {
        const char *id = evtwin_table_text(one, evtwin_table_find(one, "battery_id"), 0);
        const size_t at = row_of(k->kept, id), n = evtwin_table_rows(k->kept);
        size_t others[MAX_KEPT], n_others = 0;
        for (size_t r = 0; r < n; r++) {
            if (r != at) {
                others[n_others++] = r;
            }
        }
        evtwin_table *rest = NULL;
        assert_ok(evtwin_table_select(k->kept, others, n_others, &rest));
        assert_ok(evtwin_table_append(rest, one));
        evtwin_table_free(k->kept);
        evtwin_table_free(one);
        one = rest;
    }
    k->kept = one;
}

static evtwin_status write_kept(void *ctx, const evtwin_batch *batch) {
    for (size_t r = 0; batch->states != NULL && r < evtwin_table_rows(batch->states); r++) {
        keep_row(ctx, batch->states, r);
    }
    return EVTWIN_OK;
}

static evtwin_status states_of(void *ctx, const evtwin_table *batteries, evtwin_table **out) {
    keeper *k = ctx;
    k->n_asks++;
    if (k->is_down) {
        return EVTWIN_E_AGAIN;
    }
    size_t found[MAX_KEPT], n = 0;
    for (size_t r = 0; r < evtwin_table_rows(batteries); r++) {
        const char *id = evtwin_table_text(batteries, 0, r);
        const size_t at = k->kept != NULL ? row_of(k->kept, id) : 0;
        k->n_asked++;
        if (k->kept != NULL && at < evtwin_table_rows(k->kept)) {
            found[n++] = at;
        }
    }
    if (n == 0) {
        return EVTWIN_DONE;
    }
    return evtwin_table_select(k->kept, found, n, out);
}

/* How many rows moved the state that is kept of a battery. */
static int rows_of(const keeper *k, const char *id) {
    const size_t row = row_of(k->kept, id);
    const char *text = evtwin_table_text(k->kept, evtwin_table_find(k->kept, "state"), row);
    assert_non_null(text);
    const char *at = strstr(text, "\"rows\":");
    assert_non_null(at);
    return atoi(at + strlen("\"rows\":"));
}

/* ---- a member: a pump whose source gives what it is told to ---- */

typedef struct member {
    evtwin_pump *pump;
    evtwin_source *source;
    const char *next; /* ids of the next batch, "A B"; NULL = none */
    int second;       /* the time of its rows */
} member;

static evtwin_status read_next(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                               evtwin_table *batch) {
    member *m = ctx;
    (void)source;
    (void)timeout_ms;
    char ids[2048];
    snprintf(ids, sizeof ids, "%s", m->next != NULL ? m->next : "");
    m->next = NULL;
    size_t n = 0;
    for (char *id = strtok(ids, " "); id != NULL; id = strtok(NULL, " ")) {
        assert_true(n < max_rows);
        assert_ok(evtwin_table_resize(batch, n + 1));
        assert_ok(evtwin_table_set_text(batch, evtwin_table_find(batch, "battery_id"), n, id));
        assert_ok(evtwin_table_set_i64(batch, evtwin_table_find(batch, "time"), n,
                                       1000000 * (int64_t)m->second));
        static const char *const names[] = {"soc", "soh", "voltage", "current"};
        static const double values[] = {55, 90, 370, 10};
        for (size_t i = 0; i < 4; i++) {
            assert_ok(
                evtwin_table_set_f64(batch, evtwin_table_find(batch, names[i]), n, values[i]));
        }
        n++;
    }
    return EVTWIN_OK;
}

static void note_event(void *ctx, const evtwin_pump_event *event) {
    keeper *k = ctx;
    k->n_failures += event->kind == EVTWIN_PUMP_SINK_FAILED;
    assert_true((event->predict_s > 0) == (event->kind == EVTWIN_PUMP_BATCH));
}

static evtwin_sink *sink_into(keeper *k, int keeps) {
    evtwin_sink *sink = NULL;
    const evtwin_sink_callbacks callbacks = {.size = sizeof callbacks,
                                             .name = keeps ? "keeper" : "forgetful",
                                             .write = write_kept,
                                             .states = keeps ? states_of : NULL};
    assert_ok(evtwin_sink_create(&callbacks, k, &sink));
    return sink;
}

static member member_of(keeper *k, int recalls) {
    static const bundle_spec both = {"xgboost-3.2-regression", "xgboost-3.2-logistic"};
    member m = {.pump = NULL};
    evtwin_pump_options options;
    evtwin_predictor *predictor = NULL;
    const char *dir = temp_path("bundle");
    write_bundle(dir, &both);
    assert_ok(evtwin_predictor_load(dir, &predictor));
    assert_ok(evtwin_pump_options_init(&options, sizeof options));
    options.first_pause_s = options.longest_pause_s = k->pause_s;
    options.recalls_states = recalls;
    assert_ok(evtwin_pump_create(&options, &m.pump));
    assert_ok(evtwin_pump_take_predictor(m.pump, predictor));
    assert_ok(evtwin_pump_on_event(m.pump, note_event, k));
    return m;
}

/* The source borrows the member, which must not move from here on. */
static void connect(member *m, evtwin_sink *sink) {
    const evtwin_source_callbacks callbacks = {
        .size = sizeof callbacks, .name = "group", .read = read_next};
    assert_ok(evtwin_source_create(&callbacks, m, &m->source));
    assert_ok(evtwin_pump_take_source(m->pump, m->source));
    assert_ok(evtwin_pump_take_sink(m->pump, sink));
}

/* One batch of these batteries, each with a row of that second. */
static evtwin_status give(member *m, const char *ids, int second) {
    m->next = ids;
    m->second = second;
    return evtwin_pump_run_once(m->pump, 0, NULL);
}

static void whoever_gets_a_battery_goes_on_with_its_past(void **state) {
    (void)state;
    keeper k = {.kept = NULL};
    member one = member_of(&k, 1), two = member_of(&k, 1);
    connect(&one, sink_into(&k, 1));
    connect(&two, sink_into(&k, 1));

    /* each battery is asked for when it comes first, with the others of its batch; then no more */
    assert_ok(give(&one, "A B A", 1));
    assert_int_equal(k.n_asks, 1);
    assert_int_equal(k.n_asked, 2);
    assert_ok(give(&one, "A B", 2));
    assert_int_equal(k.n_asks, 1);
    assert_ok(give(&one, "C A", 3));
    assert_int_equal(k.n_asks, 2);
    assert_int_equal(k.n_asked, 3);
    assert_int_equal(rows_of(&k, "A"), 3);

    /* another one goes on with A: the rest of what is kept does not come with it */
    evtwin__source_share_changed(two.source);
    assert_ok(give(&two, "A", 4));
    assert_int_equal(k.n_asks, 3);
    assert_int_equal(k.n_asked, 4);
    assert_int_equal(rows_of(&k, "A"), 4);
    assert_int_equal(evtwin_session_batteries(evtwin_pump_session(two.pump)), 1);

    /* and gives it back: the first one knows an older past of it, and asks */
    evtwin__source_share_changed(one.source);
    assert_ok(give(&one, "A", 5));
    assert_int_equal(rows_of(&k, "A"), 5);
    assert_ok(give(&one, "B", 5));
    assert_int_equal(rows_of(&k, "B"), 3);
    assert_int_equal(k.n_asks, 5);
    assert_ok(give(&one, "A B", 6));
    assert_int_equal(k.n_asks, 5);
    assert_int_equal(k.n_failures, 0);
    evtwin_pump_free(one.pump);
    evtwin_pump_free(two.pump);
    evtwin_table_free(k.kept);
}

/* Rows that would be predicted from a past that is too old wait instead. */
static void while_the_sink_does_not_answer_nothing_is_predicted(void **state) {
    (void)state;
    keeper k = {.kept = NULL};
    member m = member_of(&k, 1);
    connect(&m, sink_into(&k, 1));
    assert_ok(give(&m, "A", 1));
    evtwin__source_share_changed(m.source);
    k.is_down = 1;
    assert_fails(give(&m, "A", 2), EVTWIN_E_AGAIN, "keeper");
    assert_fails(evtwin_pump_run_once(m.pump, 0, NULL), EVTWIN_E_AGAIN, "keeper");
    evtwin_pump_stats stats;
    evtwin_pump_sink_stats sink;
    assert_ok(evtwin_pump_stats_get(m.pump, &stats, sizeof stats));
    assert_ok(evtwin_pump_sink_stats_get(m.pump, 0, &sink, sizeof sink));
    assert_int_equal(stats.n_predicted, 1);
    assert_int_equal(k.n_failures, 1);
    assert_int_equal(sink.n_failures, 2);
    assert_false(sink.is_up);
    assert_int_equal(rows_of(&k, "A"), 1);
    k.is_down = 0;
    size_t n = 0;
    assert_ok(evtwin_pump_run_once(m.pump, 0, &n)); /* the batch that waited */
    assert_int_equal(n, 1);
    assert_int_equal(rows_of(&k, "A"), 2);
    assert_ok(evtwin_pump_sink_stats_get(m.pump, 0, &sink, sizeof sink));
    assert_true(sink.is_up);
    evtwin_pump_free(m.pump);
    evtwin_table_free(k.kept);
}

/* As the last batch is offered once more, whatever the pause: it may not come again. */
static void at_the_end_the_sink_is_asked_once_more(void **state) {
    (void)state;
    keeper k = {.is_down = 1, .pause_s = 3600};
    member m = member_of(&k, 1);
    connect(&m, sink_into(&k, 1));
    assert_fails(give(&m, "A", 1), EVTWIN_E_AGAIN, "keeper");
    k.is_down = 0;
    assert_fails(evtwin_pump_run_once(m.pump, 0, NULL), EVTWIN_E_AGAIN, "keeper");
    assert_ok(evtwin_pump_finish(m.pump));
    assert_int_equal(k.n_asks, 2);
    assert_int_equal(rows_of(&k, "A"), 1);
    evtwin_pump_free(m.pump);
    evtwin_table_free(k.kept);
}

static void count_ignored(void *ctx, evtwin_log_level level, const char *text) {
    keeper *k = ctx;
    k->n_ignored += level == EVTWIN_LOG_WARNING && strstr(text, "saved states") != NULL;
}

/* A store full of them must not fill the log. */
static void states_that_are_no_use_are_said_once(void **state) {
    (void)state;
    keeper k = {.kept = NULL};
    member m = member_of(&k, 1);
    connect(&m, sink_into(&k, 1));
    assert_ok(give(&m, "A B", 1));
    for (size_t r = 0; r < 2; r++) {
        assert_ok(evtwin_table_set_text(k.kept, evtwin_table_find(k.kept, "state"), r, "{}"));
    }
    evtwin__source_share_changed(m.source);
    evtwin_set_log(count_ignored, &k);
    assert_ok(give(&m, "A", 2));
    assert_ok(give(&m, "B", 2));
    evtwin_set_log(NULL, NULL);
    assert_int_equal(k.n_asks, 3);
    assert_int_equal(k.n_ignored, 1);
    assert_int_equal(rows_of(&k, "A"), 2); /* what is known here goes on */
    evtwin_pump_free(m.pump);
    evtwin_table_free(k.kept);
}

/* Without the option the caller restores, and of sinks that keep none nobody asks. */
static void who_does_not_keep_is_not_asked(void **state) {
    (void)state;
    for (int keeps = 0; keeps < 2; keeps++) {
        keeper k = {.kept = NULL};
        member m = member_of(&k, !keeps);
        connect(&m, sink_into(&k, keeps));
        assert_ok(give(&m, "A", 1));
        evtwin__source_share_changed(m.source);
        assert_ok(give(&m, "A", 2));
        assert_int_equal(k.n_asks, 0);
        assert_int_equal(rows_of(&k, "A"), 2);
        evtwin_pump_free(m.pump);
        evtwin_table_free(k.kept);
    }
}

/* More batteries at once than any answer had: those that are new are not asked for twice. */
static void new_batteries_are_asked_for_once(void **state) {
    (void)state;
    keeper k = {.kept = NULL};
    member m = member_of(&k, 1);
    connect(&m, sink_into(&k, 1));
    char ids[2048] = "";
    for (int i = 0; i < MAX_KEPT; i++) {
        snprintf(ids + strlen(ids), sizeof ids - strlen(ids), "N%d ", i);
    }
    for (int second = 1; second <= 3; second++) {
        assert_ok(give(&m, ids, second));
        assert_int_equal(k.n_asks, 1);
        assert_int_equal(k.n_asked, MAX_KEPT);
    }
    evtwin_pump_free(m.pump);
    evtwin_table_free(k.kept);
}

static void what_is_behind_is_not_asked(void **state) {
    (void)state;
    evtwin_pump_options options;
    evtwin_pump *p = NULL;
    assert_ok(evtwin_pump_options_init(&options, sizeof options));
    options.recalls_states = 1;
    options.max_held_rows = 10;
    assert_fails(evtwin_pump_create(&options, &p), EVTWIN_E_ARG, "recalls_states|max_held_rows");
    options.max_held_rows = 0;
    assert_ok(evtwin_pump_create(&options, &p));
#ifdef HAVE_SQLITE
    evtwin_spool *spool = NULL;
    assert_ok(evtwin_spool_open(temp_path("spool"), NULL, &spool));
    assert_fails(evtwin_pump_take_spool(p, spool), EVTWIN_E_UNSUPPORTED, "recalls_states");
    evtwin_spool_free(spool);
#endif
    evtwin_pump_free(p);
}

static void misuse_is_refused(void **state) {
    (void)state;
    keeper k = {.kept = NULL};
    evtwin_sink *keeps = sink_into(&k, 1), *forgets = sink_into(&k, 0);
    evtwin_table *batteries = NULL, *out = NULL;
    assert_ok(evtwin_table_create(&batteries));
    assert_fails(evtwin_sink_states(keeps, batteries, &out), EVTWIN_E_SCHEMA, "battery_id");
    assert_ok(evtwin_table_add_column(batteries, "battery_id", EVTWIN_TEXT, NULL, NULL));
    assert_fails(evtwin_sink_states(NULL, batteries, &out), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_sink_states(keeps, NULL, &out), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_sink_states(keeps, batteries, NULL), EVTWIN_E_ARG, "NULL");
    assert_int_equal(evtwin_sink_states(forgets, batteries, &out), EVTWIN_DONE);
    assert_int_equal(evtwin_sink_states(keeps, batteries, &out), EVTWIN_DONE);
    assert_null(out);
    k.is_down = 1;
    assert_fails(evtwin_sink_states(keeps, batteries, &out), EVTWIN_E_AGAIN, "keeper");
    evtwin_table_free(batteries);
    evtwin_sink_free(keeps);
    evtwin_sink_free(forgets);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_gets_a_battery_goes_on_with_its_past),
        cmocka_unit_test(while_the_sink_does_not_answer_nothing_is_predicted),
        cmocka_unit_test(at_the_end_the_sink_is_asked_once_more),
        cmocka_unit_test(states_that_are_no_use_are_said_once),
        cmocka_unit_test(who_does_not_keep_is_not_asked),
        cmocka_unit_test(new_batteries_are_asked_for_once),
        cmocka_unit_test(what_is_behind_is_not_asked),
        cmocka_unit_test(misuse_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
