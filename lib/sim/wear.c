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

evtwin__wear evtwin__wear_new(const evtwin_cell *cell, const evtwin__variation *variation) {
    return (evtwin__wear){.cell = cell,
                          .variation = variation,
                          .soc_frac = variation->charge_limit_frac,
                          .swing_top_frac = variation->charge_limit_frac};
}

double evtwin__wear_soh(const evtwin__wear *w) {
    return 1.0 - evtwin__ageing_capacity_loss(&w->cell->ageing, &w->ageing);
}

double evtwin__wear_r0_ratio(const evtwin__wear *w) {
    const double growth = evtwin__ageing_resistance_growth(&w->cell->ageing, &w->ageing);
    const double defect =
        w->has_defect ? (EVTWIN__DEFECT_GROWTH - 1.0) * (growth - w->growth_at_onset) : 0.0;
    return 1.0 + growth + defect;
}

double evtwin__wear_r10_ratio(const evtwin__wear *w) {
    return evtwin__cell_r10_ohm(w->cell, evtwin__wear_r0_ratio(w)) /
           evtwin__cell_r10_ohm(w->cell, 1.0);
}

void evtwin__wear_set_soh(evtwin__wear *w, double soh_frac) {
    evtwin__ageing_set_capacity_loss(&w->cell->ageing, 1.0 - soh_frac, &w->ageing);
}

void evtwin__wear_set_r0_ratio(evtwin__wear *w, double r0_ratio) {
    const evtwin__variation *v = w->variation;
    evtwin__ageing_set_resistance_growth(&w->cell->ageing, r0_ratio - 1.0, &w->ageing);
    w->has_defect = v->is_defective && w->cycles >= v->defect_onset_cycles;
    w->growth_at_onset = evtwin__ageing_resistance_growth(&w->cell->ageing, &w->ageing);
}

void evtwin__wear_apply(evtwin__wear *w, const evtwin__stress *stress) {
    const evtwin__variation *v = w->variation;
    evtwin__ageing_apply(&w->cell->ageing, stress, v->capacity_rate, v->resistance_rate,
                         &w->ageing);
    w->age_days += stress->duration_days;
    w->cycles += stress->cycles;
    w->temperature_degC_days += stress->temperature_degC * stress->duration_days;
    if (v->is_defective && !w->has_defect && w->cycles >= v->defect_onset_cycles) {
        w->has_defect = 1;
        w->growth_at_onset = evtwin__ageing_resistance_growth(&w->cell->ageing, &w->ageing);
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
static double mean_warming_K(const evtwin__wear *w, double cycles, double soc_frac,
                             double air_degC) {
    const double ratio = evtwin__wear_r0_ratio(w) * w->variation->resistance_factor;
    const double pack_A[] = {DRIVE_MEAN_A, -CHARGE_MEAN_A};
    double heat_W_days = 0.0;
    for (int i = 0; i < 2; i++) {
        const double cell_A = pack_A[i] * (w->cell->capacity_Ah / REFERENCE_PACK_Ah);
        const double days = cycles * REFERENCE_PACK_Ah / fabs(pack_A[i]) / 24.0;
        heat_W_days +=
            evtwin__ecm_steady_at(w->cell, soc_frac, air_degC, cell_A, ratio).heat_W * days;
    }
    return evtwin__thermal_resistance_K_W(&w->cell->thermal) * heat_W_days;
}

double evtwin__soc_on_the_way(const evtwin__variation *v, double soc_frac) {
    if (soc_frac >= v->plug_frac) {
        return soc_frac;
    }
    const double span = v->charge_limit_frac - v->plug_frac;
    return v->charge_limit_frac - fmod(v->plug_frac - soc_frac, span);
}

evtwin__wear_day evtwin__wear_step(evtwin__wear *w, uint64_t day, double date_days,
                                   double span_days) {
    const evtwin__variation *v = w->variation;
    const double air_degC = evtwin__air_mean_degC(v, date_days);
    evtwin__wear_day d = {.plan = evtwin__day_sample(v, day), .start_frac = w->soc_frac};

    /* an aged pack needs more of its charge for the same way */
    double low = w->soc_frac - d.plan.cycles / evtwin__wear_soh(w);
    const double top = w->swing_top_frac;
    w->soc_frac = evtwin__soc_on_the_way(v, low);
    if (low < v->plug_frac) {
        w->swing_top_frac = v->charge_limit_frac;
        low = v->plug_frac;
    }
    d.end_frac = w->soc_frac;

    evtwin__stress s = {.duration_days = span_days,
                        .rate_per_h = DRIVE_MEAN_A / REFERENCE_PACK_Ah,
                        .cycles = d.plan.cycles * span_days};
    evtwin__stress_voltages(w->cell, 0.5 * (d.start_frac + d.end_frac), low, top, &s);
    s.temperature_degC = air_degC + mean_warming_K(w, d.plan.cycles, s.rest_soc_frac, air_degC);
    evtwin__wear_apply(w, &s);

    /* the night */
    if (d.plan.plugs_in && w->soc_frac < v->charge_limit_frac) {
        w->soc_frac = w->swing_top_frac = v->charge_limit_frac;
    }
    d.night_frac = w->soc_frac;
    return d;
}

/* A past to be made up: when it began, the length of its macro-steps, the health at its end. */
typedef struct past {
    double first_days, span_days, soh_frac;
} past;

/* Macro-step number n, made length_days long. */
static void past_step(const past *p, int n, double length_days, evtwin__wear *wear) {
    const double age_days = n * p->span_days;
    evtwin__wear_step(wear, (uint64_t)age_days, p->first_days + age_days, length_days);
}

/* Length of step n with which the health comes out right, by the Illinois form of false position.
 */
static void cut_step(const past *p, int n, const evtwin__wear *before, evtwin__wear *wear) {
    double a = 0.0, fa = evtwin__wear_soh(before) - p->soh_frac;
    double b = p->span_days, fb = evtwin__wear_soh(wear) - p->soh_frac;
    for (int i = 0; i < 60 && fb != 0.0; i++) {
        const double c = b - fb * (b - a) / (fb - fa);
        *wear = *before;
        past_step(p, n, c, wear);
        const double fc = evtwin__wear_soh(wear) - p->soh_frac;
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

/* Age in macro-steps until the health is reached, exactly if so requested. */
static evtwin_status run_past(const past *p, int is_exact, evtwin__wear *wear) {
    enum { MAX_STEPS = 20000 };
    for (int n = 0; evtwin__wear_soh(wear) > p->soh_frac; n++) {
        EVTWIN_FAIL_IF(n == MAX_STEPS, EVTWIN_E_ARG,
                       "cell set '%s' does not age to a state of health of %g %%", wear->cell->name,
                       100.0 * p->soh_frac);
        const evtwin__wear before = *wear;
        past_step(p, n, p->span_days, wear);
        if (is_exact && evtwin__wear_soh(wear) < p->soh_frac) {
            cut_step(p, n, &before, wear);
            break;
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__wear_age_to(evtwin__wear *wear, double end_days, double soh_frac) {
    /* a coarse try tells how long the past is, and so when it began */
    evtwin__wear rough = *wear;
    const past coarse = {end_days, 56.0, soh_frac};
    EVTWIN_TRY(run_past(&coarse, 0, &rough));
    const past fine = {end_days - floor(rough.age_days), 14.0, soh_frac};
    return run_past(&fine, 1, wear);
}
