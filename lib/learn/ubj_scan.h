/* SPDX-License-Identifier: MIT */
/* learn/ubj_scan.h: read UBJSON (ubjson.org, draft 12) front to back without a tree of values, by
 * the same calls as json_scan.h. Every length is held against the bytes that follow before it is
 * believed, nothing is allocated but a decoded string, nothing recurses. Bytes behind a marker are
 * big-endian. */
#ifndef EVTWIN_LEARN_UBJ_SCAN_H
#define EVTWIN_LEARN_UBJ_SCAN_H

#include "evtwin/base.h"
#include "learn/slice.h"

enum { EVTWIN__UBJ_MAX_NESTING = 64 };

/* An object or array that was entered. */
typedef struct evtwin__ubj_level {
    char open;      /* '{' or '[' */
    char type;      /* the marker of each of its values; 0: every value has its own */
    int is_counted; /* it ends after n_left more, without a closing marker */
    uint64_t n_left;
} evtwin__ubj_level;

/* Where reading stands. */
typedef struct evtwin__ubj_scan {
    const char *begin, *at, *end;
    int depth;
    evtwin__ubj_level level[EVTWIN__UBJ_MAX_NESTING];
} evtwin__ubj_scan;

/* All of them: EVTWIN_E_PARSE "byte N: ..." if the file does not hold what is expected; the caller
 * knows the name of the file. What they do is said in json_scan.h; a string has no escapes, it is
 * UTF-8 without NUL. */

void evtwin__ubj_scan_begin(evtwin__ubj_scan *s, const char *data, size_t size);
evtwin_status evtwin__ubj_scan_end(evtwin__ubj_scan *s);

evtwin_status evtwin__ubj_scan_enter(evtwin__ubj_scan *s, char open);
evtwin_status evtwin__ubj_scan_member(evtwin__ubj_scan *s, evtwin__slice *key_out, int *more_out);
evtwin_status evtwin__ubj_scan_item(evtwin__ubj_scan *s, int *more_out);

evtwin_status evtwin__ubj_scan_string(evtwin__ubj_scan *s, evtwin__slice *out);
evtwin_status evtwin__ubj_scan_int(evtwin__ubj_scan *s, int64_t min, int64_t max, int32_t *out);
/* From a float32, from a float64 or an integer the float32 nearest to it. */
evtwin_status evtwin__ubj_scan_f32(evtwin__ubj_scan *s, float *out);
evtwin_status evtwin__ubj_scan_skip(evtwin__ubj_scan *s);

#endif
