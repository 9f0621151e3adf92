/* SPDX-License-Identifier: MIT */
/* learn/audit_counter.c: a counter of cycles that falls back again and again: wrong values, late
 * ones, or a clock that was set back. */

#include "learn/audit.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/finding.h"
#include "learn/history.h"

#include <math.h>

/* Of each battery: the last value, and whether it has fallen: once is a service or a new pack. */
typedef struct last {
    double value;
    int has_fallen;
} last;

typedef struct falls {
    size_t n, n_steps, n_batteries; /* beyond each battery's first; batteries that have one */
} falls;

/* The rows in that order, NULL = as they stand in the file. */
static falls count_falls(const evtwin__audit *a, size_t col, const size_t *order, size_t n,
                         last *of) {
    const evtwin__groups *g = &a->data->groups;
    falls f = {0};
    for (size_t i = 0; i < g->names.n; i++) {
        of[i] = (last){NAN, 0};
    }
    for (size_t k = 0; k < n; k++) {
        const size_t r = order != NULL ? order[k] : k;
        const double v = evtwin_table_number(a->data->table, col, r);
        if (g->of_row[r] < 0 || isnan(v)) {
            continue;
        }
        last *l = &of[g->of_row[r]];
        f.n_steps += !isnan(l->value);
        if (v <= l->value - EVTWIN__LEAST_FALL) {
            f.n += l->has_fallen > 0;
            f.n_batteries += l->has_fallen == 1;
            l->has_fallen++;
        }
        l->value = v;
    }
    return f;
}

static int is_often(const falls *f) {
    return f->n >= 3 && 200 * f->n > f->n_steps;
}

static evtwin_status find_falls(const evtwin__audit *a, size_t col, last *of) {
    const char *name = evtwin_table_name(a->data->table, col);
    const falls by_time = count_falls(a, col, a->order, a->n, of);
    if (!is_often(&by_time)) {
        return EVTWIN_OK;
    }
    const falls in_file = count_falls(a, col, NULL, a->data->rows, of);
    const double share = 100.0 * (double)by_time.n / (double)by_time.n_steps;
    return is_often(&in_file)
               ? FIND(a->trainer, COUNTER_FALLS, name, TEXT(name), DIGITS(share, 2),
                      COUNT(by_time.n_batteries), COUNT(a->n_batteries))
               : FIND(a->trainer, COUNTER_SET_BACK, name, TEXT(name), DIGITS(share, 2));
}

evtwin_status evtwin__audit_counter(const evtwin__audit *a) {
    const evtwin__dataset *data = a->data;
    if (a->is_one_series || a->is_misordered || data->cycles_column == NULL) {
        return EVTWIN_OK; /* what is said of them says this too */
    }
    last *of = evtwin__calloc(data->groups.names.n, sizeof *of);
    EVTWIN_FAIL_IF(of == NULL, EVTWIN_E_NOMEM, "out of memory for %zu batteries",
                   data->groups.names.n);
    const evtwin_status st = find_falls(a, evtwin_table_find(data->table, data->cycles_column), of);
    evtwin__free(of);
    return st;
}
