/* SPDX-License-Identifier: MIT */
/* sim/profile.c: what packs do: the contract's discharge and charge, or days of driving and
 * parking. */

#include "sim/fleet.h"

#include "sim/fleet_spread.h"

#include <math.h>

#define SECONDS_PER_DAY 86400.0

/* The contract's cycle. */
#define CYCLE_LOW_FRAC 0.20
#define CYCLE_HIGH_FRAC 0.99

/* A current is redrawn this often; each pack at its own moment. */
#define CURRENT_SLOT_S 600.0

/* The evening's end, when a parked car is plugged in; the second trip starts so long after the
 * first. */
#define PLUG_IN_HOUR 21.0
#define SECOND_TRIP_HOURS 8.0
#define AIR_EVERY_S 900.0

/* A discharge is over when the voltage limit leaves less than C/20 of it, a charge at C/100: the
 * contract wants 99 %, and an aged cell gets there slowly. */
#define DISCHARGE_END_PER_H 0.05
#define CHARGE_END_PER_H 0.01

/* No soc reaches these. */
#define NEVER_LOW_FRAC (-1.0)
#define NEVER_HIGH_FRAC 2.0

/* Packs are not in phase: a share of a slot, and of the speed trace, that a pack is ahead. */
static double shift_of(const evtwin__pack *pack) {
    return evtwin__draw_uniform(pack->dice, EVTWIN__RNG_USE, EVTWIN__DRAW_START, 1, 0);
}

static double time_of(const evtwin_sim *sim, int64_t step) {
    return (double)step * sim->model.dt_s;
}

/* First step at or after a time. */
static int64_t step_at(const evtwin_sim *sim, double time_s) {
    return (int64_t)ceil(time_s / sim->model.dt_s - 1e-9);
}

static double hour_of(const evtwin_sim *sim, int64_t step) {
    const double days = sim->start_days + time_of(sim, step) / SECONDS_PER_DAY;
    return 24.0 * (days - floor(days));
}

/* Step at which an hour of the present day comes; the present one if it is past. */
static int64_t step_of_hour(const evtwin_sim *sim, int64_t step, double hour) {
    const double wait_s = 3600.0 * (hour - hour_of(sim, step));
    return wait_s > 0.0 ? step_at(sim, time_of(sim, step) + wait_s) : step;
}

/* The slot of constant current a step is in. */
static uint64_t slot_of(const evtwin_sim *sim, const evtwin__pack *pack, int64_t step) {
    return (uint64_t)(time_of(sim, step) / CURRENT_SLOT_S + shift_of(pack) + 1e-9);
}

static int64_t next_slot_step(const evtwin_sim *sim, const evtwin__pack *pack, int64_t step) {
    const double slot = (double)(slot_of(sim, pack, step) + 1);
    const int64_t next = step_at(sim, (slot - shift_of(pack)) * CURRENT_SLOT_S);
    return next > step ? next : step + 1;
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static void set_stops(const evtwin_sim *sim, evtwin__ecm_block *b, int lane, double low_frac,
                      double high_frac, double end_per_h) {
    b->stop_low_frac[lane] = low_frac;
    b->stop_high_frac[lane] = high_frac;
    b->stop_current_A[lane] = end_per_h * sim->cell.capacity_Ah;
}

static void park(const evtwin_sim *sim, evtwin__ecm_block *b, int lane, evtwin__pack *pack) {
    pack->driver.phase = EVTWIN__PHASE_PARK;
    b->request_A[lane] = 0.0;
    set_stops(sim, b, lane, NEVER_LOW_FRAC, NEVER_HIGH_FRAC, 0.0);
}

/* Drive from this step on: along the trace, or at the slot's current. */
static int64_t drive(const evtwin_sim *sim, evtwin__ecm_block *b, int lane, evtwin__pack *pack,
                     int64_t step, double low_frac) {
    pack->driver.phase = EVTWIN__PHASE_DRIVE;
    set_stops(sim, b, lane, low_frac, NEVER_HIGH_FRAC, DISCHARGE_END_PER_H);
    if (sim->drive_cycle.n_seconds > 0) {
        const evtwin__drive_cycle *trace = &sim->drive_cycle;
        const double start_s =
            time_of(sim, step) + floor(shift_of(pack) * (double)trace->n_seconds);
        const double power_W =
            sim->power_scale * evtwin__drive_cycle_power_W(trace, start_s, sim->model.dt_s);
        b->request_A[lane] = evtwin__ecm_current_for_power(&sim->cell, b, lane, power_W);
        b->stop_current_A[lane] = 0.0;
        return step + 1;
    }
    b->request_A[lane] =
        sim->current_scale * evtwin__draw_between(pack->dice, EVTWIN__RNG_USE, EVTWIN__DRAW_CURRENT,
                                                  slot_of(sim, pack, step), 0, EVTWIN__DRIVE_MIN_A,
                                                  EVTWIN__DRIVE_MAX_A);
    return next_slot_step(sim, pack, step);
}

static int64_t charge(const evtwin_sim *sim, evtwin__ecm_block *b, int lane, evtwin__pack *pack,
                      int64_t step, double limit_frac) {
    pack->driver.phase = EVTWIN__PHASE_CHARGE;
    pack->driver.limit_frac = limit_frac;
    set_stops(sim, b, lane, NEVER_LOW_FRAC, limit_frac, CHARGE_END_PER_H);
    b->request_A[lane] =
        -sim->current_scale * evtwin__draw_between(pack->dice, EVTWIN__RNG_USE,
                                                   EVTWIN__DRAW_CURRENT, slot_of(sim, pack, step),
                                                   1, EVTWIN__CHARGE_MIN_A, EVTWIN__CHARGE_MAX_A);
    return next_slot_step(sim, pack, step);
}

/* Has the limit left too little of the request, or the charge reached its stop? */
static int is_stopped(const evtwin__ecm_block *b, int lane) {
    const int tapered = fabs(b->current_A[lane]) < b->stop_current_A[lane] &&
                        fabs(b->request_A[lane]) >= b->stop_current_A[lane];
    return b->soc_frac[lane] <= b->stop_low_frac[lane] ||
           b->soc_frac[lane] >= b->stop_high_frac[lane] || tapered;
}

int evtwin__profile_is_due(const evtwin__ecm_block *b, int lane, const evtwin__pack *pack,
                           int64_t step) {
    return step >= pack->driver.next_step || is_stopped(b, lane);
}

/* ---- discharge and charge, for ever ---- */

static void decide_cycle(const evtwin_sim *sim, evtwin__ecm_block *b, int lane, evtwin__pack *pack,
                         int64_t step) {
    evtwin__driver *d = &pack->driver;
    if (is_stopped(b, lane)) {
        d->phase = d->phase == EVTWIN__PHASE_DRIVE ? EVTWIN__PHASE_CHARGE : EVTWIN__PHASE_DRIVE;
    }
    d->next_step = d->phase == EVTWIN__PHASE_DRIVE
                       ? drive(sim, b, lane, pack, step, CYCLE_LOW_FRAC)
                       : charge(sim, b, lane, pack, step, CYCLE_HIGH_FRAC);
}

/* ---- days ---- */

/* A trip is half of the day's way: the discharge at which it ends. */
static void begin_trip(const evtwin__ecm_block *b, int lane, evtwin__pack *pack) {
    pack->driver.trip_end_As =
        b->discharge_As[lane] + 0.5 * pack->driver.plan.cycles * pack->as_built_As;
}

/* The soc at which the present trip is over, or the car has to look for a charger. */
static double trip_low_frac(const evtwin__ecm_block *b, int lane, const evtwin__pack *pack) {
    const double left_As = pack->driver.trip_end_As - b->discharge_As[lane];
    const double end_frac = b->soc_frac[lane] - left_As / b->capacity_As[lane];
    return end_frac > pack->traits.plug_frac ? end_frac : pack->traits.plug_frac;
}

/* With a rounding error's worth of tolerance: what is left would not move the car. */
static int trip_is_over(const evtwin__ecm_block *b, int lane, const evtwin__pack *pack) {
    return b->discharge_As[lane] >= pack->driver.trip_end_As - 1e-6 * pack->as_built_As;
}

/* Parked: is it time for a trip, or for the plug? */
static void decide_parked(const evtwin_sim *sim, evtwin__ecm_block *b, int lane, evtwin__pack *pack,
                          int64_t step) {
    evtwin__driver *d = &pack->driver;
    const double limit = pack->traits.charge_limit_frac;
    const int64_t trip_step =
        d->trip < 2
            ? step_of_hour(sim, step, d->plan.start_hour + (d->trip == 1 ? SECOND_TRIP_HOURS : 0.0))
            : INT64_MAX;
    if (trip_step <= step) {
        begin_trip(b, lane, pack);
        d->next_step = drive(sim, b, lane, pack, step, trip_low_frac(b, lane, pack));
        return;
    }
    const int64_t plug_step = step_of_hour(sim, step, PLUG_IN_HOUR);
    if (plug_step <= step && d->plan.plugs_in && b->soc_frac[lane] < limit - 0.005) {
        d->next_step = charge(sim, b, lane, pack, step, limit);
        return;
    }
    park(sim, b, lane, pack);
    d->next_step = trip_step;
    if (plug_step > step) {
        d->next_step = earlier(d->next_step, plug_step);
    }
}

static void decide_daily(const evtwin_sim *sim, evtwin__ecm_block *b, int lane, evtwin__pack *pack,
                         int64_t step) {
    evtwin__driver *d = &pack->driver;
    switch (d->phase) {
    case EVTWIN__PHASE_DRIVE:
        if (trip_is_over(b, lane, pack)) {
            d->trip++;
            decide_parked(sim, b, lane, pack, step);
        } else if (b->soc_frac[lane] <= pack->traits.plug_frac || is_stopped(b, lane)) {
            d->next_step = charge(sim, b, lane, pack, step, pack->traits.charge_limit_frac);
        } else {
            d->next_step = drive(sim, b, lane, pack, step, trip_low_frac(b, lane, pack));
        }
        break;
    case EVTWIN__PHASE_CHARGE:
        if (!is_stopped(b, lane)) {
            d->next_step = charge(sim, b, lane, pack, step, d->limit_frac);
        } else if (!trip_is_over(b, lane, pack)) {
            d->next_step = drive(sim, b, lane, pack, step, trip_low_frac(b, lane, pack));
        } else {
            decide_parked(sim, b, lane, pack, step);
        }
        break;
    case EVTWIN__PHASE_PARK:
        decide_parked(sim, b, lane, pack, step);
        break;
    }
}

static void look_up_air(const evtwin_sim *sim, evtwin__ecm_block *b, int lane, evtwin__pack *pack,
                        int64_t step) {
    const double now_s = time_of(sim, step);
    if (now_s >= pack->driver.next_air_s - 1e-9) {
        b->air_degC[lane] =
            evtwin__air_degC(&pack->traits, pack->dice, sim->start_days + now_s / SECONDS_PER_DAY);
        pack->driver.next_air_s = now_s + AIR_EVERY_S;
    }
}

void evtwin__profile_decide(const evtwin_sim *sim, evtwin__ecm_block *b, int lane,
                            evtwin__pack *pack, int64_t step) {
    if (sim->options.use == EVTWIN_USE_DAILY) {
        look_up_air(sim, b, lane, pack, step);
    }
    if (sim->by_hand) {
        pack->driver.next_step = INT64_MAX;
    } else if (sim->options.use == EVTWIN_USE_CYCLE) {
        decide_cycle(sim, b, lane, pack, step);
    } else {
        decide_daily(sim, b, lane, pack, step);
    }
    if (sim->options.use == EVTWIN_USE_DAILY) {
        const int64_t air_step = step_at(sim, pack->driver.next_air_s);
        pack->driver.next_step =
            earlier(pack->driver.next_step, air_step > step ? air_step : step + 1);
    }
}

void evtwin__profile_start(const evtwin_sim *sim, evtwin__ecm_block *b, int lane,
                           evtwin__pack *pack, int64_t step) {
    evtwin__driver *d = &pack->driver;
    d->next_air_s = time_of(sim, step);
    if (sim->options.use == EVTWIN_USE_DAILY) {
        park(sim, b, lane, pack);
        d->trip_end_As = b->discharge_As[lane];
        d->plan = evtwin__day_draw(
            &pack->traits, pack->dice,
            (uint64_t)floor(sim->start_days + time_of(sim, step) / SECONDS_PER_DAY));
    } else {
        /* the first pack discharges, as the original did; the others are somewhere in their cycle
         */
        const int charges =
            pack->dice.pack > 0 &&
            evtwin__draw_uniform(pack->dice, EVTWIN__RNG_USE, EVTWIN__DRAW_START, 0, 1) < 0.35;
        d->phase = charges ? EVTWIN__PHASE_CHARGE : EVTWIN__PHASE_DRIVE;
        set_stops(sim, b, lane, NEVER_LOW_FRAC, NEVER_HIGH_FRAC, 0.0);
        if (d->phase == EVTWIN__PHASE_CHARGE && b->soc_frac[lane] >= CYCLE_HIGH_FRAC) {
            d->phase = EVTWIN__PHASE_DRIVE;
        }
    }
    evtwin__profile_decide(sim, b, lane, pack, step);
}

void evtwin__profile_hand_over(evtwin__ecm_block *b, int lane, double cell_A) {
    b->request_A[lane] = cell_A;
    b->current_A[lane] = cell_A;
    b->stop_low_frac[lane] = NEVER_LOW_FRAC;
    b->stop_high_frac[lane] = NEVER_HIGH_FRAC;
    b->stop_current_A[lane] = 0.0;
}
