/* SPDX-License-Identifier: MIT */
/* sim/sensors.h: what a battery management system makes of the truth: sensors, and estimates of
 * health; its readings as rows of a telemetry table. */
#ifndef EVTWIN_SIM_SENSORS_H
#define EVTWIN_SIM_SENSORS_H

#include "core/schema.h"
#include "sim/pack_rng.h"

/* Errors of one pack's system that stay for life. */
typedef struct evtwin__sensors {
    evtwin__pack_rng rng; /* of their noise */
    double soh_bias_percent, resistance_bias_frac;
    double current_gain_frac, current_offset_A, temperature_bias_K;
} evtwin__sensors;

evtwin__sensors evtwin__sensors_sample(evtwin__pack_rng rng);

/* The true values, pack level. */
typedef struct evtwin__sensor_input {
    double age_days;
    double soc_frac, soh_frac, voltage_V, current_A, temperature_degC;
    double resistance_ohm; /* 10 s, at soc 50 % and 25 degC */
    double cycles, mean_temperature_degC, throughput_Ah;
    int n_series;
} evtwin__sensor_input;

/* What it reports; when, and of which battery, is the caller's to fill in. */
typedef struct evtwin__reading {
    int64_t time_us, seq;
    double sim_time_s;
    int32_t battery_code; /* of the battery id in the table's dictionary */
    int is_charging;
    double soc_percent, soh_percent, voltage_V, current_A, temperature_degC;
    int64_t charge_cycles;
    double power_W;
    double resistance_mohm, mean_temperature_degC, throughput_Ah_per_day; /* NaN = not reported */
} evtwin__reading;

/* sample numbers the readings of a pack: each has its own noise. */
evtwin__reading evtwin__sensors_read(const evtwin__sensors *sensors, uint64_t sample,
                                     const evtwin__sensor_input *in);

/* Where a table has each quantity, by its number in the schema; EVTWIN_NO_COLUMN if it does not. */
typedef struct evtwin__columns {
    size_t at[EVTWIN__Q_COUNT];
} evtwin__columns;

/* Find the quantities of these kinds, telemetry among them. EVTWIN_E_SCHEMA naming the first column
 * of a reading that is absent or of another type. */
evtwin_status evtwin__columns_find(const evtwin_table *table, unsigned kinds, evtwin__columns *out);

/* Fill a row that exists. */
evtwin_status evtwin__row_write(evtwin_table *table, const evtwin__columns *columns, size_t row,
                                const evtwin__reading *reading);

#endif
