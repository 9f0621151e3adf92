/* SPDX-License-Identifier: MIT */
/* learn/audit_formula.c: labels computed from several features: they follow from them in other
 * batteries too, or move with them from row to row. */

#include "learn/audit.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/vmath.h"
#include "learn/audit_math.h"
#include "learn/finding.h"

#include <stdio.h>
#include <string.h>

/* A step of so many multiplications is some hundredths of a second. */
enum {
    MAX_FEATURES = 20,
    MAX_WORK = 20000000,
    MIN_ROWS_PER_TERM = 20,
    N_FIRST_STEPS = 4,
    N_STEPS = 12
};
enum { MAX_TERMS = 1 + MAX_FEATURES + MAX_FEATURES * (MAX_FEATURES + 1) / 2 };

typedef struct fit {
    const evtwin__audit *a;
    size_t t;
    const double *y;       /* (n) */
    size_t p, terms;       /* features; terms of the polynomial */
    double *mean, *unit;   /* (p) a feature's mean and deviation */
    double *x;             /* (terms) of one row */
    double *xx[2], *xy[2]; /* (terms, terms), (terms) of the batteries of each half; xy then has
                              the coefficients */
    double *last[2];       /* (terms) coefficients of the step before, of an event */
    int step;
} fit;

/* ---- the values of the features: a quadratic polynomial, judged on other batteries ---- */

static void make_terms(const fit *f, size_t row) {
    const double *v = f->a->data->x + row * f->p;
    double *x = f->x;
    size_t n = 0;
    x[n++] = 1.0;
    for (size_t i = 0; i < f->p; i++) {
        x[n++] = f->unit[i] > 0.0 ? (v[i] - f->mean[i]) / f->unit[i] : 0.0;
    }
    for (size_t i = 1; i <= f->p && f->p <= MAX_FEATURES; i++) {
        for (size_t k = i; k <= f->p; k++) {
            x[n++] = x[i] * x[k];
        }
    }
}

/* Rows of a battery are in one half; of one series, runs of rows. */
static int half_of(const evtwin__audit *a, size_t battery, size_t k) {
    return (int)((a->is_one_series ? k / 64 : battery) % 2);
}

typedef void (*row_fn)(void *ctx, size_t k, int half);

/* Every stride-th row with the label and all features. */
static void each_row(const fit *f, size_t stride, row_fn visit, void *ctx) {
    size_t seen = 0;
    for (size_t b = 0; b < f->a->n_batteries; b++) {
        for (size_t k = f->a->start[b]; k < f->a->start[b + 1]; k++) {
            int is_known = !isnan(f->y[k]);
            for (size_t i = 0; i < f->p && is_known; i++) {
                is_known = !isnan(f->a->data->x[f->a->order[k] * f->p + i]);
            }
            if (is_known && seen++ % stride == 0) {
                visit(ctx, k, half_of(f->a, b, k));
            }
        }
    }
}

static double value(const fit *f, const double *beta) {
    double sum = 0.0;
    for (size_t i = 0; i < f->terms; i++) {
        sum += beta[i] * f->x[i];
    }
    return sum;
}

/* Weight and working response of a row in a step of logistic regression. Source: McCullagh &
 * Nelder 1989, Generalized Linear Models, 2.5. */
static double weigh(double odds, double *y) {
    odds = odds > 12.0 ? 12.0 : odds < -12.0 ? -12.0 : odds;
    const double p = 1.0 / (1.0 + evtwin__exp(-odds)), weight = p * (1.0 - p);
    *y = odds + (*y - p) / weight;
    return weight;
}

static void add_to_half(void *ctx, size_t k, int half) {
    const fit *f = ctx;
    double y = f->y[k];
    make_terms(f, f->a->order[k]);
    const double weight = f->step > 0 ? weigh(value(f, f->last[half]), &y) : 1.0;
    for (size_t i = 0; i < f->terms; i++) {
        const double x = weight * f->x[i];
        for (size_t j = 0; j <= i; j++) {
            f->xx[half][i * f->terms + j] += x * f->x[j];
        }
        f->xy[half][i] += x * y;
    }
}

static void fit_step(fit *f, size_t stride) {
    for (int half = 0; half < 2; half++) {
        memcpy(f->last[half], f->xy[half], f->terms * sizeof(double));
        memset(f->xx[half], 0, f->terms * f->terms * sizeof(double));
        memset(f->xy[half], 0, f->terms * sizeof(double));
    }
    each_row(f, stride, add_to_half, f);
    for (int half = 0; half < 2; half++) {
        evtwin__least_squares(f->xx[half], f->xy[half], f->terms);
    }
}

/* Steps of a logistic regression; the first one begins from no knowledge. */
static void fit_classes(fit *f, size_t stride, int first_step, int last_step) {
    for (int half = 0; half < 2 && first_step == 1; half++) {
        memset(f->xy[half], 0, f->terms * sizeof(double));
    }
    for (f->step = first_step; f->step <= last_step; f->step++) {
        fit_step(f, stride);
    }
}

typedef struct scored {
    const fit *f;
    evtwin__pairs pairs; /* of label and label, for its variance */
    double error;        /* sum of squares */
    size_t n;
    double *predicted, *truth, *scratch; /* (n) */
} scored;

static void score_row(void *ctx, size_t k, int half) {
    scored *s = ctx;
    const fit *f = s->f;
    make_terms(f, f->a->order[k]);
    const double predicted = value(f, f->xy[1 - half]); /* by what the other half says */
    evtwin__pairs_add(&s->pairs, f->y[k], f->y[k]);
    s->error += (f->y[k] - predicted) * (f->y[k] - predicted);
    s->predicted[s->n] = predicted;
    s->truth[s->n++] = f->y[k];
}

static void score_rows(scored *s, size_t stride) {
    s->n = 0;
    s->error = 0.0;
    s->pairs = (evtwin__pairs){0};
    each_row(s->f, stride, score_row, s);
}

static void count_row(void *ctx, size_t k, int half) {
    (void)k;
    ((size_t *)ctx)[half]++;
}

static void measure_features(const fit *f) {
    for (size_t i = 0; i < f->p; i++) {
        evtwin__pairs p = {0};
        for (size_t k = 0; k < f->a->n; k++) {
            const double v = f->a->data->x[f->a->order[k] * f->p + i];
            if (!isnan(v)) {
                evtwin__pairs_add(&p, v, v);
            }
        }
        f->mean[i] = p.mean_x;
        f->unit[i] = p.n > 1 ? sqrt(p.xx / (double)p.n) : 0.0;
    }
}

/* Is feature i in a term? */
static int is_in_term(const fit *f, size_t i, size_t term) {
    size_t n = 1 + f->p;
    if (term < n) {
        return term == 1 + i;
    }
    for (size_t a = 0; a < f->p; a++) {
        if (term < n + f->p - a) {
            return a == i || a + term - n == i;
        }
        n += f->p - a;
    }
    return 0;
}

/* What the terms without feature i (p = with all) explain, of the sums of the first half. */
static double explained_without(const fit *f, size_t i) {
    double *xx = f->xx[1], *xy = f->xy[1];
    size_t n = 0, term[MAX_TERMS];
    for (size_t k = 0; k < f->terms; k++) {
        if (i == f->p || !is_in_term(f, i, k)) {
            term[n++] = k;
        }
    }
    for (size_t a = 0; a < n; a++) {
        for (size_t b = 0; b <= a; b++) {
            xx[a * n + b] = f->xx[0][term[a] * f->terms + term[b]];
        }
        xy[a] = f->xy[0][term[a]];
    }
    evtwin__least_squares(xx, xy, n);
    double sum = 0.0;
    for (size_t a = 0; a < n; a++) {
        sum += xy[a] * f->xy[0][term[a]];
    }
    return sum;
}

/* The features that the fit loses most without, at most three; the halves' fits are used up. */
static void name_features(fit *f, size_t stride, char *text, size_t size) {
    double loss[MAX_FEATURES], greatest = 0.0;
    size_t used = 0;
    if (f->p > MAX_FEATURES) {
        snprintf(text, size, "of %zu", f->p);
        return;
    }
    memset(f->xx[0], 0, f->terms * f->terms * sizeof(double));
    memset(f->xy[0], 0, f->terms * sizeof(double));
    f->step = 0;
    each_row(f, stride, add_to_half, f);
    const double all = explained_without(f, f->p);
    for (size_t i = 0; i < f->p; i++) {
        loss[i] = all - explained_without(f, i);
    }
    for (int rank = 0; rank < 3; rank++) {
        size_t best = 0;
        for (size_t i = 1; i < f->p; i++) {
            best = loss[i] > loss[best] ? i : best;
        }
        greatest = rank == 0 ? loss[best] : greatest;
        if (!(loss[best] > 0.02 * greatest) || used >= size) {
            break;
        }
        used += (size_t)snprintf(text + used, size - used, "%s%s", rank > 0 ? ", " : "",
                                 f->a->trainer->bundle.feature[best].column);
        loss[best] = 0.0;
    }
}

static int is_apart(scored *s, size_t stride, double slack) {
    double threshold;
    int is_above;
    score_rows(s, stride);
    return evtwin__lies_apart(s->predicted, s->truth, s->n, slack, s->scratch, &threshold,
                              &is_above);
}

/* Least squares, and some steps, tell roughly whether a logistic regression is worth its time. */
static evtwin_status judge_classes(fit *f, size_t stride, scored *s, const char *label) {
    char names[256] = "";
    if (!evtwin__audit_has_enough(f->a, f->y) || !is_apart(s, stride, 0.2)) {
        return EVTWIN_OK;
    }
    fit_classes(f, stride, 1, N_FIRST_STEPS);
    if (!is_apart(s, stride, 0.03)) {
        return EVTWIN_OK;
    }
    fit_classes(f, stride, N_FIRST_STEPS + 1, N_STEPS);
    if (!is_apart(s, stride, 0.005)) {
        return EVTWIN_OK;
    }
    name_features(f, stride, names, sizeof names);
    return FIND(f->a->trainer, LABEL_OF_CLASS, label, TEXT(label), TEXT(names));
}

static evtwin_status judge_numbers(fit *f, size_t stride, scored *s, const char *label) {
    char names[256] = "";
    score_rows(s, stride);
    const double r2 = s->pairs.xx > 0.0 ? 1.0 - s->error / s->pairs.xx : 0.0;
    /* a label that rises in battery after battery is no remaining life: a formula, and noise */
    const int is_noisy =
        !f->a->is_one_series && !f->a->is_misordered && evtwin__audit_rises(f->a, f->y) > 0.05;
    if (r2 <= (is_noisy ? 0.9 : 0.99)) {
        return EVTWIN_OK;
    }
    name_features(f, stride, names, sizeof names);
    return FIND(f->a->trainer, LABEL_OF_SEVERAL, label, TEXT(label), TEXT(names), FIGURE(r2, 4));
}

static evtwin_status find_levels(fit *f, int *is_found) {
    size_t n_rows[2] = {0};
    each_row(f, 1, count_row, n_rows);
    const size_t n = n_rows[0] + n_rows[1];
    const size_t fewer = n_rows[0] < n_rows[1] ? n_rows[0] : n_rows[1];
    const size_t most = fewer / (MIN_ROWS_PER_TERM * f->terms); /* the greatest stride */
    size_t stride = n * f->terms * f->terms / 2 / MAX_WORK + 1;
    stride = stride < most ? stride : most;
    const size_t n_before = f->a->trainer->n_findings;
    if (stride == 0) {
        return EVTWIN_OK;
    }
    measure_features(f);
    fit_step(f, stride);
    const size_t room = n / stride + 1;
    scored s = {.f = f, .predicted = evtwin__calloc(room, 3 * sizeof(double))};
    EVTWIN_FAIL_IF(s.predicted == NULL, EVTWIN_E_NOMEM, "out of memory to audit %zu rows", n);
    s.truth = s.predicted + room;
    s.scratch = s.truth + room;
    const char *label = f->a->data->label[f->t].column;
    const evtwin_status st = f->a->trainer->target[f->t].kind == EVTWIN_TARGET_EVENT
                                 ? judge_classes(f, stride, &s, label)
                                 : judge_numbers(f, stride, &s, label);
    evtwin__free(s.predicted);
    *is_found = f->a->trainer->n_findings > n_before;
    return st;
}

/* ---- from row to row: a sensor's noise does not change the life that remains ---- */

/* A feature that only rises counts what a life is used up by. */
static int is_counter(const fit *f, size_t i) {
    size_t n_rises = 0, n_falls = 0;
    for (size_t b = 0; b < f->a->n_batteries; b++) {
        for (size_t k = f->a->start[b] + 1; k < f->a->start[b + 1]; k++) {
            const double d = f->a->data->x[f->a->order[k] * f->p + i] -
                             f->a->data->x[f->a->order[k - 1] * f->p + i];
            n_rises += d > 0.0;
            n_falls += d < 0.0;
        }
    }
    return n_rises > 0 && 100 * n_falls <= n_rises;
}

/* Steps of the label, summed with those of the features; columns: counters first, then sensors. */
static size_t sum_steps(const fit *f, const size_t *column, double *xx, double *xy, double *yy) {
    const size_t p = f->p;
    const double *x = f->a->data->x;
    size_t n = 0;
    for (size_t b = 0; b < f->a->n_batteries; b++) {
        for (size_t k = f->a->start[b] + 1; k < f->a->start[b + 1]; k++) {
            const double dy = f->y[k] - f->y[k - 1];
            const double *now = x + f->a->order[k] * p, *last = x + f->a->order[k - 1] * p;
            double sum = dy;
            f->x[0] = 1.0;
            for (size_t i = 0; i < p; i++) {
                const double unit = f->unit[column[i]];
                f->x[i + 1] = unit > 0.0 ? (now[column[i]] - last[column[i]]) / unit : 0.0;
                sum += f->x[i + 1];
            }
            if (isnan(sum)) {
                continue;
            }
            for (size_t i = 0; i <= p; i++) {
                for (size_t j = 0; j <= i; j++) {
                    xx[i * (p + 1) + j] += f->x[i] * f->x[j];
                }
                xy[i] += f->x[i] * dy;
            }
            *yy += dy * dy;
            n++;
        }
    }
    return n;
}

/* Residual sum of squares with the first m columns; xx is left alone, beta is (m). */
static double residual(const double *xx, const double *xy, double yy, size_t width, size_t m,
                       double *a, double *beta) {
    for (size_t i = 0; i < m; i++) {
        memcpy(a + i * m, xx + i * width, m * sizeof *a);
        beta[i] = xy[i];
    }
    evtwin__least_squares(a, beta, m);
    for (size_t i = 0; i < m; i++) {
        yy -= beta[i] * xy[i];
    }
    return yy;
}

/* The sensors by their part in the label's steps, the three greatest. */
static void name_movers(const fit *f, const size_t *column, size_t n_counters, const double *xx,
                        const double *beta, char *text, size_t size) {
    double below = INFINITY, greatest = 0.0;
    size_t used = 0;
    for (int rank = 0; rank < 3; rank++) {
        size_t best = 0;
        double most = 0.0;
        for (size_t i = n_counters + 1; i <= f->p; i++) {
            const double part = fabs(beta[i]) * sqrt(xx[i * (f->p + 1) + i]);
            if (part > most && part < below) {
                most = part;
                best = i;
            }
        }
        greatest = rank == 0 ? most : greatest;
        if (best == 0 || most < 0.1 * greatest || used >= size) {
            break;
        }
        below = most;
        used += (size_t)snprintf(text + used, size - used, "%s%s", rank > 0 ? ", " : "",
                                 f->a->trainer->bundle.feature[column[best - 1]].column);
    }
}

/* a: (p + 1, p + 1) and so on, all zero. */
static evtwin_status judge_steps(const fit *f, const size_t *column, size_t n_counters, double *xx,
                                 double *a) {
    enum { ENOUGH_STEPS = 100 };
    const size_t width = f->p + 1;
    double *xy = xx + width * width, *beta = xy + width, yy = 0.0;
    const size_t n = sum_steps(f, column, xx, xy, &yy);
    const double before = residual(xx, xy, yy, width, n_counters + 1, a, beta);
    const double after = residual(xx, xy, yy, width, width, a, beta);
    if (n < ENOUGH_STEPS || !(before > 1e-9 * yy) || after > 0.5 * before) {
        return EVTWIN_OK;
    }
    char movers[256] = "";
    name_movers(f, column, n_counters, xx, beta, movers, sizeof movers);
    const char *label = f->a->data->label[f->t].column;
    return FIND(f->a->trainer, LABEL_MOVES, label, TEXT(label), TEXT(movers),
                FIGURE(1.0 - after / before, 2));
}

static evtwin_status find_steps(const fit *f) {
    const size_t width = f->p + 1;
    double *xx = evtwin__calloc(2 * width * width + 2 * width, sizeof *xx);
    size_t *column = evtwin__calloc(f->p, sizeof *column), n_counters = 0, n = 0;
    evtwin_status st = EVTWIN_E_NOMEM;
    if (xx != NULL && column != NULL) {
        for (size_t i = 0; i < f->p; i++) {
            if (is_counter(f, i)) {
                column[n_counters++] = i;
            }
        }
        for (size_t i = 0, c = 0; i < f->p; i++) { /* the others behind them */
            const int is_one = c < n_counters && column[c] == i;
            c += (size_t)is_one;
            if (!is_one) {
                column[n_counters + n++] = i;
            }
        }
        measure_features(f);
        st = judge_steps(f, column, n_counters, xx, xx + width * width + 2 * width);
    }
    evtwin__free(xx);
    evtwin__free(column);
    EVTWIN_FAIL_IF(st == EVTWIN_E_NOMEM, EVTWIN_E_NOMEM, "out of memory for %zu features", f->p);
    return st;
}

/* ---- each target ---- */

static evtwin_status look_at(fit *f) {
    int is_found = 0;
    if (f->a->is_explained[f->t] || !evtwin__audit_is_comparable(f->a, f->t)) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(find_levels(f, &is_found));
    const int is_number = f->a->trainer->target[f->t].kind == EVTWIN_TARGET_NUMBER;
    return is_found || !is_number || f->a->is_one_series || f->a->is_misordered ||
                   evtwin__audit_rises(f->a, f->y) <= EVTWIN__FEW_RISES
               ? EVTWIN_OK
               : find_steps(f);
}

evtwin_status evtwin__audit_formula(const evtwin__audit *a) {
    const size_t p = a->data->cols;
    const size_t terms = 1 + p + (p <= MAX_FEATURES ? p * (p + 1) / 2 : 0);
    evtwin_status st = EVTWIN_OK;
    for (size_t t = 0; t < EVTWIN__T_COUNT && st >= 0; t++) {
        if (!a->data->label[t].is_present) {
            continue;
        }
        double *memory =
            evtwin__calloc(a->n + 2 * p + terms + 2 * terms * (terms + 2), sizeof *memory);
        EVTWIN_FAIL_IF(memory == NULL, EVTWIN_E_NOMEM, "out of memory to audit %zu rows", a->n);
        fit f = {.a = a, .t = t, .p = p, .terms = terms, .y = memory};
        evtwin__audit_label(a, t, memory);
        f.mean = memory + a->n;
        f.unit = f.mean + p;
        f.x = f.unit + p;
        for (int half = 0; half < 2; half++) {
            f.xx[half] = (half == 0 ? f.x : f.last[0]) + terms;
            f.xy[half] = f.xx[half] + terms * terms;
            f.last[half] = f.xy[half] + terms;
        }
        st = look_at(&f);
        evtwin__free(memory);
    }
    return st;
}
