/* SPDX-License-Identifier: MIT */
/* tests/bench/bench_recipe.c: out-of-fold errors of both recipes on the same folds by battery, over
 * several assignments of batteries to five folds.
 *
 *     bench_recipe tju [N [FIRST [EXTRA,FEATURES [RECIPE]]]]    N assignments, of seeds from FIRST
 *
 *     bench_recipe hnei60|hnei80 [N [FIRST [EXTRA,FEATURES [RECIPE]]]]    the same of 14 cells, to
 * 60 or 80 % of their discharge time
 *
 *     bench_recipe fleet [N [FIRST [EXTRA,FEATURES [RECIPE]]]]  N generated fleets, one assignment
 * of each
 *
 *     bench_recipe lab [SEED [SHAPE]]   synthetic cells in the shape of laboratory sets
 *
 *     bench_recipe mid       generated: new packs, followed from new or first met in mid-life
 */

#include "../support/hnei_cells.h"
#include "../support/lab_cells.h"

#include "core/rng.h"
#include "learn/recipe.h"

#include "evtwin/evtwin.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TJU_FEATURES                                                                               \
    "voltage_mean,voltage_std,voltage_kurtosis,voltage_skewness,cc_q,cc_charge_time,"              \
    "voltage_slope,voltage_entropy,current_mean,current_std,current_kurtosis,current_skewness,"    \
    "cv_q,cv_charge_time,current_slope,current_entropy"

enum { N_FOLDS = 5, N_RECIPES = 2 };
static const char *const recipe_name[N_RECIPES] = {"contract", "history"};

static void check(evtwin_status st) {
    if (st < 0) {
        fprintf(stderr, "bench_recipe: %s\n", evtwin_last_error());
        exit(1);
    }
}

/* ---- folds ---- */

typedef struct keyed {
    uint64_t key;
    size_t group;
} keyed;

static int compare(const void *a, const void *b) {
    const keyed *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

/* The batteries that have a label, shuffled, dealt to the folds in turn. */
static void assign(const evtwin__groups *groups, evtwin__label *label, uint64_t seed) {
    keyed *list = calloc(groups->names.n, sizeof *list);
    int32_t *fold = calloc(groups->names.n, sizeof *fold);
    size_t n = 0;
    for (size_t k = 0; k < label->n; k++) {
        const size_t g = (size_t)groups->of_row[label->row[k]];
        if (fold[g] == 0) {
            const evtwin__rng_block block =
                evtwin__rng_at(seed, EVTWIN__RNG_SPLIT, (uint32_t)g, 2, 0);
            fold[g] = 1;
            list[n++] = (keyed){(uint64_t)block.word[0] << 32 | block.word[1], g};
        }
    }
    qsort(list, n, sizeof *list, compare);
    for (size_t i = 0; i < n; i++) {
        fold[list[i].group] = (int32_t)(i % N_FOLDS);
    }
    for (size_t k = 0; k < label->n; k++) {
        label->part[k] = fold[groups->of_row[label->row[k]]];
    }
    free(list);
    free(fold);
}

/* ---- errors ---- */

typedef struct error {
    double rmse, mae, mae_of_batteries;
} error;

static error error_of(const evtwin_table *held) {
    const int32_t *code = evtwin_table_codes(held, EVTWIN__HELD_GROUP);
    const double *truth = evtwin_table_f64(held, EVTWIN__HELD_TRUTH);
    const double *predicted = evtwin_table_f64(held, EVTWIN__HELD_SCORED);
    const size_t n = evtwin_table_rows(held),
                 n_groups = evtwin_table_dict_size(held, EVTWIN__HELD_GROUP);
    double(*of)[2] = calloc(n_groups, sizeof *of);
    error e = {0};
    for (size_t i = 0; i < n; i++) {
        const double off = fmax(predicted[i], 0.0) - truth[i];
        e.rmse += off * off;
        e.mae += fabs(off);
        of[code[i]][0] += fabs(off);
        of[code[i]][1] += 1.0;
    }
    double n_used = 0.0;
    for (size_t g = 0; g < n_groups; g++) {
        if (of[g][1] > 0.0) {
            e.mae_of_batteries += of[g][0] / of[g][1];
            n_used += 1.0;
        }
    }
    free(of);
    return (error){sqrt(e.rmse / (double)n), e.mae / (double)n, e.mae_of_batteries / n_used};
}

static error cross_validate(const evtwin_table *table, const char *group, const char *features,
                            const char *recipe, uint64_t seed) {
    evtwin_train_options o;
    evtwin_target target;
    size_t t;
    evtwin_train_options_init(&o, sizeof o);
    o.group = group;
    o.features = features;
    o.cv_folds = N_FOLDS;
    o.recipe = recipe;
    o.n_threads = 1;
    o.seed = seed;
    check(evtwin_target_find("rul", &t));
    check(evtwin_target_get(t, &target, sizeof target));
    target.column = "rul";
    evtwin__dataset data = {.table = table};
    evtwin_trainer *trainer = NULL;
    check(evtwin__trainer_prepare(&target, 1, &o, &data, &trainer));
    assign(&data.groups, &data.label[t], seed);
    check(evtwin__recipe_features(trainer, group, &data));
    check(evtwin__fit(trainer, &data, "training", 1));
    const error e = error_of(trainer->result[t].held_out);
    evtwin__dataset_clear(&data);
    evtwin_trainer_free(trainer);
    return e;
}

/* ---- data ---- */

static evtwin_table *make_fleet(uint64_t seed) {
    evtwin_sim_options options;
    evtwin_run_to_failure_options run;
    evtwin_sim_options_init(&options, sizeof options);
    evtwin_run_to_failure_options_init(&run, sizeof run);
    options.n_packs = 120;
    options.seed = seed;
    evtwin_table *table = NULL;
    check(evtwin_sim_run_to_failure(&options, &run, &table, NULL, 0));
    return table;
}

static const char *with(const char *features, const char *extra, char text[1024]) {
    snprintf(text, 1024, "%s%s%s", features, extra[0] != '\0' ? "," : "", extra);
    return text;
}

/* ---- met in mid-life ---- */

static evtwin_predictor *train(const evtwin_table *fleet, const char *recipe) {
    evtwin_train_options o;
    evtwin_target target;
    size_t t;
    evtwin_trainer *trainer = NULL;
    evtwin_predictor *p = NULL;
    evtwin_train_options_init(&o, sizeof o);
    o.recipe = recipe;
    check(evtwin_target_find("rul", &t));
    check(evtwin_target_get(t, &target, sizeof target));
    check(evtwin_train(fleet, &target, 1, &o, &trainer));
    check(evtwin_trainer_predictor(trainer, &p));
    evtwin_trainer_free(trainer);
    return p;
}

/* The second half of each pack's rows. */
static evtwin_table *second_halves(const evtwin_table *fleet) {
    const size_t rows = evtwin_table_rows(fleet);
    const int32_t *code = evtwin_table_codes(fleet, evtwin_table_find(fleet, "battery_id"));
    size_t *row = calloc(rows, sizeof *row), n = 0;
    for (size_t first = 0, next; first < rows; first = next) {
        for (next = first; next < rows && code[next] == code[first]; next++) {
        }
        for (size_t r = first + (next - first) / 2; r < next; r++) {
            row[n++] = r;
        }
    }
    evtwin_table *half = NULL;
    check(evtwin_table_select(fleet, row, n, &half));
    free(row);
    return half;
}

static double rmse_of(const evtwin_table *t) {
    double sum = 0.0, n = 0.0;
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        const double off = evtwin_table_number(t, evtwin_table_find(t, "rul_prediction"), r) -
                           evtwin_table_number(t, evtwin_table_find(t, "rul"), r);
        sum += isnan(off) ? 0.0 : off * off;
        n += isnan(off) ? 0.0 : 1.0;
    }
    return sqrt(sum / n);
}

/* The same rows, with and without what was before them. */
static void compare_mid_life(void) {
    evtwin_table *known = make_fleet(1), *fresh = make_fleet(101), *late = second_halves(fresh);
    for (int k = 0; k < N_RECIPES; k++) {
        evtwin_predictor *p = train(known, recipe_name[k]);
        check(evtwin_predictor_apply(p, fresh));
        check(evtwin_predictor_apply(p, late));
        evtwin_table *followed = second_halves(fresh);
        printf("%s, second halves of life: RMSE %.2f followed from new, %.2f met there\n",
               recipe_name[k], rmse_of(followed), rmse_of(late));
        evtwin_table_free(followed);
        evtwin_predictor_free(p);
    }
    evtwin_table_free(known);
    evtwin_table_free(fresh);
    evtwin_table_free(late);
}

/* ---- synthetic cells ---- */

static void compare_on_cells(uint64_t seed, const char *only) {
    for (size_t i = 0; i < N_LAB_SHAPES; i++) {
        if (only != NULL && strcmp(only, lab_shapes[i].name) != 0) {
            continue;
        }
        evtwin_table *cells = lab_make(&lab_shapes[i], seed);
        error e[N_RECIPES];
        printf("%-20s", lab_shapes[i].name);
        for (int k = 0; k < N_RECIPES; k++) {
            e[k] = cross_validate(cells, "cell_name", LAB_FEATURES, recipe_name[k], seed);
            printf("  %s RMSE %.1f of batteries %.1f", recipe_name[k], e[k].rmse,
                   e[k].mae_of_batteries);
            fflush(stdout);
        }
        printf("   RMSE %.3f, MAE %.3f of the contract's\n", e[1].rmse / e[0].rmse,
               e[1].mae_of_batteries / e[0].mae_of_batteries);
        evtwin_table_free(cells);
    }
}

static int is_run(const char *recipe, const char *only) {
    return only[0] == '\0' || strcmp(only, recipe) == 0;
}

int main(int argc, char **argv) {
    if (argc >= 2 && strcmp(argv[1], "lab") == 0) {
        compare_on_cells(argc > 2 ? (uint64_t)atoi(argv[2]) : 1, argc > 3 ? argv[3] : NULL);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "mid") == 0) {
        compare_mid_life();
        return 0;
    }
    const int is_tju = argc > 1 && strcmp(argv[1], "tju") == 0,
              is_hnei60 = argc > 1 && strcmp(argv[1], "hnei60") == 0,
              is_hnei = is_hnei60 || (argc > 1 && strcmp(argv[1], "hnei80") == 0),
              is_real = is_tju || is_hnei;
    const int n = argc > 2 ? atoi(argv[2]) : 1;
    const uint64_t first_seed = argc > 3 ? (uint64_t)atoi(argv[3]) : is_real ? 0 : 1;
    const char *extra = argc > 4 ? argv[4] : "", *only = argc > 5 ? argv[5] : "";
    char features[1024];
    evtwin_table *table = NULL;
    if (argc < 2 || (!is_real && strcmp(argv[1], "fleet") != 0)) {
        fprintf(stderr, "bench_recipe mid|lab [SEED [SHAPE]]|tju|hnei60|hnei80|fleet [N [FIRST "
                        "[EXTRA,FEATURES [RECIPE]]]]\n");
        return 64;
    }
    with(is_tju    ? TJU_FEATURES
         : is_hnei ? HNEI_FEATURES
                   : EVTWIN_DEFAULT_FEATURES,
         extra, features);
    if (is_tju) {
        check(evtwin_table_read_csv(SHARED_DATA "/tju/tju.csv", NULL, &table));
    } else if (is_hnei) {
        table = hnei_read(SHARED_DATA "/hnei/Battery_RUL.csv", is_hnei60 ? 0.60 : 0.80);
        check(table != NULL ? EVTWIN_OK : EVTWIN_E_DATA);
    }
    error sum[N_RECIPES] = {0};
    double most[N_RECIPES] = {0};
    for (int i = 0; i < n; i++) {
        const uint64_t seed = first_seed + (uint64_t)i;
        evtwin_table *data = is_real ? table : make_fleet(seed);
        printf("seed %d", (int)seed);
        for (int k = 0; k < N_RECIPES; k++) {
            if (!is_run(recipe_name[k], only)) {
                continue;
            }
            const error e =
                cross_validate(data, is_real ? "cell" : NULL, features, recipe_name[k], seed);
            printf("   %s RMSE %.2f MAE %.2f of batteries %.2f", recipe_name[k], e.rmse, e.mae,
                   e.mae_of_batteries);
            fflush(stdout);
            sum[k].rmse += e.rmse / n;
            sum[k].mae += e.mae / n;
            sum[k].mae_of_batteries += e.mae_of_batteries / n;
            most[k] = fmax(most[k], e.rmse);
        }
        putchar('\n');
        if (!is_real) {
            evtwin_table_free(data);
        }
    }
    for (int k = 0; k < N_RECIPES; k++) {
        if (is_run(recipe_name[k], only)) {
            printf("%s: RMSE %.2f (at most %.2f), MAE %.2f, mean of batteries' MAE %.2f\n",
                   recipe_name[k], sum[k].rmse, most[k], sum[k].mae, sum[k].mae_of_batteries);
        }
    }
    if (only[0] == '\0') {
        printf("mean of batteries' MAE: %.3f of the contract's\n",
               sum[1].mae_of_batteries / sum[0].mae_of_batteries);
    }
    evtwin_table_free(table);
    return 0;
}
