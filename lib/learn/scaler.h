/* SPDX-License-Identifier: MIT */
/* learn/scaler.h: the standard scaler: subtract the training mean, divide by the training
 * deviation. */
#ifndef EVTWIN_LEARN_SCALER_H
#define EVTWIN_LEARN_SCALER_H

#include "evtwin/base.h"

/* Arrays of n numbers each in one piece of memory, owned; all zero is an empty scaler. */
typedef struct evtwin__scaler {
    size_t n;
    double *mean;
    double *scale; /* > 0 */
} evtwin__scaler;

/* Room for n features, all zero. */
evtwin_status evtwin__scaler_alloc(size_t n, evtwin__scaler *out);

/* Fit on the rows row_index (n_rows >= 1) of x (…, cols), row-major, NaN = missing: mean and
 * population deviation, in double by two passes; a constant column gets its value as mean and
 * scale 1, one without a value 0 and 1. EVTWIN_E_RANGE if a deviation overflows. */
evtwin_status evtwin__scaler_fit(const double *x, size_t cols, const size_t *row_index,
                                 size_t n_rows, evtwin__scaler *out);

/* The same of one column v (n), all of it. */
void evtwin__scaler_fit_column(const double *v, size_t n, double *mean_out, double *scale_out);

/* y[r * n + i] = (x[r * n + i] - mean[i]) / scale[i], computed in double, then rounded to float;
 * NaN stays NaN, what does not fit a float becomes the largest one of its sign. Does not allocate.
 */
void evtwin__scaler_apply(const evtwin__scaler *s, const double *x, size_t rows, float *y);

/* Free the arrays; s is empty afterwards. */
void evtwin__scaler_clear(evtwin__scaler *s);

#endif
