/* SPDX-License-Identifier: MIT */
/* tests/support/hnei_cells.h: the 14 real cells of HNEI with an honest label. The file's own counts
 * down to the end of the test; this one to an end of life that the cell shows: the first cycle at
 * which the median discharge time of five cycles is below a share of what it was in the first ten
 * cycles after the formation (the file's rows 21 to 30 of the cell). */
#ifndef EVTWIN_TEST_HNEI_CELLS_H
#define EVTWIN_TEST_HNEI_CELLS_H

#include "evtwin/table.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define HNEI_FEATURES                                                                              \
    "discharge_time,decrement_time,max_discharge_V,min_charge_V,time_at_4_15_V,constant_current_"  \
    "time,charging_time"
enum { HNEI_CELL, HNEI_CYCLE, HNEI_DISCHARGE, HNEI_N_READ = 7, HNEI_RUL = 9, HNEI_N_COLUMNS };
enum { HNEI_FORMATION = 15, HNEI_NEW_FROM = 20, HNEI_NEW_ROWS = 10, HNEI_MEDIAN = 5 };

static inline int hnei_compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of n values, at most HNEI_NEW_ROWS. */
static inline double hnei_median(const double *value, size_t n) {
    double sorted[HNEI_NEW_ROWS];
    for (size_t i = 0; i < n; i++) {
        sorted[i] = value[i];
    }
    qsort(sorted, n, sizeof *sorted, hnei_compare);
    return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0;
}

/* The row of a cell's end of life among n, or n. */
static inline size_t hnei_end(const double *discharge, size_t n, double share) {
    const double fresh = n >= HNEI_NEW_FROM + HNEI_NEW_ROWS
                             ? hnei_median(discharge + HNEI_NEW_FROM, HNEI_NEW_ROWS)
                             : (double)NAN;
    for (size_t i = HNEI_NEW_FROM + HNEI_NEW_ROWS; i < n; i++) {
        if (hnei_median(discharge + i + 1 - HNEI_MEDIAN, HNEI_MEDIAN) < share * fresh) {
            return i;
        }
    }
    return n;
}

/* The table of a file; NULL on a failure. rul is missing after the end, and for a cell without. */
static inline evtwin_table *hnei_read(const char *path, double share) {
    static const char *const name[HNEI_N_COLUMNS] = {"cell",
                                                     "cycle",
                                                     "discharge_time",
                                                     "decrement_time",
                                                     "max_discharge_V",
                                                     "min_charge_V",
                                                     "time_at_4_15_V",
                                                     "constant_current_time",
                                                     "charging_time",
                                                     "rul"};
    evtwin_table *file = NULL, *t = NULL;
    int ok = evtwin_table_read_csv(path, NULL, &file) >= 0 && evtwin_table_create(&t) >= 0;
    for (int c = 0; c < HNEI_N_COLUMNS && ok; c++) {
        ok = evtwin_table_add_column(t, name[c], c == HNEI_CELL ? EVTWIN_TEXT : EVTWIN_F64, NULL,
                                     NULL) >= 0;
    }
    const size_t rows = ok ? evtwin_table_rows(file) : 0;
    double *discharge = calloc(rows + 1, sizeof *discharge);
    ok = ok && discharge != NULL;
    for (size_t i = 0; i < rows && ok; i++) {
        discharge[i] = evtwin_table_number(file, 1, i);
    }
    size_t n = 0, n_cells = 0;
    for (size_t first = 0, next; first < rows && ok; first = next) {
        double cycle = evtwin_table_number(file, 0, first);
        for (next = first + 1; next < rows && evtwin_table_number(file, 0, next) >= cycle; next++) {
            cycle = evtwin_table_number(file, 0, next);
        }
        const size_t end = first + hnei_end(discharge + first, next - first, share);
        char id[16];
        snprintf(id, sizeof id, "cell-%zu", ++n_cells);
        for (size_t i = first + HNEI_FORMATION; i < next && ok; i++, n++) {
            cycle = evtwin_table_number(file, 0, i);
            ok = evtwin_table_resize(t, n + 1) >= 0 &&
                 evtwin_table_set_text(t, HNEI_CELL, n, id) >= 0;
            evtwin_table_set_f64(t, HNEI_CYCLE, n, cycle);
            for (size_t c = 0; c < HNEI_N_READ; c++) {
                evtwin_table_set_f64(t, HNEI_DISCHARGE + c, n, evtwin_table_number(file, 1 + c, i));
            }
            if (end < next && i <= end) {
                evtwin_table_set_f64(t, HNEI_RUL, n, evtwin_table_number(file, 0, end) - cycle);
            } else {
                evtwin_table_set_missing(t, HNEI_RUL, n);
            }
        }
    }
    free(discharge);
    evtwin_table_free(file);
    if (!ok) {
        evtwin_table_free(t);
        return NULL;
    }
    return t;
}

#endif
