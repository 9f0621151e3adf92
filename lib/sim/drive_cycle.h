/* SPDX-License-Identifier: MIT */
/* sim/drive_cycle.h: a speed trace turned into battery power by a vehicle model. */
#ifndef EVTWIN_SIM_DRIVE_CYCLE_H
#define EVTWIN_SIM_DRIVE_CYCLE_H

#include "evtwin/base.h"

/* Repeats for ever. */
typedef struct evtwin__drive_cycle {
    size_t n_seconds;
    double *energy_J; /* (n_seconds + 1): taken from the reference pack since the trace's start */
} evtwin__drive_cycle;

/* Read a CSV with the columns cycSecs (0, 1, 2, …) and cycMps. */
evtwin_status evtwin__drive_cycle_load(const char *path, evtwin__drive_cycle *out);
void evtwin__drive_cycle_free(evtwin__drive_cycle *cycle);

/* Mean power of the reference pack from start_s on for duration_s; negative where braking charges
 * it. */
double evtwin__drive_cycle_power_W(const evtwin__drive_cycle *cycle, double start_s,
                                   double duration_s);

#endif
