/* SPDX-License-Identifier: MIT */
/* store/buckets.h: a time cut into parts of equal length, and what is known of each. */
#ifndef EVTWIN_STORE_BUCKETS_H
#define EVTWIN_STORE_BUCKETS_H

#include "evtwin/store.h"

#include "core/schema.h"

enum { EVTWIN__MAX_BUCKETS = 10000 };

typedef struct evtwin__buckets {
    int64_t from_us, to_us;     /* clamped to the years 0 to 9999 */
    int64_t width_us, first_us; /* the first bucket begins there, at from or before */
    size_t n;                   /* buckets, empty ones too */
    size_t n_quantities;
    size_t quantity[EVTWIN__Q_COUNT];
} evtwin__buckets;

/* EVTWIN_E_ARG for a quantity that is not one, from > to, or a number of buckets out of range. */
evtwin_status evtwin__buckets_cut(const evtwin_buckets_options *options, evtwin__buckets *out);

/* The answer, with so many rows whose cells are all missing: time, n, then three columns a
 * quantity: lowest, mean, highest. */
evtwin_status evtwin__buckets_table(const evtwin__buckets *buckets, size_t rows,
                                    evtwin_table **out);

#endif
