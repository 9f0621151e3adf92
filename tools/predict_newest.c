/* SPDX-License-Identifier: MIT */
/* tools/predict_newest.c: the newest prediction of each battery, in a table of one row a battery.
 */

#include "predict_tool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 5 };

/* The columns that are kept of a batch. A battery's code in the first one is its row. */
enum { ID, TIME, SOC, SOH, TEMPERATURE, RUL, FAILURE, N_COLUMNS };

static const struct {
    const char *name;
    evtwin_type type;
} columns[N_COLUMNS] = {
    [ID] = {"battery_id", EVTWIN_TEXT},
    [TIME] = {"time", EVTWIN_TIME},
    [SOC] = {"soc", EVTWIN_F64},
    [SOH] = {"soh", EVTWIN_F64},
    [TEMPERATURE] = {"temperature", EVTWIN_F64},
    [RUL] = {"rul_prediction", EVTWIN_F64},
    [FAILURE] = {"failure_probability", EVTWIN_F64},
};

void newest_clear(newest *n) {
    evtwin_table_free(n->batteries);
    *n = (newest){.n_rows = 0};
}

static evtwin_status make_table(evtwin_table **out) {
    evtwin_status st = evtwin_table_create(out);
    for (size_t c = 0; c < N_COLUMNS && st >= 0; c++) {
        st = evtwin_table_add_column(*out, columns[c].name, columns[c].type, NULL, NULL);
    }
    return st;
}

/* Take in one row of a batch, of which from are the columns. */
static evtwin_status observe_row(evtwin_table *t, const evtwin_table *batch, const size_t *from,
                                 size_t r) {
    int32_t code = 0;
    evtwin_status st = evtwin_table_intern(t, ID, evtwin_table_text(batch, from[ID], r), &code);
    if (st < 0) {
        return st;
    }
    const size_t row = (size_t)code;
    const int64_t time_us = evtwin_table_i64(batch, from[TIME])[r];
    if (row == evtwin_table_rows(t)) {
        if ((st = evtwin_table_resize(t, row + 1)) < 0 ||
            (st = evtwin_table_set_code(t, ID, row, code)) < 0) {
            return st;
        }
    } else if (time_us <= evtwin_table_i64(t, TIME)[row]) {
        return EVTWIN_OK;
    }
    st = evtwin_table_set_i64(t, TIME, row, time_us);
    for (size_t c = SOC; c < N_COLUMNS && st >= 0; c++) {
        st = evtwin_table_set_f64(t, c, row, evtwin_table_number(batch, from[c], r));
    }
    return st;
}

void newest_observe(newest *n, const evtwin_table *batch) {
    size_t from[N_COLUMNS];
    for (size_t c = 0; c < N_COLUMNS; c++) {
        from[c] = evtwin_table_find(batch, columns[c].name);
    }
    const size_t note = evtwin_table_find(batch, "prediction_note");
    evtwin_status st = n->batteries == NULL ? make_table(&n->batteries) : EVTWIN_OK;
    for (size_t r = 0; r < evtwin_table_rows(batch); r++) {
        n->n_rows++;
        n->n_unknown += evtwin_table_text(batch, note, r) != NULL;
        st = st < 0 ? st : observe_row(n->batteries, batch, from, r);
    }
}

/* ---- printing ---- */

static void print_battery(FILE *f, const evtwin_table *t, size_t row, int is_named) {
    if (is_named) {
        fprintf(f, "[%s] ", evtwin_table_text(t, ID, row));
    }
    cli_print_value(f, "Predictions - SoC", evtwin_table_number(t, SOC, row), 1, "%");
    cli_print_value(f, " | SoH", evtwin_table_number(t, SOH, row), 1, "%");
    cli_print_value(f, " | Temp", evtwin_table_number(t, TEMPERATURE, row), 1, "°C");
    cli_print_value(f, " | RUL", evtwin_table_number(t, RUL, row), 0, " cycles");
    cli_print_value(f, " | Failure Risk", 100 * evtwin_table_number(t, FAILURE, row), 1, "%");
    fputc('\n', f);
}

static int by_id(const void *a, const void *b, void *table) {
    return strcmp(evtwin_table_text(table, ID, *(const size_t *)a),
                  evtwin_table_text(table, ID, *(const size_t *)b));
}

void newest_print(const newest *n, FILE *f, int all) {
    const size_t n_batteries = evtwin_table_rows(n->batteries);
    if (n_batteries == 0) {
        return;
    }
    size_t *sorted = NULL;
    if (all || n_batteries <= MANY) {
        sorted = calloc(n_batteries, sizeof *sorted);
    }
    if (sorted == NULL) {
        fprintf(f, "Predictions - %zu row%s of %zu batteries", n->n_rows, cli_s(n->n_rows),
                n_batteries);
        cli_print_range(f, "RUL", n->batteries, RUL, 1, 0, " cycles");
        cli_print_range(f, "Failure Risk", n->batteries, FAILURE, 100, 1, "%");
        if (n->n_unknown > 0) {
            fprintf(f, " | %zu unknown", n->n_unknown);
        }
        fputc('\n', f);
        return;
    }
    for (size_t i = 0; i < n_batteries; i++) {
        sorted[i] = i;
    }
    qsort_r(sorted, n_batteries, sizeof *sorted, by_id, n->batteries);
    for (size_t i = 0; i < n_batteries; i++) {
        print_battery(f, n->batteries, sorted[i], n_batteries > 1);
    }
    free(sorted);
}
