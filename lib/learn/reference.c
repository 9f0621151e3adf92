/* SPDX-License-Identifier: MIT */
/* learn/reference.c: histograms of the training data, and the voltage by state of charge and
 * current. */

#include "learn/reference.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/audit_math.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TWELFTHS = 12, MIN_ROWS = 100, MIN_TWELFTHS = 3 };

/* ---- one feature ---- */

double evtwin__histogram_psi(const evtwin__histogram *h, const double *count) {
    double n = 0.0, psi = 0.0;
    for (size_t b = 0; b < h->n_bins; b++) {
        n += count[b];
    }
    for (size_t b = 0; b < h->n_bins && n > 0.0; b++) {
        const double p = fmax(count[b] / n, evtwin__drift_PSI_LEAST_SHARE);
        const double q = fmax(h->share[b], evtwin__drift_PSI_LEAST_SHARE);
        psi += (p - q) * log(p / q);
    }
    return psi;
}

typedef struct dated {
    double value;
    uint8_t month, life;
} dated;

static int by_value(const void *a, const void *b) {
    const double x = ((const dated *)a)->value, y = ((const dated *)b)->value;
    return (x > y) - (x < y);
}

/* Bins of equal shares of what is sorted; equal values stay together. */
static void cut_bins(const dated *v, size_t n, evtwin__histogram *h) {
    h->n_bins = 1;
    for (size_t k = 1; k < EVTWIN__HISTOGRAM_BINS; k++) {
        const double edge = v[n * k / EVTWIN__HISTOGRAM_BINS].value;
        if (edge > v[0].value && (h->n_bins == 1 || edge > h->edge[h->n_bins - 2])) {
            h->edge[h->n_bins++ - 1] = edge;
        }
    }
}

typedef double counts_of_twelfths[TWELFTHS][EVTWIN__HISTOGRAM_BINS];

/* The largest PSI of a twelfth that has enough rows, where there are enough such. */
static double largest_psi(const evtwin__histogram *h, const counts_of_twelfths count) {
    double largest = 0.0;
    int n_twelfths = 0;
    for (int m = 0; m < TWELFTHS; m++) {
        double n = 0.0;
        for (size_t b = 0; b < h->n_bins; b++) {
            n += count[m][b];
        }
        if (n >= MIN_ROWS) {
            n_twelfths++;
            largest = fmax(largest, evtwin__histogram_psi(h, count[m]));
        }
    }
    return n_twelfths >= MIN_TWELFTHS ? largest : (double)NAN;
}

evtwin_status evtwin__histogram_fit(const double *v, const uint8_t *month, const uint8_t *life,
                                    size_t n, evtwin__histogram *out) {
    dated *known = evtwin__calloc(n, sizeof *known);
    EVTWIN_FAIL_IF(known == NULL, EVTWIN_E_NOMEM, "out of memory for a histogram of %zu rows", n);
    counts_of_twelfths by_month = {{0}}, by_life = {{0}};
    evtwin__histogram h = {.month_psi = NAN, .life_psi = NAN};
    size_t n_known = 0;
    for (size_t k = 0; k < n; k++) {
        if (isfinite(v[k])) {
            known[n_known++] =
                (dated){v[k], month != NULL ? month[k] : 0, life != NULL ? life[k] : 0};
        }
    }
    if (n_known > 0) {
        qsort(known, n_known, sizeof *known, by_value);
        cut_bins(known, n_known, &h);
        for (size_t k = 0; k < n_known; k++) {
            const size_t b = evtwin__histogram_bin(&h, known[k].value);
            h.share[b] += 1.0;
            by_month[known[k].month][b] += 1.0;
            by_life[known[k].life][b] += 1.0;
        }
        for (size_t b = 0; b < h.n_bins; b++) {
            h.share[b] /= (double)n_known; /* of a constant exactly 1 */
        }
        h.month_psi = month != NULL ? largest_psi(&h, by_month) : (double)NAN;
        h.life_psi = life != NULL ? largest_psi(&h, by_life) : (double)NAN;
    }
    evtwin__free(known);
    *out = h;
    return EVTWIN_OK;
}

/* ---- voltage, current, state of charge, power ---- */

double evtwin__power_factor(const evtwin__places *at, const double *x) {
    if (at->power == EVTWIN_NO_COLUMN || at->voltage == EVTWIN_NO_COLUMN ||
        at->current == EVTWIN_NO_COLUMN) {
        return NAN;
    }
    const double vi = fabs(x[at->voltage] * x[at->current]);
    return fabs(x[at->current]) >= evtwin__drift_LEAST_CURRENT_A && vi > 0.0
               ? fabs(x[at->power]) / vi
               : (double)NAN;
}

static int curve_bin(double soc) {
    return !(soc >= 0.0 && soc <= 100.0) ? -1
           : soc == 100.0                ? EVTWIN__CURVE_BINS - 1
                                         : (int)(soc * EVTWIN__CURVE_BINS / 100.0);
}

static int has_curve(const evtwin__places *at) {
    return at->soc != EVTWIN_NO_COLUMN && at->voltage != EVTWIN_NO_COLUMN &&
           at->current != EVTWIN_NO_COLUMN;
}

/* A bundle may have a curve, and not the features for it. */
double evtwin__curve_rest(const evtwin__curve *c, const evtwin__places *at, const double *x) {
    const int b = c->is_known && has_curve(at) ? curve_bin(x[at->soc]) : -1;
    const double ohm = isnan(c->resistance_ohm) ? 0.0 : c->resistance_ohm;
    return b < 0 ? (double)NAN : x[at->voltage] - c->voltage_V[b] + ohm * x[at->current];
}

/* Within each bin of SoC, voltage by current: V - mean V = -R (I - mean I), least squares over all
 * bins. */
static void fit_lines(const evtwin__pairs *bin, evtwin__curve *c) {
    double xx = 0.0, xy = 0.0, yy = 0.0;
    for (int b = 0; b < EVTWIN__CURVE_BINS; b++) {
        xx += bin[b].xx;
        xy += bin[b].xy;
        yy += bin[b].yy;
    }
    const double explained = xx > 0.0 && yy > 0.0 ? xy * xy / (xx * yy) : 0.0;
    const int has_resistance = xy < 0.0 && explained >= evtwin__drift_LEAST_EXPLAINED;
    c->resistance_ohm = has_resistance ? -xy / xx : (double)NAN;
    for (int b = 0; b < EVTWIN__CURVE_BINS; b++) {
        const double at_rest =
            bin[b].mean_y + (has_resistance ? c->resistance_ohm * bin[b].mean_x : 0.0);
        const int is_enough = (double)bin[b].n >= evtwin__drift_MIN_VALUES;
        c->voltage_V[b] = is_enough ? at_rest : (double)NAN;
        c->is_known |= is_enough;
    }
}

static double median_power_factor(const double *x, size_t cols, const size_t *row, size_t n,
                                  const evtwin__places *at, double *scratch) {
    size_t n_known = 0;
    for (size_t k = 0; k < n; k++) {
        scratch[n_known] = evtwin__power_factor(at, x + row[k] * cols);
        n_known += isfinite(scratch[n_known]) != 0;
    }
    const double median =
        (double)n_known >= evtwin__drift_MIN_VALUES ? evtwin__select_median(scratch, n_known) : 0.0;
    return median > 0.0 ? median : (double)NAN;
}

evtwin_status evtwin__curve_fit(const double *x, size_t cols, const size_t *row, size_t n,
                                const evtwin__places *at, evtwin__curve *out) {
    evtwin__curve c = {.resistance_ohm = NAN, .power_factor = NAN, .min_V = NAN, .max_V = NAN};
    evtwin__pairs bin[EVTWIN__CURVE_BINS] = {{0}};
    double *scratch = evtwin__calloc(n, sizeof *scratch);
    EVTWIN_FAIL_IF(scratch == NULL, EVTWIN_E_NOMEM, "out of memory for a reference of %zu rows", n);
    for (size_t k = 0; k < n && has_curve(at); k++) {
        const double *v = x + row[k] * cols;
        const int b = curve_bin(v[at->soc]);
        if (b >= 0 && isfinite(v[at->voltage]) && isfinite(v[at->current])) {
            evtwin__pairs_add(&bin[b], v[at->current], v[at->voltage]);
        }
    }
    fit_lines(bin, &c);
    for (size_t k = 0; k < n && c.is_known; k++) {
        const double rest = evtwin__curve_rest(&c, at, x + row[k] * cols);
        c.min_V = !(rest >= c.min_V) && isfinite(rest) ? rest : c.min_V;
        c.max_V = !(rest <= c.max_V) && isfinite(rest) ? rest : c.max_V;
    }
    c.power_factor = median_power_factor(x, cols, row, n, at, scratch);
    evtwin__free(scratch);
    *out = c;
    return EVTWIN_OK;
}
