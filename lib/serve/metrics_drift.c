/* SPDX-License-Identifier: MIT */
/* serve/metrics_drift.c: live data beside the training data, by feature and by cause. */

#include "serve/metrics_drift.h"

#include "core/mem.h"
#include "core/status.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const causes[EVTWIN__N_CAUSES] = {"fraction", "range", "distribution",
                                                     "power",    "curve", "sign"};

/* Findings come by battery, a battery's perhaps several of one cause. */
static evtwin_status count_findings(const evtwin_session *session, evtwin__drift_copy *out) {
    evtwin_table *found = NULL;
    EVTWIN_TRY(evtwin_session_drift(session, &found));
    const size_t battery = evtwin_table_find(found, "battery_id");
    const size_t cause = evtwin_table_find(found, "cause");
    const int32_t *code = evtwin_table_codes(found, battery);
    for (size_t c = 0; c < EVTWIN__N_CAUSES; c++) {
        int32_t last = -1;
        for (size_t r = 0; found != NULL && r < evtwin_table_rows(found); r++) {
            if (strcmp(evtwin_table_text(found, cause, r), causes[c]) != 0) {
                continue;
            }
            if (!evtwin_table_is_valid(found, battery, r)) {
                out->n_fleet[c]++;
            } else {
                out->n_batteries[c] += code[r] != last;
                last = code[r];
            }
        }
    }
    evtwin_table_free(found);
    return EVTWIN_OK;
}

evtwin_status evtwin__drift_copy_take(const evtwin_session *session, evtwin__drift_copy *out) {
    evtwin_feature_range r;
    size_t n = 0;
    while (evtwin_session_range(session, n, &r, sizeof r) == EVTWIN_OK) {
        n++;
    }
    evtwin__feature_copy *list = evtwin__calloc(n, sizeof *list);
    EVTWIN_FAIL_IF(list == NULL, EVTWIN_E_NOMEM, "out of memory for metrics of %zu features", n);
    for (size_t i = 0; i < n; i++) {
        evtwin_session_range(session, i, &r, sizeof r);
        snprintf(list[i].name, sizeof list[i].name, "%s", r.feature);
        list[i].is_percent = strcmp(r.unit, "percent") == 0;
        list[i].has_range = !isnan(r.trained_min) && !isnan(r.trained_max);
        list[i].n_outside = r.n_outside;
        list[i].looks_like_fraction = r.looks_like_fraction;
        list[i].psi = r.psi;
        list[i].psi_limit = r.psi_limit;
    }
    evtwin__drift_copy copy = {.features = list, .n_features = n};
    const evtwin_status st = count_findings(session, &copy);
    if (st < 0) {
        evtwin__free(list);
        return st;
    }
    *out = copy;
    return EVTWIN_OK;
}

evtwin_status evtwin__drift_copy_dup(const evtwin__drift_copy *from, evtwin__drift_copy *out) {
    evtwin__feature_copy *list = evtwin__calloc(from->n_features, sizeof *list);
    EVTWIN_FAIL_IF(list == NULL, EVTWIN_E_NOMEM, "out of memory for metrics of %zu features",
                   from->n_features);
    if (from->n_features > 0) {
        memcpy(list, from->features, from->n_features * sizeof *list);
    }
    *out = *from;
    out->features = list;
    return EVTWIN_OK;
}

void evtwin__drift_copy_free(evtwin__drift_copy *copy) {
    evtwin__free(copy->features);
    *copy = (evtwin__drift_copy){.features = NULL};
}

/* Which figure of a feature; NaN = it has none. */
enum { OUTSIDE, FRACTION, PSI, PSI_LIMIT };

static double figure_of(const evtwin__feature_copy *f, int figure) {
    switch (figure) {
    case OUTSIDE:
        return f->has_range ? (double)f->n_outside : (double)NAN;
    case FRACTION:
        return f->is_percent ? f->looks_like_fraction : (double)NAN;
    case PSI:
        return f->psi;
    default:
        return f->psi_limit;
    }
}

static void write_features(const evtwin__drift_copy *copy, int figure, const char *name,
                           const char *suffix, evtwin__exposition *out) {
    for (size_t i = 0; i < copy->n_features; i++) {
        const evtwin__label label = {"feature", copy->features[i].name};
        const double v = figure_of(&copy->features[i], figure);
        if (!isnan(v)) {
            evtwin__expose(out, name, suffix, &label, 1, v);
        }
    }
}

static void write_causes(const size_t count[EVTWIN__N_CAUSES], const char *name,
                         evtwin__exposition *out) {
    for (size_t c = 0; c < EVTWIN__N_CAUSES; c++) {
        const evtwin__label label = {"cause", causes[c]};
        evtwin__expose(out, name, "", &label, 1, (double)count[c]);
    }
}

void evtwin__drift_copy_write(const evtwin__drift_copy *copy, evtwin__exposition *out) {
    if (copy->n_features == 0) {
        return;
    }
    evtwin__expose_family(
        out, "evtwin_off_range_rows", EVTWIN__COUNTER, NULL,
        "Rows with a value of the feature outside the range of the training data.");
    write_features(copy, OUTSIDE, "evtwin_off_range_rows", "_total", out);
    evtwin__expose_family(out, "evtwin_fraction_suspected", EVTWIN__GAUGE, NULL,
                          "1 while every value of a feature in percent has been in 0 to 1.");
    write_features(copy, FRACTION, "evtwin_fraction_suspected", "", out);
    evtwin__expose_family(out, "evtwin_feature_psi", EVTWIN__GAUGE, NULL,
                          "Population stability index of the newest values against the training "
                          "data.");
    write_features(copy, PSI, "evtwin_feature_psi", "", out);
    evtwin__expose_family(out, "evtwin_feature_psi_limit", EVTWIN__GAUGE, NULL,
                          "Limit of the index: above it the distribution differs from training.");
    write_features(copy, PSI_LIMIT, "evtwin_feature_psi_limit", "", out);
    evtwin__expose_family(out, "evtwin_drift_findings", EVTWIN__GAUGE, NULL,
                          "Quantities of the fleet that are unlike the training data, by cause.");
    write_causes(copy->n_fleet, "evtwin_drift_findings", out);
    evtwin__expose_family(out, "evtwin_drift_batteries", EVTWIN__GAUGE, NULL,
                          "Single batteries that are unlike the training data, by cause.");
    write_causes(copy->n_batteries, "evtwin_drift_batteries", out);
}
