/* SPDX-License-Identifier: MIT */
/* learn/forest_tree.h: a model under construction: each tree as its file has it is checked, node by
 * node, and appended to the flat layout of forest.h. */
#ifndef EVTWIN_LEARN_FOREST_TREE_H
#define EVTWIN_LEARN_FOREST_TREE_H

#include "learn/forest.h"

/* An array of a model file, of integers or of float32. */
typedef struct evtwin__numbers {
    union {
        int32_t *i32;
        float *f32;
    };
    size_t n, cap;
} evtwin__numbers;

/* A tree as its file has it: each array holds n_nodes numbers. */
typedef struct evtwin__file_tree {
    evtwin__numbers left, right, parent; /* node */
    evtwin__numbers split;               /* feature */
    evtwin__numbers condition;           /* threshold, or the value of a leaf */
    evtwin__numbers default_left, split_type;
    evtwin__numbers weight; /* sum of second gradients in training; n 0: not given */
    int32_t n_nodes, n_deleted, n_features, id; /* id -1: not given */
} evtwin__file_tree;

enum {
    EVTWIN__NO_CHILD = -1,
    EVTWIN__NO_PARENT = INT32_MAX, /* parent of the root */
    EVTWIN__DELETED = INT32_MAX, /* split of a node that pruning cut off: it stays in the arrays */
    EVTWIN__LAST_NODE = INT32_MAX - 1
};

/* Node of the file at a place of the layout, and its distance from the root. */
typedef struct evtwin__placed_node {
    int32_t node;
    uint32_t depth;
} evtwin__placed_node;

typedef struct evtwin__forest_builder {
    evtwin_model *model;
    size_t nodes_cap, leaf_cap, share_cap, root_cap, depth_cap;
    int lacks_weights; /* of a tree: the model cannot be explained */
    evtwin__placed_node *queue;
    size_t queue_cap;
} evtwin__forest_builder;

/* Room for n objects of size bytes in *array, a pointer to them; at least doubles what it grows. */
evtwin_status evtwin__model_grow(void *array, size_t *cap, size_t n, size_t size);

/* EVTWIN_E_UNSUPPORTED naming what it is if data is another kind of file, or other text, than a
 * JSON or UBJSON model; name begins the text. */
evtwin_status evtwin__forest_check_kind(const char *name, const char *data, size_t size);

/* Append a tree. EVTWIN_E_CORRUPT names the node that does not fit. */
evtwin_status evtwin__forest_add_tree(evtwin__forest_builder *b, const evtwin__file_tree *t);

/* After the last tree, with base_margin set: check the range of sums, pad for evaluation. */
evtwin_status evtwin__forest_finish(evtwin__forest_builder *b);

#endif
