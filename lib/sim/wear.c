/* SPDX-License-Identifier: MIT */
/* sim/wear.c: days of use turned into stress, stress into wear. */

#include "sim/pack.h"

#include "core/status.h"
#include "sim/ecm.h"

/* Currents that stand for a day's driving and charging where only the day's heat matters. */
#define DRIVE_MEAN_A (0.5 * (EVTWIN__DRIVE_MIN_A + EVTWIN__DRIVE_MAX_A))
#define CHARGE_MEAN_A (0.5 * (EVTWIN__CHARGE_MIN_A + EVTWIN__CHARGE_MAX_A))

/* The reference pack of physics: 96s46p of the default cell. A fleet of other packs carries
 * currents in proportion, so the heat of a cell is computed at this C-rate whatever the pack. */
#define REFERENCE_PACK_Ah 237.0

evtwin__wear evtwin__wear_new(const evtwin__variation *variation) {
    return (evtwin__wear){.soc_frac = variation->charge_limit_frac,
                          .swing_top_frac = variation->charge_limit_frac};
}

double evtwin__wear_soh(const evtwin_cell *cell, const evtwin__wear *wear) {
    return 1.0 - evtwin__ageing_capacity_loss(&cell->ageing, &wear->ageing);
}

double evtwin__wear_r0_ratio(const evtwin_cell *cell, const evtwin__wear *wear) {
    const double growth = evtwin__ageing_resistance_growth(&cell->ageing, &wear->ageing);
    const double defect =
        wear->has_defect ? (EVTWIN__DEFECT_GROWTH - 1.0) * (growth - wear->growth_at_onset) : 0.0;
    return 1.0 + growth + defect;
}

double evtwin__wear_r10_ratio(const evtwin_cell *cell, const evtwin__wear *wear) {
    return evtwin__cell_r10_ohm(cell, evtwin__wear_r0_ratio(cell, wear)) /
           evtwin__cell_r10_ohm(cell, 1.0);
}

void evtwin__wear_apply(const evtwin_cell *cell, const evtwin__variation *variation,
                        const evtwin__stress *stress, evtwin__wear *wear) {
    evtwin__ageing_apply(&cell->ageing, stress, variation->capacity_rate,
                         variation->resistance_rate, &wear->ageing);
    wear->age_days += stress->duration_days;
    wear->cycles += stress->cycles;
    wear->temperature_degC_days += stress->temperature_degC * stress->duration_days;
    if (variation->is_defective && !wear->has_defect &&
        wear->cycles >= variation->defect_onset_cycles) {
        wear->has_defect = 1;
        wear->growth_at_onset = evtwin__ageing_resistance_growth(&cell->ageing, &wear->ageing);
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
static double mean_warming_K(const evtwin_cell *cell, const evtwin__variation *variation,
                             double cycles, double soc_frac, double air_degC, double r0_ratio) {
    const double cell_per_pack_A = cell->capacity_Ah / REFERENCE_PACK_Ah;
    const double k = evtwin__thermal_resistance_K_W(&cell->thermal);
    const double ratio = r0_ratio * variation->resistance_factor;
    const evtwin__ecm_steady drive =
        evtwin__ecm_steady_at(cell, soc_frac, air_degC, DRIVE_MEAN_A * cell_per_pack_A, ratio);
    const evtwin__ecm_steady charge =
        evtwin__ecm_steady_at(cell, soc_frac, air_degC, -CHARGE_MEAN_A * cell_per_pack_A, ratio);
    const double drive_days = cycles * REFERENCE_PACK_Ah / DRIVE_MEAN_A / 24.0;
    const double charge_days = cycles * REFERENCE_PACK_Ah / CHARGE_MEAN_A / 24.0;
    return k * (drive.heat_W * drive_days + charge.heat_W * charge_days);
}

double evtwin__soc_on_the_way(const evtwin__variation *v, double soc_frac) {
    if (soc_frac >= v->plug_frac) {
        return soc_frac;
    }
    const double span = v->charge_limit_frac - v->plug_frac;
    return v->charge_limit_frac - fmod(v->plug_frac - soc_frac, span);
}

evtwin__wear_day evtwin__wear_step(const evtwin_cell *cell, const evtwin__variation *variation,
                                   uint64_t day, double date_days, double span_days,
                                   evtwin__wear *wear) {
    evtwin__wear_day d = {.plan = evtwin__day_sample(variation, day),
                          .start_frac = wear->soc_frac,
                          .air_mean_degC = evtwin__air_mean_degC(variation, date_days)};

    /* an aged pack needs more of its charge for the same way */
    double low = wear->soc_frac - d.plan.cycles / evtwin__wear_soh(cell, wear);
    const double top = wear->swing_top_frac;
    wear->soc_frac = evtwin__soc_on_the_way(variation, low);
    if (low < variation->plug_frac) {
        wear->swing_top_frac = variation->charge_limit_frac;
        low = variation->plug_frac;
    }
    d.end_frac = wear->soc_frac;

    evtwin__stress s = {.duration_days = span_days,
                        .rate_per_h = DRIVE_MEAN_A / REFERENCE_PACK_Ah,
                        .cycles = d.plan.cycles * span_days};
    evtwin__stress_voltages(cell, 0.5 * (d.start_frac + d.end_frac), low, top, &s);
    s.temperature_degC =
        d.air_mean_degC + mean_warming_K(cell, variation, d.plan.cycles, s.rest_soc_frac,
                                         d.air_mean_degC, evtwin__wear_r0_ratio(cell, wear));
    evtwin__wear_apply(cell, variation, &s, wear);

    /* the night */
    if (d.plan.plugs_in && wear->soc_frac < variation->charge_limit_frac) {
        d.charges_at_night = 1;
        wear->soc_frac = variation->charge_limit_frac;
        wear->swing_top_frac = variation->charge_limit_frac;
    }
    d.night_frac = wear->soc_frac;
    return d;
}

/* A pack whose past is being made up: everything that stays the same over its macro-steps. */
typedef struct past {
    const evtwin_cell *cell;
    const evtwin__variation *variation;
    double first_days, soh_frac;
} past;

/* Macro-step number n of span_days, made length_days long. */
static void past_step(const past *p, int n, double span_days, double length_days,
                      evtwin__wear *wear) {
    const double age_days = n * span_days;
    evtwin__wear_step(p->cell, p->variation, (uint64_t)age_days, p->first_days + age_days,
                      length_days, wear);
}

/* Length of step n with which the health comes out right, by the Illinois form of false position.
 */
static void cut_step(const past *p, int n, double span_days, const evtwin__wear *before,
                     evtwin__wear *wear) {
    double a = 0.0, fa = evtwin__wear_soh(p->cell, before) - p->soh_frac;
    double b = span_days, fb = evtwin__wear_soh(p->cell, wear) - p->soh_frac;
    for (int i = 0; i < 60 && fb != 0.0; i++) {
        const double c = b - fb * (b - a) / (fb - fa);
        *wear = *before;
        past_step(p, n, span_days, c, wear);
        const double fc = evtwin__wear_soh(p->cell, wear) - p->soh_frac;
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

/* Age in steps of span_days until the health is reached, exactly if so requested. */
static evtwin_status run_past(const past *p, double span_days, int is_exact, evtwin__wear *wear) {
    enum { MAX_STEPS = 20000 };
    for (int n = 0; evtwin__wear_soh(p->cell, wear) > p->soh_frac; n++) {
        EVTWIN_FAIL_IF(n == MAX_STEPS, EVTWIN_E_ARG,
                       "cell set '%s' does not age to a state of health of %g %%", p->cell->name,
                       100.0 * p->soh_frac);
        const evtwin__wear before = *wear;
        past_step(p, n, span_days, span_days, wear);
        if (is_exact && evtwin__wear_soh(p->cell, wear) < p->soh_frac) {
            cut_step(p, n, span_days, &before, wear);
            break;
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__wear_age_to(const evtwin_cell *cell, const evtwin__variation *variation,
                                  double end_days, double soh_frac, evtwin__wear *wear) {
    /* a coarse try tells how long the past is, and so when it began */
    past p = {cell, variation, end_days, soh_frac};
    evtwin__wear rough = *wear;
    EVTWIN_TRY(run_past(&p, 56.0, 0, &rough));
    p.first_days = end_days - floor(rough.age_days);
    return run_past(&p, 14.0, 1, wear);
}
