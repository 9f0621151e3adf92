/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_steady.c: the live RUL of a pack that only drives and charges holds still
 * (recipe history), beside that of the contract's recipe. Trains forests: a long test. */

#include "test.h"

#include "evtwin/evtwin.h"

#include <math.h>
#include <stdlib.h>

#ifdef HAVE_XGBOOST

enum { N_PACKS = 5, N_MINUTES = 4 * 1440, FIRST = 1440, WINDOW = 180 };

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

/* A record a minute of packs from 99 to 81 % of health, which hardly changes in these days; about
 * twenty charge cycles. */
static evtwin_table *drive(void) {
    evtwin_sim_options options;
    evtwin_sim *sim = NULL;
    evtwin_table *table = NULL;
    assert_ok(evtwin_sim_options_init(&options, sizeof options));
    options.n_packs = N_PACKS;
    options.seed = 77;
    options.step_s = 10.0;
    options.initial_soh_percent = 99.0;
    options.final_soh_percent = 81.0;
    assert_ok(evtwin_sim_create(&options, &sim));
    assert_ok(evtwin_telemetry_table_create(&table));
    for (int i = 0; i < N_MINUTES; i++) {
        assert_ok(evtwin_sim_advance(sim, 60.0));
        assert_ok(evtwin_sim_read(sim, 1704067200000000 + (int64_t)i * 60000000, table));
    }
    evtwin_sim_free(sim);
    return table;
}

static int compare(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

typedef struct steadiness {
    double step, spread; /* median between records; the most in any three hours */
} steadiness;

/* Of a pack, whose rows are every N_PACKS-th. */
static steadiness of_pack(const double *rul, size_t pack) {
    static double step[N_MINUTES];
    steadiness s = {0};
    size_t n = 0;
    for (size_t i = FIRST; i < N_MINUTES; i++) {
        double low = INFINITY, high = -INFINITY;
        for (size_t k = i - WINDOW; k <= i; k++) {
            low = fmin(low, rul[k * N_PACKS + pack]);
            high = fmax(high, rul[k * N_PACKS + pack]);
        }
        s.spread = fmax(s.spread, high - low);
        step[n++] = fabs(rul[i * N_PACKS + pack] - rul[(i - 1) * N_PACKS + pack]);
    }
    qsort(step, n, sizeof *step, compare);
    s.step = step[n / 2];
    return s;
}

/* The worst of the packs. */
static steadiness measure(const evtwin_table *fleet, const evtwin_table *driven,
                          const char *recipe) {
    evtwin_predictor *p = train(fleet, recipe);
    evtwin_session *session = NULL;
    evtwin_table *t = NULL;
    steadiness worst = {0};
    assert_ok(evtwin_session_create(p, NULL, &session));
    assert_ok(evtwin_table_copy(driven, &t));
    assert_ok(evtwin_session_apply(session, t));
    const double *rul = evtwin_table_f64(t, evtwin_table_find(t, "rul_prediction"));
    for (size_t pack = 0; pack < N_PACKS; pack++) {
        const steadiness s = of_pack(rul, pack);
        print_message("%s, pack %zu: RUL %.0f, median step %.2f, most in three hours %.1f\n",
                      recipe, pack, rul[(N_MINUTES - 1) * N_PACKS + pack], s.step, s.spread);
        worst.step = fmax(worst.step, s.step);
        worst.spread = fmax(worst.spread, s.spread);
    }
    evtwin_table_free(t);
    evtwin_session_free(session);
    evtwin_predictor_free(p);
    return worst;
}

static void test_holds_still(void **state) {
    (void)state;
    evtwin_table *fleet = make_fleet(), *driven = drive();
    const steadiness contract = measure(fleet, driven, "contract");
    const steadiness history = measure(fleet, driven, "history");
    assert_true(history.step <= 2.0);
    assert_true(history.spread <= 15.0);
    assert_true(contract.step > 2.0 && contract.spread > 15.0);
    evtwin_table_free(fleet);
    evtwin_table_free(driven);
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
