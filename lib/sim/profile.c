/* SPDX-License-Identifier: MIT */
/* sim/profile.c: what packs do: the contract's discharge and charge, or days of driving and
 * parking. */

#include "sim/fleet.h"

/* A current is sampled anew this often; each pack at its own moment. */
#define CURRENT_SLOT_S 600.0

#define AIR_EVERY_S 900.0

/* No soc reaches these. */
#define NEVER_LOW_FRAC (-1.0)
#define NEVER_HIGH_FRAC 2.0

/* Packs are not in phase: a share of a slot, and of the speed trace, that a pack is ahead. */
static double shift_of(const evtwin__lane *l) {
    return evtwin__sample_uniform(l->pack->variation.rng, EVTWIN__CHANNEL_START, 1, 0);
}

static double time_of(const evtwin__lane *l, int64_t step) {
    return evtwin__step_time_s(l->sim, step);
}

/* First step at or after a time. */
static int64_t step_at(const evtwin__lane *l, double time_s) {
    return (int64_t)ceil(time_s / l->sim->dt_s - 1e-9);
}

/* Step at which an hour of the present day comes; the present one if it is past. */
static int64_t step_of_hour(const evtwin__lane *l, int64_t step, double hour) {
    const double days = evtwin__step_date(l->sim, step);
    const double now_hour = 24.0 * (days - floor(days));
    const double wait_s = 3600.0 * (hour - now_hour);
    return wait_s > 0.0 ? step_at(l, time_of(l, step) + wait_s) : step;
}

/* The slot of constant current a step is in. */
static uint64_t slot_of(const evtwin__lane *l, int64_t step) {
    return (uint64_t)(time_of(l, step) / CURRENT_SLOT_S + shift_of(l) + 1e-9);
}

static int64_t next_slot_step(const evtwin__lane *l, int64_t step) {
    const double slot = (double)(slot_of(l, step) + 1);
    const int64_t next = step_at(l, (slot - shift_of(l)) * CURRENT_SLOT_S);
    return next > step ? next : step + 1;
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Begin a phase that is over beyond these states of charge, or where the voltage limit leaves less
 * than end_per_h of the capacity an hour. */
static void enter(const evtwin__lane *l, evtwin__phase phase, double low_frac, double high_frac,
                  double end_per_h) {
    l->pack->driver.phase = phase;
    l->block->stop_low_frac[l->i] = low_frac;
    l->block->stop_high_frac[l->i] = high_frac;
    l->block->stop_current_A[l->i] = end_per_h * l->sim->cell.capacity_Ah;
}

static void park(const evtwin__lane *l) {
    enter(l, EVTWIN__PHASE_PARK, NEVER_LOW_FRAC, NEVER_HIGH_FRAC, 0.0);
    l->block->request_A[l->i] = 0.0;
}

/* A current for the present slot, one of the two sampled for it; the next is due when it ends. */
static void request(const evtwin__lane *l, int64_t step, int half, double sign, double min_A,
                    double max_A) {
    l->block->request_A[l->i] =
        sign * l->sim->current_scale *
        evtwin__sample_between(l->pack->variation.rng, EVTWIN__CHANNEL_CURRENT, slot_of(l, step),
                               half, min_A, max_A);
    l->pack->driver.next_step = next_slot_step(l, step);
}

/* Drive from this step on: along the trace, or at the slot's current. */
static void drive(const evtwin__lane *l, int64_t step, double low_frac) {
    const evtwin_sim *sim = l->sim;
    const evtwin__drive_cycle *trace = &sim->drive_cycle;
    if (trace->n_seconds == 0) {
        enter(l, EVTWIN__PHASE_DRIVE, low_frac, NEVER_HIGH_FRAC, EVTWIN__DISCHARGE_END_PER_H);
        request(l, step, 0, 1.0, EVTWIN__DRIVE_MIN_A, EVTWIN__DRIVE_MAX_A);
        return;
    }
    enter(l, EVTWIN__PHASE_DRIVE, low_frac, NEVER_HIGH_FRAC, 0.0);
    const double start_s = time_of(l, step) + floor(shift_of(l) * (double)trace->n_seconds);
    const double power_W =
        sim->power_scale * evtwin__drive_cycle_power_W(trace, start_s, sim->dt_s);
    l->block->request_A[l->i] = evtwin__ecm_current_for_power(&sim->cell, l->block, l->i, power_W);
    l->pack->driver.next_step = step + 1;
}

static void charge(const evtwin__lane *l, int64_t step, double limit_frac) {
    enter(l, EVTWIN__PHASE_CHARGE, NEVER_LOW_FRAC, limit_frac, EVTWIN__CHARGE_END_PER_H);
    request(l, step, 1, -1.0, EVTWIN__CHARGE_MIN_A, EVTWIN__CHARGE_MAX_A);
}

/* Has the limit left too little of the request, or the charge reached its stop? */
static int is_stopped(const evtwin__lane *l) {
    const evtwin__ecm_block *b = l->block;
    const int tapered = fabs(b->current_A[l->i]) < b->stop_current_A[l->i] &&
                        fabs(b->request_A[l->i]) >= b->stop_current_A[l->i];
    return b->soc_frac[l->i] <= b->stop_low_frac[l->i] ||
           b->soc_frac[l->i] >= b->stop_high_frac[l->i] || tapered;
}

int evtwin__profile_is_due(const evtwin__lane *l, int64_t step) {
    return step >= l->pack->driver.next_step || is_stopped(l);
}

/* ---- discharge and charge, for ever ---- */

static void decide_cycle(const evtwin__lane *l, int64_t step) {
    const int drove = l->pack->driver.phase == EVTWIN__PHASE_DRIVE;
    if (is_stopped(l) ? !drove : drove) {
        drive(l, step, EVTWIN__CYCLE_LOW_FRAC);
    } else {
        charge(l, step, EVTWIN__CYCLE_HIGH_FRAC);
    }
}

/* ---- days ---- */

/* Drive on until the present trip is over, or the car has to look for a charger. */
static void drive_trip(const evtwin__lane *l, int64_t step) {
    const double left_As = l->pack->driver.trip_end_As - l->block->discharge_As[l->i];
    const double end_frac = l->block->soc_frac[l->i] - left_As / l->block->capacity_As[l->i];
    const double plug_frac = l->pack->variation.plug_frac;
    drive(l, step, end_frac > plug_frac ? end_frac : plug_frac);
}

/* With a rounding error's worth of tolerance: what is left would not move the car. */
static int trip_is_over(const evtwin__lane *l) {
    return l->block->discharge_As[l->i] >=
           l->pack->driver.trip_end_As - 1e-6 * l->pack->as_built_As;
}

/* Parked: is it time for a trip, or for the plug? */
static void decide_parked(const evtwin__lane *l, int64_t step) {
    evtwin__driver *d = &l->pack->driver;
    const double limit = l->pack->variation.charge_limit_frac;
    const int64_t trip_step =
        d->trip < 2
            ? step_of_hour(l, step,
                           d->plan.start_hour + (d->trip == 1 ? EVTWIN__SECOND_TRIP_HOURS : 0.0))
            : INT64_MAX;
    if (trip_step <= step) {
        /* a trip is half of the day's way: the discharge at which it ends */
        d->trip_end_As = l->block->discharge_As[l->i] + 0.5 * d->plan.cycles * l->pack->as_built_As;
        drive_trip(l, step);
        return;
    }
    const int64_t plug_step = step_of_hour(l, step, EVTWIN__PLUG_IN_HOUR);
    if (plug_step <= step && d->plan.plugs_in && l->block->soc_frac[l->i] < limit - 0.005) {
        charge(l, step, limit);
        return;
    }
    park(l);
    d->next_step = plug_step > step ? earlier(trip_step, plug_step) : trip_step;
}

static void decide_daily(const evtwin__lane *l, int64_t step) {
    evtwin__driver *d = &l->pack->driver;
    const evtwin__variation *v = &l->pack->variation;
    switch (d->phase) {
    case EVTWIN__PHASE_DRIVE:
        if (trip_is_over(l)) {
            d->trip++;
            decide_parked(l, step);
        } else if (l->block->soc_frac[l->i] <= v->plug_frac || is_stopped(l)) {
            charge(l, step, v->charge_limit_frac);
        } else {
            drive_trip(l, step);
        }
        break;
    case EVTWIN__PHASE_CHARGE:
        if (!is_stopped(l)) {
            charge(l, step, l->block->stop_high_frac[l->i]); /* a new current */
        } else if (!trip_is_over(l)) {
            drive_trip(l, step);
        } else {
            decide_parked(l, step);
        }
        break;
    case EVTWIN__PHASE_PARK:
        decide_parked(l, step);
        break;
    }
}

void evtwin__profile_decide(const evtwin__lane *l, int64_t step) {
    const evtwin_sim *sim = l->sim;
    evtwin__driver *d = &l->pack->driver;
    const double now_s = time_of(l, step);
    if (sim->options.use == EVTWIN_USE_DAILY && now_s >= d->next_air_s - 1e-9) {
        l->block->air_degC[l->i] =
            evtwin__air_degC(&l->pack->variation, evtwin__step_date(sim, step));
        d->next_air_s = now_s + AIR_EVERY_S;
    }
    if (sim->by_hand) {
        d->next_step = INT64_MAX;
    } else if (sim->options.use == EVTWIN_USE_CYCLE) {
        decide_cycle(l, step);
    } else {
        decide_daily(l, step);
    }
    if (sim->options.use == EVTWIN_USE_DAILY) {
        const int64_t air_step = step_at(l, d->next_air_s);
        d->next_step = earlier(d->next_step, air_step > step ? air_step : step + 1);
    }
}

void evtwin__profile_start(const evtwin__lane *l, int64_t step) {
    evtwin__pack *pack = l->pack;
    evtwin__driver *d = &pack->driver;
    d->next_air_s = time_of(l, step);
    if (l->sim->options.use == EVTWIN_USE_DAILY) {
        park(l);
        d->trip_end_As = l->block->discharge_As[l->i];
        d->plan =
            evtwin__day_sample(&pack->variation, (uint64_t)floor(evtwin__step_date(l->sim, step)));
    } else {
        /* the first pack discharges, as the original did; the others are somewhere in their cycle
         */
        const int charges =
            pack->variation.rng.pack > 0 &&
            evtwin__sample_uniform(pack->variation.rng, EVTWIN__CHANNEL_START, 0, 1) < 0.35;
        const int is_full = l->block->soc_frac[l->i] >= EVTWIN__CYCLE_HIGH_FRAC;
        enter(l, charges && !is_full ? EVTWIN__PHASE_CHARGE : EVTWIN__PHASE_DRIVE, NEVER_LOW_FRAC,
              NEVER_HIGH_FRAC, 0.0);
    }
    evtwin__profile_decide(l, step);
}

/* In the middle of a trip or charge: how much of it is left is not known. */
static void resume_day(const evtwin__lane *l, int64_t step, evtwin__phase phase) {
    evtwin__driver *d = &l->pack->driver;
    const double days = evtwin__step_date(l->sim, step);
    const double hour = 24.0 * (days - floor(days));
    d->plan = evtwin__day_sample(&l->pack->variation, (uint64_t)floor(days));
    d->trip =
        (hour >= d->plan.start_hour) + (hour >= d->plan.start_hour + EVTWIN__SECOND_TRIP_HOURS);
    d->trip_end_As = l->block->discharge_As[l->i];
    if (phase == EVTWIN__PHASE_DRIVE) {
        d->trip -= d->trip > 0;
        d->trip_end_As += 0.25 * d->plan.cycles * l->pack->as_built_As;
    }
    enter(l, phase, NEVER_LOW_FRAC, l->pack->variation.charge_limit_frac, 0.0);
}

void evtwin__profile_resume(const evtwin__lane *l, int64_t step, evtwin__phase phase) {
    const int is_parked = phase == EVTWIN__PHASE_PARK;
    l->pack->driver.next_air_s = time_of(l, step);
    if (l->sim->options.use == EVTWIN_USE_DAILY) {
        resume_day(l, step, phase);
    } else { /* parked is between two phases: at one end of the cycle or the other */
        const int drives =
            is_parked ? l->block->soc_frac[l->i] > 0.5 : phase == EVTWIN__PHASE_DRIVE;
        enter(l, drives ? EVTWIN__PHASE_DRIVE : EVTWIN__PHASE_CHARGE, NEVER_LOW_FRAC,
              NEVER_HIGH_FRAC, 0.0);
    }
    evtwin__profile_decide(l, step);
}

void evtwin__profile_hand_over(evtwin__ecm_block *b, int i, double cell_A) {
    b->request_A[i] = cell_A;
    b->current_A[i] = cell_A;
    b->stop_low_frac[i] = NEVER_LOW_FRAC;
    b->stop_high_frac[i] = NEVER_HIGH_FRAC;
    b->stop_current_A[i] = 0.0;
}
