/* SPDX-License-Identifier: MIT */
/* learn/clean.h: carry values forward within a group and count outliers, on plain arrays. */
#ifndef EVTWIN_LEARN_CLEAN_H
#define EVTWIN_LEARN_CLEAN_H

#include "evtwin/features.h"

/* v[row * stride] is the value of a row. Where it is NaN, take the last one known before it in its
 * group; order (n) lists the rows by group, then time. Gives n_filled and n_missing. */
void evtwin__fill_forward(double *v, size_t stride, const int32_t *group_of_row,
                          const size_t *order, size_t n, evtwin_clean_report *report);

/* How many of v[order[k] * stride] lie outside [q1 - 1.5 iqr, q3 + 1.5 iqr]; NaN do not count. The
 * quartiles are linear between neighbours. scratch is (n). */
size_t evtwin__count_outliers(const double *v, size_t stride, const size_t *order, size_t n,
                              double *scratch);

/* The same of v (n), which is sorted; NaN must not be among them. */
size_t evtwin__count_outliers_in(double *v, size_t n);

/* Doubles in ascending order, for qsort. */
int evtwin__compare_f64(const void *a, const void *b);

#endif
