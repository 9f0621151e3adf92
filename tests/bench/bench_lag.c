/* SPDX-License-Identifier: MIT */
/* tests/bench/bench_lag.c: how late the recipe history sees a resistance defect, as
 * tests/unit/learn/test_defect.c measures it, on fleets of other seeds, and how late a threshold on
 * the resistance alone would.
 *
 *     bench_lag bound [TWINS]
 *     bench_lag [TRAINED [TWINS [N]]]   N models, of fleets of seeds from TRAINED on
 */

#include "evtwin/evtwin.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEATURES EVTWIN_DEFAULT_FEATURES ",resistance_mohm"
enum { N_TRAINED = 200, N_TWINS = 800 };
#define FALL 50.0

static void check(evtwin_status st) {
    if (st < 0) {
        fprintf(stderr, "bench_lag: %s\n", evtwin_last_error());
        exit(1);
    }
}

static evtwin_table *run(size_t n_packs, uint64_t seed, double every_days, int without_defects) {
    evtwin_sim_options options;
    evtwin_run_to_failure_options limits;
    evtwin_table *table = NULL;
    check(evtwin_sim_options_init(&options, sizeof options));
    check(evtwin_run_to_failure_options_init(&limits, sizeof limits));
    options.n_packs = n_packs;
    options.seed = seed;
    options.without_defects = without_defects;
    limits.record_every_days = every_days;
    check(evtwin_sim_run_to_failure(&options, &limits, &table, NULL, 0));
    return table;
}

/* Its rows that are marked; the table is freed. */
static evtwin_table *keep(evtwin_table *table, const unsigned char *is_kept) {
    const size_t rows = evtwin_table_rows(table);
    size_t *row = calloc(rows, sizeof *row), n = 0;
    for (size_t r = 0; r < rows; r++) {
        if (is_kept[r]) {
            row[n++] = r;
        }
    }
    evtwin_table *kept = NULL;
    check(evtwin_table_select(table, row, n, &kept));
    free(row);
    evtwin_table_free(table);
    return kept;
}

static double at(const evtwin_table *t, const char *column, size_t row) {
    return evtwin_table_number(t, evtwin_table_find(t, column), row);
}

/* Behind the last row of the pack whose first it is. */
static size_t end_of_pack(const evtwin_table *t, size_t first) {
    const int32_t *code = evtwin_table_codes(t, evtwin_table_find(t, "battery_id"));
    size_t r = first;
    while (r < evtwin_table_rows(t) && code[r] == code[first]) {
        r++;
    }
    return r;
}

/* Only packs that have a defect, of both. */
static void keep_defective(evtwin_table **with, evtwin_table **without) {
    unsigned char *of_with = calloc(evtwin_table_rows(*with), 1);
    unsigned char *of_without = calloc(evtwin_table_rows(*without), 1);
    for (size_t first = 0, twin = 0, end, twin_end; first < evtwin_table_rows(*with);
         first = end, twin = twin_end) {
        end = end_of_pack(*with, first);
        twin_end = end_of_pack(*without, twin);
        const int has = at(*with, "truth_has_defect", end - 1) > 0.0;
        for (size_t r = first; has && r < end; r++) {
            of_with[r] = 1;
        }
        for (size_t r = twin; has && r < twin_end; r++) {
            of_without[r] = 1;
        }
    }
    *with = keep(*with, of_with);
    *without = keep(*without, of_without);
    free(of_with);
    free(of_without);
}

static evtwin_predictor *train(uint64_t seed) {
    evtwin_train_options options;
    evtwin_target target;
    size_t t;
    evtwin_trainer *trainer = NULL;
    evtwin_predictor *p = NULL;
    evtwin_table *fleet = run(N_TRAINED, seed, 3.0, 0);
    check(evtwin_train_options_init(&options, sizeof options));
    options.recipe = "history";
    options.features = FEATURES;
    options.n_threads = 1;
    check(evtwin_target_find("rul", &t));
    check(evtwin_target_get(t, &target, sizeof target));
    check(evtwin_train(fleet, &target, 1, &options, &trainer));
    check(evtwin_trainer_predictor(trainer, &p));
    evtwin_trainer_free(trainer);
    evtwin_table_free(fleet);
    return p;
}

/* Cycles from the defect's begin to the first record at which half of the twins' difference is
 * seen; NaN if the pack is no such case. *grown: how much more resistance the pack has then. */
static double lag_of(const char *said, const evtwin_table *with, size_t first, size_t end,
                     const evtwin_table *without, size_t twin, size_t twin_end, double *grown) {
    double begin = NAN;
    for (size_t i = 0; first + i < end && twin + i < twin_end; i++) {
        const double cycles = at(with, "truth_efc", first + i);
        const double fall = at(without, "rul", twin + i) - at(with, "rul", first + i);
        const double seen = at(without, said, twin + i) - at(with, said, first + i);
        if (isnan(begin) && at(with, "truth_has_defect", first + i) > 0.0 && fall >= FALL) {
            begin = cycles;
        }
        if (seen >= 0.5 * fall && !isnan(begin)) {
            *grown =
                at(with, "resistance_mohm", first + i) / at(without, "resistance_mohm", twin + i);
            return cycles - begin;
        }
    }
    return isnan(begin) ? (double)NAN : (double)INFINITY;
}

static int compare(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void print_lag(const evtwin_table *with, const evtwin_table *without, const char *said) {
    double lag[N_TWINS], grown[N_TWINS];
    size_t n = 0;
    for (size_t first = 0, twin = 0, end, twin_end; first < evtwin_table_rows(with);
         first = end, twin = twin_end) {
        end = end_of_pack(with, first);
        twin_end = end_of_pack(without, twin);
        lag[n] = lag_of(said, with, first, end, without, twin, twin_end, &grown[n]);
        n += !isnan(lag[n]);
    }
    qsort(lag, n, sizeof *lag, compare);
    qsort(grown, n, sizeof *grown, compare);
    printf("   %s %.1f (%.1f at most, of %zu; resistance %.3f)", said, lag[n / 2], lag[n - 1], n,
           grown[n / 2]);
}

static double rmse_of(const evtwin_table *t) {
    double sum = 0.0, n = 0.0;
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        const double off = at(t, "rul_prediction", r) - at(t, "rul", r);
        sum += isnan(off) ? 0.0 : off * off;
        n += isnan(off) ? 0.0 : 1.0;
    }
    return sqrt(sum / n);
}

/* ---- what the sensor alone can tell ---- */

/* The resistance of a pack. */
typedef struct series {
    double *cycle, *mohm;
    size_t n;
} series;

static series series_of(const evtwin_table *t, size_t first, size_t end) {
    series s = {calloc(end - first, sizeof(double)), calloc(end - first, sizeof(double)),
                end - first};
    for (size_t i = 0; i < s.n; i++) {
        s.cycle[i] = at(t, "truth_efc", first + i);
        s.mohm[i] = at(t, "resistance_mohm", first + i);
    }
    return s;
}

/* Of the records so many cycles back from the i-th; NaN where they do not reach so far. */
static double mean_between(const series *s, size_t i, double from, double to) {
    double sum = 0.0, n = 0.0;
    for (size_t k = i + 1; k-- > 0 && s->cycle[i] - s->cycle[k] < to;) {
        const double age = s->cycle[i] - s->cycle[k];
        sum += age >= from ? s->mohm[k] : 0.0;
        n += age >= from ? 1.0 : 0.0;
    }
    return s->cycle[i] - s->cycle[0] >= to && n > 0.0 ? sum / n : (double)NAN;
}

/* The detector: the mean over the last few cycles by that of 25 cycles before the last 25. */
static double step_at(const series *s, size_t i, double few) {
    return mean_between(s, i, 0.0, few) / mean_between(s, i, 25.0, 50.0);
}

static void print_bound(const evtwin_table *with, const evtwin_table *without, double few) {
    double peak[N_TWINS], lag[N_TWINS], days[N_TWINS];
    size_t n = 0, n_lag = 0;
    for (size_t twin = 0, end; twin < evtwin_table_rows(without); twin = end, n++) {
        end = end_of_pack(without, twin);
        series s = series_of(without, twin, end);
        peak[n] = 0.0;
        for (size_t i = 0; i < s.n; i++) {
            peak[n] = fmax(peak[n], step_at(&s, i, few));
        }
        days[n] = (s.cycle[s.n - 1] - s.cycle[0]) / (double)s.n;
        free(s.cycle);
        free(s.mohm);
    }
    qsort(peak, n, sizeof *peak, compare);
    qsort(days, n, sizeof *days, compare);
    /* as many of the sound packs give a false alarm once in their life as there are defects: 8 % */
    const double threshold = peak[(size_t)(0.92 * (double)n)];
    for (size_t first = 0, end; first < evtwin_table_rows(with); first = end) {
        end = end_of_pack(with, first);
        series s = series_of(with, first, end);
        double begin = NAN;
        lag[n_lag] = INFINITY;
        for (size_t i = 0; i < s.n; i++) {
            begin =
                isnan(begin) && at(with, "truth_has_defect", first + i) > 0.0 ? s.cycle[i] : begin;
            if (!isnan(begin) && step_at(&s, i, few) > threshold) {
                lag[n_lag] = s.cycle[i] - begin;
                break;
            }
        }
        n_lag++;
        free(s.cycle);
        free(s.mohm);
    }
    qsort(lag, n_lag, sizeof *lag, compare);
    printf(
        "mean of %g cycles by that of 25 to 50 ago: over %.3f in 8 %% of %zu sound packs' lives; "
        "a defect passes it after %.1f cycles (median); %.2f cycles a day\n",
        few, threshold, n, lag[n_lag / 2], days[n / 2]);
}

int main(int argc, char **argv) {
    const int is_bound = argc > 1 && strcmp(argv[1], "bound") == 0;
    const uint64_t trained = argc > 1 ? (uint64_t)atoi(argv[1]) : 11;
    const uint64_t twins = argc > 2 ? (uint64_t)atoi(argv[2]) : 21;
    const int n_models = argc > 3 ? atoi(argv[3]) : 1;
    evtwin_table *pair[2];
    for (int i = 0; i < 2; i++) {
        size_t col;
        pair[i] = run(N_TWINS, twins, 1.0, i);
        check(evtwin_table_add_column(pair[i], "rul_row", EVTWIN_F64, "cycle", &col));
    }
    keep_defective(&pair[0], &pair[1]);
    static const double few[] = {1.5, 3.0, 5.0, 10.0, 15.0};
    for (size_t i = 0; is_bound && i < sizeof few / sizeof few[0]; i++) {
        print_bound(pair[0], pair[1], few[i]);
    }
    for (int m = 0; !is_bound && m < n_models; m++) {
        evtwin_predictor *p = train(trained + (uint64_t)m);
        for (int i = 0; i < 2; i++) {
            check(evtwin_predictor_apply(p, pair[i]));
        }
        printf("trained %d, twins %d:", (int)trained + m, (int)twins);
        print_lag(pair[0], pair[1], "rul_prediction");
        print_lag(pair[0], pair[1], "rul_row");
        printf("   RMSE %.1f with, %.1f without\n", rmse_of(pair[0]), rmse_of(pair[1]));
        fflush(stdout);
        evtwin_predictor_free(p);
    }
    evtwin_table_free(pair[0]);
    evtwin_table_free(pair[1]);
    return 0;
}
