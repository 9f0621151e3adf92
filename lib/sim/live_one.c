/* SPDX-License-Identifier: MIT */
/* sim/live_one.c: the days of one pack from new to its end, and what its BMS says at moments of
 * them. */

#include "sim/lives.h"

#include "sim/ecm.h"
#include "sim/fleet_spread.h"

#include <math.h>

#define DAYS_PER_YEAR 365.2425
#define AMPERE_SECONDS_PER_Ah 3600.0

/* Cars report while they do something: of the records 45 % are taken while driving, 35 % while
 * charging (driving, on days without a night's charge), 20 % while parked. */
#define DRIVE_SHARE 0.45
#define CHARGE_SHARE 0.35

/* Hours of a day in which the trips lie after their start, and in which a night's charge lies. */
#define TRIP_HOURS 10.0
#define PLUG_IN_HOUR 21.0
#define CHARGE_HOURS 2.5

/* The contract's currents are those of 46 reference cells in parallel. */
#define REFERENCE_PARALLEL_Ah (46 * 5.1532)

/* A moment within a day: when, how far the day's way is done, what flows. */
typedef struct moment {
    double hour, progress, soc_frac;
    double current_A; /* of the reference pack */
} moment;

/* State of charge after a share of the day's way, with the charges on the way. */
static double soc_on_the_way(const evtwin__traits *t, const evtwin__life_day *d, double progress,
                             double soh_frac) {
    const double soc = d->start_frac - progress * d->plan.cycles / soh_frac;
    if (soc >= t->plug_frac) {
        return soc;
    }
    const double span = t->charge_limit_frac - t->plug_frac;
    return t->charge_limit_frac - fmod(t->plug_frac - soc, span);
}

static moment draw_moment(const evtwin__traits *t, evtwin__dice dice, uint64_t day,
                          const evtwin__life_day *d, double soh_frac) {
    const evtwin__rng_stream use = EVTWIN__RNG_USE;
    const double kind = evtwin__draw_uniform(dice, use, EVTWIN__DRAW_MOMENT, day, 0);
    const double where = evtwin__draw_uniform(dice, use, EVTWIN__DRAW_MOMENT, day, 1);
    const double level = evtwin__draw_uniform(dice, use, EVTWIN__DRAW_MOMENT_STATE, day, 0);

    if (kind >= DRIVE_SHARE + CHARGE_SHARE) {
        return (moment){.hour = where * d->plan.start_hour, .soc_frac = d->start_frac};
    }
    if (kind >= DRIVE_SHARE && d->charges_at_night) {
        return (moment){
            .hour = PLUG_IN_HOUR + where * CHARGE_HOURS,
            .progress = 1.0,
            .soc_frac = d->end_frac + where * (d->night_frac - d->end_frac),
            .current_A =
                -(EVTWIN__CHARGE_MIN_A + level * (EVTWIN__CHARGE_MAX_A - EVTWIN__CHARGE_MIN_A)),
        };
    }
    return (moment){
        .hour = d->plan.start_hour + where * TRIP_HOURS,
        .progress = where,
        .soc_frac = soc_on_the_way(t, d, where, soh_frac),
        .current_A = EVTWIN__DRIVE_MIN_A + level * (EVTWIN__DRIVE_MAX_A - EVTWIN__DRIVE_MIN_A),
    };
}

static double between(double a, double b, double f) {
    return a + f * (b - a);
}

/* What the pack is and what its BMS says at a moment between two mornings. */
static void take_record(const evtwin__life_task *task, const evtwin__traits *t,
                        const evtwin__bms *bms, evtwin__dice dice, uint64_t day,
                        const evtwin__life *before, const evtwin__life *after,
                        const evtwin__life_day *d, uint64_t sample, evtwin__record *out) {
    const evtwin_cell *cell = task->cell;
    const double soh_before = evtwin__life_soh(cell, before);
    const moment m = draw_moment(t, dice, day, d, soh_before);
    const double f = m.hour / 24.0;

    out->age_days = before->age_days + f;
    out->cycles = between(before->cycles, after->cycles, m.progress);
    out->soh_frac = between(soh_before, evtwin__life_soh(cell, after), f);
    out->resistance_ratio =
        between(evtwin__life_r10_ratio(cell, before), evtwin__life_r10_ratio(cell, after), f);
    out->has_defect = before->has_defect;

    /* quasi-steady: temperature from the heat at the air's temperature, then all at that
     * temperature */
    const double r0_ratio = t->resistance_factor * evtwin__life_r0_ratio(cell, before);
    const double cell_A = m.current_A * cell->capacity_Ah / REFERENCE_PARALLEL_Ah;
    const double air = evtwin__air_degC(t, dice, task->start_days + (double)day + f);
    const double k = evtwin__thermal_resistance_K_W(&cell->thermal);
    const double warm =
        air + k * evtwin__ecm_steady_at(cell, m.soc_frac, air, cell_A, r0_ratio).heat_W;
    const evtwin__ecm_steady s = evtwin__ecm_steady_at(cell, m.soc_frac, warm, cell_A, r0_ratio);

    const double as_built_Ah = cell->capacity_Ah * t->capacity_factor * task->n_parallel;
    const double as_built_ohm =
        t->resistance_factor * evtwin__cell_r10_ohm(cell, 1.0) * task->n_series / task->n_parallel;
    const evtwin__bms_input in = {
        .age_days = out->age_days,
        .soc_frac = m.soc_frac,
        .soh_frac = out->soh_frac,
        .voltage_V = task->n_series * s.voltage_V,
        .current_A = task->n_parallel * s.current_A,
        .temperature_degC = air + k * s.heat_W,
        .resistance_ohm = as_built_ohm * out->resistance_ratio,
        .cycles = out->cycles,
        .mean_temperature_degC =
            between(before->temperature_degC_days, after->temperature_degC_days, f) / out->age_days,
        .throughput_Ah = out->cycles * as_built_Ah,
        .n_series = task->n_series,
    };
    out->reading = evtwin__bms_read(bms, dice, sample, &in);
}

/* Share of the day at which a falling value crossed a limit; beyond 1 if it did not. */
static double crossing(double before, double after, double limit) {
    if (before <= limit) {
        return 0.0;
    }
    return after < limit ? (before - limit) / (before - after) : 2.0;
}

/* The share of the day at which the pack reached its end of life, which fills the outcome; beyond 1
 * if it did not. */
static double end_of_life(const evtwin__life_task *task, const evtwin__life *before,
                          const evtwin__life *after, evtwin__outcome *out) {
    const evtwin_cell *cell = task->cell;
    const double by_capacity =
        crossing(evtwin__life_soh(cell, before), evtwin__life_soh(cell, after),
                 0.01 * task->life->eol_soh_percent);
    const double by_resistance =
        crossing(-evtwin__life_r10_ratio(cell, before), -evtwin__life_r10_ratio(cell, after),
                 -task->life->eol_resistance_ratio);
    const double f = by_capacity <= by_resistance ? by_capacity : by_resistance;
    if (f <= 1.0) {
        out->eol_cycles = between(before->cycles, after->cycles, f);
        out->by_capacity = by_capacity <= by_resistance;
    }
    return f;
}

void evtwin__live(const evtwin__life_task *task, evtwin__dice dice, evtwin__record *records,
                  evtwin__outcome *out) {
    const evtwin__traits t = evtwin__traits_draw(dice, task->cell->spread_scale);
    const evtwin__bms bms = evtwin__bms_draw(dice);
    evtwin__life life = evtwin__life_new(&t);
    *out = (evtwin__outcome){.eol_cycles = NAN};

    const double max_days = task->life->max_years * DAYS_PER_YEAR;
    double next_record_day = task->life->record_every_days;
    int ended = 0;
    for (uint64_t day = 0; (double)day < max_days && !ended; day++) {
        const evtwin__life before = life;
        const evtwin__life_day d = evtwin__life_step(task->cell, &t, dice, day,
                                                     task->start_days + (double)day, 1.0, &life);
        const double end = end_of_life(task, &before, &life, out);
        ended = end <= 1.0;
        if ((double)(day + 1) <= next_record_day || out->n_records == task->max_records) {
            continue;
        }
        next_record_day += task->life->record_every_days;
        evtwin__record *r = &records[out->n_records];
        take_record(task, &t, &bms, dice, day, &before, &life, &d, out->n_records, r);

        /* a record after the end is none */
        if (!ended || (r->cycles < out->eol_cycles && r->age_days <= before.age_days + end)) {
            out->n_records++;
        }
    }
    out->last_cycles = ended ? out->eol_cycles : life.cycles;
    out->has_defect = life.has_defect;
}
