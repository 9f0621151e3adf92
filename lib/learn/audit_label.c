/* SPDX-License-Identifier: MIT */
/* learn/audit_label.c: labels that are not the life that remained: counted up, or down to one end
 * for all. */

#include "learn/audit.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/audit_math.h"
#include "learn/finding.h"

/* ---- a life that remains falls ---- */

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
    if (time_us == NULL ||
        !evtwin_table_is_valid(a->data->table, a->data->groups.time_col, a->order[k])) {
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
static evtwin_status find_countdown(const evtwin__audit *a, size_t t, const double *y) {
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
            return FIND(a->trainer, COUNTDOWN, label->column, TEXT(label->column),
                        DIGITS(p.mean_y - slope * p.mean_x, 4), DIGITS(-slope, 3),
                        TEXT(clock_name(a, kind)), COUNT(label->n_groups_used),
                        DIGITS(sqrt((1.0 - r * r) * p.yy / (double)p.n), 2));
        }
    }
    return EVTWIN_OK;
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
        }
    }
    evtwin__free(y);
    return st;
}
