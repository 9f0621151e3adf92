/* SPDX-License-Identifier: MIT */
/* learn/trainer_data.c: from a table to clean features, groups and the usable rows of each target.
 */

#include "learn/trainer.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "evtwin/telemetry.h"
#include "learn/clean.h"
#include "learn/columns.h"
#include "learn/manifest.h"

#include <math.h>
#include <string.h>

enum { N_DEFAULT_NAMES = 2 };

/* Names that are looked for when the caller gives none; never features. */
static const char *const default_target[EVTWIN__N_TARGETS][N_DEFAULT_NAMES] = {
    {"RUL", "rul"}, {"Failure_Probability", "failure"}};

static const char *const target_label[EVTWIN__N_TARGETS] = {"RUL", "failure"};

/* ---- columns ---- */

/* Column of a target; EVTWIN_NO_COLUMN if it is left out. */
static evtwin_status find_target(const evtwin_table *table, int which, const char *name,
                                 size_t *col_out) {
    *col_out = EVTWIN_NO_COLUMN;
    if (name == NULL) {
        for (size_t i = 0; i < N_DEFAULT_NAMES && *col_out == EVTWIN_NO_COLUMN; i++) {
            *col_out = evtwin_table_find(table, default_target[which][i]);
        }
    } else if (strcmp(name, "none") != 0) {
        *col_out = evtwin__column_find(table, name);
        if (*col_out == EVTWIN_NO_COLUMN) {
            char columns[512];
            EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s target column '%s' is absent; the table has %s",
                        target_label[which], name,
                        evtwin__column_list(table, columns, sizeof columns));
        }
    }
    if (*col_out != EVTWIN_NO_COLUMN && !evtwin__column_is_number(table, *col_out)) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s target column '%s' is not numeric", target_label[which],
                    evtwin_table_name(table, *col_out));
    }
    return EVTWIN_OK;
}

static int is_outcome(const evtwin_table *table, size_t col, const size_t target_col[]) {
    for (int t = 0; t < EVTWIN__N_TARGETS; t++) {
        if (col == target_col[t]) {
            return 1;
        }
        for (size_t i = 0; i < N_DEFAULT_NAMES; i++) {
            if (strcmp(evtwin_table_name(table, col), default_target[t][i]) == 0) {
                return 1;
            }
        }
    }
    return 0;
}

static evtwin_status find_targets(const evtwin_table *table, const evtwin_train_options *options,
                                  evtwin_trainer *trainer, size_t target_col[]) {
    const char *const given[EVTWIN__N_TARGETS] = {options->target, options->failure_target};
    for (int t = 0; t < EVTWIN__N_TARGETS; t++) {
        evtwin_status st = find_target(table, t, given[t], &target_col[t]);
        if (st == EVTWIN_OK && given[t] == NULL && target_col[t] == EVTWIN_NO_COLUMN) {
            st = evtwin__findings_add(&trainer->findings, "target-absent", "info",
                                      "no %s model: the table has no column %s or %s",
                                      target_label[t], default_target[t][0], default_target[t][1]);
        }
        if (st < 0) {
            return st;
        }
    }
    if (target_col[EVTWIN__RUL] == EVTWIN_NO_COLUMN &&
        target_col[EVTWIN__FAILURE] == EVTWIN_NO_COLUMN) {
        char columns[512];
        EVTWIN_FAIL(EVTWIN_E_DATA, "there is no target to learn; the table has %s",
                    evtwin__column_list(table, columns, sizeof columns));
    }
    if (target_col[EVTWIN__RUL] == target_col[EVTWIN__FAILURE]) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "column '%s' is named as both targets",
                    evtwin_table_name(table, target_col[EVTWIN__RUL]));
    }
    return EVTWIN_OK;
}

/* ---- features ---- */

static evtwin_status note_origin(const evtwin_table *table, size_t i, const size_t target_col[],
                                 evtwin_trainer *trainer) {
    size_t col;
    const evtwin_status st = evtwin__feature_column(trainer->features, i, table, &col);
    if (st < 0) {
        return st;
    }
    if (is_outcome(table, col, target_col)) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA,
                    "column '%s' is what is to be predicted, it cannot be a feature",
                    evtwin_table_name(table, col));
    }
    evtwin__feature_origin *origin = &trainer->origin[i];
    origin->column = evtwin__strdup(evtwin_table_name(table, col));
    origin->unit = evtwin__strdup(evtwin_table_unit(table, col));
    if (origin->column == NULL || origin->unit == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for the name of a column");
    }
    return EVTWIN_OK;
}

/* Forward fill within groups and count outliers, feature by feature. */
static evtwin_status clean_features(evtwin_trainer *trainer, evtwin__dataset *data) {
    const evtwin__groups *g = &data->groups;
    double *scratch = evtwin__calloc(g->n_ordered, sizeof *scratch);
    if (scratch == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory to clean %zu rows", data->rows);
    }
    for (size_t i = 0; i < data->cols; i++) {
        evtwin_clean_report *report = &trainer->origin[i].clean;
        evtwin__fill_forward(data->x + i, data->cols, g->of_row, g->order, g->n_ordered, report);
        report->n_outliers =
            evtwin__count_outliers(data->x + i, data->cols, g->order, g->n_ordered, scratch);
    }
    evtwin__free(scratch);
    return EVTWIN_OK;
}

static evtwin_status load_features(const evtwin_table *table, const evtwin_train_options *options,
                                   const size_t target_col[], evtwin_trainer *trainer,
                                   evtwin__dataset *data) {
    evtwin_status st = evtwin_features_create(options->features, &trainer->features);
    if (st < 0) {
        return st;
    }
    data->cols = evtwin_features_count(trainer->features);
    if (data->cols > EVTWIN__BUNDLE_MAX_FEATURES) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "%zu features are named, the limit is %d", data->cols,
                    EVTWIN__BUNDLE_MAX_FEATURES);
    }
    trainer->origin = evtwin__calloc(data->cols, sizeof *trainer->origin);
    size_t n_values;
    if (__builtin_mul_overflow(data->rows, data->cols, &n_values)) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%zu rows of %zu features are too many", data->rows,
                    data->cols);
    }
    data->x = evtwin__calloc(n_values, sizeof *data->x);
    if (trainer->origin == NULL || data->x == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for %zu rows of %zu features", data->rows,
                    data->cols);
    }
    for (size_t i = 0; i < data->cols; i++) {
        if ((st = note_origin(table, i, target_col, trainer)) < 0) {
            return st;
        }
    }
    if ((st = evtwin_telemetry_check(table)) < 0 ||
        (st = evtwin_features_compute(trainer->features, table, 0, data->rows, data->x)) < 0) {
        return st;
    }
    return clean_features(trainer, data);
}

/* ---- targets ---- */

/* Read a target's values in our unit. */
static evtwin_status read_target(const evtwin_table *table, size_t col, int which,
                                 evtwin__target *target) {
    const size_t rows = evtwin_table_rows(table);
    double factor;
    const evtwin_status st = evtwin_telemetry_factor(table, col, &factor);
    if (st < 0) {
        return st;
    }
    for (size_t r = 0; r < rows; r++) {
        const double y = evtwin_table_number(table, col, r) * factor;
        if (isinf(y)) {
            EVTWIN_FAIL(EVTWIN_E_RANGE, "data row %zu of column '%s' is infinite", r + 1,
                        target->column);
        }
        char number[EVTWIN__NUM_SIZE];
        if (which == EVTWIN__RUL && y < 0.0) {
            evtwin__format_f64(y, number);
            EVTWIN_FAIL(EVTWIN_E_RANGE,
                        "data row %zu of RUL target '%s' is %s: a remaining life cannot be "
                        "negative",
                        r + 1, target->column, number);
        }
        if (which == EVTWIN__FAILURE && !isnan(y) && y != 0.0 && y != 1.0) {
            evtwin__format_f64(y, number);
            EVTWIN_FAIL(EVTWIN_E_DATA,
                        "data row %zu of failure target '%s' is %s, it must be 0 or 1", r + 1,
                        target->column, number);
        }
        target->y[r] = y;
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
static void pick_rows(const evtwin__dataset *data, evtwin__target *target) {
    const evtwin__groups *g = &data->groups;
    for (size_t r = 0; r < data->rows; r++) {
        target->n_no_target += isnan(target->y[r]) != 0;
        target->n_no_group += !isnan(target->y[r]) && g->of_row[r] < 0;
    }
    int32_t group = -1;
    for (size_t k = 0; k < g->n_ordered; k++) {
        const size_t r = g->order[k];
        if (isnan(target->y[r])) {
            continue;
        }
        if (!has_all_features(data, r)) {
            target->n_no_feature++;
            continue;
        }
        target->n_groups_used += g->of_row[r] != group;
        group = g->of_row[r];
        target->row[target->n++] = r;
    }
    target->n_groups_without = g->n - target->n_groups_used;
}

/* A target must differ between rows, or there is nothing to learn. */
static evtwin_status check_target(int which, const evtwin__target *target) {
    if (target->n == 0) {
        EVTWIN_FAIL(EVTWIN_E_DATA,
                    "%s target '%s': no row has the target, its group and all features known "
                    "(%zu without target, %zu without group, %zu without a feature)",
                    target_label[which], target->column, target->n_no_target, target->n_no_group,
                    target->n_no_feature);
    }
    if (target->n == 1) {
        EVTWIN_FAIL(EVTWIN_E_DATA, "%s target '%s' has one usable row, training needs at least two",
                    target_label[which], target->column);
    }
    const double first = target->y[target->row[0]];
    for (size_t k = 1; k < target->n; k++) {
        if (target->y[target->row[k]] != first) {
            return EVTWIN_OK;
        }
    }
    char number[EVTWIN__NUM_SIZE];
    evtwin__format_f64(first, number);
    EVTWIN_FAIL(EVTWIN_E_DATA, "%s target '%s' %s: all %zu usable rows are %s", target_label[which],
                target->column, which == EVTWIN__FAILURE ? "has one class only" : "is constant",
                target->n, number);
}

/* Ours for a telemetry quantity, cycles for what is called RUL, else what the column says. */
static const char *target_unit(const evtwin_table *table, size_t col) {
    const char *name = evtwin_table_name(table, col);
    size_t index;
    evtwin_quantity quantity;
    if (evtwin_quantity_find(name, &index, NULL, NULL) == EVTWIN_OK &&
        evtwin_quantity_get(index, &quantity, sizeof quantity) == EVTWIN_OK) {
        return quantity.unit;
    }
    for (size_t i = 0; i < N_DEFAULT_NAMES; i++) {
        if (strcmp(name, default_target[EVTWIN__RUL][i]) == 0) {
            return "cycles";
        }
    }
    return evtwin_table_unit(table, col);
}

static evtwin_status load_target(const evtwin_table *table, size_t col, int which,
                                 evtwin__dataset *data) {
    evtwin__target *target = &data->target[which];
    target->present = 1;
    target->column = evtwin_table_name(table, col);
    target->unit = which == EVTWIN__FAILURE ? "" : target_unit(table, col);
    target->y = evtwin__calloc(data->rows, sizeof *target->y);
    target->row = evtwin__calloc(data->rows, sizeof *target->row);
    target->part = evtwin__calloc(data->rows, sizeof *target->part);
    if (target->y == NULL || target->row == NULL || target->part == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for %zu targets", data->rows);
    }
    const evtwin_status st = read_target(table, col, which, target);
    if (st < 0) {
        return st;
    }
    pick_rows(data, target);
    return check_target(which, target);
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

static evtwin_status load_cycles(const evtwin_table *table, evtwin__dataset *data) {
    const size_t col = find_cycles(table, &data->groups);
    if (col == EVTWIN_NO_COLUMN) {
        return EVTWIN_OK;
    }
    data->cycles_column = evtwin_table_name(table, col);
    data->cycles = evtwin__calloc(data->rows, sizeof *data->cycles);
    if (data->cycles == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for %zu cycle counts", data->rows);
    }
    for (size_t r = 0; r < data->rows; r++) {
        data->cycles[r] = evtwin_table_number(table, col, r);
    }
    const evtwin__groups *g = &data->groups;
    evtwin_clean_report unused = {.size = sizeof unused};
    evtwin__fill_forward(data->cycles, 1, g->of_row, g->order, g->n_ordered, &unused);
    return EVTWIN_OK;
}

/* ---- all of it ---- */

static void find_span(const evtwin_table *table, size_t time_col, evtwin_trainer *trainer) {
    const int64_t *time_us = evtwin_table_i64(table, time_col);
    for (size_t r = 0; time_us != NULL && r < evtwin_table_rows(table); r++) {
        if (!evtwin_table_is_valid(table, time_col, r)) {
            continue;
        }
        const int64_t t = time_us[r];
        trainer->first_us = !trainer->has_span || t < trainer->first_us ? t : trainer->first_us;
        trainer->last_us = !trainer->has_span || t > trainer->last_us ? t : trainer->last_us;
        trainer->has_span = 1;
    }
}

evtwin_status evtwin__dataset_load(const evtwin_table *table, const evtwin_train_options *options,
                                   evtwin_trainer *trainer, evtwin__dataset *out) {
    evtwin__dataset data = {.table = table, .rows = evtwin_table_rows(table)};
    size_t target_col[EVTWIN__N_TARGETS];
    evtwin_status st;
    if (data.rows < 2) {
        EVTWIN_FAIL(EVTWIN_E_DATA, "%s has %zu row%s, training needs at least two",
                    trainer->source_name, data.rows, data.rows == 1 ? "" : "s");
    }
    if ((st = find_targets(table, options, trainer, target_col)) < 0 ||
        (st = evtwin__groups_find(table, options->group, options->group_by_reset, &data.groups)) <
            0 ||
        (st = load_features(table, options, target_col, trainer, &data)) < 0 ||
        (st = load_cycles(table, &data)) < 0) {
        evtwin__dataset_clear(&data);
        return st;
    }
    for (int t = 0; t < EVTWIN__N_TARGETS && st == EVTWIN_OK; t++) {
        if (target_col[t] != EVTWIN_NO_COLUMN) {
            st = load_target(table, target_col[t], t, &data);
        }
    }
    if (st < 0) {
        evtwin__dataset_clear(&data);
        return st;
    }
    trainer->rows = data.rows;
    trainer->n_groups = data.groups.n;
    find_span(table, data.groups.time_col, trainer);
    *out = data;
    return EVTWIN_OK;
}

void evtwin__dataset_clear(evtwin__dataset *data) {
    for (int t = 0; t < EVTWIN__N_TARGETS; t++) {
        evtwin__free(data->target[t].y);
        evtwin__free(data->target[t].row);
        evtwin__free(data->target[t].part);
    }
    evtwin__free(data->x);
    evtwin__free(data->cycles);
    evtwin__groups_clear(&data->groups);
    *data = (evtwin__dataset){0};
}
