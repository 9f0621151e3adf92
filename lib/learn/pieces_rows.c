/* SPDX-License-Identifier: MIT */
/* learn/pieces_rows.c: read back what the temporary file of a training has: columns, or rows in
 * batches. */

#include "learn/pieces.h"

#include "core/mem.h"
#include "core/status.h"

#include <math.h>

/* ---- which rows ---- */

int evtwin__pieces_has(const evtwin__pieces_choice *c, const evtwin__pieces_battery *b) {
    const int is_of_fold =
        c->fold == EVTWIN__ANY_FOLD ? b->is_test : b->is_test || b->fold[c->t] == c->fold;
    switch (c->part) {
    case EVTWIN__IN_TRAINING:
        return !is_of_fold;
    case EVTWIN__IN_TEST:
        return c->fold == EVTWIN__ANY_FOLD ? b->is_test : !b->is_test && is_of_fold;
    default:
        return 1;
    }
}

size_t evtwin__pieces_rows_of(const evtwin__pieces_choice *c, const evtwin__pieces_battery *b) {
    const size_t n = c->t == EVTWIN__EVERY_ROW    ? b->n
                     : c->t == EVTWIN__ANY_TARGET ? b->n_used
                                                  : b->use.n[c->t][0] + b->use.n[c->t][1];
    return c->step > 1 ? (n + c->step - 1) / c->step : n;
}

size_t evtwin__pieces_count(const evtwin__pieces *p, const evtwin__pieces_choice *choice) {
    size_t n = 0;
    for (size_t b = 0; b < p->names.n; b++) {
        n += evtwin__pieces_has(choice, &p->battery[b])
                 ? evtwin__pieces_rows_of(choice, &p->battery[b])
                 : 0;
    }
    return n;
}

size_t evtwin__pieces_step(const evtwin__pieces *p, const evtwin__pieces_choice *choice) {
    evtwin__pieces_choice all = *choice;
    all.step = 0;
    const size_t n = evtwin__pieces_count(p, &all);
    return (n + p->limits.sample_rows - 1) / p->limits.sample_rows;
}

/* The labels of a block say which rows a target can use; y (T_COUNT, rows). */
static int is_usable(const evtwin__pieces_choice *c, const double *y, size_t rows, size_t row) {
    if (c->t >= 0) {
        return !isnan(y[(size_t)c->t * rows + row]);
    }
    int is_one = c->t == EVTWIN__EVERY_ROW;
    for (size_t t = 0; t < EVTWIN__T_COUNT && !is_one; t++) {
        is_one = !isnan(y[t * rows + row]);
    }
    return is_one;
}

/* The rows of a battery that are chosen, at most b->n, into at; their number. */
static size_t choose(const evtwin__pieces_choice *c, const evtwin__pieces_battery *b,
                     const double *y, size_t rows, size_t *at) {
    size_t n = 0, n_usable = 0;
    for (size_t row = b->first; row < b->first + b->n; row++) {
        if (is_usable(c, y, rows, row) && (c->step <= 1 || n_usable++ % c->step == 0)) {
            at[n++] = row;
        }
    }
    return n;
}

/* Batteries follow each other in the file: the first one that is not of the block. */
static size_t end_of_block(const evtwin__pieces *p, size_t block, size_t battery) {
    while (battery < p->names.n && p->battery[battery].block == block) {
        battery++;
    }
    return battery;
}

static int has_any(const evtwin__pieces *p, const evtwin__pieces_choice *c, size_t from,
                   size_t to) {
    int is_one = 0;
    for (size_t b = from; b < to && !is_one; b++) {
        is_one =
            evtwin__pieces_has(c, &p->battery[b]) && evtwin__pieces_rows_of(c, &p->battery[b]) > 0;
    }
    return is_one;
}

/* ---- a column ---- */

/* What a gathering has room for: a block of the column and of the labels, and rows. */
typedef struct gathering {
    double *v, *y;
    size_t *at;
} gathering;

static evtwin_status gather_block(const evtwin__pieces *p, const evtwin__pieces_choice *choice,
                                  size_t col, size_t first, size_t end, const gathering *g,
                                  double *v, int32_t *battery, size_t *n) {
    const size_t block = p->battery[first].block, rows = p->file.block[block].rows;
    EVTWIN_TRY(evtwin__rows_file_read(&p->file, block, col, 1, g->v));
    EVTWIN_TRY(evtwin__rows_file_read(&p->file, block, evtwin__pieces_label_col(p, 0),
                                      EVTWIN__T_COUNT, g->y));
    for (size_t b = first; b < end; b++) {
        const size_t n_chosen = evtwin__pieces_has(choice, &p->battery[b])
                                    ? choose(choice, &p->battery[b], g->y, rows, g->at)
                                    : 0;
        for (size_t k = 0; k < n_chosen; k++) {
            v[*n + k] = g->v[g->at[k]];
        }
        for (size_t k = 0; k < n_chosen && battery != NULL; k++) {
            battery[*n + k] = (int32_t)b;
        }
        *n += n_chosen;
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__pieces_gather(const evtwin__pieces *p, const evtwin__pieces_choice *choice,
                                    size_t col, double *v, int32_t *battery) {
    gathering r = {.v = evtwin__calloc(p->most_rows, (1 + EVTWIN__T_COUNT) * sizeof *r.v),
                   .at = evtwin__calloc(p->most_rows, sizeof *r.at)};
    evtwin_status st = EVTWIN_OK;
    if (r.v == NULL || r.at == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for a block of %zu rows", p->most_rows);
    }
    r.y = r.v + p->most_rows;
    size_t n = 0;
    for (size_t b = 0, block = 0; block < p->file.n_blocks && st >= 0; block++) {
        const size_t end = end_of_block(p, block, b);
        if (has_any(p, choice, b, end)) {
            st = gather_block(p, choice, col, b, end, &r, v, battery, &n);
        }
        b = end;
    }
    evtwin__free(r.v);
    evtwin__free(r.at);
    return st;
}

/* ---- rows in batches ---- */

evtwin_status evtwin__pieces_reader_open(const evtwin__pieces *p,
                                         const evtwin__pieces_choice *choice,
                                         evtwin__pieces_reader *out) {
    const size_t rows = p->most_rows;
    evtwin__pieces_reader r = {.p = p, .choice = *choice};
    r.block = evtwin__calloc(rows, p->file.cols * sizeof *r.block);
    r.x = evtwin__calloc(rows, p->cols * sizeof *r.x);
    r.y = evtwin__calloc(rows, sizeof *r.y);
    r.at = evtwin__calloc(rows, sizeof *r.at);
    r.battery = evtwin__calloc(rows, sizeof *r.battery);
    if (r.block == NULL || r.x == NULL || r.y == NULL || r.at == NULL || r.battery == NULL) {
        evtwin__pieces_reader_close(&r);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for a block of %zu rows", rows);
    }
    *out = r;
    return EVTWIN_OK;
}

void evtwin__pieces_reader_reset(evtwin__pieces_reader *r) {
    r->next_block = r->next_battery = r->n = 0;
}

double evtwin__pieces_reader_value(const evtwin__pieces_reader *r, size_t i, size_t col) {
    return r->block[col * r->p->file.block[r->next_block - 1].rows + r->at[i]];
}

/* Of the block that was read: features side by side, as models want them. */
static void take_rows(evtwin__pieces_reader *r, size_t first, size_t end, size_t rows) {
    const evtwin__pieces *p = r->p;
    const double *y = r->block + evtwin__pieces_label_col(p, 0) * rows;
    for (size_t b = first; b < end; b++) {
        if (evtwin__pieces_has(&r->choice, &p->battery[b])) {
            const size_t n = choose(&r->choice, &p->battery[b], y, rows, r->at + r->n);
            for (size_t k = 0; k < n; k++) {
                r->battery[r->n++] = (int32_t)b;
            }
        }
    }
    for (size_t i = 0; i < p->cols; i++) {
        for (size_t k = 0; k < r->n; k++) {
            r->x[k * p->cols + i] = r->block[i * rows + r->at[k]];
        }
    }
    for (size_t k = 0; k < r->n && r->choice.t >= 0; k++) {
        r->y[k] = y[(size_t)r->choice.t * rows + r->at[k]];
    }
}

evtwin_status evtwin__pieces_reader_next(evtwin__pieces_reader *r) {
    const evtwin__pieces *p = r->p;
    r->n = 0;
    while (r->n == 0 && r->next_block < p->file.n_blocks) {
        const size_t block = r->next_block++, first = r->next_battery;
        r->next_battery = end_of_block(p, block, first);
        if (has_any(p, &r->choice, first, r->next_battery)) {
            EVTWIN_TRY(evtwin__rows_file_read(&p->file, block, 0, p->file.cols, r->block));
            take_rows(r, first, r->next_battery, p->file.block[block].rows);
        }
    }
    return r->n > 0 ? EVTWIN_OK : EVTWIN_DONE;
}

void evtwin__pieces_reader_close(evtwin__pieces_reader *r) {
    evtwin__free(r->block);
    evtwin__free(r->x);
    evtwin__free(r->y);
    evtwin__free(r->at);
    evtwin__free(r->battery);
    *r = (evtwin__pieces_reader){0};
}
