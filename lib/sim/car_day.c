/* SPDX-License-Identifier: MIT */
/* sim/car_day.c: what a car does at an hour of one of its days: the uses of profile.c without their
 * seconds, so that a record of a moment is like one of a live car at that moment. */

#include "sim/pack.h"

#include "core/vmath.h"
#include "sim/ecm.h"

/* What flows in the mean of many currents. */
#define DRIVE_MEAN_A (0.5 * (EVTWIN__DRIVE_MIN_A + EVTWIN__DRIVE_MAX_A))
#define CHARGE_MEAN_A (0.5 * (EVTWIN__CHARGE_MIN_A + EVTWIN__CHARGE_MAX_A))

/* Longest stretch that is taken as one of constant current and heat. */
#define STRETCH_HOURS 0.05

#define SECONDS_PER_HOUR 3600.0

/* A car on the way through its day, up to the moment that is asked for. */
typedef struct walk {
    const evtwin__wear *wear;
    double until_hour, air_degC, soh_frac, r0_ratio;
    double full_Ah;      /* as built, of a pack of the reference's size: so are all currents */
    double cell_per_ref; /* current of a cell per ampere of that pack */
    double warms_in_h;   /* time constant */
    double hour, soc_frac, cycles, warming_K;
    double request_A; /* 0: parked */
} walk;

static int is_there(const walk *w) {
    return w->hour >= w->until_hour;
}

static evtwin__ecm_steady steady(const walk *w, double request_A) {
    return evtwin__ecm_steady_at(w->wear->cell, w->soc_frac, w->air_degC + w->warming_K,
                                 request_A * w->cell_per_ref, w->r0_ratio);
}

/* Let a current flow for some hours, or up to the moment. */
static void pass(walk *w, double request_A, double hours) {
    const evtwin__ecm_steady s = steady(w, request_A);
    const double passed = fmin(hours, w->until_hour - w->hour);
    const double charge = s.current_A / w->cell_per_ref * passed / w->full_Ah;
    const double warm_K = evtwin__thermal_resistance_K_W(&w->wear->cell->thermal) * s.heat_W;
    w->warming_K = warm_K + (w->warming_K - warm_K) * evtwin__exp(-passed / w->warms_in_h);
    w->soc_frac -= charge / w->soh_frac;
    w->cycles += charge > 0.0 ? charge : 0.0;
    w->hour = passed < hours ? w->until_hour : w->hour + passed;
    w->request_A = request_A;
}

static void park(walk *w, double until_hour) {
    if (until_hour > w->hour && !is_there(w)) {
        pass(w, 0.0, until_hour - w->hour);
    }
}

/* Until the limit, or until the voltage's leaves too little. */
static void charge(walk *w, double limit) {
    const double least_A = EVTWIN__CHARGE_END_PER_H * w->wear->cell->capacity_Ah;
    while (!is_there(w) && w->soc_frac < limit) {
        const double cell_A = -steady(w, -CHARGE_MEAN_A).current_A;
        if (cell_A < least_A) {
            break;
        }
        const double left_Ah = (limit - w->soc_frac) * w->soh_frac * w->full_Ah;
        const double left_h = left_Ah * w->cell_per_ref / cell_A;
        pass(w, -CHARGE_MEAN_A, fmin(left_h * (1.0 + 1e-9), STRETCH_HOURS));
    }
}

/* A trip, with a charge where the car reaches its plug-in level or the voltage limit leaves too
 * little; a car that gets no charge stands. */
static void drive(walk *w, double cycles) {
    const evtwin__variation *v = w->wear->variation;
    const double least_A = EVTWIN__DISCHARGE_END_PER_H * w->wear->cell->capacity_Ah;
    const double end = w->cycles + cycles;
    while (!is_there(w) && w->cycles < end - 1e-9) {
        const double cell_A = steady(w, DRIVE_MEAN_A).current_A;
        const double to_plug = (w->soc_frac - v->plug_frac) * w->soh_frac;
        if (to_plug <= 1e-9 || cell_A < least_A) {
            const double before_frac = w->soc_frac;
            charge(w, v->charge_limit_frac);
            if (w->soc_frac < before_frac + 0.001) {
                break;
            }
            continue;
        }
        const double left_Ah = fmin(end - w->cycles, to_plug) * w->full_Ah;
        const double left_h = left_Ah * w->cell_per_ref / cell_A;
        pass(w, DRIVE_MEAN_A, fmin(left_h * (1.0 + 1e-9), STRETCH_HOURS));
    }
}

/* From full to the contract's low end, or until the voltage limit leaves too little; and back. */
static void cycle(walk *w) {
    const double least_A = EVTWIN__DISCHARGE_END_PER_H * w->wear->cell->capacity_Ah;
    while (!is_there(w) && w->soc_frac > EVTWIN__CYCLE_LOW_FRAC) {
        const double cell_A = steady(w, DRIVE_MEAN_A).current_A;
        if (cell_A < least_A) {
            break;
        }
        const double left_Ah = (w->soc_frac - EVTWIN__CYCLE_LOW_FRAC) * w->soh_frac * w->full_Ah;
        const double left_h = left_Ah * w->cell_per_ref / cell_A;
        pass(w, DRIVE_MEAN_A, fmin(left_h * (1.0 + 1e-9), STRETCH_HOURS));
    }
    charge(w, EVTWIN__CYCLE_HIGH_FRAC);
}

static walk begin(const evtwin__wear *wear, double soc_frac, double hour, double air_degC) {
    const evtwin_cell *cell = wear->cell;
    const evtwin__thermal *t = &cell->thermal;
    const double reference_Ah = EVTWIN__REFERENCE_PARALLEL * EVTWIN__REFERENCE_CELL_Ah;
    const double heat_J_K = t->capacity_J_K + t->boundary_capacity_J_K;
    return (walk){
        .wear = wear,
        .until_hour = hour,
        .air_degC = air_degC,
        .soh_frac = evtwin__wear_soh(wear),
        .r0_ratio = wear->variation->resistance_factor * evtwin__wear_r0_ratio(wear),
        .full_Ah = reference_Ah * wear->variation->capacity_factor,
        .cell_per_ref = cell->capacity_Ah / reference_Ah,
        .warms_in_h = heat_J_K * evtwin__thermal_resistance_K_W(t) / SECONDS_PER_HOUR,
        .soc_frac = soc_frac,
    };
}

/* Where the walk has come to. */
static evtwin__car_moment moment_of(const walk *w, double hour, double progress, double level) {
    const double low = w->request_A > 0.0 ? EVTWIN__DRIVE_MIN_A : EVTWIN__CHARGE_MIN_A;
    const double high = w->request_A > 0.0 ? EVTWIN__DRIVE_MAX_A : EVTWIN__CHARGE_MAX_A;
    const double request_A = low + level * (high - low);
    return (evtwin__car_moment){
        .hour = hour,
        .progress = progress,
        .soc_frac = w->soc_frac,
        .current_A = w->request_A > 0.0   ? request_A
                     : w->request_A < 0.0 ? -request_A
                                          : 0.0,
        .air_degC = w->air_degC,
        .warming_K = w->warming_K,
    };
}

evtwin__car_moment evtwin__cycle_at(const evtwin__wear *morning, double hour, double phase,
                                    double level) {
    walk w = begin(morning, EVTWIN__CYCLE_HIGH_FRAC, INFINITY, EVTWIN__CYCLE_AIR_degC);
    cycle(&w); /* warms up */
    walk next = w;
    cycle(&next);
    w.until_hour = w.hour + phase * (next.hour - w.hour);
    cycle(&w);
    return moment_of(&w, hour, hour / 24.0, level);
}

evtwin__car_moment evtwin__car_at(const evtwin__wear *morning, const evtwin__wear_day *use,
                                  double hour, double level, double air_degC) {
    const evtwin__day *plan = &use->plan;
    walk w = begin(morning, use->start_frac, hour, air_degC);
    park(&w, plan->start_hour);
    drive(&w, 0.5 * plan->cycles);
    park(&w, plan->start_hour + EVTWIN__SECOND_TRIP_HOURS);
    drive(&w, 0.5 * plan->cycles);
    park(&w, EVTWIN__PLUG_IN_HOUR);
    if (plan->plugs_in && !is_there(&w) &&
        w.soc_frac < morning->variation->charge_limit_frac - 0.005) {
        charge(&w, morning->variation->charge_limit_frac);
    }
    park(&w, hour);
    const double progress = plan->cycles > 0.0 ? fmin(w.cycles / plan->cycles, 1.0) : 1.0;
    return moment_of(&w, hour, progress, level);
}
