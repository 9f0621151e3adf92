/* SPDX-License-Identifier: MIT */
/* learn/scaler.c: fit and apply the standard scaler. */

#include "learn/scaler.h"

#include "core/mem.h"
#include "core/status.h"

#include <assert.h>
#include <float.h>
#include <math.h>

evtwin_status evtwin__scaler_alloc(size_t n, evtwin__scaler *out) {
    evtwin__scaler s = {.n = n, .mean = evtwin__calloc(n, 2 * sizeof *s.mean)};
    EVTWIN_FAIL_IF(s.mean == NULL, EVTWIN_E_NOMEM, "out of memory for a scaler of %zu features", n);
    s.scale = s.mean + n;
    *out = s;
    return EVTWIN_OK;
}

void evtwin__scaler_clear(evtwin__scaler *s) {
    evtwin__free(s->mean);
    *s = (evtwin__scaler){0};
}

/* One column, x[row_index[r] * stride] (NULL = every row): the mean, then the root of the mean
 * squared deviation. */
static void fit_column(const double *x, size_t stride, const size_t *row_index, size_t n_rows,
                       double *mean, double *scale) {
    double first = 0.0, sum = 0.0, n = 0.0;
    int is_constant = 1;
    for (size_t r = 0; r < n_rows; r++) {
        const double v = x[(row_index != NULL ? row_index[r] : r) * stride];
        if (!isnan(v)) {
            first = n == 0.0 ? v : first;
            sum += v;
            n += 1.0;
            is_constant &= v == first;
        }
    }
    /* the sum of equal values rounds; their mean is known without it */
    *mean = is_constant ? first : sum / n;

    double square = 0.0;
    for (size_t r = 0; r < n_rows; r++) {
        const double deviation = x[(row_index != NULL ? row_index[r] : r) * stride] - *mean;
        square += isnan(deviation) ? 0.0 : deviation * deviation;
    }
    const double deviation = n > 0.0 ? sqrt(square / n) : 0.0;
    *scale = deviation == 0.0 ? 1.0 : deviation;
}

void evtwin__scaler_fit_column(const double *v, size_t n, double *mean_out, double *scale_out) {
    fit_column(v, 1, NULL, n, mean_out, scale_out);
}

evtwin_status evtwin__scaler_fit(const double *x, size_t cols, const size_t *row_index,
                                 size_t n_rows, evtwin__scaler *out) {
    assert(n_rows > 0);
    evtwin__scaler s;
    EVTWIN_TRY(evtwin__scaler_alloc(cols, &s));
    for (size_t i = 0; i < cols; i++) {
        fit_column(x + i, cols, row_index, n_rows, &s.mean[i], &s.scale[i]);
        if (!isfinite(s.mean[i]) || !isfinite(s.scale[i])) {
            evtwin__scaler_clear(&s);
            EVTWIN_FAIL(EVTWIN_E_RANGE, "the deviation of feature %zu overflows a double", i + 1);
        }
    }
    *out = s;
    return EVTWIN_OK;
}

static float to_float(double v) {
    return v > FLT_MAX ? FLT_MAX : v < -FLT_MAX ? -FLT_MAX : (float)v;
}

void evtwin__scaler_apply(const evtwin__scaler *s, const double *x, size_t rows, float *y) {
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < s->n; i++) {
            const size_t at = r * s->n + i;
            y[at] = to_float((x[at] - s->mean[i]) / s->scale[i]);
        }
    }
}
