/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_interval_real.c: intervals from cross-validation cover batteries that
 * neither training nor calibration saw, of simulated fleets and of real cells. Trains forests: a
 * long test. */

#include "test.h"

#include "coverage.h"

#include "learn/bundle.h"

#ifdef HAVE_XGBOOST
static const char *const tju_features =
    "voltage_mean,voltage_std,voltage_kurtosis,voltage_skewness,cc_q,cc_charge_time,voltage_slope,"
    "voltage_entropy,current_mean,current_std,current_kurtosis,current_skewness,cv_q,"
    "cv_charge_time,current_slope,current_entropy";

/* A training of a table's remaining life, with folds or (0) a hold-out. */
static evtwin_trainer *train(const evtwin_table *table, const char *recipe, const char *group,
                             const char *features, int cv_folds) {
    evtwin_train_options options;
    evtwin_target target;
    size_t t;
    assert_ok(evtwin_train_options_init(&options, sizeof options));
    options.recipe = recipe;
    options.group = group;
    options.features = features;
    options.cv_folds = cv_folds;
    assert_ok(evtwin_target_find("rul", &t));
    assert_ok(evtwin_target_get(t, &target, sizeof target));
    evtwin_trainer *trainer = NULL;
    assert_ok(evtwin_train(table, &target, 1, &options, &trainer));
    return trainer;
}

/* Its predictions of batteries that each fold's model had not seen. */
static predicted out_of_fold(const evtwin_trainer *trainer) {
    evtwin_table *held = NULL;
    assert_ok(evtwin_trainer_predictions(trainer, "rul", &held));
    predicted p = predicted_alloc(evtwin_table_rows(held));
    const size_t truth = evtwin_table_find(held, "truth");
    const size_t prediction = evtwin_table_find(held, "prediction");
    const int32_t *code = evtwin_table_codes(held, evtwin_table_find(held, "group"));
    for (size_t i = 0; i < p.n; i++) {
        p.truth[i] = evtwin_table_number(held, truth, i);
        p.prediction[i] = fmax(evtwin_table_number(held, prediction, i), 0.0);
        p.battery[i] = code[i];
        p.n_batteries = code[i] >= p.n_batteries ? code[i] + 1 : p.n_batteries;
    }
    evtwin_table_free(held);
    return p;
}

static evtwin__interval calibrate(const predicted *p) {
    evtwin__interval interval;
    assert_ok(
        evtwin__interval_calibrate(p->prediction, p->truth, p->battery, p->n, 0.90, &interval));
    return interval;
}

static void show(const char *what, const covered c[EVTWIN__N_COVERAGES]) {
    print_message("%s: coverage %.3f, of 0.80 or more %.3f of the batteries, width %.1f; for each: "
                  "%.3f, %.3f, %.1f\n",
                  what, c[0].mean, c[0].at_0_80, c[0].width, c[1].mean, c[1].at_0_80, c[1].width);
}

/* ---- simulated fleets ---- */

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

/* A fleet as a trained predictor, which has not seen it, predicts it. */
static predicted predict_fleet(const evtwin_predictor *predictor, size_t n_packs, uint64_t seed) {
    evtwin_table *fleet = make_fleet(n_packs, seed);
    assert_ok(evtwin_predictor_apply(predictor, fleet));
    predicted p = predicted_alloc(evtwin_table_rows(fleet));
    const size_t truth = evtwin_table_find(fleet, "rul");
    const size_t prediction = evtwin_table_find(fleet, "rul_prediction");
    const int32_t *code = evtwin_table_codes(fleet, evtwin_table_find(fleet, "battery_id"));
    p.n = 0;
    for (size_t i = 0; i < evtwin_table_rows(fleet); i++) {
        if (isfinite(evtwin_table_number(fleet, truth, i))) { /* not of a censored pack */
            p.truth[p.n] = evtwin_table_number(fleet, truth, i);
            p.prediction[p.n] = evtwin_table_number(fleet, prediction, i);
            p.battery[p.n++] = code[i];
        }
        p.n_batteries = code[i] >= p.n_batteries ? code[i] + 1 : p.n_batteries;
    }
    evtwin_table_free(fleet);
    return p;
}

static void test_generated_fleets(void **state) {
    (void)state;
    enum { N_SEEDS = 3, N_PACKS = 120 };
    covered pooled[EVTWIN__N_COVERAGES] = {0};
    double narrow = 0.0, wide = 0.0;
    for (uint64_t seed = 1; seed <= N_SEEDS; seed++) {
        evtwin_table *fleet = make_fleet(N_PACKS, seed);
        evtwin_trainer *trainer = train(fleet, "contract", NULL, NULL, 5);
        evtwin_predictor *predictor = NULL;
        assert_ok(evtwin_trainer_predictor(trainer, &predictor));
        predicted known = out_of_fold(trainer);
        predicted unseen = predict_fleet(predictor, 200, 100 + seed);
        const evtwin__interval interval = calibrate(&known);
        for (int k = 0; k < EVTWIN__N_COVERAGES; k++) {
            const covered c = cover(&interval, (evtwin_coverage)k, &unseen, NULL);
            pooled[k].mean += c.mean / N_SEEDS;
            pooled[k].at_0_80 += c.at_0_80 / N_SEEDS;
            pooled[k].width += c.width / N_SEEDS;
        }
        double low, high;
        evtwin__interval_around(&interval, EVTWIN_COVERS_ON_AVERAGE, 16.0, &low, &high);
        print_message("seed %d: 16 is %.0f to %.0f", (int)seed, low, high);
        narrow += high - low;
        evtwin__interval_around(&interval, EVTWIN_COVERS_ON_AVERAGE, 700.0, &low, &high);
        print_message(", 700 is %.0f to %.0f\n", low, high);
        wide += high - low;
        predicted_free(&known);
        predicted_free(&unseen);
        evtwin_predictor_free(predictor);
        evtwin_trainer_free(trainer);
        evtwin_table_free(fleet);
    }
    show("simulated fleets", pooled);
    assert_true(pooled[EVTWIN_COVERS_ON_AVERAGE].mean >= 0.88);
    assert_true(pooled[EVTWIN_COVERS_ON_AVERAGE].mean <= 0.94);
    assert_true(pooled[EVTWIN_COVERS_ON_AVERAGE].at_0_80 >= 0.84);
    assert_true(pooled[EVTWIN_COVERS_EACH].at_0_80 >= 0.92);
    assert_true(narrow < 0.35 * wide);
}

/* Bands of the predicted value: what is shown there follows what errors are there. */
enum { N_BANDS = 6 };
static const double band_edges[N_BANDS] = {0.0, 50.0, 100.0, 200.0, 400.0, 600.0};

typedef struct band {
    double rows, squares, width, inside;
} band;

static void add_to_bands(const evtwin__interval *interval, const predicted *p,
                         band bands[N_BANDS]) {
    for (size_t i = 0; i < p->n; i++) {
        double low, high;
        size_t b = N_BANDS - 1;
        while (p->prediction[i] < band_edges[b]) {
            b--;
        }
        evtwin__interval_around(interval, EVTWIN_COVERS_ON_AVERAGE, p->prediction[i], &low, &high);
        bands[b].rows += 1.0;
        bands[b].squares += pow(p->prediction[i] - p->truth[i], 2.0);
        bands[b].width += high - low;
        bands[b].inside += p->truth[i] >= low && p->truth[i] <= high;
    }
}

/* The width of a normal error's 90 % interval is 3.3 times its deviation. */
static void check_bands(const band bands[N_BANDS]) {
    for (size_t b = 0; b < N_BANDS; b++) {
        const double error = sqrt(bands[b].squares / bands[b].rows);
        const double width = bands[b].width / bands[b].rows;
        const double inside = bands[b].inside / bands[b].rows;
        print_message("from %.0f: RMSE %.0f, width %.0f, of the rows within %.3f\n", band_edges[b],
                      error, width, inside);
        assert_true(width > 2.3 * error && width < 5.0 * error);
        assert_true(inside >= 0.83 && inside <= 0.99);
    }
}

/* The interval of a bundle whose score is held out: made within the training part. */
static void check_held_out(const char *recipe, uint64_t n_seeds) {
    enum { N_PACKS = 120 };
    covered pooled[EVTWIN__N_COVERAGES] = {0};
    band bands[N_BANDS] = {0};
    double scored = 0.0;
    for (uint64_t seed = 11; seed < 11 + n_seeds; seed++) {
        evtwin_table *fleet = make_fleet(N_PACKS, seed);
        evtwin_trainer *trainer = train(fleet, recipe, NULL, NULL, 0);
        evtwin_predictor *predictor = NULL;
        assert_ok(evtwin_trainer_predictor(trainer, &predictor));
        predicted unseen = predict_fleet(predictor, 200, 100 + seed);
        const evtwin__interval *interval =
            &evtwin__predictor_bundle(predictor)->model[EVTWIN__T_RUL].interval;
        for (int k = 0; k < EVTWIN__N_COVERAGES; k++) {
            const covered c = cover(interval, (evtwin_coverage)k, &unseen, NULL);
            pooled[k].mean += c.mean / (double)n_seeds;
            pooled[k].at_0_80 += c.at_0_80 / (double)n_seeds;
            pooled[k].width += c.width / (double)n_seeds;
        }
        add_to_bands(interval, &unseen, bands);
        evtwin_score s;
        assert_ok(evtwin_trainer_score(trainer, "rul", EVTWIN_SCORED_MODEL, EVTWIN_ALL_FOLDS, &s,
                                       sizeof s));
        scored += s.coverage / (double)n_seeds;
        predicted_free(&unseen);
        evtwin_predictor_free(predictor);
        evtwin_trainer_free(trainer);
        evtwin_table_free(fleet);
    }
    show(recipe, pooled);
    check_bands(bands);
    print_message("of the batteries that score: %.3f\n", scored);
    assert_true(pooled[EVTWIN_COVERS_ON_AVERAGE].mean >= 0.88);
    assert_true(pooled[EVTWIN_COVERS_ON_AVERAGE].mean <= 0.94);
    assert_true(pooled[EVTWIN_COVERS_ON_AVERAGE].at_0_80 >= 0.84);
    assert_true(pooled[EVTWIN_COVERS_EACH].at_0_80 >= 0.92);
    assert_near(scored, pooled[EVTWIN_COVERS_ON_AVERAGE].mean, 0.05);
}

static void test_held_out_fleets(void **state) {
    (void)state;
    check_held_out("contract", 3);
}

static void test_held_out_fleets_by_history(void **state) {
    (void)state;
    check_held_out("history", 3);
}

/* ---- real cells ---- */

/* Every fifth cell that has an end, counted from `first`, is new: neither trained on nor
 * calibrated with. */
static void split_cells(const evtwin_table *all, size_t first, evtwin_table **known_out,
                        evtwin_table **new_out) {
    const size_t rows = evtwin_table_rows(all);
    const int32_t *code = evtwin_table_codes(all, evtwin_table_find(all, "cell"));
    const size_t rul = evtwin_table_find(all, "rul");
    size_t *known = malloc(rows * sizeof *known), *fresh = malloc(rows * sizeof *fresh);
    size_t n_known = 0, n_new = 0, n_cells = 0;
    int32_t last = -1;
    for (size_t i = 0; i < rows; i++) {
        if (isfinite(evtwin_table_number(all, rul, i))) {
            n_cells += code[i] != last;
            last = code[i];
            if (n_cells % 5 == first) {
                fresh[n_new++] = i;
            } else {
                known[n_known++] = i;
            }
        }
    }
    assert_ok(evtwin_table_select(all, known, n_known, known_out));
    assert_ok(evtwin_table_select(all, fresh, n_new, new_out));
    free(known);
    free(fresh);
}

static predicted predict_cells(const evtwin_predictor *predictor, const evtwin_table *cells) {
    evtwin_table *table = NULL;
    assert_ok(evtwin_table_copy(cells, &table));
    assert_ok(evtwin_predictor_apply(predictor, table));
    predicted p = predicted_alloc(evtwin_table_rows(table));
    const size_t truth = evtwin_table_find(table, "rul");
    const size_t prediction = evtwin_table_find(table, "rul_prediction");
    const int32_t *code = evtwin_table_codes(table, evtwin_table_find(table, "cell"));
    for (size_t i = 0; i < p.n; i++) {
        p.truth[i] = evtwin_table_number(table, truth, i);
        p.prediction[i] = evtwin_table_number(table, prediction, i);
        p.battery[i] = code[i];
        p.n_batteries = code[i] >= p.n_batteries ? code[i] + 1 : p.n_batteries;
    }
    evtwin_table_free(table);
    return p;
}

/* A label in every fourth cycle, which takes a quarter of the time. */
static void thin_labels(evtwin_table *table) {
    double *rul = evtwin_table_f64_edit(table, evtwin_table_find(table, "rul"));
    assert_non_null(rul);
    for (size_t i = 0; i < evtwin_table_rows(table); i++) {
        rul[i] = i % 4 == 0 ? rul[i] : (double)NAN;
    }
}

/* Each cell is new once. bench_interval has more assignments, and the other recipe. */
static void test_real_cells(void **state) {
    (void)state;
    enum { N_PARTS = 5 };
    skip_without_shared_data("tju/tju.csv");
    evtwin_table *all = NULL;
    assert_ok(evtwin_table_read_csv(SHARED_DATA "/tju/tju.csv", NULL, &all));
    covered pooled[EVTWIN__N_COVERAGES] = {0};
    for (size_t part = 0; part < N_PARTS; part++) {
        evtwin_table *known = NULL, *fresh = NULL;
        split_cells(all, part, &known, &fresh);
        thin_labels(known);
        evtwin_trainer *trainer = train(known, "contract", "cell", tju_features, 5);
        evtwin_predictor *predictor = NULL;
        assert_ok(evtwin_trainer_predictor(trainer, &predictor));
        predicted seen = out_of_fold(trainer), unseen = predict_cells(predictor, fresh);
        const evtwin__interval interval = calibrate(&seen);
        for (int k = 0; k < EVTWIN__N_COVERAGES; k++) {
            const covered c = cover(&interval, (evtwin_coverage)k, &unseen, NULL);
            pooled[k].mean += c.mean / N_PARTS;
            pooled[k].at_0_80 += c.at_0_80 / N_PARTS;
            pooled[k].width += c.width / N_PARTS;
        }
        predicted_free(&seen);
        predicted_free(&unseen);
        evtwin_predictor_free(predictor);
        evtwin_trainer_free(trainer);
        evtwin_table_free(known);
        evtwin_table_free(fresh);
    }
    show("TJU", pooled);
    assert_true(pooled[EVTWIN_COVERS_ON_AVERAGE].mean >= 0.88);
    assert_true(pooled[EVTWIN_COVERS_ON_AVERAGE].mean <= 0.94);
    assert_true(pooled[EVTWIN_COVERS_ON_AVERAGE].at_0_80 >= 0.84);
    assert_true(pooled[EVTWIN_COVERS_ON_AVERAGE].width <= 110.0);
    assert_true(pooled[EVTWIN_COVERS_EACH].at_0_80 >= 0.92);
    evtwin_table_free(all);
}

#endif

int main(void) {
#ifdef HAVE_XGBOOST
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generated_fleets),
        cmocka_unit_test(test_held_out_fleets),
        cmocka_unit_test(test_held_out_fleets_by_history),
        cmocka_unit_test(test_real_cells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    return 77; /* nothing can be trained */
#endif
}
