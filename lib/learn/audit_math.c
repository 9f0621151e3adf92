/* SPDX-License-Identifier: MIT */
/* learn/audit_math.c: order statistics without sorting. */

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
