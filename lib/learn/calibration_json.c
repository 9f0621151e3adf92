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

evtwin_status evtwin__calibration_read(const char *where, const json_t *object,
                                       evtwin__calibration *out) {
    evtwin__calibration c = {0};
    EVTWIN_TRY(evtwin__json_get_number_in(where, object, "slope", EVTWIN__MIN_SLOPE,
                                          EVTWIN__MAX_SLOPE, &c.slope));
    EVTWIN_TRY(
        evtwin__json_get_number_in(where, object, "offset", -MAX_OFFSET, MAX_OFFSET, &c.offset));
    EVTWIN_TRY(
        evtwin__json_get_count_in(where, object, "batteries", 1.0, MAX_COUNT, &c.n_batteries));
    EVTWIN_TRY(evtwin__json_get_count_in(where, object, "rows", 1.0, MAX_COUNT, &c.n_rows));
    EVTWIN_TRY(
        evtwin__json_get_count_in(where, object, "with", 1.0, (double)c.n_batteries, &c.n_with));
    EVTWIN_TRY(evtwin__json_get_count_in(where, object, "without", 1.0, (double)c.n_batteries,
                                         &c.n_without));
    *out = c;
    return EVTWIN_OK;
}
