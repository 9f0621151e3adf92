/* SPDX-License-Identifier: MIT */
/* learn/drift.c: judge live data beside the reference of a bundle. */

#include "learn/drift.h"

#include "core/num.h"

#include <float.h>
#include <stdio.h>

typedef struct number {
    char text[EVTWIN__NUM_SIZE];
} number;

/* What a hostile bundle makes infinite, or rounding up does, is as large as a number can be. */
static double bounded(double v) {
    return fmin(fmax(v, -DBL_MAX), DBL_MAX);
}

/* A value as it was measured, with no more digits than a sensor has. */
static number exact(double v) {
    number n;
    evtwin__format_f64(bounded(evtwin__round_digits(v, 5)), n.text);
    return n;
}

/* With three digits. */
static number about(double v) {
    number n;
    evtwin__format_f64(bounded(evtwin__round_digits(v, 3)), n.text);
    return n;
}

static const char *blank_before(const char *unit) {
    return unit[0] != '\0' ? " " : "";
}

const char *evtwin__drift_cause_name(evtwin__drift_cause cause) {
    static const char *const name[] = {"none",  "fraction", "range", "distribution",
                                       "power", "curve",    "sign"};
    return name[cause];
}

/* ---- one feature ---- */

double evtwin__drift_psi_limit(const evtwin__bundle *b, size_t feature, size_t n_batteries) {
    const evtwin__bundle_feature *f = &evtwin__bundle_inputs(b).feature[feature];
    const double n_trained = b->n_batteries > 0 ? (double)b->n_batteries : INFINITY;
    const double chance = evtwin__drift_PSI_CHANCE *
                          (n_batteries > 0 ? 1.0 / (double)n_batteries + 1.0 / n_trained : 1.0);
    const double month = !isnan(f->histogram.month_psi) ? f->histogram.month_psi
                         : strcmp(f->unit, "degC") == 0 ? evtwin__drift_PSI_UNKNOWN_MONTH
                                                        : 0.0;
    const double part = fmax(month, f->histogram.life_psi); /* of which NaN is none */
    return evtwin__drift_PSI + chance + evtwin__drift_PSI_PART * part;
}

double evtwin__drift_psi(const evtwin__bundle *b, size_t feature, const evtwin__tally *recent,
                         size_t n_batteries) {
    const evtwin__histogram *h = &evtwin__bundle_inputs(b).feature[feature].histogram;
    const double n = n_batteries > 0 ? (double)n_batteries : 1.0;
    return h->n_bins > 1 && recent->n_sampled >= evtwin__drift_SAMPLES * n
               ? evtwin__histogram_psi(h, recent->bin)
               : (double)NAN;
}

static void say_fraction(const evtwin__bundle_feature *f, const evtwin__tally *t, int in_words,
                         evtwin__drift *out) {
    *out = (evtwin__drift){EVTWIN__DRIFT_FRACTION, f->name, t->max, 1.0, ""};
    if (!in_words) {
        return;
    }
    snprintf(out->text, sizeof out->text,
             "feature '%s': all %.0f values so far lie within 0 to %s percent; if they are "
             "fractions, use the unit override %s=fraction where they are read",
             f->name, t->n, t->max > 1.0 ? exact(t->max).text : "1", f->name);
}

static void say_range(const evtwin__bundle_feature *f, const evtwin__tally *t, double share,
                      int in_words, evtwin__drift *out) {
    *out = (evtwin__drift){EVTWIN__DRIFT_RANGE, f->name, share, evtwin__drift_OUTSIDE_FLEET, ""};
    if (!in_words) {
        return;
    }
    snprintf(out->text, sizeof out->text,
             "feature '%s': %.0f of %.0f values (%s to %s) are outside the range of the training "
             "data, %s to %s%s%s; what is predicted from them is extrapolated",
             f->name, t->n_outside, t->n, exact(t->min).text, exact(t->max).text,
             exact(f->min).text, exact(f->max).text, blank_before(f->unit), f->unit);
}

void evtwin__possible_values(const evtwin__bundle_feature *f, double *min_out, double *max_out) {
    const size_t q = evtwin__quantity_by_name(f->name);
    const int is_known = q < EVTWIN__Q_COUNT;
    const double max = is_known ? evtwin__schema[q].max : (double)NAN;
    /* a power whose source has it signed keeps its sign */
    const double min = !is_known                   ? (double)NAN
                       : strcmp(f->unit, "W") == 0 ? -max
                                                   : evtwin__schema[q].min;
    *min_out = isnan(min) ? -INFINITY : min;
    *max_out = isnan(max) ? INFINITY : max;
}

/* Most of the values; of few of them, all. */
static int is_impossible(double n, double n_impossible) {
    const double all = n + n_impossible;
    return n_impossible >= 3.0 && n_impossible >= evtwin__drift_IMPOSSIBLE * all &&
           (n == 0.0 || all >= evtwin__drift_MIN_VALUES);
}

static void say_impossible(const evtwin__bundle_feature *f, double n, double n_impossible,
                           int in_words, evtwin__drift *out) {
    *out = (evtwin__drift){EVTWIN__DRIFT_RANGE, f->name, n_impossible / (n + n_impossible),
                           evtwin__drift_IMPOSSIBLE, ""};
    if (!in_words) {
        return;
    }
    double min, max;
    evtwin__possible_values(f, &min, &max);
    snprintf(out->text, sizeof out->text,
             "feature '%s': %.0f of %.0f values are none that a battery can have, %s to %s%s%s: "
             "another unit or a broken sensor",
             f->name, n_impossible, n + n_impossible, exact(min).text, exact(max).text,
             blank_before(f->unit), f->unit);
}

/* "at least 34.5 degC", of the bin that has grown most. */
static void say_distribution(const evtwin__bundle_feature *f, const evtwin__tally *t, double psi,
                             double limit, int in_words, evtwin__drift *out) {
    const evtwin__histogram *h = &f->histogram;
    size_t most = 0;
    double sum = 0.0;
    for (size_t b = 0; b < h->n_bins; b++) {
        sum += t->bin[b];
    }
    for (size_t b = 1; b < h->n_bins; b++) {
        most = t->bin[b] / sum - h->share[b] > t->bin[most] / sum - h->share[most] ? b : most;
    }
    const double low = most > 0 ? h->edge[most - 1] : f->min;
    const double high = most + 1 < h->n_bins ? h->edge[most] : f->max;
    *out = (evtwin__drift){EVTWIN__DRIFT_DISTRIBUTION, f->name, psi, limit, ""};
    if (!in_words) {
        return;
    }
    snprintf(out->text, sizeof out->text,
             "feature '%s' is distributed unlike in the training data (PSI %s, limit %s): %.0f %% "
             "of the values are in %s to %s%s%s, %.0f %% were in training; another use, climate, "
             "unit or sensor",
             f->name, about(psi).text, about(limit).text, 100.0 * t->bin[most] / sum,
             exact(low).text, exact(high).text, blank_before(f->unit), f->unit,
             100.0 * h->share[most]);
}

/* The share of rows from which on a fleet is unlike, and not one battery of it. */
static double share_of_fleet(double share, size_t n_batteries) {
    return n_batteries < 2 ? share
                           : fmax(share, fmin(evtwin__drift_ONE_BATTERY / (double)n_batteries,
                                              evtwin__drift_MOST_SHARE));
}

/* A fleet of one is that battery, which may use its range as no other does. */
static double range_share(size_t n_batteries) {
    return n_batteries == 1 ? evtwin__drift_OUTSIDE_BATTERY
                            : share_of_fleet(evtwin__drift_OUTSIDE_FLEET, n_batteries);
}

/* Too large a share, of three values or more, or all of them. */
static int is_off_range(const evtwin__tally *t, size_t n_batteries) {
    const double share = range_share(n_batteries);
    return t->n_outside > 0.0 && t->n_outside >= share * t->n &&
           (t->n_outside >= 3.0 || t->n_outside == t->n);
}

void evtwin__drift_of_feature(const evtwin__bundle *b, size_t feature, const evtwin__tally *total,
                              const evtwin__tally *recent, size_t n_batteries, int in_words,
                              evtwin__drift *out) {
    const evtwin__bundle_feature *f = &evtwin__bundle_inputs(b).feature[feature];
    out->cause = EVTWIN__DRIFT_NONE;
    if (evtwin__is_like_fraction(f->unit, (size_t)total->n, total->min, total->max)) {
        say_fraction(f, total, in_words, out);
    } else if (is_impossible(recent->n, recent->n_impossible)) {
        say_impossible(f, recent->n, recent->n_impossible, in_words, out);
    } else if (is_off_range(recent, n_batteries)) {
        say_range(f, total, recent->n_outside / recent->n, in_words, out);
        out->limit = range_share(n_batteries);
    } else {
        const double psi = evtwin__drift_psi(b, feature, recent, n_batteries);
        const double limit = evtwin__drift_psi_limit(b, feature, n_batteries);
        if (psi > limit) {
            say_distribution(f, recent, psi, limit, in_words, out);
        }
    }
}

void evtwin__drift_of_battery(const evtwin__bundle *b, size_t feature, double n, double n_outside,
                              double n_impossible, int in_words, evtwin__drift *out) {
    const evtwin__bundle_feature *f = &evtwin__bundle_inputs(b).feature[feature];
    out->cause = EVTWIN__DRIFT_NONE;
    if (n + n_impossible >= evtwin__drift_MIN_VALUES && is_impossible(n, n_impossible)) {
        say_impossible(f, n, n_impossible, in_words, out);
    } else if (n >= evtwin__drift_MIN_VALUES && n_outside >= evtwin__drift_OUTSIDE_BATTERY * n) {
        *out = (evtwin__drift){EVTWIN__DRIFT_RANGE, f->name, n_outside / n,
                               evtwin__drift_OUTSIDE_BATTERY, ""};
        if (!in_words) {
            return;
        }
        snprintf(out->text, sizeof out->text,
                 "feature '%s': %.0f of its last %.0f values are outside the range of the training "
                 "data, %s to %s%s%s",
                 f->name, n_outside, n, exact(f->min).text, exact(f->max).text,
                 blank_before(f->unit), f->unit);
    }
}

/* ---- what belongs together ---- */

int evtwin__drift_is_power_off(const evtwin__bundle *b, double factor) {
    const double ratio = factor / b->curve.power_factor; /* NaN is not off */
    return fmax(ratio, 1.0 / ratio) > evtwin__drift_POWER_FACTOR;
}

static int judge_power(const evtwin__bundle *b, const evtwin__sums *s, double share, int in_words,
                       evtwin__drift *out) {
    if (s->n_power < evtwin__drift_MIN_VALUES || s->n_power_off < share * s->n_power) {
        return 0;
    }
    const double factor = exp(s->log_power / s->n_power_off) / b->curve.power_factor;
    *out = (evtwin__drift){EVTWIN__DRIFT_POWER, "power_consumption", factor,
                           evtwin__drift_POWER_FACTOR, ""};
    if (!in_words) {
        return 1;
    }
    snprintf(out->text, sizeof out->text,
             "power is %s times voltage x current, beside 1 in training: %s", about(factor).text,
             fabs(factor - 1e-3) < 1e-4 ? "it is in kW where W is read, or current in mA"
                                        : "one of the three is in another unit, or of another part "
                                          "of the pack (a cell's voltage?)");
    return 1;
}

/* What the slope of voltage over current has changed by, in resistances of the training; 0 = not
 * known. */
static double slope_of(const evtwin__bundle *b, const evtwin__sums *s) {
    const double ii = s->ii - s->i * s->i / s->n_rest;
    return isnan(b->curve.resistance_ohm) || !(ii > s->n_rest)
               ? 0.0
               : (s->i_rest - s->i * s->rest / s->n_rest) / ii / b->curve.resistance_ohm;
}

static int judge_sign(const evtwin__bundle *b, const evtwin__sums *s, int in_words,
                      evtwin__drift *out) {
    const double slope = s->n_rest >= evtwin__drift_MIN_VALUES ? slope_of(b, s) : 0.0;
    const double step =
        s->n_steps >= evtwin__drift_MIN_VALUES && s->abs_step > 0.0 ? s->step / s->abs_step : 0.0;
    if (step <= evtwin__drift_SIGN_COULOMB) {
        *out = (evtwin__drift){EVTWIN__DRIFT_SIGN, "current", step, evtwin__drift_SIGN_COULOMB, ""};
        if (!in_words) {
            return 1;
        }
        snprintf(out->text, sizeof out->text,
                 "state of charge rises where current discharges and falls where it charges: the "
                 "sign of current is flipped (> 0 discharges)");
        return 1;
    }
    /* a stretch of one discharge, with its relaxation, can have any slope: charge that fits the
     * sign excuses it, however few steps there are */
    const int charge_fits =
        s->abs_step > 0.0 && s->step >= -evtwin__drift_SIGN_COULOMB * s->abs_step;
    if (slope > evtwin__drift_SIGN_SLOPE && s->n_flipped >= 0.5 * s->n_off && !charge_fits) {
        *out = (evtwin__drift){EVTWIN__DRIFT_SIGN, "current", slope, evtwin__drift_SIGN_SLOPE, ""};
        if (!in_words) {
            return 1;
        }
        snprintf(out->text, sizeof out->text,
                 "voltage rises with current, in training it falls: the sign of current is flipped "
                 "(> 0 discharges)");
        return 1;
    }
    return 0;
}

static int judge_curve(const evtwin__sums *s, double share, int in_words, evtwin__drift *out) {
    if (s->n_rest < evtwin__drift_MIN_VALUES || s->n_off < share * s->n_rest) {
        return 0;
    }
    const double off_V = s->rest / s->n_rest;
    *out = (evtwin__drift){EVTWIN__DRIFT_CURVE, "voltage", s->n_off / s->n_rest, share, ""};
    if (!in_words) {
        return 1;
    }
    snprintf(out->text, sizeof out->text,
             "voltage at its state of charge and current is outside what it was in training in "
             "%.0f %% of the values (on average %s V %s): another chemistry or number of cells, or "
             "a wrong voltage or state of charge",
             100.0 * s->n_off / s->n_rest, about(fabs(off_V)).text,
             off_V < 0.0 ? "too low" : "too high");
    return 1;
}

/* A flipped sign also takes the voltage off its curve, which is then not said twice. */
size_t evtwin__drift_of_sums(const evtwin__bundle *b, const evtwin__sums *s, size_t n_batteries,
                             int in_words, evtwin__drift out[EVTWIN__N_TOGETHER]) {
    const double share = share_of_fleet(evtwin__drift_OFF_TOGETHER, n_batteries);
    size_t n = (size_t)judge_power(b, s, share, in_words, &out[0]);
    const size_t before = n;
    n += (size_t)judge_sign(b, s, in_words, &out[n]);
    n += n == before && judge_curve(s, share, in_words, &out[n]) ? 1 : 0;
    return n;
}
