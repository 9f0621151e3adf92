/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_calibration_real.c: calibrated probabilities of a failure, of packs that
 * neither training nor calibration saw, pooled over simulated fleets of both recipes. Trains
 * forests: a long test. */

#include "test.h"

#include "evtwin/evtwin.h"

#include <math.h>
#include <stdlib.h>

#ifdef HAVE_XGBOOST

static evtwin_table *make_fleet(size_t n_packs, uint64_t seed) {
    evtwin_sim_options options;
    evtwin_run_to_failure_options run;
    assert_ok(evtwin_sim_options_init(&options, sizeof options));
    assert_ok(evtwin_run_to_failure_options_init(&run, sizeof run));
    options.n_packs = n_packs;
    options.seed = seed;
    run.record_every_days = 15;
    evtwin_table *table = NULL;
    assert_ok(evtwin_sim_run_to_failure(&options, &run, &table, NULL, 0));
    return table;
}

/* With the hold-out. */
static evtwin_predictor *train(size_t n_packs, uint64_t seed, const char *recipe) {
    evtwin_table *fleet = make_fleet(n_packs, seed);
    evtwin_train_options options;
    evtwin_target target;
    size_t t;
    assert_ok(evtwin_train_options_init(&options, sizeof options));
    options.recipe = recipe;
    assert_ok(evtwin_target_find("failure", &t));
    assert_ok(evtwin_target_get(t, &target, sizeof target));
    evtwin_trainer *trainer = NULL;
    evtwin_predictor *predictor = NULL;
    assert_ok(evtwin_train(fleet, &target, 1, &options, &trainer));
    assert_ok(evtwin_trainer_predictor(trainer, &predictor));
    evtwin_trainer_free(trainer);
    evtwin_table_free(fleet);
    return predictor;
}

enum { N_BANDS = 8, N_KINDS = 2 /* calibrated, the forest's own */ };
static const double edges[N_BANDS] = {0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8};

/* Sums over rows. */
typedef struct kept {
    double rows, squares, base, log_loss;
    double said[N_BANDS], was[N_BANDS];
} kept;

static void add(kept *k, double p, double truth) {
    size_t b = N_BANDS - 1;
    while (b > 0 && p < edges[b]) {
        b--;
    }
    k->rows += 1.0;
    k->base += truth;
    k->squares += (p - truth) * (p - truth);
    k->log_loss -= log(fmax(truth > 0.5 ? p : 1.0 - p, 1e-9));
    k->said[b] += p;
    k->was[b] += truth;
}

/* Mean distance of what was said and what was, over bands. */
static double distance(const kept *k) {
    double sum = 0.0;
    for (size_t b = 0; b < N_BANDS; b++) {
        sum += fabs(k->said[b] - k->was[b]) / k->rows;
    }
    return sum;
}

static void test_new_packs(void **state) {
    (void)state;
    enum { N_SEEDS = 5, N_PACKS = 60, N_NEW = 200 };
    static const char *const recipes[] = {"contract", "history"};
    for (size_t i = 0; i < sizeof recipes / sizeof recipes[0]; i++) {
        kept kinds[N_KINDS] = {0};
        for (uint64_t seed = 61; seed < 61 + N_SEEDS; seed++) {
            evtwin_predictor *p = train(N_PACKS, seed, recipes[i]);
            evtwin_table *fleet = make_fleet(N_NEW, 500 + seed);
            evtwin_calibration c;
            assert_ok(evtwin_predictor_calibration(p, "failure", &c, sizeof c));
            assert_ok(evtwin_predictor_apply(p, fleet));
            const size_t said = evtwin_table_find(fleet, "failure_probability");
            const size_t truth = evtwin_table_find(fleet, "failure");
            for (size_t r = 0; r < evtwin_table_rows(fleet); r++) {
                const double y = evtwin_table_number(fleet, truth, r);
                const double q = evtwin_table_number(fleet, said, r);
                if (isfinite(y) && isfinite(q)) {
                    const double margin = (log(q / (1.0 - q)) - c.offset) / c.slope;
                    add(&kinds[0], q, y);
                    add(&kinds[1], 1.0 / (1.0 + exp(-margin)), y);
                }
            }
            evtwin_table_free(fleet);
            evtwin_predictor_free(p);
        }
        const double base = kinds[0].base / kinds[0].rows;
        for (int k = 0; k < N_KINDS; k++) {
            print_message("%s, %s: Brier %.4f (base rate %.4f), log loss %.4f, off by %.4f\n",
                          recipes[i], k == 0 ? "calibrated" : "forest",
                          kinds[k].squares / kinds[k].rows, base * (1.0 - base),
                          kinds[k].log_loss / kinds[k].rows, distance(&kinds[k]));
        }
        assert_true(kinds[0].squares < 0.7 * base * (1.0 - base) * kinds[0].rows);
        assert_true(kinds[0].squares < 1.005 * kinds[1].squares);
        assert_true(kinds[0].log_loss < kinds[1].log_loss);
        assert_true(distance(&kinds[0]) < 0.03);
    }
}

#endif

int main(void) {
#ifdef HAVE_XGBOOST
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_packs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    return 77; /* nothing can be trained */
#endif
}
