/* SPDX-License-Identifier: MIT */
/* learn/audit_rows.c: the rows of an audit battery by battery, and its columns as they were read.
 */

#include "learn/audit.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/features.h"

#include <math.h>

void evtwin__audit_column(const evtwin__audit *a, size_t col, double *v) {
    const double *f64 = evtwin_table_f64(a->data->table, col);
    for (size_t k = 0; k < a->n; k++) {
        v[k] =
            f64 != NULL ? f64[a->order[k]] : evtwin_table_number(a->data->table, col, a->order[k]);
    }
}

void evtwin__audit_label(const evtwin__audit *a, size_t t, double *y) {
    for (size_t k = 0; k < a->n; k++) {
        y[k] = a->data->label[t].y[a->order[k]];
    }
}

size_t evtwin__audit_feature_column(const evtwin__audit *a, size_t i) {
    size_t col = EVTWIN_NO_COLUMN;
    evtwin__feature_column(a->trainer->bundle.features, i, a->data->table, &col);
    return col;
}

const char *evtwin__audit_battery(const evtwin__audit *a, size_t battery) {
    return a->data->groups.names.text[a->data->groups.of_row[a->order[a->start[battery]]]];
}

evtwin_status evtwin__audit_rows(evtwin__audit *a) {
    const evtwin__groups *g = &a->data->groups;
    a->n = g->n_ordered;
    a->order = g->order;
    a->is_one_series = g->kind == EVTWIN__GROUP_NONE;
    a->start = evtwin__calloc(g->names.n + 1, sizeof *a->start);
    EVTWIN_FAIL_IF(a->start == NULL, EVTWIN_E_NOMEM, "out of memory for %zu batteries", g->names.n);
    for (size_t k = 0; k < a->n; k++) {
        if (k == 0 || g->of_row[a->order[k]] != g->of_row[a->order[k - 1]]) {
            a->start[a->n_batteries++] = k;
        }
    }
    a->start[a->n_batteries] = a->n;
    return EVTWIN_OK;
}

/* ---- labels ---- */

/* Of steps from last to now, where both are known. */
static void count_step(double last, double now, size_t n[2]) {
    n[0] += now > last;
    n[1] += now < last;
}

static double share_of(const size_t n[2]) {
    enum { ENOUGH_STEPS = 20 };
    const size_t all = n[0] + n[1];
    return all >= ENOUGH_STEPS ? (double)n[0] / (double)all : (double)NAN;
}

double evtwin__audit_rises(const evtwin__audit *a, const double *y) {
    size_t n[2] = {0};
    for (size_t b = 0; b < a->n_batteries; b++) {
        double last = NAN;
        for (size_t k = a->start[b]; k < a->start[b + 1]; k++) {
            count_step(last, y[k], n);
            last = isnan(y[k]) ? last : y[k];
        }
    }
    return share_of(n);
}

evtwin_status evtwin__audit_rises_in_file(const evtwin__audit *a, size_t t, double *out) {
    const evtwin__groups *g = &a->data->groups;
    const double *y = a->data->label[t].y;
    double *last = evtwin__calloc(g->names.n, sizeof *last);
    EVTWIN_FAIL_IF(last == NULL, EVTWIN_E_NOMEM, "out of memory for %zu batteries", g->names.n);
    size_t n[2] = {0};
    for (size_t i = 0; i < g->names.n; i++) {
        last[i] = NAN;
    }
    for (size_t r = 0; r < a->data->rows; r++) {
        if (g->of_row[r] >= 0 && !isnan(y[r])) {
            count_step(last[g->of_row[r]], y[r], n);
            last[g->of_row[r]] = y[r];
        }
    }
    evtwin__free(last);
    *out = share_of(n);
    return EVTWIN_OK;
}

int evtwin__audit_is_comparable(const evtwin__audit *a, size_t t) {
    return a->is_one_series ? a->is_mixed
                            : a->data->label[t].n_groups_used >= EVTWIN__ENOUGH_BLOCKS;
}

int evtwin__audit_has_enough(const evtwin__audit *a, const double *y) {
    enum { ENOUGH_OF_A_CLASS = 20 };
    size_t n_of[2] = {0}, n_both = 0;
    for (size_t b = 0; b < a->n_batteries; b++) {
        int has[2] = {0};
        for (size_t k = a->start[b]; k < a->start[b + 1]; k++) {
            if (!isnan(y[k])) {
                has[y[k] != 0.0] = 1;
            }
        }
        n_both += has[0] && has[1];
        n_of[0] += (size_t)has[0];
        n_of[1] += (size_t)has[1];
    }
    return a->is_one_series || n_both >= EVTWIN__ENOUGH_BLOCKS ||
           (n_of[0] >= ENOUGH_OF_A_CLASS && n_of[1] >= ENOUGH_OF_A_CLASS);
}
