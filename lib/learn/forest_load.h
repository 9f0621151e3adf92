/* SPDX-License-Identifier: MIT */
/* learn/forest_load.h: what the two halves of the model loader share: forest_load.c reads the file,
 * forest_tree.c one tree of it. */
#ifndef EVTWIN_LEARN_FOREST_LOAD_H
#define EVTWIN_LEARN_FOREST_LOAD_H

#include "learn/forest.h"
#include "learn/json_scan.h"

/* Integer arrays of a tree, one number per node; forest_tree.c names them. */
enum { EVTWIN__N_INT_ARRAYS = 6 };

/* What the settings of the file say; -1 = not seen. */
typedef struct evtwin__model_settings {
    int32_t n_features, n_classes, n_targets; /* learner_model_param */
    int32_t n_trees, n_parallel, leaf_size;   /* gbtree_model_param */
    float base_score;
    evtwin__slice objective, booster;
    size_t n_tree_info, n_names;
} evtwin__model_settings;

/* The tree that is being read; its arrays serve one tree after the other. */
typedef struct evtwin__tree_text {
    int32_t *ints[EVTWIN__N_INT_ARRAYS];
    size_t ints_cap[EVTWIN__N_INT_ARRAYS], n_ints[EVTWIN__N_INT_ARRAYS];
    float *condition; /* threshold, or the value of a leaf */
    size_t condition_cap, n_conditions;
    int32_t n_nodes, n_deleted, n_features, leaf_size, id; /* tree_param */
} evtwin__tree_text;

/* All of a loading under way. */
typedef struct evtwin__loader {
    evtwin__json_scan scan;
    evtwin__model_settings set;
    evtwin__tree_text tree;
    int32_t *order; /* node of the file at each place of the layout */
    uint32_t *level;
    size_t order_cap, level_cap;
    evtwin_model *model;
    size_t nodes_cap, leaf_cap, root_cap, depth_cap, names_cap;
} evtwin__loader;

/* A key that is looked for in an object, and who reads its value. */
typedef struct evtwin__member {
    const char *key;
    evtwin_status (*read)(evtwin__loader *l, int arg);
    int arg;
    int required;
} evtwin__member;

/* Read an object: each of its members at most once, the required ones all; unknown keys are passed
 * over. n <= 32. */
evtwin_status evtwin__load_object(evtwin__loader *l, const evtwin__member *members, size_t n);

#define EVTWIN__READ_OBJECT(l, members)                                                            \
    evtwin__load_object((l), (members), sizeof(members) / sizeof(members)[0])

/* A scalar setting, an integer in [min, max]: XGBoost writes them as strings. */
evtwin_status evtwin__load_setting(evtwin__loader *l, int64_t min, int64_t max, int32_t *out);

/* Room for need objects of size bytes; NULL if memory is out (ptr stays valid). */
void *evtwin__load_grow(void *ptr, size_t *cap, size_t need, size_t size);

/* Fails with EVTWIN_E_NOMEM. */
evtwin_status evtwin__load_no_memory(void);

/* The array of trees, each checked and appended to the model. */
evtwin_status evtwin__load_trees(evtwin__loader *l, int arg);

#endif
