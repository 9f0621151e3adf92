/* SPDX-License-Identifier: MIT */
/* learn/reference_json.c: the reference of the training data as JSON (docs/bundle.md). */

#include "learn/reference_json.h"

#include "core/status.h"

#include <float.h>
#include <math.h>

json_t *evtwin__histogram_json(const evtwin__histogram *h) {
    return json_pack("{s:o, s:o, s:o, s:o}", "edges", evtwin__json_numbers(h->edge, h->n_bins - 1),
                     "shares", evtwin__json_numbers(h->share, h->n_bins), "month_psi",
                     evtwin__json_number(h->month_psi), "life_psi",
                     evtwin__json_number(h->life_psi));
}

json_t *evtwin__curve_json(const evtwin__curve *c) {
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "voltage",
                     evtwin__json_numbers(c->voltage_V, EVTWIN__CURVE_BINS), "resistance",
                     evtwin__json_number(c->resistance_ohm), "min", evtwin__json_number(c->min_V),
                     "max", evtwin__json_number(c->max_V), "power_factor",
                     evtwin__json_number(c->power_factor));
}

/* A number from least to most, or NaN if it is null. */
static evtwin_status take_number(const char *where, const char *key, const json_t *value,
                                 double least, double most, double *out) {
    const double v = json_is_number(value) ? json_number_value(value) : (double)NAN;
    EVTWIN_FAIL_IF(!json_is_number(value) && !json_is_null(value), EVTWIN_E_PARSE,
                   "%s: key \"%s\" is missing or not a number", where, key);
    EVTWIN_FAIL_IF(v < least || v > most, EVTWIN_E_SCHEMA,
                   "%s: key \"%s\" is %g, it must be %g to %g", where, key, v, least, most);
    *out = v;
    return EVTWIN_OK;
}

static evtwin_status read_number(const char *where, const json_t *object, const char *key,
                                 double least, double most, double *out) {
    return take_number(where, key, json_object_get(object, key), least, most, out);
}

/* n_min to n_max numbers from least to most; no null unless may_be_unknown. */
static evtwin_status read_numbers(const char *where, const json_t *object, const char *key,
                                  size_t n_min, size_t n_max, double least, double most,
                                  int may_be_unknown, double *out, size_t *n_out) {
    json_t *array;
    EVTWIN_TRY(evtwin__json_get_array(where, object, key, &array));
    const size_t n = json_array_size(array);
    EVTWIN_FAIL_IF(n < n_min || n > n_max, EVTWIN_E_SCHEMA,
                   "%s: key \"%s\" has %zu numbers, it must have %zu to %zu", where, key, n, n_min,
                   n_max);
    for (size_t i = 0; i < n; i++) {
        EVTWIN_TRY(take_number(where, key, json_array_get(array, i), least, most, &out[i]));
        EVTWIN_FAIL_IF(isnan(out[i]) && !may_be_unknown, EVTWIN_E_SCHEMA,
                       "%s: key \"%s\" has a null", where, key);
    }
    *n_out = n;
    return EVTWIN_OK;
}

evtwin_status evtwin__histogram_read(const char *where, const json_t *object,
                                     evtwin__histogram *out) {
    evtwin__histogram h = {0};
    size_t n_edges;
    double sum = 0.0;
    EVTWIN_TRY(read_numbers(where, object, "shares", 1, EVTWIN__HISTOGRAM_BINS, 0.0, 1.0, 0,
                            h.share, &h.n_bins));
    EVTWIN_TRY(read_numbers(where, object, "edges", h.n_bins - 1, h.n_bins - 1, -FLT_MAX, FLT_MAX,
                            0, h.edge, &n_edges));
    EVTWIN_TRY(read_number(where, object, "month_psi", 0.0, FLT_MAX, &h.month_psi));
    EVTWIN_TRY(read_number(where, object, "life_psi", 0.0, FLT_MAX, &h.life_psi));
    for (size_t b = 0; b < h.n_bins; b++) {
        sum += h.share[b];
        EVTWIN_FAIL_IF(b + 2 < h.n_bins && !(h.edge[b] < h.edge[b + 1]), EVTWIN_E_SCHEMA,
                       "%s: key \"edges\" does not rise", where);
    }
    EVTWIN_FAIL_IF(fabs(sum - 1.0) > 1e-6, EVTWIN_E_SCHEMA,
                   "%s: key \"shares\" sums up to %g, it must be 1", where, sum);
    *out = h;
    return EVTWIN_OK;
}

evtwin_status evtwin__curve_read(const char *where, const json_t *object, evtwin__curve *out) {
    evtwin__curve c = {0};
    size_t n;
    EVTWIN_TRY(read_numbers(where, object, "voltage", EVTWIN__CURVE_BINS, EVTWIN__CURVE_BINS,
                            -FLT_MAX, FLT_MAX, 1, c.voltage_V, &n));
    EVTWIN_TRY(read_number(where, object, "resistance", DBL_MIN, FLT_MAX, &c.resistance_ohm));
    EVTWIN_TRY(read_number(where, object, "min", -FLT_MAX, FLT_MAX, &c.min_V));
    EVTWIN_TRY(read_number(where, object, "max", -FLT_MAX, FLT_MAX, &c.max_V));
    EVTWIN_TRY(read_number(where, object, "power_factor", DBL_MIN, FLT_MAX, &c.power_factor));
    for (size_t b = 0; b < n; b++) {
        c.is_known |= !isnan(c.voltage_V[b]);
    }
    EVTWIN_FAIL_IF(c.is_known && !(c.min_V <= c.max_V), EVTWIN_E_SCHEMA,
                   "%s: min is above max or unknown", where);
    *out = c;
    return EVTWIN_OK;
}
