/* SPDX-License-Identifier: MIT */
/* learn/watch_findings.c: what the counts of a watch say: the range of a feature, and the findings
 * about the fleet and each battery, as a table. learn/drift.c judges. */

#include "learn/watch_counts.h"

#include "core/status.h"

#include <math.h>

evtwin_feature_range evtwin__watch_range(const evtwin__watch *watch, size_t i) {
    const evtwin__bundle_feature *f = &watch->in.feature[i];
    const evtwin__watch_feature *t = &watch->now->feature[i];
    const int has_values = t->total.n > 0.0;
    const double psi = evtwin__drift_psi(watch->bundle, i, &t->recent, watch->ids.n);
    return (evtwin_feature_range){
        .size = sizeof(evtwin_feature_range),
        .feature = f->name,
        .unit = f->unit,
        .trained_min = f->min,
        .trained_max = f->max,
        .n_values = (uint64_t)t->total.n,
        .n_outside = (uint64_t)t->total.n_outside,
        .min = has_values ? t->total.min : (double)NAN,
        .max = has_values ? t->total.max : (double)NAN,
        .looks_like_fraction =
            evtwin__is_like_fraction(f->unit, (size_t)t->total.n, t->total.min, t->total.max),
        .psi = psi,
        .psi_limit = isnan(psi) ? psi : evtwin__drift_psi_limit(watch->bundle, i, watch->ids.n)};
}

/* ---- findings ---- */

/* What is unlike the training data in the fleet. */
evtwin_status evtwin__watch_visit_fleet(const evtwin__watch *w, int in_words,
                                        evtwin__on_drift visit, void *ctx) {
    evtwin__drift d[EVTWIN__N_TOGETHER];
    for (size_t i = 0; i < w->in.n; i++) {
        const evtwin__watch_feature *t = &w->now->feature[i];
        evtwin__drift_of_feature(w->bundle, i, &t->total, &t->recent, w->ids.n, in_words, &d[0]);
        EVTWIN_TRY(d[0].cause != EVTWIN__DRIFT_NONE ? visit(ctx, NULL, &d[0]) : EVTWIN_OK);
    }
    const size_t n = evtwin__drift_of_sums(w->bundle, &w->now->sums, w->ids.n, in_words, d);
    for (size_t k = 0; k < n; k++) {
        EVTWIN_TRY(visit(ctx, NULL, &d[k]));
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__watch_visit_battery(const evtwin__watch *w, size_t number, int in_words,
                                          evtwin__on_drift visit, void *ctx) {
    evtwin__drift d[EVTWIN__N_TOGETHER];
    const evtwin__watch_battery *s = evtwin__watch_at(w, number, 0);
    const char *id = evtwin__dict_text(&w->ids, number);
    for (size_t i = 0; i < w->in.n; i++) {
        evtwin__drift_of_battery(w->bundle, i, (double)s->feature[i].n,
                                 (double)s->feature[i].n_outside,
                                 (double)s->feature[i].n_impossible, in_words, &d[0]);
        EVTWIN_TRY(d[0].cause != EVTWIN__DRIFT_NONE ? visit(ctx, id, &d[0]) : EVTWIN_OK);
    }
    const size_t n = evtwin__drift_of_sums(w->bundle, &s->sums, 1, in_words, d);
    for (size_t k = 0; k < n; k++) {
        EVTWIN_TRY(visit(ctx, id, &d[k]));
    }
    return EVTWIN_OK;
}

/* ---- as a table ---- */

enum { COL_BATTERY, COL_CAUSE, COL_QUANTITY, COL_VALUE, COL_LIMIT, COL_TEXT, N_COLS };
static const struct {
    const char *name;
    evtwin_type type;
} columns[N_COLS] = {{"battery_id", EVTWIN_TEXT}, {"cause", EVTWIN_TEXT}, {"quantity", EVTWIN_TEXT},
                     {"value", EVTWIN_F64},       {"limit", EVTWIN_F64},  {"text", EVTWIN_TEXT}};

static evtwin_status append(void *ctx, const char *battery, const evtwin__drift *d) {
    evtwin_table *t = ctx;
    const size_t r = evtwin_table_rows(t);
    EVTWIN_TRY(evtwin_table_resize(t, r + 1));
    EVTWIN_TRY(battery != NULL ? evtwin_table_set_text(t, COL_BATTERY, r, battery)
                               : evtwin_table_set_missing(t, COL_BATTERY, r));
    EVTWIN_TRY(evtwin_table_set_text(t, COL_CAUSE, r, evtwin__drift_cause_name(d->cause)));
    EVTWIN_TRY(evtwin_table_set_text(t, COL_QUANTITY, r, d->quantity));
    EVTWIN_TRY(evtwin_table_set_f64(t, COL_VALUE, r, d->value));
    EVTWIN_TRY(evtwin_table_set_f64(t, COL_LIMIT, r, d->limit));
    return evtwin_table_set_text(t, COL_TEXT, r, d->text);
}

static evtwin_status fill_drift(const evtwin__watch *w, evtwin_table *t) {
    for (size_t c = 0; c < N_COLS; c++) {
        EVTWIN_TRY(evtwin_table_add_column(t, columns[c].name, columns[c].type, NULL, NULL));
    }
    EVTWIN_TRY(evtwin__watch_visit_fleet(w, 1, append, t));
    for (size_t b = 0; b < w->ids.n; b++) {
        EVTWIN_TRY(evtwin__watch_at(w, b, 0)->causes != 0
                       ? evtwin__watch_visit_battery(w, b, 1, append, t)
                       : EVTWIN_OK);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__watch_drift(const evtwin__watch *watch, evtwin_table **out) {
    evtwin_table *t;
    EVTWIN_TRY(evtwin_table_create(&t));
    const evtwin_status st = fill_drift(watch, t);
    if (st < 0 || evtwin_table_rows(t) == 0) {
        evtwin_table_free(t);
        *out = NULL;
        return st < 0 ? st : EVTWIN_DONE;
    }
    *out = t;
    return EVTWIN_OK;
}
