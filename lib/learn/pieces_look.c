/* SPDX-License-Identifier: MIT */
/* learn/pieces_look.c: what a trainer knows of its data before it fits: features by a sample of
 * whole batteries, scaler, ranges and references by all training rows, column by column. */

#include "learn/pieces.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/clean.h"
#include "learn/end_of_life.h"
#include "learn/finding.h"

#include <math.h>
#include <string.h>

static const evtwin__pieces_choice training_rows = {EVTWIN__ANY_TARGET, EVTWIN__IN_TRAINING,
                                                    EVTWIN__ANY_FOLD, 0};

/* ---- the training rows ---- */

/* Columns of the training rows: v and whose they are, month and place in the life of each. */
typedef struct training {
    size_t n;
    double *v;
    int32_t *battery;
    uint8_t *month, *life; /* month is NULL without times */
} training;

static void training_clear(training *r) {
    evtwin__free(r->v);
    evtwin__free(r->battery);
    evtwin__free(r->month);
    evtwin__free(r->life);
}

static void list_lives(const training *r) {
    for (size_t first = 0, end; first < r->n; first = end) {
        end = first + 1;
        while (end < r->n && r->battery[end] == r->battery[first]) {
            end++;
        }
        for (size_t k = first; k < end; k++) {
            r->life[k] = (uint8_t)(12 * (k - first) / (end - first));
        }
    }
}

static evtwin_status training_open(const evtwin__pieces *p, training *out) {
    training r = {.n = evtwin__pieces_count(p, &training_rows)};
    r.v = evtwin__calloc(r.n, sizeof *r.v);
    r.battery = evtwin__calloc(r.n, sizeof *r.battery);
    r.life = evtwin__calloc(r.n, sizeof *r.life);
    r.month = p->has_time ? evtwin__calloc(r.n, sizeof *r.month) : NULL;
    *out = r;
    EVTWIN_FAIL_IF(r.v == NULL || r.battery == NULL || r.life == NULL ||
                       (p->has_time && r.month == NULL),
                   EVTWIN_E_NOMEM, "out of memory for a column of %zu rows", r.n);
    EVTWIN_TRY(
        evtwin__pieces_gather(p, &training_rows, evtwin__pieces_time_col(p), r.v, r.battery));
    for (size_t k = 0; k < r.n && r.month != NULL; k++) {
        r.month[k] = evtwin__month_of((int64_t)r.v[k]);
    }
    list_lives(&r);
    evtwin__free(out->battery); /* they have served */
    out->battery = NULL;
    return EVTWIN_OK;
}

/* Scaler, range and histogram of feature i. */
static evtwin_status look_at_feature(evtwin__pieces *p, const training *r, size_t i) {
    evtwin__bundle *b = &p->trainer->bundle;
    evtwin__bundle_feature *f = &b->feature[i];
    EVTWIN_TRY(evtwin__pieces_gather(p, &training_rows, i, r->v, NULL));
    f->min = f->max = r->v[0];
    for (size_t k = 1; k < r->n; k++) {
        f->min = r->v[k] < f->min ? r->v[k] : f->min;
        f->max = r->v[k] > f->max ? r->v[k] : f->max;
    }
    evtwin__scaler_fit_column(r->v, r->n, &b->scaler.mean[i], &b->scaler.scale[i]);
    EVTWIN_FAIL_IF(!isfinite(b->scaler.mean[i]) || !isfinite(b->scaler.scale[i]), EVTWIN_E_RANGE,
                   "the deviation of feature %zu overflows a double", i + 1);
    return evtwin__histogram_fit(r->v, r->month, r->life, r->n, &f->histogram);
}

static evtwin_status look_at_features(evtwin__pieces *p) {
    training r;
    EVTWIN_TRY(evtwin__scaler_alloc(p->cols, &p->trainer->bundle.scaler));
    evtwin_status st = training_open(p, &r);
    for (size_t i = 0; i < p->cols && st >= 0; i++) {
        st = evtwin__trainer_report(p->trainer, "looking", (double)i / (double)(2 * p->cols));
        st = st < 0 ? st : look_at_feature(p, &r, i);
    }
    training_clear(&r);
    return st;
}

/* All rows of batteries, whether a target can use them or not. */
static evtwin_status count_outliers(evtwin__pieces *p) {
    const evtwin__pieces_choice all = {EVTWIN__EVERY_ROW, EVTWIN__IN_ALL, EVTWIN__ANY_FOLD, 0};
    double *v = evtwin__calloc(p->n_ordered, sizeof *v);
    evtwin_status st = EVTWIN_OK;
    if (v == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for a column of %zu rows", p->n_ordered);
    }
    for (size_t i = 0; i < p->cols && st >= 0; i++) {
        const double done = (double)(p->cols + i) / (double)(2 * p->cols);
        size_t n = 0;
        st = evtwin__trainer_report(p->trainer, "looking", done);
        st = st < 0 ? st : evtwin__pieces_gather(p, &all, i, v, NULL);
        for (size_t k = 0; k < p->n_ordered && st >= 0; k++) {
            v[n] = v[k];
            n += !isnan(v[k]);
        }
        p->trainer->clean[i] = p->clean[i];
        p->trainer->clean[i].n_outliers = st >= 0 ? evtwin__count_outliers_in(v, n) : 0;
    }
    evtwin__free(v);
    return st;
}

/* ---- what belongs together in a row ---- */

/* The sample as a table of rows for evtwin__curve_fit. */
static evtwin_status fit_curve_to(const evtwin__pieces *p, const evtwin__pieces_choice *choice,
                                  double *x, size_t *row, evtwin__curve *out) {
    evtwin__pieces_reader r;
    EVTWIN_TRY(evtwin__pieces_reader_open(p, choice, &r));
    size_t n = 0;
    evtwin_status st;
    while ((st = evtwin__pieces_reader_next(&r)) == EVTWIN_OK) {
        memcpy(x + n * p->cols, r.x, r.n * p->cols * sizeof *x);
        for (size_t k = 0; k < r.n; k++, n++) {
            row[n] = n;
        }
    }
    evtwin__pieces_reader_close(&r);
    EVTWIN_TRY(st);
    const evtwin__places at = evtwin__bundle_places(&p->trainer->bundle);
    return evtwin__curve_fit(x, p->cols, row, n, &at, out);
}

/* How far a row lies from the curve at most is said by all of them. */
static evtwin_status widen_curve(const evtwin__pieces *p, evtwin__curve *c) {
    const evtwin__places at = evtwin__bundle_places(&p->trainer->bundle);
    evtwin__pieces_reader r;
    EVTWIN_TRY(evtwin__pieces_reader_open(p, &training_rows, &r));
    evtwin_status st;
    while ((st = evtwin__pieces_reader_next(&r)) == EVTWIN_OK) {
        for (size_t k = 0; k < r.n; k++) {
            const double rest = evtwin__curve_rest(c, &at, r.x + k * p->cols);
            c->min_V = rest < c->min_V ? rest : c->min_V;
            c->max_V = rest > c->max_V ? rest : c->max_V;
        }
    }
    evtwin__pieces_reader_close(&r);
    return st < 0 ? st : EVTWIN_OK;
}

static evtwin_status fit_curve(evtwin__pieces *p) {
    evtwin__pieces_choice choice = training_rows;
    choice.step = evtwin__pieces_step(p, &choice);
    const size_t n = evtwin__pieces_count(p, &choice);
    double *x = evtwin__calloc(n, p->cols * sizeof *x);
    size_t *row = evtwin__calloc(n, sizeof *row);
    evtwin__curve *curve = &p->trainer->bundle.curve;
    evtwin_status st = EVTWIN_OK;
    if (x == NULL || row == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for a reference of %zu rows", n);
    } else {
        st = fit_curve_to(p, &choice, x, row, curve);
    }
    evtwin__free(x);
    evtwin__free(row);
    return st >= 0 && choice.step > 1 && curve->is_known ? widen_curve(p, curve) : st;
}

static evtwin_status list_batteries(evtwin__pieces *p) {
    uint8_t *is_training = evtwin__calloc(p->names.n, sizeof *is_training);
    EVTWIN_FAIL_IF(is_training == NULL, EVTWIN_E_NOMEM, "out of memory for %zu batteries",
                   p->names.n);
    for (size_t b = 0; b < p->names.n; b++) {
        is_training[b] = !p->battery[b].is_test && p->battery[b].n_used > 0;
    }
    const evtwin_status st = evtwin__list_batteries(&p->trainer->bundle, &p->names, is_training);
    evtwin__free(is_training);
    return st;
}

/* ---- findings ---- */

/* Rows of the sample are held out where their battery is. */
static void split_sample(const evtwin__pieces *p, evtwin__dataset *sample) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__label *label = &sample->label[t];
        for (size_t k = 0; k < label->n; k++) {
            const char *name = sample->groups.names.text[sample->groups.of_row[label->row[k]]];
            const int32_t b = evtwin__dict_find(&p->names, name, strlen(name));
            label->part[k] = b >= 0 && p->battery[b].is_test ? 0 : -1;
        }
        label->n_parts = label->is_present ? 1 : 0;
    }
}

static evtwin_status find_all(evtwin__pieces *p, evtwin__dataset *sample) {
    evtwin_trainer *trainer = p->trainer;
    EVTWIN_TRY(evtwin__find_in_counts(trainer, &p->whole));
    EVTWIN_TRY(p->n_single > 0 ? evtwin__find_one_row_groups(trainer, p->n_single, p->names.n,
                                                             p->names.text[p->first_single])
                               : EVTWIN_OK);
    EVTWIN_TRY(evtwin__find_cleaned(trainer, p->cols));
    if (p->audit_step > 1) {
        EVTWIN_TRY(FIND(trainer, AUDIT_SAMPLED, NULL, COUNT(p->n_audited), COUNT(p->names.n),
                        COUNT(sample->rows), COUNT(p->whole.rows)));
    }
    EVTWIN_TRY(evtwin__trainer_report(trainer, "auditing", -1.0));
    split_sample(p, sample);
    return evtwin__audit_data(trainer, sample);
}

static evtwin_status look(evtwin__pieces *p, const evtwin_train_options *options,
                          evtwin__dataset *sample) {
    evtwin_trainer *trainer = p->trainer;
    EVTWIN_TRY(evtwin__dataset_load(options, p->column, trainer, sample));
    EVTWIN_TRY(evtwin__describe_source(&trainer->bundle, p->whole.rows, p->names.n, p->first_us,
                                       p->last_us));
    EVTWIN_TRY(evtwin__end_of_life_set(trainer, p->whole.label[EVTWIN__T_RUL].is_present,
                                       options->eol_soh_percent, p->lowest_alive));
    EVTWIN_TRY(look_at_features(p));
    EVTWIN_TRY(count_outliers(p));
    EVTWIN_TRY(fit_curve(p));
    EVTWIN_TRY(list_batteries(p));
    return find_all(p, sample);
}

evtwin_status evtwin__pieces_look(evtwin__pieces *p, const evtwin_train_options *options) {
    evtwin__dataset sample = {.table = p->sample, .is_piece = 1};
    const evtwin_status st = look(p, options, &sample);
    evtwin__dataset_clear(&sample);
    evtwin_table_free(p->sample);
    p->sample = NULL;
    return st;
}
