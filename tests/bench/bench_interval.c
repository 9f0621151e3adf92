/* SPDX-License-Identifier: MIT */
/* tests/bench/bench_interval.c: what the 90 % intervals of RUL cover of batteries that neither
 * training nor calibration saw, of both recipes.
 *
 *     bench_interval tju [N [SEED [RECIPE]]]    N assignments of cells to fifths, of seeds from
 * SEED on: each fifth is new once. Every fourth cycle of the known cells has a label, which takes
 * a quarter of the time; the new ones are predicted and scored at every cycle.
 *     bench_interval fleet [N [SEED [RECIPE]]]  N generated fleets: 120 packs known, 100 new
 *
 * One line per assignment or fleet: mean over the new batteries of the share of their rows within,
 * share of batteries of which 0.80 or more are, mean over batteries of the mean width in cycles;
 * then the same pooled over all lines. */

#include "bench.h"

#include "core/rng.h"

#include <math.h>

#define TJU_FEATURES                                                                               \
    "voltage_mean,voltage_std,voltage_kurtosis,voltage_skewness,cc_q,cc_charge_time,"              \
    "voltage_slope,voltage_entropy,current_mean,current_std,current_kurtosis,current_skewness,"    \
    "cv_q,cv_charge_time,current_slope,current_entropy"

enum { N_FOLDS = 5, N_RECIPES = 2, N_COVERAGES = 2, LABEL_EVERY = 4 };
static const char *const recipe_name[N_RECIPES] = {"contract", "history"};
static const evtwin_coverage coverages[N_COVERAGES] = {EVTWIN_COVERS_ON_AVERAGE,
                                                       EVTWIN_COVERS_EACH};

/* Sums over batteries. */
typedef struct covered {
    double n, inside, at_0_80, width;
} covered;

static void add_covered(covered *to, covered c) {
    *to =
        (covered){to->n + c.n, to->inside + c.inside, to->at_0_80 + c.at_0_80, to->width + c.width};
}

static void show(const char *what, const covered c[N_COVERAGES]) {
    printf("%s: coverage %.3f, at 0.80 or more %.3f, width %.1f; for each battery: %.3f, %.3f, "
           "%.1f (%d batteries)\n",
           what, c[0].inside / c[0].n, c[0].at_0_80 / c[0].n, c[0].width / c[0].n,
           c[1].inside / c[1].n, c[1].at_0_80 / c[1].n, c[1].width / c[1].n, (int)c[0].n);
    fflush(stdout);
}

/* Of the batteries of a predicted table, each with the weight 1. */
static covered cover(const evtwin_table *t, const char *group) {
    const size_t truth = evtwin_table_find(t, "rul"), low = evtwin_table_find(t, "rul_low"),
                 high = evtwin_table_find(t, "rul_high"), by = evtwin_table_find(t, group),
                 n = evtwin_table_dict_size(t, by);
    const int32_t *code = evtwin_table_codes(t, by);
    covered *of = calloc(n, sizeof *of), sum = {0};
    for (size_t i = 0; i < evtwin_table_rows(t); i++) {
        const double y = evtwin_table_number(t, truth, i), a = evtwin_table_number(t, low, i),
                     b = evtwin_table_number(t, high, i);
        if (isfinite(y)) { /* not of a censored pack */
            covered *c = &of[code[i]];
            c->n += 1.0;
            c->inside += y >= a && y <= b;
            c->width += b - a;
        }
    }
    for (size_t g = 0; g < n; g++) {
        if (of[g].n > 0.0) {
            const double inside = of[g].inside / of[g].n;
            add_covered(&sum, (covered){1.0, inside, inside >= 0.80, of[g].width / of[g].n});
        }
    }
    free(of);
    return sum;
}

/* Train on known with folds by battery, which calibrate too; what it covers of fresh. */
static void measure(const evtwin_table *known, const evtwin_table *fresh, const char *group,
                    const char *features, const char *recipe, covered sum[N_COVERAGES]) {
    evtwin_train_options o;
    evtwin_target target;
    size_t t;
    evtwin_trainer *trainer = NULL;
    evtwin_predictor *predictor = NULL;
    evtwin_train_options_init(&o, sizeof o);
    o.group = group;
    o.features = features;
    o.cv_folds = N_FOLDS;
    o.recipe = recipe;
    check(evtwin_target_find("rul", &t) == 0, "rul");
    check(evtwin_target_get(t, &target, sizeof target) == 0, "rul");
    check(evtwin_train(known, &target, 1, &o, &trainer) >= 0, "train");
    check(evtwin_trainer_predictor(trainer, &predictor) >= 0, "predictor");
    for (int k = 0; k < N_COVERAGES; k++) {
        evtwin_table *predicted = NULL;
        check(evtwin_table_copy(fresh, &predicted) >= 0, "copy");
        check(evtwin_predictor_set_coverage(predictor, coverages[k]) >= 0, "coverage");
        check(evtwin_predictor_apply(predictor, predicted) >= 0, "predict");
        add_covered(&sum[k], cover(predicted, group));
        evtwin_table_free(predicted);
    }
    evtwin_predictor_free(predictor);
    evtwin_trainer_free(trainer);
}

/* ---- cells ---- */

typedef struct keyed {
    uint64_t key;
    size_t cell;
} keyed;

static int compare(const void *a, const void *b) {
    const keyed *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

/* The fifth of each cell: those with an end, shuffled, dealt in turn. (cells of the dictionary) */
static size_t *assign(const evtwin_table *all, uint64_t seed) {
    const size_t by = evtwin_table_find(all, "cell"), n = evtwin_table_dict_size(all, by);
    keyed *list = calloc(n, sizeof *list);
    size_t *fifth = calloc(n, sizeof *fifth);
    for (size_t c = 0; c < n; c++) {
        const evtwin__rng_block r = evtwin__rng_at(seed, EVTWIN__RNG_SPLIT, (uint32_t)c, 2, 0);
        list[c] = (keyed){(uint64_t)r.word[0] << 32 | r.word[1], c};
    }
    qsort(list, n, sizeof *list, compare);
    for (size_t i = 0; i < n; i++) {
        fifth[list[i].cell] = i % N_FOLDS;
    }
    free(list);
    return fifth;
}

/* Rows whose cell is in the part, or is not. */
static evtwin_table *cells_of(const evtwin_table *all, const size_t *fifth, size_t part,
                              int is_in) {
    const int32_t *code = evtwin_table_codes(all, evtwin_table_find(all, "cell"));
    const size_t rows = evtwin_table_rows(all), rul = evtwin_table_find(all, "rul");
    size_t *row = calloc(rows, sizeof *row), n = 0;
    evtwin_table *cells = NULL;
    for (size_t i = 0; i < rows; i++) {
        if (isfinite(evtwin_table_number(all, rul, i)) && (fifth[code[i]] == part) == is_in) {
            row[n++] = i;
        }
    }
    check(evtwin_table_select(all, row, n, &cells) >= 0, "select");
    free(row);
    return cells;
}

/* A label in every fourth row: a battery's past has all of them. */
static void thin_labels(evtwin_table *t) {
    double *rul = evtwin_table_f64_edit(t, evtwin_table_find(t, "rul"));
    check(rul != NULL, "labels");
    for (size_t i = 0; i < evtwin_table_rows(t); i++) {
        rul[i] = i % LABEL_EVERY == 0 ? rul[i] : (double)NAN;
    }
}

static void on_cells(const evtwin_table *all, const char *recipe, uint64_t seed,
                     covered sum[N_COVERAGES]) {
    size_t *fifth = assign(all, seed);
    for (size_t part = 0; part < N_FOLDS; part++) {
        evtwin_table *known = cells_of(all, fifth, part, 0), *fresh = cells_of(all, fifth, part, 1);
        thin_labels(known);
        measure(known, fresh, "cell", TJU_FEATURES, recipe, sum);
        evtwin_table_free(known);
        evtwin_table_free(fresh);
    }
    free(fifth);
}

/* ---- fleets ---- */

static evtwin_table *make_fleet(size_t n_packs, uint64_t seed) {
    evtwin_sim_options options;
    evtwin_run_to_failure_options run;
    evtwin_sim_options_init(&options, sizeof options);
    evtwin_run_to_failure_options_init(&run, sizeof run);
    options.n_packs = n_packs;
    options.seed = seed;
    run.record_every_days = 15;
    evtwin_table *table = NULL;
    check(evtwin_sim_run_to_failure(&options, &run, &table, NULL, 0) >= 0, "fleet");
    return table;
}

static void on_fleet(const char *recipe, uint64_t seed, covered sum[N_COVERAGES]) {
    evtwin_table *known = make_fleet(120, seed), *fresh = make_fleet(100, 100000 + seed);
    measure(known, fresh, "battery_id", NULL, recipe, sum);
    evtwin_table_free(known);
    evtwin_table_free(fresh);
}

int main(int argc, char **argv) {
    const int is_tju = argc > 1 && strcmp(argv[1], "tju") == 0;
    if (!is_tju && (argc < 2 || strcmp(argv[1], "fleet") != 0)) {
        fprintf(stderr, "bench_interval tju|fleet [N [SEED [RECIPE]]]\n");
        return 64;
    }
    const int n = argc > 2 ? atoi(argv[2]) : 1;
    const uint64_t first = argc > 3 ? (uint64_t)atoi(argv[3]) : 200;
    evtwin_table *all = NULL;
    if (is_tju) {
        check(evtwin_table_read_csv(SHARED_DATA "/tju/tju.csv", NULL, &all) >= 0, "tju.csv");
    }
    for (int k = 0; k < N_RECIPES; k++) {
        covered pooled[N_COVERAGES] = {0};
        char what[64];
        if (argc > 4 && strcmp(argv[4], recipe_name[k]) != 0) {
            continue;
        }
        for (uint64_t seed = first; seed < first + (uint64_t)n; seed++) {
            covered one[N_COVERAGES] = {0};
            if (is_tju) {
                on_cells(all, recipe_name[k], seed, one);
            } else {
                on_fleet(recipe_name[k], seed, one);
            }
            snprintf(what, sizeof what, "%s, seed %d", recipe_name[k], (int)seed);
            show(what, one);
            for (int c = 0; c < N_COVERAGES; c++) {
                add_covered(&pooled[c], one[c]);
            }
        }
        snprintf(what, sizeof what, "%s, pooled", recipe_name[k]);
        show(what, pooled);
    }
    evtwin_table_free(all);
    return 0;
}
