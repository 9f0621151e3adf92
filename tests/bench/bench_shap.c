/* SPDX-License-Identifier: MIT */
/* tests/bench/bench_shap.c: contributions of 1 and 500 rows through forests as the recipes make
 * them, on 7 features: ours beside XGBoost's pred_contribs, same machine, same run. */

#include "evtwin/explain.h"

#include <stdio.h>

#ifdef HAVE_XGBOOST
#include "../unit/learn/xgboost_model.h"
#include "core/rng.h"

#include <math.h>
#include <time.h>

enum { COLS = 7, TRAIN_ROWS = 100000, ROWS = 500 };

static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fill(float *x, float *y, size_t rows, uint32_t channel) {
    for (size_t r = 0; r < rows; r++) {
        double sum = 0.0;
        for (uint32_t c = 0; c < COLS; c++) {
            const evtwin__rng_block b = evtwin__rng_at(7, EVTWIN__RNG_SPLIT, c, channel, r);
            const double v = evtwin__rng_normal(b, 0);
            x[r * COLS + c] = (float)v;
            sum += c % 2 == 0 ? v : v * sum;
        }
        if (y != NULL) {
            const evtwin__rng_block b = evtwin__rng_at(7, EVTWIN__RNG_SPLIT, COLS, channel, r);
            y[r] = (float)(sum + 0.3 * evtwin__rng_normal(b, 0));
        }
    }
}

/* Least CPU time per row, in us, of repeats passes over all rows, so many at once. */
static double us_of_evtwin(const evtwin_model *m, const float *x, size_t at_once, int repeats,
                           double *phi) {
    double best = 1e30;
    for (int k = 0; k < repeats; k++) {
        const double start = cpu_s();
        for (size_t r = 0; r + at_once <= ROWS; r += at_once) {
            if (evtwin_model_contributions(m, x + r * COLS, at_once, COLS, phi + r * (COLS + 1)) <
                0) {
                abort();
            }
        }
        best = fmin(best, (cpu_s() - start) / ROWS);
    }
    return 1e6 * best;
}

static double us_of_xgboost(BoosterHandle b, const float *x, size_t at_once, int repeats,
                            float *phi) {
    double best = 1e30;
    for (int k = 0; k < repeats; k++) {
        const double start = cpu_s();
        for (size_t r = 0; r + at_once <= ROWS; r += at_once) {
            xgb_contributions(b, x + r * COLS, at_once, COLS, phi + r * (COLS + 1));
        }
        best = fmin(best, (cpu_s() - start) / ROWS);
    }
    return 1e6 * best;
}

static double largest_difference(const double *ours, const float *theirs) {
    double worst = 0.0;
    for (size_t r = 0; r < ROWS; r++) {
        double largest = 0.0;
        for (size_t c = 0; c <= COLS; c++) {
            largest = fmax(largest, fabs(ours[r * (COLS + 1) + c]));
        }
        for (size_t c = 0; c <= COLS; c++) {
            const size_t i = r * (COLS + 1) + c;
            worst = fmax(worst, fabs(ours[i] - (double)theirs[i]) / largest);
        }
    }
    return worst;
}

static const struct {
    const char *of;
    xgb_spec spec;
} forests[] = {
    {"contract, RUL", {"reg:squarederror", 200, 8, 0.5f, "hist", "0", 1, NULL}},
    {"contract, failure", {"reg:squarederror", 200, 6, 0.5f, "hist", "0", 1, NULL}},
    {"history, each of three", {"reg:squarederror", 200, 6, 0.5f, "hist", "0", 20, NULL}},
};

/* 0 if ours differs from XGBoost's. */
static int compare(size_t of, float *x, float *y) {
    static float theirs[ROWS * (COLS + 1)];
    static double ours[ROWS * (COLS + 1)];
    const xgb_spec *spec = &forests[of].spec;
    fill(x, y, TRAIN_ROWS, 0);
    xgb_trained trained = xgb_train(spec, x, y, TRAIN_ROWS, COLS);
    fill(x, NULL, ROWS, 1);
    evtwin_model *model;
    if (evtwin_model_load_buffer("bench", trained.json, trained.size, &model) < 0) {
        printf("%s\n", evtwin_last_error());
        return 0;
    }
    printf("%s: %d trees of depth %d\n", forests[of].of, spec->trees, spec->depth);
    static const size_t at_once[] = {1, ROWS};
    for (size_t i = 0; i < sizeof at_once / sizeof at_once[0]; i++) {
        const double a = us_of_evtwin(model, x, at_once[i], 5, ours);
        const double b = us_of_xgboost(trained.booster, x, at_once[i], 2, theirs);
        printf("%4zu row%s  evtwin %8.1f us/row  XGBoost %8.1f us/row  ratio %5.1f\n", at_once[i],
               at_once[i] > 1 ? "s" : " ", a, b, b / a);
    }
    const double worst = largest_difference(ours, theirs);
    printf("largest difference, of a row's largest part: %.1e\n", worst);
    evtwin_model_free(model);
    xgb_free(&trained);
    return worst < 1e-5;
}

int main(void) {
    static float x[TRAIN_ROWS * COLS], y[TRAIN_ROWS];
    int major, minor, patch, is_equal = 1;
    XGBoostVersion(&major, &minor, &patch);
    printf("contributions, %d features, one thread, XGBoost %d.%d.%d\n", COLS, major, minor, patch);
    for (size_t i = 0; i < sizeof forests / sizeof forests[0]; i++) {
        is_equal = compare(i, x, y) && is_equal;
    }
    return !is_equal;
}
#else

int main(void) {
    printf("built without XGBoost: there is no peer to compare with\n");
    return 0;
}
#endif
