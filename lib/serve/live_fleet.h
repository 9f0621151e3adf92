/* SPDX-License-Identifier: MIT */
/* serve/live_fleet.h: the batteries in memory, by id, and how some of them are selected for an
 * answer. No locks: the caller has them. */
#ifndef EVTWIN_SERVE_LIVE_FLEET_H
#define EVTWIN_SERVE_LIVE_FLEET_H

#include "serve/live_battery.h"

/* What a pass over all batteries needs of each, side by side: ten times as fast as from one to the
 * other in memory. */
typedef struct evtwin__live_brief {
    evtwin__standing standing;
    double time_factor;
} evtwin__live_brief;

/* A place of the table by id. Tag and pointer are here since every look at something else is one at
 * memory that is in no cache. */
typedef struct evtwin__live_place {
    evtwin__live_battery *battery; /* NULL = free */
    uint32_t number, tag;          /* the tag is of the same hash */
} evtwin__live_place;

/* Batteries have numbers in order of arrival, which do not change while the fleet lives. */
typedef struct evtwin__live_fleet {
    atomic_int n_refs; /* a selection under way keeps it */
    size_t n, capacity;
    evtwin__live_battery **battery; /* (n) */
    evtwin__live_brief *brief;      /* (n) */
    uint64_t *seen;                 /* (n) the caller's mark */
    uint32_t *by_id;                /* (n) numbers in the order of ids */
    evtwin__live_place *table;      /* (table_size, a power of 2) by hash */
    size_t table_size;
} evtwin__live_fleet;

evtwin__live_fleet *evtwin__live_fleet_create(size_t n_expected);
void evtwin__live_fleet_release(evtwin__live_fleet *fleet); /* NULL is fine */

/* Number of a battery, SIZE_MAX if it is not there. */
size_t evtwin__live_fleet_find(const evtwin__live_fleet *fleet, const char *id);

/* A battery, NULL if it is not there. */
evtwin__live_battery *evtwin__live_fleet_get(const evtwin__live_fleet *fleet, const char *id);

/* Take a battery, in the place of the one with its id if there is one, which is released. */
evtwin_status evtwin__live_fleet_put(evtwin__live_fleet *fleet, evtwin__live_battery *battery);

/* ---- selection ---- */

/* By which list answers are sorted: a quantity, or how bad it is. */
enum { EVTWIN__SORT_SEVERITY = EVTWIN__Q_COUNT };

typedef struct evtwin__live_query {
    size_t offset, limit; /* of the matching batteries in their order */
    int sort, is_descending;
    int health;         /* -1 = any */
    int needs;          /* EVTWIN_NEEDS_…, one of which it has; 0 = any */
    int silent;         /* -1 = any */
    const char *wanted; /* a part of the id, in any case; NULL = any */
} evtwin__live_query;

/* One that matches. */
typedef struct evtwin__live_pick {
    double key;
    uint32_t position, number; /* in the order of ids; in the fleet */
} evtwin__live_pick;

typedef struct evtwin__live_selection {
    int64_t now_us;
    evtwin__fleet fleet; /* of all batteries, whatever matches */
    size_t total;        /* that match */
    evtwin__live_pick *pick;
    size_t n; /* selected of them */
    evtwin__live_battery **battery;
    evtwin__condition *condition;
} evtwin__live_selection;

/* Add all batteries, as they are at now_us, to a sum that was begun. */
void evtwin__live_fleet_sum(const evtwin__live_fleet *fleet, int64_t now_us, evtwin__fleet *out);

/* Find what matches at now_us and sum up the fleet. */
evtwin_status evtwin__live_fleet_match(const evtwin__live_fleet *fleet,
                                       const evtwin__live_query *query, int64_t now_us,
                                       evtwin__live_selection *out);

/* Put the matches in order. */
void evtwin__live_selection_sort(const evtwin__live_query *query, evtwin__live_selection *s);

/* Take hold of the page that the query wants. */
evtwin_status evtwin__live_fleet_take(const evtwin__live_fleet *fleet,
                                      const evtwin__live_query *query, evtwin__live_selection *s);

void evtwin__live_selection_free(evtwin__live_selection *selection);

/* The members of the summary of a fleet. */
void evtwin__summary_write(const evtwin__fleet *fleet, evtwin__text *text);

#endif
