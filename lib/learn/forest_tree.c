/* SPDX-License-Identifier: MIT */
/* learn/forest_tree.c: check each node of a tree and lay it out flat. */

#include "learn/forest_tree.h"

#include "core/mem.h"
#include "core/status.h"

#include <assert.h>
#include <float.h>
#include <math.h>

evtwin_status evtwin__model_grow(void *array, size_t *cap, size_t n, size_t size) {
    void **objects = array;
    if (n <= *cap && *objects != NULL) {
        return EVTWIN_OK;
    }
    const size_t larger = n > 2 * *cap ? n : 2 * *cap;
    void *grown = evtwin__realloc(*objects, larger, size);
    EVTWIN_FAIL_IF(grown == NULL, EVTWIN_E_NOMEM, "out of memory for the model");
    *objects = grown;
    *cap = larger;
    return EVTWIN_OK;
}

static evtwin_status reserve(evtwin__forest_builder *b, size_t n_nodes, size_t n_trees) {
    evtwin_model *m = b->model;
    EVTWIN_TRY(evtwin__model_grow(&m->nodes, &b->nodes_cap, n_nodes, sizeof *m->nodes));
    EVTWIN_TRY(evtwin__model_grow(&m->leaf, &b->leaf_cap, n_nodes, sizeof *m->leaf));
    EVTWIN_TRY(evtwin__model_grow(&m->share, &b->share_cap, n_nodes, sizeof *m->share));
    EVTWIN_TRY(evtwin__model_grow(&m->root, &b->root_cap, n_trees, sizeof *m->root));
    return evtwin__model_grow(&m->depth, &b->depth_cap, n_trees, sizeof *m->depth);
}

/* A child names its parent, which therefore is its only one: nodes reached from the root that way
 * are reached once, so there is neither a cycle nor a shared branch. */
static evtwin_status check_child(const evtwin__file_tree *t, int32_t node, int32_t child,
                                 const char *side) {
    EVTWIN_FAIL_IF(child < 1 || child >= t->n_nodes, EVTWIN_E_CORRUPT,
                   "node %d: %s child %d is not in 1 to %d", node, side, child, t->n_nodes - 1);
    EVTWIN_FAIL_IF(t->parent.i32[child] != node, EVTWIN_E_CORRUPT,
                   "node %d: %s child %d has the parent %d", node, side, child,
                   t->parent.i32[child]);
    return EVTWIN_OK;
}

static evtwin_status check_node(const evtwin__file_tree *t, int32_t node) {
    const int32_t left = t->left.i32[node], right = t->right.i32[node];
    const int32_t feature = t->split.i32[node];
    EVTWIN_FAIL_IF(feature == EVTWIN__DELETED, EVTWIN_E_CORRUPT,
                   "node %d: marked as deleted, but the child of a node", node);
    EVTWIN_FAIL_IF(feature >= t->n_features, EVTWIN_E_CORRUPT,
                   "node %d: splits on feature %d of %d", node, feature, t->n_features);
    if (left == EVTWIN__NO_CHILD && right == EVTWIN__NO_CHILD) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(check_child(t, node, left, "left"));
    EVTWIN_FAIL_IF(left == right, EVTWIN_E_CORRUPT, "node %d: both children are node %d", node,
                   left);
    return check_child(t, node, right, "right");
}

/* Every node is reached from the root or marked as deleted. */
static evtwin_status check_count(const evtwin__file_tree *t, size_t n_reached) {
    size_t n_marked = 0;
    for (int32_t i = 0; i < t->n_nodes; i++) {
        n_marked += t->split.i32[i] == EVTWIN__DELETED;
    }
    EVTWIN_FAIL_IF(n_marked != (size_t)t->n_deleted || n_reached + n_marked != (size_t)t->n_nodes,
                   EVTWIN_E_CORRUPT,
                   "%d nodes, %zu of them reached from the root and %zu marked as deleted "
                   "(num_deleted is %d)",
                   t->n_nodes, n_reached, n_marked, t->n_deleted);
    return EVTWIN_OK;
}

/* What part of a node's training weight went to its child: no prediction depends on it, so that
 * what cannot be is brought to what can. Where nothing went, both ways count alike. */
static float share_of(const evtwin__file_tree *t, int32_t node, int32_t child) {
    if (t->weight.n == 0) {
        return 0.0f;
    }
    const float whole = t->weight.f32[node], part = t->weight.f32[child];
    return whole > 0.0f ? fminf(fmaxf(part / whole, 0.0f), 1.0f) : 0.5f;
}

/* Breadth-first: the children of a node come to the end of the queue. */
static evtwin_status lay_out(evtwin__forest_builder *b, const evtwin__file_tree *t) {
    evtwin_model *m = b->model;
    evtwin__node *nodes = m->nodes + m->n_nodes;
    float *leaf = m->leaf + m->n_nodes, *share = m->share + m->n_nodes;
    size_t n_queued = 1;
    uint32_t depth = 0;
    b->queue[0] = (evtwin__placed_node){0, 0};
    share[0] = 1.0f;
    for (size_t i = 0; i < n_queued; i++) {
        const int32_t node = b->queue[i].node;
        EVTWIN_TRY(check_node(t, node));
        depth = b->queue[i].depth;
        if (t->left.i32[node] == EVTWIN__NO_CHILD) {
            nodes[i] = (evtwin__node){EVTWIN__LEAF_KEY, 0};
            leaf[i] = t->condition.f32[node];
            continue;
        }
        const size_t distance = n_queued - i;
        EVTWIN_FAIL_IF(distance > EVTWIN__MAX_DISTANCE, EVTWIN_E_UNSUPPORTED,
                       "node %d: in a level of more than %d nodes", node, EVTWIN__MAX_DISTANCE);
        const uint32_t slot = 2 * (uint32_t)t->split.i32[node] + !t->default_left.i32[node];
        nodes[i] = (evtwin__node){evtwin__forest_key(t->condition.f32[node]),
                                  slot << EVTWIN__DISTANCE_BITS | (uint32_t)distance};
        leaf[i] = 0.0f;
        assert(n_queued + 2 <= (size_t)t->n_nodes);
        share[n_queued] = share_of(t, node, t->left.i32[node]);
        share[n_queued + 1] = share_of(t, node, t->right.i32[node]);
        b->queue[n_queued++] = (evtwin__placed_node){t->left.i32[node], depth + 1};
        b->queue[n_queued++] = (evtwin__placed_node){t->right.i32[node], depth + 1};
    }
    m->root[m->n_trees] = (uint32_t)m->n_nodes;
    m->depth[m->n_trees] = depth;
    return check_count(t, n_queued);
}

evtwin_status evtwin__forest_add_tree(evtwin__forest_builder *b, const evtwin__file_tree *t) {
    evtwin_model *m = b->model;
    const size_t n = (size_t)t->n_nodes;
    EVTWIN_FAIL_IF(m->n_trees == EVTWIN__MAX_TREES, EVTWIN_E_UNSUPPORTED, "more than %d trees",
                   EVTWIN__MAX_TREES);
    EVTWIN_FAIL_IF(t->parent.i32[0] != EVTWIN__NO_PARENT, EVTWIN_E_CORRUPT,
                   "node 0, the root, has the parent %d", t->parent.i32[0]);
    EVTWIN_FAIL_IF(m->n_trees > 0 && (size_t)t->n_features != m->width, EVTWIN_E_CORRUPT,
                   "%d features, the tree before has %zu", t->n_features, m->width);
    EVTWIN_TRY(evtwin__model_grow(&b->queue, &b->queue_cap, n, sizeof *b->queue));
    EVTWIN_TRY(reserve(b, m->n_nodes + n, m->n_trees + 1));
    EVTWIN_TRY(lay_out(b, t));
    b->lacks_weights |= t->weight.n == 0;
    m->width = (size_t)t->n_features;
    m->n_trees++;
    m->n_nodes += n - (size_t)t->n_deleted;
    EVTWIN_FAIL_IF(m->n_nodes > UINT32_MAX / 2, EVTWIN_E_UNSUPPORTED, "more than %u nodes",
                   UINT32_MAX / 2);
    return EVTWIN_OK;
}

/* No row's sum may leave the range of a float: one damaged leaf of 1e38 would. */
static evtwin_status check_sum(const evtwin_model *m) {
    double largest = fabs((double)m->base_margin);
    for (size_t t = 0; t < m->n_trees; t++) {
        const size_t end = t + 1 < m->n_trees ? m->root[t + 1] : m->n_nodes;
        double in_tree = 0.0;
        for (size_t i = m->root[t]; i < end; i++) {
            in_tree = fmax(in_tree, fabs((double)m->leaf[i]));
        }
        largest += in_tree;
    }
    EVTWIN_FAIL_IF(largest > (double)FLT_MAX / 2, EVTWIN_E_CORRUPT,
                   "a sum of leaves may reach %g, more than half of a float32", largest);
    return EVTWIN_OK;
}

/* The mean of the training data, as the shares have it: the sum of all leaves, each by the product
 * of the shares on its path. Children stand behind their parent, so one pass from the end makes it;
 * value is room for the largest tree. */
static double mean_of_tree(const evtwin_model *m, size_t root, size_t end, double *value) {
    for (size_t i = end; i-- > root;) {
        const size_t left = i + (m->nodes[i].link & EVTWIN__MAX_DISTANCE);
        value[i - root] = left == i ? (double)m->leaf[i]
                                    : (double)m->share[left] * value[left - root] +
                                          (double)m->share[left + 1] * value[left + 1 - root];
    }
    return value[0];
}

static evtwin_status set_mean_margin(evtwin__forest_builder *b) {
    evtwin_model *m = b->model;
    m->mean_margin = NAN;
    if (b->lacks_weights) {
        evtwin__free(m->share);
        m->share = NULL;
        return EVTWIN_OK;
    }
    size_t most = 1;
    for (size_t t = 0; t < m->n_trees; t++) {
        const size_t n = (t + 1 < m->n_trees ? m->root[t + 1] : m->n_nodes) - m->root[t];
        most = n > most ? n : most;
    }
    double *value = evtwin__calloc(most, sizeof *value);
    EVTWIN_FAIL_IF(value == NULL, EVTWIN_E_NOMEM, "out of memory for the model");
    m->mean_margin = (double)m->base_margin;
    for (size_t t = 0; t < m->n_trees; t++) {
        const size_t end = t + 1 < m->n_trees ? m->root[t + 1] : m->n_nodes;
        m->mean_margin += mean_of_tree(m, m->root[t], end, value);
    }
    evtwin__free(value);
    return EVTWIN_OK;
}

/* Round the trees up to whole groups by a leaf of value -0.0, which changes no sum, and know how
 * deep each group is. */
evtwin_status evtwin__forest_finish(evtwin__forest_builder *b) {
    evtwin_model *m = b->model;
    const size_t n_groups = (m->n_trees + EVTWIN__FOREST_LANES - 1) / EVTWIN__FOREST_LANES;
    const size_t n_padded = n_groups * EVTWIN__FOREST_LANES;
    EVTWIN_TRY(check_sum(m));

    /* to size: the arrays at least doubled while they grew */
    b->nodes_cap = b->leaf_cap = b->share_cap = b->root_cap = b->depth_cap = 0;
    size_t cap = 0;
    EVTWIN_TRY(reserve(b, m->n_nodes + 1, n_padded));
    EVTWIN_TRY(evtwin__model_grow(&m->group_depth, &cap, n_groups, sizeof *m->group_depth));
    m->nodes[m->n_nodes] = (evtwin__node){EVTWIN__LEAF_KEY, 0};
    m->leaf[m->n_nodes] = -0.0f;
    m->share[m->n_nodes] = 1.0f;
    for (size_t t = 0; t < n_padded; t++) {
        uint32_t *deepest = &m->group_depth[t / EVTWIN__FOREST_LANES];
        if (t >= m->n_trees) {
            m->root[t] = (uint32_t)m->n_nodes;
            m->depth[t] = 0;
        }
        *deepest = t % EVTWIN__FOREST_LANES == 0 || *deepest < m->depth[t] ? m->depth[t] : *deepest;
    }
    EVTWIN_TRY(set_mean_margin(b));
    m->n_nodes++;
    return EVTWIN_OK;
}
