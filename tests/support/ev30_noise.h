/* SPDX-License-Identifier: MIT */
/* tests/support/ev30_noise.h: a table with the header and the marginals of the 30-column training
 * CSV and no signal in it: every value is drawn on its own. The negative control of an honest
 * trainer. */
#ifndef EVTWIN_TEST_EV30_NOISE_H
#define EVTWIN_TEST_EV30_NOISE_H

#include "evtwin/evtwin.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* The rows of the original. */
enum { EV30_ROWS = 175393, EV30_COLUMNS = 29 };

/* Mean, least value, quartiles, greatest value of a column, as published for the original. */
typedef struct ev30_marginal {
    const char *name;
    double mean, min, p25, p50, p75, max;
} ev30_marginal;

static const ev30_marginal ev30_marginals[EV30_COLUMNS] = {
    {"SoC", 0.780, 0.000, 0.824, 0.882, 0.941, 1.000},
    {"SoH", 0.882, 0.400, 0.912, 0.941, 0.971, 1.000},
    {"Battery_Voltage", 352.713, 200.001, 355.990, 370.587, 385.263, 399.999},
    {"Battery_Current", -47.892, -199.994, -45.270, -33.518, -21.758, -10.000},
    {"Battery_Temperature", 33.399, 25.000, 27.948, 30.888, 33.826, 59.998},
    {"Charge_Cycles", 217.685, 100.001, 129.489, 158.901, 188.313, 699.997},
    {"Motor_Temperature", 56.027, 40.000, 45.873, 51.757, 57.678, 100.000},
    {"Motor_Vibration", 0.524, 0.200, 0.289, 0.376, 0.465, 2.000},
    {"Motor_Torque", 179.786, 100.000, 129.470, 158.810, 188.025, 399.998},
    {"Motor_RPM", 2235.504, 1500.006, 1646.973, 1793.947, 1941.249, 6000.000},
    {"Power_Consumption", 31.702, 20.000, 22.923, 25.876, 28.810, 80.000},
    {"Brake_Pad_Wear", 0.298, 0.100, 0.159, 0.217, 0.276, 1.000},
    {"Brake_Pressure", 46.036, 30.000, 35.904, 41.759, 47.669, 90.000},
    {"Reg_Brake_Efficiency", 0.819, 0.400, 0.818, 0.862, 0.906, 0.950},
    {"Tire_Pressure", 31.002, 20.000, 30.590, 32.062, 33.535, 35.000},
    {"Tire_Temperature", 32.997, 25.000, 27.937, 30.884, 33.817, 55.000},
    {"Suspension_Load", 195.386, 100.000, 129.281, 159.017, 188.384, 499.989},
    {"Ambient_Temperature", 14.107, -10.000, 11.745, 16.184, 20.579, 25.000},
    {"Ambient_Humidity", 47.115, 30.000, 35.864, 41.761, 47.652, 94.999},
    {"Load_Weight", 899.623, 500.001, 647.084, 793.027, 940.973, 1999.972},
    {"Driving_Speed", 58.254, 40.000, 45.906, 51.777, 57.669, 119.998},
    {"Distance_Traveled", 15.427, 0.000, 2.938, 5.882, 8.790, 100.000},
    {"Idle_Time", 1.554, 0.000, 0.294, 0.587, 0.882, 9.999},
    {"Route_Roughness", 0.297, 0.100, 0.159, 0.218, 0.276, 1.000},
    {"RUL", 216.366, 0.000, 211.700, 241.127, 270.517, 300.000},
    {"Failure_Probability", 0.099, 0.0, 0.0, 0.0, 0.0, 1.0},
    {"Maintenance_Type", 0.498, 0.0, 0.0, 0.0, 1.0, 3.0},
    {"TTF", 129.724, 0.000, 111.816, 141.216, 170.508, 199.999},
    {"Component_Health_Score", 0.744, 0.000, 0.735, 0.823, 0.912, 1.000},
};

/* SplitMix64: the draw of one cell depends on seed, row and column only. */
static inline double ev30_uniform(uint64_t seed, uint64_t row, uint64_t col) {
    uint64_t z = seed * 0x9E3779B97F4A7C15u + (row * EV30_COLUMNS + col + 1) * 0xD1342543DE82EF95u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return ((double)(z >> 11) + 0.5) * 0x1p-53;
}

/* 85 % uniform around the quartiles and 15 % uniform at the far end of the side where the quartiles
 * leave room, as wide as the mean wants it. */
static inline double ev30_quantile(const ev30_marginal *m, double u) {
    const double step = m->p75 - m->p50;
    const int tail_is_low = fabs(m->p75 + step - m->max) < fabs(m->p25 - step - m->min);
    const double low = tail_is_low ? m->p25 - 0.4 * step : m->min;
    const double high = tail_is_low ? m->max : m->p75 + 0.4 * step;
    const double tail_mean = (m->mean - 0.85 * 0.5 * (low + high)) / 0.15;
    if (tail_is_low) {
        return u < 0.15 ? m->min + 2.0 * (tail_mean - m->min) * u / 0.15
                        : low + (high - low) * (u - 0.15) / 0.85;
    }
    return u < 0.85 ? low + (high - low) * u / 0.85
                    : m->max - 2.0 * (m->max - tail_mean) * (1.0 - u) / 0.15;
}

static inline double ev30_value(size_t col, double u) {
    const ev30_marginal *m = &ev30_marginals[col];
    if (strcmp(m->name, "Failure_Probability") == 0) {
        return u < 0.099;
    }
    if (strcmp(m->name, "Maintenance_Type") == 0) {
        return u < 0.70 ? 0.0 : u < 0.85 ? 1.0 : u < 0.95 ? 2.0 : 3.0;
    }
    return round(ev30_quantile(m, u) * 1e6) / 1e6;
}

/* A row every 15 minutes from 2020-01-01. The caller frees *out. */
static inline evtwin_status ev30_noise(size_t rows, uint64_t seed, evtwin_table **out) {
    evtwin_table *table;
    size_t col;
    evtwin_status st;
    if ((st = evtwin_table_create(&table)) < 0) {
        return st;
    }
    if ((st = evtwin_table_resize(table, rows)) < 0 ||
        (st = evtwin_table_add_column(table, "Timestamp", EVTWIN_TIME, NULL, &col)) < 0) {
        evtwin_table_free(table);
        return st;
    }
    int64_t *time_us = evtwin_table_i64_edit(table, col);
    for (size_t r = 0; r < rows; r++) {
        time_us[r] = INT64_C(1577836800000000) + (int64_t)r * 900 * 1000000;
    }
    for (size_t i = 0; i < EV30_COLUMNS; i++) {
        const char *unit = "";
        size_t quantity;
        evtwin_quantity_find(ev30_marginals[i].name, &quantity, &unit, NULL);
        if ((st = evtwin_table_add_column(table, ev30_marginals[i].name, EVTWIN_F64, unit, &col)) <
            0) {
            evtwin_table_free(table);
            return st;
        }
        double *v = evtwin_table_f64_edit(table, col);
        for (size_t r = 0; r < rows; r++) {
            v[r] = ev30_value(i, ev30_uniform(seed, r, i));
        }
    }
    *out = table;
    return EVTWIN_OK;
}

#endif
