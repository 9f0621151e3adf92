/* SPDX-License-Identifier: MIT */
/* learn/calibration.c: a line through the log-odds.
 *
 * Boosted forests are too sure of themselves. Two numbers mend that (Platt 1999), where isotonic
 * regression takes a thousand rows and makes ties (Niculescu-Mizil & Caruana 2005,
 * arXiv:1207.1403). The line rises, so ranks stay. It is drawn towards "as it is" (slope 1, offset
 * 0) by a normal prior (Steyerberg et al. 2004, doi:10.1002/sim.1844, shrinkage of a
 * recalibration): few batteries change little; and models of folds, which saw fewer batteries than
 * the one that is saved, are a little more wrong than it is. Newton's method with a line search:
 * Lin, Lin & Weng 2007, doi:10.1007/s10994-007-5018-6. */

#include "learn/calibration.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/vmath.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_STEPS = 100, MAX_HALVINGS = 20 };

/* A probability in float32 that is 1, or 0, was rounded to it. */
#define NEXT_TO_ONE (1.0 - 0x1p-26)
#define NEXT_TO_ZERO 1e-45

/* Variances of the prior: the slope's of 1 to 0.05 the best on simulated fleets of 48 and 96 packs
 * by Brier score and reliability; the offset is to be free enough for the base rate, where a forest
 * says nothing. */
#define SLOPE_VARIANCE 0.1
#define OFFSET_VARIANCE 1.0

/* A battery has the weight of its rows, since it is of rows that a probability speaks, but not more
 * than so many median ones. All weights sum up to about the number of batteries, which is what the
 * evidence is. */
#define MAX_BATTERY_WEIGHT 2.0

typedef struct row {
    double margin, truth, weight;
} row;

typedef struct problem {
    row *rows; /* (n) */
    size_t n;
} problem;

static double margin_of(double probability) {
    const double p = fmin(fmax(probability, NEXT_TO_ZERO), NEXT_TO_ONE);
    return evtwin__log_fast(p / (1.0 - p));
}

static double logistic(double margin) {
    return 1.0 / (1.0 + evtwin__exp(-margin));
}

double evtwin__calibrated_margin(const evtwin__calibration *c, double margin) {
    return logistic(evtwin__calibration_is_known(c) ? c->slope * margin + c->offset : margin);
}

double evtwin__calibrated(const evtwin__calibration *c, double probability) {
    return evtwin__calibration_is_known(c) && !isnan(probability)
               ? evtwin__calibrated_margin(c, margin_of(probability))
               : probability;
}

/* ---- the fit ---- */

/* Cross entropy and what the prior adds, which is to be least. */
static double loss(const problem *p, double slope, double offset) {
    double sum = 0.5 * (slope - 1.0) * (slope - 1.0) / SLOPE_VARIANCE +
                 0.5 * offset * offset / OFFSET_VARIANCE;
    for (size_t i = 0; i < p->n; i++) {
        const row *r = &p->rows[i];
        const double f = slope * r->margin + offset;
        /* log(1 + exp(f)) - truth * f, without overflow */
        sum += r->weight *
               (fmax(f, 0.0) + evtwin__log_fast(1.0 + evtwin__exp(-fabs(f))) - r->truth * f);
    }
    return sum;
}

/* First derivatives, and the second ones. */
typedef struct curvature {
    double a, b, aa, ab, bb;
} curvature;

static curvature derive(const problem *p, double slope, double offset) {
    curvature d = {.a = (slope - 1.0) / SLOPE_VARIANCE,
                   .b = offset / OFFSET_VARIANCE,
                   .aa = 1.0 / SLOPE_VARIANCE,
                   .bb = 1.0 / OFFSET_VARIANCE};
    for (size_t i = 0; i < p->n; i++) {
        const row *r = &p->rows[i];
        const double q = logistic(slope * r->margin + offset);
        const double first = r->weight * (q - r->truth), second = r->weight * q * (1.0 - q);
        d.a += first * r->margin;
        d.b += first;
        d.aa += second * r->margin * r->margin;
        d.ab += second * r->margin;
        d.bb += second;
    }
    return d;
}

/* Go down from (slope, offset) as long as that helps; is_fixed: the slope stays. */
static void descend(const problem *p, int is_fixed, double *slope, double *offset) {
    double now = loss(p, *slope, *offset);
    for (int step = 0; step < MAX_STEPS; step++) {
        const curvature d = derive(p, *slope, *offset);
        const double determinant = d.aa * d.bb - d.ab * d.ab;
        const double da = is_fixed ? 0.0 : -(d.bb * d.a - d.ab * d.b) / determinant;
        const double db = is_fixed ? -d.b / d.bb : -(d.aa * d.b - d.ab * d.a) / determinant;
        double t = 1.0, next = INFINITY;
        for (int k = 0; k < MAX_HALVINGS && !(next < now); k++, t *= 0.5) {
            next = loss(p, *slope + t * da, *offset + t * db);
        }
        if (!(next < now)) {
            return;
        }
        t *= 2.0; /* the last one tried */
        *slope += t * da;
        *offset += t * db;
        now = next;
    }
}

/* ---- the rows ---- */

static int is_usable(double probability, double truth, int32_t battery) {
    return isfinite(probability) && isfinite(truth) && battery >= 0;
}

/* Rows of a battery, and how many of them have the event. */
typedef struct count {
    size_t n_rows, n_events;
} count;

static evtwin_status count_rows(const double *probability, const double *truth,
                                const int32_t *battery, size_t n, count **counts_out,
                                size_t *n_codes_out, evtwin__calibration *out) {
    size_t n_codes = 0;
    for (size_t i = 0; i < n; i++) {
        n_codes =
            battery[i] >= 0 && (size_t)battery[i] >= n_codes ? (size_t)battery[i] + 1 : n_codes;
    }
    count *counts = evtwin__calloc(n_codes, sizeof *counts);
    EVTWIN_FAIL_IF(counts == NULL, EVTWIN_E_NOMEM, "out of memory for %zu batteries", n_codes);
    for (size_t i = 0; i < n; i++) {
        if (is_usable(probability[i], truth[i], battery[i])) {
            counts[battery[i]].n_rows++;
            counts[battery[i]].n_events += truth[i] > 0.5;
            out->n_rows++;
        }
    }
    for (size_t b = 0; b < n_codes; b++) {
        out->n_batteries += counts[b].n_rows > 0;
        out->n_with += counts[b].n_events > 0;
        out->n_without += counts[b].n_rows > counts[b].n_events;
    }
    *counts_out = counts;
    *n_codes_out = n_codes;
    return EVTWIN_OK;
}

static int by_rows(const void *a, const void *b) {
    const size_t x = ((const count *)a)->n_rows, y = ((const count *)b)->n_rows;
    return (x > y) - (x < y);
}

/* Rows of the median battery; *counts (n_codes) is in the order of battery numbers. */
static evtwin_status median_rows(const count *counts, size_t n_codes, size_t n_batteries,
                                 double *out) {
    count *sorted = evtwin__calloc(n_codes, sizeof *sorted);
    EVTWIN_FAIL_IF(sorted == NULL, EVTWIN_E_NOMEM, "out of memory for %zu batteries", n_codes);
    memcpy(sorted, counts, n_codes * sizeof *sorted);
    qsort(sorted, n_codes, sizeof *sorted, by_rows);
    *out =
        (double)sorted[n_codes - 1 - n_batteries / 2].n_rows; /* numbers without rows are first */
    evtwin__free(sorted);
    return EVTWIN_OK;
}

static evtwin_status fit_rows(const double *probability, const double *truth,
                              const int32_t *battery, size_t n, const count *counts, double median,
                              evtwin__calibration *out) {
    problem p = {.rows = evtwin__calloc(out->n_rows, sizeof *p.rows)};
    EVTWIN_FAIL_IF(p.rows == NULL, EVTWIN_E_NOMEM, "out of memory for %zu rows", out->n_rows);
    for (size_t i = 0; i < n; i++) {
        if (is_usable(probability[i], truth[i], battery[i])) {
            const double most = MAX_BATTERY_WEIGHT / (double)counts[battery[i]].n_rows;
            p.rows[p.n++] = (row){margin_of(probability[i]), truth[i] > 0.5 ? 1.0 : 0.0,
                                  fmin(1.0 / median, most)};
        }
    }
    double slope = 1.0, offset = 0.0;
    descend(&p, 0, &slope, &offset);
    if (!(slope >= EVTWIN__MIN_SLOPE && slope <= EVTWIN__MAX_SLOPE)) {
        slope = slope > 1.0 ? EVTWIN__MAX_SLOPE : EVTWIN__MIN_SLOPE; /* ranks say nothing */
        offset = 0.0;
        descend(&p, 1, &slope, &offset);
    }
    out->slope = slope;
    out->offset = offset;
    evtwin__free(p.rows);
    return EVTWIN_OK;
}

evtwin_status evtwin__calibration_fit(const double *probability, const double *truth,
                                      const int32_t *battery, size_t n, evtwin__calibration *out) {
    evtwin__calibration made = {0};
    count *counts = NULL;
    size_t n_codes = 0;
    double median = 0.0;
    evtwin_status st = count_rows(probability, truth, battery, n, &counts, &n_codes, &made);
    if (st >= 0 && made.n_with >= EVTWIN__CALIBRATION_ENOUGH &&
        made.n_without >= EVTWIN__CALIBRATION_ENOUGH &&
        (st = median_rows(counts, n_codes, made.n_batteries, &median)) >= 0) {
        st = fit_rows(probability, truth, battery, n, counts, median, &made);
    }
    evtwin__free(counts);
    if (st >= 0) {
        *out = made;
    }
    return st;
}
