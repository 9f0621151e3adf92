/* SPDX-License-Identifier: MIT */
/* serve/condition.h: how a battery is now, and whether what is known of it is still of now; the
 * same of a whole fleet. */
#ifndef EVTWIN_SERVE_CONDITION_H
#define EVTWIN_SERVE_CONDITION_H

#include "evtwin/thresholds.h"

#include "serve/exposition.h"

/* After how many seconds a battery is silent, and predictions have stopped; 0 = by the rule: the
 * longer of 15 s and three times what lies between two records (predictions) of the battery. */
typedef struct evtwin__patience {
    double silent_after_s, predictions_stopped_after_s;
} evtwin__patience;

/* What is known of a battery, from which its condition at any moment follows. */
typedef struct evtwin__standing {
    evtwin_health health;
    int needs;                                    /* EVTWIN_NEEDS_… */
    int64_t arrived_us, predicted_us, waiting_us; /* INT64_MIN = not known, or none waits */
    double silent_after_s, stopped_after_s;
} evtwin__standing;

/* Of row i of what evtwin_store_latest gives as current. */
void evtwin__standing_of(const evtwin_thresholds *thresholds, const evtwin__patience *patience,
                         const evtwin_table *current, size_t row, evtwin__standing *out);

typedef struct evtwin__condition {
    evtwin_health health;
    int needs; /* EVTWIN_NEEDS_… */
    int is_silent;
    double record_age_s;         /* since a record of it came last */
    double prediction_age_s;     /* since it was predicted last; NaN = never */
    double no_predictions_for_s; /* so long a prediction is due; NaN = predictions come, or nothing
                                    waits for one */
} evtwin__condition;

/* At a moment. By arrival, not by the record's own time, which may be that of a simulation. A clock
 * that is as far ahead of ours as the patience allows is no better than one that is behind. */
void evtwin__condition_of(const evtwin__standing *standing, int64_t now_us, evtwin__condition *out);

/* How bad it is: the greater comes first in a list. */
enum { EVTWIN__MAX_SEVERITY = 11 };
int evtwin__condition_severity(const evtwin__condition *c);

/* "90 s", "12 min", "3 h", "5 days"; returns text. */
const char *evtwin__duration_text(double s, char text[32]);

/* What is not of now, in words: "no data for 90 s, no predictions for 2 min"; "" if all is. */
enum { EVTWIN__NOTICE_SIZE = 260 };
void evtwin__condition_notice(const evtwin__condition *c, char text[EVTWIN__NOTICE_SIZE]);

typedef struct evtwin__fleet {
    size_t n, n_by_health[3]; /* of those in NORMAL only the ones that are not silent */
    size_t n_silent, n_needs_charging, n_needs_service, n_without_predictions;
    double record_age_s, prediction_age_s; /* of the newest; NaN = none */
    double no_predictions_for_s;           /* the longest; NaN = none is due */
    double min_factor, max_factor; /* time factors of those that are not silent; NaN = none */
} evtwin__fleet;

void evtwin__fleet_begin(evtwin__fleet *fleet);

/* Add a battery, and how much faster its physics runs than the clock (NaN = not known). */
void evtwin__fleet_add(evtwin__fleet *fleet, const evtwin__condition *c, double time_factor);

/* The time factor that all have, NaN if they differ or none is known. */
double evtwin__fleet_time_factor(const evtwin__fleet *fleet);

void evtwin__fleet_notice(const evtwin__fleet *fleet, char text[EVTWIN__NOTICE_SIZE]);

/* The families of a fleet's health: the sums, and n batteries by id. */
void evtwin__fleet_write(const evtwin__fleet *fleet, const char *const *ids,
                         const evtwin__condition *conditions, size_t n, evtwin__exposition *out);

#endif
