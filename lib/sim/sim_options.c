/* SPDX-License-Identifier: MIT */
/* sim/sim_options.c: defaults and domains of a simulator's options; the names of its packs. */

#include "sim/fleet.h"

#include "evtwin/telemetry.h"

#include "core/num.h"
#include "core/status.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* 2024-01-01T00:00:00Z, and the last second of the year 9899: a life may still follow. */
#define DEFAULT_START_us INT64_C(1704067200000000)
#define MAX_START_us INT64_C(250246713599000000)

#define MAX_VOLTAGE_V 2000.0
#define MAX_STEP_s 60.0
#define MIN_STEP_s 0.001

enum { MAX_PACKS = 10000000, MAX_CELLS = 10000, MAX_THREADS = 256, MAX_DIGITS = 9 };

evtwin_status evtwin_sim_options_init(evtwin_sim_options *options, size_t size) {
    if (options == NULL || size < sizeof(size_t)) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "options is NULL or its size is %zu", size);
    }
    const evtwin_sim_options defaults = {
        .size = sizeof defaults,
        .model = EVTWIN_SIM_ECM,
        .use = EVTWIN_USE_CYCLE,
        .n_packs = 1,
        .battery_id = "BATTERY_001",
        .n_series = 96,
        .n_parallel = 46,
        .initial_soc_percent = 85.0,
        .initial_soh_percent = 95.0,
        .final_soh_percent = NAN,
        .initial_temperature_degC = 32.0,
        .initial_cycles = 150.0,
        .n_threads = 1,
        .step_s = 1.0,
        .start_time_us = DEFAULT_START_us,
    };
    evtwin__report_copy(options, size, &defaults, sizeof defaults);
    return EVTWIN_OK;
}

static evtwin_status check_between(const char *name, double value, double min, double max) {
    if (!(value >= min && value <= max)) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "%s is %g, outside [%g, %g]", name, value, min, max);
    }
    return EVTWIN_OK;
}

static evtwin_status check_counts(const evtwin_sim_options *o) {
    if (o->model != EVTWIN_SIM_ECM && o->model != EVTWIN_SIM_CLASSIC) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "model is %d, no model", (int)o->model);
    }
    if (o->use != EVTWIN_USE_CYCLE && o->use != EVTWIN_USE_DAILY) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "use is %d, no use", (int)o->use);
    }
    if (o->n_packs < 1 || o->n_packs > MAX_PACKS) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "n_packs is %zu, outside [1, %d]", o->n_packs, MAX_PACKS);
    }
    if (o->n_series < 1 || o->n_series > MAX_CELLS || o->n_parallel < 1 ||
        o->n_parallel > MAX_CELLS) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "n_series %d or n_parallel %d is outside [1, %d]", o->n_series,
                    o->n_parallel, MAX_CELLS);
    }
    if (o->n_threads < 0 || o->n_threads > MAX_THREADS) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "n_threads is %d, outside [0, %d]", o->n_threads, MAX_THREADS);
    }
    if (o->start_time_us < 0 || o->start_time_us > MAX_START_us) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "start_time_us is %lld, outside the years 1970 to 9899",
                    (long long)o->start_time_us);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__sim_options_check(const evtwin_sim_options *options,
                                        evtwin_sim_options *out) {
    if (options == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "options is NULL");
    }
    evtwin_sim_options o;
    evtwin_sim_options_init(&o, sizeof o);
    if (options->size < sizeof(size_t)) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "options.size is %zu: call evtwin_sim_options_init",
                    options->size);
    }
    evtwin__options_copy(&o, sizeof o, options, options->size);
    if (isnan(o.final_soh_percent)) {
        o.final_soh_percent = o.initial_soh_percent;
    }
    if (o.battery_id == NULL) {
        o.battery_id = "BATTERY_001";
    }

    const struct {
        const char *name;
        double value, min, max;
    } range[] = {
        {"initial_soc_percent", o.initial_soc_percent, 0.0, 100.0},
        {"initial_soh_percent", o.initial_soh_percent, 30.0, 100.0},
        {"final_soh_percent", o.final_soh_percent, 30.0, 100.0},
        {"initial_temperature_degC", o.initial_temperature_degC, -40.0, 80.0},
        {"initial_cycles", o.initial_cycles, 0.0, 1e6},
        {"step_s", o.step_s, MIN_STEP_s, MAX_STEP_s},
    };
    evtwin_status st = check_counts(&o);
    for (size_t i = 0; i < sizeof range / sizeof range[0] && st >= 0; i++) {
        st = check_between(range[i].name, range[i].value, range[i].min, range[i].max);
    }
    if (st < 0) {
        return st;
    }
    if (!evtwin_battery_id_is_valid(o.battery_id)) {
        EVTWIN_FAIL(EVTWIN_E_ARG,
                    "battery_id '%.64s' is not 1 to 50 characters of A-Z a-z 0-9 . _ : -",
                    o.battery_id);
    }
    if (o.cell != NULL && o.n_series * o.cell->v_max_V > MAX_VOLTAGE_V) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "n_series is %d: %g V, more than the %g V of telemetry",
                    o.n_series, o.n_series * o.cell->v_max_V, MAX_VOLTAGE_V);
    }
    *out = o;
    return EVTWIN_OK;
}

evtwin_status evtwin__battery_ids_make(const char *first, size_t n, evtwin__battery_id *out) {
    /* the last digits are the number to count on from; an id without gets one from the second pack
     * on */
    const size_t length = strlen(first);
    size_t digits = 0;
    while (digits < length && digits < MAX_DIGITS && first[length - 1 - digits] >= '0' &&
           first[length - 1 - digits] <= '9') {
        digits++;
    }
    const size_t stem = length - digits;
    int64_t number = 1;
    if (digits > 0) {
        evtwin__parse_i64(first + stem, digits, &number);
    }
    const char *joint = digits > 0 ? "" : "_";
    const int width = digits > 0 ? (int)digits : 3;

    snprintf(out[0].text, sizeof out[0].text, "%s", first);
    for (size_t i = 1; i < n; i++) {
        const int written = snprintf(out[i].text, sizeof out[i].text, "%.*s%s%0*lld", (int)stem,
                                     first, joint, width, (long long)number + (long long)i);
        if (written < 0 || (size_t)written >= sizeof out[i].text) {
            EVTWIN_FAIL(EVTWIN_E_ARG,
                        "battery_id '%s': that of pack %zu is longer than %d characters", first,
                        i + 1, EVTWIN__ID_SIZE - 1);
        }
    }
    return EVTWIN_OK;
}
