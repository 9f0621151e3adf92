/* SPDX-License-Identifier: MIT */
/* learn/recipe_features.c: what the models of a training see by its recipe: each battery's past in
 * place of a row's own values. */

#include "learn/recipe.h"

#include "core/mem.h"
#include "core/rng.h"
#include "core/status.h"
#include "learn/past.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- features ---- */

/* What says where in a cycle a battery is, not how worn: its past would only be noise, and move the
 * prediction while nothing changes. */
static int is_momentary(const char *name) {
    static const size_t momentary[] = {EVTWIN__Q_SOC,         EVTWIN__Q_VOLTAGE,
                                       EVTWIN__Q_CURRENT,     EVTWIN__Q_POWER_CONSUMPTION,
                                       EVTWIN__Q_IS_CHARGING, EVTWIN__Q_TEMPERATURE};
    int is_one = 0;
    for (size_t i = 0; i < sizeof momentary / sizeof momentary[0]; i++) {
        is_one |= strcmp(name, evtwin__schema[momentary[i]].name) == 0;
    }
    return is_one;
}

/* A column of the caller's own is a figure of a whole cycle, of which the newest says more than a
 * median of ten; telemetry also says where in a cycle a battery is, and only its past holds still.
 */
static int has_own_value(const char *name) {
    evtwin__meaning meaning;
    return !evtwin__meaning_find(name, EVTWIN__ALL_KINDS, &meaning);
}

/* Append "soh.level,soh.change,…" behind at bytes; the new number of bytes. */
static size_t list_statistics(const char *name, char *names, size_t size, size_t at) {
    for (int s = 0; s < (int)EVTWIN__H_COUNT; s++) {
        at += (size_t)snprintf(names + at, size - at, "%s%s.%s", at > 0 ? "," : "", name,
                               evtwin__statistics[s].suffix);
    }
    return at;
}

/* Each feature's past, that of derived quantities, and the counter: room for their names. */
static size_t names_size(const evtwin_features *base, const char *counter) {
    enum { MOST = 32 };
    size_t size = strlen(counter) + 2;
    for (size_t i = 0; i < evtwin_features_count(base); i++) {
        size += (1 + EVTWIN__H_COUNT) * (strlen(evtwin_features_name(base, i)) + MOST);
    }
    for (size_t d = 0; d < EVTWIN__D_COUNT; d++) {
        size += EVTWIN__H_COUNT * (strlen(evtwin__derived_list[d].name) + MOST);
    }
    return size;
}

/* Names that would mean something else among features of a past. */
static evtwin_status check_names(const evtwin_features *base) {
    for (size_t i = 0; i < evtwin_features_count(base); i++) {
        const char *name = evtwin_features_name(base, i);
        size_t length;
        EVTWIN_FAIL_IF(evtwin__derived_find(name) != EVTWIN__D_COUNT, EVTWIN_E_ARG,
                       "feature '%s' has the name of a derived quantity: rename the column", name);
        EVTWIN_FAIL_IF(evtwin__statistic_of(name, &length) != EVTWIN__H_NONE, EVTWIN_E_ARG,
                       "feature '%s' has the name of a feature of the past: rename the column",
                       name);
    }
    return EVTWIN_OK;
}

/* "soh.level,soh.change,…,charge_cycles"; freed by the caller. */
static evtwin_status list_names(const evtwin_features *base, const char *derive,
                                const char *counter, char **out) {
    size_t at = 0;
    EVTWIN_TRY(check_names(base));
    const size_t size = names_size(base, counter);
    char *names = evtwin__calloc(size, 1);
    EVTWIN_FAIL_IF(names == NULL, EVTWIN_E_NOMEM, "out of memory for the features of a past");
    for (size_t i = 0; i < evtwin_features_count(base); i++) {
        const char *name = evtwin_features_name(base, i);
        const int has_past = strcmp(name, counter) != 0 && !is_momentary(name);
        if (has_past && has_own_value(name)) {
            at += (size_t)snprintf(names + at, size - at, "%s%s", at > 0 ? "," : "", name);
        }
        at = has_past ? list_statistics(name, names, size, at) : at;
    }
    for (size_t d = 0; d < EVTWIN__D_COUNT; d++) {
        if (evtwin__derived_is_listed((evtwin__derived)d, derive)) {
            at = list_statistics(evtwin__derived_list[d].name, names, size, at);
        }
    }
    if (at == 0) {
        evtwin__free(names);
        EVTWIN_FAIL(EVTWIN_E_DATA, "recipe '" EVTWIN__RECIPE_HISTORY
                                   "': none of the features has a past; soh, for example, has one");
    }
    if (counter[0] != '\0') {
        snprintf(names + at, size - at, ",%s", counter);
    }
    *out = names;
    return EVTWIN_OK;
}

/* Our name of the column of cycles so far; "" = there is none. */
static evtwin_status name_counter(const evtwin__dataset *data, evtwin__bundle *b) {
    const char *column = data->cycles_column != NULL ? data->cycles_column : "";
    evtwin__meaning meaning;
    const int is_ours = evtwin__meaning_find(column, EVTWIN__ALL_KINDS, &meaning);
    return evtwin__bundle_keep_name(b, is_ours ? evtwin__schema[meaning.q].name : column,
                                    &b->counter);
}

static evtwin_status describe_features(const evtwin__dataset *data, evtwin__bundle *b) {
    const size_t n = evtwin_features_count(b->features);
    EVTWIN_FAIL_IF(n > EVTWIN__BUNDLE_MAX_FEATURES, EVTWIN_E_ARG,
                   "%zu features with their past, the limit is %d", n, EVTWIN__BUNDLE_MAX_FEATURES);
    evtwin__bundle_feature *list = evtwin__calloc(n, sizeof *list);
    EVTWIN_FAIL_IF(list == NULL, EVTWIN_E_NOMEM, "out of memory for %zu features", n);
    b->input = b->feature;
    b->n_inputs = b->n_features;
    b->feature = list;
    b->n_features = n;
    for (size_t i = 0; i < n; i++) {
        size_t col;
        EVTWIN_TRY(
            evtwin__bundle_keep_name(b, evtwin_features_name(b->features, i), &list[i].name));
        EVTWIN_TRY(evtwin__bundle_keep(b, evtwin_features_unit(b->features, i), &list[i].unit));
        if (evtwin__feature_derived(b->features, i) != EVTWIN__D_COUNT) {
            list[i].column = list[i].column_unit = "";
            continue;
        }
        EVTWIN_TRY(evtwin__feature_column(b->features, i, data->table, &col));
        EVTWIN_TRY(evtwin__bundle_keep(b, evtwin_table_name(data->table, col), &list[i].column));
        EVTWIN_TRY(
            evtwin__bundle_keep(b, evtwin_table_unit(data->table, col), &list[i].column_unit));
    }
    return EVTWIN_OK;
}

/* The features that were read stay, as the bundle's inputs. */
static evtwin_status expand_features(evtwin_trainer *trainer, const evtwin__dataset *data) {
    evtwin__bundle *b = &trainer->bundle;
    evtwin_features *features = NULL;
    char *names = NULL;
    EVTWIN_TRY(name_counter(data, b));
    EVTWIN_TRY(list_names(b->features, trainer->derive, b->counter, &names));
    const evtwin_status st = evtwin__features_create(names, 1, &features);
    evtwin__free(names);
    EVTWIN_TRY(st);
    b->inputs = b->features;
    b->features = features;
    return describe_features(data, b);
}

/* ---- rows ---- */

/* Where each battery would first have been met, had it been met in mid-life: a seeded row of it,
 * never the first. */
static void draw_cuts(const evtwin__groups *g, uint64_t seed, size_t *cut) {
    for (size_t k = 0; k < g->n_ordered; k++) {
        cut[g->of_row[g->order[k]]]++;
    }
    for (size_t i = 0; i < g->names.n; i++) {
        const evtwin__rng_block block = evtwin__rng_at(seed, EVTWIN__RNG_SPLIT, (uint32_t)i, 1, 0);
        const size_t n = cut[i];
        cut[i] = n > 1 ? 1 + (size_t)((uint64_t)block.word[0] * (n - 1) >> 32) : n;
    }
}

/* The rows from the cut on. */
static void mark_cut(const evtwin__groups *g, const size_t *cut, uint8_t *is_cut) {
    int32_t group = -1;
    size_t n_seen = 0;
    for (size_t k = 0; k < g->n_ordered; k++) {
        const size_t r = g->order[k];
        n_seen = g->of_row[r] != group ? 0 : n_seen + 1;
        group = g->of_row[r];
        is_cut[r] = n_seen >= cut[group];
    }
}

/* A row's own values, which the past is made from, then the past. */
static evtwin_status fill_matrix(const evtwin__past *past, const evtwin__bundle *b,
                                 const evtwin__dataset *data, const size_t *cut, double *x) {
    EVTWIN_TRY(evtwin__features_compute(b->features, data->table, 0, data->rows, 1, x));
    for (size_t i = 0; i < b->n_features && data->cycles != NULL; i++) {
        for (size_t r = 0; r < data->rows && strcmp(b->feature[i].name, b->counter) == 0; r++) {
            x[r * b->n_features + i] = data->cycles[r]; /* filled forward, as all own values are */
        }
    }
    return evtwin__past_apply(past, data->table, &data->groups, cut, x);
}

static evtwin_status fill_rows(evtwin_trainer *trainer, const evtwin__past *past, size_t *cut,
                               evtwin__dataset *data) {
    const evtwin__bundle *b = &trainer->bundle;
    EVTWIN_TRY(fill_matrix(past, b, data, NULL, data->model_x));
    draw_cuts(&data->groups, trainer->options.seed, cut);
    mark_cut(&data->groups, cut, data->is_cut);
    return fill_matrix(past, b, data, cut, data->cut_x);
}

static evtwin_status make_rows(evtwin_trainer *trainer, evtwin__dataset *data) {
    const evtwin__bundle *b = &trainer->bundle;
    size_t n;
    EVTWIN_FAIL_IF(__builtin_mul_overflow(data->rows, b->n_features, &n), EVTWIN_E_NOMEM,
                   "%zu rows of %zu features are too many", data->rows, b->n_features);
    data->model_cols = b->n_features;
    data->model_x = evtwin__calloc(n, sizeof *data->model_x);
    data->cut_x = evtwin__calloc(n, sizeof *data->cut_x);
    data->is_cut = evtwin__calloc(data->rows, sizeof *data->is_cut);
    size_t *cut = evtwin__calloc(data->groups.names.n, sizeof *cut);
    evtwin__past *past = NULL;
    evtwin_status st;
    if (data->model_x == NULL || data->cut_x == NULL || data->is_cut == NULL || cut == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for %zu rows of %zu features", data->rows,
                          b->n_features);
    } else if ((st = evtwin__past_create(b->features, b->counter, &past)) >= 0) {
        st = fill_rows(trainer, past, cut, data);
    }
    evtwin__past_free(past);
    evtwin__free(cut);
    return st;
}

/* ---- scale ---- */

/* The rows that the saved models are trained on; row has room for all. */
static size_t list_training_rows(const evtwin_trainer *trainer, const evtwin__dataset *data,
                                 uint8_t *mark, size_t *row) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const evtwin__label *label = &data->label[t];
        for (size_t k = 0; k < label->n; k++) {
            mark[label->row[k]] |= trainer->options.cv_folds > 0 || label->part[k] < 0;
        }
    }
    size_t n = 0;
    for (size_t r = 0; r < data->rows; r++) {
        if (mark[r]) {
            row[n++] = r;
        }
    }
    return n;
}

static void find_range(const evtwin__dataset *data, size_t i, const size_t *row, size_t n,
                       evtwin__bundle_feature *f) {
    f->min = f->max = NAN;
    for (size_t k = 0; k < n; k++) {
        const double v = data->model_x[row[k] * data->model_cols + i];
        f->min = fmin(f->min, v);
        f->max = fmax(f->max, v);
    }
}

static evtwin_status scale(evtwin_trainer *trainer, const evtwin__dataset *data) {
    evtwin__bundle *b = &trainer->bundle;
    size_t *row = evtwin__calloc(data->rows, sizeof *row);
    uint8_t *mark = evtwin__calloc(data->rows, sizeof *mark);
    evtwin_status st = EVTWIN_OK;
    if (row == NULL || mark == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory to scale %zu rows", data->rows);
    } else {
        const size_t n = list_training_rows(trainer, data, mark, row);
        evtwin__scaler_clear(&b->scaler);
        st = evtwin__scaler_fit(data->model_x, data->model_cols, row, n, &b->scaler);
        for (size_t i = 0; i < b->n_features; i++) {
            find_range(data, i, row, n, &b->feature[i]);
        }
    }
    evtwin__free(row);
    evtwin__free(mark);
    return st;
}

evtwin_status evtwin__recipe_features(evtwin_trainer *trainer, const char *group,
                                      evtwin__dataset *data) {
    evtwin__bundle *b = &trainer->bundle;
    if (!trainer->recipe->has_past) {
        data->model_x = data->x;
        data->model_cols = data->cols;
        return EVTWIN_OK;
    }
    const size_t reset = data->groups.counter_col;
    EVTWIN_TRY(evtwin__bundle_keep_name(b, group != NULL ? group : "", &b->group));
    EVTWIN_TRY(evtwin__bundle_keep_name(
        b, reset != EVTWIN_NO_COLUMN ? evtwin_table_name(data->table, reset) : "",
        &b->group_by_reset));
    EVTWIN_TRY(expand_features(trainer, data));
    EVTWIN_TRY(make_rows(trainer, data));
    return scale(trainer, data);
}
