/* SPDX-License-Identifier: MIT */
/* learn/slice.h: a piece of a model file, not copied. */
#ifndef EVTWIN_LEARN_SLICE_H
#define EVTWIN_LEARN_SLICE_H

#include <stddef.h>
#include <string.h>

typedef struct evtwin__slice {
    const char *at;
    size_t size;
} evtwin__slice;

/* Its first 40 bytes, for the "%.*s" of an error text. */
#define EVTWIN__SLICE_TEXT(slice) (slice).size < 40 ? (int)(slice).size : 40, (slice).at

static inline int evtwin__slice_is(evtwin__slice slice, const char *text) {
    return slice.size == strlen(text) && memcmp(slice.at, text, slice.size) == 0;
}

#endif
