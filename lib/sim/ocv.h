/* SPDX-License-Identifier: MIT */
/* sim/ocv.h: open-circuit voltage over state of charge: sampled once, then read from a cubic table.
 */
#ifndef EVTWIN_SIM_OCV_H
#define EVTWIN_SIM_OCV_H

#include <stddef.h>

enum { EVTWIN__OCV_INTERVALS = 256, EVTWIN__OCV_TERMS = 8 };

/* U(soc) on a uniform grid: in interval k, with f in [0, 1], U = c[0] + f (c[1] + f (c[2] + f
 * c[3])). Value and slope are continuous. 8 KiB, so it stays in the first-level cache. */
typedef struct evtwin__ocv {
    _Alignas(64) double coefficient[EVTWIN__OCV_INTERVALS][4];
} evtwin__ocv;

typedef struct evtwin__ocv_terms {
    size_t n;
    double abc[EVTWIN__OCV_TERMS][3];
} evtwin__ocv_terms;

/* One electrode against lithium over stoichiometry s:
 * U = constant + slope s + sum a exp(b (s - c)) + sum a tanh(b (s - c)). */
typedef struct evtwin__half_cell {
    double constant_V, slope_V;
    evtwin__ocv_terms exp, tanh;
} evtwin__half_cell;

/* The two electrodes and their stoichiometries at soc 0 (empty) and 1 (full). */
typedef struct evtwin__half_cells {
    evtwin__half_cell negative, positive;
    double negative_empty, negative_full, positive_empty, positive_full;
} evtwin__half_cells;

void evtwin__ocv_from_half_cells(const evtwin__half_cells *cells, evtwin__ocv *out);

/* From points (n >= 2, soc rising from 0 to 1): a cubic as monotone as they are, slopes by the
 * harmonic mean. Source: Fritsch & Butland 1984, doi:10.1137/0905021 */
void evtwin__ocv_from_points(const double *soc_frac, const double *ocv_V, size_t n,
                             evtwin__ocv *out);

/* First grid interval on which U does not rise, EVTWIN__OCV_INTERVALS if it rises everywhere. */
size_t evtwin__ocv_first_fall(const evtwin__ocv *ocv);

/* The same operations as the kernel's, one soc at a time; soc is clamped to [0, 1]. */
double evtwin__ocv_at(const evtwin__ocv *ocv, double soc_frac);

#endif
