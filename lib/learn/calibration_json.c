/* SPDX-License-Identifier: MIT */
/* learn/calibration_json.c: a calibration as the manifest of a bundle has it (docs/bundle.md). */

#include "learn/calibration_json.h"

#include "core/status.h"

#define MAX_OFFSET 1000.0
#define MAX_COUNT 1e15

json_t *evtwin__calibration_json(const evtwin__calibration *c) {
    return json_pack("{s:f, s:f, s:I, s:I, s:I, s:I}", "slope", c->slope, "offset", c->offset,
                     "batteries", (json_int_t)c->n_batteries, "rows", (json_int_t)c->n_rows, "with",
                     (json_int_t)c->n_with, "without", (json_int_t)c->n_without);
}

static evtwin_status read_number(const char *where, const json_t *object, const char *key,
                                 double least, double most, double *out) {
    double v;
    EVTWIN_TRY(evtwin__json_get_number(where, object, key, &v));
    EVTWIN_FAIL_IF(!(v >= least && v <= most), EVTWIN_E_SCHEMA,
                   "%s: key \"%s\" is %g, it must be %g to %g", where, key, v, least, most);
    *out = v;
    return EVTWIN_OK;
}

static evtwin_status read_count(const char *where, const json_t *object, const char *key,
                                double most, size_t *out) {
    double v;
    EVTWIN_TRY(read_number(where, object, key, 1.0, most, &v));
    EVTWIN_FAIL_IF(!json_is_integer(json_object_get(object, key)), EVTWIN_E_PARSE,
                   "%s: key \"%s\" is not a count", where, key);
    *out = (size_t)v;
    return EVTWIN_OK;
}

evtwin_status evtwin__calibration_read(const char *where, const json_t *object,
                                       evtwin__calibration *out) {
    evtwin__calibration c = {0};
    EVTWIN_TRY(read_number(where, object, "slope", EVTWIN__MIN_SLOPE, EVTWIN__MAX_SLOPE, &c.slope));
    EVTWIN_TRY(read_number(where, object, "offset", -MAX_OFFSET, MAX_OFFSET, &c.offset));
    EVTWIN_TRY(read_count(where, object, "batteries", MAX_COUNT, &c.n_batteries));
    EVTWIN_TRY(read_count(where, object, "rows", MAX_COUNT, &c.n_rows));
    EVTWIN_TRY(read_count(where, object, "with", (double)c.n_batteries, &c.n_with));
    EVTWIN_TRY(read_count(where, object, "without", (double)c.n_batteries, &c.n_without));
    *out = c;
    return EVTWIN_OK;
}
