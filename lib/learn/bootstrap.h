/* SPDX-License-Identifier: MIT */
/* learn/bootstrap.h: is a sum over blocks above zero by more than chance? */
#ifndef EVTWIN_LEARN_BOOTSTRAP_H
#define EVTWIN_LEARN_BOOTSTRAP_H

#include "evtwin/base.h"

/* Draw n of the n block sums with replacement, 1000 times; *bound_out = the 5 % quantile of the
 * sums of the draws, a one-sided 95 % bound of the whole. More than 4096 blocks are first added up
 * into 4096 runs of neighbours. Depends on the seed and the sums only. n >= 1. Source: Davison &
 * Hinkley 1997, Bootstrap Methods and their Application, section 5.3 (percentiles) */
evtwin_status evtwin__bootstrap_bound(const double *block_sum, size_t n, uint64_t seed,
                                      double *bound_out);

#endif
