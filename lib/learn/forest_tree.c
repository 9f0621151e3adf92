/* SPDX-License-Identifier: MIT */
/* learn/forest_tree.c: read the trees of an XGBoost JSON model: arrays, checks of every node,
 * layout. */

#include "learn/forest_load.h"

#include "core/status.h"

#include <assert.h>

/* The integer arrays of a tree. */
enum { LEFT, RIGHT, PARENT, SPLIT, DEFAULT_LEFT, SPLIT_TYPE };
_Static_assert(SPLIT_TYPE + 1 == EVTWIN__N_INT_ARRAYS, "every array has its place");

enum {
    NO_CHILD = -1,
    NO_PARENT = INT32_MAX, /* parent of the root */
    DELETED = INT32_MAX,   /* split index of a node that pruning cut off: it stays in the arrays */
    LAST_NODE = INT32_MAX - 1
};

static evtwin_status read_ints(evtwin__loader *l, int arg) {
    static const int64_t range[EVTWIN__N_INT_ARRAYS][2] = {
        [LEFT] = {NO_CHILD, LAST_NODE}, [RIGHT] = {NO_CHILD, LAST_NODE}, [PARENT] = {0, NO_PARENT},
        [SPLIT] = {0, DELETED},         [DEFAULT_LEFT] = {0, 1},         [SPLIT_TYPE] = {0, 1}};
    evtwin__tree_text *t = &l->tree;
    evtwin_status st = evtwin__json_scan_enter(&l->scan, '[');
    size_t n = 0;
    for (int more = 0; st >= 0; n++) {
        if ((st = evtwin__json_scan_item(&l->scan, &more)) < 0 || !more) {
            break;
        }
        int32_t *ints = evtwin__load_grow(t->ints[arg], &t->ints_cap[arg], n + 1, sizeof *ints);
        if (ints == NULL) {
            return evtwin__load_no_memory();
        }
        t->ints[arg] = ints;
        st = evtwin__json_scan_int(&l->scan, range[arg][0], range[arg][1], &ints[n]);
    }
    if (st < 0) {
        return evtwin__fail_in(st, "node %zu", n > 0 ? n - 1 : 0);
    }
    t->n_ints[arg] = n;
    return EVTWIN_OK;
}

static evtwin_status read_conditions(evtwin__loader *l, int arg) {
    (void)arg;
    evtwin__tree_text *t = &l->tree;
    evtwin_status st = evtwin__json_scan_enter(&l->scan, '[');
    size_t n = 0;
    for (int more = 0; st >= 0; n++) {
        if ((st = evtwin__json_scan_item(&l->scan, &more)) < 0 || !more) {
            break;
        }
        float *condition =
            evtwin__load_grow(t->condition, &t->condition_cap, n + 1, sizeof *condition);
        if (condition == NULL) {
            return evtwin__load_no_memory();
        }
        t->condition = condition;
        st = evtwin__json_scan_f32(&l->scan, &condition[n]);
    }
    if (st < 0) {
        return evtwin__fail_in(st, "node %zu", n > 0 ? n - 1 : 0);
    }
    t->n_conditions = n;
    return EVTWIN_OK;
}

/* An array that a model without categories leaves empty. */
static evtwin_status read_no_categories(evtwin__loader *l, int arg) {
    (void)arg;
    int more = 0;
    evtwin_status st = evtwin__json_scan_enter(&l->scan, '[');
    if (st < 0 || (st = evtwin__json_scan_item(&l->scan, &more)) < 0) {
        return st;
    }
    if (more) {
        EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "categorical splits");
    }
    return EVTWIN_OK;
}

static evtwin_status read_id(evtwin__loader *l, int arg) {
    (void)arg;
    return evtwin__json_scan_int(&l->scan, 0, EVTWIN__MAX_TREES, &l->tree.id);
}

typedef enum tree_setting { NODES, NODES_DELETED, FEATURES, LEAF_SIZE } tree_setting;

static evtwin_status read_tree_setting(evtwin__loader *l, int arg) {
    evtwin__tree_text *t = &l->tree;
    switch ((tree_setting)arg) {
    case NODES:
        return evtwin__load_setting(l, 1, LAST_NODE, &t->n_nodes);
    case NODES_DELETED:
        return evtwin__load_setting(l, 0, LAST_NODE, &t->n_deleted);
    case FEATURES:
        return evtwin__load_setting(l, 1, INT32_MAX, &t->n_features);
    case LEAF_SIZE:
        return evtwin__load_setting(l, 0, INT32_MAX, &t->leaf_size);
    }
    return EVTWIN_OK;
}

static evtwin_status read_tree_param(evtwin__loader *l, int arg) {
    (void)arg;
    static const evtwin__member members[] = {{"num_nodes", read_tree_setting, NODES, 1},
                                             {"num_deleted", read_tree_setting, NODES_DELETED, 1},
                                             {"num_feature", read_tree_setting, FEATURES, 1},
                                             {"size_leaf_vector", read_tree_setting, LEAF_SIZE, 0}};
    return EVTWIN__READ_OBJECT(l, members);
}

/* The parts of a tree fit together, before any node is looked at. */
static evtwin_status check_tree_shape(const evtwin__loader *l) {
    const evtwin__tree_text *t = &l->tree;
    static const char *const names[EVTWIN__N_INT_ARRAYS] = {"left_children", "right_children",
                                                            "parents",       "split_indices",
                                                            "default_left",  "split_type"};
    if (t->leaf_size > 1) {
        EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "leaves of %d values (several outputs)", t->leaf_size);
    }
    const size_t n = (size_t)t->n_nodes;
    for (int a = 0; a < EVTWIN__N_INT_ARRAYS; a++) {
        if (t->n_ints[a] != n) {
            EVTWIN_FAIL(EVTWIN_E_CORRUPT, "%s has %zu numbers for %zu nodes", names[a],
                        t->n_ints[a], n);
        }
    }
    if (t->n_conditions != n) {
        EVTWIN_FAIL(EVTWIN_E_CORRUPT, "split_conditions has %zu numbers for %zu nodes",
                    t->n_conditions, n);
    }
    if (t->id >= 0 && (size_t)t->id != l->model->n_trees) {
        EVTWIN_FAIL(EVTWIN_E_CORRUPT, "its id is %d", t->id);
    }
    if (t->n_features > EVTWIN__MAX_WIDTH) {
        EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "%d features, this version takes %d", t->n_features,
                    EVTWIN__MAX_WIDTH);
    }
    return EVTWIN_OK;
}

/* A child names its parent, which therefore is its only one: nodes reached from the root that way
 * are reached once, so there is neither a cycle nor a shared branch. */
static evtwin_status check_child(const evtwin__tree_text *t, int32_t node, int32_t child,
                                 const char *side) {
    if (child < 1 || child >= t->n_nodes) {
        EVTWIN_FAIL(EVTWIN_E_CORRUPT, "node %d: %s child %d of %d nodes", node, side, child,
                    t->n_nodes);
    }
    if (t->ints[PARENT][child] != node) {
        EVTWIN_FAIL(EVTWIN_E_CORRUPT, "node %d: %s child %d has the parent %d", node, side, child,
                    t->ints[PARENT][child]);
    }
    return EVTWIN_OK;
}

static evtwin_status check_node(const evtwin__tree_text *t, int32_t node) {
    const int32_t left = t->ints[LEFT][node];
    const int32_t right = t->ints[RIGHT][node];
    if (t->ints[SPLIT][node] == DELETED) {
        EVTWIN_FAIL(EVTWIN_E_CORRUPT, "node %d: reached, though deleted", node);
    }
    if (t->ints[SPLIT][node] >= t->n_features) {
        EVTWIN_FAIL(EVTWIN_E_CORRUPT, "node %d: splits on feature %d of %d", node,
                    t->ints[SPLIT][node], t->n_features);
    }
    if (t->ints[SPLIT_TYPE][node] != 0) {
        EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "node %d: a categorical split", node);
    }
    if (left == NO_CHILD && right == NO_CHILD) {
        return EVTWIN_OK;
    }
    const evtwin_status st = check_child(t, node, left, "left");
    if (st < 0) {
        return st;
    }
    if (left == right) {
        EVTWIN_FAIL(EVTWIN_E_CORRUPT, "node %d: both children are node %d", node, left);
    }
    return check_child(t, node, right, "right");
}

/* Every node is reached from the root or marked as deleted. */
static evtwin_status check_count(const evtwin__tree_text *t, size_t n_reached) {
    size_t n_deleted = 0;
    for (int32_t i = 0; i < t->n_nodes; i++) {
        n_deleted += t->ints[SPLIT][i] == DELETED;
    }
    if (n_deleted != (size_t)t->n_deleted || n_reached + n_deleted != (size_t)t->n_nodes) {
        EVTWIN_FAIL(
            EVTWIN_E_CORRUPT,
            "%d nodes, of which %zu are reached, %zu are marked as deleted and %d should be",
            t->n_nodes, n_reached, n_deleted, t->n_deleted);
    }
    return EVTWIN_OK;
}

static evtwin_status reserve_tree(evtwin__loader *l) {
    evtwin_model *m = l->model;
    const size_t n = (size_t)l->tree.n_nodes;
    void *p;
    if ((p = evtwin__load_grow(l->order, &l->order_cap, n, sizeof *l->order)) == NULL) {
        return evtwin__load_no_memory();
    }
    l->order = p;
    if ((p = evtwin__load_grow(l->level, &l->level_cap, n, sizeof *l->level)) == NULL) {
        return evtwin__load_no_memory();
    }
    l->level = p;
    if ((p = evtwin__load_grow(m->nodes, &l->nodes_cap, m->n_nodes + n, sizeof *m->nodes)) ==
        NULL) {
        return evtwin__load_no_memory();
    }
    m->nodes = p;
    if ((p = evtwin__load_grow(m->leaf, &l->leaf_cap, m->n_nodes + n, sizeof *m->leaf)) == NULL) {
        return evtwin__load_no_memory();
    }
    m->leaf = p;
    if ((p = evtwin__load_grow(m->root, &l->root_cap, m->n_trees + 1, sizeof *m->root)) == NULL) {
        return evtwin__load_no_memory();
    }
    m->root = p;
    if ((p = evtwin__load_grow(m->depth, &l->depth_cap, m->n_trees + 1, sizeof *m->depth)) ==
        NULL) {
        return evtwin__load_no_memory();
    }
    m->depth = p;
    return EVTWIN_OK;
}

/* Append the tree in breadth-first order: the children of a node come to the end of the queue. */
static evtwin_status lay_out_tree(evtwin__loader *l) {
    const evtwin__tree_text *t = &l->tree;
    evtwin_model *m = l->model;
    evtwin__node *nodes = m->nodes + m->n_nodes;
    float *leaf = m->leaf + m->n_nodes;
    size_t n_queued = 1;
    uint32_t depth = 0;
    l->order[0] = 0;
    l->level[0] = 0;
    for (size_t i = 0; i < n_queued; i++) {
        const int32_t node = l->order[i];
        const evtwin_status st = check_node(t, node);
        if (st < 0) {
            return st;
        }
        depth = l->level[i];
        if (t->ints[LEFT][node] == NO_CHILD) {
            nodes[i] = (evtwin__node){EVTWIN__LEAF_KEY, 0};
            leaf[i] = t->condition[node];
            continue;
        }
        const size_t distance = n_queued - i;
        if (distance > EVTWIN__MAX_DISTANCE) {
            EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "a level of more than %d nodes",
                        EVTWIN__MAX_DISTANCE);
        }
        const uint32_t slot =
            2 * (uint32_t)t->ints[SPLIT][node] + (t->ints[DEFAULT_LEFT][node] == 0);
        nodes[i] = (evtwin__node){evtwin__forest_key(t->condition[node]),
                                  slot << EVTWIN__DISTANCE_BITS | (uint32_t)distance};
        leaf[i] = 0.0f;
        for (int side = LEFT; side <= RIGHT; side++) {
            assert(n_queued < (size_t)t->n_nodes);
            l->order[n_queued] = t->ints[side][node];
            l->level[n_queued++] = depth + 1;
        }
    }
    const evtwin_status st = check_count(t, n_queued);
    if (st < 0) {
        return st;
    }
    m->root[m->n_trees] = (uint32_t)m->n_nodes;
    m->depth[m->n_trees++] = depth;
    m->n_nodes += n_queued;
    return EVTWIN_OK;
}

static evtwin_status read_tree(evtwin__loader *l) {
    static const evtwin__member members[] = {
        {"left_children", read_ints, LEFT, 1},
        {"right_children", read_ints, RIGHT, 1},
        {"parents", read_ints, PARENT, 1},
        {"split_indices", read_ints, SPLIT, 1},
        {"default_left", read_ints, DEFAULT_LEFT, 1},
        {"split_type", read_ints, SPLIT_TYPE, 1},
        {"split_conditions", read_conditions, 0, 1},
        {"categories", read_no_categories, 0, 0},
        {"categories_nodes", read_no_categories, 0, 0},
        {"categories_segments", read_no_categories, 0, 0},
        {"categories_sizes", read_no_categories, 0, 0},
        {"id", read_id, 0, 0},
        {"tree_param", read_tree_param, 0, 1},
    };
    evtwin__tree_text *t = &l->tree;
    t->n_features = t->leaf_size = t->id = -1;
    evtwin_status st;
    if ((st = EVTWIN__READ_OBJECT(l, members)) < 0 || (st = check_tree_shape(l)) < 0 ||
        (st = reserve_tree(l)) < 0) {
        return st;
    }
    if (t->ints[PARENT][0] != NO_PARENT) {
        EVTWIN_FAIL(EVTWIN_E_CORRUPT, "node 0, the root, has the parent %d", t->ints[PARENT][0]);
    }
    if (l->model->width == 0) {
        l->model->width = (size_t)t->n_features;
    }
    if ((size_t)t->n_features != l->model->width) {
        EVTWIN_FAIL(EVTWIN_E_CORRUPT, "%d features, the tree before has %zu", t->n_features,
                    l->model->width);
    }
    return lay_out_tree(l);
}

evtwin_status evtwin__load_trees(evtwin__loader *l, int arg) {
    (void)arg;
    evtwin_status st = evtwin__json_scan_enter(&l->scan, '[');
    if (st < 0) {
        return st;
    }
    for (;;) {
        const size_t i = l->model->n_trees;
        int more = 0;
        if ((st = evtwin__json_scan_item(&l->scan, &more)) < 0 || !more) {
            return st;
        }
        if (i == EVTWIN__MAX_TREES) {
            EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "more than %d trees", EVTWIN__MAX_TREES);
        }
        if ((st = read_tree(l)) < 0) {
            return evtwin__fail_in(st, "tree %zu", i);
        }
        if (l->model->n_nodes > UINT32_MAX / 2) {
            EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "more than %u nodes", UINT32_MAX / 2);
        }
    }
}
