/* SPDX-License-Identifier: MIT */
/* learn/past.c: from rows of own values to rows with a past, one at a time or a table at once. */

#include "learn/past.h"

#include "core/mem.h"
#include "core/sha256.h"
#include "core/status.h"
#include "core/text.h"

#include <assert.h>
#include <math.h>
#include <string.h>

struct evtwin__past {
    size_t cols, n; /* n columns of the table are followed */
    size_t counter; /* the feature that counts cycles; cols = each row is one */
    struct of_col {
        evtwin__statistic statistic;
        size_t followed;      /* which of the n */
    } * of_col;               /* (cols) */
    size_t *source;           /* (n) the first feature of each that is followed */
    evtwin__derived *derived; /* (n) what it is, EVTWIN__D_COUNT of a column */
    int has_derived;
    char kind[EVTWIN__PAST_KIND_SIZE];
};

void evtwin__past_free(evtwin__past *past) {
    if (past != NULL) {
        evtwin__free(past->of_col);
        evtwin__free(past->source);
        evtwin__free(past->derived);
        evtwin__free(past);
    }
}

/* Follow the columns that a statistic is asked of. */
static void list_followed(evtwin__past *p, const evtwin_features *features, const char *counter) {
    p->counter = p->cols;
    for (size_t i = 0; i < p->cols; i++) {
        struct of_col *c = &p->of_col[i];
        c->statistic = evtwin__feature_statistic(features, i);
        if (c->statistic == EVTWIN__H_NONE) {
            const int is_counter = strcmp(evtwin_features_name(features, i), counter) == 0;
            p->counter = is_counter ? i : p->counter;
            continue;
        }
        const size_t first = evtwin__feature_first_of(features, i);
        while (c->followed < p->n && p->source[c->followed] != first) {
            c->followed++;
        }
        if (c->followed == p->n) {
            p->derived[p->n] = evtwin__feature_derived(features, i);
            p->has_derived |= p->derived[p->n] != EVTWIN__D_COUNT;
            p->source[p->n++] = first;
        }
    }
}

/* What is followed, in which order, and what counts its cycles: how long the past is and what each
 * of its doubles means follows from that (a quantity has one unit). */
static evtwin_status name_kind(evtwin__past *p, const evtwin_features *features,
                               const char *counter) {
    evtwin__text text = {0};
    char hex[EVTWIN__SHA256_HEX_SIZE] = "";
    evtwin__text_put(&text, counter);
    for (size_t q = 0; q < p->n; q++) {
        const char *name = evtwin_features_name(features, p->source[q]);
        size_t length;
        evtwin__statistic_of(name, &length);
        evtwin__text_put(&text, "\n");
        evtwin__text_add(&text, name, length);
    }
    const int is_failed = text.is_failed;
    if (!is_failed) {
        evtwin__sha256_hex(text.data, text.size, hex);
    }
    evtwin__text_free(&text);
    EVTWIN_FAIL_IF(is_failed, EVTWIN_E_NOMEM, "out of memory for the past of %zu features",
                   p->cols);
    memcpy(p->kind, hex, sizeof p->kind - 1);
    return EVTWIN_OK;
}

evtwin_status evtwin__past_create(const evtwin_features *features, const char *counter,
                                  evtwin__past **out) {
    const size_t cols = evtwin_features_count(features);
    evtwin__past *p = evtwin__calloc(1, sizeof *p);
    if (p != NULL) {
        *p = (evtwin__past){.cols = cols,
                            .of_col = evtwin__calloc(cols, sizeof *p->of_col),
                            .source = evtwin__calloc(cols, sizeof *p->source),
                            .derived = evtwin__calloc(cols, sizeof *p->derived)};
    }
    if (p == NULL || p->of_col == NULL || p->source == NULL || p->derived == NULL) {
        evtwin__past_free(p);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for the past of %zu features", cols);
    }
    list_followed(p, features, counter);
    if (p->counter == cols && counter[0] != '\0') {
        evtwin__past_free(p);
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "'%s', which counts cycles, is not a feature", counter);
    }
    const evtwin_status st = p->n > 0 ? name_kind(p, features, counter) : EVTWIN_OK;
    if (st < 0 || p->n == 0) {
        evtwin__past_free(p);
        p = NULL;
    }
    *out = st < 0 ? *out : p;
    return st;
}

const char *evtwin__past_kind(const evtwin__past *past) {
    return past != NULL ? past->kind : "";
}

/* Behind the history, whose last quantity is the ends of life that were said, what derived
 * quantities are made from. */
static size_t history_size(const evtwin__past *past) {
    return evtwin__history_size(past->n + 1);
}

size_t evtwin__past_size(const evtwin__past *past) {
    return history_size(past) + (past->has_derived ? evtwin__derive_size() : 0);
}

size_t evtwin__past_width(const evtwin__past *past) {
    return past->n + 2 + (past->has_derived ? (size_t)EVTWIN__I_COUNT : 0);
}

void evtwin__past_clear(const evtwin__past *past, double *kept) {
    evtwin__history_clear(kept, past->n + 1);
    if (past->has_derived) {
        evtwin__derive_clear(kept + history_size(past));
    }
}

void evtwin__past_forget_said(const evtwin__past *past, double *kept) {
    evtwin__history_forget(kept, past->n);
}

void evtwin__past_columns(const evtwin__past *past, const evtwin_table *table,
                          evtwin__derive_columns *out) {
    if (past->has_derived) {
        evtwin__derive_columns_find(table, out);
    }
}

void evtwin__past_take(const evtwin__past *past, const evtwin__derive_columns *columns, size_t row,
                       const double *x, double *value) {
    for (size_t q = 0; q < past->n; q++) {
        value[q] = x[past->source[q]];
    }
    value[past->n] = NAN; /* what will be said of it */
    value[past->n + 1] = past->counter < past->cols ? x[past->counter] : (double)NAN;
    if (past->has_derived) {
        evtwin__derive_read(columns, row, value + past->n + 2);
    }
}

/* What the row makes known of derived quantities. A past that begins anew does so for them too. */
static void push_derived(const evtwin__past *past, int is_new, double *kept, const double *in) {
    double *own = kept + history_size(past), out[EVTWIN__D_COUNT];
    if (is_new) {
        evtwin__derive_clear(own);
    }
    evtwin__derive_push(own, in, out);
    for (size_t q = 0; q < past->n; q++) {
        if (past->derived[q] != EVTWIN__D_COUNT) {
            evtwin__history_add(kept, q, out[past->derived[q]]);
        }
    }
}

void evtwin__past_push(const evtwin__past *past, double *kept, const double *value) {
    const double cycle =
        past->counter < past->cols ? value[past->n + 1] : evtwin__history_next_cycle(kept);
    const double before = evtwin__history_cycle(kept);
    evtwin__history_push(kept, past->n + 1, cycle, value);
    if (past->has_derived) {
        push_derived(past, evtwin__history_cycle(kept) < before, kept, value + past->n + 2);
    }
}

/* A fall is followed sooner than a rise: the prediction is no more than so many cycles, or that
 * share of it, above what was said in the last few cycles. */
enum { FEW_CYCLES = 2 };
#define MOST_ABOVE 7.0
#define MOST_SHARE_ABOVE 0.06

/* The same of any history whose quantity q is ends of life. */
static double settle(double *kept, size_t q, double cycles_to_go) {
    if (isnan(cycles_to_go)) {
        return NAN;
    }
    const double cycle = evtwin__history_cycle(kept);
    evtwin__history_add(kept, q, cycle + cycles_to_go);
    const double settled = evtwin__history_mean(kept, q) - cycle;
    const double lately = evtwin__history_mean_of_last(kept, q, FEW_CYCLES) - cycle;
    const double most = lately + fmax(MOST_ABOVE, MOST_SHARE_ABOVE * settled);
    /* fmax would make 0 of what is not known: infinite, or restored from what never was a state */
    return isfinite(settled) && isfinite(most) ? fmax(fmin(settled, most), 0.0) : (double)NAN;
}

double evtwin__past_settle(const evtwin__past *past, double *kept, double cycles_to_go) {
    return settle(kept, past->n, cycles_to_go);
}

size_t evtwin__past_counter(const evtwin__past *past) {
    return past->counter;
}

void evtwin__past_fill(const evtwin__past *past, const double *kept, double *x) {
    double of[2][EVTWIN__H_COUNT];
    size_t pair = past->n; /* whose they are: 2 * pair and, unless it is the last, the next */
    for (size_t i = 0; i < past->cols; i++) {
        const struct of_col *c = &past->of_col[i];
        if (c->statistic == EVTWIN__H_NONE) {
            continue;
        }
        if (c->followed / 2 != pair) {
            pair = c->followed / 2;
            const size_t one = 2 * pair, other = one + 1 < past->n ? one + 1 : one;
            evtwin__history_two(kept, one, other, of[0], of[1]);
        }
        x[i] = of[c->followed % 2][c->statistic];
    }
}

int evtwin__past_is_required(const evtwin__past *past, size_t col) {
    const evtwin__statistic s = past->of_col[col].statistic;
    return s == EVTWIN__H_NONE || (s == EVTWIN__H_LEVEL && !evtwin__past_is_derived(past, col));
}

int evtwin__past_is_derived(const evtwin__past *past, size_t col) {
    const struct of_col *c = &past->of_col[col];
    return c->statistic != EVTWIN__H_NONE && past->derived[c->followed] != EVTWIN__D_COUNT;
}

/* ---- a table ---- */

evtwin_status evtwin__past_apply(const evtwin__past *past, const evtwin_table *table,
                                 const evtwin__groups *groups, const size_t *cut, double *x) {
    double *kept = evtwin__calloc(evtwin__past_size(past) + evtwin__past_width(past), sizeof *kept);
    EVTWIN_FAIL_IF(kept == NULL, EVTWIN_E_NOMEM, "out of memory for a battery's past");
    double *value = kept + evtwin__past_size(past);
    evtwin__derive_columns columns;
    evtwin__past_columns(past, table, &columns);
    int32_t group = -1;
    size_t n_seen = 0;
    for (size_t k = 0; k < groups->n_ordered; k++) {
        const size_t r = groups->order[k];
        const int is_new = groups->of_row[r] != group;
        group = groups->of_row[r];
        n_seen = is_new ? 0 : n_seen + 1;
        if (is_new || (cut != NULL && n_seen == cut[group])) {
            evtwin__past_clear(past, kept);
        }
        evtwin__past_take(past, &columns, r, x + r * past->cols, value);
        evtwin__past_push(past, kept, value);
        evtwin__past_fill(past, kept, x + r * past->cols);
    }
    for (size_t r = 0; r < evtwin_table_rows(table); r++) {
        if (groups->of_row[r] < 0) {
            evtwin__past_clear(past, kept);
            evtwin__past_take(past, &columns, r, x + r * past->cols, value);
            evtwin__past_push(past, kept, value);
            evtwin__past_fill(past, kept, x + r * past->cols);
        }
    }
    evtwin__free(kept);
    return EVTWIN_OK;
}

void evtwin__settle_rows(const int32_t *group_of_row, const size_t *row, size_t n,
                         const double *cycle, double *y, size_t stride) {
    enum { SIZE = 64 };
    double kept[SIZE];
    int32_t group = -1;
    assert(evtwin__history_size(1) <= SIZE);
    for (size_t i = 0; i < n; i++) {
        if (group_of_row[row[i]] != group) {
            group = group_of_row[row[i]];
            evtwin__history_clear(kept, 1);
        }
        const double nothing = NAN;
        evtwin__history_push(
            kept, 1, cycle != NULL ? cycle[row[i]] : evtwin__history_next_cycle(kept), &nothing);
        y[i * stride] = settle(kept, 0, y[i * stride]);
    }
}
