/* SPDX-License-Identifier: MIT */
/* learn/pieces_fit.c: forests whose rows XGBoost takes batch by batch, one after another, for each
 * needs some 40 bytes a row: those that are saved, and for each fold of the training part one that
 * has not seen it, whose errors there give intervals and calibration. */

#include "learn/pieces.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/end_of_life.h"
#include "learn/fit.h"
#include "learn/recipe.h"

#include <assert.h>
#include <math.h>

/* All forests, for the progress of the whole. */
typedef struct fitting {
    evtwin__pieces *p;
    const char **feature_name; /* (cols) */
    const char *stage;
    size_t n_rounds, n_rounds_in_all;
} fitting;

static int on_round(void *ctx) {
    fitting *f = ctx;
    const double done = (double)f->n_rounds++ / (double)f->n_rounds_in_all;
    return evtwin__trainer_report(f->p->trainer, f->stage, done) < 0;
}

/* ---- rows for XGBoost ---- */

typedef struct feed {
    evtwin__pieces_reader reader;
    const evtwin__scaler *scaler;
    float *x, *y; /* of the batch */
    const fitting *f;
} feed;

static void on_reset(void *ctx) {
    feed *d = ctx;
    evtwin__pieces_reader_reset(&d->reader);
}

static evtwin_status on_next(void *ctx, const float **x_out, const float **y_out,
                             size_t *rows_out) {
    feed *d = ctx;
    evtwin__pieces_reader *r = &d->reader;
    const fitting *f = d->f;
    EVTWIN_TRY(evtwin__trainer_report(f->p->trainer, f->stage,
                                      (double)f->n_rounds / (double)f->n_rounds_in_all));
    const evtwin_status st = evtwin__pieces_reader_next(r);
    if (st != EVTWIN_OK) {
        return st;
    }
    evtwin__scaler_apply(d->scaler, r->x, r->n, d->x);
    for (size_t k = 0; k < r->n; k++) {
        d->y[k] = (float)r->y[k];
    }
    *x_out = d->x;
    *y_out = d->y;
    *rows_out = r->n;
    return EVTWIN_OK;
}

/* ---- a forest ---- */

/* Where it starts: the mean of its training rows, kept off 0 and 1 where it is a probability. */
static evtwin_status find_base_score(const evtwin__pieces *p, const evtwin__pieces_choice *choice,
                                     double *out) {
    const size_t t = (size_t)choice->t, n = evtwin__pieces_count(p, choice);
    double *y = evtwin__calloc(n, sizeof *y);
    EVTWIN_FAIL_IF(y == NULL, EVTWIN_E_NOMEM, "out of memory for %zu labels", n);
    const evtwin_status st =
        evtwin__pieces_gather(p, choice, evtwin__pieces_label_col(p, t), y, NULL);
    double sum = 0.0;
    for (size_t k = 0; k < n; k++) {
        sum += y[k];
    }
    evtwin__free(y);
    const double mean = sum / (double)n;
    *out = p->trainer->target[t].kind == EVTWIN_TARGET_EVENT ? fmin(fmax(mean, 1e-6), 1.0 - 1e-6)
                                                             : mean;
    return st;
}

/* A forest, and what it was asked for. */
typedef struct grown {
    evtwin__booster_params params;
    evtwin__booster_model model;
} grown;

static evtwin_status train(fitting *f, const evtwin__pieces_choice *choice, feed *d,
                           const evtwin__booster_watch *watch, grown *out) {
    const evtwin_trainer *trainer = f->p->trainer;
    const evtwin__part unknown = {0}; /* which matters to recipes with a past only */
    out->params.objective = evtwin__objective_of(trainer->target[choice->t].kind);
    out->params.growth = trainer->growth[choice->t];
    EVTWIN_TRY(evtwin__recipe_restrain(trainer->recipe, &unknown, 0, f->p->cols, &out->params));
    const evtwin__booster_source source = {on_reset, on_next, d};
    const evtwin__booster_data data = {
        .cols = f->p->cols, .feature_names = f->feature_name, .watch = watch, .source = &source};
    return evtwin__booster_train(&out->params, &data, on_round, f, &out->model);
}

/* Trees do not depend on how their columns are scaled: forests of folds share the scaler of the
 * saved model, and learn nothing from it. */
static evtwin_status grow(fitting *f, const evtwin__pieces_choice *choice,
                          const evtwin__booster_watch *watch, grown *out) {
    const evtwin__pieces *p = f->p;
    feed d = {.scaler = &p->trainer->bundle.scaler, .f = f};
    EVTWIN_TRY(find_base_score(p, choice, &out->params.base_score));
    EVTWIN_TRY(evtwin__pieces_reader_open(p, choice, &d.reader));
    d.x = evtwin__calloc(p->most_rows, p->cols * sizeof *d.x);
    d.y = evtwin__calloc(p->most_rows, sizeof *d.y);
    const evtwin_status st =
        d.x == NULL || d.y == NULL
            ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory for a batch of %zu rows", p->most_rows)
            : train(f, choice, &d, watch, out);
    evtwin__free(d.x);
    evtwin__free(d.y);
    evtwin__pieces_reader_close(&d.reader);
    return st;
}

/* ---- what is saved ---- */

static evtwin_status fit_saved(fitting *f, size_t t) {
    const evtwin__pieces_choice choice = {(int)t, EVTWIN__IN_TRAINING, EVTWIN__ANY_FOLD, 0};
    evtwin_trainer *trainer = f->p->trainer;
    evtwin__bundle_model *saved = &trainer->bundle.model[t];
    evtwin__result *result = &trainer->result[t];
    evtwin__watched of = {result, 0};
    /* of the training rows: the held-out ones would have to be in memory too */
    const evtwin__booster_watch watch = {.tell = evtwin__keep_round, .ctx = &of};
    const int is_watched = trainer->options.keep_rounds;
    grown g = {0};
    EVTWIN_TRY(is_watched ? evtwin__rounds_reserve(result, (size_t)trainer->growth[t].trees)
                          : EVTWIN_OK);
    EVTWIN_TRY(grow(f, &choice, is_watched ? &watch : NULL, &g));
    evtwin__describe_growth(&g.params, saved);
    result->params[0] = g.params;
    result->importance = g.model.importance;
    saved->json = g.model.json;
    saved->json_size = g.model.size;
    return EVTWIN_OK;
}

/* ---- errors on batteries that were not seen ---- */

evtwin_status evtwin__pieces_predict(const evtwin__pieces_reader *r, const evtwin_model *forest,
                                     float *room, float *said, double *predicted) {
    const evtwin__bundle *b = &r->p->trainer->bundle;
    const size_t cols = r->p->cols, health = evtwin__end_of_life_column(b);
    evtwin__scaler_apply(&b->scaler, r->x, r->n, room);
    EVTWIN_TRY(evtwin_model_predict(forest, room, r->n, cols, said));
    for (size_t k = 0; k < r->n; k++) {
        const int is_over =
            (size_t)r->choice.t == EVTWIN__T_RUL && evtwin__is_past_end(b, health, r->x + k * cols);
        predicted[k] = is_over ? 0.0 : (double)said[k];
    }
    return EVTWIN_OK;
}

/* Predictions of the folds' batteries, fold by fold, each in its place among all by battery. */
typedef struct errors {
    double *predicted, *truth; /* (n) */
    int32_t *battery;
    size_t n;
    size_t *place;   /* (batteries) of the next row of each */
    float *x, *said; /* a batch */
    double *batch;
} errors;

static void errors_clear(errors *e) {
    evtwin__free(e->predicted);
    evtwin__free(e->truth);
    evtwin__free(e->battery);
    evtwin__free(e->place);
    evtwin__free(e->x);
    evtwin__free(e->said);
    evtwin__free(e->batch);
}

static evtwin_status errors_open(const evtwin__pieces *p, const evtwin__pieces_choice *all,
                                 errors *out) {
    const size_t n = evtwin__pieces_count(p, all);
    *out = (errors){.n = n,
                    .place = evtwin__calloc(p->names.n, sizeof *out->place),
                    .predicted = evtwin__calloc(n, sizeof *out->predicted),
                    .truth = evtwin__calloc(n, sizeof *out->truth),
                    .battery = evtwin__calloc(n, sizeof *out->battery),
                    .x = evtwin__calloc(p->most_rows, p->cols * sizeof *out->x),
                    .said = evtwin__calloc(p->most_rows, sizeof *out->said),
                    .batch = evtwin__calloc(p->most_rows, sizeof *out->batch)};
    EVTWIN_FAIL_IF(out->predicted == NULL || out->truth == NULL || out->battery == NULL ||
                       out->place == NULL || out->x == NULL || out->said == NULL ||
                       out->batch == NULL,
                   EVTWIN_E_NOMEM, "out of memory for the errors on %zu rows", n);
    for (size_t b = 0, place = 0; b < p->names.n; b++) {
        out->place[b] = place;
        place += evtwin__pieces_has(all, &p->battery[b])
                     ? evtwin__pieces_rows_of(all, &p->battery[b])
                     : 0;
    }
    return EVTWIN_OK;
}

static evtwin_status add_errors(const evtwin__pieces_reader *r, const evtwin_model *forest,
                                errors *e) {
    EVTWIN_TRY(evtwin__pieces_predict(r, forest, e->x, e->said, e->batch));
    for (size_t k = 0; k < r->n; k++) {
        const size_t at = e->place[r->battery[k]]++;
        e->predicted[at] = fmax(e->batch[k], 0.0);
        e->truth[at] = r->y[k];
        e->battery[at] = r->battery[k];
    }
    return EVTWIN_OK;
}

static evtwin_status predict_fold(const evtwin__pieces *p, const evtwin__pieces_choice *choice,
                                  const evtwin__booster_model *model, errors *e) {
    evtwin_model *forest = NULL;
    evtwin__pieces_reader r;
    EVTWIN_TRY(evtwin_model_load_buffer("the trained model", model->json, model->size, &forest));
    evtwin_status st = evtwin__pieces_reader_open(p, choice, &r);
    if (st >= 0) {
        while ((st = evtwin__pieces_reader_next(&r)) == EVTWIN_OK) {
            if ((st = add_errors(&r, forest, e)) < 0) {
                break;
            }
        }
        evtwin__pieces_reader_close(&r);
    }
    evtwin_model_free(forest);
    return st < 0 ? st : EVTWIN_OK;
}

static evtwin_status fit_fold(fitting *f, const evtwin__pieces_choice *held, errors *e) {
    const evtwin__pieces_choice learned = {held->t, EVTWIN__IN_TRAINING, held->fold, 0};
    grown g = {0};
    EVTWIN_TRY(grow(f, &learned, NULL, &g));
    const evtwin_status st = predict_fold(f->p, held, &g.model, e);
    evtwin__booster_clear(&g.model);
    return st;
}

static evtwin_status calibrate(fitting *f, size_t t) {
    evtwin__pieces *p = f->p;
    evtwin__pieces_choice held = {(int)t, EVTWIN__IN_TRAINING, EVTWIN__ANY_FOLD, 0};
    held.step = evtwin__pieces_step(p, &held);
    errors e;
    evtwin_status st = errors_open(p, &held, &e);
    held.part = EVTWIN__IN_TEST;
    for (size_t k = 0; k < p->n_folds[t] && st >= 0; k++) {
        held.fold = (int)k;
        st = fit_fold(f, &held, &e);
    }
    if (st >= 0) {
        st = evtwin__calibrate_from(p->trainer->target[t].kind, e.predicted, e.truth, e.battery,
                                    e.n, &p->trainer->bundle.model[t]);
    }
    errors_clear(&e);
    return st;
}

/* ---- all of them ---- */

static evtwin_status fit_all(fitting *f) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        EVTWIN_TRY(f->p->whole.label[t].is_present ? fit_saved(f, t) : EVTWIN_OK);
    }
    f->stage = "calibrating";
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        EVTWIN_TRY(f->p->n_folds[t] > 0 ? calibrate(f, t) : EVTWIN_OK);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__pieces_fit(evtwin__pieces *p) {
    assert(!p->trainer->recipe->has_past);
    fitting f = {.p = p, .stage = "training"};
    f.feature_name = evtwin__calloc(p->cols, sizeof *f.feature_name);
    EVTWIN_FAIL_IF(f.feature_name == NULL, EVTWIN_E_NOMEM, "out of memory for %zu names", p->cols);
    for (size_t i = 0; i < p->cols; i++) {
        f.feature_name[i] = p->trainer->bundle.feature[i].name;
    }
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const size_t n_models = p->whole.label[t].is_present ? 1 + p->n_folds[t] : 0;
        f.n_rounds_in_all += n_models * (size_t)p->trainer->growth[t].trees;
    }
    const evtwin_status st = fit_all(&f);
    evtwin__free(f.feature_name);
    return st;
}
