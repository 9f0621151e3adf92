/* SPDX-License-Identifier: MIT */
/* serve/alert_sending.h: when the alerts that are due go out by a way: grouped, and again when that
 * failed. It knows no thread; a lane delivers. */
#ifndef EVTWIN_SERVE_ALERT_SENDING_H
#define EVTWIN_SERVE_ALERT_SENDING_H

#include <stddef.h>
#include <stdint.h>

/* All zero but for group_us: nothing was sent yet. Times are of the monotonic clock. */
typedef struct evtwin__alert_sending {
    int64_t group_us;
    size_t n_seen;      /* how many were due at the last look */
    int64_t waiting_us; /* since when some are due; 0 = none are */
    int64_t sent_us;    /* when a message went out last; 0 = never */
    int64_t retry_us;   /* not before, after a failure; 0 = none */
    int n_failed;       /* times in a row */
} evtwin__alert_sending;

/* Now is the time for a message of all n that are due? The first after a quiet time goes at once,
 * that is when no more have come since the last look, or after some seconds. */
int evtwin__alert_sending_is_time(evtwin__alert_sending *s, size_t n_due, int64_t now_us);

/* The delivery has ended; after a failure the server may wish for a pause, an hour at most. Returns
 * how many seconds until the next try, 0 after a success. */
double evtwin__alert_sending_note(evtwin__alert_sending *s, int went_well, double wish_s,
                                  int64_t now_us);

#endif
