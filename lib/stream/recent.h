/* SPDX-License-Identifier: MIT */
/* stream/recent.h: what is remembered of the batteries heard of last, a bounded number of them. */
#ifndef EVTWIN_STREAM_RECENT_H
#define EVTWIN_STREAM_RECENT_H

#include "evtwin/base.h"

enum { EVTWIN__RECENT_ID_SIZE = 51, EVTWIN__RECENT_HASHES = 16 };

typedef struct evtwin__recent_battery {
    char id[EVTWIN__RECENT_ID_SIZE];
    uint8_t has_time, has_seq;
    uint8_t n_small_soc; /* records in a row whose soc is within 0 to 1.1 */
    uint8_t next_hash;
    int64_t time_us, seq;                 /* of its newest record */
    uint64_t hash[EVTWIN__RECENT_HASHES]; /* of its last records; 0 = none */
    uint32_t newer, older;                /* by when it was heard of */
    uint32_t next;                        /* in its bucket */
} evtwin__recent_battery;

typedef struct evtwin__recent {
    evtwin__recent_battery *battery; /* (capacity), n in use */
    uint32_t *bucket;                /* (n_buckets), a power of 2 */
    size_t n, capacity, n_buckets, max;
    uint32_t newest, oldest;
    uint64_t seed; /* ids are the choice of whoever sends */
    uint64_t n_forgotten;
} evtwin__recent;

void evtwin__recent_init(evtwin__recent *recent, size_t max);
void evtwin__recent_free(evtwin__recent *recent);

/* The battery of that id, which is now the newest; where it is not known it is made, all zero but
 * for its id, and at the maximum the oldest one is forgotten. Borrowed until the next call. */
evtwin_status evtwin__recent_get(evtwin__recent *recent, const char *id,
                                 evtwin__recent_battery **out);

#endif
