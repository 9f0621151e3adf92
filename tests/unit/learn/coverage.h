/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/coverage.h: what intervals cover of batteries that they were not calibrated on.
 */
#ifndef EVTWIN_TEST_COVERAGE_H
#define EVTWIN_TEST_COVERAGE_H

#include "learn/interval.h"

#include <math.h>
#include <stdlib.h>

/* Predictions and truths of n rows of n_batteries batteries. */
typedef struct predicted {
    double *prediction, *truth; /* (n) */
    int32_t *battery;           /* (n) 0 to n_batteries - 1 */
    size_t n;
    int32_t n_batteries;
} predicted;

static inline predicted predicted_alloc(size_t n) {
    const predicted p = {malloc(n * sizeof(double)), malloc(n * sizeof(double)),
                         malloc(n * sizeof(int32_t)), n, 0};
    assert_true(p.prediction != NULL && p.truth != NULL && p.battery != NULL);
    return p;
}

static inline void predicted_free(predicted *p) {
    free(p->prediction);
    free(p->truth);
    free(p->battery);
}

typedef struct covered {
    double mean;    /* over batteries, of the share of their rows within */
    double at_0_80; /* share of the batteries of which 0.80 of the rows or more are within */
    double width;   /* mean over batteries of their mean width */
} covered;

/* Of the batteries that is_new (n_batteries) has; NULL = of all. */
static inline covered cover(const evtwin__interval *interval, evtwin_coverage coverage,
                            const predicted *p, const char *is_new) {
    double(*of)[3] = calloc((size_t)p->n_batteries, sizeof *of);
    assert_non_null(of);
    for (size_t i = 0; i < p->n; i++) {
        double low, high, *b = of[p->battery[i]];
        evtwin__interval_around(interval, coverage, p->prediction[i], &low, &high);
        assert_true(low <= p->prediction[i] && p->prediction[i] <= high);
        b[0] += 1.0;
        b[1] += p->truth[i] >= low && p->truth[i] <= high;
        b[2] += high - low;
    }
    covered c = {0};
    double n = 0.0;
    for (int32_t b = 0; b < p->n_batteries; b++) {
        if (of[b][0] > 0.0 && (is_new == NULL || is_new[b])) {
            n += 1.0;
            c.mean += of[b][1] / of[b][0];
            c.at_0_80 += of[b][1] / of[b][0] >= 0.80;
            c.width += of[b][2] / of[b][0];
        }
    }
    free(of);
    return (covered){c.mean / n, c.at_0_80 / n, c.width / n};
}

#endif
