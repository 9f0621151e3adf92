/* SPDX-License-Identifier: MIT */
/* learn/explain.c: the reasons of a bundle's predictions, of a row and of a table. */

#include "learn/explain.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/table.h"
#include "core/text.h"
#include "core/vmath.h"
#include "learn/bundle.h"
#include "learn/features.h"
#include "learn/history.h"
#include "learn/session.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- one row ---- */

static evtwin_status find_model(const evtwin_predictor *predictor, const char *target,
                                const evtwin__bundle_model **out) {
    const evtwin__bundle *b = evtwin__predictor_bundle(predictor);
    size_t t;
    EVTWIN_TRY(evtwin_target_find(target, &t));
    EVTWIN_FAIL_IF(!b->model[t].is_present, EVTWIN_E_NOT_FOUND,
                   "the bundle has no model of target %s", target);
    *out = &b->model[t];
    return EVTWIN_OK;
}

static double sum_of(const double *phi, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += phi[i];
    }
    return sum;
}

/* From the contributions (n + 1) to a logarithm to those to its number: all by one factor, so that
 * they still sum up to it. */
static void unlog(double *phi, size_t n, double log_offset) {
    const double log_mean = phi[n], log_value = sum_of(phi, n + 1);
    const double mean = evtwin__exp(log_mean), value = evtwin__exp(log_value);
    const double factor =
        fabs(log_value - log_mean) > 1e-9 ? (value - mean) / (log_value - log_mean) : mean;
    for (size_t i = 0; i < n; i++) {
        phi[i] *= factor;
    }
    phi[n] = mean - log_offset;
}

/* The mean over a model's forests. */
static evtwin_status add_further(const evtwin__bundle_model *model, const float *scaled, size_t n,
                                 double *phi) {
    double of_one[EVTWIN__BUNDLE_MAX_FEATURES + 1];
    for (size_t k = 0; k < model->n_further; k++) {
        const evtwin__bundle_forest *f = &model->further[k];
        EVTWIN_TRY(evtwin_model_contributions(f->forest, scaled, 1, n, of_one));
        if (!isnan(f->log_offset)) {
            unlog(of_one, n, f->log_offset);
        }
        for (size_t i = 0; i <= n; i++) {
            phi[i] += of_one[i];
        }
    }
    for (size_t i = 0; i <= n && model->n_further > 0; i++) {
        phi[i] /= (double)(1 + model->n_further);
    }
    return EVTWIN_OK;
}

/* phi (n_features + 1) of a row. */
static evtwin_status contributions(const evtwin_predictor *predictor,
                                   const evtwin__bundle_model *model, const double *x,
                                   double *phi) {
    const evtwin__bundle *b = evtwin__predictor_bundle(predictor);
    float scaled[EVTWIN__BUNDLE_MAX_FEATURES];
    const int is_complete = evtwin__predictor_is_complete(predictor, x);
    evtwin__scaler_apply(&b->scaler, x, 1, scaled);
    EVTWIN_TRY(evtwin_model_contributions(model->forest, scaled, is_complete, b->n_features, phi));
    if (is_complete) {
        EVTWIN_TRY(add_further(model, scaled, b->n_features, phi));
    }
    for (size_t i = 0; i <= b->n_features && !is_complete; i++) {
        phi[i] = NAN;
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_predictor_contributions(const evtwin_predictor *predictor, const char *target,
                                             const double *x, size_t rows, size_t cols,
                                             double *phi) {
    EVTWIN_FAIL_IF(predictor == NULL || ((x == NULL || phi == NULL) && rows > 0), EVTWIN_E_ARG,
                   "predictor, x or phi is NULL");
    const evtwin__bundle *b = evtwin__predictor_bundle(predictor);
    const evtwin__bundle_model *model = NULL;
    EVTWIN_TRY(find_model(predictor, target, &model));
    EVTWIN_FAIL_IF(cols != b->n_features, EVTWIN_E_SCHEMA,
                   "%zu columns, the bundle has %zu features", cols, b->n_features);
    for (size_t r = 0; r < rows; r++) {
        EVTWIN_TRY(contributions(predictor, model, x + r * cols, phi + r * (cols + 1)));
    }
    return EVTWIN_OK;
}

/* Its contributions were brought from a logarithm to the unit. */
static int has_logarithm(const evtwin__bundle_model *model) {
    int found = 0;
    for (size_t k = 0; k < model->n_further; k++) {
        found |= !isnan(model->further[k].log_offset);
    }
    return found;
}

/* Where the change of a value began: its present level less the change. NaN if it is none, or the
 * model does not see the level. */
static double start_of(const evtwin__bundle *b, size_t i, const double *x) {
    const char *name = b->feature[i].name;
    const evtwin__statistic_info *change = &evtwin__statistics[EVTWIN__H_CHANGE];
    const size_t n = strlen(name), tail = strlen(change->suffix);
    const char *level = evtwin__statistics[EVTWIN__H_LEVEL].suffix;
    if (n <= tail || name[n - tail - 1] != '.' || strcmp(name + n - tail, change->suffix) != 0) {
        return NAN;
    }
    for (size_t k = 0; k < b->n_features; k++) {
        const char *other = b->feature[k].name;
        if (strncmp(other, name, n - tail) == 0 && strcmp(other + n - tail, level) == 0) {
            return x[k] - x[i];
        }
    }
    return NAN;
}

static evtwin_reason make_reason(const evtwin__bundle *b, const evtwin__bundle_model *model,
                                 size_t i, const double *x, const double *phi, double margin) {
    const int is_event = evtwin_model_objective(model->forest) == EVTWIN_OBJECTIVE_LOGISTIC;
    return (evtwin_reason){
        .size = sizeof(evtwin_reason),
        .feature = b->feature[i].name,
        .unit = b->feature[i].unit != NULL ? b->feature[i].unit : "",
        .value = x[i],
        .contribution = phi[i],
        .effect = is_event ? evtwin__calibrated_margin(&model->calibration, margin) -
                                 evtwin__calibrated_margin(&model->calibration, margin - phi[i])
                           : phi[i],
        .effect_unit = is_event || model->unit == NULL ? "" : model->unit,
        .is_approximate = is_event || has_logarithm(model),
        .start = start_of(b, i, x),
    };
}

/* The feature with the largest contribution that is not listed yet; n if there is none. */
static size_t next_largest(const double *phi, size_t n, const uint8_t *is_listed) {
    size_t best = n;
    for (size_t i = 0; i < n; i++) {
        if (!is_listed[i] && fabs(phi[i]) > (best < n ? fabs(phi[best]) : 0.0)) {
            best = i;
        }
    }
    return best;
}

/* Up to k reasons, each handed to take; phi (features + 1) is that of the row x. */
static void each_reason(const evtwin__bundle *b, const evtwin__bundle_model *model, const double *x,
                        const double *phi, size_t k,
                        void (*take)(void *ctx, size_t at, const evtwin_reason *reason),
                        void *ctx) {
    uint8_t is_listed[EVTWIN__BUNDLE_MAX_FEATURES] = {0};
    const double margin = sum_of(phi, b->n_features + 1);
    for (size_t at = 0; at < k; at++) {
        const size_t i = next_largest(phi, b->n_features, is_listed); /* NaN is never larger */
        if (i == b->n_features) {
            break;
        }
        is_listed[i] = 1;
        const evtwin_reason reason = make_reason(b, model, i, x, phi, margin);
        take(ctx, at, &reason);
    }
}

/* An array of the caller's, whose structs may be of another size than ours. */
typedef struct reason_list {
    char *at;
    size_t size, n;
} reason_list;

static void put_in_list(void *ctx, size_t at, const evtwin_reason *reason) {
    reason_list *list = ctx;
    evtwin__report_copy(list->at + at * list->size, list->size, reason, sizeof *reason);
    list->n = at + 1;
}

evtwin_status evtwin_predictor_reasons(const evtwin_predictor *predictor, const char *target,
                                       const double *x, size_t cols, evtwin_reason *out,
                                       size_t size, size_t k, size_t *n_out) {
    EVTWIN_FAIL_IF(predictor == NULL || x == NULL || (out == NULL && k > 0) || n_out == NULL ||
                       size < sizeof out->size,
                   EVTWIN_E_ARG, "predictor, x, out or n_out is NULL, or size is too small");
    const evtwin__bundle *b = evtwin__predictor_bundle(predictor);
    const evtwin__bundle_model *model = NULL;
    EVTWIN_TRY(find_model(predictor, target, &model));
    EVTWIN_FAIL_IF(cols != b->n_features, EVTWIN_E_SCHEMA,
                   "%zu columns, the bundle has %zu features", cols, b->n_features);
    reason_list list = {(char *)out, size, 0};
    double phi[EVTWIN__BUNDLE_MAX_FEATURES + 1];
    EVTWIN_TRY(contributions(predictor, model, x, phi));
    each_reason(b, model, x, phi, k, put_in_list, &list);
    *n_out = list.n;
    return EVTWIN_OK;
}

/* ---- how far it may be off ---- */

evtwin_status evtwin_predictor_interval(const evtwin_predictor *predictor, const char *target,
                                        evtwin_coverage coverage, double prediction,
                                        evtwin_interval *out, size_t size) {
    EVTWIN_FAIL_IF(predictor == NULL || out == NULL || size < sizeof out->size ||
                       (int)coverage < 0 || (int)coverage >= EVTWIN__N_COVERAGES,
                   EVTWIN_E_ARG, "predictor or out is NULL, or coverage or size is out of range");
    const evtwin__bundle_model *model = NULL;
    EVTWIN_TRY(find_model(predictor, target, &model));
    const evtwin__interval *interval = &model->interval;
    EVTWIN_FAIL_IF(interval->n_bands == 0, EVTWIN_E_NOT_FOUND,
                   "the bundle has no interval of target %s", target);
    evtwin_interval made = {.size = sizeof made,
                            .level = interval->level,
                            .n_batteries = interval->n_batteries,
                            .is_guess = evtwin__interval_is_guess(interval)};
    evtwin__interval_around(interval, coverage, prediction, &made.low, &made.high);
    evtwin__report_copy(out, size, &made, sizeof made);
    return EVTWIN_OK;
}

evtwin_status evtwin_predictor_calibration(const evtwin_predictor *predictor, const char *target,
                                           evtwin_calibration *out, size_t size) {
    EVTWIN_FAIL_IF(predictor == NULL || out == NULL || size < sizeof out->size, EVTWIN_E_ARG,
                   "predictor or out is NULL, or size is too small");
    const evtwin__bundle_model *model = NULL;
    EVTWIN_TRY(find_model(predictor, target, &model));
    const evtwin__calibration *c = &model->calibration;
    EVTWIN_FAIL_IF(!evtwin__calibration_is_known(c), EVTWIN_E_NOT_FOUND,
                   "predictions of target %s are not calibrated", target);
    const evtwin_calibration made = {.size = sizeof made,
                                     .slope = c->slope,
                                     .offset = c->offset,
                                     .n_batteries = c->n_batteries,
                                     .n_with = c->n_with,
                                     .n_without = c->n_without};
    evtwin__report_copy(out, size, &made, sizeof made);
    return EVTWIN_OK;
}

/* ---- a table ---- */

enum { WORDS_SIZE = 256 };

static void put_words(void *ctx, size_t at, const evtwin_reason *reason) {
    char words[WORDS_SIZE];
    evtwin_reason_text(reason, words, sizeof words);
    evtwin__text_put(ctx, at > 0 ? "; " : "");
    evtwin__text_put(ctx, words);
}

static void put_json(void *ctx, size_t at, const evtwin_reason *reason) {
    char words[WORDS_SIZE];
    (void)at;
    evtwin_reason_text(reason, words, sizeof words);
    evtwin__text_open(ctx, NULL, '{');
    evtwin__text_string(ctx, "feature", reason->feature);
    evtwin__text_number(ctx, "value", reason->value);
    evtwin__text_string(ctx, "unit", reason->unit);
    evtwin__text_number(ctx, "contribution", reason->contribution);
    evtwin__text_number(ctx, "effect", reason->effect);
    evtwin__text_string(ctx, "effect_unit", reason->effect_unit);
    evtwin__text_word(ctx, "approximate", reason->is_approximate ? "true" : "false");
    evtwin__text_string(ctx, "text", words);
    evtwin__text_put(ctx, "}");
}

/* A margin as what is predicted, but not cut off at 0. */
static double in_unit(const evtwin__bundle_model *model, double margin) {
    return evtwin_model_objective(model->forest) == EVTWIN_OBJECTIVE_LOGISTIC
               ? evtwin__calibrated_margin(&model->calibration, margin)
               : margin;
}

evtwin_status evtwin__explain_row(const evtwin_predictor *predictor, const char *target,
                                  const double *x, size_t k, evtwin_reasons_form form,
                                  evtwin__text *text) {
    const evtwin__bundle *b = evtwin__predictor_bundle(predictor);
    const evtwin__bundle_model *model = NULL;
    double phi[EVTWIN__BUNDLE_MAX_FEATURES + 1];
    EVTWIN_TRY(find_model(predictor, target, &model));
    EVTWIN_TRY(contributions(predictor, model, x, phi));
    if (form == EVTWIN_REASONS_JSON) {
        evtwin__text_number(text, "mean", in_unit(model, phi[b->n_features]));
        evtwin__text_number(text, "answer", in_unit(model, sum_of(phi, b->n_features + 1)));
        evtwin__text_open(text, "reasons", '[');
        each_reason(b, model, x, phi, k, put_json, text);
        evtwin__text_put(text, "]");
    } else {
        each_reason(b, model, x, phi, k, put_words, text);
    }
    return EVTWIN_OK;
}

/* The same as the text of a cell. */
static evtwin_status write_cell(const evtwin_predictor *predictor, const char *target,
                                const double *x, size_t k, evtwin_reasons_form form,
                                evtwin__text *text) {
    const int is_json = form == EVTWIN_REASONS_JSON;
    text->size = 0;
    evtwin__text_put(text, is_json ? "{" : "");
    EVTWIN_TRY(evtwin__explain_row(predictor, target, x, k, form, text));
    evtwin__text_put(text, is_json ? "}" : "");
    evtwin__text_add(text, "", 1);
    EVTWIN_FAIL_IF(text->is_failed, EVTWIN_E_NOMEM, "out of memory for reasons");
    return EVTWIN_OK;
}

evtwin_status evtwin__explained_features(const evtwin_predictor *predictor,
                                         const evtwin_table *table, size_t row,
                                         const double *rows_x, double *x, int *is_known_out) {
    const evtwin__bundle *b = evtwin__predictor_bundle(predictor);
    if (rows_x != NULL) {
        memcpy(x, rows_x + row * b->n_features, b->n_features * sizeof *x);
        *is_known_out = evtwin__predictor_is_complete(predictor, x);
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__features_compute(b->features, table, row, 1, 0, x));
    *is_known_out = 1;
    for (size_t i = 0; i < b->n_features; i++) {
        *is_known_out &= isfinite(x[i]) && evtwin__feature_check(b->features, i, x[i]) >= 0;
    }
    return EVTWIN_OK;
}

static evtwin_status reasons_column(evtwin_table *table, const char *target, size_t *col_out) {
    char name[80];
    snprintf(name, sizeof name, "%.64s_reasons", target);
    const size_t col = evtwin_table_find(table, name);
    if (col == EVTWIN_NO_COLUMN) {
        return evtwin_table_add_column(table, name, EVTWIN_TEXT, NULL, col_out);
    }
    *col_out = col;
    return evtwin_table_type(table, col) == EVTWIN_TEXT
               ? EVTWIN_OK
               : evtwin__table_retype(table, col, EVTWIN_TEXT);
}

static evtwin_status fill_reasons(const evtwin_predictor *predictor, evtwin_table *table, size_t k,
                                  evtwin_reasons_form form, const double *rows_x,
                                  evtwin__text *text) {
    double x[EVTWIN__BUNDLE_MAX_FEATURES];
    const char *target;
    for (size_t i = 0; (target = evtwin_predictor_target(predictor, i)) != NULL; i++) {
        size_t col = 0;
        EVTWIN_TRY(reasons_column(table, target, &col));
        for (size_t r = 0; r < evtwin_table_rows(table); r++) {
            int is_known = 0;
            EVTWIN_TRY(evtwin__explained_features(predictor, table, r, rows_x, x, &is_known));
            if (!is_known) {
                EVTWIN_TRY(evtwin_table_set_missing(table, col, r));
                continue;
            }
            EVTWIN_TRY(write_cell(predictor, target, x, k, form, text));
            EVTWIN_TRY(evtwin_table_set_text(table, col, r, text->data));
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__explain_check(const evtwin_predictor *predictor) {
    const evtwin__bundle *b = evtwin__predictor_bundle(predictor);
    const double x[EVTWIN__BUNDLE_MAX_FEATURES] = {0};
    double phi[EVTWIN__BUNDLE_MAX_FEATURES + 1];
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (b->model[t].is_present) {
            EVTWIN_TRY(contributions(predictor, &b->model[t], x, phi));
        }
    }
    return EVTWIN_OK;
}

/* All that can go wrong with the models and the columns. */
static evtwin_status check_parts(const evtwin_predictor *predictor, const evtwin_table *table) {
    double x[EVTWIN__BUNDLE_MAX_FEATURES];
    EVTWIN_TRY(
        evtwin__features_compute(evtwin__predictor_bundle(predictor)->features, table, 0, 0, 0, x));
    return evtwin__explain_check(predictor);
}

evtwin_status evtwin__explain_table(const evtwin_predictor *predictor, evtwin_table *table,
                                    size_t k, evtwin_reasons_form form, const double *rows_x) {
    const size_t cols = evtwin_table_cols(table);
    evtwin__text text = {0};
    const evtwin_status st = fill_reasons(predictor, table, k, form, rows_x, &text);
    if (st < 0) {
        evtwin__table_drop_columns(table, cols);
    }
    evtwin__text_free(&text);
    return st;
}

evtwin_status evtwin_predictor_explain(const evtwin_predictor *predictor, evtwin_table *table,
                                       size_t k, evtwin_reasons_form form) {
    EVTWIN_FAIL_IF(predictor == NULL || k == 0 || (int)form < 0 || form > EVTWIN_REASONS_JSON,
                   EVTWIN_E_ARG, "predictor is NULL, k is 0 or form is out of range");
    EVTWIN_TRY(evtwin__table_check_edit(table));
    EVTWIN_TRY(check_parts(predictor, table));
    double *x = NULL; /* stays NULL where a row's own values are all */
    evtwin_status st = evtwin__predictor_past_rows(predictor, table, &x);
    st = st >= 0 ? evtwin__explain_table(predictor, table, k, form, x) : st;
    evtwin__free(x);
    return st;
}
