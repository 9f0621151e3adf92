/* SPDX-License-Identifier: MIT */
/* learn/forest.c: evaluate a forest: exact to XGBoost, re-entrant, without allocation. */

#include "evtwin/model.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/vmath.h"
#include "learn/forest.h"

#include <assert.h>
#include <float.h>

enum {
    LANES = EVTWIN__FOREST_LANES,
    BLOCK_ROWS = 64,               /* rows that pass through one tree while it is in the L1 cache */
    N_KEYS = 2 * EVTWIN__MAX_WIDTH /* keys of a block: 16 KiB on the stack, at least one row */
};

/* The comparison is added, not asked: a ?: here becomes a branch that is wrong half the time, which
 * was measured three times slower. */
static inline const evtwin__node *step(const evtwin__node *node, const int32_t *keys) {
    const uint32_t distance = node->link & EVTWIN__MAX_DISTANCE;
    const uint32_t slot = node->link >> EVTWIN__DISTANCE_BITS;
    return node + distance + (keys[slot] >= node->key);
}

/* Eight nodes walked down together, so that their loads overlap: the walk of one is a chain in
 * which each load waits for the one before. Deep trees are mostly shallow: look now and then
 * whether all walks have ended. Names instead of an array keep the nodes in registers. */
typedef struct walk {
    const evtwin__node *a, *b, *c, *d, *e, *f, *g, *h;
} walk;

enum { STEPS_BETWEEN_LOOKS = 10 };

static inline int all_ended(const walk *w) {
    return evtwin__is_leaf(w->a) & evtwin__is_leaf(w->b) & evtwin__is_leaf(w->c) &
           evtwin__is_leaf(w->d) & evtwin__is_leaf(w->e) & evtwin__is_leaf(w->f) &
           evtwin__is_leaf(w->g) & evtwin__is_leaf(w->h);
}

/* Eight rows, stride keys apart, through one tree, or (stride 0, of which the compiler makes code
 * of its own) one row through eight. */
__attribute__((always_inline)) static inline void walk_down(walk *at, const int32_t *keys,
                                                            size_t stride, uint32_t depth) {
    walk w = *at;
    while (depth > 0) {
        const uint32_t steps = depth < STEPS_BETWEEN_LOOKS ? depth : STEPS_BETWEEN_LOOKS;
        for (uint32_t i = 0; i < steps; i++) {
            w.a = step(w.a, keys);
            w.b = step(w.b, keys + stride);
            w.c = step(w.c, keys + 2 * stride);
            w.d = step(w.d, keys + 3 * stride);
            w.e = step(w.e, keys + 4 * stride);
            w.f = step(w.f, keys + 5 * stride);
            w.g = step(w.g, keys + 6 * stride);
            w.h = step(w.h, keys + 7 * stride);
        }
        depth = all_ended(&w) ? 0 : depth - steps;
    }
    *at = w;
}

/* The sum of XGBoost: in float, from the base, one leaf after the other in the order of the trees.
 */
static float margin_of_row(const evtwin_model *m, const int32_t *keys) {
    const evtwin__node *nodes = m->nodes;
    const float *leaf = m->leaf;
    float sum = m->base_margin;
    for (size_t t = 0; t < m->n_trees; t += LANES) {
        const uint32_t *root = m->root + t;
        walk w = {nodes + root[0], nodes + root[1], nodes + root[2], nodes + root[3],
                  nodes + root[4], nodes + root[5], nodes + root[6], nodes + root[7]};
        walk_down(&w, keys, 0, m->group_depth[t / LANES]);
        sum += leaf[w.a - nodes];
        sum += leaf[w.b - nodes];
        sum += leaf[w.c - nodes];
        sum += leaf[w.d - nodes];
        sum += leaf[w.e - nodes];
        sum += leaf[w.f - nodes];
        sum += leaf[w.g - nodes];
        sum += leaf[w.h - nodes];
    }
    return sum;
}

/* Eight rows through one tree; it stays in the cache while the other rows of the block pass. */
static void add_leaves(const evtwin_model *m, size_t tree, const int32_t *keys, size_t stride,
                       float *sum) {
    const evtwin__node *nodes = m->nodes;
    const evtwin__node *root = nodes + m->root[tree];
    walk w = {root, root, root, root, root, root, root, root};
    walk_down(&w, keys, stride, m->depth[tree]);
    sum[0] += m->leaf[w.a - nodes];
    sum[1] += m->leaf[w.b - nodes];
    sum[2] += m->leaf[w.c - nodes];
    sum[3] += m->leaf[w.d - nodes];
    sum[4] += m->leaf[w.e - nodes];
    sum[5] += m->leaf[w.f - nodes];
    sum[6] += m->leaf[w.g - nodes];
    sum[7] += m->leaf[w.h - nodes];
}

/* Rows of one block: whole lanes go tree by tree, the rest row by row. */
static void margins_of_block(const evtwin_model *m, const float *x, size_t rows, float *y) {
    int32_t keys[N_KEYS];
    const size_t stride = 2 * m->width;
    assert(rows * stride <= N_KEYS);
    for (size_t r = 0; r < rows; r++) {
        evtwin__forest_keys(x + r * m->width, m->width, keys + r * stride);
    }

    const size_t in_lanes = rows / LANES * LANES;
    for (size_t r = 0; r < in_lanes; r++) {
        y[r] = m->base_margin;
    }
    for (size_t t = 0; in_lanes > 0 && t < m->n_trees; t++) {
        for (size_t r = 0; r < in_lanes; r += LANES) {
            add_leaves(m, t, keys + r * stride, stride, y + r);
        }
    }
    for (size_t r = in_lanes; r < rows; r++) {
        y[r] = margin_of_row(m, keys + r * stride);
    }
}

evtwin_status evtwin_model_margin(const evtwin_model *model, const float *x, size_t rows,
                                  size_t cols, float *y) {
    EVTWIN_FAIL_IF(model == NULL || ((x == NULL || y == NULL) && rows > 0), EVTWIN_E_ARG,
                   "model, x or y is NULL");
    EVTWIN_FAIL_IF(cols != model->width, EVTWIN_E_SCHEMA, "%zu columns, the model has %zu features",
                   cols, model->width);
    const size_t fit = N_KEYS / (2 * model->width);
    const size_t block = fit < BLOCK_ROWS ? fit : BLOCK_ROWS;
    for (size_t first = 0; first < rows; first += block) {
        const size_t n = rows - first < block ? rows - first : block;
        margins_of_block(model, x + first * cols, n, y + first);
    }
    return EVTWIN_OK;
}

/* Our exp, in double: the same bits on every machine, within 3 ulp of XGBoost's expf. */
evtwin_status evtwin_model_predict(const evtwin_model *model, const float *x, size_t rows,
                                   size_t cols, float *y) {
    EVTWIN_TRY(evtwin_model_margin(model, x, rows, cols, y));
    if (model->objective == EVTWIN_OBJECTIVE_LOGISTIC) {
        for (size_t r = 0; r < rows; r++) {
            y[r] = (float)(1.0 / (1.0 + evtwin__exp(-(double)y[r])));
        }
    }
    return EVTWIN_OK;
}

void evtwin_model_free(evtwin_model *model) {
    if (model == NULL) {
        return;
    }
    for (size_t i = 0; model->feature_name != NULL && i < model->width; i++) {
        evtwin__free(model->feature_name[i]);
    }
    evtwin__free(model->feature_name);
    evtwin__free(model->nodes);
    evtwin__free(model->leaf);
    evtwin__free(model->share);
    evtwin__free(model->root);
    evtwin__free(model->depth);
    evtwin__free(model->group_depth);
    evtwin__free(model->json);
    evtwin__free(model->importance);
    evtwin__free(model);
}

size_t evtwin_model_width(const evtwin_model *model) {
    return model != NULL ? model->width : 0;
}

size_t evtwin_model_trees(const evtwin_model *model) {
    return model != NULL ? model->n_trees : 0;
}

evtwin_objective evtwin_model_objective(const evtwin_model *model) {
    return model != NULL ? model->objective : EVTWIN_OBJECTIVE_REGRESSION;
}

const char *evtwin_model_feature_name(const evtwin_model *model, size_t i) {
    if (model == NULL || i >= model->width) {
        return NULL;
    }
    return model->feature_name != NULL ? model->feature_name[i] : "";
}
