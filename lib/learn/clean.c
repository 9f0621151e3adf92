/* SPDX-License-Identifier: MIT */
/* learn/clean.c: carry values forward within a group and count outliers. */

#include "learn/clean.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/features.h"
#include "learn/group.h"

#include <math.h>
#include <stdlib.h>

void evtwin__fill_forward(double *v, size_t stride, const int32_t *group_of_row,
                          const size_t *order, size_t n, evtwin_clean_report *report) {
    double last = NAN;
    int32_t group = -1;
    for (size_t k = 0; k < n; k++) {
        const size_t r = order[k];
        if (group_of_row[r] != group) {
            group = group_of_row[r];
            last = NAN;
        }
        if (!isnan(v[r * stride])) {
            last = v[r * stride];
        } else if (!isnan(last)) {
            v[r * stride] = last;
            report->n_filled++;
        } else {
            report->n_missing++;
        }
    }
}

int evtwin__compare_f64(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Quantile q of sorted v (n >= 1), linear between neighbours as in NumPy and pandas. */
static double quantile(const double *v, size_t n, double q) {
    const double at = q * (double)(n - 1);
    const size_t below = (size_t)at;
    const size_t above = below + 1 < n ? below + 1 : below;
    return v[below] + (at - (double)below) * (v[above] - v[below]);
}

size_t evtwin__count_outliers_in(double *v, size_t n) {
    if (n == 0) {
        return 0;
    }
    qsort(v, n, sizeof *v, evtwin__compare_f64);
    const double q1 = quantile(v, n, 0.25);
    const double q3 = quantile(v, n, 0.75);
    const double low = q1 - 1.5 * (q3 - q1);
    const double high = q3 + 1.5 * (q3 - q1);

    size_t n_outliers = 0;
    for (size_t k = 0; k < n; k++) {
        n_outliers += v[k] < low || v[k] > high;
    }
    return n_outliers;
}

size_t evtwin__count_outliers(const double *v, size_t stride, const size_t *order, size_t n,
                              double *scratch) {
    size_t n_known = 0;
    for (size_t k = 0; k < n; k++) {
        const double value = v[order[k] * stride];
        if (!isnan(value)) {
            scratch[n_known++] = value;
        }
    }
    return evtwin__count_outliers_in(scratch, n_known);
}

static evtwin_status set_number(evtwin_table *table, size_t col, size_t row, double value) {
    switch (evtwin_table_type(table, col)) {
    case EVTWIN_I64:
        return evtwin_table_set_i64(table, col, row, (int64_t)value);
    case EVTWIN_BOOL:
        return evtwin_table_set_bool(table, col, row, value != 0.0);
    default:
        return evtwin_table_set_f64(table, col, row, value);
    }
}

/* v has room for three arrays of (rows). */
static evtwin_status clean_column(evtwin_table *table, size_t col, const int32_t *group_of_row,
                                  size_t rows, double *v, evtwin_clean_report *report) {
    size_t n, *order = (size_t *)(void *)(v + 2 * rows);
    for (size_t r = 0; r < rows; r++) {
        v[r] = evtwin_table_number(table, col, r);
    }
    EVTWIN_TRY(evtwin__group_order(group_of_row, NULL, rows, order, &n));
    evtwin__fill_forward(v, 1, group_of_row, order, n, report);
    report->n_outliers = evtwin__count_outliers(v, 1, order, n, v + rows);
    for (size_t r = 0; r < rows; r++) {
        if (!isnan(v[r]) && !evtwin_table_is_valid(table, col, r)) {
            EVTWIN_TRY(set_number(table, col, r, v[r]));
        }
    }
    return EVTWIN_OK;
}
_Static_assert(sizeof(size_t) <= sizeof(double), "clean_column has both in one piece of memory");

evtwin_status evtwin_clean(evtwin_table *table, size_t col, const int32_t *group_of_row,
                           size_t rows, evtwin_clean_report *out, size_t out_size) {
    EVTWIN_FAIL_IF(table == NULL || group_of_row == NULL || out == NULL, EVTWIN_E_ARG,
                   "table, group_of_row or out is NULL");
    EVTWIN_FAIL_IF(rows != evtwin_table_rows(table), EVTWIN_E_ARG, "%zu groups for %zu rows", rows,
                   evtwin_table_rows(table));
    EVTWIN_FAIL_IF(col >= evtwin_table_cols(table) || !evtwin__column_is_number(table, col),
                   EVTWIN_E_SCHEMA, "column %zu ('%s') is not numeric", col,
                   evtwin_table_name(table, col));
    for (size_t r = 0; r < rows; r++) {
        EVTWIN_FAIL_IF(group_of_row[r] < 0, EVTWIN_E_ARG, "row %zu: group %d is negative", r + 1,
                       group_of_row[r]);
    }

    evtwin_clean_report report = {.size = sizeof report};
    double *v = evtwin__calloc(rows, 3 * sizeof *v);
    EVTWIN_FAIL_IF(v == NULL, EVTWIN_E_NOMEM, "out of memory to clean %zu rows", rows);
    const evtwin_status st = clean_column(table, col, group_of_row, rows, v, &report);
    evtwin__free(v);
    if (st == EVTWIN_OK) {
        evtwin__report_copy(out, out_size, &report, sizeof report);
    }
    return st;
}
