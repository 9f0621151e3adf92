/* SPDX-License-Identifier: MIT */
/* learn/forest.h: a forest of decision trees laid out flat for evaluation, and what a loader fills.
 */
#ifndef EVTWIN_LEARN_FOREST_H
#define EVTWIN_LEARN_FOREST_H

#include "evtwin/model.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* A node is 8 bytes, and a step down is one comparison of integers without a branch:
 *
 *     node += distance(node) + (keys[slot(node)] >= node->key)
 *
 * keys holds two int32 for each feature of the row, ordered as its float values are (forest_key);
 * they differ for a missing value only, which is smallest in slot 2f and largest in slot 2f + 1: a
 * node picks the slot that sends a missing value its default way. The children of a node stand side
 * by side, left first, distance nodes after it. A leaf has distance 0, slot 0 and a key above all
 * keys: a step from it stays, so that trees and rows of unequal depth can be walked in lockstep.
 * Integers are exact where floats are not: a flush-to-zero mode set by the program does not touch
 * them. */
typedef struct evtwin__node {
    int32_t key;
    uint32_t link; /* slot << EVTWIN__DISTANCE_BITS | distance */
} evtwin__node;

enum {
    EVTWIN__DISTANCE_BITS = 20,
    EVTWIN__MAX_DISTANCE = (1 << EVTWIN__DISTANCE_BITS) - 1,
    EVTWIN__MAX_WIDTH = 1 << (32 - EVTWIN__DISTANCE_BITS - 1), /* features: 2 slots each */
    EVTWIN__MAX_TREES = 1 << 20,
    EVTWIN__MODEL_MAX_BYTES = 1 << 30,
    EVTWIN__FOREST_LANES = 8 /* trees or rows walked at once */
};

#define EVTWIN__LEAF_KEY INT32_MAX

struct evtwin_model {
    size_t width; /* features */
    size_t n_trees;
    size_t n_nodes; /* of all trees, and one more leaf of value -0.0, which the padding points to */

    evtwin__node *nodes;   /* (n_nodes) each tree in breadth-first order */
    float *leaf;           /* (n_nodes) value of a leaf, 0 elsewhere */
    float *share;          /* (n_nodes) of its parent's training weight; NULL: not in the file */
    uint32_t *root;        /* (n_trees rounded up to lanes) */
    uint32_t *depth;       /* (as root) steps from the root to the deepest leaf */
    uint32_t *group_depth; /* (rounded up / lanes) the largest of each group of lanes trees */
    float base_margin;     /* what the sum starts from */
    double mean_margin;    /* of the training data, by the shares; NaN without them */
    evtwin_objective objective;

    int xgboost_version[3];
    char **feature_name; /* (width) or NULL */

    /* of a model that was fitted here, else NULL */
    char *json; /* what it was loaded from, NUL-terminated beyond json_size */
    size_t json_size;
    double *importance; /* (width) */
};

/* An integer that is ordered as the floats are: -0.0 equals 0.0, infinities are the ends. Not for
 * NaN. */
static inline int32_t evtwin__forest_key(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (bits == 0x80000000u) {
        return 0;
    }
    return (int32_t)(bits ^ ((uint32_t) - (bits >> 31) & 0x7fffffffu));
}

/* Two keys for each of a row's width features, as above. */
static inline void evtwin__forest_keys(const float *x, size_t width, int32_t *keys) {
    for (size_t f = 0; f < width; f++) {
        const int missing = isnan(x[f]);
        const int32_t key = evtwin__forest_key(x[f]);
        keys[2 * f] = missing ? INT32_MIN : key;
        keys[2 * f + 1] = missing ? INT32_MAX : key;
    }
}

static inline int evtwin__is_leaf(const evtwin__node *node) {
    return (node->link & EVTWIN__MAX_DISTANCE) == 0;
}

#endif
