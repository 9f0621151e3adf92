/* SPDX-License-Identifier: MIT */
/* serve/ring_parts.h: what ring.c (writing) and ring_reader.c (reading) share. All of it is guarded
 * by the ring's lock. */
#ifndef EVTWIN_SERVE_RING_PARTS_H
#define EVTWIN_SERVE_RING_PARTS_H

#include "core/num.h"
#include "core/text.h"
#include "serve/ring.h"

#include <pthread.h>
#include <string.h>

enum {
    EVTWIN__RING_BATTERY_SIZE = 51,
    EVTWIN__RING_TYPE_MAX = 16,
    EVTWIN__RING_ID_SIZE = EVTWIN__RING_IDENTITY_SIZE + 2 * EVTWIN__NUM_SIZE,
    EVTWIN__RING_HEAD_SIZE = EVTWIN__RING_ID_SIZE + EVTWIN__RING_TYPE_MAX + 32
};

/* Where an event stands in the life of the store. */
typedef struct evtwin__ring_place {
    int64_t revision, n;
} evtwin__ring_place;

typedef struct evtwin__ring_event {
    uint64_t at; /* its first byte */
    size_t size;
    evtwin__ring_place place;
    uint64_t hash;                              /* of the battery */
    int type;                                   /* EVTWIN__RING_ROW, …; 0 = for all readers */
    char battery_id[EVTWIN__RING_BATTERY_SIZE]; /* "" = for all */
} evtwin__ring_event;

struct evtwin__ring {
    pthread_mutex_t lock;
    char *bytes;
    evtwin__ring_event *events;
    size_t max_bytes, max_events;
    uint64_t first, end; /* number of the oldest event kept, and of the next one */
    uint64_t end_at;     /* the first byte of the next one */

    char identity[EVTWIN__RING_IDENTITY_SIZE]; /* "" = not known yet */
    uint64_t epoch;                            /* how often it began anew */
    const char *why;                           /* it last did */
    evtwin__ring_place floor, last; /* of the newest event no longer kept, and of the newest one */
    evtwin__text summary;

    evtwin__ring_reader *sleepers, *due; /* due: to be woken */
    int n_holds;
};

struct evtwin__ring_reader {
    evtwin__ring *ring;
    evtwin__ring_reader *next, **link; /* in sleepers or due; link NULL = it is awake */
    int is_due;
    void (*wake)(void *ctx);
    void *ctx;
    uint64_t hash;
    char battery_id[EVTWIN__RING_BATTERY_SIZE]; /* "" = all */
    int types;                                  /* a sum of EVTWIN__RING_ROW, … */

    char *wanted;  /* the last event it has seen; NULL = none */
    int is_placed; /* the rest is set */
    uint64_t epoch;
    uint64_t number;  /* of the event to read next */
    size_t sent;      /* bytes of it that are out */
    evtwin__text own; /* for this reader alone, before all else */
    size_t own_sent;
};

static inline evtwin__ring_event *evtwin__ring_get(const evtwin__ring *ring, uint64_t number) {
    return &ring->events[number % ring->max_events];
}

static inline int evtwin__ring_is_after(evtwin__ring_place a, evtwin__ring_place b) {
    return a.revision > b.revision || (a.revision == b.revision && a.n > b.n);
}

static inline int evtwin__ring_is_for(const evtwin__ring_reader *reader,
                                      const evtwin__ring_event *e) {
    const int is_of_battery =
        reader->battery_id[0] == '\0' || e->battery_id[0] == '\0' ||
        (reader->hash == e->hash && strcmp(reader->battery_id, e->battery_id) == 0);
    return is_of_battery && (e->type == 0 || (reader->types & e->type) != 0);
}

/* The id of a place. */
void evtwin__ring_id(const evtwin__ring *ring, evtwin__ring_place at,
                     char to[EVTWIN__RING_ID_SIZE]);

/* The lines of an event before its data. */
void evtwin__ring_head(const evtwin__ring *ring, const char *type,
                       char head[EVTWIN__RING_HEAD_SIZE]);

/* Put an awake reader into a list, take it out of the one it is in. */
void evtwin__ring_link(evtwin__ring_reader **list, evtwin__ring_reader *reader);
void evtwin__ring_unlink(evtwin__ring_reader *reader);

#endif
