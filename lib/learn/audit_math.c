/* SPDX-License-Identifier: MIT */
/* learn/audit_math.c: order statistics without sorting, least squares, two classes. */

#include "learn/audit_math.h"

/* Hoare's selection; the pivot is the median of three, so that sorted input is no bad case. */
static double select_at(double *v, size_t n, size_t at) {
    size_t low = 0, high = n - 1;
    while (low < high) {
        const double a = v[low], b = v[low + (high - low) / 2], c = v[high];
        const double pivot = a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
        size_t i = low, j = high;
        for (;;) {
            while (v[i] < pivot) {
                i++;
            }
            while (v[j] > pivot) {
                j--;
            }
            if (i >= j) {
                break;
            }
            const double swap = v[i];
            v[i++] = v[j];
            v[j--] = swap;
        }
        if (at <= j) {
            high = j;
        } else {
            low = j + 1;
        }
    }
    return v[at];
}

double evtwin__select_median(double *v, size_t n) {
    return select_at(v, n, (n - 1) / 2);
}

double evtwin__select_quantile(double *v, size_t n, double q) {
    return select_at(v, n, (size_t)(q * (double)(n - 1)));
}

/* ---- least squares: Cholesky, in place ---- */

void evtwin__least_squares(double *xx, double *xy, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const double diagonal = xx[i * n + i];
        for (size_t k = 0; k <= i; k++) {
            double sum = xx[i * n + k];
            for (size_t j = 0; j < k; j++) {
                sum -= xx[i * n + j] * xx[k * n + j];
            }
            if (k < i) {
                xx[i * n + k] = xx[k * n + k] > 0.0 ? sum / xx[k * n + k] : 0.0;
            } else {
                xx[i * n + i] = sum > 1e-9 * diagonal ? sqrt(sum) : 0.0;
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            xy[i] -= xx[i * n + j] * xy[j];
        }
        xy[i] = xx[i * n + i] > 0.0 ? xy[i] / xx[i * n + i] : 0.0;
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t j = i + 1; j < n; j++) {
            xy[i] -= xx[j * n + i] * xy[j];
        }
        xy[i] = xx[i * n + i] > 0.0 ? xy[i] / xx[i * n + i] : 0.0;
    }
}

/* ---- two classes ---- */

static size_t pick_class(const double *v, const double *is_positive, size_t n, double class,
                         double *to) {
    size_t n_picked = 0;
    for (size_t k = 0; k < n; k++) {
        if (!isnan(v[k]) && is_positive[k] == class) {
            to[n_picked++] = v[k];
        }
    }
    return n_picked;
}

int evtwin__lies_apart(const double *v, const double *is_positive, size_t n, double slack,
                       double *scratch, double *threshold_out, int *is_above_out) {
    enum { ENOUGH_ROWS = 20 };
    double low[2], high[2];
    for (int class = 0; class < 2; class ++) {
        const size_t n_class = pick_class(v, is_positive, n, (double)class, scratch);
        if (n_class < ENOUGH_ROWS) {
            return 0;
        }
        low[class] = evtwin__select_quantile(scratch, n_class, slack);
        high[class] = evtwin__select_quantile(scratch, n_class, 1.0 - slack);
    }
    *is_above_out = low[1] > high[0];
    *threshold_out = *is_above_out ? 0.5 * (low[1] + high[0]) : 0.5 * (low[0] + high[1]);
    return low[1] > high[0] || low[0] > high[1];
}
