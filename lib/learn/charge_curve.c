/* SPDX-License-Identifier: MIT */
/* learn/charge_curve.c: the charge that goes on, as a histogram of charge over voltage; its peak
 * when it ends. */

#include "learn/charge_curve.h"

#include <math.h>

enum { N_BINS = EVTWIN__CHARGE_BINS, MIN_BINS = 10 };

static const double BIN_SHARE = 0.005;      /* a bin's width over the first voltage */
static const double STEADY_SHARE = 0.8;     /* of the charge's largest current: not tapering off */
static const double AREA_SHARE = 0.02;      /* to each side of a peak */
static const double MIN_SOC_PERCENT = 30.0; /* of a charge that tells a capacity */
static const double MIN_CHARGE_S = 600.0;   /* of a charge that is one; regeneration is shorter */
static const double REST_S = 600.0;         /* over which a voltage relaxes */
static const double REST_SHARE = 0.02;      /* of the charging current: rest */

static const evtwin__charge_facts nothing = {(double)NAN, (double)NAN, (double)NAN,
                                             (double)NAN, (double)NAN, (double)NAN};

/* All but the rest behind it. */
static void clear_charge(evtwin__charge_curve *c) {
    const double rest_s = c->rest_s, rest_V = c->rest_V;
    *c = (evtwin__charge_curve){.first_soc = NAN,
                                .newest_soc = NAN,
                                .first_V = NAN,
                                .low_V = NAN,
                                .high_V = NAN,
                                .rest_s = rest_s,
                                .rest_V = rest_V};
}

void evtwin__charge_clear(evtwin__charge_curve *c) {
    clear_charge(c);
    c->rest_s = c->rest_V = NAN;
}

/* ---- while it lasts ---- */

static double bin_width(const evtwin__charge_curve *c) {
    return BIN_SHARE * c->first_V;
}

/* Spread a charge over the bins between two voltages, evenly. */
static void fill_bins(evtwin__charge_curve *c, double from_V, double to_V, double charge_As) {
    const double low = (fmin(from_V, to_V) - c->first_V) / bin_width(c);
    const double high = (fmax(from_V, to_V) - c->first_V) / bin_width(c);
    if (!(low >= 0.0 && high < (double)N_BINS)) {
        return; /* sagging below the start, or beyond, or a start of next to nothing */
    }
    c->low_V = fmin(c->low_V, fmin(from_V, to_V)); /* fmin(NaN, x) = x */
    c->high_V = fmax(c->high_V, fmax(from_V, to_V));
    for (size_t i = (size_t)low; i <= (size_t)high; i++) {
        const double share =
            high > low ? (fmin(high, (double)i + 1.0) - fmax(low, (double)i)) / (high - low) : 1.0;
        c->bin_As[i] += share * charge_As;
    }
}

static void go_on(evtwin__charge_curve *c, const evtwin__charge_step *s) {
    const double current_A = -0.5 * (s->from_A + s->to_A);
    const double temperature = 0.5 * (s->from_degC + s->to_degC);
    if (c->lasts_s == 0.0) {
        clear_charge(c);
        c->first_V = s->from_V;
    }
    c->lasts_s += s->dt_s;
    c->charge_As += current_A * s->dt_s;
    if (!isnan(temperature)) {
        c->temperature_s += s->dt_s;
        c->temperature_K_s += temperature * s->dt_s;
    }
    /* the rise of soc and the charge are of the same time only if soc is known at both ends */
    c->first_soc = c->lasts_s == s->dt_s ? s->from_soc : c->first_soc;
    c->newest_soc = s->to_soc;
    c->most_A = fmax(c->most_A, current_A);
    if (current_A >= STEADY_SHARE * c->most_A && c->first_V > 0.0) {
        fill_bins(c, s->from_V, s->to_V, current_A * s->dt_s);
    }
}

/* ---- when it is over ---- */

/* Weights 1-4-6-4-1, which two bins at each end lack neighbours for. */
static double smooth(const double *bin, size_t i) {
    return (bin[i - 2] + 4.0 * bin[i - 1] + 6.0 * bin[i] + 4.0 * bin[i + 1] + bin[i + 2]) / 16.0;
}

/* Charge between two voltages that the bins were filled between. */
static double charge_between(const evtwin__charge_curve *c, double from_V, double to_V) {
    const double low = (from_V - c->first_V) / bin_width(c);
    const double high = (to_V - c->first_V) / bin_width(c);
    double sum = 0.0;
    for (size_t i = (size_t)low; i <= (size_t)high && i < N_BINS; i++) {
        sum += c->bin_As[i] * (fmin(high, (double)i + 1.0) - fmax(low, (double)i));
    }
    return sum;
}

/* The highest bin of the smoothed curve among those that are higher than both neighbours; the first
 * and the last bin are not full. */
static void find_peak(const evtwin__charge_curve *c, evtwin__charge_facts *out) {
    const double width = bin_width(c);
    const double low = (c->low_V - c->first_V) / width, high = (c->high_V - c->first_V) / width;
    if (!(low >= 0.0 && high < (double)N_BINS && high - low >= (double)MIN_BINS)) {
        return; /* also without a voltage, or restored from what never was a state */
    }
    const size_t first = (size_t)low + 3, last = (size_t)high - 3;
    size_t peak = first;
    for (size_t i = first + 1; i < last; i++) {
        const double at = smooth(c->bin_As, i);
        const int is_local = at > smooth(c->bin_As, i - 1) && at >= smooth(c->bin_As, i + 1);
        peak = is_local && (peak == first || at > smooth(c->bin_As, peak)) ? i : peak;
    }
    if (peak == first) {
        return;
    }
    /* the top of the parabola through three bins */
    const double before = smooth(c->bin_As, peak - 1), at = smooth(c->bin_As, peak);
    const double after = smooth(c->bin_As, peak + 1), bend = before - 2.0 * at + after;
    const double shift = bend < 0.0 ? 0.5 * (before - after) / bend : 0.0;
    out->peak_V = c->first_V + ((double)peak + 0.5 + shift) * width;
    out->peak_Ah_per_V = at / 3600.0 / width;
    const double from_V = (1.0 - AREA_SHARE) * out->peak_V;
    const double to_V = (1.0 + AREA_SHARE) * out->peak_V;
    if (from_V >= c->low_V && to_V <= c->high_V) {
        out->area_Ah = charge_between(c, from_V, to_V) / 3600.0;
    }
}

static void finish(const evtwin__charge_curve *c, evtwin__charge_facts *out) {
    const double rise = c->newest_soc - c->first_soc;
    if (c->lasts_s < MIN_CHARGE_S) {
        return;
    }
    out->capacity_Ah = rise >= MIN_SOC_PERCENT ? c->charge_As / 36.0 / rise : (double)NAN;
    out->temperature_degC =
        c->temperature_s >= MIN_CHARGE_S ? c->temperature_K_s / c->temperature_s : (double)NAN;
    find_peak(c, out);
}

/* A charge is behind us; rest is measured from the first row that rests. */
static void relax(evtwin__charge_curve *c, const evtwin__charge_step *s,
                  evtwin__charge_facts *out) {
    if (isnan(c->rest_s)) {
        return;
    }
    const double most = REST_SHARE * c->most_A;
    if (!(fabs(s->to_A) <= most)) {
        c->rest_s = c->rest_V = NAN;
    } else if (isnan(c->rest_V)) {
        c->rest_V = s->to_V;
    } else {
        c->rest_s += s->dt_s;
    }
    if (c->rest_s >= REST_S) {
        out->relaxation_V = c->rest_V - s->to_V;
        c->rest_s = c->rest_V = NAN;
    }
}

void evtwin__charge_push(evtwin__charge_curve *c, const evtwin__charge_step *step,
                         evtwin__charge_facts *out) {
    *out = nothing;
    if (step->is_charging) {
        c->rest_s = c->rest_V = NAN;
        go_on(c, step);
        return;
    }
    if (c->lasts_s > 0.0) {
        finish(c, out);
        c->rest_s = c->lasts_s >= MIN_CHARGE_S ? 0.0 : (double)NAN;
        c->lasts_s = 0.0;
    }
    relax(c, step, out);
}

void evtwin__charge_break(evtwin__charge_curve *c, evtwin__charge_facts *out) {
    *out = nothing;
    if (c->lasts_s > 0.0) {
        finish(c, out);
        c->lasts_s = 0.0;
    }
    c->rest_s = c->rest_V = NAN;
}
