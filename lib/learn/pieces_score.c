/* SPDX-License-Identifier: MIT */
/* learn/pieces_score.c: all held-out rows, predicted by the saved model and by the baselines that
 * the training rows give. */

#include "learn/pieces.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/baseline.h"
#include "learn/fit.h"

#include <math.h>
#include <string.h>

/* The baselines of a target. */
typedef struct baselines {
    double mean, mean_life; /* NaN where there is no life */
    evtwin__bins single;
    size_t feature;
} baselines;

/* Columns of a target's training rows. */
typedef struct training {
    size_t n;
    double *v, *y, *scratch; /* (n) */
    int32_t *battery;
    uint8_t *fold; /* inner ones */
} training;

static void training_clear(training *r) {
    evtwin__free(r->v);
    evtwin__free(r->battery);
    evtwin__free(r->fold);
}

static evtwin_status training_open(const evtwin__pieces *p, const evtwin__pieces_choice *choice,
                                   training *out) {
    const size_t n = evtwin__pieces_count(p, choice);
    training r = {.n = n,
                  .v = evtwin__calloc(n, 3 * sizeof *r.v),
                  .battery = evtwin__calloc(n, sizeof *r.battery),
                  .fold = evtwin__calloc(n, sizeof *r.fold)};
    *out = r;
    EVTWIN_FAIL_IF(r.v == NULL || r.battery == NULL || r.fold == NULL, EVTWIN_E_NOMEM,
                   "out of memory for baselines of %zu rows", n);
    out->y = r.v + n;
    out->scratch = out->y + n;
    return evtwin__pieces_gather(p, choice, evtwin__pieces_label_col(p, (size_t)choice->t), out->y,
                                 out->battery);
}

static double mean_of(const double *y, size_t n) {
    double sum = 0.0;
    for (size_t k = 0; k < n; k++) {
        sum += y[k];
    }
    return sum / (double)n;
}

/* Mean over batteries of each one's life: cycles so far and to go. cycles (n) of the rows. */
static double mean_life(const training *r, const double *cycles) {
    double sum = 0.0, life = 0.0, n_rows = 0.0, n_lives = 0.0;
    for (size_t k = 0; k < r->n; k++) {
        if (!isnan(cycles[k])) {
            life += r->y[k] + cycles[k];
            n_rows += 1.0;
        }
        if (n_rows > 0.0 && (k + 1 == r->n || r->battery[k + 1] != r->battery[k])) {
            sum += life / n_rows;
            n_lives += 1.0;
            life = n_rows = 0.0;
        }
    }
    return n_lives > 0.0 ? sum / n_lives : (double)NAN;
}

static void fold_inside(const training *r) {
    size_t n_groups = 0;
    for (size_t k = 0; k < r->n; k++) {
        n_groups += k == 0 || r->battery[k] != r->battery[k - 1];
    }
    for (size_t k = 0, group = 0; k < r->n; k++) {
        group += k == 0 || r->battery[k] != r->battery[k - 1];
        r->fold[k] = evtwin__inner_fold(n_groups, group, k, r->n);
    }
}

static evtwin_status fit_single(const evtwin__pieces *p, const evtwin__pieces_choice *choice,
                                const training *r, baselines *b) {
    double least = INFINITY;
    fold_inside(r);
    for (size_t i = 0; i < p->cols; i++) {
        evtwin__bins bins;
        EVTWIN_TRY(evtwin__pieces_gather(p, choice, i, r->v, NULL));
        const double square_error = evtwin__bins_fit(r->v, r->y, r->fold, r->n, r->scratch, &bins);
        if (i == 0 || square_error < least) {
            least = square_error;
            b->feature = i;
            b->single = bins;
        }
    }
    return EVTWIN_OK;
}

static evtwin_status fit_baselines(const evtwin__pieces *p, size_t t, baselines *b) {
    const evtwin__pieces_choice choice = {(int)t, EVTWIN__IN_TRAINING, EVTWIN__ANY_FOLD, 0};
    training r;
    evtwin_status st = training_open(p, &choice, &r);
    if (st >= 0) {
        b->mean = mean_of(r.y, r.n);
        b->mean_life = NAN;
        if (p->has_cycles && strcmp(p->trainer->target[t].unit, "cycles") == 0 &&
            (st = evtwin__pieces_gather(p, &choice, evtwin__pieces_cycles_col(p), r.v, NULL)) >=
                0) {
            b->mean_life = mean_life(&r, r.v);
        }
        st = st < 0 ? st : fit_single(p, &choice, &r, b);
    }
    training_clear(&r);
    return st;
}

/* ---- the held-out rows ---- */

typedef struct held {
    evtwin_table *table;
    const evtwin_model *forest;
    const baselines *b;
    double *column[EVTWIN__N_SCORED];
    float *x, *said; /* a batch */
    double *predicted;
    size_t n;
    int32_t battery, code; /* the last one's name in the table */
} held;

static evtwin_status fill_row(held *h, const evtwin__pieces_reader *r, size_t k) {
    const evtwin__pieces *p = r->p;
    const size_t row = h->n++;
    if (r->battery[k] != h->battery) {
        h->battery = r->battery[k];
        EVTWIN_TRY(
            evtwin_table_intern(h->table, EVTWIN__HELD_GROUP, p->names.text[h->battery], &h->code));
    }
    const double in_csv = evtwin__pieces_reader_value(r, k, evtwin__pieces_row_col(p));
    const double cycles = evtwin__pieces_reader_value(r, k, evtwin__pieces_cycles_col(p));
    EVTWIN_TRY(evtwin_table_set_i64(h->table, EVTWIN__HELD_ROW, row, (int64_t)in_csv));
    EVTWIN_TRY(evtwin_table_set_code(h->table, EVTWIN__HELD_GROUP, row, h->code));
    EVTWIN_TRY(evtwin_table_set_i64(h->table, EVTWIN__HELD_FOLD, row, 0));
    EVTWIN_TRY(evtwin_table_set_f64(h->table, EVTWIN__HELD_TRUTH, row, r->y[k]));
    h->column[EVTWIN_SCORED_MODEL][row] = h->predicted[k];
    h->column[EVTWIN_SCORED_MEAN][row] = h->b->mean;
    h->column[EVTWIN_SCORED_MEAN_LIFE][row] = h->b->mean_life - cycles;
    h->column[EVTWIN_SCORED_SINGLE][row] =
        evtwin__bins_at(&h->b->single, r->x[k * p->cols + h->b->feature]);
    return EVTWIN_OK;
}

static evtwin_status fill_rows(held *h, evtwin__pieces_reader *r, size_t n_all) {
    evtwin_status st;
    while ((st = evtwin__pieces_reader_next(r)) == EVTWIN_OK) {
        EVTWIN_TRY(evtwin__trainer_report(r->p->trainer, "scoring", (double)h->n / (double)n_all));
        EVTWIN_TRY(evtwin__pieces_predict(r, h->forest, h->x, h->said, h->predicted));
        for (size_t k = 0; k < r->n; k++) {
            EVTWIN_TRY(fill_row(h, r, k));
        }
    }
    return st < 0 ? st : EVTWIN_OK;
}

static evtwin_status predict(const evtwin__pieces *p, size_t t, const evtwin_model *forest,
                             const baselines *b, evtwin_table *table) {
    const evtwin__pieces_choice choice = {(int)t, EVTWIN__IN_TEST, EVTWIN__ANY_FOLD, 0};
    held h = {.table = table, .forest = forest, .b = b, .battery = -1};
    evtwin__pieces_reader r;
    EVTWIN_TRY(evtwin__pieces_reader_open(p, &choice, &r));
    for (size_t s = 0; s < EVTWIN__N_SCORED; s++) {
        h.column[s] = evtwin_table_f64_edit(table, EVTWIN__HELD_SCORED + s);
    }
    h.x = evtwin__calloc(p->most_rows, p->cols * sizeof *h.x);
    h.said = evtwin__calloc(p->most_rows, sizeof *h.said);
    h.predicted = evtwin__calloc(p->most_rows, sizeof *h.predicted);
    const evtwin_status st =
        h.x == NULL || h.said == NULL || h.predicted == NULL
            ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory for a batch of %zu rows", p->most_rows)
            : fill_rows(&h, &r, evtwin_table_rows(table));
    evtwin__free(h.x);
    evtwin__free(h.said);
    evtwin__free(h.predicted);
    evtwin__pieces_reader_close(&r);
    return st;
}

evtwin_status evtwin__pieces_hold_out(evtwin__pieces *p, size_t t) {
    const evtwin__pieces_choice choice = {(int)t, EVTWIN__IN_TEST, EVTWIN__ANY_FOLD, 0};
    const evtwin__bundle_model *m = &p->trainer->bundle.model[t];
    evtwin__result *result = &p->trainer->result[t];
    baselines b = {0};
    evtwin_model *forest = NULL;
    result->single_feature = evtwin__calloc(1, sizeof *result->single_feature);
    EVTWIN_FAIL_IF(result->single_feature == NULL, EVTWIN_E_NOMEM, "out of memory for a baseline");
    EVTWIN_TRY(fit_baselines(p, t, &b));
    result->single_feature[0] = b.feature;
    EVTWIN_TRY(evtwin__make_held_table(p->whole.label[t].unit, evtwin__pieces_count(p, &choice),
                                       &result->held_out));
    EVTWIN_TRY(evtwin_model_load_buffer("the trained model", m->json, m->json_size, &forest));
    const evtwin_status st = predict(p, t, forest, &b, result->held_out);
    evtwin_model_free(forest);
    return st;
}

evtwin_status evtwin__pieces_held_times(const evtwin__pieces *p, size_t t, int64_t **out) {
    const evtwin__pieces_choice choice = {(int)t, EVTWIN__IN_TEST, EVTWIN__ANY_FOLD, 0};
    size_t n_held = 0;
    for (size_t b = 0; b < p->names.n; b++) {
        n_held += evtwin__pieces_has(&choice, &p->battery[b]) &&
                  evtwin__pieces_rows_of(&choice, &p->battery[b]) > 0;
    }
    *out = NULL;
    if (!p->has_time || n_held >= EVTWIN__MIN_GROUPS) {
        return EVTWIN_OK;
    }
    const size_t n = evtwin__pieces_count(p, &choice);
    double *v = evtwin__calloc(n, sizeof *v);
    int64_t *time_us = evtwin__calloc(n, sizeof *time_us);
    evtwin_status st = v == NULL || time_us == NULL
                           ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory for %zu times", n)
                           : evtwin__pieces_gather(p, &choice, evtwin__pieces_time_col(p), v, NULL);
    for (size_t k = 0; k < n && st >= 0; k++) {
        time_us[k] = (int64_t)v[k];
    }
    evtwin__free(v);
    if (st < 0) {
        evtwin__free(time_us);
        return st;
    }
    *out = time_us;
    return EVTWIN_OK;
}
