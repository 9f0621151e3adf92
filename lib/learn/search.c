/* SPDX-License-Identifier: MIT */
/* learn/search.c: choose how the models are grown, by cross-validation by battery within the
 * batteries that a model learns from, so that no score has a part in the choice. */

#include "learn/search.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/fit_work.h"
#include "learn/refit.h"
#include "learn/split.h"

/* The model that is saved, and with folds those of each. */
enum { SAVED = -1 };

/* One search: of all targets, for one model of each. */
typedef struct search {
    evtwin_trainer *trainer; /* the caller's */
    evtwin__refit refit;     /* its parts are the folds within */
    size_t n_sets;
    evtwin__errors *curve; /* (targets, n_sets, folds) */
    evtwin__rounds rounds;
} search;

static evtwin__errors *curves_of(const search *s, size_t t, size_t set) {
    return s->curve + (t * s->n_sets + set) * EVTWIN__SEARCH_FOLDS;
}

static evtwin__growth set_of(const search *s, size_t t, size_t i) {
    const evtwin_trainer *trainer = s->trainer;
    return evtwin__search_set(&trainer->growth[t], trainer->options.seed, t, i,
                              evtwin__is_column_sampled(trainer));
}

/* Folds of the batteries that the model of this part learns from; the others are left out. */
static evtwin_status fold_target(const evtwin__dataset *data, size_t t, int32_t part,
                                 evtwin__label *label) {
    const evtwin__label *whole = &data->label[t];
    size_t *row = evtwin__calloc(whole->n, sizeof *row);
    int32_t *fold = evtwin__calloc(whole->n, sizeof *fold);
    size_t n = 0, n_groups = 0;
    evtwin_status st = EVTWIN_OK;
    if (row == NULL || fold == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory to fold %zu rows", whole->n);
        goto done;
    }
    /* with a hold-out the saved model learns from what is never held out; with folds from all */
    const int has_folds = whole->n_parts > 1;
    for (size_t k = 0; k < whole->n; k++) {
        const int is_learned =
            part == SAVED ? has_folds || whole->part[k] < 0 : whole->part[k] != part;
        if (is_learned) {
            row[n++] = whole->row[k];
            n_groups +=
                n == 1 || data->groups.of_row[row[n - 1]] != data->groups.of_row[row[n - 2]];
        }
        label->part[k] = is_learned ? 0 : EVTWIN__LEFT_OUT;
    }
    if (n_groups < EVTWIN__SEARCH_FOLDS) {
        st = evtwin__fail(EVTWIN_E_DATA,
                          "%s: a search needs %d batteries or more to learn from, there are %zu",
                          whole->column, EVTWIN__SEARCH_FOLDS, n_groups);
        goto done;
    }
    label->n_parts = EVTWIN__SEARCH_FOLDS;
    if ((st = evtwin__split_folds(&data->groups, row, n, label->n_parts, NULL, fold)) >= 0) {
        for (size_t k = 0, i = 0; k < whole->n; k++) {
            label->part[k] = label->part[k] == 0 ? fold[i++] : label->part[k];
        }
    }
done:
    evtwin__free(row);
    evtwin__free(fold);
    return st;
}

/* The jobs are those of all targets that are there, by target, set, fold. */
static evtwin_status try_one(void *ctx, size_t item) {
    search *s = ctx;
    const size_t per_target = s->n_sets * EVTWIN__SEARCH_FOLDS;
    size_t t = 0;
    for (size_t nth = item / per_target;; t++) {
        if (s->refit.data.label[t].is_present && nth-- == 0) {
            break;
        }
    }
    const size_t set = item % per_target / EVTWIN__SEARCH_FOLDS, fold = item % EVTWIN__SEARCH_FOLDS;
    const evtwin__growth growth = set_of(s, t, set);
    return evtwin__search_curve(&s->refit.trainer, &s->refit.data, t, (int32_t)fold, &growth,
                                set == 0, &s->rounds, curves_of(s, t, set) + fold);
}

static evtwin_status try_all(search *s, const char *stage) {
    size_t n_targets = 0, n_rounds = 0;
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (!s->refit.data.label[t].is_present) {
            continue;
        }
        n_targets++;
        for (size_t i = 0; i < s->n_sets; i++) {
            n_rounds += EVTWIN__SEARCH_FOLDS * evtwin__count_forests(s->trainer, t) *
                        (size_t)set_of(s, t, i).trees;
        }
    }
    return evtwin__rounds_run(&s->rounds, s->trainer->peers, &s->trainer->options, stage, n_rounds,
                              n_targets * s->n_sets * EVTWIN__SEARCH_FOLDS, try_one, s);
}

/* Of equals the first, so that what is there already stays. */
static evtwin_status choose(const search *s, size_t t, evtwin__searched *found) {
    evtwin__tried *set = evtwin__calloc(s->n_sets, sizeof *set);
    EVTWIN_FAIL_IF(set == NULL, EVTWIN_E_NOMEM, "out of memory for %zu sets", s->n_sets);
    *found = (evtwin__searched){.set = set, .n = s->n_sets, .n_folds = EVTWIN__SEARCH_FOLDS};
    for (size_t i = 0; i < s->n_sets; i++) {
        set[i].growth = set_of(s, t, i);
        evtwin__search_judge(curves_of(s, t, i), EVTWIN__SEARCH_FOLDS, i == 0, &set[i]);
        found->best = set[i].error < set[found->best].error ? i : found->best;
    }
    return EVTWIN_OK;
}

/* For the models of this part; found (targets) is to be cleared by its owner. */
static evtwin_status search_for(evtwin_trainer *trainer, const evtwin__dataset *data, int32_t part,
                                const char *stage, evtwin__searched *found) {
    search s = {.trainer = trainer, .n_sets = (size_t)trainer->options.n_tune};
    const size_t n_curves = EVTWIN__T_COUNT * s.n_sets * EVTWIN__SEARCH_FOLDS;
    evtwin_status st = evtwin__refit_begin(trainer, data, &s.refit);
    s.curve = evtwin__calloc(n_curves, sizeof *s.curve);
    if (st >= 0 && s.curve == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for %zu sets", s.n_sets);
    }
    for (size_t t = 0; t < EVTWIN__T_COUNT && st >= 0; t++) {
        evtwin__label *label = &s.refit.data.label[t];
        st = label->is_present ? fold_target(data, t, part, label) : EVTWIN_OK;
    }
    st = evtwin__peers_agree(trainer->peers, st);
    st = st < 0 ? st : try_all(&s, stage);
    for (size_t t = 0; t < EVTWIN__T_COUNT && st >= 0; t++) {
        st = data->label[t].is_present ? choose(&s, t, &found[t]) : EVTWIN_OK;
    }
    for (size_t i = 0; i < n_curves && s.curve != NULL; i++) {
        evtwin__free(s.curve[i].squares);
    }
    evtwin__free(s.curve);
    evtwin__refit_clear(&s.refit);
    return st;
}

static evtwin_status search_for_saved(evtwin_trainer *trainer, const evtwin__dataset *data,
                                      const char *stage) {
    evtwin__searched found[EVTWIN__T_COUNT] = {0};
    const evtwin_status st = search_for(trainer, data, SAVED, stage, found);
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        trainer->result[t].search = found[t];
    }
    return st;
}

static evtwin_status search_for_fold(evtwin_trainer *trainer, const evtwin__dataset *data,
                                     int32_t part, const char *stage) {
    evtwin__searched found[EVTWIN__T_COUNT] = {0};
    const evtwin_status st = search_for(trainer, data, part, stage, found);
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (st >= 0 && found[t].set != NULL) {
            trainer->result[t].fold_growth[part] = found[t].set[found[t].best].growth;
        }
        evtwin__free(found[t].set);
    }
    return st;
}

static evtwin_status make_fold_growths(evtwin_trainer *trainer, const evtwin__dataset *data) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__result *r = &trainer->result[t];
        if (data->label[t].is_present) {
            r->fold_growth = evtwin__calloc(data->label[t].n_parts, sizeof *r->fold_growth);
            EVTWIN_FAIL_IF(r->fold_growth == NULL, EVTWIN_E_NOMEM, "out of memory for the folds");
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__search(evtwin_trainer *trainer, const evtwin__dataset *data) {
    const int n_folds = trainer->options.cv_folds;
    if (trainer->options.n_tune == 0) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(search_for_saved(trainer, data, "searching"));
    if (n_folds > 0) {
        EVTWIN_TRY(make_fold_growths(trainer, data));
    }
    for (int32_t part = 0; part < n_folds; part++) {
        EVTWIN_TRY(search_for_fold(trainer, data, part, "searching within folds"));
    }
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const evtwin__searched *s = &trainer->result[t].search;
        if (s->n > 0) {
            trainer->growth[t] = s->set[s->best].growth;
        }
    }
    return EVTWIN_OK;
}
