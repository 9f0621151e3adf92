/* SPDX-License-Identifier: MIT */
/* learn/model_scan.h: read a model file front to back, JSON or UBJSON by its content. The calls are
 * those of json_scan.h, which says what they do; their loops are the reader's own. */
#ifndef EVTWIN_LEARN_MODEL_SCAN_H
#define EVTWIN_LEARN_MODEL_SCAN_H

#include "learn/json_scan.h"
#include "learn/ubj_scan.h"

typedef struct evtwin__scan {
    const char *data;
    size_t size;
    int is_ubj;
    union {
        evtwin__json_scan json;
        evtwin__ubj_scan ubj;
    };
} evtwin__scan;

/* data (size bytes) stays where it is; a byte-order mark of UTF-8 before JSON is passed. */
void evtwin__scan_begin(evtwin__scan *s, const char *data, size_t size);

/* From the beginning again, only to look for something: NaN is passed wherever it stands. */
void evtwin__scan_again(evtwin__scan *s);

/* A copy of a string, its escapes decoded, freed by the caller. */
evtwin_status evtwin__scan_decode(const evtwin__scan *s, evtwin__slice string, char **out);

#define EVTWIN__SCAN(s, call, ...)                                                                 \
    ((s)->is_ubj ? evtwin__ubj_scan_##call(&(s)->ubj, __VA_ARGS__)                                 \
                 : evtwin__json_scan_##call(&(s)->json, __VA_ARGS__))

static inline evtwin_status evtwin__scan_enter(evtwin__scan *s, char open) {
    return EVTWIN__SCAN(s, enter, open);
}

static inline evtwin_status evtwin__scan_member(evtwin__scan *s, evtwin__slice *key_out,
                                                int *more_out) {
    return EVTWIN__SCAN(s, member, key_out, more_out);
}

static inline evtwin_status evtwin__scan_item(evtwin__scan *s, int *more_out) {
    return EVTWIN__SCAN(s, item, more_out);
}

static inline evtwin_status evtwin__scan_string(evtwin__scan *s, evtwin__slice *out) {
    return EVTWIN__SCAN(s, string, out);
}

static inline evtwin_status evtwin__scan_int(evtwin__scan *s, int64_t min, int64_t max,
                                             int32_t *out) {
    return EVTWIN__SCAN(s, int, min, max, out);
}

static inline evtwin_status evtwin__scan_f32(evtwin__scan *s, float *out) {
    return EVTWIN__SCAN(s, f32, out);
}

static inline evtwin_status evtwin__scan_skip(evtwin__scan *s) {
    return s->is_ubj ? evtwin__ubj_scan_skip(&s->ubj) : evtwin__json_scan_skip(&s->json);
}

static inline evtwin_status evtwin__scan_end(evtwin__scan *s) {
    return s->is_ubj ? evtwin__ubj_scan_end(&s->ubj) : evtwin__json_scan_end(&s->json);
}

#undef EVTWIN__SCAN

#endif
