/* SPDX-License-Identifier: MIT */
/* stream/pump_inside.h: what a pump is, for the files that make and run it. */
#ifndef EVTWIN_STREAM_PUMP_INSIDE_H
#define EVTWIN_STREAM_PUMP_INSIDE_H

#include "core/text.h"
#include "stream/pump_outlet.h"
#include "stream/pump_spool.h"

/* How far the batch has come; on failure it stays where it is. */
typedef enum evtwin__stage { STAGE_EMPTY, STAGE_READ, STAGE_PREDICTED } evtwin__stage;

struct evtwin_pump {
    evtwin__pump_setup setup;
    evtwin_source *source;
    char *source_name; /* under which its position is kept: its URI up to the '?' */
    evtwin_predictor *predictor;
    evtwin_session *session; /* of the predictor; NULL without one */
    evtwin__outlet *outlets;
    size_t n_outlets;
    evtwin__outlet letters;     /* its sink is NULL without one */
    evtwin_spool *spool;        /* NULL without one */
    evtwin__delivery *delivery; /* from the spool; NULL before the first run */
    int has_run, is_spool_full;
    evtwin_table *batch;   /* one table for all batches: nothing is allocated in the long run */
    evtwin__text position; /* of the source behind the batch, with its NUL */
    evtwin_table *states;  /* that the batch moved in the session; NULL = none */
    double predict_s;      /* that its features and predictions took */
    evtwin__stage stage;
    int owes_commit; /* that position is not acknowledged yet */
    int owes_letter; /* of the record that the source refused last: there was no memory for it */
    int source_fails;
    unsigned share; /* of the source, when a batch was last predicted */
    evtwin_pump_stats stats;
};

#endif
