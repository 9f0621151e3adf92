/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/small_tree.h: a model file as short as one can be. */
#ifndef EVTWIN_TEST_SMALL_TREE_H
#define EVTWIN_TEST_SMALL_TREE_H

#include "models.h"

/* The smallest tree with a split, in the words of XGBoost 2.1. */
static const char small[] =
    "{\"learner\":{\"attributes\":{},\"feature_names\":[\"a\",\"b\"],\"feature_types\":[],"
    "\"gradient_booster\":{\"model\":{\"gbtree_model_param\":{\"num_parallel_tree\":\"1\","
    "\"num_trees\":\"1\"},\"iteration_indptr\":[0,1],\"tree_info\":[0],\"trees\":[{"
    "\"base_weights\":[0E0,1E0,2E0],\"categories\":[],\"categories_nodes\":[],"
    "\"categories_segments\":[],\"categories_sizes\":[],\"default_left\":[1,0,0],\"id\":0,"
    "\"left_children\":[1,-1,-1],\"loss_changes\":[5E0,0E0,0E0],\"parents\":[2147483647,0,0],"
    "\"right_children\":[2,-1,-1],\"split_conditions\":[2.5E0,-1E0,3E0],"
    "\"split_indices\":[1,0,0],\"split_type\":[0,0,0],\"sum_hessian\":[9E0,4E0,5E0],"
    "\"tree_param\":{\"num_deleted\":\"0\",\"num_feature\":\"2\",\"num_nodes\":\"3\","
    "\"size_leaf_vector\":\"1\"}}]},\"name\":\"gbtree\"},\"learner_model_param\":{"
    "\"base_score\":\"5E-1\",\"boost_from_average\":\"1\",\"num_class\":\"0\","
    "\"num_feature\":\"2\",\"num_target\":\"1\"},\"objective\":{\"name\":\"reg:squarederror\"}},"
    "\"version\":[2,1,4]}";

static inline evtwin_status load(const char *text, evtwin_model **out) {
    return evtwin_model_load_buffer("m.json", text, strlen(text), out);
}

static inline float margin_of(const char *text, float a, float b) {
    evtwin_model *m;
    assert_ok(load(text, &m));
    const float x[2] = {a, b};
    float y = NAN;
    assert_ok(evtwin_model_margin(m, x, 1, 2, &y));
    evtwin_model_free(m);
    return y;
}

#endif
