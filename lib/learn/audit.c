/* SPDX-License-Identifier: MIT */
/* learn/audit.c: the audit of a data set before it is learned from: its rows battery by battery,
 * and the order of its parts. */

#include "learn/audit.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/features.h"

#include <math.h>

/* ---- rows and columns ---- */

void evtwin__audit_column(const evtwin__audit *a, size_t col, double *v) {
    const double *f64 = evtwin_table_f64(a->data->table, col);
    for (size_t k = 0; k < a->n; k++) {
        v[k] = f64 != NULL ? f64[a->order[k]]
                           : evtwin_table_number(a->data->table, col, a->order[k]);
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

static evtwin_status find_batteries(evtwin__audit *a) {
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

/* ---- its parts, in the order of their findings ---- */

static evtwin_status run(const evtwin__audit *a) {
    EVTWIN_TRY(evtwin__audit_labels(a));
    EVTWIN_TRY(evtwin__audit_identity(a));
    EVTWIN_TRY(evtwin__audit_bias(a));
    return evtwin__audit_plausible(a);
}

evtwin_status evtwin__audit_data(evtwin_trainer *trainer, const evtwin__dataset *data) {
    evtwin__audit a = {.trainer = trainer, .data = data};
    evtwin_status st = find_batteries(&a);
    if (st >= 0) {
        st = run(&a);
    }
    evtwin__free(a.start);
    return st;
}
