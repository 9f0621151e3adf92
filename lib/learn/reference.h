/* SPDX-License-Identifier: MIT */
/* learn/reference.h: what the training data were like: a histogram of each feature, and of what
 * belongs together in a battery. A bundle carries it; learn/watch.h holds live data against it. */
#ifndef EVTWIN_LEARN_REFERENCE_H
#define EVTWIN_LEARN_REFERENCE_H

#include "evtwin/table.h"

enum { EVTWIN__HISTOGRAM_BINS = 10, EVTWIN__CURVE_BINS = 20 };

/* Limits: see drift.def. */
#define LIMIT(name, value) static const double evtwin__drift_##name __attribute__((unused)) = value;
#include "learn/drift.def"
#undef LIMIT

/* Bins of equal shares; fewer than 10 where many values are equal. Bin b has the values in
 * [edge[b - 1], edge[b]); the first and last are open. All zero = nothing is known. */
typedef struct evtwin__histogram {
    size_t n_bins; /* 0 = unknown */
    double edge[EVTWIN__HISTOGRAM_BINS - 1], share[EVTWIN__HISTOGRAM_BINS];
    /* the largest PSI of one calendar month, and of one twelfth of the batteries' records, beside
     * the whole; NaN = unknown */
    double month_psi, life_psi;
} evtwin__histogram;

/* Voltage by state of charge and current: V = voltage_V[bin of SoC] - resistance_ohm I. */
typedef struct evtwin__curve {
    int is_known;
    double voltage_V[EVTWIN__CURVE_BINS]; /* NaN where there were too few rows */
    double resistance_ohm;                /* NaN where current explains too little */
    double min_V, max_V;                  /* of what is left: V - the above */
    double power_factor;                  /* median of power / |voltage x current|; NaN = unknown */
} evtwin__curve;

/* Where the quantities of the checks are among the features; EVTWIN_NO_COLUMN = absent. */
typedef struct evtwin__places {
    size_t soc, voltage, current, power;
} evtwin__places;

static inline size_t evtwin__histogram_bin(const evtwin__histogram *h, double v) {
    size_t b = 0;
    for (size_t k = 0; k + 1 < h->n_bins; k++) {
        b += v >= h->edge[k];
    }
    return b;
}

/* Population stability index of counts (n_bins) beside the reference. */
double evtwin__histogram_psi(const evtwin__histogram *h, const double *count);

/* Of v (n); month and life (n) are the twelfth of the year and of its battery's record in which a
 * value is, 0 to 11, NULL = unknown. */
evtwin_status evtwin__histogram_fit(const double *v, const uint8_t *month, const uint8_t *life,
                                    size_t n, evtwin__histogram *out);

/* x: rows of features (cols) at row[0..n). */
evtwin_status evtwin__curve_fit(const double *x, size_t cols, const size_t *row, size_t n,
                                const evtwin__places *at, evtwin__curve *out);

/* What is left of the voltage of a row of features; NaN where the curve has nothing to say. */
double evtwin__curve_rest(const evtwin__curve *c, const evtwin__places *at, const double *x);

/* Power over |voltage x current| of a row; NaN below 1 A. */
double evtwin__power_factor(const evtwin__places *at, const double *x);

#endif
