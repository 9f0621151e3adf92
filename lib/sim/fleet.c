/* SPDX-License-Identifier: MIT */
/* sim/fleet.c: a simulator whatever its cell model: options, names, time, telemetry, truth. */

#include "sim/fleet.h"

#include "evtwin/telemetry.h"

#include "core/binding.h"
#include "core/dict.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* 2024-01-01T00:00:00Z, and the last second of the year 9899: a run to failure may follow. */
#define DEFAULT_START_us INT64_C(1704067200000000)
#define MAX_START_us INT64_C(250246713599000000)

#define MAX_VOLTAGE_V 2000.0
#define MAX_CURRENT_A 5000.0
#define MAX_DURATION_S 1e10
#define MAX_CLOCK_S 1e12
#define MAX_FIRST_SEQ (INT64_C(1) << 62)

/* What is simulated again at a start: about six seconds of one core. */
static const double max_steps_again = 5e7; /* of LANES packs each */

enum { MAX_PACKS = 10000000, MAX_CELLS = 10000, MAX_THREADS = 256, MAX_DIGITS = 9 };

static const evtwin__fleet_model *const models[] = {
    [EVTWIN_SIM_ECM] = &evtwin__fleet_ecm,
    [EVTWIN_SIM_CLASSIC] = &evtwin__fleet_classic,
};

/* ---- options ---- */

evtwin_status evtwin_sim_options_init(evtwin_sim_options *options, size_t size) {
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
    return evtwin__options_init(options, size, &defaults, sizeof defaults);
}

evtwin_status evtwin__domains_check(const evtwin__domain *d, size_t n) {
    for (size_t i = 0; i < n; i++) {
        EVTWIN_FAIL_IF(!(d[i].value >= d[i].min && d[i].value <= d[i].max), EVTWIN_E_ARG,
                       "%s is %g, outside [%g, %g]", d[i].name, d[i].value, d[i].min, d[i].max);
    }
    return EVTWIN_OK;
}

/* Check what the caller gave; *o gets every default filled in. */
static evtwin_status check_options(const evtwin_sim_options *options, evtwin_sim_options *o) {
    EVTWIN_FAIL_IF(options == NULL, EVTWIN_E_ARG, "options is NULL");
    evtwin_sim_options_init(o, sizeof *o);
    EVTWIN_TRY(evtwin__options_merge(o, sizeof *o, options, "evtwin_sim_options_init"));
    if (isnan(o->final_soh_percent)) {
        o->final_soh_percent = o->initial_soh_percent;
    }
    if (o->battery_id == NULL) {
        o->battery_id = "BATTERY_001";
    }

    const evtwin__domain domain[] = {
        {"model", (double)o->model, 0.0, sizeof models / sizeof models[0] - 1},
        {"use", (double)o->use, EVTWIN_USE_CYCLE, EVTWIN_USE_DAILY},
        {"n_packs", (double)o->n_packs, 1.0, MAX_PACKS},
        {"n_series", o->n_series, 1.0, MAX_CELLS},
        {"n_parallel", o->n_parallel, 1.0, MAX_CELLS},
        {"n_threads", o->n_threads, 0.0, MAX_THREADS},
        {"initial_soc_percent", o->initial_soc_percent, 0.0, 100.0},
        {"initial_soh_percent", o->initial_soh_percent, 30.0, 100.0},
        {"final_soh_percent", o->final_soh_percent, 30.0, 100.0},
        {"initial_temperature_degC", o->initial_temperature_degC, -40.0, 80.0},
        {"initial_cycles", o->initial_cycles, 0.0, 1e6},
        {"step_s", o->step_s, 0.001, 60.0},
        {"without_defects", o->without_defects, 0.0, 1.0},
    };
    EVTWIN_TRY(evtwin__domains_check(domain, sizeof domain / sizeof domain[0]));
    EVTWIN_FAIL_IF(o->start_time_us < 0 || o->start_time_us > MAX_START_us, EVTWIN_E_ARG,
                   "start_time_us is %lld, outside the years 1970 to 9899",
                   (long long)o->start_time_us);
    EVTWIN_FAIL_IF(!evtwin_battery_id_is_valid(o->battery_id), EVTWIN_E_ARG,
                   "battery_id '%.64s' is not 1 to 50 characters of A-Z a-z 0-9 . _ : -",
                   o->battery_id);
    EVTWIN_FAIL_IF(o->cell != NULL && o->n_series * o->cell->v_max_V > MAX_VOLTAGE_V, EVTWIN_E_ARG,
                   "n_series is %d: %g V, above the limit of telemetry, %g V", o->n_series,
                   o->n_series * o->cell->v_max_V, MAX_VOLTAGE_V);
    return EVTWIN_OK;
}

/* The n ids that count on from the first. */
static evtwin_status make_ids(const char *first, size_t n, char (*out)[EVTWIN__ID_SIZE]) {
    /* the last digits are the number to count on from; an id without gets one from the second pack
     * on */
    const size_t length = strlen(first);
    size_t stem = length;
    while (stem > 0 && length - stem < MAX_DIGITS && first[stem - 1] >= '0' &&
           first[stem - 1] <= '9') {
        stem--;
    }
    const int has_number = stem < length;
    const int width = has_number ? (int)(length - stem) : 3;
    int64_t number = 1;
    if (has_number) {
        evtwin__parse_i64(first + stem, length - stem, &number);
    }

    snprintf(out[0], sizeof out[0], "%s", first);
    for (size_t i = 1; i < n; i++) {
        const int written =
            snprintf(out[i], sizeof out[i], "%.*s%s%0*lld", (int)stem, first, has_number ? "" : "_",
                     width, (long long)number + (long long)i);
        EVTWIN_FAIL_IF(written < 0 || (size_t)written >= sizeof out[i], EVTWIN_E_ARG,
                       "battery_id '%s': that of pack %zu is longer than %d characters", first,
                       i + 1, EVTWIN__ID_SIZE - 1);
    }
    return EVTWIN_OK;
}

/* ---- making ---- */

static evtwin_status fill(const evtwin_sim_options *options, evtwin_sim *sim) {
    evtwin_sim_options *o = &sim->options;
    EVTWIN_TRY(check_options(options, o));
    sim->model = models[o->model];
    sim->dt_s = sim->model->fixed_step_s > 0.0 ? sim->model->fixed_step_s : o->step_s;
    sim->n_packs = o->n_packs;
    sim->start_days = (double)o->start_time_us / EVTWIN__US_PER_DAY;
    EVTWIN_TRY(evtwin__cell_copy(o->cell, &sim->cell));
    sim->ids = evtwin__calloc(sim->n_packs, sizeof *sim->ids);
    EVTWIN_FAIL_IF(sim->ids == NULL, EVTWIN_E_NOMEM, "no memory for the names of %zu packs",
                   sim->n_packs);
    return make_ids(o->battery_id, sim->n_packs, sim->ids);
}

evtwin_status evtwin__fleet_create(const evtwin_sim_options *options, evtwin_sim **out) {
    evtwin_sim *sim = evtwin__calloc_aligned(1, sizeof *sim);
    EVTWIN_FAIL_IF(sim == NULL, EVTWIN_E_NOMEM, "no memory for a simulator");
    const evtwin_status st = fill(options, sim);
    if (st < 0) {
        evtwin_sim_free(sim);
        return st;
    }
    *out = sim;
    return EVTWIN_OK;
}

evtwin_status evtwin_sim_create(const evtwin_sim_options *options, evtwin_sim **out) {
    EVTWIN_FAIL_IF(out == NULL, EVTWIN_E_ARG, "out is NULL");
    evtwin_sim *sim = NULL;
    EVTWIN_TRY(evtwin__fleet_create(options, &sim));
    const char *trace = sim->options.drive_cycle;
    evtwin_status st = EVTWIN_OK;
    if ((trace != NULL && (st = evtwin__drive_cycle_load(trace, &sim->drive_cycle)) < 0) ||
        (st = sim->model->create(sim)) < 0) {
        evtwin_sim_free(sim);
        return st;
    }

    /* borrowed from the caller, and done with */
    sim->options.cell = NULL;
    sim->options.battery_id = NULL;
    sim->options.drive_cycle = NULL;
    *out = sim;
    return EVTWIN_OK;
}

void evtwin_sim_free(evtwin_sim *sim) {
    if (sim == NULL) {
        return;
    }
    evtwin__drive_cycle_free(&sim->drive_cycle);
    evtwin__free(sim->ids);
    evtwin__free(sim->classic);
    evtwin__free(sim->packs);
    evtwin__free_aligned(sim->blocks);
    evtwin__free_aligned(sim);
}

size_t evtwin_sim_packs(const evtwin_sim *sim) {
    return sim != NULL ? sim->n_packs : 0;
}

const char *evtwin_sim_battery_id(const evtwin_sim *sim, size_t pack) {
    return sim != NULL && pack < sim->n_packs ? sim->ids[pack] : NULL;
}

/* ---- time ---- */

double evtwin_sim_time_s(const evtwin_sim *sim) {
    return sim != NULL ? evtwin__step_time_s(sim, sim->step) : (double)NAN;
}

evtwin_status evtwin_sim_advance(evtwin_sim *sim, double duration_s) {
    EVTWIN_FAIL_IF(sim == NULL, EVTWIN_E_ARG, "sim is NULL");
    EVTWIN_FAIL_IF(!(duration_s >= 0.0 && duration_s <= MAX_DURATION_S), EVTWIN_E_ARG,
                   "duration_s is %g, outside [0, %g]", duration_s, MAX_DURATION_S);

    /* whole steps of one grid, however the time is cut into calls; a millionth of a step is
     * rounding */
    const double pending_s = sim->pending_s + duration_s;
    const double n = floor(pending_s / sim->dt_s + 1e-6);
    const int64_t until = sim->step + (int64_t)n;
    EVTWIN_TRY(sim->model->advance(sim, until));
    sim->step = until;
    sim->pending_s = pending_s - n * sim->dt_s;
    return EVTWIN_OK;
}

evtwin_status evtwin_sim_set_current(evtwin_sim *sim, const double *current_A, size_t n_packs) {
    EVTWIN_FAIL_IF(sim == NULL, EVTWIN_E_ARG, "sim is NULL");
    EVTWIN_FAIL_IF(sim->model->set_current == NULL, EVTWIN_E_UNSUPPORTED,
                   "the %s model has no current to set", sim->model->name);
    EVTWIN_FAIL_IF(current_A != NULL && n_packs != sim->n_packs, EVTWIN_E_ARG,
                   "%zu currents for %zu packs", n_packs, sim->n_packs);
    for (size_t i = 0; current_A != NULL && i < n_packs; i++) {
        EVTWIN_FAIL_IF(!(fabs(current_A[i]) <= MAX_CURRENT_A), EVTWIN_E_ARG,
                       "current_A[%zu] is %g, outside [%g, %g]", i, current_A[i], -MAX_CURRENT_A,
                       MAX_CURRENT_A);
    }
    sim->by_hand = current_A != NULL;
    sim->model->set_current(sim, current_A);
    return EVTWIN_OK;
}

/* ---- telemetry ---- */

/* Fill rows first_row … with one reading each. */
static evtwin_status fill_rows(evtwin_sim *sim, int64_t time_us, size_t first_row,
                               const evtwin__columns *columns, evtwin_table *table) {
    for (size_t i = 0; i < sim->n_packs; i++) {
        evtwin__reading r = sim->model->read(sim, i);
        r.time_us = time_us;
        r.seq = (int64_t)(sim->n_readings * sim->n_packs + i);
        r.sim_time_s = evtwin_sim_time_s(sim);
        EVTWIN_TRY(evtwin_table_intern(table, columns->at[EVTWIN__Q_BATTERY_ID], sim->ids[i],
                                       &r.battery_code));
        EVTWIN_TRY(evtwin__row_write(table, columns, first_row + i, &r));
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_sim_read(evtwin_sim *sim, int64_t time_us, evtwin_table *table) {
    EVTWIN_FAIL_IF(sim == NULL, EVTWIN_E_ARG, "sim is NULL");
    EVTWIN_FAIL_IF(table == NULL, EVTWIN_E_ARG, "table is NULL");
    evtwin__columns columns;
    EVTWIN_TRY(evtwin__columns_find(table, EVTWIN__TELEMETRY, &columns));
    const size_t first_row = evtwin_table_rows(table);
    EVTWIN_FAIL_IF(sim->n_packs > SIZE_MAX - first_row, EVTWIN_E_NOMEM, "no room for %zu more rows",
                   sim->n_packs);
    EVTWIN_TRY(evtwin_table_resize(table, first_row + sim->n_packs));
    const evtwin_status st = fill_rows(sim, time_us, first_row, &columns, table);
    if (st < 0) {
        evtwin_table_resize(table, first_row); /* needs no memory, so the text above stays */
        return st;
    }
    sim->n_readings++;
    return EVTWIN_OK;
}

/* ---- going on from what was recorded ---- */

/* A number that can be, else NaN. */
static double number_at(const evtwin__binding *b, size_t q, size_t row) {
    evtwin__value v;
    const int can_be =
        evtwin__binding_get(b, q, row, &v) >= 0 && evtwin__value_check_range(q, &v) >= 0;
    return can_be ? evtwin__value_number(q, &v) : NAN;
}

static int64_t count_at(const evtwin__binding *b, size_t q, size_t row) {
    evtwin__value v;
    const int is_known = evtwin__binding_get(b, q, row, &v) >= 0 && v.is_present &&
                         evtwin__value_check_range(q, &v) >= 0;
    return is_known ? v.i64 : -1;
}

static evtwin__reading reading_at(const evtwin__binding *b, size_t row) {
    evtwin__reading r = {
        .time_us = count_at(b, EVTWIN__Q_TIME, row),
        .seq = count_at(b, EVTWIN__Q_SEQ, row),
        .sim_time_s = number_at(b, EVTWIN__Q_SIM_TIME_S, row),
        .soc_percent = number_at(b, EVTWIN__Q_SOC, row),
        .soh_percent = number_at(b, EVTWIN__Q_SOH, row),
        .voltage_V = number_at(b, EVTWIN__Q_VOLTAGE, row),
        .current_A = number_at(b, EVTWIN__Q_CURRENT, row),
        .temperature_degC = number_at(b, EVTWIN__Q_TEMPERATURE, row),
        .charge_cycles = count_at(b, EVTWIN__Q_CHARGE_CYCLES, row),
        .resistance_mohm = number_at(b, EVTWIN__Q_RESISTANCE_MOHM, row),
        .mean_temperature_degC = number_at(b, EVTWIN__Q_MEAN_TEMPERATURE, row),
        .throughput_Ah_per_day = number_at(b, EVTWIN__Q_THROUGHPUT_AH_PER_DAY, row),
    };
    r.is_charging = r.current_A < 0.0 || number_at(b, EVTWIN__Q_IS_CHARGING, row) > 0.0;
    return r;
}

/* Of a pack that goes on as it is, or of a new one, at the fleet's time. */
static const evtwin__reading nothing_known = {.soc_percent = NAN,
                                              .soh_percent = NAN,
                                              .voltage_V = NAN,
                                              .current_A = NAN,
                                              .temperature_degC = NAN,
                                              .charge_cycles = -1,
                                              .resistance_mohm = NAN,
                                              .mean_temperature_degC = NAN,
                                              .throughput_Ah_per_day = NAN};

/* The newest row of each pack; SIZE_MAX for one that has none. */
static evtwin_status find_newest(const evtwin_sim *sim, const evtwin__binding *b, size_t *newest) {
    evtwin__dict ids = {.n = 0};
    evtwin_status st = EVTWIN_OK;
    int32_t pack;
    for (size_t i = 0; i < sim->n_packs && st >= 0; i++) {
        newest[i] = SIZE_MAX;
        st = evtwin__dict_intern(&ids, sim->ids[i], strlen(sim->ids[i]), &pack);
    }
    for (size_t row = 0; row < b->rows && st >= 0; row++) {
        evtwin__value id;
        if (evtwin__binding_get(b, EVTWIN__Q_BATTERY_ID, row, &id) < 0 || !id.is_present ||
            (pack = evtwin__dict_find(&ids, id.text, strlen(id.text))) < 0) {
            continue;
        }
        const size_t before = newest[pack];
        const int64_t time_us = count_at(b, EVTWIN__Q_TIME, row);
        const int64_t other_us = before != SIZE_MAX ? count_at(b, EVTWIN__Q_TIME, before) : 0;
        if (before == SIZE_MAX || time_us > other_us ||
            (time_us == other_us &&
             count_at(b, EVTWIN__Q_SEQ, row) > count_at(b, EVTWIN__Q_SEQ, before))) {
            newest[pack] = row;
        }
    }
    evtwin__dict_free(&ids);
    return st;
}

/* The clock and the numbers of records go on behind the last of them. */
static void resume_clock(evtwin_sim *sim, const evtwin__binding *b, const size_t *newest) {
    double time_s = 0.0;
    int64_t seq = -1;
    for (size_t i = 0; i < sim->n_packs; i++) {
        if (newest[i] == SIZE_MAX) {
            continue;
        }
        const evtwin__reading r = reading_at(b, newest[i]);
        time_s = r.sim_time_s > time_s && r.sim_time_s <= MAX_DURATION_S ? r.sim_time_s : time_s;
        seq = r.seq > seq && r.seq <= INT64_MAX / 2 ? r.seq : seq;
    }
    sim->step = (int64_t)nearbyint(time_s / sim->dt_s);
    sim->n_readings = seq >= 0 ? (uint64_t)seq / sim->n_packs + 1 : 0;
}

evtwin_status evtwin_sim_resume(evtwin_sim *sim, const evtwin_table *rows, size_t *n_packs_out) {
    EVTWIN_FAIL_IF(sim == NULL || rows == NULL, EVTWIN_E_ARG, "sim or rows is NULL");
    EVTWIN_FAIL_IF(sim->step != 0 || sim->pending_s != 0.0 || sim->n_readings != 0, EVTWIN_E_STATE,
                   "the simulator has been advanced or read");
    evtwin__binding b;
    EVTWIN_TRY(evtwin__bind(rows, EVTWIN__TELEMETRY, &b));
    EVTWIN_FAIL_IF(b.bound[EVTWIN__Q_BATTERY_ID].col == EVTWIN_NO_COLUMN, EVTWIN_E_SCHEMA,
                   "the table lacks the column battery_id");
    size_t *newest = evtwin__calloc(sim->n_packs, sizeof *newest), n = 0;
    EVTWIN_FAIL_IF(newest == NULL, EVTWIN_E_NOMEM, "no memory for %zu packs", sim->n_packs);
    const evtwin_status st = find_newest(sim, &b, newest);
    if (st >= 0) {
        resume_clock(sim, &b, newest);
    }
    for (size_t i = 0; i < sim->n_packs && st >= 0; i++) {
        const int is_known = newest[i] != SIZE_MAX;
        const evtwin__reading r = is_known ? reading_at(&b, newest[i]) : nothing_known;
        n += (size_t)is_known;
        sim->model->resume(sim, i, &r);
    }
    evtwin__free(newest);
    if (st >= 0 && n_packs_out != NULL) {
        *n_packs_out = n;
    }
    return st;
}

/* ---- going on behind an earlier run ---- */

static void leap_to(evtwin_sim *sim, int64_t step) {
    evtwin__log(
        EVTWIN_LOG_WARNING,
        "sim: %.0f h are too long to simulate again: the packs continue in their present state",
        evtwin__step_time_s(sim, step - sim->step) / 3600.0);
    sim->step = step;
    sim->pending_s = 0.0;
    for (size_t i = 0; i < sim->n_packs; i++) {
        sim->model->resume(sim, i, &nothing_known);
    }
}

evtwin_status evtwin_sim_go_on(evtwin_sim *sim, double time_s, int64_t first_seq) {
    EVTWIN_FAIL_IF(sim == NULL, EVTWIN_E_ARG, "sim is NULL");
    EVTWIN_FAIL_IF(!(time_s >= 0.0 && time_s <= MAX_CLOCK_S), EVTWIN_E_ARG,
                   "time_s is %g, outside [0, %g]", time_s, MAX_CLOCK_S);
    EVTWIN_FAIL_IF(first_seq < 0 || first_seq > MAX_FIRST_SEQ, EVTWIN_E_ARG,
                   "first_seq is %lld, outside [0, 2^62]", (long long)first_seq);
    const double n_blocks = ceil((double)sim->n_packs / EVTWIN__LANES);
    const double left_s = time_s - evtwin_sim_time_s(sim) - sim->pending_s;
    /* a time that was written down in microseconds may be a little before its step */
    const double n_steps = floor(left_s / sim->dt_s + 1e-3), rest_s = left_s - n_steps * sim->dt_s;
    if (n_steps * n_blocks > max_steps_again) {
        leap_to(sim, (int64_t)nearbyint(time_s / sim->dt_s));
    } else if (n_steps >= 0.0 && left_s > 0.0) {
        EVTWIN_TRY(evtwin_sim_advance(sim, n_steps * sim->dt_s + fmax(rest_s, 0.0)));
    }
    const uint64_t n_before = ((uint64_t)first_seq + sim->n_packs - 1) / sim->n_packs;
    sim->n_readings = n_before > sim->n_readings ? n_before : sim->n_readings;
    return EVTWIN_OK;
}

/* ---- truth ---- */

size_t evtwin_sim_truth_count(const evtwin_sim *sim) {
    return sim != NULL ? sim->model->n_truth : 0;
}

const char *evtwin_sim_truth_name(const evtwin_sim *sim, size_t i) {
    return i < evtwin_sim_truth_count(sim) ? sim->model->truth_names[i] : NULL;
}

evtwin_status evtwin_sim_truth(const evtwin_sim *sim, const char *name, double *out,
                               size_t n_packs) {
    EVTWIN_FAIL_IF(sim == NULL, EVTWIN_E_ARG, "sim is NULL");
    EVTWIN_FAIL_IF(name == NULL, EVTWIN_E_ARG, "name is NULL");
    EVTWIN_FAIL_IF(out == NULL, EVTWIN_E_ARG, "out is NULL");
    EVTWIN_FAIL_IF(n_packs != sim->n_packs, EVTWIN_E_ARG,
                   "room for %zu values, the simulator has %zu packs", n_packs, sim->n_packs);
    const evtwin__fleet_model *m = sim->model;
    size_t q = 0;
    while (q < m->n_truth && strcmp(m->truth_names[q], name) != 0) {
        q++;
    }
    if (q == m->n_truth) {
        char has[512] = "";
        for (size_t i = 0, at = 0; i < m->n_truth && at < sizeof has; i++) {
            at += (size_t)snprintf(has + at, sizeof has - at, "%s %s", i > 0 ? "," : "",
                                   m->truth_names[i]);
        }
        EVTWIN_FAIL(EVTWIN_E_NOT_FOUND, "the %s model has no quantity '%.64s'; it has%s", m->name,
                    name, has);
    }
    for (size_t i = 0; i < n_packs; i++) {
        out[i] = m->truth(sim, i, q);
    }
    return EVTWIN_OK;
}
