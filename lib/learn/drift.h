/* SPDX-License-Identifier: MIT */
/* learn/drift.h: judge counts of live data beside the reference of a bundle: what is unlike the
 * training data, in words. Knows nothing of time or tables. */
#ifndef EVTWIN_LEARN_DRIFT_H
#define EVTWIN_LEARN_DRIFT_H

#include "learn/bundle.h"

enum { EVTWIN__DRIFT_TEXT_SIZE = 512 };

/* Values of one feature, of the fleet. All zero = none. Counts are whole until they are halved. */
typedef struct evtwin__tally {
    double n, n_outside, min, max;
    double n_impossible; /* that no battery has, and are not counted otherwise */
    double n_sampled, bin[EVTWIN__HISTOGRAM_BINS]; /* of some of them, see SAMPLE_EVERY_S */
} evtwin__tally;

/* What belongs together, of the fleet or of a battery: sums, so that they can be added and halved.
 * i is the current, rest what evtwin__curve_rest leaves of the voltage. */
typedef struct evtwin__sums {
    double n_rest, n_off, rest, i, ii, i_rest; /* n_off: outside the training's range */
    double n_flipped; /* of these, how many would be inside with the current's other sign */
    double n_power, n_power_off,
        log_power;                  /* of the power factor; logarithm of those that are off */
    double n_steps, step, abs_step; /* change of SoC x charge that went in */
} evtwin__sums;

enum { EVTWIN__N_SUMS = sizeof(evtwin__sums) / sizeof(double) };

typedef enum evtwin__drift_cause {
    EVTWIN__DRIFT_NONE,
    EVTWIN__DRIFT_FRACTION,
    EVTWIN__DRIFT_RANGE,
    EVTWIN__DRIFT_DISTRIBUTION,
    EVTWIN__DRIFT_POWER,
    EVTWIN__DRIFT_CURVE,
    EVTWIN__DRIFT_SIGN
} evtwin__drift_cause;

enum { EVTWIN__N_DRIFT_CAUSES = EVTWIN__DRIFT_SIGN + 1 };

/* A finding: what was measured, its limit, and the sentence, "" unless it is asked for. */
typedef struct evtwin__drift {
    evtwin__drift_cause cause; /* NONE = nothing found */
    const char *quantity;      /* borrowed from the bundle or static */
    double value, limit;
    char text[EVTWIN__DRIFT_TEXT_SIZE];
} evtwin__drift;

/* "range", "distribution", …; static. */
const char *evtwin__drift_cause_name(evtwin__drift_cause cause);

/* The PSI of a feature with so many live batteries; NaN while there is too little to judge. */
double evtwin__drift_psi(const evtwin__bundle *b, size_t feature, const evtwin__tally *recent,
                         size_t n_batteries);

/* From where on it is a finding. */
double evtwin__drift_psi_limit(const evtwin__bundle *b, size_t feature, size_t n_batteries);

/* The finding about a feature of the fleet: recent decides, total is what is named. */
void evtwin__drift_of_feature(const evtwin__bundle *b, size_t feature, const evtwin__tally *total,
                              const evtwin__tally *recent, size_t n_batteries, int in_words,
                              evtwin__drift *out);

/* The same of one battery, of n values of which n_outside are outside the training's range, and
 * n_impossible others. */
void evtwin__drift_of_battery(const evtwin__bundle *b, size_t feature, double n, double n_outside,
                              double n_impossible, int in_words, evtwin__drift *out);

/* What a value of a feature can be. */
void evtwin__possible_values(const evtwin__bundle_feature *f, double *min_out, double *max_out);

/* Is a power factor off the training's? */
int evtwin__drift_is_power_off(const evtwin__bundle *b, double factor);

/* Findings about what belongs together in so many batteries: power, curve, sign; how many (up to
 * 3). */
enum { EVTWIN__N_TOGETHER = 3 };
size_t evtwin__drift_of_sums(const evtwin__bundle *b, const evtwin__sums *s, size_t n_batteries,
                             int in_words, evtwin__drift out[EVTWIN__N_TOGETHER]);

#endif
