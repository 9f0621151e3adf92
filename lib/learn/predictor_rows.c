/* SPDX-License-Identifier: MIT */
/* learn/predictor_rows.c: the predictions of a table's rows, each with its battery's past. */

#include "learn/predictor.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/table.h"
#include "learn/end_of_life.h"
#include "learn/features.h"

#include <math.h>
#include <string.h>

/* A value that cannot be is as good as none. x is that of the rows from `first` on. */
static void blank_impossible(const evtwin_predictor *p, double *x, size_t first, size_t rows,
                             evtwin__impossible *found) {
    const size_t cols = p->bundle.n_features;
    for (size_t r = 0; r < rows; r++) {
        int any = 0;
        for (size_t i = 0; i < cols; i++) {
            double *value = &x[r * cols + i];
            if (evtwin__feature_check(p->bundle.features, i, *value) < 0) {
                *value = NAN;
                any = 1;
            }
        }
        found->first_row = any && found->n_rows == 0 ? first + r : found->first_row;
        found->n_rows += (size_t)any;
    }
}

/* 1 if the table has a column of that name; "" and NULL name none. */
static int has_column(const evtwin_table *table, const char *name) {
    return name != NULL && name[0] != '\0' && evtwin__column_find(table, name) != EVTWIN_NO_COLUMN;
}

/* Whose past the rows of a table are: by the training's column, else by battery_id, else by the
 * training's counter. */
static evtwin_status find_groups(const evtwin__bundle *b, const evtwin_table *table,
                                 evtwin__groups *out) {
    const char *group = has_column(table, b->group) ? b->group : NULL;
    const int is_named = group != NULL || has_column(table, "battery_id");
    const char *reset =
        !is_named && has_column(table, b->group_by_reset) ? b->group_by_reset : NULL;
    EVTWIN_TRY(evtwin__groups_find(table, group, reset, out));
    if (out->kind == EVTWIN__GROUP_NONE && b->n_groups > 1) {
        evtwin__groups_clear(out);
        EVTWIN_FAIL(EVTWIN_E_SCHEMA,
                    "recipe '%s' needs the battery of each row: there is no column '%s'", b->recipe,
                    b->group != NULL && b->group[0] != '\0' ? b->group : "battery_id");
    }
    return EVTWIN_OK;
}

/* A table at work. */
typedef struct rows_of_past {
    const evtwin__past_source *source; /* NULL = the table is all that is known */
    evtwin__groups groups;             /* then: whose its rows are */
    double *x;                         /* (rows, features) */
    double *cycle;                     /* (rows) */
    uint8_t *is_incomplete;            /* (rows) */
} rows_of_past;

static void rows_clear(rows_of_past *w) {
    evtwin__groups_clear(&w->groups);
    evtwin__free(w->x);
    evtwin__free(w->cycle);
    evtwin__free(w->is_incomplete);
}

/* Rows that lack a value of their own are not predicted: all of a row is made unknown. */
static void blank_rows(const evtwin_predictor *p, const uint8_t *is_incomplete, size_t rows,
                       double *x) {
    const size_t cols = p->bundle.n_features;
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < cols && is_incomplete[r]; i++) {
            x[r * cols + i] = NAN;
        }
    }
}

/* Own values, then the past. */
static evtwin_status fill_rows(const evtwin_predictor *p, const evtwin_table *table,
                               evtwin__impossible *found, rows_of_past *w) {
    const size_t rows = evtwin_table_rows(table), cols = p->bundle.n_features;
    const size_t counter = evtwin__past_counter(p->past);
    EVTWIN_TRY(evtwin__features_compute(p->bundle.features, table, 0, rows, found == NULL, w->x));
    if (found != NULL) {
        blank_impossible(p, w->x, 0, rows, found);
    }
    for (size_t k = 0; k < rows * cols; k++) {
        w->is_incomplete[k / cols] |=
            !isfinite(w->x[k]) && !evtwin__past_is_derived(p->past, k % cols);
    }
    for (size_t r = 0; r < rows && counter < cols; r++) {
        w->cycle[r] = w->x[r * cols + counter];
    }
    if (w->source != NULL) {
        w->source->fill(w->source->ctx, w->x);
    } else {
        EVTWIN_TRY(find_groups(&p->bundle, table, &w->groups));
        EVTWIN_TRY(evtwin__past_apply(p->past, table, &w->groups, NULL, w->x));
    }
    blank_rows(p, w->is_incomplete, rows, w->x);
    return EVTWIN_OK;
}

/* *w is to be cleared in any case. */
static evtwin_status make_rows(const evtwin_predictor *p, const evtwin_table *table,
                               const evtwin__past_source *source, evtwin__impossible *found,
                               rows_of_past *w) {
    const size_t rows = evtwin_table_rows(table);
    *w = (rows_of_past){.source = source,
                        .x = evtwin__calloc(rows, p->bundle.n_features * sizeof *w->x),
                        .cycle = evtwin__calloc(rows, sizeof *w->cycle),
                        .is_incomplete = evtwin__calloc(rows, sizeof *w->is_incomplete)};
    EVTWIN_FAIL_IF(w->x == NULL || w->cycle == NULL || w->is_incomplete == NULL, EVTWIN_E_NOMEM,
                   "out of memory for the features of %zu rows", rows);
    return fill_rows(p, table, found, w);
}

evtwin_status evtwin__predictor_past_rows(const evtwin_predictor *predictor,
                                          const evtwin_table *table, double **out) {
    evtwin__impossible unused = {0};
    rows_of_past w;
    *out = NULL;
    if (predictor->past == NULL) {
        return EVTWIN_OK;
    }
    const evtwin_status st = make_rows(predictor, table, NULL, &unused, &w);
    if (st >= 0) {
        *out = w.x;
        w.x = NULL;
    }
    rows_clear(&w);
    return st;
}

/* The place in y of what is counted in cycles to go; n_targets if nothing is. */
static size_t find_settled(const evtwin_predictor *p) {
    size_t i = 0;
    while (i < p->n_targets && strcmp(p->bundle.model[p->target[i]].unit, "cycles") != 0) {
        i++;
    }
    return i;
}

/* From what was said of rows to what is said of batteries. */
static evtwin_status settle(const evtwin_predictor *p, const rows_of_past *w, size_t rows,
                            double *y) {
    const size_t at = find_settled(p), n = w->groups.n_ordered;
    if (at == p->n_targets) {
        return EVTWIN_OK;
    }
    if (w->source != NULL) {
        w->source->settle(w->source->ctx, y + at, p->n_targets);
        return EVTWIN_OK;
    }
    double *said = evtwin__calloc(n, sizeof *said);
    EVTWIN_FAIL_IF(said == NULL, EVTWIN_E_NOMEM, "out of memory for the predictions of %zu rows",
                   rows);
    for (size_t k = 0; k < n; k++) {
        said[k] = y[w->groups.order[k] * p->n_targets + at];
    }
    const int has_counter = evtwin__past_counter(p->past) < p->bundle.n_features;
    evtwin__settle_rows(w->groups.of_row, w->groups.order, n, has_counter ? w->cycle : NULL, said,
                        1);
    for (size_t k = 0; k < n; k++) {
        y[w->groups.order[k] * p->n_targets + at] = said[k];
    }
    evtwin__free(said);
    return EVTWIN_OK;
}

/* The place in y of what is left of lives; n_targets if the bundle does not say. */
static size_t find_rul(const evtwin_predictor *p) {
    size_t i = 0;
    while (i < p->n_targets && p->target[i] != EVTWIN__T_RUL) {
        i++;
    }
    return i;
}

/* Nothing is left of a battery past its end of life; x is the rows' (n). Of recipe history that is
 * one more answer to settle: health is an estimate, and one that wavers about the limit must not
 * make RUL jump. */
static void end_lives(const evtwin_predictor *p, const double *x, size_t n,
                      const evtwin__predicted *out) {
    const size_t column = evtwin__end_of_life_column(&p->bundle), at = find_rul(p);
    for (size_t r = 0; r < n && at < p->n_targets; r++) {
        double *of_row = &out->y[r * p->n_targets + at];
        if (!isnan(*of_row) &&
            evtwin__is_past_end(&p->bundle, column, x + r * p->bundle.n_features)) {
            *of_row = 0.0;
        }
    }
}

static void keep_rows(const evtwin_predictor *p, size_t rows, const evtwin__predicted *out) {
    const size_t at = find_rul(p);
    for (size_t r = 0; r < rows && out->rul_row != NULL; r++) {
        out->rul_row[r] = at < p->n_targets ? out->y[r * p->n_targets + at] : (double)NAN;
    }
}

static evtwin_status predict_with_past(const evtwin_predictor *p, const evtwin_table *table,
                                       const evtwin__past_source *source, evtwin__impossible *found,
                                       const evtwin__predicted *out) {
    rows_of_past w;
    const size_t rows = evtwin_table_rows(table);
    evtwin_status st = make_rows(p, table, source, found, &w);
    if (st >= 0 && (st = evtwin_predictor_predict(p, w.x, rows, p->bundle.n_features, out->y,
                                                  p->n_targets)) >= 0) {
        keep_rows(p, rows, out);
        end_lives(p, w.x, rows, out);
        st = settle(p, &w, rows, out->y);
    }
    if (st >= 0 && source != NULL && source->x_out != NULL) {
        *source->x_out = w.x;
        w.x = NULL;
    }
    rows_clear(&w);
    return st;
}

evtwin_status evtwin__predictor_rows(const evtwin_predictor *p, const evtwin_table *table,
                                     const evtwin__past_source *source, evtwin__impossible *found,
                                     const evtwin__predicted *out) {
    if (p->past != NULL) {
        return predict_with_past(p, table, source, found, out);
    }
    double x[EVTWIN__BLOCK_VALUES];
    const size_t rows = evtwin_table_rows(table);
    const size_t block = evtwin__predictor_block(p);
    const int refuse_infinite = found == NULL;
    EVTWIN_TRY(evtwin__features_compute(p->bundle.features, table, 0, 0, refuse_infinite, x));
    for (size_t first = 0; first < rows; first += block) {
        const size_t n = rows - first < block ? rows - first : block;
        EVTWIN_TRY(
            evtwin__features_compute(p->bundle.features, table, first, n, refuse_infinite, x));
        if (found != NULL) {
            blank_impossible(p, x, first, n, found);
        }
        EVTWIN_TRY(evtwin_predictor_predict(p, x, n, p->bundle.n_features,
                                            out->y + first * p->n_targets, p->n_targets));
        const evtwin__predicted of_block = {.y = out->y + first * p->n_targets,
                                            .rul_row =
                                                out->rul_row != NULL ? out->rul_row + first : NULL};
        keep_rows(p, n, &of_block);
        end_lives(p, x, n, &of_block);
    }
    return EVTWIN_OK;
}
