/* SPDX-License-Identifier: MIT */
/* evtwin/features.h: from a table to the numbers a model sees; the one code path of training and
 * prediction. */
#ifndef EVTWIN_FEATURES_H
#define EVTWIN_FEATURES_H

#include "evtwin/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The contract's seven, in the order of the model's columns. */
#define EVTWIN_DEFAULT_FEATURES                                                                    \
    "soc,soh,voltage,current,temperature,charge_cycles,power_consumption"

/**
 * An ordered list of features. A feature is a telemetry quantity (found under any naming, brought
 * to our unit) or, by its exact name, any other numeric column.
 */
typedef struct evtwin_features evtwin_features;

/**
 * names: comma-separated, blanks around a name do not count; NULL = EVTWIN_DEFAULT_FEATURES. A
 * telemetry quantity may be given by any of its names and is kept by ours.
 * @param out  a new list, evtwin_features_free frees it.
 * @return EVTWIN_E_ARG for an empty or duplicate name; EVTWIN_E_SCHEMA for a quantity that is not a
 * feature by the schema (is_feature of evtwin_quantity_get): outcomes, among them any truth_*; what
 * names a row; seq and sim_time_s, which count from the start of a recording: equal to the
 * battery's age in a run-to-failure data set, but unrelated to it in live data (leakage).
 */
EVTWIN_API evtwin_status evtwin_features_create(const char *names, evtwin_features **out);
/** NULL is fine. */
EVTWIN_API void evtwin_features_free(evtwin_features *features);

/** Number of features, the width of the matrix. */
EVTWIN_API size_t evtwin_features_count(const evtwin_features *features);
/** Name of feature i, as the model has it; NULL if out of range. Borrowed from features. */
EVTWIN_API const char *evtwin_features_name(const evtwin_features *features, size_t i);
/** Our unit, "" if not telemetry, NULL if out of range. Borrowed from features. */
EVTWIN_API const char *evtwin_features_unit(const evtwin_features *features, size_t i);

/** The column from which feature i is made: its own name or, for a feature of the battery's past
 * (soh.level, in a bundle of recipe "history"), the name of the quantity; "" if it is made from
 * several columns (a derived quantity). NULL if out of range. Borrowed from features. Since 0.2. */
EVTWIN_API const char *evtwin_features_column(const evtwin_features *features, size_t i);

/**
 * x[r * count + i] = feature i of row first_row + r, in our units; NaN where missing, and for a
 * feature of the battery's past. Does not allocate.
 * @param x (rows, count) row-major; undefined after a failure.
 * @return EVTWIN_E_SCHEMA naming the first column that is absent or is not numeric, or the two of
 * one quantity; EVTWIN_E_RANGE naming the data row of an infinite value (see
 * evtwin_telemetry_check).
 */
EVTWIN_API evtwin_status evtwin_features_compute(const evtwin_features *features,
                                                 const evtwin_table *table, size_t first_row,
                                                 size_t rows, double *x);

/* ---- cleaning, before training ---- */

/** What evtwin_clean saw in one column. */
typedef struct evtwin_clean_report {
    size_t size;
    size_t n_filled;   /**< missing values carried forward from the battery's last known one */
    size_t n_missing;  /**< still missing: nothing before them */
    size_t n_outliers; /**< outside [q1 - 1.5 iqr, q3 + 1.5 iqr]: flagged, kept */
} evtwin_clean_report;

/**
 * Carry the last known value forward within each group (group_of_row: (rows), any non-negative
 * numbers; rows of a group in time order), never backward, in the numeric column col; count
 * outliers by the interquartile rule. Never drops a row.
 * @param out  what was seen; untouched on failure. out_size is sizeof *out.
 * @return EVTWIN_E_ARG if rows is not that of the table or a group is negative, EVTWIN_E_SCHEMA if
 * col is not numeric or out of range.
 */
EVTWIN_API evtwin_status evtwin_clean(evtwin_table *table, size_t col, const int32_t *group_of_row,
                                      size_t rows, evtwin_clean_report *out, size_t out_size);

#ifdef __cplusplus
}
#endif
#endif
