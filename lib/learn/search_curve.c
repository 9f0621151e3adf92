/* SPDX-License-Identifier: MIT */
/* learn/search_curve.c: how one set of parameters does on batteries that it does not learn from,
 * after each tree. */

#include "learn/search.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/fit_work.h"
#include "learn/past.h"

#include <string.h>

/* Forests that grow side by side, and the curve that comes of them. */
typedef struct growing {
    evtwin__work work;
    evtwin__grower *forest[EVTWIN__MAX_FORESTS];
    evtwin__errors curve;
} growing;

static evtwin_status begin_forests(growing *g) {
    evtwin__work *w = &g->work;
    const size_t n_test = w->part.n_test, cols = w->data->model_cols;
    float *test = evtwin__calloc(n_test, cols * sizeof *test);
    EVTWIN_FAIL_IF(test == NULL, EVTWIN_E_NOMEM, "out of memory to search on %zu rows", n_test);
    evtwin__work_take_train(w);
    evtwin__work_take_test(w, test);
    evtwin_status st = EVTWIN_OK;
    for (size_t k = 0; k < w->n_forests && st >= 0; k++) {
        evtwin__booster_params params;
        evtwin__booster_data data;
        evtwin__work_forest(w, k, &params, &data);
        st = evtwin__grower_create(&params, &data, test, n_test, &g->forest[k]);
    }
    evtwin__free(test);
    return st;
}

/* One more tree in each forest; their mean is the prediction. */
static evtwin_status add_round(growing *g) {
    evtwin__work *w = &g->work;
    const size_t n = w->part.n_test;
    memset(w->predicted, 0, n * sizeof *w->predicted);
    for (size_t k = 0; k < w->n_forests; k++) {
        const float *y;
        const double log_offset = w->trainer->recipe->log_offset[k];
        EVTWIN_TRY(evtwin__grower_add_tree(g->forest[k], &y));
        for (size_t i = 0; i < n; i++) {
            w->predicted[i] += evtwin__from_forest((double)y[i], log_offset);
        }
    }
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double error = w->predicted[i] / (double)w->n_forests - w->part.y[w->part.test[i]];
        sum += error * error;
    }
    g->curve.squares[g->curve.n++] = sum;
    return EVTWIN_OK;
}

static evtwin_status grow(growing *g, int is_fixed, evtwin__rounds *rounds) {
    const size_t most = (size_t)g->work.growth.trees, n_forests = g->work.n_forests;
    size_t best = 0;
    while (g->curve.n < most) {
        EVTWIN_TRY(add_round(g));
        const size_t last = g->curve.n - 1;
        best = g->curve.squares[last] < g->curve.squares[best] ? last : best;
        const int is_over = !is_fixed && last - best >= EVTWIN__SEARCH_PATIENCE;
        const size_t n_spared = is_over ? most - g->curve.n : 0;
        EVTWIN_FAIL_IF(evtwin__rounds_add(rounds, n_forests * (1 + n_spared)) != 0,
                       EVTWIN_E_CANCELLED, "the search was stopped after %zu of %zu trees",
                       g->curve.n, most);
        if (is_over) {
            break;
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__search_curve(evtwin_trainer *trainer, const evtwin__dataset *data, size_t t,
                                   int32_t part, const evtwin__growth *growth, int is_fixed,
                                   evtwin__rounds *rounds, evtwin__errors *out) {
    growing g = {0};
    evtwin_status st = evtwin__work_begin(trainer, data, t, part, 0, &g.work);
    g.work.growth = *growth;
    g.curve.n_rows = g.work.part.n_test;
    g.curve.squares = evtwin__calloc((size_t)growth->trees, sizeof *g.curve.squares);
    if (st >= 0 && g.curve.squares == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for %d rounds", growth->trees);
    }
    st = st < 0 ? st : begin_forests(&g);
    st = st < 0 ? st : grow(&g, is_fixed, rounds);
    for (size_t k = 0; k < EVTWIN__MAX_FORESTS; k++) {
        evtwin__grower_free(g.forest[k]);
    }
    evtwin__work_clear(&g.work);
    if (st < 0) {
        evtwin__free(g.curve.squares);
        return st;
    }
    *out = g.curve;
    return EVTWIN_OK;
}
