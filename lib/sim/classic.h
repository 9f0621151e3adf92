/* SPDX-License-Identifier: MIT */
/* sim/classic.h: the original demo's formulas, kept for comparison. */
#ifndef EVTWIN_SIM_CLASSIC_H
#define EVTWIN_SIM_CLASSIC_H

#include "sim/bms.h"

/* The original made one step per message, every 2 s. */
#define EVTWIN__CLASSIC_STEP_S 2.0

typedef struct evtwin__classic {
    evtwin__dice dice;
    double soc_percent, soh_percent, soh_start_percent;
    double current_A, voltage_V, temperature_degC;
    double cycles, cycles_start;
    double discharged_percent; /* since creation */
    double charge_percent;     /* net discharge since creation */
    int is_charging;
} evtwin__classic;

evtwin__classic evtwin__classic_new(evtwin__dice dice, double soc_percent, double soh_percent,
                                    double temperature_degC, double cycles);

/* Steps number `step` up to, not including, `until`. */
void evtwin__classic_run(evtwin__classic *c, int64_t step, int64_t until);

evtwin__reading evtwin__classic_read(const evtwin__classic *c);

#endif
