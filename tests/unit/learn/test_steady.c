/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_steady.c: the live RUL of a pack that only drives and charges holds still
 * (recipe history), beside that of the contract's recipe. Trains forests: a long test. */

#include "test.h"

#include "evtwin/evtwin.h"

#include <math.h>
#include <stdlib.h>

#ifdef HAVE_XGBOOST

enum { N_PACKS = 5, MAX_MINUTES = 14 * 1440 };

static evtwin_predictor *train(const evtwin_table *fleet, const char *recipe) {
    evtwin_train_options options;
    evtwin_target target;
    size_t t;
    evtwin_trainer *trainer = NULL;
    evtwin_predictor *p = NULL;
    assert_ok(evtwin_train_options_init(&options, sizeof options));
    options.recipe = recipe;
    assert_ok(evtwin_target_find("rul", &t));
    assert_ok(evtwin_target_get(t, &target, sizeof target));
    assert_ok(evtwin_train(fleet, &target, 1, &options, &trainer));
    assert_ok(evtwin_trainer_predictor(trainer, &p));
    evtwin_trainer_free(trainer);
    return p;
}

static evtwin_table *make_fleet(void) {
    evtwin_sim_options options;
    evtwin_run_to_failure_options run;
    assert_ok(evtwin_sim_options_init(&options, sizeof options));
    assert_ok(evtwin_run_to_failure_options_init(&run, sizeof run));
    options.n_packs = 100;
    options.seed = 1;
    run.record_every_days = 10;
    evtwin_table *table = NULL;
    assert_ok(evtwin_sim_run_to_failure(&options, &run, &table, NULL, 0));
    return table;
}

/* A record a minute of packs from 99 to 80 % of health, which hardly changes in these days, from
 * the moment on that they are met. */
static evtwin_table *drive(evtwin_sim_use use, int minutes) {
    evtwin_sim_options options;
    evtwin_sim *sim = NULL;
    evtwin_table *table = NULL;
    assert_ok(evtwin_sim_options_init(&options, sizeof options));
    options.n_packs = N_PACKS;
    options.seed = 77;
    options.use = use;
    options.step_s = 10.0;
    options.initial_soh_percent = 99.0;
    options.final_soh_percent = 80.0;
    assert_ok(evtwin_sim_create(&options, &sim));
    assert_ok(evtwin_telemetry_table_create(&table));
    for (int i = 0; i < minutes; i++) {
        assert_ok(evtwin_sim_advance(sim, 60.0));
        assert_ok(evtwin_sim_read(sim, 1704067200000000 + (int64_t)i * 60000000, table));
    }
    evtwin_sim_free(sim);
    return table;
}

/* Of its rows a minute apart those that are so many minutes apart. */
static evtwin_table *thin(const evtwin_table *driven, size_t minutes) {
    static size_t row[MAX_MINUTES * N_PACKS];
    evtwin_table *t = NULL;
    size_t n = 0;
    for (size_t r = 0; r < evtwin_table_rows(driven); r++) {
        if (r / N_PACKS % minutes == 0) {
            row[n++] = r;
        }
    }
    assert_ok(evtwin_table_select(driven, row, n, &t));
    return t;
}

static int compare(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

typedef struct steadiness {
    double step;   /* median between records */
    double first;  /* the most within the first full cycle */
    double spread; /* within any full cycle */
} steadiness;

static steadiness worse(steadiness a, steadiness b) {
    return (steadiness){fmax(a.step, b.step), fmax(a.first, b.first), fmax(a.spread, b.spread)};
}

/* Of a pack, whose rows are every N_PACKS-th. */
static steadiness of_pack(const double *rul, const double *cycles, size_t rows, size_t pack) {
    static double step[MAX_MINUTES];
    steadiness s = {0};
    size_t n = 0;
    for (size_t i = pack + N_PACKS; i < rows; i += N_PACKS) {
        double low = rul[i], high = rul[i];
        size_t k = i;
        for (; k >= N_PACKS && cycles[k - N_PACKS] >= cycles[i] - 1.0; k -= N_PACKS) {
            low = fmin(low, rul[k - N_PACKS]);
            high = fmax(high, rul[k - N_PACKS]);
        }
        s.spread = fmax(s.spread, high - low);
        s.first = k < N_PACKS ? s.spread : s.first;
        step[n++] = fabs(rul[i] - rul[i - N_PACKS]);
    }
    qsort(step, n, sizeof *step, compare);
    s.step = step[n / 2];
    return s;
}

/* The worst of the packs. */
static steadiness measure(const evtwin_predictor *p, const evtwin_table *driven, size_t minutes,
                          const char *what) {
    evtwin_session *session = NULL;
    evtwin_table *t = thin(driven, minutes);
    steadiness worst = {0};
    assert_ok(evtwin_session_create(p, NULL, &session));
    assert_ok(evtwin_session_apply(session, t));
    const size_t rows = evtwin_table_rows(t);
    const double *rul = evtwin_table_f64(t, evtwin_table_find(t, "rul_prediction"));
    static double cycles[MAX_MINUTES * N_PACKS];
    for (size_t i = 0; i < rows; i++) {
        cycles[i] = evtwin_table_number(t, evtwin_table_find(t, "charge_cycles"), i);
    }
    for (size_t pack = 0; pack < N_PACKS; pack++) {
        const steadiness s = of_pack(rul, cycles, rows, pack);
        print_message("%s, %zu min, pack %zu: RUL %.0f then %.0f, median step %.2f, within a cycle "
                      "%.1f at first, %.1f at most\n",
                      what, minutes, pack, rul[pack], rul[rows - N_PACKS + pack], s.step, s.first,
                      s.spread);
        worst = worse(worst, s);
    }
    evtwin_table_free(t);
    evtwin_session_free(session);
    return worst;
}

/* Each way in which the demo or a fleet may send records: every two minutes of a battery's life (2
 * s at sixty times the speed), every minute, every quarter of an hour. */
static const size_t minutes_apart[] = {2, 1, 15};
enum { N_PATHS = sizeof minutes_apart / sizeof minutes_apart[0] };

static void test_holds_still(void **state) {
    (void)state;
    evtwin_table *fleet = make_fleet();
    evtwin_table *driven[] = {drive(EVTWIN_USE_CYCLE, 4 * 1440),
                              drive(EVTWIN_USE_DAILY, MAX_MINUTES)};
    evtwin_predictor *contract = train(fleet, "contract"), *history = train(fleet, "history");
    const steadiness before = measure(contract, driven[0], 2, "contract, cycle");
    assert_true(before.step > 2.0 && before.spread > 15.0);
    for (int use = 0; use < 2; use++) {
        for (size_t i = 0; i < N_PATHS; i++) {
            const steadiness s = measure(history, driven[use], minutes_apart[i],
                                         use == 0 ? "history, cycle" : "history, daily");
            assert_true(s.step <= 2.0);
            assert_true(s.spread <= 15.0);
        }
    }
    evtwin_predictor_free(contract);
    evtwin_predictor_free(history);
    for (int use = 0; use < 2; use++) {
        evtwin_table_free(driven[use]);
    }
    evtwin_table_free(fleet);
}

#endif

int main(void) {
#ifdef HAVE_XGBOOST
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_holds_still)};
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    return 77; /* nothing can be trained */
#endif
}
