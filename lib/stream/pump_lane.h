/* SPDX-License-Identifier: MIT */
/* stream/pump_lane.h: one sink of a pump with a spool, and its thread. */
#ifndef EVTWIN_STREAM_PUMP_LANE_H
#define EVTWIN_STREAM_PUMP_LANE_H

#include "stream/spool.h"

#include <pthread.h>
#include <stdatomic.h>

enum { EVTWIN__LANE_EVENTS = 256 };

typedef struct evtwin__delivery evtwin__delivery;

/* What happened to a sink, for the thread of the pump to report. */
typedef struct evtwin__lane_event {
    evtwin_pump_event_kind kind;
    size_t lane;
    evtwin_status status;
    size_t n_rows;
    char text[600];
} evtwin__lane_event;

/* One sink and its thread. */
typedef struct evtwin__lane {
    evtwin__delivery *delivery;
    size_t number;
    evtwin_sink *sink;
    evtwin__spool_kind kind;
    char name[EVTWIN__SPOOL_NAME_SIZE], source[64]; /* in the spool; of its batches */
    evtwin__spool_cursor *cursor;
    pthread_t thread;
    int has_thread;
    atomic_int has_ended; /* its thread */

    /* of its thread alone */
    evtwin__spool_chunk chunk;
    size_t from, to; /* rows of the chunk that are offered next */
    int is_written;  /* they are, and are to be flushed and noted */
    int knows_position;
    double limit_s;
    unsigned hurry; /* n_hurried when it began to try */
    uint64_t random;

    pthread_mutex_t noting; /* from a move of the cursor until it is counted */

    /* under the lock of the delivery */
    uint64_t n_delivered, n_refused, n_failures;
    int is_down;
    unsigned failed_at_hurry; /* its last failure is of a try that began after so many hurries */
    int is_temporary;         /* its last failure is, … */
    double try_again_s;       /* … and it is tried again then, on the monotonic clock */
    char reason[EVTWIN__SPOOL_NAME_SIZE];
} evtwin__lane;

struct evtwin__delivery {
    evtwin_spool *spool;
    size_t max_batch_rows;
    evtwin__lane *lanes; /* (n_lanes) */
    size_t n_lanes;
    atomic_int is_stopped;
    atomic_uint n_hurried; /* pauses that began before are over */
    pthread_mutex_t lock;
    evtwin__lane_event *events; /* (EVTWIN__LANE_EVENTS), those from 0 to n_events - 1 */
    size_t n_events;
};

/* The body of its thread, for pthread_create: ends when the delivery is stopped. */
void *evtwin__lane_run(void *lane);

#endif
