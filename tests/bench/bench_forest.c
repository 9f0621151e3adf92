/* SPDX-License-Identifier: MIT */
/* tests/bench/bench_forest.c: one row, 1,000 rows and a million rows through 200 trees of depth 8
 * on 7 features: the native forest beside XGBoost's in-place prediction, same machine, same run. */

#include "evtwin/model.h"

#include <stdio.h>

#ifdef HAVE_XGBOOST
#include "../unit/learn/xgboost_model.h"
#include "core/rng.h"

#include <time.h>

enum { COLS = 7, TRAIN_ROWS = 100000, ROWS = 1000000, TREES = 200, DEPTH = 8 };

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

typedef void (*predict_fn)(const void *model, const float *x, size_t rows, float *y);

static void by_evtwin(const void *model, const float *x, size_t rows, float *y) {
    if (evtwin_model_margin(model, x, rows, COLS, y) < 0) {
        abort();
    }
}

static void by_xgboost(const void *model, const float *x, size_t rows, float *y) {
    xgb_predict((void *)model, 1, x, rows, COLS, y);
}

/* Least CPU time per row, in us, over repeats of n_calls calls of rows rows, each with other rows.
 */
static double us_per_row(predict_fn fn, const void *model, const float *x, size_t rows,
                         size_t n_calls, int repeats, float *y) {
    double best = 1e30;
    for (int k = 0; k < repeats; k++) {
        const double start = cpu_s();
        for (size_t i = 0; i < n_calls; i++) {
            const size_t first = i * rows % (ROWS - rows + 1);
            fn(model, x + first * COLS, rows, y);
        }
        const double spent = (cpu_s() - start) / (double)(n_calls * rows);
        best = spent < best ? spent : best;
    }
    return 1e6 * best;
}

int main(void) {
    float *x = malloc(sizeof *x * ROWS * COLS);
    float *y = malloc(sizeof *y * ROWS);
    float *reference = malloc(sizeof *reference * ROWS);
    if (x == NULL || y == NULL || reference == NULL) {
        return 1;
    }
    fill(x, y, TRAIN_ROWS, 0);
    const xgb_spec spec = {"reg:squarederror", TREES, DEPTH, 0.5f, "hist", "0", 1, NULL};
    xgb_trained trained = xgb_train(&spec, x, y, TRAIN_ROWS, COLS);
    fill(x, NULL, ROWS, 1);

    evtwin_model *model;
    const double start = cpu_s();
    if (evtwin_model_load_buffer("bench", trained.json, trained.size, &model) < 0) {
        printf("%s\n", evtwin_last_error());
        return 1;
    }
    int major, minor, patch;
    XGBoostVersion(&major, &minor, &patch);
    printf("%d trees, depth %d, %d features; %.1f MB of JSON loaded in %.0f ms\n", TREES, DEPTH,
           COLS, (double)trained.size / 1e6, 1e3 * (cpu_s() - start));

    static const struct {
        size_t rows, calls_evtwin, calls_xgboost;
        int repeats;
    } shape[] = {{1, 20000, 2000, 15}, {1000, 20, 10, 15}, {ROWS, 1, 1, 3}};
    for (size_t i = 0; i < sizeof shape / sizeof shape[0]; i++) {
        const double ours = us_per_row(by_evtwin, model, x, shape[i].rows, shape[i].calls_evtwin,
                                       shape[i].repeats, y);
        const double theirs = us_per_row(by_xgboost, trained.booster, x, shape[i].rows,
                                         shape[i].calls_xgboost, shape[i].repeats, reference);
        printf("%8zu row%s  evtwin %7.3f us/row  XGBoost %d.%d.%d %7.3f us/row  ratio %5.1f\n",
               shape[i].rows, shape[i].rows > 1 ? "s" : " ", ours, major, minor, patch, theirs,
               theirs / ours);
    }

    size_t n_different = 0;
    for (size_t r = 0; r < ROWS; r++) {
        n_different += memcmp(&y[r], &reference[r], sizeof *y) != 0;
    }
    printf("margins that differ in any bit: %zu of %d\n", n_different, ROWS);
    evtwin_model_free(model);
    xgb_free(&trained);
    free(x);
    free(y);
    free(reference);
    return n_different != 0;
}
#else

int main(void) {
    printf("built without XGBoost: there is no peer to compare with\n");
    return 0;
}
#endif
