/* SPDX-License-Identifier: MIT */
/* learn/json_scan.h: read JSON front to back without a tree of values. A model file is a few long
 * arrays of numbers: this way its memory is that of the numbers (a hostile file cannot ask for
 * more), nothing recurses, and a number is converted from its own digits. */
#ifndef EVTWIN_LEARN_JSON_SCAN_H
#define EVTWIN_LEARN_JSON_SCAN_H

#include "evtwin/base.h"
#include "learn/slice.h"

/* Where reading stands. */
typedef struct evtwin__json_scan {
    const char *begin, *at, *end;
    int is_first;   /* an object or array was just entered: no comma before its first member */
    int passes_nan; /* what is skipped may be NaN, which XGBoost writes though it is not JSON */
} evtwin__json_scan;

/* All of them: EVTWIN_E_PARSE "byte N: ..." if the file does not hold what is expected; the caller
 * knows the name of the file. */

evtwin__json_scan evtwin__json_scan_begin(const char *text, size_t size);

/* Nothing but whitespace may follow. */
evtwin_status evtwin__json_scan_end(evtwin__json_scan *s);

/* Enter an object ('{') or array ('['), then ask for members or items until *more_out is 0 (which
 * leaves it again). A key is what stands between its quotes, escapes not decoded. */
evtwin_status evtwin__json_scan_enter(evtwin__json_scan *s, char open);
evtwin_status evtwin__json_scan_member(evtwin__json_scan *s, evtwin__slice *key_out, int *more_out);
evtwin_status evtwin__json_scan_item(evtwin__json_scan *s, int *more_out);

/* A value: a string (as it stands between its quotes, escapes checked but not decoded), an integer
 * (true and false are 1 and 0), a number, or any value, ignored, nested at most 64 deep.
 * EVTWIN_E_CORRUPT if the integer is not in [min, max] or the number is not a finite float32. */
evtwin_status evtwin__json_scan_string(evtwin__json_scan *s, evtwin__slice *out);
evtwin_status evtwin__json_scan_int(evtwin__json_scan *s, int64_t min, int64_t max, int32_t *out);
evtwin_status evtwin__json_scan_f32(evtwin__json_scan *s, float *out);
evtwin_status evtwin__json_scan_skip(evtwin__json_scan *s);

/* A copy of a string with its escapes decoded, freed by the caller. */
evtwin_status evtwin__json_scan_decode(evtwin__slice string, char **out);

/* All of a slice as the float32 nearest to the decimal number, as XGBoost reads it; 0 if it is not
 * a number or not finite. */
int evtwin__parse_f32(evtwin__slice text, float *out);

#endif
