/* SPDX-License-Identifier: MIT */
/* serve/live_battery.h: what stands for one battery now, ready to be answered: its JSON but for the
 * ages, and the numbers that lists are sorted and judged by. */
#ifndef EVTWIN_SERVE_LIVE_BATTERY_H
#define EVTWIN_SERVE_LIVE_BATTERY_H

#include "core/schema.h"
#include "serve/answer.h"

#include <stdatomic.h>

/* A moment on both clocks of a battery. */
typedef struct evtwin__live_moment {
    int64_t time_us;
    double sim_s; /* NaN = it has no physics clock */
} evtwin__live_moment;

/* Immutable but for n_refs: a change makes another one. What an answer needs is last, beside id and
 * text: one of 100,000 batteries is in no cache, so that few lines of memory count. */
typedef struct evtwin__live_battery {
    uint64_t broken; /* bit q: a limit of status or alert of that quantity is broken */
    double value[EVTWIN__Q_COUNT]; /* of the newest row, predictions those that stand; NaN = none */
    evtwin__live_moment newest, before; /* the newest row, and an earlier one */
    double time_factor;                 /* physics seconds a second; NaN = not known */
    double step_factor;                 /* the same of the last step alone */
    uint32_t reasons_from, reasons_to;  /* the array of reasons in text */
    evtwin__standing standing;
    atomic_int n_refs;
    /* where the pieces of text end: "time":…,"battery_id":…, the rest of the row with the
     * prediction up to its age (no_prediction: 0), health up to what silence is about */
    uint32_t time_end, id_end, age_at, silent_at, size;
    const char *text; /* behind id */
    char id[];
} evtwin__live_battery;

/* What makes them: a call of its own, whose handle has the models and limits in force. */
typedef struct evtwin__live_maker {
    evtwin__call call;
    evtwin__http_response response;
    evtwin__patience patience;
} evtwin__live_maker;

void evtwin__live_maker_free(evtwin__live_maker *maker);

/* Of a row of the tables of evtwin_store_latest, which has a battery_id. old is what stood until
 * now, NULL if nothing did: if nothing has changed, it is given out again. The caller releases
 * *out. */
evtwin_status evtwin__live_battery_make(evtwin__live_maker *maker, evtwin__store_handle *handle,
                                        evtwin_table *rows, evtwin_table *current, size_t row,
                                        evtwin__live_battery *old, evtwin__live_battery **out);

evtwin__live_battery *evtwin__live_battery_keep(evtwin__live_battery *battery);
void evtwin__live_battery_release(evtwin__live_battery *battery); /* NULL is fine */

/* The members of its object: the row as /api/battery/latest or (is_in_list) a list has it, then
 * prediction and health with the ages of that moment. */
void evtwin__live_battery_write(const evtwin__live_battery *battery,
                                const evtwin__condition *condition, int is_in_list,
                                evtwin__text *text);

/* The array of its reasons as a member. */
void evtwin__live_battery_write_reasons(const evtwin__live_battery *battery, evtwin__text *text);

/* Seconds to a tenth; null if NaN. */
void evtwin__age_write(evtwin__text *text, const char *key, double age_s);

#endif
