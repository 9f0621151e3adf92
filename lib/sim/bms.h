/* SPDX-License-Identifier: MIT */
/* sim/bms.h: what a battery management system makes of the truth: sensors, and estimates of health.
 */
#ifndef EVTWIN_SIM_BMS_H
#define EVTWIN_SIM_BMS_H

#include "sim/draw.h"

/* Errors of one pack's system that stay for life. */
typedef struct evtwin__bms {
    double soh_bias_percent, resistance_bias_frac;
    double current_gain_frac, current_offset_A, temperature_bias_K;
} evtwin__bms;

evtwin__bms evtwin__bms_draw(evtwin__dice dice);

/* The true values, pack level. */
typedef struct evtwin__bms_input {
    double age_days;
    double soc_frac, soh_frac, voltage_V, current_A, temperature_degC;
    double resistance_ohm; /* 10 s, at soc 50 % and 25 degC */
    double cycles, mean_temperature_degC, throughput_Ah;
    int n_series;
} evtwin__bms_input;

/* What it reports. */
typedef struct evtwin__reading {
    double soc_percent, soh_percent, voltage_V, current_A, temperature_degC;
    int64_t charge_cycles;
    double power_W;
    int is_charging;
    double resistance_mohm, mean_temperature_degC, throughput_Ah_per_day; /* NaN = not reported */
} evtwin__reading;

/* sample numbers the readings of a pack: each has its own noise. */
evtwin__reading evtwin__bms_read(const evtwin__bms *bms, evtwin__dice dice, uint64_t sample,
                                 const evtwin__bms_input *in);

#endif
