/* SPDX-License-Identifier: MIT */
/* learn/predictor.c: a loaded bundle that predicts: from features, and for a table. */

#include "learn/bundle.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/table.h"
#include "learn/features.h"
#include "learn/forest.h"
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
    size_t target[EVTWIN__T_COUNT]; /* (n_targets) those that the bundle has a model of */
    size_t n_targets;
    evtwin_coverage coverage; /* what the ends of intervals in a table promise */
    atomic_int has_logged;    /* what is presumed of a table: the one thing that changes */
};

/* ---- life ---- */

evtwin_status evtwin__predictor_take(evtwin__bundle *bundle, evtwin_predictor **out) {
    evtwin_predictor *p = evtwin__calloc(1, sizeof *p);
    EVTWIN_FAIL_IF(p == NULL, EVTWIN_E_NOMEM, "out of memory for a predictor");
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
        evtwin__free(predictor);
    }
}

evtwin_status evtwin_predictor_set_coverage(evtwin_predictor *predictor, evtwin_coverage coverage) {
    EVTWIN_FAIL_IF(predictor == NULL || (int)coverage < 0 || (int)coverage >= EVTWIN__N_COVERAGES,
                   EVTWIN_E_ARG, "predictor is NULL or coverage is out of range");
    predictor->coverage = coverage;
    return EVTWIN_OK;
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

static int row_is_complete(const double *x, size_t cols) {
    int complete = 1;
    for (size_t i = 0; i < cols; i++) {
        complete &= isfinite(x[i]) != 0;
    }
    return complete;
}

/* What a model says of a block, into every stride-th place of out; a life that is over is 0 cycles,
 * not fewer. */
static void predict_with(const evtwin__bundle_model *m, const float *scaled, const double *x,
                         size_t rows, size_t cols, double *out, size_t stride) {
    float y[BLOCK_ROWS];
    const int has_values = evtwin_model_predict(m->forest, scaled, rows, cols, y) >= 0;
    for (size_t r = 0; r < rows; r++) {
        const int is_known = has_values && row_is_complete(x + r * cols, cols);
        out[r * stride] = is_known ? fmax((double)y[r], 0.0) : (double)NAN;
        out[r * stride] = evtwin__calibrated(&m->calibration, out[r * stride]);
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
            predict_with(&b->model[predictor->target[i]], scaled, x + first * cols, n, cols,
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

/* The predictions (rows, n_targets) of a table: all that can go wrong with its data goes wrong
 * here, before it is touched. */
static evtwin_status predict_rows(const evtwin_predictor *p, const evtwin_table *table,
                                  evtwin__impossible *found, double *y) {
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
        if (evtwin__feature_check(p->bundle.features, i, x[i]) < 0 && at < NOTE_SIZE) {
            at +=
                (size_t)snprintf(note + at, NOTE_SIZE - at, "%s%.96s", before, evtwin_last_error());
            before = "; ";
            k++;
        }
    }
    return at;
}

/* "unknown, because soc and voltage are missing", of a row; 0 if it lacks no feature. Values that
 * cannot be come first. */
static int write_note(const evtwin_predictor *p, const double *x, char note[NOTE_SIZE]) {
    size_t n_missing = 0;
    for (size_t i = 0; i < p->bundle.n_features; i++) {
        n_missing += isnan(x[i]) != 0;
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
        if (isnan(x[i])) {
            const char *before = k == 0 ? "" : k + 1 == n_missing ? " and " : ", ";
            at += (size_t)snprintf(note + at, NOTE_SIZE - at, "%s%.64s", before,
                                   p->bundle.feature[i].name);
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
            evtwin__interval_around(&p->bundle.model[t].interval, p->coverage,
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
                           evtwin__impossible *found) {
    evtwin_status st;
    const size_t rows = evtwin_table_rows(table);
    const size_t cols = evtwin_table_cols(table);
    double *y = evtwin__calloc(rows, predictor->n_targets * sizeof *y);
    EVTWIN_FAIL_IF(y == NULL, EVTWIN_E_NOMEM, "out of memory for the predictions of %zu rows",
                   rows);
    if ((st = predict_rows(predictor, table, found, y)) >= 0 &&
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
    return apply(predictor, table, NULL);
}

evtwin_status evtwin__predictor_apply_each(const evtwin_predictor *predictor, evtwin_table *table,
                                           evtwin__impossible *found) {
    *found = (evtwin__impossible){.n_rows = 0};
    EVTWIN_TRY(evtwin__table_check_edit(table));
    const evtwin_status st = evtwin_telemetry_check(table); /* its columns, then its values */
    return st < 0 && st != EVTWIN_E_RANGE ? st : apply(predictor, table, found);
}
