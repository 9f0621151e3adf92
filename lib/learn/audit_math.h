/* SPDX-License-Identifier: MIT */
/* learn/audit_math.h: the statistics that the parts of the audit share. */
#ifndef EVTWIN_LEARN_AUDIT_MATH_H
#define EVTWIN_LEARN_AUDIT_MATH_H

#include "evtwin/base.h"

#include <math.h>

/* Means and sums of squares of pairs, by Welford's update: exact to rounding in one pass. All zero
 * = no pairs. Source: Welford 1962, doi:10.1080/00401706.1962.10490022. */
typedef struct evtwin__pairs {
    size_t n;
    double mean_x, mean_y, xx, yy, xy; /* xx = sum of (x - mean_x)^2, and so on */
} evtwin__pairs;

static inline void evtwin__pairs_add(evtwin__pairs *p, double x, double y) {
    p->n++;
    const double dx = x - p->mean_x, dy = y - p->mean_y;
    p->mean_x += dx / (double)p->n;
    p->mean_y += dy / (double)p->n;
    p->xx += dx * (x - p->mean_x);
    p->yy += dy * (y - p->mean_y);
    p->xy += dx * (y - p->mean_y);
}

/* Correlation; 0 where one of them is constant. */
static inline double evtwin__pairs_r(const evtwin__pairs *p) {
    return p->xx > 0.0 && p->yy > 0.0 ? p->xy / sqrt(p->xx * p->yy) : 0.0;
}

static inline double evtwin__pairs_slope(const evtwin__pairs *p) {
    return p->xx > 0.0 ? p->xy / p->xx : 0.0;
}

/* Median of v (n >= 1), which is reordered; the lower one of two. O(n). */
double evtwin__select_median(double *v, size_t n);
/* The value that a share q of v (n >= 1) is below; v is reordered. */
double evtwin__select_quantile(double *v, size_t n, double q);

/* Least squares y = sum of beta x by the normal equations: xx (n, n) and xy (n) are sums over rows,
 * of which the lower triangle is used and overwritten; xy becomes beta. Columns that depend on
 * earlier ones get beta 0. */
void evtwin__least_squares(double *xx, double *xy, size_t n);

/* Are rows of two classes on two sides of a threshold, but for a share `slack` of each? Missing
 * values do not count; fewer than 20 of a class are too few. is_positive (n) is 0 or 1; scratch is
 * (n); is_above: the positive ones are above. */
int evtwin__lies_apart(const double *v, const double *is_positive, size_t n, double slack,
                       double *scratch, double *threshold_out, int *is_above_out);

#endif
