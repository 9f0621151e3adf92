/* SPDX-License-Identifier: MIT */
/* learn/interval_json.c: an interval as the manifest of a bundle has it (docs/bundle.md). */

#include "learn/interval_json.h"

#include "core/status.h"

#include <float.h>
#include <stdio.h>

static json_t *band_json(const evtwin__interval *v, size_t b) {
    return json_pack("{s:f, s:f, s:f}", "prediction", v->prediction[b], "below", v->below[b],
                     "above", v->above[b]);
}

json_t *evtwin__interval_json(const evtwin__interval *v) {
    json_t *bands = json_array();
    for (size_t b = 0; b < v->n_bands; b++) {
        if (json_array_append_new(bands, band_json(v, b)) != 0) {
            json_decref(bands);
            return NULL;
        }
    }
    return json_pack("{s:f, s:I, s:I, s:f, s:f, s:o}", "level", v->level, "batteries",
                     (json_int_t)v->n_batteries, "rows", (json_int_t)v->n_rows, "factor",
                     v->factor[EVTWIN_COVERS_ON_AVERAGE], "factor_each",
                     v->factor[EVTWIN_COVERS_EACH], "bands", bands);
}

static evtwin_status read_band(const char *where, const json_t *band, size_t b,
                               evtwin__interval *v) {
    char at[640];
    snprintf(at, sizeof at, "%.600s.bands[%zu]", where, b);
    const double least = b > 0 ? v->prediction[b - 1] : 0.0; /* as no predicted number is below */
    EVTWIN_TRY(
        evtwin__json_get_number_in(at, band, "prediction", least, FLT_MAX, &v->prediction[b]));
    EVTWIN_TRY(evtwin__json_get_number_in(at, band, "below", DBL_MIN, FLT_MAX, &v->below[b]));
    return evtwin__json_get_number_in(at, band, "above", DBL_MIN, FLT_MAX, &v->above[b]);
}

evtwin_status evtwin__interval_read(const char *where, const json_t *object,
                                    evtwin__interval *out) {
    evtwin__interval v = {0};
    json_t *bands;
    EVTWIN_TRY(evtwin__json_get_number_in(where, object, "level", 0.01, 0.9999, &v.level));
    EVTWIN_TRY(evtwin__json_get_count_in(where, object, "batteries", 2.0, 1e15, &v.n_batteries));
    EVTWIN_TRY(evtwin__json_get_count_in(where, object, "rows", 2.0, 1e15, &v.n_rows));
    EVTWIN_TRY(evtwin__json_get_number_in(where, object, "factor", 0.0, 1e9,
                                          &v.factor[EVTWIN_COVERS_ON_AVERAGE]));
    EVTWIN_TRY(evtwin__json_get_number_in(where, object, "factor_each",
                                          v.factor[EVTWIN_COVERS_ON_AVERAGE], 1e9,
                                          &v.factor[EVTWIN_COVERS_EACH]));
    EVTWIN_TRY(evtwin__json_get_array(where, object, "bands", &bands));
    v.n_bands = json_array_size(bands);
    EVTWIN_FAIL_IF(v.n_bands < 1 || v.n_bands > EVTWIN__INTERVAL_MAX_BANDS, EVTWIN_E_SCHEMA,
                   "%s: %zu bands, an interval has 1 to %d", where, v.n_bands,
                   EVTWIN__INTERVAL_MAX_BANDS);
    for (size_t b = 0; b < v.n_bands; b++) {
        EVTWIN_TRY(read_band(where, json_array_get(bands, b), b, &v));
    }
    *out = v;
    return EVTWIN_OK;
}
