/* SPDX-License-Identifier: MIT */
/* learn/derive_inputs.c: where a table has what quantities are derived from. */

#include "learn/derive.h"

#include "core/binding.h"
#include "core/num.h"
#include "core/schema.h"
#include "learn/features.h"

#include <math.h>

/* Cells are not in the telemetry schema: a table may have them under these names. */
static const struct input {
    const char *name; /* NULL: the quantity's */
    size_t quantity;
} inputs[EVTWIN__I_COUNT] = {
    [EVTWIN__I_TIME_US] = {NULL, EVTWIN__Q_TIME},
    [EVTWIN__I_SIM_TIME_S] = {NULL, EVTWIN__Q_SIM_TIME_S},
    [EVTWIN__I_SOC] = {NULL, EVTWIN__Q_SOC},
    [EVTWIN__I_VOLTAGE] = {NULL, EVTWIN__Q_VOLTAGE},
    [EVTWIN__I_CURRENT] = {NULL, EVTWIN__Q_CURRENT},
    [EVTWIN__I_TEMPERATURE] = {NULL, EVTWIN__Q_TEMPERATURE},
    [EVTWIN__I_IS_CHARGING] = {NULL, EVTWIN__Q_IS_CHARGING},
    [EVTWIN__I_CELL_MAX] = {"cell_voltage_max", EVTWIN__Q_VOLTAGE},
    [EVTWIN__I_CELL_MIN] = {"cell_voltage_min", EVTWIN__Q_VOLTAGE},
};

/* Column of an input, and the factor to our unit; EVTWIN_NO_COLUMN if it is of another type. */
static size_t find_input(const evtwin_table *table, int i, double *factor_out) {
    const char *name = inputs[i].name;
    const size_t col =
        evtwin__column_find(table, name != NULL ? name : evtwin__schema[inputs[i].quantity].name);
    *factor_out = 1.0;
    if (col == EVTWIN_NO_COLUMN) {
        return col;
    }
    const int is_usable = i == EVTWIN__I_TIME_US
                              ? evtwin_table_type(table, col) == EVTWIN_TIME
                              : evtwin__column_is_number(table, col) &&
                                    evtwin_telemetry_factor(table, col, factor_out) >= 0;
    return is_usable ? col : EVTWIN_NO_COLUMN;
}

void evtwin__derive_columns_find(const evtwin_table *table, evtwin__derive_columns *out) {
    out->table = table;
    for (int i = 0; i < (int)EVTWIN__I_COUNT; i++) {
        out->col[i] = find_input(table, i, &out->factor[i]);
    }
}

static double read_time(const evtwin_table *table, size_t col, size_t row) {
    return evtwin_table_is_valid(table, col, row) ? (double)evtwin_table_i64(table, col)[row]
                                                  : (double)NAN;
}

/* A value as the models would see it. */
static double read_number(const evtwin__derive_columns *c, int i, size_t row) {
    const double *v = evtwin_table_f64(c->table, c->col[i]);
    const double value = evtwin__scale(
        v != NULL ? v[row] : evtwin_table_number(c->table, c->col[i], row), c->factor[i]);
    return isfinite(value) && evtwin__number_check_range(inputs[i].quantity, value) >= 0
               ? value
               : (double)NAN;
}

void evtwin__derive_read(const evtwin__derive_columns *columns, size_t row, double *in) {
    for (int i = 0; i < (int)EVTWIN__I_COUNT; i++) {
        in[i] = columns->col[i] == EVTWIN_NO_COLUMN ? (double)NAN
                : i == EVTWIN__I_TIME_US ? read_time(columns->table, columns->col[i], row)
                                         : read_number(columns, i, row);
    }
}
