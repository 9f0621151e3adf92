/* SPDX-License-Identifier: MIT */
/* sim/pack.h: what makes one pack of a fleet itself, how it wears, and what its battery management
 * system reports. */
#ifndef EVTWIN_SIM_PACK_H
#define EVTWIN_SIM_PACK_H

#include "core/rng.h"
#include "core/schema.h"
#include "sim/cell.h"

#include <math.h>
#include <stdint.h>

/* ---- addressable random samples of a fleet: seed, stream, pack, channel, step ---- */

/* What a sample is of: the number of its channel and the RNG stream it belongs to. In one list so
 * that no two share an address; the numbers are part of every simulated byte. */
typedef enum evtwin__channel {
    EVTWIN__CHANNEL_CELL = 0 << 4 | EVTWIN__RNG_BUILD,
    EVTWIN__CHANNEL_RATE = 1 << 4 | EVTWIN__RNG_BUILD,
    EVTWIN__CHANNEL_DISTANCE = 2 << 4 | EVTWIN__RNG_USE,
    EVTWIN__CHANNEL_CHARGING = 3 << 4 | EVTWIN__RNG_USE,
    EVTWIN__CHANNEL_CLIMATE = 4 << 4 | EVTWIN__RNG_USE,
    EVTWIN__CHANNEL_START = 5 << 4 | EVTWIN__RNG_USE,
    EVTWIN__CHANNEL_DEFECT = 6 << 4 | EVTWIN__RNG_DEFECT,
    EVTWIN__CHANNEL_DAY = 7 << 4 | EVTWIN__RNG_USE,
    EVTWIN__CHANNEL_DAY_PLAN = 8 << 4 | EVTWIN__RNG_USE,
    EVTWIN__CHANNEL_WEATHER = 9 << 4 | EVTWIN__RNG_USE,
    EVTWIN__CHANNEL_CURRENT = 10 << 4 | EVTWIN__RNG_USE,
    EVTWIN__CHANNEL_MOMENT = 11 << 4 | EVTWIN__RNG_USE,
    EVTWIN__CHANNEL_MOMENT_STATE = 12 << 4 | EVTWIN__RNG_USE,
    EVTWIN__CHANNEL_SENSOR_BIAS = 13 << 4 | EVTWIN__RNG_SENSOR,
    EVTWIN__CHANNEL_SENSOR_GAIN = 14 << 4 | EVTWIN__RNG_SENSOR,
    EVTWIN__CHANNEL_SENSOR_TEMPERATURE = 15 << 4 | EVTWIN__RNG_SENSOR,
    EVTWIN__CHANNEL_SLOW_SOH = 16 << 4 | EVTWIN__RNG_SENSOR,
    EVTWIN__CHANNEL_SLOW_RESISTANCE = 17 << 4 | EVTWIN__RNG_SENSOR,
    EVTWIN__CHANNEL_SLOW_SOC = 18 << 4 | EVTWIN__RNG_SENSOR,
    EVTWIN__CHANNEL_NOISE_VI = 19 << 4 | EVTWIN__RNG_SENSOR,
    EVTWIN__CHANNEL_NOISE_T = 20 << 4 | EVTWIN__RNG_SENSOR,
    EVTWIN__CHANNEL_CLASSIC_STEP = 21 << 4 | EVTWIN__RNG_CLASSIC,
    EVTWIN__CHANNEL_CLASSIC_NOISE = 22 << 4 | EVTWIN__RNG_CLASSIC
} evtwin__channel;

/* Whose samples: the seed of the fleet and the number of the pack in it. */
typedef struct evtwin__pack_rng {
    uint64_t seed;
    uint32_t pack;
} evtwin__pack_rng;

static inline evtwin__rng_block evtwin__sample_block(evtwin__pack_rng rng, evtwin__channel channel,
                                                     uint64_t step) {
    const unsigned bits = channel;
    return evtwin__rng_at(rng.seed, (evtwin__rng_stream)(bits & 15), rng.pack, bits >> 4, step);
}

/* Two numbers share an address: half is 0 or 1. */
static inline double evtwin__sample_uniform(evtwin__pack_rng rng, evtwin__channel channel,
                                            uint64_t step, int half) {
    return evtwin__rng_uniform(evtwin__sample_block(rng, channel, step), half);
}

static inline double evtwin__sample_normal(evtwin__pack_rng rng, evtwin__channel channel,
                                           uint64_t step, int half) {
    return evtwin__rng_normal(evtwin__sample_block(rng, channel, step), half);
}

/* Uniform between two bounds. */
static inline double evtwin__sample_between(evtwin__pack_rng rng, evtwin__channel channel,
                                            uint64_t step, int half, double low, double high) {
    return low + (high - low) * evtwin__sample_uniform(rng, channel, step, half);
}

/* Continuous noise of mean 0 and deviation 1 at any time t, in units of its correlation time:
 * normal knots at whole t, blended so that the deviation is 1 between them too. */
static inline double evtwin__sample_slow(evtwin__pack_rng rng, evtwin__channel channel, double t) {
    const double knot = floor(t);
    const double f = t - knot;
    const uint64_t step = (uint64_t)(int64_t)knot;
    const double a = evtwin__sample_normal(rng, channel, step, 0);
    const double b = evtwin__sample_normal(rng, channel, step + 1, 0);
    return (a * (1.0 - f) + b * f) / sqrt((1.0 - f) * (1.0 - f) + f * f);
}

/* ---- pack variation: cells, driver, climate, and its days; how far packs differ is written in
 * variation.c ---- */

/* The reference pack is 96s46p of this cell. */
#define EVTWIN__REFERENCE_CELL_Ah 5.1532
#define EVTWIN__REFERENCE_SERIES 96
#define EVTWIN__REFERENCE_PARALLEL 46

/* EVTWIN_USE_CYCLE, the contract's: charged to, discharged to, and in air of. */
#define EVTWIN__CYCLE_HIGH_FRAC 0.99
#define EVTWIN__CYCLE_LOW_FRAC 0.20
#define EVTWIN__CYCLE_AIR_degC 25.0

/* A discharge is over when the voltage limit leaves less than C/20 of it, a charge at C/100: the
 * contract wants 99 %, and an aged cell gets there slowly. */
#define EVTWIN__DISCHARGE_END_PER_H 0.05
#define EVTWIN__CHARGE_END_PER_H 0.01

/* The evening's end, when a parked car is plugged in. */
#define EVTWIN__PLUG_IN_HOUR 21.0

/* The second trip starts so long after the first. */
#define EVTWIN__SECOND_TRIP_HOURS 8.0

/* Currents of the reference pack by the contract: driving, charging. */
#define EVTWIN__DRIVE_MIN_A 50.0
#define EVTWIN__DRIVE_MAX_A 120.0
#define EVTWIN__CHARGE_MIN_A 100.0
#define EVTWIN__CHARGE_MAX_A 150.0

/* From the onset of a defect resistance grows so many times as fast. */
#define EVTWIN__DEFECT_GROWTH 10.0

/* Sampled once from the seed, fixed for life. */
typedef struct evtwin__variation {
    evtwin__pack_rng rng;                      /* for what is sampled later */
    double capacity_factor, resistance_factor; /* as built, against the nominal cell */
    double capacity_rate, resistance_rate;     /* of ageing, against the law */
    double daily_cycles, rest_day_probability;
    double charge_limit_frac, plug_frac, night_plug_probability;
    double climate_K;
    int is_defective;
    double defect_onset_cycles;
} evtwin__variation;

/* spread_scale multiplies every deviation from the nominal pack; 0 also leaves defects out. */
evtwin__variation evtwin__variation_sample(evtwin__pack_rng rng, double spread_scale);

/* What a car does on one day. */
typedef struct evtwin__day {
    double cycles;     /* to drive, equivalent full cycles */
    double start_hour; /* of the first trip */
    int plugs_in;      /* in the evening, though it need not */
} evtwin__day;

evtwin__day evtwin__day_sample(const evtwin__variation *variation, uint64_t day);

/* Air around a car at a time given in days since 1970-01-01T00:00Z, with or without the hour's
 * part. */
double evtwin__air_degC(const evtwin__variation *variation, double date_days);
double evtwin__air_mean_degC(const evtwin__variation *variation, double date_days);

/* ---- wear: the slow state of a pack, advanced by a day of use at a time ---- */

typedef struct evtwin__wear {
    const evtwin_cell *cell;            /* borrowed, as is the next */
    const evtwin__variation *variation; /* of the pack that wears */
    evtwin__ageing ageing;
    double age_days, cycles;      /* equivalent full cycles: discharge / as-built capacity */
    double temperature_degC_days; /* integral of the cell's temperature over the age */
    double soc_frac;              /* at the end of the last macro-step */
    double swing_top_frac;        /* where the discharge in progress began */
    int has_defect;
    double growth_at_onset; /* of the resistance, once has_defect */
} evtwin__wear;

/* A pack as built, charged. */
evtwin__wear evtwin__wear_new(const evtwin_cell *cell, const evtwin__variation *variation);

/* What a macro-step saw, for records taken within it. */
typedef struct evtwin__wear_day {
    evtwin__day plan;
    double start_frac, end_frac; /* state of charge in the morning; after the last trip */
    double night_frac;           /* after the night: above end_frac if the pack charged */
} evtwin__wear_day;

/*
 * One day of use, number `day` of the pack's, at a date; or span_days such days at once, which is
 * how a history is made quickly.
 */
evtwin__wear_day evtwin__wear_step(evtwin__wear *wear, uint64_t day, double date_days,
                                   double span_days);

/* What a car does at a moment of a day. */
typedef struct evtwin__car_moment {
    double hour;
    double progress; /* share of the day's way that is done */
    double soc_frac;
    double current_A;           /* requested, of a pack of the reference's size */
    double air_degC, warming_K; /* of the cell above it */
} evtwin__car_moment;

/* At an hour of the day, in air of this temperature, for a car that was so in the morning; level,
 * in [0, 1], is where in its range the current is. */
evtwin__car_moment evtwin__car_at(const evtwin__wear *morning, const evtwin__wear_day *use,
                                  double hour, double level, double air_degC);

/* The same of a pack that is discharged and charged again and again, as EVTWIN_USE_CYCLE does it;
 * phase, in [0, 1], is the share of the time of one such cycle that has passed. */
evtwin__car_moment evtwin__cycle_at(const evtwin__wear *morning, double hour, double phase,
                                    double level);

/* State of charge where trips would take it to soc_frac: charged on the way where the car reaches
 * its plug-in level. */
double evtwin__soc_on_the_way(const evtwin__variation *variation, double soc_frac);

/* Apply a stress to the pack: ages it and lets a defect set in. */
void evtwin__wear_apply(evtwin__wear *wear, const evtwin__stress *stress);

/* The voltages a stress is described by: open-circuit at rest_frac, and rms over [low, top]. */
void evtwin__stress_voltages(const evtwin_cell *cell, double rest_frac, double low_frac,
                             double top_frac, evtwin__stress *stress);

/* Capacity now / as built. */
double evtwin__wear_soh(const evtwin__wear *wear);

/* R0 now / as built, and the same of the 10 s resistance. */
double evtwin__wear_r0_ratio(const evtwin__wear *wear);
double evtwin__wear_r10_ratio(const evtwin__wear *wear);

/*
 * Age a new pack by its own use until its true SoH is soh_frac, in macro-steps of a fortnight, the
 * last one cut to fit. The past ends about end_days (a date), so that its seasons fit what follows.
 * EVTWIN_E_ARG if the cell set does not age so far.
 */
evtwin_status evtwin__wear_age_to(evtwin__wear *wear, double end_days, double soh_frac);

/* Make the health, and the resistance (R0 now / as built), what they are known to be. A defect has
 * set in if the pack has driven that far. */
void evtwin__wear_set_soh(evtwin__wear *wear, double soh_frac);
void evtwin__wear_set_r0_ratio(evtwin__wear *wear, double r0_ratio);

/* ---- what the battery management system makes of the truth: sensors, estimates of health, rows of
 * a telemetry table ---- */

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

/* The true values that are reported so, but for noise; NaN where there is no report. */
evtwin__sensor_input evtwin__sensors_invert(const evtwin__sensors *sensors, double age_days,
                                            const evtwin__reading *reading);

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
