/* SPDX-License-Identifier: MIT */
/* learn/audit_window.c: a column that was replaced by what a window or a filter made of it. Sensors
 * report in steps (0.1 %, 0.5 degC): a mean over w rows is a multiple of a w-th of a step, and
 * where a record ends the window is as wide as what is left of it. A window over the rows so far is
 * never cut at the end: nothing that is known at a row tells that it is among the last. */

#include "learn/audit.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/audit_math.h"
#include "learn/finding.h"

#include <stdlib.h>

enum { MAX_WINDOW = 101, MAX_DIGITS = 3, SAMPLE = 1000, MIN_ROWS = 8 };

typedef struct column {
    const evtwin__audit *a;
    const char *name;
    const double *v; /* (n) */
    size_t n_sample;
    size_t sample[SAMPLE]; /* k of known values, at least a window from both ends where it may be */
} column;

/* Is v a whole number of steps, each 10^-digits / parts? Not by chance, nor by how it is written.
 */
static int is_multiple(double v, double per_step) {
    const double steps = v * per_step;
    return fabs(steps - round(steps)) <= 1e-5 + 1e-12 * fabs(steps);
}

static double share_of_multiples(const column *c, double per_step) {
    size_t n = 0, n_seen = 0;
    for (size_t i = 0; i < c->n_sample; i++) {
        n_seen++;
        n += (size_t)is_multiple(c->v[c->sample[i]], per_step);
        if (n_seen >= 50 && 2 * n < n_seen) {
            break; /* it is not */
        }
    }
    return n_seen > 0 ? (double)n / (double)n_seen : 0.0;
}

static void take_sample(column *c) {
    const evtwin__audit *a = c->a;
    const size_t stride = a->n / SAMPLE + 1;
    c->n_sample = 0;
    for (size_t b = 0; b < a->n_batteries; b++) {
        const size_t rows = a->start[b + 1] - a->start[b];
        const size_t edge = rows / 3 < MAX_WINDOW / 2 ? rows / 3 : MAX_WINDOW / 2;
        for (size_t k = a->start[b] + edge; k + edge < a->start[b + 1]; k++) {
            if (k % stride == 0 && !isnan(c->v[k]) && c->n_sample < SAMPLE) {
                c->sample[c->n_sample++] = k;
            }
        }
    }
}

/* ---- a mean that is cut where the record ends ---- */

/* Rows so many before the last of each battery: those that are a mean of `left` + that many rows,
 * and of those the ones that are one of w rows too, as a window over the rows so far has it. */
typedef struct ends {
    size_t n, n_cut, n_whole;
} ends;

static ends look_at_ends(const column *c, double per_step, size_t w, size_t left) {
    const evtwin__audit *a = c->a;
    ends e = {0};
    for (size_t b = 0; b < a->n_batteries; b++) {
        const size_t end = a->start[b + 1], rows = end - a->start[b];
        for (size_t j = 0; j < 4 && left + j < w && 2 * w < rows; j++) {
            const double v = c->v[end - 1 - j];
            if (!isnan(v)) {
                e.n++;
                e.n_cut += (size_t)is_multiple(v, per_step * (double)(left + j));
                e.n_whole += (size_t)is_multiple(v, per_step * (double)w);
            }
        }
    }
    return e;
}

/* The number of rows in a window, the row with it, that are not earlier; 0 if it ends at the row.
 */
static size_t rows_ahead(const column *c, double per_step, size_t w) {
    for (size_t left = 1; left < w; left++) {
        const ends e = look_at_ends(c, per_step, w, left);
        if (e.n >= MIN_ROWS && 20 * e.n_cut >= 19 * e.n && 5 * e.n_whole <= 4 * e.n) {
            return left;
        }
    }
    return 0;
}

static evtwin_status find_cut_mean(const column *c, int *is_found) {
    double per_step = 1.0;
    for (int digits = 0; digits <= MAX_DIGITS; digits++, per_step *= 10.0) {
        if (share_of_multiples(c, per_step) > 0.6 ||
            share_of_multiples(c, per_step * 1000.0) > 0.9) {
            continue; /* as it was measured, or rounded so that nothing can be told */
        }
        for (size_t w = 2; w <= MAX_WINDOW; w++) {
            if (share_of_multiples(c, per_step * (double)w) < 0.98) {
                continue; /* w may be a multiple of the window's: then the next ones tell */
            }
            const size_t ahead = rows_ahead(c, per_step, w);
            *is_found = ahead > 0;
            if (ahead == 1) {
                return FIND(c->a->trainer, NEXT_ROWS, c->name, TEXT(c->name), COUNT(w));
            }
            if (ahead > 1) {
                return FIND(c->a->trainer, CENTRED_CUT, c->name, TEXT(c->name), TEXT("mean"),
                            COUNT(w));
            }
        }
    }
    return EVTWIN_OK;
}

/* ---- a median that is cut where the record ends: of an even number of rows ---- */

/* Share of rows so many before the last that lie in the middle between two steps. */
static double share_of_halves(const column *c, double per_step, size_t before_last, size_t *n_out) {
    size_t n = 0, n_halves = 0;
    for (size_t b = 0; b < c->a->n_batteries; b++) {
        const size_t end = c->a->start[b + 1];
        if (end - c->a->start[b] < 3 * (before_last + 1)) {
            continue;
        }
        const double v = c->v[end - 1 - before_last];
        if (!isnan(v)) {
            n++;
            n_halves += is_multiple(v, 2.0 * per_step) && !is_multiple(v, per_step);
        }
    }
    *n_out = n_halves;
    return n > 0 ? (double)n_halves / (double)n : 0.0;
}

static evtwin_status find_cut_median(const column *c, int *is_found) {
    enum { MAX_HALF = 25 };
    double per_step = 1.0;
    for (int digits = 0; digits <= MAX_DIGITS; digits++, per_step *= 10.0) {
        if (share_of_multiples(c, per_step) < 0.995) {
            continue;
        }
        size_t half = 0, n_halves;
        for (size_t j = 0; j < MAX_HALF; j++) {
            half = share_of_halves(c, per_step, j, &n_halves) > 0.1 && n_halves >= MIN_ROWS ? j + 1
                                                                                            : half;
        }
        *is_found = half > 0;
        return half == 0 ? EVTWIN_OK
                         : FIND(c->a->trainer, CENTRED_CUT, c->name, TEXT(c->name), TEXT("median"),
                                COUNT(2 * half + 1));
    }
    return EVTWIN_OK;
}

/* ---- exponential smoothing from behind ---- */

/* f[k] = alpha x[k] + (1 - alpha) f[k + step], step 1 from behind, -1 as time goes; x must be whole
 * steps. The weights sum up to (1 - (1 - alpha)^m) / alpha after m rows, or alpha is constant
 * (pandas: adjust). */
static double share_of_smoothed(const column *c, double alpha, double per_step, int step,
                                int is_adjusted) {
    const evtwin__audit *a = c->a;
    size_t n = 0, n_whole = 0;
    for (size_t b = 0; b < a->n_batteries && n < 200; b++) {
        const size_t first = a->start[b], end = a->start[b + 1];
        for (size_t m = 2; m <= 12 && m <= end - first; m++) { /* rows from where it begins */
            const size_t k = step > 0 ? end - m : first + m - 1;
            const size_t last = step > 0 ? k + 1 : k - 1;
            const double decay = 1.0 - alpha, weights = (1.0 - pow(decay, (double)m)) / alpha;
            const double x = is_adjusted
                                 ? c->v[k] * weights - decay * c->v[last] * (weights - 1.0) / decay
                                 : (c->v[k] - decay * c->v[last]) / alpha;
            if (!isnan(x) && c->v[k] != c->v[last]) {
                n++;
                n_whole += (size_t)is_multiple(x, per_step);
            }
        }
        if (n >= 20 && 2 * n_whole < n) {
            return 0.0;
        }
    }
    return n >= 20 ? (double)n_whole / (double)n : 0.0;
}

static evtwin_status find_smoothed(const column *c, int *is_found) {
    double per_step = 1.0;
    for (int digits = 0; digits <= MAX_DIGITS; digits++, per_step *= 10.0) {
        if (share_of_multiples(c, per_step) > 0.6 ||
            share_of_multiples(c, per_step * 1000.0) > 0.9) {
            continue;
        }
        for (size_t i = 1; i < 200; i++) { /* alpha in hundredths, then 2 / (span + 1) */
            const double alpha = i < 100 ? (double)i / 100.0 : 2.0 / (double)(i - 97);
            for (int is_adjusted = 0; is_adjusted < 2; is_adjusted++) {
                if (share_of_smoothed(c, alpha, per_step, 1, is_adjusted) >= 0.95) {
                    *is_found = 1;
                    return FIND(c->a->trainer, SMOOTHED_BACK, c->name, TEXT(c->name),
                                DIGITS(alpha, 3));
                }
            }
        }
    }
    return EVTWIN_OK;
}

/* ---- each feature ---- */

static evtwin_status look_at(column *c) {
    int is_found = 0;
    take_sample(c);
    if (c->n_sample < 100) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(find_cut_mean(c, &is_found));
    if (!is_found) {
        EVTWIN_TRY(find_cut_median(c, &is_found));
    }
    return is_found ? EVTWIN_OK : find_smoothed(c, &is_found);
}

evtwin_status evtwin__audit_window(const evtwin__audit *a) {
    double *v = evtwin__calloc(a->n, sizeof *v);
    column *c = evtwin__calloc(1, sizeof *c);
    evtwin_status st = v == NULL || c == NULL ? EVTWIN_E_NOMEM : EVTWIN_OK;
    for (size_t i = 0; i < a->data->cols && st >= 0 && a->n_batteries >= EVTWIN__ENOUGH_BLOCKS;
         i++) {
        const size_t col = evtwin__audit_feature_column(a, i);
        evtwin__audit_column(a, col, v);
        c->a = a;
        c->name = evtwin_table_name(a->data->table, col);
        c->v = v;
        st = look_at(c);
    }
    evtwin__free(v);
    evtwin__free(c);
    EVTWIN_FAIL_IF(st == EVTWIN_E_NOMEM, EVTWIN_E_NOMEM, "out of memory to audit %zu rows", a->n);
    return st;
}
