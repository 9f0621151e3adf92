/* SPDX-License-Identifier: MIT */
/* track/run.h: a run of a tracking server. */
#ifndef EVTWIN_TRACK_RUN_H
#define EVTWIN_TRACK_RUN_H

#include "track/tracker.h"

struct evtwin_run {
    evtwin_tracker *tracker;
    char id[EVTWIN_TRACK_ID_SIZE];
    char experiment_id[EVTWIN_TRACK_ID_SIZE];
    char artifact_uri[EVTWIN_TRACK_URI_SIZE];
};

#endif
