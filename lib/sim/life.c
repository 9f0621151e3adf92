/* SPDX-License-Identifier: MIT */
/* sim/life.c: days of use turned into stress, stress into wear. */

#include "sim/life.h"

#include "core/status.h"
#include "sim/ecm.h"
#include "sim/fleet_spread.h"

#include <math.h>

/* Currents that stand for a day's driving and charging where only the day's heat matters. */
#define DRIVE_MEAN_A (0.5 * (EVTWIN__DRIVE_MIN_A + EVTWIN__DRIVE_MAX_A))
#define CHARGE_MEAN_A (0.5 * (EVTWIN__CHARGE_MIN_A + EVTWIN__CHARGE_MAX_A))

/* The reference pack of physics: 96s46p of the default cell. A fleet of other packs carries
 * currents in proportion, so the heat of a cell is computed at this C-rate whatever the pack. */
#define REFERENCE_PACK_Ah 237.0

evtwin__life evtwin__life_new(const evtwin__traits *traits) {
    return (evtwin__life){.soc_frac = traits->charge_limit_frac,
                          .swing_top_frac = traits->charge_limit_frac};
}

double evtwin__life_soh(const evtwin_cell *cell, const evtwin__life *life) {
    return 1.0 - evtwin__ageing_capacity_loss(&cell->ageing, &life->ageing);
}

double evtwin__life_r0_ratio(const evtwin_cell *cell, const evtwin__life *life) {
    const double growth = evtwin__ageing_resistance_growth(&cell->ageing, &life->ageing);
    const double defect =
        life->has_defect ? (EVTWIN__DEFECT_GROWTH - 1.0) * (growth - life->growth_at_onset) : 0.0;
    return 1.0 + growth + defect;
}

double evtwin__life_r10_ratio(const evtwin_cell *cell, const evtwin__life *life) {
    return evtwin__cell_r10_ohm(cell, evtwin__life_r0_ratio(cell, life)) /
           evtwin__cell_r10_ohm(cell, 1.0);
}

void evtwin__life_stress(const evtwin_cell *cell, const evtwin__traits *traits,
                         const evtwin__stress *stress, evtwin__life *life) {
    evtwin__ageing_apply(&cell->ageing, stress, traits->capacity_rate, traits->resistance_rate,
                         &life->ageing);
    life->age_days += stress->duration_days;
    life->cycles += stress->cycles;
    life->temperature_degC_days += stress->temperature_degC * stress->duration_days;
    if (traits->is_defective && !life->has_defect && life->cycles >= traits->defect_onset_cycles) {
        life->has_defect = 1;
        life->growth_at_onset = evtwin__ageing_resistance_growth(&cell->ageing, &life->ageing);
    }
}

void evtwin__stress_voltages(const evtwin_cell *cell, double rest_frac, double low_frac,
                             double top_frac, evtwin__stress *stress) {
    /* the mean of U^2 over the swing by Simpson's rule */
    const double low = evtwin__ocv_at(&cell->ocv, low_frac);
    const double middle = evtwin__ocv_at(&cell->ocv, 0.5 * (low_frac + top_frac));
    const double top = evtwin__ocv_at(&cell->ocv, top_frac);
    stress->rest_soc_frac = rest_frac;
    stress->rest_V = evtwin__ocv_at(&cell->ocv, rest_frac);
    stress->rms_V = sqrt((low * low + 4.0 * middle * middle + top * top) / 6.0);
    stress->depth_frac = top_frac - low_frac;
}

/* Warming of the cell above the air, averaged over the day, by driving and charging `cycles`. */
static double mean_warming_K(const evtwin_cell *cell, const evtwin__traits *traits, double cycles,
                             double soc_frac, double air_degC, double r0_ratio) {
    const double cell_per_pack_A = cell->capacity_Ah / REFERENCE_PACK_Ah;
    const double k = evtwin__thermal_resistance_K_W(&cell->thermal);
    const double ratio = r0_ratio * traits->resistance_factor;
    const evtwin__ecm_steady drive =
        evtwin__ecm_steady_at(cell, soc_frac, air_degC, DRIVE_MEAN_A * cell_per_pack_A, ratio);
    const evtwin__ecm_steady charge =
        evtwin__ecm_steady_at(cell, soc_frac, air_degC, -CHARGE_MEAN_A * cell_per_pack_A, ratio);
    const double drive_days = cycles * REFERENCE_PACK_Ah / DRIVE_MEAN_A / 24.0;
    const double charge_days = cycles * REFERENCE_PACK_Ah / CHARGE_MEAN_A / 24.0;
    return k * (drive.heat_W * drive_days + charge.heat_W * charge_days);
}

/* Let the day's trips take `drop` of charge from life->soc_frac, charging on the way where the car
 * reaches its plug-in level; low and top are the swing's. */
static void drive_day(const evtwin__traits *traits, double drop, evtwin__life *life, double *low,
                      double *top) {
    *top = life->swing_top_frac;
    *low = life->soc_frac - drop;
    if (*low >= traits->plug_frac) {
        life->soc_frac = *low;
        return;
    }
    const double span = traits->charge_limit_frac - traits->plug_frac;
    const double rest = fmod(traits->plug_frac - *low, span);
    life->soc_frac = traits->charge_limit_frac - rest;
    life->swing_top_frac = traits->charge_limit_frac;
    *low = traits->plug_frac;
}

evtwin__life_day evtwin__life_step(const evtwin_cell *cell, const evtwin__traits *traits,
                                   evtwin__dice dice, uint64_t day, double date_days,
                                   double span_days, evtwin__life *life) {
    evtwin__life_day d = {.plan = evtwin__day_draw(traits, dice, day),
                          .start_frac = life->soc_frac,
                          .air_mean_degC = evtwin__air_mean_degC(traits, dice, date_days)};

    /* an aged pack needs more of its charge for the same way */
    double low, top;
    drive_day(traits, d.plan.cycles / evtwin__life_soh(cell, life), life, &low, &top);
    d.end_frac = life->soc_frac;

    evtwin__stress s = {.duration_days = span_days,
                        .rate_per_h = DRIVE_MEAN_A / REFERENCE_PACK_Ah,
                        .cycles = d.plan.cycles * span_days};
    evtwin__stress_voltages(cell, 0.5 * (d.start_frac + d.end_frac), low, top, &s);
    s.temperature_degC =
        d.air_mean_degC + mean_warming_K(cell, traits, d.plan.cycles, s.rest_soc_frac,
                                         d.air_mean_degC, evtwin__life_r0_ratio(cell, life));
    evtwin__life_stress(cell, traits, &s, life);

    /* the night */
    if (d.plan.plugs_in && life->soc_frac < traits->charge_limit_frac) {
        d.charges_at_night = 1;
        life->soc_frac = traits->charge_limit_frac;
        life->swing_top_frac = traits->charge_limit_frac;
    }
    d.night_frac = life->soc_frac;
    return d;
}

/* A pack whose past is being made up: everything that stays the same over its macro-steps. */
typedef struct past {
    const evtwin_cell *cell;
    const evtwin__traits *traits;
    evtwin__dice dice;
    double first_days, soh_frac;
} past;

/* Macro-step number n of span_days, made length_days long. */
static void past_step(const past *p, int n, double span_days, double length_days,
                      evtwin__life *life) {
    const double age_days = n * span_days;
    evtwin__life_step(p->cell, p->traits, p->dice, (uint64_t)age_days, p->first_days + age_days,
                      length_days, life);
}

/* What is left of the health to lose after step n of a length, from a state before it. */
static double left_after(const past *p, int n, double span_days, double length_days,
                         const evtwin__life *before, evtwin__life *life) {
    *life = *before;
    past_step(p, n, span_days, length_days, life);
    return evtwin__life_soh(p->cell, life) - p->soh_frac;
}

/* Length of step n with which the health comes out right, by the Illinois form of false position.
 */
static void cut_step(const past *p, int n, double span_days, const evtwin__life *before,
                     evtwin__life *life) {
    double a = 0.0, fa = evtwin__life_soh(p->cell, before) - p->soh_frac;
    double b = span_days, fb = evtwin__life_soh(p->cell, life) - p->soh_frac;
    for (int i = 0; i < 60 && fb != 0.0; i++) {
        const double c = b - fb * (b - a) / (fb - fa);
        const double fc = left_after(p, n, span_days, c, before, life);
        if (fabs(fc) < 1e-14) {
            break;
        }
        if ((fc < 0.0) == (fb < 0.0)) {
            fa *= 0.5;
        } else {
            a = b;
            fa = fb;
        }
        b = c;
        fb = fc;
    }
}

/* Live in steps of span_days until the health is reached, exactly if so asked. */
static evtwin_status live_past(const past *p, double span_days, int is_exact, evtwin__life *life) {
    enum { MAX_STEPS = 20000 };
    for (int n = 0; evtwin__life_soh(p->cell, life) > p->soh_frac; n++) {
        if (n == MAX_STEPS) {
            EVTWIN_FAIL(EVTWIN_E_ARG, "cell set '%s' does not age to a state of health of %g %%",
                        p->cell->name, 100.0 * p->soh_frac);
        }
        const evtwin__life before = *life;
        past_step(p, n, span_days, span_days, life);
        if (is_exact && evtwin__life_soh(p->cell, life) < p->soh_frac) {
            cut_step(p, n, span_days, &before, life);
            break;
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__life_age_to(const evtwin_cell *cell, const evtwin__traits *traits,
                                  evtwin__dice dice, double end_days, double soh_frac,
                                  evtwin__life *life) {
    /* a coarse try tells how long the past is, and so when it began */
    past p = {cell, traits, dice, end_days, soh_frac};
    evtwin__life rough = *life;
    const evtwin_status st = live_past(&p, 56.0, 0, &rough);
    if (st < 0) {
        return st;
    }
    p.first_days = end_days - floor(rough.age_days);
    return live_past(&p, 14.0, 1, life);
}
