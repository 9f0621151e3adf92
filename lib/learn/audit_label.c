/* SPDX-License-Identifier: MIT */
/* learn/audit_label.c: labels that are not the life that remained: counted up, or down to one end
 * for all. */

#include "learn/audit.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/audit_math.h"
#include "learn/finding.h"

/* ---- a life that remains falls ---- */

/* Batteries in which it rises in nearly all steps, and the first of them. */
static size_t count_upward(const evtwin__audit *a, const double *y, size_t *first_out) {
    enum { ENOUGH_STEPS = 10 };
    size_t n = 0;
    for (size_t b = 0; b < a->n_batteries; b++) {
        size_t n_rises = 0, n_falls = 0;
        for (size_t k = a->start[b] + 1; k < a->start[b + 1]; k++) {
            n_rises += y[k] > y[k - 1];
            n_falls += y[k] < y[k - 1];
        }
        if (n_rises + n_falls >= ENOUGH_STEPS && 10 * n_rises >= 9 * (n_rises + n_falls) &&
            n++ == 0) {
            *first_out = b;
        }
    }
    return n;
}

static evtwin_status find_rises(evtwin__audit *a, size_t t, const double *y) {
    const char *column = a->data->label[t].column;
    const double share = evtwin__audit_rises(a, y);
    double in_file;
    if (!(share > EVTWIN__FEW_RISES)) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__audit_rises_in_file(a, t, &in_file));
    a->is_misordered |= in_file <= EVTWIN__FEW_RISES;
    a->is_mixed |= a->is_one_series && !a->is_misordered;
    size_t first = 0;
    const size_t n_upward = count_upward(a, y, &first);
    if (!a->is_misordered && !a->is_mixed && share < 0.9 && 20 * n_upward >= a->n_batteries) {
        return FIND(a->trainer, LABEL_COUNTS_UP_IN_SOME, column, TEXT(column), COUNT(n_upward),
                    COUNT(a->n_batteries), TEXT(evtwin__audit_battery(a, first)));
    }
    const evtwin__finding_id id = a->is_misordered ? EVTWIN__FIND_CLOCK_SET_BACK
                                  : a->is_mixed    ? EVTWIN__FIND_MIXED_SERIES
                                  : share >= 0.9   ? EVTWIN__FIND_LABEL_COUNTS_UP
                                                   : EVTWIN__FIND_LABEL_RISES;
    return evtwin__find(a->trainer, id, column,
                        (const evtwin__argument[]){TEXT(column), FIGURE(100.0 * share, 1)});
}

/* ---- one end for all ---- */

/* What a label may count down with. */
typedef enum clock_kind { CYCLES, AGE, TIME, N_CLOCKS } clock_kind;

static double clock_at(const evtwin__audit *a, clock_kind kind, size_t k, size_t first) {
    const double day_us = 86400e6;
    const int64_t *time_us = evtwin_table_i64(a->data->table, a->data->groups.time_col);
    if (kind == CYCLES) {
        return a->data->cycles != NULL ? a->data->cycles[a->order[k]] : NAN;
    }
    const size_t time = a->data->groups.time_col;
    if (time_us == NULL || !evtwin_table_is_valid(a->data->table, time, a->order[k]) ||
        (kind == AGE && !evtwin_table_is_valid(a->data->table, time, a->order[first]))) {
        return NAN;
    }
    return (double)(time_us[a->order[k]] - (kind == AGE ? time_us[a->order[first]] : 0)) / day_us;
}

static const char *clock_name(const evtwin__audit *a, clock_kind kind) {
    return kind == CYCLES ? a->data->cycles_column
           : kind == AGE  ? "days since the battery's first row"
                          : "time in days";
}

/* label = sum - slope * clock, for all batteries at once. */
static evtwin_status find_countdown(evtwin__audit *a, size_t t, const double *y) {
    const evtwin__label *label = &a->data->label[t];
    for (clock_kind kind = CYCLES; kind < N_CLOCKS && label->n_groups_used >= EVTWIN__ENOUGH_BLOCKS;
         kind++) {
        evtwin__pairs p = {0};
        for (size_t b = 0; b < a->n_batteries; b++) {
            for (size_t k = a->start[b]; k < a->start[b + 1]; k++) {
                const double clock = clock_at(a, kind, k, a->start[b]);
                if (!isnan(y[k]) && !isnan(clock)) {
                    evtwin__pairs_add(&p, clock, y[k]);
                }
            }
        }
        const double r = evtwin__pairs_r(&p), slope = evtwin__pairs_slope(&p);
        if (slope < 0.0 && r * r > 0.998) {
            a->is_explained[t] = 1;
            return FIND(a->trainer, COUNTDOWN, label->column, TEXT(label->column),
                        DIGITS(p.mean_y - slope * p.mean_x, 4), DIGITS(-slope, 3),
                        TEXT(clock_name(a, kind)), COUNT(label->n_groups_used),
                        DIGITS(sqrt(fmax(1.0 - r * r, 0.0) * p.yy / (double)p.n), 2));
        }
    }
    return EVTWIN_OK;
}

/* ---- the end of the record ---- */

typedef struct ends {
    double label;             /* in most last rows */
    size_t n, n_same;         /* batteries; those whose label is that in their last row, */
    size_t n_steps, n_by_one; /* their steps; those of exactly one */
    double *last, *fall;      /* (batteries) SoH in the last row, and how far it fell */
    size_t n_health;
} ends;

static int is_near(double a, double b) {
    return fabs(a - b) <= 1e-9 * (1.0 + fabs(b));
}

/* The median of the labels in the last rows; scratch (batteries). */
static double usual_end(const evtwin__audit *a, const double *y, double *scratch) {
    size_t n = 0;
    for (size_t b = 0; b < a->n_batteries; b++) {
        scratch[n] = y[a->start[b + 1] - 1];
        n += !isnan(scratch[n]);
    }
    return n > 0 ? evtwin__select_median(scratch, n) : (double)NAN;
}

static void look_at_end(const evtwin__audit *a, const double *y, size_t soh, size_t b, ends *e) {
    const size_t first = a->start[b], last = a->start[b + 1] - 1;
    e->n++;
    if (!is_near(y[last], e->label) || is_near(y[first], e->label) || last - first < 4) {
        return;
    }
    e->n_same++;
    e->n_steps += last - first;
    for (size_t k = first; k < last; k++) {
        e->n_by_one += y[k] - y[k + 1] == 1.0;
    }
    const double start = evtwin_table_number(a->data->table, soh, a->order[first]);
    const double end = evtwin_table_number(a->data->table, soh, a->order[last]);
    if (!isnan(start - end)) {
        e->last[e->n_health] = end;
        e->fall[e->n_health++] = start - end;
    }
}

static double spread_of(double *v, size_t n) {
    return evtwin__select_quantile(v, n, 0.75) - evtwin__select_quantile(v, n, 0.25);
}

/* A label that is 0, or 1, in every last row: each battery ended there, or it only counts the
 * record. One row a cycle to the end of a life is the form of many laboratory data sets. */
static evtwin_status find_record_end(const evtwin__audit *a, size_t t, const double *y) {
    const char *label = a->data->label[t].column;
    ends e = {.last = evtwin__calloc(a->n_batteries, 2 * sizeof(double))};
    EVTWIN_FAIL_IF(e.last == NULL, EVTWIN_E_NOMEM, "out of memory for %zu ends", a->n_batteries);
    e.fall = e.last + a->n_batteries;
    e.label = usual_end(a, y, e.last);
    const size_t soh = evtwin_telemetry_find(a->data->table, "soh");
    for (size_t b = 0; b < a->n_batteries; b++) {
        look_at_end(a, y, soh, b, &e);
    }
    evtwin_status st = EVTWIN_OK;
    if (e.n >= EVTWIN__ENOUGH_BLOCKS && 20 * e.n_same >= 19 * e.n) {
        const int is_uneven =
            e.n_health > e.n / 2 &&
            spread_of(e.last, e.n_health) > 0.25 * fabs(evtwin__select_median(e.fall, e.n_health));
        const evtwin__finding_id id = is_uneven ? EVTWIN__FIND_RECORD_END
                                      : 100 * e.n_by_one >= 99 * e.n_steps
                                          ? EVTWIN__FIND_ENDS_AT_ZERO
                                          : EVTWIN__FIND_RECORD_END_PERHAPS;
        st = evtwin__find(a->trainer, id, label,
                          (const evtwin__argument[]){TEXT(label), DIGITS(e.label, 4),
                                                     COUNT(e.n_same), COUNT(e.n)});
    }
    evtwin__free(e.last);
    return st;
}

evtwin_status evtwin__audit_labels(evtwin__audit *a) {
    double *y = evtwin__calloc(a->n, sizeof *y);
    EVTWIN_FAIL_IF(y == NULL, EVTWIN_E_NOMEM, "out of memory for %zu labels", a->n);
    evtwin_status st = EVTWIN_OK;
    for (size_t t = 0; t < EVTWIN__T_COUNT && st >= 0; t++) {
        if (a->data->label[t].is_present && a->trainer->target[t].kind == EVTWIN_TARGET_NUMBER) {
            evtwin__audit_label(a, t, y);
            st = find_rises(a, t, y);
            st = st >= 0 ? find_countdown(a, t, y) : st;
            st = st >= 0 && !a->is_one_series ? find_record_end(a, t, y) : st;
        }
    }
    evtwin__free(y);
    return st;
}
