/* SPDX-License-Identifier: MIT */
/* learn/predictor.c: a loaded bundle that predicts: from features, and for a table. */

#include "learn/bundle.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/table.h"
#include "learn/features.h"
#include "learn/forest.h"
#include "learn/past.h"
#include "learn/session.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum {
    BLOCK_VALUES = 4096, /* of a block of rows on the stack: at least 4 rows */
    BLOCK_ROWS = 512,
    NOTE_SIZE = 512,
    NOTE_NAMES = 4 /* missing features that a note names, before it counts the rest */
};
_Static_assert((int)EVTWIN__BUNDLE_MAX_FEATURES <= (int)BLOCK_VALUES, "a row fits in a block");
_Static_assert((int)EVTWIN__BUNDLE_MAX_FEATURES <= (int)EVTWIN__MAX_WIDTH, "a forest takes a row");

struct evtwin_predictor {
    evtwin__bundle bundle;
    evtwin__past *past;             /* NULL = a row's own values are all that the models see */
    size_t target[EVTWIN__T_COUNT]; /* (n_targets) those that the bundle has a model of */
    size_t n_targets;
    atomic_int has_logged; /* what is presumed of a table: the one thing that changes */
};

/* ---- life ---- */

evtwin_status evtwin__predictor_take(evtwin__bundle *bundle, evtwin_predictor **out) {
    evtwin_predictor *p = evtwin__calloc(1, sizeof *p);
    EVTWIN_FAIL_IF(p == NULL, EVTWIN_E_NOMEM, "out of memory for a predictor");
    const char *counter = bundle->counter != NULL ? bundle->counter : "";
    const evtwin_status st = evtwin__past_create(bundle->features, counter, &p->past);
    if (st < 0) {
        evtwin__free(p);
        return st;
    }
    p->bundle = *bundle;
    *bundle = (evtwin__bundle){0};
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (p->bundle.model[t].is_present) {
            p->target[p->n_targets++] = t;
        }
    }
    *out = p;
    return EVTWIN_OK;
}

const evtwin__bundle *evtwin__predictor_bundle(const evtwin_predictor *predictor) {
    return &predictor->bundle;
}

const evtwin__past *evtwin__predictor_past(const evtwin_predictor *predictor) {
    return predictor->past;
}

evtwin_status evtwin_predictor_load(const char *dir, evtwin_predictor **out) {
    EVTWIN_FAIL_IF(dir == NULL || out == NULL, EVTWIN_E_ARG, "dir or out is NULL");
    evtwin__bundle bundle;
    evtwin_status st = evtwin__bundle_load(dir, &bundle);
    if (st >= 0) {
        st = evtwin__predictor_take(&bundle, out);
        evtwin__bundle_clear(&bundle);
    }
    return st;
}

void evtwin_predictor_free(evtwin_predictor *predictor) {
    if (predictor != NULL) {
        evtwin__bundle_clear(&predictor->bundle);
        evtwin__past_free(predictor->past);
        evtwin__free(predictor);
    }
}

/* ---- what it is ---- */

evtwin_status evtwin_predictor_info_get(const evtwin_predictor *predictor,
                                        evtwin_predictor_info *out, size_t size) {
    EVTWIN_FAIL_IF(predictor == NULL || out == NULL || size < sizeof out->size, EVTWIN_E_ARG,
                   "predictor or out is NULL, or size is too small");
    const evtwin__bundle *b = &predictor->bundle;
    const evtwin_predictor_info info = {.size = sizeof info,
                                        .version = b->version,
                                        .trained_at = b->created,
                                        .n_targets = predictor->n_targets,
                                        .label_rule = b->label_rule,
                                        /* a bundle of 0.1 does not say so */
                                        .recipe = b->recipe[0] != '\0' ? b->recipe
                                                                       : EVTWIN__RECIPE_CONTRACT};
    evtwin__report_copy(out, size, &info, sizeof info);
    return EVTWIN_OK;
}

const evtwin_features *evtwin_predictor_features(const evtwin_predictor *predictor) {
    return predictor != NULL ? predictor->bundle.features : NULL;
}

const char *evtwin_predictor_target(const evtwin_predictor *predictor, size_t i) {
    if (predictor == NULL || i >= predictor->n_targets) {
        return NULL;
    }
    evtwin_target target;
    evtwin_target_get(predictor->target[i], &target, sizeof target);
    return target.name;
}

evtwin_status evtwin_predictor_score(const evtwin_predictor *predictor, const char *target,
                                     evtwin_scored scored, evtwin_score *out, size_t size) {
    EVTWIN_FAIL_IF(predictor == NULL || out == NULL || size < sizeof out->size || (int)scored < 0 ||
                       (int)scored >= EVTWIN__N_SCORED,
                   EVTWIN_E_ARG, "predictor or out is NULL, or scored or size is out of range");
    size_t t;
    EVTWIN_TRY(evtwin_target_find(target, &t));
    EVTWIN_FAIL_IF(!predictor->bundle.model[t].is_present, EVTWIN_E_NOT_FOUND,
                   "the bundle has no model of target %s", target);
    evtwin__report_copy(out, size, &predictor->bundle.model[t].score[scored], sizeof *out);
    return EVTWIN_OK;
}

/* Columns of evtwin_predictor_scores before the figures. */
enum { COL_VERSION, COL_TARGET, COL_TRAINED_AT };

static evtwin_status add_score_columns(evtwin_table *table) {
    EVTWIN_TRY(evtwin_table_add_column(table, "model_version", EVTWIN_TEXT, NULL, NULL));
    EVTWIN_TRY(evtwin_table_add_column(table, "target", EVTWIN_TEXT, NULL, NULL));
    EVTWIN_TRY(evtwin_table_add_column(table, "trained_at", EVTWIN_TIME, NULL, NULL));
    const evtwin__figure *g;
    for (evtwin_target_kind kind = 0; (int)kind < EVTWIN__N_TARGET_KINDS; kind++) {
        for (size_t i = 0; (g = evtwin__figure_at(kind, EVTWIN_SCORED_MODEL, i)) != NULL; i++) {
            EVTWIN_TRY(g->is_claim
                           ? EVTWIN_OK
                           : evtwin_table_add_column(table, g->key, EVTWIN_F64, NULL, NULL));
        }
    }
    return EVTWIN_OK;
}

static evtwin_status fill_scores(const evtwin_predictor *p, evtwin_table *table) {
    EVTWIN_TRY(add_score_columns(table));
    EVTWIN_TRY(evtwin_table_resize(table, p->n_targets));
    int64_t trained_us;
    const int has_time =
        evtwin_time_parse(p->bundle.created, EVTWIN_NAIVE_REJECT, &trained_us) == EVTWIN_OK;
    for (size_t i = 0; i < p->n_targets; i++) {
        evtwin_target target;
        evtwin_target_get(p->target[i], &target, sizeof target);
        EVTWIN_TRY(evtwin_table_set_text(table, COL_VERSION, i, p->bundle.version));
        EVTWIN_TRY(evtwin_table_set_text(table, COL_TARGET, i, target.name));
        if (has_time) {
            EVTWIN_TRY(evtwin_table_set_i64(table, COL_TRAINED_AT, i, trained_us));
        }
        const evtwin_score *score = &p->bundle.model[p->target[i]].score[EVTWIN_SCORED_MODEL];
        const evtwin__figure *g;
        for (size_t k = 0; (g = evtwin__figure_at(target.kind, EVTWIN_SCORED_MODEL, k)) != NULL;
             k++) {
            const size_t col = evtwin_table_find(table, g->key);
            EVTWIN_TRY(g->is_claim
                           ? EVTWIN_OK
                           : evtwin_table_set_f64(table, col, i, evtwin__figure_get(g, score)));
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_predictor_scores(const evtwin_predictor *predictor, evtwin_table **out) {
    EVTWIN_FAIL_IF(predictor == NULL || out == NULL, EVTWIN_E_ARG, "predictor or out is NULL");
    evtwin_table *table;
    evtwin_status st;
    EVTWIN_TRY(evtwin_table_create(&table));
    if ((st = fill_scores(predictor, table)) < 0) {
        evtwin_table_free(table);
        return st;
    }
    *out = table;
    return EVTWIN_OK;
}

/* ---- predict ---- */

static size_t rows_per_block(const evtwin_predictor *p) {
    const size_t fit = BLOCK_VALUES / p->bundle.n_features;
    return fit < BLOCK_ROWS ? fit : BLOCK_ROWS;
}

/* What a prediction cannot be without is there: a window of the past may be. */
int evtwin__predictor_is_complete(const evtwin_predictor *p, const double *x) {
    int complete = 1;
    for (size_t i = 0; i < p->bundle.n_features; i++) {
        const int is_optional = p->past != NULL && !evtwin__past_is_required(p->past, i);
        complete &= isfinite(x[i]) != 0 || is_optional;
    }
    return complete;
}

/* Add what one of n forests says to every stride-th place of out. */
static void add_forest(const evtwin_model *forest, double log_offset, double n, const float *scaled,
                       size_t rows, size_t cols, double *out, size_t stride) {
    float y[BLOCK_ROWS];
    const int has_values = evtwin_model_predict(forest, scaled, rows, cols, y) >= 0;
    for (size_t r = 0; r < rows; r++) {
        out[r * stride] +=
            has_values ? evtwin__from_forest((double)y[r], log_offset) / n : (double)NAN;
    }
}

/* What a model says of a block, into every stride-th place of out: the mean of its forests; a life
 * that is over is 0 cycles, not fewer. */
static void predict_with(const evtwin_predictor *p, const evtwin__bundle_model *m,
                         const float *scaled, const double *x, size_t rows, double *out,
                         size_t stride) {
    const size_t cols = p->bundle.n_features;
    const double n = (double)(1 + m->n_further);
    for (size_t r = 0; r < rows; r++) {
        out[r * stride] = 0.0;
    }
    add_forest(m->forest, NAN, n, scaled, rows, cols, out, stride);
    for (size_t k = 0; k < m->n_further; k++) {
        add_forest(m->further[k].forest, m->further[k].log_offset, n, scaled, rows, cols, out,
                   stride);
    }
    for (size_t r = 0; r < rows; r++) {
        const double y = out[r * stride];
        const int is_known = !isnan(y) && evtwin__predictor_is_complete(p, x + r * cols);
        out[r * stride] = is_known ? fmax(y, 0.0) : (double)NAN;
    }
}

evtwin_status evtwin_predictor_predict(const evtwin_predictor *predictor, const double *x,
                                       size_t rows, size_t cols, double *y, size_t n_targets) {
    EVTWIN_FAIL_IF(predictor == NULL || ((x == NULL || y == NULL) && rows > 0), EVTWIN_E_ARG,
                   "predictor, x or y is NULL");
    const evtwin__bundle *b = &predictor->bundle;
    EVTWIN_FAIL_IF(cols != b->n_features || n_targets != predictor->n_targets, EVTWIN_E_SCHEMA,
                   "%zu columns and %zu targets, the bundle has %zu features and %zu targets", cols,
                   n_targets, b->n_features, predictor->n_targets);
    float scaled[BLOCK_VALUES];
    const size_t block = rows_per_block(predictor);
    for (size_t first = 0; first < rows; first += block) {
        const size_t n = rows - first < block ? rows - first : block;
        evtwin__scaler_apply(&b->scaler, x + first * cols, n, scaled);
        for (size_t i = 0; i < n_targets; i++) {
            predict_with(predictor, &b->model[predictor->target[i]], scaled, x + first * cols, n,
                         y + first * n_targets + i, n_targets);
        }
    }
    return EVTWIN_OK;
}

/* ---- predict for a table ---- */

/* A value that cannot be is as good as none. x is that of the rows from `first` on. */
static void blank_impossible(const evtwin_predictor *p, double *x, size_t first, size_t rows,
                             evtwin__impossible *found) {
    const size_t cols = p->bundle.n_features;
    for (size_t r = 0; r < rows; r++) {
        int any = 0;
        for (size_t i = 0; i < cols; i++) {
            double *value = &x[r * cols + i];
            if (evtwin__feature_check(p->bundle.features, i, *value) < 0) {
                *value = NAN;
                any = 1;
            }
        }
        found->first_row = any && found->n_rows == 0 ? first + r : found->first_row;
        found->n_rows += (size_t)any;
    }
}

/* Whose past the rows of a table are. */
static evtwin_status find_groups(const evtwin__bundle *b, const evtwin_table *table,
                                 evtwin__groups *out) {
    const char *group = b->group != NULL && evtwin__column_find(table, b->group) != EVTWIN_NO_COLUMN
                            ? b->group
                            : NULL;
    EVTWIN_TRY(evtwin__groups_find(table, group, NULL, out));
    if (out->kind == EVTWIN__GROUP_NONE && b->n_groups > 1) {
        evtwin__groups_clear(out);
        EVTWIN_FAIL(EVTWIN_E_SCHEMA,
                    "recipe '%s' needs to know whose past a row is of: there is no column '%s'",
                    b->recipe, b->group != NULL && b->group[0] != '\0' ? b->group : "battery_id");
    }
    return EVTWIN_OK;
}

/* A table at work. */
typedef struct rows_of_past {
    const evtwin__past_source *source; /* NULL = the table is all that is known */
    evtwin__groups groups;             /* then: whose its rows are */
    double *x;                         /* (rows, features) */
    double *cycle;                     /* (rows) */
    uint8_t *is_incomplete;            /* (rows) */
} rows_of_past;

static void rows_clear(rows_of_past *w) {
    evtwin__groups_clear(&w->groups);
    evtwin__free(w->x);
    evtwin__free(w->cycle);
    evtwin__free(w->is_incomplete);
}

/* Rows that lack a value of their own are not predicted: all of a row is made unknown. */
static void blank_rows(const evtwin_predictor *p, const uint8_t *is_incomplete, size_t rows,
                       double *x) {
    const size_t cols = p->bundle.n_features;
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < cols && is_incomplete[r]; i++) {
            x[r * cols + i] = NAN;
        }
    }
}

/* Own values, then the past. */
static evtwin_status fill_rows(const evtwin_predictor *p, const evtwin_table *table,
                               evtwin__impossible *found, rows_of_past *w) {
    const size_t rows = evtwin_table_rows(table), cols = p->bundle.n_features;
    const size_t counter = evtwin__past_counter(p->past);
    EVTWIN_TRY(evtwin__features_compute(p->bundle.features, table, 0, rows, found == NULL, w->x));
    if (found != NULL) {
        blank_impossible(p, w->x, 0, rows, found);
    }
    for (size_t k = 0; k < rows * cols; k++) {
        w->is_incomplete[k / cols] |=
            !isfinite(w->x[k]) && !evtwin__past_is_derived(p->past, k % cols);
    }
    for (size_t r = 0; r < rows && counter < cols; r++) {
        w->cycle[r] = w->x[r * cols + counter];
    }
    if (w->source != NULL) {
        w->source->fill(w->source->ctx, w->x);
    } else {
        EVTWIN_TRY(find_groups(&p->bundle, table, &w->groups));
        EVTWIN_TRY(evtwin__past_apply(p->past, table, &w->groups, NULL, w->x));
    }
    blank_rows(p, w->is_incomplete, rows, w->x);
    return EVTWIN_OK;
}

/* *w is to be cleared in any case. */
static evtwin_status make_rows(const evtwin_predictor *p, const evtwin_table *table,
                               const evtwin__past_source *source, evtwin__impossible *found,
                               rows_of_past *w) {
    const size_t rows = evtwin_table_rows(table);
    *w = (rows_of_past){.source = source,
                        .x = evtwin__calloc(rows, p->bundle.n_features * sizeof *w->x),
                        .cycle = evtwin__calloc(rows, sizeof *w->cycle),
                        .is_incomplete = evtwin__calloc(rows, sizeof *w->is_incomplete)};
    EVTWIN_FAIL_IF(w->x == NULL || w->cycle == NULL || w->is_incomplete == NULL, EVTWIN_E_NOMEM,
                   "out of memory for the features of %zu rows", rows);
    return fill_rows(p, table, found, w);
}

evtwin_status evtwin__predictor_past_rows(const evtwin_predictor *predictor,
                                          const evtwin_table *table, double **out) {
    evtwin__impossible unused = {0};
    rows_of_past w;
    if (predictor->past == NULL) {
        return EVTWIN_OK;
    }
    const evtwin_status st = make_rows(predictor, table, NULL, &unused, &w);
    if (st >= 0) {
        *out = w.x;
        w.x = NULL;
    }
    rows_clear(&w);
    return st;
}

/* The place in y of what is counted in cycles to go; n_targets if nothing is. */
static size_t find_settled(const evtwin_predictor *p) {
    size_t i = 0;
    while (i < p->n_targets && strcmp(p->bundle.model[p->target[i]].unit, "cycles") != 0) {
        i++;
    }
    return i;
}

/* From what was said of rows to what is said of batteries. */
static evtwin_status settle(const evtwin_predictor *p, const rows_of_past *w, size_t rows,
                            double *y) {
    const size_t at = find_settled(p), n = w->groups.n_ordered;
    if (at == p->n_targets) {
        return EVTWIN_OK;
    }
    if (w->source != NULL) {
        w->source->settle(w->source->ctx, y + at, p->n_targets);
        return EVTWIN_OK;
    }
    double *said = evtwin__calloc(n, sizeof *said);
    EVTWIN_FAIL_IF(said == NULL, EVTWIN_E_NOMEM, "out of memory for the predictions of %zu rows",
                   rows);
    for (size_t k = 0; k < n; k++) {
        said[k] = y[w->groups.order[k] * p->n_targets + at];
    }
    const int has_counter = evtwin__past_counter(p->past) < p->bundle.n_features;
    evtwin__settle_rows(w->groups.of_row, w->groups.order, n, has_counter ? w->cycle : NULL, said,
                        1);
    for (size_t k = 0; k < n; k++) {
        y[w->groups.order[k] * p->n_targets + at] = said[k];
    }
    evtwin__free(said);
    return EVTWIN_OK;
}

static evtwin_status predict_with_past(const evtwin_predictor *p, const evtwin_table *table,
                                       const evtwin__past_source *source, evtwin__impossible *found,
                                       double *y) {
    rows_of_past w;
    const size_t rows = evtwin_table_rows(table);
    evtwin_status st = make_rows(p, table, source, found, &w);
    if (st >= 0 &&
        (st = evtwin_predictor_predict(p, w.x, rows, p->bundle.n_features, y, p->n_targets)) >= 0) {
        st = settle(p, &w, rows, y);
    }
    rows_clear(&w);
    return st;
}

/* The predictions (rows, n_targets) of a table: all that can go wrong with its data goes wrong
 * here, before it is touched. */
static evtwin_status predict_rows(const evtwin_predictor *p, const evtwin_table *table,
                                  const evtwin__past_source *source, evtwin__impossible *found,
                                  double *y) {
    if (p->past != NULL) {
        return predict_with_past(p, table, source, found, y);
    }
    double x[BLOCK_VALUES];
    const size_t rows = evtwin_table_rows(table);
    const size_t block = rows_per_block(p);
    const int refuse_infinite = found == NULL;
    EVTWIN_TRY(evtwin__features_compute(p->bundle.features, table, 0, 0, refuse_infinite, x));
    for (size_t first = 0; first < rows; first += block) {
        const size_t n = rows - first < block ? rows - first : block;
        EVTWIN_TRY(
            evtwin__features_compute(p->bundle.features, table, first, n, refuse_infinite, x));
        if (found != NULL) {
            blank_impossible(p, x, first, n, found);
        }
        EVTWIN_TRY(evtwin_predictor_predict(p, x, n, p->bundle.n_features, y + first * p->n_targets,
                                            p->n_targets));
    }
    return EVTWIN_OK;
}

/* Append "soc: 150 percent is outside 0 to 100 percent; …" of a row to a note of at bytes; the new
 * number of bytes. */
static size_t note_impossible(const evtwin_predictor *p, const double *x, char note[NOTE_SIZE],
                              size_t at) {
    const char *before = "";
    size_t k = 0;
    for (size_t i = 0; i < p->bundle.n_features && k < NOTE_NAMES; i++) {
        if (evtwin__feature_first_of(p->bundle.features, i) == i &&
            evtwin__feature_check(p->bundle.features, i, x[i]) < 0 && at < NOTE_SIZE) {
            at +=
                (size_t)snprintf(note + at, NOTE_SIZE - at, "%s%.96s", before, evtwin_last_error());
            before = "; ";
            k++;
        }
    }
    return at;
}

/* Of a column that several features are made of, the first speaks. */
static int is_missing(const evtwin_predictor *p, const double *x, size_t i) {
    return isnan(x[i]) && evtwin__feature_first_of(p->bundle.features, i) == i &&
           evtwin__feature_derived(p->bundle.features, i) == EVTWIN__D_COUNT;
}

/* "unknown, because soc and voltage are missing", of a row; 0 if it lacks no feature. Values that
 * cannot be come first. */
static int write_note(const evtwin_predictor *p, const double *x, char note[NOTE_SIZE]) {
    size_t n_missing = 0;
    for (size_t i = 0; i < p->bundle.n_features; i++) {
        n_missing += is_missing(p, x, i);
    }
    const size_t n_named = n_missing <= NOTE_NAMES + 1 ? n_missing : NOTE_NAMES;
    const size_t begin = (size_t)snprintf(note, NOTE_SIZE, "unknown, because ");
    size_t at = note_impossible(p, x, note, begin);
    const int has_impossible = at > begin;
    if (n_missing == 0) {
        return has_impossible;
    }
    if (has_impossible && at < NOTE_SIZE) {
        at += (size_t)snprintf(note + at, NOTE_SIZE - at, "; ");
    }
    size_t k = 0;
    for (size_t i = 0; i < p->bundle.n_features && k < n_named && at < NOTE_SIZE; i++) {
        if (is_missing(p, x, i)) {
            const char *before = k == 0 ? "" : k + 1 == n_missing ? " and " : ", ";
            at += (size_t)snprintf(note + at, NOTE_SIZE - at, "%s%.64s", before,
                                   evtwin_features_column(p->bundle.features, i));
            k++;
        }
    }
    if (n_named < n_missing && at < NOTE_SIZE) {
        at += (size_t)snprintf(note + at, NOTE_SIZE - at, " and %zu more", n_missing - n_named);
    }
    if (at < NOTE_SIZE) {
        snprintf(note + at, NOTE_SIZE - at, n_missing == 1 ? " is missing" : " are missing");
    }
    return 1;
}

/* The column of that name and type, made, emptied or, if it is of another type, made anew. */
static evtwin_status output_column(evtwin_table *table, const char *name, evtwin_type type,
                                   const char *unit, size_t *col_out) {
    const size_t col = evtwin_table_find(table, name);
    if (col == EVTWIN_NO_COLUMN) {
        return evtwin_table_add_column(table, name, type, unit, col_out);
    }
    *col_out = col;
    if (evtwin_table_type(table, col) != type) {
        EVTWIN_TRY(evtwin__table_retype(table, col, type));
    }
    return evtwin_table_set_unit(table, col, unit);
}

static evtwin_status fill_notes(const evtwin_predictor *p, evtwin_table *table, size_t col,
                                const double *y) {
    double x[EVTWIN__BUNDLE_MAX_FEATURES];
    char note[NOTE_SIZE];
    for (size_t r = 0; r < evtwin_table_rows(table); r++) {
        const int is_unknown = isnan(y[r * p->n_targets]);
        if (is_unknown) {
            EVTWIN_TRY(evtwin__features_compute(p->bundle.features, table, r, 1, 0, x));
        }
        EVTWIN_TRY(is_unknown && write_note(p, x, note) ? evtwin_table_set_text(table, col, r, note)
                                                        : evtwin_table_set_missing(table, col, r));
    }
    return EVTWIN_OK;
}

/* A column for each known target, in its model's unit if the bundle has one. */
static evtwin_status prediction_columns(const evtwin_predictor *p, evtwin_table *table,
                                        size_t col[EVTWIN__T_COUNT]) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const evtwin__quantity *q = &evtwin__schema[evtwin__target_prediction(t)];
        const evtwin__bundle_model *m = &p->bundle.model[t];
        EVTWIN_TRY(
            output_column(table, q->name, EVTWIN_F64, m->is_present ? m->unit : q->unit, &col[t]));
    }
    return EVTWIN_OK;
}

/* A column for each end of the interval of a target's prediction, where the schema has them
 * (rul_low, rul_high) and the bundle can tell. */
static evtwin_status interval_columns(const evtwin_predictor *p, evtwin_table *table, size_t t,
                                      size_t *low_out, size_t *high_out) {
    evtwin_target target;
    char low[80], high[80];
    evtwin_target_get(t, &target, sizeof target);
    snprintf(low, sizeof low, "%.64s_low", target.name);
    snprintf(high, sizeof high, "%.64s_high", target.name);
    *low_out = *high_out = EVTWIN_NO_COLUMN;
    if (p->bundle.model[t].interval.n_bands == 0 ||
        evtwin__quantity_by_name(low) == EVTWIN__Q_COUNT ||
        evtwin__quantity_by_name(high) == EVTWIN__Q_COUNT) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(output_column(table, low, EVTWIN_F64, p->bundle.model[t].unit, low_out));
    return output_column(table, high, EVTWIN_F64, p->bundle.model[t].unit, high_out);
}

static evtwin_status fill_intervals(const evtwin_predictor *p, evtwin_table *table,
                                    const double *y) {
    for (size_t i = 0; i < p->n_targets; i++) {
        size_t low, high;
        const size_t t = p->target[i];
        EVTWIN_TRY(interval_columns(p, table, t, &low, &high));
        if (low == EVTWIN_NO_COLUMN || evtwin_table_rows(table) == 0) {
            continue;
        }
        double *from = evtwin_table_f64_edit(table, low);
        double *to = evtwin_table_f64_edit(table, high);
        for (size_t r = 0; r < evtwin_table_rows(table); r++) {
            evtwin__interval_around(&p->bundle.model[t].interval, EVTWIN_COVERS_ON_AVERAGE,
                                    y[r * p->n_targets + i], &from[r], &to[r]);
        }
    }
    return EVTWIN_OK;
}

static evtwin_status fill_table(const evtwin_predictor *p, evtwin_table *table, const double *y) {
    const size_t rows = evtwin_table_rows(table);
    size_t prediction[EVTWIN__T_COUNT], version, note;
    int32_t code = 0;
    EVTWIN_TRY(prediction_columns(p, table, prediction));
    EVTWIN_TRY(output_column(table, evtwin__schema[EVTWIN__Q_MODEL_VERSION].name, EVTWIN_TEXT, "",
                             &version));
    EVTWIN_TRY(output_column(table, evtwin__schema[EVTWIN__Q_PREDICTION_NOTE].name, EVTWIN_TEXT, "",
                             &note));
    EVTWIN_TRY(evtwin_table_intern(table, version, p->bundle.version, &code));

    /* the notes first: they look at the features once more, which might be columns filled here */
    EVTWIN_TRY(fill_notes(p, table, note, y));
    EVTWIN_TRY(fill_intervals(p, table, y));
    for (size_t r = 0; r < rows; r++) {
        EVTWIN_TRY(evtwin_table_set_code(table, version, r, code));
    }
    for (size_t t = 0, i = 0; t < EVTWIN__T_COUNT && rows > 0; t++) {
        double *to = evtwin_table_f64_edit(table, prediction[t]);
        const int is_present = p->bundle.model[t].is_present;
        for (size_t r = 0; r < rows; r++) {
            to[r] = is_present ? y[r * p->n_targets + i] : (double)NAN;
        }
        i += is_present != 0;
    }
    return EVTWIN_OK;
}

/* Say once per predictor, which may see a thousand batches an hour, which unit is presumed. */
static void tell_presumed_units(const evtwin_predictor *p, const evtwin_table *table) {
    for (size_t col = 0; col < evtwin_table_cols(table); col++) {
        const char *name = evtwin_table_name(table, col), *unit = evtwin_table_unit(table, col);
        if (evtwin__unit_is_presumed(name, unit) &&
            atomic_exchange(&((evtwin_predictor *)p)->has_logged, 1) == 0) {
            evtwin__log(EVTWIN_LOG_INFO, "column '%s' states no unit and is presumed to be in %s",
                        name, unit);
        }
    }
}

/* Predict the rows of a table whose columns were checked; found NULL = so were its values. */
static evtwin_status apply(const evtwin_predictor *predictor, evtwin_table *table,
                           const evtwin__past_source *source, evtwin__impossible *found) {
    evtwin_status st;
    const size_t rows = evtwin_table_rows(table);
    const size_t cols = evtwin_table_cols(table);
    double *y = evtwin__calloc(rows, predictor->n_targets * sizeof *y);
    EVTWIN_FAIL_IF(y == NULL, EVTWIN_E_NOMEM, "out of memory for the predictions of %zu rows",
                   rows);
    if ((st = predict_rows(predictor, table, source, found, y)) >= 0 &&
        (st = fill_table(predictor, table, y)) < 0) {
        evtwin__table_drop_columns(table, cols);
    }
    evtwin__free(y);
    if (st >= 0) {
        tell_presumed_units(predictor, table);
    }
    return st;
}

evtwin_status evtwin_predictor_apply(const evtwin_predictor *predictor, evtwin_table *table) {
    EVTWIN_FAIL_IF(predictor == NULL, EVTWIN_E_ARG, "predictor is NULL");
    EVTWIN_TRY(evtwin__table_check_edit(table));
    EVTWIN_TRY(evtwin_telemetry_check(table));
    return apply(predictor, table, NULL, NULL);
}

evtwin_status evtwin__predictor_apply_each(const evtwin_predictor *predictor, evtwin_table *table,
                                           const evtwin__past_source *source,
                                           evtwin__impossible *found) {
    *found = (evtwin__impossible){.n_rows = 0};
    EVTWIN_TRY(evtwin__table_check_edit(table));
    const evtwin_status st = evtwin_telemetry_check(table); /* its columns, then its values */
    return st < 0 && st != EVTWIN_E_RANGE ? st : apply(predictor, table, source, found);
}
