/* SPDX-License-Identifier: MIT */
/* learn/dataset.c: from a table to clean features, groups and the usable rows of each target.
 */

#include "learn/trainer.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "learn/clean.h"
#include "learn/features.h"
#include "learn/identity.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- columns ---- */

/* Names of a target's column that are looked for when the caller gives none: the data set's, then
 * ours; NULL if there is none. */
static const char *label_name(size_t t, int i) {
    const size_t q = evtwin__target_label(t);
    return evtwin_quantity_name(q, i == 0 ? EVTWIN_NAMING_EV30 : EVTWIN_NAMING_EVTWIN);
}

/* EVTWIN_E_SCHEMA if a column is no number, with its first text that is none. */
static evtwin_status check_number(const evtwin_table *table, size_t col, const char *what) {
    if (evtwin__column_is_number(table, col)) {
        return EVTWIN_OK;
    }
    const char *value = NULL;
    size_t row = 0;
    double number;
    for (; row < evtwin_table_rows(table); row++) {
        value = evtwin_table_text(table, col, row);
        if (value != NULL && !evtwin__parse_f64(value, strlen(value), &number)) {
            break;
        }
    }
    EVTWIN_FAIL_IF(row < evtwin_table_rows(table), EVTWIN_E_SCHEMA,
                   "%s column '%s' holds text, such as '%.40s' in data row %zu; it must be numeric",
                   what, evtwin_table_name(table, col), value, row + 1);
    EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s column '%s' holds %s, it must be numeric", what,
                evtwin_table_name(table, col),
                evtwin_table_type(table, col) == EVTWIN_TIME ? "times" : "text");
}

/* Column of a target; EVTWIN_NO_COLUMN if it is left out. */
static evtwin_status find_label(const evtwin_table *table, const evtwin_target *target, size_t t,
                                const char *name, size_t *col_out) {
    size_t col = EVTWIN_NO_COLUMN;
    char columns[512], what[64];
    if (name == NULL) {
        for (int i = 0; i < 2 && col == EVTWIN_NO_COLUMN; i++) {
            col = label_name(t, i) != NULL ? evtwin_table_find(table, label_name(t, i)) : col;
        }
    } else if (strcmp(name, "none") != 0) {
        col = evtwin__column_find(table, name);
        EVTWIN_FAIL_IF(col == EVTWIN_NO_COLUMN, EVTWIN_E_SCHEMA,
                       "%s target column '%s' is absent; the table has %s", target->title, name,
                       evtwin__column_list(table, columns, sizeof columns));
    }
    if (col != EVTWIN_NO_COLUMN) {
        snprintf(what, sizeof what, "%s target", target->title);
        EVTWIN_TRY(check_number(table, col, what));
    }
    *col_out = col;
    return EVTWIN_OK;
}

/* "RUL or rul, …": the names that were looked for; gives back text. */
static const char *names_of_labels(const char *const column[EVTWIN__T_COUNT], char *text,
                                   size_t text_size) {
    snprintf(text, text_size, "none");
    size_t used = 0;
    for (size_t t = 0; t < EVTWIN__T_COUNT && used < text_size; t++) {
        for (int i = 0; i < 2 && column[t] == NULL && used < text_size; i++) {
            if (label_name(t, i) != NULL) {
                used += (size_t)snprintf(text + used, text_size - used, "%s%s",
                                         used > 0 ? ", " : "", label_name(t, i));
            }
        }
    }
    return text;
}

static evtwin_status find_labels(const evtwin_table *table,
                                 const char *const column[EVTWIN__T_COUNT], evtwin_trainer *trainer,
                                 size_t col[EVTWIN__T_COUNT]) {
    size_t n = 0;
    char columns[512], names[128];
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        EVTWIN_TRY(find_label(table, &trainer->target[t], t, column[t], &col[t]));
        if (column[t] == NULL && col[t] == EVTWIN_NO_COLUMN) {
            EVTWIN_TRY(evtwin__find_absent(trainer, t, label_name(t, 0), label_name(t, 1)));
        }
        n += col[t] != EVTWIN_NO_COLUMN;
        for (size_t k = 0; k < t; k++) {
            EVTWIN_FAIL_IF(col[t] != EVTWIN_NO_COLUMN && col[k] == col[t], EVTWIN_E_ARG,
                           "column '%s' is named as two targets, %s and %s",
                           evtwin_table_name(table, col[t]), trainer->target[k].title,
                           trainer->target[t].title);
        }
    }
    EVTWIN_FAIL_IF(n == 0, EVTWIN_E_DATA,
                   "there is no target to learn: the names looked for are %s, and no target has a "
                   "column of another name; the table has %s",
                   names_of_labels(column, names, sizeof names),
                   evtwin__column_list(table, columns, sizeof columns));
    return EVTWIN_OK;
}

/* ---- features ---- */

/* Models work in 32-bit floats: what is none there would be infinite, or 0 with smallest > 0. */
static evtwin_status check_float(double v, double smallest, size_t row, const char *column) {
    char number[EVTWIN__NUM_SIZE];
    EVTWIN_FAIL_IF(isinf(v), EVTWIN_E_RANGE, "data row %zu of column '%s' is infinite", row + 1,
                   column);
    if (fabs(v) > (double)FLT_MAX || (v != 0.0 && fabs(v) < smallest)) {
        evtwin__format_f64(v, number);
        EVTWIN_FAIL(EVTWIN_E_RANGE,
                    "data row %zu of column '%s' is %s, beyond the 32-bit floats that models work "
                    "in (%s)",
                    row + 1, column, number,
                    fabs(v) < smallest ? "from 1.4e-45" : "up to 3.4028235e38");
    }
    return EVTWIN_OK;
}

static evtwin_status describe_feature(const evtwin_table *table, size_t i, const size_t label_col[],
                                      evtwin_trainer *trainer) {
    evtwin__bundle *b = &trainer->bundle;
    const char *name = evtwin_features_name(b->features, i);
    size_t col = evtwin_telemetry_find(table, name);
    col = col == EVTWIN_NO_COLUMN ? evtwin_table_find(table, name) : col;
    if (col != EVTWIN_NO_COLUMN) {
        EVTWIN_TRY(check_number(table, col, "feature"));
    }
    EVTWIN_TRY(evtwin__feature_column(b->features, i, table, &col));
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        EVTWIN_FAIL_IF(col == label_col[t], EVTWIN_E_SCHEMA,
                       "column '%s' is the target, so it cannot be a feature",
                       evtwin_table_name(table, col));
    }
    evtwin__bundle_feature *f = &b->feature[i];
    EVTWIN_TRY(evtwin__bundle_keep_name(b, evtwin_features_name(b->features, i), &f->name));
    EVTWIN_TRY(evtwin__bundle_keep(b, evtwin_features_unit(b->features, i), &f->unit));
    EVTWIN_TRY(evtwin__bundle_keep_name(b, evtwin_table_name(table, col), &f->column));
    return evtwin__bundle_keep_name(b, evtwin_table_unit(table, col), &f->column_unit);
}

/* Forward fill within groups and count outliers, feature by feature. */
static evtwin_status clean_features(evtwin_trainer *trainer, evtwin__dataset *data) {
    const evtwin__groups *g = &data->groups;
    double *scratch = evtwin__calloc(g->n_ordered, sizeof *scratch);
    EVTWIN_FAIL_IF(scratch == NULL, EVTWIN_E_NOMEM, "out of memory to clean %zu rows", data->rows);
    for (size_t i = 0; i < data->cols; i++) {
        evtwin_clean_report *report = &trainer->clean[i];
        evtwin__fill_forward(data->x + i, data->cols, g->of_row, g->order, g->n_ordered, report);
        if (!data->is_piece) { /* those of a piece say nothing */
            report->n_outliers =
                evtwin__count_outliers(data->x + i, data->cols, g->order, g->n_ordered, scratch);
        }
    }
    evtwin__free(scratch);
    return EVTWIN_OK;
}

static evtwin_status load_features(const char *names, const size_t label_col[],
                                   evtwin_trainer *trainer, evtwin__dataset *data) {
    evtwin__bundle *b = &trainer->bundle;
    EVTWIN_TRY(evtwin_features_create(names, &b->features));
    data->cols = evtwin_features_count(b->features);
    EVTWIN_FAIL_IF(data->cols > EVTWIN__BUNDLE_MAX_FEATURES, EVTWIN_E_ARG,
                   "%zu features are named, the limit is %d", data->cols,
                   EVTWIN__BUNDLE_MAX_FEATURES);
    size_t n_values;
    EVTWIN_FAIL_IF(__builtin_mul_overflow(data->rows, data->cols, &n_values), EVTWIN_E_NOMEM,
                   "%zu rows of %zu features are too many", data->rows, data->cols);
    trainer->clean = evtwin__calloc(data->cols, sizeof *trainer->clean);
    b->feature = evtwin__calloc(data->cols, sizeof *b->feature);
    data->x = evtwin__calloc(n_values, sizeof *data->x);
    EVTWIN_FAIL_IF(trainer->clean == NULL || b->feature == NULL || data->x == NULL, EVTWIN_E_NOMEM,
                   "out of memory for %zu rows of %zu features", data->rows, data->cols);
    b->n_features = data->cols;
    for (size_t i = 0; i < data->cols; i++) {
        EVTWIN_TRY(describe_feature(data->table, i, label_col, trainer));
    }
    EVTWIN_TRY(evtwin_telemetry_check(data->table));
    EVTWIN_TRY(evtwin_features_compute(b->features, data->table, 0, data->rows, data->x));
    for (size_t k = 0; k < n_values; k++) {
        EVTWIN_TRY(check_float(data->x[k], 0.0, k / data->cols, b->feature[k % data->cols].column));
    }
    return clean_features(trainer, data);
}

/* ---- labels ---- */

/* Read a label's values in our unit. */
static evtwin_status read_label(const evtwin_table *table, size_t col, const evtwin_target *target,
                                double min, evtwin__label *label) {
    double factor;
    EVTWIN_TRY(evtwin_telemetry_factor(table, col, &factor));
    for (size_t r = 0; r < evtwin_table_rows(table); r++) {
        const double y = evtwin_table_number(table, col, r) * factor;
        char number[EVTWIN__NUM_SIZE], limit[EVTWIN__NUM_SIZE];
        EVTWIN_TRY(check_float(y, (double)FLT_TRUE_MIN, r, label->column));
        if (target->kind == EVTWIN_TARGET_NUMBER && y < min) {
            evtwin__format_f64(y, number);
            evtwin__format_f64(min, limit);
            EVTWIN_FAIL(EVTWIN_E_RANGE,
                        "data row %zu of %s target '%s' is %s, it cannot be below %s", r + 1,
                        target->title, label->column, number, limit);
        }
        if (target->kind == EVTWIN_TARGET_EVENT && !isnan(y) && y != 0.0 && y != 1.0) {
            evtwin__format_f64(y, number);
            EVTWIN_FAIL(EVTWIN_E_DATA, "data row %zu of %s target '%s' is %s, it must be 0 or 1",
                        r + 1, target->title, label->column, number);
        }
        label->y[r] = y;
    }
    return EVTWIN_OK;
}

static int has_all_features(const evtwin__dataset *data, size_t row) {
    const double *x = data->x + row * data->cols;
    for (size_t i = 0; i < data->cols; i++) {
        if (isnan(x[i])) {
            return 0;
        }
    }
    return 1;
}

/* List the usable rows and count, once each, those that are not. */
static void pick_rows(const evtwin__dataset *data, evtwin__label *label) {
    const evtwin__groups *g = &data->groups;
    for (size_t r = 0; r < data->rows; r++) {
        label->n_no_label += isnan(label->y[r]) != 0;
        label->n_no_group += !isnan(label->y[r]) && g->of_row[r] < 0;
    }
    int32_t group = -1;
    for (size_t k = 0; k < g->n_ordered; k++) {
        const size_t r = g->order[k];
        if (isnan(label->y[r])) {
            continue;
        }
        if (!has_all_features(data, r)) {
            label->n_no_feature++;
            continue;
        }
        label->n_groups_used += g->of_row[r] != group;
        group = g->of_row[r];
        label->row[label->n++] = r;
        label->n_positive += label->y[r] != 0.0;
    }
    label->n_groups_without = g->names.n - label->n_groups_used;
}

const char *evtwin__target_option(const evtwin_target *target) {
    return strcmp(target->name, "rul") == 0 ? "option targets without rul"
                                            : "option targets without failure";
}

evtwin_status evtwin__label_check(const evtwin_target *target, const evtwin__label *label,
                                  double first, int is_constant, int is_constant_float) {
    EVTWIN_FAIL_IF(label->n == 0, EVTWIN_E_DATA,
                   "%s target '%s': no row has the target, its group and all features known "
                   "(%zu without target, %zu without group, %zu without a feature)",
                   target->title, label->column, label->n_no_label, label->n_no_group,
                   label->n_no_feature);
    EVTWIN_FAIL_IF(label->n == 1, EVTWIN_E_DATA,
                   "%s target '%s' has one usable row, training needs at least two", target->title,
                   label->column);
    char number[EVTWIN__NUM_SIZE];
    evtwin__format_f64(first, number);
    EVTWIN_FAIL_IF(is_constant, EVTWIN_E_DATA,
                   "%s target '%s' %s: all %zu usable rows are %s; leave the target out "
                   "(%s) to train the others",
                   target->title, label->column,
                   target->kind == EVTWIN_TARGET_EVENT ? "has one class only" : "is constant",
                   label->n, number, evtwin__target_option(target));
    EVTWIN_FAIL_IF(is_constant_float, EVTWIN_E_DATA,
                   "%s target '%s': all %zu usable rows are %s in the 32-bit floats that models "
                   "work in (24 binary digits); subtract what they have in common",
                   target->title, label->column, label->n, number);
    return EVTWIN_OK;
}

/* A label must differ between rows, or there is nothing to learn. */
static evtwin_status check_label(const evtwin_target *target, const evtwin__label *label) {
    const double first = label->n > 0 ? label->y[label->row[0]] : (double)NAN;
    int is_constant = 1, is_constant_float = 1;
    for (size_t k = 1; k < label->n && is_constant_float; k++) {
        const double y = label->y[label->row[k]];
        is_constant &= y == first;
        is_constant_float &= (float)y == (float)first;
    }
    return evtwin__label_check(target, label, first, is_constant, is_constant_float);
}

/* Ours for a quantity of the schema, else what the column says; a probability has none. */
static const char *label_unit(const evtwin_table *table, size_t col, evtwin_target_kind kind) {
    evtwin__meaning meaning;
    if (kind == EVTWIN_TARGET_EVENT) {
        return "";
    }
    return evtwin__meaning_find(evtwin_table_name(table, col), EVTWIN__ALL_KINDS, &meaning)
               ? evtwin__schema[meaning.q].unit
               : evtwin_table_unit(table, col);
}

static evtwin_status load_label(size_t col, size_t t, evtwin_trainer *trainer,
                                evtwin__dataset *data) {
    const evtwin_table *table = data->table;
    evtwin__label *label = &data->label[t];
    const evtwin_target *target = &trainer->target[t];
    evtwin__bundle_model *model = &trainer->bundle.model[t];
    label->is_present = 1;
    label->column = evtwin_table_name(table, col);
    label->unit = label_unit(table, col, target->kind);
    label->y = evtwin__calloc(data->rows, sizeof *label->y);
    label->row = evtwin__calloc(data->rows, sizeof *label->row);
    label->part = evtwin__calloc(data->rows, sizeof *label->part);
    EVTWIN_FAIL_IF(label->y == NULL || label->row == NULL || label->part == NULL, EVTWIN_E_NOMEM,
                   "out of memory for %zu labels", data->rows);
    const double min = evtwin__schema[evtwin__target_label(t)].min;
    EVTWIN_TRY(evtwin__bundle_keep_name(&trainer->bundle, label->column, &model->column));
    EVTWIN_TRY(evtwin__bundle_keep_name(&trainer->bundle, label->unit, &model->unit));
    EVTWIN_TRY(read_label(table, col, target, min, label));
    pick_rows(data, label);
    return data->is_piece ? EVTWIN_OK : check_label(target, label);
}

/* ---- cycles so far ---- */

static size_t find_cycles(const evtwin_table *table, const evtwin__groups *groups) {
    static const char *const name[] = {"cycle", "Cycle", "cycles", "cycle_index", "Cycle_Index"};
    size_t col = groups->counter_col;
    if (col == EVTWIN_NO_COLUMN) {
        col = evtwin_telemetry_find(table, "charge_cycles");
    }
    for (size_t i = 0; i < sizeof name / sizeof name[0] && col == EVTWIN_NO_COLUMN; i++) {
        col = evtwin_table_find(table, name[i]);
    }
    return col != EVTWIN_NO_COLUMN && evtwin__column_is_number(table, col) ? col : EVTWIN_NO_COLUMN;
}

static evtwin_status load_cycles(evtwin__dataset *data) {
    const evtwin_table *table = data->table;
    const size_t col = find_cycles(table, &data->groups);
    if (col == EVTWIN_NO_COLUMN) {
        return EVTWIN_OK;
    }
    data->cycles_column = evtwin_table_name(table, col);
    data->cycles = evtwin__calloc(data->rows, sizeof *data->cycles);
    EVTWIN_FAIL_IF(data->cycles == NULL, EVTWIN_E_NOMEM, "out of memory for %zu cycle counts",
                   data->rows);
    for (size_t r = 0; r < data->rows; r++) {
        data->cycles[r] = evtwin_table_number(table, col, r);
    }
    const evtwin__groups *g = &data->groups;
    evtwin_clean_report unused = {.size = sizeof unused};
    evtwin__fill_forward(data->cycles, 1, g->of_row, g->order, g->n_ordered, &unused);
    return EVTWIN_OK;
}

/* ---- all of it ---- */

/* The first and the last time. */
void evtwin__dataset_span(const evtwin__dataset *data, int64_t *first_us, int64_t *last_us) {
    const size_t col = data->groups.time_col;
    const int64_t *time_us = evtwin_table_i64(data->table, col);
    for (size_t r = 0; time_us != NULL && r < data->rows; r++) {
        if (evtwin_table_is_valid(data->table, col, r)) {
            *first_us = time_us[r] < *first_us ? time_us[r] : *first_us;
            *last_us = time_us[r] > *last_us ? time_us[r] : *last_us;
        }
    }
}

evtwin_status evtwin__describe_source(evtwin__bundle *b, size_t rows, size_t n_groups,
                                      int64_t first_us, int64_t last_us) {
    b->rows = rows;
    b->n_groups = n_groups;
    char first[EVTWIN_TIME_TEXT_SIZE], last[EVTWIN_TIME_TEXT_SIZE];
    if (first_us <= last_us && evtwin_time_format(first_us, first, sizeof first) == EVTWIN_OK &&
        evtwin_time_format(last_us, last, sizeof last) == EVTWIN_OK) {
        EVTWIN_TRY(evtwin__bundle_keep(b, first, &b->first_time));
        EVTWIN_TRY(evtwin__bundle_keep(b, last, &b->last_time));
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__dataset_load(const evtwin_train_options *options,
                                   const char *const column[EVTWIN__T_COUNT],
                                   evtwin_trainer *trainer, evtwin__dataset *data) {
    size_t label_col[EVTWIN__T_COUNT];
    data->rows = evtwin_table_rows(data->table);
    EVTWIN_FAIL_IF(data->rows < 2 && !data->is_piece, EVTWIN_E_DATA,
                   "%s has %zu row%s, training needs at least two", trainer->bundle.source_name,
                   data->rows, data->rows == 1 ? "" : "s");
    EVTWIN_TRY(find_labels(data->table, column, trainer, label_col));
    EVTWIN_TRY(
        evtwin__check_battery_ids(data->table, evtwin_telemetry_find(data->table, "battery_id")));
    EVTWIN_TRY(
        evtwin__groups_find(data->table, options->group, options->group_by_reset, &data->groups));
    EVTWIN_TRY(load_features(options->features, label_col, trainer, data));
    EVTWIN_TRY(load_cycles(data));
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (label_col[t] != EVTWIN_NO_COLUMN) {
            EVTWIN_TRY(load_label(label_col[t], t, trainer, data));
        }
    }
    int64_t first_us = INT64_MAX, last_us = INT64_MIN;
    evtwin__dataset_span(data, &first_us, &last_us);
    return evtwin__describe_source(&trainer->bundle, data->rows, data->groups.names.n, first_us,
                                   last_us);
}

void evtwin__dataset_clear(evtwin__dataset *data) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__free(data->label[t].y);
        evtwin__free(data->label[t].row);
        evtwin__free(data->label[t].part);
    }
    if (data->model_x != data->x) {
        evtwin__free(data->model_x);
    }
    evtwin__free(data->cut_x);
    evtwin__free(data->is_cut);
    evtwin__free(data->x);
    evtwin__free(data->cycles);
    evtwin__groups_clear(&data->groups);
    *data = (evtwin__dataset){0};
}
