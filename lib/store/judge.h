/* SPDX-License-Identifier: MIT */
/* store/judge.h: limits, and the health of batteries by them, judged row by row: which limits are
 * broken until a value is back by the margin, since when, and how often rows and predictions come.
 * A backend reads what is kept of a battery, lets its rows be judged, and writes what has become of
 * it. */
#ifndef EVTWIN_STORE_JUDGE_H
#define EVTWIN_STORE_JUDGE_H

#include "core/thresholds.h"
#include "store/store_row.h"

/* ---- limits ---- */

/* A limit of status or of alerts. No padding: compared as bytes. */
typedef struct evtwin__limit {
    double limit;
    int32_t q, is_below, level, kind; /* evtwin_health, evtwin_threshold_kind */
} evtwin__limit;

enum { EVTWIN__MAX_LIMITS = 256 };

typedef struct evtwin__limits {
    size_t n;
    evtwin__limit limit[EVTWIN__MAX_LIMITS];
} evtwin__limits;

/* Add a row of ev_threshold, if it is a limit that this version knows: other programs may have put
 * anything there. Strings may be NULL. */
void evtwin__limits_add(evtwin__limits *limits, const char *quantity, const char *level,
                        const char *is_beyond, double limit, int is_alert);

/* 1 if both are the same. */
int evtwin__limits_are_equal(const evtwin__limits *a, const evtwin__limits *b);

/* Status of a row of these values, (EVTWIN__Q_COUNT). */
evtwin_health evtwin__limits_status(const evtwin__limits *limits, const evtwin__value *value);

/* ---- health ---- */

/* When something came, and how long between two of it; INT64_MIN and NaN = not known. */
typedef struct evtwin__rhythm {
    int64_t at_us;
    double interval_s;
} evtwin__rhythm;

/* 1 if what comes at now_us is the next arrival, not a part of the last one. */
int evtwin__is_arrival(const evtwin__rhythm *rhythm, int64_t now_us);

/* What is kept of a battery: a row of ev_health. Times: INT64_MIN = not known. */
typedef struct evtwin__health {
    const char *battery_id, *broken; /* NULL: no limit is; borrowed */
    evtwin_health status;
    int64_t since_us, time_us, predicted_us;
    evtwin__rhythm arrivals, predictions;
} evtwin__health;

extern const evtwin__health evtwin__health_unknown;

/* The word of evtwin_health_name; NULL or another one is NORMAL. */
evtwin_health evtwin__health_of(const char *word);

/* Rows are judged one by one, in the order of their time; a row older than what its battery was
 * judged by changes nothing. */
typedef struct evtwin__judge evtwin__judge;

/* For a transaction that writes these rows, by these limits; borrows both. */
evtwin_status evtwin__judge_create(const evtwin__limits *limits, const evtwin__rows *rows,
                                   evtwin__judge **out);
void evtwin__judge_free(evtwin__judge *judge);

/* 1 if the battery of row i is known to the judge. */
int evtwin__judge_knows(const evtwin__judge *judge, size_t i);

/* Before the first row of a battery is judged, or to judge it anew: what is kept of it (copied; a
 * battery without a row of ev_health: evtwin__health_unknown). current, if not NULL: a battery
 * whose health was not kept begins with its newest row and its latest prediction, as
 * evtwin_store_latest gives them. */
evtwin_status evtwin__judge_begin(evtwin__judge *judge, size_t i, const evtwin__health *kept,
                                  const evtwin_table *current);

/* What has happened to a row. */
typedef enum evtwin__row_event {
    EVTWIN__ROW_INSERTED,
    EVTWIN__ROW_PREDICTED, /* its telemetry, as far as the table has it, counts too: this is how
                              rows of other programs are judged */
    EVTWIN__ROW_MERGED,    /* predicted by an insert, whose telemetry need not be the row's */
} evtwin__row_event;

/* Judge row i; value as evtwin__rows_get gave it. Its battery is known. */
void evtwin__judge_row(evtwin__judge *judge, size_t i, const evtwin__value *value,
                       evtwin__row_event event);

/* 1 if the battery of row i has to be written. */
int evtwin__judge_has_news(const evtwin__judge *judge, int64_t now_us, size_t i);

/* What has become of the next battery that has to be written; *at is 0 at first. out is good until
 * the next call. EVTWIN_DONE after the last. */
evtwin_status evtwin__judge_next(evtwin__judge *judge, int64_t now_us, size_t *at,
                                 evtwin__health *out);

#endif
