/* SPDX-License-Identifier: MIT */
/* learn/predictor_apply.c: predictions as columns of a table: values, intervals, notes. */

#include "learn/predictor.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/table.h"
#include "learn/features.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The column of what the model says of the row alone. */
#define RUL_ROW "rul_row"

enum {
    NOTE_SIZE = 512,
    NOTE_NAMES = 4 /* missing features that a note names, before it counts the rest */
};

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
            evtwin__interval_around(&p->bundle.model[t].interval, p->coverage,
                                    y[r * p->n_targets + i], &from[r], &to[r]);
        }
    }
    return EVTWIN_OK;
}

/* rul_row, where the table has such a column. */
static evtwin_status fill_rul_row(const evtwin_predictor *p, evtwin_table *table,
                                  const double *rul_row) {
    if (rul_row == NULL) {
        return EVTWIN_OK;
    }
    size_t col;
    const evtwin__bundle_model *m = &p->bundle.model[EVTWIN__T_RUL];
    EVTWIN_TRY(output_column(table, RUL_ROW, EVTWIN_F64, m->is_present ? m->unit : "cycles", &col));
    double *to = evtwin_table_f64_edit(table, col);
    for (size_t r = 0; r < evtwin_table_rows(table); r++) {
        to[r] = rul_row[r];
    }
    return EVTWIN_OK;
}

static evtwin_status fill_table(const evtwin_predictor *p, evtwin_table *table,
                                const evtwin__predicted *predicted) {
    const double *y = predicted->y;
    const size_t rows = evtwin_table_rows(table);
    size_t prediction[EVTWIN__T_COUNT], version, note;
    int32_t code = 0;
    EVTWIN_TRY(prediction_columns(p, table, prediction));
    EVTWIN_TRY(output_column(table, evtwin__schema[EVTWIN__Q_MODEL_VERSION].name, EVTWIN_TEXT, "",
                             &version));
    EVTWIN_TRY(output_column(table, evtwin__schema[EVTWIN__Q_PREDICTION_NOTE].name, EVTWIN_TEXT, "",
                             &note));
    EVTWIN_TRY(evtwin_table_intern(table, version, evtwin__predictor_version(p), &code));

    /* the notes first: they look at the features once more, which might be columns filled here */
    EVTWIN_TRY(fill_notes(p, table, note, y));
    EVTWIN_TRY(fill_intervals(p, table, y));
    EVTWIN_TRY(fill_rul_row(p, table, predicted->rul_row));
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

static void predicted_clear(evtwin__predicted *predicted) {
    evtwin__free(predicted->y);
    evtwin__free(predicted->rul_row);
}

/* Memory for a table's predictions, which is to be cleared after a failure too. */
static evtwin_status predicted_create(const evtwin_predictor *p, const evtwin_table *table,
                                      evtwin__predicted *out) {
    const size_t rows = evtwin_table_rows(table);
    const int has_rul_row = evtwin_table_find(table, RUL_ROW) != EVTWIN_NO_COLUMN;
    *out = (evtwin__predicted){.y = evtwin__calloc(rows, p->n_targets * sizeof *out->y),
                               .rul_row =
                                   has_rul_row ? evtwin__calloc(rows, sizeof *out->rul_row) : NULL};
    EVTWIN_FAIL_IF(out->y == NULL || (has_rul_row && out->rul_row == NULL), EVTWIN_E_NOMEM,
                   "out of memory for the predictions of %zu rows", rows);
    return EVTWIN_OK;
}

/* Predict the rows of a table whose columns were checked; found NULL = so were its values. */
static evtwin_status apply(const evtwin_predictor *predictor, evtwin_table *table,
                           const evtwin__past_source *source, evtwin__impossible *found) {
    const size_t cols = evtwin_table_cols(table);
    evtwin__predicted predicted;
    evtwin_status st = predicted_create(predictor, table, &predicted);
    if (st >= 0 &&
        (st = evtwin__predictor_rows(predictor, table, source, found, &predicted)) >= 0 &&
        (st = fill_table(predictor, table, &predicted)) < 0) {
        evtwin__table_drop_columns(table, cols);
    }
    predicted_clear(&predicted);
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
