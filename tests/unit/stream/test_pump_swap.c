/* SPDX-License-Identifier: MIT */
/* tests/unit/stream/test_pump_swap.c: a pump goes on with another predictor between two batches:
 * each row says which made its prediction, and none is lost, doubled or left out. */

#include "test.h"

#include "learn/bundles.h"

enum { N_ROWS = 7, BATCH = 2 };

/* What reached the sink; it fails as long as is_down. */
typedef struct seen {
    int is_down;
    size_t n;
    char version[N_ROWS][32];
    double soc[N_ROWS];
} seen;

static evtwin_status take(void *ctx, const evtwin_batch *batch) {
    seen *s = ctx;
    if (s->is_down) {
        return EVTWIN_E_AGAIN;
    }
    for (size_t r = 0; r < evtwin_table_rows(batch->rows) && s->n < N_ROWS; r++, s->n++) {
        const evtwin_table *t = batch->rows;
        s->soc[s->n] = evtwin_table_number(t, evtwin_table_find(t, "soc"), r);
        snprintf(s->version[s->n], sizeof s->version[s->n], "%s",
                 evtwin_table_text(t, evtwin_table_find(t, "model_version"), r));
    }
    return EVTWIN_OK;
}

static evtwin_predictor *predictor_of(const char *version) {
    const bundle_spec both = {"xgboost-3.2-regression", "xgboost-3.2-logistic"};
    const char *dir = temp_path("swapped");
    evtwin_predictor *p = NULL;
    write_bundle(dir, &both);
    assert_ok(evtwin_predictor_load(dir, &p));
    assert_ok(evtwin_predictor_set_version(p, version));
    return p;
}

static evtwin_pump *pump_into(seen *to) {
    evtwin_pump *p = NULL;
    evtwin_source *source = NULL;
    evtwin_sink *sink = NULL;
    evtwin_pump_options options;
    const evtwin_sink_callbacks callbacks = {
        .size = sizeof callbacks, .name = "seen", .write = take};
    char text[1024] = "time,battery_id,soc,soh,voltage,current\n", uri[300];
    for (int i = 0; i < N_ROWS; i++) {
        const size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, "2024-01-01T00:00:%02dZ,A,%d,90,370,10\n", i, 50 + i);
    }
    snprintf(uri, sizeof uri, "csv:%s", temp_file("to-swap.csv", text));
    assert_ok(evtwin_pump_options_init(&options, sizeof options));
    options.max_batch_rows = BATCH;
    options.first_pause_s = options.longest_pause_s = 0;
    assert_ok(evtwin_pump_create(&options, &p));
    assert_ok(evtwin_source_open(uri, &source));
    assert_ok(evtwin_pump_take_source(p, source));
    assert_ok(evtwin_sink_create(&callbacks, to, &sink));
    assert_ok(evtwin_pump_take_sink(p, sink));
    return p;
}

static void rows_say_which_made_them(void **state) {
    (void)state;
    static const char *const version[] = {"evtwin-rul/1", "evtwin-rul/2", "evtwin-rul/3"};
    seen to = {0};
    evtwin_pump *p = pump_into(&to);
    evtwin_predictor *first = predictor_of(version[0]);
    assert_fails(evtwin_pump_swap_predictor(p, first, NULL), EVTWIN_E_STATE, "no predictor");
    assert_fails(evtwin_pump_swap_predictor(NULL, first, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_pump_swap_predictor(p, NULL, NULL), EVTWIN_E_ARG, "NULL");
    assert_ok(evtwin_pump_take_predictor(p, first));
    assert_int_equal(evtwin_pump_run_once(p, 0, NULL), EVTWIN_OK);

    /* a batch that waits for its sink keeps its predictions, and its predictor */
    to.is_down = 1;
    assert_int_equal(evtwin_pump_run_once(p, 0, NULL), EVTWIN_E_AGAIN);
    evtwin_predictor *second = predictor_of(version[1]);
    size_t n_anew = 9;
    assert_fails(evtwin_pump_swap_predictor(p, second, &n_anew), EVTWIN_E_AGAIN, "2 predicted");
    assert_int_equal(n_anew, 9);
    to.is_down = 0;
    assert_int_equal(evtwin_pump_run_once(p, 0, NULL), EVTWIN_OK);
    assert_ok(evtwin_pump_swap_predictor(p, second, &n_anew));
    assert_int_equal(n_anew, 0);
    assert_int_equal(evtwin_pump_run_once(p, 0, NULL), EVTWIN_OK);
    assert_ok(evtwin_pump_swap_predictor(p, predictor_of(version[2]), NULL));
    while (evtwin_pump_run_once(p, 0, NULL) == EVTWIN_OK) {
    }
    assert_int_equal(to.n, N_ROWS);
    for (size_t i = 0; i < N_ROWS; i++) {
        assert_true(to.soc[i] == 50.0 + (double)i);
        assert_string_equal(to.version[i], version[i < 4 ? 0 : i < 6 ? 1 : 2]);
    }
    evtwin_pump_stats stats;
    assert_ok(evtwin_pump_stats_get(p, &stats, sizeof stats));
    assert_int_equal(stats.n_predicted, N_ROWS);
    assert_int_equal(evtwin_session_batteries(evtwin_pump_session(p)), 1);
    evtwin_pump_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_say_which_made_them)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
