/* SPDX-License-Identifier: MIT */
/* sim/sensors.c: sensor and estimation errors of a pack's battery management system; its readings
 * as rows of a telemetry table. */

#include "sim/pack.h"

#include "core/num.h"
#include "core/status.h"

#include <stddef.h>

/* Health is estimated: a bias for life, and an error that wanders over weeks. Half a percent each
 * is what good systems reach [typical]. */
#define SOH_BIAS_PERCENT 0.5
#define SOH_SLOW_PERCENT 0.5
#define RESISTANCE_BIAS_FRAC 0.02
#define RESISTANCE_SLOW_FRAC 0.02
#define HEALTH_CORRELATION_DAYS 14.0

/* State of charge: counted charge, corrected at rest; its error wanders over hours [typical]. */
#define SOC_SLOW_PERCENT 0.3
#define SOC_CORRELATION_DAYS 0.1

/* Sensors [typical]: 1.5 mV a cell, so sqrt(n) of it for a pack of n in series; a current sensor
 * with gain and offset; a thermistor. */
#define CELL_VOLTAGE_SIGMA_V 0.0015
#define CURRENT_SIGMA_A 0.05
#define CURRENT_GAIN_SIGMA 0.003
#define CURRENT_OFFSET_SIGMA_A 0.1
#define TEMPERATURE_BIAS_SIGMA_K 0.3
#define TEMPERATURE_SIGMA_K 0.2

/* Resolution of what is reported. */
#define VOLTAGE_LSB_V 0.01
#define CURRENT_LSB_A 0.05
#define TEMPERATURE_LSB_K 0.5
#define PERCENT_LSB 0.1
#define POWER_LSB_W 1e-3
#define RESISTANCE_LSB_mohm 0.1
#define MEAN_TEMPERATURE_LSB_K 0.1
#define THROUGHPUT_LSB_Ah 0.1

/* Below this the system reports no current: an open contactor, not a sensor offset. */
#define CURRENT_DEAD_BAND_A 0.5

/* For the mean throughput a younger pack counts as an hour old. */
#define MIN_AGE_DAYS (1.0 / 24.0)

/* A normal error of deviation sigma. */
static double noise(evtwin__pack_rng rng, evtwin__channel channel, uint64_t sample, int half,
                    double sigma) {
    return sigma * evtwin__sample_normal(rng, channel, sample, half);
}

evtwin__sensors evtwin__sensors_sample(evtwin__pack_rng r) {
    return (evtwin__sensors){
        .rng = r,
        .soh_bias_percent = noise(r, EVTWIN__CHANNEL_SENSOR_BIAS, 0, 0, SOH_BIAS_PERCENT),
        .resistance_bias_frac = noise(r, EVTWIN__CHANNEL_SENSOR_BIAS, 0, 1, RESISTANCE_BIAS_FRAC),
        .current_gain_frac = noise(r, EVTWIN__CHANNEL_SENSOR_GAIN, 0, 0, CURRENT_GAIN_SIGMA),
        .current_offset_A = noise(r, EVTWIN__CHANNEL_SENSOR_GAIN, 0, 1, CURRENT_OFFSET_SIGMA_A),
        .temperature_bias_K =
            noise(r, EVTWIN__CHANNEL_SENSOR_TEMPERATURE, 0, 0, TEMPERATURE_BIAS_SIGMA_K),
    };
}

/* To the nearest multiple of the least significant bit. */
static double quantise(double x, double lsb) {
    return evtwin__round_to(x, nearbyint(1.0 / lsb));
}

static double percent(double x) {
    return evtwin__clamp(quantise(x, PERCENT_LSB), 0.0, 100.0);
}

/* The errors of estimates at an age, in units of their correlation times. */
static double soc_error_percent(const evtwin__sensors *s, double age_days) {
    return SOC_SLOW_PERCENT *
           evtwin__sample_slow(s->rng, EVTWIN__CHANNEL_SLOW_SOC, age_days / SOC_CORRELATION_DAYS);
}

static double soh_error_percent(const evtwin__sensors *s, double age_days) {
    return s->soh_bias_percent +
           SOH_SLOW_PERCENT * evtwin__sample_slow(s->rng, EVTWIN__CHANNEL_SLOW_SOH,
                                                  age_days / HEALTH_CORRELATION_DAYS);
}

static double resistance_error_frac(const evtwin__sensors *s, double age_days) {
    return s->resistance_bias_frac +
           RESISTANCE_SLOW_FRAC * evtwin__sample_slow(s->rng, EVTWIN__CHANNEL_SLOW_RESISTANCE,
                                                      age_days / HEALTH_CORRELATION_DAYS);
}

evtwin__reading evtwin__sensors_read(const evtwin__sensors *sensors, uint64_t sample,
                                     const evtwin__sensor_input *in) {
    const evtwin__pack_rng rng = sensors->rng;
    evtwin__reading r = {0};

    /* estimates */
    r.soc_percent = percent(100.0 * in->soc_frac + soc_error_percent(sensors, in->age_days));
    r.soh_percent = percent(100.0 * in->soh_frac + soh_error_percent(sensors, in->age_days));
    r.resistance_mohm =
        quantise(1e3 * in->resistance_ohm * (1.0 + resistance_error_frac(sensors, in->age_days)),
                 RESISTANCE_LSB_mohm);

    /* sensors */
    const double pack_sigma_V = CELL_VOLTAGE_SIGMA_V * sqrt((double)in->n_series);
    r.voltage_V =
        quantise(in->voltage_V + noise(rng, EVTWIN__CHANNEL_NOISE_VI, sample, 0, pack_sigma_V),
                 VOLTAGE_LSB_V);
    const double current = in->current_A * (1.0 + sensors->current_gain_frac) +
                           sensors->current_offset_A +
                           noise(rng, EVTWIN__CHANNEL_NOISE_VI, sample, 1, CURRENT_SIGMA_A);
    r.current_A = fabs(current) < CURRENT_DEAD_BAND_A ? 0.0 : quantise(current, CURRENT_LSB_A);
    r.temperature_degC =
        quantise(in->temperature_degC + sensors->temperature_bias_K +
                     noise(rng, EVTWIN__CHANNEL_NOISE_T, sample, 0, TEMPERATURE_SIGMA_K),
                 TEMPERATURE_LSB_K);

    /* what follows from them */
    r.charge_cycles = (int64_t)in->cycles;
    r.power_W = quantise(fabs(r.voltage_V * r.current_A), POWER_LSB_W);
    r.is_charging = r.current_A < 0.0;

    /* logs of the life so far */
    const double age = in->age_days > MIN_AGE_DAYS ? in->age_days : MIN_AGE_DAYS;
    r.mean_temperature_degC =
        quantise(in->mean_temperature_degC + sensors->temperature_bias_K, MEAN_TEMPERATURE_LSB_K);
    r.throughput_Ah_per_day =
        quantise(in->throughput_Ah * (1.0 + sensors->current_gain_frac) / age, THROUGHPUT_LSB_Ah);
    return r;
}

evtwin__sensor_input evtwin__sensors_invert(const evtwin__sensors *s, double age_days,
                                            const evtwin__reading *r) {
    const double current_A = (r->current_A - s->current_offset_A) / (1.0 + s->current_gain_frac);
    return (evtwin__sensor_input){
        .age_days = age_days,
        .soc_frac = 0.01 * (r->soc_percent - soc_error_percent(s, age_days)),
        .soh_frac = 0.01 * (r->soh_percent - soh_error_percent(s, age_days)),
        .voltage_V = r->voltage_V,
        .current_A = r->current_A == 0.0 ? 0.0 : current_A,
        .temperature_degC = r->temperature_degC - s->temperature_bias_K,
        .resistance_ohm = 1e-3 * r->resistance_mohm / (1.0 + resistance_error_frac(s, age_days)),
        .cycles = (double)r->charge_cycles,
        .mean_temperature_degC = r->mean_temperature_degC - s->temperature_bias_K,
        .throughput_Ah = r->throughput_Ah_per_day * age_days / (1.0 + s->current_gain_frac),
    };
}

/* ---- rows of a telemetry table ---- */

/* Where a reading has the value of a quantity. Telemetry that is not here stays missing. */
#define AT(member) offsetof(evtwin__reading, member)
static const struct {
    evtwin__quantity_id quantity;
    size_t at;
} reported[] = {
    {EVTWIN__Q_TIME, AT(time_us)},
    {EVTWIN__Q_BATTERY_ID, AT(battery_code)},
    {EVTWIN__Q_SOC, AT(soc_percent)},
    {EVTWIN__Q_SOH, AT(soh_percent)},
    {EVTWIN__Q_VOLTAGE, AT(voltage_V)},
    {EVTWIN__Q_CURRENT, AT(current_A)},
    {EVTWIN__Q_TEMPERATURE, AT(temperature_degC)},
    {EVTWIN__Q_CHARGE_CYCLES, AT(charge_cycles)},
    {EVTWIN__Q_POWER_CONSUMPTION, AT(power_W)},
    {EVTWIN__Q_IS_CHARGING, AT(is_charging)},
    {EVTWIN__Q_SEQ, AT(seq)},
    {EVTWIN__Q_SIM_TIME_S, AT(sim_time_s)},
    {EVTWIN__Q_RESISTANCE_MOHM, AT(resistance_mohm)},
    {EVTWIN__Q_MEAN_TEMPERATURE, AT(mean_temperature_degC)},
    {EVTWIN__Q_THROUGHPUT_AH_PER_DAY, AT(throughput_Ah_per_day)},
};

enum { N_REPORTED = sizeof reported / sizeof reported[0] };

evtwin_status evtwin__columns_find(const evtwin_table *table, unsigned kinds,
                                   evtwin__columns *out) {
    evtwin__columns c;
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        c.at[q] = evtwin__is_of(q, kinds) ? evtwin_table_find(table, evtwin__schema[q].name)
                                          : EVTWIN_NO_COLUMN;
    }
    for (size_t i = 0; i < N_REPORTED; i++) {
        const evtwin__quantity *of = &evtwin__schema[reported[i].quantity];
        const size_t col = c.at[reported[i].quantity];
        EVTWIN_FAIL_IF(col == EVTWIN_NO_COLUMN, EVTWIN_E_SCHEMA, "the table has no column '%s'",
                       of->name);
        EVTWIN_FAIL_IF(evtwin_table_type(table, col) != of->type, EVTWIN_E_SCHEMA,
                       "column '%s' of the table has another type than telemetry", of->name);
    }
    *out = c;
    return EVTWIN_OK;
}

evtwin_status evtwin__row_write(evtwin_table *table, const evtwin__columns *columns, size_t row,
                                const evtwin__reading *reading) {
    for (size_t i = 0; i < N_REPORTED; i++) {
        evtwin_status st = EVTWIN_OK;
        const void *value = (const char *)reading + reported[i].at;
        const size_t col = columns->at[reported[i].quantity];
        switch (evtwin__schema[reported[i].quantity].type) {
        case EVTWIN_F64:
            st = evtwin_table_set_f64(table, col, row, *(const double *)value);
            break;
        case EVTWIN_TIME:
        case EVTWIN_I64:
            st = evtwin_table_set_i64(table, col, row, *(const int64_t *)value);
            break;
        case EVTWIN_BOOL:
            st = evtwin_table_set_bool(table, col, row, *(const int *)value);
            break;
        case EVTWIN_TEXT:
            st = evtwin_table_set_code(table, col, row, *(const int32_t *)value);
            break;
        }
        EVTWIN_TRY(st);
    }
    return EVTWIN_OK;
}
